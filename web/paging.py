"""Long lists, 25 a page: the part that is asked for with `?sida=`, and the ways on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request

PER_PAGE = 25
_LAST_PAGE = 100_000


@dataclass(frozen=True)
class Paged:
    """One page of a list, as templates show it; `previous` and `next` are addresses, or empty."""

    rows: Sequence[Any]
    first: int  # which one of all the first of them is
    count: int
    previous: str
    next: str

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @classmethod
    def of(cls, request: Request, items: Sequence[Any]) -> Paged:
        """The page that is asked for of the whole list. Raises 404 as `skipped`."""
        start = skipped(request)
        return cls.showing(request, items[start : start + PER_PAGE], len(items))

    @classmethod
    def showing(cls, request: Request, rows: Sequence[Any], count: int) -> Paged:
        """These, which are the page that is asked for, of so many in all; beyond the last page
        there are none of them, and the way back."""
        page, pages = skipped(request) // PER_PAGE + 1, page_count(count)
        return cls(
            rows,
            (page - 1) * PER_PAGE + 1,
            count,
            _address(request, min(page - 1, pages)) if page > 1 else "",
            _address(request, page + 1) if page < pages else "",
        )


def skipped(request: Request, per_page: int = PER_PAGE) -> int:
    """How many stand on the pages before. Raises 404 for what is no number of a page."""
    asked = request.query_params.get("sida", "1")
    page = int(asked) if re.fullmatch("[0-9]{1,6}", asked) else 0
    if not 1 <= page <= _LAST_PAGE:
        raise HTTPException(404)
    return (page - 1) * per_page


def page_count(count: int, per_page: int = PER_PAGE) -> int:
    """How many pages so many make; nothing at all makes an empty one."""
    return max(1, -(-count // per_page))


def _address(request: Request, page: int) -> str:
    query = {name: value for name, value in request.query_params.items() if name != "sida"}
    return f"{request.url.path}?{urlencode({**query, 'sida': page})}"
