"""/_dev/mejl: the mails of a development portal, to be looked at, read and clicked."""

from __future__ import annotations

import re
from email.message import EmailMessage

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models import OutgoingMail, clock
from web.development.tools import show
from web.mail import Composer
from web.middleware.headers import CONTENT_SECURITY_POLICY
from web.pages import Page

_MOST = 100
_VIEWS = ("utseende", "text", "kalla")
# A mail has a style of its own, and no more rights than a mail program gives it.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)


class Mailbox(Page):
    async def get(self, request: Request) -> Response:
        # Not what is sent later, nor what is about to be dropped.
        due = OutgoingMail.filter(created_at__lte=clock.now()).exclude(to="")
        kept = due.filter(data_encrypted__not_isnull=True)
        if not request.app.state.settings.alarm_email:
            kept = kept.exclude(to=OutgoingMail.OPERATOR)
        mails = await kept.order_by("-id").limit(_MOST)
        listed = [(mail, str(_composed(request, mail)["Subject"])) for mail in mails]
        return show(request, "development/mailbox.html", {"mails": listed})


class Mail(Page):
    async def get(self, request: Request) -> Response:
        mail = await _found(request)
        message = _composed(request, mail)
        text = _part(message, "plain")
        view = request.query_params.get("flik", "")
        context = {
            "mail": mail,
            "message": message,
            "view": view if view in _VIEWS else _VIEWS[0],
            "text": text,
            "html": _part(message, "html"),
            "links": re.findall(r"https?://\S+", text),
        }
        response = show(request, "development/mail.html", context)
        response.headers["Content-Security-Policy"] = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
        return response


class MailBody(Page):
    """The mail's HTML alone, for the frame that shows it."""

    async def get(self, request: Request) -> Response:
        html = _part(_composed(request, await _found(request)), "html")
        # A click leaves the frame: no page of the portal lets itself be framed.
        html = html.replace("<head>", '<head><base target="_top">', 1)
        headers = {"Content-Security-Policy": _MAIL_POLICY, "Cache-Control": "no-store"}
        return Response(html, headers=headers, media_type="text/html")


async def _found(request: Request) -> OutgoingMail:
    mail = await OutgoingMail.get_or_none(id=request.path_params["id"])
    if mail is None or mail.data_encrypted is None:
        raise HTTPException(404)
    return mail


def _composed(request: Request, mail: OutgoingMail) -> EmailMessage:
    composer: Composer = request.app.state.composer
    return composer.compose(mail)


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None  # noqa: S101 - compose() makes both
    return str(part.get_content())
