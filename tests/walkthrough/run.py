"""One run of the walkthrough: flows on devices, each recorded, traced and compared."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from playwright.sync_api import Browser

from tests.e2e.visitor import Visitor, Watch
from tests.walkthrough import outline
from tests.walkthrough.compare import Album
from tests.walkthrough.devices import Device
from tests.walkthrough.inspector import Inspector
from tests.walkthrough.progress import Progress
from tests.walkthrough.recording import FlowSeen, Recording
from tests.walkthrough.registry import Flow
from tests.walkthrough.stage import Skipped, Stage
from tests.walkthrough.walk import Walk
from web.settings import ROOT


@dataclass
class Run:
    stage: Stage
    browser: Browser
    folder: Path
    devices: Sequence[Device]
    album: Album
    progress: Progress
    first: int = 1
    last: int | None = None
    pause: bool = False  # before the browser closes, for whoever watches it
    patience: float = 10.0
    recording: Recording = field(init=False)

    def __post_init__(self) -> None:
        self.recording = Recording(
            started=datetime.now().astimezone().isoformat(timespec="seconds"),
            base_url=self.stage.base_url,
            own=self.stage.own,
            browser=f"{self.browser.browser_type.name} {self.browser.version}",
            fonts=hash_of_fonts(),
        )

    def through(self, flows: Sequence[Flow]) -> Recording:
        for device in self.devices:
            for flow in flows:
                self.recording.flows.append(self._walk(flow, device))
        return self.recording

    @property
    def whole(self) -> bool:
        return self.first == 1 and self.last is None

    def _walk(self, flow: Flow, device: Device) -> FlowSeen:
        seen = FlowSeen(flow.name, flow.title, flow.points, device.name, device.label)
        self.progress.begin(seen, len(outline.of(flow, javascript=device.javascript)))
        started = time.monotonic()
        try:
            cast = self.stage.prepare(flow)
        except Skipped as reason:
            seen.skipped = reason.swedish
            self.progress.skip(reason.english)
            return seen
        visitor = Visitor(self.browser, self.stage.base_url, device, Watch())
        visitor.context.set_default_timeout(self.patience * 1000)
        visitor.context.tracing.start(screenshots=True, snapshots=True)
        folder = self._folder(seen)
        inspector = Inspector(visitor, folder)
        self.progress.inner = inspector
        walk = Walk(
            visitor,
            cast,
            self.progress,
            patience=self.patience,
            first=self.first,
            last=self.last,
        )
        try:
            seen.finished = walk.follow(flow)
            if not seen.finished and walk.steps:
                inspector.picture_without_control(walk.steps[-1])
            seen.steps = inspector.finish(walk.reported)
            seen.seconds = round(time.monotonic() - started, 1)
            self._keep_trace(seen, visitor)
            if self.pause:
                input("    Press Enter to go on. ")
        finally:
            inspector.leave()
            visitor.context.close()
        if self.whole:
            self.album.keep(seen, self.recording.fingerprint)
        self.progress.end(seen)
        return seen

    def _folder(self, seen: FlowSeen) -> Path:
        """Where its pictures go. A part of a flow leaves those of the whole one alone."""
        if self.whole:
            return self.album.turn_page(seen.slug)
        folder = self.album.pictures(f"{seen.slug}-del")
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _keep_trace(self, seen: FlowSeen, visitor: Visitor) -> None:
        path = self.folder / "spar" / f"{seen.slug}.zip"
        path.unlink(missing_ok=True)
        if seen.good:
            visitor.context.tracing.stop()
            return
        visitor.context.tracing.stop(path=path)
        seen.trace = str(path.relative_to(self.folder))


def hash_of_fonts() -> str:
    """Of the product's own fonts, and of nothing else that a picture depends on."""
    digest = hashlib.sha256(sys.platform.encode())
    for path in sorted((ROOT / "static" / "fonts").glob("*.woff2")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
