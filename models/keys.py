"""The installation's keys: what is encrypted at rest, hashed with a key, or signed."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = b"\x01"
_ID_SIZE = 4
_NONCE_SIZE = 12  # 96 bits: NIST SP 800-38D §8.2

_secret_keys: tuple[str, ...] = ()
_pepper: str = ""


Tampered = InvalidTag  # a value is not what was encrypted, or not in its row


class UnknownKey(Exception):
    """A value was encrypted with a key that MINASIDOR_SECRET_KEYS no longer holds."""


def use(secret_keys: tuple[str, ...], pepper: str) -> None:
    """Work with these from now on. `secret_keys` newest first: the first encrypts, all decrypt."""
    global _secret_keys, _pepper
    _secret_keys, _pepper = secret_keys, pepper
    _derived.cache_clear()


def encrypt(purpose: str, text: str, context: str) -> bytes:
    """AES-256-GCM: version | key id | nonce | ciphertext.

    `context` (say `user:7`) must be given again to decrypt, so that one row's value is of no
    use in another row.
    """
    newest = _secret_keys[0]
    nonce = secrets.token_bytes(_NONCE_SIZE)
    sealed = AESGCM(_derived(newest, purpose)).encrypt(
        nonce, text.encode(), _bound(purpose, context)
    )
    return _VERSION + _derived(newest, "id")[:_ID_SIZE] + nonce + sealed


def decrypt(purpose: str, blob: bytes, context: str) -> str:
    """The text again. Raises UnknownKey or Tampered."""
    blob = bytes(blob)
    version, key_id, rest = blob[:1], blob[1 : 1 + _ID_SIZE], blob[1 + _ID_SIZE :]
    if version != _VERSION:
        raise UnknownKey(purpose)
    nonce, sealed = rest[:_NONCE_SIZE], rest[_NONCE_SIZE:]
    for key in _secret_keys:
        if hmac.compare_digest(_derived(key, "id")[:_ID_SIZE], key_id):
            opened = AESGCM(_derived(key, purpose)).decrypt(nonce, sealed, _bound(purpose, context))
            return opened.decode()
    raise UnknownKey(purpose)


def is_of_newest(blob: bytes) -> bool:
    """Whether the value was encrypted with the key that encrypts now."""
    return bytes(blob)[: 1 + _ID_SIZE] == _VERSION + _derived(_secret_keys[0], "id")[:_ID_SIZE]


def mac(purpose: str, *values: str) -> str:
    """HMAC-SHA256 under the pepper: for values too guessable for a plain hash."""
    message = "\0".join(values).encode()
    return hmac.new(_derived(_pepper, f"mac|{purpose}"), message, hashlib.sha256).hexdigest()


def signing() -> list[bytes]:
    """The keys for itsdangerous, oldest first as it wants them; it salts per purpose itself."""
    return [_derived(key, "signing") for key in reversed(_secret_keys)]


def _bound(purpose: str, context: str) -> bytes:
    return f"{purpose}|{context}".encode()


@cache
def _derived(key: str, purpose: str) -> bytes:
    # One key per purpose (RFC 5869), so that no two uses can be played against each other.
    return HKDF(SHA256(), 32, salt=None, info=f"minasidor|{purpose}".encode()).derive(key.encode())
