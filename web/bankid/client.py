"""BankID's Relying Party API 6.0: auth, collect and cancel, over TLS with our certificate."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx2

from models.bankid_flow import Order
from web.bankid import answers, certificate
from web.bankid.answers import Answer, BankIDError, Collected, Completion
from web.settings import PREFIX, SettingError, Settings

_log = logging.getLogger("minasidor.bankid")

_MOBILE_POLICY = {"production": "1.2.752.78.1.5"}  # Mobile BankID, by mode
_TEST_MOBILE_POLICY = "1.2.3.4.25"
_TIMEOUT = httpx2.Timeout(5, connect=3)  # seconds, each wait
# Seconds, all waits together: whoever asks for longer than BankIDFlow.LEASE would be overtaken.
_DEADLINE = 5.0
_RETRY_AFTER = 2.0  # seconds; BankID is being restarted
_LONGEST_USER_AGENT = 256

_Read = TypeVar("_Read")

__all__ = ["BankIDError", "Client", "Collected", "Completion", "Order", "connect"]


class Client:
    """Asks one of BankID's servers, or the simulator.

    `http`: its base address ends with a slash. `mobile_policy`: the certificate policy of Mobile
    BankID there. `pause`: how to wait.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        *,
        mobile_policy: str = _TEST_MOBILE_POLICY,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._http, self._mobile_policy, self._pause = http, mobile_policy, pause

    async def auth(
        self,
        *,
        end_user_ip: str,
        visible: str,
        return_url: str = "",
        referring_domain: str,
        user_agent: str,
        device_identifier: str,
        mobile_only: bool,
    ) -> Order:
        """Begin an order: somebody is to identify themselves. Raises BankIDError.

        `end_user_ip`: of the browser. `visible`: what the app shows, in simpleMarkdownV1.
        `return_url`: only for a browser whose Launch sends one. `referring_domain`: our host name.
        `device_identifier`: at most 64 characters that stay the same for this browser; never the
        session's. `mobile_only`: no BankID on file or card, which no QR code can reach.
        """
        web = {
            "referringDomain": referring_domain,
            "userAgent": user_agent[:_LONGEST_USER_AGENT].strip(),
            "deviceIdentifier": device_identifier,
        }
        asked = {
            "endUserIp": end_user_ip,
            "returnRisk": True,
            "userVisibleData": base64.b64encode(visible.encode()).decode(),
            "userVisibleDataFormat": "simpleMarkdownV1",
            "returnUrl": return_url,
            "requirement": {"certificatePolicies": [self._mobile_policy]} if mobile_only else {},
            "web": {name: value for name, value in web.items() if value},
        }
        # BankID refuses what is empty.
        asked = {name: value for name, value in asked.items() if value}
        try:
            return await self._post("auth", asked, answers.order)
        except BankIDError as error:
            # The only case in which BankID has surely begun nothing, and soon will again.
            if error.code != "maintenance":
                raise
            await self._pause(_RETRY_AFTER)
        return await self._post("auth", asked, answers.order)

    async def collect(self, order_ref: str) -> Collected:
        """How it is getting on; to be asked every two seconds. Raises BankIDError.

        What is final (failed, complete) BankID says once; from then on it knows no such order.
        """

        def read(answer: Answer) -> Collected:
            return Collected.read(answer, order_ref)

        return await self._post("collect", {"orderRef": order_ref}, read)

    async def cancel(self, order_ref: str) -> None:
        """The user shall not go on with it. Raises BankIDError, also for one that has ended."""
        await self._post("cancel", {"orderRef": order_ref}, _nothing)

    async def close(self) -> None:
        await self._http.aclose()

    async def _post(
        self, endpoint: str, asked: dict[str, Any], read: Callable[[Answer], _Read]
    ) -> _Read:
        started = time.perf_counter()
        told: dict[str, object] = {"endpoint": endpoint, "code": "ok"}
        level = logging.INFO
        try:
            return read(await self._answer(endpoint, asked))
        except BankIDError as error:
            level = logging.ERROR if error.needs_alarm else logging.WARNING
            told |= {"code": error.code, "status": error.status, "details": error.details}
            raise
        finally:
            told["ms"] = round(1000 * (time.perf_counter() - started), 1)
            _log.log(level, "bankid", extra=told)

    async def _answer(self, endpoint: str, asked: dict[str, Any]) -> Answer:
        try:
            async with asyncio.timeout(_DEADLINE):
                response = await self._http.post(
                    endpoint, json=asked, timeout=_TIMEOUT, follow_redirects=False
                )
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise BankIDError("timeout", None, type(error).__name__) from None
        except httpx2.HTTPError as error:
            raise BankIDError("network", None, f"{type(error).__name__}: {error}") from None
        status = response.status_code
        try:
            body = response.json()
        except ValueError:  # `from None`: its error holds the whole body
            raise BankIDError("badResponse", status, "no JSON") from None
        answer = Answer(body, status)
        if status == 200:
            return answer
        raise BankIDError(answer.text("errorCode"), status, answer.text("details", ""))


def _nothing(_: Answer) -> None:
    """What there is to read in an answer without content."""


def connect(settings: Settings) -> Client:
    """The client for BankID's server, in the modes test and production; one for the process.

    Raises SettingError when certificate, key or root cannot be used.
    """
    certificate.check(settings)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it trusts nobody yet
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Never None, at which OpenSSL would ask on the terminal.
    password = certificate.password(settings) or b""
    with _told_of("CA_FILE"):
        context.load_verify_locations(settings.bankid_ca_file)
    with _told_of("CERT_FILE"):
        context.load_cert_chain(settings.bankid_cert_file, settings.bankid_key_file, password)
    http = httpx2.AsyncClient(
        base_url=settings.bankid_base_url, verify=context, timeout=_TIMEOUT, trust_env=False
    )
    mobile_policy = _MOBILE_POLICY.get(settings.bankid_mode, _TEST_MOBILE_POLICY)
    return Client(http, mobile_policy=mobile_policy)


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # ssl.SSLError is one
        reason = getattr(error, "reason", None) or error.strerror
        raise SettingError(f"{PREFIX}BANKID_{name} cannot be used: {reason}") from None
