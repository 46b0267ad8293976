"""What the app sends, read strictly: a JSON object of texts, and parameters that stand once.

What a person typed is the form's to judge, with the same sentences as on the page (ASVS 2.2.1).
What is no such object is the app's mistake, and is refused as a whole.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, NoReturn, TypeVar

from starlette.requests import Request

from web.forms import Form
from web.mobile.answers import BROKEN, Problem

F = TypeVar("F", bound=Form)
_JSON = ("application/json", "application/json;charset=utf-8")


async def body(request: Request, form: type[F]) -> F:
    """The object that was sent, as a valid form. Raises 415, 400 and 422."""
    kind = request.headers.get("content-type", "").lower().replace(" ", "")
    if kind not in _JSON:
        raise Problem(415, "unsupported-media-type", BROKEN)
    try:
        sent = json.loads(
            (await request.body()).decode(), object_pairs_hook=_object, parse_constant=_refuse
        )
    except (ValueError, RecursionError):  # also what is no UTF-8, and a number that is too long
        raise _malformed() from None
    declared = {field.name for field in fields(form) if field.init}
    if not (isinstance(sent, dict) and set(sent) <= declared):
        raise _malformed()
    if not all(isinstance(value, str) for value in sent.values()):
        raise _malformed()
    return _valid(form.of(sent))


def query(request: Request, form: type[F]) -> F:
    """The parameters of the address, as a valid form. Raises 400 and 422."""
    sent = request.query_params
    if len(sent.multi_items()) != len(sent):
        raise _malformed()
    return _valid(form.of(sent))


def invalid(errors: dict[str, str]) -> Problem:
    """422: each field that must change, with the sentence to show beside it."""
    told = [{"field": name, "detail": sentence} for name, sentence in errors.items()]
    return Problem(422, "invalid", " ".join(errors.values()), errors=told)


def _valid(form: F) -> F:
    if not form.is_valid():
        raise invalid(form.errors)
    return form


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def _refuse(constant: str) -> NoReturn:  # NaN and Infinity, which are no JSON
    raise ValueError


def _malformed() -> Problem:
    return Problem(400, "malformed", BROKEN)
