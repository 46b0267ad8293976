"""Security notices about logins: who is told of what, once, and what a stranger learns of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import product

import pytest

from models import (
    CustomerAccount,
    EmailLink,
    Event,
    KnownDevice,
    Membership,
    OutgoingMail,
    RecoveryCode,
    Session,
    Totp,
    User,
    databases,
    limits,
    login,
    login_notices,
)
from models.client import Client
from models.email_link import Purpose
from models.identity import How
from models.session import resume
from tests.unit.conftest import PASSWORD, Clock, Outbox, Visitor, a_user, code, plain

pytestmark = pytest.mark.anyio
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
WRONG = "fel lösenord här"


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    await user.confirm_email()
    return user


@pytest.fixture
async def bo(account: CustomerAccount, time: Clock) -> tuple[User, str]:
    """Bo has two-factor on; with him the secret of his app."""
    user = await a_user("bo@example.com", given_name="Bo")
    _ = await Membership.admit(user, account)
    await user.confirm_email()
    totp = await Totp.pending(user)
    assert (await totp.activate(user, code(totp.secret))).is_right
    time.forward(minutes=5)
    return user, totp.secret


async def notices(email: str = "anna@example.com") -> list[str]:
    """The kinds of notices to this address."""
    mails = (
        await OutgoingMail.filter(to=email)
        .exclude(kind__in=["welcome", "two_factor_on"])
        .order_by("id")
    )
    return [mail.kind for mail in mails]


# New devices


async def test_a_login_from_a_new_browser_is_told_of_once(
    visitor: Visitor, anna: User, outbox: Outbox
) -> None:
    visitor.client.headers["User-Agent"] = FIREFOX
    await visitor.log_in()
    await visitor.submit("/logga-ut")
    await visitor.log_in()

    assert await notices() == ["new_device"]
    mail = await OutgoingMail.get(kind="new_device")
    message = plain(outbox.app.state.composer.compose(mail))
    assert "Någon loggade in 2 mars 2026 kl. 10.00 från Firefox på Windows." in message
    assert "/det-var-inte-jag/" in message
    link = await EmailLink.get(purpose=Purpose.NOT_ME)
    assert (link.user_id, link.id) == (anna.id, mail.link_id)


async def test_who_answers_that_it_was_not_they_shuts_the_thief_out(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, outbox: Outbox
) -> None:
    thief = new_visitor()
    await thief.log_in()
    mail = await OutgoingMail.get(kind="new_device")
    (link,) = (
        line
        for line in plain(outbox.app.state.composer.compose(mail)).splitlines()
        if "/det-var-inte-jag/" in line
    )
    page = await visitor.visit(link)
    await visitor.submit(page.path)

    assert (await thief.visit("/kund/100200")).path == "/logga-in"
    assert (await thief.log_in()).status == 422


async def test_the_device_one_registered_on_is_known(
    visitor: Visitor, account: CustomerAccount
) -> None:
    await visitor.submit("/registrera/steg-1")
    numbers = {"customer_number": "100200", "organisation_suffix": "3378"}
    await visitor.submit("/registrera/steg-2", **numbers)
    page = await visitor.submit(
        "/registrera/steg-3",
        customer_number="100200",
        given_name="Vera",
        family_name="Lind",
        email="vera@example.com",
        password=PASSWORD,
    )
    assert page.path == "/registrera/steg-4"
    await visitor.submit("/registrera/steg-4/hoppa-over")
    await visitor.submit("/logga-ut")
    await visitor.log_in("vera@example.com")

    assert await notices("vera@example.com") == []


async def test_each_user_of_a_shared_browser_is_told(
    visitor: Visitor, anna: User, bo: tuple[User, str]
) -> None:
    await visitor.log_in()
    await visitor.submit("/logga-ut")
    await visitor.log_in("bo@example.com")
    assert await notices("bo@example.com") == [], "the password alone is no login"

    await visitor.submit("/logga-in/kod", code=code(bo[1]))

    assert await notices("bo@example.com") == ["new_device"]


async def test_an_unconfirmed_address_gets_the_notice_without_a_link(
    visitor: Visitor, anna: User, outbox: Outbox
) -> None:
    _ = await User.filter(id=anna.id).update(email_confirmed_at=None)
    await visitor.log_in()

    mail = await OutgoingMail.get(kind="new_device")
    assert mail.link_id is None
    assert "/det-var-inte-jag" not in plain(outbox.app.state.composer.compose(mail))
    assert not await EmailLink.exists(user_id=anna.id)


@pytest.mark.parametrize("device", ["", "the same"])
async def test_thirty_logins_at_once_are_told_of_once(anna: User, device: str) -> None:
    """A form sent twice by a browser without cookies comes from several devices at once."""
    tokens = await asyncio.gather(
        *(
            Session.start(anna, How.PASSWORD, Client("203.0.113.1", FIREFOX, device or f"{n}"))
            for n in range(30)
        )
    )

    assert all([await resume(token) for token in tokens])
    assert await notices() == ["new_device"]


async def test_a_login_that_came_too_late_is_not_told_of(anna: User, time: Clock) -> None:
    time.forward(minutes=1)
    _ = await User.filter(id=anna.id).update(password_changed_at=time.now())
    await Session.start(anna, How.PASSWORD, Client("203.0.113.1", FIREFOX, "new"))
    assert not await Session.exists()
    assert await notices() == []


async def test_so_many_devices_are_known_and_those_in_use_stay(anna: User, time: Clock) -> None:
    for number in range(KnownDevice.MOST + 5):
        time.forward(minutes=2)
        for device in ("every day", f"{number}"):
            await Session.start(anna, How.PASSWORD, Client("203.0.113.1", "", device))

    assert await KnownDevice.all().count() == KnownDevice.MOST
    assert await KnownDevice.knows(anna.id, "every day")
    assert not await KnownDevice.knows(anna.id, "0")


# Somebody who guesses passwords


async def guess(new_visitor: Callable[[], Visitor], email: str, times: int) -> None:
    strangers = [new_visitor() for _ in range(0, times, 10)]
    for number in range(times):
        await strangers[number // 10].log_in(email, WRONG)


async def test_reaching_the_limit_is_told_of_once_an_hour(
    new_visitor: Callable[[], Visitor], anna: User, time: Clock
) -> None:
    await guess(new_visitor, "anna@example.com", 20)
    assert await notices() == []
    await guess(new_visitor, " Anna@Example.com", 5)
    assert await notices() == ["limit_reached"]

    time.forward(hours=1)
    await guess(new_visitor, "anna@example.com", 25)
    assert await notices() == ["limit_reached"] * 2


async def test_thirty_refusals_at_once_are_told_of_once(anna: User) -> None:
    for number in range(20):
        await login.check(anna.email, WRONG, Client(f"203.0.113.{number}"))

    outcomes = await asyncio.gather(
        *(login.check(anna.email, WRONG, Client(f"198.51.100.{n}")) for n in range(30))
    )

    assert all(outcome.wait for outcome in outcomes)
    assert await notices() == ["limit_reached"]


async def test_nobody_is_told_at_the_same_cost(
    anna: User, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia = await a_user("mia@example.com")
    assert mia.email_confirmed_at is None
    asked: dict[str, list[str]] = {}
    async with databases.atomic() as inside:
        clients = {type(inside), type(databases.connection())}
    names = ("execute_query", "execute_insert", "execute_query_dict")
    for email in ("anna@example.com", "mia@example.com", "none@example.com"):
        for number in range(20):
            await login.check(email, WRONG, Client(f"203.0.113.{number}"))
        seen = asked.setdefault(email, [])
        with monkeypatch.context() as patched:
            for client, name in product(clients, names):
                original = getattr(client, name)

                async def noted(self, query, *rest, _original=original, _seen=seen, **more):  # type: ignore[no-untyped-def]
                    _seen.append(query)
                    return await _original(self, query, *rest, **more)

                patched.setattr(client, name, noted)
            assert (await login.check(email, WRONG, Client("203.0.113.99"))).wait
    assert asked["anna@example.com"] == asked["mia@example.com"] == asked["none@example.com"]
    assert any("outgoing_mails" in query for query in asked["anna@example.com"])
    written = await OutgoingMail.filter(kind="limit_reached").order_by("id")
    assert [mail.to for mail in written] == ["anna@example.com", "mia@example.com", ""]
    assert [mail.data["name"] for mail in written] == ["Anna", "Anna", ""]


async def test_a_login_after_many_failures_is_told_of(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, time: Clock
) -> None:
    await visitor.log_in()
    await visitor.submit("/logga-ut")
    await guess(new_visitor, "anna@example.com", login_notices.Unusual.MANY_FAILURES - 1)
    await new_visitor().log_in()
    assert "login_after_failures" not in await notices()
    await guess(new_visitor, "anna@example.com", 1)
    for _ in range(2):
        await new_visitor().log_in()
    assert (await notices()).count("login_after_failures") == 1

    time.forward(hours=1)
    await new_visitor().log_in()
    assert (await notices()).count("login_after_failures") == 1, "the failures are forgotten"


async def test_failures_on_a_known_device_count_too(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    await visitor.submit("/logga-ut")
    for _ in range(login_notices.Unusual.MANY_FAILURES):
        await visitor.log_in(password=WRONG)

    assert (await visitor.log_in()).path == "/kund/100200"

    assert await notices() == ["new_device", "login_after_failures"]


# Somebody who knows the password and guesses codes


async def test_the_third_wrong_code_is_told_of_once(
    visitor: Visitor, bo: tuple[User, str], time: Clock
) -> None:
    await visitor.log_in("bo@example.com")
    for wrong in ("000000", "000001"):
        await visitor.submit("/logga-in/kod", code=wrong)
    assert await notices("bo@example.com") == []

    time.forward(minutes=20)
    await visitor.log_in("bo@example.com")  # a half-login of its own
    for wrong in ("000002", "0000 0000 0000 0003", "000004"):
        await visitor.submit("/logga-in/kod", code=wrong)

    assert await notices("bo@example.com") == ["wrong_codes"]
    event = await Event.get(kind="login.wrong_codes")
    assert (event.user_id, event.address) == (bo[0].id, visitor.address)
    time.forward(hours=1)
    await visitor.log_in("bo@example.com")
    for wrong in ("000005", "000006"):
        await visitor.submit("/logga-in/kod", code=wrong)
    assert await notices("bo@example.com") == ["wrong_codes"]
    await visitor.submit("/logga-in/kod", code="000007")
    assert await notices("bo@example.com") == ["wrong_codes"] * 2


async def test_thirty_wrong_codes_at_once_are_told_of_once(bo: tuple[User, str]) -> None:
    await asyncio.gather(*(login_notices.code_was_wrong(bo[0].id) for _ in range(30)))
    assert await notices("bo@example.com") == ["wrong_codes"]


async def test_a_recovery_code_that_was_used_is_told_of_with_how_many_are_left(
    visitor: Visitor, bo: tuple[User, str], outbox: Outbox
) -> None:
    (recovery_code, *_) = await RecoveryCode.shown(bo[0].id)
    await visitor.log_in("bo@example.com")
    page = await visitor.submit("/logga-in/kod", code=recovery_code)
    assert page.path == "/kund/100200"

    *_, message = await outbox.to("bo@example.com")
    assert message["Subject"] == "En återställningskod är använd"
    assert "Antal koder som är kvar: 9." in plain(message)
    assert (await Event.get(kind="recovery_code.used")).address == visitor.address


async def test_one_recovery_code_thirty_times_at_once_is_told_of_once(
    bo: tuple[User, str],
) -> None:
    (recovery_code, *_) = await RecoveryCode.shown(bo[0].id)

    used = await asyncio.gather(*(RecoveryCode.use(bo[0].id, recovery_code) for _ in range(30)))

    assert used.count(True) == 1
    assert await notices("bo@example.com") == ["recovery_code_used"]


async def test_what_is_told_of_is_never_held_back_by_what_was_asked_for(
    visitor: Visitor, anna: User
) -> None:
    for _ in range(limits.ASKED_MAIL.most + 1):
        await limits.spend(limits.ASKED_MAIL.of(anna.email_key))
    await visitor.log_in()
    assert await notices() == ["new_device"]
