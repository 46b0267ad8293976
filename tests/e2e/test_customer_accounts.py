"""The customer page, the menu where the name stands, and Lägg till kundkonto."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, every_way, other_ways


@every_way
def test_lagg_till_kundkonto(visitor: Visitor, portal: Portal) -> None:
    member, other = portal.member(), portal.new_customer()
    page = steps.log_in(visitor, member)
    steps.open_menu(page).get_by_role("link", name="Lägg till kundkonto").click()
    expect(steps.heading(page)).to_have_text("Lägg till kundkonto")

    steps.fill_claim(page, other.number, other.wrong_suffix)
    steps.press(page, "Fortsätt")
    steps.is_refused(page, "Uppgifterna stämmer inte överens.")
    steps.claim(page, other)

    steps.on_customer_page(page, other)
    expect(page.get_by_text(f"Kundkontot {other.name} är tillagt.")).to_be_visible()
    expect(page.locator("[popovertarget=menu]")).to_contain_text(other.name)
    assert steps.mails(portal, other.contact) == ["new_administrator"]

    # The other one is a click away, and adding it again is no mistake but a switch.
    page.get_by_role("main").get_by_role("link", name=member.customer.name).click()
    steps.on_customer_page(page, member.customer)
    page.get_by_role("main").get_by_role("link", name="Lägg till kundkonto").click()
    steps.claim(page, other)
    steps.on_customer_page(page, other)
    expect(page.get_by_text("Du har redan lagt till det här kundkontot.")).to_be_visible()
    assert steps.mails(portal, other.contact) == ["new_administrator"]


@both_ways
def test_a_strange_customer_page_is_refused_alike_whether_it_exists_or_not(
    visitor: Visitor, portal: Portal
) -> None:
    page, other = steps.log_in(visitor, portal.member()), portal.new_customer()
    seen = []
    for path in (other.path, "/kund/99999999"):
        page.goto(path)
        expect(steps.heading(page)).to_have_text("Du har inte åtkomst")
        expect(page.get_by_role("main")).not_to_contain_text(other.name)
        seen.append(page.get_by_role("main").inner_text())
    assert seen[0] == seen[1]
    page.get_by_role("main").get_by_role("link", name="Lägg till kundkonto").click()
    expect(steps.heading(page)).to_have_text("Lägg till kundkonto")


@other_ways
def test_the_menu_by_keyboard(visitor: Visitor, portal: Portal) -> None:
    member = portal.member()
    page = steps.log_in(visitor, member)
    button = page.get_by_role("button", name=member.person.name)
    menu = page.locator("#menu")
    expect(menu).to_be_hidden()

    button.focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link", name=member.customer.name)).to_be_focused()
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link", name="Mina uppgifter")).to_be_focused()
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link", name="Byt kund")).to_be_focused()
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link", name="Lägg till kundkonto")).to_be_focused()
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link", name="Användare")).to_be_focused()
    page.keyboard.press("Tab")
    expect(menu.get_by_role("button", name="Logga ut")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()

    page.keyboard.press("Space")
    expect(menu).to_be_visible()
    page.mouse.click(5, 600)
    expect(menu).to_be_hidden()


@both_ways
def test_the_skip_link_comes_first(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Hoppa till innehållet")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
