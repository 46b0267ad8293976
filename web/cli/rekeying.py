"""`minasidor rekey`: what a change of the keys in the settings asks of the database."""

from __future__ import annotations

import argparse
import asyncio
import sys

from models import rekeying
from web.cli.database import opened
from web.cli.output import Refused, facts, table
from web.settings import Settings


def rekey(settings: Settings, options: argparse.Namespace) -> int:
    """Encrypt everything with the newest key, so that older ones can be dropped."""
    work = _repepper if options.new_pepper else _reencrypt
    return asyncio.run(work(settings, options.operator))


async def _reencrypt(settings: Settings, operator: str) -> int:
    async with opened(settings):
        counts = await rekeying.reencrypt(operator)
    rows = [(name, c.renewed, c.newest, c.unreadable) for name, c in counts.items()]
    print(table(("WHAT", "RENEWED", "NEWEST ALREADY", "KEY MISSING"), rows))
    unreadable = sum(count.unreadable for count in counts.values())
    if unreadable:
        print(_missing(unreadable), file=sys.stderr)
        return 1
    print("Nothing needs an older key any more.")
    return 0


async def _repepper(settings: Settings, operator: str) -> int:
    async with opened(settings):
        try:
            done = await rekeying.repepper(operator)
        except rekeying.PepperInUse:
            raise Refused("this pepper is in use already; nothing was changed") from None
    print(
        facts(
            ("Customer accounts hashed anew", done.accounts),
            ("BankIDs hashed anew", done.bankids),
            ("Recovery codes forgotten", done.codes),
            ("Users told to make new ones", done.users_told),
            ("Known browsers forgotten", done.devices),
            ("Limits", "start over"),
        )
    )
    if done.unreadable:
        print(_missing(done.unreadable), file=sys.stderr)
        return 1
    return 0


def _missing(count: int) -> str:
    return (
        f"minasidor: {count} cannot be read: put the key that encrypted them back into"
        " MINASIDOR_SECRET_KEYS, last in the list, and run this again"
    )
