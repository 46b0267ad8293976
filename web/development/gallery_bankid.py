"""An identification with BankID: from the plain data of a state to what `web.bankid.view` shows."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import timedelta

from starlette.requests import Request

from models import clock, keys
from models.bankid_flow import OUTSTANDING, BankIDFlow, Intent, Order, Progress
from web.bankid import service, view
from web.bankid.launch import APP
from web.bankid.view import View

# Invented, and of the length that BankID's and ours have.
_PUBLIC_ID = "Jm3xQe8sVq0dWn5RzTgB1xLhPc7UoMfA2eKy9CtNu4w"
_ORDER = Order(
    order_ref="131daac9-16c6-4618-beb0-365768f37288",
    auto_start_token="7c40b5c9-fa74-49cf-b98c-bfe651f9a7c6",  # noqa: S106 - nobody's
    qr_start_token="67df3917-fa0d-44e5-b327-edcc928297f8",  # noqa: S106 - nobody's
    qr_start_secret="d28db9a7-4cde-429e-a983-359be676944c",  # noqa: S106 - nobody's
)
FRAME = "bankid/frame/scan"  # the state of what stands in the frame of the page
_BROWSERS = {
    "computer": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "phone": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Mobile Safari/537.36",
}


@dataclass(frozen=True)
class Identification:
    """How it stands, as a state writes it; docs/designers.md tells what its lines mean."""

    intent: str = "login"
    device: str = "other"
    browser: str = "computer"
    status: str = "pending"
    hint: str = OUTSTANDING
    trouble: bool = False
    used: bool = False
    too_old: bool = False
    simulated: bool = False

    @property
    def user_agent(self) -> str:
        return _BROWSERS[self.browser]

    def view(self, request: Request) -> View:
        """`request`: of a browser that says it is `user_agent`."""
        if self.simulated:
            return view.shown(request, self._flow(), app=f"{service.PHONE}/app", is_simulated=True)
        return view.shown(request, self._flow(), app=APP)

    def _flow(self) -> BankIDFlow:
        now = clock.now()
        proven = now - BankIDFlow.GOOD_FOR if self.too_old else now - timedelta(seconds=2)
        status = Progress(self.status)
        sealed = keys.encrypt("bankid order", json.dumps(asdict(_ORDER)), _PUBLIC_ID)
        return BankIDFlow(
            public_id=_PUBLIC_ID,
            intent=Intent(self.intent),
            is_same_device=self.device == "same",
            status=status,
            hint=self.hint,
            has_trouble=self.trouble,
            begun_at=now,
            order_encrypted=sealed if status is Progress.PENDING else None,
            order_at=now,
            completed_at=proven if status is Progress.COMPLETE else None,
            used_at=now if self.used else None,
        )


def framing(html: str, address: str) -> str:
    """The page with its frame showing what stands at `address`: its own is an identification's."""
    return re.sub(r'(<iframe\b[^>]* src=")[^"]*"', rf'\g<1>{address}"', html)
