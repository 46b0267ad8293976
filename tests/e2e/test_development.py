"""The tools under /_dev, as designers and testers use them, with and without JavaScript."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e import inspection, steps
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, other_ways


@both_ways
def test_each_tool_is_reached_and_can_be_used_by_everybody(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/_dev")
    tools = page.get_by_role("navigation", name="Utvecklingsverktyg")
    for tool in ("Verktyg", "Mejl", "Koder", "Klocka", "Återställ"):
        tools.get_by_role("link", name=tool, exact=True).click()
        expect(tools.locator("[aria-current=page]")).to_have_text(tool)
        if tool == "Koder":  # it loads itself anew when the codes change: not while it is looked at
            expect(page.get_by_text(re.compile(r"om ([5-9]|\d\d) sekunder"))).to_be_visible()
        if visitor.javascript:  # axe is a script
            assert inspection.violations(page) == []
        page.set_viewport_size({"width": 320, "height": 640})
        assert not inspection.sideways(page)
        page.set_viewport_size(visitor.way.size)


@both_ways
def test_a_mail_is_looked_at_and_its_button_leads_to_the_portal(
    visitor: Visitor, portal: Portal
) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()
    steps.create_account(page, customer, person)
    page.goto("/_dev/mejl")
    mails = page.get_by_role("listitem").filter(has_text=f"Till {customer.contact}")
    mails.get_by_role("link").click()
    mail = page.frame_locator("iframe")
    expect(mail.get_by_role("heading", level=1)).to_contain_text("Ny administratör")
    expect(mail.locator(".button")).to_have_css("font-weight", "700")

    for tab, text in (("Text", "/det-var-inte-jag/"), ("Källa", "<!doctype html>")):
        page.get_by_role("link", name=tab, exact=True).click()
        expect(page.locator("pre").first).to_contain_text(text)
    page.get_by_role("link", name="Utseende", exact=True).click()
    mail.get_by_role("link", name="Det var inte vi").click()

    expect(page).to_have_url(re.compile("/det-var-inte-jag$"))
    expect(page.get_by_role("banner")).to_be_visible()


@other_ways
def test_the_code_of_whoever_is_logging_in_stands_among_the_codes(
    visitor: Visitor, portal: Portal
) -> None:
    page, customer, person = visitor.page, portal.new_customer(), portal.new_person()
    steps.create_account(page, customer, person)
    tools = visitor.another_tab()
    tools.goto("/_dev/koder")
    entry = tools.get_by_role("listitem").filter(has_text=person.email)
    expect(entry).to_contain_text("Läggs till just nu")

    page.get_by_label("Skriv koden som visas i appen").fill(
        entry.locator(".code__now span").first.inner_text()
    )
    steps.press(page, "Verifiera kod")

    expect(steps.heading(page)).to_have_text("Nu är du klar!")
