"""Whatever the layers inside raise becomes a page here, so that the connection lives on."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web import errors


class Failures:
    """Inside Starlette's error layer, which raises again: uvicorn would drop the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, note)
        except Exception as error:
            if started:
                raise
            request = Request(scope, receive)
            try:
                response = await errors.response_to(request, error)
            except Exception as another:  # the page asks who is signed in: the database may be away
                response = await errors.response_to(request, another)
            await response(scope, receive, send)
