"""The people who have a simulated BankID. None of them exists: nobody is number 238 of a day."""

from __future__ import annotations

import re
from dataclasses import dataclass

from models import numbers
from web.bankid.simulator.refusals import Refused

OTHER = "annan"


@dataclass(frozen=True)
class Person:
    """As BankID tells who it was: twelve digits, and the names of the population register."""

    number: str
    given_name: str
    surname: str

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.surname}"


PERSONS = {
    "anna": Person("199001012385", "Anna", "Andersson"),
    "bertil": Person("198507142399", "Bertil", "Björk"),
    "cecilia": Person("197202292384", "Cecilia", "Öberg"),
    "david": Person("200106302391", "David", "Ek"),
    "tolvan": Person("191212121212", "Tolvan", "Tolvansson"),
}


def chosen(key: str, name: str = "", number: str = "") -> Person:
    """One of PERSONS, or with OTHER somebody of this name and number. Raises Refused."""
    if key != OTHER:
        if key not in PERSONS:
            raise Refused("unknown_person")
        return PERSONS[key]
    given_name, _, surname = " ".join(name.split()).rpartition(" ")
    if not given_name or len(name) > 100:
        raise Refused("bad_name")
    number = numbers.compact(number)
    if not is_personal_number(number):
        raise Refused("bad_number")
    return Person(number, given_name, surname)


def is_personal_number(text: str) -> bool:
    """Twelve digits with a right check digit; of a samordningsnummer too, whose day is 61 to 91."""
    right_form = re.fullmatch(r"(18|19|20)[0-9]{10}", text)
    # Both kinds of numbers have the same check digit (SKV 704, SKV 709).
    return bool(right_form) and numbers.organisation_number(text) is not None
