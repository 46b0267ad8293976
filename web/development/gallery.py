"""Every template in every state, from the plain data that stands beside it (docs/designers.md)."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from types import TracebackType

from jinja2 import Environment, UndefinedError
from starlette.applications import Starlette
from starlette.requests import Request

from models import OutgoingMail, keys
from web.development import gallery_data as data
from web.development.gallery_bankid import Identification
from web.development.gallery_data import Table
from web.rendering import NOTHING_KNOWN, STOCKHOLM

PREFIX = "/_galleri"
_FRAMES = {  # the empty page, or mail, that a macro stands on
    "page": "development/gallery/component.html",
    "mail": "development/gallery/mail_component.html",
}
_TEXT = "development/gallery/text.html"
_WRITTEN_AT = datetime(2026, 11, 22, 14, 5, tzinfo=STOCKHOLM)


class StateError(Exception):
    """A state lacks what its template asks for: the message names template, line and variable."""


@dataclass(frozen=True)
class State:
    """A page of the portal, as it looks with this data."""

    name: str  # "login/credentials/empty"
    title: str
    template: str  # "login/credentials.html"
    file: Path
    data: Table = field(repr=False)

    @property
    def url(self) -> str:
        return f"{PREFIX}/{self.name}"

    @property
    def flow(self) -> str:
        return self.name.split("/")[0]

    @property
    def page(self) -> str:
        return self.name.rpartition("/")[0]

    @property
    def has_partial(self) -> bool:
        """Whether htmx can ask for its inside alone."""
        return type(self) is State

    @property
    def is_mail(self) -> bool:
        """Whether it looks like a mail: it brings its own style, and no page's title."""
        return False

    def render(self, app: Starlette, *, partial: bool = False) -> str:
        """The HTML: the whole page, or what htmx gets. Raises StateError."""
        try:
            return self._render(app, partial)
        except UndefinedError as error:
            where = _where(error.__traceback__)
            raise StateError(f"{where}: {error.message} (in the state {self.name})") from error

    def _render(self, app: Starlette, partial: bool) -> str:
        layout = "layouts/partial.html" if partial else "layouts/page.html"
        context = {**self.context(app), "partial": partial, "layout": layout}
        return _templates(app).get_template(self.template).render(context)

    def context(self, app: Starlette) -> Table:
        """What `web.rendering.render` gives to every template, and what the state has."""
        request = _request(app, self.data.get("path", self.url))
        given = {"request": request, **NOTHING_KNOWN}
        values = data.with_forms(self.data)
        if changed := values.get("settings"):
            values["settings"] = replace(app.state.settings, **changed)
        if told := values.pop("identification", None):
            identification = Identification(**told)
            asking = _request(app, request.url.path, identification.user_agent)
            values["view"] = identification.view(asking)
        return {**given, **values}


@dataclass(frozen=True)
class DocumentState(State):
    """A file that is handed over: like a mail it brings its own style, and has no inside."""

    @property
    def is_mail(self) -> bool:
        return True


@dataclass(frozen=True)
class FrameState(State):
    """What stands in a frame of a page: it brings its own head, and has no inside."""


@dataclass(frozen=True)
class PartState(State):
    """What htmx puts into a page that stands already: here it stands on an empty one."""

    def _render(self, app: Starlette, partial: bool) -> str:
        given = {**self.context(app), "title": self.title}
        source = f'{{% set html %}}{{% include "{self.template}" %}}{{% endset %}}'
        module = _templates(app).from_string(source).make_module({**given, "partial": True})
        html = vars(module)["html"]
        return _templates(app).get_template(_FRAMES["page"]).render({**given, "html": html})


@dataclass(frozen=True)
class MacroState(State):
    """A macro of templates/components/, called with these parameters, on an empty page."""

    macro: str
    frame: str

    @property
    def is_mail(self) -> bool:
        return self.frame == _FRAMES["mail"]

    def _render(self, app: Starlette, partial: bool) -> str:
        context = self.context(app)
        around = {name: context.get(name, "") for name in ("before", "caller", "after")}
        parameters = {name: context[name] for name in self.data if name not in around}
        call = f"{self.macro}(**parameters)"
        if caller := around["caller"]:
            called = f"{{% call {call} %}}{caller}{{% endcall %}}"
        else:
            called = f"{{{{ {call} }}}}"
        source = (
            f'{{% from "{self.template}" import {self.macro} with context %}}'
            f"{{% set html %}}{around['before']}{called}{around['after']}{{% endset %}}"
        )
        given = {**context, "title": self.title, "parameters": parameters}
        module = _templates(app).from_string(source).make_module(given)
        html = vars(module)["html"]
        return _templates(app).get_template(self.frame).render({**given, "html": html})


@dataclass(frozen=True)
class MailState(State):
    """A mail as `web.mail` composes it from this data: its HTML, or a page with its text."""

    subtype: str

    @property
    def is_mail(self) -> bool:
        return self.subtype == "html"

    def message(self, app: Starlette) -> EmailMessage:
        """The whole mail. Raises StateError."""
        try:
            message: EmailMessage = app.state.composer.compose(self._mail())
        except KeyError as error:
            raise StateError(
                f"{_relative(self.file)}: {error} is missing in {self.name}"
            ) from error
        return message

    def _mail(self) -> OutgoingMail:
        written = {name: _written(value) for name, value in self.data.items() if name != "to"}
        return OutgoingMail(
            kind=written.pop("kind", self.name.split("/")[1]),
            to=self.data["to"],
            message_id="gallery",
            created_at=_WRITTEN_AT,
            data_encrypted=keys.encrypt("mail", json.dumps(written), "gallery"),
        )

    def _render(self, app: Starlette, partial: bool) -> str:
        message = self.message(app)
        part = message.get_body((self.subtype,))
        text: str = part.get_content() if part else ""
        if self.subtype == "html":
            return text
        context = {**self.context(app), "message": message, "text": text}
        return _templates(app).get_template(_TEXT).render(context)


_KINDS = {"document": DocumentState, "frame": FrameState, "part": PartState}


def states() -> list[State]:
    """All of them, flow by flow as a customer meets them."""
    flows, pages = list(data.shared()["flows"]), data.shared()["order"]
    changed = data.SHARED.stat().st_mtime_ns
    found = [
        state
        for path in data.files()
        for state in _states_in(path, path.stat().st_mtime_ns, changed)
    ]
    return sorted(found, key=lambda s: (_place(s.flow, flows), _place(s.page, pages)))


@cache
def _states_in(path: Path, _changed: int, _shared_changed: int) -> list[State]:
    """Read again only when its file, or the shared one, has been saved: QR codes take time."""
    return list(_read(path))


def _read(path: Path) -> Iterator[State]:
    name = path.relative_to(data.TEMPLATES).as_posix().removesuffix(data.SUFFIX)
    tables = data.tables(path)
    default = tables.pop("default", {})
    frame = tables.pop("frame", "page")
    for key, table in tables.items():
        data.check(table, f"[{key}]", path)
        data.check_name(key, path)
        if name.startswith("components/"):
            yield from _macro(name, key, path, _FRAMES[frame], table)
        elif kind := _KINDS.get(frame):
            values = data.merged(default, table)
            title = data.take_title(values, f"{name}/{key}", path)
            yield kind(f"{name}/{key}", title, f"{name}.html", path, values)
        else:
            yield from _page_or_mail(name, key, path, data.merged(default, table))


def _macro(name: str, macro: str, path: Path, frame: str, cases: Table) -> Iterator[State]:
    for case, table in cases.items():
        data.check(table, f"[{macro}.{case}]", path)
        data.check_name(case, path)
        values = dict(table)
        title = f"{macro}: {data.take_title(values, f'[{macro}.{case}]', path)}"
        yield MacroState(
            f"{name}/{macro}-{case}", title, f"{name}.html", path, values, macro=macro, frame=frame
        )


def _page_or_mail(name: str, key: str, path: Path, values: Table) -> Iterator[State]:
    title, full = data.take_title(values, f"[{key}]", path), f"{name}/{key}"
    if not name.startswith("mail/"):
        yield State(full, title, f"{name}.html", path, values)
        return
    yield MailState(full, title, f"{name}.html", path, values, subtype="html")
    text = f"{title} (text)"
    yield MailState(f"{full}-text", text, f"{name}.txt", path, values, subtype="plain")


def _place(name: str, order: list[str]) -> int:
    return order.index(name) if name in order else len(order)


def _templates(app: Starlette) -> Environment:
    templates: Environment = app.state.templates
    return templates


def _request(app: Starlette, path: str, user_agent: str = "") -> Request:
    """The request that the page would answer, for the links of its layout."""
    host = app.state.settings.netloc
    headers = [(b"host", host.encode()), (b"user-agent", user_agent.encode())]
    scope = {"type": "http", "app": app, "method": "GET", "path": path, "headers": headers}
    return Request({**scope, "scheme": "http", "query_string": b""})


def _written(value: object) -> str:
    """As `OutgoingMail.write` keeps it."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _where(trace: TracebackType | None) -> str:
    """The template and the line that asked for what is not there."""
    for frame in reversed(traceback.extract_tb(trace)):
        if frame.filename.startswith(str(data.TEMPLATES)):
            return f"{_relative(Path(frame.filename))}:{frame.lineno}"
        if frame.filename == "<template>":
            return "the call of the macro"
    return "?"


def _relative(path: Path) -> Path:
    return path.relative_to(data.TEMPLATES.parent)
