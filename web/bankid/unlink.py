"""Ta bort BankID, under Inloggningsuppgifter."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from models import User
from models.bankid_identity import BankIDIdentity
from web import guards, sessions
from web.forms import Form
from web.pages import Page
from web.rendering import SeeOther, redirect, render

UNLINKED = "BankID är borttaget. Du loggar in med e-post och lösenord."


class Unlink(Page):
    """Asks once more; only whoever has a password may do without BankID."""

    async def get(self, request: Request) -> Response:
        bankid = await self._bankid(request)
        return render(request, "bankid/unlink.html", {"name": bankid.name}, secret=True)

    async def post(self, request: Request) -> Response:
        _ = await self._bankid(request)
        identity, _ = guards.recently_confirmed(request), await Form.read(request)
        token = await BankIDIdentity.unlink(identity)
        if token is None:  # it was unlinked a moment before, or the session has ended
            return redirect(request, "my_details:credentials", whole_page=True)
        response = redirect(request, "my_details:credentials", whole_page=True, flash=UNLINKED)
        return sessions.keep(response, request, token, remembered=identity.remembered)

    async def _bankid(self, request: Request) -> BankIDIdentity:
        identity = guards.recently_confirmed(request)
        bankid = await BankIDIdentity.of_user(identity.user.id)
        if bankid is None or (await User.get(id=identity.user.id)).is_passwordless:
            raise SeeOther("my_details:credentials", whole_page=True)
        return bankid
