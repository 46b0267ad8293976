"""Återställ tvåfaktorsautentisering: the password and a mailed link lead to a new app."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from models import EmailLink, LoginChallenge, User, clock, login, password_reset, two_factor_reset
from models.email_link import Purpose
from models.identity import How
from web import claim, cookies, email_links, sessions
from web.claim import ClaimForm
from web.login import FROZEN, TOO_LATE, complete
from web.pages import Page
from web.rendering import SeeOther, redirect, render, warning
from web.two_factor import (
    WRONG_PASSWORD,
    Enrolment,
    EnrolmentForm,
    PasswordForm,
    enrol,
    too_many,
)

SENT_AGAIN = "Vi har skickat en ny länk. Öppna det senaste mejlet."
DONE = "Tvåfaktorsautentiseringen är återställd. Ta bort den gamla raden i autentiseringsappen."


class Ask(Page):
    """Skicka länk, once the password was right."""

    async def get(self, request: Request) -> Response:
        challenge = await _half_login(request)
        context = {"email": challenge.user.email}
        return render(request, "two_factor_reset/ask.html", context, secret=True)

    async def post(self, request: Request) -> Response:
        challenge = await _half_login(request)
        if not challenge.user.email:  # somebody else proved it to be theirs
            return redirect(request, "two_factor_reset:ask")
        waiting = await two_factor_reset.asked(challenge.user)
        await two_factor_reset.ask(challenge.user)
        told = SENT_AGAIN if waiting and not waiting.delayed_until else None
        return redirect(request, "two_factor_reset:sent", flash=told)


class Sent(Page):
    """Titta i din e-post, or when the link will be sent."""

    async def get(self, request: Request) -> Response:
        user = (await _half_login(request)).user
        link = await two_factor_reset.asked(user)
        if link is None:
            return redirect(request, "two_factor_reset:ask")
        delayed = link.delayed_until and link.delayed_until > clock.now()
        context = {
            "email": user.email,
            "minutes": int(link.purpose.lifetime.total_seconds()) // 60,
            "sent_at": link.delayed_until if delayed else None,
        }
        return render(request, "two_factor_reset/sent.html", context, secret=True)


async def _half_login(request: Request) -> LoginChallenge:
    if request.state.identity:
        raise SeeOther("login", whole_page=True)
    challenge = await LoginChallenge.resetting(cookies.get(request, "session"))
    if challenge is None:
        raise SeeOther("login", flash=warning(TOO_LATE), whole_page=True)
    return challenge


class Open(email_links.OpenLink):
    to = "two_factor_reset:new_app"


@dataclass
class ProvingForm(PasswordForm, ClaimForm):
    """With kundnummer and the four digits, where the address was never confirmed."""

    def validate(self) -> None:
        PasswordForm.validate(self)
        ClaimForm.validate(self)


class Password(Page):
    """The password, in a browser that has only opened the link."""

    async def get(self, request: Request) -> Response:
        _, user = await _link(request, await _proven(request))
        return await self._page(request, user, _form_for(user)())

    async def post(self, request: Request) -> Response:
        link, user = await _link(request, await _proven(request))
        form = await _form_for(user).read(request)
        checked = await self._check(request, user, form) if form.is_valid() else None
        if checked is None:
            return await self._page(request, user, form, status_code=422)
        await sessions.end(request)
        token = await LoginChallenge.start(checked, remembered=False, next_path="", link=link)
        response = redirect(request, "two_factor_reset:new_app", whole_page=True)
        cookies.set(response, request, "session", token)
        return response

    async def _check(self, request: Request, user: User, form: PasswordForm) -> User | None:
        """The password first, counted as at a login: a claim is tried only by who knows it."""
        client = sessions.client(request)
        outcome = await login.check(user.email, form.password, client)
        if outcome.frozen:
            form.error = FROZEN
        elif outcome.user is None:
            form.errors["password"] = too_many(outcome.wait) if outcome.wait else WRONG_PASSWORD
        elif isinstance(form, ProvingForm) and not (
            await claim.is_open()
            and await password_reset.proves_ownership(user, form.numbers, client)
        ):
            form.refuse()
        return None if form.failed else outcome.user

    async def _page(
        self, request: Request, user: User, form: PasswordForm, status_code: int = 200
    ) -> Response:
        proving = isinstance(form, ProvingForm)
        if isinstance(form, ProvingForm):
            form.forget_suffix()
        context = {
            "form": form,
            "email": user.email,
            "proving": proving,
            "claims_open": not proving or await claim.is_open(),
        }
        return email_links.unkept(
            render(request, "two_factor_reset/password.html", context, status_code)
        )


def _form_for(user: User) -> type[PasswordForm]:
    # A mistyped address must not hand the second factor to the stranger who reads it.
    return PasswordForm if user.email_confirmed_at else ProvingForm


class NewApp(Page):
    """The new QR code. Until its code is verified the old one works."""

    async def get(self, request: Request) -> Response:
        challenge, link = await self._proven(request)
        return await self._page(request, challenge.user, link, EnrolmentForm())

    async def post(self, request: Request) -> Response:
        try:
            challenge, link = await self._proven(request)
        except email_links.Dead:
            # The page says why; or leads on, if this was sent twice.
            return redirect(request, "two_factor_reset:new_app")
        form = await EnrolmentForm.read(request)
        effect = two_factor_reset.resetting(challenge, link)
        if await enrol(challenge.user, _holder(link), form, effect):
            return await self._log_in(request, challenge)
        _ = await self._proven(request)  # says so if it is too late for any code
        return await self._page(request, challenge.user, link, form, status_code=422)

    async def _proven(self, request: Request) -> tuple[LoginChallenge, EmailLink]:
        """The half-login of a browser that has proven the password and opened the link."""
        challenge = await _proven(request)
        link, user = await _link(request, challenge)
        if challenge is None or challenge.user_id != user.id:
            raise SeeOther("two_factor_reset:password")
        if challenge.link_id != link.id:
            if not user.email_confirmed_at:
                raise SeeOther("two_factor_reset:password")
            await challenge.has_opened(link)
        return challenge, link

    async def _log_in(self, request: Request, challenge: LoginChallenge) -> Response:
        response = await complete(
            request,
            challenge.user,
            How.PASSWORD_AND_CODE,
            remembered=challenge.remembered,
            path=str(request.app.url_path_for("my_details:credentials")),  # shows the codes
            done=DONE,
        )
        cookies.delete(response, request, "link")
        return response

    async def _page(
        self,
        request: Request,
        user: User,
        link: EmailLink,
        form: EnrolmentForm,
        status_code: int = 200,
    ) -> Response:
        context = {"form": form, "enrolment": await Enrolment.of(user, _holder(link))}
        return email_links.unkept(
            render(request, "two_factor_reset/new_app.html", context, status_code)
        )


def _holder(link: EmailLink) -> str:
    return f"reset:{link.id}"


async def _proven(request: Request) -> LoginChallenge | None:
    return await LoginChallenge.resetting(cookies.get(request, "session"))


async def _link(request: Request, challenge: LoginChallenge | None) -> tuple[EmailLink, User]:
    """The link that this browser opened, just now or when its half-login was told of it."""
    has_cookie, identity = bool(cookies.get(request, "link")), request.state.identity
    if challenge and challenge.link and not has_cookie:
        return challenge.link, challenge.user
    link = await email_links.opened(request, Purpose.RESET_TWO_FACTOR)
    is_theirs = identity and link and link.user_id == identity.user.id
    if identity and (not has_cookie or (is_theirs and link and link.used_at)):
        raise SeeOther("my_details:credentials", whole_page=True)  # it is done
    email_links.check_whose(request, link, "two_factor_reset:new_app")
    link = email_links.alive(request, link, again=Purpose.RESET_TWO_FACTOR)
    assert link.user is not None  # noqa: S101 - a link of nobody's is dead
    return link, link.user
