"""Looks at each step as QA would: picture, facts, axe, sideways scroll, console, requests."""

from __future__ import annotations

import hashlib
from pathlib import Path

from playwright.sync_api import BrowserContext, Error, Page, Request, ViewportSize

from tests.e2e import inspection
from tests.e2e.inspection import Violation
from tests.e2e.visitor import Visitor
from tests.walkthrough import facts, faults, pictures
from tests.walkthrough.pictures import Box
from tests.walkthrough.recording import Seen
from tests.walkthrough.step import Step

_NARROWEST: ViewportSize = {"width": 320, "height": 640}
_ABORTED = "net::ERR_ABORTED"  # the page was left before it had all it asked for


class Inspector:
    def __init__(self, visitor: Visitor, folder: Path) -> None:
        """`folder`: where the pictures go."""
        self.visitor, self.folder = visitor, folder
        self.seen: dict[Step, Seen] = {}
        self._failed: list[str] = []
        self._axe_of: dict[str, list[Violation]] = {}
        self._reader: Page | None = None
        visitor.context.on("requestfailed", self._request_failed)

    def before(self, step: Step, page: Page) -> None:
        seen = self.seen_of(step)
        self._collect(step)
        said = facts.of(page)
        seen.url, seen.path, seen.title, seen.focus = said.url, said.path, said.title, said.focus
        self._picture(step, seen, page)
        self._axe(step, seen, page)
        self._widths(step, seen, page)

    def after(self, step: Step, page: Page) -> None:
        self._collect(step)

    def finish(self, steps: list[Step]) -> list[Seen]:
        """What was seen of each step, with what came late."""
        if steps:
            self._collect(steps[-1])
        for step in steps:
            seen = self.seen_of(step)
            seen.milliseconds, seen.led_on = step.milliseconds, step.led_on
            seen.faults = step.faults
        return [self.seen_of(step) for step in steps]

    def seen_of(self, step: Step) -> Seen:
        control = step.control.swedish if step.control else ""
        return self.seen.setdefault(
            step, Seen(step.number, step.sentence, step.action, control, step.heading)
        )

    def picture_without_control(self, step: Step) -> None:
        """Of where the flow could not go on."""
        seen, page = self.seen_of(step), self.visitor.page
        try:
            said = facts.of(page)
            seen.url, seen.path, seen.title, seen.focus = (
                said.url,
                said.path,
                said.title,
                said.focus,
            )
            self._picture(step, seen, page)
        except Error:  # there may be no page left to take a picture of
            return

    def _picture(self, step: Step, seen: Seen, page: Page) -> None:
        picture = pictures.take(page)
        scale = float(page.evaluate("devicePixelRatio"))
        seen.width = round(picture.width / scale)
        seen.masks = [
            Box.of(found)
            for selector in step.mask
            for found in page.locator(selector).filter(visible=True).all()
        ]
        if step.locator:
            seen.box = Box.of(step.locator)
            picture = pictures.outlined(picture, seen.box, scale)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{step.number:02}.png"
        picture.save(path, optimize=False)
        seen.picture = f"{self.folder.parent.name}/{self.folder.name}/{path.name}"

    def _axe(self, step: Step, seen: Seen, page: Page) -> None:
        content = page.content()
        key = hashlib.sha256(content.encode()).hexdigest()  # typing alone changes nothing in it
        if key not in self._axe_of:
            self._axe_of[key] = (
                inspection.violations(page)
                if self.visitor.javascript
                else self._violations_without_javascript(page.url, content)
            )
            for violation in self._axe_of[key]:
                where = "; ".join(violation.where[:3])
                step.faults.append(faults.axe(violation.rule, violation.help, where))
        seen.axe = [str(violation) for violation in self._axe_of[key]]

    def _violations_without_javascript(self, url: str, content: str) -> list[Violation]:
        """axe is JavaScript itself: it reads a copy of the page without the page's own."""
        if not self._reader:
            options = {**self.visitor.way.options, "java_script_enabled": True}
            browser = self.visitor.context.browser
            assert browser
            self._reader = browser.new_context(**options).new_page()
            self._reader.route("**/*.js*", lambda route: route.abort())
        self._reader.route(url, lambda route: route.fulfill(body=content, content_type="text/html"))
        self._reader.goto(url)
        found = inspection.violations(self._reader)
        self._reader.unroute(url)
        return found

    def _widths(self, step: Step, seen: Seen, page: Page) -> None:
        usual = page.viewport_size
        assert usual
        focus = page.evaluate_handle("document.activeElement")
        for size in (usual, _NARROWEST):
            page.set_viewport_size(size)
            if wide := inspection.sideways(page):
                seen.overflow.append(f"{size['width']} px: {wide}")
                step.faults.append(faults.overflow(size["width"], wide))
        page.set_viewport_size(usual)
        # What is not shown on a narrow page loses its focus there.
        focus.evaluate("element => element === document.activeElement || element.focus()")

    def _collect(self, step: Step) -> None:
        """What was heard since the step before."""
        seen = self.seen_of(step)
        for text in self.visitor.take_problems():
            if text.startswith(("console: ", "script: ")):
                said = text.partition(": ")[2]
                seen.console.append(said)
                step.faults.append(faults.console(said))
            else:
                seen.requests.append(text)
                step.faults.append(faults.request(text))
        for text in self._failed:
            seen.requests.append(text)
            step.faults.append(faults.request(text))
        self._failed = []

    def _request_failed(self, request: Request) -> None:
        if request.failure != _ABORTED:
            self._failed.append(f"{request.method} {request.url}: {request.failure}")

    def leave(self) -> None:
        context: BrowserContext | None = self._reader.context if self._reader else None
        if context:
            context.close()
