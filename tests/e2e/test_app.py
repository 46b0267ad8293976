"""From MittPreZero to the browser and back: registration, a forgotten password, BankID."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e import inspection, steps
from tests.e2e.mitt_pre_zero import ON, App
from tests.e2e.phone import Phone
from tests.e2e.portal import Portal
from tests.e2e.test_pwa import NewPhone, has_worker
from tests.e2e.test_pwa import new_phone as new_phone
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, with_javascript

NEW = "sju små blå brickor"


@both_ways
def test_registration_from_the_app_ends_in_the_app(visitor: Visitor, portal: Portal) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()
    app = App(visitor)

    app.open_browser(prompt="create")
    steps.on_step(page, 1)
    steps.press(page, "Registrera dig med E-post")
    steps.on_step(page, 2)
    steps.claim(page, customer)
    steps.on_step(page, 3)
    steps.fill_details(page, person)
    steps.press(page, "Skapa användarkonto")
    steps.on_step(page, 4)
    steps.press(page, "Hoppa över tvåfaktorsautentisering")
    expect(steps.heading(page)).to_have_text("Nu är du klar!")
    page.get_by_role("link", name=ON).click()

    expect(page.get_by_role("main")).to_contain_text(f"{person.name}, {person.email}")
    assert not inspection.sideways(page)
    app.is_logged_in()

    # The browser is logged in too, and nothing waits any more.
    page.goto("/logga-in")
    steps.on_customer_page(page, customer)
    expect(page.get_by_role("link", name=ON)).to_have_count(0)


@with_javascript
def test_a_new_password_leads_back_to_the_app(visitor: Visitor, portal: Portal) -> None:
    page, member = visitor.page, portal.member()
    app = App(visitor)
    app.open_browser()
    steps.on_login_page(page)
    page.get_by_role("link", name="Glömt lösen?").click()
    page.get_by_role("textbox", name="E-post").fill(member.person.email)
    steps.press(page, "Skicka länk")
    expect(steps.heading(page)).to_have_text("Titta i din e-post")

    page.goto(steps.link_in_mail(visitor, member.person.email, "Välj ett nytt lösenord"))
    expect(page).to_have_url(re.compile("/aterstall-losen$"))
    page.get_by_label("Nytt lösenord").fill(NEW)
    if page.get_by_label("Kundnummer", exact=True).count():
        steps.fill_claim(page, member.customer.number, member.customer.suffix)
    steps.press(page, "Spara lösenord")
    steps.on_login_page(page)
    steps.fill_login(page, member.person.email, NEW)
    page.locator("form").get_by_role("button", name="Logga in", exact=True).click()

    app.is_logged_in()


def test_with_the_portal_on_the_home_screen_the_app_still_gets_its_code(
    new_phone: NewPhone, portal: Portal
) -> None:
    visitor, member = new_phone(), portal.member()
    page, app = visitor.page, App(visitor)
    page.goto("/")
    has_worker(page)
    app.open_browser()
    steps.on_login_page(page)
    steps.give_password(page, member.person)

    app.is_logged_in()


@with_javascript
def test_bankid_leads_back_to_the_app(visitor: Visitor, portal: Portal) -> None:
    page, owner, person = visitor.page, portal.new_citizen(), portal.new_person()
    app, phone = App(visitor), Phone(visitor, owner)
    app.open_browser(prompt="create")
    steps.on_step(page, 1)
    steps.press(page, "Registrera dig med BankID")
    phone.scan(page)
    phone.identify()
    steps.on_step(page, 2)
    steps.claim(page, portal.new_customer())
    page.get_by_role("textbox", name="E-post").fill(person.email)
    steps.press(page, "Skapa användarkonto")
    expect(steps.heading(page)).to_have_text("Nu är du klar!")
    expect(page.get_by_role("main")).to_contain_text("väljer du att logga in i webbläsaren")
    page.get_by_role("link", name=ON).click()

    app.is_logged_in()
