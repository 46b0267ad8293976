"""What the page of an identification shows: one of four things, and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request

from models import clock
from models.bankid_flow import (
    NO_CLIENT,
    OTHER_BROWSER,
    OUTSTANDING,
    REPLACED,
    BankIDFlow,
    Intent,
    Order,
    Progress,
)
from web import next_path, sessions
from web.bankid import messages, orders, qr, service
from web.bankid.launch import APP, Launch
from web.bankid.start import login_path

# Ours, where BankID has no text.
TROUBLE = "BankID svarar inte just nu. Vi försöker igen."
RETURNING = "Klart i BankID-appen. Gå tillbaka hit från appen."
USED = "Identifieringen är redan använd. Börja om."
TOO_OLD = "Det har gått för lång tid sedan du identifierade dig. Börja om."
_HINTS = {
    REPLACED: "Du har börjat om i en annan flik. Fortsätt där, eller börja om här.",
    OTHER_BROWSER: "BankID-appen öppnades från en annan webbläsare. Börja om här.",
}
HEADINGS = {
    Intent.LOGIN: "Logga in med BankID",
    Intent.REGISTRATION: "Registrera dig med BankID",
    Intent.LINK: "Koppla BankID",
    Intent.CONFIRM: "Bekräfta med BankID",
}


class Phase(StrEnum):
    SCAN = "scan"  # the QR code
    OPEN = "open"  # the link that starts the app on this device
    WORK = "work"  # the app has it, nothing to do here
    FAILED = "failed"


@dataclass(frozen=True)
class View:
    """As the template takes it. `seen` is sent along with the next poll, to compare with."""

    public_id: str
    heading: str
    phase: Phase
    message: str
    seen: str
    qr: str | None = None  # of `qr.image`, which marks it as HTML
    start_link: str = ""
    is_simulated: bool = False
    is_same_device: bool = False
    frame: str = "login/box.html"
    instead: tuple[str, str] = ("", "")  # where one gets further without BankID, and its name

    def has_changed_phase(self, seen: str) -> bool:
        """Whether more than the QR code and the sentence are others than at the poll before."""
        return seen.split(".")[:2] != self.seen.split(".")[:2]

    def has_another_sentence(self, seen: str) -> bool:
        """Whether it is to be read aloud, which it is not for a new order alone."""
        return seen.split(".", 2)[::2] != self.seen.split(".", 2)[::2]


def of(request: Request, flow: BankIDFlow) -> View:
    """How the identification stands."""
    bankid = service.of(request)
    if bankid is None:
        return shown(request, flow)
    return shown(request, flow, app=bankid.app, is_simulated=bankid.is_simulated)


def shown(
    request: Request, flow: BankIDFlow, *, app: str = APP, is_simulated: bool = False
) -> View:
    """The same for whichever BankID: `app` is the address that starts its app."""
    launch = Launch.of(sessions.client(request).user_agent)
    order, phase = flow.order, _phase(flow)
    message = _message(flow, mobile=launch.is_mobile)
    link = ""
    if phase is Phase.OPEN and order:
        link = launch.address(order.auto_start_token, app=app)
    return View(
        public_id=flow.public_id,
        heading=HEADINGS[flow.intent],
        phase=phase,
        message=message,
        seen=_seen(flow, phase),
        qr=_qr(flow, order) if phase is Phase.SCAN else None,
        start_link=link,
        is_simulated=is_simulated,
        is_same_device=flow.is_same_device,
        frame="login/box.html" if flow.intent is Intent.LOGIN else "bankid/column.html",
        instead=_instead(request, flow),
    )


def way_back(request: Request, flow: BankIDFlow) -> str:
    """The page from which it was begun."""
    url = request.app.url_path_for
    signed = next_path.sign(flow.next_path) if flow.next_path else ""
    if flow.intent is Intent.LOGIN:
        return login_path(request, signed)
    if flow.intent is Intent.REGISTRATION:
        return flow.next_path or str(url("registration:method"))
    if flow.intent is Intent.LINK:
        return str(url("my_details:credentials"))
    return str(url("confirm_identity")) + (f"?next={signed}" if signed else "")


def _seen(flow: BankIDFlow, phase: Phase) -> str:
    # A new order has another link: that counts as another phase. Its code is another each second.
    renewals = flow.renewals if phase is Phase.OPEN else 0
    hint = flow.status if flow.status is Progress.COMPLETE else flow.hint
    return f"{phase}.{renewals}.{hint}{'-' * flow.has_trouble}"


def _instead(request: Request, flow: BankIDFlow) -> tuple[str, str]:
    back = way_back(request, flow)
    if flow.intent is Intent.LOGIN:
        return back.replace("flik=bankid", "flik=e-post"), "Logga in med e-post"
    if flow.intent is Intent.REGISTRATION:
        return back, "Registrera dig med e-post"
    return back, "Tillbaka"


def _qr(flow: BankIDFlow, order: Order | None) -> str | None:
    if order is None:
        return None
    return qr.image(qr.content(order.qr_start_token, order.qr_start_secret, flow.order_age))


def _phase(flow: BankIDFlow) -> Phase:
    if flow.status is Progress.FAILED or is_over(flow):
        return Phase.FAILED
    if flow.status is not Progress.PENDING:
        return Phase.WORK
    if flow.is_same_device:
        return Phase.OPEN if flow.hint in (OUTSTANDING, NO_CLIENT) else Phase.WORK
    return Phase.SCAN if flow.hint == OUTSTANDING else Phase.WORK


def is_over(flow: BankIDFlow) -> bool:
    """Proven, but used up already, or nobody came for it in time."""
    if flow.completed_at is None:
        return False
    return flow.used_at is not None or clock.now() - flow.completed_at >= flow.GOOD_FOR


def _message(flow: BankIDFlow, *, mobile: bool) -> str:
    if flow.hint in _HINTS:
        return _HINTS[flow.hint]
    if flow.has_trouble:
        return TROUBLE
    if flow.used_at:
        return USED
    if is_over(flow):
        return TOO_OLD
    if flow.status is Progress.COMPLETE:
        return RETURNING
    error = flow.hint.startswith(orders.ERROR)
    return messages.message(
        "error" if error else flow.status,
        flow.hint.removeprefix(orders.ERROR),
        same_device=flow.is_same_device,
        mobile=mobile,
        intent=flow.intent,
    )
