"""What an invitation in mail leads to: saying yes or no, by whom it was sent to and nobody else."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models import EmailLink, Invitation, Registration, User, limits
from models.email_link import Purpose, State
from models.membership import AccountClosed, Role
from models.user import email_key
from web import cookies, guards, next_path, sessions
from web.email_links import (
    INVITATION_CLOSED,
    INVITATION_SENTENCES,
    OPEN_AGAIN,
    Dead,
    OpenLink,
    OtherUser,
    opened,
)
from web.forms import Form, text
from web.login import landing
from web.pages import Page
from web.registration import REGISTRATION_LIFETIME, found
from web.rendering import SeeOther, redirect, render, warning

OTHER_TAB = "Du har öppnat en annan inbjudan i en annan flik. Det är den som visas nu."


class Open(OpenLink):
    to = "invitations:answer"


@dataclass
class AnswerForm(Form):
    link: str = text(20)  # the id of the one that the page showed


class Answer(Page):
    """Tacka ja. Who is not signed in is led to the login, or to a user account of their own."""

    async def get(self, request: Request) -> Response:
        link, invitation = await _invitation(request)
        identity = request.state.identity
        holder = None if identity else await User.by_email(invitation.email)
        login = request.app.url_path_for("login")
        context = {
            "link_id": link.id,
            "customer_account_name": invitation.customer_account.name,
            "inviter_name": invitation.invited_by.name if invitation.invited_by else None,
            "administrator": invitation.role is Role.ADMINISTRATOR,
            "email": link.email,
            "has_user": holder is not None,
            "confirmed": holder is not None and holder.email_confirmed_at is not None,
            "login_path": f"{login}?next={next_path.sign(request.url.path)}",
        }
        return render(request, "invitation_answers/answer.html", context, secret=True)

    async def post(self, request: Request) -> Response:
        link, invitation = await _invitation(request)
        user = await User.get(id=guards.signed_in(request).user.id)
        try:
            membership = await invitation.accept(user, link)
        except AccountClosed:
            raise Dead(INVITATION_CLOSED) from None
        if membership is None:
            raise SeeOther("invitations:answer")  # which says why
        account = invitation.customer_account
        response = redirect(
            request,
            "customer_account",
            customer_number=account.customer_number,
            whole_page=True,
            flash=f"Du har nu åtkomst till {account.name}.",
        )
        cookies.delete(response, request, "link")
        return response


class Decline(Page):
    """Nej tack. The mailed link is all it takes: it gives nothing to anybody."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "invitations:answer")

    async def post(self, request: Request) -> Response:
        link, invitation = await _invitation(request)
        if not await invitation.decline(link):
            raise SeeOther("invitations:answer")
        sentence = f"Du har tackat nej till {invitation.customer_account.name}."
        response = redirect(request, "home", whole_page=True, flash=sentence)
        cookies.delete(response, request, "link")
        return response


class Register(Page):
    """Skapa användarkonto: on to Steg 3, with the invitation in place of Steg 2."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "invitations:answer")

    async def post(self, request: Request) -> Response:
        link, invitation = await _invitation(request)
        holder = await User.by_email(invitation.email)
        if request.state.identity or (holder and holder.email_confirmed_at):
            raise SeeOther("invitations:answer")
        response = redirect(request, "registration:personal_details", whole_page=True)
        begun = await found(request)
        if begun and begun.goes_on_from(link):
            return response  # with what was typed there, in another tab or before Back
        attempt = await limits.spend(limits.REGISTRATIONS.of(sessions.client(request).network))
        if attempt.refused:
            raise HTTPException(429)
        token = await Registration.accept(invitation, link)
        cookies.set(response, request, "registration", token, max_age=REGISTRATION_LIFETIME)
        return response


async def _invitation(request: Request) -> tuple[EmailLink, Invitation]:
    """The invitation behind the link, if it works, and for who is signed in, if anybody is."""
    if not cookies.get(request, "link"):
        raise Dead(OPEN_AGAIN)
    link = await opened(request, Purpose.INVITATION)
    if request.method == "POST":
        # The cookie holds the link that was opened last. Never yes or no to another one than shown.
        form = await AnswerForm.read(request)
        if link is None or form.link != str(link.id):
            raise SeeOther("invitations:answer", flash=warning(OTHER_TAB))
    user = await _signed_in(request)
    if user and link and link.state is State.USED and email_key(link.email) == user.email_key:
        raise SeeOther(await landing(request, user), flash="Du har redan svarat på inbjudan.")
    state = link.state if link else State.UNKNOWN
    if link is None or state is not State.OPEN:
        raise Dead(INVITATION_SENTENCES[state])
    invitation = await Invitation.get_or_none(id=link.invitation_id).prefetch_related(
        "customer_account", "invited_by"
    )
    if invitation is None:  # answered or revoked this very moment
        raise Dead(INVITATION_SENTENCES[State.VOID])
    if invitation.customer_account.closed_at:
        raise Dead(INVITATION_CLOSED)
    if user and user.email_key != invitation.email_key:
        holder = await User.by_email(invitation.email)
        meant = holder.name if holder else invitation.email
        raise OtherUser(signed_in=user.name, meant=meant, to="invitations:answer")
    return link, invitation


async def _signed_in(request: Request) -> User | None:
    if request.state.identity is None:
        return None
    return await User.get(id=guards.signed_in(request).user.id)
