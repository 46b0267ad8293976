"""Every page, in every state a walkthrough can bring it to, looked at for what holds on all pages.

One heading, a title, no violation of WCAG 2.2 AA that axe finds (light on a desktop, dark on the
narrowest phone), and no sideways scroll at 320 pixels. Console messages and requests to other
sites are watched by the visitor in all tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.e2e import inspection, steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import with_javascript

_DESKTOP: ViewportSize = {"width": 1280, "height": 900}
_NARROWEST: ViewportSize = {"width": 320, "height": 640}
_WIDEST: ViewportSize = {"width": 1920, "height": 1080}


class Inspection:
    """Looks at pages and collects what is wrong with them, to be told all at once."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.seen: list[str] = []

    def look(self, page: Page, name: str) -> None:
        self.seen.append(name)
        expect(steps.heading(page)).to_have_count(1)
        title = page.title()
        if not title.removesuffix(" – MinaSidor") or not title.endswith(" – MinaSidor"):
            self.found.append(f"{name}: its title is {title!r}")
        page.emulate_media(color_scheme="light")
        self._accessible(page, f"{name}, light", inspection.EVERYTHING)
        page.set_viewport_size(_WIDEST)
        self._no_sideways_scroll(page, f"{name}, 1920 px")
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(_NARROWEST)
        self._no_sideways_scroll(page, f"{name}, 320 px")
        self._accessible(page, f"{name}, dark, 320 px", inspection.LOOKS)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(_DESKTOP)

    def _accessible(self, page: Page, name: str, only: dict[str, Any]) -> None:
        self.found += [f"{name}: {found}" for found in inspection.violations(page, only)]

    def _no_sideways_scroll(self, page: Page, name: str) -> None:
        if wide := inspection.sideways(page):
            self.found.append(f"{name}: {wide}")


@pytest.fixture(name="inspection")
def _inspection() -> Iterator[Inspection]:
    made = Inspection()
    yield made
    assert not made.found, "\n".join(made.found)


@with_javascript
def test_at_280_pixels_the_address_in_the_footer_breaks(visitor: Visitor) -> None:
    """Narrower than WCAG asks for: a window beside another one, or large text on a phone."""
    visitor.page.set_viewport_size({"width": 280, "height": 640})
    visitor.page.goto("/logga-in")
    assert inspection.sideways(visitor.page) == ""


@with_javascript
def test_every_page_that_links_lead_to_when_signed_out(
    visitor: Visitor, inspection: Inspection
) -> None:
    _follow_links(visitor, inspection, "/")
    assert {"/", "/logga-in", "/registrera/steg-1", "/tillganglighet"} <= set(inspection.seen)


@with_javascript
def test_every_page_that_links_lead_to_when_signed_in(
    visitor: Visitor, portal: Portal, inspection: Inspection
) -> None:
    """As the demo's Anna: administrator of three customer accounts, without two-factor."""
    page = visitor.page
    page.goto("/logga-in")
    steps.fill_login(page, "anna@exempelbygg.example", "gul-tunna-vid-grinden")
    page.get_by_role("main").get_by_role("button", name="Logga in", exact=True).click()
    expect(page.locator("[popovertarget=menu]")).to_be_visible()

    _follow_links(visitor, inspection, urlsplit(page.url).path)

    assert "/lagg-till-kundkonto" in inspection.seen
    assert "/mina-uppgifter/inloggningsuppgifter" in inspection.seen


@with_javascript
def test_the_wizard_in_all_its_states(
    visitor: Visitor, portal: Portal, inspection: Inspection
) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()
    taken = portal.member().person
    steps.start_registration(page)
    inspection.look(page, "Steg 2")
    steps.press(page, "Fortsätt")
    steps.is_refused(page, "Du behöver rätta 2 uppgifter")
    inspection.look(page, "Steg 2, empty")
    steps.fill_claim(page, customer.number, customer.wrong_suffix)
    steps.press(page, "Fortsätt")
    steps.is_refused(page, "Uppgifterna stämmer inte överens.")
    inspection.look(page, "Steg 2, wrong")
    steps.claim(page, customer)
    steps.on_step(page, 3)
    inspection.look(page, "Steg 3")
    steps.press(page, "Skapa användarkonto")
    steps.is_refused(page, "Du behöver rätta 4 uppgifter")
    inspection.look(page, "Steg 3, empty")
    steps.fill_details(page, person)
    page.get_by_role("textbox", name="E-post").fill(taken.email)
    steps.press(page, "Skapa användarkonto")
    steps.is_refused(page, "Det finns redan ett konto med den adressen.")
    inspection.look(page, "Steg 3, address in use")
    page.locator("input[name=customer_number]").last.evaluate("field => { field.value = '1' }")
    page.get_by_label("Välj ett lösenord").fill(person.password)
    steps.press(page, "Skapa användarkonto")
    expect(steps.heading(page)).to_have_text("Kundkontot har bytts ut")
    inspection.look(page, "409")
    page.goto("/registrera/steg-3")
    steps.fill_details(page, person)
    steps.press(page, "Skapa användarkonto")
    steps.on_step(page, 4)
    inspection.look(page, "Steg 4")
    app = steps.scan(visitor)
    page.get_by_label("Skriv koden som visas i appen").fill(app.wrong_code())
    steps.press(page, "Verifiera kod")
    steps.is_refused(page, "Koden stämmer inte.")
    inspection.look(page, "Steg 4, wrong code")
    page.goto("/registrera/steg-1")
    expect(steps.heading(page)).to_have_text("Ditt användarkonto är redan skapat")
    inspection.look(page, "already created")
    page.get_by_role("link", name="Fortsätt").click()
    page.get_by_label("Skriv koden som visas i appen").fill(app.code())
    steps.press(page, "Verifiera kod")
    steps.recovery_codes(visitor)
    inspection.look(page, "klart")
    page.goto("/mina-uppgifter/inloggningsuppgifter")
    inspection.look(page, "Inloggningsuppgifter, with new codes")


@with_javascript
def test_the_login_in_all_its_states(
    visitor: Visitor, portal: Portal, inspection: Inspection
) -> None:
    page, member = visitor.page, portal.member(two_factor=True)
    page.goto("/logga-in")
    steps.fill_login(page, "vera", "")
    page.get_by_role("main").get_by_role("button", name="Logga in", exact=True).click()
    steps.is_refused(page, "Du behöver rätta 2 uppgifter")
    inspection.look(page, "login, empty")
    page.goto("/logga-in?flik=bankid")
    inspection.look(page, "login, BankID")
    steps.tab(visitor, "E-post").click()
    steps.give_password(page, member.person)
    expect(page.get_by_label("Ange engångskod")).to_be_visible()
    inspection.look(page, "code")
    steps.give_code(page, member.app.wrong_code())
    steps.is_refused(page, "Koden stämmer inte.")
    inspection.look(page, "code, wrong")
    steps.give_code(page, member.app.code())
    steps.on_customer_page(page, member.customer)
    inspection.look(page, "customer page, two-factor on")
    steps.open_menu(page)
    inspection.look(page, "menu")
    page.goto("/mina-uppgifter/inloggningsuppgifter")
    inspection.look(page, "Inloggningsuppgifter, on")
    page.goto("/lagg-till-kundkonto")
    steps.press(page, "Fortsätt")
    steps.is_refused(page, "Du behöver rätta 2 uppgifter")
    inspection.look(page, "Lägg till kundkonto, empty")
    page.goto("/bekrafta-dig")
    steps.press(page, "Fortsätt")
    steps.is_refused(page, "Ange ditt lösenord.")
    inspection.look(page, "Bekräfta dig, empty")
    page.goto("/registrera/steg-1")
    expect(steps.heading(page)).to_have_text("Du är redan inloggad")
    inspection.look(page, "already logged in")
    for path in ("/kund/1", "/finns-inte", "/logga-ut"):
        page.goto(path)
        inspection.look(page, path)
    page.goto("/")
    inspection.look(page, "home, signed in")
    steps.log_out(page)
    inspection.look(page, "logged out")


@with_javascript
def test_the_pages_that_mail_leads_to(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal, inspection: Inspection
) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()
    steps.register(page, customer, person)
    inspection.look(page, "customer page, address not confirmed")
    page.goto("/_dev/mejl")
    inspection.look(page, "mailbox")
    page.get_by_role("link", name="Välkommen till MinaSidor").first.click()
    inspection.look(page, "mail")
    visitor.tolerate("postMessage")  # axe asks the sandboxed mail, which hears nothing
    page.goto("/bekrafta-epost/nothing")
    expect(steps.heading(page)).to_have_text("Länken går inte att använda")
    inspection.look(page, "dead link")
    page.goto(steps.link_in_mail(visitor, person.email, "Välkommen till MinaSidor"))
    inspection.look(page, "confirm address")
    other = new_visitor("htmx-desktop")
    other.page.goto(steps.link_in_mail(visitor, customer.contact, "Ny administratör"))
    inspection.look(other.page, "not us")
    steps.press(other.page, "Ta bort användaren")
    expect(other.page.get_by_text(f"kan inte längre se {customer.name}.")).to_be_visible()
    inspection.look(other.page, "home, somebody was removed")
    other.page.goto("/det-var-inte-jag/nothing")
    inspection.look(other.page, "dead link of a notice")


def _follow_links(visitor: Visitor, inspection: Inspection, start: str) -> None:
    """Look at every page that is reached from this one by links, each path once."""
    page, waiting, known = visitor.page, [start], {start}
    while waiting:
        path = waiting.pop(0)
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, f"a link leads to {path}: {answer.status}"
        inspection.look(page, urlsplit(path).path)
        links = page.locator("a[href]:not([download])")
        for link in links.evaluate_all("links => links.map((link) => link.href)"):
            address = urlsplit(link)
            if not link.startswith(f"{visitor.base_url}/") or address.path in known:
                continue
            known.add(address.path)
            waiting.append(address.path)
