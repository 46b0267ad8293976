"""What becomes of who has shown their BankID: logged in, let back in, or registered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from models import (
    BankIDIdentity,
    CustomerAccount,
    EmailLink,
    Event,
    Invitation,
    Membership,
    OutgoingMail,
    Registration,
    Role,
    Session,
    TwoFactor,
    User,
    operating,
    tokens,
)
from models.access import Actor
from models.email_link import Purpose
from models.identity import How
from tests.unit.conftest import PASSWORD, Clock, Outbox, a_user, an_account, plain
from tests.unit.tables import cells
from tests.unit.web.bankid.customer import (
    ANNA,
    BERTIL,
    CLAIM,
    CREDENTIALS,
    Customer,
)
from web.bankid.finish import ADD_IT_HERE, ALREADY_A_USER, THAWED
from web.jobs.retention import RetentionWorker
from web.login import WRONG
from web.registration import BANKID_IN_USE, IDENTIFIED_TOO_LONG_AGO

pytestmark = pytest.mark.anyio
Browsers = Callable[..., Customer]
HOME, DONE = "/kund/100200", "/registrera/klart"
STEP_1, STEP_2, STEP_3, STEP_4 = (f"/registrera/steg-{number}" for number in range(1, 5))
UNKNOWN, OFFER = "/bankid/okand", "/bankid/koppla"
PERSONAL = {
    "given_name": "Anna",
    "family_name": "Andersson",
    "phone": "",
    "email": "anna@example.com",
    "password": "",
    "customer_number": "100200",
}


async def identified(customer: Customer) -> Registration:
    """At Steg 3, known by BankID."""
    assert (await customer.identify(intent="registration")).path == STEP_2
    assert (await customer.submit(STEP_2, **CLAIM)).path == STEP_3
    return await Registration.get(token_hash=tokens.hashed(customer.cookie("registration")))


async def bankids() -> list[int]:
    return [found.user_id for found in await BankIDIdentity.all().order_by("user_id")]


# Known


@pytest.mark.parametrize("device", ["other", "same"])
async def test_a_known_person_is_logged_in(customer: Customer, anna: User, device: str) -> None:
    page = await customer.identify(device=device)

    assert page.path == HOME
    assert any(button.startswith("Anna Andersson") for button in page.buttons)
    session = await Session.get()
    assert (session.user_id, session.how, session.remembered) == (anna.id, How.BANKID, False)
    (login,) = await Event.filter(kind="login")
    assert login.data["how"] == "bankid"
    assert "med BankID" in (await customer.visit(CREDENTIALS)).text
    bankid = await BankIDIdentity.get()
    assert bankid.last_used_at == session.created_at


async def test_no_code_is_asked_for(customer: Customer, anna: User) -> None:
    await User.filter(id=anna.id).update(two_factor=TwoFactor.ON)
    assert (await customer.identify()).path == HOME


async def test_it_leads_to_where_one_was_going(customer: Customer, anna: User) -> None:
    page = await customer.visit("/mina-uppgifter/handelser")
    page = await customer.identify(next=page.value("next") or "")
    assert page.path == "/mina-uppgifter/handelser"


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example", "/mina-uppgifter"])
async def test_and_nowhere_that_we_have_not_signed(
    customer: Customer, anna: User, path: str
) -> None:
    assert (await customer.identify(next=path)).path == HOME


async def test_the_tab_is_remembered(customer: Customer, anna: User) -> None:
    _ = await customer.identify()
    _ = await customer.post("/logga-ut")
    response = await customer.get("/logga-in")
    assert 'id="panel-bankid">' in response.text, "it is not hidden"


async def test_somebody_else_is_somebody_else(customer: Customer, anna: User) -> None:
    page = await customer.identify(BERTIL)
    assert page.path == UNKNOWN
    assert "Bertil Björk" in page.text
    assert not await customer.is_signed_in()


async def test_a_name_alone_is_nobody(customer: Customer, anna: User) -> None:
    namesake = type(ANNA)("200106302391", ANNA.given_name, ANNA.surname)
    assert (await customer.identify(namesake)).path == UNKNOWN
    assert not await customer.is_signed_in()


async def test_a_closed_user_gets_no_further_than_to_undoing_that(
    customer: Customer, anna: User, time: Clock
) -> None:
    closes_at = time.now() + timedelta(days=3)
    await User.filter(id=anna.id).update(closes_at=closes_at)
    assert (await customer.identify()).path == "/mina-uppgifter/avsluta"
    assert (await customer.visit(HOME)).path == "/mina-uppgifter/avsluta"
    assert (await customer.submit("/mina-uppgifter/avsluta/angra")).path == "/mina-uppgifter"


async def test_bankid_thaws_and_whoever_knew_the_password_knows_nothing_now(
    customer: Customer, new_customer: Browsers, anna: User, outbox: Outbox
) -> None:
    link, _ = await EmailLink.issue(Purpose.RESET_PASSWORD, email=anna.email, user_id=anna.id)
    assert await operating.freeze(anna, "Kim")
    assert (await customer.log_in()).status == 422

    page = await customer.identify(next="")

    assert page.path == "/mina-uppgifter"
    assert THAWED in page.text
    assert "Spara lösenordet" in page.buttons
    assert (await customer.visit(HOME)).status == 200
    stranger = new_customer()
    assert WRONG in (await stranger.log_in()).alert
    assert not (await EmailLink.get(id=link.id)).is_open
    assert (await outbox.to(anna.email))[-1]["Subject"] == "Ditt konto är öppet igen"


async def test_a_demand_for_two_factor_is_met(
    customer: Customer, anna: User, account: CustomerAccount
) -> None:
    await CustomerAccount.filter(id=account.id).update(requires_two_factor=True)
    assert (await customer.log_in()).path == STEP_4
    assert (await customer.visit(HOME)).path == STEP_4
    _ = await customer.post("/logga-ut")

    assert (await customer.identify()).path == HOME
    assert (await customer.visit(f"{HOME}/anvandare")).status == 200


async def test_but_not_by_a_session_of_the_password(
    customer: Customer, new_customer: Browsers, anna: User, account: CustomerAccount
) -> None:
    await CustomerAccount.filter(id=account.id).update(requires_two_factor=True)
    _ = await customer.identify()
    thief = new_customer()
    _ = await thief.log_in()
    assert (await thief.visit(HOME)).path == STEP_4


# Unknown: registering


async def test_an_unknown_person_registers_with_an_address_alone(
    customer: Customer, account: CustomerAccount, outbox: Outbox
) -> None:
    page = await customer.identify()
    assert (page.path, page.heading) == (UNKNOWN, "Ditt BankID är inte kopplat till något konto")
    assert await User.all().count() == 0
    assert (await customer.visit(page.links["Registrera dig med BankID"])).path == STEP_2
    page = await customer.submit(STEP_2, **CLAIM)
    assert (page.path, page.value("given_name"), page.value("family_name")) == (
        STEP_3,
        "Anna",
        "Andersson",
    )
    assert "Du har identifierat dig med BankID som Anna Andersson." in page.text

    page = await customer.submit(STEP_3, **PERSONAL)

    assert (page.path, page.heading) == (DONE, "Nu är du klar!")
    assert "Från och med nu loggar du in med BankID." in page.text
    user = await User.get()
    assert (user.password_hash, user.two_factor) == ("", TwoFactor.SKIPPED)
    assert await bankids() == [user.id]
    assert await Membership.exists(user_id=user.id, customer_account_id=account.id)
    assert (await Session.get()).how is How.REGISTRATION_BY_BANKID
    assert (await customer.visit(HOME)).status == 200
    (mail,) = await outbox.to("anna@example.com")
    assert "/bekrafta-epost/" in plain(mail)
    _ = await customer.post("/logga-ut")
    assert (await customer.identify()).path == HOME


async def test_from_step_1_it_is_the_same_with_one_click_less(
    customer: Customer, account: CustomerAccount
) -> None:
    page = await customer.visit(STEP_1)
    assert "Registrera dig med BankID" in page.buttons
    assert (await customer.register()).path == DONE
    assert await bankids() == [(await User.get()).id]


async def test_with_a_password_step_4_comes_too(
    customer: Customer, account: CustomerAccount
) -> None:
    assert (await customer.register(password=PASSWORD)).path == STEP_4
    assert (await customer.submit("/registrera/steg-4/hoppa-over")).path == DONE
    _ = await customer.post("/logga-ut")
    assert (await customer.log_in()).path == HOME
    _ = await customer.post("/logga-ut")
    assert (await customer.identify()).path == HOME


@pytest.mark.parametrize("password", ["kort", "exempelbygg ab", "lösenord12"])
async def test_a_password_that_is_chosen_is_as_good_as_anybodys(
    customer: Customer, account: CustomerAccount, password: str
) -> None:
    page = await customer.register(password=password)
    assert (page.path, page.status) == (STEP_3, 422)
    assert await User.all().count() == 0


async def test_without_bankid_nobody_does_without_a_password(
    customer: Customer, account: CustomerAccount
) -> None:
    _ = await customer.submit(STEP_1)
    _ = await customer.submit(STEP_2, **CLAIM)
    page = await customer.submit(STEP_3, **PERSONAL)
    assert (page.path, page.status) == (STEP_3, 422)
    assert IDENTIFIED_TOO_LONG_AGO not in page.alert
    assert await User.all().count() == 0


async def test_who_chooses_email_after_all_is_not_known_by_bankid(
    customer: Customer, account: CustomerAccount
) -> None:
    begun = await identified(customer)
    _ = await customer.submit(STEP_1)
    assert (await customer.submit(STEP_3, **PERSONAL)).status == 422
    assert (await customer.submit(STEP_3, **{**PERSONAL, "password": PASSWORD})).path == STEP_4
    assert await bankids() == []
    assert (await Registration.get(id=begun.id)).person_encrypted is None


async def test_bankid_in_the_middle_keeps_what_was_typed(
    customer: Customer, account: CustomerAccount
) -> None:
    _ = await customer.submit(STEP_1)
    page = await customer.submit(STEP_2, **CLAIM)
    assert "Använd BankID i stället" in page.buttons
    typed = {
        **PERSONAL,
        "given_name": "Annie",
        "email": "annie@example.com",
        "phone": "070-174",
    }
    answer = await customer.post("/registrera/med-bankid", **typed)
    customer.bankid.answer(customer.order.ref, ANNA)
    page = await customer.sees(answer.headers["location"])

    assert page.path == STEP_3
    assert [page.value(name) for name in ("given_name", "family_name", "email", "phone")] == [
        *("Annie", "Andersson", "annie@example.com", "070-174")
    ]
    assert "Använd BankID i stället" not in page.buttons
    assert (await customer.submit(STEP_3, **typed)).path == DONE
    assert await bankids() == [(await User.get()).id]


async def test_avbryt_at_steg_3_leads_back_there(
    customer: Customer, account: CustomerAccount
) -> None:
    _ = await customer.submit(STEP_1)
    _ = await customer.submit(STEP_2, **CLAIM)
    answer = await customer.post("/registrera/med-bankid", **PERSONAL)
    page = await customer.submit(f"{answer.headers['location']}/avbryt")
    assert (page.path, page.value("email")) == (STEP_3, PERSONAL["email"])


async def test_who_proves_at_steg_3_to_be_a_user_adds_the_customer_account(
    customer: Customer, anna: User
) -> None:
    _ = await an_account("100900", "4435027711", "Andra Bolaget AB")
    _ = await customer.submit(STEP_1)
    _ = await customer.submit(STEP_2, customer_number="100900", organisation_suffix="7711")
    answer = await customer.post(
        "/registrera/med-bankid", **{**PERSONAL, "customer_number": "100900"}
    )
    customer.bankid.answer(customer.order.ref, ANNA)
    page = await customer.sees(answer.headers["location"])
    assert page.path == "/lagg-till-kundkonto"
    assert f"{ALREADY_A_USER} {ADD_IT_HERE}" in page.text


async def test_the_next_one_at_the_computer_sees_nothing_of_the_last_one(
    customer: Customer, account: CustomerAccount
) -> None:
    _ = await identified(customer)
    _ = await customer.submit(STEP_3, **{**PERSONAL, "email": "anna", "phone": "070-174"})

    page = await customer.identify(BERTIL, "registration")

    assert (page.path, page.value("customer_number")) == (STEP_2, "")
    page = await customer.submit(STEP_2, **CLAIM)
    assert [page.value(name) for name in ("given_name", "family_name", "email", "phone")] == [
        *("Bertil", "Björk", "", "")
    ]
    assert ANNA.surname not in await cells()


async def test_who_identifies_themselves_again_goes_on(
    customer: Customer, account: CustomerAccount
) -> None:
    begun = await identified(customer)
    assert (await customer.identify(ANNA, "registration")).path == STEP_3
    assert (await Registration.get()).id == begun.id


async def test_who_they_are_is_good_for_half_an_hour(
    customer: Customer, account: CustomerAccount, time: Clock
) -> None:
    begun = await identified(customer)
    assert begun.identified_at
    time.time = begun.identified_at + timedelta(minutes=29, seconds=59)
    assert "Du har identifierat dig" in (await customer.visit(STEP_3)).text
    time.forward(seconds=1)

    for _ in range(2):
        page = await customer.submit(STEP_3, **PERSONAL)
        assert (page.status, IDENTIFIED_TOO_LONG_AGO in page.alert) == (422, True)
        assert "Identifiera dig med BankID" in page.buttons
        await RetentionWorker().work()  # which erases the person, and changes nothing else
        assert (await Registration.get(id=begun.id)).person_encrypted is None
    assert await User.all().count() == 0
    assert ANNA.number not in await cells()

    answer = await customer.post("/registrera/med-bankid", **PERSONAL)
    customer.bankid.answer(customer.order.ref, ANNA)
    assert (await customer.sees(answer.headers["location"])).path == STEP_3
    assert (await customer.submit(STEP_3, **PERSONAL)).path == DONE


async def test_or_a_password_takes_its_place(
    customer: Customer, account: CustomerAccount, time: Clock
) -> None:
    _ = await identified(customer)
    time.forward(minutes=30)
    assert (await customer.submit(STEP_3, **{**PERSONAL, "password": PASSWORD})).path == STEP_4
    assert await bankids() == []


async def test_who_has_a_user_account_is_logged_in_instead(customer: Customer, anna: User) -> None:
    page = await customer.identify(intent="registration")
    assert page.path == HOME
    assert ALREADY_A_USER in page.text
    assert await User.all().count() == 1


async def test_who_was_registered_a_moment_before_is_told_to_log_in(
    customer: Customer, new_customer: Browsers, account: CustomerAccount
) -> None:
    first, second = new_customer(), new_customer()
    _, _ = await identified(first), await identified(second)
    assert (await first.submit(STEP_3, **PERSONAL)).path == DONE

    page = await second.submit(STEP_3, **{**PERSONAL, "email": "other@example.com"})

    assert page.path == "/logga-in"
    assert BANKID_IN_USE in page.response.text
    assert await User.all().count() == 1
    assert await OutgoingMail.filter(to="other@example.com").count() == 0
    assert (await second.identify()).path == HOME


async def test_a_form_sent_twice_makes_one_user(
    customer: Customer, account: CustomerAccount
) -> None:
    _ = await identified(customer)
    first = await customer.post(STEP_3, **PERSONAL)
    second = await customer.post(STEP_3, **PERSONAL)
    assert (first.status_code, second.status_code) == (303, 303)
    assert await User.all().count() == 1


async def test_who_is_invited_registers_with_bankid_and_no_claim(
    customer: Customer, account: CustomerAccount, outbox: Outbox
) -> None:
    inviting = await Membership.admit(await a_user(), account)
    actor = Actor(inviting.user_id)
    _ = await Invitation.send(account, "cia@example.com", Role.MEMBER, actor)
    page = await customer.visit(await outbox.link("cia@example.com"))
    page = await customer.submit("/inbjudan/nytt-konto", link=page.value("link") or "")
    assert (page.path, "Använd BankID i stället" in page.buttons) == (STEP_3, True)

    answer = await customer.post("/registrera/med-bankid", customer_number="100200")
    customer.bankid.answer(customer.order.ref, BERTIL)
    page = await customer.sees(answer.headers["location"])
    assert (page.path, page.value("given_name")) == (STEP_3, "Bertil")
    typed = {**PERSONAL, "given_name": "Bertil", "email": "cia@example.com"}
    assert (await customer.submit(STEP_3, **typed)).path == DONE

    cia = await User.get(email="cia@example.com")
    assert cia.email_confirmed_at
    assert await bankids() == [cia.id]
    assert await Membership.exists(user_id=cia.id, customer_account_id=account.id)
