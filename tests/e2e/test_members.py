"""Användare: an administrator lets in, promotes, removes and invites; two customers in two tabs."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e import steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.people import Customer
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways


def to_users(page: Page, customer: Customer) -> None:
    steps.open_menu(page).get_by_role("link", name="Användare").click()
    expect(steps.heading(page)).to_contain_text("Användare")
    expect(page).to_have_title(f"Användare – {customer.name} – MinaSidor")


def policy(portal: Portal, customer: Customer) -> str:
    sql = "SELECT claim_policy FROM customer_accounts WHERE customer_number = ?"
    return str(portal.rows(sql, customer.number)[0][0])


@both_ways
def test_users_are_let_in_promoted_removed_and_invited(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    administrator, other, elsewhere = portal.member(), portal.member(), new_visitor("htmx-desktop")
    customer, name = administrator.customer, other.person.name
    page = steps.log_in(visitor, administrator)

    # Regler
    to_users(page, customer)
    page.get_by_role("link", name="Regler").click()
    page.get_by_label("Vänta på godkännande").check()
    steps.press(page, "Spara")
    expect(page.get_by_text("Reglerna är sparade.")).to_be_visible()

    # Godkänn
    theirs = steps.log_in(elsewhere, other)
    theirs.goto("/lagg-till-kundkonto")
    steps.claim(theirs, customer)
    expect(steps.heading(theirs)).to_contain_text("Väntar på godkännande")
    assert steps.mails(portal, administrator.person.email)[-1] == "approval_asked"
    page.get_by_role("link", name="Användare", exact=True).last.click()
    waiting = page.get_by_role("region", name="Väntar på godkännande")
    expect(waiting.get_by_role("listitem")).to_contain_text(other.person.email)
    waiting.get_by_role("button", name=f"Godkänn {name}").click()
    expect(page.get_by_text(f"{name} är godkänd och har nu åtkomst.")).to_be_visible()
    expect(waiting).to_have_count(0)
    theirs.reload()
    steps.on_customer_page(theirs, customer)

    # Gör till administratör
    page.get_by_role("searchbox").fill(other.person.email)
    steps.press(page, "Sök")
    expect(page.get_by_role("region", name="1 person matchar")).to_be_visible()
    page.get_by_role("link", name=f"Ändra {name}").click()
    steps.press(page, "Gör till administratör")
    expect(page.get_by_text(f"{name} är nu administratör.")).to_be_visible()
    theirs.reload()
    expect(steps.open_menu(theirs).get_by_role("link", name="Användare")).to_be_visible()

    # Ta bort användaren
    page.get_by_role("link", name=f"Ändra {name}").click()
    page.get_by_role("link", name="Ta bort användaren").click()
    expect(steps.heading(page)).to_contain_text(f"Ta bort {name}?")
    steps.press(page, "Ta bort användaren")
    expect(page.get_by_text(f"{name} är borttagen")).to_be_visible()
    theirs.reload()
    expect(steps.heading(theirs)).to_have_text("Du har inte åtkomst")
    elsewhere.tolerate("403")

    # Bjud in användare
    page.get_by_role("link", name="Bjud in användare").click()
    steps.press(page, "Skicka inbjudan")
    steps.is_refused(page, "Ange e-postadressen till den du vill bjuda in.")
    invited = f"ny.{customer.number}@post.example"
    page.get_by_label("E-post", exact=True).fill(invited)
    page.get_by_label("Administratör").check()
    steps.press(page, "Skicka inbjudan")
    expect(page.get_by_text(f"Inbjudan är skickad till {invited}.")).to_be_visible()
    assert steps.mails(portal, invited) == ["invitation"]
    invitations = page.get_by_role("region", name="Inbjudningar")
    invitations.get_by_role("button", name=f"Återkalla inbjudan till {invited}").click()
    expect(page.get_by_text(f"Inbjudan till {invited} är återkallad.")).to_be_visible()
    expect(invitations).to_have_count(0)

    # One's own: the last administrator stays.
    page.get_by_role("link", name=f"Ändra {administrator.person.name}").click()
    steps.press(page, "Ta bort som administratör")
    steps.is_refused(page, "Minst en administratör måste finnas kvar.")


@both_ways
def test_each_of_two_tabs_acts_on_its_own_customer(visitor: Visitor, portal: Portal) -> None:
    member, other = portal.member(), portal.new_customer()
    first = steps.log_in(visitor, member)
    first.goto(f"{member.customer.path}/anvandare/regler")
    second = visitor.another_tab()
    second.goto("/lagg-till-kundkonto")
    steps.claim(second, other)
    steps.on_customer_page(second, other)
    second.goto(f"{other.path}/anvandare/regler")
    expect(second).to_have_title(f"Regler – {other.name} – MinaSidor")

    second.get_by_label("Släpp in", exact=True).check()
    steps.press(second, "Spara")
    expect(second.get_by_text("Reglerna är sparade.")).to_be_visible()
    first.get_by_label("Vänta på godkännande").check()
    steps.press(first, "Spara")
    expect(first.get_by_text("Reglerna är sparade.")).to_be_visible()
    expect(first).to_have_title(f"Regler – {member.customer.name} – MinaSidor")
    assert (policy(portal, member.customer), policy(portal, other)) == ("approve", "direct")

    # A form that was made for the one comes to the other one's address: nothing is written.
    first.get_by_label("Släpp in och berätta för administratörerna").check()
    first.locator("main form").evaluate(
        "(form, path) => form.setAttribute('action', path)", f"{other.path}/anvandare/regler"
    )
    steps.press(first, "Spara")
    expect(steps.heading(first)).to_have_text("Kundkontot har bytts ut")
    assert (policy(portal, member.customer), policy(portal, other)) == ("approve", "direct")
    main = first.get_by_role("main")
    expect(main.get_by_role("link", name=f"Fortsätt med {other.name}")).to_be_visible()
    main.get_by_role("link", name=f"Fortsätt med kundnummer {member.customer.number}").click()
    steps.on_customer_page(first, member.customer)
