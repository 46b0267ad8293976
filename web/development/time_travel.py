"""/_dev/klocka: the portal's clock, moved until the server starts anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from models import clock
from web.development.tools import real_now, show
from web.forms import Form, text
from web.pages import Page
from web.rendering import STOCKHOLM, date_and_time, redirect

_STEPS = {
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "15d": timedelta(days=15),
}
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class ClockForm(Form):
    """`step`: one of the steps, `back`, or `at` with the moment in `at`, in Swedish time."""

    step: str = text(10)
    at: str = text(30)

    def validate(self) -> None:
        if self.step not in (*_STEPS, "back", "at"):
            self.error = "Välj hur klockan ska ställas."
            return
        try:
            moment = real_now() + self.ahead
        except (ValueError, OverflowError):
            self.errors["at"] = "Ange dag och klockslag, till exempel 2026-12-24 15:00."
            return
        if not _FIRST <= moment < _LAST:
            self.errors["at"] = "Ange en tid mellan år 2000 och 2100."

    @property
    def ahead(self) -> timedelta:
        """How far ahead of the real time the clock is to be. Raises when `at` is no moment."""
        if self.step == "back":
            return timedelta()
        if self.step == "at":
            return datetime.fromisoformat(self.at).replace(tzinfo=STOCKHOLM) - real_now()
        return clock.ahead() + _STEPS[self.step]


class Clock(Page):
    async def get(self, request: Request) -> Response:
        return _shown(request, ClockForm(at=f"{clock.now().astimezone(STOCKHOLM):%Y-%m-%dT%H:%M}"))

    async def post(self, request: Request) -> Response:
        form = await ClockForm.read(request)
        if not form.is_valid():
            return _shown(request, form, 422)
        clock.move(form.ahead)
        told = f"Klockan är nu {date_and_time(clock.now())}."
        return redirect(request, "development:clock", flash=told)


def _shown(request: Request, form: ClockForm, status_code: int = 200) -> Response:
    return show(request, "development/clock.html", {"form": form}, status_code)
