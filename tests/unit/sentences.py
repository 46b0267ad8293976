"""What people read, found in the sources: in templates, programs and scripts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment

ROOT = Path(__file__).parents[2]
TEMPLATES = ("templates", "tests/walkthrough")
PROGRAMS = ("web", "tests/walkthrough")
SCRIPTS = ("static/js", "static/development")
# In English: for operators and developers, or read by machines.
ENGLISH = {
    *("web/cli", "web/settings.py", "web/development/demo.py"),
    "web/mobile/client",
    *("web/mobile/description.py", "templates/mobile/api.html"),
    # What BankID's API answers.
    *(f"web/bankid/simulator/{name}.py" for name in ("parameters", "rp", "state")),
}

_READ_ATTRIBUTES = {"alt", "aria-label", "label", "placeholder", "title"}
_ABOUT = "description"  # what a search engine shows
_NOT_READ = {"code", "script", "style"}
# What stands for a value that is put in: as a number, it makes no word with what is beside it.
_VALUE = "0"
_STARTS = re.compile(r"[A-ZÅÄÖ]([a-zåäö]|[ -])|\*\*|BankID|QR-")
_SWEDISH = re.compile("[åäöÅÄÖ]")
_TO_DEVELOPERS = re.compile(r"raise \w+Error\b|_?log\.\w+\(|print\(|re\.\w+\(")
_SCRIPT_STRING = re.compile(r'"([^"\n]*)"|`([^`]*)`')


@dataclass(frozen=True)
class Sentence:
    text: str
    file: str
    line: int

    @property
    def is_surely_swedish(self) -> bool:
        """Templates are. What programs say may be meant for developers."""
        return self.file.endswith((".html", ".txt")) or bool(_SWEDISH.search(self.text))

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def everywhere() -> Iterator[Sentence]:
    for path in _files(TEMPLATES, ".html", ".txt"):
        yield from in_template(path)
    for path in _files(PROGRAMS, ".py"):
        yield from in_program(path)
    for path in _files(SCRIPTS, ".js"):
        yield from in_script(path)


def in_template(path: Path) -> Iterator[Sentence]:
    """Its text, the attributes that are read, and the sentences among what it hands to macros."""
    jinja, plain = Environment(), ""  # noqa: S701 - it only takes the file to pieces
    for line, kind, value in jinja.lex(path.read_text()):
        if kind == "string" and is_sentence(value[1:-1]):
            yield Sentence(_text(value[1:-1]), named(path), line)
        elif kind == "variable_begin":
            plain += _VALUE
        elif kind == "block_begin":
            plain += " "  # what stands before may be left out
        # Each line stays where it is, or the places would not be right.
        plain += value if kind == "data" else "\n" * value.count("\n")
    reader = _Reader(named(path))
    reader.feed(plain)
    reader.close()
    yield from reader.found


def in_program(path: Path) -> Iterator[Sentence]:
    """Its string literals that are sentences, but for what is said to developers."""
    tree = ast.parse(path.read_text())
    parts = {id(part) for node in ast.walk(tree) for part in _no_sentences(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            values = (v.value if isinstance(v, ast.Constant) else _VALUE for v in node.values)
            text = "".join(map(str, values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if id(node) not in parts and is_sentence(text):
            yield Sentence(_text(text), named(path), node.lineno)


def in_script(path: Path) -> Iterator[Sentence]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for plain, filled in _SCRIPT_STRING.findall(line):
            text = plain or re.sub(r"\$\{[^}]*\}", _VALUE, filled)
            if is_sentence(text):
                yield Sentence(_text(text), named(path), number)


def is_sentence(text: str) -> bool:
    """Several words that begin as a sentence does, or a letter that only Swedish has."""
    return bool(" " in text.strip() and _STARTS.match(text)) or bool(_SWEDISH.search(text))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _files(folders: tuple[str, ...], *endings: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            around = {named(parent) for parent in path.parents if ROOT in parent.parents}
            if path.suffix in endings and not {named(path), *around} & ENGLISH:
                yield path


def _text(html: str) -> str:
    """Without tags, the ** of bold print, and the {names} of what is put in."""
    filled = re.sub(r"\{\w+\}", _VALUE, html)
    return re.sub(r"<[^>]*>", "", filled).replace("**", "").replace("&shy;", "")


def _no_sentences(node: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, parts of what counts as a whole, and what errors, checks and logs say."""
    if isinstance(node, ast.JoinedStr):
        yield from node.values
    elif isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from (line.value for line in node.body if isinstance(line, ast.Expr))
    elif isinstance(node, ast.Assert) or _TO_DEVELOPERS.match(ast.unparse(node)):
        yield from ast.walk(node)


class _Reader(HTMLParser):
    """Collects the text of a page and of those attributes that are read."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file, self.within, self.found = file, "", list[Sentence]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.within = tag
        for name, value in attrs:
            may_be = name.startswith("data-") or ("name", _ABOUT) in attrs
            if value and (name in _READ_ATTRIBUTES or (may_be and is_sentence(value))):
                self._add(value)

    def handle_endtag(self, tag: str) -> None:
        self.within = ""

    def handle_data(self, data: str) -> None:
        if self.within not in _NOT_READ:
            for number, line in enumerate(data.split("\n")):
                self._add(line, number)

    def _add(self, text: str, further: int = 0) -> None:
        if text.strip():
            self.found.append(Sentence(text, self.file, self.getpos()[0] + further))
