"""The report: one page that opens from the disk, without a network, and its JSON twin."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from pathlib import Path

from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tests.walkthrough.recording import FlowSeen, Recording
from web.settings import ROOT

_TEMPLATES = Path(__file__).parent / "templates"
_FONT = ROOT / "static" / "fonts" / "figtree-5.3.0.woff2"
_ACTIONS = {
    "click": "Klickar på",
    "fill": "Skriver i",
    "check": "Kryssar i",
    "scan": "Läser av",
    "look": "Tittar på",
}
_CHANGES = {
    "same": "Ser ut som förra gången",
    "changed": "Ser annorlunda ut",
    "new": "Fanns inte förra gången",
    "other_browser": "Jämförs inte: webbläsaren, typsnitten eller servern har bytts ut",
    "": "Jämförs inte: bara en del av flödet gicks igenom",
}


def write(recording: Recording, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    recording.write(folder / "genomgang.json")
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"bold": bold, "decimal": decimal}
    path = folder / "index.html"
    path.write_text(
        environment.get_template("report.html").render(
            recording=recording,
            names=_by_name(recording),
            devices=list({flow.device: flow.device_label for flow in recording.flows}.items()),
            faults=[(flow, *found) for flow in recording.flows for found in flow.faults],
            changed=[
                (flow, step)
                for flow in recording.flows
                for step in flow.steps
                if step.change == "changed"
            ],
            started=format_datetime(
                datetime.fromisoformat(recording.started), "d MMMM y 'kl.' HH.mm", locale="sv"
            ),
            font=base64.b64encode(_FONT.read_bytes()).decode(),
            actions=_ACTIONS,
            changes=_CHANGES,
        )
    )
    return path


def bold(sentence: str) -> Markup:
    """**So** marked words as strong."""
    strong = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", str(escape(sentence)))
    return Markup(strong)  # noqa: S704 - escaped above


def decimal(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".").replace(".", ",")


def _by_name(recording: Recording) -> dict[str, dict[str, FlowSeen]]:
    names: dict[str, dict[str, FlowSeen]] = {}
    for flow in recording.flows:
        names.setdefault(flow.name, {})[flow.device] = flow
    return names
