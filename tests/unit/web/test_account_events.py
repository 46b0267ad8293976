"""Händelser of a customer account: who did what when, for its administrators and nobody else."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO

import pytest

from models import (
    ClaimPolicy,
    CustomerAccount,
    Event,
    Invitation,
    Membership,
    Role,
    User,
    access,
    closing,
)
from models.access import Actor
from tests.unit.conftest import Clock, Visitor, a_user, an_account, asked_from
from tests.unit.page import Page
from web.account_events import GROUPS, SENTENCES

pytestmark = pytest.mark.anyio
HISTORY, FILE = "/kund/100200/handelser", "/kund/100200/handelser.csv"
KIM = Actor(operator="Kim at the phone")


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    return user


@pytest.fixture
async def bo(anna: User, account: CustomerAccount, time: Clock) -> User:
    time.forward(minutes=1)
    user = await a_user("bo@example.com", given_name="Bo", family_name="Ek")
    _ = await Membership.admit(user, account)
    return user


def said(page: Page) -> list[str]:
    return page.texts("section[@aria-labelledby='events']//li//p[1]")


async def membership_of(user: User) -> Membership:
    return await Membership.get(user_id=user.id)


async def rows(visitor: Visitor) -> list[list[str]]:
    text = (await visitor.get(FILE)).content.decode("utf-8-sig")
    return list(csv.reader(StringIO(text, newline=""), delimiter=";"))


async def test_who_did_what_when_is_told_in_sentences(
    visitor: Visitor, account: CustomerAccount, anna: User, bo: User, time: Clock
) -> None:
    by_anna = Actor(anna.id)
    await access.set_rules(
        account, by_anna, claim_policy=ClaimPolicy.APPROVE, requires_two_factor=False
    )
    cecilia = await a_user("cecilia@example.com", given_name="Cecilia", family_name="Öhrn")
    waiting = await Membership.admit(cecilia, account)
    assert await access.approve(waiting, by_anna)
    assert await access.promote(await membership_of(bo), KIM)
    time.forward(hours=1)
    invitation = await Invitation.send(account, "dan@example.com", Role.MEMBER, by_anna)
    assert await invitation.revoke(by_anna)
    assert await access.remove(waiting, Actor(bo.id))
    await visitor.log_in()

    page = await visitor.visit(HISTORY)

    assert page.title == "Händelser – Exempelbygg AB – MinaSidor"
    assert said(page) == [
        "Bo Ek tog bort åtkomsten för Cecilia Öhrn.",
        "Anna Andersson återkallade inbjudan till dan@example.com.",
        "Anna Andersson bjöd in dan@example.com som användare.",
        "Kundtjänst gjorde Bo Ek till administratör.",
        "Anna Andersson godkände Cecilia Öhrn.",
        "Cecilia Öhrn angav kontouppgifterna och väntar på godkännande.",
        "Anna Andersson bestämde att den som anger kontouppgifterna behöver godkännas.",
        "Bo Ek angav kontouppgifterna och fick åtkomst som användare.",
        "Anna Andersson angav kontouppgifterna och fick åtkomst som administratör.",
    ]
    assert "2 mars 2026 kl. 11.01" in page.text
    assert page.response.headers["cache-control"] == "no-store"


async def test_every_sentence_can_be_said_of_users_and_of_erased_ones(
    visitor: Visitor, account: CustomerAccount, anna: User, bo: User
) -> None:
    await Event.all().delete()
    for kind in SENTENCES:
        about = {"customer_account": account, "email": "dan@example.com", "role": "member"}
        await Event.record(kind, user=bo, actor_id=anna.id, policy="direct", **about)  # type: ignore[arg-type]
        await Event.record(kind, customer_account=account)
    await visitor.log_in()

    lines = [
        line for page in (1, 2) for line in said(await visitor.visit(f"{HISTORY}?sida={page}"))
    ]

    assert len(lines) == 2 * len(SENTENCES)
    assert not any("{" in line or "  " in line for line in lines)
    assert all(line[0].isupper() and line.endswith(".") for line in lines)
    for named, erased in zip(lines[1::2], lines[::2], strict=True):
        assert any(name in named for name in ("Anna Andersson", "Bo Ek", "dan@example.com"))
        assert "n tidigare användare" in erased


async def test_nothing_is_told_of_where_from_nor_of_which_operator(
    visitor: Visitor, account: CustomerAccount, anna: User, bo: User
) -> None:
    with asked_from("198.51.100.9"):
        assert await access.promote(await membership_of(bo), Actor(anna.id))
        assert await access.demote(await membership_of(bo), KIM)
        await Event.record(
            "limits.lifted", customer_account=account, operator="Kim", client_address="192.0.2.7"
        )
    await visitor.log_in()
    for path in (HISTORY, FILE):
        text = (await visitor.get(path)).text
        for hidden in ("198.51.100.9", "Kim", "192.0.2.7"):
            assert hidden not in text
        assert "Kundtjänst tog bort en spärr" in text


async def test_an_erased_user_is_no_longer_named(
    visitor: Visitor, account: CustomerAccount, anna: User, bo: User, time: Clock
) -> None:
    other = await an_account("100300", name="Norrsken AB")
    norrsken = await a_user("nora@example.com")
    _ = await Membership.admit(norrsken, other)
    # To an account that Bo never came to, and nothing else says that it was him.
    never = await Invitation.send(other, "Bo@Example.com", Role.MEMBER, Actor(norrsken.id))
    assert await never.revoke(Actor(norrsken.id))
    assert await access.promote(await membership_of(bo), Actor(anna.id))
    _ = await Invitation.send(account, "dan@example.com", Role.MEMBER, Actor(bo.id))
    assert await access.demote(await membership_of(bo), Actor(anna.id))
    await User.filter(id=bo.id).update(closes_at=time.now())

    assert await closing.erase(bo.id)

    assert not [e for e in await Event.all() if "bo@" in str(e.data).casefold()]
    await visitor.log_in()
    assert said(await visitor.visit(HISTORY)) == [
        "Anna Andersson ändrade en tidigare användare från administratör till användare.",
        "Inbjudan till dan@example.com slutade gälla, eftersom den som bjöd in inte längre är "
        "administratör eller den inbjudna har tagits bort.",
        "En tidigare användare bjöd in dan@example.com som användare.",
        "Anna Andersson gjorde en tidigare användare till administratör.",
        "En tidigare användare angav kontouppgifterna och fick åtkomst.",
        "Anna Andersson angav kontouppgifterna och fick åtkomst som administratör.",
    ]
    assert not await Invitation.exists()


async def test_the_filter_shows_a_group_and_stays_while_one_turns_pages(
    visitor: Visitor, account: CustomerAccount, anna: User, time: Clock
) -> None:
    for number in range(30):
        time.forward(seconds=1)
        await Event.record(
            "invitation.sent",
            customer_account=account,
            actor_id=anna.id,
            email=f"{number}@x.example",
        )
    await Event.record(
        "policy.changed", customer_account=account, actor_id=anna.id, policy="direct"
    )
    await visitor.log_in()

    page = await visitor.visit(HISTORY)
    assert "Visar 1–25 av 32" in page.text
    assert page.texts("a[@aria-current='true']") == ["Alla"]
    page = await visitor.visit(page.links["Inbjudningar"])
    assert "Visar 1–25 av 30" in page.text
    assert page.texts("a[@aria-current='true']") == ["Inbjudningar"]
    page = await visitor.visit(page.links["Äldre händelser"])
    assert said(page)[-1].startswith("Anna Andersson bjöd in 0@x.example")
    assert len(said(page)) == 5
    assert page.links["Nyare händelser"] == f"{HISTORY}?visa=inbjudningar&sida=1"
    page = await visitor.visit(page.links["Genomgångar"])
    assert "Inga händelser här" in page.text
    assert (await visitor.visit(f"{HISTORY}?visa=allt")).status == 404
    assert (await visitor.visit(f"{HISTORY}?sida=0")).status == 404


def test_each_kind_stands_in_one_group() -> None:
    assert sum(len(group.sentences) for group in GROUPS.values()) == len(SENTENCES)


async def test_nothing_of_another_account_is_told(
    visitor: Visitor, account: CustomerAccount, anna: User
) -> None:
    other = await an_account("100300", name="Norrsken AB")
    nora = await a_user("nora@example.com", given_name="Nora")
    _ = await Membership.admit(nora, other)
    await visitor.log_in()
    for path in (HISTORY, FILE):
        assert "Nora" not in (await visitor.get(path)).text
    for path in ("/kund/100300/handelser", "/kund/100300/handelser.csv"):
        assert (await visitor.get(path)).status_code == 403


async def test_only_administrators_see_them(
    anna: User, bo: User, new_visitor: Callable[[], Visitor]
) -> None:
    visitor = new_visitor()
    await visitor.log_in("bo@example.com")
    for path in (HISTORY, FILE):
        assert (await visitor.get(path)).status_code == 403


async def test_the_file_holds_all_and_no_name_is_a_formula(
    visitor: Visitor, account: CustomerAccount, anna: User, bo: User
) -> None:
    for name in ("=1+1", "+46", "-1", "@SUM(1)"):
        await User.filter(id=anna.id).update(given_name=name)
        await Event.filter(kind="membership.promoted").delete()
        await Event.record(
            "membership.promoted", user=bo, customer_account=account, actor_id=anna.id
        )
        await visitor.log_in()

        heading, newest, *rest = await rows(visitor)

        assert heading == ["Datum", "Tid", "Händelse"]
        assert newest == [
            "2026-03-02",
            "10:01:00",
            f"'{name} Andersson gjorde Bo Ek till administratör.",
        ]
        assert len(rest) == 2
    answer = await visitor.get(FILE)
    disposition = 'attachment; filename="minasidor-handelser-100200.csv"'
    assert answer.headers["content-disposition"] == disposition
    assert answer.headers["cache-control"] == "no-store"
