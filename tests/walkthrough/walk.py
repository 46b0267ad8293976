"""Walking: a flow's sentences become clicks and keys, and whoever looks is told of each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import ElementHandle, Error, Locator, Page, expect

from tests.e2e import steps as customer
from tests.e2e.authenticator import Authenticator
from tests.e2e.people import Citizen, Customer, Person
from tests.e2e.phone import Phone
from tests.e2e.visitor import Visitor
from tests.walkthrough import facts, faults
from tests.walkthrough.controls import Control
from tests.walkthrough.facts import Facts
from tests.walkthrough.faults import Fault, Stopped
from tests.walkthrough.step import Cast, Recorder, Step

if TYPE_CHECKING:
    from tests.walkthrough.registry import Flow

_TICK = 15  # milliseconds between two looks at whether a page is there
_MOMENT = 1.0  # seconds in which a page that is there settles
_ACTIONS = {"click": "click", "fill": "fill in", "check": "check", "scan": "scan", "look": "see"}


class _Enough(Exception):
    """The last step that was asked for is done."""


class Walk:
    def __init__(
        self,
        visitor: Visitor,
        cast: Cast,
        recorder: Recorder,
        *,
        patience: float = 10.0,
        first: int = 1,
        last: int | None = None,
    ) -> None:
        """Steps before the `first` are done and not looked at; after the `last` it stops."""
        self.visitor, self.cast, self.recorder = visitor, cast, recorder
        self.first, self.last = first, last
        self.patience = patience  # seconds for a page or a control to come
        self.steps: list[Step] = []
        self.heading = ""
        self._quiet = False
        self._doing: Step | None = None
        self._started = 0.0
        self._leaving: ElementHandle | None = None  # the heading of the page that was left
        self._swapped = False  # into the document that was there before
        self._document = 0.0  # when the browser made the document that is shown
        self._noticed: list[Fault] = []  # on arriving: told of by the first step on the page

    @property
    def page(self) -> Page:
        return self.visitor.page

    @property
    def javascript(self) -> bool:
        return self.visitor.javascript

    @property
    def customer(self) -> Customer:
        assert self.cast.customer, "the flow says nothing of a customer (claims=)"
        return self.cast.customer

    @property
    def person(self) -> Person:
        assert self.cast.person, "the flow says nothing of a person (registers=, logs_in_as=)"
        return self.cast.person

    @property
    def app(self) -> Authenticator:
        assert self.cast.app, "nobody has scanned anything yet"
        return self.cast.app

    def follow(self, flow: Flow) -> bool:
        """Do what the flow says. Whether it got to the end; what was wrong stands in the steps."""
        try:
            flow.act(self)
        except Stopped as stopped:
            self._blame(stopped.fault)
        except (Error, AssertionError) as error:
            self._blame(faults.of_the_walk(error))
        except _Enough:
            return True
        else:
            if self._noticed:
                self._blame(*self._noticed)
            return True
        return False

    @property
    def reported(self) -> list[Step]:
        """The steps that were asked for, and the one it got stuck at."""
        return [s for s in self.steps if s.number >= self.first or any(f.stops for f in s.faults)]

    # What a flow says

    def open(self, path: str) -> None:
        self.page.goto(path)

    def open_from_app(self) -> None:
        """As MittPreZero on iOS opens the browser, for whoever wants to register."""
        asked = {
            "response_type": "code",
            "client_id": "mittprezero-ios",
            "redirect_uri": f"{self.visitor.base_url}/app/klar",
            "state": "walkthrough",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",  # RFC 7636 appendix B
            "code_challenge_method": "S256",
            "prompt": "create",
        }
        self.open(f"/oauth/authorize?{urlencode(asked)}")

    def arrive(
        self,
        heading: str,
        *,
        title: str = "",
        focus: Control | None = None,
        refused: bool = False,
        starts: bool = False,
    ) -> None:
        """The page is there, with its frame, title and focus as on every page (R1-R4)."""
        seen = self._wait_for(heading, focus, refused, starts)
        if self._doing and self._started:
            self._doing.milliseconds = round((time.monotonic() - self._started) * 1000)
            self._doing.led_on = True
        if self._leaving or seen.document != self._document:
            self._swapped = seen.document == self._document
        self._started, self._leaving = 0.0, None
        self._document, self.heading = seen.document, seen.heading
        if self._quiet:
            return
        wanted = "" if starts else title or heading
        self._noticed += facts.of_the_frame(seen)
        self._noticed += facts.of_the_summary(seen)
        self._noticed += self._soon(lambda now: facts.of_the_title(now, wanted, refused))
        self._noticed += self._soon(lambda now: self._of_the_focus(now, focus, refused))

    def step(
        self,
        sentence: str,
        control: Control | None = None,
        *,
        mask: Sequence[str] = (),
        show: str = "",
        alt: str = "",
        note: str = "",
        guide: bool = True,
    ) -> Step:
        number = len(self.steps) + 1
        step = Step(self, number, sentence, control, self.heading, mask, show, alt, note, guide)
        if not self._quiet:
            self.steps.append(step)
        return step

    def see(self, text: str) -> None:
        if self._quiet:
            return
        try:
            found = self.page.get_by_text(text).filter(visible=True).first
            expect(found).to_be_visible(timeout=self.patience * 1000)
        except AssertionError:
            self._noticed.append(faults.no_text(text))

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """What is done in here is another flow's to tell of."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def identify(self, owner: Citizen) -> None:
        """The phone reads the QR code off the screen, and its owner says yes in BankID's app.

        The page finds out by itself.
        """
        phone = Phone(self.visitor, owner)
        phone.scan()
        phone.identify()

    def identify_here(self, owner: Citizen, step: Step) -> None:
        """The step opens BankID's app on the same device, and its owner says yes there."""
        with self.visitor.context.expect_page() as opened:
            step.click()
        Phone(self.visitor, owner).use_app(opened.value)
        opened.value.close()

    def follow_mail(self, subject: str, *, to: str = "") -> None:
        """Open the link of the newest such mail to this person, or to another address of theirs."""
        link = customer.link_in_mail(self.visitor, to or self.person.email, subject)
        self.visitor.tolerate("/_dev/mejl")  # the mailbox is a tool, not a part of the portal
        self.page.goto(link)

    # What a step does

    def do(self, step: Step, action: str, value: str = "") -> str:
        """Find the control, let the recorder look, do it. What the control says comes back."""
        step.action, step.heading = action, self.heading
        self._doing, self._started = step, 0.0
        step.faults += self._noticed
        self._noticed = []
        step.locator = self._find(step.control) if step.control else None
        said = step.locator.inner_text().strip() if step.locator and action == "look" else ""
        looking = not self._quiet and step.number >= self.first
        if looking:
            step.faults += facts.of_the_words(self.page, step.bold)
            self.recorder.before(step, self.page)
        self._started = time.monotonic()
        self._act(step, action, value)
        step.milliseconds = round((time.monotonic() - self._started) * 1000)
        if looking:
            self.recorder.after(step, self.page)
        if not self._quiet and step.number == self.last:
            raise _Enough
        return said

    def _act(self, step: Step, action: str, value: str) -> None:
        if action == "look":
            return
        if action == "scan":
            self.cast.app = customer.scan(self.visitor)
            return
        assert step.locator
        assert step.control
        try:
            if action == "click":
                self._leaving = self.page.query_selector("h1")
                step.locator.click(timeout=self.patience * 1000)
            elif action == "check":
                step.locator.check(timeout=self.patience * 1000)
            else:
                step.locator.fill(value, timeout=self.patience * 1000)
        except Error as error:
            why = error.message.splitlines()[0]
            raise Stopped(faults.cannot_act(step.control, _ACTIONS[action], why)) from None

    def _find(self, control: Control) -> Locator:
        found = control.locator(self.page, javascript=self.javascript).filter(visible=True)
        try:
            expect(found).to_have_count(1, timeout=self.patience * 1000)
        except AssertionError:
            if count := found.count():
                raise Stopped(faults.many_controls(control, count)) from None
            raise Stopped(faults.no_control(control, control.others(self.page))) from None
        return found

    # Arriving

    def _wait_for(self, heading: str, focus: Control | None, refused: bool, starts: bool) -> Facts:
        seen = Facts()
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            try:
                left = self._has_left()
                seen = facts.of(self.page)
                here = seen.heading.startswith(heading) if starts else seen.heading == heading
                there = not focus or focus.locator(self.page).count() == 1
                if here and there and bool(seen.summary) == refused and left:
                    return seen
            except Error as error:  # it was just leaving for the next page
                if "navigat" not in error.message and "context" not in error.message:
                    raise
            self.page.wait_for_timeout(_TICK)
        if seen.heading == heading and refused and not seen.summary:
            raise Stopped(faults.not_refused(heading))
        raise Stopped(faults.wrong_page(heading, seen.summary or seen.heading or seen.title))

    def _has_left(self) -> bool:
        """Whether the last click has brought a page, perhaps one with the same heading."""
        try:
            return not self._leaving or not self._leaving.evaluate("heading => heading.isConnected")
        except Error:  # it went with its document
            return True

    def _of_the_focus(self, seen: Facts, focus: Control | None, refused: bool) -> list[Fault]:
        """R3: the error summary, a field that the page says takes it, or the h1 of a swap."""
        if refused:
            wanted, name = self.page.locator(".error-summary"), ".error-summary"
        elif focus:
            wanted = focus.locator(self.page, javascript=self.javascript)
            name = f"”{focus.name}”"
        else:
            name = "h1" if self._swapped else "body"
            wanted = self.page.locator(name)
        if wanted.first.evaluate("element => element === document.activeElement"):
            return []
        return [faults.wrong_focus(name, seen.focus)]

    def _soon(self, look: Callable[[Facts], list[Fault]]) -> list[Fault]:
        """What is still wrong when the browser has had a moment to set it right."""
        deadline = time.monotonic() + _MOMENT
        while (found := look(facts.of(self.page))) and time.monotonic() < deadline:
            self.page.wait_for_timeout(_TICK)
        return found

    def _blame(self, *found: Fault) -> None:
        step = self._doing or (self.steps[-1] if self.steps else None)
        if not step:
            step = Step(self, 0, f"Öppna {urlsplit(self.page.url).path}", None, self.heading)
        if step not in self.steps:
            self.steps.append(step)
        step.faults += [fault for fault in (*self._noticed, *found) if fault not in step.faults]
        self._noticed = []
