"""What the simulated BankID knows: its orders, its phone, its clock, and which calls will fail."""

from __future__ import annotations

import hmac
import re
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from models import clock
from web.bankid.simulator.faults import ANY, Fault
from web.bankid.simulator.orders import FAILED_HINTS, PENDING_HINTS, Order
from web.bankid.simulator.persons import PERSONS, Person
from web.bankid.simulator.refusals import ApiError, InvalidParameters, Refused

RISKS = ("low", "moderate", "high", "")  # the last: could not be computed
_QR = re.compile(r"bankid\.([0-9a-f-]{36})\.(0|[1-9][0-9]{0,3})\.([0-9a-f]{64})")
_OLDEST_QR, _EARLIEST_QR = 5, -2  # seconds
_ELSEWHERE = "198.51.100.4"  # RFC 5737: where a phone is that nobody's browser asked for
_ORDERS, _LOGGED = 200, 100
# ActiveLogin's sequence: outstanding, outstanding, started, started, userSign, complete.
_AUTO_START, _AUTO_CHOOSE, _AUTO_CONFIRM = 3, 5, 6


@dataclass(frozen=True)
class Logged:
    """One call of the relying party, and what it was answered."""

    at: datetime
    method: str
    path: str
    status: int  # 0: never answered
    told: str
    ref: str = ""


class State:
    """In the memory of one process. Its methods raise ApiError to the relying party, and Refused
    to whoever holds the phone.

    `now`: the time in UTC, by default the portal's. `auto`: one of PERSONS, who then answers every
    order without anybody touching the phone.
    """

    def __init__(self, now: Callable[[], datetime] | None = None, auto: str | None = None) -> None:
        if auto is not None and auto not in PERSONS:
            raise ValueError(f"auto must be one of {', '.join(PERSONS)}, not {auto!r}")
        # The door is looked up each time: tests replace it.
        self._now = now or (lambda: clock.now())
        self._auto = PERSONS[auto] if auto else None
        self.reset()

    def reset(self) -> None:
        """As new: no orders, no faults, an empty log, and the right time."""
        self._orders: dict[str, Order] = {}
        self.faults: list[Fault] = []
        self.log: deque[Logged] = deque(maxlen=_LOGGED)
        self.risk, self.address = "low", ""  # no address: the one of the browser that asked
        self.ahead = timedelta()
        self.last_chosen = next(iter(PERSONS))

    @property
    def now(self) -> datetime:
        return self._now() + self.ahead

    @property
    def orders(self) -> list[Order]:
        """All that are remembered, the newest first, each as old as it is now."""
        now = self.now
        for order in self._orders.values():
            order.age(now)
        return list(reversed(self._orders.values()))

    @property
    def version(self) -> str:
        """Another one as soon as an order looks different."""
        shown = [(o.ref, o.status, o.hint, o.person, o.answered) for o in self.orders]
        return f"{zlib.crc32(repr(shown).encode()):x}"

    # What the relying party does

    def open(self, kind: str, parameters: dict[str, Any]) -> Order:
        """A new order. Raises alreadyInProgress where a person is called who has one."""
        if number := parameters.get("personalNumber"):
            busy = [order for order in self.orders if order.is_pending and order.concerns(number)]
            for order in busy:
                order.fail("cancelled", self.now)
            if busy:
                details = "Order already in progress for pno"
                raise ApiError(400, "alreadyInProgress", details)
        order = Order(kind, parameters, self.now)
        self._orders[order.ref] = order
        while len(self._orders) > _ORDERS:
            del self._orders[next(iter(self._orders))]
        return order

    def collect(self, ref: str) -> dict[str, Any]:
        """How the order stands. Its final answer is given once."""
        order = self._remembered(ref)
        order.collects += 1
        if self._auto and order.is_pending:
            self._answer_by_itself(order, self._auto)
        order.answered = not order.is_pending
        return order.answer

    def cancel(self, ref: str) -> None:
        order = self._remembered(ref)
        if not order.is_pending:
            raise InvalidParameters("No such order")
        order.fail("cancelled", self.now)
        order.answered = True

    def take_fault(self, endpoint: str) -> Fault | None:
        """The fault that waits for this call, which it meets only once."""
        for fault in self.faults:
            if fault.endpoint in (endpoint, ANY):
                self.faults.remove(fault)
                return fault
        return None

    # What the phone does

    def scan(self, content: str) -> Order:
        """Open the order whose QR code holds this text."""
        match = _QR.fullmatch(content.strip())
        if not match:
            raise Refused("not_a_qr_code")
        token, seconds, code = match.groups()
        order = self._with_token("qr_start_token", token)
        if not hmac.compare_digest(order.qr_code(seconds), code):
            raise Refused("tampered")
        age = (self.now - order.created_at).total_seconds() - int(seconds)
        if not _EARLIEST_QR <= age <= _OLDEST_QR:
            raise Refused("stale")
        return self._start(order, "qr")

    def scan_latest(self) -> Order:
        """Open the newest of the orders whose QR code is shown right now."""
        for order in self.orders:
            if order.is_pending and not order.started_at and not order.by_phone:
                return self.scan(order.qr_content(self.now))
        raise Refused("nothing_to_scan")

    def autostart(self, token: str) -> Order:
        """Open the order on the device that asked for it, by the token in its start link."""
        return self._start(self.autostarted(token), "autostart")

    def autostarted(self, token: str) -> Order:
        """The order that this start link leads to, not opened yet."""
        return self._with_token("auto_start_token", token)

    def start(self, ref: str) -> Order:
        """Open the order: by its QR code, or because somebody on the telephone says so."""
        order = self.order(ref)
        if order.by_phone or order.started_at or not order.is_pending:
            return self._start(order, "phone")
        return self.scan(order.qr_content(self.now))

    def choose(self, ref: str, person: Person) -> Order:
        """Let this person answer. Somebody else's order becomes certificateErr."""
        order = self._started(ref)
        if order.wanted_number not in (None, person.number):
            order.fail("certificateErr", self.now)
            return order
        for other in self.orders:
            if other is not order and other.is_pending and other.concerns(person.number):
                other.fail("cancelled", self.now)
        order.choose(person)
        return order

    def confirm(self, ref: str) -> Order:
        """The security code was right."""
        order = self._started(ref)
        if not order.person:
            raise Refused("no_person")
        address = self.address or order.parameters.get("endUserIp", _ELSEWHERE)
        order.complete(risk=self.risk, ip_address=address, now=self.now)
        return order

    def answer(self, ref: str, person: Person) -> Order:
        """All of it at once: open the order unless it is open, let the person answer, confirm."""
        if not self.order(ref).started_at:
            self.start(ref)
        order = self.choose(ref, person)
        return self.confirm(ref) if order.is_pending else order

    def fail(self, ref: str, hint: str) -> Order:
        """End the order with one of FAILED_HINTS."""
        if hint not in FAILED_HINTS:
            raise Refused("bad_hint")
        order = self._pending(ref)
        order.fail(hint, self.now)
        return order

    def show(self, ref: str, hint: str) -> Order:
        """Let `collect` answer this one of PENDING_HINTS meanwhile."""
        if hint not in PENDING_HINTS:
            raise Refused("bad_hint")
        order = self._pending(ref)
        order.hint = hint
        return order

    def set_phone(self, *, risk: str | None = None, address: str | None = None) -> None:
        """How risky BankID finds the next answers, and from which address they come."""
        if risk is not None and risk not in RISKS:
            raise Refused("bad_risk")
        if address:
            try:
                ip_address(address)
            except ValueError:
                raise Refused("bad_address") from None
        self.risk = self.risk if risk is None else risk
        self.address = self.address if address is None else address

    def forward(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)

    def order(self, ref: str) -> Order:
        for order in self.orders:
            if order.ref == ref:
                return order
        raise Refused("unknown_order")

    def _remembered(self, ref: str) -> Order:
        try:
            order = self.order(ref)
        except Refused:
            raise InvalidParameters("No such order") from None
        if order.is_forgotten(self.now):
            raise InvalidParameters("No such order")
        return order

    def _with_token(self, name: str, token: str) -> Order:
        for order in self.orders:
            if getattr(order, name) == token and not order.by_phone:
                return order
        raise Refused("unknown_order")

    def _pending(self, ref: str) -> Order:
        order = self.order(ref)
        if not order.is_pending:
            raise Refused("ended")
        return order

    def _started(self, ref: str) -> Order:
        order = self._pending(ref)
        if not order.started_at:
            raise Refused("not_started")
        return order

    def _start(self, order: Order, how: str) -> Order:
        if not order.is_pending:
            raise Refused("ended")
        if order.started_at:
            raise Refused("already_started")
        order.start(how, self.now)
        return order

    def _answer_by_itself(self, order: Order, person: Person) -> None:
        if order.collects >= _AUTO_START and not order.started_at:
            self.start(order.ref)
        if order.collects >= _AUTO_CHOOSE and not order.person:
            self.choose(order.ref, person)
        if order.collects >= _AUTO_CONFIRM and order.is_pending:
            self.confirm(order.ref)
