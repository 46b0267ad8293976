"""Användare: who has access to a customer account, and what its administrators do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models import ClaimPolicy, CustomerAccount, Membership, User, access, members
from models.access import Actor, LastAdministrator
from models.identity import AwaitedAccount, ReachedAccount
from models.members import Member
from models.permission import Permission
from web import guards, kept_form
from web.customer_pages import CustomerPage
from web.forms import Form, text
from web.login import landing
from web.paging import PER_PAGE, Paged, skipped
from web.rendering import SeeOther, redirect, render

ANSWERED = "Någon annan har redan svarat, eller så är begäran återtagen."
MEANWHILE = "Inget ändrades, eftersom någon annan hann före. Så här ser det ut nu."
LAST = "Minst en administratör måste finnas kvar. Gör någon annan till administratör först."


@dataclass
class SearchForm(Form):
    search: str = text(100)


class Users(CustomerPage):
    """Who waits, who has access, and who is invited; a search goes through all three."""

    permission = Permission.SEE_USERS

    async def get(self, request: Request) -> Response:
        _, account = guards.member_of(request)
        form = SearchForm(request.query_params.get("q", "").strip())
        asked = form.search if form.is_valid() else ""
        is_first = skipped(request) == 0
        waiting = await members.waiting_for(account.id, asked) if is_first else []
        invited = await members.invited_to(account.id, asked) if is_first else []
        context = {
            "form": form,
            "asked": asked,
            "waiting": waiting[:PER_PAGE],
            "waiting_count": len(waiting),
            "users": Paged.of(request, await members.of_account(account.id, asked)),
            "invited": invited[:PER_PAGE],
            "invited_count": len(invited),
        }
        return render(
            request, "members/users.html", context, 422 if form.failed else 200, secret=True
        )


@dataclass
class AnswerForm(Form):
    """Each button holds the membership that it is about."""

    approve: str = text(20)
    deny: str = text(20)


class Answer(CustomerPage):
    """Godkänn, or Neka, somebody who waits."""

    permission = Permission.ANSWER_CLAIMS

    async def get(self, request: Request) -> Response:
        return to_users(request)

    async def post(self, request: Request) -> Response:
        identity, account = guards.member_of(request)
        form = await AnswerForm.read(request)
        membership = await Membership.get_or_none(
            id=id_of(form.approve or form.deny), customer_account_id=account.id
        ).prefetch_related("user")
        if membership is None:
            return to_users(request, ANSWERED)
        name, by = membership.user.name, Actor(identity.user.id)
        if form.approve:
            done = await access.approve(membership, by)
            said = f"{name} är godkänd och har nu åtkomst."
        else:
            done = await access.deny(membership, by)
            said = f"{name} får inte åtkomst."
        if done:
            return to_users(request, said)
        now = await members.one(account.id, membership.id)
        if now and not now.is_waiting:
            return to_users(request, f"{name} har redan godkänts av en annan administratör.")
        return to_users(request, ANSWERED)


@dataclass
class ChangeForm(Form):
    """The button that was pressed."""

    change: str = text(20)


class One(CustomerPage):
    """One user: making and unmaking an administrator, and taking the access away.

    The password is asked for again (ASVS 7.5.1). What the page says is what is about to happen.
    """

    permission = Permission.CHANGE_USERS

    async def get(self, request: Request) -> Response:
        guards.recently_confirmed(request)
        removing = request.query_params.get("fraga") == "ta-bort"
        return self._page(request, await self._member(request), Form(), removing=removing)

    async def post(self, request: Request) -> Response:
        identity = guards.recently_confirmed(request)
        form = await ChangeForm.read(request)
        _, account = guards.member_of(request)
        member = await self._member(request)
        is_oneself = member.user_id == identity.user.id
        if form.change == "remove" and is_oneself:
            return redirect(request, "members:leave", customer_number=account.customer_number)
        try:
            done = await self._change(member, form.change, Actor(identity.user.id))
        except LastAdministrator:
            form.error = LAST
            return self._page(request, member, form, status_code=422)
        if not done:
            return to_users(request, MEANWHILE)
        if is_oneself:
            return redirect(
                request,
                "customer_account",
                customer_number=account.customer_number,
                whole_page=True,
                flash=f"Du är inte längre administratör för {account.name}.",
            )
        return to_users(request, _done(form.change, member.name, account.name))

    async def _change(self, member: Member, change: str, by: Actor) -> bool:
        verbs = {"promote": access.promote, "demote": access.demote, "remove": access.remove}
        if change not in verbs:
            raise HTTPException(400)
        membership = await Membership.get_or_none(id=member.id)
        return membership is not None and await verbs[change](membership, by)

    async def _member(self, request: Request) -> Member:
        _, account = guards.member_of(request)
        member = await members.one(account.id, request.path_params["membership_id"])
        if member is None:
            raise HTTPException(403, guards.NO_ACCESS)
        if member.is_waiting:
            raise SeeOther("members", customer_number=account.customer_number)
        return member

    def _page(
        self,
        request: Request,
        member: Member,
        form: Form,
        status_code: int = 200,
        *,
        removing: bool = False,
    ) -> Response:
        context = {"form": form, "member": member, "removing": removing}
        return render(request, "members/one.html", context, status_code, secret=True)


def _done(change: str, name: str, account_name: str) -> str:
    if change == "promote":
        return f"{name} är nu administratör."
    if change == "demote":
        return f"{name} är inte längre administratör."
    return f"{name} är borttagen och kan inte längre se {account_name}."


@dataclass
class RulesForm(Form):
    claim_policy: str = text(20)
    requires_two_factor: str = text(10)

    def validate(self) -> None:
        if self.claim_policy not in list(ClaimPolicy):
            self.errors["claim_policy"] = "Välj vad som ska hända med nya användare."


class Rules(CustomerPage):
    """Regler: what later claims come to, and whether everybody needs two-factor."""

    permission = Permission.SET_RULES
    keeps = RulesForm

    async def get(self, request: Request) -> Response:
        guards.recently_confirmed(request)
        _, reached = guards.member_of(request)
        account = await CustomerAccount.get(id=reached.id)
        form = RulesForm(account.claim_policy, "on" if account.requires_two_factor else "")
        kept_form.refill(request, form)
        return await self._page(request, form)

    async def post(self, request: Request) -> Response:
        identity = guards.recently_confirmed(request)
        form = await RulesForm.read(request)
        if not form.is_valid():
            return await self._page(request, form, 422)
        _, reached = guards.member_of(request)
        await access.set_rules(
            await CustomerAccount.get(id=reached.id),
            Actor(identity.user.id),
            claim_policy=ClaimPolicy(form.claim_policy),
            requires_two_factor=form.requires_two_factor != "",
        )
        return redirect(
            request,
            "members:rules",
            customer_number=reached.customer_number,
            # To Steg 4, if the demand is on whoever made it.
            whole_page=True,
            flash="Reglerna är sparade.",
        )

    async def _page(self, request: Request, form: RulesForm, status_code: int = 200) -> Response:
        _, account = guards.member_of(request)
        context = {"form": form, "count": await members.count(account.id)}
        return render(request, "members/rules.html", context, status_code, secret=True)


class Leave(CustomerPage):
    """Leaving the account oneself; for who waits to be let in, Ta tillbaka begäran."""

    permission = Permission.LEAVE
    takes_two_factor = False

    async def get(self, request: Request) -> Response:
        return await self._page(request, self._reached(request), Form())

    async def post(self, request: Request) -> Response:
        reached, user_id = self._reached(request), guards.signed_in(request).user.id
        form = await Form.read(request)
        membership = await Membership.get_or_none(id=reached.membership_id)
        try:
            if membership:
                await access.remove(membership, Actor(user_id))
        except LastAdministrator:
            form.error = LAST
            return await self._page(request, reached, form, 422)
        said = f"Du har lämnat {reached.name}."
        if isinstance(reached, AwaitedAccount):
            said = f"Din begäran om åtkomst till {reached.name} är återtagen."
        to = await landing(request, await User.get(id=user_id))
        return redirect(request, to, whole_page=True, flash=said)

    def _reached(self, request: Request) -> ReachedAccount | AwaitedAccount:
        if awaited := guards.signed_in(request).awaited:
            return awaited
        _, account = guards.member_of(request)
        if account.is_administrator:
            guards.recently_confirmed(request)  # as whoever takes the role from another (7.5.1)
        return account

    async def _page(
        self,
        request: Request,
        reached: ReachedAccount | AwaitedAccount,
        form: Form,
        status_code: int = 200,
    ) -> Response:
        context = {
            "form": form,
            "customer_account": reached,
            "awaiting": isinstance(reached, AwaitedAccount),
            "count": await members.count(reached.id)
            if isinstance(reached, ReachedAccount)
            else None,
        }
        return render(request, "members/leave.html", context, status_code, secret=True)


def to_users(request: Request, flash: str | None = None) -> Response:
    """To the list of users, which says what was done."""
    return redirect(
        request, "members", customer_number=request.path_params["customer_number"], flash=flash
    )


def id_of(sent: str) -> int:
    """The number that a button holds; 0, which is nobody's, unless the database can hold it."""
    return int(sent) if re.fullmatch("[0-9]{1,9}", sent) else 0
