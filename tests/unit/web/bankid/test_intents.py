"""What the app says before somebody identifies themselves."""

from __future__ import annotations

import base64
from typing import get_args

import pytest

from web.bankid.intents import Purpose, visible


@pytest.mark.parametrize(
    ("purpose", "text"),
    [
        (
            "login",
            "# Logga in på MinaSidor\n\nDu loggar in på **minasidor.example**.\n\n"
            "Har någon ringt och bett dig logga in? Avbryt.",
        ),
        (
            "registration",
            "# Skapa användarkonto på MinaSidor\n\n"
            "Du skapar ett användarkonto på **minasidor.example**.\n\n"
            "Har någon ringt och bett dig göra det? Avbryt.",
        ),
        (
            "link",
            "# Koppla BankID till MinaSidor\n\n"
            "Du kopplar ditt BankID till ditt användarkonto på **minasidor.example**.\n\n"
            "Har någon ringt och bett dig göra det? Avbryt.",
        ),
        (
            "reauth",
            "# Bekräfta att det är du på MinaSidor\n\n"
            "Du bekräftar att det är du på **minasidor.example**.\n\n"
            "Har någon ringt och bett dig göra det? Avbryt.",
        ),
    ],
)
def test_says_what_is_done_and_where(purpose: Purpose, text: str) -> None:
    assert visible(purpose, "minasidor.example") == text


@pytest.mark.parametrize("purpose", get_args(Purpose))
def test_bankid_takes_it_under_the_longest_host_name_there_is(purpose: Purpose) -> None:
    assert len(base64.b64encode(visible(purpose, "a" * 253).encode())) <= 1500
