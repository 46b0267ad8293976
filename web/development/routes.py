"""The tools of those who build the portal. None of these exists in production."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from web.development import mailbox

routes: list[BaseRoute] = [
    Route("/_dev/mejl", mailbox.Mailbox, name="development:mailbox"),
    Route("/_dev/mejl/{id:int}", mailbox.Mail, name="development:mail"),
]
