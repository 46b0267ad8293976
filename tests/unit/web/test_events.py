"""Händelser: every event that is recorded has its sentence, and nobody sees anybody else's."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from models import CustomerAccount, Event, Membership, User
from models.event import BY_OTHERS
from tests.unit.conftest import PASSWORD, Clock, Visitor, a_user, asked_from
from tests.unit.page import Page
from web import account_events
from web.downloads import csv_file
from web.events import HIDDEN, SENTENCES

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]
HISTORY, FILE = "/mina-uppgifter/handelser", "/mina-uppgifter/handelser.csv"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    return user


def lines(page: Page) -> list[str]:
    return page.texts("section[@aria-labelledby='events']//li")


# Every kind has its sentence


def recorded() -> Iterator[tuple[str, bool]]:
    """The kinds that any code records, and whether they may be of a customer account."""
    for folder in ("models", "web"):
        for path in (ROOT / folder).rglob("*.py"):
            nodes = list(ast.walk(ast.parse(path.read_text())))
            calls = [
                node
                for node in nodes
                if isinstance(node, ast.Call)
                and ast.unparse(node.func) in ("Event.record", "Event.recording")
            ]
            for call in calls:
                named = {keyword.arg for keyword in call.keywords}
                of_account = bool(named & {"customer_account", "customer_account_id"})
                kind = call.args[0]
                if isinstance(kind, ast.Constant):
                    yield str(kind.value), of_account
                elif isinstance(kind, ast.Name):  # put in by a caller in the same file
                    texts = (str(n.value) for n in nodes if isinstance(n, ast.Constant))
                    yield from ((text, of_account) for text in texts if is_kind(text))
                else:
                    assert path.name == "switch.py", "a kind is written out, so that it is found"


def is_kind(text: str) -> bool:
    return re.fullmatch(r"[a-z_]+\.[a-z_]+", text) is not None


def test_every_kind_of_event_has_a_sentence_or_a_reason_to_be_hidden() -> None:
    kinds = {kind for kind, _ in recorded()}
    assert {"login", "user.created", "two_factor.paused", "limits.lifted"} <= kinds
    assert {"membership.added", "membership.approved", "invitation.sent_again"} <= kinds
    assert kinds - set(SENTENCES) - set(HIDDEN) == set()
    assert not set(SENTENCES) & set(HIDDEN)
    assert set(SENTENCES) >= BY_OTHERS


def test_every_kind_of_a_customer_account_has_a_sentence_for_its_administrators() -> None:
    kinds = {kind for kind, of_account in recorded() if of_account}
    assert {"membership.asked", "policy.changed", "review.confirmed", "limits.lifted"} <= kinds
    assert kinds == set(account_events.SENTENCES)


async def test_every_sentence_can_be_said(
    visitor: Visitor, anna: User, account: CustomerAccount
) -> None:
    await Event.all().delete()
    for kind in SENTENCES:
        await Event.record(kind, user=anna, customer_account=account)
    await visitor.log_in()

    said = lines(await visitor.visit(HISTORY)) + lines(await visitor.visit(f"{HISTORY}?sida=2"))

    assert len(said) == len(SENTENCES) + 1
    assert not any("{" in line for line in said)
    assert all(line[0].isupper() for line in said)


# What the page shows


async def test_what_one_did_is_told_with_when_and_from_where(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    visitor.client.headers["User-Agent"] = FIREFOX
    time.forward(minutes=5)
    await visitor.log_in()
    new = "tre röda paraplyer i hallen"
    passwords = {"current_password": PASSWORD, "new_password": new, "repeated_password": new}
    await visitor.submit("/mina-uppgifter/losenord", **passwords)

    page = await visitor.visit(HISTORY)

    at = f"2 mars 2026 kl. 10.05, från {visitor.address}"
    assert lines(page) == [
        f"Du bytte lösenord. {at}",
        f"Du loggade in från Firefox på Windows med lösenord. {at}",
        "Du fick åtkomst till Exempelbygg AB. 2 mars 2026 kl. 10.00",
    ]
    assert "Visar 1–3 av 3" in page.text
    assert page.response.headers["cache-control"] == "no-store"


async def test_every_event_of_a_request_notes_its_address(
    visitor: Visitor, anna: User, new_visitor: Callable[[], Visitor]
) -> None:
    await visitor.log_in()
    await new_visitor().log_in()
    here, elsewhere = await Event.filter(kind="login").order_by("id")
    assert here.address == visitor.address
    assert elsewhere.address not in ("", visitor.address)
    await Event.record("claims.closed", operator="Kim")
    assert (await Event.get(kind="claims.closed")).address == "", "nobody's request"


@pytest.mark.parametrize("kind", sorted(BY_OTHERS))
async def test_from_where_somebody_else_did_it_is_not_told(
    visitor: Visitor, anna: User, account: CustomerAccount, kind: str
) -> None:
    with asked_from("198.51.100.9"):
        await Event.record(kind, user=anna, customer_account=account)
    await visitor.log_in()
    for path in (HISTORY, FILE):
        assert "198.51.100.9" not in (await visitor.get(path)).text


async def test_nobody_elses_events_are_shown(visitor: Visitor, anna: User) -> None:
    bo = await a_user("bo@example.com", given_name="Bo")
    await Event.record("two_factor.on", user=bo)
    await Event.record("two_factor.off")
    await visitor.log_in()
    for path in (HISTORY, FILE):
        assert "Tvåfaktorsautentisering" not in (await visitor.get(path)).text


async def test_many_events_stand_on_pages_of_25(visitor: Visitor, anna: User, time: Clock) -> None:
    await visitor.log_in()
    await Event.all().delete()
    for _ in range(60):
        time.forward(seconds=1)
        await Event.record("password.changed", user=anna)
    await Event.record("user.created", user=anna)

    page = await visitor.visit(HISTORY)
    assert (len(lines(page)), "Visar 1–25 av 61" in page.text) == (25, True)
    assert lines(page)[0].startswith("Användarkontot skapades."), "of the same second the last one"
    assert "Nyare händelser" not in page.links
    page = await visitor.visit(page.links["Äldre händelser"])
    page = await visitor.visit(page.links["Äldre händelser"])
    assert (len(lines(page)), "Visar 51–61 av 61" in page.text) == (11, True)
    assert "Äldre händelser" not in page.links
    assert page.links["Nyare händelser"] == f"{HISTORY}?sida=2"

    page = await visitor.visit(f"{HISTORY}?sida=100000")
    assert (page.status, lines(page)) == (200, [])
    assert page.links["Nyare händelser"] == f"{HISTORY}?sida=3"


@pytest.mark.parametrize("number", ["0", "-1", "100001", "9" * 30, "x", "", "1.5", "٣", "1;2"])
async def test_no_such_page(visitor: Visitor, anna: User, number: str) -> None:
    await visitor.log_in()
    assert (await visitor.visit(f"{HISTORY}?sida={number}")).status == 404


# The file


async def test_the_file_opens_in_excel(visitor: Visitor, anna: User, time: Clock) -> None:
    time.forward(hours=2000)  # in the summer
    await visitor.log_in()
    answer = await visitor.get(FILE)

    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="minasidor-handelser.csv"'
    assert answer.headers["content-security-policy"].endswith("; sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    heading, newest, *_ = csv.reader(StringIO(answer.content.decode("utf-8-sig")), delimiter=";")
    assert heading == ["Datum", "Tid", "Händelse", "IP-adress"]
    assert newest == [
        "2026-05-24",
        "19:00:00",
        "Du loggade in från en okänd webbläsare med lösenord.",
        visitor.address,
    ]


@pytest.mark.parametrize("text", ["=1+1", "+46", "-1", "@SUM(1)", "\tx", "\rx", '=HYPERLINK("x")'])
def test_no_cell_is_a_formula(text: str) -> None:
    body = bytes(csv_file([("fine", text)], "x.csv").body).decode("utf-8-sig")
    ((_, cell),) = csv.reader(StringIO(body, newline=""), delimiter=";")
    assert cell == f"'{text}"


@pytest.mark.parametrize("text", ["Å;Ä", 'Bolaget "Två" AB', "två\nrader", "1-2", "a=b", ""])
def test_a_cell_holds_what_was_put_in(text: str) -> None:
    body = bytes(csv_file([("fine", text)], "x.csv").body).decode("utf-8-sig")
    assert list(csv.reader(StringIO(body, newline=""), delimiter=";")) == [["fine", text]]
