"""The yearly review: who is asked when, and what confirming does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models import (
    CustomerAccount,
    EmailLink,
    Event,
    Invitation,
    Membership,
    OutgoingMail,
    Role,
    User,
    access,
    operating,
    review,
)
from models.access import Actor, NotAdministrator
from models.membership import AccountClosed
from tests.unit.conftest import Clock, a_user, an_account

pytestmark = pytest.mark.anyio
YEAR = timedelta(days=365)


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user(email_confirmed_at=time.now())
    _ = await Membership.admit(user, account)
    return user


@pytest.fixture
async def bo(anna: User, account: CustomerAccount) -> User:
    user = await a_user("bo@example.com", given_name="Bo", family_name="Ek")
    _ = await Membership.admit(user, account)
    await OutgoingMail.all().delete()
    return user


async def asked() -> list[str]:
    """Who was asked, and forget it."""
    mails = await OutgoingMail.filter(kind="review").order_by("id")
    await OutgoingMail.all().delete()
    return [mail.to for mail in mails]


async def due_at(account: CustomerAccount) -> object:
    return (await CustomerAccount.get(id=account.id)).review_due_at


# Asking


async def test_administrators_are_asked_a_year_after_the_first_one_and_each_year_after_that(
    account: CustomerAccount, anna: User, bo: User, time: Clock
) -> None:
    start = time.time
    for year in (1, 2):
        time.time = start + year * YEAR - timedelta(seconds=1)
        assert await review.ask_due() == 0
        assert await asked() == []
        time.time = start + year * YEAR
        assert await review.ask_due() == 1
        assert await review.ask_due() == 0
        assert await asked() == ["anna@example.com"]
    assert await due_at(account) == start + 3 * YEAR


async def test_only_proven_addresses_of_administrators_who_stay_are_told(
    account: CustomerAccount, anna: User, bo: User, time: Clock
) -> None:
    for email in ("cecilia@example.com", "dan@example.com", "eva@example.com"):
        user = await a_user(email, email_confirmed_at=time.now())
        membership = await Membership.admit(user, account)
        if not email.startswith("cecilia"):
            assert await access.promote(membership, Actor(anna.id))
    _ = await User.filter(email="dan@example.com").update(email_confirmed_at=None)
    _ = await User.filter(email="eva@example.com").update(closes_at=time.now())
    await OutgoingMail.all().delete()
    time.forward(days=365)

    assert await review.ask_due() == 1
    assert await asked() == ["anna@example.com"]


async def test_who_is_alone_is_not_asked_unless_somebody_is_invited(
    account: CustomerAccount, anna: User, time: Clock
) -> None:
    time.forward(days=365)
    assert await review.ask_due() == 1
    assert await asked() == []
    assert await due_at(account) == time.now() + YEAR

    time.forward(days=365)
    _ = await Invitation.send(account, "bo@example.com", Role.MEMBER, Actor(anna.id))
    assert await review.ask_due() == 1
    assert await asked() == ["anna@example.com"]


async def test_a_closed_account_moves_on_without_a_mail(
    account: CustomerAccount, anna: User, bo: User, time: Clock
) -> None:
    await CustomerAccount.filter(id=account.id).update(closed_at=time.now())
    time.forward(days=365)

    assert await review.ask_due() == 1
    assert await review.ask_due() == 0
    assert await asked() == []


async def test_the_mail_names_the_account_and_how_many_reach_it(
    account: CustomerAccount, anna: User, bo: User, time: Clock
) -> None:
    time.forward(days=365)
    assert await review.ask_due() == 1

    mail = await OutgoingMail.get(kind="review")
    assert mail.data == {
        "customer_account_name": "Exempelbygg AB",
        "customer_number": "100200",
        "users": "2",
    }


async def test_more_than_a_round_are_asked_the_longest_due_first(db: None, time: Clock) -> None:
    for number in range(5):
        account = await an_account(f"{1000 + number}")
        await CustomerAccount.filter(id=account.id).update(
            review_due_at=time.now() - timedelta(days=number)
        )
    assert await review.ask_due(most=3) == 3
    still = CustomerAccount.filter(review_due_at__lte=time.now()).order_by("customer_number")
    numbers: list[object] = list(await still.values_list("customer_number", flat=True))
    assert numbers == ["1000", "1001"]
    assert await review.ask_due(most=3) == 2


async def test_the_first_administrator_starts_the_year_however_they_came(
    account: CustomerAccount, time: Clock
) -> None:
    other = await an_account("100300")
    assert await due_at(account) is await due_at(other) is None
    bo = await a_user("bo@example.com", email_confirmed_at=time.now())
    assert await operating.appoint(account, "bo@example.com", "Kim")
    assert await due_at(account) == time.now() + YEAR

    member = await Membership.create(
        user_id=bo.id, customer_account_id=other.id, role=Role.MEMBER, created_at=time.now()
    )
    assert await access.promote(member, Actor(operator="Kim"))
    assert await due_at(other) == time.now() + YEAR


# Confirming


async def test_the_list_holds_who_has_access_and_who_is_invited(
    account: CustomerAccount, anna: User, bo: User, time: Clock
) -> None:
    asa = await a_user("asa@example.com", given_name="Åsa", family_name="Öberg")
    _ = await Membership.admit(asa, account)
    await CustomerAccount.filter(id=account.id).update(claim_policy="approve")
    _ = await Membership.admit(await a_user("dan@example.com"), account)
    time.forward(days=1)
    _ = await Invitation.send(account, "old@example.com", Role.MEMBER, Actor(anna.id))
    await EmailLink.all().update(sent_at=time.now())
    time.forward(days=14)
    _ = await Invitation.send(account, "new@example.com", Role.MEMBER, Actor(anna.id))

    found = await review.access_to(account.id)

    assert [user.name for user in found.users] == ["Anna Andersson", "Bo Ek", "Åsa Öberg"]
    assert [invitation.email for invitation in found.invitations] == ["new@example.com"]
    assert found.reviewed_at is None


async def confirmed(account: CustomerAccount, by: User, *ended: User) -> int:
    memberships = await Membership.filter(user_id__in=[user.id for user in ended])
    return await review.confirm(
        account.id,
        Actor(by.id),
        version=(await review.access_to(account.id)).version,
        memberships=[membership.id for membership in memberships],
        invitations=[],
    )


async def test_confirming_notes_it_and_moves_the_next_year(
    account: CustomerAccount, anna: User, bo: User, time: Clock
) -> None:
    time.forward(days=100)
    assert await confirmed(account, anna) == 0

    now = await CustomerAccount.get(id=account.id)
    assert (now.reviewed_at, now.review_due_at) == (time.now(), time.now() + YEAR)
    event = await Event.get(kind="review.confirmed")
    assert (event.actor_id, event.customer_account_id) == (anna.id, account.id)
    assert await Membership.all().count() == 2


async def test_who_was_chosen_is_removed_and_told(
    account: CustomerAccount, anna: User, bo: User, time: Clock
) -> None:
    await User.filter(id=bo.id).update(email_confirmed_at=time.now())
    sent = await Invitation.send(account, "dan@example.com", Role.MEMBER, Actor(anna.id))
    (membership,) = await Membership.filter(user_id=bo.id)

    ended = await review.confirm(
        account.id,
        Actor(anna.id),
        version=(await review.access_to(account.id)).version,
        memberships=[membership.id],
        invitations=[sent.id],
    )

    assert ended == 2
    assert not await Membership.exists(user_id=bo.id)
    assert not await Invitation.exists()
    assert await OutgoingMail.exists(kind="access_removed", to="bo@example.com")
    kinds: list[object] = list(await Event.all().order_by("id").values_list("kind", flat=True))
    assert kinds[-3:] == ["membership.removed", "invitation.revoked", "review.confirmed"]


async def test_nobody_ends_their_own_access_or_that_of_another_account(
    account: CustomerAccount, anna: User, bo: User
) -> None:
    nora = await a_user("nora@example.com")
    _ = await Membership.admit(nora, await an_account("100300"))

    assert await confirmed(account, anna, anna, nora) == 0
    assert await Membership.all().count() == 3


@pytest.mark.parametrize("change", ["promoted", "added", "invited", "removed"])
async def test_a_list_that_has_changed_is_not_confirmed(
    account: CustomerAccount, anna: User, bo: User, change: str
) -> None:
    version = (await review.access_to(account.id)).version
    (membership,) = await Membership.filter(user_id=bo.id)
    if change == "promoted":
        assert await access.promote(membership, Actor(operator="Kim"))
    elif change == "added":
        _ = await Membership.admit(await a_user("dan@example.com"), account)
    elif change == "invited":
        _ = await Invitation.send(account, "dan@example.com", Role.MEMBER, Actor(anna.id))
    else:
        _ = await Membership.admit(await a_user("dan@example.com"), account)
        version = (await review.access_to(account.id)).version
        assert await (await Membership.get(user__email="dan@example.com")).remove()

    with pytest.raises(review.Changed):
        _ = await review.confirm(
            account.id,
            Actor(anna.id),
            version=version,
            memberships=[membership.id],
            invitations=[],
        )

    assert await Membership.exists(id=membership.id)
    assert not await Event.exists(kind="review.confirmed")
    assert (await CustomerAccount.get(id=account.id)).reviewed_at is None


async def test_only_administrators_of_an_open_account_confirm(
    account: CustomerAccount, anna: User, bo: User, time: Clock
) -> None:
    for ended in ([anna], []):
        with pytest.raises(NotAdministrator):
            _ = await confirmed(account, bo, *ended)
    await CustomerAccount.filter(id=account.id).update(closed_at=time.now())
    with pytest.raises(AccountClosed):
        _ = await confirmed(account, anna, bo)
    assert await Membership.all().count() == 2
