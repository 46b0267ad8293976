"""Changes are taken from the portal's own pages only: no forged requests (CSRF).

The app says nothing of where it comes from. What it talks to takes no cookie instead; and a browser
that does say so is sent away there too, or any page could spend its visitors' tries at the login.
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
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if for_app := is_for_app(scope["path"]):
            scope["headers"] = [header for header in scope["headers"] if header[0] != b"cookie"]
        headers = Headers(scope=scope)
        says_nothing = "sec-fetch-site" not in headers and "origin" not in headers
        is_taken = self._is_own(headers) or (for_app and says_nothing)
        if scope["method"] not in _SAFE and not is_taken:
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
