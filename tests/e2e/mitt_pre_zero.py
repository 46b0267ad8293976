"""The app MittPreZero as a visitor's phone has it: it opens the browser, and waits to be opened.

It is the reference client, which a portal in development answers at an address of the loopback.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from playwright.sync_api import Route, expect

from tests.e2e.visitor import Visitor

CLIENT = "mittprezero-reference"
BACK = "http://127.0.0.1:9/"  # where nobody listens: the browser never gets that far
ON = "Fortsätt till appen"


class App:
    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._verifier, self._state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        self._given: dict[str, str] = {}
        visitor.context.route(f"{BACK}**", self._opened)

    def open_browser(self, **more: str) -> None:
        """As the app does it, where somebody wants to register or cannot log in."""
        digest = hashlib.sha256(self._verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": BACK,
            "state": self._state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "device_name": "Provtelefonen",
            **more,
        }
        self._visitor.page.goto(f"/oauth/authorize?{urlencode(asked)}")

    def is_logged_in(self) -> None:
        """By the link on the page: the code is the app's, good once, and so are its tokens."""
        page = self._visitor.page
        expect(page).to_have_title("Logga in i MittPreZero – MinaSidor")
        page.get_by_role("link", name=ON, exact=True).click()
        expect(page.get_by_text("Appen är öppen.")).to_be_visible()
        self._visitor.tolerate(f"asked another site: {re.escape(BACK)}")
        given = self._given
        assert (given["state"], given["iss"]) == (self._state, self._visitor.base_url)
        code = {"grant_type": "authorization_code", "code": given["code"], "redirect_uri": BACK}
        tokens = self._token(code_verifier=self._verifier, **code)
        self._visitor.watch.secrets |= {given["code"], self._verifier, tokens["access_token"]}
        again = self._token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert again["device_id"] == tokens["device_id"]
        self._visitor.watch.secrets |= {tokens["refresh_token"], again["refresh_token"]}

    def _opened(self, route: Route) -> None:
        self._given = dict(parse_qsl(urlsplit(route.request.url).query))
        body = "<!doctype html><title>App</title><p>Appen är öppen.</p>"
        route.fulfill(content_type="text/html; charset=utf-8", body=body)

    def _token(self, **fields: str) -> dict[str, Any]:
        answer = httpx2.post(
            f"{self._visitor.base_url}/oauth/token",
            data={"client_id": CLIENT, **fields},
            headers={"X-Forwarded-For": self._visitor.address},
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found
