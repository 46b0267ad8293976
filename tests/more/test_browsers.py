"""Firefox and WebKitGTK go through the registration, the menu and the login box once each."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.authenticator import Authenticator
from tests.e2e.portal import Portal
from tests.more.conftest import Say, program
from tests.more.webdriver import ESCAPE, Browser, Firefox, WebKit, wait_for

_MINI_BROWSER = "/usr/lib/*/webkit2gtk-4.*/MiniBrowser"
_MARK = "document.documentElement.dataset.same"
_FOCUSED = "document.activeElement.matches"


@pytest.mark.timeout(180)
def test_a_customer_registers_uses_the_menu_and_logs_in(
    browser: Browser, site: Portal, say: Say
) -> None:
    customer, person = site.new_customer(), site.new_person()

    say(f"{browser.name}: the login box and its tabs")
    browser.go(f"{site.base_url}/")
    browser.click("//header//a[normalize-space()='Logga in']")
    browser.click("//*[@role='tab'][normalize-space()='BankID']")
    browser.find("//p[contains(., 'Identifiera dig med BankID')]")
    browser.click("//*[@role='tab'][normalize-space()='E-post']")
    browser.click("//main//a[normalize-space()='Registrera konto med E-post']")

    say(f"{browser.name}: Steg 1 to 4, swapped in by htmx, focus on what is new")
    _on_step(browser, 1)
    browser.run(f"{_MARK} = 'yes'")
    browser.button("Registrera dig med E-post")
    _on_step(browser, 2)
    browser.shows(f"{_MARK} === 'yes'", "the page was not loaded anew")
    browser.shows(f"{_FOCUSED}('h1')", "the new heading has focus")
    browser.button("Fortsätt")
    browser.find("//*[contains(@class, 'error-summary')]//a[.='Ange ditt kundnummer.']")
    browser.shows(f"{_FOCUSED}('.error-summary')", "the error summary has focus")
    browser.shows("document.title.startsWith('Fel: ')", "the title says that something is wrong")
    browser.type("Kundnummer", customer.number)
    browser.type("De fyra sista siffrorna i organisationsnumret", customer.suffix)
    browser.button("Fortsätt")
    _on_step(browser, 3)
    browser.shows(f"{_MARK} === 'yes'", "the page was not loaded anew")
    browser.type("Förnamn", person.given_name)
    browser.type("Efternamn", person.family_name)
    browser.type("E-post", person.email)
    browser.type("Välj ett lösenord", person.password)
    browser.button("Skapa användarkonto")
    _on_step(browser, 4)

    say(f"{browser.name}: the QR code is read off the screen")
    app = wait_for(lambda: _scanned(browser), f"{browser.name} shows a QR code that is read")
    browser.type("Skriv koden som visas i appen", app.code())
    browser.button("Verifiera kod")
    browser.find("//h1[normalize-space()='Nu är du klar!']")
    browser.click(f"//main//a[normalize-space()='Gå till {customer.name}']")

    say(f"{browser.name}: the menu opens, closes with Esc, and logs out")
    menu = "//button[@popovertarget='menu']"
    is_open = "document.querySelector('#menu:popover-open')"
    browser.click(menu)
    browser.shows(is_open, "the menu is open")
    browser.press(ESCAPE)
    browser.shows(f"!{is_open}", "the menu is closed")
    browser.shows(f"{_FOCUSED}('[popovertarget=menu]')", "its button has focus again")
    browser.click(menu)
    browser.click("//nav[@id='menu']//button[normalize-space()='Logga ut']")
    browser.find("//*[contains(., 'Du är utloggad.')]")

    say(f"{browser.name}: logging in with password and code")
    browser.run(f"{_MARK} = 'yes'")
    browser.type("E-post", person.email)
    browser.type("Lösenord", person.password)
    browser.button("Logga in")
    browser.find("//label[normalize-space()='Ange engångskod']")
    browser.shows(f"{_MARK} === 'yes'", "the code came into the box without a page load")
    browser.shows(f"{_FOCUSED}('input[name=code]')", "the code field has focus")
    browser.type("Ange engångskod", app.code())
    browser.button("Verifiera kod")
    browser.find(f"//h1[contains(., '{customer.name}')]")
    browser.shows(f"{_MARK} !== 'yes'", "the header changed, so all is new")


def _on_step(browser: Browser, number: int) -> None:
    browser.find(f"//h1[contains(., 'Steg {number} av 4')]")
    browser.shows(f"document.title.startsWith('Steg {number} av 4: ')", "the title is the step's")
    assert browser.path == f"/registrera/steg-{number}"


def _scanned(browser: Browser) -> Authenticator | None:
    """WebKit's picture may be of the moment before the page was scrolled."""
    picture = browser.picture("//*[@class='qr']")
    try:
        return Authenticator.scan(picture)
    except AssertionError:
        return None


def _firefox(folder: Path) -> Firefox:
    how = "apt-get install firefox-esr"
    return Firefox(program("firefox", "firefox-esr", variable="FIREFOX_PATH", how=how), folder)


def _webkit(folder: Path) -> WebKit:
    how = "apt-get install webkit2gtk-driver xvfb"
    driver = program("WebKitWebDriver", variable="WEBKIT_DRIVER_PATH", how=how)
    mini = program(*sorted(glob.glob(_MINI_BROWSER)), variable="MINIBROWSER_PATH", how=how)
    if not os.environ.get("DISPLAY"):
        _ = program("Xvfb", variable="XVFB_PATH", how=how)
    return WebKit(driver, mini, folder)


@pytest.fixture(params=[_firefox, _webkit], ids=["firefox", "webkit"])
def browser(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Browser]:
    made = request.param(tmp_path)
    yield made
    made.quit()
