"""The things on a page that a step is about, found as a customer finds them: by their words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page

BANNER = "banner"
MAIN = "main"
MENU = "Din meny"
_WORDS = {  # in English, and in Swedish with its article; a place's name is a whole word
    "link": ("link", "länken"),
    "button": ("button", "knappen"),
    "tab": ("tab", "fliken"),
    "checkbox": ("checkbox", "kryssrutan"),
    "field": ("field labelled", "fältet med etiketten"),
    "place": ("place", ""),
}
_FIELDS = "input:not([type=hidden]), select, textarea"


@dataclass(frozen=True)
class Control:
    kind: str
    name: str
    within: str = ""
    starts: bool = False  # the name only begins so: what follows differs
    selector: str = ""

    @property
    def english(self) -> str:
        return f"{_WORDS[self.kind][0]} {self.name!r}"

    @property
    def swedish(self) -> str:
        word = _WORDS[self.kind][1]
        return f"{word} ”{self.name}”" if word else self.name

    def locator(self, page: Page, *, javascript: bool = True) -> Locator:
        around = self._around(page)
        if self.kind == "place":
            return around.locator(self.selector).first
        name = re.compile(f"^{re.escape(self.name)}") if self.starts else self.name
        if self.kind == "field":
            return around.get_by_label(name, exact=True).and_(around.locator(_FIELDS))
        if self.kind == "tab":
            choices = around.locator("[data-tabs]")
            return choices.get_by_role("tab" if javascript else "link", name=name, exact=True)
        role = {"link": "link", "button": "button", "checkbox": "checkbox"}[self.kind]
        return around.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]

    def others(self, page: Page) -> list[str]:
        """The names of what there is of its kind, for whoever wonders why it is not found."""
        if self.kind == "place":
            return []
        found = page.locator(_FIELDS) if self.kind == "field" else page.get_by_role(self.kind)  # type: ignore[arg-type]
        names = found.evaluate_all(_NAMES)
        return [name for name in names if name]

    def _around(self, page: Page) -> Locator:
        if self.within in (BANNER, MAIN):
            return page.get_by_role(self.within)  # type: ignore[arg-type]
        if self.within:
            return page.locator(f"[aria-label='{self.within}'], [aria-labelledby='{self.within}']")
        return page.locator("body")


def link(name: str, within: str = "", *, starts: bool = False) -> Control:
    return Control("link", name, within, starts)


def button(name: str, within: str = "", *, starts: bool = False) -> Control:
    return Control("button", name, within, starts)


def field(label: str, within: str = "") -> Control:
    return Control("field", label, within)


def checkbox(label: str, within: str = "") -> Control:
    return Control("checkbox", label, within)


def tab(name: str) -> Control:
    """One of the login box's: a tab with JavaScript, a link without."""
    return Control("tab", name)


def place(selector: str, name: str) -> Control:
    """What is looked at rather than used; the only thing that is found by its markup."""
    return Control("place", name, selector=selector)


_NAMES = """elements => elements.filter(e => e.checkVisibility()).map(e => {
    const said = e.labels?.length ? e.labels[0].textContent
        : e.getAttribute("aria-label") || e.textContent;
    return said.replace(/\\s+/g, " ").trim();
})"""
