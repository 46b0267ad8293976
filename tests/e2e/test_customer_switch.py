"""Byt kund: from the menu and on its page, by mouse, finger and keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e import inspection, steps
from tests.e2e.people import Customer
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways


def add(page: Page, customer: Customer) -> None:
    page.goto("/lagg-till-kundkonto")
    steps.claim(page, customer)
    steps.on_customer_page(page, customer)


@both_ways
def test_byt_kund(visitor: Visitor, portal: Portal) -> None:
    member, other = portal.member(), portal.new_customer()
    page = steps.log_in(visitor, member)
    page.goto("/byt-kund")
    expect(page.get_by_role("main")).to_contain_text("Du har bara ett kundkonto.")
    add(page, other)

    steps.open_menu(page).get_by_role("link", name="Byt kund").click()
    if visitor.javascript:  # the list opens in the menu, and Escape leads back out of it
        choices = page.locator("#menu-choices")
        expect(choices.get_by_role("link", name=member.customer.name)).to_be_focused()
        expect(page).to_have_url(re.compile(f"{other.path}$"))
        expect(page).to_have_title(re.compile(other.name))
        page.keyboard.press("Escape")
        expect(choices).to_be_hidden()
        expect(page.locator("[popovertarget=menu]")).to_be_focused()
        steps.open_menu(page).get_by_role("link", name="Byt kund").click()
    else:
        expect(steps.heading(page)).to_have_text("Byt kund")
        choices = page.get_by_role("main")
    expect(choices.locator("[aria-current=true]")).to_contain_text(other.name)
    choices.get_by_role("link", name=member.customer.name).click()
    steps.on_customer_page(page, member.customer)
    expect(page.get_by_text(f"Du har bytt till {member.customer.name}.")).to_be_visible()

    # The star puts it on top, and is remembered; so is the account for the next login.
    page.goto("/byt-kund")
    star = page.get_by_role("button", name=f"Gör {other.name} till favorit")
    star.click()
    expect(
        page.get_by_role("button", name=f"Ta bort {other.name} från favoriterna")
    ).to_be_visible()
    expect(page.locator(".choice__name").first).to_have_text(other.name)
    if visitor.javascript:
        expect(page.locator(f"#star-{other.number}")).to_be_focused()
    steps.log_out(page)
    steps.log_in(visitor, member)


@both_ways
def test_many_accounts_are_searched(visitor: Visitor, portal: Portal) -> None:
    member, others = portal.member(), [portal.new_customer() for _ in range(11)]
    numbers = ", ".join(f"'{other.number}'" for other in others)
    portal.execute(
        f"""INSERT INTO memberships (user_id, customer_account_id, role, created_at)
            SELECT u.id, a.id, 'member', '2026-01-01 00:00:00+00:00'
            FROM users u, customer_accounts a
            WHERE u.email = '{member.person.email}' AND a.customer_number IN ({numbers})"""
    )
    page = steps.log_in(visitor, member)
    page.goto("/byt-kund")
    search = page.get_by_role("searchbox", name="Sök kundkonto")
    expect(page.get_by_role("main")).to_contain_text("Du har 12 kundkonton.")
    if not visitor.javascript:
        search.fill(f"PROVBOLAGET {others[3].number}")
        steps.press(page, "Sök")
        expect(page.get_by_role("main")).to_contain_text("1 kundkonto hittades.")
        expect(search).to_have_value(f"PROVBOLAGET {others[3].number}")
        page.locator("#accounts").get_by_role("link", name=others[3].name).click()
        steps.on_customer_page(page, others[3])
        return
    search.press_sequentially(f"PROVBOLAGET {others[3].number}")
    expect(page.locator("#status")).to_have_text("1 kundkonto hittades.")
    expect(search).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?q=PROVBOLAGET"))
    search.fill("provbolaget")
    expect(page.locator("#status")).to_have_text(re.compile("12 kundkonton hittades."))

    links = page.locator("#accounts a.choice__account")
    page.keyboard.press("ArrowDown")
    expect(links.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(links.last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    expect(search).to_be_focused()

    # Likewise in the menu, on any page, whose address stays as it is.
    page.goto("/mina-uppgifter")
    link = steps.open_menu(page).get_by_role("link", name="Byt kund")
    with visitor.context.expect_page() as another:
        link.click(modifiers=["ControlOrMeta"])
    expect(steps.heading(another.value)).to_have_text("Byt kund")
    another.value.close()
    if not page.locator("#menu").is_visible():
        steps.open_menu(page)
    link.click()
    search = page.locator("#menu-choices").get_by_role("searchbox")
    expect(search).to_be_focused()
    search.press_sequentially(f"{others[5].number[:4]} {others[5].number[4:]}")
    expect(page.locator("#menu-choices .choice__name")).to_have_text([others[5].name])
    assert inspection.violations(page) == []
    expect(page).to_have_url(re.compile("/mina-uppgifter$"))
    expect(page).to_have_title("Mina uppgifter – MinaSidor")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    steps.on_customer_page(page, others[5])
