"""The API as its developers read it: `openapi.json` for their tools, and a page made from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from web.pages import Page
from web.rendering import render

_FILE = Path(__file__).with_name("openapi.json")
_METHODS = ("get", "post", "patch", "delete")
_FORM = "application/x-www-form-urlencoded"
_PROBLEM = "application/problem+json"
Table = dict[str, Any]


@cache
def description() -> Table:
    """What the file says (OpenAPI 3.1)."""
    read: Table = json.loads(_FILE.read_text())
    return read


async def openapi(request: Request) -> Response:
    """/openapi.json, with the address of this installation."""
    here = {"servers": [{"url": request.app.state.settings.base_url}]}
    return JSONResponse(
        {**description(), **here}, headers={"Cache-Control": "public, max-age=3600"}
    )


class Reference(Page):
    """/api: the same for people."""

    async def get(self, request: Request) -> Response:
        context = {
            "paragraphs": description()["info"]["description"].split("\n\n"),
            "groups": groups(),
            "problems": problems(),
        }
        return render(request, "mobile/api.html", context)


@dataclass(frozen=True)
class Field:
    """A parameter of the address, or a field of a body."""

    name: str
    type: str
    is_required: bool
    text: str


@dataclass(frozen=True)
class Body:
    """One form of what is sent or answered, with an example of it."""

    title: str
    fields: list[Field]
    example: str


@dataclass(frozen=True)
class Answer:
    """One status; `kinds` are the errors it may be, each with what it means."""

    status: str
    text: str
    body: Body | None
    kinds: list[tuple[str, str]]
    are_problems: bool  # then each kind stands in the list at the end


@dataclass(frozen=True)
class Operation:
    anchor: str
    method: str
    path: str
    title: str
    text: str
    needs_token: bool
    parameters: list[Field]
    sent_as: str  # the media type
    bodies: list[Body]
    answers: list[Answer]


@dataclass(frozen=True)
class Group:
    title: str
    text: str
    operations: list[Operation]


@dataclass(frozen=True)
class ProblemKind:
    """An error of the API: where `type` leads to."""

    kind: str
    status: int
    text: str
    example: str


@cache
def groups() -> list[Group]:
    """All operations, by what they are about."""
    found = [(operation["tags"][0], shown) for operation, shown in _operations()]
    return [
        Group(tag["name"], tag["description"], [one for name, one in found if name == tag["name"]])
        for tag in description()["tags"]
    ]


@cache
def problems() -> list[ProblemKind]:
    """Each kind once, by its status."""
    kinds: dict[str, ProblemKind] = {}
    for response in description()["components"]["responses"].values():
        for kind, example in _content(response, _PROBLEM).get("examples", {}).items():
            value = example["value"]
            shown = ProblemKind(kind, value["status"], example["summary"], _text(value))
            kinds.setdefault(kind, shown)
    return sorted(kinds.values(), key=lambda problem: problem.status)


def _operations() -> Iterator[tuple[Table, Operation]]:
    for path, item in description()["paths"].items():
        for method in _METHODS:
            if method in item:
                operation = item[method]
                parameters = item.get("parameters", []) + operation.get("parameters", [])
                yield operation, _operation(path, method, operation, parameters)


def _operation(path: str, method: str, operation: Table, parameters: list[Table]) -> Operation:
    ((sent_as, sent),) = operation.get("requestBody", {}).get("content", {"": {}}).items()
    return Operation(
        operation["operationId"],
        method.upper(),
        path,
        operation["summary"],
        operation["description"],
        operation["security"] != [],
        [
            Field(one["name"], _type(_found(one["schema"])), "required" in one, one["description"])
            for one in parameters
        ],
        sent_as,
        list(_bodies(sent, sent_as)) if sent else [],
        list(_answers(operation["responses"])),
    )


def _bodies(media: Table, sent_as: str = "") -> Iterator[Body]:
    """Each way to fill a body; where there are several, each has its example in the same order."""
    schema = _found(media["schema"])
    if "examples" not in media:
        yield Body("", list(_fields(schema)), _text(media["example"]))
        return
    ways = schema.get("oneOf", [schema])
    for way, example in zip(ways, media["examples"].values(), strict=True):
        value = example["value"]
        text = urlencode(value).replace("&", "&\n") if sent_as == _FORM else _text(value)
        yield Body(example["summary"], list(_fields(_found(way))), text)


def _answers(responses: Table) -> Iterator[Answer]:
    """Each status; of those that answer with the same fields, only the first one lists them."""
    listed: list[Table] = []
    for status, told in responses.items():
        response = _found(told)
        media, text = _content(response), response["description"]
        kinds = [(kind, one["summary"]) for kind, one in media.get("examples", {}).items()]
        body = next(_bodies(media)) if "example" in media else None
        if body and media["schema"] in listed:
            body = replace(body, fields=[])
        listed.append(media.get("schema", {}))
        yield Answer(status, text, body, kinds, _PROBLEM in response.get("content", {}))


def _fields(schema: Table, before: str = "") -> Iterator[Field]:
    """Those of an object, and of the objects in it, by their way from the outermost."""
    for name, part in schema.get("properties", {}).items():
        found = _found(part)
        is_required = name in schema.get("required", [])
        yield Field(before + name, _type(found), is_required, found.get("description", ""))
        inner = _found(found.get("items", {}))
        yield from _fields(inner, f"{before}{name}[].")


def _type(schema: Table) -> str:
    """In a few words: 'string, at most 80 characters'."""
    if "const" in schema:
        return f"always {json.dumps(schema['const'])}"
    if "enum" in schema:
        return " or ".join(json.dumps(value) for value in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    words = [" or ".join(kinds)]
    if "format" in schema:
        words.append(schema["format"])
    if "maxLength" in schema:
        words.append(f"at most {schema['maxLength']} characters")
    if "minimum" in schema:
        below = f" to {schema['maximum']}" if "maximum" in schema else " or more"
        words.append(f"{schema['minimum']}{below}")
    return ", ".join(words)


def _content(response: Table, kind: str = "") -> Table:
    content: Table = response.get("content", {})
    found: Table = content.get(kind, {}) if kind else next(iter(content.values()), {})
    return found


def _found(part: Table) -> Table:
    """The part itself, or what it refers to."""
    found: Any = part
    if "$ref" in part:
        found = description()
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
    return dict(found)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
