"""What no server's log may hold: a secret that somebody typed or was handed, or a traceback."""

from __future__ import annotations

import re

_FEWEST = 4  # characters: what is shorter is no secret but a slip
_LONG = 8  # characters: found anywhere; what is shorter counts where it stands alone
# Process ids and durations are numbers that may be anybody's.
_NUMBERS = re.compile(r"server process \[\d+\]|\bms=[\d.]+")


def secrets(text: str, known: set[str]) -> set[str]:
    """Those of the known secrets that stand in the log."""
    text = _NUMBERS.sub("", text)
    words = set(re.findall(r"[^\s'\"=,;\[\](){}]+", text))
    return {
        secret
        for secret in known
        if len(secret) >= _FEWEST and secret in (words if len(secret) < _LONG else text)
    }


def tracebacks(text: str) -> list[str]:
    """What went wrong, with the lines around it."""
    starts = [found.start() for found in re.finditer("Traceback", text)]
    return [text[max(0, at - 300) : at + 3000] for at in starts]
