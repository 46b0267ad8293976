"""Points 9 and 10 of the instruction: a lost phone, and two-factor turned off."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.authenticator import Authenticator
from tests.e2e.people import Member
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, other_ways

RESET = "Återställ tvåfaktorsautentisering"


def prove(page: Page, member: Member) -> None:
    """What an unconfirmed address is asked for behind the link."""
    page.get_by_label("Lösenord", exact=True).fill(member.person.password)
    steps.fill_claim(page, member.customer.number, member.customer.suffix)
    steps.press(page, "Fortsätt")


def save_codes(visitor: Visitor) -> None:
    steps.recovery_codes(visitor)
    steps.press(visitor.page, "Jag har sparat koderna")
    expect(visitor.page.get_by_text("Bra! Koderna visas inte igen.")).to_be_visible()


@both_ways
def test_a_lost_phone_is_replaced_by_a_link_in_mail(visitor: Visitor, portal: Portal) -> None:
    page, member = visitor.page, portal.member(two_factor=True)
    page.goto("/logga-in")
    steps.give_password(page, member.person)
    page.get_by_role("link", name=RESET).click()
    expect(steps.heading(page)).to_have_text(RESET)
    steps.press(page, "Skicka länk")
    expect(steps.heading(page)).to_have_text("Titta i din e-post")

    page.goto(steps.link_in_mail(visitor, member.person.email, RESET))
    if page.get_by_label("Lösenord", exact=True).count():
        prove(page, member)
    expect(page.get_by_text("Appen får en ny rad")).to_be_visible()
    new = steps.scan(visitor)
    assert new.secret != member.secret
    assert new.label.startswith(f"MinaSidor:{member.person.email} 20"), "ends with its date"
    give_a_wrong_code(page, new)
    page.get_by_label("Skriv koden som visas i appen").fill(new.code())
    steps.press(page, "Verifiera kod")

    expect(page.get_by_text("Tvåfaktorsautentiseringen är återställd.")).to_be_visible()
    save_codes(visitor)
    steps.log_out(page)
    steps.give_password(page, member.person)
    steps.give_code(page, member.app.code())
    steps.is_refused(page, "Koden stämmer inte.")
    steps.give_code(page, new.code())
    steps.on_customer_page(page, member.customer)
    assert "two_factor_reset" in steps.mails(portal, member.person.email)


def give_a_wrong_code(page: Page, app: Authenticator) -> None:
    page.get_by_label("Skriv koden som visas i appen").fill(app.wrong_code())
    steps.press(page, "Verifiera kod")
    steps.is_refused(page, "Koden stämmer inte.")


@other_ways
def test_two_factor_is_turned_off_and_on_again(visitor: Visitor, portal: Portal) -> None:
    member = portal.member(two_factor=True)
    app = member.app
    page = visitor.page
    page.goto("/logga-in")
    steps.give_password(page, member.person)
    steps.give_code(page, app.code())
    steps.on_customer_page(page, member.customer)

    steps.open_menu(page).get_by_role("link", name="Mina uppgifter").click()
    page.get_by_role("link", name="Inloggningsuppgifter").click()
    steps.press(page, "Skapa nya återställningskoder")
    save_codes(visitor)
    page.get_by_role("link", name="Inaktivera", exact=True).click()
    expect(steps.heading(page)).to_have_text("Vill du inaktivera tvåfaktorsautentisering?")
    steps.press(page, "Inaktivera")
    steps.is_refused(page, "Ange ditt lösenord.")
    page.get_by_label("Lösenord", exact=True).fill(member.person.password)
    page.get_by_label("Engångskod").fill(app.code())
    steps.press(page, "Inaktivera")
    expect(page.get_by_text("Tvåfaktorsautentisering är inaktiverad.")).to_be_visible()
    expect(page.get_by_text("Av", exact=True)).to_be_visible()

    new = steps.scan(visitor)
    assert new.secret != member.secret
    page.get_by_label("Skriv koden som visas i appen").fill(new.code())
    steps.press(page, "Verifiera kod")
    expect(page.get_by_text("Tvåfaktorsautentisering är på.")).to_be_visible()
    steps.recovery_codes(visitor)
