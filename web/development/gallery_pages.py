"""/_galleri: all states at a glance, one of them closely, and a state alone as customers see it."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from web.development import gallery_bankid, template_errors
from web.development import gallery_data as data
from web.development import gallery_looks as looks
from web.development.gallery import MailState, State, states
from web.development.gallery_looks import JAVASCRIPT, THEME, Look
from web.middleware.headers import CONTENT_SECURITY_POLICY
from web.pages import Page
from web.rendering import render

# The portal's own policy, but that the gallery may frame what is the portal's own.
_AROUND = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
# And a state may be framed by the gallery; its forms send nothing, not even by script.
_INSIDE = (
    CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
    + "; sandbox allow-same-origin allow-scripts allow-popups allow-modals"
)
# The page with a QR code frames it for browsers without JavaScript.
_FRAMES = "; frame-src 'self'"
# A mail's style sheet stands in the mail.
_INSIDE_MAIL = _INSIDE.replace("style-src 'self'", "style-src 'unsafe-inline'")


class Overview(Page):
    """All states, or those whose flow, name and title hold every word that was asked for."""

    async def get(self, request: Request) -> Response:
        asked = request.query_params.get("filter", "").strip()[:100]
        titles = data.shared()["flows"]
        found = [state for state in states() if _holds(state, titles.get(state.flow, ""), asked)]
        flows = [
            (flow, titles.get(flow, flow), _by_template(list(group)))
            for flow, group in groupby(found, key=lambda state: state.flow)
        ]
        context = {"flows": flows, "asked": asked, "count": len(found)}
        return _framing(render(request, "development/gallery/overview.html", context))


class Viewer(Page):
    """One state in a frame of a chosen width, with what axe says of it."""

    async def get(self, request: Request) -> Response:
        state, before, after = _found(request)
        context = {
            "state": state,
            "file": state.file.relative_to(data.TEMPLATES.parent).as_posix(),
            "siblings": [other for other in states() if other.file == state.file],
            "before": before,
            "after": after,
            "look": Look(request.query_params),
            "mail": state.message(request.app) if isinstance(state, MailState) else None,
            "has_axe": _axe() is not None,
        }
        return _framing(render(request, "development/gallery/viewer.html", context))


class Bare(Page):
    """A state alone, under the portal's own policy: what the frames show."""

    async def get(self, request: Request) -> Response:
        state, _, _ = _found(request)
        if "del" in request.query_params and state.has_partial:
            return Response(state.render(request.app, partial=True), media_type="text/plain")
        response = self._answer(request, state)
        inside = _INSIDE_MAIL if state.is_mail else _INSIDE
        if b"<iframe" in response.body:
            inside += _FRAMES
        response.headers["Content-Security-Policy"] = inside
        # Of a page that is sandboxed, browsers refuse an opener policy.
        response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
        response.headers["Cache-Control"] = "no-store"
        return response

    def _answer(self, request: Request, state: State) -> Response:
        try:
            html = looks.still(state.render(request.app))
            bare = request.app.url_path_for("gallery:bare", name=gallery_bankid.FRAME)
            html = gallery_bankid.framing(html, str(bare))
        except Exception as error:
            # Here, not by the portal: its page would not be shown in a frame.
            if response := template_errors.response_to(request, error):
                return response
            raise
        look = Look(request.query_params)
        if look[JAVASCRIPT.parameter] == "av":
            html = looks.without_scripts(html)
        styles = str(request.app.url_path_for("gallery:style", path=""))
        return HTMLResponse(looks.themed(html, look[THEME.parameter], styles))


class ForcedStyle(Page):
    """The portal's style sheets as if colours were forced."""

    async def get(self, request: Request) -> Response:
        css = looks.forced(request.path_params["path"])
        if css is None:
            raise HTTPException(404)
        return Response(css, media_type="text/css", headers={"Cache-Control": "no-store"})


class Axe(Page):
    """axe-core's script, from the library of the browser tests."""

    async def get(self, request: Request) -> Response:
        path = _axe()
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, media_type="text/javascript")


def _found(request: Request) -> tuple[State, State | None, State | None]:
    """The state of this URL, the one before it and the one after."""
    name, all_states = request.path_params["name"], states()
    at = next((n for n, state in enumerate(all_states) if state.name == name), None)
    if at is None:
        raise HTTPException(404)
    before = all_states[at - 1] if at else None
    return all_states[at], before, next(iter(all_states[at + 1 :]), None)


def _holds(state: State, flow: str, asked: str) -> bool:
    text = f"{flow} {state.name} {state.title}".casefold()
    return all(word in text for word in asked.casefold().split())


def _by_template(found: list[State]) -> list[tuple[str, list[State]]]:
    return [
        (file.relative_to(data.TEMPLATES).as_posix().removesuffix(data.SUFFIX), list(group))
        for file, group in groupby(found, key=lambda state: state.file)
    ]


def _framing(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _AROUND
    return response


def _axe() -> Path | None:
    spec = find_spec("axe_playwright_python")
    path = Path(spec.origin).parent / "axe.min.js" if spec and spec.origin else None
    return path if path and path.exists() else None
