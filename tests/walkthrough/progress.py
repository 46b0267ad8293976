"""What the terminal shows while it runs: one line a step, and what is wrong with it below."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.walkthrough.recording import FlowSeen
from tests.walkthrough.step import Recorder, Step


class Progress:
    """A recorder that tells of each step and hands it on to another one."""

    def __init__(self) -> None:
        self.inner: Recorder | None = None
        self._total = 0
        self._open: Step | None = None

    def begin(self, flow: FlowSeen, total: int) -> None:
        self._total = total
        print(f"\n{flow.name} on {flow.device}: {total} steps", flush=True)

    def before(self, step: Step, page: Page) -> None:
        self._close()
        self._open = step
        print(f"  {step.number:>2}/{self._total}  {step.plain}", end="", flush=True)
        if self.inner:
            self.inner.before(step, page)

    def after(self, step: Step, page: Page) -> None:
        if self.inner:
            self.inner.after(step, page)

    def skip(self, why: str) -> None:
        print(f"  skipped: {why}", flush=True)

    def end(self, flow: FlowSeen) -> None:
        self._close()
        for step, fault in flow.faults:
            print(f"  FAULT {told(flow, step.number, fault.english)}")
        how = "ok" if flow.good else "stopped" if not flow.finished else "faults"
        print(f"  {how}, {flow.seconds} s", flush=True)

    def _close(self) -> None:
        if self._open:
            mark = "  FAULT" if self._open.faults else ""
            print(f"  {self._open.milliseconds} ms{mark}", flush=True)
            self._open = None


def told(flow: FlowSeen, number: int, text: str) -> str:
    """A fault, with the step and the flow it is of."""
    return f"step {number} of flow {flow.name} ({flow.device}): {text}"
