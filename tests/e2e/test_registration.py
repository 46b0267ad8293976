"""The printed instruction from the first click to the next login, and the ways off it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, every_way, other_ways, with_javascript

NO_MATCH = (
    "Uppgifterna stämmer inte överens. Kontrollera kundnumret och de fyra siffrorna, "
    "eller ring oss."
)


@every_way
def test_the_instruction_that_customers_hold_in_their_hands(
    visitor: Visitor, portal: Portal
) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()

    # 1. The public page, Logga in, the tab E-post, Registrera konto med E-post.
    page.goto("/")
    page.get_by_role("banner").get_by_role("link", name="Logga in").click()
    steps.on_login_page(page)
    steps.tab(visitor, "BankID").click()
    expect(page.get_by_role("button", name="BankID på en annan enhet")).to_be_visible()
    steps.tab(visitor, "E-post").click()
    page.get_by_role("link", name="Registrera konto med E-post").click()

    # 2. Steg 1. Registrera dig.
    steps.on_step(page, 1)
    if visitor.javascript:
        page.evaluate("window.stillTheSamePage = true")
    steps.press(page, "Registrera dig med E-post")

    # 3. Steg 2. Ange kontouppgifter: first with a slip.
    steps.on_step(page, 2)
    steps.fill_claim(page, customer.number, customer.wrong_suffix)
    steps.press(page, "Fortsätt")
    steps.is_refused(page, NO_MATCH)
    expect(page.get_by_label("Kundnummer", exact=True)).to_have_value(customer.number)
    digits = page.get_by_label("De fyra sista siffrorna i organisationsnumret")
    expect(digits).to_have_value("")
    digits.fill(customer.suffix)
    steps.press(page, "Fortsätt")

    # 4. Steg 3. Fyll i dina uppgifter.
    steps.on_step(page, 3)
    expect(page.get_by_text(customer.name)).to_be_visible()
    if visitor.javascript:
        expect(steps.heading(page)).to_be_focused()
        assert page.evaluate("window.stillTheSamePage"), "htmx swapped the steps in"
    steps.fill_details(page, person)
    steps.press(page, "Skapa användarkonto")

    # 5. Steg 4: scan the QR code, type the code, Verifiera kod.
    steps.on_step(page, 4)
    expect(page.get_by_role("banner")).to_contain_text(person.name)
    app = steps.scan(visitor)
    assert app.label == f"MinaSidor:{person.email}"
    code = page.get_by_label("Skriv koden som visas i appen")
    code.fill(app.wrong_code())
    steps.press(page, "Verifiera kod")
    steps.is_refused(page, "Koden stämmer inte. Vänta på nästa kod i appen och försök igen.")
    assert steps.scan(visitor).secret == app.secret, "a wrong code keeps the same secret"
    code.fill(app.code())
    steps.press(page, "Verifiera kod")

    expect(steps.heading(page)).to_have_text("Nu är du klar!")
    expect(page.get_by_text("Tvåfaktorsautentisering är på.")).to_be_visible()
    codes = steps.recovery_codes(visitor)
    page.reload()
    assert steps.recovery_codes(visitor) == codes, "a reload shows them again"
    steps.press(page, "Jag har sparat koderna")
    expect(page.get_by_text("Bra! Koderna visas inte igen.")).to_be_visible()
    expect(page.locator("#recovery-codes")).to_have_count(0)
    page.get_by_role("link", name=f"Gå till {customer.name}").click()
    steps.on_customer_page(page, customer)
    assert steps.mails(portal, person.email) == ["welcome", "two_factor_on"]
    assert steps.mails(portal, customer.contact) == ["new_administrator"]
    steps.log_out(page)

    # 6. Logging in: e-mail and password, and the app's code.
    if visitor.javascript:
        page.evaluate("window.stillTheSamePage = true")
    steps.give_password(page, person)
    expect(page.get_by_label("Ange engångskod")).to_be_focused()
    expect(page).to_have_title("Ange engångskod – MinaSidor")
    if visitor.javascript:
        assert page.evaluate("window.stillTheSamePage"), "the code field came into the login box"
    steps.give_code(page, app.code())
    steps.on_customer_page(page, customer)


@other_ways
def test_registration_without_two_factor(visitor: Visitor, portal: Portal) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()

    steps.register(page, customer, person)
    expect(page.get_by_role("region", name="Din inloggning")).to_contain_text("Av")
    expect(page.get_by_role("region", name="Användare")).to_contain_text("1 person har åtkomst")
    steps.log_out(page)
    steps.give_password(page, person)

    steps.on_customer_page(page, customer)


@both_ways
def test_steg_2_says_what_is_missing_and_takes_numbers_as_people_write_them(
    visitor: Visitor, portal: Portal
) -> None:
    page, customer = visitor.page, portal.new_customer()
    steps.start_registration(page)

    steps.press(page, "Fortsätt")
    steps.is_refused(page, "Du behöver rätta 2 uppgifter")
    steps.error_summary(page).get_by_role("link", name="Ange ditt kundnummer.").click()
    expect(page.get_by_label("Kundnummer", exact=True)).to_be_focused()

    steps.fill_claim(page, "kund 12", "12a34")
    steps.press(page, "Fortsätt")
    steps.is_refused(page, "Kundnumret ska bara innehålla siffror.")
    steps.is_refused(page, "Ange de fyra sista siffrorna i organisationsnumret.")

    number = customer.organisation_number
    steps.fill_claim(
        page,
        f"00{customer.number[:2]} {customer.number[2:5]} {customer.number[5:]}",
        f"SE {number[:6]}-{number[6:]} 01",
    )
    steps.press(page, "Fortsätt")
    steps.on_step(page, 3)


@other_ways
def test_steg_3_says_what_is_wrong_and_keeps_what_is_right(
    visitor: Visitor, portal: Portal
) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()
    steps.start_registration(page)
    steps.claim(page, customer)
    steps.on_step(page, 3)

    steps.press(page, "Skapa användarkonto")
    steps.is_refused(page, "Du behöver rätta 4 uppgifter")
    steps.fill_details(page, person)
    page.get_by_role("textbox", name="E-post").fill("vera.lind")
    password = page.get_by_label("Välj ett lösenord")
    password.fill("Provbolaget ett")
    steps.press(page, "Skapa användarkonto")

    steps.is_refused(page, "Du behöver rätta 2 uppgifter")
    expect(page.locator("#email-error")).to_contain_text("i formatet namn@exempel.se.")
    expect(page.locator("#password-error")).to_contain_text("är för lätt att gissa.")
    expect(page.get_by_role("textbox", name="E-post")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Förnamn")).to_have_value(person.given_name)
    expect(password).to_have_value("")

    password.fill(person.password)
    show = page.get_by_role("button", name="Visa lösenord")
    if visitor.javascript:
        expect(password).to_have_attribute("type", "password")
        show.click()
        expect(password).to_have_attribute("type", "text")
        page.get_by_role("button", name="Dölj lösenord").click()
        expect(password).to_have_attribute("type", "password")
    else:
        expect(show).to_have_count(0)
    page.get_by_role("textbox", name="E-post").fill(person.email)
    steps.press(page, "Skapa användarkonto")
    steps.on_step(page, 4)


@both_ways
def test_back_and_reload_lose_nothing_in_the_wizard(visitor: Visitor, portal: Portal) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()
    steps.start_registration(page)
    page.reload()
    steps.on_step(page, 2)
    steps.claim(page, customer)
    steps.on_step(page, 3)

    page.go_back()
    steps.on_step(page, 2)
    expect(page.get_by_label("Kundnummer", exact=True)).to_have_value(customer.number)
    page.go_forward()
    steps.on_step(page, 3)
    page.get_by_role("link", name="Tillbaka").click()
    steps.on_step(page, 2)
    expect(page.get_by_label("De fyra sista siffrorna")).to_have_value("")
    page.get_by_role("link", name="Tillbaka").click()
    steps.on_step(page, 1)
    steps.press(page, "Registrera dig med E-post")
    steps.on_step(page, 2)
    steps.claim(page, customer)
    steps.on_step(page, 3)

    # Steg 3 refused, then left and come back to: the fields are there, the password is not.
    steps.fill_details(page, person)
    page.get_by_label("Välj ett lösenord").fill("kort")
    steps.press(page, "Skapa användarkonto")
    steps.is_refused(page, "Lösenordet ska ha minst 12 tecken.")
    page.goto("/registrera/steg-3")
    expect(page.get_by_label("Efternamn")).to_have_value(person.family_name)
    expect(page.get_by_role("textbox", name="E-post")).to_have_value(person.email)
    expect(page.get_by_label("Välj ett lösenord")).to_have_value("")
    page.get_by_label("Välj ett lösenord").fill(person.password)
    steps.press(page, "Skapa användarkonto")

    # Back from Steg 4: the account exists, and the way goes on.
    steps.on_step(page, 4)
    app = steps.scan(visitor)
    page.reload()
    assert steps.scan(visitor).secret == app.secret
    page.go_back()
    expect(steps.heading(page)).to_have_text("Ditt användarkonto är redan skapat")
    page.get_by_role("link", name="Fortsätt").click()
    steps.on_step(page, 4)
    assert portal.rows("SELECT count(*) FROM users WHERE email = ?", person.email) == [(1,)]


@both_ways
def test_no_step_can_be_skipped(visitor: Visitor, portal: Portal) -> None:
    page = visitor.page
    for number in (2, 3):
        page.goto(f"/registrera/steg-{number}")
        steps.on_step(page, 1)
    page.goto("/registrera/steg-4")
    steps.on_login_page(page)

    steps.start_registration(page)
    page.goto("/registrera/steg-3")
    steps.on_step(page, 2)


@both_ways
def test_a_double_click_makes_one_user_and_one_mail(visitor: Visitor, portal: Portal) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()
    page.goto("/registrera/steg-1")
    page.get_by_role("button", name="Registrera dig med E-post").dblclick()
    steps.on_step(page, 2)
    steps.fill_claim(page, customer.number, customer.suffix)
    page.get_by_role("button", name="Fortsätt").dblclick()
    steps.on_step(page, 3)
    steps.fill_details(page, person)

    page.get_by_role("button", name="Skapa användarkonto").dblclick()

    steps.on_step(page, 4)
    steps.press(page, "Hoppa över tvåfaktorsautentisering")
    expect(steps.heading(page)).to_have_text("Nu är du klar!")
    assert portal.rows("SELECT count(*) FROM users WHERE email = ?", person.email) == [(1,)]
    assert steps.mails(portal, person.email) == ["welcome"]
    assert steps.mails(portal, customer.contact) == ["new_administrator"]


@other_ways
def test_two_tabs_with_two_customers_write_nothing_by_mistake(
    visitor: Visitor, portal: Portal
) -> None:
    first, second, person = portal.new_customer(), portal.new_customer(), portal.new_person()
    page, other = visitor.page, visitor.another_tab()
    steps.start_registration(page)
    steps.claim(page, first)
    steps.on_step(page, 3)
    steps.start_registration(other)
    steps.claim(other, second)
    steps.on_step(other, 3)

    page.bring_to_front()
    steps.fill_details(page, person)
    steps.press(page, "Skapa användarkonto")

    expect(steps.heading(page)).to_have_text("Kundkontot har bytts ut")
    assert portal.rows("SELECT count(*) FROM users WHERE email = ?", person.email) == [(0,)]
    page.get_by_role("link", name="Välj ett annat kundkonto").click()
    steps.on_step(page, 2)
    page.goto("/registrera/steg-3")
    expect(page.get_by_text(second.name)).to_be_visible()

    # The tab that is up to date goes on, and the other one then lands beside it.
    other.bring_to_front()
    steps.fill_details(other, person)
    steps.press(other, "Skapa användarkonto")
    steps.on_step(other, 4)
    page.bring_to_front()
    steps.fill_details(page, person)
    steps.press(page, "Skapa användarkonto")
    steps.on_step(page, 4)
    assert portal.rows("SELECT count(*) FROM users WHERE email = ?", person.email) == [(1,)]


@every_way
def test_an_address_in_use_leads_through_the_login_to_the_new_customer(
    visitor: Visitor, portal: Portal
) -> None:
    page, customer = visitor.page, portal.new_customer()
    member = portal.member(two_factor=True)
    visitor.watch.secrets.add(member.secret)
    steps.start_registration(page)
    steps.claim(page, customer)
    steps.on_step(page, 3)
    steps.fill_details(page, portal.new_person())
    page.get_by_role("textbox", name="E-post").fill(member.person.email.upper())
    steps.press(page, "Skapa användarkonto")

    steps.is_refused(page, "Det finns redan ett konto med den adressen.")
    page.get_by_role("link", name="Använd en annan e-postadress").click()
    expect(page.get_by_role("textbox", name="E-post")).to_be_focused()
    steps.press(page, "Logga in och koppla kundkontot")

    steps.on_login_page(page)
    expect(page.get_by_text(f"Logga in så kopplar vi {customer.name}")).to_be_visible()
    steps.give_password(page, member.person)
    steps.give_code(page, member.app.code())

    steps.on_customer_page(page, customer)
    expect(page.get_by_text(f"{customer.name} är nu kopplat till ditt konto.")).to_be_visible()
    expect(page.get_by_role("region", name="Dina andra kundkonton")).to_contain_text(
        member.customer.name
    )


@other_ways
def test_the_second_one_to_register_is_no_administrator_and_the_first_is_told(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    member, person = portal.member(), portal.new_person()

    steps.register(visitor.page, member.customer, person)

    page = visitor.page
    expect(page.get_by_text("Användare", exact=True)).to_be_visible()
    expect(page.get_by_text(member.person.email)).to_have_count(0)
    assert steps.mails(portal, member.person.email) == ["new_member"]
    page = steps.log_in(new_visitor("htmx-desktop"), member)
    users = page.get_by_role("region", name="Användare")
    expect(users).to_contain_text("2 personer har åtkomst")
    users.get_by_role("link", name="Visa användarna").click()
    expect(page.get_by_role("main")).to_contain_text(person.email)


@both_ways
def test_whoever_is_logged_in_is_not_made_a_second_user(visitor: Visitor, portal: Portal) -> None:
    page = steps.log_in(visitor, portal.member())

    page.goto("/registrera/steg-1")
    expect(steps.heading(page)).to_have_text("Du är redan inloggad")
    page.get_by_role("main").get_by_role("link", name="Lägg till kundkonto").click()
    expect(steps.heading(page)).to_have_text("Lägg till kundkonto")
    page.goto("/registrera/steg-2")
    page.get_by_role("main").get_by_role("button", name="Logga ut").click()

    steps.on_login_page(page)


@other_ways
def test_whoever_left_at_steg_4_lands_there_at_the_next_login(
    visitor: Visitor, portal: Portal
) -> None:
    page, person = visitor.page, portal.new_person()
    steps.create_account(page, portal.new_customer(), person)
    steps.log_out(page)

    steps.give_password(page, person)

    steps.on_step(page, 4)


@both_ways
def test_a_sole_trader_uses_the_personal_number_and_never_sees_it(
    visitor: Visitor, portal: Portal
) -> None:
    page = visitor.page
    if visitor.javascript:  # one such customer: the first to come claims it
        steps.start_registration(page)
        steps.fill_claim(page, "10 310 021", "9803")
        steps.press(page, "Fortsätt")
        steps.on_step(page, 3)
        steps.fill_details(page, portal.new_person())
        steps.press(page, "Skapa användarkonto")
        steps.on_step(page, 4)
        page.goto("/kund/10310021")
        expect(page.get_by_text("400101-••••")).to_be_visible()
    else:
        steps.start_registration(page)
        steps.fill_claim(page, "10310021", "19400101-9803")
        steps.press(page, "Fortsätt")
        steps.on_step(page, 3)


@with_javascript
def test_the_key_and_the_recovery_codes_copy_clean(visitor: Visitor, portal: Portal) -> None:
    page = visitor.page
    steps.create_account(page, portal.new_customer(), portal.new_person())
    app = steps.scan(visitor)

    steps.press(page, "Kopiera nyckeln")
    expect(page.get_by_role("status")).to_have_text("Nyckeln är kopierad.")
    assert page.evaluate("navigator.clipboard.readText()") == app.secret
    page.get_by_label("Skriv koden som visas i appen").fill(app.code())
    steps.press(page, "Verifiera kod")
    codes = steps.recovery_codes(visitor)

    steps.press(page, "Kopiera")
    expect(page.get_by_role("status")).to_have_text("Koderna är kopierade.")
    assert page.evaluate("navigator.clipboard.readText()").split("\n") == codes
    with page.expect_download() as download:
        page.get_by_role("link", name="Ladda ner").click()
    text = download.value.path().read_text()
    assert [line for line in text.splitlines() if re.fullmatch(steps.RECOVERY_CODE, line)] == codes
