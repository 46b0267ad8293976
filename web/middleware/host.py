"""Only the portal's own host name is served, so that nothing can be led elsewhere."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from web.settings import LOOPBACK, Settings

# A load balancer asks these by address.
_HEALTH = ("/healthz", "/readyz")


class Host:
    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in _HEALTH:
            host = Headers(scope=scope).get("host", "")
            if host.lower() != self.settings.netloc.lower():
                if not self._is_other_loopback(host) or scope["method"] not in ("GET", "HEAD"):
                    raise HTTPException(400)
                # One name for the same machine, else the session's cookie is lost between them.
                query = scope["query_string"].decode("latin-1")
                path = scope["path"] + (f"?{query}" if query else "")
                await RedirectResponse(self.settings.base_url + path, 307)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _is_other_loopback(self, host: str) -> bool:
        name, own = host.rsplit(":", 1)[0], self.settings.netloc.rsplit(":", 1)[0]
        return self.settings.development and name in LOOPBACK and own in LOOPBACK
