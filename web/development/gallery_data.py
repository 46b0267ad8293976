"""From the plain data of a *.states.toml to what a template is given."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from web.rendering import STOCKHOLM
from web.settings import ROOT
from web.two_factor import Enrolment

TEMPLATES = ROOT / "templates"
SHARED = TEMPLATES / "shared.states.toml"
SUFFIX = ".states.toml"
Table = dict[str, Any]


class DataError(Exception):
    """What is wrong with a state file, naming it."""


@dataclass(frozen=True)
class Form:
    """What was written in a form and what was wrong. A field that the state omits is empty."""

    written: Mapping[str, str]
    errors: Mapping[str, str]
    error: str

    @property
    def failed(self) -> bool:
        return bool(self.errors or self.error)

    def __getitem__(self, name: str) -> str:
        return self.written.get(name, "")


def files() -> list[Path]:
    """All state files but the shared one."""
    return sorted(path for path in TEMPLATES.rglob(f"*{SUFFIX}") if path != SHARED)


def shared() -> Table:
    """What many states have in common, each under its name."""
    return _parsed(SHARED, SHARED.stat().st_mtime_ns)


def tables(path: Path) -> Table:
    """The states of a file, with what "@name" refers to in its place."""
    resolved: Table = _resolve(_parsed(path, path.stat().st_mtime_ns), path)
    return resolved


def check(value: Any, name: str, path: Path) -> None:
    """Raises DataError where a line stands outside of all tables."""
    if not isinstance(value, dict):
        raise DataError(f"{path.relative_to(ROOT)}: {name} is not a table")


def check_name(name: str, path: Path) -> None:
    """Raises DataError where the name would make a strange address."""
    if not re.fullmatch(r"[a-z0-9_]+", name):
        where = path.relative_to(ROOT)
        raise DataError(f"{where}: [{name}] may hold small letters, digits and _ only")


def take_title(table: Table, name: str, path: Path) -> str:
    if "title" not in table:
        raise DataError(f"{path.relative_to(ROOT)}: {name} has no title")
    title: str = table.pop("title")
    return title


def merged(below: Table, above: Table) -> Table:
    """Both tables in one; where they differ, `above` counts, table by table."""
    result = dict(below)
    for name, value in above.items():
        under = result.get(name)
        both = isinstance(value, dict) and isinstance(under, dict)
        result[name] = merged(under, value) if both and under is not None else value
    return result


def with_forms(value: Any) -> Any:
    """Each table named `form` as a form."""
    if isinstance(value, list):
        return [with_forms(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _form(v) if name == "form" else with_forms(v) for name, v in value.items()}


def _form(table: Table) -> Form:
    written = {name: text for name, text in table.items() if name not in ("errors", "error")}
    return Form(written, table.get("errors", {}), table.get("error", ""))


def _resolve(value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return {name: _resolve(item, path) for name, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, path) for item in value]
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=STOCKHOLM)
    if isinstance(value, str) and value.startswith("@"):
        return _named(value[1:], path)
    return value


def _named(reference: str, path: Path) -> Any:
    """What "@name" stands for; "@name:11" is the first eleven of a list."""
    name, _, count = reference.partition(":")
    if name == "none":
        return None
    if name not in shared():
        raise DataError(f'{path.relative_to(ROOT)}: "@{name}" is not in {SHARED.relative_to(ROOT)}')
    value = _resolve(shared()[name], SHARED)
    if name.startswith("enrolment"):
        return Enrolment.showing(**value)
    return value[: int(count)] if count else value


@cache
def _parsed(path: Path, _changed: int) -> Table:
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path.relative_to(ROOT)}: {error}") from error
