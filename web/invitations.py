"""Inbjudningar: asking somebody in by mail, sending that again, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from models import CustomerAccount, Invitation, Role, limits
from models.access import Actor
from models.invitation import AlreadyAsked, AlreadyMember, TooMany
from models.permission import Permission
from web import guards, kept_form
from web.customer_pages import CustomerPage
from web.email_links import TOO_MANY_MAILS
from web.forms import Form, email_error, text
from web.members import id_of, to_users
from web.rendering import render

MEMBER = "Personen har redan åtkomst till kundkontot."
WAITS = "Personen väntar redan på godkännande. Godkänn under Användare i stället."
TOO_MANY = "Ni har bjudit in väldigt många i dag. Försök igen i morgon, eller ring oss."
GONE = "Inbjudan är redan besvarad eller återkallad."


@dataclass
class InviteForm(Form):
    email: str = text(254)
    administrator: str = text(10)

    def validate(self) -> None:
        if not self.email:
            self.errors["email"] = "Ange e-postadressen till den du vill bjuda in."
        elif error := email_error(self.email):
            self.errors["email"] = error

    @property
    def role(self) -> Role:
        return Role.ADMINISTRATOR if self.administrator else Role.MEMBER


class Invite(CustomerPage):
    """Bjud in användare. Inviting an administrator is adding one: it asks for the password anew."""

    permission = Permission.INVITE
    keeps = InviteForm

    async def get(self, request: Request) -> Response:
        guards.recently_confirmed(request)
        form = InviteForm()
        kept_form.refill(request, form)
        return self._page(request, form)

    async def post(self, request: Request) -> Response:
        identity = guards.recently_confirmed(request)
        form = await InviteForm.read(request)
        if not form.is_valid():
            return self._page(request, form, 422)
        _, reached = guards.member_of(request)
        account = await CustomerAccount.get(id=reached.id)
        try:
            _ = await Invitation.send(account, form.email, form.role, Actor(identity.user.id))
        except AlreadyMember:
            form.errors["email"] = MEMBER
        except AlreadyAsked:
            form.errors["email"] = WAITS
        except TooMany as error:
            form.error = _too_many(error)
        if form.failed:
            return self._page(request, form, 422)
        return to_users(request, f"Inbjudan är skickad till {form.email}.")

    def _page(self, request: Request, form: InviteForm, status_code: int = 200) -> Response:
        context = {"form": form, "days": Invitation.LIFETIME.days}
        return render(request, "invitations/invite.html", context, status_code, secret=True)


@dataclass
class ChangeForm(Form):
    """Each button holds the invitation that it is about."""

    resend: str = text(20)
    revoke: str = text(20)


class Change(CustomerPage):
    """Skicka igen, or Återkalla."""

    permission = Permission.INVITE

    async def get(self, request: Request) -> Response:
        return to_users(request)

    async def post(self, request: Request) -> Response:
        identity, account = guards.member_of(request)
        form = await ChangeForm.read(request)
        invitation = await Invitation.get_or_none(
            id=id_of(form.resend or form.revoke), customer_account_id=account.id
        )
        if invitation is None:
            return to_users(request, GONE)
        by = Actor(identity.user.id)
        if form.resend:
            guards.recently_confirmed(request)  # as the first time
            return to_users(request, await self._resend(invitation, by))
        revoked = await invitation.revoke(by)
        said = (
            f"Inbjudan till {invitation.email} är återkallad. Länken i mejlet gäller inte längre."
        )
        return to_users(request, said if revoked else GONE)

    async def _resend(self, invitation: Invitation, by: Actor) -> str:
        try:
            sent = await invitation.send_again(by)
        except AlreadyMember:
            return MEMBER
        except AlreadyAsked:
            return WAITS
        except TooMany as error:
            return _too_many(error)
        return f"Inbjudan är skickad igen till {invitation.email}." if sent else GONE


def _too_many(error: TooMany) -> str:
    return TOO_MANY if error.limit is limits.INVITATIONS else TOO_MANY_MAILS
