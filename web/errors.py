"""Everything that can go wrong: as Swedish pages in the layout, and to the app as JSON."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from tortoise.exceptions import DBConnectionError

from models import alarms, keys, passwords
from models.access import NotAdministrator
from models.databases import Unavailable
from models.membership import AccountClosed
from models.session import Identity
from web import guards, kept_form, login, sessions
from web.log import request_id
from web.made_for import Conflict
from web.mobile import answers
from web.rendering import SeeOther, render

_log = logging.getLogger("minasidor.error")
_PAGES = {400, 403, 404, 405, 409, 410, 413, 429, 500, 503}
RETRY_AFTER = "10"  # seconds


async def response_to(request: Request, error: Exception) -> Response:
    """The page for whatever a handler raised."""
    if isinstance(error, guards.SignedOut) and (kept := await kept_form.keep(request)):
        return await login.ask_again(request, kept)
    if isinstance(error, guards.Unconfirmed):
        return kept_form.carry(error.response(request), request, await kept_form.keep(request))
    if isinstance(error, SeeOther):
        return error.response(request)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)
    if isinstance(error, (NotAdministrator, AccountClosed)):
        error = await _looked_again(request)
    if answers.is_for_app(request.url.path):
        return await _to_app(request, error)
    failed = await _failure(error)
    if failed is None:
        _log.error("unhandled error", exc_info=error)
        return _place_of(request, error) or page(request, 500)
    if isinstance(error, HTTPException):
        await _identify(request)
    return page(request, failed.status, failed.headers, failed.context)


@dataclass(frozen=True)
class _Failure:
    """What is known to go wrong: the status, and what the page says of it."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)


async def _failure(error: Exception) -> _Failure | None:
    """What it comes to; None of an error that nobody thought of."""
    later = {"Retry-After": RETRY_AFTER}
    if isinstance(error, HTTPException):
        if error.status_code >= 400:
            _log.info("refused", extra={"status": error.status_code, "reason": error.detail})
        return _Failure(error.status_code, dict(error.headers or {}), _context(error))
    if isinstance(error, passwords.Busy):
        return _Failure(503, later)
    if isinstance(error, (Unavailable, DBConnectionError)):
        _log.error("database trouble", exc_info=error)
        return _Failure(503, later)
    if isinstance(error, keys.UnknownKey):
        await _key_is_missing(error)
        return _Failure(503, context={"reason": "key"})
    return None


async def _to_app(request: Request, error: Exception) -> Response:
    """The same as JSON."""
    if isinstance(error, answers.Refusal):
        _log.info("refused", extra={"status": error.status, "reason": error.kind})
        return error.response
    failed = await _failure(error)
    if failed is None:
        _log.error("unhandled error", exc_info=error)
        failed = _Failure(500)
    return answers.failure(request.url.path, failed.status, failed.headers)


async def _looked_again(request: Request) -> HTTPException:
    """Who loses the role, or the account, in the moment after the guard looked gets its answer."""
    request.state.identity = identity = await sessions.identify(request)
    return HTTPException(
        403, guards.NO_ROLE if identity and identity.customer_account else guards.NO_ACCESS
    )


async def _key_is_missing(error: keys.UnknownKey) -> None:
    # The rest of the portal works on: whoever has no two-factor notices nothing.
    _log.error("key missing", exc_info=error)
    await alarms.ring_once_an_hour(
        "A key is missing",
        "A value was encrypted with a key that MINASIDOR_SECRET_KEYS does not hold. Put the old "
        "key back behind the newest one and restart; docs/operate.md, Keys.",
        kind="key missing",
    )


def page(
    request: Request,
    status: int,
    headers: dict[str, str] | None = None,
    context: dict[str, Any] | None = None,
) -> Response:
    """The error page with this status; one that has no page of its own is shown as its nearest."""
    shown = status if status in _PAGES else 500 if status >= 500 else 400
    if not hasattr(request.state, "identity"):
        request.state.identity = None
    everything = {
        "request_id": request_id.get(),
        "reason": "access",
        "customer_account_name": None,
        "retry_path": request.app.url_path_for("home"),
        "other_path": None,
        "other_name": None,
        **(context or {}),
    }
    # After a conflict the header above the form is somebody else's, or of another account.
    response = render(
        request,
        f"errors/{shown}.html",
        everything,
        status,
        secret=True,
        whole_page=status == 409,
    )
    response.headers.update(headers or {})
    return response


def _place_of(request: Request, error: Exception) -> Response | None:
    """Designers see file and line of what they wrote; customers never do."""
    if not request.app.state.settings.development:
        return None
    from web.development import template_errors

    return template_errors.response_to(request, error)


async def _identify(request: Request) -> None:
    """The header of an error page shows who is signed in, also where no page was found at all."""
    identity: Identity | None = getattr(request.state, "identity", None)
    if identity is None or identity.customer_account is None:
        request.state.identity = await sessions.identify_outside(request)


def _context(error: HTTPException) -> dict[str, Any]:
    if isinstance(error, Conflict):
        return error.context
    if error.status_code in (403, 429) and error.detail != HTTPStatus(error.status_code).phrase:
        return {"reason": error.detail}
    return {}
