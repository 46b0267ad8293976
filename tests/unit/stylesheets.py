"""The style sheets as rules, read with tinycss2: what the checks of colours and selectors share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tinycss2  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
CSS = ROOT / "static" / "css"
_NESTED = ("layer", "media", "supports")


@dataclass
class Rule:
    """Selectors with their declarations, and the at-rules that they stand in, outermost first."""

    file: str
    line: int
    selector: str
    within: tuple[str, ...]
    # In their order: a later one of the same name is for browsers that know what it says.
    declarations: list[tuple[str, str]] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def stylesheets() -> list[Path]:
    return sorted(CSS.rglob("*.css"))


def rules(*paths: Path) -> list[Rule]:
    """Those of these files, or of all."""
    return [
        rule
        for path in paths or stylesheets()
        for rule in _rules(tinycss2.parse_stylesheet(path.read_text(), True, True), named(path))
    ]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _rules(nodes: list[Any], file: str, within: tuple[str, ...] = ()) -> Iterator[Rule]:
    for node in nodes:
        assert node.type != "error", f"{file}:{node.source_line}: {node.message}"
        if node.type == "at-rule" and node.at_keyword in _NESTED and node.content:
            inner = tinycss2.parse_rule_list(node.content, True, True)
            condition = f"@{node.at_keyword} {tinycss2.serialize(node.prelude).strip()}"
            yield from _rules(inner, file, (*within, condition))
        elif node.type == "qualified-rule":
            selector = " ".join(tinycss2.serialize(node.prelude).split())
            rule = Rule(file, node.source_line, selector, within)
            for declared in tinycss2.parse_declaration_list(node.content, True, True):
                assert declared.type == "declaration", f"{file}:{declared.source_line}: {declared}"
                rule.declarations.append(
                    (declared.name, tinycss2.serialize(declared.value).strip())
                )
            yield rule
