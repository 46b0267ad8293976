"""The one place that makes secrets. The clear text leaves once; the hash is what we keep."""

import hashlib
import secrets


def new() -> str:
    """256 random bits, safe in a URL (ASVS 6.5.2 asks for 112, 7.2.3 for 128)."""
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """What the database keeps of a token. Plain SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_digits(count: int) -> str:
    """`count` random digits, each as likely as the next."""
    return "".join(secrets.choice("0123456789") for _ in range(count))
