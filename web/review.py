"""Vilka har åtkomst?: administrators go through the list, take access away, and confirm it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from starlette.requests import Request
from starlette.responses import Response

from models import review
from models.access import Actor
from models.permission import Permission
from web import guards, kept_form
from web.customer_pages import CustomerPage
from web.forms import Form, text
from web.rendering import redirect, render

_CHOICE = re.compile("(user|invitation)-[0-9]{1,9}")
_CHANGED = (
    "Listan har ändrats sedan du öppnade sidan. Ingen är borttagen. Gå igenom den nya listan och "
    "bekräfta den."
)


@dataclass
class ReviewForm(Form):
    """One checkbox for each who may be removed; together they are one field that can be kept."""

    version: str = text(64)
    ended: str = text(20_000)  # "user-12 invitation-3"

    @classmethod
    async def read(cls, request: Request) -> Self:
        form, sent = await super().read(request), await request.form()
        form.ended = " ".join(name for name in sent if _CHOICE.fullmatch(name))
        return form

    def ids(self, kind: str) -> list[int]:
        """Of the users' memberships, or of the invitations, that are to end."""
        parts = (choice.split("-") for choice in self.ended.split())
        return [int(number) for name, number in parts if name == kind]


class Review(CustomerPage):
    """Once a year, when a mail asks for it, and whenever an administrator likes."""

    permission = Permission.REVIEW
    keeps = ReviewForm

    async def get(self, request: Request) -> Response:
        form = ReviewForm()
        kept_form.refill(request, form)
        return await self._page(request, form)

    async def post(self, request: Request) -> Response:
        identity = guards.recently_confirmed(request)
        _, account = guards.member_of(request)
        form = await ReviewForm.read(request)
        if not form.is_valid():
            return await self._page(request, form, 422)
        try:
            ended = await review.confirm(
                account.id,
                Actor(identity.user.id),
                version=form.version,
                memberships=form.ids("user"),
                invitations=form.ids("invitation"),
            )
        except review.Changed:
            form.error = _CHANGED
            return await self._page(request, form, 422)
        flash = "Genomgången är klar. Alla behåller sin åtkomst."
        if ended:
            flash = "Genomgången är klar. De som du markerade är borttagna."
        return redirect(request, "review", customer_number=account.customer_number, flash=flash)

    async def _page(self, request: Request, form: ReviewForm, status_code: int = 200) -> Response:
        _, account = guards.member_of(request)
        context = {"form": form, "access": await review.access_to(account.id)}
        return render(request, "review/review.html", context, status_code, secret=True)
