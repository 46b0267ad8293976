"""Two-factor: adding an authenticator app (one enrolment for all places) and the recovery codes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from models import RecoveryCode, Totp, User, numbers
from models.totp import Answer, Verdict
from web import guards
from web.forms import Form, text
from web.pages import Page
from web.rendering import redirect


@dataclass
class CodeForm(Form):
    """A code from the app, or a recovery code where one is taken."""

    code: str = text(40)

    def validate(self) -> None:
        if not self.code:
            self.errors["code"] = "Ange engångskoden från din autentiseringsapp."
        elif not re.fullmatch(r"[0-9]{6}", numbers.compact(self.code)):
            self.check_other()

    def check_other(self) -> None:
        if not RecoveryCode.looks_like_one(self.code):
            self.errors["code"] = "Skriv de sex siffrorna från appen, eller en återställningskod."


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

    @classmethod
    async def of(cls, user: User) -> Enrolment:
        totp = await Totp.pending(user)
        return cls.showing(totp.secret, totp.uri(user.email))

    @classmethod
    def showing(cls, secret: str, uri: str) -> Enrolment:
        groups = [secret[i : i + 4] for i in range(0, len(secret), 4)]
        return cls(_qr(uri), groups, uri)


def _qr(uri: str) -> Markup:
    # Apps read black on white, in dark mode too; quiet zone of four modules (ISO/IEC 18004).
    svg = segno.make(uri, error="m", micro=False).svg_inline(
        border=4, omitsize=True, svgclass=None, lineclass=None, dark="#000", light="#fff"
    )
    label = 'role="img" aria-label="QR-kod för autentiseringsappen"'
    return Markup(svg.replace("<svg ", f"<svg {label} ", 1))  # noqa: S704 - segno made it


class RecoveryCodesSaved(Page):
    """'Jag har sparat koderna': from now on nobody can read them here."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "my_details:credentials")

    async def post(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        await RecoveryCode.saved(identity.user.id)
        done = str(request.app.url_path_for("registration:done"))
        came_from_registration = request.headers.get("referer", "").endswith(done)
        return redirect(
            request,
            "registration:done" if came_from_registration else "my_details:credentials",
            flash="Bra! Koderna visas inte igen.",
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
        lines = [
            "MinaSidor: återställningskoder",
            "Varje kod kan användas en gång.",
            "",
            *codes,
            "",
        ]
        return PlainTextResponse(
            "\r\n".join(lines),
            headers={
                "Content-Disposition": 'attachment; filename="minasidor-aterstallningskoder.txt"',
                "Cache-Control": "no-store",
            },
        )


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
