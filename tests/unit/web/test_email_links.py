"""Links in mail: confirming the address, and 'Det var inte vi'."""

from collections.abc import Callable

import pytest

from models import CustomerAccount, EmailLink, Membership, OutgoingMail, Role, User
from models.registration import welcome
from tests.unit.conftest import PASSWORD, Clock, Outbox, Visitor, a_user, plain

pytestmark = pytest.mark.anyio


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    await welcome(user)
    return user


async def test_the_link_shows_a_page_and_only_its_button_confirms(
    visitor: Visitor, anna: User, outbox: Outbox
) -> None:
    page = await visitor.log_in()
    assert (
        "Bekräfta din e-postadress" in page.text
        or "Bekräfta din e-postadress" in page.response.text
    )
    page = await visitor.visit(await outbox.link("anna@example.com"))
    assert page.path == "/bekrafta-epost", "the token leaves the URL at once"
    assert (await User.get(id=anna.id)).email_confirmed_at is None, "a GET never consumes"

    page = await visitor.submit("/bekrafta-epost")

    assert page.path == "/kund/100200"
    assert "Din e-postadress är bekräftad." in page.response.text
    assert (await User.get(id=anna.id)).email_confirmed_at is not None


async def test_confirming_needs_a_session_and_goes_on_after_the_login(
    visitor: Visitor, anna: User, outbox: Outbox
) -> None:
    page = await visitor.visit(await outbox.link("anna@example.com"))
    assert page.path == "/logga-in"

    page = await visitor.submit(
        "/logga-in", email="anna@example.com", password=PASSWORD, next=page.value("next") or ""
    )

    assert (page.path, page.status) == ("/bekrafta-epost", 200)


async def test_somebody_else_cannot_confirm(visitor: Visitor, anna: User, outbox: Outbox) -> None:
    _ = await a_user("bo@example.com", given_name="Bo", family_name="Bergström")
    await visitor.log_in("bo@example.com")

    page = await visitor.visit(await outbox.link("anna@example.com"))

    assert page.heading == "Länken gäller någon annan"
    assert "Du är inloggad som Bo Bergström, men länken gäller Anna Andersson." in page.text
    page = await visitor.submit("/lank/byt-anvandare", to=page.value("to") or "")
    assert page.path == "/logga-in"


async def test_each_dead_link_says_why_and_offers_a_new_one(
    visitor: Visitor, anna: User, outbox: Outbox, time: Clock
) -> None:
    await visitor.log_in()
    first = await outbox.link("anna@example.com")
    page = await visitor.submit("/bekrafta-epost/ny")
    assert "Vi har skickat ett nytt mejl till anna@example.com." in page.response.text
    second = await outbox.link("anna@example.com")

    page = await visitor.visit(first)
    assert page.status == 410
    assert "Det finns en nyare länk. Öppna det senaste mejlet." in page.text
    assert "Skicka ny länk" in page.buttons

    page = await visitor.visit("/bekrafta-epost/hittat-pa")
    assert "Länken är inte hel." in page.text

    for _ in range(7):
        time.forward(hours=23)
        await visitor.visit("/")
    time.forward(hours=7)
    await visitor.log_in()
    page = await visitor.visit(second)
    assert "Länken är för gammal." in page.text


async def test_a_links_time_starts_when_its_mail_is_sent(anna: User, time: Clock) -> None:
    link = await EmailLink.get(user_id=anna.id).prefetch_related("user")
    time.forward(hours=20)
    mail = await OutgoingMail.get(link_id=link.id)
    await mail.was_sent()
    link = await EmailLink.get(user_id=anna.id).prefetch_related("user")
    time.forward(days=6, hours=23)
    assert link.state == "open"
    time.forward(hours=1)
    assert link.state == "expired"


async def test_the_sixth_mail_within_an_hour_is_not_sent(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    await visitor.log_in()
    for _ in range(5):
        await visitor.submit("/bekrafta-epost/ny")
    page = await visitor.submit("/bekrafta-epost/ny")

    assert "Vi har redan skickat flera mejl." in page.response.text
    assert await OutgoingMail.filter(kind="confirm_email").count() == 5


async def test_the_administrators_are_told_and_one_click_removes_the_new_user(
    visitor: Visitor,
    new_visitor: Callable[[], Visitor],
    anna: User,
    account: CustomerAccount,
    outbox: Outbox,
) -> None:
    await anna.confirm_email()
    bo = await a_user("bo@example.com", given_name="Bo", family_name="Bergström")
    membership = await Membership.admit(bo, account)
    assert membership.role is Role.MEMBER
    message = (await outbox.to("anna@example.com"))[-1]
    assert "Bo Bergström" in plain(message)
    assert "Exempelbygg AB" in plain(message)

    stranger = new_visitor()
    page = await stranger.visit(await outbox.link("anna@example.com"))
    assert page.path == "/det-var-inte-jag"
    assert "Bo Bergström" in page.text
    assert await Membership.exists(user_id=bo.id)
    page = await stranger.submit("/det-var-inte-jag")
    assert "Bo Bergström kan inte längre se Exempelbygg AB." in page.response.text

    assert not await Membership.exists(user_id=bo.id)
    assert await Membership.exists(user_id=anna.id)
    page = await stranger.visit(await outbox.link("anna@example.com"))
    assert page.status == 410
    assert "Länken är redan använd." in page.text


async def test_the_contact_can_undo_the_first_administrator_and_the_next_claim_is_first_again(
    visitor: Visitor, anna: User, account: CustomerAccount, outbox: Outbox
) -> None:
    await visitor.visit(await outbox.link("kontakt@exempelbygg.example"))
    await visitor.submit("/det-var-inte-jag")
    bo = await a_user("bo@example.com")

    membership = await Membership.admit(bo, account)

    assert membership.role is Role.ADMINISTRATOR
