"""Byt kund: the list of one's customer accounts, a search where there are many, and favourites.

Switching itself is a link: the account stands in its address (`/kund/{customer_number}`), and
`models.session.resume` remembers which one was used last.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from models import Membership, numbers, switching
from web import guards
from web.forms import Form, text
from web.pages import Page
from web.paging import PER_PAGE, Paged, skipped
from web.rendering import redirect, render

_SEARCHED_FROM = 11  # accounts; fewer are seen at a glance


@dataclass
class SearchForm(Form):
    q: str = text(100)


@dataclass
class FavouriteForm(SearchForm):
    sida: str = text(6)
    star: str = text(20)
    unstar: str = text(20)

    @property
    def customer_number(self) -> str:
        return numbers.customer_number(self.star or self.unstar) or ""

    @property
    def query(self) -> str:
        """The part of the list that the form stood on."""
        asked = {"q": self.q, "sida": self.sida}
        return urlencode({name: value for name, value in asked.items() if value})


class Switch(Page):
    """The page, and what htmx puts into the menu of it."""

    async def get(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        form, skip = SearchForm(q=request.query_params.get("q", "").strip()), skipped(request)
        found = switching.Choices([], 0)
        if valid := form.is_valid():
            found = await switching.choices(identity.user.id, form.q, skip=skip, most=PER_PAGE)
        context = {
            "form": form,
            "accounts": Paged.showing(request, found.rows, found.count),
            "searchable": form.q != "" or found.count >= _SEARCHED_FROM,
            "awaited": await Membership.awaited_by(identity.user.id),
        }
        return render(request, "customer_switch/switch.html", context, 200 if valid else 422)


class Favourite(Page):
    """The star: what is used often stands on top."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "customer_accounts:switch")

    async def post(self, request: Request) -> Response:
        user_id = guards.signed_in(request).user.id
        form = await FavouriteForm.read(request)
        if form.is_valid():  # one that the user does not reach stays as it is, and as unknown
            await switching.pin(user_id, form.customer_number, favourite=form.star != "")
        path = request.app.url_path_for("customer_accounts:switch")
        return redirect(request, f"{path}?{form.query}" if form.query else str(path))
