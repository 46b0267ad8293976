"""Händelser: what happened to the user's account, in Swedish sentences, and as a file."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from models import Event
from models.event import Happened
from models.identity import How
from web import browsers, guards
from web.devices import HOW
from web.downloads import csv_file, turn
from web.event_list import MOST_IN_FILE, Line, day_and_time
from web.mobile import clients
from web.pages import Page
from web.paging import PER_PAGE, Paged, skipped
from web.rendering import render

# They may name {browser} (or which app), {how} (somebody logged in) and {account}.
SENTENCES = {
    "user.created": "Användarkontot skapades.",
    "user.frozen": "Kontot stängdes, efter att någon svarade Det var inte jag.",
    "user.frozen_by_operator": "Vi stängde kontot.",
    "user.unfrozen": "Kontot öppnades igen.",
    "user.closing": "Du avslutade användarkontot.",
    "user.reopened": "Du ångrade att användarkontot skulle avslutas.",
    "login": "Du loggade in från {browser} {how}.",
    "login.wrong_codes": "Någon angav rätt lösenord, men fel engångskod tre gånger.",
    "session.ended": "Du loggade ut {browser}.",
    "app.reused": "En gammal inloggning i {browser} användes igen. Enheten loggades ut.",
    "sessions.ended": "Du loggade ut alla andra enheter.",
    "sessions.ended_by_operator": "Vi loggade ut alla enheter.",
    "password.changed": "Du bytte lösenord.",
    "password.reset": "Lösenordet byttes med en länk i ett mejl.",
    "two_factor.on": "Tvåfaktorsautentisering slogs på.",
    "two_factor.off": "Tvåfaktorsautentisering inaktiverades.",
    "two_factor.reset_asked": "Någon med ditt lösenord bad om att återställa "
    "tvåfaktorsautentisering.",
    "two_factor.reset": "Tvåfaktorsautentisering återställdes.",
    "two_factor.paused": "Koder från autentiseringsappen pausades efter väldigt många fel.",
    "recovery_code.used": "En återställningskod användes.",
    "recovery_codes.renewed": "Nya återställningskoder skapades.",
    "bankid.linked": "BankID kopplades till kontot.",
    "bankid.unlinked": "BankID togs bort från kontot.",
    "user.unfrozen_by_bankid": "Kontot öppnades igen med BankID.",
    "email.change_asked": "Du bad om att byta e-postadress.",
    "email.changed": "E-postadressen ändrades.",
    "email.undone": "Bytet av e-postadress ångrades.",
    "email.taken_over": "Någon annan bekräftade att e-postadressen är deras. Den hör inte till "
    "ditt konto längre.",
    "membership.added": "Du fick åtkomst till {account}.",
    "membership.promoted": "Du blev administratör för {account}.",
    "membership.stepped_in": "Du blev administratör för {account}.",
    "membership.appointed": "Du fick åtkomst till {account}.",
    "membership.removed": "Din åtkomst till {account} togs bort.",
    "membership.disowned": "Din åtkomst till {account} togs bort.",
    "membership.asked": "Du bad om åtkomst till {account}.",
    "membership.approved": "Du fick åtkomst till {account}.",
    "membership.denied": "Du fick inte åtkomst till {account}.",
    "membership.demoted": "Du är inte längre administratör för {account}.",
    "membership.left": "Du lämnade {account}.",
    "membership.withdrawn": "Du tog tillbaka din begäran om åtkomst till {account}.",
    "invitation.accepted": "Du tackade ja till en inbjudan till {account}.",
    "data.exported": "Du hämtade dina uppgifter.",
    "limits.lifted": "Vi tog bort en spärr efter för många försök.",
}
# What is recorded, but not told to any user.
HIDDEN = {
    "claims.opened": "of the whole site",
    "claims.closed": "of the whole site",
    "user.erased": "of nobody any more",
    "keys.changed": "of the whole site",
    "pepper.changed": "of the whole site",
    "invitation.sent": "of a customer account",
    "invitation.sent_again": "of a customer account",
    "invitation.revoked": "of a customer account",
    "invitation.ended": "of a customer account",
    "invitation.declined": "of a customer account",
    "policy.changed": "of a customer account",
    "two_factor.required": "of a customer account",
    "two_factor.not_required": "of a customer account",
    "review.confirmed": "of a customer account",
}


def sentence(event: Happened) -> str:
    """What happened, in words."""
    how = str(event.data.get("how", How.PASSWORD))
    app, agent = str(event.data.get("app", "")), str(event.data.get("user_agent", ""))
    return SENTENCES[event.kind].format(
        browser=clients.named(app) if app else browsers.named(agent),
        how=HOW[How(how)],
        account=event.customer_account or "ett kundkonto",
    )


class History(Page):
    """The user's own, 25 a page, the newest first."""

    async def get(self, request: Request) -> Response:
        user_id, skip = guards.signed_in(request).user.id, skipped(request)
        events = await Event.history(user_id, most=PER_PAGE, skip=skip, kinds=SENTENCES)
        lines = [Line(event.at, sentence(event), event.address) for event in events]
        shown = Paged.showing(request, lines, await Event.count_of(user_id, SENTENCES))
        return render(request, "events/history.html", {"events": shown}, secret=True)


class File(Page):
    """The same as a table for Excel."""

    async def get(self, request: Request) -> Response:
        user_id = guards.signed_in(request).user.id
        async with turn():
            events = await Event.history(user_id, most=MOST_IN_FILE, kinds=SENTENCES)
            # In a thread: ten thousand of them take a while, and others have pages to get.
            rows = await run_in_threadpool(_rows, events)
            return csv_file(rows, "minasidor-handelser.csv")


def _rows(events: list[Happened]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("Datum", "Tid", "Händelse", "IP-adress")]
    for event in events:
        rows.append((*day_and_time(event.at), sentence(event), event.address))
    return rows
