"""An invitation is answered by whom it was sent to, whether they have a user account or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import (
    ClaimPolicy,
    CustomerAccount,
    EmailLink,
    Event,
    Invitation,
    Membership,
    OutgoingMail,
    Registration,
    Role,
    TwoFactor,
    User,
    access,
    clock,
)
from models.access import Actor
from models.email_link import State
from tests.unit.conftest import PASSWORD, Clock, Outbox, Visitor, a_user, an_account, plain
from tests.unit.page import Page
from web.invitation_answers import SENTENCES

pytestmark = pytest.mark.anyio
CIA = "cia@example.com"
DETAILS = {"given_name": "Cia", "family_name": "Ek", "phone": "", "password": PASSWORD}


@pytest.fixture
async def anna(account: CustomerAccount) -> User:
    user = await a_user(email_confirmed_at=clock.now())
    _ = await Membership.admit(user, account)
    return user


@pytest.fixture
def by(anna: User) -> Actor:
    return Actor(user_id=anna.id)


async def invite(
    account: CustomerAccount, by: Actor, email: str = CIA, role: Role = Role.MEMBER
) -> Invitation:
    return await Invitation.send(account, email, role, by)


async def membership_of(email: str) -> Membership | None:
    return await Membership.get_or_none(user__email=email)


# Somebody with a user account


async def test_the_mail_says_who_invites_to_what_and_looking_changes_nothing(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await invite(account, by)
    (message,) = await outbox.to(CIA)
    assert message["Subject"] == "Anna Andersson har bjudit in dig till Exempelbygg AB"
    assert "14 dagar" in plain(message)
    path = await outbox.link(CIA)
    _ = await visitor.visit(path)
    page = await visitor.visit(path)
    assert page.path == "/inbjudan"
    assert page.heading == "Du är inbjuden till Exempelbygg AB"
    assert "Anna Andersson har bjudit in dig till Exempelbygg AB" in page.text
    assert "100200" not in page.response.text
    assert await Invitation.exists()


async def test_a_signed_in_user_says_yes_and_is_there(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    cia = await a_user(CIA, given_name="Cia", family_name="Ek")
    _ = await invite(account, by)
    await visitor.log_in(CIA)
    await visitor.visit(await outbox.link(CIA))
    page = await visitor.submit("/inbjudan")

    assert page.path == "/kund/100200"
    assert "Du har nu åtkomst till Exempelbygg AB." in page.response.text
    membership = await Membership.get(user_id=cia.id)
    assert (membership.role, membership.is_awaiting) == (Role.MEMBER, False)
    assert (await User.get(id=cia.id)).email_confirmed_at, "the link proves the address"
    assert not await Invitation.exists()
    assert await Event.exists(kind="invitation.accepted", user_id=cia.id)
    assert (await outbox.to("anna@example.com"))[-1]["Subject"] == (
        "Cia Ek har tackat ja till din inbjudan"
    )
    page = await visitor.visit(await outbox.link(CIA))
    assert "Du har redan svarat på inbjudan." in page.response.text


async def test_who_is_not_signed_in_logs_in_first_with_the_address_filled_in(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await a_user(CIA, email_confirmed_at=clock.now())
    _ = await invite(account, by)
    page = await visitor.visit(await outbox.link(CIA))
    assert "Skapa ett eget användarkonto" not in page.buttons
    page = await visitor.visit(page.tree.find(".//main//a[@class='button']").get("href"))
    assert page.value("email") == CIA
    page = await visitor.submit(
        "/logga-in", email=CIA, password=PASSWORD, next=page.value("next") or ""
    )
    assert page.path == "/inbjudan"
    assert (await visitor.submit("/inbjudan")).path == "/kund/100200"


async def test_somebody_else_is_told_whom_it_is_for(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    bo = await a_user("bo@example.com", given_name="Bo", family_name="Bergström")
    _ = await invite(account, by)
    await visitor.log_in("bo@example.com")
    page = await visitor.visit(await outbox.link(CIA))
    assert f"Du är inloggad som Bo Bergström, men länken gäller {CIA}." in page.text
    page = await visitor.submit("/inbjudan")
    assert page.heading == "Länken gäller någon annan"
    page = await visitor.submit("/inbjudan/nytt-konto")
    assert page.heading == "Länken gäller någon annan"
    assert not await Membership.exists(user_id=bo.id)

    page = await visitor.submit("/lank/byt-anvandare", to="invitations:answer")
    assert page.path == "/inbjudan"
    assert "Skapa användarkonto" in page.buttons


async def test_it_lets_in_who_waits_for_approval_and_one_who_is_there_stays(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
    cia = await a_user(CIA)
    _ = await invite(account, by, role=Role.ADMINISTRATOR)
    waiting = await Membership.admit(cia, account)
    assert waiting.is_awaiting
    await visitor.log_in(CIA)
    await visitor.visit(await outbox.link(CIA))
    assert (await visitor.submit("/inbjudan")).path == "/kund/100200"

    membership = await Membership.get(id=waiting.id)
    assert (membership.role, membership.is_awaiting) == (Role.ADMINISTRATOR, False)
    assert (await CustomerAccount.get(id=account.id)).active_administrators == 2


async def test_no_thanks_takes_no_login_and_gives_nothing(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await invite(account, by)
    await visitor.visit(await outbox.link(CIA))
    page = await visitor.submit("/inbjudan/nej")

    assert "Du har tackat nej till Exempelbygg AB." in page.response.text
    assert not await Invitation.exists()
    assert await Event.exists(kind="invitation.declined", customer_account_id=account.id)
    page = await visitor.visit(await outbox.link(CIA))
    assert (page.status, SENTENCES[State.USED] in page.text) == (410, True)


# Somebody without


async def begun(visitor: Visitor, outbox: Outbox) -> Page:
    """At Steg 3, by way of the mail."""
    await visitor.visit(await outbox.link(CIA))
    return await visitor.submit("/inbjudan/nytt-konto")


async def test_a_new_user_is_made_at_steg_3_without_kundnummer(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
    _ = await invite(account, by, role=Role.ADMINISTRATOR)
    page = await begun(visitor, outbox)
    assert page.path == "/registrera/steg-3"
    assert "Du är inbjuden till" in page.text
    assert CIA in page.text
    assert not page.has_field("email")
    page = await visitor.submit(
        "/registrera/steg-3", customer_number="100200", email="mallory@example.com", **DETAILS
    )
    assert page.path == "/registrera/steg-4"
    page = await visitor.submit("/registrera/steg-4/hoppa-over")
    assert page.links["Gå till Exempelbygg AB"] == "/kund/100200"

    cia = await User.get(email=CIA)
    assert cia.email_confirmed_at
    membership = await Membership.get(user_id=cia.id)
    assert (membership.role, membership.is_awaiting) == (Role.ADMINISTRATOR, False)
    (_, welcome) = await outbox.to(CIA)
    assert "Bekräfta" not in plain(welcome)
    assert not await User.exists(email="mallory@example.com")
    assert not await Invitation.exists()


async def test_sent_twice_it_makes_one_user(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await invite(account, by)
    await begun(visitor, outbox)
    for _ in range(2):
        page = await visitor.submit("/registrera/steg-3", customer_number="100200", **DETAILS)
        assert page.path == "/registrera/steg-4"
    assert await User.filter(email=CIA).count() == 1
    assert await OutgoingMail.filter(kind="welcome").count() == 1


@pytest.mark.parametrize("meanwhile", ["revoked", "replaced", "expired", "closed", "declined"])
async def test_what_happens_meanwhile_leaves_nothing_half_done(
    meanwhile: str,
    visitor: Visitor,
    account: CustomerAccount,
    by: Actor,
    outbox: Outbox,
    time: Clock,
) -> None:
    invitation = await invite(account, by)
    await begun(visitor, outbox)
    link = await EmailLink.get(invitation_id=invitation.id)
    match meanwhile:
        case "revoked":
            assert await invitation.revoke(by)
        case "replaced":
            _ = await invite(account, by)
        case "expired":
            await EmailLink.all().update(sent_at=clock.now() - Invitation.LIFETIME)
        case "closed":
            await CustomerAccount.filter(id=account.id).update(closed_at=clock.now())
        case "declined":
            assert await invitation.decline(link)
    page = await visitor.submit("/registrera/steg-3", customer_number="100200", **DETAILS)

    assert page.status == 410 or page.path == "/registrera/steg-2"
    assert not await User.exists(email=CIA)
    assert await membership_of(CIA) is None
    assert not await OutgoingMail.exists(kind="welcome")


async def test_a_user_who_came_in_between_logs_in_instead(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await invite(account, by)
    await begun(visitor, outbox)
    _ = await a_user(CIA, email_confirmed_at=clock.now())
    page = await visitor.submit("/registrera/steg-3", customer_number="100200", **DETAILS)

    assert page.path == "/inbjudan"
    assert "Adressen har redan ett användarkonto." in page.text
    assert await Invitation.exists()


async def test_an_address_nobody_confirmed_goes_to_who_reads_the_invitation(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    stranger = await a_user(CIA, given_name="Sten")
    _ = await invite(account, by)
    page = await visitor.visit(await outbox.link(CIA))
    assert "Skapa ett eget användarkonto" in page.buttons
    await visitor.submit("/inbjudan/nytt-konto")
    page = await visitor.submit("/registrera/steg-3", customer_number="100200", **DETAILS)

    assert page.path == "/registrera/steg-4"
    assert (await User.get(id=stranger.id)).email == ""
    cia = await User.get(email=CIA)
    assert (cia.given_name, cia.two_factor) == ("Cia", TwoFactor.UNANSWERED)
    assert await Membership.exists(user_id=cia.id)
    assert not await Membership.exists(user_id=stranger.id)


async def test_a_confirmed_address_is_never_taken(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await a_user(CIA, email_confirmed_at=clock.now())
    _ = await invite(account, by)
    await visitor.visit(await outbox.link(CIA))
    page = await visitor.submit("/inbjudan/nytt-konto")

    assert page.path == "/inbjudan"
    assert not await Registration.exists()


async def test_steg_2_with_another_customer_leaves_the_invitation_behind(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await an_account("100300", name="Andra AB")
    _ = await invite(account, by)
    await begun(visitor, outbox)
    page = await visitor.visit("/registrera/steg-2")
    assert page.value("customer_number") in ("", None)
    page = await visitor.submit(
        "/registrera/steg-2", customer_number="100300", organisation_suffix="3378"
    )
    assert page.has_field("email")
    await visitor.submit("/registrera/steg-3", customer_number="100300", email=CIA, **DETAILS)

    cia = await User.get(email=CIA)
    assert cia.email_confirmed_at is None
    membership = await Membership.get(user_id=cia.id).prefetch_related("customer_account")
    assert membership.customer_account.customer_number == "100300"
    assert await Invitation.exists(), "it waits"


# Dead links


@pytest.mark.parametrize("state", [state for state in State if state is not State.OPEN])
async def test_every_dead_link_says_why(
    state: State,
    visitor: Visitor,
    account: CustomerAccount,
    by: Actor,
    outbox: Outbox,
    time: Clock,
) -> None:
    invitation = await invite(account, by)
    path = await outbox.link(CIA)
    match state:
        case State.UNKNOWN:
            path = path[:-3]
        case State.USED:
            assert await invitation.decline(await EmailLink.get(invitation_id=invitation.id))
        case State.EXPIRED:
            time.forward(days=14)
        case State.REPLACED:
            _ = await invite(account, by)
        case State.VOID:
            assert await invitation.revoke(by)
    page = await visitor.visit(path)

    assert (page.status, page.heading) == (410, "Länken går inte att använda")
    assert SENTENCES[state] in page.text
    assert (await visitor.submit("/inbjudan/nytt-konto")).status == 410
    assert (await visitor.submit("/inbjudan/nej")).status == 410


async def test_its_time_starts_when_the_mail_is_sent_and_a_new_one_starts_over(
    account: CustomerAccount, by: Actor, outbox: Outbox, visitor: Visitor, time: Clock
) -> None:
    _ = await invite(account, by)
    time.forward(hours=20)  # the mail server was away
    path = await outbox.link(CIA)
    time.forward(days=13, hours=23)
    assert (await visitor.visit(path)).status == 200
    _ = await invite(account, by)
    time.forward(days=13)
    assert (await visitor.visit(await outbox.link(CIA))).status == 200
    assert (await visitor.visit(path)).status == 410


async def test_a_user_who_is_closing_the_user_account_gets_nothing(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await a_user(CIA, closes_at=clock.now())
    _ = await invite(account, by)
    await visitor.log_in(CIA)
    page = await visitor.visit(await outbox.link(CIA))

    assert page.path == "/mina-uppgifter/avsluta"
    assert (await visitor.submit("/inbjudan")).path == "/mina-uppgifter/avsluta"
    assert await membership_of(CIA) is None


async def test_a_link_is_of_no_use_to_another_users_session(
    new_visitor: Callable[[], Visitor], account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    """The model says so too, whatever a page forgets."""
    invitation = await invite(account, by)
    mallory = await a_user("mallory@example.com")
    _ = await outbox.link(CIA)
    link = await EmailLink.get(invitation_id=invitation.id)

    assert await invitation.accept(mallory, link) is None
    assert await membership_of("mallory@example.com") is None
    assert await Invitation.exists()


# Who may invite


async def test_only_administrators_invite_and_members_are_not_invited_again(
    account: CustomerAccount, by: Actor, anna: User
) -> None:
    from models.invitation import AlreadyMember

    bo = await a_user("bo@example.com")
    _ = await Membership.admit(bo, account)
    with pytest.raises(access.NotAdministrator):
        _ = await invite(account, Actor(user_id=bo.id))
    with pytest.raises(AlreadyMember):
        _ = await invite(account, by, email="BO@example.com ")
    assert not await Invitation.exists()
