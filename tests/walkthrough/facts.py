"""What a page says of itself, and what the rules for every page (R1-R4) say of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from tests.walkthrough import faults
from tests.walkthrough.faults import Fault

_SUFFIX = " – MinaSidor"
_SKIP = "Hoppa till innehållet"


@dataclass(frozen=True)
class Facts:
    url: str = ""
    path: str = ""
    title: str = ""
    language: str = ""
    headings: tuple[str, ...] = ()  # the h1s; there must be one
    focus: str = ""
    missing: tuple[str, ...] = ()  # landmarks
    first_link: str = ""
    main_focusable: bool = False
    summary: str = ""  # the error summary's heading
    unmarked: tuple[str, ...] = ()  # sentences of the summary that no field repeats
    document: float = 0.0

    @property
    def heading(self) -> str:
        return self.headings[0] if self.headings else ""


def of(page: Page) -> Facts:
    read: dict[str, Any] = page.evaluate(_READ)
    listed = {name: tuple(value) for name, value in read.items() if isinstance(value, list)}
    return Facts(**{**read, **listed})


def of_the_frame(seen: Facts) -> list[Fault]:
    """R1."""
    found = []
    if seen.language != "sv":
        found.append(
            faults.frame(
                f"the page's language is {seen.language!r} and should be 'sv'",
                f"Sidans språk är ”{seen.language}” men ska vara ”sv”.",
            )
        )
    if len(seen.headings) != 1:
        count = len(seen.headings)
        found.append(
            faults.frame(f"{count} h1 on the page, not one", f"Sidan har {count} h1, inte en.")
        )
    for tag in seen.missing:
        found.append(faults.frame(f"there is no {tag}", f"Sidan saknar {tag}."))
    if seen.first_link != _SKIP:
        found.append(
            faults.frame(
                f"the first link is {seen.first_link!r} and should be {_SKIP!r}",
                f"Den första länken är ”{seen.first_link}” men ska vara ”{_SKIP}”.",
            )
        )
    if not seen.main_focusable:
        found.append(
            faults.frame("main has no tabindex=-1", "main kan inte få fokus (tabindex=-1).")
        )
    return found


def of_the_title(seen: Facts, wanted: str, refused: bool) -> list[Fault]:
    """R2. Without a `wanted` the title must be a part of the h1."""
    before = "Fel: " if refused else ""
    if wanted:
        right = seen.title == f"{before}{wanted}{_SUFFIX}"
    else:
        part = seen.title.removeprefix(before).removesuffix(_SUFFIX)
        right = bool(part) and part in seen.heading and seen.title.endswith(_SUFFIX)
    title = f"{before}{wanted or seen.heading}{_SUFFIX}"
    return [] if right else [faults.wrong_title(title, seen.title)]


def of_the_summary(seen: Facts) -> list[Fault]:
    """R4: each sentence leads to a field that is marked as wrong and says the same."""
    return [
        faults.summary(
            f"the summary's {sentence!r} leads to no field that is marked and says so",
            f"Sammanfattningens ”{sentence}” leder inte till ett fält som är märkt och säger så.",
        )
        for sentence in seen.unmarked
    ]


def of_the_words(page: Page, bold: Sequence[str]) -> list[Fault]:
    """The instruction's bold words stand on the page, as the customer sees it."""
    if not bold:
        return []
    shown = str(page.evaluate(_SHOWN))
    return [faults.no_words(words) for words in bold if words not in shown]


_READ = """() => {
    const text = (e) => (e?.textContent ?? "").replace(/\\s+/g, " ").trim();
    const all = (selector, within = document) => [...within.querySelectorAll(selector)];
    const active = document.activeElement ?? document.body ?? document.documentElement;
    if (!active) return {};  // the next page has only just begun to come
    const name = active.getAttribute("aria-label")
        || (active.labels?.length ? text(active.labels[0]) : "")
        || (/^(A|BUTTON|H\\d)$/.test(active.tagName) ? text(active) : "");
    const mark = active.className && !active.id ? `.${active.classList[0]}` : "";
    const says = (link) => {
        const field = document.getElementById(link.hash.slice(1));
        const by = (field?.getAttribute("aria-describedby") ?? "").split(/\\s+/);
        return field?.getAttribute("aria-invalid") === "true"
            && by.some((id) => text(document.getElementById(id)).includes(text(link)));
    };
    const summary = document.querySelector(".error-summary");
    return {
        url: location.href,
        path: location.pathname + location.search,
        title: document.title,
        language: document.documentElement.lang,
        headings: all("h1").map(text),
        focus: active.tagName.toLowerCase() + (active.id ? `#${active.id}` : mark)
            + (name ? ` ”${name}”` : ""),
        missing: ["header", "nav", "main", "footer"].filter((tag) => !document.querySelector(tag)),
        first_link: text(document.querySelector("a[href]")),
        main_focusable: document.querySelector("main")?.getAttribute("tabindex") === "-1",
        summary: summary ? text(summary.querySelector("h2")) || text(summary) : "",
        unmarked: summary
            ? all("ul a[href^='#']", summary).filter((link) => !says(link)).map(text) : [],
        document: performance.timeOrigin,
    };
}"""

_SHOWN = """() => {
    const names = [...document.querySelectorAll("[aria-label], input, [alt]")]
        .filter((e) => e.checkVisibility())
        .map((e) => [e.getAttribute("aria-label"), e.alt].filter(Boolean).join(" "));
    return `${document.body.innerText} ${names.join(" ")}`.replace(/\\s+/g, " ");
}"""
