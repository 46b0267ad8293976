"""Passwords: how they are hashed, which are refused, and how long an attacker can make it take."""

import asyncio
import os
import statistics
import threading
import time as stopwatch
import unicodedata
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from models import User, passwords
from models.client import Client, asking
from tests.unit.conftest import a_user

pytestmark = pytest.mark.anyio
REAL = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


@pytest.fixture
def real_hashing(monkeypatch: pytest.MonkeyPatch, quick_hashing: None) -> Iterator[None]:
    passwords._dummy.cache_clear()
    monkeypatch.setattr(passwords, "_hasher", REAL)
    yield
    passwords._dummy.cache_clear()


def test_the_hasher_of_the_product_is_argon2id_as_owasp_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    parameters = extract_parameters(passwords._hasher.hash("x"))

    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)
    assert (parameters.salt_len, parameters.hash_len) == (16, 32)


@pytest.mark.parametrize(
    "other", ["blå stövlar ", " blå stövlar", "Blå stövlar", "blå  stövlar", "blå stövla"]
)
async def test_every_character_counts(other: str) -> None:
    hashed = await passwords.hashed("blå stövlar")

    assert await passwords.matches(hashed, "blå stövlar")
    assert not await passwords.matches(hashed, other)


async def test_nothing_is_cut_off() -> None:
    hashed = await passwords.hashed("å" * 127 + "a")

    assert await passwords.matches(hashed, "å" * 127 + "a")
    assert not await passwords.matches(hashed, "å" * 127 + "b")


async def test_the_same_key_press_on_a_mac_is_the_same_password() -> None:
    hashed = await passwords.hashed(unicodedata.normalize("NFD", "blå stövlar"))

    assert await passwords.matches(hashed, unicodedata.normalize("NFC", "blå stövlar"))


async def test_full_width_letters_stay_other_letters() -> None:
    hashed = await passwords.hashed("stövlar")

    assert not await passwords.matches(hashed, "ｓｔövlar"), "NFC, not NFKC"


@pytest.mark.parametrize("broken", ["", "x", "$argon2id$v=19$m=8", "md5$abc"])
async def test_a_broken_hash_is_nobodys_password(broken: str) -> None:
    assert not await passwords.matches(broken, "x")


async def test_nobody_has_no_password_not_even_the_dummys() -> None:
    assert not await passwords.matches(None, "nobody has this password")


async def test_an_old_hash_is_renewed_by_the_next_right_login(db: None, real_hashing: None) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("blå stövlar i regn")
    anna = await a_user()
    await User.filter(id=anna.id).update(password_hash=old)
    anna.password_hash = old

    assert not await anna.has_password("fel")
    assert (await User.get(id=anna.id)).password_hash == old
    assert await anna.has_password("blå stövlar i regn")

    renewed = (await User.get(id=anna.id)).password_hash
    assert extract_parameters(renewed).memory_cost == 19456
    assert await passwords.matches(renewed, "blå stövlar i regn")


async def test_nobody_takes_as_long_as_a_wrong_password(real_hashing: None) -> None:
    hashed = await passwords.hashed("blå stövlar i regn")
    times: dict[bool, list[float]] = {True: [], False: []}
    _ = await passwords.matches(None, "warm up")

    for turn in range(24):
        known = turn % 2 == 0
        began = stopwatch.process_time()
        assert not await passwords.matches(hashed if known else None, f"fel {turn}")
        times[known].append(stopwatch.process_time() - began)

    wrong, nobody = statistics.median(times[True]), statistics.median(times[False])
    assert abs(wrong - nobody) < 0.2 * max(wrong, nobody), f"{wrong:.4f} s and {nobody:.4f} s"


async def test_hashing_leaves_the_loop_free_and_takes_turns(real_hashing: None) -> None:
    beats, stop = 0, False

    async def beat() -> None:
        nonlocal beats
        while not stop:
            await asyncio.sleep(0.001)
            beats += 1

    heart = asyncio.create_task(beat())
    began = stopwatch.perf_counter()
    hashes = await asyncio.gather(*(passwords.hashed("x") for _ in range(8)))
    took = stopwatch.perf_counter() - began
    stop = True
    await heart

    assert len(set(hashes)) == 8, "a salt of its own for each"
    assert beats > took / 0.001 * 0.2
    assert sum(thread.name.startswith("passwords") for thread in threading.enumerate()) == 1


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="no priorities here")
async def test_the_hashing_thread_steps_back_for_everybody_elses_pages() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await passwords._line.do(priority) == 19
    assert priority() < 19


async def test_too_many_who_wait_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MOST_WAITING", 5)

    got = await asyncio.gather(*(passwords.hashed("x") for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(one, passwords.Busy) for one in got) == 15
    assert await passwords.hashed("x"), "and afterwards it works again"
    assert not any(passwords._line.waiting.values())


async def test_a_queue_that_is_left_is_no_longer_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MOST_WAITING", 5)
    waiting = [asyncio.create_task(passwords.hashed("x")) for _ in range(5)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert await passwords.hashed("x")


async def test_browsers_and_the_app_take_turns() -> None:
    done: list[str] = []

    async def wait_for(name: str, *, is_app: bool) -> None:
        token = asking.set(Client(is_app=is_app))
        await passwords._line.do(lambda: done.append(name))
        asking.reset(token)

    async def everybody() -> None:
        browsers = [wait_for(f"browser {n}", is_app=False) for n in range(6)]
        await asyncio.gather(
            *browsers, wait_for("app 0", is_app=True), wait_for("app 1", is_app=True)
        )

    held = threading.Event()
    first = asyncio.create_task(passwords._line.do(held.wait))
    waiting = asyncio.create_task(everybody())
    await asyncio.sleep(0.05)
    held.set()
    await asyncio.gather(first, waiting)

    assert [name for name in done if name.startswith("app")] == ["app 0", "app 1"]
    assert done.index("app 0") <= 1, "one password of theirs at most is before it"
    assert done.index("app 1") <= 3


async def test_a_flood_of_browsers_leaves_the_app_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "MOST_WAITING", 5)
    flood = [asyncio.create_task(passwords.hashed("x")) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(passwords.Busy):
        await passwords.hashed("x")
    token = asking.set(Client(is_app=True))

    assert await passwords.hashed("x")

    asking.reset(token)
    await asyncio.gather(*flood)


async def guessable(password: str) -> bool:
    names = ("Norrsken Hotell & Konferens AB", "Åkeri Öst i Kalmar aktiebolag")
    return await passwords.is_guessable(password, email="anna.berg@exempel.se", names=names)


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password12345",
        "p@ssw0rd1234",
        "qwertyuiop123",
        "qwerty123456",
        "asdfghjkl123",
        "123456789012",
        "abcdefghijklm",
        "aaaaaaaaaaaaa",
        "abcabcabcabc",
        "111122223333",
        "iloveyou1234",
        "letmeinletmein",
        "2026-11-22",
    ],
    ids=lambda password: password[:10],
)
async def test_common_passwords_and_patterns_are_guessable(password: str) -> None:
    assert await guessable(password)


@pytest.mark.parametrize(
    "password",
    [
        "7x anna.berg kq2v",
        "7x AnnaBerg kq2vz",
        "7x norrsken kq2vz",
        "7x HOTELL kq2vz0 w",
        "7x konferens kq2vz",
        "7x Kalmar kq2vz0w",
        "7x minasidor kq2vz",
        "7x PreZero kq2vz0",
        "7x kundnummer kq2v",
        "7x kundnr kq2vz0w",
        "7x åkeri kq2vz0w1",
    ],
)
async def test_what_everybody_knows_of_the_user_is_guessable(password: str) -> None:
    assert await guessable(password)


@pytest.mark.parametrize(
    "password",
    [
        "blå stövlar i regn",
        "gul-tunna-vid-grinden",
        "correct horse battery staple",
        "7x aktiebolag kq2vz",
        "kq2vz0w17xhb",
        "ÅÄÖåäö kråka vid sjön",
        "🐟🐟 sill och potatis",
        "sjöko äter äpple",
    ],
)
async def test_good_ones_are_not(password: str) -> None:
    assert not await guessable(password)


ADVERSARIAL = {
    "every lookalike": "$&24#(0|$4<50{6/224(|%55!&41//0&0|&&/2%3|7<%9|4@73{/(@7[<[#%[9+2",
    "lookalikes in turn": "4@8({[<369&#!1/|\\0$5+7%2" * 6,
    "lookalikes and letters": "aAbBcC4@8({[<369&#!1/|\\0$5+7%2zZ" * 4,
    "i and l": "o1wIxjkIijjtI7oczIiitmltrwI!|kisbibihgrgLemrLymiiuf1thyoql|ilIid",
    "random": "7tzqk3mxw0vjf9ypd5hgn1bs8cl2r4e6ua" * 4,
    "dates": "1.1.11" * 21,
    "keyboard": "qwertyuiop" * 12,
    "repeats": "ab" * 64,
    "å": "å" * 128,
    "folds to more": "ﬃ" * 128,
}


@pytest.mark.parametrize("password", ADVERSARIAL.values(), ids=ADVERSARIAL)
async def test_no_password_takes_long_to_weigh(password: str) -> None:
    # Without a bound one password held the only hashing thread, and with it every login, for 4 s.
    assert len(password[:128]) <= passwords.LONGEST
    _ = await guessable("warm up the dictionaries")
    began = stopwatch.process_time()

    _ = await guessable(password[:128])

    assert stopwatch.process_time() - began < 0.5
