"""/_dev/koder: an authenticator app that holds everybody's key."""

from __future__ import annotations

from dataclasses import dataclass

import pyotp
from starlette.requests import Request
from starlette.responses import Response

from models import Totp, clock
from models.totp import State
from web.development.tools import show
from web.pages import Page

_MOST = 50


@dataclass(frozen=True)
class Entry:
    """What the app shows of one user, at the portal's clock."""

    totp: Totp

    @property
    def code(self) -> str:
        return pyotp.TOTP(self.totp.secret).at(clock.now())

    @property
    def is_used(self) -> bool:
        return bool(self.totp.last_step >= clock.seconds() // Totp.PERIOD)

    @property
    def is_pending(self) -> bool:
        return self.totp.state is State.PENDING


class Codes(Page):
    async def get(self, request: Request) -> Response:
        totps = await Totp.all().prefetch_related("user").order_by("-id").limit(_MOST)
        left = Totp.PERIOD - clock.seconds() % Totp.PERIOD
        context = {"entries": [Entry(totp) for totp in totps], "left": left}
        response = show(request, "development/codes.html", context)
        response.headers["Refresh"] = str(left)  # the next codes, without JavaScript
        return response
