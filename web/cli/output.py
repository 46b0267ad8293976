"""What commands share: plain-text tables, moments, and the way to say no."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from models.databases import moment

STOCKHOLM = ZoneInfo("Europe/Stockholm")


class Refused(Exception):
    """The command cannot do that; the message is one clear line."""


class Misused(Refused):
    """The options do not say what is wanted."""


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns under their names; the last one may be as long as it likes."""
    lines = [[_shown(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def facts(*pairs: tuple[str, object]) -> str:
    """One fact a line, the values below each other."""
    width = max(len(name) for name, _ in pairs) + 2
    return "\n".join(f"{name + ':':<{width}}{_shown(value)}" for name, value in pairs)


def local(value: datetime | str) -> str:
    """A moment as the customer on the phone would say it: Swedish time."""
    return f"{moment(value).astimezone(STOCKHOLM):%Y-%m-%d %H:%M %Z}"


def period(length: timedelta) -> str:
    """In the largest unit that is whole: '14 days', '1 hour'."""
    seconds = int(length.total_seconds())
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit if count > 1 else unit[:-1]}"
    return f"{seconds} seconds"


def confirmed(question: str) -> bool:
    """Whether the operator at the terminal says yes."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold() in ("y", "yes")


def _shown(cell: object) -> str:
    if isinstance(cell, datetime):
        return local(cell)
    text = "-" if cell in (None, "") else str(cell)
    # What a customer typed must not steer the operator's terminal.
    return "".join(c if unicodedata.category(c)[0] != "C" else "\ufffd" for c in text)


def _width(text: str) -> int:
    return sum(not unicodedata.combining(c) for c in text)
