"""Appar och enheter: where a user is logged in, what that is called, and logging it out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from models import AppDevice
from models.identity import How
from models.session import Identity, Session
from web import browsers, guards, kept_form
from web.forms import Form, printed, text
from web.mobile import clients
from web.pages import Page
from web.rendering import SeeOther, redirect, render, warning

HOW = {
    How.REGISTRATION: "när du registrerade dig",
    How.PASSWORD: "med lösenord",
    How.PASSWORD_AND_CODE: "med lösenord och engångskod",
    How.BANKID: "med BankID",
    How.REGISTRATION_BY_BANKID: "när du registrerade dig med BankID",
}


@dataclass(frozen=True)
class Device:
    """One row of the list: a browser, or the app on a phone."""

    id: str
    name: str
    app: str  # which one, as "MittPreZero (iOS)"; empty for a browser
    address: str
    how: str
    created_at: datetime
    seen_at: datetime
    is_this: bool = False


async def of(identity: Identity) -> list[Device]:
    """Where the user is logged in: this device, then the one used last."""
    user_id = identity.user.id
    browsers_ = [_browser(session, identity) for session in await Session.of_user(user_id)]
    apps = [_app(device) for device in await AppDevice.of_user(user_id)]
    by_use = sorted(browsers_ + apps, key=lambda device: device.seen_at, reverse=True)
    return sorted(by_use, key=lambda device: not device.is_this)


def _browser(session: Session, identity: Identity) -> Device:
    return Device(
        id=str(session.id),
        name=browsers.titled(session.user_agent),
        app="",
        address=session.address,
        how=HOW[session.how],
        created_at=session.created_at,
        seen_at=session.seen_at,
        is_this=session.id == identity.session_id,
    )


def _app(device: AppDevice) -> Device:
    return Device(
        id=device.public_id,
        name=device.name,
        app=clients.titled(device.client_id),
        address=device.address,
        how=HOW[device.how],
        created_at=device.created_at,
        seen_at=device.seen_at,
    )


@dataclass
class EndForm(Form):
    device: str = text(40)

    async def end(self, identity: Identity) -> bool:
        """Log that device out; False if it is none of the user's, or was out already."""
        if re.fullmatch("[0-9]{1,9}", self.device):  # what the database can hold
            return await Session.end_one(identity, int(self.device))
        if re.fullmatch("[0-9a-f-]{36}", self.device):
            return await AppDevice.end_one(identity.user.id, self.device)
        return False


class End(Page):
    """Logga ut: one of one's own devices. It is out at its next click, the app at its next call."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "my_details:credentials")

    async def post(self, request: Request) -> Response:
        # Nothing is proven anew: to log out, here or elsewhere, harms nobody.
        identity = guards.signed_in(request)
        form = await EndForm.read(request)
        ended = await form.end(identity)
        flash = "Enheten är utloggad." if ended else "Enheten var redan utloggad."
        return redirect(request, "my_details:credentials", flash=flash)


class EndOthers(Page):
    """Logga ut alla andra, browsers and apps alike."""

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


@dataclass
class NameForm(Form):
    name: str = printed(AppDevice.LONGEST_NAME)

    def validate(self) -> None:
        if not self.name:
            self.errors["name"] = "Skriv vad enheten ska heta."


class Name(Page):
    """Byt namn: what the app's device is called in the list."""

    keeps = NameForm

    async def get(self, request: Request) -> Response:
        device = await self._device(request)
        form = NameForm(device.name)
        kept_form.refill(request, form)
        return self._page(request, device, form)

    async def post(self, request: Request) -> Response:
        device, form = await self._device(request), await NameForm.read(request)
        if not form.is_valid():
            return self._page(request, device, form, 422)
        if not await AppDevice.rename(device.user_id, device.public_id, form.name):
            raise _already_out()
        return redirect(request, "my_details:credentials", flash="Namnet är ändrat.")

    async def _device(self, request: Request) -> AppDevice:
        user_id, public_id = guards.signed_in(request).user.id, request.path_params["public_id"]
        device = await AppDevice.of_user_or_none(user_id, str(public_id))
        if device is None:
            raise _already_out()
        return device

    def _page(
        self, request: Request, device: AppDevice, form: NameForm, status_code: int = 200
    ) -> Response:
        context = {"form": form, "device": _app(device)}
        return render(request, "my_details/device.html", context, status_code, secret=True)


def _already_out() -> SeeOther:
    return SeeOther("my_details:credentials", flash=warning("Enheten är redan utloggad."))
