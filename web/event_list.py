"""What the lists of events have in common: a user's own and a customer account's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from web.rendering import STOCKHOLM

MOST_IN_FILE = 10_000


@dataclass(frozen=True)
class Line:
    """One event as `events/_list.html` shows it."""

    at: datetime
    sentence: str
    address: str = ""


def day_and_time(at: datetime) -> tuple[str, str]:
    """The first two columns of a file, in Swedish time."""
    local = at.astimezone(STOCKHOLM)
    return f"{local:%Y-%m-%d}", f"{local:%H:%M:%S}"
