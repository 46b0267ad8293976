"""What links in mail lead to. A GET never uses a link up: mail scanners open them too."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from models import (
    CustomerAccount,
    EmailLink,
    Membership,
    User,
    access,
    email_change,
    password_reset,
)
from models.databases import atomic
from models.email_link import Purpose, State
from models.registration import ask_for_confirmation
from web import cookies, guards, sessions
from web.forms import Form, text
from web.login import landing
from web.pages import Page
from web.rendering import SeeOther, redirect, render, warning

# What a dead link's page says; each case has its own sentence.
SENTENCES = {
    State.UNKNOWN: "Länken är inte hel. Kopiera hela adressen ur mejlet, eller be om en ny.",
    State.USED: "Länken är redan använd. Logga in, eller be om en ny.",
    State.EXPIRED: "Länken är för gammal.",
    State.REPLACED: "Det finns en nyare länk. Öppna det senaste mejlet.",
    State.VOID: (
        "Länken gäller inte längre, eftersom du har loggat in, eller uppgifterna har ändrats, "
        "sedan mejlet skickades."
    ),
}
# Those of a notice, which is never sent anew.
NOTICE_SENTENCES = {
    State.UNKNOWN: "Länken är inte hel. Kopiera hela adressen ur mejlet, eller ring oss.",
    State.USED: "Länken är redan använd. Ring oss om något inte stämmer.",
    State.EXPIRED: "Länken är för gammal. Ring oss så hjälper vi dig.",
    State.REPLACED: "Det finns en nyare länk. Öppna det senaste mejlet.",
    State.VOID: "Länken gäller inte längre. Ring oss om något inte stämmer.",
}
# Those of an invitation. An administrator decides whether there is a new one, so none is sent from
# here.
INVITATION_SENTENCES = {
    State.UNKNOWN: (
        "Länken är inte hel. Kopiera hela adressen ur mejlet, eller be den som bjöd in dig om en "
        "ny inbjudan."
    ),
    State.USED: "Inbjudan är redan besvarad. Har du tackat ja når du kundkontot när du loggar in.",
    State.EXPIRED: "Inbjudan är för gammal. Be den som bjöd in dig att skicka en ny.",
    State.REPLACED: "Det finns en nyare inbjudan. Öppna det senaste mejlet.",
    State.VOID: "Inbjudan gäller inte längre. Be den som bjöd in dig att skicka en ny.",
}
INVITATION_CLOSED = "Kundkontot är avslutat, så inbjudan gäller inte längre."
_REMOVED = "Användaren har redan tagits bort."
OTHER_LINK = "Du har öppnat en annan länk i en annan flik. Det är den som visas nu."
OPEN_AGAIN = "Sidan var öppen för länge. Öppna länken i mejlet igen."
TOO_MANY_MAILS = (
    "Vi har redan skickat flera mejl. Titta i skräpposten, eller försök igen om en timme."
)
FROZEN = "Kontot är stängt. Vi har skickat ett mejl med en länk till ett nytt lösenord."
FROZEN_FOR_GOOD = (
    "Kontot är stängt. Adressen används nu av ett annat konto, så ring oss om du vill öppna det."
)
TAKEN = "Adressen används redan av ett annat konto. Välj en annan."
_ALREADY_CONFIRMED = "E-postadressen är redan bekräftad."


class OpenLink(Page):
    """Takes the token out of the URL at once, so that no history, log or referrer keeps it."""

    to: str

    async def get(self, request: Request) -> Response:
        response = redirect(request, self.to)
        # What is no token (a cut link, an attack) becomes one that is found nowhere.
        token = re.sub(r"[^A-Za-z0-9_-]", "", request.path_params["token"])[:100] or "-"
        cookies.set(response, request, "link", token, max_age=cookies.LINK_LIFETIME)
        return response


class OpenConfirmEmail(OpenLink):
    to = "email_links:confirm_email"


class ConfirmEmail(Page):
    """Confirming needs a session of that user: whoever only reads the mailbox proves nothing."""

    async def get(self, request: Request) -> Response:
        link = await self._link(request)
        context = {"email": link.email, "changing": link.purpose is Purpose.CHANGE_EMAIL}
        return render(request, "email_links/confirm_email.html", context, secret=True)

    async def post(self, request: Request) -> Response:
        link = await self._link(request)
        if not await self._confirm(request, link):
            raise SeeOther("email_links:confirm_email")
        to = await landing(request, await User.get(id=link.user_id))
        response = redirect(request, to, whole_page=True, flash=_confirmed(link))
        cookies.delete(response, request, "link")
        return response

    async def _confirm(self, request: Request, link: EmailLink) -> bool:
        if link.purpose is Purpose.CHANGE_EMAIL:
            try:
                return await email_change.confirm(link)
            except email_change.Taken:
                await email_change.withdraw(guards.signed_in(request).user.id)
                raise SeeOther(
                    "email_change:new_address", flash=warning(TAKEN), whole_page=True
                ) from None
        user = await User.get(id=link.user_id)
        async with atomic():
            await User.lock(user.id)
            if confirmed := await link.consume():
                await user.confirm_email()
        return confirmed

    async def _link(self, request: Request) -> EmailLink:
        identity = guards.signed_in(request)
        link = await opened(request, Purpose.CONFIRM_EMAIL, Purpose.CHANGE_EMAIL)
        check_whose(request, link, "email_links:confirm_email")
        confirmed, purpose = identity.user.email_confirmed, link and link.purpose
        # A change that was confirmed before: whoever opens the mail twice has done it right.
        is_changed = link and link.used_at and link.email == identity.user.email
        if confirmed and (is_changed or purpose is not Purpose.CHANGE_EMAIL):
            raise SeeOther(
                await landing(request, await User.get(id=identity.user.id)),
                flash=_ALREADY_CONFIRMED,
            )
        return alive(request, link, again=purpose or Purpose.CONFIRM_EMAIL)


def _confirmed(link: EmailLink) -> str:
    if link.purpose is Purpose.CHANGE_EMAIL:
        return f"Din e-postadress är ändrad. Du loggar in med {link.email}."
    return "Din e-postadress är bekräftad."


class Resend(Page):
    """Skicka igen: a new confirmation link to the signed-in user's address."""

    async def get(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        return redirect(request, await landing(request, await User.get(id=identity.user.id)))

    async def post(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        if not identity.user.email:
            return redirect(request, "email_change:new_address", whole_page=True)
        if identity.user.email_confirmed:
            sentence = _ALREADY_CONFIRMED
        elif await ask_for_confirmation(identity.user.id):
            sentence = f"Vi har skickat ett nytt mejl till {identity.user.email}."
        else:
            sentence = TOO_MANY_MAILS
        to = await landing(request, await User.get(id=identity.user.id))
        return redirect(request, to, whole_page=True, flash=sentence)


class OpenNotice(OpenLink):
    to = "email_links:notice"


@dataclass
class NoticeForm(Form):
    link: str = text(20)  # the id of the one that the page showed


class Notice(Page):
    """'Det var inte jag' and 'Det var inte vi': undone without logging in, as the mail promised."""

    async def get(self, request: Request) -> Response:
        link = await self._link(request)
        if link.user:
            restores = email_change.restores(link, link.user)
            context = {"link_id": link.id, "email": link.email, "restores": restores}
            return render(request, "email_links/not_me.html", context, secret=True)
        membership = await _membership(link)
        names = await _names(membership)
        context = {"link_id": link.id, **names, "waits": membership.is_awaiting}
        return render(request, "email_links/not_us.html", context, secret=True)

    async def post(self, request: Request) -> Response:
        link, form = await self._link(request), await NoticeForm.read(request)
        if form.link not in ("", str(link.id)):
            # The cookie holds the link that was opened last: nobody acts on another than is shown.
            raise SeeOther("email_links:notice", flash=warning(OTHER_LINK))
        done = await (self._freeze(request, link) if link.user else self._remove(link))
        response = redirect(request, "home", whole_page=True, flash=done)
        cookies.delete(response, request, "link")
        return response

    async def _freeze(self, request: Request, link: EmailLink) -> str:
        if not await password_reset.freeze(link):
            raise SeeOther("email_links:notice")  # which says why
        return FROZEN if (await User.get(id=link.user_id)).email else FROZEN_FOR_GOOD

    async def _remove(self, link: EmailLink) -> str:
        membership = await _membership(link)
        names = await _names(membership)
        await access.not_us(link)
        return f"{names['person_name']} kan inte längre se {names['customer_account_name']}."

    async def _link(self, request: Request) -> EmailLink:
        # The undoing of an e-mail change may freeze, too.
        return await noticed(request, Purpose.NOT_ME, Purpose.NOT_US, Purpose.UNDO_EMAIL)


class SwitchUser(Page):
    """'Logga ut och fortsätt': the link is somebody else's than the one who is signed in."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "home")

    async def post(self, request: Request) -> Response:
        form = await SwitchUserForm.read(request)
        await sessions.end(request)
        # Not from the form as it is: it names one of our own pages, or leads home.
        to = form.to if form.to in _LED_TO else "home"
        response = redirect(request, to, whole_page=True)
        cookies.delete(response, request, "session")
        return response


@dataclass
class SwitchUserForm(Form):
    to: str = text(60)


_LED_TO = (
    "email_links:confirm_email",
    "password_reset:new_password",
    "two_factor_reset:new_app",
    "invitations:answer",
)


def unkept(response: Response) -> Response:
    """No cache and no Back keeps what stands behind a link, refused or not."""
    response.headers["Cache-Control"] = "no-store"
    return response


async def opened(request: Request, *purposes: Purpose) -> EmailLink | None:
    """The link whose token this browser took out of the URL, dead or alive."""
    token = cookies.get(request, "link")
    return await EmailLink.find(token, *purposes) if token else None


def alive(request: Request, link: EmailLink | None, *, again: Purpose) -> EmailLink:
    """The link, if it works; else the page that says why not, with the way to a new one."""
    if not cookies.get(request, "link"):
        raise Dead(OPEN_AGAIN, again=again)
    state = link.state if link else State.UNKNOWN
    if link is None or state is not State.OPEN:
        raise Dead(SENTENCES[state], again=again)
    return link


async def noticed(request: Request, *purposes: Purpose) -> EmailLink:
    """The notice's link, if it works; else the page that says why not: it is never sent anew."""
    if not cookies.get(request, "link"):
        raise Dead(OPEN_AGAIN)
    link = await opened(request, *purposes)
    state = link.state if link else State.UNKNOWN
    if link is None or state is not State.OPEN:
        removed = link and link.purpose is Purpose.NOT_US and state is State.VOID
        raise Dead(_REMOVED if removed else NOTICE_SENTENCES[state])
    return link


def check_whose(request: Request, link: EmailLink | None, to: str) -> None:
    """A link of somebody else's than the one who is signed in: a page that names both."""
    identity = request.state.identity
    if not identity or link is None or link.user is None or link.state is not State.OPEN:
        return
    if link.user.id != identity.user.id:
        raise OtherUser(signed_in=identity.user.name, meant=link.user.name, to=to)


async def _membership(link: EmailLink) -> Membership:
    membership = await Membership.get_or_none(id=link.membership_id)
    if membership is None:
        raise Dead(_REMOVED)
    return membership


async def _names(membership: Membership) -> dict[str, str]:
    user = await User.get(id=membership.user_id)
    account = await CustomerAccount.get(id=membership.customer_account_id)
    return {"person_name": user.name, "customer_account_name": account.name}


class Dead(SeeOther):
    """A link that does not work any more, and why. `again`: what a new one can be asked for."""

    def __init__(self, sentence: str, *, again: Purpose | None = None) -> None:
        super().__init__("home")
        self.sentence, self.again = sentence, again

    def response(self, request: Request) -> Response:
        context = {"sentence": self.sentence, "again": self.again}
        return unkept(render(request, "email_links/dead.html", context, status_code=410))


class OtherUser(SeeOther):
    """Somebody is signed in, and the link is somebody else's: both ways on."""

    def __init__(self, *, signed_in: str, meant: str, to: str) -> None:
        super().__init__("home")
        self.context = {"signed_in": signed_in, "meant": meant, "to": to}

    def response(self, request: Request) -> Response:
        return unkept(render(request, "email_links/other_user.html", self.context))
