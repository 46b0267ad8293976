"""Every requirement of the ASVS checklist has a test that exists, or a reason why it has none."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from models.limits import Limit
from web import cookies

ROOT = Path(__file__).parents[2]
REQUIREMENTS = tomllib.loads((ROOT / "tests" / "asvs.toml").read_text())["requirement"]
SECURITY = (ROOT / "SECURITY.md").read_text()
ANSWERS = ("tests", "deviation", "na", "planned")

# The checklist: what of ASVS 5.0 is asked for. A chapter that does not apply stands as a whole.
CHECKLIST = {
    "1": "1.1 1.2.1-10 1.3.1-9 1.3.11-12 1.5.1-2",
    "2": "2.1.1-3 2.2.1-3 2.3.1-5 2.4.1",
    "3": "3.2.1-2 3.3.1-5 3.4.1-8 3.5.1-3 3.5.6-8 3.6.1 3.7.2",
    "4": "4.1.1-4 4.2.1 4.3 4.4",
    "5": "5 5.1 5.2 5.3",
    "6": "6.1.1-3 6.2.1-12 6.3.1-8 6.4.1-4 6.4.6 6.5.1-6 6.5.8 6.6.2-3 6.8.1 6.8.4",
    "7": "7.1.1-2 7.2.1-4 7.3.1-2 7.4.1-5 7.5.1-2 7.6.2",
    "8": "8.1.1-2 8.2.1-3 8.3.1-2 8.4.1",
    "9": "9",
    "10": "10 10.4.1-6 10.4.8-9",
    "11": "11.1.1-2 11.2.1-4 11.3.1-3 11.4.1-2 11.5.1",
    "12": "12.1.1 12.2.1-2 12.3",
    "13": "13.1.1 13.2 13.3.1-2 13.4.1-6",
    "14": "14.1.1-2 14.2.1-4 14.2.7 14.3.1-3",
    "15": "15.1.1-3 15.2.1-2 15.2.4 15.3.1-5 15.3.7 15.4.2",
    "16": "16.1.1 16.2 16.2.5 16.3.1-4 16.4.1 16.5.1-4",
    "17": "17",
}


def checklist() -> set[str]:
    """The ids one by one: "6.6.2-3" is 6.6.2 and 6.6.3."""
    ids: set[str] = set()
    for part in " ".join(CHECKLIST.values()).split():
        first, _, last = part.partition("-")
        before, _, number = first.rpartition(".")
        numbers = range(int(number), int(last) + 1) if last else [int(number)]
        ids |= {f"{before}.{n}" if before else str(n) for n in numbers}
    return ids


@cache
def functions(file: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def test_every_id_of_the_checklist_stands_there_once() -> None:
    ids = [one for requirement in REQUIREMENTS for one in requirement["ids"]]

    assert len(ids) == len(set(ids)), "twice"
    assert checklist() - set(ids) == set(), "missing"
    assert set(ids) - checklist() == set(), "unknown"


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda one: one["ids"][0])
def test_each_has_a_test_or_a_reason(requirement: dict[str, object]) -> None:
    assert set(requirement) <= {"ids", "how", *ANSWERS}
    assert requirement["how"]
    assert any(requirement.get(answer) for answer in ANSWERS), "neither a test nor a reason"


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda one: one["ids"][0])
def test_each_test_that_is_named_exists(requirement: dict[str, list[str]]) -> None:
    for node in requirement.get("tests", []):
        file, _, name = node.partition("::")
        assert (ROOT / "tests" / file).is_file(), f"there is no {file}"
        assert name in functions(ROOT / "tests" / file), f"{file} has no {name}"
        assert name.startswith("test_")


# SECURITY.md


def duration(limit: Limit) -> str:
    seconds = int(limit.per.total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"


def limits_table() -> str:
    lines = ["| Limit | At most | Within | Counts | Past it |", "| --- | --- | --- | --- | --- |"]
    for limit in Limit.all.values():
        counts = "distinct values" if limit.distinct else "each one"
        past = "refused" if limit.refuses else "never refuses"
        lines.append(f"| {limit.name} | {limit.most} | {duration(limit)} | {counts} | {past} |")
    return "\n".join(lines)


def test_security_md_tells_the_limits_as_they_are() -> None:
    found = re.search(r"^\| Limit \|.*?(?=\n\n)", SECURITY, re.MULTILINE | re.DOTALL)

    assert found
    assert found[0] == limits_table()


def test_security_md_lists_every_purpose_of_a_key() -> None:
    purposes: set[str] = set()
    for path in [*(ROOT / "models").rglob("*.py"), *(ROOT / "web").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args:
                function, first = ast.unparse(node.func), node.args[0]
                doors = ("keys.encrypt", "keys.decrypt", "keys.mac", "signer")
                if function in doors and isinstance(first, ast.Constant):
                    purposes.add(str(first.value))

    assert purposes >= {"totp", "mail", "limit", "next"}
    assert {purpose for purpose in purposes if f"`{purpose}`" not in SECURITY} == set()


def test_security_md_lists_every_cookie() -> None:
    section = SECURITY.split("\n## Cookies\n")[1].split("\n## ")[0]

    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == set(get_args(cookies.Name))


def test_security_md_holds_what_others_look_for() -> None:
    for heading in ("Reporting", "Ways in", "Limits", "Keys", "Deviations", "Dependencies"):
        assert f"\n## {heading}\n" in SECURITY
    assert not re.search(r"/(home|root|work|tmp)/", SECURITY)


def test_security_md_tells_every_deviation() -> None:
    section = SECURITY.split("\n## Deviations\n")[1].split("\n## ")[0]
    told = set(re.findall(r"\b\d+(?:\.\d+)+\b", section))
    decided = {one["ids"][0] for one in REQUIREMENTS if one.get("deviation")}

    assert decided - told == set()


# Own script


def test_own_script_writes_no_html() -> None:
    # ASVS 3.2.2, 14.3.3: text only, and nothing stays in the browser.
    for file in (ROOT / "static" / "js").glob("*.js"):
        script = file.read_text()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
            r"|localStorage|sessionStorage|indexedDB|document\.cookie|setTimeout\([\"']",
            script,
        ), file.name
        # The worker keeps one page that is nobody's: tests/e2e/test_pwa.py looks at it.
        assert ("caches" in script) is (file.name == "worker.js"), file.name
