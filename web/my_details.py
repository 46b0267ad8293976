"""Mina uppgifter: the user's own details, password, and two-factor with its recovery codes."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from models import (
    BankIDIdentity,
    RecoveryCode,
    User,
    login,
    password_change,
    passwords,
    totp,
    two_factor,
)
from models.session import Identity
from web import devices, guards, kept_form, new_password, sessions
from web.email_change import pending_address
from web.forms import password
from web.pages import Page
from web.person import PersonForm
from web.rendering import redirect, render, warning
from web.two_factor import Enrolment, EnrolmentForm, enrol, shown_codes, too_many

CHANGED = "Lösenordet är ändrat. Du är utloggad på andra enheter."
NOT_SAVED_YET = (
    "Lösenordet är inte sparat än. Bekräfta först att det är du, och skriv det sedan igen."
)
CHOSEN = "Lösenordet är sparat. Nu kan du också logga in med e-post och lösenord."
WRONG_PASSWORD = "Det nuvarande lösenordet stämmer inte."  # noqa: S105 - a sentence


@dataclass
class MyDetailsForm(PersonForm):
    """Both forms of the page: one is sent at a time, and one error summary serves both."""

    current_password: str = password()
    new_password: str = password()
    repeated_password: str = password()

    def fill(self, user: User) -> None:
        self.given_name, self.family_name, self.phone = (
            user.given_name,
            user.family_name,
            user.phone,
        )

    def forget_passwords(self) -> None:
        self.current_password = self.new_password = self.repeated_password = ""


class PersonalDetails(Page):
    """Personuppgifter, and below it Lösenord."""

    keeps = MyDetailsForm

    async def get(self, request: Request) -> Response:
        user, form = await signed_in_user(request), MyDetailsForm()
        form.fill(user)
        kept_form.refill(request, form)
        return await page(request, user, form)

    async def post(self, request: Request) -> Response:
        user = await signed_in_user(request)
        form = await MyDetailsForm.read(request)
        if not form.is_valid():
            return await page(request, user, form, status_code=422)
        await user.rename(form.given_name, form.family_name, form.phone)
        # The header shows the name.
        return redirect(
            request, "my_details:personal_details", whole_page=True, flash="Uppgifterna är sparade."
        )


@dataclass
class PasswordForm(MyDetailsForm):
    def validate(self) -> None:
        if self.repeated_password != self.new_password:
            self.errors["repeated_password"] = (
                "Lösenorden är inte lika. Skriv det nya lösenordet en gång till."  # noqa: S105
            )


@dataclass
class ChangeForm(PasswordForm):
    """The current one too, of whoever has one."""

    def validate(self) -> None:
        if not self.current_password:
            self.errors["current_password"] = "Ange ditt nuvarande lösenord."  # noqa: S105
        super().validate()


class Password(Page):
    """Lösenord: the current one, a new one, and the new one again.

    Who has none, and logs in with BankID, proves anew who they are in place of the current one.
    """

    async def get(self, request: Request) -> Response:
        return redirect(request, "my_details:personal_details")

    async def post(self, request: Request) -> Response:
        identity, user = guards.signed_in(request), await signed_in_user(request)
        if user.is_passwordless:
            guards.recently_confirmed(request, warning(NOT_SAVED_YET))
        form = await (PasswordForm if user.is_passwordless else ChangeForm).read(request)
        form.fill(user)
        form.is_valid()
        checked = await self._check(request, user, form)
        if checked is None:
            return await page(request, user, form, status_code=422)
        password_hash = await passwords.hashed(form.new_password)
        token = await password_change.change(identity, checked, password_hash)
        if token is None and user.is_passwordless:
            return redirect(request, "my_details:personal_details", whole_page=True)
        if token is None:
            form.errors["current_password"] = WRONG_PASSWORD
            return await page(request, user, form, status_code=422)
        done = CHOSEN if user.is_passwordless else CHANGED
        response = redirect(request, "my_details:personal_details", whole_page=True, flash=done)
        return sessions.keep(response, request, token, remembered=identity.remembered)

    async def _check(self, request: Request, user: User, form: PasswordForm) -> User | None:
        """The user with the right password, when all else is right too: a wrong one counts."""
        wrong = await new_password.error(
            form.new_password,
            request.app.state.settings,
            email=user.email,
            names=await password_change.company_names(user),
        )
        if not wrong and form.new_password == form.current_password:
            wrong = new_password.SAME
        if wrong and "new_password" not in form.errors:
            form.errors["new_password"] = wrong
        if form.failed:
            return None
        if user.is_passwordless:
            return user
        outcome = await login.check_again(user.id, form.current_password)
        if not outcome.user:
            wrong = too_many(outcome.wait) if outcome.wait else WRONG_PASSWORD
            form.errors["current_password"] = wrong
        return outcome.user


class Credentials(Page):
    """Inloggningsuppgifter: two-factor, its recovery codes, turning it on, and BankID."""

    template = "my_details/credentials.html"

    async def get(self, request: Request) -> Response:
        user = await signed_in_user(request)
        if not user.has_two_factor and not user.is_passwordless:
            guards.recently_confirmed(request)  # the page shows a secret then
        return await self._page(request, user, EnrolmentForm())

    async def post(self, request: Request) -> Response:
        identity = guards.recently_confirmed(request)
        user = await User.get(id=identity.user.id)
        if user.has_two_factor or user.is_passwordless:
            return redirect(request, "my_details:credentials")
        form = await EnrolmentForm.read(request)
        if await enrol(user, identity.holder, form, two_factor.turning_on(identity)):
            return redirect(
                request,
                "my_details:credentials",
                whole_page=True,
                flash="Tvåfaktorsautentisering är på.",
            )
        return await self._page(request, user, form, status_code=422)

    async def _page(
        self, request: Request, user: User, form: EnrolmentForm, status_code: int = 200
    ) -> Response:
        since, identity = await totp.on_since(user.id), guards.signed_in(request)
        context = {
            "form": form,
            "two_factor": since is not None,
            "on_since": since,
            "codes_left": await RecoveryCode.left(user.id),
            **await shown_codes(request, identity),
            "enrolment": await self._enrolment(user, identity) if since is None else None,
            "has_password": not user.is_passwordless,
            "bankid": await BankIDIdentity.of_user(user.id),
            "devices": await devices.of(identity),
        }
        return render(request, self.template, context, status_code, secret=True)

    async def _enrolment(self, user: User, identity: Identity) -> Enrolment | None:
        # A code goes with a password; BankID is two factors already.
        return None if user.is_passwordless else await Enrolment.of(user, identity.holder)


async def signed_in_user(request: Request) -> User:
    return await User.get(id=guards.signed_in(request).user.id)


async def page(
    request: Request, user: User, form: MyDetailsForm, status_code: int = 200
) -> Response:
    form.forget_passwords()
    pending = await pending_address(user.id)
    context = {
        "form": form,
        "email": user.email,
        "pending": pending,
        "has_password": not user.is_passwordless,
    }
    return render(request, "my_details/personal_details.html", context, status_code, secret=True)
