"""Händelser of a customer account, for its administrators: who did what when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models import ClaimPolicy, Event, Role
from models.event import Deed
from models.permission import Permission
from web import guards
from web.customer_pages import CustomerPage
from web.downloads import csv_file, turn
from web.event_list import MOST_IN_FILE, Line, day_and_time
from web.paging import PER_PAGE, Paged, skipped
from web.rendering import render

_OPERATOR = "Kundtjänst"
_ERASED = "en tidigare användare"
_ROLES = {Role.ADMINISTRATOR: " som administratör", Role.MEMBER: " som användare"}
_POLICIES = {
    ClaimPolicy.DIRECT: "får åtkomst direkt, utan att någon får veta det",
    ClaimPolicy.NOTIFY: "får åtkomst direkt, och att administratörerna får veta det",
    ClaimPolicy.APPROVE: "behöver godkännas",
}


@dataclass(frozen=True)
class Group:
    """What the filter shows together. Sentences may name {actor}, who did it; {user}, whom it is
    about; {email} and {as_role}, of an invitation; {policy}."""

    title: str
    sentences: dict[str, str]


GROUPS = {
    "atkomst": Group(
        "Åtkomst",
        {
            "membership.added": "{user} angav kontouppgifterna och fick åtkomst{as_role}.",
            "membership.asked": "{user} angav kontouppgifterna och väntar på godkännande.",
            "membership.approved": "{actor} godkände {user}.",
            "membership.denied": "{actor} nekade {user} åtkomst.",
            "membership.appointed": "{actor} gav {user} åtkomst som administratör.",
            "membership.promoted": "{actor} gjorde {user} till administratör.",
            "membership.stepped_in": "{user} angav kontouppgifterna och blev administratör, "
            "eftersom kundkontot inte hade någon.",
            "membership.demoted": "{actor} ändrade {user} från administratör till användare.",
            "membership.removed": "{actor} tog bort åtkomsten för {user}.",
            "membership.disowned": "Någon svarade Det var inte vi på ett mejl, och åtkomsten för "
            "{user} togs bort.",
            "membership.left": "{user} lämnade kundkontot.",
            "membership.withdrawn": "{user} tog tillbaka sin begäran om åtkomst.",
        },
    ),
    "inbjudningar": Group(
        "Inbjudningar",
        {
            "invitation.sent": "{actor} bjöd in {email}{as_role}.",
            "invitation.sent_again": "{actor} skickade inbjudan till {email} igen.",
            "invitation.revoked": "{actor} återkallade inbjudan till {email}.",
            "invitation.accepted": "{user} tackade ja till inbjudan och fick åtkomst{as_role}.",
            "invitation.ended": "Inbjudan till {email} slutade gälla, eftersom den som bjöd in "
            "inte längre är administratör eller den inbjudna har tagits bort.",
            "invitation.declined": "Inbjudan till {email} besvarades med nej.",
        },
    ),
    "regler": Group(
        "Regler",
        {
            "policy.changed": "{actor} bestämde att den som anger kontouppgifterna {policy}.",
            "two_factor.required": "{actor} bestämde att alla användare behöver "
            "tvåfaktorsautentisering.",
            "two_factor.not_required": "{actor} bestämde att användare får vara utan "
            "tvåfaktorsautentisering.",
            "limits.lifted": "{actor} tog bort en spärr efter för många försök.",
        },
    ),
    "genomgangar": Group(
        "Genomgångar",
        {"review.confirmed": "{actor} gick igenom vilka som har åtkomst."},
    ),
}
SENTENCES = {
    kind: sentence for group in GROUPS.values() for kind, sentence in group.sentences.items()
}


def sentence(deed: Deed) -> str:
    """Who did what, in words."""
    data = deed.data
    said = SENTENCES[deed.kind].format(
        actor=_actor(deed),
        user=deed.user or _ERASED,
        email=data.get("email") or _ERASED,
        as_role=_ROLES[Role(data["role"])] if data.get("role") else "",
        policy=_POLICIES[ClaimPolicy(data["policy"])] if data.get("policy") else "",
    )
    return said[0].upper() + said[1:] if said.startswith(_ERASED) else said


@dataclass(frozen=True)
class Choice:
    """A link of the filter."""

    title: str
    path: str
    is_chosen: bool


class History(CustomerPage):
    """The account's, 25 a page, the newest first; all or those of a group."""

    permission = Permission.SEE_EVENTS

    async def get(self, request: Request) -> Response:
        _, account = guards.member_of(request)
        chosen = request.query_params.get("visa", "")
        if chosen and chosen not in GROUPS:
            raise HTTPException(404)
        kinds = GROUPS[chosen].sentences if chosen else SENTENCES
        skip, count = skipped(request), await Event.count_of_deeds(account.id, kinds)
        deeds = await Event.deeds(account.id, most=PER_PAGE, skip=skip, kinds=kinds)
        lines = [Line(deed.at, sentence(deed)) for deed in deeds]
        context = {
            "events": Paged.showing(request, lines, count),
            "choices": list(_choices(request.url.path, chosen)),
        }
        return render(request, "account_events/history.html", context, secret=True)


class File(CustomerPage):
    """All of them as a table for Excel."""

    permission = Permission.SEE_EVENTS

    async def get(self, request: Request) -> Response:
        _, account = guards.member_of(request)
        async with turn():
            deeds = await Event.deeds(account.id, most=MOST_IN_FILE, kinds=SENTENCES)
            # In a thread: ten thousand of them take a while, and others have pages to get.
            rows = await run_in_threadpool(_rows, deeds)
            return csv_file(rows, f"minasidor-handelser-{account.customer_number}.csv")


def _actor(deed: Deed) -> str:
    return _OPERATOR if deed.by_operator else deed.actor or _ERASED


def _choices(path: str, chosen: str) -> Iterable[Choice]:
    yield Choice("Alla", path, not chosen)
    for name, group in GROUPS.items():
        yield Choice(group.title, f"{path}?visa={name}", name == chosen)


def _rows(deeds: list[Deed]) -> list[tuple[str, ...]]:
    return [
        ("Datum", "Tid", "Händelse"),
        *((*day_and_time(deed.at), sentence(deed)) for deed in deeds),
    ]
