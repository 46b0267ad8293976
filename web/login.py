"""Login: e-mail and password, then the app's code where two-factor is on; logging out."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from models import BankIDIdentity, EmailLink, Registration, Totp, TwoFactor, User, login
from models.bankid_identity import Person
from models.databases import atomic
from models.email_link import Purpose
from models.identity import How
from models.session import LoginChallenge, authenticated_again
from models.totp import Verdict
from models.user import active_customer_number
from web import cookies, guards, kept_form, next_path, sessions
from web.bankid.start import is_mobile
from web.forms import Form, email_error, password, text
from web.mobile.app_request import AppRequest
from web.pages import Page
from web.rendering import Flash, SeeOther, redirect, render, warning
from web.two_factor import CodeForm, PasswordForm, ProofForm, code_error, prove, too_many

_log = logging.getLogger("minasidor.login")
WRONG = "E-postadressen eller lösenordet stämmer inte."
TOO_LATE = "Inloggningen tog för lång tid. Skriv e-postadress och lösenord igen."
FROZEN = (
    "Kontot är stängt tills du har valt ett nytt lösenord. Öppna länken i mejlet från oss, "
    "eller klicka på Glömt lösen? och be om en ny."
)
NOT_LINKED = "Du är inloggad, men kundkontot kopplades inte. Lägg till det här i stället."
HAS_BANKID = "Du har redan kopplat ett BankID. Ta bort det först, om du vill byta."
AWAITING = "Kontouppgifterna stämmer. Nu behöver en administratör godkänna dig."
_TABS = ("e-post", "bankid")


@dataclass
class CredentialsForm(Form):
    email: str = text(254)
    password: str = password()
    remember: str = text(10)
    next: str = text(1000)
    kept: str = text(4000)

    def validate(self) -> None:
        if error := email_error(self.email):
            self.errors["email"] = error
        if not self.password:
            self.errors["password"] = "Ange ditt lösenord."  # noqa: S105 - a sentence


class Credentials(Page):
    """The login box."""

    async def get(self, request: Request) -> Response:
        if identity := request.state.identity:
            user = await User.get(id=identity.user.id)
            return redirect(
                request,
                await landing(request, user, next_path.read(request.query_params.get("next", ""))),
            )
        form = CredentialsForm(next=next_path.kept(request.query_params.get("next", "")))
        registration = await waiting_claim(request)
        if registration:
            form.email = registration.email
        elif invited := await _invited(request):
            # Also where somebody found the way here by themselves: the invitation waits for it.
            form.email = invited
            form.next = form.next or next_path.sign(request.app.url_path_for("invitations:answer"))
        return await self.page(request, form, registration)

    async def post(self, request: Request) -> Response:
        form = await CredentialsForm.read(request)
        form.next, form.kept = next_path.kept(form.next), kept_form.valid(form.kept)
        if form.is_valid():
            outcome = await login.check(form.email, form.password, sessions.client(request))
            if outcome.user:
                return await self._go_on(request, outcome.user, form)
            form.error = _refusal(outcome)
        return await self.page(request, form, await waiting_claim(request), status_code=422)

    @staticmethod
    async def page(
        request: Request,
        form: CredentialsForm,
        registration: Registration | None,
        status_code: int = 200,
        *,
        whole_page: bool = False,
    ) -> Response:
        asked = request.query_params.get("flik", "")
        tab = asked if asked in _TABS else cookies.get(request, "login_tab")
        if tab not in _TABS or form.failed or registration:
            tab = "e-post"
        account = registration.customer_account if registration else None
        context = {
            "form": form,
            "tab": tab,
            "next": form.next,
            "kept": form.kept,
            "linking": account.name if account else None,
            "ended": not form.failed and not form.kept and await _has_ended(request, form.next),
            "bankid": await waiting_bankid(request),
            "is_mobile": is_mobile(request),
        }
        template = "login/credentials.html"
        return render(request, template, context, status_code, whole_page=whole_page)

    async def _go_on(self, request: Request, user: User, form: CredentialsForm) -> Response:
        remembered, path = form.remember != "", next_path.read(form.next)
        if user.has_two_factor:
            await sessions.end(request)
            token = await LoginChallenge.start(user, remembered=remembered, next_path=path)
            response = redirect(request, "login:code")
            cookies.set(response, request, "session", token)
        else:
            response = await complete(request, user, How.PASSWORD, remembered=remembered, path=path)
        return kept_form.carry(response, request, form.kept)


async def _invited(request: Request) -> str:
    """The address that the invitation is for, on whose way this login is."""
    token = cookies.get(request, "link")
    link = await EmailLink.find(token, Purpose.INVITATION) if token else None
    return link.email if link and link.is_open else ""


async def _has_ended(request: Request, next_page: str) -> bool:
    """On the way to a private page with a session that is too old, or was ended elsewhere."""
    token = cookies.get(request, "session") if next_page else ""
    return token != "" and await LoginChallenge.resetting(token) is None


async def ask_again(request: Request, kept: str) -> Response:
    """The login page in answer to a form whose sender is no longer logged in."""
    form = CredentialsForm(next=next_path.sign(guards.return_path(request)), kept=kept)
    return await Credentials.page(request, form, None, 422, whole_page=True)


def _refusal(outcome: login.Outcome) -> str:
    if outcome.frozen:
        return FROZEN
    return too_many(outcome.wait) if outcome.wait else WRONG


class Code(Page):
    """The app's code or a recovery code, inside the login box."""

    template = "login/code.html"

    async def get(self, request: Request) -> Response:
        challenge = await self._challenge(request)
        return render(
            request, self.template, {"form": CodeForm(), "email": challenge.user.email}, secret=True
        )

    async def post(self, request: Request) -> Response:
        challenge = await self._challenge(request)
        form = await CodeForm.read(request)
        if form.is_valid():
            answer = await Totp.accepts(challenge.user_id, form.code)
            if answer.is_right and (response := await self._log_in(request, challenge)):
                return response
            _log.info(
                "login.code_failed", extra={"user": challenge.user_id, "verdict": answer.verdict}
            )
            if answer.verdict in (Verdict.RIGHT, Verdict.USED):
                # Sent twice? Then the other one has logged in, and the login page leads on.
                _ = await self._challenge(request)
            form.errors["code"] = code_error(answer)
        context = {"form": form, "email": challenge.user.email}
        return render(request, self.template, context, status_code=422, secret=True)

    @staticmethod
    async def _log_in(request: Request, challenge: LoginChallenge) -> Response | None:
        """On to where the user belongs; None if the half-login was used, or ended, meanwhile."""
        # In one: a reset of two-factor in between would leave a session to who has the old app.
        async with atomic():
            await User.lock(challenge.user_id)
            if not await challenge.complete():
                return None
            return await complete(
                request,
                challenge.user,
                How.PASSWORD_AND_CODE,
                remembered=challenge.remembered,
                path=challenge.next_path,
            )

    async def _challenge(self, request: Request) -> LoginChallenge:
        if request.state.identity:
            raise SeeOther("login", whole_page=True)
        challenge = await LoginChallenge.ongoing(cookies.get(request, "session"))
        if challenge is None:
            raise SeeOther("login", flash=warning(TOO_LATE), whole_page=True)
        return challenge


class Logout(Page):
    async def post(self, request: Request) -> Response:
        response = await log_out(request, "login")
        cookies.delete(response, request, "app")
        return response


async def log_out(request: Request, to: str) -> Response:
    """On to there, with nobody signed in."""
    await sessions.end(request)
    response = redirect(request, to, whole_page=True, flash="Du är utloggad.")
    cookies.delete(response, request, "session")
    # The next one at this computer begins a registration of their own.
    cookies.delete(response, request, "registration")
    return response


@dataclass
class ConfirmPasswordForm(PasswordForm):
    next: str = text(1000)


@dataclass
class ConfirmBothForm(ProofForm):
    next: str = text(1000)


class ConfirmIdentity(Page):
    """Asks for the password again, and the code, before something sensitive (ASVS 7.5.1).

    Or for BankID, which is both, of a user who has linked theirs.
    """

    template = "login/confirm_identity.html"

    async def get(self, request: Request) -> Response:
        form = self._form(request)(next=next_path.kept(request.query_params.get("next", "")))
        return await self._page(request, form)

    async def post(self, request: Request) -> Response:
        form, identity = await self._form(request).read(request), guards.signed_in(request)
        form.next = next_path.kept(form.next)
        user = await prove(identity.user.id, form)
        if user is None:
            return await self._page(request, form, 422)
        token = await authenticated_again(identity)
        if token is None:
            raise SeeOther("login", whole_page=True)
        path = await landing(request, user, next_path.read(form.next))
        response = redirect(request, path, whole_page=True)
        return sessions.keep(response, request, token, remembered=identity.remembered)

    async def _page(
        self, request: Request, form: ConfirmPasswordForm | ConfirmBothForm, status_code: int = 200
    ) -> Response:
        user = await User.get(id=guards.signed_in(request).user.id)
        context = {
            "form": form,
            "next": form.next,
            "has_password": not user.is_passwordless,
            "has_bankid": await BankIDIdentity.of_user(user.id) is not None,
        }
        return render(request, self.template, context, status_code)

    def _form(self, request: Request) -> type[ConfirmPasswordForm | ConfirmBothForm]:
        has_two_factor = guards.signed_in(request).user.has_two_factor
        return ConfirmBothForm if has_two_factor else ConfirmPasswordForm


async def complete(
    request: Request, user: User, how: How, *, remembered: bool, path: str, done: str = ""
) -> Response:
    """All is proven: a new session, and on to where the user belongs.

    `done`: what else was done, which the page at `path` says.
    """
    # Who has closed the user account gets no further than to undoing that.
    registration = None if user.closes_at else await waiting_claim(request)
    bankid = None if user.closes_at else await waiting_bankid(request)
    membership = await registration.link_to(user) if registration else None
    linked = registration.customer_account if registration and membership else None
    offers = bankid is not None and not await BankIDIdentity.of_user(user.id)
    token = await sessions.start(request, user, how, remembered=remembered)
    _log.info(
        "login.ok", extra={"user": user.id, "how": how, "address": sessions.client(request).address}
    )
    flash: str | Flash | None
    if done:
        flash = done
    elif linked and membership and membership.is_awaiting:
        path = str(
            request.app.url_path_for("customer_account", customer_number=linked.customer_number)
        )
        flash = AWAITING
    elif linked:
        path, flash = "", f"{linked.name} är nu kopplat till ditt konto."
    elif registration:
        path = str(request.app.url_path_for("customer_accounts:add"))
        # Before an offer it would be read too early: the answer to that leads there, and says so.
        flash = None if offers else warning(NOT_LINKED)
    else:
        flash = None
    to = await landing(request, user, path)
    if offers:
        to = f"{request.app.url_path_for('bankid:offer')}?next={next_path.sign(to)}"
    elif bankid:
        flash = flash or warning(HAS_BANKID)
    response = redirect(request, to, whole_page=True, flash=flash)
    if (registration or bankid) and not offers:
        cookies.delete(response, request, "registration")
    tab = "bankid" if how.is_by_bankid else "e-post"
    cookies.set(response, request, "login_tab", tab, max_age=cookies.TAB_LIFETIME)
    return sessions.keep(response, request, token, remembered=remembered)


async def landing(request: Request, user: User, path: str = "") -> str:
    """Where the user was going, or the app that sent them, else their customer account; first what
    they still have to answer."""
    if first := owed(request, user, path):
        return first
    if path:
        return path
    if asked := AppRequest.waiting(request):
        return asked.path(request)
    url = request.app.url_path_for
    number = await active_customer_number(user.id)
    return str(
        url("customer_account", customer_number=number) if number else url("customer_accounts:add")
    )


def owed(request: Request, user: User, path: str = "") -> str:
    """What the user has to answer before anything else; empty when there is nothing.

    That is another address, if theirs was taken over, and Steg 4; of a closed user account, whether
    it is to stay so.
    """
    url = request.app.url_path_for
    if user.closes_at:
        return str(url("closing:close"))
    if not user.email and path != url("email_links:confirm_email"):
        return str(url("email_change:new_address"))
    if user.two_factor is TwoFactor.UNANSWERED:
        return str(url("registration:two_factor"))
    return ""


async def waiting_bankid(request: Request) -> Person | None:
    """Whose BankID the user of this login is to be offered to link, if somebody asked for that."""
    token = cookies.get(request, "registration")
    registration = await Registration.find(token) if token else None
    return registration.person if registration and registration.is_linking else None


async def waiting_claim(request: Request) -> Registration | None:
    """The registration whose proven claim is to be linked at this login, if there is one."""
    token = cookies.get(request, "registration")
    registration = await Registration.find(token) if token else None
    return registration if registration and registration.awaits_login else None
