"""The alarm for what stands between us and BankID and will not pass by itself."""

from __future__ import annotations

from models import alarms
from web.bankid.answers import BankIDError


async def ring(error: BankIDError) -> None:
    """Tell the operator, at most once an hour, if somebody has to do something about it."""
    if error.needs_alarm:
        await alarms.ring_once_an_hour(
            "BankID refuses the portal",
            f"It answered {error.code} (HTTP {error.status}), so nobody logs in with BankID. The"
            " certificate, the agreement with the bank or the address of the server is wrong;"
            " docs/operate.md, BankID.",
            kind="BankID refuses",
        )
