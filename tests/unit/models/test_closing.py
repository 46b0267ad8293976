"""Closing a user account: what goes at once, what goes after fourteen days, and what never goes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tortoise import Tortoise

from models import (
    AppCode,
    AppDevice,
    AppLogin,
    AppToken,
    CustomerAccount,
    EmailLink,
    Event,
    Membership,
    OutgoingMail,
    Registration,
    Role,
    Session,
    User,
    closing,
    databases,
    email_change,
    password_reset,
)
from models.client import Client
from models.email_link import Purpose
from models.identity import How
from tests.unit.conftest import CHALLENGE, Clock, a_user, an_account, an_app, an_app_code

pytestmark = pytest.mark.anyio
AT_ONCE = 20
HERE = Client(address="198.51.100.7", user_agent="Firefox", device="x" * 43)


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    """The only user of her account, and so its administrator."""
    user = await a_user(email_confirmed_at=time.now())
    _ = await Membership.admit(user, account)
    return user


async def another(account: CustomerAccount, email: str, role: Role = Role.MEMBER) -> User:
    user = await a_user(email)
    membership = await Membership.admit(user, account)
    if role is Role.ADMINISTRATOR and membership.role is not role:
        await Membership.filter(id=membership.id).update(role=role)
        await databases.execute(
            "UPDATE customer_accounts SET active_administrators = active_administrators + 1"
            " WHERE id = ?",
            account.id,
        )
    return user


async def administrators(account: CustomerAccount) -> int:
    return (await CustomerAccount.get(id=account.id)).active_administrators


async def close(user: User) -> str:
    try:
        return "closed" if await closing.close(user) else "too late"
    except closing.OnlyAdministrator:
        return "refused"


async def test_sessions_links_and_the_administrators_place_go_at_once(
    anna: User, account: CustomerAccount, time: Clock
) -> None:
    _ = await Session.start(anna, How.PASSWORD, HERE)
    link, _ = await EmailLink.issue(Purpose.RESET_PASSWORD, email=anna.email, user_id=anna.id)

    closes_at = await closing.close(anna)

    assert closes_at == time.now() + timedelta(days=14)
    assert not await Session.exists(user_id=anna.id)
    assert not await link.consume()
    assert await administrators(account) == 0
    assert await Event.exists(kind="user.closing", user_id=anna.id)
    assert await OutgoingMail.exists(kind="closing", to=anna.email)


async def test_undone_all_is_as_it_was(anna: User, account: CustomerAccount) -> None:
    assert await close(anna) == "closed"

    assert await closing.undo(anna)

    assert (await User.get(id=anna.id)).closes_at is None
    assert await administrators(account) == 1
    assert await OutgoingMail.exists(kind="reopened", to=anna.email)
    assert not await closing.undo(anna), "there is nothing to undo any more"
    assert await administrators(account) == 1


async def test_a_claim_of_an_account_whose_administrator_is_leaving_takes_the_place(
    anna: User, account: CustomerAccount
) -> None:
    await close(anna)

    bo = await another(account, "bo@example.com")

    membership = await Membership.get(user_id=bo.id)
    assert membership.role is Role.ADMINISTRATOR
    assert not await OutgoingMail.exists(kind="new_member", to=anna.email)
    await closing.undo(anna)
    assert await administrators(account) == 2


async def test_administrators_who_are_leaving_hear_of_nobody_new(
    anna: User, account: CustomerAccount
) -> None:
    cia = await another(account, "cia@example.com", Role.ADMINISTRATOR)
    await User.filter(id=cia.id).update(email_confirmed_at=cia.created_at)
    await close(anna)

    _ = await another(account, "bo@example.com")

    told = [mail.to for mail in await OutgoingMail.filter(kind="new_member")]
    assert told.count(cia.email) == 1
    # Of Cia, before, and not of Bo.
    assert told.count(anna.email) == 1


async def test_the_only_administrator_of_others_stays(anna: User, account: CustomerAccount) -> None:
    _ = await another(account, "bo@example.com")
    assert await closing.relying_on(anna.id) == [account.name]

    assert await close(anna) == "refused"

    assert (await User.get(id=anna.id)).closes_at is None
    assert await administrators(account) == 1
    assert not await OutgoingMail.exists(kind="closing")


async def test_others_count_also_while_they_are_closing_theirs(
    anna: User, account: CustomerAccount
) -> None:
    bo = await another(account, "bo@example.com")
    assert await close(bo) == "closed"

    assert await close(anna) == "refused"


async def test_a_member_may_always_leave(anna: User, account: CustomerAccount) -> None:
    bo = await another(account, "bo@example.com")

    assert await close(bo) == "closed"

    assert await administrators(account) == 1


async def test_of_two_administrators_who_close_at_once_one_stays(
    account: CustomerAccount, time: Clock
) -> None:
    other = await an_account("100201", "4435027711", "Andra Bolaget AB")
    users = [await a_user(f"{name}@example.com") for name in ("anna", "bo")]
    for one in (account, other):
        for user in users:
            _ = await Membership.admit(user, one)
    await Membership.all().update(role=Role.ADMINISTRATOR)
    await CustomerAccount.all().update(active_administrators=2)

    for _ in range(5):
        got = await asyncio.gather(*(close(user) for user in users))

        assert sorted(got) == ["closed", "refused"]
        assert (await administrators(account), await administrators(other)) == (1, 1)
        leaving = await User.get(closes_at__not_isnull=True)
        assert await closing.undo(leaving)
        users = [await User.get(id=user.id) for user in users]


async def test_nobody_is_let_in_as_a_member_while_the_only_user_leaves(
    anna: User, account: CustomerAccount
) -> None:
    for number in range(10):
        newcomer = await a_user(f"user{number}@example.com")

        got, _ = await asyncio.gather(close(anna), Membership.admit(newcomer, account))

        there = await Membership.get(user_id=newcomer.id)
        if got == "closed":
            assert there.role is Role.ADMINISTRATOR
            assert await closing.undo(anna)
        else:
            assert there.role is Role.MEMBER
        await there.remove()
        assert await administrators(account) == 1


async def test_closed_and_undone_many_times_at_once_it_counts_right(
    anna: User, account: CustomerAccount
) -> None:
    got = await asyncio.gather(*(close(anna) for _ in range(AT_ONCE)))
    assert (got.count("closed"), got.count("too late")) == (1, AT_ONCE - 1)
    assert await administrators(account) == 0

    undone = await asyncio.gather(*(closing.undo(anna) for _ in range(AT_ONCE)))
    assert sum(undone) == 1
    assert await administrators(account) == 1


async def test_a_frozen_user_or_one_with_a_new_password_closes_nothing(
    anna: User, time: Clock
) -> None:
    await User.filter(id=anna.id).update(frozen_at=time.now())
    assert await close(anna) == "too late"

    await User.filter(id=anna.id).update(
        frozen_at=None, password_changed_at=time.now() + timedelta(1)
    )
    assert await close(anna) == "too late"


async def test_det_var_inte_jag_opens_it_again(anna: User, account: CustomerAccount) -> None:
    await close(anna)
    link = await EmailLink.get(purpose=Purpose.NOT_ME).prefetch_related("user")

    assert await password_reset.freeze(link)

    user = await User.get(id=anna.id)
    assert (user.closes_at, user.frozen_at is None) == (None, False)
    assert await administrators(account) == 1


async def test_removed_while_leaving_it_is_counted_once(
    anna: User, account: CustomerAccount
) -> None:
    await close(anna)
    membership = await Membership.get(user_id=anna.id)

    assert await membership.remove()
    assert await closing.undo(anna)

    assert await administrators(account) == 0


async def test_who_is_leaving_takes_nobodys_place(anna: User, time: Clock) -> None:
    other = await an_account("100201", "4435027711", "Andra Bolaget AB")
    await close(anna)

    membership = await Membership.admit(await User.get(id=anna.id), other)

    assert membership.role is Role.MEMBER
    assert await administrators(other) == 0


# Erased


async def test_erased_after_fourteen_days_and_not_before(anna: User, time: Clock) -> None:
    await close(anna)
    time.forward(days=14, seconds=-1)
    assert await closing.erase_due() == 0

    time.forward(seconds=1)

    assert await closing.erase_due() == 1
    assert not await User.exists()


async def test_nothing_of_an_erased_user_is_left_but_events_of_nobody(
    anna: User, account: CustomerAccount, time: Clock
) -> None:
    await anna.rename("Anna", "Ek-Berg", "070-174 06 05")
    _ = await Session.start(anna, How.PASSWORD, HERE)
    token = await Registration.start()
    registration = await Registration.find(token)
    assert registration
    await registration.keep_details("Anna", "Ek-Berg", "070-174 06 05", anna.email)
    await Event.record("email.changed", user=anna, before="anna.gammal@example.com")
    cia = await another(account, "cia@example.com")  # of whom Anna is told, with a link of nobody's
    before = await Event.filter(user_id=anna.id).count()
    await Membership.filter(user_id=cia.id).update(role=Role.ADMINISTRATOR)
    await CustomerAccount.filter(id=account.id).update(active_administrators=2)
    _ = await an_app(anna, "Annas Ek-Berg")
    assert await close(anna) == "closed"
    assert not await AppDevice.exists(), "the app is out at once"
    now = await User.get(id=anna.id)
    _ = await AppLogin.start(now, "mittprezero-ios", CHALLENGE, "Annas Ek-Berg")
    _ = await an_app_code(now)
    _ = await an_app(now, "Annas Ek-Berg", address="198.51.100.7")
    time.forward(days=14)

    assert await closing.erase_due() == 1

    for of_the_app in (AppDevice, AppToken, AppLogin, AppCode):
        assert not await of_the_app.exists()
    left = ""
    for model in Tortoise.apps["models"].values():
        left += repr(await model.all().values())
    for personal in (anna.email, "Ek-Berg", "070-174 06 05", "198.51.100.7", "anna.gammal"):
        assert personal not in left
    assert [user.email for user in await User.all()] == [cia.email]
    assert await Event.filter(user_id=None, customer_account_id=account.id).count() >= 1
    assert await Event.filter(user_id=None).count() >= before
    assert await administrators(account) == 1
    _ = await a_user(anna.email)  # the address is free


async def test_who_lost_the_address_takes_nothing_of_others_along(anna: User, time: Clock) -> None:
    token = await Registration.start()  # somebody's, who has typed no address yet
    await email_change.disown(anna)
    _ = await closing.close(await User.get(id=anna.id))
    time.forward(days=14)
    await closing.erase_due()

    assert not await User.exists(id=anna.id)
    assert await Registration.find(token)


async def test_an_id_is_never_given_again(anna: User, time: Clock) -> None:
    """Limits and what is encrypted are bound to it."""
    await close(anna)
    time.forward(days=14)
    await closing.erase_due()

    assert (await a_user()).id > anna.id


async def test_of_many_erasures_at_once_one_erases(anna: User, time: Clock) -> None:
    await close(anna)
    time.forward(days=14)

    got = await asyncio.gather(*(closing.erase(anna.id) for _ in range(AT_ONCE)))

    assert sum(got) == 1
    assert await Event.filter(kind="user.erased").count() == 1


async def test_undone_at_the_moment_of_erasing_one_of_both_wins(time: Clock, db: None) -> None:
    account = await an_account()
    for number in range(10):
        user = await a_user(f"user{number}@example.com")
        _ = await Membership.admit(user, account)
        assert await close(user) == "closed"
        time.forward(days=14)
        both = [closing.undo(user), closing.erase(user.id)]

        got = await asyncio.gather(*(both if number % 2 else reversed(both)))

        assert sum(got) == 1
        there = await User.get_or_none(id=user.id)
        assert (there is not None) == (await administrators(account) == 1)
        if there:
            assert there.closes_at is None
            assert await close(there) == "closed"
            time.forward(days=14)
            assert await closing.erase(user.id)
