"""`minasidor import-customers`: the business system's customers become customer accounts."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from models.customer_import import COLUMNS, CustomerImport
from web.cli.csv_file import CsvFile, Unreadable
from web.cli.database import opened
from web.cli.output import Misused, Refused, confirmed
from web.settings import Settings


def import_customers(settings: Settings, options: argparse.Namespace) -> int:
    """Create and update the customer accounts from a CSV file."""
    path: Path = options.file
    try:
        file = CsvFile.look_at(path, COLUMNS)
        return asyncio.run(_import(settings, options, file))
    except Unreadable as error:
        raise Refused(f"{path}: {error}") from None
    except KeyboardInterrupt:
        raise Refused(
            "stopped; no customer is half written, and the same command again does the rest"
        ) from None


async def _import(settings: Settings, options: argparse.Namespace, file: CsvFile) -> int:
    work = CustomerImport()
    try:
        async with opened(settings):
            bad_lines = _read(file, work)
            if bad_lines and not options.skip_bad:
                print(
                    f"{_lines(bad_lines)} cannot be used, so nothing was written"
                    " (--skip-bad leaves the customers of such lines as they are)",
                    file=sys.stderr,
                )
                return 1
            if not work.customers:
                raise Refused(f"{file.path}: there is no customer to import; nothing was written")
            absent = await _absent(work, options) if options.close_missing else 0
            with _bar("Writing", work.customers + absent, "customers") as bar:
                async for done in work.write(options.operator):
                    bar.update(done)
        counts = work.counts
        print(
            f"{counts.created} created, {counts.updated} updated"
            f" ({counts.reopened} of them reopened), {counts.unchanged} unchanged,"
            f" {counts.closed} closed, {work.skipped} skipped"
        )
    finally:
        work.close()
    return 0


def _read(file: CsvFile, work: CustomerImport) -> int:
    """Check every line; how many were bad, each told with its number and what is wrong."""
    bad = 0
    with _bar("Reading", file.size, "B") as bar:
        for line in file.lines(bar.update):
            if line.wrong:
                work.refuse()
            wrong = [line.wrong] if line.wrong else work.add(line.number, line.values)
            bad += bool(wrong)
            for reason in wrong:
                bar.write(f"line {line.number}: {reason}", file=sys.stderr)
    return bad


async def _absent(work: CustomerImport, options: argparse.Namespace) -> int:
    """How many accounts will be closed. Raises Refused when that is not to be."""
    if work.unreadable:
        raise Refused(
            f"--close-missing cannot tell which customers are missing: {_lines(work.unreadable)}"
            " without a readable kundnummer; nothing was written"
        )
    absent = await work.find_absent()
    print(f"{absent} open customer accounts are not in the file and will be closed")
    if absent and not options.yes:
        if not sys.stdin.isatty():
            raise Misused("nothing was written: without a terminal --close-missing needs --yes")
        if not confirmed(f"Close {absent} customer accounts?"):
            raise Refused("nothing was written")
    return absent


def _bar(what: str, total: int, unit: str) -> tqdm[Any]:
    # On a terminal only (disable=None).
    return tqdm(total=total, desc=what, unit=unit, unit_scale=unit == "B", disable=None)


def _lines(count: int) -> str:
    return f"{count} line" if count == 1 else f"{count} lines"
