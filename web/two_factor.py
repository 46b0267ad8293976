"""Two-factor: one enrolment for all places, the codes it takes, recovery codes, and Inaktivera."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from models import Membership, RecoveryCode, Totp, TwoFactor, User, login, two_factor
from models.session import Identity
from models.totp import Answer, Effect, Verdict
from web import guards, sessions
from web.downloads import download
from web.forms import Form, password, secret, text
from web.pages import Page
from web.rendering import STOCKHOLM, SeeOther, redirect, render, warning

WRONG_PASSWORD = "Lösenordet stämmer inte."  # noqa: S105 - a sentence
CHOOSE_A_PASSWORD = "Välj ett lösenord först."  # noqa: S105 - a sentence
TURNED_OFF = "Tvåfaktorsautentisering är inaktiverad."
TOO_LATE_TO_SAVE = (
    "De nya koderna gäller inte, eftersom det gick för lång tid eller andra har skapats. "
    "Skapa nya återställningskoder."
)


@dataclass
class CodeForm(Form):
    """A code from the app, or a recovery code where one is taken."""

    code: str = secret(40)

    def validate(self) -> None:
        if not self.code:
            self.errors["code"] = "Ange engångskoden från din autentiseringsapp."
        elif not Totp.looks_like_code(self.code):
            self.check_other()

    def check_other(self) -> None:
        if not RecoveryCode.looks_like_one(self.code):
            self.errors["code"] = "Skriv de sex siffrorna från appen, eller en återställningskod."


@dataclass
class PasswordForm(Form):
    """The password once more, of whoever has no second factor."""

    password: str = password()

    def validate(self) -> None:
        if not self.password:
            self.errors["password"] = "Ange ditt lösenord."  # noqa: S105 - a sentence


@dataclass
class ProofForm(PasswordForm, CodeForm):
    """Password and code: both factors once more, before something sensitive."""

    def validate(self) -> None:
        PasswordForm.validate(self)
        CodeForm.validate(self)


@dataclass
class EnrolmentForm(CodeForm):
    """The first code of an app that is being added."""

    def check_other(self) -> None:
        self.errors["code"] = "Skriv de sex siffrorna från appen."


@dataclass(frozen=True)
class Enrolment:
    """What `_enrolment.html` shows: the QR code, the key in groups of four, the link."""

    qr: Markup
    key_groups: list[str]
    uri: str
    label: str

    @classmethod
    async def of(cls, user: User, holder: str) -> Enrolment:
        """`holder`: who adds the app, as `Totp.pending` tells them apart."""
        totp, label = await Totp.pending(user, holder), user.email or user.name
        if user.two_factor is not TwoFactor.UNANSWERED:
            # Some apps overwrite a row of the same name, and the old one is to work till then.
            label += f" {totp.created_at.astimezone(STOCKHOLM).date()}"
        return cls.showing(totp.secret, totp.uri(label), label)

    @classmethod
    def showing(cls, secret: str, uri: str, label: str) -> Enrolment:
        groups = [secret[i : i + 4] for i in range(0, len(secret), 4)]
        return cls(_qr(uri), groups, uri, label)


def _qr(uri: str) -> Markup:
    # Apps read black on white, in dark mode too; quiet zone of four modules (ISO/IEC 18004).
    svg = segno.make(uri, error="m", micro=False).svg_inline(
        border=4, omitsize=True, svgclass=None, lineclass=None, dark="#000", light="#fff"
    )
    label = 'role="img" aria-label="QR-kod för autentiseringsappen"'
    return Markup(svg.replace("<svg ", f"<svg {label} ", 1))  # noqa: S704 - segno made it


async def enrol(user: User, holder: str, form: EnrolmentForm, effect: Effect) -> bool:
    """Whether the form's code has turned it on; if not, the form says why."""
    if not form.is_valid():
        return False
    had_one = user.has_two_factor
    answer = await (await Totp.pending(user, holder)).activate(user, form.code, effect)
    if answer.is_right:
        return True
    await user.refresh_from_db()
    if user.has_two_factor and not had_one:
        return True  # sent twice: the other one was right
    form.errors["code"] = code_error(answer)
    return False


async def prove(user_id: int, form: PasswordForm) -> User | None:
    """The user, if all that the form asks for is right; if not, the form says why.

    The password first: a wrong one uses no code up.
    """
    if not form.is_valid():
        return None
    outcome = await login.check_again(user_id, form.password)
    if outcome.user is None:
        form.errors["password"] = too_many(outcome.wait) if outcome.wait else WRONG_PASSWORD
    elif isinstance(form, ProofForm):
        answer = await Totp.accepts(user_id, form.code)
        if not answer.is_right:
            form.errors["code"] = code_error(answer)
    return None if form.failed else outcome.user


class Deactivate(Page):
    """Inaktivera: from then on the password is enough."""

    template = "two_factor/deactivate.html"

    async def get(self, request: Request) -> Response:
        await self._identity(request)
        return await self._page(request, ProofForm())

    async def post(self, request: Request) -> Response:
        identity = await self._identity(request)
        form = await ProofForm.read(request)
        user = await prove(identity.user.id, form)
        if user is None:
            return await self._page(request, form, 422)
        token = await two_factor.turn_off(identity, user)
        if token is None:
            return redirect(request, "my_details:credentials", whole_page=True)
        response = redirect(request, "my_details:credentials", whole_page=True, flash=TURNED_OFF)
        return sessions.keep(response, request, token, remembered=identity.remembered)

    async def _identity(self, request: Request) -> Identity:
        identity = guards.signed_in(request)
        if not identity.user.has_two_factor:
            raise SeeOther("my_details:credentials")
        if (await User.get(id=identity.user.id)).is_passwordless:  # frozen once, back by BankID
            raise SeeOther("my_details:personal_details", flash=CHOOSE_A_PASSWORD)
        return identity

    async def _page(self, request: Request, form: ProofForm, status_code: int = 200) -> Response:
        user_id = guards.signed_in(request).user.id
        context = {"form": form, "demanding": await Membership.demanding_two_factor(user_id)}
        return render(request, self.template, context, status_code, secret=True)


async def shown_codes(request: Request, identity: Identity) -> dict[str, object]:
    """What `_recovery_codes.html` shows: the codes that wait to be saved, if there are any.

    They are a way in, so whoever only has the session must prove who they are.
    """
    codes = await RecoveryCode.shown(identity.user.id)
    if codes:
        guards.recently_confirmed(request)
    return {
        "recovery_codes": codes,
        "recovery_codes_id": await RecoveryCode.shown_id(identity.user.id),
        "recovery_codes_proposed": await RecoveryCode.are_proposed(identity.user.id),
    }


class NewRecoveryCodes(Page):
    """'Skapa nya återställningskoder': shown at once, and in use when they are saved."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "my_details:credentials")

    async def post(self, request: Request) -> Response:
        identity = guards.recently_confirmed(request)
        await RecoveryCode.propose(identity.user.id)
        return redirect(request, "my_details:credentials")


@dataclass
class SavedForm(Form):
    """Which codes were saved, and on which page."""

    batch: str = text(20)
    at: str = text(60)


class RecoveryCodesSaved(Page):
    """'Jag har sparat koderna': from now on nobody can read them here."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "my_details:credentials")

    async def post(self, request: Request) -> Response:
        user = await User.get(id=guards.signed_in(request).user.id)
        form = await SavedForm.read(request)
        shown_id = int(form.batch) if re.fullmatch("[0-9]{1,9}", form.batch) else 0
        saved = await RecoveryCode.saved(user, shown_id)
        return redirect(
            request,
            form.at if form.at in _SHOWN_AT else "my_details:credentials",
            flash="Bra! Koderna visas inte igen." if saved else warning(TOO_LATE_TO_SAVE),
            whole_page=True,
        )


class RecoveryCodesFile(Page):
    """The codes as a text file, while they wait to be saved."""

    async def get(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        codes = await RecoveryCode.shown(identity.user.id)
        if not codes:
            return redirect(
                request,
                "my_details:credentials",
                flash="Koderna visas inte längre.",
            )
        guards.recently_confirmed(request)
        lines = [
            "MinaSidor: återställningskoder",
            "Varje kod kan användas en gång.",
            "",
            *codes,
            "",
        ]
        name = "minasidor-aterstallningskoder.txt"
        return download("\r\n".join(lines), name, "text/plain")


# The pages that show recovery codes, and have them say which of the two they are.
_SHOWN_AT = ("my_details:credentials", "registration:done")


def too_many(wait: timedelta) -> str:
    minutes = max(1, math.ceil(wait.total_seconds() / 60))
    hours = math.ceil(minutes / 60)
    if minutes == 1:
        span = "1 minut"
    elif minutes <= 60:
        span = f"{minutes} minuter"
    else:
        span = f"{hours} timmar"
    return f"Du har försökt för många gånger. Vänta {span} och försök igen."


def code_error(answer: Answer) -> str:
    """What a refused code's owner is told, at login and when an app is added."""
    match answer.verdict:
        case Verdict.LIMITED:
            return too_many(answer.wait)
        case Verdict.PAUSED:
            return (
                "Koder från appen tas inte emot just nu. "
                "Använd en återställningskod, eller ring oss."
            )
        case Verdict.USED:
            return "Koden är redan använd. Vänta på nästa kod i appen."
        case _:
            return "Koden stämmer inte. Vänta på nästa kod i appen och försök igen."
