"""Access given and taken by administrators: who may, what is told, and that one always stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from models import (
    ClaimPolicy,
    CustomerAccount,
    EmailLink,
    Event,
    Invitation,
    Membership,
    OutgoingMail,
    Role,
    Session,
    Status,
    User,
    access,
    clock,
    closing,
)
from models.access import Actor, LastAdministrator, NotAdministrator
from models.client import Client
from models.email_link import Purpose
from models.identity import How
from models.membership import AccountClosed
from models.session import resume
from tests.unit.conftest import Clock, a_user, an_account

pytestmark = pytest.mark.anyio
Verb = Callable[[Membership, Actor], Awaitable[bool]]
VERBS: list[Verb] = [
    access.approve,
    access.deny,
    access.promote,
    access.demote,
    access.remove,
]
OPERATOR = Actor(operator="Siv at customer service")


async def joined(
    account: CustomerAccount, name: str, policy: ClaimPolicy = ClaimPolicy.DIRECT
) -> Membership:
    """Somebody with a proven address, who claims the account now."""
    await CustomerAccount.filter(id=account.id).update(claim_policy=policy)
    user = await a_user(
        f"{name}@example.com", given_name=name.capitalize(), email_confirmed_at=clock.now()
    )
    return await Membership.admit(user, account)


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> Membership:
    """The administrator."""
    membership = await joined(account, "anna")
    await OutgoingMail.all().delete()
    return membership


@pytest.fixture
async def bo(account: CustomerAccount, anna: Membership) -> Membership:
    """An ordinary user."""
    return await joined(account, "bo")


@pytest.fixture
async def cecilia(account: CustomerAccount, anna: Membership) -> Membership:
    """Waits to be let in."""
    membership = await joined(account, "cecilia", ClaimPolicy.APPROVE)
    await OutgoingMail.all().delete()
    return membership


def by(membership: Membership) -> Actor:
    return Actor(membership.user_id)


async def found(membership: Membership) -> Membership | None:
    return await Membership.get_or_none(id=membership.id)


async def administrators(account: CustomerAccount) -> int:
    """As counted on the account, which is also how many there are."""
    counted = (await CustomerAccount.get(id=account.id)).active_administrators
    real = Membership.filter(
        customer_account_id=account.id, role=Role.ADMINISTRATOR, user__closes_at=None
    )
    assert counted == await real.count()
    return counted


async def told(membership: Membership) -> list[str]:
    user = await User.get(id=membership.user_id)
    return [mail.kind for mail in await OutgoingMail.filter(to=user.email).order_by("id")]


async def happened(kind: str) -> tuple[int | None, int | None]:
    """To whom, and by whom."""
    event = await Event.get(kind=kind)
    return event.user_id, event.actor_id


# Each verb


async def test_who_waits_is_let_in(
    account: CustomerAccount, anna: Membership, cecilia: Membership
) -> None:
    assert await access.approve(cecilia, by(anna))

    now = await found(cecilia)
    assert now
    assert (now.role, now.status) == (Role.MEMBER, Status.ACTIVE)
    assert await told(cecilia) == ["access_approved"]
    assert await happened("membership.approved") == (cecilia.user_id, anna.user_id)
    assert not await access.approve(cecilia, by(anna)), "it is answered"
    assert not await access.deny(cecilia, by(anna))
    assert await administrators(account) == 1


async def test_who_waits_is_turned_down(anna: Membership, cecilia: Membership) -> None:
    assert await access.deny(cecilia, by(anna))

    assert await found(cecilia) is None
    assert await told(cecilia) == ["access_denied"]
    assert await happened("membership.denied") == (cecilia.user_id, anna.user_id)
    assert not await access.deny(cecilia, by(anna))
    assert not await access.approve(cecilia, by(anna))


async def test_a_user_becomes_administrator(
    account: CustomerAccount, anna: Membership, bo: Membership
) -> None:
    assert await access.promote(bo, by(anna))

    assert await administrators(account) == 2
    assert await told(bo) == ["made_administrator"]
    assert await happened("membership.promoted") == (bo.user_id, anna.user_id)
    assert not await access.promote(bo, by(anna)), "they are one"
    assert await administrators(account) == 2


async def test_who_waits_becomes_no_administrator(
    account: CustomerAccount, anna: Membership, cecilia: Membership
) -> None:
    assert not await access.promote(cecilia, by(anna))
    assert not await access.demote(cecilia, by(anna))
    assert await administrators(account) == 1


async def test_an_administrator_becomes_an_ordinary_user(
    account: CustomerAccount, anna: Membership, bo: Membership
) -> None:
    await access.promote(bo, by(anna))

    assert await access.demote(anna, by(bo))

    assert await administrators(account) == 1
    assert await told(anna) == ["no_longer_administrator"]
    assert await happened("membership.demoted") == (anna.user_id, bo.user_id)
    assert not await access.demote(anna, by(bo)), "they are none"


async def test_a_user_is_removed(
    account: CustomerAccount, anna: Membership, bo: Membership
) -> None:
    assert await access.remove(bo, by(anna))

    assert await found(bo) is None
    assert await told(bo) == ["access_removed"]
    assert await happened("membership.removed") == (bo.user_id, anna.user_id)
    assert not await access.remove(bo, by(anna))
    assert await administrators(account) == 1


async def test_another_administrator_is_removed(
    account: CustomerAccount, anna: Membership, bo: Membership
) -> None:
    await access.promote(bo, by(anna))
    assert await access.remove(anna, by(bo))
    assert await administrators(account) == 1


async def test_one_leaves_by_oneself(anna: Membership, bo: Membership) -> None:
    assert await access.remove(bo, by(bo))

    assert await found(bo) is None
    assert await told(bo) == [], "they know"
    assert await happened("membership.left") == (bo.user_id, bo.user_id)


async def test_who_waits_takes_it_back(anna: Membership, cecilia: Membership) -> None:
    assert await access.remove(cecilia, by(cecilia))

    assert await happened("membership.withdrawn") == (cecilia.user_id, cecilia.user_id)
    assert not await access.approve(cecilia, by(anna))


async def test_an_address_that_is_not_proven_is_told_nothing(
    anna: Membership, bo: Membership
) -> None:
    await User.filter(id=bo.user_id).update(email_confirmed_at=None)
    await access.promote(bo, by(anna))
    await access.remove(bo, by(anna))
    assert await told(bo) == []


# Who may not


@pytest.mark.parametrize("verb", VERBS)
async def test_nobody_but_administrators_acts(
    bo: Membership, cecilia: Membership, verb: Verb
) -> None:
    stranger = await joined(await an_account("100900", "4435027711"), "sten")
    for actor in (by(bo), by(stranger), Actor()):
        with pytest.raises(NotAdministrator):
            await verb(cecilia, actor)
    assert await found(cecilia)
    assert not await Event.filter(kind__startswith="membership.", actor_id__not_isnull=True)


@pytest.mark.parametrize("verb", [access.approve, access.promote])
async def test_nobody_lets_themselves_in_or_raises_themselves(
    bo: Membership, cecilia: Membership, verb: Verb
) -> None:
    for membership in (bo, cecilia):
        with pytest.raises(NotAdministrator):
            await verb(membership, by(membership))


@pytest.mark.parametrize("verb", VERBS)
async def test_an_operator_acts_by_name(cecilia: Membership, verb: Verb) -> None:
    if await verb(cecilia, OPERATOR):
        assert await Event.exists(operator=OPERATOR.operator, user_id=cecilia.user_id)


@pytest.mark.parametrize("verb", VERBS)
async def test_an_administrator_who_is_closing_the_user_account_acts_no_more(
    anna: Membership, bo: Membership, cecilia: Membership, verb: Verb
) -> None:
    await access.promote(bo, by(anna))
    assert await closing.close(await User.get(id=anna.user_id))

    with pytest.raises(NotAdministrator):
        await verb(cecilia, by(anna))


@pytest.mark.parametrize("verb", VERBS)
async def test_nothing_is_done_in_an_account_that_was_closed(
    account: CustomerAccount, anna: Membership, cecilia: Membership, verb: Verb
) -> None:
    await CustomerAccount.filter(id=account.id).update(closed_at=clock.now())

    with pytest.raises(AccountClosed):
        await verb(cecilia, by(anna))
    assert await found(cecilia)


# One always stays


@pytest.mark.parametrize("verb", [access.demote, access.remove])
async def test_the_last_administrator_stays_while_there_are_others(
    account: CustomerAccount, anna: Membership, bo: Membership, verb: Verb
) -> None:
    for actor in (by(anna), OPERATOR):
        with pytest.raises(LastAdministrator):
            await verb(anna, actor)

    now = await found(anna)
    assert now
    assert now.role is Role.ADMINISTRATOR
    assert await administrators(account) == 1
    assert not await Event.exists(kind__in=("membership.demoted", "membership.left"))


async def test_somebody_who_waits_is_somebody_else(anna: Membership, cecilia: Membership) -> None:
    with pytest.raises(LastAdministrator):
        await access.remove(anna, by(anna))


async def test_who_is_alone_leaves_and_takes_the_invitations_along(
    account: CustomerAccount, anna: Membership
) -> None:
    _ = await Invitation.send(account, "elin@example.com", Role.MEMBER, by(anna))

    assert await access.remove(anna, by(anna))

    assert await administrators(account) == 0
    assert not await Invitation.exists()
    again = await joined(account, "doris")
    assert again.role is Role.ADMINISTRATOR


async def test_who_is_alone_stays_administrator(anna: Membership) -> None:
    with pytest.raises(LastAdministrator):
        await access.demote(anna, by(anna))


async def test_an_administrator_who_is_closing_is_not_counted_as_one_who_stays(
    account: CustomerAccount, anna: Membership, bo: Membership
) -> None:
    await access.promote(bo, by(anna))
    assert await closing.close(await User.get(id=bo.user_id))
    assert await administrators(account) == 1

    with pytest.raises(LastAdministrator):
        await access.demote(anna, by(anna))
    assert await access.demote(bo, by(anna)), "they were not counted any more"
    assert await administrators(account) == 1
    await closing.undo(await User.get(id=bo.user_id))
    assert await administrators(account) == 1


async def test_who_is_made_administrator_while_closing_counts_when_that_is_undone(
    account: CustomerAccount, anna: Membership, bo: Membership
) -> None:
    assert await closing.close(await User.get(id=bo.user_id))
    assert await access.promote(bo, by(anna))
    assert await administrators(account) == 1
    await closing.undo(await User.get(id=bo.user_id))
    assert await administrators(account) == 2


# Det var inte vi


async def test_not_us_ends_access_and_sessions_once_whoever_is_left(
    account: CustomerAccount, anna: Membership
) -> None:
    user = await User.get(id=anna.user_id)
    token = await Session.start(user, How.PASSWORD, Client())
    link, _ = await EmailLink.issue(
        Purpose.NOT_US, email="kontakt@exempelbygg.example", membership_id=anna.id
    )

    assert await access.not_us(link)

    assert await found(anna) is None
    assert await resume(token) is None
    assert await administrators(account) == 0
    assert not await access.not_us(link)


# Rules


async def test_rules_are_set_and_recorded_one_by_one(
    account: CustomerAccount, anna: Membership
) -> None:
    async def rule(policy: ClaimPolicy, two_factor: bool) -> bool:
        return await access.set_rules(
            account, by(anna), claim_policy=policy, requires_two_factor=two_factor
        )

    assert await rule(ClaimPolicy.APPROVE, False)
    assert (await Event.get(kind="policy.changed")).data == {"policy": "approve"}
    assert not await rule(ClaimPolicy.APPROVE, False), "it is so already"
    assert await rule(ClaimPolicy.APPROVE, True)
    assert await rule(ClaimPolicy.APPROVE, False)

    now = await CustomerAccount.get(id=account.id)
    assert (now.claim_policy, now.requires_two_factor) == (ClaimPolicy.APPROVE, False)
    kinds = await Event.filter(customer_account_id=account.id, user_id=None).order_by("id")
    assert [(event.kind, event.actor_id) for event in kinds] == [
        ("policy.changed", anna.user_id),
        ("two_factor.required", anna.user_id),
        ("two_factor.not_required", anna.user_id),
    ]


async def test_nobody_else_sets_rules(account: CustomerAccount, bo: Membership) -> None:
    for actor in (by(bo), Actor()):
        with pytest.raises(NotAdministrator):
            await access.set_rules(
                account, actor, claim_policy=ClaimPolicy.DIRECT, requires_two_factor=True
            )
    await CustomerAccount.filter(id=account.id).update(closed_at=clock.now())
    with pytest.raises(AccountClosed):
        await access.set_rules(
            account, OPERATOR, claim_policy=ClaimPolicy.DIRECT, requires_two_factor=True
        )
    assert not (await CustomerAccount.get(id=account.id)).requires_two_factor
