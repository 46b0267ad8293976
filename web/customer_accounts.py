"""Customer accounts: the page of one, and adding another."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from models import Address, CustomerAccount, Membership, members, switching
from models.customer_account import shown
from models.permission import Permission
from models.waiting import ANSWER_WITHIN
from web import claim, guards, kept_form, login, sessions
from web.claim import ClaimForm
from web.customer_pages import CustomerPage
from web.pages import Page
from web.rendering import redirect, render

_MOST_OTHERS = 5  # the rest are a click away, at Byt kund


class Show(CustomerPage):
    """The customer page; for who is not let in yet, the one that says so."""

    permission = Permission.SEE_STANDING

    async def get(self, request: Request) -> Response:
        if awaited := guards.signed_in(request).awaited:
            waits = {"awaited": awaited, "days": ANSWER_WITHIN.days}
            return render(request, "customer_accounts/waiting.html", waits)
        identity, account = guards.member_of(request)
        others = await switching.last_used(identity.user.id, but=account.id, most=_MOST_OTHERS + 1)
        context = {
            "customer_account": {
                "name": account.name,
                "customer_number": account.customer_number,
                "organisation_number_shown": shown(account.organisation_number),
                "addresses": await Address.of_account(account.id),
            },
            "membership": account,
            "users": await members.count(account.id) if account.is_administrator else None,
            "others": others[:_MOST_OTHERS],
            "more_others": len(others) > _MOST_OTHERS,
            "switched": identity.has_switched,
            "two_factor": identity.user.has_two_factor,
        }
        return render(request, "customer_accounts/show.html", context)


class Add(Page):
    """Lägg till kundkonto: the same claim as at registration, for a user who exists."""

    keeps = ClaimForm

    async def get(self, request: Request) -> Response:
        guards.signed_in(request)
        form = ClaimForm()
        kept_form.refill(request, form)
        return await self._page(request, form)

    async def post(self, request: Request) -> Response:
        identity = guards.signed_in(request)
        form = await ClaimForm.read(request)
        # Closed claims: the page says so in place of the form.
        if form.is_valid() and await claim.is_open():
            added = await claim.add(form, identity.user.id, sessions.client(request))
            if added:
                return self._added(request, *added)
        return await self._page(request, form, status_code=422)

    def _added(
        self, request: Request, account: CustomerAccount, membership: Membership
    ) -> Response:
        if membership.is_awaiting:
            sentence = login.AWAITING
        elif membership.is_new:
            sentence = f"Kundkontot {account.name} är tillagt."
        else:
            sentence = "Du har redan lagt till det här kundkontot."
        return redirect(
            request,
            "customer_account",
            customer_number=account.customer_number,
            whole_page=True,
            flash=sentence,
        )

    async def _page(self, request: Request, form: ClaimForm, status_code: int = 200) -> Response:
        form.forget_suffix()
        context = {"form": form, "claims_open": await claim.is_open()}
        return render(request, "customer_accounts/add.html", context, status_code)
