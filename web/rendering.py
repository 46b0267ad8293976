"""From template name to response. Page or partial is decided here and nowhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from itsdangerous import BadSignature
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from web import cookies, styles
from web.made_for import made_for
from web.mobile import app_request
from web.settings import ROOT, Settings
from web.signing import signer

STOCKHOLM = ZoneInfo("Europe/Stockholm")
VARY = "HX-Request-Type, Cookie"
# What every template may ask for, of a visitor of whom nothing is known.
NOTHING_KNOWN: dict[str, Any] = {
    "identity": None,
    "flash": None,
    "flash_warns": False,
    "refilled": False,
    "app_path": "",
    "app_waits": False,
    "partial": False,
}
_FLASH_LIFETIME = 300  # seconds


def render(
    request: Request,
    template: str,
    context: dict[str, Any] | None = None,
    status_code: int = 200,
    *,
    secret: bool = False,
    whole_page: bool = False,
) -> Response:
    """The page, or for htmx the inside of #main. `secret`: no cache and no Back may keep it.

    `whole_page`: the header changes too, so htmx gets all of it.
    """
    identity = getattr(request.state, "identity", None)
    flash, refilled = Flash.of(request), getattr(request.state, "refilled", False)
    partial = wants_partial(request)
    html = request.app.state.templates.get_template(template).render(
        {
            "request": request,
            "identity": identity,
            "flash": flash and flash.sentence,
            "flash_warns": flash is not None and flash.warns,
            "refilled": refilled,
            "app_path": app_request.path(request, identity),
            "app_waits": app_request.AppRequest.waiting(request) is not None,
            "partial": partial,
            "layout": "layouts/partial.html" if partial and not whole_page else "layouts/page.html",
            **(context or {}),
        }
    )
    response = Response(html, status_code, media_type="text/html")
    response.headers["Vary"] = VARY
    # no-store breaks Back onto a refused form without JavaScript, hence not before login.
    kept = not identity and (status_code >= 400 or not secret)
    response.headers["Cache-Control"] = "private, no-cache" if kept else "no-store"
    if partial and whole_page:
        response.headers.update({"HX-Retarget": "body", "HX-Reswap": "innerHTML"})
    if flash:
        cookies.delete(response, request, "flash")
    if refilled:
        cookies.delete(response, request, "kept_form")
    return response


def wants_partial(request: Request) -> bool:
    """htmx swapping the inside of a page; restoring its history it asks for whole pages."""
    return request.headers.get("hx-request-type") == "partial"


def redirect(
    request: Request,
    to: str,
    *,
    whole_page: bool = False,
    flash: str | Flash | None = None,
    **params: Any,
) -> Response:
    """303 to a route by name, or to a path on this site that begins with '/'.

    `whole_page`: the header changes too, so htmx is told to load the page anew. `flash`: a
    sentence that the next page shows once, of what was done; a Flash that warns, of what wasn't.
    """
    path = to if to.startswith("/") else str(request.app.url_path_for(to, **params))
    if whole_page and request.headers.get("hx-request") == "true":
        # fetch would follow a 303 silently and put a whole page into the box.
        response = Response(status_code=204, headers={"HX-Redirect": path})
    else:
        response = RedirectResponse(path, status_code=303)
    response.headers["Cache-Control"] = "no-store"
    if flash:
        told = flash if isinstance(flash, Flash) else Flash(flash)
        cookies.set(response, request, "flash", told.signed(), max_age=_FLASH_LIFETIME)
    return response


class SeeOther(HTTPException):
    """Raised where a page finds that the visitor belongs on another one."""

    def __init__(
        self,
        to: str,
        *,
        flash: str | Flash | None = None,
        whole_page: bool = False,
        signed_out: bool = False,
        **params: Any,
    ) -> None:
        super().__init__(303)
        self.to, self.flash, self.whole_page, self.signed_out, self.params = (
            to,
            flash,
            whole_page,
            signed_out,
            params,
        )

    def response(self, request: Request) -> Response:
        if self.signed_out and request.headers.get("hx-request") == "true":
            # Never a login form inside a fragment.
            path = (
                self.to
                if self.to.startswith("/")
                else str(request.app.url_path_for(self.to, **self.params))
            )
            headers = {"HX-Redirect": path, "Cache-Control": "no-store"}
            return Response(status_code=401, headers=headers)
        return redirect(
            request, self.to, whole_page=self.whole_page, flash=self.flash, **self.params
        )


def environment(settings: Settings) -> Environment:
    """The Jinja environment of pages and mails."""
    made = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=settings.development,
        cache_size=-1,
    )
    made.globals.update(settings=settings, path_for=path_for, static=static, icon=icon)
    made.globals.update(made_for=made_for, styles=styles)
    if settings.live_reload:
        from web.development import live_reload

        made.globals["changes"] = live_reload.changes
    made.filters.update(number=number, date=date, datetime=date_and_time)
    return made


@pass_context
def path_for(context: Context, name: str, /, **params: Any) -> str:
    return str(context["request"].app.url_path_for(name, **params))


def static(path: str) -> str:
    """A static file's address with its content's hash: browsers may keep it for ever."""
    file = ROOT / "static" / path
    return f"/static/{path}?v={_digest(file, file.stat().st_mtime_ns)}"


@cache
def _digest(file: Path, _changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]


def icon(name: str, size: int = 20) -> Markup:
    """An icon inline, hidden from screen readers: the text beside it says it all."""
    file = ROOT / "static" / "icons" / f"{name}.svg"
    return _inline(file, file.stat().st_mtime_ns, size)


@cache
def _inline(file: Path, _changed: int, size: int) -> Markup:
    svg = file.read_text()
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")].strip()
    return Markup(  # noqa: S704 - a file of ours and a number, nothing a visitor wrote
        f'<svg aria-hidden="true" focusable="false" width="{size}" height="{size}"'
        ' viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"'
        f' stroke-linecap="round" stroke-linejoin="round">{body}</svg>'
    )


def number(text: str) -> str:
    """'10234567' as '10 234 567', with spaces that do not break."""
    return f"{int(text):,}".replace(",", "\N{NO-BREAK SPACE}") if text.isdecimal() else text


def date(moment: datetime) -> str:
    """'22 november 2026', in Swedish time."""
    return format_date(moment.astimezone(STOCKHOLM), "d MMMM y", locale="sv")


def date_and_time(moment: datetime) -> str:
    """'22 november 2026 kl. 14.05', in Swedish time."""
    return f"{date(moment)} kl. {format_time(moment.astimezone(STOCKHOLM), 'HH.mm', locale='sv')}"


@dataclass(frozen=True)
class Flash:
    """A sentence that one page shows once: what was done, or in amber what was not."""

    sentence: str
    warns: bool = False

    @classmethod
    def of(cls, request: Request) -> Flash | None:
        """The one that the browser brings along."""
        held = cookies.get(request, "flash")
        try:
            return cls(*signer("flash").loads(held, max_age=_FLASH_LIFETIME))
        except (BadSignature, TypeError):  # forged, or from before it could warn
            return None

    def __add__(self, other: Flash) -> Flash:
        """Both sentences, in amber if one of them warns."""
        return Flash(f"{self.sentence} {other.sentence}", self.warns or other.warns)

    def signed(self) -> str:
        text: str = signer("flash").dumps([self.sentence, self.warns])
        return text


def warning(sentence: str) -> Flash:
    """What was asked for was not done, and why."""
    return Flash(sentence, warns=True)
