"""The public page, the two pages the law asks for, and the health checks."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from models import closing, databases, retention
from models.email_link import Purpose
from models.limits import Limit
from models.recovery_code import RecoveryCode
from models.waiting import ANSWER_WITHIN
from web import pwa
from web.bankid import certificate
from web.pages import Page
from web.rendering import render


class Public(Page):
    async def get(self, request: Request) -> Response:
        return render(request, "home/public.html", {"phone": pwa.phone(request)})


class Accessibility(Page):
    async def get(self, request: Request) -> Response:
        return render(request, "home/accessibility.html")


class Privacy(Page):
    async def get(self, request: Request) -> Response:
        context = {
            "kept": {period.name: span(period.keep) for period in retention.PERIODS},
            "shown_codes": span(RecoveryCode.SHOWN_FOR),
            "confirm_link": span(Purpose.CONFIRM_EMAIL.lifetime),
            "password_link": span(Purpose.RESET_PASSWORD.lifetime),
            "invitation": span(Purpose.INVITATION.lifetime),
            "answer_within": span(ANSWER_WITHIN),
            "undo": span(closing.UNDO_FOR),
            "longest_limit": span(max(limit.per for limit in Limit.all.values())),
        }
        return render(request, "home/privacy.html", context)


def span(length: timedelta) -> str:
    """'60 minuter', '24 timmar', '14 dagar', '2 år': as one says it."""
    days, minutes = length.days, int(length.total_seconds()) // 60
    if days >= 730:
        return f"{days // 365} år"
    if days > 1:
        return f"{days} dagar"
    return f"{minutes // 60} timmar" if minutes > 60 else f"{minutes} minuter"


async def alive(request: Request) -> Response:
    """/healthz: the process answers."""
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """/readyz: the database answers, its schema is this version's, and the mail worker runs.

    A certificate that runs out is no reason to send nobody here: e-mail logs in without it.
    """
    try:
        await databases.fetch("SELECT 1 AS one")
        current = not await databases.pending()
    except Exception:
        return PlainTextResponse("the database does not answer\n", 503)
    if not current:
        return PlainTextResponse("the database wants 'minasidor migrate'\n", 503)
    if not request.app.state.mail_worker.is_running:
        return PlainTextResponse("the mail worker has stopped\n", 503)
    warning = certificate.warning(request.app.state.bankid_until)
    return PlainTextResponse(f"ready, but {warning}\n" if warning else "ready\n")
