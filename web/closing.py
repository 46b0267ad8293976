"""Avsluta användarkontot: closing it with the password (and code), or BankID; undoing that."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from models import User, closing
from web import cookies, guards
from web.forms import Form
from web.pages import Page
from web.rendering import date_and_time, redirect, render
from web.two_factor import PasswordForm, ProofForm, prove

ONLY_ADMINISTRATOR = (
    "Minst en administratör måste finnas kvar. Gör någon annan till administratör först."
)


class Close(Page):
    """What will happen, and the form that makes it happen; afterwards the way to undo it."""

    async def get(self, request: Request) -> Response:
        user = await _user(request)
        if user.closes_at:
            return render(request, "closing/undo.html", {"erased_at": user.closes_at}, secret=True)
        if user.is_passwordless:
            guards.recently_confirmed(request)
        return await self._page(request, user, _form_for(user)())

    async def post(self, request: Request) -> Response:
        user = await _user(request)
        if user.closes_at:
            return redirect(request, "closing:close")
        form = await _form_for(user).read(request)
        relied_on = await closing.relying_on(user.id)
        proven = None if relied_on else await _prove(request, user, form)
        if proven is None:
            return await self._page(request, user, form, 422)
        try:
            erased_at = await closing.close(proven)
        except closing.OnlyAdministrator:  # the other one was a moment quicker
            return await self._page(request, user, form, 422)
        if erased_at is None:
            return redirect(request, "closing:close", whole_page=True)
        until = date_and_time(erased_at)
        done = f"Användarkontot är avslutat. Ångrar du dig kan du logga in fram till {until}."
        response = redirect(request, "login", whole_page=True, flash=done)
        cookies.delete(response, request, "session")
        return response

    async def _page(
        self, request: Request, user: User, form: Form, status_code: int = 200
    ) -> Response:
        relying = await closing.relying_on(user.id)
        if relying and status_code >= 400:
            form.errors, form.error = {}, ONLY_ADMINISTRATOR
        context = {
            "form": form,
            "with_password": isinstance(form, PasswordForm),
            "with_code": isinstance(form, ProofForm),
            "undo_days": closing.UNDO_FOR.days,
            "relying": relying,
            "accounts": await closing.reached_by(user.id),
        }
        return render(request, "closing/close.html", context, status_code, secret=True)


class Undo(Page):
    """Ångra: all is as it was."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "closing:close")

    async def post(self, request: Request) -> Response:
        user = await _user(request)
        undone = await closing.undo(user)
        flash = "Välkommen tillbaka! Ditt användarkonto är öppet igen." if undone else None
        return redirect(request, "my_details:personal_details", whole_page=True, flash=flash)


async def _user(request: Request) -> User:
    return await User.get(id=guards.signed_in_or_closing(request).user.id)


def _form_for(user: User) -> type[Form]:
    if user.is_passwordless:
        return Form  # they have proven with BankID, a moment ago, who they are
    return ProofForm if user.has_two_factor else PasswordForm


async def _prove(request: Request, user: User, form: Form) -> User | None:
    if isinstance(form, PasswordForm):
        return await prove(user.id, form)
    guards.recently_confirmed(request)
    return user
