"""The Swedish that is read on screens, in mail and in print, checked by hunspell (sv_SE).

What is read is taken from the sources, and not from rendered pages: so each word is named with file
and line, no branch of a template is left out, and the customers' names need not be in a dictionary.
`tests/spelling.txt` holds the words that the dictionary lacks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from tests.unit import sentences

ROOT = Path(__file__).parents[2]
ALLOWED = ROOT / "tests" / "spelling.txt"
DICTIONARY = "sv_SE"

# Not prose: attributes, options, addresses, paths, and whatever has a digit in it.
_NOT_WORDS = re.compile(
    r"""--[a-z-]+|[\w:-]+=(?:"[^"]*"|'[^']*')|\S*[@/_\d]\S*|\b[\w-]+\.(?:[a-z]{2,4}|example)\b"""
)
_WORD = re.compile(r"[^\W\d_]+(?:[-’'][^\W\d_]+)*")
# Swedish, but not ours (klarspråk, and one word per thing): what we write instead.
_OTHER_WORDS = {
    "e-mail": "e-post (adressen), mejl (meddelandet)",
    "erhålla": "få",
    "inloggningsnamn": "e-postadress",
    "kundnr": "kundnummer",
    "lösenkod": "engångskod",
    "mail": "mejl",
    "maila": "mejla",
    "ogiltig": "vad som är fel, och vad man kan göra",
    "ogiltigt": "vad som är fel, och vad man kan göra",
    "oj": "(ingenting)",
    "vänligen": "(ingenting)",
    "verifieringskod": "engångskod",
}


@pytest.fixture(scope="module")
def words() -> dict[str, list[str]]:
    """Each word that is read, with the places where it stands."""
    found: dict[str, list[str]] = defaultdict(list)
    for sentence in sentences.everywhere():
        for word in _words(sentence):
            found[word].append(sentence.place)
    return found


@pytest.fixture(scope="module")
def allowed() -> list[str]:
    lines = ALLOWED.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_word_is_spelt_right(words: dict[str, list[str]], allowed: list[str]) -> None:
    _need_hunspell()
    unknown = _unknown(set(words))
    wrong: dict[str, list[str]] = defaultdict(list)
    for sentence in sentences.everywhere():
        strange = [word for word in _words(sentence) if word in unknown]
        if sentence.is_surely_swedish or 2 * len(strange) < len(_words(sentence)):
            for word in strange:
                if _small(word) not in map(_small, allowed):
                    wrong[word].append(sentence.place)
    assert not {word: places[:3] for word, places in sorted(wrong.items())}


def test_a_misspelt_word_is_found() -> None:
    _need_hunspell()
    words = {"lösenord", "lösennord", "E-post", "engångskoden", "Kunkonto"}
    assert _unknown(words) == {"lösennord", "Kunkonto"}


def test_words_of_which_we_have_others(words: dict[str, list[str]]) -> None:
    found = {
        word: (f"say: {_OTHER_WORDS[word.lower()]}", places[:3])
        for word, places in words.items()
        if word.lower() in _OTHER_WORDS
    }
    assert not found


def test_the_allowed_words_are_in_order_and_needed(
    words: dict[str, list[str]], allowed: list[str]
) -> None:
    groups = ALLOWED.read_text().split("\n\n")
    for group in groups:
        listed = [line for line in group.splitlines() if not line.startswith("#")]
        assert listed == sorted(listed, key=str.lower), f"sort the group of {listed[0]}"
        assert group.startswith("#"), f"say what the group of {listed[0]} is"
    assert len(allowed) == len(set(allowed))
    written = {_small(part) for word in words for part in (word, *word.split("-"))}
    assert not {word for word in allowed if _small(word) not in written}, "nobody writes these"


def _words(sentence: sentences.Sentence) -> list[str]:
    return _WORD.findall(_NOT_WORDS.sub(" ", sentence.text))


def _small(word: str) -> str:
    """As it is written inside a sentence."""
    return word[:1].lower() + word[1:]


def _unknown(words: set[str]) -> set[str]:
    """Those that the dictionary knows neither as they are nor part by part."""
    asked = "\n".join(sorted(words))
    told = set(_hunspell(asked).splitlines())
    return {word for word in words if word in told or told & set(word.split("-"))}


def _hunspell(text: str) -> str:
    command = ["hunspell", "-d", DICTIONARY, "-i", "utf-8", "-l"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def _need_hunspell() -> None:
    try:
        assert shutil.which("hunspell")
        _ = _hunspell("")
    except (AssertionError, subprocess.CalledProcessError):
        missing = "hunspell and its Swedish words are not installed (Debian: hunspell hunspell-sv)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
