"""Where one is logged in: seen on another browser, ended from there, and told of afterwards."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import httpx2
from playwright.sync_api import expect

from tests.e2e import steps
from tests.e2e.conftest import NewVisitor
from tests.e2e.people import Member
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
def test_a_phone_with_the_app_is_renamed_and_logged_out(visitor: Visitor, portal: Portal) -> None:
    member = portal.member()
    tokens = log_in_with_the_app(portal, member)
    page = steps.log_in(visitor, member)
    page.goto("/mina-uppgifter/inloggningsuppgifter")
    devices = page.get_by_role("region", name="Appar och enheter").get_by_role("listitem")
    expect(devices).to_have_count(2)
    expect(devices.last).to_contain_text("MittPreZero (iOS)")

    devices.last.get_by_role("link", name=re.compile("^Byt namn")).click()
    expect(steps.heading(page)).to_have_text("Byt namn på enheten")
    name = page.get_by_role("textbox", name="Enhetens namn")
    expect(name).to_have_value("Min telefon")
    name.fill("")
    steps.press(page, "Spara")
    expect(page.get_by_role("alert")).to_contain_text("Skriv vad enheten ska heta.")
    name.fill("Jobbmobilen")
    steps.press(page, "Spara")
    expect(page.get_by_text("Namnet är ändrat.")).to_be_visible()
    expect(devices.last).to_contain_text("Jobbmobilen")

    devices.last.get_by_role("button", name=re.compile("^Logga ut Jobbmobilen")).click()
    expect(page.get_by_text("Enheten är utloggad.")).to_be_visible()
    expect(devices).to_have_count(1)
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    answer = ask(portal, "/oauth/token", again)
    assert answer == {**answer, "error": "invalid_grant"}


def log_in_with_the_app(portal: Portal, member: Member) -> dict[str, Any]:
    """As MittPreZero does, beside the browser: its tokens."""
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "username": member.person.email,
        "password": member.person.password,
        "device_name": "Min telefon",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    code = ask(portal, "/oauth/authorize-challenge", asked)["authorization_code"]
    changed = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    return ask(portal, "/oauth/token", changed)


def ask(portal: Portal, path: str, fields: dict[str, str]) -> dict[str, Any]:
    address = f"{portal.address}{path}"
    answer = httpx2.post(address, data={"client_id": "mittprezero-ios", **fields}, trust_env=False)
    told: dict[str, Any] = answer.json()
    return told


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
