"""/_dev/mejl: the mails of a development portal, to be read and clicked."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models import OutgoingMail
from web.mail import Composer
from web.pages import Page
from web.rendering import render

_MOST = 100


class Mailbox(Page):
    async def get(self, request: Request) -> Response:
        mails = (
            await OutgoingMail.filter(data_encrypted__not_isnull=True).order_by("-id").limit(_MOST)
        )
        return render(
            request,
            "development/mailbox.html",
            {"mails": [_listed(request, mail) for mail in mails]},
        )


class Mail(Page):
    async def get(self, request: Request) -> Response:
        mail = await OutgoingMail.get_or_none(id=request.path_params["id"])
        if mail is None or mail.data_encrypted is None:
            raise HTTPException(404)
        message = _composed(request, mail)
        context = {
            "mail": _listed(request, mail),
            "text": _part(message, "plain"),
            "html": _part(message, "html"),
        }
        return render(request, "development/mail.html", context)


def _listed(request: Request, mail: OutgoingMail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "to": mail.to,
        "subject": str(_composed(request, mail)["Subject"]),
        "created_at": mail.created_at,
        "sent_at": mail.sent_at,
    }


def _composed(request: Request, mail: OutgoingMail) -> EmailMessage:
    composer: Composer = request.app.state.composer
    return composer.compose(mail)


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None  # noqa: S101 - compose() makes both
    return str(part.get_content())
