"""What a customer does, step by step, in the words of the printed instruction."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.e2e.authenticator import Authenticator
from tests.e2e.people import Customer, Member, Person
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor

RECOVERY_CODE = re.compile(r"\d{4} \d{4} \d{4} \d{4}")


# Looking


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def tab(visitor: Visitor, name: str) -> Locator:
    """One of the login box's: a tab with JavaScript, a link without."""
    choices = visitor.page.locator("[data-tabs]")
    return choices.get_by_role("tab" if visitor.javascript else "link", name=name, exact=True)


def error_summary(page: Page) -> Locator:
    return page.locator(".error-summary")


def on_step(page: Page, number: int) -> None:
    """The step's page is there: its address, title, heading and the list of steps agree."""
    headings = {
        1: "Registrera dig",
        2: "Ange kontouppgifter",
        3: "Fyll i dina uppgifter",
        4: "Välj om du vill använda dig av tvåfaktorsautentisering",
    }
    expect(page).to_have_title(f"Steg {number} av 4: {headings[number]} – MinaSidor")
    expect(heading(page)).to_have_text(
        re.compile(rf"\s*Steg {number} av 4:?\s+{headings[number]}\s*")
    )
    expect(page).to_have_url(re.compile(f"/registrera/steg-{number}$"))
    expect(page.locator("[aria-current=step]")).to_contain_text(
        ("Registrera dig", "Kontouppgifter", "Dina uppgifter", "Tvåfaktor")[number - 1]
    )


def is_refused(page: Page, sentence: str) -> None:
    """The error summary says so, has focus, and the title says that something is wrong."""
    expect(error_summary(page)).to_contain_text(sentence)
    expect(error_summary(page)).to_be_focused()
    expect(page).to_have_title(re.compile("^Fel: "))


def on_customer_page(page: Page, customer: Customer) -> None:
    expect(page).to_have_url(re.compile(f"{customer.path}$"))
    expect(heading(page)).to_contain_text(customer.name)


def on_login_page(page: Page) -> None:
    expect(page).to_have_url(re.compile(r"/logga-in(\?|$)"))
    expect(heading(page)).to_have_text("Logga in")


# Doing


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def start_registration(page: Page) -> None:
    """Up to Steg 2."""
    page.goto("/registrera/steg-1")
    press(page, "Registrera dig med E-post")
    on_step(page, 2)


def fill_claim(page: Page, number: str, suffix: str) -> None:
    page.get_by_label("Kundnummer", exact=True).fill(number)
    page.get_by_label("De fyra sista siffrorna i organisationsnumret").fill(suffix)


def claim(page: Page, customer: Customer) -> None:
    fill_claim(page, customer.number, customer.suffix)
    press(page, "Fortsätt")


def fill_details(page: Page, person: Person) -> None:
    page.get_by_label("Förnamn").fill(person.given_name)
    page.get_by_label("Efternamn").fill(person.family_name)
    page.get_by_role("textbox", name="E-post").fill(person.email)
    page.get_by_label("Välj ett lösenord").fill(person.password)


def create_account(page: Page, customer: Customer, person: Person) -> None:
    """From nothing to Steg 4, where the user account exists."""
    start_registration(page)
    claim(page, customer)
    on_step(page, 3)
    fill_details(page, person)
    press(page, "Skapa användarkonto")
    on_step(page, 4)


def register(page: Page, customer: Customer, person: Person) -> None:
    """From nothing to the customer page, without two-factor."""
    create_account(page, customer, person)
    press(page, "Hoppa över tvåfaktorsautentisering")
    expect(heading(page)).to_have_text("Nu är du klar!")
    page.get_by_role("link", name=f"Gå till {customer.name}").click()
    on_customer_page(page, customer)


def scan(visitor: Visitor, page: Page | None = None) -> Authenticator:
    """Hold the phone to the screen."""
    # Hiding the caret would leave style="" behind, which the Content-Security-Policy reports.
    app = Authenticator.scan((page or visitor.page).screenshot(full_page=True, caret="initial"))
    visitor.watch.secrets.add(app.secret)
    return app


def recovery_codes(visitor: Visitor) -> list[str]:
    """The ten that are shown, which one writes down."""
    shown = visitor.page.locator("#recovery-codes li")
    expect(shown).to_have_text([RECOVERY_CODE] * 10)
    codes = [text.strip() for text in shown.all_inner_texts()]
    visitor.watch.secrets |= {*codes, *(code.replace(" ", "") for code in codes)}
    return codes


def fill_login(page: Page, email: str, password: str) -> None:
    page.get_by_role("textbox", name="E-post").fill(email)
    page.get_by_label("Lösenord", exact=True).fill(password)


def give_password(page: Page, person: Person) -> None:
    fill_login(page, person.email, person.password)
    page.locator("form").get_by_role("button", name="Logga in", exact=True).click()


def give_code(page: Page, code: str) -> None:
    page.get_by_label("Ange engångskod").fill(code)
    press(page, "Verifiera kod")


def log_in(visitor: Visitor, member: Member) -> Page:
    """To the member's customer page."""
    page = visitor.page
    page.goto("/logga-in")
    give_password(page, member.person)
    if member.secret:
        visitor.watch.secrets.add(member.secret)
        give_code(page, member.app.code())
    on_customer_page(page, member.customer)
    return page


def open_menu(page: Page) -> Locator:
    page.locator("[popovertarget=menu]").click()
    menu = page.get_by_role("navigation", name="Din meny")
    expect(menu).to_be_visible()
    return menu


def log_out(page: Page) -> None:
    open_menu(page).get_by_role("button", name="Logga ut").click()
    expect(page.get_by_text("Du är utloggad.")).to_be_visible()
    on_login_page(page)


def link_in_mail(visitor: Visitor, address: str, subject: str) -> str:
    """The link in the newest such mail, found in /_dev/mejl as a developer finds it."""
    tab = visitor.another_tab()
    tab.goto("/_dev/mejl")
    mails = tab.get_by_role("listitem").filter(has_text=f"Till {address}")
    mails.get_by_role("link", name=subject).first.click()
    link = tab.locator(f"main a[href^='{visitor.base_url}/']").first
    found = link.get_attribute("href")
    tab.close()
    assert found
    return found


def mails(portal: Portal, address: str) -> list[str]:
    """The kinds of mail written to this address, oldest first; each new visitor is a new device."""
    sql = """SELECT kind FROM outgoing_mails
             WHERE "to" = ? AND kind <> 'new_device' ORDER BY id"""
    return [row[0] for row in portal.rows(sql, address)]
