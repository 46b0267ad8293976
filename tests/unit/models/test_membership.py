"""Who becomes administrator, and who is told."""

import pytest

from models import CustomerAccount, Event, Membership, OutgoingMail, Role
from models.membership import AccountClosed
from tests.unit.conftest import Clock, a_user

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
    assert await Event.exists(kind="membership.promoted", user_id=bo.id)


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
