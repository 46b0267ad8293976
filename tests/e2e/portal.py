"""A portal of the tests' own: a real server process, its database and its people."""

from __future__ import annotations

import os
import secrets
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

from tests.e2e.people import Citizen, Customer, Member, Person, citizens, customers, people
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
_RUN = "import sys; from web.cli import main; sys.exit(main(['run']))"
_PATIENCE = 30.0  # seconds for the server to come up


class Process(Protocol):
    """What a portal does with its server's process."""

    def poll(self) -> int | None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class Portal:
    def __init__(
        self,
        folder: Path,
        *,
        root: Path = ROOT,
        base_url: str = "",
        unclaimed: int = 5,
        users: int = 0,
        live_reload: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`root`: where the server's code, templates and static files are; a copy may be changed.

        `settings`: further ones, by the names of the environment variables.
        """
        self.root = root
        self.port = free_port()
        self.address = f"http://localhost:{self.port}"
        self.base_url = base_url or self.address
        self.database = folder / "portal.sqlite3"
        self.log = folder / "server.log"
        self._env = {
            **{name: value for name, value in os.environ.items() if "MINASIDOR_" not in name},
            "MINASIDOR_PORT": str(self.port),
            "MINASIDOR_BASE_URL": self.base_url,
            "MINASIDOR_DATABASE_URL": f"sqlite://{self.database}",
            "MINASIDOR_SECRET_KEYS": secrets.token_urlsafe(33),
            "MINASIDOR_PEPPER": secrets.token_urlsafe(33),
            # Each visitor comes from an address of their own, so that none meets another's limits.
            "MINASIDOR_TRUSTED_PROXIES": "127.0.0.1",
            "MINASIDOR_LIVE_RELOAD": str(live_reload).lower(),
            **(settings or {}),
        }
        self._members = self._seed(unclaimed, users)
        self._customers = islice(customers(), unclaimed)
        self._people = people("ny")
        self._citizens = citizens()
        self._process: Process | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = self._launch(log)
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            assert self._process.poll() is None, f"the server exited:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it as an operator does; it must go by itself."""
        if self._process:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def kill(self) -> None:
        """SIGKILL: the process gets to do nothing more."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restore(self, database: bytes) -> None:
        """Go on with this database, as it once was; the server must be stopped."""
        for path in self.database.parent.glob(f"{self.database.name}*"):
            path.unlink()
        self.database.write_bytes(database)

    def new_customer(self) -> Customer:
        """One that nobody has claimed yet."""
        return next(self._customers)

    def new_person(self) -> Person:
        """One who has no user account yet."""
        return next(self._people)

    def new_citizen(self) -> Citizen:
        """One with a BankID whom the portal does not know."""
        return next(self._citizens)

    def member(self, *, two_factor: bool = False) -> Member:
        """A user of the database's, whom no other test has met."""
        member = next(self._members[two_factor], None)
        assert member, "there are no more: conftest.py says how many the database begins with"
        return member

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What stands in the database, read beside the server."""
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def execute(self, *statements: str) -> None:
        """Change the database behind the server's back."""
        connection = sqlite3.connect(self.database, timeout=_PATIENCE)
        try:
            with connection:
                for statement in statements:
                    connection.execute(statement)
        finally:
            connection.close()

    def is_locked(self) -> bool:
        """Whether somebody is writing at this moment."""
        connection = sqlite3.connect(self.database, timeout=0, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return True
        finally:
            connection.close()
        return False

    def _launch(self, log: IO[bytes]) -> Process:
        return subprocess.Popen(
            [sys.executable, "-c", _RUN], cwd=self.root, env=self._env, stdout=log, stderr=log
        )

    def _seed(self, unclaimed: int, users: int) -> dict[bool, Iterator[Member]]:
        command: Sequence[str] = (sys.executable, "-m", "tests.e2e.seed")
        done = subprocess.run(
            [*command, str(unclaimed), str(users)],
            cwd=ROOT,
            env=self._env,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        made = [Member.from_json(line) for line in done.stdout.splitlines() if line[:1] == "{"]
        return {on: iter([m for m in made if bool(m.secret) is on]) for on in (False, True)}

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                return True
        except OSError:
            return False
