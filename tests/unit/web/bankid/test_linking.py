"""A user's BankID: linked and removed by themselves alone, and what it is good for meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from models import (
    BankIDFlow,
    BankIDIdentity,
    CustomerAccount,
    Event,
    Membership,
    OutgoingMail,
    Session,
    User,
    closing,
    keys,
    operating,
    rekeying,
)
from models.bankid_identity import Person
from models.identity import How
from tests.unit.conftest import PASSWORD, SETTINGS, Clock, Outbox, a_user, plain
from tests.unit.page import Page
from tests.unit.tables import cells
from tests.unit.web.bankid.customer import ANNA, BERTIL, CLAIM, CREDENTIALS, Customer
from web.bankid.finish import LINKED, NOT_LINKED, OTHER_PERSON, TAKEN
from web.bankid.simulator.persons import Person as Simulated
from web.bankid.unlink import UNLINKED
from web.login import HAS_BANKID, WRONG
from web.my_details import CHOSEN, NOT_SAVED_YET

pytestmark = pytest.mark.anyio
Browsers = Callable[..., Customer]
HOME, UNLINK, CONFIRM = "/kund/100200", f"{CREDENTIALS}/ta-bort-bankid", "/bekrafta-dig"
NEW = "tre röda paraplyer i hallen"


@pytest.fixture
async def bo(account: CustomerAccount, time: Clock) -> User:
    """A user with a password and without BankID."""
    user = await a_user("bo@example.com", given_name="Bo", email_confirmed_at=time.now())
    _ = await Membership.admit(user, account)
    return user


def bertils_key() -> str:
    """What his BankID is found by."""
    return Person(BERTIL.number, BERTIL.given_name, BERTIL.surname).key


async def as_bo(customer: Customer) -> Page:
    return await customer.log_in("bo@example.com")


async def set_password_by_mail(customer: Customer, outbox: Outbox) -> None:
    """'Glömt lösen?', and the numbers where the address was never confirmed."""
    _ = await customer.submit("/glomt-losen", email="anna@example.com")
    _ = await customer.visit(await outbox.link("anna@example.com"))
    page = await customer.submit("/aterstall-losen", password=NEW, **CLAIM)
    assert page.path == "/logga-in"


async def link(customer: Customer) -> Page:
    return await customer.identify(BERTIL, "link")


async def confirm(customer: Customer, person: Simulated = ANNA) -> Page:
    """'Bekräfta med BankID', on the page that asks who one is."""
    page = await customer.visit(UNLINK)
    assert page.path == CONFIRM
    return await customer.identify(person, "confirm", next=page.value("next") or "")


# Linking


async def test_bankid_is_linked_and_logs_in(customer: Customer, bo: User, outbox: Outbox) -> None:
    _ = await as_bo(customer)
    page = await customer.visit(CREDENTIALS)
    assert ("Inte kopplat" in page.text, "Koppla BankID" in page.buttons) == (True, True)

    page = await link(customer)

    assert (page.path, LINKED in page.text) == (CREDENTIALS, True)
    assert "Du kan logga in med BankID som är utfärdat till Bertil Björk." in page.text
    mail = (await outbox.to(bo.email))[-1]
    assert mail["Subject"] == "BankID är kopplat till ditt konto"
    assert "/det-var-inte-jag/" in plain(mail)
    assert (
        "BankID kopplades till kontot." in (await customer.visit("/mina-uppgifter/handelser")).text
    )
    _ = await customer.post("/logga-ut")
    assert (await customer.identify(BERTIL)).path == HOME
    assert BERTIL.number not in await cells()


async def test_the_log_says_whose_each_identification_was(
    customer: Customer, bo: User, time: Clock, log: Callable[[], str]
) -> None:
    _ = await as_bo(customer)
    _ = await link(customer)
    _ = await customer.post("/logga-ut")
    _ = await customer.identify(BERTIL)
    time.forward(minutes=11)
    _ = await confirm(customer, BERTIL)

    told = [json.loads(line) for line in log().splitlines()]
    proven = [line["flow"] for line in told if line["event"] == "bankid.identified"]
    used = {line["flow"]: line["user"] for line in told if line["event"] == "bankid.used"}
    assert len(proven) == 3
    assert used == dict.fromkeys(proven, bo.id)


async def test_nor_does_it_name_one_whose_it_is_not(
    customer: Customer, anna: User, bo: User, log: Callable[[], str]
) -> None:
    _ = await as_bo(customer)
    page = await customer.identify(ANNA, "link")
    assert TAKEN in page.text
    assert "bankid.identified" in log()
    assert "bankid.used" not in log()


async def test_only_by_who_has_just_given_the_password(
    customer: Customer, bo: User, time: Clock
) -> None:
    _ = await as_bo(customer)
    time.forward(minutes=10, seconds=1)
    answer = await customer.post("/bankid/starta", intent="link", device="other")
    assert answer.headers["location"].startswith(CONFIRM)
    assert customer.bankid.orders == []


async def test_who_takes_longer_gives_it_again_and_is_linked(
    customer: Customer, bo: User, time: Clock
) -> None:
    _ = await as_bo(customer)
    time.forward(minutes=9)
    path = await customer.start("link")
    customer.bankid.answer(customer.order.ref, BERTIL)
    time.forward(minutes=2)
    page = await customer.visit(path)
    assert page.path == CONFIRM
    assert await BankIDIdentity.all().count() == 0

    page = await customer.submit(CONFIRM, password="fel", next=page.value("next") or "")
    assert (page.status, await BankIDIdentity.all().count()) == (422, 0)
    page = await customer.submit(CONFIRM, password=PASSWORD, next=page.value("next") or "")

    assert (page.path, LINKED in page.text) == (CREDENTIALS, True)


async def test_somebody_elses_bankid_stays_theirs(
    customer: Customer, anna: User, bo: User, outbox: Outbox
) -> None:
    _ = await as_bo(customer)
    page = await customer.identify(ANNA, "link")

    assert (page.path, TAKEN in page.text) == (CREDENTIALS, True)
    assert [found.user_id for found in await BankIDIdentity.all()] == [anna.id]
    assert await outbox.to(bo.email) == []


async def test_who_has_one_keeps_that_one(customer: Customer, anna: User) -> None:
    _ = await customer.log_in()
    page = await link(customer)

    assert HAS_BANKID in page.text
    bankid = await BankIDIdentity.get()
    assert bankid.name == ANNA.name


async def test_who_was_frozen_meanwhile_links_nothing(
    customer: Customer, bo: User, time: Clock
) -> None:
    _ = await as_bo(customer)
    path = await customer.start("link")
    customer.bankid.answer(customer.order.ref, BERTIL)
    await User.filter(id=bo.id).update(frozen_at=time.now())

    page = await customer.sees(path)
    assert NOT_LINKED in page.response.text
    assert await BankIDIdentity.all().count() == 0


async def test_whose_session_ended_meanwhile_finds_nothing(customer: Customer, bo: User) -> None:
    _ = await as_bo(customer)
    path = await customer.start("link")
    customer.bankid.answer(customer.order.ref, BERTIL)
    await Session.end_all(bo.id)

    assert (await customer.sees(path)).status == 404
    assert await BankIDIdentity.all().count() == 0


async def test_avbryt_leads_back_to_where_it_was_begun(customer: Customer, anna: User) -> None:
    _ = await customer.log_in()
    for intent, back in (("link", CREDENTIALS), ("confirm", CONFIRM)):
        path = await customer.start(intent)
        page = await customer.visit(path)
        assert "Avbryt" in page.buttons
        answer = await customer.post(f"{path}/avbryt")
        assert answer.headers["location"] == back


# Removing


async def test_it_is_removed_without_a_trace(
    customer: Customer, new_customer: Browsers, bo: User, outbox: Outbox
) -> None:
    _ = await as_bo(customer)
    _ = await link(customer)
    elsewhere = new_customer()
    assert (await elsewhere.identify(BERTIL)).path == HOME
    bankid = await BankIDIdentity.get()
    page = await customer.visit(UNLINK)
    assert "Bertil Björk" in page.text
    before = customer.cookie("session")

    page = await customer.submit(UNLINK, made_for=page.value("made_for") or "")

    assert (page.path, UNLINKED in page.text) == (CREDENTIALS, True)
    assert customer.cookie("session") != before
    assert not await elsewhere.is_signed_in()
    stored = await cells()
    for left in (bankid.person_key, bertils_key(), BERTIL.number, BERTIL.name, BERTIL.surname):
        assert left not in stored
    assert (await outbox.to(bo.email))[-1]["Subject"] == "BankID är borttaget från ditt konto"
    assert (await new_customer().identify(BERTIL)).path == "/bankid/okand"
    assert await customer.is_signed_in()


async def test_nor_does_the_offer_leave_one(customer: Customer, bo: User) -> None:
    _ = await customer.identify(BERTIL)
    _ = await customer.submit("/bankid/okand")
    _ = await as_bo(customer)
    _ = await customer.submit("/bankid/koppla", answer="yes")
    assert await BankIDIdentity.all().count() == 1
    _ = await customer.submit(UNLINK)

    stored = await cells()
    for left in (bertils_key(), BERTIL.number, BERTIL.given_name, BERTIL.surname):
        assert left not in stored


async def test_removing_asks_who_it_is_and_comes_from_our_page(
    customer: Customer, anna: User, time: Clock
) -> None:
    _ = await customer.log_in()
    customer.client.headers["Sec-Fetch-Site"] = "cross-site"
    assert (await customer.post(UNLINK)).status_code == 403
    customer.client.headers["Sec-Fetch-Site"] = "same-origin"
    time.forward(minutes=11)
    for page in (await customer.visit(UNLINK), await customer.submit(UNLINK)):
        assert page.path == CONFIRM
    assert await BankIDIdentity.exists(user_id=anna.id)


async def test_a_session_that_removes_it_has_proven_a_password_from_then_on(
    customer: Customer, anna: User, account: CustomerAccount
) -> None:
    await CustomerAccount.filter(id=account.id).update(requires_two_factor=True)
    _ = await customer.identify()
    assert (await customer.visit(HOME)).status == 200
    _ = await customer.submit(UNLINK)
    assert (await customer.visit(HOME)).path == "/registrera/steg-4"


async def test_sent_twice_it_is_removed_once(customer: Customer, anna: User) -> None:
    _ = await customer.log_in()
    for _ in range(2):
        assert (await customer.post(UNLINK)).headers["location"] == CREDENTIALS
    assert await Event.filter(kind="bankid.unlinked").count() == 1


async def test_erasing_the_user_erases_it(customer: Customer, bo: User, time: Clock) -> None:
    _ = await as_bo(customer)
    _ = await link(customer)
    _ = await customer.start("confirm")
    await User.filter(id=bo.id).update(closes_at=time.now())
    time.forward(days=1)
    assert await closing.erase_due() == 1
    assert await BankIDIdentity.all().count() == await BankIDFlow.all().count() == 0


# Without a password


async def test_no_password_logs_in_who_has_none(
    customer: Customer, new_customer: Browsers, account: CustomerAccount
) -> None:
    _ = await customer.register()
    stranger = new_customer()
    for password in ("x", " ", PASSWORD, "anna@example.com", "None", "argon2"):
        page = await stranger.log_in(password=password)
        unknown = await stranger.log_in("nobody@example.com", password)
        assert (page.status, unknown.status) == (422, 422)
        assert page.alert == unknown.alert
        assert WRONG in page.alert
    assert (await stranger.log_in(password="")).status == 422
    assert not await stranger.is_signed_in()


async def test_who_has_none_gets_one_by_mail(
    customer: Customer, new_customer: Browsers, account: CustomerAccount, outbox: Outbox
) -> None:
    _ = await customer.register()
    await (await User.get()).confirm_email()
    other = new_customer()
    await set_password_by_mail(other, outbox)

    assert (await other.log_in(password=NEW)).status == 200
    assert await other.is_signed_in()
    assert (await new_customer().identify()).path == HOME


async def test_whose_address_it_was_not_is_out_when_its_owner_sets_one(
    customer: Customer, new_customer: Browsers, account: CustomerAccount, outbox: Outbox
) -> None:
    """A stranger who knows the company registers in somebody else's name, with their BankID."""
    _ = await customer.register()
    owner = new_customer()
    await set_password_by_mail(owner, outbox)

    assert not await customer.is_signed_in()
    assert (await customer.identify()).path == "/bankid/okand"
    assert not await BankIDIdentity.exists()
    assert await Event.exists(kind="bankid.unlinked")
    assert (await owner.log_in(password=NEW)).status == 200


async def test_or_chooses_one_under_mina_uppgifter(
    customer: Customer, account: CustomerAccount, time: Clock
) -> None:
    _ = await customer.register()
    fields = {"new_password": NEW, "repeated_password": NEW}
    time.forward(minutes=11)
    page = await customer.submit("/mina-uppgifter/losenord", **fields)
    assert page.path == CONFIRM
    assert NOT_SAVED_YET in page.alert, "so that nobody takes it for saved"
    _ = await customer.identify(intent="confirm")
    page = await customer.submit("/mina-uppgifter/losenord", **fields)
    assert (page.path, CHOSEN in page.text) == ("/mina-uppgifter", True)

    _ = await customer.post("/logga-ut")
    page = await customer.log_in(password=NEW)
    assert page.status == 200
    assert "Ta bort BankID" in (await customer.visit(CREDENTIALS)).links
    assert (await customer.submit(UNLINK)).path == CREDENTIALS
    assert await BankIDIdentity.all().count() == 0


async def test_all_pages_work_without_one(
    customer: Customer, account: CustomerAccount, time: Clock
) -> None:
    _ = await customer.register()
    page = await customer.visit(CREDENTIALS)
    assert "Du loggar in med BankID." in page.text
    assert "BankID är ditt enda sätt att logga in." in page.text
    assert "Ta bort BankID" not in page.links
    for path in (UNLINK, f"{CREDENTIALS}/inaktivera", "/registrera/steg-4"):
        assert (await customer.visit(path)).path in (CREDENTIALS, "/registrera/klart")
    _ = await customer.post(UNLINK)
    assert await BankIDIdentity.all().count() == 1
    page = await customer.visit("/mina-uppgifter")
    assert not page.has_field("current_password")
    for path in ("/mina-uppgifter/handelser", HOME, f"{HOME}/anvandare", "/mina-uppgifter/hamta"):
        assert (await customer.visit(path)).status == 200
    time.forward(minutes=11)
    page = await customer.visit("/mina-uppgifter/hamta")
    assert (page.path, page.has_field("password")) == (CONFIRM, False)
    assert "Bekräfta med BankID" in page.buttons


async def test_who_has_none_closes_the_user_account_with_bankid(
    customer: Customer, account: CustomerAccount, time: Clock
) -> None:
    _ = await customer.register()
    time.forward(minutes=11)
    page = await customer.visit("/mina-uppgifter/avsluta")
    assert page.path == CONFIRM
    assert (await customer.submit("/mina-uppgifter/avsluta")).path == CONFIRM
    page = await customer.identify(intent="confirm", next=page.value("next") or "")
    assert (page.path, page.has_field("password")) == ("/mina-uppgifter/avsluta", False)

    assert (await customer.submit("/mina-uppgifter/avsluta")).path == "/logga-in"

    assert (await User.get()).closes_at
    assert (await customer.identify()).path == "/mina-uppgifter/avsluta"


# Confirming who one is


async def test_bankid_confirms_who_one_is(customer: Customer, anna: User, time: Clock) -> None:
    _ = await customer.log_in()
    time.forward(minutes=11)
    before = customer.cookie("session")

    page = await confirm(customer)

    assert page.path == UNLINK
    assert customer.cookie("session") != before
    session = await Session.get()
    assert (session.how, session.user_id) == (How.BANKID, anna.id)


async def test_another_persons_bankid_confirms_nothing(
    customer: Customer, anna: User, bo: User, time: Clock
) -> None:
    """A stranger at a session that was left open, with a BankID of their own; linked or not."""
    for person in (BERTIL, ANNA):
        _ = await (as_bo(customer) if person is ANNA else customer.log_in())
        time.forward(minutes=11)
        await Session.all().update(seen_at=time.now())
        path = "/mina-uppgifter/hamta"
        page = await customer.visit(path)
        page = await customer.identify(person, "confirm", next=page.value("next") or "")

        assert (page.path, OTHER_PERSON in page.text) == (CONFIRM, True)
        assert (await customer.visit(path)).path == CONFIRM, "as before"
        _ = await customer.post("/logga-ut")


async def test_a_failed_confirmation_leads_back_to_the_password(
    customer: Customer, anna: User, time: Clock
) -> None:
    _ = await customer.log_in()
    time.forward(minutes=11)
    page = await customer.visit(UNLINK)
    path = await customer.start("confirm", next=page.value("next") or "")
    customer.bankid.fail(customer.order.ref, "userCancel")
    page = await customer.sees(path)
    page = await customer.visit(page.links["Tillbaka"])

    page = await customer.submit(CONFIRM, password=PASSWORD, next=page.value("next") or "")
    assert page.path == UNLINK


# Frozen


@pytest.mark.parametrize(("days", "stays"), [(6, False), (8, True)])
async def test_det_var_inte_jag_removes_a_bankid_of_late(
    customer: Customer, new_customer: Browsers, bo: User, outbox: Outbox, days: int, stays: bool
) -> None:
    """A stranger who knew the password has linked theirs; the user answers the notice."""
    stranger = new_customer()
    _ = await as_bo(stranger)
    _ = await link(stranger)
    notice = await outbox.link(bo.email)
    customer.time.forward(days=days)
    assert await operating.freeze(bo, "Kim") if stays else True
    if not stays:
        _ = await customer.visit(notice)
        _ = await customer.submit("/det-var-inte-jag")
    assert (await User.get(id=bo.id)).frozen_at

    assert not await stranger.is_signed_in()
    assert ((await stranger.identify(BERTIL)).path == "/mina-uppgifter") is stays
    assert await stranger.is_signed_in() is stays


async def test_but_not_the_one_that_the_user_account_was_made_with(
    customer: Customer, account: CustomerAccount
) -> None:
    _ = await customer.register()
    assert await operating.freeze(await User.get(), "Kim")
    assert not await customer.is_signed_in()
    assert (await customer.identify()).path == "/mina-uppgifter"


# Whose data it is, and under which keys


async def test_the_copy_of_ones_data_shows_the_number_without_its_last_digits(
    customer: Customer, anna: User
) -> None:
    _ = await customer.identify()
    answer = await customer.post("/mina-uppgifter/hamta", format="json")
    told = json.loads((await customer.get(answer.headers["location"])).text)

    (bankid,) = told["bankid"]
    assert (bankid["personal_number"], bankid["name"]) == ("19900101-****", ANNA.name)
    answer = await customer.post("/mina-uppgifter/hamta", format="html")
    document = (await customer.get(answer.headers["location"])).text
    assert "19900101-****" in document
    assert ANNA.number not in document, "whoever got into the account learns no more"


async def test_nobody_elses_copy_does(customer: Customer, anna: User, bo: User) -> None:
    _ = await as_bo(customer)
    answer = await customer.post("/mina-uppgifter/hamta", format="json")
    assert ANNA.number not in (await customer.get(answer.headers["location"])).text


async def test_a_new_key_and_a_new_pepper_change_nothing(customer: Customer, anna: User) -> None:
    old, new = SETTINGS.secret_keys[0], "a newer key of the tests 0123456789 abcdef"
    pepper = "a newer pepper of the tests 0123456789 abcdef"
    path = await customer.start()
    keys.use((new, old), SETTINGS.pepper)
    _ = await rekeying.reencrypt("Kim")
    keys.use((new,), SETTINGS.pepper)
    customer.bankid.answer(customer.order.ref, ANNA)
    _ = await customer.poll(path)
    newest = "the newest key of all 0123456789 abcdef abc"
    keys.use((newest, new), SETTINGS.pepper)
    _ = await rekeying.reencrypt("Kim")
    keys.use((newest,), SETTINGS.pepper)
    assert (await customer.visit(f"{path}/klar")).path == HOME
    _ = await customer.post("/logga-ut")

    keys.use((newest,), pepper)
    assert (await customer.identify()).path == "/bankid/okand", "not before it is hashed anew"
    assert (await rekeying.repepper("Kim")).bankids == 1
    assert (await customer.identify()).path == HOME
    assert (await BankIDIdentity.get()).person.personal_number == ANNA.number


async def test_mails_name_no_number(customer: Customer, bo: User, outbox: Outbox) -> None:
    customer.bankid.set_phone(risk="moderate")
    _ = await as_bo(customer)
    _ = await link(customer)
    _ = await customer.identify(BERTIL, "confirm")
    _ = await customer.submit(UNLINK)

    mails = await outbox.to(bo.email)
    assert len(mails) == await OutgoingMail.filter(to=bo.email).count() - 1, "but the new device"
    assert [mail["Subject"] for mail in mails] == [
        "BankID är kopplat till ditt konto",
        "Ovanlig inloggning med BankID",
        "BankID är borttaget från ditt konto",
    ]
    assert all(BERTIL.number not in mail.as_string() for mail in mails)
