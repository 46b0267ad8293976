"""Which browser is driven: the one that is asked for, else the machine's."""

from __future__ import annotations

import os
import shutil

_WITH_A_WINDOW = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_WITHOUT = "chromium-headless-shell"  # takes two thirds of the time


def path(*, headed: bool = False) -> str | None:
    """None: Playwright's own; it says itself how to get that. `headed`: somebody watches."""
    named = os.environ.get("CHROMIUM_PATH", "")
    if named and not (headed and named.endswith(_WITHOUT)):
        return named
    names = _WITH_A_WINDOW if headed else (_WITHOUT, *_WITH_A_WINDOW)
    return next(filter(None, map(shutil.which, names)), None)
