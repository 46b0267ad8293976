"""From the recorded scenes to the instruction: one HTML file with its pictures, and the PDF."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pypdf
from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from playwright.sync_api import Browser

from models import clock
from tests.walkthrough.guide.scenes import Chapter
from web.rendering import STOCKHOLM
from web.settings import LOOPBACK, ROOT, Settings

TITLE = "Så här loggar du in på MinaSidor och MittPreZero första gången"
PDF = "sa-har-loggar-du-in.pdf"
# What stays in one piece, hyphen and space and all: only in text, that is, not inside a tag.
_UNBROKEN = re.compile(r"(?:\b[Ee]-post\w*|\bQR-kod\w*|\b\d{3} \d{2}\b)(?=[^<>]*<)")
_TEMPLATES = Path(__file__).parents[1] / "templates"


@dataclass(frozen=True)
class Written:
    """What has been written, and where."""

    chapters: Sequence[Chapter]
    index: Path
    pdf: Path
    pages: int
    address: str


def write(
    folder: Path, chapters: Sequence[Chapter], settings: Settings, browser: Browser
) -> Written:
    """Write the page, print it, and print it again with the page numbers that are now known."""
    pictures = folder / "bilder"
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.png"):
        old.unlink()
    for chapter in chapters:
        for scene in chapter.scenes:
            scene.picture.draw().save(pictures / scene.picture.name)
    index, pdf = folder / "index.html", folder / PDF
    index.write_text(_html(chapters, settings, {}), encoding="utf-8")
    _print(browser, index, pdf)
    index.write_text(_html(chapters, settings, _pages_of(pdf)), encoding="utf-8")
    _print(browser, index, pdf)
    return Written(chapters, index, pdf, len(pypdf.PdfReader(pdf).pages), _address(settings))


def _html(chapters: Sequence[Chapter], settings: Settings, pages: Mapping[str, int]) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["css_string"] = _css_string
    environment.globals["settings"] = settings

    def page_number(title: str) -> Markup:
        number = pages.get(title)
        return Markup('<span class="page-number">{}</span>').format(number) if number else Markup()

    foot = f"{settings.brand} · {settings.support_phone}, {settings.support_hours}"
    styles = environment.get_template("guide.css").render(foot=foot)
    html = environment.get_template("guide.html").render(
        title=TITLE,
        pdf=PDF,
        address=_address(settings),
        edition=format_date(clock.now().astimezone(STOCKHOLM), "MMMM y", locale="sv"),
        chapters=chapters,
        page_number=page_number,
        css=Markup(_tokens() + _styles_of_the_invoice() + styles),  # noqa: S704 - files of ours; the foot is escaped
        tiles=_svg("static/art/tiles.svg"),
        logo=_drawing("layouts/_header.html"),
        invoice=_drawing("claim/_help.html"),
    )
    return _UNBROKEN.sub(r'<span class="nowrap">\g<0></span>', html)


def _address(settings: Settings) -> str:
    """As one types it; empty when the settings know only this computer's own."""
    parts = urlsplit(settings.base_url)
    return "" if parts.hostname in LOOPBACK else parts.netloc


def _print(browser: Browser, index: Path, pdf: Path) -> None:
    page = browser.new_page(locale="sv-SE", color_scheme="light")
    try:
        page.goto(index.as_uri())
        page.evaluate("document.fonts.ready.then(() => true)")
        page.pdf(
            path=pdf, tagged=True, outline=True, prefer_css_page_size=True, print_background=True
        )
    finally:
        page.close()


def _pages_of(pdf: Path) -> dict[str, int]:
    """The page on which each heading stands, out of the bookmarks."""
    found: dict[str, int] = {}

    def read(items: list[object]) -> None:
        for item in items:
            if isinstance(item, list):
                read(item)
            elif isinstance(item, pypdf.generic.Destination):
                number = reader.get_destination_page_number(item)
                found.setdefault(str(item.title), (number or 0) + 1)

    reader = pypdf.PdfReader(pdf)
    read(list(reader.outline))
    return found


def _tokens() -> str:
    """The portal's own colours and fonts, with the fonts inside: the file needs no network."""

    def inside(match: re.Match[str]) -> str:
        font = base64.b64encode((ROOT / match[1]).read_bytes()).decode()
        return f'url("data:font/woff2;base64,{font}")'

    tokens = (ROOT / "static" / "css" / "tokens.css").read_text()
    return re.sub(r'url\("/(static/[^"]+\.woff2)"\)', inside, tokens)


def _styles_of_the_invoice() -> str:
    styles = (ROOT / "static" / "css" / "components" / "wizard.css").read_text()
    return "\n".join(re.findall(r"^ *(\.invoice__.*)$", styles, re.MULTILINE)) + "\n"


def _svg(path: str) -> Markup:
    text = (ROOT / path).read_text().strip()
    hidden = text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    return Markup(hidden)  # noqa: S704 - a file of ours


def _drawing(template: str) -> Markup:
    """The first drawing in a template of the portal: its mark, or the invoice of Steg 2."""
    found = re.search(r"<svg .*?</svg>", (ROOT / "templates" / template).read_text(), re.DOTALL)
    assert found, f"{template} has no drawing"
    return Markup(found[0])  # noqa: S704 - a template of ours


def _css_string(text: str) -> Markup:
    """A quoted string for a style sheet inside <style>."""
    escaped = re.sub(r'["\\<>&\n\r]', lambda match: f"\\{ord(match[0]):x} ", text)
    return Markup(f'"{escaped}"')  # noqa: S704 - just escaped
