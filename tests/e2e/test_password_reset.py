"""Point 7 of the instruction: Glömt lösen?, and what becomes of links that are not the newest."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.people import Member
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, every_way, other_ways

SUBJECT = "Välj ett nytt lösenord"
NEW = "sju små blå brickor"
DEAD = "Länken går inte att använda"


def ask(visitor: Visitor, email: str) -> str:
    """From the login page to the link in the mailbox."""
    page = visitor.page
    page.goto("/logga-in")
    page.get_by_role("link", name="Glömt lösen?").click()
    expect(steps.heading(page)).to_have_text("Glömt lösen?")
    page.get_by_role("textbox", name="E-post").fill(email)
    steps.press(page, "Skicka länk")
    expect(steps.heading(page)).to_have_text("Titta i din e-post")
    expect(page.get_by_role("main")).to_contain_text(email)
    return steps.link_in_mail(visitor, email, SUBJECT)


def choose(page: Page, member: Member, password: str = NEW) -> None:
    """The password, and the claim that an unconfirmed address is asked for."""
    page.get_by_label("Nytt lösenord").fill(password)
    if page.get_by_label("Kundnummer", exact=True).count():
        steps.fill_claim(page, member.customer.number, member.customer.suffix)
    steps.press(page, "Spara lösenord")


@every_way
def test_a_forgotten_password_is_chosen_anew_and_two_factor_stays_on(
    visitor: Visitor, portal: Portal
) -> None:
    page, member = visitor.page, portal.member(two_factor=True)

    page.goto(ask(visitor, member.person.email))
    expect(page).to_have_url(re.compile("/aterstall-losen$"))  # the token has left the address
    choose(page, member, "kort")
    steps.is_refused(page, "Lösenordet ska ha minst 12 tecken.")
    choose(page, member)
    expect(page.get_by_text("Ditt lösenord är ändrat. Logga in med det nya.")).to_be_visible()

    steps.fill_login(page, member.person.email, NEW)
    page.locator("form").get_by_role("button", name="Logga in", exact=True).click()
    steps.give_code(page, member.app.code())
    steps.on_customer_page(page, member.customer)
    assert steps.mails(portal, member.person.email)[-1] == "password_changed"


@both_ways
def test_a_link_is_opened_on_another_device_and_every_other_one_says_why_it_is_dead(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    member, asker = portal.member(), new_visitor("htmx-desktop")
    replaced = ask(asker, member.person.email)
    link = ask(asker, member.person.email)
    page = visitor.page

    def is_dead(path: str, sentence: str) -> None:
        page.goto(path)
        expect(steps.heading(page)).to_have_text(DEAD)
        expect(page.get_by_text(sentence)).to_be_visible()
        expect(page.get_by_role("link", name="Skicka ny länk")).to_be_visible()

    is_dead(replaced, "Det finns en nyare länk. Öppna det senaste mejlet.")
    is_dead(f"{link}x", "Länken är inte hel.")
    is_dead("/aterstall-losen/hittat-pa", "Länken är inte hel.")
    page.goto(link)
    choose(page, member)
    steps.on_login_page(page)
    is_dead(link, "Länken är redan använd.")
    page.get_by_role("link", name="Skicka ny länk").click()
    expect(steps.heading(page)).to_have_text("Glömt lösen?")

    late = ask(asker, member.person.email)
    portal.execute("UPDATE email_links SET sent_at = '2026-01-01', created_at = '2026-01-01'")
    is_dead(late, "Länken är för gammal.")


@other_ways
def test_a_link_opened_while_somebody_else_is_signed_in_names_both(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    signed_in, forgetful = portal.member(), portal.member()
    link = ask(new_visitor("htmx-desktop"), forgetful.person.email)
    page = steps.log_in(visitor, signed_in)

    page.goto(link)
    expect(steps.heading(page)).to_have_text("Länken gäller någon annan")
    expect(page.get_by_role("main")).to_contain_text(signed_in.person.name)
    steps.press(page, f"Logga ut och fortsätt som {forgetful.person.name}")
    expect(steps.heading(page)).to_have_text(SUBJECT)
    expect(page.get_by_role("banner")).to_contain_text("Logga in")


@both_ways
def test_det_var_inte_jag_shuts_everybody_out_until_a_new_password(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    member, thief = portal.member(), new_visitor("htmx-desktop")
    email = member.person.email
    thief.page.goto(ask(thief, email))
    choose(thief.page, member)
    steps.fill_login(thief.page, email, NEW)
    thief.page.locator("form").get_by_role("button", name="Logga in", exact=True).click()
    steps.on_customer_page(thief.page, member.customer)
    page = visitor.page

    page.goto(steps.link_in_mail(visitor, email, "Ditt lösenord är ändrat"))
    expect(steps.heading(page)).to_have_text("Var det inte du?")
    steps.press(page, "Stäng kontot nu")
    expect(page.get_by_text("Kontot är stängt. Vi har skickat ett mejl")).to_be_visible()
    thief.page.reload()
    steps.on_login_page(thief.page)
    steps.fill_login(thief.page, email, NEW)
    thief.page.locator("form").get_by_role("button", name="Logga in", exact=True).click()
    steps.is_refused(thief.page, "Kontot är stängt tills du har valt ett nytt lösenord.")

    page.goto(steps.link_in_mail(visitor, email, "Kontot är stängt"))
    choose(page, member, "nio gröna burkar till")
    expect(page.get_by_text("Ditt lösenord är ändrat.")).to_be_visible()
