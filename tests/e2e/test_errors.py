"""What goes wrong, as a page and as a fragment, and the alert when there is no connection."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e import steps
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, other_ways, with_htmx, with_javascript, without_javascript

HEADINGS = {
    403: "Du har inte åtkomst",
    404: "Sidan finns inte",
    405: "Sidan går inte att öppna så här",
    413: "Det du skickade är för stort",
    429: "Du har försökt för många gånger",
}


def error_page(page: Page, status: int) -> None:
    """The portal's own page with this heading stands in a whole page, once, with a way on."""
    heading = HEADINGS[status]
    expect(steps.heading(page)).to_have_text(heading)
    expect(page).to_have_title(f"{heading} – MinaSidor")
    for part in ("header", "main", "footer"):
        expect(page.locator(part)).to_have_count(1)
    expect(page.get_by_role("main").get_by_role("link").first).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("08-465 004 10")


@both_ways
def test_pages_that_are_not_there(visitor: Visitor, portal: Portal) -> None:
    page = visitor.page
    for path in ("/finns-inte", "/kund", "/static/css/finns-inte.css", "/_dev/mejl/999999"):
        page.goto(path)
        error_page(page, 404)
    visitor.tolerate("404: .*/static/css/finns-inte.css")
    page.goto("/logga-ut")
    error_page(page, 405)
    steps.log_in(visitor, portal.member())
    page.goto("/finns-inte")
    error_page(page, 404)
    expect(page.locator("[popovertarget=menu]")).to_be_visible()
    page.goto("/kund/1")
    error_page(page, 403)
    page.get_by_role("main").get_by_role("link", name="Lägg till kundkonto").click()
    expect(steps.heading(page)).to_have_text("Lägg till kundkonto")


@with_javascript
@pytest.mark.parametrize("status", [403, 404, 405])
def test_an_error_in_a_swap_fills_the_page_with_its_fragment(
    visitor: Visitor, portal: Portal, status: int
) -> None:
    page = visitor.page
    steps.create_account(page, portal.new_customer(), portal.new_person())
    page.evaluate("window.stillTheSamePage = true")
    path = {403: "/kund/1", 404: "/finns-inte", 405: "/tillganglighet"}[status]
    page.route("**/registrera/steg-4", _led_to(path, "GET" if status == 403 else "POST"))

    page.get_by_label("Skriv koden som visas i appen").fill("123 456")
    steps.press(page, "Verifiera kod")

    error_page(page, status)
    expect(steps.heading(page)).to_be_focused()
    assert page.evaluate("window.stillTheSamePage")


@both_ways
def test_a_form_that_is_too_large_is_refused(visitor: Visitor, portal: Portal) -> None:
    page = visitor.page
    steps.start_registration(page)
    page.get_by_label("Kundnummer", exact=True).evaluate(
        "field => field.removeAttribute('maxlength')"
    )
    steps.fill_claim(page, "1" * 70_000, portal.new_customer().suffix)

    steps.press(page, "Fortsätt")

    error_page(page, 413)


@other_ways
def test_who_starts_registrations_without_end_is_told_to_wait(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/registrera/steg-1")
    for _ in range(60):
        answer = page.request.post(
            "/registrera/steg-1", headers={"Origin": visitor.base_url}, max_redirects=0
        )
        assert answer.status == 303
        visitor.watch.cookies(visitor.context)
        visitor.context.clear_cookies()

    steps.press(page, "Registrera dig med E-post")

    error_page(page, 429)


@both_ways
def test_a_form_on_another_site_changes_nothing(visitor: Visitor, portal: Portal) -> None:
    member = portal.member()
    page = steps.log_in(visitor, member)
    forged = visitor.another_tab()
    forged.set_content(
        f"<form method=post action='{visitor.base_url}/logga-ut'><button>Vinn</button></form>"
    )

    forged.get_by_role("button").click()

    expect(steps.heading(forged)).to_have_text("Formuläret togs inte emot")
    page.reload()
    steps.on_customer_page(page, member.customer)


@with_htmx
def test_no_connection_is_said_above_the_page_and_nothing_is_lost(
    visitor: Visitor, portal: Portal
) -> None:
    page, customer = visitor.page, portal.new_customer()
    steps.start_registration(page)
    steps.fill_claim(page, customer.number, customer.suffix)
    visitor.context.set_offline(True)

    steps.press(page, "Fortsätt")

    alert = page.get_by_role("alert").filter(has_text="Det gick inte att nå MinaSidor.")
    expect(alert).to_be_visible()
    expect(page.get_by_label("Kundnummer", exact=True)).to_have_value(customer.number)
    expect(page.get_by_role("button", name="Fortsätt")).to_be_focused()
    visitor.context.set_offline(False)
    steps.press(page, "Fortsätt")
    steps.on_step(page, 3)
    expect(alert).to_be_hidden()
    visitor.tolerate(r"ERR_INTERNET_DISCONNECTED|Failed to fetch")


@with_javascript
def test_somebody_elses_page_is_not_taken_for_ours(visitor: Visitor, portal: Portal) -> None:
    page = visitor.page
    steps.start_registration(page)
    for answer in ("<h1>Bad gateway</h1>", "<title>Hotellet</title><h1>Wifi</h1>"):
        page.route("**/registrera/steg-2", _answered_by(answer))
        steps.press(page, "Fortsätt")
        expect(page.get_by_role("alert")).to_contain_text("Det gick inte att nå MinaSidor.")
        steps.on_step(page, 2)
        page.unroute("**/registrera/steg-2")


@without_javascript
def test_back_onto_a_refused_form_shows_it_again(visitor: Visitor, portal: Portal) -> None:
    """As it was, to be put right and sent, and not the browser's own error page."""
    page, customer = visitor.page, portal.new_customer()
    elsewhere = page.get_by_role("contentinfo").get_by_role("link", name="Tillgänglighet")
    steps.start_registration(page)
    steps.fill_claim(page, customer.number, customer.wrong_suffix)
    steps.press(page, "Fortsätt")
    steps.is_refused(page, "Uppgifterna stämmer inte överens.")
    elsewhere.click()
    expect(page).to_have_url(re.compile("/tillganglighet$"))

    page.go_back()
    expect(steps.error_summary(page)).to_contain_text("Uppgifterna stämmer inte överens.")
    steps.claim(page, customer)
    steps.on_step(page, 3)
    steps.press(page, "Skapa användarkonto")
    steps.is_refused(page, "Du behöver rätta 4 uppgifter")
    elsewhere.click()
    expect(page).to_have_url(re.compile("/tillganglighet$"))

    page.go_back()
    expect(steps.error_summary(page)).to_contain_text("Du behöver rätta 4 uppgifter")
    steps.fill_details(page, portal.new_person())
    steps.press(page, "Skapa användarkonto")
    steps.on_step(page, 4)


def _led_to(path: str, method: str) -> Callable[[Route], None]:
    def lead(route: Route) -> None:
        origin = route.request.url.split("/registrera")[0]
        if method == "GET":
            route.continue_(url=f"{origin}{path}", method="GET", post_data="")
        else:
            route.continue_(url=f"{origin}{path}")

    return lead


def _answered_by(html: str) -> Callable[[Route], None]:
    return lambda route: route.fulfill(body=html, content_type="text/html")
