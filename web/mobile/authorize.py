"""GET /oauth/authorize: MittPreZero in the browser, for registration, BankID and recovery.

An authorization code with PKCE (RFC 6749 §4.1, RFC 7636, RFC 8252). The code is handed over by a
link that somebody clicks, never by a redirect: a page that only had to be opened would log an app
in without asking, and `form-action 'self'` lets no form lead out of the portal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models import app_login
from models.app_login import AppCode
from models.session import Identity
from models.user import User
from web import cookies, guards, login
from web.forms import Form, text
from web.mobile import app_request
from web.mobile.app_request import AppRequest
from web.pages import Page
from web.rendering import redirect, render, wants_partial


class Authorize(Page):
    """Fortsätt till appen. The one page whose GET makes something: a code for the link on it."""

    async def get(self, request: Request) -> Response:
        if wants_partial(request):  # its links lead out of the portal, and it is a page of its own
            return redirect(request, _own_path(request), whole_page=True)
        if not _is_visit(request):
            raise HTTPException(400)
        settings = request.app.state.settings
        try:
            asked = AppRequest.read(request.query_params, settings)
        except app_request.Unknown:
            return render(request, "mobile/unknown.html", status_code=400)
        except app_request.Fault as fault:
            links = app_request.answered(fault.redirect_uri, fault.answer, settings)
            return render(request, "mobile/fault.html", links, 400, secret=True)
        if request.state.identity is None:
            to = "registration:method" if asked.creates else "login"
            return asked.keep(redirect(request, to), request)
        return await self._signed_in(request, asked, request.state.identity)

    async def _signed_in(self, request: Request, asked: AppRequest, identity: Identity) -> Response:
        user = await User.get(id=identity.user.id)
        if first := await _owed(request, user, identity):
            return asked.keep(redirect(request, first), request)
        context = {"app": asked.sign(), "name": identity.user.name, "email": user.email}
        if asked.creates:
            on = {**context, "go_on": asked.path(request)}
            return asked.keep(render(request, "mobile/signed_in.html", on), request)
        try:
            guards.recently_confirmed(request)  # it logs an app in for months (ASVS 7.5.1)
        except guards.Unconfirmed as unconfirmed:
            return asked.keep(unconfirmed.response(request), request)
        return await self._page(request, asked, user, context)

    async def _page(
        self, request: Request, asked: AppRequest, user: User, context: dict[str, Any]
    ) -> Response:
        identity = guards.signed_in(request)
        code = await AppCode.issue(
            user,
            identity.how,
            client_id=asked.client_id,
            code_challenge=asked.code_challenge,
            device_name=asked.device_name,
            redirect_uri=asked.redirect_uri,
            session_id=identity.session_id,
        )
        answer = {"code": code, "state": asked.state}
        shown = {
            **context,
            **app_request.answered(asked.redirect_uri, answer, request.app.state.settings),
            "device_name": asked.device_name,
            "minutes": int(AppCode.LIFETIME_ON_PAGE.total_seconds()) // 60,
        }
        response = render(request, "mobile/authorize.html", shown)
        if asked.is_waiting(request):
            cookies.delete(response, request, "app")
        return response


@dataclass
class AppForm(Form):
    app: str = text(4000)  # the request of the page it stands on, signed


class SwitchUser(Page):
    """'Är du inte …? Logga ut': whoever logs in, or registers, then ends at the app."""

    async def post(self, request: Request) -> Response:
        asked = AppRequest.signed((await AppForm.read(request)).app, request)
        response = await login.log_out(
            request, "registration:method" if asked and asked.creates else "login"
        )
        return asked.keep(response, request) if asked else response


class InBrowser(Page):
    """Fortsätt i webbläsaren: the app is left waiting."""

    async def post(self, request: Request) -> Response:
        response = redirect(request, "login", whole_page=True)  # which leads on
        cookies.delete(response, request, "app")
        return response


async def _owed(request: Request, user: User, identity: Identity) -> str:
    """What comes before the app; empty when nothing does."""
    if first := login.owed(request, user):
        return first
    # Where every customer account demands two-factor the app would be of no use.
    if not identity.how.is_by_bankid and await app_login.needs_browser(user):
        return str(request.app.url_path_for("registration:two_factor"))
    return ""


def _is_visit(request: Request) -> bool:
    """Whether somebody comes to see the page: no picture, frame, script or prefetch gets a code.

    Browsers that say nothing of it are let in. Where the portal's service worker passes the visit
    on its destination is empty, and the mode, which no script can choose, is still that of a visit.
    """
    headers = request.headers
    return (
        request.method == "GET"
        and headers.get("sec-fetch-dest", "document") in ("document", "empty")
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
        and not any(headers.get(name) for name in ("sec-purpose", "purpose", "x-purpose", "x-moz"))
    )


def _own_path(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}"
