"""Another e-mail address: asked for, confirmed, undone; and one that somebody else registered."""

from __future__ import annotations

import re
from dataclasses import replace

from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, other_ways


def ask(page: Page, email: str) -> None:
    page.get_by_label("Ny e-postadress").fill(email)
    steps.press(page, "Skicka länk")


@both_ways
def test_an_address_is_changed_and_the_old_one_undoes_it(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()
    old, new = person.email, f"ny.{person.email}"
    steps.register(page, customer, person)
    page.goto(steps.link_in_mail(visitor, old, "Välkommen till MinaSidor"))
    steps.press(page, "Bekräfta e-postadressen")

    steps.open_menu(page).get_by_role("link", name="Mina uppgifter").click()
    page.get_by_role("link", name="Ändra adress").click()
    expect(steps.heading(page)).to_have_text("Ändra e-postadress")
    ask(page, old)
    steps.is_refused(page, "Det är den adress som du har. Ange en annan.")
    ask(page, "slip@exempel.example")
    waiting = page.get_by_text("Väntar på bekräftelse av slip@exempel.example.")
    expect(waiting).to_be_visible()
    steps.press(page, "Avbryt bytet")
    expect(page.get_by_text("Bytet är avbrutet.")).to_be_visible()
    expect(waiting).to_have_count(0)
    page.goto("/mina-uppgifter/epost")
    ask(page, new)
    steps.press(page, "Skicka igen")
    expect(page.get_by_text(f"Vi har skickat ett mejl till {new}.")).to_be_visible()

    page.goto(steps.link_in_mail(visitor, new, "Bekräfta din nya e-postadress"))
    expect(page).to_have_url(re.compile("/bekrafta-epost$"))  # the token has left the address
    steps.press(page, "Bekräfta e-postadressen")
    expect(page.get_by_text(f"Du loggar in med {new}.")).to_be_visible()

    owner = new_visitor("htmx-desktop")
    owner.page.goto(steps.link_in_mail(owner, old, "Din e-postadress är ändrad"))
    expect(steps.heading(owner.page)).to_have_text("Ångra bytet av e-postadress")
    steps.press(owner.page, "Ångra bytet")
    expect(owner.page.get_by_text("Bytet är ångrat.")).to_be_visible()
    page.reload()
    steps.on_login_page(page)  # whoever changed it is out
    steps.give_password(page, person)
    steps.on_customer_page(page, customer)
    assert steps.mails(portal, old)[-1] == "email_restored"
    assert steps.mails(portal, new)[-1] == "email_undone"


@other_ways
def test_an_address_that_nobody_confirmed_goes_to_whoever_reads_it(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    customer, person = portal.new_customer(), portal.new_person()
    squatter = replace(portal.new_person(), email=person.email)
    stranger = new_visitor("htmx-desktop")
    stranger.page.goto("/registrera/steg-1")
    steps.register(stranger.page, portal.new_customer(), squatter)
    page = visitor.page
    steps.start_registration(page)
    steps.claim(page, customer)
    steps.fill_details(page, person)
    steps.press(page, "Skapa användarkonto")
    expect(steps.error_summary(page)).to_contain_text("Är det din adress men inte ditt konto?")

    steps.press(page, "Skicka länk")
    expect(page.get_by_text(f"Vi har skickat ett mejl till {person.email}.")).to_be_visible()
    page.goto(steps.link_in_mail(visitor, person.email, "Är det din adress?"))
    steps.press(page, "Använd adressen till mitt nya konto")
    steps.on_step(page, 3)
    page.get_by_label("Välj ett lösenord").fill(person.password)
    steps.press(page, "Skapa användarkonto")
    steps.on_step(page, 4)

    steps.log_out(stranger.page)
    steps.give_password(stranger.page, squatter)
    expect(steps.heading(stranger.page)).to_have_text("Ange en e-postadress")
    ask(stranger.page, f"ny.{squatter.email}")
    expect(stranger.page.get_by_text("Väntar på bekräftelse av")).to_be_visible()
