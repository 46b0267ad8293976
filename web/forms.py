"""A form is a dataclass: its fields, what the visitor wrote in them, and what was wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from starlette.exceptions import HTTPException
from starlette.requests import Request

from models.user import email_key
from web import made_for

_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@[^\s@,;:<>()\[\]\"\\.]+(\.[^\s@,;:<>()\[\]\"\\.]+)+")


def text(longest: int) -> Any:
    """A field of at most this many characters, trimmed."""
    return field(default="", metadata={"longest": longest})


def secret(longest: int) -> Any:
    """The same for a code, or digits that prove something: never kept, never shown again."""
    return field(default="", metadata={"longest": longest, "secret": True})


def printed(longest: int) -> Any:
    """The same as `text`, where a name comes from a device: what does not print is dropped."""
    return field(default="", metadata={"longest": longest, "printed": True})


def password(longest: int = 1000) -> Any:
    """A field whose value is taken to the letter and never shown again."""
    return field(default="", metadata={"longest": longest, "secret": True, "untouched": True})


@dataclass
class Form:
    """Base of all forms. A field of the request that is not declared is not read (ASVS 15.3.3)."""

    errors: dict[str, str] = field(default_factory=dict, init=False)
    error: str = field(default="", init=False)

    @classmethod
    async def read(cls, request: Request) -> Self:
        """What was sent. Raises 400 when a field was sent twice (ASVS 15.3.7), and 409 when it
        stood on the page of somebody else than who is signed in now."""
        sent = await request.form()
        if len(sent.multi_items()) != len(sent):
            raise HTTPException(400)
        made_for.check(request, sent)
        return cls.of({name: str(value) for name, value in sent.items()})

    @classmethod
    def of(cls, sent: Mapping[str, str]) -> Self:
        """With these values, however they came here; a field that is left out is empty."""
        declared = {f.name: f.metadata for f in fields(cls) if f.init}
        return cls(**{name: _taken(sent.get(name, ""), how) for name, how in declared.items()})

    def is_valid(self) -> bool:
        for f in fields(self):
            if f.init and (sentence := _unreadable(self[f.name], f.metadata)):
                self.errors[f.name] = sentence
                setattr(self, f.name, _without_controls(self[f.name]))
        if not self.errors:
            self.validate()
        return not self.failed

    def validate(self) -> None:
        """Fill `errors` with one Swedish sentence per field that must change."""

    @property
    def fits(self) -> bool:
        """Whether every field is short enough and printable, so that it can be kept as typed."""
        return not any(_unreadable(self[f.name], f.metadata) for f in fields(self) if f.init)

    @property
    def typed(self) -> dict[str, str]:
        """What may be shown again, field by field: no password, no code, and only what prints."""
        shown = (f.name for f in fields(self) if f.init and not f.metadata.get("secret"))
        return {name: _without_controls(self[name]) for name in shown}

    @property
    def failed(self) -> bool:
        return bool(self.errors or self.error)

    def __getitem__(self, name: str) -> str:
        value: str = getattr(self, name)
        return value


def printable(value: str) -> str:
    """What of it prints, on one line."""
    return _taken(value, {"printed": True})


def _taken(value: str, metadata: Any) -> str:
    if metadata.get("untouched"):
        return value
    if metadata.get("printed"):
        value = _without_controls(" ".join(value.split()))  # on one line
    # Invisible characters come along when copying, and make two addresses look alike.
    return "".join(c for c in value if unicodedata.category(c) != "Cf").strip()


def _unreadable(value: str, metadata: Any) -> str:
    if value != _without_controls(value):
        return "Ta bort tecken som inte går att skriva ut."
    longest = metadata.get("longest", 1000)
    return f"Skriv högst {longest} tecken." if len(value) > longest else ""


def _without_controls(value: str) -> str:
    # PostgreSQL refuses NUL, HTML most of the others, and none of them is typed by anybody.
    return "".join(c for c in value if unicodedata.category(c) not in ("Cc", "Cs"))


def email_error(email: str) -> str:
    """What is wrong with the address, as a Swedish sentence; empty if nothing is."""
    if not email:
        return "Ange din e-postadress."
    local, _, domain = email.rpartition("@")
    # "=?" would be read as an encoded word in a mail's header (RFC 2047).
    if (
        not _EMAIL.fullmatch(email)
        or not local.isascii()
        or "=?" in local
        or not _is_domain(domain)
    ):
        return "Ange e-postadressen i formatet namn@exempel.se."
    if len(email_key(email)) > 254:  # folded, some letters become two or three
        return "Skriv högst 254 tecken."
    return ""


def _is_domain(domain: str) -> bool:
    try:
        return bool(domain.encode("idna"))
    except UnicodeError:
        return False
