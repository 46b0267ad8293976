"""Security headers on every answer: pages, fragments, files and errors alike.

Only a development tool sets one of them itself: it shows mails and pages in frames.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# ASVS 3.4.3. No inline script or style, no eval, nothing from another origin.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # same-origin, not no-referrer: that would make the portal's own forms send Origin: null.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"
    ),
}
TWO_YEARS = 63072000  # seconds, ASVS 3.4.1
FOR_EVER = "public, max-age=31536000, immutable"


class Headers:
    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        headers = dict(HEADERS)
        if https:
            headers["Strict-Transport-Security"] = f"max-age={TWO_YEARS}; includeSubDomains"
        self.headers = [(name.lower().encode(), text.encode()) for name, text in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in self.headers if header[0] not in own),
                ]
                if scope["path"].startswith("/static/"):
                    kept = _never_changes(scope, message)
                    MutableHeaders(scope=message)["Cache-Control"] = (
                        FOR_EVER if kept else "no-cache"
                    )
            await send(message)

        await self.app(scope, receive, add)


def _never_changes(scope: Scope, message: Message) -> bool:
    """The address carries the content's hash, or of a font its version."""
    named = scope["query_string"].startswith(b"v=") or scope["path"].startswith("/static/fonts/")
    return bool(named and message["status"] == 200)
