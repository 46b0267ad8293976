"""Where one is logged in: seen on another browser, ended from there, and told of afterwards."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways


@both_ways
def test_another_browser_is_seen_ended_and_out_at_its_next_click(
    visitor: Visitor, new_visitor: NewVisitor, portal: Portal
) -> None:
    member, elsewhere = portal.member(), new_visitor("htmx-desktop")
    steps.log_in(elsewhere, member)
    page = steps.log_in(visitor, member)

    steps.open_menu(page).get_by_role("link", name="Mina uppgifter").click()
    page.get_by_role("link", name="Inloggningsuppgifter").click()
    devices = page.get_by_role("region", name="Appar och enheter").get_by_role("listitem")
    expect(devices).to_have_count(2)
    expect(devices.first).to_contain_text("Den här enheten")
    expect(devices.last).to_contain_text(elsewhere.address)
    devices.last.get_by_role("button", name=re.compile("^Logga ut")).click()
    expect(page.get_by_text("Enheten är utloggad.")).to_be_visible()
    expect(devices).to_have_count(1)

    elsewhere.page.reload()
    steps.on_login_page(elsewhere.page)
    page.get_by_role("link", name="Händelser", exact=True).click()
    expect(steps.heading(page)).to_have_text("Händelser")
    newest = page.get_by_role("region").get_by_role("listitem").first
    expect(newest).to_contain_text("Du loggade ut Chrome")
    expect(newest).to_contain_text(f"från {visitor.address}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Ladda ner händelserna").click()
    assert download.value.suggested_filename == "minasidor-handelser.csv"


@both_ways
def test_everything_held_about_oneself_is_downloaded(visitor: Visitor, portal: Portal) -> None:
    member = portal.member()
    page = steps.log_in(visitor, member)
    page.goto("/mina-uppgifter")
    page.get_by_role("link", name="Hämta mina uppgifter").click()

    with page.expect_download() as download:
        steps.press(page, "Ladda ner för att läsa")

    assert member.person.email in download.value.path().read_text()
    expect(steps.heading(page)).to_have_text("Hämta mina uppgifter")
