"""What links in mail lead to. A GET never uses a link up: mail scanners open them too."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from models import CustomerAccount, EmailLink, Membership, User
from models.databases import atomic
from models.email_link import Purpose, State
from models.registration import ask_for_confirmation
from web import cookies, guards
from web.login import landing
from web.pages import Page
from web.rendering import SeeOther, redirect, render

# What a dead link's page says; each case has its own sentence.
SENTENCES = {
    State.UNKNOWN: "Länken är inte hel. Kopiera hela adressen ur mejlet, eller be om en ny.",
    State.USED: "Länken är redan använd.",
    State.EXPIRED: "Länken är för gammal.",
    State.REPLACED: "Det finns en nyare länk. Öppna det senaste mejlet.",
    State.VOID: (
        "Länken gäller inte längre, eftersom uppgifterna har ändrats sedan mejlet skickades."
    ),
}
# Those of a notice, which is never sent anew.
NOTICE_SENTENCES = {
    State.UNKNOWN: "Länken är inte hel. Kopiera hela adressen ur mejlet, eller ring oss.",
    State.USED: "Länken är redan använd. Ring oss om något inte stämmer.",
    State.EXPIRED: "Länken är för gammal. Ring oss så hjälper vi dig.",
    State.REPLACED: "Det finns en nyare länk. Öppna det senaste mejlet.",
    State.VOID: "Användaren har redan tagits bort.",
}
OPEN_AGAIN = "Sidan var öppen för länge. Öppna länken i mejlet igen."
OTHER_USER = (
    "Du är inloggad med ett annat användarkonto än det som länken gäller. "
    "Logga ut och öppna länken igen."
)
TOO_MANY_MAILS = (
    "Vi har redan skickat flera mejl. Titta i skräpposten, eller försök igen om en timme."
)
_ALREADY_CONFIRMED = "E-postadressen är redan bekräftad."


class OpenLink(Page):
    """Takes the token out of the URL at once, so that no history, log or referrer keeps it."""

    to: str

    async def get(self, request: Request) -> Response:
        response = redirect(request, self.to)
        # What is no token (a cut link, an attack) becomes one that is found nowhere.
        token = re.sub(r"[^A-Za-z0-9_-]", "", request.path_params["token"])[:100]
        cookies.set(response, request, "link", token, max_age=cookies.LINK_LIFETIME)
        return response


class OpenConfirmEmail(OpenLink):
    to = "email_links:confirm_email"


class ConfirmEmail(Page):
    """Confirming needs a session of that user: whoever only reads the mailbox proves nothing."""

    async def get(self, request: Request) -> Response:
        link = await self._link(request)
        return render(request, "email_links/confirm_email.html", {"email": link.email}, secret=True)

    async def post(self, request: Request) -> Response:
        link = await self._link(request)
        user = await User.get(id=link.user_id)
        async with atomic():
            if confirmed := await link.consume():
                await user.confirm_email()
        if not confirmed:
            raise SeeOther("email_links:confirm_email")
        response = redirect(
            request,
            await landing(request, user),
            whole_page=True,
            flash="Din e-postadress är bekräftad.",
        )
        cookies.delete(response, request, "link")
        return response

    async def _link(self, request: Request) -> EmailLink:
        identity = guards.signed_in(request)
        token = cookies.get(request, "link")
        link = await EmailLink.find(token, Purpose.CONFIRM_EMAIL)
        state = link.state if link else State.UNKNOWN
        if link and link.user_id != identity.user.id:
            raise Dead(OTHER_USER, resend=False)
        if identity.user.email_confirmed:
            raise SeeOther(
                await landing(request, await User.get(id=identity.user.id)),
                flash=_ALREADY_CONFIRMED,
            )
        if not token:
            raise Dead(OPEN_AGAIN, resend=True)
        if link is None or state is not State.OPEN:
            raise Dead(SENTENCES[state], resend=True)
        return link


class Resend(Page):
    """Skicka igen: a new confirmation link to the signed-in user's address."""

    async def get(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        return redirect(request, await landing(request, await User.get(id=identity.user.id)))

    async def post(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        if identity.user.email_confirmed:
            sentence = _ALREADY_CONFIRMED
        elif await ask_for_confirmation(identity.user.id):
            sentence = f"Vi har skickat ett nytt mejl till {identity.user.email}."
        else:
            sentence = TOO_MANY_MAILS
        to = await landing(request, await User.get(id=identity.user.id))
        return redirect(request, to, whole_page=True, flash=sentence)


class OpenNotUs(OpenLink):
    to = "email_links:not_us"


class NotUs(Page):
    """'Det var inte vi': whoever was told of a new user can end that access, without logging in."""

    async def get(self, request: Request) -> Response:
        _, membership = await self._link(request)
        context = await self._names(membership)
        return render(request, "email_links/not_us.html", context, secret=True)

    async def post(self, request: Request) -> Response:
        link, membership = await self._link(request)
        names = await self._names(membership)
        async with atomic():
            if await link.consume():
                await membership.remove()
        person, account = names["person_name"], names["customer_account_name"]
        response = redirect(
            request, "home", whole_page=True, flash=f"{person} kan inte längre se {account}."
        )
        cookies.delete(response, request, "link")
        return response

    async def _link(self, request: Request) -> tuple[EmailLink, Membership]:
        token = cookies.get(request, "link")
        if not token:
            raise Dead(OPEN_AGAIN, resend=False)
        link = await EmailLink.find(token, Purpose.NOT_US)
        state = link.state if link else State.UNKNOWN
        if link is None or state is not State.OPEN:
            raise Dead(NOTICE_SENTENCES[state], resend=False)
        membership = await Membership.get_or_none(id=link.membership_id)
        if membership is None:
            raise Dead(NOTICE_SENTENCES[State.VOID], resend=False)
        return link, membership

    async def _names(self, membership: Membership) -> dict[str, str]:
        user = await User.get(id=membership.user_id)
        account = await CustomerAccount.get(id=membership.customer_account_id)
        return {"person_name": user.name, "customer_account_name": account.name}


class Dead(SeeOther):
    """A link that does not work any more, and why."""

    def __init__(self, sentence: str, *, resend: bool) -> None:
        super().__init__("home")
        self.sentence, self.resend = sentence, resend

    def response(self, request: Request) -> Response:
        context = {"sentence": self.sentence, "resend": self.resend}
        return render(request, "email_links/dead.html", context, status_code=410, secret=True)
