"""What sets up a machine: packages locked by hash, no addresses, and Python alone to begin."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNNING = ROOT / "requirements.lock"
DEVELOPMENT = ROOT / "requirements-dev.lock"
PIN = re.compile(r"^([a-z0-9.-]+)==([^ ;\\]+)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    return dict(PIN.findall(path.read_text()))


def plain(requirement: str) -> str:
    name = re.split(r"[^A-Za-z0-9._-]", requirement)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", [RUNNING, DEVELOPMENT], ids=lambda path: path.name)
def test_a_lock_file_holds_names_versions_and_hashes_only(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"://|index|find-links|file:|@|/(home|root|tmp|opt|srv|work)\b", text)
    blocks = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    for block in blocks:
        assert PIN.match(block), block
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block


def test_the_lock_files_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    running = {plain(name) for name in project["project"]["dependencies"]}
    development = {plain(name) for name in project["dependency-groups"]["dev"]}
    assert running <= set(pins(RUNNING))
    assert development <= set(pins(DEVELOPMENT))
    assert {"asyncpg", "tzdata"} <= set(pins(RUNNING))


def test_the_lock_files_agree() -> None:
    running, development = pins(RUNNING), pins(DEVELOPMENT)
    for name in running.keys() & development.keys():
        assert running[name] == development[name]


def test_setting_up_needs_nothing_but_python() -> None:
    tree = ast.parse((ROOT / "dev.py").read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported <= set(sys.stdlib_module_names)


def test_every_make_command_is_one_of_dev_py() -> None:
    commands = re.search(r"^COMMANDS = (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert commands
    answer = subprocess.run(
        [sys.executable, ROOT / "dev.py", "nonsense"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert set(commands[1].split()) <= set(answer.stderr.removeprefix("Commands:").split())


def test_the_check_of_every_change_runs_both_kinds_of_tests() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    for command in ("check test ", "check test-postgres ", "test_guide or test_states"):
        assert command in script
