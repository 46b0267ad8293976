"""Links in mail, followed from the mailbox of a development portal."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, other_ways

WELCOME = "Välkommen till MinaSidor"


@both_ways
def test_confirming_the_address_takes_the_banner_away(visitor: Visitor, portal: Portal) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()
    steps.register(page, customer, person)
    banner = page.get_by_text("Bekräfta din e-postadress.")
    expect(banner).to_be_visible()
    link = steps.link_in_mail(visitor, person.email, WELCOME)

    page.goto(link)
    expect(page).to_have_url(re.compile("/bekrafta-epost$"))  # the token has left the address
    expect(page.get_by_role("main")).to_contain_text(person.email)
    steps.press(page, "Bekräfta e-postadressen")

    steps.on_customer_page(page, customer)
    expect(page.get_by_text("Din e-postadress är bekräftad.")).to_be_visible()
    expect(banner).to_have_count(0)
    page.goto(link)
    expect(page.get_by_text("E-postadressen är redan bekräftad.")).to_be_visible()


@other_ways
def test_a_confirm_link_needs_the_login_and_the_newest_one_wins(
    visitor: Visitor, portal: Portal
) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()
    steps.register(page, customer, person)
    old = steps.link_in_mail(visitor, person.email, WELCOME)
    steps.press(page, "Skicka igen")
    expect(page.get_by_text(f"Vi har skickat ett nytt mejl till {person.email}.")).to_be_visible()
    new = steps.link_in_mail(visitor, person.email, "Bekräfta din e-postadress")
    steps.log_out(page)

    page.goto(new)
    steps.on_login_page(page)
    steps.give_password(page, person)
    expect(steps.heading(page)).to_have_text("Bekräfta din e-postadress")

    page.goto(old)
    expect(steps.heading(page)).to_have_text("Länken går inte att använda")
    expect(page.get_by_text("Det finns en nyare länk. Öppna det senaste mejlet.")).to_be_visible()
    page.goto(f"{new}x")
    expect(page.get_by_text("Länken är inte hel.")).to_be_visible()
    steps.press(page, "Skicka ny länk")
    expect(page.get_by_text(f"Vi har skickat ett nytt mejl till {person.email}.")).to_be_visible()
    newest = steps.link_in_mail(visitor, person.email, "Bekräfta din e-postadress")
    assert newest != new

    page.goto(newest)
    steps.press(page, "Bekräfta e-postadressen")
    expect(page.get_by_text("Din e-postadress är bekräftad.")).to_be_visible()


@both_ways
def test_det_var_inte_vi_removes_the_new_user_without_a_login(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    customer, person = portal.new_customer(), portal.new_person()
    newcomer = new_visitor("htmx-desktop")
    steps.register(newcomer.page, customer, person)
    link = steps.link_in_mail(visitor, customer.contact, "Ny administratör")
    page = visitor.page

    page.goto(link)
    expect(page).to_have_url(re.compile("/det-var-inte-jag$"))
    expect(page.get_by_role("main")).to_contain_text(person.name)
    expect(page.get_by_role("main")).to_contain_text(customer.name)
    newcomer.page.reload()
    steps.on_customer_page(newcomer.page, customer)  # looking at the link changed nothing
    steps.press(page, "Ta bort användaren")
    expect(page.get_by_text(f"{person.name} kan inte längre se {customer.name}.")).to_be_visible()

    # That session has ended, too; logged in again, they see nothing of the customer.
    newcomer.page.reload()
    steps.on_login_page(newcomer.page)
    steps.give_password(newcomer.page, person)
    expect(steps.heading(newcomer.page)).to_have_text("Du har inte åtkomst")
    page.goto(link)
    expect(steps.heading(page)).to_have_text("Länken går inte att använda")

    # The next one to come is the first one again.
    newcomer.page.goto("/lagg-till-kundkonto")
    steps.claim(newcomer.page, customer)
    expect(newcomer.page.get_by_text("Administratör", exact=True).first).to_be_visible()
