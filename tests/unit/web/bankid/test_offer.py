"""Who has a user account and shows a BankID that is not linked: offered, and linked when chosen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from models import BankIDIdentity, CustomerAccount, Membership, Registration, User
from tests.unit.conftest import PASSWORD, Clock, Outbox, a_user, an_account
from tests.unit.page import Page
from tests.unit.web.bankid.customer import BERTIL, CLAIM, Customer
from web import login
from web.bankid.finish import LINKED, TOO_LATE
from web.login import HAS_BANKID

pytestmark = pytest.mark.anyio
Browsers = Callable[..., Customer]
HOME, UNKNOWN, OFFER = "/kund/100200", "/bankid/okand", "/bankid/koppla"
EVENTS = "/mina-uppgifter/handelser"


async def bankids() -> list[int]:
    return [found.user_id for found in await BankIDIdentity.all().order_by("user_id")]


async def test_the_offer_comes_after_the_login_and_nothing_before_it(
    customer: Customer, account: CustomerAccount, outbox: Outbox
) -> None:
    user = await a_user(email_confirmed_at=None)
    _ = await Membership.admit(user, account)
    page = await customer.identify(BERTIL)
    assert "Logga in och koppla BankID" in page.buttons
    page = await customer.submit(UNKNOWN)
    assert page.path == "/logga-in"
    assert "får du välja om ditt BankID ska kopplas" in page.text

    page = await customer.log_in()

    assert (page.path, page.heading) == (OFFER, "Vill du koppla ditt BankID?")
    assert page.texts("dd") == ["Bertil Björk", "anna@example.com"]
    assert await bankids() == [], "not yet"
    page = await customer.submit(OFFER, answer="yes", next=page.value("next") or "")
    assert (page.path, LINKED in page.text) == (HOME, True)
    assert await bankids() == [user.id]
    subjects = [mail["Subject"] for mail in await outbox.to(user.email)]
    assert subjects[-1] == "BankID är kopplat till ditt konto"
    _ = await customer.post("/logga-ut")
    assert (await customer.identify(BERTIL)).path == HOME


@pytest.mark.parametrize("answer", ["no", "", "maybe"])
async def test_nothing_is_linked_unless_that_is_chosen(
    customer: Customer, account: CustomerAccount, answer: str
) -> None:
    _ = await a_user()
    _ = await customer.identify(BERTIL)
    _ = await customer.submit(UNKNOWN)
    _ = await customer.log_in()

    _ = await customer.submit(OFFER, answer=answer)

    assert await bankids() == []
    assert not await Registration.exists(), "and nothing is kept of whom it was about"
    _ = await customer.submit(OFFER, answer="yes")
    assert await bankids() == [], "the offer is answered"


async def test_nothing_is_offered_that_was_not_asked_for(
    customer: Customer, account: CustomerAccount
) -> None:
    user = await a_user()
    _ = await Membership.admit(user, account)
    _ = await customer.identify(BERTIL)
    assert (await customer.log_in()).path == HOME


async def test_who_has_another_one_linked_is_told(customer: Customer, anna: User) -> None:
    _ = await customer.identify(BERTIL)
    _ = await customer.submit(UNKNOWN)

    page = await customer.log_in()

    assert (page.path, HAS_BANKID in page.text) == (HOME, True)
    assert not customer.cookie("registration"), "and the next login has nothing to do with it"
    assert (await customer.visit(OFFER)).path == HOME
    assert await bankids() == [anna.id]


async def test_who_sits_there_next_is_offered_nothing(
    customer: Customer, account: CustomerAccount
) -> None:
    for email in ("anna@example.com", "bo@example.com"):
        _ = await Membership.admit(await a_user(email), account)
    _ = await customer.identify(BERTIL)
    _ = await customer.submit(UNKNOWN)
    assert (await customer.log_in()).path == OFFER
    _ = await customer.post("/logga-ut")

    assert (await customer.log_in("bo@example.com")).path == HOME


async def test_the_offer_is_open_for_half_an_hour(
    customer: Customer, account: CustomerAccount, time: Clock
) -> None:
    _ = await a_user()
    _ = await customer.identify(BERTIL)
    _ = await customer.submit(UNKNOWN)
    _ = await customer.log_in()
    time.forward(minutes=9)
    assert (await customer.visit(OFFER)).heading == "Vill du koppla ditt BankID?"
    time.forward(minutes=21)
    page = await customer.submit("/bekrafta-dig", password=PASSWORD)
    page = await customer.submit(OFFER, answer="yes")
    assert page.path != OFFER
    assert await bankids() == []


@pytest.mark.parametrize("path", [UNKNOWN, OFFER])
async def test_without_a_person_there_is_nothing_to_offer(
    customer: Customer, account: CustomerAccount, path: str
) -> None:
    assert (await customer.visit(path)).path == "/logga-in"
    assert (await customer.submit(path, answer="yes")).path == "/logga-in"
    _ = await Membership.admit(await a_user(), account)
    _ = await customer.log_in()
    assert (await customer.visit(path)).path == HOME
    assert (await customer.submit(path, answer="yes")).path == HOME
    assert await bankids() == []


async def test_an_unknown_person_has_half_an_hour_to_choose(
    customer: Customer, account: CustomerAccount, time: Clock
) -> None:
    _ = await customer.identify()
    time.forward(minutes=30)
    page = await customer.visit(UNKNOWN)
    assert (page.path, TOO_LATE in page.text) == ("/logga-in", True)


async def test_with_an_address_that_is_taken_the_claim_and_the_offer_wait_for_its_login(
    customer: Customer, account: CustomerAccount
) -> None:
    user = await a_user()
    page = await customer.register()
    assert (page.path, page.status) == ("/registrera/steg-3", 422)
    assert "Logga in och koppla kundkontot" in page.buttons
    assert await bankids() == []
    assert (
        await customer.submit("/registrera/koppla", customer_number="100200")
    ).path == "/logga-in"

    page = await customer.log_in()
    assert page.path == OFFER
    assert await Membership.exists(user_id=user.id), "the claim counts at once"
    assert await bankids() == []
    page = await customer.submit(OFFER, answer="yes", next=page.value("next") or "")
    assert page.path == HOME
    assert await bankids() == [user.id]


async def test_the_offer_asks_for_the_password_of_old_sessions(
    customer: Customer, account: CustomerAccount, time: Clock
) -> None:
    _ = await a_user()
    _ = await customer.identify(BERTIL)
    _ = await customer.submit(UNKNOWN)
    _ = await customer.log_in()
    time.forward(minutes=11)
    for page in (await customer.visit(OFFER), await customer.submit(OFFER, answer="yes")):
        assert page.path == "/bekrafta-dig"
    assert await bankids() == []


async def test_a_bankid_of_somebody_elses_is_not_linked_by_the_offer(
    customer: Customer, new_customer: Browsers, account: CustomerAccount
) -> None:
    _ = await a_user()
    _ = await customer.identify(BERTIL)
    _ = await customer.submit(UNKNOWN)
    _ = await customer.log_in()
    _ = await new_customer().register(BERTIL, email="bertil@example.com")
    before = await bankids()

    page = await customer.submit(OFFER, answer="yes")
    assert "Detta BankID är redan kopplat till ett annat konto." in page.response.text
    assert await bankids() == before


async def test_each_page_is_for_its_own_side_of_the_login(
    customer: Customer, account: CustomerAccount
) -> None:
    _ = await Membership.admit(await a_user(), account)
    _ = await customer.identify(BERTIL)
    assert (await customer.visit(UNKNOWN)).path == UNKNOWN
    for page in (await customer.visit(OFFER), await customer.submit(OFFER, answer="yes")):
        assert page.path == "/logga-in"
    _ = await customer.submit(UNKNOWN)
    _ = await customer.log_in()
    for page in (await customer.visit(UNKNOWN), await customer.submit(UNKNOWN)):
        assert page.path == HOME
    assert await bankids() == []


async def test_a_closed_user_is_offered_nothing(
    customer: Customer, account: CustomerAccount, time: Clock
) -> None:
    _ = await a_user(closes_at=time.now() + timedelta(days=3))
    _ = await customer.identify(BERTIL)
    _ = await customer.submit(UNKNOWN)
    assert (await customer.log_in()).path == "/mina-uppgifter/avsluta"
    assert (await customer.visit(OFFER)).path == "/mina-uppgifter/avsluta"


# On the way to somewhere


async def unknown_on_the_way(customer: Customer) -> Page:
    """Going to a private page, and asked to log in; nobody does with this BankID."""
    page = await customer.visit(EVENTS)
    page = await customer.identify(BERTIL, next=page.value("next") or "")
    assert page.path == UNKNOWN
    return page


async def test_where_one_was_going_is_kept_all_the_way(
    customer: Customer, account: CustomerAccount
) -> None:
    _ = await Membership.admit(await a_user(), account)
    page = await unknown_on_the_way(customer)
    page = await customer.submit(UNKNOWN, next=page.value("next") or "")
    assert page.path == "/logga-in"
    assert page.response.url.params["flik"] == "e-post"
    signed = page.value("next") or ""

    page = await customer.submit(
        "/logga-in", email="anna@example.com", password=PASSWORD, next=signed
    )

    assert page.path == OFFER
    page = await customer.submit(OFFER, answer="yes", next=page.value("next") or "")
    assert (page.path, LINKED in page.text) == (EVENTS, True)


async def test_also_by_who_took_too_long_to_choose(
    customer: Customer, anna: User, time: Clock
) -> None:
    page = await unknown_on_the_way(customer)
    signed = page.value("next") or ""
    time.forward(minutes=30)
    asked = await customer.visit(f"{UNKNOWN}?next={signed}")
    sent = await customer.submit(UNKNOWN, next=signed)
    for page in (asked, sent):
        assert page.path == "/logga-in"
        assert (await customer.identify(next=page.value("next") or "")).path == EVENTS
        _ = await customer.post("/logga-ut")


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example", EVENTS])
async def test_nowhere_that_we_have_not_signed(
    customer: Customer, account: CustomerAccount, path: str
) -> None:
    _ = await customer.identify(BERTIL)
    assert not (await customer.visit(f"{UNKNOWN}?next={path}")).has_field("next")
    answer = await customer.post(UNKNOWN, next=path)
    assert answer.headers["location"] == "/logga-in?flik=e-post"


# A claim beside it


async def claimed_and_identified(customer: Customer, email: str = "") -> Page:
    """Registering as far as Steg 3, then BankID on the login page, and its button."""
    _ = await customer.identify(BERTIL, "registration")
    assert (await customer.submit("/registrera/steg-2", **CLAIM)).path == "/registrera/steg-3"
    if email:
        _ = await customer.submit("/registrera/steg-3", customer_number="100200", email=email)
    assert (await customer.identify(BERTIL)).path == UNKNOWN
    return await customer.submit(UNKNOWN)


async def test_a_claim_without_an_address_is_promised_to_nobody(
    customer: Customer, account: CustomerAccount
) -> None:
    _ = await a_user()
    page = await claimed_and_identified(customer)
    assert "får du välja om ditt BankID ska kopplas" in page.text
    assert account.name not in page.text

    page = await customer.log_in()

    assert (page.path, login.NOT_LINKED in page.text) == (OFFER, False)
    page = await customer.submit(OFFER, answer="yes", next=page.value("next") or "")
    assert (LINKED in page.text, login.NOT_LINKED in page.text) == (True, False)
    assert not await Membership.exists()


async def test_nor_does_it_hide_that_another_bankid_is_linked(
    customer: Customer, anna: User
) -> None:
    _ = await claimed_and_identified(customer)
    page = await customer.log_in()
    assert (page.path, HAS_BANKID in page.text) == (HOME, True)


@pytest.mark.parametrize(
    ("answer", "told"), [("no", login.NOT_LINKED), ("yes", f"{LINKED} {login.NOT_LINKED}")]
)
async def test_that_the_claim_is_anothers_is_said_where_it_can_be_added(
    customer: Customer, account: CustomerAccount, answer: str, told: str
) -> None:
    _, bo = await a_user("anna@example.com"), await a_user("bo@example.com")
    _ = await Membership.admit(bo, await an_account("100900", "4435027711", "Andra Bolaget AB"))
    page = await claimed_and_identified(customer, "anna@example.com")
    assert f"Logga in så kopplar vi {account.name} till ditt konto." in page.text

    page = await customer.log_in("bo@example.com")

    assert (page.path, login.NOT_LINKED in page.text) == (OFFER, False)
    page = await customer.submit(OFFER, answer=answer)  # wherever else one was going
    assert (page.path, told in page.text) == ("/lagg-till-kundkonto", True)
    assert not await Membership.exists(customer_account_id=account.id)
