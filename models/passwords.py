"""The only hashing of passwords, and what makes a password too easy to guess."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
import unicodedata
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from models.client import asking

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

# Behind either door, the browsers' and the app's. About 4 s of waiting on the slowest machine tried
# while nobody waits behind the other; past that a clear "try again" is kinder.
MOST_WAITING = 160


class Busy(Exception):
    """So many passwords wait to be checked that another would wait too long: answer 503."""


async def hashed(password: str) -> str:
    """The Argon2id hash to keep. Raises Busy."""
    return await _line.do(partial(_hasher.hash, _normal(password)))


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether this is the password. Raises Busy.

    Takes as long for None (nobody by that name), and for "" (a user who has no password).
    """
    return await _line.do(partial(_matches, password_hash or _dummy(), _normal(password))) and bool(
        password_hash
    )


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


class _Line:
    """The passwords that wait to be checked, behind two doors that take turns.

    A flood of logins at the one, which no limit meets if it comes from everywhere, does not hold
    up the other: there one waits for a single password of theirs.
    """

    def __init__(self) -> None:
        self._doors: dict[bool, deque[Callable[[], None]]] = {False: deque(), True: deque()}
        self._last = False  # which door the last one came from
        self.waiting = {False: 0, True: 0}

    async def do(self, work: Callable[[], _T]) -> _T:
        """Its result, in turn. Raises Busy."""
        door = asking.get().is_app
        if self.waiting[door] >= MOST_WAITING:
            raise Busy
        self.waiting[door] += 1
        future: Future[_T] = Future()
        self._doors[door].append(partial(_settle, future, work))
        _pool().submit(self._do_next)
        try:
            return await asyncio.wrap_future(future)
        finally:
            self.waiting[door] -= 1

    def _do_next(self) -> None:
        # In the one thread. There is one of these for each that waits, so that one is found.
        door = not self._last if self._doors[not self._last] else self._last
        self._last = door
        self._doors[door].popleft()()


def _settle(future: Future[_T], work: Callable[[], _T]) -> None:
    if not future.set_running_or_notify_cancel():
        return  # whoever asked is gone
    try:
        future.set_result(work())
    except Exception as error:
        future.set_exception(error)


_line = _Line()


@cache
def _pool() -> ThreadPoolExecutor:
    # One thread: more only take the processor from everybody else's pages (measured, bench/).
    return ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=_step_back)


def _step_back() -> None:
    if sys.platform == "linux":  # there a thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
