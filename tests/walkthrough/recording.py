"""What was seen, as plain data: the report is drawn from it, and its JSON is the report's twin."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.walkthrough.faults import Fault
from tests.walkthrough.pictures import Box


@dataclass
class Seen:
    """One step, as it looked when its control was found and nothing was done yet."""

    number: int
    sentence: str
    action: str
    control: str
    heading: str
    url: str = ""
    path: str = ""
    title: str = ""
    focus: str = ""
    picture: str = ""  # where it is, from the report's folder; with the control outlined
    width: int = 0  # of the picture, in CSS pixels
    box: Box | None = None
    masks: list[Box] = field(default_factory=list)
    axe: list[str] = field(default_factory=list)
    overflow: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    milliseconds: int = 0  # of the action, or until the next page was there
    led_on: bool = False  # to a next page
    faults: list[Fault] = field(default_factory=list)
    change: str = ""  # since the run before: same, changed, new, or why it was not compared
    changed_share: float = 0.0
    changed_picture: str = ""


@dataclass
class FlowSeen:
    """One flow on one device."""

    name: str
    title: str
    points: str
    device: str
    device_label: str
    steps: list[Seen] = field(default_factory=list)
    finished: bool = False
    skipped: str = ""  # why, in Swedish
    seconds: float = 0.0
    trace: str = ""

    @property
    def slug(self) -> str:
        return f"{self.name}-{self.device}"

    @property
    def faults(self) -> list[tuple[Seen, Fault]]:
        return [(step, fault) for step in self.steps for fault in step.faults]

    @property
    def good(self) -> bool:
        return bool(self.skipped) or (self.finished and not self.faults)


@dataclass
class Recording:
    """One run."""

    started: str
    base_url: str
    own: bool
    browser: str
    fonts: str  # a hash of the font files: other fonts make other pictures
    flows: list[FlowSeen] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        """Two runs are compared only if this is the same for both."""
        return f"{self.browser} {self.fonts} {'' if self.own else self.base_url}"

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(as_plain(self), ensure_ascii=False, indent=2) + "\n")


def as_plain(made: Recording | FlowSeen) -> dict[str, Any]:
    return asdict(made)
