"""The only hashing of passwords, and what makes a password too easy to guess."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

LONGEST = 128
# Code points that the guess estimate reads; its time grows fast with length (measured).
_WEIGHED = 64
_LOOKALIKES = frozenset("@({[<!|$+%")  # the signs that zxcvbn takes for letters
_MOST_LOOKALIKES = 2  # different ones; each more multiplies the time
_TOO_FEW_GUESSES = 3  # zxcvbn's score: below 3 means under 10^8 guesses
_CONTEXT_WORDS = ("prezero", "minasidor", "kundnummer", "kundnr")
_LEGAL_FORMS = {
    "aktiebolag",
    "handelsbolag",
    "kommanditbolag",
    "publ",
    "ekonomisk",
    "förening",
    "firma",
    "enskild",
}

_T = TypeVar("_T")

# OWASP Password Storage Cheat Sheet: m=19 MiB, t=2, p=1.
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)

# About 4 s of waiting on the slowest machine tried; past that a clear "try again" is kinder.
MOST_WAITING = 160
_waiting = 0


class Busy(Exception):
    """So many passwords wait to be checked that another would wait too long: answer 503."""


async def hashed(password: str) -> str:
    """The Argon2id hash to keep. Raises Busy."""
    return await _in_thread(partial(_hasher.hash, _normal(password)))


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether this is the password. Raises Busy.

    Takes as long for None (nobody by that name), and for "" (a user who has no password).
    """
    return await _in_thread(
        partial(_matches, password_hash or _dummy(), _normal(password))
    ) and bool(password_hash)


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with older parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


async def is_guessable(password: str, *, email: str, names: tuple[str, ...]) -> bool:
    """Whether the password is common, a pattern, or holds the address, a company name or ours.

    Words count from four letters (ASVS 6.1.2, 6.2.4, 6.2.11, 6.2.12).
    """
    # Not in the hash thread: Python code that steps back would hold the interpreter while it waits.
    return await asyncio.to_thread(_is_guessable, password, email, names)


def _is_guessable(password: str, email: str, names: tuple[str, ...]) -> bool:
    folded = _normal(password).casefold()
    words = {
        *_CONTEXT_WORDS,
        *_words(email.partition("@")[0]),
        *(w for n in names for w in _words(n)),
    }
    if any(word in folded for word in words):
        return True
    return int(zxcvbn(_weighed(folded), max_length=_WEIGHED)["score"]) < _TOO_FEW_GUESSES


def _weighed(folded: str) -> str:
    """What the guess estimate reads: it tries every reading of "p@55w0rd", 4 s with all of them."""
    kept: set[str] = set()
    text = ""
    for character in folded[:_WEIGHED]:
        if character in _LOOKALIKES and len(kept) < _MOST_LOOKALIKES:
            kept.add(character)
        text += "~" if character in _LOOKALIKES - kept else character
    return text


def _words(text: str) -> set[str]:
    folded = unicodedata.normalize("NFC", text).casefold()
    words = {word for word in re.findall(r"\w+", folded) if len(word) >= 4}
    whole = re.sub(r"\W+", "", folded)
    return (words | ({whole} if len(whole) >= 4 else set())) - _LEGAL_FORMS


def _normal(password: str) -> str:
    # A Mac may send å as a + ring; the same key press must stay the same password.
    return unicodedata.normalize("NFC", password)


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _dummy() -> str:
    return _hasher.hash("nobody has this password")


async def _in_thread(work: Callable[[], _T]) -> _T:
    global _waiting
    if _waiting >= MOST_WAITING:
        raise Busy
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool(), work)
    finally:
        _waiting -= 1


@cache
def _pool() -> ThreadPoolExecutor:
    # One thread: more only take the processor from everybody else's pages (measured, bench/).
    return ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=_step_back)


def _step_back() -> None:
    if sys.platform == "linux":  # there a thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
