"""/_dev/aterstall: limits lifted, or the demo data as new."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from models.databases import atomic
from models.limits import Spent, SpentValue
from web.development import demo
from web.development.tools import show
from web.forms import Form, text
from web.pages import Page
from web.rendering import redirect


@dataclass
class ResetForm(Form):
    what: str = text(10)
    sure: str = text(10)

    def validate(self) -> None:
        if self.what not in ("limits", "demo"):
            self.error = "Välj vad som ska återställas."
        elif self.what == "demo" and not self.sure:
            self.errors["sure"] = "Kryssa i att allt i databasen ska tas bort."


class Reset(Page):
    async def get(self, request: Request) -> Response:
        return show(request, "development/reset.html", {"form": ResetForm()})

    async def post(self, request: Request) -> Response:
        form = await ResetForm.read(request)
        if form.is_valid() and form.what == "demo" and not request.app.state.settings.demo:
            form.error = "Databasen rörs inte: demodata är avstängda (MINASIDOR_DEMO=false)."
        if form.failed:
            return show(request, "development/reset.html", {"form": form}, 422)
        if form.what == "demo":
            await demo.refill()
            return redirect(request, "development:reset", flash="Databasen är som ny.")
        await _lift_all_limits()
        return redirect(request, "development:reset", flash="Alla spärrar är nollställda.")


async def _lift_all_limits() -> None:
    async with atomic():
        await Spent.all().delete()
        await SpentValue.all().delete()
