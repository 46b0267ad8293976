"""Hämta mina uppgifter: all that is held about the user, to read and for other programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jinja2 import Template
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from models import Event, User, clock, export
from models.event import Happened
from web import guards
from web.downloads import download, turn
from web.events import SENTENCES, sentence
from web.export_words import LABELS, TITLES, in_words
from web.forms import Form, text
from web.pages import Page
from web.rendering import SeeOther, redirect, render

_OPEN_FOR = timedelta(minutes=10)  # after it was asked for
_ROUTES = {"html": "export:document", "json": "export:data"}


@dataclass
class ExportForm(Form):
    format: str = text(10)

    def validate(self) -> None:
        if self.format not in _ROUTES:
            self.error = "Välj vilken av filerna du vill ladda ner."


class Export(Page):
    """What there is to be had, and the two buttons."""

    async def get(self, request: Request) -> Response:
        guards.recently_confirmed(request)
        return self._page(request, ExportForm())

    async def post(self, request: Request) -> Response:
        identity = guards.recently_confirmed(request)
        form = await ExportForm.read(request)
        if not form.is_valid():
            return self._page(request, form, 422)
        await Event.record("data.exported", user_id=identity.user.id, format=form.format)
        return redirect(request, _ROUTES[form.format])

    def _page(self, request: Request, form: ExportForm, status_code: int = 200) -> Response:
        return render(request, "export/export.html", {"form": form}, status_code, secret=True)


class Document(Page):
    """To read and to print: one file, which needs nothing from here."""

    async def get(self, request: Request) -> Response:
        template = request.app.state.templates.get_template("export/document.html")
        async with turn():
            user, found = await _asked_for(request)
            # In a thread: of years of events it takes a while, and others have pages to get.
            html = await run_in_threadpool(_html, template, user, found)
        return download(html, "minasidor-mina-uppgifter.html", "text/html")


class Data(Page):
    """For other programs (GDPR, article 20)."""

    async def get(self, request: Request) -> Response:
        async with turn():
            _, found = await _asked_for(request)
            everything = {"exported_at": clock.now(), **found, "user": found["user"][0]}
            content = await run_in_threadpool(_json, everything)
        return download(content, "minasidor-mina-uppgifter.json", "application/json")


async def _asked_for(request: Request) -> tuple[User, dict[str, export.Rows]]:
    """Everything, for whoever has just pressed the button: so no download goes unrecorded."""
    user_id = guards.recently_confirmed(request).user.id
    since = clock.now() - _OPEN_FOR
    if not await Event.exists(user_id=user_id, kind="data.exported", at__gt=since):
        raise SeeOther("export")
    user = await User.get(id=user_id)
    return user, await export.everything(user)


def _html(template: Template, user: User, found: dict[str, export.Rows]) -> str:
    context = {"name": user.name, "at": clock.now(), "sections": _sections(found)}
    return template.render(context)


def _json(everything: dict[str, Any]) -> str:
    return json.dumps(everything, ensure_ascii=False, indent=2, default=datetime.isoformat)


@dataclass(frozen=True)
class Section:
    """One table of the document."""

    title: str
    labels: list[str]
    rows: list[list[str]]


def _sections(found: dict[str, export.Rows]) -> list[Section]:
    return [
        _events(rows) if name == "events" else _section(name, rows) for name, rows in found.items()
    ]


def _section(name: str, rows: export.Rows) -> Section:
    part = export.PARTS[name]
    columns = [column.replace("__", "_") for column in (*part.columns, *part.decrypted)]
    cells = [[in_words(column, row[column]) for column in columns] for row in rows]
    return Section(TITLES[name], [LABELS[column] for column in columns], cells)


def _events(rows: export.Rows) -> Section:
    cells = []
    for happened in (Happened(**row) for row in rows):
        what = sentence(happened) if happened.kind in SENTENCES else happened.kind
        cells.append([in_words("at", happened.at), what, in_words("address", happened.address)])
    return Section(TITLES["events"], [LABELS["at"], "Vad", LABELS["address"]], cells)
