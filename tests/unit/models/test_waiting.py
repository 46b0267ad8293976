"""Whom no administrator lets in: customer service is told once, after fourteen days."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models import (
    ClaimPolicy,
    CustomerAccount,
    Membership,
    OutgoingMail,
    Role,
    Status,
    User,
    access,
    waiting,
)
from models.access import Actor
from tests.unit.conftest import SETTINGS, Clock, Outbox, a_user, plain

pytestmark = pytest.mark.anyio
FOURTEEN_DAYS = timedelta(days=14)


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user(email_confirmed_at=time.now(), phone="070-174 06 35")
    _ = await Membership.admit(user, account)
    return user


@pytest.fixture
async def waits(account: CustomerAccount, anna: User, time: Clock) -> Membership:
    await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
    bo = await a_user("bo@example.com", given_name="Bo", family_name="Ek", phone="070-174 06 05")
    membership = await Membership.admit(bo, account)
    assert membership.is_awaiting
    await OutgoingMail.all().delete()
    return membership


async def told() -> int:
    return await OutgoingMail.filter(kind="awaiting_too_long").count()


async def test_customer_service_is_told_once_after_fourteen_days(
    waits: Membership, time: Clock, outbox: Outbox
) -> None:
    start = time.time
    time.time = start + FOURTEEN_DAYS - timedelta(seconds=1)
    assert await waiting.tell_service() == 0
    time.time = start + FOURTEEN_DAYS
    assert await waiting.tell_service() == 1
    time.forward(days=100)
    assert await waiting.tell_service() == 0

    assert (await Membership.get(id=waits.id)).service_told_at == start + FOURTEEN_DAYS
    (message,) = await outbox.to(SETTINGS.support_email)
    assert message["Subject"] == "Ingen har godkänt en ny användare för Exempelbygg AB"
    text = plain(message)
    for part in (
        "Bo Ek (bo@example.com, 070-174 06 05) angav kundnumret",
        "den 2 mars 2026 kl. 10.00",
        "har svarat på 14 dagar",
        "Kundnummer: 100\N{NO-BREAK SPACE}200",
        "– Anna Andersson (anna@example.com, 070-174 06 35)",
        f"minasidor customers approve 100200 {waits.user_id}\n",
    ):
        assert part in text


async def test_an_account_without_an_administrator_is_told_of_as_such(
    waits: Membership, anna: User, time: Clock, outbox: Outbox
) -> None:
    await (await Membership.get(user_id=anna.id)).remove()
    time.forward(days=14)
    assert await waiting.tell_service() == 1
    (message,) = await outbox.to(SETTINGS.support_email)
    assert "Kundkontot har ingen administratör." in plain(message)
    assert "Anna" not in plain(message)


async def test_who_was_answered_or_is_leaving_is_not_told_of(
    account: CustomerAccount, waits: Membership, anna: User, time: Clock
) -> None:
    others = [await Membership.admit(await a_user(f"{n}@example.com"), account) for n in range(2)]
    assert await access.approve(waits, Actor(anna.id))
    assert await access.deny(others[0], Actor(anna.id))
    await User.filter(id=others[1].user_id).update(closes_at=time.now() + timedelta(days=20))
    time.forward(days=14)

    assert await waiting.tell_service() == 0
    assert await told() == 0


async def test_of_a_closed_account_nobody_is_told(
    account: CustomerAccount, waits: Membership, time: Clock
) -> None:
    await CustomerAccount.filter(id=account.id).update(closed_at=time.now())
    time.forward(days=14)
    assert await waiting.tell_service() == 1
    assert await waiting.tell_service() == 0
    assert await told() == 0


async def test_more_than_a_round_are_told_of_the_longest_waiting_first(
    account: CustomerAccount, anna: User, time: Clock
) -> None:
    for number in range(5):
        user = await a_user(f"{number}@example.com")
        _ = await Membership.create(
            user_id=user.id,
            customer_account_id=account.id,
            role=Role.MEMBER,
            status=Status.AWAITING_APPROVAL,
            created_at=time.now() - timedelta(days=20 + number),
        )
    assert await waiting.tell_service(most=3) == 3
    untold = Membership.filter(status=Status.AWAITING_APPROVAL, service_told_at=None).order_by("id")
    emails: list[object] = list(await untold.values_list("user__email", flat=True))
    assert emails == ["0@example.com", "1@example.com"]
    assert await waiting.tell_service(most=3) == 2
    assert await told() == 5
