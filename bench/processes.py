"""The processes of a benchmark: servers, whose processor time and memory are read, and workers."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
HOST = "minasidor.example"
BASE_URL = f"https://{HOST}"
_TICKS = os.sysconf("SC_CLK_TCK")
_READY_IN = 30.0  # seconds

# As in production: templates are not looked after, logs are JSON, cookies have their long names.
SETTINGS = {
    "MINASIDOR_ENV": "production",
    "MINASIDOR_BASE_URL": BASE_URL,
    "MINASIDOR_SECRET_KEYS": secrets.token_urlsafe(33),
    "MINASIDOR_PEPPER": secrets.token_urlsafe(33),
    "MINASIDOR_SMTP_URL": "smtp://127.0.0.1:9",
    "MINASIDOR_TRUSTED_PROXIES": "127.0.0.1",
}


class Process:
    """A Python program of this repository that ends with its `with` block."""

    def __init__(self, *arguments: str, env: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("w") as output:
            self.popen = subprocess.Popen(  # noqa: S603 - this very Python
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**os.environ, **env},
                stdin=subprocess.PIPE,
                stdout=self._stdout(output.fileno()),
                stderr=output.fileno(),
                text=True,
            )

    def _stdout(self, log: int) -> int:
        return log

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far, all threads."""
        return _cpu(str(self.popen.pid))

    def memory(self, name: str = "VmRSS") -> float:
        """Megabytes that it holds now; with `VmHWM` at most so far."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        return next(
            int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(name)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.terminate()
        self.popen.communicate()


class Server(Process):
    """A server on a loopback port of its own."""

    def __init__(self, *arguments: str, env: Mapping[str, str], log: Path) -> None:
        self.port, self.database_url = _free_port(), env.get("MINASIDOR_DATABASE_URL", "")
        super().__init__(
            *arguments, env={**SETTINGS, **env, "MINASIDOR_PORT": str(self.port)}, log=log
        )

    def __enter__(self) -> Self:
        for _ in range(int(_READY_IN * 20)):
            if self.popen.poll() is not None:
                raise SystemExit(f"A server did not start: {self.log.read_text()[-2000:]}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise SystemExit(f"A server did not start in {_READY_IN:.0f} s.")


class Worker(Process):
    """A generator of load, or of bare verifications: bench/worker.py."""

    def __init__(self, log: Path, env: Mapping[str, str] | None = None) -> None:
        super().__init__("-m", "bench.worker", env=env or {}, log=log)

    def _stdout(self, log: int) -> int:
        return subprocess.PIPE

    def begin(self, job: str, **arguments: Any) -> None:
        assert self.popen.stdin  # noqa: S101 - it is a pipe
        self.popen.stdin.write(json.dumps({"job": job, **arguments}) + "\n")
        self.popen.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self.popen.stdout  # noqa: S101 - it is a pipe
        line = self.popen.stdout.readline()
        if not line:
            raise SystemExit(f"A load generator failed: {self.log.read_text()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def do(self, job: str, **arguments: Any) -> dict[str, Any]:
        self.begin(job, **arguments)
        return self.answer()


class Stage(ExitStack):
    """Where a measurement takes place: a folder, and processes that end with it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.count = folder, 0

    def portal(self, database_url: str, env: Mapping[str, str] | None = None) -> Server:
        command = "import sys; from web.cli import main; sys.exit(main(['run']))"
        more = {**(env or {}), "MINASIDOR_DATABASE_URL": database_url}
        return self.enter_context(Server("-c", command, env=more, log=self._log("portal")))

    def bare(self) -> Server:
        return self.enter_context(Server("-m", "bench.bare", env={}, log=self._log("bare")))

    def worker(self, env: Mapping[str, str] | None = None) -> Worker:
        return self.enter_context(Worker(self._log("worker"), env))

    def _log(self, name: str) -> Path:
        self.count += 1
        return self.folder / f"{name}-{self.count}.log"


def database_cpu(database_url: str) -> float:
    """The same of all processes of PostgreSQL; SQLite has none of its own."""
    _, found, folder = database_url.partition("host=")
    if not found:
        return 0.0
    postmaster = (Path(folder) / "data" / "postmaster.pid").read_text().split()[0]
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return sum(_cpu(child) for child in children)


def _cpu(pid: str) -> float:
    """utime + stime of proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def postgresql(*names: str) -> Iterator[tuple[str, ...]]:
    """The URLs of empty databases with these names, or none where PostgreSQL is not installed."""
    import dev

    if not dev.find_postgres():
        say("no PostgreSQL: leaving it out")
        yield ()
        return
    with dev.postgres_cluster() as url:  # as for the tests: fsync is off, only ratios count
        createdb = [str(dev.postgres_programs() / "createdb"), "-U", "minasidor", "-h"]
        host = url.partition("host=")[2]
        for name in names:
            subprocess.run([*createdb, host, name], check=True)  # noqa: S603 - a fixed command
        yield tuple(url.replace("/postgres?", f"/{name}?") for name in names)


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
