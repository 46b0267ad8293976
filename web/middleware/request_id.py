"""A name for each request, on its log lines, its answer and its error page."""

from __future__ import annotations

import logging
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.app_device import AppPrincipal
from models.session import Identity
from web.log import request_id

_log = logging.getLogger("minasidor.request")


class RequestId:
    """Outermost. Logs each request by its page's name, not its path: that may hold a token."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id.set(secrets.token_hex(8))
        started, status = time.perf_counter(), 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.get().encode()),
                ]
            await send(message)

        await self.app(scope, receive, tell)
        if not scope["path"].startswith("/static/") and not _is_unlogged(scope):
            milliseconds = round(1000 * (time.perf_counter() - started), 1)
            _log.info(
                "request",
                extra={
                    "page": _page(scope),
                    "method": scope["method"],
                    "status": status,
                    "ms": milliseconds,
                    "address": scope["client"][0] if scope.get("client") else "",
                    **_who(scope),
                },
            )


def _is_unlogged(scope: Scope) -> bool:
    """A development tool that every open page asks a few times a second."""
    return bool(scope.get("state", {}).get("unlogged"))


def _page(scope: Scope) -> str:
    endpoint = scope.get("endpoint")
    name = getattr(endpoint, "__qualname__", None)
    return f"{endpoint.__module__}.{name}" if endpoint and name else "-"


def _who(scope: Scope) -> dict[str, object]:
    """Who asked, by ids; of a session's hash as much as tells two apart (ASVS 16.2.1)."""
    state = scope.get("state", {})
    identity: Identity | None = state.get("identity")
    principal: AppPrincipal | None = state.get("principal")
    who = identity or principal
    if who is None:
        return {}
    return {
        "user": who.user.id,
        "customer_account": who.customer_account.id if who.customer_account else "",
        **({"session": identity.token_hash[:8]} if identity else {}),
        **({"device": principal.device_id[:8]} if principal else {}),
    }
