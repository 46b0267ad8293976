"""The administrators' list: its order, its search, and what it says of invitations."""

from __future__ import annotations

import pytest

from models import (
    ClaimPolicy,
    CustomerAccount,
    Invitation,
    Membership,
    OutgoingMail,
    Role,
    access,
    members,
)
from models.access import Actor
from tests.unit.conftest import Clock, a_user, an_account

pytestmark = pytest.mark.anyio
OPERATOR = Actor(operator="test")


async def joined(
    account: CustomerAccount, given_name: str, family_name: str, email: str
) -> Membership:
    user = await a_user(email, given_name=given_name, family_name=family_name)
    return await Membership.admit(user, account)


@pytest.fixture
async def users(account: CustomerAccount, time: Clock) -> list[Membership]:
    return [
        await joined(account, "Zoë", "Öhrn", "zoe@example.com"),  # the administrator
        await joined(account, "Östen", "Ek", "osten@example.com"),
        await joined(account, "Åke", "Ek", "ake@example.com"),
        await joined(account, "Ärla", "Ek", "arla@other.example"),
        await joined(account, "Zack", "Ek", "zack@example.com"),
        await joined(account, "Aron", "Ek", "aron@example.com"),
    ]


async def names(account: CustomerAccount, asked: str = "") -> list[str]:
    return [member.name for member in await members.of_account(account.id, asked)]


async def test_administrators_come_first_then_as_in_a_swedish_register(
    account: CustomerAccount, users: list[Membership]
) -> None:
    _ = await joined(await an_account("100900", "4435027711"), "Sten", "Bok", "sten@example.com")
    assert await names(account) == [
        "Zoë Öhrn",
        *("Aron Ek", "Zack Ek", "Åke Ek", "Ärla Ek", "Östen Ek"),
    ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("ÅKE", ["Åke Ek"]),
        ("ake ek", ["Åke Ek"]),  # that of the address
        ("ärl", ["Ärla Ek"]),
        ("zoe", ["Zoë Öhrn"]),
        ("arla@other.example", ["Ärla Ek"]),
        ("  other  ek ", ["Ärla Ek"]),
        ("ostén", ["Östen Ek"]),
        ("%", ["Zoë Öhrn", "Aron Ek", "Zack Ek", "Åke Ek", "Ärla Ek", "Östen Ek"]),
        ("nobody", []),
    ],
)
async def test_a_search_finds_names_and_addresses_as_swedes_expect(
    account: CustomerAccount, users: list[Membership], asked: str, found: list[str]
) -> None:
    assert await names(account, asked) == found


async def test_it_tells_role_last_login_and_two_factor(
    account: CustomerAccount, users: list[Membership], time: Clock
) -> None:
    (first, *_) = await members.of_account(account.id)

    assert (first.id, first.user_id) == (users[0].id, users[0].user_id)
    assert first.is_administrator
    assert not first.is_waiting
    assert (first.since, first.last_login_at) == (time.now(), None)
    assert not first.has_two_factor
    assert not first.is_closing


async def test_those_who_wait_stand_apart_the_longest_first(
    account: CustomerAccount, users: list[Membership], time: Clock
) -> None:
    await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
    for name in ("Tove", "Agnes"):
        time.forward(minutes=1)
        _ = await joined(account, name, "Ny", f"{name.lower()}@example.com")

    waiting = await members.waiting_for(account.id)
    assert [member.name for member in waiting] == ["Tove Ny", "Agnes Ny"]
    assert [m.name for m in await members.waiting_for(account.id, "agn")] == ["Agnes Ny"]
    assert len(await members.of_account(account.id)) == 6
    count = await members.count(account.id)
    assert (count.users, count.administrators, count.waiting) == (6, 1, 2)
    assert count.without_two_factor == 6


async def test_one_of_another_account_is_nobody(
    account: CustomerAccount, users: list[Membership]
) -> None:
    other = await an_account("100900", "4435027711")
    assert await members.one(other.id, users[0].id) is None
    assert await members.one(account.id, 0) is None


async def test_an_invitation_gets_its_time_when_its_mail_is_sent(
    account: CustomerAccount, users: list[Membership], time: Clock
) -> None:
    asked_at = time.now()
    _ = await Invitation.send(
        account, "Elin@Example.com", Role.ADMINISTRATOR, Actor(users[0].user_id)
    )
    (invited,) = await members.invited_to(account.id)
    assert (invited.email, invited.inviter) == ("Elin@Example.com", "Zoë Öhrn")
    assert invited.is_administrator
    assert (invited.sent_at, invited.ends_at, invited.has_ended) == (asked_at, None, False)

    time.forward(hours=3)
    (mail,) = await OutgoingMail.filter(kind="invitation")
    await mail.was_sent()
    (invited,) = await members.invited_to(account.id)
    assert invited.ends_at == time.now() + Invitation.LIFETIME

    time.forward(days=14)
    (invited,) = await members.invited_to(account.id)
    assert invited.has_ended
    assert await members.invited_to(account.id, "nobody") == []
    assert await members.invited_to(account.id, "elin")


async def test_an_invitation_sent_again_tells_of_its_newest_mail(
    account: CustomerAccount, users: list[Membership], time: Clock
) -> None:
    invitation = await Invitation.send(account, "elin@example.com", Role.MEMBER, OPERATOR)
    (mail,) = await OutgoingMail.filter(kind="invitation")
    await mail.give_up()
    assert [one.has_failed for one in await members.invited_to(account.id)] == [True]

    assert await invitation.send_again(OPERATOR)
    (invited,) = await members.invited_to(account.id)
    assert not invited.has_failed
    assert invited.inviter == ""


async def test_a_member_who_left_is_not_listed(
    account: CustomerAccount, users: list[Membership]
) -> None:
    await access.remove(users[1], OPERATOR)
    assert "Östen Ek" not in await names(account)
