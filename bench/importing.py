"""`python -m bench.importing`: what an import takes, and how long the portal waits for it."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.processes import SETTINGS, Process, postgresql, say
from models.customer_import import COLUMNS
from models.databases import SQLITE, migrations

_TOWNS = ("Stockholm", "Göteborg", "Malmö", "Östersund", "Älvsbyn", "Luleå", "Växjö", "Åmål")
_EVERY = 0.02  # seconds between the writes of the portal that is played


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the import ends too
    with tempfile.TemporaryDirectory(prefix="minasidor-bench-") as name:
        folder = Path(name)
        say(f"writing the exports of {options.customers} customers")
        new, changed = folder / "new.csv", folder / "changed.csv"
        _export(new, options.customers, "AB")
        _export(changed, options.customers, "HB")
        steps = (("all new", new), ("the same again", new), ("all names changed", changed))
        _measure(folder, f"sqlite://{folder / 'register.sqlite3'}", steps)
        with postgresql("register") as urls:
            for url in urls:
                _measure(folder, url, steps)
    return 0


def _measure(folder: Path, url: str, steps: tuple[tuple[str, Path], ...]) -> None:
    asyncio.run(migrations.migrate(url))
    name = url.partition(":")[0]
    for what, path in steps:
        with _portal(url) as waits:
            seconds, processor, memory = _import(folder, url, path)
        waited = f"; the portal waited {max(waits):.2f} s at most" if waits else ""
        print(
            f"{name:<8} {what:<17} {seconds:5.0f} s, CPU {processor:4.0f} s,"
            f" at most {memory:.0f} MB{waited}",
            flush=True,
        )


def _import(folder: Path, url: str, path: Path) -> tuple[float, float, float]:
    """Seconds, seconds of the import's own processor time, and the most memory in megabytes."""
    command = (
        f"import sys; from web.cli import main; sys.exit(main(['import-customers', '{path}']))"
    )
    env = {**SETTINGS, "MINASIDOR_DATABASE_URL": url}
    started, processor, memory = time.monotonic(), 0.0, 0.0
    with Process("-c", command, env=env, log=folder / "import.log") as importing:
        while importing.popen.poll() is None:
            with suppress(OSError, StopIteration):  # it ended meanwhile
                processor, memory = importing.cpu, importing.memory("VmHWM")
            time.sleep(0.05)
        if importing.popen.returncode:
            raise SystemExit(f"The import failed: {importing.log.read_text()[-2000:]}")
    return time.monotonic() - started, processor, memory


@contextmanager
def _portal(url: str) -> Iterator[list[float]]:
    """On SQLite, somebody who writes to the same file meanwhile: how long each write took.

    One that waits as long as the portal would is refused, as the portal's is.
    """
    waits: list[float] = []
    over = threading.Event()

    def write() -> None:
        patience = int(str(SQLITE["busy_timeout"])) / 1000
        connection = sqlite3.connect(url.removeprefix("sqlite://"), patience, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        while not over.wait(_EVERY):
            started = time.monotonic()
            try:
                connection.execute(
                    "INSERT INTO switches VALUES ('bench', 1, '') ON CONFLICT DO NOTHING"
                )
            except sqlite3.OperationalError:
                say(f"a write was refused after {time.monotonic() - started:.2f} s")
            waits.append(time.monotonic() - started)
        connection.close()

    thread = threading.Thread(target=write)
    if url.startswith("sqlite:"):
        thread.start()
    try:
        yield waits
    finally:
        over.set()
        if thread.is_alive():
            thread.join()


def _export(path: Path, customers: int, legal_form: str) -> None:
    """As a business system writes it: a fifth are sole traders, a fourth have two addresses."""
    with path.open("w", encoding="utf-8") as file:
        file.write(";".join(COLUMNS) + "\n")
        for n in range(customers):
            if n % 5:
                number = _checked(f"55{2 + n % 8}{n % 1_000_000:06}")
            else:
                number = _checked(f"{40 + n % 50}{1 + n % 12:02}{1 + n % 28:02}{n % 1000:03}")
            for place in range(1 if n % 4 else 2):
                town = _TOWNS[(n + place) % len(_TOWNS)]
                address = f"Exempelgatan {place + 1};{11111 + n % 80_000};{town}"
                file.write(
                    f"{10_000_000 + n};{number};Exempelföretaget {n} {legal_form};"
                    f"kontakt{n}@foretag.example;{address}\n"
                )


def _checked(digits: str) -> str:
    """The nine digits with their check digit (Luhn)."""
    doubled = [int(digit) * (2 - index % 2) for index, digit in enumerate(digits)]
    return digits + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.importing", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
