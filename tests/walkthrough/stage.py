"""Where flows are walked: a portal of their own with the demo data, or one that runs elsewhere."""

from __future__ import annotations

import os
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from tests.e2e.authenticator import Authenticator
from tests.e2e.people import Customer, Person
from tests.e2e.portal import Portal
from tests.walkthrough.registry import Flow
from tests.walkthrough.step import Cast
from web.development import demo

_SHOWN = (
    "BRAND",
    "SUPPORT_PHONE",
    "SUPPORT_EMAIL",
    "SUPPORT_HOURS",
    "POSTAL_ADDRESS",
    "PASSWORD_MIN_LENGTH",
)
_PATIENCE = 10  # seconds


class Skipped(Exception):
    """This flow cannot be walked here."""

    def __init__(self, english: str, swedish: str) -> None:
        super().__init__(english)
        self.english, self.swedish = english, swedish


class Stage(Protocol):
    @property
    def base_url(self) -> str: ...

    @property
    def own(self) -> bool: ...

    def prepare(self, flow: Flow) -> Cast:
        """Those whom the flow needs. Raises Skipped where they are not to be had."""


class OwnStage:
    """Each flow begins with the demo data as new, whatever the one before it did."""

    own = True

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self._database = portal.database.read_bytes()

    @property
    def base_url(self) -> str:
        return self.portal.base_url

    def prepare(self, flow: Flow) -> Cast:
        self.portal.stop()
        self.portal.restore(self._database)
        self.portal.start()
        return demo_cast(flow)


class Elsewhere:
    """A server that is already running, perhaps on another machine, with data of its own."""

    own = False

    def __init__(self, base_url: str, customers: Sequence[Customer]) -> None:
        self.base_url = base_url.rstrip("/")
        self._customers = iter(customers)
        self._has_tools = answers(f"{self.base_url}/_dev/mejl")
        self._count = 0

    def prepare(self, flow: Flow) -> Cast:
        if flow.uses_bankid and not answers(f"{self.base_url}/_bankid/"):
            raise Skipped(
                "it needs the simulated BankID, and the server has no /_bankid",
                "Flödet behöver det simulerade BankID:t, och servern saknar /_bankid.",
            )
        if (flow.logs_in_as or flow.reads_mail) and not self._has_tools:
            raise Skipped(
                "it needs a demo user or the mailbox, and the server has no /_dev/mejl",
                "Flödet behöver en demoanvändare eller mejlen, och servern saknar /_dev/mejl.",
            )
        cast = demo_cast(flow)
        if flow.claims:
            cast.customer = next(self._customers, None)
            if not cast.customer:
                raise Skipped(
                    "it needs a customer that nobody has claimed: give more --customer/--suffix",
                    "Flödet behöver ett kundkonto som ingen har registrerat sig för. "
                    "Ge fler med --customer och --suffix.",
                )
        if flow.registers and cast.person:
            self._count += 1
            name, _, host = cast.person.email.partition("@")
            unique = f"{name}.{int(time.time())}.{self._count}@{host}"
            cast.person = replace(cast.person, email=unique)
        return cast


def demo_cast(flow: Flow) -> Cast:
    """As the README lists them."""
    cast = Cast(person=flow.registers)
    for customer in demo.CUSTOMERS:
        if flow.claims == customer.number:
            cast.customer = Customer(
                customer.number, customer.organisation_number, customer.name, customer.contact
            )
    for person in demo.PEOPLE:
        if flow.logs_in_as == person.email:
            cast.person = Person(person.given_name, person.family_name, person.email, demo.PASSWORD)
            cast.app = Authenticator(demo.TOTP_SECRET) if person.two_factor else None
    return cast


@contextmanager
def own_stage() -> Iterator[OwnStage]:
    """A portal in a temporary folder; it shows the brand and contact of the environment."""
    names = [f"MINASIDOR_{name}" for name in _SHOWN]
    shown = {name: os.environ[name] for name in names if os.environ.get(name)}
    with tempfile.TemporaryDirectory(prefix="minasidor-") as folder:
        portal = Portal(Path(folder), unclaimed=0, settings=shown)
        try:
            yield OwnStage(portal)
        finally:
            portal.stop()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
