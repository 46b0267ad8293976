"""/_dev: the tools in one place, and what their pages have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from models import clock
from web.pages import Page
from web.rendering import render


class Tools(Page):
    async def get(self, request: Request) -> Response:
        return show(request, "development/tools.html")


def show(
    request: Request, template: str, context: dict[str, Any] | None = None, status_code: int = 200
) -> Response:
    """A tool's page. Each says so when the portal's clock was moved."""
    told = {"now": clock.now(), "real_now": real_now(), "is_moved": bool(clock.ahead())}
    return render(request, template, {**told, **(context or {})}, status_code)


def real_now() -> datetime:
    """What the machine's own clock says."""
    return clock.now() - clock.ahead()
