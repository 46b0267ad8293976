"""A CSV file as business systems write it: which encoding and separator it has, and its lines."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_LONGEST_LINE = 100_000  # bytes; a file without line ends must not fill the memory
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SPREADSHEET = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .xls
# å ä ö Å Ä Ö é in UTF-8. As Windows-1252 it would read "Ã¥", which no Swedish name holds.
_SWEDISH_UTF_8 = re.compile(b"\xc3[\xa5\xa4\xb6\x85\x84\x96\xa9]")


class Unreadable(Exception):
    """The file as a whole cannot be taken; the message says why and what to do."""


@dataclass(frozen=True)
class Line:
    """One line by its number: its values by column, or why it has none."""

    number: int
    values: dict[str, str]
    wrong: str = ""


@dataclass(frozen=True)
class CsvFile:
    """An open-and-shut look at the file has told these; `lines` reads it."""

    path: Path
    size: int
    encoding: str
    delimiter: str
    header: list[str]

    @classmethod
    def look_at(cls, path: Path, columns: Sequence[str]) -> CsvFile:
        """Raises Unreadable."""
        try:
            if not path.is_file():
                raise Unreadable("is a folder" if path.is_dir() else "there is no such file")
            encoding, first = _encoding(path)
            header = first.decode(encoding).strip().removeprefix("\ufeff")
            size = path.stat().st_size
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise Unreadable("line 1 is neither UTF-8 nor Windows-1252") from None
        delimiter = ";" if header.count(";") >= header.count(",") else ","
        names = [_name(name) for name in next(csv.reader([header], delimiter=delimiter), [])]
        missing = [column for column in columns if column not in names]
        if missing:
            raise Unreadable(
                f"line 1 must name the columns {delimiter.join(columns)};"
                f" missing: {', '.join(missing)}"
            )
        if twice := [column for column in columns if names.count(column) > 1]:
            raise Unreadable(f"line 1 names a column twice: {', '.join(twice)}")
        return cls(path, size, encoding, delimiter, names)

    def lines(self, read: Callable[[int], object]) -> Iterator[Line]:
        """The lines below the header, empty ones left out; `read` hears how many bytes each has."""
        with self.path.open("rb") as file:
            for number, raw in enumerate(_raw_lines(file), 1):
                read(len(raw))
                if number > 1 and (line := self._parsed(number, raw)):
                    yield line

    def _parsed(self, number: int, raw: bytes) -> Line | None:
        try:
            text = raw.decode(self.encoding).rstrip("\r\n")
            # Line by line, so that a forgotten quotation mark does not swallow the lines after it.
            values = next(csv.reader([text], delimiter=self.delimiter, strict=True), [])
        except UnicodeDecodeError:
            return Line(number, {}, "holds a character that is neither UTF-8 nor Windows-1252")
        except csv.Error as error:
            return Line(number, {}, f"is no line of CSV: {error}")
        if not any(value.strip() for value in values):
            return None
        if len(values) < len(self.header) or any(values[len(self.header) :]):
            wrong = f"has {len(values)} columns, and line 1 has {len(self.header)}"
            return Line(number, {}, wrong)
        return Line(number, dict(zip(self.header, values, strict=False)))


def _encoding(path: Path) -> tuple[str, bytes]:
    """The encoding of the whole file, and its first line."""
    first, swedish, other = b"", 0, 0
    with path.open("rb") as file:
        for number, raw in enumerate(_raw_lines(file), 1):
            if number == 1:
                first = raw
                _refuse_other_formats(raw)
            if not swedish and _SWEDISH_UTF_8.search(raw):
                swedish = number
            if not other:
                try:
                    raw.decode()
                except UnicodeDecodeError:
                    other = number
            if swedish and other:
                raise Unreadable(
                    f"mixes encodings: line {swedish} is UTF-8 and line {other} is not;"
                    " export it once more"
                )
    if not first:
        raise Unreadable("is empty")
    return ("cp1252" if other else "utf-8"), first


def _refuse_other_formats(first: bytes) -> None:
    if first.startswith(_SPREADSHEET):
        raise Unreadable("is a spreadsheet; save it as CSV (UTF-8)")
    if first.startswith(_UTF_16) or b"\x00" in first:
        raise Unreadable("is UTF-16 or no text at all; save it as CSV (UTF-8)")


def _raw_lines(file: BinaryIO) -> Iterator[bytes]:
    number = 0
    while raw := file.readline(_LONGEST_LINE):
        number += 1
        if len(raw) == _LONGEST_LINE and not raw.endswith(b"\n"):
            raise Unreadable(f"line {number} is longer than {_LONGEST_LINE} bytes")
        yield raw


def _name(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()
