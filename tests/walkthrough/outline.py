"""A flow without a browser: only its sentences are read, to list them and to count them."""

from __future__ import annotations

import re
from typing import cast

from tests.e2e.authenticator import Authenticator
from tests.e2e.people import Citizen
from tests.e2e.visitor import Visitor
from tests.walkthrough.controls import Control
from tests.walkthrough.registry import Flow
from tests.walkthrough.stage import demo_cast
from tests.walkthrough.step import Recorder, Step
from tests.walkthrough.walk import Walk
from web.development import demo


def of(flow: Flow, *, javascript: bool = True) -> list[Step]:
    """The steps that the flow has when all goes well."""
    outline = _Outline(flow, javascript)
    flow.act(outline)
    return outline.steps


def find(steps: list[Step], wanted: str) -> int:
    """The number of the step with this number, these words, or on this page. Raises KeyError."""
    if wanted.isdecimal() and 1 <= int(wanted) <= len(steps):
        return int(wanted)
    words = _normal(wanted)
    for step in steps:
        if not wanted.isdecimal() and words in f"{_normal(step.plain)} {_normal(step.heading)}":
            return step.number
    raise KeyError(wanted)


def _normal(text: str) -> str:
    return re.sub(r"[\s.*]+", " ", text).casefold().strip()


class _NoApp(Authenticator):
    def code(self) -> str:
        return "123456"


class _Outline(Walk):
    def __init__(self, flow: Flow, javascript: bool) -> None:
        super().__init__(cast(Visitor, None), demo_cast(flow), cast(Recorder, None))
        self._javascript = javascript
        self.cast.app = _NoApp(demo.TOTP_SECRET)

    @property
    def javascript(self) -> bool:
        return self._javascript

    def open(self, path: str) -> None:
        pass

    def open_from_app(self) -> None:
        pass

    def arrive(
        self,
        heading: str,
        *,
        title: str = "",
        focus: Control | None = None,
        refused: bool = False,
        starts: bool = False,
    ) -> None:
        self.heading = heading

    def see(self, text: str) -> None:
        pass

    def follow_mail(self, subject: str, *, to: str = "") -> None:
        pass

    def identify(self, owner: Citizen) -> None:
        pass

    def identify_here(self, owner: Citizen, step: Step) -> None:
        step.click()

    def do(self, step: Step, action: str, value: str = "") -> str:
        step.action, step.heading = action, self.heading
        return ""
