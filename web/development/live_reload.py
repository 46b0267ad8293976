"""Live reload: an open page asks whether a file it may be made of was saved since."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import asdict, dataclass
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from web.settings import ROOT

_FRESH = 0.15  # seconds that one look at the files serves all who ask
# Not what editors write beside a file while somebody types: .page.html.swp, page.html~, 4913.
_NAME = re.compile(r"\w[\w.-]*\.\w+")


@dataclass(frozen=True)
class Changes:
    """Two marks that change with the files: of the style sheets, and of everything else."""

    page: str
    style: str


def changes() -> Changes:
    """The files as they are now."""
    return _seen(int(time.monotonic() / _FRESH))


async def answer(request: Request) -> Response:
    """What `static/development/live-reload.js` asks for."""
    request.state.unlogged = True
    return JSONResponse(asdict(changes()), headers={"Cache-Control": "no-store"})


@lru_cache(maxsize=1)
def _seen(_moment: int) -> Changes:
    page, style = hashlib.sha256(), hashlib.sha256()
    for folder in ("templates", "static"):
        for path in sorted((ROOT / folder).rglob("*.*")):
            if not _NAME.fullmatch(path.name):
                continue
            try:
                stat = path.stat()
            except FileNotFoundError:  # an editor put it aside for a moment
                continue
            mark = f"{path} {stat.st_mtime_ns} {stat.st_size}\n".encode()
            (style if path.suffix == ".css" else page).update(mark)
    return Changes(page.hexdigest()[:12], style.hexdigest()[:12])
