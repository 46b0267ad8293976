"""What a request may carry: small forms, sent in reasonable time, and no files."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 64 * 1024  # bytes; the largest form has a few hundred
DEADLINE = 30.0  # seconds for the whole body: a trickle would hold the connection for ever


class Body:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        kind = headers.get("content-type", "").lower()
        if not length.isdecimal() or kind.startswith("multipart/"):
            raise HTTPException(400)
        if int(length) > LARGEST:
            raise HTTPException(413)
        if scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        body = await _whole(receive)
        if body is None:  # gone in the middle of it
            return

        async def replay() -> Message:
            nonlocal body
            if body is None:
                return await receive()
            whole, body = body, None
            return {"type": "http.request", "body": whole, "more_body": False}

        await self.app(scope, replay, send)


async def _whole(receive: Receive) -> bytes | None:
    """The body, all of it, before anybody asks who is signed in.

    Else a slow one would act long after its session had ended. Raises 400 and 413.
    """
    body, deadline = b"", asyncio.get_running_loop().time() + DEADLINE
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(400) from None
        if message["type"] != "http.request":
            return None
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > LARGEST:
            raise HTTPException(413)
        if not message.get("more_body", False):
            return body
