"""Beginning an identification: by a click of the visitor's, never by a link."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models import limits
from models.bankid_flow import BankIDFlow, Intent, budgets
from web import cookies, guards, kept_form, next_path, sessions
from web.bankid import orders, service
from web.bankid.launch import Launch
from web.forms import Form, text
from web.pages import Page
from web.rendering import SeeOther, redirect

SAME, OTHER = "same", "other"


@dataclass
class StartForm(Form):
    """What it is for, and where the app is. No device chosen: the one that most will have."""

    intent: str = text(20)
    device: str = text(10)
    next: str = text(1000)
    kept: str = text(4000)

    def chosen(self) -> Intent:
        """Raises 400 for anything that no button of ours says."""
        if self.intent not in set(Intent) or self.device not in ("", SAME, OTHER):
            raise HTTPException(400)
        return Intent(self.intent)


class Start(Page):
    """Identifiera dig med BankID."""

    async def get(self, request: Request) -> Response:
        return redirect(request, login_path(request))

    async def post(self, request: Request) -> Response:
        form = await StartForm.read(request)
        response = await begin(request, form.chosen(), form.device, next_path.read(form.next))
        # Sealed for one user and one page: whoever comes back as somebody else is shown nothing.
        return kept_form.carry(response, request, kept_form.valid(form.kept))


async def begin(request: Request, intent: Intent, device: str = "", path: str = "") -> Response:
    """Order an identification, and on to its page. Raises what the visitor gets instead.

    `device`: SAME, OTHER, or empty for the usual one of this browser. `path`: where to go then.
    """
    if service.of(request) is None:
        raise SeeOther(login_path(request), whole_page=True)
    identity = None
    if intent is Intent.LINK:
        identity = guards.recently_confirmed(request)
    elif intent is Intent.CONFIRM:
        identity = guards.signed_in(request)
    elif request.state.identity:
        raise SeeOther("login" if intent is Intent.LOGIN else "registration:method")
    client = sessions.known_client(request)
    if (await limits.spend(*budgets(client))).refused:
        raise HTTPException(429, f"bankid {intent}")
    flow, token, replaced = await BankIDFlow.begin(
        intent,
        client,
        replacing=cookies.get(request, "bankid"),
        identity=identity,
        is_same_device=device == SAME or (not device and is_mobile(request)),
        next_path=path,
    )
    for order in replaced:
        await orders.cancel(request, order)
    await orders.place(request, flow)
    response = redirect(request, "bankid:flow", public_id=flow.public_id, whole_page=True)
    cookies.set(response, request, "bankid", token)
    # BankID's risk assessment, and our limit, know the browser by it.
    cookies.set(response, request, "device", client.device, max_age=cookies.DEVICE_LIFETIME)
    return response


def is_mobile(request: Request) -> bool:
    """Whether the app is probably on the device that asks."""
    return Launch.of(sessions.client(request).user_agent).is_mobile


def login_path(request: Request, next_page: str = "", *, tab: str = "bankid") -> str:
    """The login page; `next_page`, signed, is where it leads on to."""
    path = f"{request.app.url_path_for('login')}?flik={tab}"
    return f"{path}&next={next_page}" if next_page else path
