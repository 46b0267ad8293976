"""Inloggningsuppgifter, Enheter: where one is logged in, and logging out from afar."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from models import CustomerAccount, Event, LoginChallenge, Membership, Session, User
from models.client import Client
from models.identity import How
from models.session import resume
from tests.unit.conftest import Clock, Visitor, a_user
from tests.unit.page import Page

pytestmark = pytest.mark.anyio
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
CREDENTIALS, END = "/mina-uppgifter/inloggningsuppgifter", "/mina-uppgifter/enheter"
END_OTHERS = "/mina-uppgifter/enheter/andra"


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    return user


@pytest.fixture
async def elsewhere(anna: User, new_visitor: Callable[[], Visitor], time: Clock) -> Visitor:
    """Anna at work, an hour ago."""
    visitor = new_visitor()
    visitor.client.headers["User-Agent"] = FIREFOX
    await visitor.log_in()
    time.forward(hours=1)
    return visitor


def buttons(page: Page) -> list[str]:
    """The ids of the devices that can be logged out."""
    return [button.get("value") for button in page.tree.findall(".//button[@name='device']")]


async def test_each_device_is_listed_and_can_be_logged_out(
    visitor: Visitor, elsewhere: Visitor, anna: User
) -> None:
    await visitor.log_in()

    page = await visitor.visit(CREDENTIALS)
    this, other = page.texts("section[@aria-labelledby='devices']//li")
    assert this.startswith("En okänd webbläsare Den här enheten")
    assert f"Inloggad 2 mars 2026 kl. 11.00 med lösenord, från {visitor.address}." in this
    assert other.startswith("Firefox på Windows Senast använd 2 mars 2026 kl. 10.00.")
    assert elsewhere.address in other
    (button,) = buttons(page)

    page = await visitor.submit(END, device=button)

    assert (page.path, page.status) == (CREDENTIALS, 200)
    assert "Enheten är utloggad." in page.response.text
    assert not buttons(page)
    assert (await elsewhere.visit("/kund/100200")).path == "/logga-in", "at the next click"
    assert (await visitor.visit("/kund/100200")).path == "/kund/100200"
    event = await Event.get(kind="session.ended")
    assert (event.user_id, event.address) == (anna.id, visitor.address)
    assert event.data == {"user_agent": FIREFOX}


async def test_all_others_are_logged_out_and_half_logins_with_them(
    visitor: Visitor, elsewhere: Visitor, anna: User
) -> None:
    await visitor.log_in()
    waiting = await LoginChallenge.start(anna, remembered=False, next_path="")

    page = await visitor.submit(END_OTHERS)

    assert "Du är utloggad på alla andra enheter." in page.response.text
    assert "Logga ut alla andra" not in page.buttons
    assert (await elsewhere.visit("/kund/100200")).path == "/logga-in"
    assert await LoginChallenge.ongoing(waiting) is None
    assert (await Event.get(kind="sessions.ended")).data == {"count": 1}

    page = await visitor.submit(END_OTHERS)
    assert "Du var inte inloggad på någon annan enhet." in page.response.text
    assert await Event.filter(kind="sessions.ended").count() == 1


async def test_nobody_elses_device_is_listed_or_ended(
    visitor: Visitor, elsewhere: Visitor, account: CustomerAccount
) -> None:
    bo = await a_user("bo@example.com", given_name="Bo")
    _ = await Membership.admit(bo, account)
    await visitor.log_in("bo@example.com")
    hers = await Session.exclude(user_id=bo.id).get()

    assert buttons(await visitor.visit(CREDENTIALS)) == []
    page = await visitor.submit(END, device=str(hers.id))
    assert "Enheten var redan utloggad." in page.response.text
    await visitor.submit(END_OTHERS)

    assert await Session.exists(id=hers.id)
    assert (await elsewhere.visit("/kund/100200")).path == "/kund/100200"


@pytest.mark.parametrize("device", ["", "0", "-1", "x", "9" * 30, "٣", "1 OR 1=1", "1" * 9])
async def test_what_is_no_device_ends_none(
    visitor: Visitor, elsewhere: Visitor, device: str
) -> None:
    await visitor.log_in()
    assert (await visitor.post(END, device=device)).status_code == 303
    assert await Session.all().count() == 2


async def test_what_has_run_out_is_not_listed(
    visitor: Visitor, elsewhere: Visitor, time: Clock
) -> None:
    time.forward(hours=23)
    await visitor.log_in()
    assert buttons(await visitor.visit(CREDENTIALS)) == []


async def test_many_devices_are_listed_the_newest_first(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    for number in range(30):
        time.forward(minutes=1)
        await Session.start(anna, How.PASSWORD, Client(f"203.0.113.{number}"))
    await visitor.log_in()

    rows = (await visitor.visit(CREDENTIALS)).texts("section[@aria-labelledby='devices']//li")

    assert len(rows) == 31
    assert "Den här enheten" in rows[0]
    assert "203.0.113.29." in rows[1]
    assert "203.0.113.0." in rows[30]


async def test_thirty_at_once_end_a_device_once(anna: User) -> None:
    mine = await resume(await Session.start(anna, How.PASSWORD, Client()))
    other = await resume(await Session.start(anna, How.PASSWORD, Client()))
    assert mine
    assert other

    ended = await asyncio.gather(
        *(Session.end_one(mine, other.session_id) for _ in range(30)),
    )

    assert ended.count(True) == 1
    assert await Event.filter(kind="session.ended").count() == 1


async def test_two_devices_that_log_each_other_out_leave_one(anna: User) -> None:
    identities = [await resume(await Session.start(anna, How.PASSWORD, Client())) for _ in "ab"]

    ended = await asyncio.gather(
        *(Session.end_others(identity) for identity in identities * 15 if identity)
    )

    assert ended.count(True) == 1
    assert await Session.all().count() == 1
    assert await Event.filter(kind="sessions.ended").count() == 1
