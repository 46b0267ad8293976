"""What the app shows under "Min avsikt:", the heading that BankID puts above userVisibleData."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

_HEADING = re.compile(r"#{1,3} +(.+)")
_BOLD = re.compile(r"\*\*(.+?)\*\*")


@dataclass(frozen=True)
class Line:
    """A heading or a line of text, in parts of which every second one is bold."""

    parts: tuple[str, ...]
    is_heading: bool = False


def intention(parameters: dict[str, Any]) -> list[Line]:
    """The lines of an order's userVisibleData: of simpleMarkdownV1 its headings and bold print."""
    text = b64decode(parameters.get("userVisibleData", "")).decode()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if parameters.get("userVisibleDataFormat") != "simpleMarkdownV1":
        return [Line((line,)) for line in lines]
    return [_formatted(line) for line in lines]


def _formatted(line: str) -> Line:
    heading = _HEADING.fullmatch(line)
    parts = _BOLD.split(heading[1] if heading else line)
    return Line(tuple(parts), is_heading=bool(heading))
