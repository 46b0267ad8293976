"""The portal's style sheets: which there are, in which order, and all of them joined into one."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from web.settings import ROOT

# In `static/css/`. Pages link what they make together; with live reload each, by its own name.
SHEETS = (
    *("tokens", "reset", "base", "layout"),
    *("components/header", "components/footer", "components/hero", "components/card"),
    *("components/button", "components/field", "components/error-summary", "components/notice"),
    *("components/tabs", "components/sections", "components/choices", "components/wizard"),
    *("components/enrolment", "components/bankid", "components/install"),
    "utilities",
)
_FILES = tuple(ROOT / "static" / "css" / f"{name}.css" for name in SHEETS)


@dataclass(frozen=True)
class _Joined:
    text: str
    digest: str


async def answer(request: Request) -> Response:
    """/static/css/portal.css: one request for all of them."""
    return Response(joined(), media_type="text/css")


def joined() -> str:
    """All sheets as they are now, one behind the other."""
    return _now().text


def digest() -> str:
    """The hash that their address carries: browsers may keep it for ever."""
    return _now().digest


def _now() -> _Joined:
    return _read(tuple(os.stat(file).st_mtime_ns for file in _FILES))


@lru_cache(maxsize=1)
def _read(_changed: tuple[int, ...]) -> _Joined:
    text = "".join(file.read_text() for file in _FILES)
    return _Joined(text, hashlib.sha256(text.encode()).hexdigest()[:10])
