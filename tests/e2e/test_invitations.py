"""An invitation, from the administrator's page to the customer page of who was invited."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.people import Member
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, other_ways

HEADING = "Du är inbjuden till {}"


def invite(page: Page, email: str) -> None:
    """By a signed-in administrator, from the menu on."""
    steps.open_menu(page).get_by_role("link", name="Användare").click()
    page.get_by_role("link", name="Bjud in").click()
    page.get_by_role("textbox", name="E-post").fill(email)
    steps.press(page, "Skicka inbjudan")
    expect(page.get_by_role("main")).to_contain_text(email)


def administrator(new_visitor: NewVisitor, portal: Portal) -> tuple[Page, Member]:
    member = portal.member()
    return steps.log_in(new_visitor("htmx-desktop"), member), member


@both_ways
def test_somebody_new_is_invited_and_never_needs_the_kundnummer(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    annas, anna = administrator(new_visitor, portal)
    person = portal.new_person()
    invite(annas, person.email)
    page = visitor.page
    page.goto(steps.link_in_mail(visitor, person.email, "har bjudit in dig"))
    expect(steps.heading(page)).to_have_text(HEADING.format(anna.customer.name))
    expect(page.get_by_role("main")).to_contain_text(anna.person.name)
    steps.press(page, "Skapa användarkonto")

    steps.on_step(page, 3)
    expect(page.get_by_role("main")).to_contain_text(person.email)
    page.get_by_label("Förnamn").fill(person.given_name)
    page.get_by_label("Efternamn").fill(person.family_name)
    page.get_by_label("Välj ett lösenord").fill("kort")
    steps.press(page, "Skapa användarkonto")
    steps.is_refused(page, "Lösenordet ska ha minst 12 tecken.")
    expect(page.get_by_label("Förnamn")).to_have_value(person.given_name)
    page.get_by_label("Välj ett lösenord").fill(person.password)
    steps.press(page, "Skapa användarkonto")
    steps.on_step(page, 4)
    steps.press(page, "Hoppa över tvåfaktorsautentisering")
    page.get_by_role("link", name=f"Gå till {anna.customer.name}").click()
    steps.on_customer_page(page, anna.customer)
    expect(page.get_by_text("Bekräfta din e-postadress.")).to_be_hidden()

    annas.reload()
    expect(annas.get_by_role("main")).to_contain_text(person.name)


@other_ways
def test_a_user_with_two_factor_and_somebody_elses_session(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    annas, anna = administrator(new_visitor, portal)
    bo, other = portal.member(two_factor=True), portal.member()
    invite(annas, bo.person.email)
    link = steps.link_in_mail(visitor, bo.person.email, "har bjudit in dig")
    page = steps.log_in(visitor, other)
    page.goto(link)
    expect(steps.heading(page)).to_have_text("Länken gäller någon annan")
    expect(page.get_by_role("main")).to_contain_text(other.person.name)
    expect(page.get_by_role("main")).to_contain_text(bo.person.name)
    steps.press(page, f"Logga ut och fortsätt som {bo.person.name}")

    expect(steps.heading(page)).to_have_text(HEADING.format(anna.customer.name))
    page.get_by_role("main").get_by_role("link", name="Logga in").click()
    expect(page.get_by_role("textbox", name="E-post")).to_have_value(bo.person.email)
    steps.give_password(page, bo.person)
    visitor.watch.secrets.add(bo.secret)
    steps.give_code(page, bo.app.code())
    expect(steps.heading(page)).to_have_text(HEADING.format(anna.customer.name))
    steps.press(page, "Tacka ja")
    steps.on_customer_page(page, anna.customer)
    expect(page.get_by_text(f"Du har nu åtkomst till {anna.customer.name}.")).to_be_visible()

    page.goto(link)
    expect(page.get_by_text("Du har redan svarat på inbjudan.")).to_be_visible()
