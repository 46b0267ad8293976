"""`python -m tests.walkthrough`: walk through what customers do, and write the report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

from playwright.sync_api import Playwright, expect, sync_playwright

from tests.e2e import chromium
from tests.e2e.people import Customer
from tests.walkthrough import compare, devices, outline, report
from tests.walkthrough.compare import Album
from tests.walkthrough.devices import Device
from tests.walkthrough.flows import FLOWS
from tests.walkthrough.progress import Progress, told
from tests.walkthrough.recording import Recording
from tests.walkthrough.registry import Flow
from tests.walkthrough.run import Run
from tests.walkthrough.stage import Elsewhere, Stage, own_stage
from web.settings import ROOT

FOLDER = ROOT / "genomgang"


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    chosen = _chosen_flows(asked.flows)
    if asked.list:
        _list(chosen)
        return 0
    first, last = _span(asked, chosen)
    expect.set_options(timeout=10_000)
    with sync_playwright() as playwright, _stage(asked) as stage:
        browser = playwright.chromium.launch(
            executable_path=chromium.path(headed=asked.headed),
            # A scrollbar would take its width from the page, as it does only when one watches.
            args=["--no-sandbox", "--hide-scrollbars"],
            headless=not asked.headed,
            slow_mo=asked.slow,
        )
        run = Run(
            stage,
            browser,
            asked.folder,
            _chosen_devices(asked, playwright),
            Album(asked.folder, asked.threshold),
            Progress(),
            first,
            last,
            pause=asked.headed and sys.stdin.isatty(),
        )
        recording = run.through(chosen)
        browser.close()
    report.write(recording, asked.folder)
    return _conclude(recording, asked.folder)


def _conclude(recording: Recording, folder: Path) -> int:
    found = [(flow, step, fault) for flow in recording.flows for step, fault in flow.faults]
    walked = [flow for flow in recording.flows if not flow.skipped]
    print(f"\n{len(walked)} flows walked, {len(recording.flows) - len(walked)} skipped.")
    for flow, step, fault in found:
        print(f"FAULT {told(flow, step.number, fault.english)}")
    print(f"{len(found)} faults. The report: {(folder / 'index.html').as_uri()}")
    return 0 if all(flow.good for flow in recording.flows) else 1


def _list(chosen: Sequence[Flow]) -> None:
    for flow in chosen:
        points = f" (points {flow.points})" if flow.points else ""
        print(f"\n{flow.name}: {flow.title}{points}")
        for step in outline.of(flow):
            print(f"  {step.number:>2}  {step.plain}")


def _chosen_flows(names: Sequence[str]) -> list[Flow]:
    known = {flow.name: flow for flow in FLOWS}
    for name in names:
        if name not in known:
            raise SystemExit(f"There is no flow {name}. There are: {', '.join(known)}.")
    return [known[name] for name in names] or FLOWS


def _chosen_devices(asked: argparse.Namespace, playwright: Playwright) -> list[Device]:
    javascript = not asked.no_javascript
    if not asked.device and javascript:
        return devices.usual()
    try:
        return [
            devices.called(name, playwright.devices, javascript=javascript)
            for name in asked.device or ("desktop", "phone")
        ]
    except KeyError as error:
        some = ", ".join(name for name in playwright.devices if "landscape" not in name)
        raise SystemExit(
            f"There is no device {error}. There are: desktop, phone, {some}."
        ) from None


def _span(asked: argparse.Namespace, chosen: Sequence[Flow]) -> tuple[int, int | None]:
    """The first and the last step that are asked for."""
    first, last = asked.step or asked.first, asked.step or asked.last
    if not (first or last):
        return 1, None
    if len(chosen) != 1:
        raise SystemExit("--step, --from and --to go with one flow: name it.")
    steps = outline.of(chosen[0])
    try:
        return outline.find(steps, first or "1"), outline.find(steps, last) if last else None
    except KeyError as error:
        raise SystemExit(f"{chosen[0].name} has no step {error}: --list shows them.") from None


@contextmanager
def _stage(asked: argparse.Namespace) -> Iterator[Stage]:
    if not asked.base_url:
        print("Starting a portal with the demo data", flush=True)
        with own_stage() as stage:
            yield stage
        return
    if len(asked.customer) != len(asked.suffix):
        raise SystemExit("Give a --suffix for each --customer.")
    pairs = zip_longest(asked.customer, asked.suffix)
    yield Elsewhere(asked.base_url, [Customer(number, suffix, "", "") for number, suffix in pairs])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make walkthrough ARGS=...", description=__doc__)
    parser.add_argument("flows", nargs="*", metavar="FLOW", help="which to walk (default: all)")
    parser.add_argument("--list", action="store_true", help="list the flows and their steps")
    parser.add_argument("--step", metavar="STEP", help="report this step alone, and stop after it")
    parser.add_argument("--from", metavar="STEP", dest="first", help="report from this step on")
    parser.add_argument("--to", metavar="STEP", dest="last", help="stop after this step")
    parser.add_argument("--headed", action="store_true", help="show the browser")
    parser.add_argument("--slow", type=float, metavar="MS", default=0, help="wait before each act")
    parser.add_argument(
        "--device",
        action="append",
        help="desktop, phone or a name of Playwright's ('iPhone 15'); may be repeated",
    )
    parser.add_argument("--no-javascript", action="store_true", help="with JavaScript off")
    parser.add_argument("--base-url", metavar="URL", help="a server that is already running")
    for name, what in (
        ("customer", "a customer number nobody has claimed there; may be repeated"),
        ("suffix", "the last four digits that go with it"),
    ):
        parser.add_argument(f"--{name}", action="append", default=[], help=what)
    parser.add_argument(
        "--threshold",
        type=float,
        default=compare.THRESHOLD,
        metavar="PERCENT",
        help="how much of a picture may differ from the run before (default: %(default)s)",
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the report goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
