"""Logging in and out, with everything that can go wrong on the way."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, other_ways, with_htmx, with_javascript

_DAY = 24 * 3600  # seconds


@both_ways
def test_a_wrong_password_and_an_unknown_address_get_one_and_the_same_answer(
    visitor: Visitor, portal: Portal
) -> None:
    page, person = visitor.page, portal.member().person
    page.goto("/logga-in")
    for email in (person.email, "ingen@post.example"):
        steps.fill_login(page, email, "fel ord om natten")
        page.get_by_role("main").get_by_role("button", name="Logga in", exact=True).click()
        steps.is_refused(page, "E-postadressen eller lösenordet stämmer inte.")
        expect(page.get_by_role("textbox", name="E-post")).to_have_value(email)
        expect(page.get_by_label("Lösenord", exact=True)).to_have_value("")

    steps.fill_login(page, "vera", "")
    page.get_by_role("main").get_by_role("button", name="Logga in", exact=True).click()
    steps.is_refused(page, "Du behöver rätta 2 uppgifter")
    steps.is_refused(page, "Ange e-postadressen i formatet namn@exempel.se.")


@with_htmx
def test_the_code_field_comes_into_the_login_box_without_a_page_load(
    visitor: Visitor, portal: Portal
) -> None:
    page, member = visitor.page, portal.member(two_factor=True)
    page.goto("/logga-in")
    page.evaluate("window.stillTheSamePage = true")
    header = page.get_by_role("banner").evaluate_handle("header => header")

    steps.give_password(page, member.person)

    expect(page.get_by_label("Ange engångskod")).to_be_focused()
    expect(page.locator("#login-box")).to_contain_text(member.person.email)
    assert page.evaluate("window.stillTheSamePage")
    assert page.evaluate("header => document.querySelector('header') === header", header)
    expect(page).to_have_url(re.compile("/logga-in/kod$"))
    steps.give_code(page, member.app.code())
    steps.on_customer_page(page, member.customer)
    assert not page.evaluate("window.stillTheSamePage"), "the header changed, so all is new"


@other_ways
def test_a_wrong_and_a_used_code_are_refused(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    page, member = visitor.page, portal.member(two_factor=True)
    app = member.app
    page.goto("/logga-in")
    steps.give_password(page, member.person)

    steps.press(page, "Verifiera kod")
    steps.is_refused(page, "Ange engångskoden från din autentiseringsapp.")
    steps.give_code(page, app.wrong_code())
    steps.is_refused(page, "Koden stämmer inte. Vänta på nästa kod i appen och försök igen.")
    page.reload()
    expect(page.get_by_label("Ange engångskod")).to_be_visible()
    code = app.code()
    steps.give_code(page, f"{code[:3]} {code[3:]}")
    steps.on_customer_page(page, member.customer)

    # Somebody has looked over the shoulder.
    stranger = new_visitor("nojs-desktop")
    stranger.page.goto("/logga-in")
    steps.give_password(stranger.page, member.person)
    steps.give_code(stranger.page, code)
    steps.is_refused(stranger.page, "Koden är redan använd. Vänta på nästa kod i appen.")
    stranger.page.goto(member.customer.path)
    steps.on_login_page(stranger.page)


@both_ways
def test_a_recovery_code_logs_in_once(visitor: Visitor, portal: Portal) -> None:
    page, member = visitor.page, portal.member()
    steps.log_in(visitor, member)
    page.get_by_role("link", name="Slå på tvåfaktorsautentisering").click()
    app = steps.scan(visitor)
    page.get_by_label("Skriv koden som visas i appen").fill(app.code())
    steps.press(page, "Verifiera kod")
    expect(page.get_by_text("Tvåfaktorsautentisering är på.")).to_be_visible()
    codes = steps.recovery_codes(visitor)
    expect(page.get_by_text("Du har 10 återställningskoder kvar.")).to_be_visible()
    steps.press(page, "Jag har sparat koderna")
    expect(page.locator("#recovery-codes")).to_have_count(0)
    steps.log_out(page)

    steps.give_password(page, member.person)
    steps.give_code(page, codes[3])
    steps.on_customer_page(page, member.customer)
    page.get_by_role("link", name="Visa inloggningsuppgifter").click()
    expect(page.get_by_text("Du har 9 återställningskoder kvar.")).to_be_visible()
    expect(page.get_by_text(re.compile("På sedan "))).to_be_visible()
    steps.log_out(page)

    steps.give_password(page, member.person)
    steps.give_code(page, codes[3])
    steps.is_refused(page, "Koden stämmer inte.")
    steps.give_code(page, codes[4].replace(" ", ""))
    steps.on_customer_page(page, member.customer)


@other_ways
def test_hall_mig_inloggad_outlives_the_browser(visitor: Visitor, portal: Portal) -> None:
    member = portal.member(two_factor=True)
    page = steps.log_in(visitor, member)
    assert _session_ends(visitor) == -1, "without it, the session's cookie ends with the browser"
    steps.log_out(page)

    member = portal.member(two_factor=True)
    page.get_by_label("Håll mig inloggad").check()
    steps.give_password(page, member.person)
    steps.give_code(page, member.app.code())
    steps.on_customer_page(page, member.customer)
    assert 80 * _DAY < _session_ends(visitor) - time.time() < 91 * _DAY


@other_ways
def test_a_bookmark_leads_through_the_login_and_back(visitor: Visitor) -> None:
    """With the README's first demo user, who has three customer accounts."""
    page = visitor.page
    page.goto("/kund/10400100")
    steps.on_login_page(page)
    steps.fill_login(page, "anna@exempelbygg.example", "fel ord om natten")
    page.get_by_role("main").get_by_role("button", name="Logga in", exact=True).click()
    steps.is_refused(page, "E-postadressen eller lösenordet stämmer inte.")
    page.get_by_label("Lösenord", exact=True).fill("gul-tunna-vid-grinden")
    page.get_by_role("main").get_by_role("button", name="Logga in", exact=True).click()

    expect(steps.heading(page)).to_contain_text("Skogsbacken Bostadsrättsförening")
    expect(page).to_have_url(re.compile("/kund/10400100$"))

    # Logged out in the meantime, a click on the page leads there too.
    tab = visitor.another_tab()
    tab.goto("/")
    steps.log_out(tab)
    page.bring_to_front()
    page.get_by_role("main").get_by_role("link", name="Exempelbygg AB").click()
    steps.on_login_page(page)
    steps.fill_login(page, "anna@exempelbygg.example", "gul-tunna-vid-grinden")
    page.get_by_role("main").get_by_role("button", name="Logga in", exact=True).click()
    expect(page).to_have_url(re.compile("/kund/10234567$"))


@both_ways
def test_the_way_back_is_kept_through_the_code(visitor: Visitor, portal: Portal) -> None:
    page, member = visitor.page, portal.member(two_factor=True)
    page.goto("/lagg-till-kundkonto")
    steps.on_login_page(page)
    steps.give_password(page, member.person)
    steps.give_code(page, member.app.code())
    expect(steps.heading(page)).to_have_text("Lägg till kundkonto")


@both_ways
def test_a_session_ended_elsewhere_leads_to_the_login_and_back(
    visitor: Visitor, portal: Portal
) -> None:
    member = portal.member()
    page = steps.log_in(visitor, member)
    page.goto("/lagg-till-kundkonto")
    tab = visitor.another_tab()
    tab.goto("/")
    steps.log_out(tab)

    page.bring_to_front()
    steps.fill_claim(page, member.customer.number, member.customer.suffix)
    steps.press(page, "Fortsätt")

    expect(steps.heading(page)).to_have_text("Logga in")
    expect(page.get_by_role("banner")).to_have_count(1)
    expect(page.locator("#main #main")).to_have_count(0)
    expect(page.get_by_role("banner")).not_to_contain_text(member.person.name)
    steps.give_password(page, member.person)
    expect(steps.heading(page)).to_have_text("Lägg till kundkonto")
    number = page.get_by_label("Kundnummer", exact=True)
    expect(number).to_have_value(member.customer.number)


@other_ways
def test_after_logging_out_neither_back_nor_the_old_cookie_shows_anything(
    visitor: Visitor, portal: Portal
) -> None:
    member = portal.member()
    page = steps.log_in(visitor, member)
    (session,) = (c for c in visitor.context.cookies() if c.get("name") == "session")
    steps.log_out(page)

    page.go_back()
    steps.on_login_page(page)

    # Nor does the cookie, if somebody has kept it: the session is over on the server.
    visitor.context.add_cookies(
        [{"name": "session", "value": session.get("value", ""), "url": visitor.base_url}]
    )
    page.goto(member.customer.path)
    steps.on_login_page(page)


@both_ways
def test_the_tabs_of_the_login_box(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/logga-in")
    bankid, email = steps.tab(visitor, "BankID"), steps.tab(visitor, "E-post")
    message = page.get_by_text("Identifiera dig med BankID i mobilen eller på den här enheten.")
    expect(message).to_be_hidden()
    if visitor.javascript:
        page.evaluate("window.stillTheSamePage = true")
        expect(email).to_have_attribute("aria-selected", "true")
        email.focus()
        page.keyboard.press("ArrowLeft")
        expect(bankid).to_be_focused()
        expect(bankid).to_have_attribute("aria-selected", "true")
        expect(message).to_be_visible()
        expect(page.get_by_role("textbox", name="E-post")).to_be_hidden()
        page.keyboard.press("ArrowRight")
        expect(email).to_be_focused()
        page.keyboard.press("Home")
        expect(bankid).to_be_focused()
        page.keyboard.press("End")
        expect(email).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("textbox", name="E-post")).to_be_focused()
        assert page.evaluate("window.stillTheSamePage")
    else:
        expect(email).to_have_attribute("aria-current", "true")
        bankid.click()
        expect(page).to_have_url(re.compile(r"/logga-in\?flik=bankid$"))
        expect(message).to_be_visible()
        expect(page.get_by_role("textbox", name="E-post")).to_be_hidden()
        page.reload()
        expect(message).to_be_visible()
        email.click()
        expect(page.get_by_role("textbox", name="E-post")).to_be_visible()


@with_javascript
def test_the_password_can_be_looked_at_and_is_hidden_again_when_sent(
    visitor: Visitor, portal: Portal
) -> None:
    page, person = visitor.page, portal.member().person
    page.goto("/logga-in")
    steps.fill_login(page, person.email, "fel ord om natten")
    password = page.get_by_label("Lösenord", exact=True)
    page.get_by_role("button", name="Visa lösenord").click()
    expect(password).to_have_attribute("type", "text")
    expect(page.get_by_role("status")).to_have_text("Lösenordet visas.")
    page.get_by_role("main").get_by_role("button", name="Logga in", exact=True).click()
    steps.is_refused(page, "E-postadressen eller lösenordet stämmer inte.")
    expect(password).to_have_attribute("type", "password")
    expect(page.get_by_role("button", name="Visa lösenord")).to_be_visible()


def _session_ends(visitor: Visitor) -> float:
    (cookie,) = (c for c in visitor.context.cookies() if c.get("name") == "session")
    return cookie.get("expires", 0)
