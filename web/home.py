"""The public page, the two pages the law asks for, and the health checks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from models import databases
from models.email_link import Purpose
from models.recovery_code import RecoveryCode
from models.registration import Registration
from models.session import Session
from web.pages import Page
from web.rendering import render


class Public(Page):
    async def get(self, request: Request) -> Response:
        return render(request, "home/public.html")


class Accessibility(Page):
    async def get(self, request: Request) -> Response:
        return render(request, "home/accessibility.html")


class Privacy(Page):
    async def get(self, request: Request) -> Response:
        lifetimes = {
            "registration_hours": int(Registration.LIFETIME.total_seconds() // 3600),
            "session_hours": int(Session.IDLE.total_seconds() // 3600),
            "remembered_days": Session.IDLE_REMEMBERED.days,
            "link_days": Purpose.CONFIRM_EMAIL.lifetime.days,
            "password_link_minutes": Purpose.RESET_PASSWORD.lifetime.seconds // 60,
            "recovery_codes_minutes": int(RecoveryCode.SHOWN_FOR.total_seconds() // 60),
        }
        return render(request, "home/privacy.html", {"lifetimes": lifetimes})


async def alive(request: Request) -> Response:
    """/healthz: the process answers."""
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """/readyz: the database answers, its schema is this version's, and the mail worker runs."""
    try:
        await databases.fetch("SELECT 1 AS one")
        current = not await databases.pending()
    except Exception:
        return PlainTextResponse("the database does not answer\n", 503)
    if not current:
        return PlainTextResponse("the database wants 'minasidor migrate'\n", 503)
    if not request.app.state.mail_worker.is_running:
        return PlainTextResponse("the mail worker has stopped\n", 503)
    return PlainTextResponse("ready\n")
