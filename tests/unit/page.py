"""A response as a customer meets it, linted for what every page must have."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import httpx2


class Page:
    """Every page that any test fetches goes through here, so that none escapes the lint."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.path = response.url.path
        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        self.tree: Any = parser.parse(response.text)
        self._lint()

    def texts(self, xpath: str) -> list[str]:
        return [text(element) for element in self.tree.findall(f".//{xpath}")]

    @property
    def title(self) -> str:
        return self.texts("title")[0]

    @property
    def heading(self) -> str:
        """The h1 without its 'Steg 2 av 4' eyebrow."""
        heading = self.tree.find(".//h1")
        eyebrow = heading.find("span[@class='eyebrow']")
        return text(heading).removeprefix(text(eyebrow) if eyebrow is not None else "").strip()

    @property
    def alert(self) -> str:
        """What the error summary says."""
        return " ".join(self.texts("*[@role='alert']"))

    @property
    def text(self) -> str:
        return text(self.tree.find(".//main"))

    @property
    def buttons(self) -> list[str]:
        return self.texts("button")

    @property
    def links(self) -> dict[str, str]:
        return {text(a): a.get("href") for a in self.tree.findall(".//a")}

    def field(self, name: str) -> Element:
        found = self.tree.find(f".//input[@name='{name}']")
        assert found is not None, f"there is no field {name}"
        element: Element = found
        return element

    def value(self, name: str) -> str | None:
        return self.field(name).get("value")

    def has_field(self, name: str) -> bool:
        return self.tree.find(f".//input[@name='{name}']") is not None

    def _lint(self) -> None:
        elements = list(self.tree.iter())
        ids = [element.get("id") for element in elements if element.get("id")]
        labelled = {label.get("for") for label in self.tree.iter("label")}
        fields = [e for e in self.tree.iter("input") if e.get("type") not in ("hidden", "submit")]

        assert len(self.texts("h1")) == 1, "a page has one h1"
        assert self.title.endswith(" – MinaSidor"), f"a page has a title: {self.title}"
        assert self.tree.get("lang") == "sv", "a page says its language"
        assert len(ids) == len(set(ids)), f"an id stands once: {ids}"
        for field in fields:
            named = field.get("id") in labelled or field.get("aria-label")
            assert named, f"every field has a label: {field.attrib}"
        for form in self.tree.iter("form"):
            assert form.get("action", "").startswith("/"), "a form has an action"
        for element in elements:
            assert "style" not in element.attrib, "no inline style"
            assert not any(name.startswith(("on", "hx-on")) for name in element.attrib), (
                "no inline script"
            )
            for name in ("aria-describedby", "aria-labelledby", "aria-controls"):
                for reference in (element.get(name) or "").split():
                    assert reference in ids, f"{name} leads nowhere: {reference}"


def text(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())
