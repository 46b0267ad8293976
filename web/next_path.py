"""Where to go after login: a path on this site, signed on its way through the browser."""

from __future__ import annotations

import re

from itsdangerous import BadSignature

from web.signing import signer

_LIFETIME = 24 * 3600  # seconds: a login page may stay open over a day's work
_LONGEST = 500


def is_safe(path: str) -> bool:
    """A path on this site: not //host, /\\host, a scheme; printable ASCII."""
    return (
        len(path) <= _LONGEST
        and re.match(r"/(?![/\\])", path) is not None
        and not re.search(r"[^\x21-\x7e]|\\", path)
        and not re.match(r"/(?:%2f|%5c|%09|%0a|%0d)", path, re.IGNORECASE)
    )


def sign(path: str) -> str:
    return signer("next").dumps(path) if is_safe(path) else ""


def read(signed: str) -> str:
    """The path, or '' when it was not signed by us, is too old or leads elsewhere."""
    try:
        path = signer("next").loads(signed, max_age=_LIFETIME)
    except BadSignature:
        return ""
    return path if isinstance(path, str) and is_safe(path) else ""


def kept(signed: str) -> str:
    """As it came if it leads somewhere, else ''."""
    return signed if read(signed) else ""
