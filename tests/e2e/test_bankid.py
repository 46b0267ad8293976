"""BankID as its users meet it: with the phone held to the screen, and with the app beside it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect

from tests.e2e import inspection, steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.people import ANNA
from tests.e2e.phone import Phone
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, other_ways, with_javascript
from web.bankid import messages


def begin(visitor: Visitor, device: str, path: str = "/logga-in") -> Page:
    """From the login page, or one that leads there, the tab BankID."""
    page = visitor.page
    page.goto(path)
    steps.tab(visitor, "BankID").click()
    steps.press(page, f"BankID på {device}")
    expect(steps.heading(page)).to_have_text("Logga in med BankID")
    return page


def message(page: Page, sentence: str) -> None:
    expect(page.locator("#bankid-message")).to_have_text(sentence)


@both_ways
def test_the_phone_reads_the_code_off_the_screen_each_second(visitor: Visitor) -> None:
    phone = Phone(visitor, ANNA)
    page = begin(visitor, "en annan enhet")
    message(page, messages.RFA1_QR)
    if visitor.javascript:
        assert not inspection.violations(page)
        _ = page.evaluate(_COUNT_WHAT_IS_READ_ALOUD)
        page.get_by_role("button", name="Avbryt").focus()
    assert not inspection.sideways(page)

    codes = [phone.read(page)]
    while len(codes) < 4:
        if (code := phone.read(page)) != codes[-1]:
            codes.append(code)

    names, tokens, seconds, proofs = zip(*(code.split(".") for code in codes), strict=True)
    assert set(names) == {"bankid"}
    assert len(set(tokens)) == 1
    assert sorted(map(int, seconds)) == list(map(int, seconds))
    assert len(set(proofs)) == 4
    if visitor.javascript:
        assert page.evaluate("window.readAloud") == 0, "a new code is no news"
        expect(page.get_by_role("button", name="Avbryt")).to_be_focused()

    phone.scan(page)
    message(page, messages.RFA15B)
    expect(page.locator(".qr svg")).to_have_count(0)
    if visitor.javascript:
        assert page.evaluate("window.readAloud") == 1
        expect(page.get_by_role("button", name="Avbryt")).to_be_focused()
    phone.type_security_code()
    message(page, messages.RFA9)
    phone.confirm()
    expect(steps.heading(page)).to_contain_text("Exempelbygg AB")
    expect(page.get_by_role("banner")).to_contain_text("Anna Andersson")


_COUNT_WHAT_IS_READ_ALOUD = """() => {
    window.readAloud = 0;
    new MutationObserver(() => { window.readAloud += 1; }).observe(
        document.querySelector("#bankid-message"),
        { childList: true, characterData: true, subtree: true },
    );
}"""


@other_ways
def test_the_app_on_this_device_is_opened_by_a_link(visitor: Visitor) -> None:
    phone = Phone(visitor, ANNA)
    page = begin(visitor, "den här enheten")
    message(page, messages.RFA13)
    with visitor.context.expect_page() as opened:
        page.get_by_role("link", name="Öppna BankID").click()
    phone.use_app(opened.value)
    expect(steps.heading(page)).to_contain_text("Exempelbygg AB")


@with_javascript
def test_whoever_is_unknown_registers_without_a_password(visitor: Visitor, portal: Portal) -> None:
    owner, customer, person = portal.new_citizen(), portal.new_customer(), portal.new_person()
    phone = Phone(visitor, owner)
    page = begin(visitor, "en annan enhet")
    phone.scan(page)
    phone.identify()

    expect(steps.heading(page)).to_have_text("Ditt BankID är inte kopplat till något konto")
    expect(page.get_by_text(owner.name)).to_be_visible()
    page.get_by_role("link", name="Registrera dig med BankID").click()
    steps.on_step(page, 2)
    steps.claim(page, customer)
    steps.on_step(page, 3)
    expect(page.get_by_label("Förnamn")).to_have_value(owner.given_name)
    expect(page.get_by_label("Efternamn")).to_have_value(owner.family_name)
    steps.press(page, "Skapa användarkonto")
    steps.is_refused(page, "Ange din e-postadress.")
    page.get_by_role("textbox", name="E-post").fill(person.email)
    steps.press(page, "Skapa användarkonto")
    expect(steps.heading(page)).to_have_text("Nu är du klar!")
    page.get_by_role("link", name=f"Gå till {customer.name}").click()
    steps.on_customer_page(page, customer)
    assert steps.mails(portal, person.email) == ["welcome"]
    steps.log_out(page)

    begin(visitor, "en annan enhet")
    phone.scan(page)
    phone.identify()
    steps.on_customer_page(page, customer)


@with_javascript
def test_bankid_is_linked_and_removed(visitor: Visitor, portal: Portal) -> None:
    member, owner = portal.member(), portal.new_citizen()
    phone = Phone(visitor, owner)
    page = steps.log_in(visitor, member)
    page.goto("/mina-uppgifter/inloggningsuppgifter")
    steps.press(page, "Koppla BankID")
    expect(steps.heading(page)).to_have_text("Koppla BankID")
    phone.scan(page)
    phone.identify()
    expect(page.get_by_text("Ditt BankID är kopplat. Nu kan du logga in med det.")).to_be_visible()
    section = page.get_by_role("region", name="BankID")
    expect(section).to_contain_text(owner.name)
    assert steps.mails(portal, member.person.email) == ["bankid_linked"]

    section.get_by_role("link", name="Ta bort BankID").click()
    expect(steps.heading(page)).to_have_text("Vill du ta bort BankID?")
    steps.press(page, "Ta bort BankID")
    expect(page.get_by_text("BankID är borttaget.")).to_be_visible()
    expect(section).to_contain_text("Inte kopplat")
    assert portal.rows("SELECT * FROM bankid_identities WHERE name = ?", owner.name) == []


@both_ways
def test_whoever_has_a_user_account_links_after_logging_in(
    visitor: Visitor, portal: Portal
) -> None:
    member, phone = portal.member(), Phone(visitor, portal.new_citizen())
    page = begin(visitor, "en annan enhet", "/mina-uppgifter/handelser")
    phone.scan(page)
    phone.identify()
    steps.press(page, "Logga in och koppla BankID")
    steps.on_login_page(page)
    steps.give_password(page, member.person)
    expect(steps.heading(page)).to_have_text("Vill du koppla ditt BankID?")
    steps.press(page, "Koppla BankID")
    expect(page.get_by_text("Ditt BankID är kopplat.")).to_be_visible()
    expect(page).to_have_url(re.compile("/mina-uppgifter/handelser$"))
    steps.log_out(page)
    begin(visitor, "en annan enhet")
    phone.scan(page)
    phone.identify()
    steps.on_customer_page(page, member.customer)


@both_ways
def test_a_login_in_another_tab_ends_it(visitor: Visitor, portal: Portal) -> None:
    member = portal.member()
    page = begin(visitor, "en annan enhet")
    message(page, messages.RFA1_QR)
    other = visitor.context.new_page()
    other.goto("/logga-in?flik=e-post")
    steps.give_password(other, member.person)
    steps.on_customer_page(other, member.customer)

    expect(page).to_have_url(f"{visitor.base_url}/")
    other.reload()
    steps.on_customer_page(other, member.customer)


@both_ways
def test_when_bankid_is_down_the_way_by_email_stands_open(visitor: Visitor, portal: Portal) -> None:
    member, phone = portal.member(), Phone(visitor, ANNA)
    phone.leaves_bankid_failing("auth", errorCode="internalError")
    page = begin(visitor, "en annan enhet")
    message(page, "BankID går inte att använda just nu. Logga in med E-post i stället.")
    page.get_by_role("link", name="Logga in med e-post").click()
    steps.give_password(page, member.person)
    steps.on_customer_page(page, member.customer)


@with_javascript
def test_trouble_in_the_middle_passes_and_whoever_says_no_can_begin_anew(
    visitor: Visitor,
) -> None:
    phone = Phone(visitor, ANNA)
    page = begin(visitor, "en annan enhet")
    phone.leaves_bankid_failing("collect", status=502, kind="html")
    message(page, "BankID svarar inte just nu. Vi försöker igen.")
    message(page, messages.RFA1_QR)
    phone.scan(page)
    message(page, messages.RFA15B)
    page.get_by_role("button", name="Avbryt").focus()
    phone.refuse()
    message(page, "Åtgärden avbröts.")
    expect(steps.heading(page)).to_be_focused()
    assert not inspection.violations(page)

    steps.press(page, "Visa ny QR-kod")
    message(page, messages.RFA1_QR)
    phone.scan(page)
    phone.identify()
    expect(steps.heading(page)).to_contain_text("Exempelbygg AB")
    page.go_back()
    expect(steps.heading(page)).to_contain_text("Exempelbygg AB")


@with_javascript
def test_an_error_page_of_ours_in_the_middle_passes_too(visitor: Visitor) -> None:
    phone = Phone(visitor, ANNA)
    page = begin(visitor, "en annan enhet")
    page.route("**/status?*", _away)
    lost = page.get_by_role("alert").filter(has_text="MinaSidor svarar inte just nu. Vi")

    expect(lost).to_be_visible()
    expect(page.locator(".qr svg")).to_be_visible()
    expect(steps.heading(page)).to_have_text("Logga in med BankID")

    page.unroute("**/status?*")
    expect(lost).to_be_hidden()
    phone.scan(page)
    message(page, messages.RFA15B)
    phone.identify()
    expect(steps.heading(page)).to_contain_text("Exempelbygg AB")
    visitor.tolerate(r"status of 503|^503: ")


def _away(route: Route) -> None:
    """The portal's answer while its database is."""
    html = "<title>MinaSidor svarar inte just nu – MinaSidor</title><h1>MinaSidor svarar inte</h1>"
    route.fulfill(status=503, body=html, content_type="text/html; charset=utf-8")


@with_javascript
def test_a_code_that_nobody_scans_is_renewed_and_avbryt_leads_back(visitor: Visitor) -> None:
    phone = Phone(visitor, ANNA)
    page = begin(visitor, "en annan enhet")
    first = phone.read(page).split(".")[1]
    phone.waits(31)
    expect(page.locator("body")).to_contain_text("Skanna")
    while phone.read(page).split(".")[1] == first:
        pass
    message(page, messages.RFA1_QR)

    steps.press(page, "Avbryt")
    steps.on_login_page(page)
    expect(page.get_by_role("button", name="BankID på en annan enhet")).to_be_visible()


@with_javascript
def test_two_tabs_and_the_one_begun_last_counts(visitor: Visitor) -> None:
    phone = Phone(visitor, ANNA)
    page = begin(visitor, "en annan enhet")
    other = visitor.another_tab()
    other.goto("/logga-in?flik=bankid")
    steps.press(other, "BankID på en annan enhet")
    message(page, "Du har börjat om i en annan flik. Fortsätt där, eller börja om här.")
    phone.scan(other)
    phone.identify()
    expect(steps.heading(other)).to_contain_text("Exempelbygg AB")


def test_a_link_from_somebody_else_logs_nobody_in(new_visitor: NewVisitor) -> None:
    """Safari on iOS is brought back by the app; opened in another browser, both are out."""
    attacker, victim = new_visitor("htmx-phone"), new_visitor("nojs-phone")
    phone = Phone(victim, ANNA)
    attacker.context.set_extra_http_headers(
        {"X-Forwarded-For": attacker.address, "User-Agent": _SAFARI}
    )
    page = begin(attacker, "den här enheten")
    href = page.get_by_role("link", name="Öppna BankID").get_attribute("href")
    assert href
    victim.page.goto(href)
    phone.use_app(victim.page)
    message(page, "Klart i BankID-appen. Gå tillbaka hit från appen.")

    victim.page.get_by_role("link", name="Gå tillbaka").click()

    expect(steps.heading(victim.page)).to_have_text("Inloggningen avbröts")
    told = "Inloggningen startades i en annan webbläsare. Börja om."
    expect(victim.page.get_by_text(told)).to_be_visible()
    message(page, "BankID-appen öppnades från en annan webbläsare. Börja om här.")
    for who in (attacker, victim):
        who.page.goto("/mina-uppgifter")
        expect(who.page).to_have_url(re.compile(r"/logga-in\?next="))


_SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
