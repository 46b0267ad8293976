"""No style sheet holds a rule for what no page has: each selector matches in some gallery state."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.unit.conftest import settings
from tests.unit.stylesheets import ROOT, rules
from web.app import create_app
from web.development import gallery

# What no template writes, and the file that sets it; the rest of the selector must match still.
SET_ELSEWHERE = {
    ".htmx-request": "static/vendor/htmx-4.0.1.min.js",
    '[aria-selected="true"]': "static/js/app.js",
    '[data-theme="dark"]': "docs/design.md",  # by whoever wants it
}
_PSEUDO_ELEMENT = re.compile(r"::[\w-]+")
_PASSING = re.compile(r":(?:hover|focus-visible|focus|active|popover-open)\b")
_CHOICE = re.compile(r":(?:is|where)\(([^()]*)\)")
_ANY = ":nth-child(n)"
# Takes the selectors that match in this page out of those that are still looked for.
_MATCH = """([selectors, html]) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    return selectors.filter((selector) => page.querySelector(selector));
}"""


def pages() -> Iterator[str]:
    """The HTML of every state, whole and as htmx gets it. Mails carry styles of their own."""
    app = create_app(settings(env="development", demo=True, base_url="http://localhost"))
    for partial in (False, True):
        for state in gallery.states():
            styled = re.fullmatch(r"mail/.*\.html", state.template)
            if not styled and (state.has_partial or not partial):
                yield state.render(app, partial=partial)


def test_every_selector_matches_something(browser: Browser) -> None:
    wanted = {
        simple: f"{rule.place}: {choice}"
        for rule in rules()
        for choice in choices(rule.selector)
        for simple in [without_passing_states(choice)]
    }
    page = browser.new_page()
    for html in pages():
        for found in page.evaluate(_MATCH, [list(wanted), html]):
            del wanted[found]
        if not wanted:
            break
    page.close()
    assert not wanted, "\n".join(["nothing matches these:", *wanted.values()])


@pytest.mark.parametrize(("selector", "file"), SET_ELSEWHERE.items())
def test_what_others_are_said_to_set_they_set(selector: str, file: str) -> None:
    name = re.sub(r"^[.\[]|=.*|\]$", "", selector)
    assert name in (ROOT / file).read_text()


def test_selectors_are_taken_to_pieces() -> None:
    assert list(choices(".a :is(.b, #c):hover > p, .d::before")) == [
        ".a .b:hover > p",
        ".a #c:hover > p",
        ".d::before",
    ]
    assert without_passing_states(".a:hover > p::marker") == f".a{_ANY} > p{_ANY}"


def choices(selector: str) -> Iterator[str]:
    """One by one what stands between commas, also those inside :is()."""
    for part in re.split(r",(?![^()]*\))", selector):
        if within := _CHOICE.search(part):
            for choice in within[1].split(","):
                yield from choices(part.replace(within[0], choice.strip(), 1))
        else:
            yield part.strip()


def without_passing_states(selector: str) -> str:
    """With anything at all in place of what a page has only at times."""
    for part in SET_ELSEWHERE:
        selector = selector.replace(part, _ANY)
    return _PASSING.sub(_ANY, _PSEUDO_ELEMENT.sub(_ANY, selector))
