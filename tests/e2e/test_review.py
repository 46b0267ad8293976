"""Vilka har åtkomst?: an administrator goes through the list, and sees what was done."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways


@both_ways
def test_a_review_ends_somebodys_access_and_is_told_among_the_events(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    administrator, other = portal.member(), portal.member()
    customer, theirs = administrator.customer, other.person.name
    page, elsewhere = steps.log_in(visitor, administrator), new_visitor("htmx-desktop")
    steps.log_in(elsewhere, other)
    page.get_by_role("link", name="Visa användarna").click()
    page.get_by_role("link", name="Genomgång", exact=True).click()
    expect(page).to_have_title(f"Vilka har åtkomst? – {customer.name} – MinaSidor")
    expect(page.get_by_text("1 person har åtkomst")).to_be_visible()

    # Somebody comes while the page is open: it is not their access that was confirmed.
    elsewhere.page.goto("/lagg-till-kundkonto")
    steps.claim(elsewhere.page, customer)
    steps.on_customer_page(elsewhere.page, customer)
    steps.press(page, "Bekräfta")
    steps.is_refused(page, "Listan har ändrats sedan du öppnade sidan.")
    expect(page.get_by_text("2 personer har åtkomst")).to_be_visible()

    page.get_by_label(f"Ta bort {theirs}").check()
    steps.press(page, "Bekräfta")
    expect(page.get_by_text("De som du markerade är borttagna.")).to_be_visible()
    expect(page.get_by_text("Senast genomgången")).to_be_visible()
    expect(page.get_by_role("main")).not_to_contain_text(theirs)
    elsewhere.page.reload()
    expect(steps.heading(elsewhere.page)).to_have_text("Du har inte åtkomst")
    assert steps.mails(portal, other.person.email) == ["access_removed"]

    page.get_by_role("link", name="Händelser", exact=True).click()
    expect(page).to_have_title(f"Händelser – {customer.name} – MinaSidor")
    events = page.get_by_role("listitem").filter(has=page.get_by_role("time"))
    me = administrator.person.name
    expect(events.nth(0)).to_contain_text(f"{me} gick igenom vilka som har åtkomst.")
    expect(events.nth(1)).to_contain_text(f"{me} tog bort åtkomsten för {theirs}.")
    expect(events.nth(2)).to_contain_text(f"{theirs} angav kontouppgifterna och fick åtkomst")
    page.get_by_role("link", name="Genomgångar").click()
    expect(events).to_have_count(1)
    expect(page).to_have_url(re.compile(r"handelser\?visa=genomgangar$"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Ladda ner alla händelser").click()
    assert download.value.suggested_filename == f"minasidor-handelser-{customer.number}.csv"
    assert f"{me} tog bort åtkomsten för {theirs}." in download.value.path().read_text()
