"""What an identification was for: logging in, registering, linking, or confirming who one is."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from models import User, bankid_flow, limits
from models.bankid_flow import BankIDFlow, Intent
from models.bankid_identity import BankIDIdentity, Person, Taken
from models.databases import atomic
from models.identity import How
from models.registration import Registration
from web import cookies, guards, login, next_path, registration, sessions
from web.bankid.pages import found
from web.bankid.start import login_path
from web.bankid.view import way_back
from web.forms import Form, text
from web.pages import Page
from web.rendering import Flash, SeeOther, redirect, render, warning

_log = logging.getLogger("minasidor.bankid")
LINKED = "Ditt BankID är kopplat. Nu kan du logga in med det."
NOT_LINKED = "BankID kopplades inte, eftersom du hade loggats ut. Försök igen."
TAKEN = "Detta BankID är redan kopplat till ett annat konto."
OTHER_PERSON = "Det är inte det BankID som är kopplat till ditt konto."
ALREADY_A_USER = "Du har redan ett användarkonto. Nu är du inloggad."
ADD_IT_HERE = "Lägg till kundkontot här, om du inte redan har det."
THAWED = (
    "Kontot är öppet igen. Om du hade ett lösenord fungerar det inte längre, eftersom någon annan "
    "kan ha haft det."
)
TOO_LATE = "Det tog för lång tid. Identifiera dig igen."


class Finish(Page):
    """Uses the identification up, once, and goes on to what it was for."""

    async def get(self, request: Request) -> Response:
        flow = await found(request)
        if flow.intent is Intent.LINK:
            # Before it is used up: it is still good when the password has been given again.
            guards.recently_confirmed(request)
        person = await flow.use()
        if person is None:
            if flow.used_at and request.state.identity:  # asked for twice, or from two tabs
                user = await User.get(id=request.state.identity.user.id)
                return redirect(request, await login.landing(request, user, flow.next_path))
            return redirect(request, "bankid:flow", public_id=flow.public_id)
        # By the address that it was begun from: the phone may have changed networks since.
        client = replace(sessions.client(request), address=flow.address)
        await limits.give_back(*bankid_flow.budgets(client))
        if flow.intent is Intent.LINK:
            return await self._link(request, flow, person)
        if flow.intent is Intent.CONFIRM:
            return await self._confirm(request, flow, person)
        return await self._log_in(request, flow, person)

    async def _log_in(self, request: Request, flow: BankIDFlow, person: Person) -> Response:
        async with atomic():  # whoever unlinks it meanwhile finds this session, and ends it
            known = await BankIDIdentity.of_person(person)
            let_in = await known.let_in() if known else None
            if let_in:
                return await self._complete(request, flow, *let_in)
        return await self._register(request, flow, person)

    async def _complete(
        self, request: Request, flow: BankIDFlow, user: User, was_frozen: bool
    ) -> Response:
        _note(flow, user.id)
        path, done = flow.next_path, ""
        if was_frozen:
            path, done = str(request.app.url_path_for("my_details:personal_details")), THAWED
        elif flow.intent is Intent.REGISTRATION:
            path, done = "", ALREADY_A_USER
            if _is_from_personal_details(flow):  # with another customer account, perhaps
                path = str(request.app.url_path_for("customer_accounts:add"))
                done = f"{ALREADY_A_USER} {ADD_IT_HERE}"
        how = How.BANKID
        return await login.complete(request, user, how, remembered=False, path=path, done=done)

    async def _register(self, request: Request, flow: BankIDFlow, person: Person) -> Response:
        begun, token = await registration.begun(request)
        # At the same computer somebody else may have begun it: what they have typed is not shown,
        # and their claim does not count. Who identifies themselves at Steg 3 has it before them.
        goes_on = _is_from_personal_details(flow) and not begun.is_of_another(person)
        theirs = begun.is_of(person) or goes_on
        if not token and not theirs:
            await begun.delete()
            begun, token = await registration.begun(request)
        await begun.identify(person)
        if flow.intent is Intent.LOGIN:
            path = str(request.app.url_path_for("bankid:unknown"))
            signed = next_path.sign(flow.next_path)
            response = redirect(request, f"{path}?next={signed}" if signed else path)
        else:
            step = "personal_details" if begun.customer_account else "account_details"
            response = redirect(request, f"registration:{step}")
        return registration.keep(response, request, token)

    async def _link(self, request: Request, flow: BankIDFlow, person: Person) -> Response:
        sentence = await link(request, person)
        if not sentence.warns:
            _note(flow, guards.signed_in(request).user.id)
        return redirect(request, "my_details:credentials", flash=sentence)

    async def _confirm(self, request: Request, flow: BankIDFlow, person: Person) -> Response:
        identity = guards.signed_in(request)
        own = await BankIDIdentity.of_user(identity.user.id)
        token = await own.confirms(identity, person) if own else None
        if token is None:
            return redirect(request, way_back(request, flow), flash=warning(OTHER_PERSON))
        _note(flow, identity.user.id)
        user = await User.get(id=identity.user.id)
        path = await login.landing(request, user, flow.next_path)
        response = redirect(request, path)
        return sessions.keep(response, request, token, remembered=identity.remembered)


@dataclass
class UnknownForm(Form):
    next: str = text(1000)


class Unknown(Page):
    """Nobody logs in with this BankID: register with it, or link it to the account one has."""

    async def get(self, request: Request) -> Response:
        next_page = next_path.kept(request.query_params.get("next", ""))
        _, person = await _identified(request, next_page=next_page)
        context = {"name": person.name, "next": next_page}
        return render(request, "bankid/unknown.html", context, secret=True)

    async def post(self, request: Request) -> Response:
        """'Logga in och koppla BankID': nothing is linked until its page is answered."""
        form = await UnknownForm.read(request)
        next_page = next_path.kept(form.next)
        begun, _ = await _identified(request, next_page=next_page)
        await begun.await_login()
        return redirect(request, login_path(request, next_page, tab="e-post"))


@dataclass
class OfferForm(Form):
    answer: str = text(10)
    next: str = text(1000)


class Offer(Page):
    """After the login: is the BankID that somebody showed here to log this user in from now on?"""

    async def get(self, request: Request) -> Response:
        identity = guards.recently_confirmed(request)
        _, person = await _identified(request, signed_in=True)
        context = {
            "name": person.name,
            "email": identity.user.email or identity.user.name,
            "next": next_path.kept(request.query_params.get("next", "")),
        }
        return render(request, "bankid/offer.html", context, secret=True)

    async def post(self, request: Request) -> Response:
        identity, form = guards.recently_confirmed(request), await OfferForm.read(request)
        begun, person = await _identified(request, signed_in=True)
        sentence = await link(request, person) if form.answer == "yes" else None
        path = next_path.read(form.next)
        if begun.awaits_login:  # still: the login took over none
            path = str(request.app.url_path_for("customer_accounts:add"))
            unclaimed = warning(login.NOT_LINKED)
            sentence = sentence + unclaimed if sentence else unclaimed
        await begun.delete()  # answered: nothing is kept of whose BankID it was
        user = await User.get(id=identity.user.id)
        path = await login.landing(request, user, path)
        response = redirect(request, path, whole_page=True, flash=sentence)
        cookies.delete(response, request, "registration")
        return response


def _note(flow: BankIDFlow, user_id: int) -> None:
    """For the log, whose it was: when it was proven, nobody had looked that up."""
    _log.info("bankid.used", extra={"flow": flow.id, "user": user_id})


def _is_from_personal_details(flow: BankIDFlow) -> bool:
    """Whether it was begun at Steg 3. A login leads on somewhere, too."""
    return flow.intent is Intent.REGISTRATION and flow.next_path != ""


async def link(request: Request, person: Person) -> Flash:
    """Link it to the signed-in user; what became of it, as a sentence."""
    identity = guards.recently_confirmed(request)
    if await BankIDIdentity.of_user(identity.user.id):
        return warning(login.HAS_BANKID)
    try:
        linked = await BankIDIdentity.link(identity, person)
    except Taken:
        return warning(TAKEN)
    return Flash(LINKED) if linked else warning(NOT_LINKED)


async def _identified(
    request: Request, *, signed_in: bool = False, next_page: str = ""
) -> tuple[Registration, Person]:
    """Who showed a BankID in this browser within the last half hour.

    Raises SeeOther, the login page, which leads on to `next_page`.
    """
    begun = await registration.found(request)
    person = begun.person if begun else None
    if begun is None or person is None or bool(request.state.identity) is not signed_in:
        flash = None if signed_in else warning(TOO_LATE)
        raise SeeOther(login_path(request, next_page), flash=flash, whole_page=True)
    return begun, person
