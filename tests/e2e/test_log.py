"""The servers' logs hold no secret: `conftest.logs` reads them when the last test is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import logs as written
from tests.e2e import steps
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor, Watch
from tests.e2e.ways import with_javascript


@with_javascript
def test_what_is_typed_is_watched_and_the_server_logs_where(
    visitor: Visitor, portal: Portal, watch: Watch, logs: list[Path]
) -> None:
    member = portal.member(two_factor=True)
    steps.log_in(visitor, member)
    visitor.watch.cookies(visitor.context)

    (session,) = {c["value"] for c in visitor.context.cookies() if c["name"] == "session"}
    assert {member.person.password, session} <= watch.secrets
    assert portal.log in logs
    assert "login.ok" in portal.log.read_text()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("info POST page='login.Code' code=204816", {"204816"}),
        ("info GET path='/x/tre%20sega' token=Zm9vYmFyYmF6cXV4", {"Zm9vYmFyYmF6cXV4"}),
        ("info GET page='login.Code' ms=204816", set()),
        ("info Started server process [204816]", set()),
        ("info GET customer=1204816", set()),
    ],
)
def test_a_secret_in_a_log_is_found(line: str, found: set[str]) -> None:
    assert written.secrets(line, {"204816", "Zm9vYmFyYmF6cXV4", "i"}) == found


def test_a_traceback_in_a_log_is_found() -> None:
    assert written.tracebacks("info started\nTraceback (most recent call last):\n  x") != []
    assert written.tracebacks("info started") == []
