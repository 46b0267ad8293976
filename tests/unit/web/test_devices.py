"""Appar och enheter: where one is logged in, what it is called, and logging out from afar."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from models import (
    AppDevice,
    CustomerAccount,
    Event,
    LoginChallenge,
    Membership,
    Session,
    User,
    app_device,
)
from models.client import Client
from models.identity import How
from models.session import resume
from tests.unit.conftest import PASSWORD, Clock, Visitor, a_user, an_app
from tests.unit.page import Page

pytestmark = pytest.mark.anyio
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
CREDENTIALS, END = "/mina-uppgifter/inloggningsuppgifter", "/mina-uppgifter/enheter"
END_OTHERS = "/mina-uppgifter/enheter/andra"
NAME = "/mina-uppgifter/enheter/app/{}"
OUT = "Enheten är redan utloggad."


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

    _ = await an_app(await User.get())
    assert len(buttons(await visitor.visit(CREDENTIALS))) == 1
    time.forward(days=90)
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


# The app


def rows(page: Page) -> list[str]:
    return page.texts("section[@aria-labelledby='devices']//li")


async def test_browsers_and_apps_stand_in_one_list_this_one_first_then_the_one_used_last(
    visitor: Visitor, elsewhere: Visitor, anna: User, time: Clock
) -> None:
    _ = await an_app(anna, "Annas gamla", client_id="mittprezero-android", how=How.BANKID)
    await AppDevice.all().update(seen_at=time.now(), address="198.51.100.5")
    time.forward(minutes=10)
    await visitor.log_in()
    _ = await an_app(anna)
    time.forward(minutes=1)

    page = await visitor.visit(CREDENTIALS)

    this, newest, older, oldest = rows(page)
    assert this.startswith("En okänd webbläsare Den här enheten")
    assert newest.startswith(
        "Annas iPhone MittPreZero (iOS)"
        " Senast använd 2 mars 2026 kl. 11.10, från 198.51.100.77."
        " Tillagd 2 mars 2026 kl. 11.10 med lösenord."
    )
    assert older.startswith(
        "Annas gamla MittPreZero (Android)"
        " Senast använd 2 mars 2026 kl. 11.00, från 198.51.100.5."
        " Tillagd 2 mars 2026 kl. 11.00 med BankID."
    )
    assert oldest.startswith("Firefox på Windows")
    assert len(buttons(page)) == 3
    assert [text for text in page.links if text.startswith("Byt namn")] == [
        "Byt namn Annas iPhone, senast använd 2 mars 2026 kl. 11.10",
        "Byt namn Annas gamla, senast använd 2 mars 2026 kl. 11.00",
    ]


async def test_the_app_is_logged_out_and_nothing_else(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    kept, ended = await an_app(anna, "Annas iPad"), await an_app(anna)

    page = await visitor.submit(END, device=ended.device.public_id)

    assert (page.path, page.status) == (CREDENTIALS, 200)
    assert "Enheten är utloggad." in page.response.text
    assert buttons(page) == [kept.device.public_id]
    assert await app_device.resume(ended.access_token) is None
    assert await app_device.refresh(ended.refresh_token, "mittprezero-ios", Client()) is None
    assert await app_device.resume(kept.access_token)
    event = await Event.get(kind="session.ended")
    assert (event.user_id, event.address, event.data) == (
        anna.id,
        visitor.address,
        {"app": "mittprezero-ios"},
    )
    page = await visitor.submit(END, device=ended.device.public_id)
    assert "Enheten var redan utloggad." in page.response.text


async def test_all_others_are_logged_out_also_when_they_are_apps_only(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()
    app = await an_app(anna)
    assert "Logga ut alla andra" in (await visitor.visit(CREDENTIALS)).buttons

    page = await visitor.submit(END_OTHERS)

    assert "Du är utloggad på alla andra enheter." in page.response.text
    assert len(rows(page)) == 1
    assert await app_device.resume(app.access_token) is None
    assert (await Event.get(kind="sessions.ended")).data == {"count": 1}


async def test_a_device_is_renamed(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    device = (await an_app(anna)).device
    page = await visitor.visit(CREDENTIALS)
    (link,) = (path for text, path in page.links.items() if text.startswith("Byt namn"))

    page = await visitor.visit(link)
    assert (page.path, page.heading) == (NAME.format(device.public_id), "Byt namn på enheten")
    assert page.value("name") == "Annas iPhone"
    assert "MittPreZero (iOS), tillagd 2 mars 2026 kl. 10.00." in page.text
    answer = await visitor.post(link, name="Jobbmobilen")

    assert answer.status_code == 303
    page = await visitor.visit(CREDENTIALS)
    assert "Namnet är ändrat." in page.response.text
    assert rows(page)[1].startswith("Jobbmobilen MittPreZero (iOS)")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Jobb\t mobilen\r\n", "Jobb mobilen"),
        ("Jobb\x00mobilen\x1b[2J\x7f", "Jobbmobilen[2J"),
        ("\u202eJobbmobilen\ufeff\u200b", "Jobbmobilen"),
        ("Jobb\u2028mobilen\x85", "Jobb mobilen"),
        ("\"'><svg onload=alert(1)>", "\"'><svg onload=alert(1)>"),
        ("Ä" * 80, "Ä" * 80),
        ("Mobil 📱", "Mobil 📱"),
    ],
)
async def test_a_name_is_kept_on_one_line_and_without_what_does_not_print(
    visitor: Visitor, anna: User, typed: str, kept: str
) -> None:
    await visitor.log_in()
    device = (await an_app(anna)).device

    page = await visitor.submit(NAME.format(device.public_id), name=typed)

    assert page.path == CREDENTIALS
    assert (await AppDevice.get()).name == kept
    assert rows(page)[1].startswith(kept)
    assert "<svg onload" not in page.response.text


@pytest.mark.parametrize(
    ("typed", "error", "shown"),
    [
        ("", "Skriv vad enheten ska heta.", ""),
        (" \t\x00\u200b ", "Skriv vad enheten ska heta.", ""),
        ("Ä" * 81, "Skriv högst 80 tecken.", "Ä" * 81),
    ],
)
async def test_a_name_that_is_none_is_refused_and_nothing_is_lost(
    visitor: Visitor, anna: User, typed: str, error: str, shown: str
) -> None:
    await visitor.log_in()
    device = (await an_app(anna)).device

    page = await visitor.submit(NAME.format(device.public_id), name=typed)

    assert (page.status, page.heading) == (422, "Byt namn på enheten")
    assert error in page.alert
    assert (page.value("name") or "") == shown
    assert (await AppDevice.get()).name == "Annas iPhone"


async def test_nobody_elses_app_is_listed_renamed_or_ended(
    visitor: Visitor, anna: User, account: CustomerAccount
) -> None:
    hers = await an_app(anna)
    bo = await a_user("bo@example.com", given_name="Bo")
    _ = await Membership.admit(bo, account)
    await visitor.log_in("bo@example.com")
    path = NAME.format(hers.device.public_id)

    assert buttons(await visitor.visit(CREDENTIALS)) == []
    for page in (await visitor.visit(path), await visitor.submit(path, name="Bos nu")):
        assert page.path == CREDENTIALS
        assert OUT in page.response.text
        assert "Annas" not in page.response.text
    page = await visitor.submit(END, device=hers.device.public_id)
    assert "Enheten var redan utloggad." in page.response.text
    await visitor.submit(END_OTHERS)

    assert (await AppDevice.get()).name == "Annas iPhone"
    assert await app_device.resume(hers.access_token)


async def test_a_device_that_is_gone_or_has_run_out_has_no_name_to_change(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    app = await an_app(anna)
    path = NAME.format(app.device.public_id)
    time.forward(days=90)
    await visitor.log_in()
    for _ in range(2):
        assert OUT in (await visitor.submit(path, name="Nu")).response.text
        assert (await visitor.post(path, name="")).headers["location"] == CREDENTIALS
        await AppDevice.all().delete()


@pytest.mark.parametrize("path", ["1", "x", "%00", "0" * 36, "0" * 99])
async def test_what_is_no_device_has_no_page(visitor: Visitor, anna: User, path: str) -> None:
    await visitor.log_in()
    assert (await visitor.visit(NAME.format(path))).status == 404


async def test_a_name_typed_into_a_dead_session_comes_back_after_the_login(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()
    path = NAME.format((await an_app(anna)).device.public_id)
    made_for = (await visitor.visit(path)).value("made_for") or ""
    await Session.all().delete()
    page = await visitor.submit(path, made_for=made_for, name="Jobbmobilen")
    carried = {name: page.value(name) or "" for name in ("next", "kept")}

    page = await visitor.submit("/logga-in", email=anna.email, password=PASSWORD, **carried)

    assert (page.path, page.value("name")) == (path, "Jobbmobilen")
    assert (await AppDevice.get()).name == "Annas iPhone", "not saved by itself"


async def test_a_hundred_of_each_do_not_break_the_page(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    for number in range(110):
        time.forward(minutes=1)
        await an_app(anna, f"Telefon {number}")
        await Session.start(anna, How.PASSWORD, Client(f"203.0.113.{number}"))
    await visitor.log_in()

    page = await visitor.visit(CREDENTIALS)

    found = rows(page)
    assert len(found) == 200
    assert "Den här enheten" in found[0]
    assert "203.0.113.109." in found[1] or "Telefon 109 " in found[1]
    await visitor.submit(END_OTHERS)
    assert (await AppDevice.all().count(), await Session.all().count()) == (0, 1)
