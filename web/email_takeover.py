"""Steg 3 with an address that somebody else has an account with: whoever reads it may have it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from models import EmailLink, email_takeover
from models.email_link import Purpose
from models.user import email_key
from web import cookies, sessions
from web.email_links import TOO_MANY_MAILS, OpenLink, alive, opened, unkept
from web.login import landing
from web.pages import Page
from web.registration import claimed, found
from web.rendering import SeeOther, redirect, render

OWN_ACCOUNT = "Du är redan inloggad på kontot som har adressen. Bekräfta den i stället."
FREE = "Nu kan du använda adressen. Välj ett lösenord och skapa ditt användarkonto."


class Ask(Page):
    """'Är det din adress men inte ditt konto?': a mail to it, whoever's account it is."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "registration:personal_details")

    async def post(self, request: Request) -> Response:
        registration, _ = await claimed(request)
        email, sentence = registration.email, TOO_MANY_MAILS
        if await email_takeover.ask(email, sessions.client(request).network):
            sentence = (
                f"Vi har skickat ett mejl till {email}. Öppna länken i det, och fortsätt här."
            )
        return redirect(request, "registration:personal_details", whole_page=True, flash=sentence)


class OpenTakeOver(OpenLink):
    to = "email_takeover:take_over"


class TakeOver(Page):
    """Takes the address from an account that never confirmed it. The link is all it takes."""

    async def get(self, request: Request) -> Response:
        link = await self._link(request)
        return unkept(render(request, "email_takeover/take_over.html", {"email": link.email}))

    async def post(self, request: Request) -> Response:
        link = await self._link(request)
        if not await email_takeover.take_over(link):
            raise SeeOther("email_takeover:take_over")  # which says why
        here = await self._is_registering(request, link)
        to = "registration:personal_details" if here else "email_takeover:done"
        response = redirect(request, to, whole_page=True, flash=FREE if here else None)
        cookies.delete(response, request, "link")
        return response

    async def _is_registering(self, request: Request, link: EmailLink) -> bool:
        """Whether it is this browser that waits for the address at Steg 3."""
        registration = await found(request)
        return (
            registration is not None
            and registration.finished_at is None
            and email_key(registration.email) == email_key(link.email)
        )

    async def _link(self, request: Request) -> EmailLink:
        link = await opened(request, Purpose.TAKE_OVER_EMAIL)
        link = alive(request, link, again=Purpose.TAKE_OVER_EMAIL)
        identity = request.state.identity
        if identity and link.user and identity.user.id == link.user.id:
            # Else a user who opens a stranger's request would lose their own address.
            raise SeeOther(await landing(request, link.user), flash=OWN_ACCOUNT)
        return link


class Done(Page):
    """Where the registration goes on: in the browser that it was begun in."""

    async def get(self, request: Request) -> Response:
        return render(request, "email_takeover/done.html")
