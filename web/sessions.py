"""Who is asking: from the cookie of a request to an identity, and from a login to a cookie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from models import session as sessions
from models import tokens
from models.client import Client, asking
from models.identity import How
from models.session import Identity, Session
from models.user import User
from web import cookies
from web.mobile.answers import is_for_app


async def identify(request: Request) -> Identity | None:
    """The signed-in user behind the request. An anonymous one costs no read of the database."""
    token = cookies.get(request, "session")
    if not token:
        return None
    return await sessions.resume(token, request.path_params.get("customer_number"))


async def identify_outside(request: Request) -> Identity | None:
    """The same with the account visited last, whatever account the URL asks for."""
    token = cookies.get(request, "session")
    return await sessions.resume(token) if token else None


def client(request: Request) -> Client:
    """Where the request comes from; behind a trusted proxy the address is the visitor's."""
    return Client(
        address=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
        device=cookies.get(request, "device"),
        is_app=is_for_app(request.url.path),
    )


@contextmanager
def answering(request: Request) -> Iterator[None]:
    """Meanwhile the models know whose request it is."""
    token = asking.set(client(request))
    try:
        yield
    finally:
        asking.reset(token)


async def start(request: Request, user: User, how: How, *, remembered: bool) -> str:
    """Log the user in; the old session of this browser, if any, ends. The token for `keep`."""
    if old := cookies.get(request, "session"):
        await Session.end(old)
    return await Session.start(user, how, known_client(request), remembered=remembered)


def keep(response: Response, request: Request, token: str, *, remembered: bool = False) -> Response:
    """Hand the session to the browser, and the cookie that makes it a known device."""
    lifetime = int(Session.LONGEST_REMEMBERED.total_seconds()) if remembered else None
    cookies.set(response, request, "session", token, max_age=lifetime)
    cookies.set(
        response, request, "device", known_client(request).device, max_age=cookies.DEVICE_LIFETIME
    )
    return response


def known_client(request: Request) -> Client:
    """The client with a device cookie, made now if the browser has none yet."""
    found = client(request)
    if found.device:
        return found
    if not hasattr(request.state, "new_device"):
        request.state.new_device = tokens.new()
    return replace(found, device=request.state.new_device)


async def end(request: Request) -> None:
    """Log out: the session dies on the server, not only in the browser."""
    await Session.end(cookies.get(request, "session"))
