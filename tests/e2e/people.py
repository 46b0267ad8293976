"""Those who appear in the walkthroughs: customers nobody has claimed yet, and people."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import count
from typing import Self

from tests.e2e.authenticator import Authenticator

_FIRST_NUMBER = 20000001
_GIVEN_NAMES = ("Vera", "Nils", "Åsa", "Ömer", "Majken", "Sixten", "Ebba", "Tove")
_FAMILY_NAMES = ("Lind", "Sjöö", "Wik", "Åberg", "Rask", "Öst", "Hjelm", "Frisk")


@dataclass(frozen=True)
class Customer:
    """A customer account as its invoice shows it."""

    number: str
    organisation_number: str
    name: str
    contact: str

    @property
    def suffix(self) -> str:
        return self.organisation_number[-4:]

    @property
    def path(self) -> str:
        return f"/kund/{self.number}"

    @property
    def wrong_suffix(self) -> str:
        return f"{int(self.suffix) - 1}"


@dataclass(frozen=True)
class Person:
    """Somebody who registers, or has done so."""

    given_name: str
    family_name: str
    email: str
    password: str

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"


@dataclass(frozen=True)
class Citizen:
    """Somebody with a BankID."""

    given_name: str
    family_name: str
    personal_number: str

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"


@dataclass(frozen=True)
class Member:
    """A user that the database begins with: administrator of a customer account of their own."""

    person: Person
    customer: Customer
    secret: str = ""  # of the authenticator app; empty: two-factor is skipped

    @property
    def app(self) -> Authenticator:
        assert self.secret, "this one has no app"
        return Authenticator(self.secret)

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        read = json.loads(line)
        return cls(Person(**read["person"]), Customer(**read["customer"]), read["secret"])


ANNA = Citizen("Anna", "Andersson", "199001012385")  # of the demo data


def customers() -> Iterator[Customer]:
    """Ever new ones. Their four digits are 6000 or more, so that a log holds none by chance."""
    for n in count():
        first = f"445{n // 400:03}{600 + n % 400}"
        yield Customer(
            number=str(_FIRST_NUMBER + n),
            organisation_number=first + _check_digit(first),
            name=f"Provbolaget {n + 1} AB",
            contact=f"kontoret@provbolaget{n + 1}.example",
        )


def people(kind: str) -> Iterator[Person]:
    """Ever new ones, each with an address and a password of their own."""
    for n in count():
        given = _GIVEN_NAMES[n % len(_GIVEN_NAMES)]
        family = _FAMILY_NAMES[n // len(_GIVEN_NAMES) % len(_FAMILY_NAMES)]
        yield Person(
            given, family, f"{kind}.{n + 1}@post.example", f"tre sega dun {secrets.token_hex(4)}"
        )


def citizens() -> Iterator[Citizen]:
    """Ever new ones, the 238th of their day, who is nobody."""
    for n in count():
        day = date(1950, 1, 1) + timedelta(days=n)
        given = _GIVEN_NAMES[n % len(_GIVEN_NAMES)]
        family = _FAMILY_NAMES[n // len(_GIVEN_NAMES) % len(_FAMILY_NAMES)]
        first = f"{day:%y%m%d}238"
        yield Citizen(given, family, f"{day:%Y}"[:2] + first + _check_digit(first))


def _check_digit(first_nine: str) -> str:
    doubled = (int(digit) * (2 - index % 2) for index, digit in enumerate(first_nine))
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)
