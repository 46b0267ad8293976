"""What a chosen password must be, wherever one is chosen."""

from __future__ import annotations

from collections.abc import Iterable

from models import passwords
from web.settings import Settings

SAME = "Välj ett annat lösenord än det du har."


async def error(chosen: str, settings: Settings, *, email: str, names: Iterable[str]) -> str:
    """What is wrong with it, as a Swedish sentence; empty if nothing is.

    `names`: of the companies that the user belongs to, which others guess first.
    """
    if not chosen:
        return "Välj ett lösenord."
    if len(chosen) > passwords.LONGEST:
        return f"Lösenordet får ha högst {passwords.LONGEST} tecken."
    if len(chosen) < settings.password_min_length:
        return f"Lösenordet ska ha minst {settings.password_min_length} tecken."
    if await passwords.is_guessable(chosen, email=email, names=tuple(names)):
        return "Lösenordet är för lätt att gissa. Välj ett annat."
    return ""
