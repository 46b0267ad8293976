"""Changes are taken from the portal's own pages only: no forged requests (CSRF).

The app sends no Origin. What it talks to takes no cookie instead, which comes to the same.
"""

from __future__ import annotations

import logging

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from web.mobile.answers import is_for_app

_log = logging.getLogger("minasidor.origin")
_SAFE = ("GET", "HEAD", "OPTIONS")


class Origin:
    """By what the browser says of where a request comes from (OWASP CSRF cheat sheet).

    SameSite cookies would let a sibling subdomain through; tokens would make pages go stale.
    """

    def __init__(self, app: ASGIApp, *, base_url: str) -> None:
        self.app, self.base_url = app, base_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_for_app(scope["path"]):
            kept = [header for header in scope["headers"] if header[0] != b"cookie"]
            scope = {**scope, "headers": kept}
        elif (
            scope["type"] == "http"
            and scope["method"] not in _SAFE
            and not self._is_own(Headers(scope=scope))
        ):
            _log.warning(
                "origin refused",
                extra={"address": scope["client"][0] if scope.get("client") else ""},
            )
            raise HTTPException(403, "origin")
        await self.app(scope, receive, send)

    def _is_own(self, headers: Headers) -> bool:
        if site := headers.get("sec-fetch-site"):
            return site == "same-origin"
        return headers.get("origin") == self.base_url
