"""How a state is looked at: how wide, in which colours, with JavaScript or without."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from web import styles
from web.rendering import static
from web.settings import ROOT

_STYLES = (ROOT / "static" / "css").resolve()


@dataclass(frozen=True)
class Choice:
    """One thing to choose. The first value counts where the URL says nothing."""

    parameter: str
    label: str
    values: dict[str, str]

    @property
    def usual(self) -> str:
        return next(iter(self.values))


WIDTH = Choice("bredd", "Bredd", {w: w for w in ("1280", "768", "390", "320")})
THEME = Choice("tema", "Färger", {"ljust": "Ljust", "morkt": "Mörkt", "tvingade": "Tvingade"})
JAVASCRIPT = Choice("javascript", "JavaScript", {"pa": "På", "av": "Av"})


@dataclass(frozen=True)
class Option:
    """A link that changes one choice and keeps the others."""

    text: str
    query: str
    is_chosen: bool


class Look:
    """What was chosen. All of it stands in the URL, so that it can be sent to somebody."""

    choices = (WIDTH, THEME, JAVASCRIPT)

    def __init__(self, asked: Mapping[str, str]) -> None:
        self.chosen = {
            c.parameter: v if (v := asked.get(c.parameter, "")) in c.values else c.usual
            for c in self.choices
        }

    def __getitem__(self, parameter: str) -> str:
        return self.chosen[parameter]

    @property
    def query(self) -> str:
        return self.query_with({})

    def query_with(self, changes: Mapping[str, str]) -> str:
        """The choices as a URL has them, short: without what counts anyway."""
        chosen = {**self.chosen, **changes}
        told = {c.parameter: chosen[c.parameter] for c in self.choices}
        return urlencode({n: v for n, v in told.items() if v != _usual(n)})

    def options(self, choice: Choice) -> list[Option]:
        name = choice.parameter
        return [
            Option(words, self.query_with({name: value}), value == self[name])
            for value, words in choice.values.items()
        ]


def themed(html: str, theme: str, forced_styles: str) -> str:
    """The same page in colours that the browser did not ask for.

    `forced_styles`: where `forced` is served.
    """
    if theme == "tvingade":
        sheet = f'<link rel="stylesheet" href="{static("development/forced-colors.css")}">'
        html = html.replace('href="/static/css/', f'href="{forced_styles}')
        return html.replace("</head>", f"{sheet}\n</head>", 1)
    dark = theme == "morkt"
    html = html.replace("<html ", f'<html data-theme="{"dark" if dark else "light"}" ', 1)
    # A mail knows no data-theme: it asks the system, so the question is changed.
    media = "all" if dark else "not all"
    return html.replace("@media (prefers-color-scheme: dark)", f"@media {media}")


def without_scripts(html: str) -> str:
    return re.sub(r"<script\b[^>]*></script>", "", html)


def still(html: str) -> str:
    """The page as it is now: it neither asks for what comes next nor loads itself."""
    html = html.replace('hx-trigger="every 1s"', 'hx-trigger="none"')
    return re.sub(r'<meta http-equiv="refresh"[^>]*>', "", html)


def forced(path: str) -> str | None:
    """A style sheet of the portal, with what it says of forced colours always on.

    No page can force its colours, so this imitates it; the browser tests use the real thing.
    """
    css = styles.joined() if path == "portal.css" else _one_by_itself(path)
    return css and css.replace("(forced-colors: active)", "all")


def _one_by_itself(path: str) -> str | None:
    file = (_STYLES / path).resolve()
    if not file.is_relative_to(_STYLES) or file.suffix != ".css" or not file.is_file():
        return None
    return file.read_text()


def _usual(parameter: str) -> str:
    return next(c.usual for c in Look.choices if c.parameter == parameter)
