"""Lighthouse gives 100 of 100 to every page, on a phone and on a desktop, four times over.

Its speed is that of a middling phone on a slow network, reckoned from what it measures here. A busy
machine measures too much, so a page gets a few tries.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e import steps
from tests.e2e.authenticator import Authenticator
from tests.more.conftest import Say, program
from tests.more.production import Production

DEVICES = {"phone": "--form-factor=mobile", "desktop": "--preset=desktop"}
SIGNED_OUT = [
    *("/", "/logga-in", "/logga-in?flik=bankid", "/registrera/steg-1"),
    *("/tillganglighet", "/personuppgifter", "/glomt-losen"),
]
ON_THE_WAY = [
    *("/registrera/steg-2", "/registrera/steg-3", "/registrera/steg-4", "/registrera/klart"),
    "/logga-in/kod",
]
SIGNED_IN = [
    *("/kund", "/mina-uppgifter", "/mina-uppgifter/inloggningsuppgifter"),
    *("/lagg-till-kundkonto", "/bekrafta-dig"),
]
_TRIES = 5
_CHROME = "--headless=new --no-sandbox --ignore-certificate-errors"


@pytest.fixture(scope="module")
def lighthouse() -> str:
    how = "npm install --global lighthouse"
    return program("lighthouse", variable="LIGHTHOUSE_PATH", how=how)


@pytest.fixture(scope="module", params=[*SIGNED_OUT, *ON_THE_WAY, *SIGNED_IN])
def visit(
    request: pytest.FixtureRequest, lighthouse: str, browser: Browser, production: Production
) -> tuple[str, str]:
    """The address of a page, and the cookies of a visitor who has come there and no further."""
    context = browser.new_context(base_url=production.base_url, ignore_https_errors=True)
    page = context.new_page()
    _come_to(request.param, page, production)
    cookies = "; ".join(f"{c.get('name')}={c.get('value')}" for c in context.cookies())
    address = page.url
    context.close()
    return address, cookies


@pytest.mark.timeout(300)
@pytest.mark.parametrize("device", DEVICES)
def test_lighthouse_gives_100(
    visit: tuple[str, str], device: str, lighthouse: str, production: Production, say: Say
) -> None:
    best: dict[str, int] = {}
    wrong: list[str] = []
    for _ in range(_TRIES):
        ran = _run(lighthouse, *visit, DEVICES[device])
        if ran.returncode:  # it fails by itself now and then, and asks to be run again
            wrong = ran.stderr.splitlines()
            continue
        report = json.loads(ran.stdout)
        assert report["finalDisplayedUrl"] == visit[0], "the page was another one"
        for name, category in report["categories"].items():
            best[name] = max(best.get(name, 0), round(category["score"] * 100))
        wrong = _wrong(report)
        if min(best.values()) == 100:
            break
    path = visit[0].removeprefix(production.base_url)
    say(f"{path:40} {device:8} {' '.join(map(str, best.values()))}")
    assert best, wrong
    assert min(best.values()) == 100, "\n".join([str(best), *wrong])


def _come_to(path: str, page: Page, portal: Production) -> None:
    if path in SIGNED_IN:
        member = portal.member()
        page.goto("/logga-in")
        steps.give_password(page, member.person)
        steps.on_customer_page(page, member.customer)
        if path != "/kund":
            page.goto(path)
    elif path == "/logga-in/kod":
        page.goto("/logga-in")
        steps.give_password(page, portal.member(two_factor=True).person)
        page.get_by_label("Ange engångskod").wait_for()
    elif path == "/registrera/steg-2":
        steps.start_registration(page)
    elif path == "/registrera/steg-3":
        steps.start_registration(page)
        steps.claim(page, portal.new_customer())
        steps.on_step(page, 3)
    elif path == "/registrera/steg-4":
        steps.create_account(page, portal.new_customer(), portal.new_person())
    elif path == "/registrera/klart":  # with two-factor, so that it shows the recovery codes
        steps.create_account(page, portal.new_customer(), portal.new_person())
        app = Authenticator.scan(page.screenshot(full_page=True, caret="initial"))
        page.get_by_label("Skriv koden som visas i appen").fill(app.code())
        steps.press(page, "Verifiera kod")
        page.get_by_role("heading", name="Nu är du klar!").wait_for()
    else:
        page.goto(path)


def _run(
    lighthouse: str, address: str, cookies: str, device: str
) -> subprocess.CompletedProcess[str]:
    command = [lighthouse, address, device, "--quiet", "--output=json", "--output-path=stdout"]
    command += [f"--chrome-flags={_CHROME}"]
    command += [f"--extra-headers={json.dumps({'Cookie': cookies})}"] if cookies else []
    env = {**os.environ, "CHROME_PATH": os.environ.get("CHROMIUM_PATH", "chromium")}
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def _wrong(report: dict[str, Any]) -> list[str]:
    """What took points, and where."""
    return [
        f"{name}: {audit['title']} {audit.get('displayValue', '')}"
        f" {[item.get('node', item) for item in audit.get('details', {}).get('items', [])][:3]}"
        for name, category in report["categories"].items()
        for part in category["auditRefs"]
        if part["weight"]
        for audit in [report["audits"][part["id"]]]
        if audit["score"] is not None and audit["score"] < 1
    ]
