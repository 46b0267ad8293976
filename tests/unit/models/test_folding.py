"""What is found and in which order, as Swedes expect, whatever the database's collation is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.folding import SORT_KEY_LENGTH, search_key, sort_key, words


def test_a_swedish_register() -> None:
    register = [
        *("3M AB", "AB Ek", "Adam", "Aéro", "Afton", "Muller", "Myra", "Müller", "Zebra"),
        *("Åbo", "Ånge", "Ägg", "Æro", "Ärta", "Öland", "Østfold", "Över"),
    ]
    assert sorted(register, key=sort_key) == [
        *("3M AB", "AB Ek", "Adam", "Aéro", "Afton", "Muller", "Müller", "Myra", "Zebra"),
        *("Åbo", "Ånge", "Ägg", "Æro", "Ärta", "Öland", "Østfold", "Över"),
    ]


@pytest.mark.parametrize(("earlier", "later"), [("A B", "AA"), ("Bo 2", "Bo 9"), ("Bo", "Bo AB")])
def test_words_count_before_letters(earlier: str, later: str) -> None:
    assert sort_key(earlier) < sort_key(later)


@given(st.text(max_size=300))
def test_a_sort_key_holds_nothing_that_collations_disagree_on(text: str) -> None:
    assert re.fullmatch(f"[0-9a-z]{{0,{SORT_KEY_LENGTH}}}", sort_key(text))


@given(st.text(max_size=100))
def test_what_was_typed_is_found_and_holds_no_wildcard(text: str) -> None:
    key = search_key("Exempelbygg AB", text)
    for word in search_key(text).split():
        assert word in key
    assert not re.search(r"[%_\\]", key)


def test_numbers_are_one_word_however_they_are_written() -> None:
    assert words("10 234 567") == words("10234567") == words("10\N{NO-BREAK SPACE}234-567")
    assert words("442101-3378") == ["4421013378"]
    assert words("ÅKERI  Öst, 12") == ["åkeri", "öst", "12"]
    assert words(" - ") == []


def test_letters_from_outside_europe_are_folded_too() -> None:
    assert words("Ⅻ ﬁlm, Ωμέγα 漢字 Ế") == ["xii", "film", "ωμεγα", "漢字", "e"]
    assert sort_key("漢字 Ωμέγα Ünal") == "00ynal"
