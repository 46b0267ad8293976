"""Mina uppgifter, Ändra e-postadress; and undoing that from the old address."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from models import EmailLink, User, email_change
from models.email_link import Purpose
from models.session import Identity
from models.user import email_key
from web import cookies, guards, kept_form
from web.email_links import TOO_MANY_MAILS, Dead, OpenLink, noticed, unkept
from web.forms import Form, email_error, text
from web.pages import Page
from web.rendering import SeeOther, redirect, render

SAME = "Det är den adress som du har. Ange en annan."
WITHDRAWN = "Bytet är avbrutet. E-postadressen är oförändrad."
UNDONE = "Bytet är ångrat. Logga in med den gamla adressen."
ALREADY_BACK = "Kontot har redan den här adressen."
ADDRESS_TAKEN = "Adressen används nu av ett annat konto, så bytet går inte att ångra. Ring oss."


@dataclass
class NewAddressForm(Form):
    email: str = text(254)

    def validate(self) -> None:
        if error := email_error(self.email):
            self.errors["email"] = error


class NewAddress(Page):
    """Asks for the new address. The old one counts until a link to the new one is opened."""

    template = "email_change/new_address.html"
    keeps = NewAddressForm

    async def get(self, request: Request) -> Response:
        identity, form = guards.recently_confirmed(request), NewAddressForm()
        kept_form.refill(request, form)
        return await self._page(request, identity, form)

    async def post(self, request: Request) -> Response:
        identity = guards.recently_confirmed(request)
        form = await NewAddressForm.read(request)
        if form.is_valid() and email_key(form.email) == email_key(identity.user.email):
            form.errors["email"] = SAME
        if form.failed:
            return await self._page(request, identity, form, status_code=422)
        if not await email_change.ask(identity, form.email):
            form.error = TOO_MANY_MAILS
            return await self._page(request, identity, form, status_code=422)
        return redirect(
            request, "my_details:personal_details", whole_page=True, flash=_sent_to(form.email)
        )

    async def _page(
        self, request: Request, identity: Identity, form: NewAddressForm, status_code: int = 200
    ) -> Response:
        context = {
            "form": form,
            "email": identity.user.email,
            "pending": await pending_address(identity.user.id),
        }
        return render(request, self.template, context, status_code, secret=True)


class SendAgain(Page):
    """Skicka igen: to the address that waits, so nothing new is asked for."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "my_details:personal_details")

    async def post(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        email = await pending_address(identity.user.id)
        if not email:  # too old, or confirmed meanwhile
            return redirect(request, "email_change:new_address", whole_page=True)
        sent = await email_change.ask(identity, email)
        sentence = _sent_to(email) if sent else TOO_MANY_MAILS
        return redirect(request, "my_details:personal_details", whole_page=True, flash=sentence)


class Withdraw(Page):
    """Avbryt bytet."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "my_details:personal_details")

    async def post(self, request: Request) -> Response:
        await email_change.withdraw(guards.signed_in(request).user.id)
        return redirect(request, "my_details:personal_details", whole_page=True, flash=WITHDRAWN)


class OpenUndo(OpenLink):
    to = "email_change:undo"


class Undo(Page):
    """Ångra bytet, without logging in: whoever changed the address may have the password."""

    async def get(self, request: Request) -> Response:
        return self._page(request, await self._link(request))

    async def post(self, request: Request) -> Response:
        link = await self._link(request)
        try:
            undone = await email_change.undo(link)
        except email_change.Taken:
            return self._page(request, link, ADDRESS_TAKEN, status_code=422)
        if not undone:
            raise SeeOther("email_change:undo")  # which says why
        response = redirect(request, "login", whole_page=True, flash=UNDONE)
        cookies.delete(response, request, "link")
        return response

    async def _link(self, request: Request) -> EmailLink:
        link = await noticed(request, Purpose.UNDO_EMAIL)
        user = await User.get(id=link.user_id)
        if not email_change.restores(link, user):
            raise Dead(ALREADY_BACK)
        if email_change.needs_a_password(link, user):
            raise SeeOther("email_links:notice")  # which freezes, too
        return link

    def _page(
        self, request: Request, link: EmailLink, error: str = "", status_code: int = 200
    ) -> Response:
        form = Form()
        form.error = error
        context = {"form": form, "email": link.email}
        return unkept(render(request, "email_change/undo.html", context, status_code))


async def pending_address(user_id: int) -> str:
    """The address that is still to be confirmed; empty when none is."""
    link = await email_change.pending(user_id)
    return link.email if link else ""


def _sent_to(email: str) -> str:
    return f"Vi har skickat ett mejl till {email}. Öppna länken i det för att byta adress."
