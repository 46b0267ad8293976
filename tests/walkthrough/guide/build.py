"""Walks the flows that have a chapter, and writes the instruction about them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from playwright.sync_api import Browser

import tests.walkthrough.flows  # noqa: F401 - which registers them
from tests.e2e.visitor import Visitor, Watch
from tests.walkthrough.devices import Device
from tests.walkthrough.guide import document
from tests.walkthrough.guide.document import Written
from tests.walkthrough.guide.pictures import SCALE
from tests.walkthrough.guide.scenes import Recorder
from tests.walkthrough.registry import FLOWS, Flow
from tests.walkthrough.stage import Stage
from tests.walkthrough.walk import Walk
from web.settings import Settings

# Narrow enough that words stay legible in print, wide enough for the pages of a computer.
PAPER = Device(
    javascript=True,
    phone=False,
    name="paper",
    described={"viewport": {"width": 1024, "height": 800}, "device_scale_factor": SCALE},
)
# What would make the instruction wrong; all else is the walkthrough's to report.
_WRONG = {"control", "page", "words", "walk"}


class Wrong(Exception):
    """A step of the instruction cannot be done as it is written."""


def build(
    folder: Path,
    stage: Stage,
    browser: Browser,
    settings: Settings,
    *,
    flows: Sequence[Flow] | None = None,
    tell: Callable[[str], object] = print,
) -> Written:
    """The whole instruction in the folder. Raises Wrong before anything is written."""
    recorder = Recorder()
    for flow in chapters() if flows is None else flows:
        tell(f"Walking: {flow.chapter}")
        recorder.begin(flow.name, flow.chapter)
        _follow(flow, stage, browser, recorder)
    tell("Writing the instruction")
    return document.write(folder, recorder.chapters, settings, browser)


def chapters() -> list[Flow]:
    return [flow for flow in FLOWS if flow.chapter]


def _follow(flow: Flow, stage: Stage, browser: Browser, recorder: Recorder) -> None:
    cast = stage.prepare(flow)
    visitor = Visitor(browser, stage.base_url, PAPER, Watch())
    try:
        walk = Walk(visitor, cast, recorder)
        arrived = walk.follow(flow)
        wrong = list(_wrong_in(walk))
        if wrong or not arrived:
            raise Wrong("\n".join(wrong) or f"{flow.name}: it did not get to the end")
    finally:
        visitor.context.close()


def _wrong_in(walk: Walk) -> Iterable[str]:
    for step in walk.steps:
        for fault in step.faults:
            if fault.kind in _WRONG:
                yield f"Step {step.number}, {step.plain!r}: {fault.english}"
            else:
                print(f"Step {step.number}, {step.plain!r}: {fault.english}", file=sys.stderr)
