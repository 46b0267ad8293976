"""What can be seen on any page: violations of WCAG 2.2 AA that axe finds, and sideways scroll."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Page

EVERYTHING = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
# In other colours and in a narrow window, nothing else can come out differently.
LOOKS = {"type": "rule", "values": ["color-contrast", "target-size"]}
_RUN = """only => axe
    .run({ runOnly: only, resultTypes: ["violations"] })
    .then(({ violations }) => violations.map(({ id, help, nodes }) =>
        [id, help, nodes.map(({ html }) => html.slice(0, 120))]))"""
_OVERFLOWS = """() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return "";
    const wide = [...document.querySelectorAll("body *")].filter(
        (element) => element.getBoundingClientRect().right > clientWidth + 1
    );
    return `${scrollWidth} px wide: ${wide.slice(-3).map((e) => e.outerHTML.slice(0, 80))}`;
}"""
# One that is replaced while it runs is cancelled, which counts as over; the new one has to end too.
_AT_REST = """async () => {
    const running = () => document.getAnimations().filter((a) => a.playState === "running");
    for (let found; (found = running()).length; )
        await Promise.allSettled(found.map((animation) => animation.finished));
}"""


@dataclass(frozen=True)
class Violation:
    rule: str
    help: str
    where: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.rule} ({self.help}): {list(self.where)}"


def rest(page: Page) -> None:
    """Wait until nothing on the page moves or fades."""
    page.evaluate(_AT_REST)


def violations(page: Page, only: dict[str, Any] = EVERYTHING) -> list[Violation]:
    """What axe finds, in the page's present width and colours. Needs JavaScript."""
    rest(page)  # half faded, a colour is none of the palette
    if not page.evaluate("!!window.axe?.run"):  # half a megabyte, which takes as long as axe does
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(_RUN, only)
    return [Violation(rule, help, tuple(where)) for rule, help, where in found]


def sideways(page: Page) -> str:
    """What sticks out to the right; empty when nothing does."""
    return str(page.evaluate(_OVERFLOWS))
