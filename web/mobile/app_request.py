"""What the app asks for when it opens the browser, and the cookie that keeps it on the way through
a login or a registration."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass, replace
from typing import Any, Self
from urllib.parse import quote, urlencode

from itsdangerous import BadSignature
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from web import cookies
from web.mobile import clients
from web.mobile.answers import OAuthError
from web.mobile.oauth import pkce_error
from web.settings import Settings
from web.signing import signer

LIFETIME = 3600  # seconds: time to register, or to choose a new password
_STATE = re.compile(r"[\x20-\x7e]{1,500}")  # RFC 6749 appendix A.5; as long as a URL may well take


class Unknown(Exception):
    """No app of ours, or an address that is not the app's: nothing is handed over, to nobody."""


class Fault(Exception):
    """Something else is wrong; the app may be told so, by a link (RFC 6749 §4.1.2.1)."""

    def __init__(self, error: OAuthError, redirect_uri: str, state: str) -> None:
        self.redirect_uri = redirect_uri
        self.answer = {"error": str(error.content["error"]), **({"state": state} if state else {})}
        super().__init__(error)


@dataclass(frozen=True)
class AppRequest:
    """An authorization request (RFC 6749 §4.1.1) whose every part was checked."""

    client_id: str
    redirect_uri: str
    state: str
    code_challenge: str
    device_name: str
    creates: bool  # prompt=create: whoever comes has no user account yet

    @classmethod
    def read(cls, query: QueryParams, settings: Settings) -> Self:
        """What the address asks for. Raises Unknown and Fault."""
        client_id, redirect_uri = _only(query, "client_id"), _only(query, "redirect_uri")
        client = clients.find(client_id, settings)
        if client is None or not client.takes(redirect_uri, settings):
            raise Unknown
        state = _only(query, "state")
        state = state if _STATE.fullmatch(state) else ""
        if error := _error(query, state):
            raise Fault(error, redirect_uri, state)
        return cls(
            client_id,
            redirect_uri,
            state,
            _only(query, "code_challenge"),
            client.device_name(query.get("device_name", "")),
            _only(query, "prompt") == "create",
        )

    @classmethod
    def waiting(cls, request: Request) -> Self | None:
        """The one that this browser brings along; none that is too old or was tampered with."""
        kept = cookies.get(request, "app")
        return cls.signed(kept, request) if kept else None

    @classmethod
    def signed(cls, value: str, request: Request) -> Self | None:
        """The same, as it travels."""
        try:
            asked = cls(*signer("app").loads(value, max_age=LIFETIME))
        except (BadSignature, TypeError):  # forged, or from before it had these parts
            return None
        settings: Settings = request.app.state.settings
        client = clients.find(asked.client_id, settings)
        return asked if client and client.takes(asked.redirect_uri, settings) else None

    def sign(self) -> str:
        text: str = signer("app").dumps(astuple(self))
        return text

    def keep(self, response: Response, request: Request) -> Response:
        """For whoever must log in first. It takes the place of what another app asked for."""
        cookies.set(response, request, "app", self.sign(), max_age=LIFETIME)
        return response

    def path(self, request: Request) -> str:
        """Where it goes on. Whoever comes there has a user account by now."""
        asked: dict[str, str] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": self.code_challenge,
            "code_challenge_method": "S256",
            "device_name": self.device_name,
        }
        return link(str(request.app.url_path_for("oauth:authorize")), asked)

    def is_waiting(self, request: Request) -> bool:
        """Whether it is this one that the browser keeps."""
        kept = self.waiting(request)
        return kept is not None and replace(kept, creates=self.creates) == self


def path(request: Request, identity: Any) -> str:
    """Where the way to the app goes on, of a signed-in user who is on it; else empty."""
    if identity is None or identity.user.closes_at:
        return ""
    asked = AppRequest.waiting(request)
    return asked.path(request) if asked else ""


def answered(redirect_uri: str, answer: dict[str, str], settings: Settings) -> dict[str, str]:
    """The links that hand the answer over, with who gives it (RFC 9207).

    Beside an https one stands that by the app's own scheme: iOS opens no app by a link that was
    tapped on a page of the same host.
    """
    whole = {**answer, "iss": settings.base_url}
    is_web = redirect_uri.startswith(f"{settings.base_url}/")
    return {
        "app_link": link(redirect_uri, whole),
        "scheme_link": link(clients.own_scheme(settings), whole) if is_web else "",
    }


def link(address: str, query: dict[str, str]) -> str:
    """The address with these parameters, each of which stays one value."""
    return f"{address}?{urlencode(query, safe='', quote_via=quote)}" if query else address


def _only(query: QueryParams, name: str) -> str:
    """Its value; empty where it stands twice, since nobody knows which is meant."""
    values = query.getlist(name)
    return values[0] if len(values) == 1 else ""


def _error(query: QueryParams, state: str) -> OAuthError | None:
    if len(query.multi_items()) != len(query):
        return OAuthError("invalid_request", "No parameter may stand twice.")
    if not state:
        return OAuthError("invalid_request", "state is needed: 1 to 500 characters of ASCII.")
    if query.get("response_type") != "code":
        known = "response_type" in query
        error = "unsupported_response_type" if known else "invalid_request"
        return OAuthError(error, "response_type must be code.")
    if query.get("prompt", "create") != "create":
        return OAuthError("invalid_request", "prompt may be create, or left out.")
    return pkce_error(query.get("code_challenge", ""), query.get("code_challenge_method", ""))
