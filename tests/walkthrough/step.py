"""A sentence of the instruction, who does what it says, and who looks on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from playwright.sync_api import Locator, Page

from tests.e2e.authenticator import Authenticator
from tests.e2e.people import Customer, Person
from tests.walkthrough.controls import Control
from tests.walkthrough.faults import Fault

if TYPE_CHECKING:
    from tests.walkthrough.walk import Walk

_BOLD = re.compile(r"\*\*(.+?)\*\*")


@dataclass
class Cast:
    """Who does it: handed out by the stage, as the flow asks."""

    customer: Customer | None = None
    person: Person | None = None
    app: Authenticator | None = None


@dataclass(eq=False)
class Step:
    """One sentence of the instruction, the control it is about, and what came of it."""

    walk: Walk = field(repr=False)
    number: int
    sentence: str
    control: Control | None
    heading: str = ""  # of the page it is done on
    mask: Sequence[str] = ()
    show: str = ""
    alt: str = ""
    note: str = ""
    guide: bool = True
    action: str = ""
    locator: Locator | None = field(default=None, repr=False)
    milliseconds: int = 0  # of the action, or until the next page was there
    led_on: bool = False  # to a next page
    faults: list[Fault] = field(default_factory=list)

    @property
    def plain(self) -> str:
        return self.sentence.replace("**", "")

    @property
    def bold(self) -> list[str]:
        return _BOLD.findall(f"{self.sentence} {self.note}")

    def click(self) -> None:
        self.walk.do(self, "click")

    def fill(self, value: str) -> None:
        self.walk.do(self, "fill", value)

    def check(self) -> None:
        self.walk.do(self, "check")

    def look(self) -> None:
        self.walk.do(self, "look")

    def read(self) -> str:
        """What stands there."""
        return self.walk.do(self, "look")

    def scan(self) -> Authenticator:
        """Hold the phone to the screen."""
        self.walk.do(self, "scan")
        return self.walk.app


class Recorder(Protocol):
    """Somebody who looks over the customer's shoulder."""

    def before(self, step: Step, page: Page) -> None:
        """The control is found (`step.locator`), and nothing is done yet."""

    def after(self, step: Step, page: Page) -> None:
        """It is done; the next page may not be there yet."""
