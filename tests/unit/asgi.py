"""Requests as a server hands them to the application, with what no browser or client would send."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Scope


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: str

    def __getitem__(self, name: str) -> str:
        return next((value for other, value in self.headers if other == name), "")


async def ask(
    app: ASGIApp,
    method: str = "GET",
    path: str = "/",
    headers: dict[str, str] | Sequence[tuple[str, str]] = (),
    chunks: Sequence[bytes] = (b"",),
    *,
    query: str = "",
    client: str | None = "127.0.0.1",
    pause: float = 0,
) -> Answer:
    """The answer to a request as a server hands it over, without what httpx would mend in it."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
        "client": (client, 40000) if client else None,
        "server": ("127.0.0.1", 8000),
    }
    left = list(chunks)
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(pause)
        if not left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    starts = [message for message in sent if message["type"] == "http.response.start"]
    assert len(starts) == 1, "one answer to one request"
    return Answer(
        starts[0]["status"],
        [(name.decode(), value.decode()) for name, value in starts[0]["headers"]],
        b"".join(message.get("body", b"") for message in sent).decode(),
    )
