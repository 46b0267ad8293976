"""Logged out in the middle of a form: what was typed is there again after the login."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways

NEW = "sju små blå brickor"


@both_ways
def test_a_password_changed_elsewhere_ends_the_session_at_the_next_click_and_loses_no_form(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    member = portal.member()
    page, elsewhere = steps.log_in(visitor, member), new_visitor("htmx-desktop")
    page.goto("/mina-uppgifter")
    page.get_by_label("Mobilnummer (valfritt)").fill("070-174 06 99")
    other = steps.log_in(elsewhere, member)
    other.goto("/mina-uppgifter")
    for label in ("Nuvarande lösenord", "Nytt lösenord", "Nytt lösenord igen"):
        password = member.person.password if "Nuvarande" in label else NEW
        other.get_by_label(label, exact=True).fill(password)
    steps.press(other, "Byt lösenord")
    expect(other.get_by_text("Lösenordet är ändrat.")).to_be_visible()

    steps.press(page, "Spara")
    expect(steps.heading(page)).to_have_text("Logga in")
    expect(page.get_by_role("main")).to_contain_text("Logga in igen, så finns det du skrev kvar.")
    expect(page.get_by_role("banner")).to_have_count(1)
    expect(page.get_by_role("banner")).not_to_contain_text(member.person.name)
    steps.give_password(page, member.person)
    steps.is_refused(page, "E-postadressen eller lösenordet stämmer inte.")
    steps.fill_login(page, member.person.email, NEW)
    page.locator("form").get_by_role("button", name="Logga in", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("Det du skrev är inte sparat än.")
    number = page.get_by_label("Mobilnummer (valfritt)")
    expect(number).to_have_value("070-174 06 99")
    phone = "SELECT phone FROM users WHERE email = ?"
    assert portal.rows(phone, member.person.email) == [("",)]
    steps.press(page, "Spara")
    expect(page.get_by_text("Uppgifterna är sparade.")).to_be_visible()
    assert portal.rows(phone, member.person.email) == [("070-174 06 99",)]
