"""Swedish numbers as people write them: customer numbers, organisation numbers, the four digits."""

from __future__ import annotations

import re
import unicodedata

# What people and programs put between digits: spaces, hyphens, dots, zero-width characters.
_SEPARATORS = re.compile(r"[\s.\-\u00ad\u2010-\u2015\u2212\u200b-\u200d\u2060\ufeff]")


def compact(text: str) -> str:
    """The text in its compatibility form (NFKC), without separators."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))


def customer_number(text: str) -> str | None:
    """The customer number without leading zeros, or None if it is not all digits (1 to 20)."""
    number = compact(text)
    if not re.fullmatch(r"[0-9]{1,20}", number):  # not \d: that lets other scripts' digits through
        return None
    return number.lstrip("0") or None


def organisation_suffix(text: str) -> str | None:
    """The four last digits, also out of a whole organisation number or a VAT number; else None."""
    number = compact(text).upper()
    if match := re.fullmatch(r"SE([0-9]{10})01", number):
        number = match[1]
    if re.fullmatch(r"[0-9]{4}|[0-9]{10}|[0-9]{12}", number):
        return number[-4:]
    return None


def organisation_number(text: str) -> str | None:
    """Ten digits with a right check digit (Luhn, SKV 709), a century prefix dropped; else None."""
    number = compact(text)
    if re.fullmatch(r"(?:16|18|19|20)[0-9]{10}", number):
        number = number[2:]
    if not re.fullmatch(r"[0-9]{10}", number) or not _luhn(number):
        return None
    return number


def is_personal(organisation_number: str) -> bool:
    """Whether it is a sole trader's personal identity number: a third digit of 0 or 1 is a month.

    Organisation numbers have 2 or more there (Skatteverket, organisationsnummer).
    """
    return organisation_number[2] in "01"


def _luhn(number: str) -> bool:
    doubled = (int(digit) * (2 - index % 2) for index, digit in enumerate(number))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0
