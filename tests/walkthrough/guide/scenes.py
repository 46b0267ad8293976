"""Looks on while a flow is walked, and keeps one scene of each page: sentences and a picture."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from markupsafe import Markup, escape
from PIL import Image
from playwright.sync_api import Locator, Page

from tests.e2e import inspection
from tests.walkthrough.controls import Control
from tests.walkthrough.guide import pictures
from tests.walkthrough.guide.pictures import Box
from tests.walkthrough.step import Step

# What belongs together with a control, and is shown with it: the innermost of these around it.
_FRAMES = ("card", "menu", "menu-button", "header", "column")
# What is of use to whoever scans or types it must not be so in print.
_EXAMPLES = ".qr, .key, .recovery-codes"
_MARGIN = 20  # pixels of the page around what is shown
_SIZE = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"


@dataclass(frozen=True)
class Action:
    """One numbered sentence: what to do on the page."""

    number: int
    text: str
    note: str
    control: Control | None
    locator: Locator | None

    @property
    def html(self) -> Markup:
        return _bold_html(self.text)

    @property
    def note_html(self) -> Markup:
        return _bold_html(self.note)


@dataclass(frozen=True)
class Picture:
    """A screenshot and where on it the things are; drawn when it is known to be the last one."""

    name: str
    alt: str
    screenshot: bytes
    show: Box
    marks: list[tuple[int, Box]]
    examples: list[Box]

    @property
    def width(self) -> int:
        return round(self.show.width)

    @property
    def height(self) -> int:
        return round(self.show.height)

    def draw(self) -> Image.Image:
        return pictures.picture(self.screenshot, self.show, self.marks, self.examples)


@dataclass
class Scene:
    """One page of the portal, with what one does on it."""

    id: str
    path: str
    heading: str
    actions: list[Action] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    alt: str = ""
    picture: Picture = field(init=False)

    @property
    def is_over(self) -> bool:
        """Something that was marked is gone: the same page, but no longer the same picture."""
        return not all(a.locator.is_visible() for a in self.actions if a.locator)


@dataclass
class Chapter:
    """A flow, as the instruction tells it."""

    name: str
    title: str
    scenes: list[Scene] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"kapitel-{self.name}"


class Recorder:
    """Told of each step before it is done. The numbers go on from chapter to chapter."""

    def __init__(self) -> None:
        self.chapters: list[Chapter] = []
        self._number = 0

    def begin(self, name: str, title: str) -> None:
        self.chapters.append(Chapter(name, title))

    def before(self, step: Step, page: Page) -> None:
        if not step.guide:
            return
        scene = self._scene(page)
        self._number += 1
        scene.actions.append(
            Action(self._number, step.sentence, step.note, step.control, step.locator)
        )
        scene.shown += [step.show] if step.show else []
        scene.alt = step.alt or scene.alt
        # After these one is still on the page, and the picture shall show what was filled in.
        if step.action not in ("fill", "check", "scan"):
            scene.picture = _picture(page, scene)

    def after(self, step: Step, page: Page) -> None:
        """Nothing to note: the picture shows what is to be done."""

    def _scene(self, page: Page) -> Scene:
        """The page that one is still on, or a new one."""
        chapter = self.chapters[-1]
        path, heading = urlsplit(page.url).path, _heading(page)
        last = chapter.scenes[-1] if chapter.scenes else None
        if last is None or (last.path, last.heading) != (path, heading) or last.is_over:
            last = Scene(f"{chapter.id}-{len(chapter.scenes) + 1}", path, heading)
            chapter.scenes.append(last)
        return last


def _heading(page: Page) -> str:
    """What the page is called, as the instruction says it: 'Steg 2. Ange kontouppgifter'."""
    if urlsplit(page.url).path == "/":
        return "Startsidan"
    title = page.title().removesuffix(" – MinaSidor").removeprefix("Fel: ")
    return re.sub(r"^Steg (\d) av \d: ", r"Steg \1. ", title)


def _picture(page: Page, scene: Scene) -> Picture:
    """The page as it is now; of the pictures of a scene, the last one stays."""
    page.evaluate("document.activeElement?.blur()")  # its ring could be taken for a mark
    inspection.rest(page)
    show = _around(page, scene).grown(_MARGIN).within(Box(0, 0, *page.evaluate(_SIZE))).whole()
    examples = [box for box in _boxes(page.locator(_EXAMPLES)) if box.within(show) == box]
    return Picture(
        name=f"{scene.actions[0].number:02}.png",
        alt=_alt(scene, bool(examples)),
        # The caret stays: hiding it would break the Content-Security-Policy.
        screenshot=page.screenshot(full_page=True, caret="initial"),
        show=show,
        marks=[(a.number, Box.of(a.locator)) for a in scene.actions if a.locator],
        examples=examples,
    )


def _around(page: Page, scene: Scene) -> Box:
    """What the picture shows: what the steps say, else their controls' frames with the heading."""
    controls = [action.locator for action in scene.actions if action.locator]
    parts = [page.locator(selector) for selector in scene.shown]
    if not parts:
        parts = [_frame(control) for control in controls]
        if not page.locator(".menu:popover-open").count():
            parts.append(page.get_by_role("heading", level=1))
    first, *others = [box for part in (*parts, *controls) for box in _boxes(part)]
    for other in others:
        first = first.and_also(other)
    return first


def _frame(control: Locator) -> Locator:
    names = " or ".join(f"contains(concat(' ', @class, ' '), ' {name} ')" for name in _FRAMES)
    frame = control.locator(f"xpath=ancestor-or-self::*[{names}][1]")
    return frame if frame.count() else control


def _boxes(locator: Locator) -> list[Box]:
    return [Box.of(found) for found in locator.all() if found.is_visible()]


def _alt(scene: Scene, with_examples: bool) -> str:
    """The picture in words, for those who do not see it."""
    marked = [f"{a.number} {a.control.swedish}" for a in scene.actions if a.control]
    words = scene.alt or f"Sidan ”{scene.heading}”."
    if marked and not scene.alt:
        words += f" Markerat i bilden: {', '.join(marked)}."
    if with_examples:
        words += " Koderna är täckta med ordet Exempel, för du får egna."
    return words


def _bold_html(text: str) -> Markup:
    return Markup(  # noqa: S704 - escaped before
        re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", str(escape(text)))
    )
