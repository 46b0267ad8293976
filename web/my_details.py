"""The user's own account: so far the credentials, with two-factor and its recovery codes."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from models import RecoveryCode, Totp, TwoFactor, User, totp
from web import guards
from web.pages import Page
from web.rendering import redirect, render
from web.two_factor import Enrolment, EnrolmentForm, code_error


class Credentials(Page):
    """Inloggningsuppgifter: two-factor, its recovery codes, and turning it on."""

    template = "my_details/credentials.html"

    async def get(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        if not identity.user.two_factor:
            guards.recently_confirmed(request)  # the page shows a secret then
        return await self._page(request, await User.get(id=identity.user.id), EnrolmentForm())

    async def post(self, request: Request) -> Response:
        identity = guards.recently_confirmed(request)
        if identity.user.two_factor:
            return redirect(request, "my_details:credentials")
        user = await User.get(id=identity.user.id)
        form = await EnrolmentForm.read(request)
        if form.is_valid():
            answer = await (await Totp.pending(user)).activate(user, form.code)
            if answer.is_right:
                return redirect(
                    request,
                    "my_details:credentials",
                    whole_page=True,
                    flash="Tvåfaktorsautentisering är på.",
                )
            await user.refresh_from_db()
            if user.two_factor is TwoFactor.ON:  # sent twice: the other one was right
                return redirect(request, "my_details:credentials", whole_page=True)
            form.errors["code"] = code_error(answer)
        return await self._page(request, user, form, status_code=422)

    async def _page(
        self, request: Request, user: User, form: EnrolmentForm, status_code: int = 200
    ) -> Response:
        since = await totp.on_since(user.id)
        context = {
            "form": form,
            "two_factor": since is not None,
            "on_since": since,
            "codes_left": await RecoveryCode.left(user.id),
            "recovery_codes": await RecoveryCode.shown(user.id),
            "enrolment": None if since else await Enrolment.of(user),
        }
        return render(request, self.template, context, status_code, secret=True)
