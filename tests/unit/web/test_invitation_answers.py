"""An invitation is answered by whom it was sent to, whether they have a user account or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.requests import Request

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
    limits,
)
from models.access import Actor
from models.client import Client
from models.email_link import Purpose, State
from tests.unit.conftest import PASSWORD, Clock, Outbox, Visitor, a_user, an_account, plain
from tests.unit.page import Page
from web import email_links, invitation_answers
from web.email_links import INVITATION_CLOSED, INVITATION_SENTENCES
from web.invitation_answers import OTHER_TAB
from web.registration import OTHER_ADDRESS

pytestmark = pytest.mark.anyio
CIA = "cia@example.com"
DETAILS = {
    "given_name": "Cia",
    "family_name": "Ek",
    "phone": "",
    "email": CIA,
    "password": PASSWORD,
}


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


async def answer(visitor: Visitor, path: str = "/inbjudan", email: str = CIA) -> Page:
    """Click on the page of the newest invitation to the address."""
    link = await EmailLink.filter(purpose=Purpose.INVITATION, email=email).order_by("-id").first()
    assert link
    return await visitor.submit(path, link=str(link.id))


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
    page = await answer(visitor)

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
    assert (await answer(visitor)).path == "/kund/100200"


async def test_somebody_else_is_told_whom_it_is_for(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    bo = await a_user("bo@example.com", given_name="Bo", family_name="Bergström")
    _ = await invite(account, by)
    await visitor.log_in("bo@example.com")
    page = await visitor.visit(await outbox.link(CIA))
    assert f"Du är inloggad som Bo Bergström, men länken gäller {CIA}." in page.text
    page = await answer(visitor)
    assert page.heading == "Länken gäller någon annan"
    page = await answer(visitor, "/inbjudan/nytt-konto")
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
    assert (await answer(visitor)).path == "/kund/100200"

    membership = await Membership.get(id=waiting.id)
    assert (membership.role, membership.is_awaiting) == (Role.ADMINISTRATOR, False)
    assert (await CustomerAccount.get(id=account.id)).active_administrators == 2


async def test_no_thanks_takes_no_login_and_gives_nothing(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await invite(account, by)
    await visitor.visit(await outbox.link(CIA))
    page = await answer(visitor, "/inbjudan/nej")

    assert "Du har tackat nej till Exempelbygg AB." in page.response.text
    assert not await Invitation.exists()
    assert await Event.exists(kind="invitation.declined", customer_account_id=account.id)
    page = await visitor.visit(await outbox.link(CIA))
    assert (page.status, INVITATION_SENTENCES[State.USED] in page.text) == (410, True)


async def test_in_two_tabs_each_answer_is_for_the_invitation_that_was_shown(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    andra = await an_account("100300", "4435027711", name="Andra AB")
    _ = await a_user(CIA)
    await visitor.log_in(CIA)
    first = await invite(account, by)
    await visitor.visit(await outbox.link(CIA))
    shown = await EmailLink.get(invitation_id=first.id)
    _ = await invite(andra, Actor(operator="test"))
    await visitor.visit(await outbox.link(CIA))  # the other tab

    for path in ("/inbjudan", "/inbjudan/nej"):
        page = await visitor.submit(path, link=str(shown.id))
        assert (page.path, page.heading) == ("/inbjudan", "Du är inbjuden till Andra AB")
        assert OTHER_TAB in page.response.text
    assert await membership_of(CIA) is None
    assert await Invitation.all().count() == 2
    assert (await answer(visitor)).path == "/kund/100300"
    page = await visitor.submit("/inbjudan", link=str(shown.id))
    assert "Öppna länken i mejlet igen." in page.text
    assert await Invitation.exists(id=first.id)


async def test_opened_again_it_leads_on_however_the_address_was_typed(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await a_user(CIA)
    _ = await invite(account, by, email="Cia@Example.COM")
    path = await outbox.link("Cia@Example.COM")
    await visitor.log_in(CIA)
    await visitor.visit(path)
    assert (await answer(visitor, email="Cia@Example.COM")).path == "/kund/100200"
    page = await visitor.visit(path)
    assert page.path == "/kund/100200"
    assert "Du har redan svarat på inbjudan." in page.response.text


async def test_where_two_factor_is_demanded_steg_4_is_next(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    await CustomerAccount.filter(id=account.id).update(requires_two_factor=True)
    _ = await a_user(CIA)
    _ = await invite(account, by)
    await visitor.log_in(CIA)
    await visitor.visit(await outbox.link(CIA))
    assert (await answer(visitor)).path == "/registrera/steg-4"
    membership = await membership_of(CIA)
    assert membership
    assert not membership.is_awaiting


async def test_a_changed_address_is_not_the_invited_one(
    account: CustomerAccount, by: Actor
) -> None:
    """Changed in another tab, after this one had looked the user up."""
    cia = await a_user(CIA)
    invitation = await invite(account, by)
    link = await EmailLink.get(invitation_id=invitation.id)
    await User.filter(id=cia.id).update(email="ny@example.com", email_key="ny@example.com")

    assert await invitation.accept(cia, link) is None
    assert not await Membership.exists(user_id=cia.id)
    assert (await EmailLink.get(id=link.id)).is_open


# Somebody without


async def begun(visitor: Visitor, outbox: Outbox) -> Page:
    """At Steg 3, by way of the mail."""
    await visitor.visit(await outbox.link(CIA))
    return await answer(visitor, "/inbjudan/nytt-konto")


async def test_a_new_user_is_made_at_steg_3_without_kundnummer(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
    _ = await invite(account, by, role=Role.ADMINISTRATOR)
    page = await begun(visitor, outbox)
    assert page.path == "/registrera/steg-3"
    assert "Du är inbjuden till" in page.text
    assert CIA in page.text
    assert page.field("email").get("type") == "hidden"
    mallorys = {**DETAILS, "email": "mallory@example.com"}
    page = await visitor.submit("/registrera/steg-3", customer_number="100200", **mallorys)
    assert (page.status, page.value("email")) == (422, CIA)
    page = await visitor.submit("/registrera/steg-3", customer_number="100200", **DETAILS)
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


SAID = {
    "revoked": INVITATION_SENTENCES[State.VOID],
    "replaced": INVITATION_SENTENCES[State.REPLACED],
    "expired": INVITATION_SENTENCES[State.EXPIRED],
    "closed": INVITATION_CLOSED,
    "declined": INVITATION_SENTENCES[State.USED],
}


@pytest.mark.parametrize("meanwhile", SAID)
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
    visitor.client.cookies.delete("__Host-link")  # it lives for ten minutes: Steg 3 took longer
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

    assert (page.status, page.heading) == (410, "Länken går inte att använda")
    assert SAID[meanwhile] in page.text
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
    await answer(visitor, "/inbjudan/nytt-konto")
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
    page = await answer(visitor, "/inbjudan/nytt-konto")

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
    assert page.field("email").get("type") == "email"
    await visitor.submit("/registrera/steg-3", customer_number="100300", **DETAILS)

    cia = await User.get(email=CIA)
    assert cia.email_confirmed_at is None
    membership = await Membership.get(user_id=cia.id).prefetch_related("customer_account")
    assert membership.customer_account.customer_number == "100300"
    assert await Invitation.exists(), "it waits"


async def test_the_way_on_from_the_mail_is_one_and_the_same_and_loses_nothing(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await invite(account, by)
    await begun(visitor, outbox)
    short = {**DETAILS, "password": "kort"}
    page = await visitor.submit("/registrera/steg-3", customer_number="100200", **short)
    assert page.status == 422
    page = await begun(visitor, outbox)
    assert (page.path, page.value("given_name")) == ("/registrera/steg-3", "Cia")
    assert await Registration.all().count() == 1


async def test_a_form_of_steg_3_for_another_address_makes_nobody(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    """Two people's invitations to the same customer account, in two tabs."""
    _ = await invite(account, by, email="dan@example.com")
    await visitor.visit(await outbox.link("dan@example.com"))
    await answer(visitor, "/inbjudan/nytt-konto", email="dan@example.com")
    _ = await invite(account, by)
    await begun(visitor, outbox)
    dans = {**DETAILS, "email": "dan@example.com"}
    page = await visitor.submit("/registrera/steg-3", customer_number="100200", **dans)

    assert page.status == 422
    assert OTHER_ADDRESS in page.alert
    assert (page.value("email"), page.value("given_name")) == (CIA, "Cia")
    assert not await User.exists(given_name="Cia")


async def test_registrations_are_limited(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    use = limits.REGISTRATIONS.of(Client(visitor.address).network)
    for _ in range(limits.REGISTRATIONS.most - 1):
        _ = await limits.spend(use)
    _ = await invite(account, by)
    assert (await begun(visitor, outbox)).status == 200
    visitor.client.cookies.delete("__Host-registration")
    assert (await begun(visitor, outbox)).status == 429
    assert await Registration.all().count() == 1


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
    assert INVITATION_SENTENCES[state] in page.text
    assert (await answer(visitor, "/inbjudan/nytt-konto")).status == 410
    assert (await answer(visitor, "/inbjudan/nej")).status == 410


async def test_revoked_this_very_moment_it_is_a_dead_link(
    visitor: Visitor,
    account: CustomerAccount,
    by: Actor,
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    invitation = await invite(account, by)
    path = await outbox.link(CIA)

    async def revoked_meanwhile(request: Request, *purposes: Purpose) -> EmailLink | None:
        link = await email_links.opened(request, *purposes)
        assert await invitation.revoke(by)
        return link

    monkeypatch.setattr(invitation_answers, "opened", revoked_meanwhile)
    page = await visitor.visit(path)
    assert (page.status, INVITATION_SENTENCES[State.VOID] in page.text) == (410, True)


async def test_a_closed_customer_account_lets_nobody_in(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    _ = await a_user(CIA)
    _ = await invite(account, by)
    await visitor.log_in(CIA)
    path = await outbox.link(CIA)
    await visitor.visit(path)
    await CustomerAccount.filter(id=account.id).update(closed_at=clock.now())
    for page in (await answer(visitor), await visitor.visit(path)):
        assert (page.status, INVITATION_CLOSED in page.text) == (410, True)
    assert await membership_of(CIA) is None


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
    assert (await answer(visitor)).path == "/mina-uppgifter/avsluta"
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
