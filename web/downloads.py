"""Files that are handed over: they are saved, never shown as a page of the portal."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterable, Sequence
from functools import cache

from starlette.responses import Response

from web.middleware.headers import CONTENT_SECURITY_POLICY

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def turn() -> asyncio.Semaphore:
    """One file is made at a time: a crowd of them, of ten thousand rows each, stops all pages."""
    return _turn_of(asyncio.get_running_loop())


def download(content: str, name: str, media_type: str) -> Response:
    """The file, which no cache keeps. If a browser shows it all the same, it can do nothing there
    (ASVS 3.2.1): whatever stands in it is of no origin and runs no script."""
    return Response(
        content,
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; sandbox",
            "Cache-Control": "no-store",
        },
    )


def csv_file(rows: Iterable[Sequence[str]], name: str) -> Response:
    """A table as a Swedish Excel opens it: semicolons, and a mark that says UTF-8."""
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([_cell(value) for value in row] for row in rows)
    return download(f"\ufeff{text.getvalue()}", name, "text/csv; charset=utf-8")


def _cell(text: str) -> str:
    # What begins like a formula would be one, made by whoever wrote the text (ASVS 1.2.10).
    return f"'{text}" if text.startswith(_FORMULAS) else text


@cache
def _turn_of(loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
    return asyncio.Semaphore(1)
