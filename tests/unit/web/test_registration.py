"""Registration as a customer walks it, and as one in a hurry, lost, or with two tabs does."""

import re

import anyio
import pytest

from models import CustomerAccount, Membership, Registration, Role, Session, TwoFactor, User
from tests.unit.conftest import PASSWORD, Clock, Outbox, Visitor, a_user, an_account, code, plain

pytestmark = pytest.mark.anyio

DETAILS = {
    "customer_number": "100200",
    "given_name": "Anna",
    "family_name": "Andersson",
    "phone": "070-174 06 05",
    "email": "anna@example.com",
    "password": PASSWORD,
}


async def claim(visitor: Visitor, number: str = "100200", suffix: str = "3378") -> None:
    await visitor.submit("/registrera/steg-1")
    page = await visitor.submit(
        "/registrera/steg-2", customer_number=number, organisation_suffix=suffix
    )
    assert page.path == "/registrera/steg-3", page.alert


async def register(visitor: Visitor, **changes: str) -> None:
    await claim(visitor)
    page = await visitor.submit("/registrera/steg-3", **{**DETAILS, **changes})
    assert page.path == "/registrera/steg-4", page.alert


async def test_the_way_from_steg_1_to_the_customer_page(
    visitor: Visitor, account: CustomerAccount
) -> None:
    page = await visitor.visit("/registrera/steg-1")
    assert page.title == "Steg 1 av 4: Registrera dig – MinaSidor"
    assert "Registrera dig med E-post" in page.buttons

    page = await visitor.submit("/registrera/steg-1")
    assert (page.path, page.heading) == ("/registrera/steg-2", "Ange kontouppgifter")

    page = await visitor.submit(
        "/registrera/steg-2", customer_number="100 200", organisation_suffix="442101-3378"
    )
    assert (page.path, page.heading) == ("/registrera/steg-3", "Fyll i dina uppgifter")
    assert "Exempelbygg AB" in page.text

    page = await visitor.submit("/registrera/steg-3", **DETAILS)
    assert page.path == "/registrera/steg-4"
    assert page.heading == "Välj om du vill använda dig av tvåfaktorsautentisering"

    page = await visitor.submit("/registrera/steg-4/hoppa-over")
    assert (page.path, page.heading) == ("/registrera/klart", "Nu är du klar!")

    page = await visitor.visit("/kund/100200")
    assert page.heading == "Exempelbygg AB"
    user = await User.get(email="anna@example.com")
    assert user.two_factor is TwoFactor.SKIPPED
    assert (await Membership.get(user_id=user.id)).role is Role.ADMINISTRATOR


async def test_two_factor_at_steg_4_shows_ten_recovery_codes_until_they_are_saved(
    visitor: Visitor, account: CustomerAccount, time: Clock
) -> None:
    await register(visitor)
    page = await visitor.visit("/registrera/steg-4")
    secret = page.texts("code")[0].replace(" ", "")

    page = await visitor.submit("/registrera/steg-4", code="000000")
    assert page.status == 422
    assert "Koden stämmer inte." in page.alert
    assert page.texts("code")[0].replace(" ", "") == secret, "a wrong code keeps the same secret"

    page = await visitor.submit("/registrera/steg-4", code=f"{code(secret)[:3]} {code(secret)[3:]}")
    assert page.path == "/registrera/klart"
    codes = re.findall(r"\b\d{4} \d{4} \d{4} \d{4}\b", page.text)
    assert len(codes) == 10
    again = await visitor.visit("/registrera/klart")
    assert re.findall(r"\b\d{4} \d{4} \d{4} \d{4}\b", again.text) == codes
    file = await visitor.client.get("/mina-uppgifter/aterstallningskoder.txt")
    assert all(each in file.text for each in codes)
    assert file.headers["content-type"] == "text/plain; charset=utf-8"
    assert file.headers["content-security-policy"].endswith("; sandbox"), "as every download"

    page = await visitor.submit(
        "/mina-uppgifter/aterstallningskoder",
        batch=again.value("batch") or "",
        at=again.value("at") or "",
    )
    assert page.path == "/registrera/klart", "back on the page they stood on"
    assert not re.search(r"\d{4} \d{4} \d{4} \d{4}", page.text)


@pytest.mark.parametrize("path", ["steg-2", "steg-3"])
async def test_no_step_is_reached_without_the_one_before(
    visitor: Visitor, db: None, path: str
) -> None:
    assert (await visitor.visit(f"/registrera/{path}")).path == "/registrera/steg-1"
    assert (await visitor.submit(f"/registrera/{path}")).path == "/registrera/steg-1"


async def test_steg_3_waits_for_steg_2(visitor: Visitor, db: None) -> None:
    await visitor.submit("/registrera/steg-1")
    assert (await visitor.visit("/registrera/steg-3")).path == "/registrera/steg-2"


async def test_steg_4_is_for_signed_in_users(visitor: Visitor, db: None) -> None:
    assert (await visitor.visit("/registrera/steg-4")).path == "/logga-in"


async def test_empty_account_details_name_each_field(visitor: Visitor, db: None) -> None:
    await visitor.submit("/registrera/steg-1")

    page = await visitor.submit("/registrera/steg-2")

    assert page.status == 422
    assert page.title.startswith("Fel: ")
    assert "Ange ditt kundnummer." in page.alert
    assert "Ange de fyra sista siffrorna i organisationsnumret." in page.alert


@pytest.mark.parametrize(
    ("number", "suffix"),
    [("100200", "0000"), ("999999", "3378"), ("100300", "3378")],
    ids=["wrong digits", "unknown number", "closed account"],
)
async def test_a_wrong_claim_says_one_and_the_same(
    visitor: Visitor, account: CustomerAccount, time: Clock, number: str, suffix: str
) -> None:
    _ = await an_account("100300", closed_at=time.now())
    await visitor.submit("/registrera/steg-1")

    page = await visitor.submit(
        "/registrera/steg-2", customer_number=number, organisation_suffix=suffix
    )

    assert page.status == 422
    assert (
        "Uppgifterna stämmer inte överens. Kontrollera kundnumret och de fyra siffrorna, "
        "eller ring oss." in page.alert
    )
    assert page.value("customer_number") == number
    assert not page.value("organisation_suffix"), "the four digits are never refilled"


async def test_back_finds_the_fields_but_not_the_password(
    visitor: Visitor, account: CustomerAccount
) -> None:
    await claim(visitor)
    page = await visitor.submit("/registrera/steg-3", **{**DETAILS, "email": "anna"})
    assert page.status == 422
    assert "Ange e-postadressen i formatet namn@exempel.se." in page.alert

    page = await visitor.visit("/registrera/steg-3")

    assert (page.value("given_name"), page.value("phone")) == ("Anna", "070-174 06 05")
    assert not page.value("password")
    assert (await visitor.visit("/registrera/steg-2")).value("customer_number") == "100200"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("given_name", "", "Ange ditt förnamn."),
        ("family_name", "", "Ange ditt efternamn."),
        ("given_name", "https://e.example Anna", "Skriv bara ditt namn."),
        ("family_name", "WWW.e.example", "Skriv bara ditt namn."),
        ("email", "", "Ange din e-postadress."),
        ("phone", "ring mig", "Skriv mobilnumret med siffror"),
        ("given_name", "a" * 81, "Skriv högst 80 tecken."),
        ("given_name", "An\x00na", "Ta bort tecken som inte går att skriva ut."),
        ("password", "", "Välj ett lösenord."),
        ("password", "elva tecken", "Lösenordet ska ha minst 12 tecken."),
        ("password", "password1234", "Lösenordet är för lätt att gissa."),
        ("password", "exempelbygg bäst", "Lösenordet är för lätt att gissa."),
        ("password", "min PreZero-kod 77", "Lösenordet är för lätt att gissa."),
        ("password", "å" * 129, "Lösenordet får ha högst 128 tecken."),
    ],
)
async def test_each_bad_detail_gets_its_sentence_and_makes_no_user(
    visitor: Visitor, account: CustomerAccount, field: str, value: str, sentence: str
) -> None:
    await claim(visitor)

    page = await visitor.submit("/registrera/steg-3", **{**DETAILS, field: value})

    assert page.status == 422
    assert sentence in page.alert
    assert not await User.exists()


async def test_a_form_made_for_another_account_writes_nothing(
    visitor: Visitor, account: CustomerAccount
) -> None:
    _ = await an_account("100300", name="Andra Bolaget AB")
    await claim(visitor, "100300")

    page = await visitor.submit("/registrera/steg-3", **DETAILS)

    assert page.status == 409
    assert not await User.exists()


async def test_a_double_click_makes_one_user_one_mail_and_one_welcome(
    visitor: Visitor, account: CustomerAccount, outbox: Outbox
) -> None:
    await claim(visitor)
    answers = []

    async def click() -> None:
        answers.append(await visitor.post("/registrera/steg-3", **DETAILS))

    async with anyio.create_task_group() as clicks:
        for _ in range(20):
            clicks.start_soon(click)

    assert {answer.headers["location"] for answer in answers} == {"/registrera/steg-4"}
    assert await User.all().count() == 1
    assert len(await outbox.to("anna@example.com")) == 1


async def test_the_same_address_from_twenty_registrations_makes_one_user(
    new_visitor: "type[Visitor]", account: CustomerAccount
) -> None:
    visitors = [new_visitor() for _ in range(20)]  # type: ignore[call-arg]
    for visitor in visitors:
        await claim(visitor)
    answers: list[int] = []

    async def create(visitor: Visitor) -> None:
        answers.append((await visitor.post("/registrera/steg-3", **DETAILS)).status_code)

    async with anyio.create_task_group() as group:
        for visitor in visitors:
            group.start_soon(create, visitor)

    assert sorted(answers) == [303] + [422] * 19
    assert await User.all().count() == 1


async def test_back_after_creation_says_that_the_account_exists_and_goes_on(
    visitor: Visitor, account: CustomerAccount
) -> None:
    await register(visitor)

    for step in ("steg-1", "steg-2", "steg-3"):
        page = await visitor.visit(f"/registrera/{step}")
        assert page.path == "/registrera/steg-1"
        assert "/registrera/steg-4" in page.links.values()
    assert (await visitor.submit("/registrera/steg-3", **DETAILS)).path == "/registrera/steg-4"
    assert await User.all().count() == 1


async def test_a_lost_answer_costs_nothing_to_whoever_knows_the_password(
    visitor: Visitor, account: CustomerAccount
) -> None:
    await register(visitor)
    visitor.client.cookies.delete("__Host-session")

    page = await visitor.submit("/registrera/steg-3", **{**DETAILS, "password": "something else"})
    assert page.path == "/registrera/steg-1"
    page = await visitor.submit("/registrera/steg-3", **DETAILS)
    assert page.path == "/registrera/steg-4"


async def test_after_a_day_a_fresh_start_says_why(
    visitor: Visitor, account: CustomerAccount, time: Clock
) -> None:
    await claim(visitor)
    time.forward(hours=24)

    page = await visitor.visit("/registrera/steg-3")

    assert page.path == "/registrera/steg-1"
    assert "24 timmar" in page.text
    assert (await visitor.submit("/registrera/steg-1")).path == "/registrera/steg-2"
    assert await Registration.all().count() == 2


async def test_whoever_left_at_steg_4_lands_there_at_the_next_login(
    visitor: Visitor, account: CustomerAccount
) -> None:
    await register(visitor)
    await visitor.submit("/logga-ut")

    page = await visitor.log_in()

    assert page.path == "/registrera/steg-4"


async def test_an_address_in_use_carries_the_claim_through_the_login(
    visitor: Visitor, account: CustomerAccount
) -> None:
    anna = await a_user()
    await claim(visitor)
    page = await visitor.submit("/registrera/steg-3", **{**DETAILS, "email": " ANNA@example.com"})
    assert page.status == 422
    assert "Det finns redan ett konto med den adressen" in page.alert
    assert "Logga in och koppla kundkontot" in page.buttons

    page = await visitor.submit("/registrera/koppla", customer_number="100200")
    assert page.path == "/logga-in"
    assert "Exempelbygg AB" in page.text
    page = await visitor.log_in()

    assert page.path == "/kund/100200"
    assert await Membership.exists(user_id=anna.id, customer_account_id=account.id)
    assert await User.all().count() == 1


async def test_the_claim_is_not_carried_to_somebody_else_nor_after_an_hour(
    visitor: Visitor, account: CustomerAccount, time: Clock
) -> None:
    _ = await a_user()
    _ = await a_user("bo@example.com")
    await claim(visitor)
    await visitor.submit("/registrera/steg-3", **DETAILS)
    await visitor.submit("/registrera/koppla", customer_number="100200")

    await visitor.log_in("bo@example.com")
    assert not await Membership.exists()
    await visitor.submit("/logga-ut")
    time.forward(hours=1)
    await visitor.log_in()

    assert not await Membership.exists()


async def test_the_welcome_mail_names_no_customer_and_the_contact_is_told(
    visitor: Visitor, account: CustomerAccount, outbox: Outbox
) -> None:
    await register(visitor)

    (welcome,) = await outbox.to("anna@example.com")
    (notice,) = await outbox.to("kontakt@exempelbygg.example")

    assert welcome["Subject"] == "Välkommen till MinaSidor"
    assert "Exempelbygg" not in str(welcome)
    assert "100200" not in str(welcome)
    assert "Exempelbygg AB" in plain(notice)
    assert "Anna Andersson" in plain(notice)


async def test_a_signed_in_user_is_offered_to_add_an_account_instead(
    visitor: Visitor, account: CustomerAccount
) -> None:
    _ = await a_user()
    await visitor.log_in()

    page = await visitor.visit("/registrera/steg-1")

    assert "/lagg-till-kundkonto" in page.links.values()
    assert "Logga ut" in page.buttons
    assert (await visitor.submit("/registrera/steg-1")).path == "/registrera/steg-1"
    assert not await Registration.exists()


async def test_an_anonymous_visit_makes_no_rows(visitor: Visitor, db: None) -> None:
    for path in ("/", "/logga-in", "/registrera/steg-1", "/registrera/steg-2", "/kund/1"):
        await visitor.visit(path)

    assert not await Registration.exists()
    assert not await Session.exists()


async def test_the_next_one_at_the_same_computer_registers_anew(
    visitor: Visitor, account: CustomerAccount
) -> None:
    await register(visitor)
    visitor.client.cookies.delete("__Host-session")
    page = await visitor.visit("/registrera/steg-1")
    assert "Registrera ett annat användarkonto" in page.buttons
    assert (await visitor.submit("/registrera/steg-1")).path == "/registrera/steg-2"

    await visitor.log_in()
    await visitor.submit("/registrera/steg-4/hoppa-over")
    await visitor.submit("/logga-ut")
    assert (await visitor.visit("/registrera/steg-1")).heading == "Registrera dig"


async def test_another_tabs_choice_is_not_linked_by_mistake(
    visitor: Visitor, account: CustomerAccount
) -> None:
    _ = await a_user()
    _ = await an_account("100300", name="Andra Bolaget AB")
    await claim(visitor)
    await visitor.submit("/registrera/steg-3", **DETAILS)
    await claim(visitor, "100300")

    page = await visitor.submit("/registrera/koppla", customer_number="100200")

    assert page.status == 409
    await visitor.log_in()
    assert not await Membership.exists()


async def test_a_claim_over_an_hour_old_is_made_again_before_it_is_linked(
    visitor: Visitor, account: CustomerAccount, time: Clock
) -> None:
    _ = await a_user()
    await claim(visitor)
    await visitor.submit("/registrera/steg-3", **DETAILS)
    time.forward(hours=1)

    page = await visitor.submit("/registrera/koppla", customer_number="100200")

    assert page.path == "/registrera/steg-2"
    assert "Ange kontouppgifterna igen." in page.response.text


async def test_an_account_closed_after_steg_2_leads_back_there(
    visitor: Visitor, account: CustomerAccount, time: Clock
) -> None:
    await claim(visitor)
    await CustomerAccount.filter(id=account.id).update(closed_at=time.now())

    page = await visitor.submit("/registrera/steg-3", **DETAILS)

    assert page.path == "/registrera/steg-2"
    assert "Uppgifterna stämmer inte överens." in page.response.text
    assert not await User.exists()


@pytest.mark.parametrize(
    "email", ["=?utf-8?q?x?=@x.example", "å@x.example", "a@b", "a b@x.example", "a@x..example"]
)
async def test_an_address_that_mail_cannot_reach_is_refused(
    visitor: Visitor, account: CustomerAccount, email: str
) -> None:
    await claim(visitor)
    page = await visitor.submit("/registrera/steg-3", **{**DETAILS, "email": email})
    assert "Ange e-postadressen i formatet namn@exempel.se." in page.alert


async def test_a_swedish_domain_and_an_invisible_character_are_taken(
    visitor: Visitor, account: CustomerAccount, outbox: Outbox
) -> None:
    await register(visitor, email="anna@\u200bblåbär.example")
    assert (await User.get()).email == "anna@blåbär.example"
    assert [str(m["To"]) for m in await outbox.all()][-1] == "anna@xn--blbr-noae.example"
