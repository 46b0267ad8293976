"""Avsluta användarkontot, and the login that undoes it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways


@both_ways
def test_a_closed_user_account_is_opened_again_by_logging_in(
    visitor: Visitor, portal: Portal
) -> None:
    member = portal.member()
    page = steps.log_in(visitor, member)
    page.goto("/mina-uppgifter")
    page.get_by_role("link", name="Avsluta användarkontot").click()
    expect(steps.heading(page)).to_have_text("Avsluta användarkontot")
    expect(page.get_by_role("main")).to_contain_text(member.customer.name)
    steps.press(page, "Avsluta användarkontot")
    steps.is_refused(page, "Ange ditt lösenord.")
    page.get_by_label("Lösenord", exact=True).fill(member.person.password)
    steps.press(page, "Avsluta användarkontot")
    expect(page.get_by_text("Användarkontot är avslutat. Ångrar du dig")).to_be_visible()

    steps.give_password(page, member.person)
    expect(steps.heading(page)).to_have_text("Användarkontot är avslutat")
    page.goto(member.customer.path)
    expect(steps.heading(page)).to_have_text("Användarkontot är avslutat")
    steps.press(page, "Ångra")
    expect(page.get_by_text("Ditt användarkonto är öppet igen.")).to_be_visible()
    page.goto(member.customer.path)
    steps.on_customer_page(page, member.customer)
    assert steps.mails(portal, member.person.email)[-2:] == ["closing", "reopened"]
