"""Steg 3 with an address that somebody has registered with and never confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from starlette.applications import Starlette

from models import CustomerAccount, EmailLink, OutgoingMail, User, email_takeover
from models.email_link import Purpose
from tests.unit.conftest import Clock, Outbox, Visitor, a_user, plain
from tests.unit.page import Page

pytestmark = pytest.mark.anyio
ANNAS = "anna@example.com"
ASK, TAKE_OVER = "/registrera/din-adress", "/din-adress"
DETAILS = {
    "customer_number": "100200",
    "given_name": "Anna",
    "family_name": "Andersson",
    "email": ANNAS,
    "password": "gula hinkar i solen",
}
NewVisitor = Callable[[], Visitor]


@pytest.fixture
async def squatter(account: CustomerAccount, time: Clock) -> User:
    return await a_user(ANNAS, "en annan fin mening", given_name="Sten", family_name="Stensson")


async def at_step_3(visitor: Visitor) -> Page:
    await visitor.submit("/registrera/steg-1")
    await visitor.submit("/registrera/steg-2", customer_number="100200", organisation_suffix="3378")
    return await visitor.submit("/registrera/steg-3", **DETAILS)


async def test_whoever_reads_the_address_takes_it_over_and_goes_on_registering(
    visitor: Visitor, new_visitor: NewVisitor, squatter: User, outbox: Outbox
) -> None:
    page = await at_step_3(visitor)
    assert page.status == 422
    assert "Är det din adress men inte ditt konto?" in page.response.text
    page = await visitor.submit(ASK)
    assert page.path == "/registrera/steg-3"
    assert f"Vi har skickat ett mejl till {ANNAS}." in page.response.text
    assert page.value("given_name") == "Anna"

    message = (await outbox.to(ANNAS))[-1]
    assert "Sten" not in plain(message), "a stranger's address: it names nobody"
    assert "Exempelbygg" not in plain(message)
    page = await visitor.visit(await outbox.link(ANNAS))
    assert (page.path, page.heading) == (TAKE_OVER, "Är det din adress?")
    assert page.response.headers["cache-control"] == "no-store"
    assert (await User.get(id=squatter.id)).email == ANNAS, "a GET never consumes"
    page = await visitor.submit(TAKE_OVER)
    assert page.path == "/registrera/steg-3"
    assert "Nu kan du använda adressen." in page.response.text

    page = await visitor.submit("/registrera/steg-3", **DETAILS)
    assert page.path == "/registrera/steg-4"
    assert (await User.get(email=ANNAS)).given_name == "Anna"
    former = await User.get(id=squatter.id)
    assert (former.email, former.former_email_key) == ("", ANNAS)
    sten = new_visitor()
    page = await sten.log_in(ANNAS, "en annan fin mening")
    assert page.path == "/mina-uppgifter/epost"
    assert (await new_visitor().log_in(ANNAS, DETAILS["password"])).path == "/registrera/steg-4"


async def test_in_another_browser_a_page_says_where_to_go_on(
    visitor: Visitor, new_visitor: NewVisitor, squatter: User, outbox: Outbox
) -> None:
    await at_step_3(visitor)
    await visitor.submit(ASK)
    phone = new_visitor()
    await phone.visit(await outbox.link(ANNAS))
    page = await phone.submit(TAKE_OVER)
    assert page.heading == "Adressen är ledig"
    assert (await visitor.submit("/registrera/steg-3", **DETAILS)).path == "/registrera/steg-4"


async def test_a_confirmed_address_answers_alike_and_gets_another_mail(
    visitor: Visitor, new_visitor: NewVisitor, squatter: User, outbox: Outbox
) -> None:
    await at_step_3(visitor)
    unconfirmed = await visitor.post(ASK)
    shown = (await visitor.visit("/registrera/steg-3")).response.text
    await squatter.confirm_email()
    other = new_visitor()
    await at_step_3(other)
    confirmed = await other.post(ASK)
    assert (unconfirmed.status_code, sorted(unconfirmed.headers)) == (
        confirmed.status_code,
        sorted(confirmed.headers),
    )
    assert (await other.visit("/registrera/steg-3")).response.text == shown

    message = (await outbox.to(ANNAS))[-1]
    assert message["Subject"] == "Du har redan ett konto"
    assert "försökte registrera ett konto" in plain(message)
    links = await EmailLink.filter(purpose=Purpose.TAKE_OVER_EMAIL).prefetch_related("user")
    assert [link.state for link in links] == ["replaced", "void"]


async def test_confirming_in_between_kills_the_link(
    visitor: Visitor, new_visitor: NewVisitor, squatter: User, outbox: Outbox, time: Clock
) -> None:
    await at_step_3(visitor)
    await visitor.submit(ASK)
    path = await outbox.link(ANNAS)
    link = await EmailLink.get(purpose=Purpose.TAKE_OVER_EMAIL).prefetch_related("user")
    await squatter.confirm_email()
    page = await visitor.visit(path)
    assert page.status == 410
    assert page.links["Skicka ny länk"] == "/registrera/steg-3"
    assert not await email_takeover.take_over(link), "nor at that very moment"
    assert (await User.get(id=squatter.id)).email == ANNAS


async def test_the_link_lives_for_an_hour(
    visitor: Visitor, squatter: User, outbox: Outbox, time: Clock
) -> None:
    await at_step_3(visitor)
    await visitor.submit(ASK)
    path = await outbox.link(ANNAS)
    time.forward(minutes=59)
    assert (await visitor.visit(path)).status == 200
    time.forward(minutes=1)
    assert "Länken är för gammal." in (await visitor.visit(path)).text


async def test_the_accounts_own_user_gives_nothing_away_by_mistake(
    visitor: Visitor, new_visitor: NewVisitor, squatter: User, outbox: Outbox
) -> None:
    await at_step_3(visitor)
    await visitor.submit(ASK)
    sten = new_visitor()
    await sten.log_in(ANNAS, "en annan fin mening")
    page = await sten.visit(await outbox.link(ANNAS))
    assert "Du är redan inloggad på kontot som har adressen." in page.response.text
    await sten.submit(TAKE_OVER)
    assert (await User.get(id=squatter.id)).email == ANNAS


async def test_asking_is_limited_and_needs_steg_2(
    visitor: Visitor, new_visitor: NewVisitor, squatter: User
) -> None:
    assert (await new_visitor().submit(ASK)).path == "/registrera/steg-1"
    await at_step_3(visitor)
    for _ in range(5):
        assert "Vi har skickat ett mejl" in (await visitor.submit(ASK)).response.text
    assert "Vi har redan skickat flera mejl." in (await visitor.submit(ASK)).response.text
    assert await OutgoingMail.filter(kind="take_over_email").count() == 5


async def test_an_address_that_became_free_gets_no_mail(
    visitor: Visitor, squatter: User, account: CustomerAccount
) -> None:
    await at_step_3(visitor)
    _ = await User.filter(id=squatter.id).delete()
    assert "Vi har skickat ett mejl" in (await visitor.submit(ASK)).response.text
    assert not await OutgoingMail.exists(to=ANNAS)


async def test_many_at_once_take_it_over_once(
    app: Starlette, squatter: User, account: CustomerAccount
) -> None:
    link, _ = await EmailLink.issue(Purpose.TAKE_OVER_EMAIL, email=ANNAS, user_id=squatter.id)
    await link.fetch_related("user")
    won = await asyncio.gather(*(email_takeover.take_over(link) for _ in range(30)))
    assert won.count(True) == 1
