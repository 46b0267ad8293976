"""The devices that a user is logged in on: what they are called, and logging them out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from models.identity import How
from models.session import Identity, Session
from web import browsers, guards
from web.forms import Form, text
from web.pages import Page
from web.rendering import redirect

HOW = {
    How.REGISTRATION: "när du registrerade dig",
    How.PASSWORD: "med lösenord",
    How.PASSWORD_AND_CODE: "med lösenord och engångskod",
    How.BANKID: "med BankID",
    How.REGISTRATION_BY_BANKID: "när du registrerade dig med BankID",
}


@dataclass(frozen=True)
class Device:
    """One row of the list."""

    id: int
    name: str
    address: str
    how: str
    created_at: datetime
    seen_at: datetime
    is_this: bool


async def of(identity: Identity) -> list[Device]:
    """Where the user is logged in: this device, then the one used last."""
    devices = [
        Device(
            session.id,
            browsers.titled(session.user_agent),
            session.address,
            HOW[session.how],
            session.created_at,
            session.seen_at,
            session.id == identity.session_id,
        )
        for session in await Session.of_user(identity.user.id)
    ]
    return sorted(devices, key=lambda device: not device.is_this)


@dataclass
class EndForm(Form):
    device: str = text(20)

    @property
    def session_id(self) -> int:
        """0, which is nobody's, unless it is a number that the database can hold."""
        return int(self.device) if re.fullmatch("[0-9]{1,9}", self.device) else 0


class End(Page):
    """Logga ut: one of one's own devices. It is out at its next click."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "my_details:credentials")

    async def post(self, request: Request) -> Response:
        # Nothing is proven anew: to log out, here or elsewhere, harms nobody.
        identity = guards.signed_in(request)
        form = await EndForm.read(request)
        ended = await Session.end_one(identity, form.session_id)
        flash = "Enheten är utloggad." if ended else "Enheten var redan utloggad."
        return redirect(request, "my_details:credentials", flash=flash)


class EndOthers(Page):
    """Logga ut alla andra."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "my_details:credentials")

    async def post(self, request: Request) -> Response:
        ended = await Session.end_others(guards.signed_in(request))
        flash = (
            "Du är utloggad på alla andra enheter."
            if ended
            else "Du var inte inloggad på någon annan enhet."
        )
        return redirect(request, "my_details:credentials", flash=flash)
