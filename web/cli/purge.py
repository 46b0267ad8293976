"""`minasidor purge`: what the portal does each night, now."""

from __future__ import annotations

import argparse
import asyncio

from models import closing, retention
from web.cli.database import opened
from web.cli.output import period, table
from web.settings import Settings


def purge(settings: Settings, options: argparse.Namespace) -> int:
    """Delete what was kept for as long as it may be; the portal does so itself each night."""

    async def work() -> int:
        async with opened(settings):
            counts = await retention.purge(dry_run=options.dry_run)
            kept = {one.name: one.keep for one in retention.PERIODS}
            kept["closed_users"] = closing.UNDO_FOR
            rows = [
                (name.replace("_", " "), count, period(kept[name]) if kept[name] else "")
                for name, count in counts.items()
            ]
            column = "TO BE DELETED" if options.dry_run else "DELETED"
            print(table(("WHAT RAN OUT", column, "KEPT FOR"), rows))
        return 0

    return asyncio.run(work())
