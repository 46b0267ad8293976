"""What the app says before somebody identifies themselves."""

from __future__ import annotations

import base64

import pytest

from models.bankid_flow import Intent
from web.bankid.intents import visible


@pytest.mark.parametrize(
    ("intent", "text"),
    [
        (
            Intent.LOGIN,
            "# Logga in på MinaSidor\n\nDu loggar in på **minasidor.example**.\n\n"
            "Har någon ringt och bett dig logga in? Avbryt.",
        ),
        (
            Intent.REGISTRATION,
            "# Skapa användarkonto på MinaSidor\n\n"
            "Du skapar ett användarkonto på **minasidor.example**.\n\n"
            "Har någon ringt och bett dig göra det? Avbryt.",
        ),
        (
            Intent.LINK,
            "# Koppla BankID till MinaSidor\n\n"
            "Du kopplar ditt BankID till ditt användarkonto på **minasidor.example**.\n\n"
            "Har någon ringt och bett dig göra det? Avbryt.",
        ),
        (
            Intent.CONFIRM,
            "# Bekräfta att det är du på MinaSidor\n\n"
            "Du bekräftar att det är du på **minasidor.example**.\n\n"
            "Har någon ringt och bett dig göra det? Avbryt.",
        ),
    ],
)
def test_says_what_is_done_and_where(intent: Intent, text: str) -> None:
    assert visible(intent, "minasidor.example") == text


@pytest.mark.parametrize("intent", list(Intent))
def test_bankid_takes_it_under_the_longest_host_name_there_is(intent: Intent) -> None:
    assert len(base64.b64encode(visible(intent, "a" * 253).encode())) <= 1500
