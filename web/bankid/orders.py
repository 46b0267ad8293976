"""What passes between an identification of ours and BankID: an order, and how far it has come."""

from __future__ import annotations

import hashlib
import logging
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import URL
from starlette.requests import Request

from models import bankid_flow, notice, tokens
from models.bankid_flow import BankIDFlow, Order, Progress
from models.bankid_identity import BankIDIdentity, Person
from web import sessions
from web.bankid import alarm, intents, service
from web.bankid.client import BankIDError, Completion
from web.bankid.launch import Launch
from web.bankid.service import Service
from web.mobile.app_request import AppRequest

_log = logging.getLogger("minasidor.bankid")
ERROR = "error."  # before the code of a refusal, where a hint stands otherwise
# During an order these mean: ask again in two seconds.
_PASSING = frozenset(
    {
        *("network", "timeout", "badResponse", "maintenance"),
        *("requestTimeout", "tooManyRequests", "internalError"),
    }
)


async def place(request: Request, flow: BankIDFlow) -> None:
    """Ask BankID for an order. If it gives none, the identification has failed, and says why."""
    bankid, client = _service(request), sessions.client(request)
    nonce = ""
    launch = Launch.of(client.user_agent, in_app=AppRequest.waiting(request) is not None)
    if flow.is_same_device and launch.sends_return_url:
        nonce = tokens.new()
    return_url = _return_url(request, flow, nonce) if nonce else ""
    try:
        order = await bankid.client.auth(
            end_user_ip=client.address,
            visible=intents.visible(flow.intent, request.app.state.settings.hostname),
            return_url=return_url,
            referring_domain=request.app.state.settings.hostname,
            user_agent=client.user_agent,
            device_identifier=_device_identifier(sessions.known_client(request).device),
            # The camera is a phone's, and so is the BankID behind it.
            mobile_only=not flow.is_same_device,
        )
    except BankIDError as error:
        await _refused(flow, error)
        return
    if not await flow.keep_order(order, nonce):
        await cancel(request, order)  # ended meanwhile


async def follow(request: Request, flow: BankIDFlow, longest: float | None = None) -> None:
    """Ask BankID how far the order has come, if it is time and nobody else is asking.

    `longest`: how many seconds to wait for that. An answer that comes later is kept all the same,
    for the next one who looks. Until then `flow` is as it was: it changes in one step with its row.
    """
    bankid, order = service.of(request), flow.order
    if order is None or not await flow.takes_turn():
        return
    if bankid is None:  # switched off meanwhile
        await flow.ends(f"{ERROR}off")
        return
    await bankid.wait(_ask(request, flow, bankid, order), longest)


async def cancel(request: Request, order: Order | None) -> None:
    """Tell BankID that nobody waits for the order any more. That it is too late harms nobody."""
    bankid = service.of(request)
    if order is None or bankid is None:
        return
    try:
        await bankid.client.cancel(order.order_ref)
    except BankIDError as error:
        _log.info("bankid.not_cancelled", extra={"code": error.code})


async def _ask(request: Request, flow: BankIDFlow, bankid: Service, order: Order) -> None:
    try:
        found = await bankid.client.collect(order.order_ref)
    except BankIDError as error:
        if error.code in _PASSING:
            await flow.misses(backs_off=error.code == "tooManyRequests")
        else:
            await _refused(flow, error)
        return
    if found.status == Progress.PENDING:
        await flow.goes_on(found.hint)
    elif found.status == Progress.COMPLETE and found.completion:
        await _complete(request, flow, found.completion)
    elif found.hint == "startFailed" and flow.may_renew:
        await place(request, flow)
    else:
        _log.info("bankid.failed", extra={"flow": flow.id, "hint": found.hint})
        await flow.ends(found.hint or "unknown")


async def _complete(request: Request, flow: BankIDFlow, found: Completion) -> None:
    """Who has identified themselves; refused where BankID, or the address, gives reason to."""
    person = Person(found.personal_number, found.given_name, found.surname)
    # Phone and browser are one machine, so one address; but IPv4 and IPv6, mobile networks and
    # private relays make two of it.
    elsewhere = flow.is_same_device and not _is_same(found.ip_address, flow.address)
    _log.info(
        "bankid.identified",
        extra={
            "flow": flow.id,
            "intent": flow.intent,
            "risk": found.risk,
            "address": flow.address,
            "other_address": elsewhere,
            "issued": found.issued,
        },
    )
    blocked = found.risk == "high"
    if blocked or (elsewhere and request.app.state.settings.bankid_require_same_ip):
        _log.warning("bankid.blocked", extra={"flow": flow.id, "risk": found.risk})
        await flow.ends(bankid_flow.RISK_BLOCKED)
        if blocked:
            await _tell_of_risk(person)
        return
    if await flow.prove(person, found.risk) and found.risk == "moderate":
        await _tell_of_risk(person)


async def _tell_of_risk(person: Person) -> None:
    known = await BankIDIdentity.of_person(person)
    await notice.tell(known.user if known else None, "bankid_risk")


async def _refused(flow: BankIDFlow, error: BankIDError) -> None:
    _log.warning("bankid.refused", extra={"flow": flow.id, "code": error.code})
    await alarm.ring(error)
    await flow.ends(f"{ERROR}{error.code}")


def _is_same(app: str, browser: str) -> bool:
    """Whether it is one address, however it is written; or BankID does not say the app's."""
    try:
        return _address(app) == _address(browser)
    except ValueError:
        return app in ("", browser)


def _address(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def _return_url(request: Request, flow: BankIDFlow, nonce: str) -> str:
    path = request.app.url_path_for("bankid:return")
    url = URL(f"{request.app.state.settings.base_url}{path}")
    return str(url.include_query_params(f=flow.public_id, n=nonce))


def _device_identifier(device: str) -> str:
    # The cookie itself makes a browser a known one: BankID gets what cannot be turned back.
    return hashlib.sha256(device.encode()).hexdigest()


def _service(request: Request) -> Service:
    found = service.of(request)
    assert found is not None  # noqa: S101 - no identification begins where it is off
    return found
