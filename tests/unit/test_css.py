"""Nothing lies about unused: tokens, icons, static files, classes that no style sheet knows.

That each selector matches something is seen in a browser: tests/e2e/test_selectors.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import tinycss2  # type: ignore[import-untyped]
from jinja2 import Environment

from tests.unit.stylesheets import CSS, ROOT, named, rules, stylesheets
from web import styles
from web.styles import SHEETS

STATIC = ROOT / "static"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
MAIL = ROOT / "templates" / "layouts" / "mail.html"
CODE = sorted((ROOT / "web").rglob("*.py"))
# They lie beside what they are about, for people.
_FOR_PEOPLE = {"LICENSE.txt", "README.md"}
_CLASS = re.compile(r"\.(-?[a-z_][\w-]*)", re.IGNORECASE)
_DYNAMIC = "\N{REPLACEMENT CHARACTER}"


def test_every_token_is_used_and_every_one_used_exists() -> None:
    declarations = [declared for rule in rules() for declared in rule.declarations]
    values = " ".join(value for _, value in declarations)
    declared = {name for name, _ in declarations if name.startswith("--")}
    assert not declared - set(re.findall(r"var\((--[\w-]+)", values)), "nothing uses these"
    # A variable of a component may be left unset: then its default counts.
    needed = set(re.findall(r"var\((--[\w-]+)\s*\)", values))
    assert not needed - declared, "nobody sets these, and they have no default"


def test_every_style_sheet_is_one_of_the_joined_or_linked_by_its_page() -> None:
    names = {path.relative_to(CSS).with_suffix("").as_posix() for path in stylesheets()}
    alone = set(re.findall(r"static\('css/([\w/-]+)\.css'\)", _texts(*TEMPLATES)))
    assert len(set(SHEETS)) == len(SHEETS)
    assert not alone & set(SHEETS), "linked twice"
    assert alone | set(SHEETS) == names


def test_the_style_sheets_say_joined_what_they_say_one_by_one() -> None:
    """None leaves a block or a comment open, and none counts on where it stands."""
    each = [tinycss2.parse_stylesheet((CSS / f"{name}.css").read_text()) for name in SHEETS]
    joined = tinycss2.parse_stylesheet(styles.joined())
    assert [node.serialize() for node in joined] == [n.serialize() for one in each for n in one]
    for path in stylesheets():
        assert not re.search("@import|@charset", path.read_text()), "it counts at the beginning"
        addresses = re.findall(r"url\(\s*[\"']?([^\"')]*)", path.read_text())
        assert all(address.startswith("/static/") for address in addresses), named(path)


def test_every_icon_is_used() -> None:
    sources = _texts(*TEMPLATES, *CODE, *(ROOT / "templates").rglob("*.toml"))
    icons = {path.stem for path in (STATIC / "icons").glob("*.svg")}
    assert {name for name in icons if not re.search(rf"[\"']{name}[\"']", sources)} == set()


def test_every_static_file_is_asked_for() -> None:
    sources = _texts(*TEMPLATES, *CODE, *stylesheets(), *STATIC.rglob("*.js"))
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert {
        named(path)
        for path in files
        if path.parent.name != "icons"
        and path not in stylesheets()
        and path.name not in _FOR_PEOPLE
        and not path.name.endswith(("-OFL.txt", "-LICENSE.txt"))
        and path.name not in sources
    } == set()


def test_every_class_is_known_to_a_style_sheet() -> None:
    """A class that is misspelt in a template would do nothing, and nobody would say so."""
    known = {name for rule in rules() for name in _CLASS.findall(rule.selector)}
    # Mails carry their styles with them.
    (style,) = re.findall(r"<style>(.*)</style>", _texts(MAIL), re.DOTALL)
    known |= set(_CLASS.findall(style))
    unknown = {
        f"{named(path)}: {name}"
        for path in TEMPLATES
        if path.relative_to(ROOT).parts[1] != "development"
        for name in _classes(path)
        if name not in known
    }
    assert unknown == set()


def _classes(path: Path) -> set[str]:
    """Those that stand in the template as they are, not put together from values."""
    html = ""
    for _, kind, value in Environment().lex(path.read_text()):  # noqa: S701 - nothing is rendered
        if kind == "data":
            html += value
        elif kind == "variable_end":
            html += _DYNAMIC
        elif kind == "block_end":
            html += " "
    written = {name for found in re.findall(r'\bclass="([^"]*)"', html) for name in found.split()}
    return {name for name in written if _DYNAMIC not in name}


def _texts(*paths: Path) -> str:
    return "\n".join(path.read_text() for path in paths)
