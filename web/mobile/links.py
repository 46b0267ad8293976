"""How MittPreZero belongs to this host, and its way back from the browser."""

from __future__ import annotations

import re
from typing import Any

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from web.bankid.start import is_mobile
from web.mobile.app_request import link
from web.mobile.clients import own_scheme
from web.pages import Page
from web.rendering import render
from web.settings import Settings

_CACHE = {"Cache-Control": "public, max-age=3600"}
# What an authorization answers (RFC 6749 §4.1.2, RFC 9207), in the characters it may have.
_HANDED_OVER = ("code", "state", "iss", "error")
_VALUE = re.compile(r"[\x20-\x7e]{1,1000}")


async def android(request: Request) -> Response:
    """/.well-known/assetlinks.json: which app on Android opens our addresses, and logs in here."""
    settings: Settings = request.app.state.settings
    if not settings.app_android_package:
        raise HTTPException(404)
    target = {
        "namespace": "android_app",
        "package_name": settings.app_android_package,
        "sha256_cert_fingerprints": settings.app_android_cert_sha256,
    }
    permissions = ("handle_all_urls", "get_login_creds")
    relation = [f"delegate_permission/common.{permission}" for permission in permissions]
    return _file([{"relation": relation, "target": target}])


async def ios(request: Request) -> Response:
    """/.well-known/apple-app-site-association: the same on iOS; the app opens /app/ alone."""
    settings: Settings = request.app.state.settings
    if not settings.app_ios_app_id:
        raise HTTPException(404)
    apps = [settings.app_ios_app_id]
    opened = {"details": [{"appIDs": apps, "components": [{"/": "/app/*"}]}]}
    return _file({"applinks": opened, "webcredentials": {"apps": apps}})


def _file(content: Any) -> Response:
    return JSONResponse(content, headers=_CACHE)


class Done(Page):
    """The redirect URI of the app, for when the app did not open by itself.

    iOS opens no app by a link to the page's own host, so the link here has the app's own scheme.
    Another app may have claimed that, too: to whom the code is of no use without the PKCE verifier.
    Whoever sends this address with a code of their own to somebody is stopped by the app, which
    takes only the `state` that it has sent.
    """

    async def get(self, request: Request) -> Response:
        answer = _answer(request.query_params)
        context = {
            "app_link": link(own_scheme(request.app.state.settings), answer),
            "outcome": _outcome(answer),
            "is_mobile": is_mobile(request),
        }
        return render(request, "mobile/done.html", context, secret=True)


def _answer(given: QueryParams) -> dict[str, str]:
    """What the app may be handed; nothing, if it is neither a code nor an error.

    A parameter that stands twice counts as none (RFC 6749 §3.1): nobody knows which is true.
    """
    found = {name: given.getlist(name) for name in _HANDED_OVER}
    answer = {
        name: values[0]
        for name, values in found.items()
        if len(values) == 1 and _VALUE.fullmatch(values[0])
    }
    return answer if "code" in answer or "error" in answer else {}


def _outcome(answer: dict[str, str]) -> str:
    """As templates/mobile/done.html tells it."""
    if error := answer.get("error"):
        return "cancelled" if error == "access_denied" else "failed"
    return "code" if answer else "nothing"
