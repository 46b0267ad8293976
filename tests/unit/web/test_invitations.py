"""Bjud in användare: who may be asked in, how often, and sending again or taking back."""

from __future__ import annotations

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
    clock,
    limits,
)
from models.access import Actor
from models.email_link import Purpose, State
from tests.unit.conftest import PASSWORD, Clock, Visitor, a_user, an_account
from tests.unit.page import Page
from web.email_links import TOO_MANY_MAILS
from web.invitations import GONE, MEMBER, TOO_MANY, WAITS

pytestmark = pytest.mark.anyio
USERS = "/kund/100200/anvandare"
INVITE, CHANGE = f"{USERS}/bjud-in", f"{USERS}/inbjudan"
ELIN = "Elin.Wik@Example.com"


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock, visitor: Visitor) -> Membership:
    """The administrator, who is logged in."""
    membership = await Membership.admit(await a_user(), account)
    await visitor.log_in()
    return membership


@pytest.fixture
async def elin(visitor: Visitor, anna: Membership) -> Invitation:
    """Invited a moment ago."""
    await visitor.submit(INVITE, email=ELIN)
    return await Invitation.get()


def shown(page: Page) -> str:
    return page.texts("div[@class='notice notice--success']")[0]


def invited(page: Page) -> list[str]:
    return page.texts("section[@aria-labelledby='invited']//li")


async def links() -> list[State]:
    """How those in the invitations' mails stand, the oldest first."""
    return [
        link.state for link in await EmailLink.filter(purpose=Purpose.INVITATION).order_by("id")
    ]


async def sent() -> list[OutgoingMail]:
    return await OutgoingMail.filter(kind="invitation").order_by("id")


async def test_somebody_is_invited_by_mail(
    visitor: Visitor, account: CustomerAccount, anna: Membership
) -> None:
    page = await visitor.visit(USERS)
    page = await visitor.visit(page.links["Bjud in användare"])
    assert page.title == "Bjud in användare – Exempelbygg AB – MinaSidor"
    assert "gäller i 14 dagar" in page.text

    page = await visitor.submit(INVITE, email=ELIN)

    assert (page.path, shown(page)) == (USERS, f"Inbjudan är skickad till {ELIN}.")
    (row,) = invited(page)
    assert row.startswith(f"{ELIN} Skickad 2 mars 2026 av Anna Andersson. Mejlet är på väg.")
    (mail,) = await sent()
    assert mail.to == ELIN
    assert (mail.data["inviter_name"], mail.data["role"]) == ("Anna Andersson", "member")
    event = await Event.get(kind="invitation.sent")
    assert (event.customer_account_id, event.actor_id) == (account.id, anna.user_id)


async def test_an_administrator_is_invited(visitor: Visitor, anna: Membership) -> None:
    page = await visitor.submit(INVITE, email=ELIN, administrator="on")
    assert invited(page)[0].startswith(f"{ELIN} Administratör")
    assert (await Invitation.get()).role is Role.ADMINISTRATOR


@pytest.mark.parametrize(
    ("email", "sentence"),
    [
        ("", "Ange e-postadressen till den du vill bjuda in."),
        ("elin", "Ange e-postadressen i formatet namn@exempel.se."),
        ("elin@example.com\r\nBcc: x@example.com", "Ta bort tecken som inte går att skriva ut."),
        ("e" * 250 + "@example.com", "Skriv högst 254 tecken."),
        ("ANNA@example.com", MEMBER),
        ("bo@example.com", MEMBER),
        ("cecilia@example.com", WAITS),
    ],
)
async def test_who_cannot_be_invited_is_named_and_nothing_is_lost(
    visitor: Visitor, account: CustomerAccount, anna: Membership, email: str, sentence: str
) -> None:
    _ = await Membership.admit(await a_user("bo@example.com"), account)
    await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
    cecilia = await a_user("cecilia@example.com", email_confirmed_at=clock.now())
    _ = await Membership.admit(cecilia, account)

    page = await visitor.submit(INVITE, email=email, administrator="on")

    assert (page.status, page.heading) == (422, "Bjud in användare")
    assert sentence in page.alert
    assert page.field("administrator").get("checked") is not None
    assert not await Invitation.exists()
    assert not await sent()


async def test_inviting_again_kills_the_earlier_link_and_the_new_role_counts(
    visitor: Visitor, elin: Invitation
) -> None:
    page = await visitor.submit(INVITE, email=ELIN.lower(), administrator="on")

    assert len(invited(page)) == 1
    assert (await Invitation.get()).role is Role.ADMINISTRATOR
    assert await links() == [State.REPLACED, State.OPEN]


async def test_skicka_igen_sends_a_new_link(
    visitor: Visitor, elin: Invitation, time: Clock
) -> None:
    (mail,) = await sent()
    await mail.was_sent()
    time.forward(days=15)
    await visitor.log_in()
    page = await visitor.visit(USERS)
    assert "Har gått ut" in invited(page)[0]

    page = await visitor.submit(CHANGE, resend=str(elin.id))

    assert shown(page) == f"Inbjudan är skickad igen till {ELIN}."
    assert await links() == [State.REPLACED, State.OPEN]
    assert [mail.to for mail in await sent()] == [ELIN, ELIN]
    await (await sent())[-1].was_sent()
    page = await visitor.visit(USERS)
    assert "Gäller till 31 mars 2026 kl. 11.00." in invited(page)[0]


async def test_aterkalla_kills_the_link(visitor: Visitor, elin: Invitation) -> None:
    page = await visitor.submit(CHANGE, revoke=str(elin.id))

    assert shown(page).startswith(f"Inbjudan till {ELIN} är återkallad.")
    assert invited(page) == []
    assert await links() == [State.VOID]
    for button in ("revoke", "resend"):
        page = await visitor.submit(CHANGE, **{button: str(elin.id)})
        assert shown(page) == GONE
    assert len(await sent()) == 1


async def test_skicka_igen_to_whom_has_claimed_meanwhile_says_so(
    visitor: Visitor, account: CustomerAccount, elin: Invitation
) -> None:
    user = await a_user(ELIN, email_confirmed_at=clock.now())
    membership = await Membership.admit(user, account)
    page = await visitor.submit(CHANGE, resend=str(elin.id))
    assert shown(page) == MEMBER
    await Membership.filter(id=membership.id).update(status="awaiting_approval")
    page = await visitor.submit(CHANGE, resend=str(elin.id))
    assert shown(page) == WAITS
    assert len(await sent()) == 1


async def test_another_accounts_invitation_is_as_good_as_none(
    visitor: Visitor, anna: Membership
) -> None:
    other = await an_account("100900", "4435027711")
    theirs = await Invitation.send(other, ELIN, Role.MEMBER, Actor(operator="test"))

    for number in (str(theirs.id), "999999", "", "x", "9" * 30, "٣"):
        for button in ("resend", "revoke"):
            page = await visitor.submit(CHANGE, **{button: number})
            assert shown(page) == GONE
    assert await Invitation.exists(id=theirs.id)
    assert len(await sent()) == 1


async def test_nobodys_mailbox_is_filled(visitor: Visitor, elin: Invitation, time: Clock) -> None:
    for _ in range(limits.ASKED_MAIL.most - 1):
        page = await visitor.submit(CHANGE, resend=str(elin.id))
        assert shown(page) == f"Inbjudan är skickad igen till {ELIN}."

    page = await visitor.submit(CHANGE, resend=str(elin.id))
    assert shown(page) == TOO_MANY_MAILS
    page = await visitor.submit(INVITE, email=ELIN)
    assert (page.status, TOO_MANY_MAILS in page.alert) == (422, True)
    assert page.value("email") == ELIN
    assert len(await sent()) == limits.ASKED_MAIL.most
    time.forward(hours=1)
    await visitor.submit("/bekrafta-dig", password=PASSWORD)
    page = await visitor.submit(CHANGE, resend=str(elin.id))
    assert shown(page) == f"Inbjudan är skickad igen till {ELIN}."


async def test_a_customer_account_invites_fifty_a_day(
    visitor: Visitor, account: CustomerAccount, anna: Membership, time: Clock
) -> None:
    for number in range(limits.INVITATIONS.most):
        await visitor.submit(INVITE, email=f"user{number}@example.com")
    page = await visitor.visit(USERS)
    assert "Här syns de 25 senaste av 50." in page.text
    page = await visitor.submit(INVITE, email="anna@example.com")
    assert MEMBER in page.alert, "who is not mailed does not count"

    page = await visitor.submit(INVITE, email=ELIN)

    assert (page.status, TOO_MANY in page.alert) == (422, True)
    assert await Invitation.all().count() == limits.INVITATIONS.most
    _ = await Invitation.send(account, ELIN, Role.MEMBER, Actor(operator="Siv"))
    time.forward(days=1)
    await visitor.log_in()
    page = await visitor.submit(INVITE, email="another@example.com")
    assert shown(page) == "Inbjudan är skickad till another@example.com."
