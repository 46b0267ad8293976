"""The app's login: e-mail, password and code in the app itself, and the tokens it lives on.

A profile of "OAuth 2.0 for First-Party Applications" (draft-ietf-oauth-first-party-apps): the
answer to the right password is an authorization code, as from the browser. `docs/app.md` shows
every request and answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from models import app_device, app_login, login
from models.app_device import Grant
from models.app_login import AppCode, AppLogin
from models.identity import How
from models.totp import Verdict
from models.user import User
from web import sessions
from web.forms import Form, password, printed, secret, text
from web.mobile import clients
from web.mobile.answers import OAuthError, TooManyAttempts, ok
from web.mobile.clients import MobileClient

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # of S256: RFC 7636 §4.2
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 §4.1
_REASONS = {Verdict.USED: "otp_used", Verdict.PAUSED: "otp_paused"}


class OAuthEndpoint(HTTPEndpoint):
    """An address of the app's login. No cookie gets here (`web/middleware/origin.py`)."""

    async def dispatch(self) -> None:
        with sessions.answering(Request(self.scope)):
            await super().dispatch()


@dataclass
class OAuthForm(Form):
    client_id: str = text(40)

    @property
    def wrong(self) -> OAuthError | None:
        """What is the matter with the fields, where each alone is readable."""
        return None

    def check(self, request: Request) -> MobileClient:
        """The app it comes from. Raises OAuthError."""
        if not self.is_valid():
            raise OAuthError("invalid_request", f"Not readable: {', '.join(self.errors)}.")
        client = clients.find(self.client_id, request.app.state.settings)
        if client is None:
            raise OAuthError("invalid_client", "No such client_id.")
        if wrong := self.wrong:
            raise wrong
        return client


@dataclass
class ChallengeForm(OAuthForm):
    response_type: str = text(20)
    username: str = text(254)
    password: str = password()
    otp: str = secret(40)
    auth_session: str = secret(100)
    device_name: str = printed(1000)
    code_challenge: str = text(100)
    code_challenge_method: str = text(20)

    @property
    def wrong(self) -> OAuthError | None:
        if self.response_type != "code":
            return OAuthError("unsupported_response_type", "response_type must be code.")
        if self.auth_session:
            return None if self.otp else OAuthError("invalid_request", "otp is missing.")
        if not (self.username and self.password):
            return OAuthError("invalid_request", "username and password are needed.")
        return pkce_error(self.code_challenge, self.code_challenge_method)


class Challenge(OAuthEndpoint):
    """POST /oauth/authorize-challenge."""

    async def post(self, request: Request) -> Response:
        form = await ChallengeForm.read(request)
        client = form.check(request)
        if form.auth_session:
            half = await AppLogin.ongoing(form.auth_session, client.id)
            if half is None:
                raise _no_session()
            return await self._code(half, form.auth_session, form.otp)
        outcome = await login.check(form.username, form.password, sessions.client(request))
        if outcome.wait:
            raise TooManyAttempts(outcome.wait)
        if outcome.frozen or (outcome.user and await app_login.needs_browser(outcome.user)):
            raise OAuthError("redirect_to_web", "Open /oauth/authorize in the browser.")
        if outcome.user is None:
            raise _no_match()
        return await self._go_on(outcome.user, client, form)

    async def _go_on(self, user: User, client: MobileClient, form: ChallengeForm) -> Response:
        name = client.device_name(form.device_name)
        if not user.has_two_factor:
            code = await AppCode.issue(
                user,
                How.PASSWORD,
                client_id=client.id,
                code_challenge=form.code_challenge,
                device_name=name,
            )
            return ok({"authorization_code": code})
        token, half = await AppLogin.start(user, client.id, form.code_challenge, name)
        if half is None:
            raise _no_match()
        if form.otp:
            return await self._code(half, token, form.otp)
        raise _insufficient(half, token)

    async def _code(self, half: AppLogin, token: str, typed: str) -> Response:
        answer = await half.tries_code(typed)
        if answer is None:
            raise _no_session()
        if answer.verdict is Verdict.LIMITED:
            raise TooManyAttempts(answer.wait)
        if not answer.is_right:
            raise _insufficient(half, token, reason=_REASONS.get(answer.verdict, "otp_invalid"))
        code = await half.complete()
        if code is None:
            raise _no_session()
        return ok({"authorization_code": code})


@dataclass
class TokenForm(OAuthForm):
    grant_type: str = text(40)
    code: str = secret(100)
    code_verifier: str = secret(200)
    redirect_uri: str = text(300)
    refresh_token: str = secret(100)

    @property
    def wrong(self) -> OAuthError | None:
        if self.grant_type == "authorization_code":
            if self.code and _VERIFIER.fullmatch(self.code_verifier):
                return None
            return OAuthError("invalid_request", "code and code_verifier are needed.")
        if self.grant_type == "refresh_token":
            if self.refresh_token:
                return None
            return OAuthError("invalid_request", "refresh_token is needed.")
        return OAuthError("unsupported_grant_type", "No such grant_type.")


class Token(OAuthEndpoint):
    """POST /oauth/token."""

    async def post(self, request: Request) -> Response:
        form = await TokenForm.read(request)
        client, asker = form.check(request), sessions.client(request)
        grant: Grant | None
        if form.grant_type == "refresh_token":
            grant = await app_device.refresh(form.refresh_token, client.id, asker)
        else:
            grant = await AppCode.redeem(
                form.code, client.id, form.code_verifier, form.redirect_uri, asker
            )
        if grant is None:
            raise OAuthError("invalid_grant", "Not, or no longer, good for tokens.")
        return ok(
            {
                "access_token": grant.access_token,
                "token_type": "Bearer",
                "expires_in": int(grant.expires_in.total_seconds()),
                "refresh_token": grant.refresh_token,
                "device_id": grant.device.public_id,
            }
        )


@dataclass
class RevokeForm(OAuthForm):
    token: str = secret(1000)

    @property
    def wrong(self) -> OAuthError | None:
        return None if self.token else OAuthError("invalid_request", "token is missing.")


class Revoke(OAuthEndpoint):
    """POST /oauth/revoke: the same answer whatever the token was."""

    async def post(self, request: Request) -> Response:
        form = await RevokeForm.read(request)
        client = form.check(request)
        await app_device.revoke(form.token, client.id)
        return ok({})


async def metadata(request: Request) -> Response:
    """Where everything is (RFC 8414)."""
    base, path = request.app.state.settings.base_url, request.app.url_path_for
    content = {
        "issuer": base,
        "authorization_endpoint": f"{base}{path('oauth:authorize')}",
        "authorization_challenge_endpoint": f"{base}{path('oauth:challenge')}",
        "token_endpoint": f"{base}{path('oauth:token')}",
        "revocation_endpoint": f"{base}{path('oauth:revoke')}",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": ["create"],
        "ui_locales_supported": ["sv"],
        "service_documentation": f"{base}{path('api')}",
    }
    return JSONResponse(content, headers={"Cache-Control": "public, max-age=3600"})


def pkce_error(challenge: str, method: str) -> OAuthError | None:
    """What is wrong with the PKCE parameters: there is no going without, and none but S256."""
    if method == "S256" and _CHALLENGE.fullmatch(challenge):
        return None
    return OAuthError("invalid_request", "code_challenge with the method S256 is needed.")


def _no_match() -> OAuthError:
    return OAuthError("invalid_credentials", "The address or the password is not right.")


def _no_session() -> OAuthError:
    return OAuthError("invalid_session", "auth_session is over. Begin with the password again.")


def _insufficient(half: AppLogin, token: str, reason: str = "") -> OAuthError:
    """`reason`: why the code that was sent is not taken."""
    why: dict[str, str | int] = {"reason": reason, "tries_left": half.tries_left} if reason else {}
    return OAuthError(
        "insufficient_authorization",
        "Send the code of the authenticator app, or a recovery code.",
        otp_required=True,
        auth_session=token,
        expires_in=int(half.expires_in.total_seconds()),
        **why,
    )
