"""`make bench`: all measurements in one run, as a table of ratios against their targets."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import bare, data, measures
from bench.measures import Row
from bench.processes import Server, Stage, postgresql, say

_BUILT_FOR_THIS_MACHINE = "-O3 -march=native"
_WHEEL = "argon2-cffi from its wheel"


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end too
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="minasidor-bench-") as folder:
        for row in _rows(Path(folder), options):
            rows.append(row)
            print(_line(row), flush=True)
    missed = [row for row in rows if not row.holds]
    print(f"\n{len(rows) - len(missed)} of {len(rows)} hold.")
    return 1 if missed else 0


def _rows(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    many, few, rounds = options.customers, bare.ACCOUNTS, options.rounds
    if options.app:
        with Stage(folder) as stage:
            portal = stage.portal(_sqlite(folder / "few.sqlite3", few))
            yield _app_login_in_flood(portal, stage, options.floods, _WHEEL)
        return
    with Stage(folder) as stage:
        say(f"filling a database with {few} customers")
        portal = stage.portal(_sqlite(folder / "few.sqlite3", few))
        plain, worker, second = stage.bare(), stage.worker(), stage.worker()
        yield _memory("before", portal, 90.0)
        yield measures.generator(plain, worker, second)
        yield from measures.pages_against_bare(portal, plain, worker, rounds)
        yield measures.one_login(portal, worker, stage.worker(), rounds)
        yield from measures.weight(portal, worker)
        yield from measures.flood(portal, worker, second, stage.worker(), options.floods, _WHEEL)
        yield _app_login_in_flood(portal, stage, options.floods, _WHEEL)
        say(f"filling a database with {many} customers")
        url = _sqlite(folder / "many.sqlite3", many)
        large = stage.portal(url)
        yield from measures.size_of_the_customer_base(
            large, portal, worker, rounds, (many, few), "SQLite"
        )
        yield from measures.byt_kund(large, worker, many, url, "SQLite")
        yield _memory("after the run", portal, 150.0)
    if built := _argon2_for_this_machine(folder):
        with Stage(folder) as stage:
            env = {"PYTHONPATH": str(built)}
            portal = stage.portal(_sqlite(folder / "native.sqlite3", few), env)
            worker, second, verifier = stage.worker(), stage.worker(), stage.worker(env)
            name = "argon2-cffi built for this machine"
            yield from measures.flood(portal, worker, second, verifier, options.floods, name)
            yield _app_login_in_flood(portal, stage, options.floods, name)
    with postgresql("many", "few") as urls, Stage(folder) as stage:
        if urls:
            say(f"filling PostgreSQL with {many} and {few} customers")
            for url, accounts in zip(urls, (many, few), strict=True):
                data.fill(url, accounts)
            large, portal = (stage.portal(url) for url in urls)
            worker = stage.worker()
            yield from measures.size_of_the_customer_base(
                large, portal, worker, rounds, (many, few), "PostgreSQL"
            )
            yield from measures.byt_kund(large, worker, many, urls[0], "PostgreSQL")


def _app_login_in_flood(portal: Server, stage: Stage, floods: int, name: str) -> Row:
    return measures.app_login_in_flood(portal, stage.worker(), stage.worker(), floods, name)


def _memory(when: str, server: Server, most: float) -> Row:
    how = f"VmRSS of the server's one process; at most so far {server.memory('VmHWM'):.0f} MB"
    return Row(f"memory of a worker, {when}", server.memory(), most, "MB", how)


def _sqlite(path: Path, accounts: int) -> str:
    url = f"sqlite://{path}"
    data.fill(url, accounts)
    return url


def _argon2_for_this_machine(folder: Path) -> Path | None:
    """A folder with argon2-cffi-bindings compiled here; None where that cannot be done."""
    if not shutil.which("cc"):
        say("no C compiler: leaving out argon2-cffi built for this machine")
        return None
    say(f'building argon2-cffi-bindings with CFLAGS="{_BUILT_FOR_THIS_MACHINE}"')
    target = folder / "native"
    command = "install -q --no-deps --no-binary argon2-cffi-bindings argon2-cffi-bindings --target"
    built = subprocess.run(  # noqa: S603 - a fixed command
        [sys.executable, "-m", "pip", *command.split(), target],
        env={**os.environ, "CFLAGS": _BUILT_FOR_THIS_MACHINE},
        capture_output=True,
        text=True,
    )
    if built.returncode:
        say("it cannot be built: " + built.stderr.strip().splitlines()[-1])
        return None
    return target


def _line(row: Row) -> str:
    sign = "≥" if row.at_least else "≤"
    seen, wanted = f"{row.seen:.2f} {row.unit}", f"{sign} {row.wanted:g} {row.unit}"
    return f"{'  ' if row.holds else '✗ '}{row.what:<88} {seen:>12} {wanted:>10}   {row.how}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000, help="of the large database")
    parser.add_argument("--rounds", type=int, default=15, help="of each comparison")
    parser.add_argument("--floods", type=int, default=3, help="how often 64 logins come at once")
    parser.add_argument("--app", action="store_true", help="only the app's login in a flood")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
