"""Forwarded headers: believed from the proxies in the settings, reported from anybody else."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_log = logging.getLogger("minasidor.proxy")


class Proxy:
    """uvicorn's reading of X-Forwarded-For; a forged one is reported (ASVS 4.1.3)."""

    def __init__(self, app: ASGIApp, *, trusted: tuple[str, ...]) -> None:
        # Starlette and uvicorn have two names for one ASGI application.
        self.trusting = ProxyHeadersMiddleware(app, list(trusted))  # type: ignore[arg-type]
        self.trusted = self.trusting.trusted_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            peer = scope["client"][0] if scope.get("client") else ""
            forwarded = any(
                name in (b"x-forwarded-for", b"forwarded") for name, _ in scope["headers"]
            )
            if forwarded and peer not in self.trusted:
                _log.error("forwarded header from a stranger", extra={"address": peer})
        await self.trusting(scope, receive, send)  # type: ignore[arg-type] # two names for ASGI
