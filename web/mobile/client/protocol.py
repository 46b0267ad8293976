"""The protocol, from the app's side: logging in, living on tokens, calling the API, logging out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import platform
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx2

from web.mobile.client.safe import Safe

CLIENT_ID = "mittprezero-reference"
USER_AGENT = f"MittPreZero/1.0 ({platform.system()} {platform.release()})"
_TIMEOUT = 5  # seconds; with the pauses, a third try still comes within 30 s of the first
_PAUSES = (1, 3)  # seconds, after an answer that was lost


class LoggedOut(Exception):
    """Nothing is left to call the portal with: the app shows its login."""


class Refused(Exception):
    """The portal said no. `error` is for the program; the text is the portal's sentence."""

    def __init__(self, content: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.content, self.wait = content, headers.get("Retry-After", "")
        bearer = re.search(r'error="(\w+)"', headers.get("WWW-Authenticate", ""))
        named = bearer[1] if bearer else str(content.get("type", "")).rpartition("#")[2]
        self.error = str(content.get("error") or named)
        sentence = content.get("detail") or content.get("error_description") or self.error
        super().__init__(sentence + (f" ({self.wait} s)" if self.wait else ""))


class NoAnswer(Refused):
    """The portal, or what stands before it, is in trouble: it may have done what was asked."""


class NotOurs(Exception):
    """Came back from the browser, and answers nothing that this app asked: it is dropped."""


class MittPreZero:
    """The app's side of the protocol.

    Raises Refused, LoggedOut and httpx2.TransportError.
    """

    def __init__(
        self,
        url: str,
        safe: Safe,
        transport: httpx2.AsyncBaseTransport | None = None,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.url, self._safe, self._pause = url, safe, pause
        headers = {"User-Agent": USER_AGENT}
        self._http = httpx2.AsyncClient(transport=transport, headers=headers, timeout=_TIMEOUT)
        self._metadata: dict[str, Any] = {}
        self._access = ""  # the access token: in memory only
        self._refreshing: asyncio.Task[None] | None = None
        self._begun = dict[str, str]()  # what the browser was sent off with

    async def log_in(self, username: str, password: str, ask: Callable[[Refused], str]) -> None:
        """With e-mail and password; `ask` is for the code, if the portal wants one."""
        verifier, challenge = _pkce()
        first = {"username": username, "password": password, "device_name": platform.node()}
        fields = {**first, "code_challenge": challenge, "code_challenge_method": "S256"}
        while True:
            try:
                answer = await self._challenge(fields)
            except Refused as refused:
                if refused.error != "insufficient_authorization":
                    raise
                fields = {"auth_session": refused.content["auth_session"], "otp": ask(refused)}
            else:
                return await self._redeem(answer["authorization_code"], verifier)

    async def begin_in_browser(self, redirect_uri: str, **more: str) -> str:
        """The address to open in the system's browser; with prompt="create" to register."""
        verifier, challenge = _pkce()
        state = secrets.token_urlsafe(32)
        self._begun = {"state": state, "verifier": verifier, "redirect_uri": redirect_uri}
        asked = {
            "client_id": CLIENT_ID,
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "device_name": platform.node(),
            **more,
        }
        return f"{await self._endpoint('authorization')}?{urlencode(asked)}"

    async def finish_in_browser(self, answer: Mapping[str, str]) -> None:
        """Back from the browser, with the query of the redirect_uri. Each answer is taken once.

        Raises NotOurs; the true answer may still come then, since anybody can send another.
        """
        begun = self._begun
        if not begun or answer.get("state") != begun["state"] or answer.get("iss") != self.url:
            raise NotOurs
        self._begun = {}
        if "error" in answer:
            raise Refused(answer, {})
        await self._redeem(answer["code"], begun["verifier"], redirect_uri=begun["redirect_uri"])

    async def call(self, method: str, path: str, **more: Any) -> Any:
        """Ask the API. Where the access token has run out: once more, with a new one."""
        token = await self._token()
        try:
            return await self._call(method, path, token, more)
        except Refused as refused:
            if refused.error != "invalid_token":
                raise
        return await self._call(method, path, await self._token(spent=token), more)

    async def log_out(self) -> None:
        """Forget first, so that it holds without a network too; then tell the portal."""
        if self._refreshing:
            await asyncio.wait([self._refreshing])  # or it would bring new tokens afterwards
        token = self._safe.read()
        self._forget()
        if token:
            _ = await self._post("revocation", token=token)

    async def close(self) -> None:
        await self._http.aclose()

    async def _call(self, method: str, path: str, token: str, more: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return _read(await self._http.request(method, self.url + path, headers=headers, **more))

    async def _token(self, spent: str = "") -> str:
        """An access token other than `spent`. Whoever needs one waits for the same request, and
        that is not called off when one of them goes away."""
        if self._access == spent:
            if self._refreshing is None or self._refreshing.done():
                self._refreshing = asyncio.create_task(self._refresh())
            await asyncio.shield(self._refreshing)
        return self._access

    async def _refresh(self) -> None:
        """The next pair. An answer that was lost is asked for again, with the same token."""
        token = self._safe.read()
        if not token:
            raise LoggedOut
        fields = {"grant_type": "refresh_token", "refresh_token": token}
        try:
            for pause in _PAUSES:
                try:
                    return self._keep(await self._post("token", **fields))
                except (httpx2.TransportError, NoAnswer):
                    await self._pause(pause)
            self._keep(await self._post("token", **fields))
        except Refused as refused:
            if refused.error != "invalid_grant":
                raise
            self._forget()
            raise LoggedOut from None

    async def _challenge(self, fields: dict[str, str]) -> dict[str, Any]:
        return await self._post("authorization_challenge", response_type="code", **fields)

    async def _redeem(self, code: str, verifier: str, **more: str) -> None:
        """Never twice: a code that comes again ends what it began."""
        fields = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        self._keep(await self._post("token", **fields, **more))

    def _keep(self, pair: dict[str, Any]) -> None:
        self._safe.write(pair["refresh_token"])  # first: an app may be ended at any moment
        self._access = pair["access_token"]

    def _forget(self) -> None:
        self._safe.clear()
        self._access = ""

    async def _post(self, endpoint: str, **fields: str) -> dict[str, Any]:
        address = await self._endpoint(endpoint)
        answer = _read(await self._http.post(address, data={"client_id": CLIENT_ID, **fields}))
        return dict(answer)

    async def _endpoint(self, name: str) -> str:
        if not self._metadata:
            known = f"{self.url}/.well-known/oauth-authorization-server"
            found = _read(await self._http.get(known))
            if found["issuer"] != self.url:  # RFC 8414 §3.3
                raise Refused({"error": f"The portal calls itself {found['issuer']}."}, {})
            self._metadata = found
        return str(self._metadata[f"{name}_endpoint"])


def _pkce() -> tuple[str, str]:
    """A verifier, and its challenge (RFC 7636): new ones for each login."""
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _read(response: httpx2.Response) -> Any:
    """What was answered. Raises Refused."""
    try:
        content = response.json() if response.content else {}
    except ValueError:
        content = {"error": f"No answer of the portal's: {response.status_code}."}
        raise NoAnswer(content, response.headers) from None
    if response.is_server_error:
        raise NoAnswer(content, response.headers)
    if not response.is_success:
        raise Refused(content, response.headers)
    return content
