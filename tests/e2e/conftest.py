"""The walkthroughs' portal and browser, made once, and the visitors, made anew for each test.

Once in each process: `make test` shares the tests of this folder between two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e import chromium
from tests.e2e import logs as written
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor, Watch, Way

PATIENCE = 10_000  # milliseconds


@pytest.fixture(scope="package")
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="package", autouse=True)
def logs(watch: Watch) -> Iterator[list[Path]]:
    """The logs of all servers of this run, read when the last of them has stopped."""
    logs: list[Path] = []
    yield logs
    text = "\n".join(path.read_text() for path in logs)
    assert written.secrets(text, watch.secrets) == set(), "in the log"
    assert written.tracebacks(text) == []


@pytest.fixture(scope="package")
def portal(tmp_path_factory: pytest.TempPathFactory, logs: list[Path]) -> Iterator[Portal]:
    portal = Portal(tmp_path_factory.mktemp("portal"), unclaimed=180, users=200)
    logs.append(portal.log)
    portal.start()
    yield portal
    portal.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.path(), args=["--no-sandbox"])
        yield browser
        browser.close()


NewVisitor = Callable[[str], Visitor]


@pytest.fixture
def new_visitor(browser: Browser, portal: Portal, watch: Watch) -> Iterator[NewVisitor]:
    """Makes visitors by the name of their way. Afterwards none may have met a problem."""
    made: list[Visitor] = []

    def make(way: str) -> Visitor:
        made.append(Visitor(browser, portal.base_url, Way.named(way), watch))
        return made[-1]

    yield make
    for visitor in made:
        visitor.leave()


@pytest.fixture
def visitor(new_visitor: NewVisitor, request: pytest.FixtureRequest) -> Visitor:
    """The one of whom the test is told; see `ways.py`."""
    return new_visitor(request.param)
