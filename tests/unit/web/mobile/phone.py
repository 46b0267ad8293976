"""The app on a phone, as the tests play it: it speaks the protocol by hand, request for request."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlencode

import httpx2
from starlette.applications import Starlette

from tests.unit.conftest import PASSWORD, SETTINGS

IOS, ANDROID = "mittprezero-ios", "mittprezero-android"
BACK = f"{SETTINGS.base_url}/app/klar"
SCHEME = f"{SETTINGS.app_scheme}:/klar"


@dataclass(frozen=True)
class Answer:
    """What came back, read as JSON."""

    response: httpx2.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def json(self) -> Any:
        return self.response.json()

    @property
    def error(self) -> str:
        return str(self.json.get("error", ""))


class Phone:
    """A phone with the app, at an address of its own."""

    _addresses = count(1)

    def __init__(self, app: Starlette, client_id: str = IOS) -> None:
        number = next(self._addresses)
        self.client_id, self.address = client_id, f"198.51.{number // 250}.{number % 250 + 1}"
        self.verifier, self.state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        self.tokens: dict[str, Any] = {}
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, client=("127.0.0.1", 40000)),
            base_url=SETTINGS.base_url,
            headers={"X-Forwarded-For": self.address, "User-Agent": "MittPreZero/1.0"},
        )

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def opens(self, **changes: str) -> str:
        """The path that the app opens in the browser; a parameter that is '' is left out."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": BACK,
            "state": self.state,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "device_name": "Annas iPhone",
            **changes,
        }
        return f"/oauth/authorize?{urlencode({k: v for k, v in asked.items() if v})}"

    async def post(self, path: str, fields: Any) -> Answer:
        response = await self.client.post(path, data=fields)
        assert response.headers["cache-control"] == "no-store"
        assert "set-cookie" not in response.headers
        assert response.headers["content-type"].startswith("application/json")
        return Answer(response)

    async def ask(self, **fields: str) -> Answer:
        """POST /oauth/authorize-challenge; what is not said otherwise is right."""
        first = {
            "username": "anna@example.com",
            "password": PASSWORD,
            "device_name": "Annas iPhone",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        }
        asked = {} if "auth_session" in fields else first
        everything = {"client_id": self.client_id, "response_type": "code", **asked, **fields}
        return await self.post(
            "/oauth/authorize-challenge",
            {name: value for name, value in everything.items() if value != ""},
        )

    async def redeem(self, code: str, **fields: str) -> Answer:
        """POST /oauth/token with an authorization code."""
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": self.verifier,
            "client_id": self.client_id,
            **fields,
        }
        return await self.post("/oauth/token", asked)

    async def refresh(self, token: str = "", **fields: str) -> Answer:
        """POST /oauth/token with a refresh token: this phone's, unless said otherwise."""
        asked = {
            "grant_type": "refresh_token",
            "refresh_token": token or self.tokens["refresh_token"],
            "client_id": self.client_id,
            **fields,
        }
        return await self.post("/oauth/token", asked)

    async def revoke(self, token: str) -> Answer:
        return await self.post("/oauth/revoke", {"client_id": self.client_id, "token": token})

    async def log_in(self, **fields: str) -> dict[str, Any]:
        """With e-mail and password; the tokens, which the phone keeps."""
        answer = await self.ask(**fields)
        assert answer.status == 200, answer.json
        tokens = await self.redeem(answer.json["authorization_code"])
        assert tokens.status == 200, tokens.json
        self.tokens = tokens.json
        return self.tokens

    async def call(self, path: str, method: str = "GET", token: str = "", **more: Any) -> Answer:
        """The API, with this phone's access token unless said otherwise."""
        bearer = token or self.tokens["access_token"]
        headers = {"Authorization": f"Bearer {bearer}"}
        return Answer(await self.client.request(method, path, headers=headers, **more))
