"""Who becomes administrator, and who is told."""

import pytest

from models import (
    ClaimPolicy,
    CustomerAccount,
    Event,
    Membership,
    OutgoingMail,
    Role,
    Status,
    User,
    clock,
)
from models.membership import AccountClosed
from tests.unit.conftest import Clock, a_user, an_account

pytestmark = pytest.mark.anyio


async def test_the_first_becomes_administrator_and_the_next_a_member(
    account: CustomerAccount,
) -> None:
    first = await Membership.admit(await a_user(), account)
    second = await Membership.admit(await a_user("bo@example.com"), account)

    assert (first.role, second.role) == (Role.ADMINISTRATOR, Role.MEMBER)


async def test_a_member_who_claims_again_follows_an_administrator_who_is_gone(
    account: CustomerAccount,
) -> None:
    first = await Membership.admit(await a_user(), account)
    bo = await a_user("bo@example.com")
    _ = await Membership.admit(bo, account)
    await first.remove()

    again = await Membership.admit(bo, account)

    assert again.role is Role.ADMINISTRATOR
    assert (await CustomerAccount.get(id=account.id)).active_administrators == 1
    assert await Event.exists(kind="membership.stepped_in", user_id=bo.id)


async def test_an_account_that_was_closed_since_the_claim_admits_nobody(
    account: CustomerAccount, time: Clock
) -> None:
    await CustomerAccount.filter(id=account.id).update(closed_at=time.now())

    with pytest.raises(AccountClosed):
        _ = await Membership.admit(await a_user(), account)
    assert not await Membership.exists()


async def test_an_unproven_administrators_address_is_not_told_the_contact_is(
    account: CustomerAccount,
) -> None:
    _ = await Membership.admit(await a_user(), account)
    _ = await Membership.admit(await a_user("bo@example.com"), account)

    mail = await OutgoingMail.get(kind="new_member")
    assert mail.to == "kontakt@exempelbygg.example"


# The policy of later claims


async def kinds(to: str) -> list[str]:
    return [mail.kind for mail in await OutgoingMail.filter(to=to).order_by("id")]


async def claimed_by_bo(account: CustomerAccount, policy: ClaimPolicy) -> Membership:
    anna = await a_user(email_confirmed_at=clock.now())
    _ = await Membership.admit(anna, account)
    await CustomerAccount.filter(id=account.id).update(claim_policy=policy)
    await OutgoingMail.all().delete()
    return await Membership.admit(await a_user("bo@example.com"), account)


async def test_direct_lets_in_and_tells_nobody(account: CustomerAccount) -> None:
    membership = await claimed_by_bo(account, ClaimPolicy.DIRECT)

    assert (membership.role, membership.status) == (Role.MEMBER, Status.ACTIVE)
    assert not await OutgoingMail.exists()


async def test_notify_lets_in_and_tells_administrators_and_the_contact(
    account: CustomerAccount,
) -> None:
    membership = await claimed_by_bo(account, ClaimPolicy.NOTIFY)

    assert membership.status is Status.ACTIVE
    assert await kinds("anna@example.com") == ["new_member"]
    assert await kinds("kontakt@exempelbygg.example") == ["new_member"]


async def test_approve_holds_up_and_asks_the_administrators(account: CustomerAccount) -> None:
    membership = await claimed_by_bo(account, ClaimPolicy.APPROVE)

    assert (membership.role, membership.status) == (Role.MEMBER, Status.AWAITING_APPROVAL)
    assert await kinds("anna@example.com") == ["approval_asked"]
    assert await kinds("kontakt@exempelbygg.example") == ["new_member"]
    assert await Event.exists(kind="membership.asked", user_id=membership.user_id)
    assert await Membership.awaited_by(membership.user_id) == [
        {"name": "Exempelbygg AB", "customer_number": "100200"}
    ]


async def test_an_administrator_who_is_the_contact_gets_one_mail(db: None) -> None:
    account = await an_account(contact_email="anna@example.com")
    _ = await claimed_by_bo(account, ClaimPolicy.NOTIFY)

    assert await kinds("anna@example.com") == ["new_member"]


@pytest.mark.parametrize("policy", ClaimPolicy)
async def test_no_policy_holds_up_the_first_one(
    account: CustomerAccount, policy: ClaimPolicy
) -> None:
    await CustomerAccount.filter(id=account.id).update(claim_policy=policy)
    membership = await Membership.admit(await a_user(), account)

    assert (membership.role, membership.status) == (Role.ADMINISTRATOR, Status.ACTIVE)
    assert await kinds("kontakt@exempelbygg.example") == ["new_administrator"]


async def test_who_waits_becomes_administrator_where_there_is_none_any_more(
    account: CustomerAccount,
) -> None:
    waiting = await claimed_by_bo(account, ClaimPolicy.APPROVE)
    bo = await User.get(id=waiting.user_id)
    assert (await Membership.admit(bo, account)).is_awaiting, "a second claim changes nothing"
    anna = await User.get(email="anna@example.com")
    assert await (await Membership.get(user_id=anna.id)).remove()

    again = await Membership.admit(bo, account)

    assert (again.role, again.status) == (Role.ADMINISTRATOR, Status.ACTIVE)
    assert (await Membership.get(id=again.id)).status is Status.ACTIVE


async def test_the_yearly_review_is_due_a_year_after_the_first_administrator(
    account: CustomerAccount, time: Clock
) -> None:
    _ = await Membership.admit(await a_user(), account)
    due_at = (await CustomerAccount.get(id=account.id)).review_due_at
    assert due_at == time.now() + CustomerAccount.REVIEWED_EVERY
