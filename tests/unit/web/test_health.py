"""What a load balancer asks."""

from datetime import timedelta

import pytest
from starlette.applications import Starlette

from models import clock, databases
from tests.unit.conftest import Clock, Visitor

pytestmark = pytest.mark.anyio


@pytest.fixture
def working(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema is current and the mail worker runs, as under a real server."""

    async def pending() -> list[str]:
        return []

    monkeypatch.setattr(databases, "pending", pending)
    monkeypatch.setattr(type(app.state.mail_worker), "is_running", True)


async def test_alive_whatever_the_host_is_called(visitor: Visitor) -> None:
    answer = await visitor.get("/healthz", Host="10.0.0.7")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_ready_when_everything_is(visitor: Visitor, working: None) -> None:
    assert (await visitor.get("/readyz")).text == "ready\n"


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (timedelta(days=30), "ready\n"),
        (timedelta(days=29, hours=23), "ready, but BankID's certificate runs out in 29 days\n"),
        (timedelta(days=1), "ready, but BankID's certificate runs out in 1 day\n"),
        (
            timedelta(hours=1),
            "ready, but BankID's certificate runs out in less than a day\n",
        ),
        (timedelta(), "ready, but BankID's certificate has run out\n"),
    ],
)
async def test_ready_also_when_bankids_certificate_runs_out(
    visitor: Visitor, app: Starlette, working: None, time: Clock, left: timedelta, text: str
) -> None:
    app.state.bankid_until = clock.now() + left
    answer = await visitor.get("/readyz")
    assert (answer.status_code, answer.text) == (200, text)


async def test_not_ready_while_the_mail_worker_stands(
    visitor: Visitor, app: Starlette, working: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(app.state.mail_worker), "is_running", False)
    assert (await visitor.get("/readyz")).status_code == 503


async def test_not_ready_with_an_old_schema(
    visitor: Visitor, working: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pending() -> list[str]:
        return ["0002_more"]

    monkeypatch.setattr(databases, "pending", pending)
    answer = await visitor.get("/readyz")
    assert answer.status_code == 503
    assert "migrate" in answer.text


async def test_not_ready_without_the_database(
    visitor: Visitor, working: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(sql: str) -> None:
        raise databases.Unavailable("locked")

    monkeypatch.setattr(databases, "fetch", fetch)
    assert (await visitor.get("/readyz")).status_code == 503
