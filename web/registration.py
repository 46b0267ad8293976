"""Registration, Steg 1-4. One class per page: `get` shows it, `post` acts and moves on."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models import (
    BankIDIdentity,
    CustomerAccount,
    EmailLink,
    Membership,
    Registration,
    TwoFactor,
    User,
    limits,
    passwords,
    two_factor,
)
from models.bankid_flow import Intent
from models.bankid_identity import Taken
from models.identity import How
from models.membership import AccountClosed
from models.registration import AlreadyFinished, EmailInUse, NotInvited
from models.session import Identity
from models.user import email_key
from web import claim, cookies, guards, new_password, sessions
from web.bankid.start import begin, login_path
from web.claim import ClaimForm
from web.email_links import INVITATION_CLOSED, INVITATION_SENTENCES, OPEN_AGAIN, Dead
from web.forms import Form, email_error, password, text
from web.login import landing
from web.made_for import Conflict
from web.pages import Page
from web.person import PersonForm
from web.rendering import SeeOther, redirect, render, warning
from web.settings import Settings
from web.two_factor import Enrolment, EnrolmentForm, enrol, shown_codes, too_many

_log = logging.getLogger("minasidor.registration")
OTHER_ADDRESS = (
    "Du har öppnat en inbjudan i en annan flik. "
    "Kontrollera e-postadressen och välj lösenordet igen."
)
IDENTIFIED_TOO_LONG_AGO = (
    "Det har gått mer än en halvtimme sedan du identifierade dig. "
    "Identifiera dig med BankID igen, eller välj ett lösenord."
)
BANKID_IN_USE = "Ditt BankID är redan kopplat till ett konto. Logga in med det."
CLAIM_TOO_OLD = "Ange kontouppgifterna igen. De gäller i en timme."
# Seconds: longer than the registration lives, to be able to say that it ran out.
REGISTRATION_LIFETIME = 7 * 24 * 3600


class Method(Page):
    """Steg 1: Registrera dig. Also says so when there is nothing left to register."""

    async def get(self, request: Request) -> Response:
        registration = await found(request)
        identity: Identity | None = request.state.identity
        if registration and registration.finished_at and _is_theirs(registration, identity):
            continue_path = await _path_after(request, registration)
            return render(
                request, "registration/already_created.html", {"continue_path": continue_path}
            )
        if identity:
            return render(request, "registration/signed_in.html")
        # A cookie whose registration is gone, or as good as: it ran out.
        restarted = bool(cookies.get(request, "registration")) and (
            registration is None or (not registration.finished_at and registration.has_run_out)
        )
        hours = int(Registration.LIFETIME.total_seconds()) // 3600
        return render(request, "registration/method.html", {"restarted": restarted, "hours": hours})

    async def post(self, request: Request) -> Response:
        if request.state.identity:
            return redirect(request, "registration:method")
        registration, token = await begun(request)
        await registration.forget_person()  # 'med E-post': a password is chosen instead
        return keep(redirect(request, "registration:account_details"), request, token)


class AccountDetails(Page):
    """Steg 2: Ange kontouppgifter."""

    async def get(self, request: Request) -> Response:
        registration = await ongoing(request)
        account = None if registration.is_invited else registration.customer_account
        return await self._page(
            request, ClaimForm(customer_number=account.customer_number if account else "")
        )

    async def post(self, request: Request) -> Response:
        registration = await ongoing(request)
        form = await ClaimForm.read(request)
        # Closed claims: the page says so in place of the form.
        if form.is_valid() and await claim.is_open():
            if await registration.claim(*form.numbers, sessions.client(request)):
                return redirect(request, "registration:personal_details")
            form.refuse()
        return await self._page(request, form, status_code=422)

    async def _page(self, request: Request, form: ClaimForm, status_code: int = 200) -> Response:
        form.forget_suffix()
        context = {"form": form, "claims_open": await claim.is_open()}
        return render(request, "registration/account_details.html", context, status_code)


@dataclass
class PersonalDetailsForm(PersonForm):
    """Steg 3. A password that is left out may be left out where BankID takes its place."""

    customer_number: str = text(20)
    email: str = text(254)
    password: str = password()

    def validate(self) -> None:
        super().validate()
        if error := email_error(self.email):
            self.errors["email"] = error

    async def check_password(self, settings: Settings, account: CustomerAccount) -> None:
        names = (account.name,)
        wrong = await new_password.error(self.password, settings, email=self.email, names=names)
        if wrong and "password" not in self.errors:
            self.errors["password"] = wrong


class PersonalDetails(Page):
    """Steg 3: Fyll i dina uppgifter."""

    async def get(self, request: Request) -> Response:
        registration, account = await claimed(request)
        form = PersonalDetailsForm(
            customer_number=account.customer_number,
            given_name=registration.given_name,
            family_name=registration.family_name,
            phone=registration.phone,
            email=registration.email,
        )
        return self._page(request, form, registration)

    async def post(self, request: Request) -> Response:
        form = await PersonalDetailsForm.read(request)
        registration, account = await self._claimed(request, form)
        _check_made_for(request, form.customer_number, account)
        person = registration.person
        if registration.is_invited and email_key(form.email) != email_key(registration.email):
            # Another tab has opened an invitation since this form was shown.
            form.error, form.email = OTHER_ADDRESS, registration.email
        form.is_valid()
        if form.fits:
            await registration.keep_details(
                form.given_name, form.family_name, form.phone, form.email
            )
        if form.password or not registration.is_by_bankid:
            await form.check_password(request.app.state.settings, account)
        elif person is None:
            form.error = IDENTIFIED_TOO_LONG_AGO
        if form.failed:
            return self._page(request, form, registration, status_code=422)
        return await self._create(request, registration, form)

    async def _claimed(
        self, request: Request, form: PersonalDetailsForm
    ) -> tuple[Registration, CustomerAccount]:
        registration = await found(request)
        if registration and registration.finished_at:
            # Sent twice, or the first answer got lost on the way: go on with the user it made.
            raise await self._go_on(request, registration, form)
        return await claimed(request)

    async def _create(
        self,
        request: Request,
        registration: Registration,
        form: PersonalDetailsForm,
    ) -> Response:
        # Before it is looked up: past the budget a taken address and a free one answer alike.
        attempt = await registration.told_of_email_in_use(sessions.client(request))
        if attempt.refused:
            form.error = too_many(attempt.wait)
            return self._page(request, form, registration, status_code=422)
        try:
            password_hash = await passwords.hashed(form.password) if form.password else ""
            token = await registration.create_user(password_hash, sessions.known_client(request))
        except passwords.Busy:
            await attempt.give_back()
            raise
        except AccountClosed:
            await attempt.give_back()
            if registration.is_invited:
                return Dead(INVITATION_CLOSED).response(request)
            return redirect(request, "registration:account_details", flash=warning(claim.NO_MATCH))
        except NotInvited:
            await attempt.give_back()
            # Said here: the cookie that brings the link to its own page may have run out by now.
            return Dead(await _why_not_invited(registration)).response(request)
        except Taken:
            await attempt.give_back()
            return redirect(
                request, login_path(request), whole_page=True, flash=warning(BANKID_IN_USE)
            )
        except AlreadyFinished:
            await attempt.give_back()
            again = await found(request) or registration
            return (await self._go_on(request, again, form)).response(request)
        except EmailInUse:
            if registration.is_invited:  # by now there is a user, who can log in and accept
                return redirect(request, "invitations:answer", whole_page=True)
            return self._page(request, form, registration, status_code=422, email_in_use=True)
        await attempt.give_back()
        # Without a password there is no code to ask for beside it: BankID is two factors.
        step = "registration:two_factor" if form.password else "registration:done"
        response = redirect(request, step, whole_page=True)
        if not form.password:
            cookies.delete(response, request, "registration")
            cookies.set(response, request, "login_tab", "bankid", max_age=cookies.TAB_LIFETIME)
        return sessions.keep(response, request, token)

    async def _go_on(
        self, request: Request, registration: Registration, form: PersonalDetailsForm
    ) -> SeeOther:
        """On to Steg 4 for whoever knows the password that was chosen; else to the login."""
        identity: Identity | None = request.state.identity
        if _is_theirs(registration, identity) and identity:
            return SeeOther("registration:two_factor", whole_page=True)
        user = registration.user
        if user and form.password and await registration.has_password(form.password):
            token = await sessions.start(request, user, How.REGISTRATION, remembered=False)
            return _SignedInSeeOther("registration:two_factor", token)
        return SeeOther("registration:method", whole_page=True)

    def _page(
        self,
        request: Request,
        form: PersonalDetailsForm,
        registration: Registration,
        status_code: int = 200,
        *,
        email_in_use: bool = False,
    ) -> Response:
        form.password = ""
        if email_in_use:
            form.errors["email"] = "Det finns redan ett konto med den adressen."
        context = {
            "form": form,
            "customer_account": registration.customer_account,
            "invited": registration.is_invited,
            "email_in_use": email_in_use,
            "by_bankid": registration.is_by_bankid,
            "person": registration.person,
        }
        return render(
            request, "registration/personal_details.html", context, status_code, secret=True
        )


class WithBankID(Page):
    """'Använd BankID i stället': what was typed is kept, and BankID takes the password's place."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "registration:personal_details")

    async def post(self, request: Request) -> Response:
        registration, _ = await claimed(request)
        form = await PersonalDetailsForm.read(request)
        if form.fits:
            await registration.keep_details(
                form.given_name, form.family_name, form.phone, form.email
            )
        path = request.app.url_path_for("registration:personal_details")
        return await begin(request, Intent.REGISTRATION, path=path)


class _SignedInSeeOther(SeeOther):
    """On to a page with the session that the answer carries."""

    def __init__(self, to: str, token: str) -> None:
        super().__init__(to, whole_page=True)
        self.token = token

    def response(self, request: Request) -> Response:
        return sessions.keep(super().response(request), request, self.token)


@dataclass
class LinkForm(Form):
    customer_number: str = text(20)


class Link(Page):
    """'Logga in och koppla kundkontot': the proven claim waits for the login."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "registration:personal_details")

    async def post(self, request: Request) -> Response:
        form = await LinkForm.read(request)
        registration, account = await claimed(request)
        _check_made_for(request, form.customer_number, account)
        if not await registration.link_at_login():
            return redirect(request, "registration:account_details", flash=warning(CLAIM_TOO_OLD))
        return redirect(request, "login", whole_page=True)


class TwoFactorChoice(Page):
    """Steg 4: Välj om du vill använda dig av tvåfaktorsautentisering. A signed-in page."""

    template = "registration/two_factor.html"

    async def get(self, request: Request) -> Response:
        return await self._page(request, await self._user(request), EnrolmentForm())

    async def post(self, request: Request) -> Response:
        user = await self._user(request)
        form = await EnrolmentForm.read(request)
        identity = guards.signed_in(request)
        effect = two_factor.turning_on(identity)
        if await enrol(user, identity.holder, form, effect):
            return _finished(request)
        return await self._page(request, user, form, status_code=422)

    async def _user(self, request: Request) -> User:
        identity = guards.signed_in(request)
        if identity.user.has_two_factor:
            raise SeeOther("registration:done", whole_page=True)
        if identity.user.two_factor is TwoFactor.SKIPPED:
            guards.recently_confirmed(request)
        user = await User.get(id=identity.user.id)
        if user.is_passwordless:  # a code goes with a password
            raise SeeOther("my_details:credentials", whole_page=True)
        return user

    async def _page(
        self, request: Request, user: User, form: EnrolmentForm, status_code: int = 200
    ) -> Response:
        identity = guards.signed_in(request)
        # Who has come by BankID has proven two factors already.
        by_bankid = identity.how.is_by_bankid
        demanding = [] if by_bankid else await Membership.demanding_two_factor(user.id)
        context = {
            "form": form,
            "enrolment": await Enrolment.of(user, identity.holder),
            "has_bankid": await BankIDIdentity.of_user(user.id) is not None,
            "demanding": demanding,
            "skippable": not demanding or await Membership.may_skip_two_factor(user.id),
        }
        return render(request, self.template, context, status_code, secret=True)


class SkipTwoFactor(Page):
    """Hoppa över tvåfaktorsautentisering."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "registration:two_factor")

    async def post(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        user = await User.get(id=identity.user.id)
        await user.skip_two_factor()
        if identity.lacks_two_factor and identity.customer_account:
            name = identity.customer_account.name
            return redirect(
                request,
                "customer_accounts:switch",
                whole_page=True,
                flash=f"Du når inte {name} förrän du har slagit på tvåfaktorsautentisering.",
            )
        return _finished(request)


class Done(Page):
    """Nu är du klar! With the recovery codes, until they are saved."""

    async def get(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        if identity.user.two_factor is TwoFactor.UNANSWERED:
            return redirect(request, "registration:two_factor")
        context = {
            "user": identity.user,
            "customer_account": identity.customer_account,
            "awaited": await Membership.awaited_by(identity.user.id),
            "two_factor": identity.user.has_two_factor,
            "has_bankid": await BankIDIdentity.of_user(identity.user.id) is not None,
            "has_password": not (await User.get(id=identity.user.id)).is_passwordless,
            **await shown_codes(request, identity),
        }
        return render(request, "registration/done.html", context)


async def begun(request: Request) -> tuple[Registration, str]:
    """The registration that goes on in this browser, or a new one and the token to `keep`.

    Raises 429 when too many were begun from the same address.
    """
    registration = await found(request)
    if registration and not registration.finished_at and not registration.has_run_out:
        return registration, ""
    attempt = await limits.spend(limits.REGISTRATIONS.of(sessions.client(request).network))
    if attempt.refused:
        raise HTTPException(429)
    token = await Registration.start()
    registration = await Registration.find(token)
    assert registration is not None  # noqa: S101 - it was made just now
    return registration, token


def keep(response: Response, request: Request, token: str) -> Response:
    """Hand the new registration, if it is one, to the browser."""
    if token:
        cookies.set(response, request, "registration", token, max_age=REGISTRATION_LIFETIME)
    return response


async def found(request: Request) -> Registration | None:
    """The registration behind this browser's cookie, however old."""
    token = cookies.get(request, "registration")
    return await Registration.find(token) if token else None


async def ongoing(request: Request) -> Registration:
    """This visitor's registration, or Steg 1, which says why there is none to go on with."""
    registration = await found(request)
    if (
        request.state.identity
        or registration is None
        or registration.finished_at
        or registration.has_run_out
    ):
        raise SeeOther("registration:method", whole_page=bool(request.state.identity))
    return registration


async def claimed(request: Request) -> tuple[Registration, CustomerAccount]:
    """The registration and the account it is for, or the first step that is still to be done."""
    registration = await ongoing(request)
    if registration.customer_account is None:
        raise SeeOther("registration:account_details")
    return registration, registration.customer_account


async def _why_not_invited(registration: Registration) -> str:
    link = await EmailLink.get(id=registration.link_id)
    return INVITATION_SENTENCES.get(link.state, OPEN_AGAIN)


def _finished(request: Request) -> Response:
    """On to the last page. The browser forgets the registration: the next one here is a new one."""
    response = redirect(request, "registration:done", whole_page=True)
    cookies.delete(response, request, "registration")
    return response


def _check_made_for(request: Request, customer_number: str, account: CustomerAccount) -> None:
    """409 when another tab has chosen another account since the form was shown."""
    if customer_number != account.customer_number:
        raise Conflict(
            customer_account_name=account.name,
            retry_path=request.app.url_path_for("registration:personal_details"),
            other_path=request.app.url_path_for("registration:account_details"),
        )


def _is_theirs(registration: Registration, identity: Identity | None) -> bool:
    return identity is None or registration.user_id == identity.user.id


async def _path_after(request: Request, registration: Registration) -> str:
    if request.state.identity is None or registration.user is None:
        return str(request.app.url_path_for("login"))
    return await landing(request, registration.user)
