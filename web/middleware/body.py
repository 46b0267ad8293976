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
        deadline, size = asyncio.get_running_loop().time() + DEADLINE, 0

        async def limited() -> Message:
            nonlocal size
            try:
                async with asyncio.timeout_at(deadline if size >= 0 else None):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(400) from None
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > LARGEST:
                    raise HTTPException(413)
                if not message.get("more_body", False):
                    size = -1  # complete: waiting for the disconnect has no deadline
            return message

        await self.app(scope, limited, send)
