"""The base of the API's addresses: who is asking, by their access token and by nothing else."""

from __future__ import annotations

import re
from typing import ClassVar

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request

from models import app_device
from models.app_device import AppPrincipal
from models.identity import ReachedAccount
from models.permission import Permission
from web import sessions
from web.mobile.answers import API, NO_ACCESS, Problem

ACCOUNTS = f"{API}v1/kundkonton/{{"  # what one customer account's addresses begin with

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,200}=*")  # RFC 6750 §2.1


class ApiEndpoint(HTTPEndpoint):
    """An address of the API. No cookie gets here (`web/middleware/origin.py`).

    Before any of its methods begins, the access token has told whose request it is.
    """

    async def dispatch(self) -> None:
        request = Request(self.scope, self.receive)
        with sessions.answering(request):
            request.state.principal = await _identify(request)
            self.admit(request.state.principal)
            await super().dispatch()

    def admit(self, principal: AppPrincipal) -> None:
        """Raise what whoever may not come here gets instead; before all methods alike."""


class AccountEndpoint(ApiEndpoint):
    """An address below /api/v1/kundkonton/{customer_number}.

    Its `permission` is looked up for what the user is to the account at this moment
    (`models/permission.py`), as in `web/customer_pages.py`.
    """

    permission: ClassVar[Permission]

    def admit(self, principal: AppPrincipal) -> None:
        if not principal.may(self.permission):
            if principal.awaited:
                raise _awaiting()
            raise _no_role() if principal.customer_account else _no_access()
        if principal.lacks_two_factor:
            raise _lacks_two_factor()


def principal_of(request: Request) -> AppPrincipal:
    """The user, and the device they ask with."""
    principal: AppPrincipal = request.state.principal
    return principal


def account_of(request: Request) -> ReachedAccount:
    """The customer account of this URL; whoever waits to be let in to it is told so."""
    account = principal_of(request).customer_account
    if account is None:
        raise _awaiting()
    return account


async def _identify(request: Request) -> AppPrincipal:
    """Who holds the token, with the customer account of the URL."""
    sent = request.headers.getlist("authorization")
    scheme, _, token = sent[0].partition(" ") if sent else ("", "", "")
    if scheme.lower() != "bearer":
        raise _no_token()
    if len(sent) > 1 or not _TOKEN.fullmatch(token):
        raise _bad_token()
    principal = await app_device.resume(token, request.path_params.get("customer_number", ""))
    # Whoever closes the user account loses all tokens; one that came in between is worth nothing.
    if principal is None or principal.user.closes_at:
        raise _bad_token()
    return principal


def _challenge(error: str = "") -> dict[str, str]:
    """RFC 6750 §3: no error where nothing was tried."""
    told = f', error="{error}"' if error else ""
    return {"WWW-Authenticate": f'Bearer realm="MinaSidor"{told}'}


def _no_token() -> Problem:
    return Problem(401, "missing-token", "Du behöver logga in.", _challenge())


def _bad_token() -> Problem:
    challenge = _challenge("invalid_token")
    return Problem(401, "invalid-token", "Du behöver logga in igen.", challenge)


def _lacks_two_factor() -> Problem:
    # RFC 9470. The app opens the browser, where it is turned on.
    return Problem(
        401,
        "two-factor-required",
        "Kundkontot kräver tvåfaktorsautentisering. Slå på den under Inloggningsuppgifter på "
        "MinaSidor.",
        _challenge("insufficient_user_authentication"),
    )


def _no_access() -> Problem:
    return Problem(403, "no-access", NO_ACCESS)


def _no_role() -> Problem:
    return Problem(403, "administrators-only", "Det här är bara för administratörer.")


def _awaiting() -> Problem:
    return Problem(
        403,
        "awaiting-approval",
        "En administratör för kundkontot behöver godkänna dig först.",
    )
