"""Keys: what is encrypted opens again for its purpose and row alone, and rotation loses nothing."""

import re
import secrets
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from models import keys, tokens
from web.signing import signer

OLD, NEW = "an old key 0123456789 0123456789 abc", "a new key 0123456789 0123456789 abc"
PEPPER = "a pepper 0123456789 0123456789 abcdef"


@pytest.fixture(autouse=True)
def both_keys(use_keys: None) -> None:
    keys.use((NEW, OLD), PEPPER)


@given(text=st.text(max_size=300), context=st.text(max_size=30))
def test_opens_again(text: str, context: str) -> None:
    assert keys.decrypt("totp", keys.encrypt("totp", text, context), context) == text


@pytest.mark.parametrize(
    ("purpose", "context"), [("mail", "user:7"), ("totp", "user:8"), ("totp", "")]
)
def test_opens_for_no_other_purpose_and_no_other_row(purpose: str, context: str) -> None:
    blob = keys.encrypt("totp", "secret", "user:7")

    with pytest.raises(InvalidTag):
        keys.decrypt(purpose, blob, context)


def test_no_byte_of_it_can_be_changed_or_cut_off() -> None:
    blob = keys.encrypt("totp", "secret", "user:7")

    for at in range(len(blob)):
        for changed in (blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :], blob[:at]):
            with pytest.raises((InvalidTag, keys.UnknownKey, ValueError)):
                keys.decrypt("totp", changed, "user:7")


def test_the_same_text_never_looks_the_same() -> None:
    blobs = {keys.encrypt("totp", "secret", "user:7") for _ in range(1000)}

    assert len({blob[5:17] for blob in blobs}) == 1000, "a nonce of its own for each"
    assert len(blobs) == 1000


def test_what_it_looks_like() -> None:
    blob = keys.encrypt("totp", "secret", "user:7")

    assert blob[0] == 1, "version"
    assert len(blob) == 1 + 4 + 12 + len("secret") + 16, "key id, nonce, text, tag"
    assert b"secret" not in blob


def test_the_newest_key_encrypts_and_all_of_them_decrypt() -> None:
    keys.use((OLD,), PEPPER)
    before = keys.encrypt("totp", "secret", "user:7")
    keys.use((NEW, OLD), PEPPER)
    after = keys.encrypt("totp", "secret", "user:7")
    assert keys.decrypt("totp", before, "user:7") == "secret"
    assert before[1:5] != after[1:5], "each key has an id"

    keys.use((NEW,), PEPPER)

    assert keys.decrypt("totp", after, "user:7") == "secret"
    with pytest.raises(keys.UnknownKey):
        keys.decrypt("totp", before, "user:7")


def test_a_keyed_hash_depends_on_its_purpose_its_pepper_and_where_values_end() -> None:
    made = {
        keys.mac("device", "ab", "c"),
        keys.mac("device", "a", "bc"),
        keys.mac("device", "abc"),
        keys.mac("limit", "ab", "c"),
    }
    assert len(made) == 4
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in made)

    before = keys.mac("device", "a")
    keys.use((NEW, OLD), "another pepper 0123456789 0123456789")

    assert keys.mac("device", "a") != before


def test_the_pepper_survives_a_rotation_of_the_keys() -> None:
    before = keys.mac("organisation suffix", "100200", "3378")
    keys.use((NEW,), PEPPER)
    assert keys.mac("organisation suffix", "100200", "3378") == before


def test_a_signature_is_good_for_one_purpose_and_after_a_rotation() -> None:
    keys.use((OLD,), PEPPER)
    signed = signer("next").dumps("/kund/1")
    keys.use((NEW, OLD), PEPPER)

    assert signer("next").loads(signed) == "/kund/1"
    assert not signer("flash").loads_unsafe(signed)[0]
    keys.use((NEW,), PEPPER)
    assert not signer("next").loads_unsafe(signed)[0]


def test_signatures_are_sha_256() -> None:
    signature = signer("next").dumps("/").rpartition(".")[2]

    assert len(signature) == 43, "256 bits in base64; SHA-1 would have 27 characters"


def test_tokens_are_256_random_bits_of_the_operating_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    real = secrets.token_urlsafe

    def token_urlsafe(size: int) -> str:
        asked.append(size)
        return real(size)

    monkeypatch.setattr(secrets, "token_urlsafe", token_urlsafe)
    made = {tokens.new() for _ in range(1000)}

    assert asked == [32] * 1000
    assert len(made) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in made)


def test_digits_are_drawn_one_by_one_from_the_operating_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Any] = []

    def choice(values: Any) -> Any:
        drawn.append(values)
        return values[len(drawn) % 10]

    monkeypatch.setattr(secrets, "choice", choice)

    assert tokens.new_digits(16) == "1234567890123456"
    assert drawn == ["0123456789"] * 16
