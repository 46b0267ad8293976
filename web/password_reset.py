"""Glömt lösen?: a mailed link leads to a new password, and to nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadSignature
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models import EmailLink, User, limits, login, password_change, password_reset, passwords
from models.email_link import Purpose
from web import claim, cookies, email_links, new_password, sessions
from web.claim import ClaimForm
from web.forms import Form, email_error, password, text
from web.pages import Page
from web.rendering import redirect, render
from web.signing import signer
from web.two_factor import too_many

SENT_AGAIN = "Om det finns ett konto har vi skickat en ny länk. Öppna det senaste mejlet."
_ASKED_LIFETIME = 3600  # seconds: as long as the link


@dataclass
class ForgottenForm(Form):
    email: str = text(254)
    again: str = text(10)  # Skicka igen

    def validate(self) -> None:
        if error := email_error(self.email):
            self.errors["email"] = error


class Forgotten(Page):
    """Glömt lösen?: the same answer for every address, whoever's it is."""

    async def get(self, request: Request) -> Response:
        return render(request, "password_reset/forgotten.html", {"form": ForgottenForm()})

    async def post(self, request: Request) -> Response:
        form = await ForgottenForm.read(request)
        if not form.is_valid():
            return render(request, "password_reset/forgotten.html", {"form": form}, 422)
        attempt = await limits.spend(limits.ASKED_BY_ADDRESS.of(sessions.client(request).network))
        if attempt.refused:
            raise HTTPException(429)
        await password_reset.ask(form.email)
        told = SENT_AGAIN if form.again else None
        response = redirect(request, "password_reset:sent", flash=told)
        asked = signer("asked").dumps(form.email)
        cookies.set(response, request, "asked", asked, max_age=_ASKED_LIFETIME)
        return response


class Sent(Page):
    """Titta i din e-post. Shows the typed address, so that a slip is seen."""

    async def get(self, request: Request) -> Response:
        try:
            email = signer("asked").loads(cookies.get(request, "asked"), max_age=_ASKED_LIFETIME)
        except BadSignature:
            return redirect(request, "password_reset:forgotten")
        minutes = int(Purpose.RESET_PASSWORD.lifetime.total_seconds()) // 60
        context = {"email": email, "minutes": minutes}
        return render(request, "password_reset/sent.html", context, secret=True)


class OpenNewPassword(email_links.OpenLink):
    to = "password_reset:new_password"


@dataclass
class NewPasswordForm(Form):
    password: str = password()


@dataclass
class ProvingPasswordForm(NewPasswordForm, ClaimForm):
    """With kundnummer and the four digits, where the address was never confirmed."""


class NewPassword(Page):
    """Välj ett nytt lösenord. Nobody is logged in by it, and two-factor stays as it is."""

    async def get(self, request: Request) -> Response:
        _, user = await self._link(request)
        return await self._page(request, user, _form_for(user)())

    async def post(self, request: Request) -> Response:
        link, user = await self._link(request)
        form = await _form_for(user).read(request)
        form.is_valid()
        await self._check_password(request, user, form)
        if isinstance(form, ProvingPasswordForm) and not form.failed:
            await self._check_claim(request, user, form)
        if not form.failed:
            await self._check_it_is_new(link, user, form)
        if form.failed:
            return await self._page(request, user, form, 422)
        password_hash = await passwords.hashed(form.password)
        device = sessions.known_client(request).device
        if not await password_reset.finish(link, password_hash, device):
            return redirect(request, "password_reset:new_password")  # which says why
        response = redirect(
            request,
            "login",
            whole_page=True,
            flash="Ditt lösenord är ändrat. Logga in med det nya.",
        )
        for name in ("link", "session", "asked"):
            cookies.delete(response, request, name)
        cookies.set(response, request, "device", device, max_age=cookies.DEVICE_LIFETIME)
        return response

    async def _check_password(self, request: Request, user: User, form: NewPasswordForm) -> None:
        wrong = await new_password.error(
            form.password,
            request.app.state.settings,
            email=user.email,
            names=await password_change.company_names(user),
        )
        if wrong and "password" not in form.errors:
            form.errors["password"] = wrong

    async def _check_it_is_new(self, link: EmailLink, user: User, form: NewPasswordForm) -> None:
        """Last, and counted: the answer tells whoever holds the link what the password is not."""
        outcome = await login.check_again(user.id, form.password, link=link)
        if outcome.wait:
            form.errors["password"] = too_many(outcome.wait)
        elif outcome.user:
            form.errors["password"] = new_password.SAME

    async def _check_claim(self, request: Request, user: User, form: ProvingPasswordForm) -> None:
        """When the fields are right: a wrong claim counts."""
        client = sessions.client(request)
        if not await claim.is_open() or not await password_reset.proves_ownership(
            user, form.numbers, client
        ):
            form.refuse()

    async def _link(self, request: Request) -> tuple[EmailLink, User]:
        link = await email_links.opened(request, Purpose.RESET_PASSWORD)
        email_links.check_whose(request, link, "password_reset:new_password")
        link = email_links.alive(request, link, again=Purpose.RESET_PASSWORD)
        assert link.user is not None  # noqa: S101 - a link of nobody's is dead
        return link, link.user

    async def _page(
        self, request: Request, user: User, form: NewPasswordForm, status_code: int = 200
    ) -> Response:
        form.password = ""
        proving = isinstance(form, ProvingPasswordForm)
        if isinstance(form, ProvingPasswordForm):
            form.forget_suffix()
        context = {
            "form": form,
            "email": user.email,
            "proving": proving,
            "claims_open": not proving or await claim.is_open(),
        }
        return email_links.unkept(
            render(request, "password_reset/new_password.html", context, status_code)
        )


def _form_for(user: User) -> type[NewPasswordForm]:
    return NewPasswordForm if user.email_confirmed_at else ProvingPasswordForm


async def well_known(request: Request) -> Response:
    """Where password managers lead to (W3C, A Well-Known URL for Changing Passwords)."""
    return redirect(request, "my_details:personal_details")
