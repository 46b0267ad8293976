"""How texts are found and sorted, with å, ä and ö as Swedes expect, on both databases alike.

SQLite folds and sorts ASCII only, PostgreSQL as its collation says. So what is searched and sorted
is stored folded, in characters about which all of them agree.
"""

from __future__ import annotations

import unicodedata

SORT_KEY_LENGTH = 120
# Letters of their own in Swedish: å is no a. Their Danish and Norwegian sisters sort beside them.
_OWN = {"å": "å", "ä": "ä", "ö": "ö", "æ": "ä", "ø": "ö"}
_OTHERS = {"ß": "ss", "ð": "d", "þ": "th", "ł": "l", "đ": "d", "œ": "oe"}
# å, ä, ö come last, in this order. Only digits and small letters stand in a key: collations weigh
# everything else as they like.
_SORTED = str.maketrans(
    {"z": "z0", "å": "z1", "ä": "z2", "ö": "z3", " ": "0"} | {d: f"1{d}" for d in "0123456789"}
)


class _Letters(dict[int, str]):
    """Folds character by character, as `str.translate` does: an import has a million names."""

    def __missing__(self, code: int) -> str:
        char = chr(code)  # not kept: whoever searches can write all there are
        if folded := _OWN.get(char) or _OTHERS.get(char):
            return folded
        if char.isalnum():
            return "".join(c for c in unicodedata.normalize("NFD", char) if c.isalnum())
        return " "


_EUROPEAN = range(0x250)
_LETTERS = _Letters({code: _Letters()[code] for code in _EUROPEAN})


def search_key(*texts: str) -> str:
    """The words of all the texts, folded and apart by one space: what `words` are looked up in."""
    return " ".join(_folded(" ".join(texts)).split())


def words(asked: str) -> list[str]:
    """What somebody searches for, word by word; a number, however it is written, is one word."""
    found = _folded(asked).split()
    if found and all(word.isdecimal() for word in found):
        return ["".join(found)]
    return found


def sort_key(text: str) -> str:
    """Compared by any collation, two keys are in the order of a Swedish register."""
    key = " ".join(_folded(text, u_for_y=True).split()).translate(_SORTED)
    return key.encode("ascii", "ignore").decode()[:SORT_KEY_LENGTH]


def _folded(text: str, *, u_for_y: bool = False) -> str:
    """Small letters and digits; é as e, ü as u (in a register it stands among the y)."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return (text.replace("ü", "y") if u_for_y else text).translate(_LETTERS)
