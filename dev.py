#!/usr/bin/env python3
"""Sets up, runs and tests MinaSidor (`make <command>`), with Python's standard library only."""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # before the other imports, so that an old Python says just this
    raise SystemExit("MinaSidor needs Python 3.11 or newer, and this is " + sys.version.split()[0])

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
INSTALLED = VENV / ".installed"
LAUNCHER = VENV / "bin" / "minasidor"
RUNNING = ROOT / "requirements.lock"
DEVELOPMENT = ROOT / "requirements-dev.lock"
DATABASE = "minasidor.sqlite3"

# The unit tests use SQLite in memory; with this variable set they use that PostgreSQL database, and
# empty it between the tests: never name one that holds anything.
TEST_DATABASE_URL = "MINASIDOR_TEST_DATABASE_URL"

TWO_PROCESSES = ("--numprocesses=auto", "--maxprocesses=2")
# The first has no window, and takes two thirds of the time of the others.
BROWSERS = (
    *("chromium-headless-shell", "chromium", "chromium-browser"),
    *("google-chrome-stable", "google-chrome", "chrome"),
)

LAUNCHER_TEXT = """\
#!/bin/sh
# Written by dev.py: the minasidor command of this repository, from any directory.
bin=$(dirname "$(readlink -f "$0")")
exec "$bin/python" -P -c '
import sys
sys.path.insert(0, sys.argv.pop(1))
sys.argv[0] = "minasidor"
from web.cli import main
sys.exit(main())
' "$(dirname "$(dirname "$bin")")" "$@"
"""

ENV = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}


# Commands


def run() -> None:
    """Set up what running needs, then start the portal (which migrates its database first)."""
    setup()
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(LAUNCHER, [str(LAUNCHER), "run", *sys.argv[2:]])


def reset() -> None:
    """Delete the development database; the next `make run` starts over with the demo customers."""
    files = sorted(path for path in ROOT.glob(f"{DATABASE}*") if path.is_file())
    for path in files:
        path.unlink()
    if files:
        say(f"Deleted {', '.join(path.name for path in files)}.")
    else:
        say(f"There is no {DATABASE} to delete.")


def test() -> None:
    """Check the code, then run the unit tests and the browser tests."""
    lint()
    unit_tests()
    browser_tests()


def lint() -> None:
    setup_development()
    say("Checking the code with ruff and mypy")
    sh(PYTHON, "-m", "ruff", "check", "--quiet", ".")
    sh(PYTHON, "-m", "ruff", "format", "--quiet", "--check", ".")
    sh(PYTHON, "-m", "mypy")


def unit_tests() -> None:
    setup_development()
    spelling()
    say("Running the unit tests on SQLite")
    pytest("tests/unit", *TWO_PROCESSES, "--dist=load")


def browser_tests() -> None:
    setup_development()
    ENV["CHROMIUM_PATH"] = browser()
    say(f"Running the browser tests with {ENV['CHROMIUM_PATH']}")
    # Each process has a portal and a browser of its own; whoever is done takes over from the other.
    pytest("tests/e2e", *TWO_PROCESSES, "--dist=worksteal")


def postgres_tests() -> None:
    """Run the unit tests once more, on a PostgreSQL of their own that is gone afterwards."""
    setup_development()
    with postgres_cluster() as url:
        ENV[TEST_DATABASE_URL] = url
        say("Running the unit tests on PostgreSQL")
        pytest("tests/unit")


def more_tests() -> None:
    """The checks that are slow, or that need a tool which not every machine has."""
    setup_development()
    ENV["CHROMIUM_PATH"] = browser()
    say("Running the slow checks")
    pytest("tests/more")


def walkthrough() -> None:
    """Walk through what customers do and write genomgang/index.html (docs/qa.md)."""
    setup_development()
    ENV["CHROMIUM_PATH"] = browser()
    sh(PYTHON, "-m", "tests.walkthrough", *sys.argv[2:])


def guide() -> None:
    """Write the customers' illustrated instruction, instruktion/, from the same walkthrough."""
    setup_development()
    ENV["CHROMIUM_PATH"] = browser()
    sh(PYTHON, "-m", "tests.walkthrough.guide", *sys.argv[2:])


def bench() -> None:
    """Measure speed and memory: bench/README.md says how, and what was seen."""
    setup()
    sh(PYTHON, "-m", "bench", *sys.argv[2:])


def lock() -> None:
    """Lock what pyproject.toml asks for (ARGS=--upgrade: in newer versions), naming no index."""
    with tempfile.TemporaryDirectory() as folder:
        uv = shutil.which("uv")
        if not uv:
            say("Fetching uv for this once")
            sh(sys.executable, "-m", "venv", folder)
            sh(Path(folder) / "bin" / "python", "-m", "pip", "install", "--quiet", "uv")
            uv = str(Path(folder) / "bin" / "uv")
        compile_ = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
        compile_ += ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate"]
        compile_ += ["--python-version", "3.11", "--custom-compile-command", "make lock"]
        compile_ += sys.argv[2:]
        say(f"Writing {RUNNING.name} and {DEVELOPMENT.name}")
        sh(*compile_, "pyproject.toml", "-o", RUNNING)
        sh(*compile_, "-c", RUNNING.name, "--group", "dev", "-o", DEVELOPMENT)


# Setting up


def setup(*locks: Path) -> None:
    """Install what the lock files say into .venv, unless it is there already."""
    locks = locks or (RUNNING,)
    wanted = {f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in locks}
    present = set(INSTALLED.read_text().splitlines()) if INSTALLED.exists() else set()
    if not (PYTHON.exists() and wanted <= present):
        make_environment()
        count = len({line.split("==")[0] for path in locks for line in pins(path)})
        say(f"Installing {count} packages, each checked against its hash")
        started = time.monotonic()
        files = [word for path in locks for word in ("-r", path.name)]
        if uv := shutil.which("uv"):
            sh(uv, "pip", "install", "-q", "--python", PYTHON, "--require-hashes", *files)
        else:
            pip = (PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes")
            sh(*pip, "--no-deps", "--root-user-action=ignore", *files)
        # of an older lock file nothing is remembered, so its other half is looked at again
        names = {line.split()[0] for line in wanted}
        kept = {line for line in present if line.split()[0] not in names}
        INSTALLED.write_text("".join(f"{line}\n" for line in sorted(wanted | kept)))
        say(f"Installed in {time.monotonic() - started:.0f} s")
    if not LAUNCHER.exists() or LAUNCHER.read_text() != LAUNCHER_TEXT:
        LAUNCHER.write_text(LAUNCHER_TEXT)
        LAUNCHER.chmod(0o755)


def setup_development() -> None:
    setup(RUNNING, DEVELOPMENT)


def make_environment() -> None:
    """Make .venv: with uv where there is one, else with venv, which Debian packs by itself."""
    uv = shutil.which("uv")
    if PYTHON.exists() and (uv or sh(PYTHON, "-m", "pip", "--version", check=False, quiet=True)):
        return
    say("Making the virtual environment .venv")
    if uv:
        sh(uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV)
        return
    command = (sys.executable, "-m", "venv", "--clear", VENV)
    if not sh(sys.executable, "-c", "import ensurepip", check=False, quiet=True):
        apt_install("python3-venv", why="Python's own venv module lacks a part on this machine")
    sh(*command)


def pins(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if "==" in line and line[0] != "#"]


def browser() -> str:
    """The machine's Chromium or Chrome, else Playwright's own, else Debian's."""
    if not sh(PYTHON, "-m", "playwright", "--version", check=False, quiet=True):
        apt_install("libatomic1", why="Playwright does not start without it")
    if found := find_browser():
        return found
    say("Fetching Playwright's own Chromium")
    install = (PYTHON, "-m", "playwright", "install", "--only-shell", "chromium")
    if sh(*install, check=False, quiet=True) and (found := find_browser()):
        return found
    why = "the browser tests need a browser"
    try:
        apt_install("chromium-headless-shell", why=why)
    except SystemExit:  # older distributions have it in one piece
        apt_install("chromium", why=why)
    if found := find_browser():
        return found
    raise SystemExit(
        "No browser found: install Chromium or Chrome, or name one in CHROMIUM_PATH, and try again."
    )


def find_browser() -> str | None:
    if named := os.environ.get("CHROMIUM_PATH"):
        if not shutil.which(named):
            raise SystemExit(f"CHROMIUM_PATH names {named}, which cannot be run.")
        return named
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    asks = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as p: print(p.chromium.executable_path)"
    )
    answer = subprocess.run([PYTHON, "-c", asks], capture_output=True, text=True, env=ENV)
    own = answer.stdout.strip()
    if own and Path(own).exists():
        starts = subprocess.run([own, "--version"], capture_output=True, check=False)
        return own if starts.returncode == 0 else None
    return None


def spelling() -> None:
    """Debian's Swedish dictionary; where it cannot be had, that check says so and is skipped."""
    if shutil.which("hunspell") and sh("hunspell", "-d", "sv_SE", "-l", os.devnull, check=False):
        return
    may_install = os.geteuid() == 0 or (
        shutil.which("sudo") and sh("sudo", "-n", "true", check=False, quiet=True)
    )
    if may_install and shutil.which("apt-get"):
        try:
            apt_install("hunspell", "hunspell-sv", why="the Swedish texts are checked for spelling")
        except SystemExit as problem:
            say(f"{problem} The tests go on without.")


def apt_install(*packages: str, why: str) -> None:
    """Install Debian packages, or say in one line which to install."""
    names = " ".join(packages)
    if not shutil.which("apt-get"):
        raise SystemExit(f"Install {names} ({why}), and try again.")
    say(f"Installing {names} with apt-get: {why}")
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    if sudo and not shutil.which("sudo"):
        raise SystemExit(f"Run `apt-get install {names}` as root ({why}), and try again.")
    get = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o"]
    get += ["DPkg::Lock::Timeout=300", "-q", "-y"]
    sh(*get, "update", check=False, quiet=True)
    if not sh(*get, "install", "--no-install-recommends", *packages, check=False, quiet=True):
        raise SystemExit(f"apt-get could not install {names}: do so by hand, and try again.")


# PostgreSQL


@contextmanager
def postgres_cluster() -> Iterator[str]:
    """The URL of a new, empty PostgreSQL that listens on a socket in a temporary folder only."""
    programs = postgres_programs()
    say("Starting a PostgreSQL of the tests' own")
    folder = Path(tempfile.mkdtemp(prefix="ms-"))
    # PostgreSQL refuses to run as root, so root hands the folder to an ordinary user
    user = ordinary_user() if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    data, log = folder / "data", folder / "log"
    groups: list[str] | None = [] if user else None
    try:
        init: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "minasidor",
            "-A",
            "trust",
            "-E",
            "UTF8",
        ]
        init += ["--locale=C", "--no-sync"]
        made = subprocess.run(
            init, cwd=folder, capture_output=True, text=True, user=user, extra_groups=groups
        )
        if made.returncode:
            raise SystemExit(f"initdb failed: {made.stderr.strip()}")
        serve: list[str | Path] = [programs / "postgres", "-D", data, "-k", folder]
        for setting in ("listen_addresses=", "fsync=off", "full_page_writes=off"):
            serve += ["-c", setting]
        with log.open("w") as output:
            server = subprocess.Popen(
                serve, cwd=folder, stdout=output, stderr=output, user=user, extra_groups=groups
            )
        try:
            wait_until_ready(server, data, log)
            yield f"postgres://minasidor@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGINT)  # "fast": ends what is still connected
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def postgres_programs() -> Path:
    """The folder of the server's programs, which Debian keeps off the PATH."""
    if found := find_postgres():
        return found
    apt_install("postgresql", why="the tests start a PostgreSQL of their own")
    if found := find_postgres():
        return found
    raise SystemExit("No PostgreSQL server found: install one (postgresql), and try again.")


def find_postgres() -> Path | None:
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
        reverse=True,
    )
    if initdb := shutil.which("initdb"):
        folders.append(Path(initdb).resolve().parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def ordinary_user() -> str:
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    raise SystemExit("PostgreSQL does not run as root: run this as an ordinary user.")


def wait_until_ready(server: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    for _ in range(300):
        status = data / "postmaster.pid"
        if server.poll() is not None:
            raise SystemExit(f"PostgreSQL did not start: {log.read_text().strip()}")
        if status.exists() and "ready" in status.read_text():
            return
        time.sleep(0.1)
    raise SystemExit("PostgreSQL did not become ready in 30 s.")


# Running programs


def pytest(folder: str, *options: str) -> None:
    sh(PYTHON, "-m", "pytest", folder, *options, *sys.argv[2:])


def sh(*command: object, check: bool = True, quiet: bool = False) -> bool:
    """Whether the command succeeded; with `check`, a failure ends this program too."""
    sys.stdout.flush()
    output = subprocess.DEVNULL if quiet else None
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=ROOT, env=ENV, stdout=output, stderr=output, check=False)
    if check and done.returncode:
        raise SystemExit(done.returncode)
    return done.returncode == 0


def say(text: str) -> None:
    print(f"==> {text}", flush=True)


def stop(signum: int, _frame: object) -> None:
    raise SystemExit(128 + signum)  # so that what was started is stopped on the way out


COMMANDS = {
    "setup": setup,
    "setup-dev": setup_development,
    "run": run,
    "reset": reset,
    "test": test,
    "test-unit": unit_tests,
    "test-e2e": browser_tests,
    "test-postgres": postgres_tests,
    "check-more": more_tests,
    "walkthrough": walkthrough,
    "guide": guide,
    "lint": lint,
    "bench": bench,
    "lock": lock,
}

if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        raise SystemExit(f"Commands: {' '.join(COMMANDS)}")
    signal.signal(signal.SIGTERM, stop)
    try:
        COMMANDS[name]()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
