"""What the BankID app shows under "Min avsikt": what the user is about to do, and where.

It is what helps somebody who was called by a fraudster: it says whose portal asks, and to stop.
"""

from __future__ import annotations

from typing import Literal

Purpose = Literal["login", "registration", "link", "reauth"]

_TEXTS: dict[Purpose, tuple[str, str, str]] = {
    "login": ("Logga in på MinaSidor", "Du loggar in på", "logga in"),
    "registration": (
        "Skapa användarkonto på MinaSidor",
        "Du skapar ett användarkonto på",
        "göra det",
    ),
    "link": (
        "Koppla BankID till MinaSidor",
        "Du kopplar ditt BankID till ditt användarkonto på",
        "göra det",
    ),
    "reauth": ("Bekräfta att det är du på MinaSidor", "Du bekräftar att det är du på", "göra det"),
}


def visible(purpose: Purpose, host: str) -> str:
    """The text of an order, in BankID's simpleMarkdownV1; `host` is `settings.hostname`.

    BankID takes at most 1,500 characters, counted after base64.
    """
    heading, act, asked = _TEXTS[purpose]
    return f"# {heading}\n\n{act} **{host}**.\n\nHar någon ringt och bett dig {asked}? Avbryt."
