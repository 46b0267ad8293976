"""What the BankID app shows under "Min avsikt": what the user is about to do, and where.

It is what helps somebody who was called by a fraudster: it says whose portal asks, and to stop.
"""

from __future__ import annotations

from models.bankid_flow import Intent

_TEXTS: dict[Intent, tuple[str, str, str]] = {
    Intent.LOGIN: ("Logga in på MinaSidor", "Du loggar in på", "logga in"),
    Intent.REGISTRATION: (
        "Skapa användarkonto på MinaSidor",
        "Du skapar ett användarkonto på",
        "göra det",
    ),
    Intent.LINK: (
        "Koppla BankID till MinaSidor",
        "Du kopplar ditt BankID till ditt användarkonto på",
        "göra det",
    ),
    Intent.CONFIRM: (
        "Bekräfta att det är du på MinaSidor",
        "Du bekräftar att det är du på",
        "göra det",
    ),
}


def visible(intent: Intent, host: str) -> str:
    """The text of an order, in BankID's simpleMarkdownV1; `host` is `settings.hostname`.

    BankID takes at most 1,500 characters, counted after base64.
    """
    heading, act, asked = _TEXTS[intent]
    return f"# {heading}\n\n{act} **{host}**.\n\nHar någon ringt och bett dig {asked}? Avbryt."
