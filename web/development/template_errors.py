"""What is wrong in a template or a state, shown where it stands: for designers, no traceback."""

from __future__ import annotations

import re
import tomllib
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError, UndefinedError
from starlette.requests import Request
from starlette.responses import Response

from web.rendering import VARY, wants_partial
from web.settings import ROOT

_AROUND = 4  # lines shown before and after
# As the gallery names a state file: "templates/login/code.states.toml: … (at line 3, column 1)".
_NAMED = re.compile(r"(templates/[\w./-]+\.toml)(?:.*\(at line (\d+))?", re.DOTALL)
_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (TemplateNotFound, "Mallen hänvisar till en mall som inte finns."),
    (TemplateSyntaxError, "Jinja förstår inte vad som står i mallen."),
    (UndefinedError, "Mallen använder ett namn eller ett värde som inte finns."),
    (tomllib.TOMLDecodeError, "Filen med tillstånd är inte giltig TOML."),
)


@dataclass(frozen=True)
class Place:
    """A line of a file; 0 when only the file is known."""

    file: str
    line: int

    @property
    def lines(self) -> list[tuple[int, str]]:
        """The line and those around it, numbered."""
        numbered = enumerate((ROOT / self.file).read_text().splitlines(), 1)
        return [(n, text) for n, text in numbered if abs(n - self.line) <= _AROUND]


def response_to(request: Request, error: Exception) -> Response | None:
    """The page, or None when no template and no state is to blame."""
    causes = list(_causes(error))
    places = next(filter(None, map(_places, causes)), [])
    if not places and not isinstance(error, TemplateError):
        return None
    html = request.app.state.templates.get_template("development/template_error.html").render(
        request=request,
        partial=wants_partial(request),
        kind=next((text for kind, text in _KINDS for e in causes if isinstance(e, kind)), ""),
        message=str(error).replace(f"{ROOT}/", ""),
        place=places[-1] if places else None,
        way=[place for place in places if place.file != places[-1].file],
    )
    headers = {"Cache-Control": "no-store", "Vary": VARY}
    return Response(html, 500, headers, media_type="text/html")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__


def _places(error: BaseException) -> list[Place]:
    """The way through the templates to the error, outermost first."""
    places = [
        (frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    if isinstance(error, TemplateSyntaxError) and error.filename:
        places.append((error.filename, error.lineno))
    elif named := _NAMED.search(str(error)):
        places.append((str(ROOT / named[1]), int(named[2] or 0)))
    inside = f"{ROOT / 'templates'}/"
    found = [
        Place(file.removeprefix(f"{ROOT}/"), line)
        for file, line in places
        if file.startswith(inside)
    ]
    return [place for place, _ in groupby(found)]
