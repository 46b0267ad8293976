"""Byt kund: the list of one's customer accounts, its search and its favourites."""

from __future__ import annotations

import pytest

from models import Address, ClaimPolicy, CustomerAccount, Membership, User, clock
from tests.unit.conftest import Clock, Visitor, a_user, an_account
from tests.unit.page import Page, text

pytestmark = pytest.mark.anyio


async def reaching(user: User, *names: str, first: int = 300_001) -> list[CustomerAccount]:
    """Accounts with these names, in this order, that the user reaches."""
    accounts = []
    for n, name in enumerate(names):
        account = await an_account(str(first + n), name=name)
        membership = await Membership.admit(user, account)
        await Membership.filter(id=membership.id).update(last_used_at=None)
        accounts.append(account)
    return accounts


@pytest.fixture
async def anna(account: CustomerAccount) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    return user


def names(page: Page) -> list[str]:
    return [text(name) for name in page.tree.findall(".//span[@class='choice__name']")]


MANY = ("Zebra AB", "Ö-varvet AB", "Åkeri Öst AB", "Ärla Mejeri AB", "Bageri AB", "Café É AB")
ELEVEN = (*MANY, "Dal AB", "Ek AB", "Fjord AB", "Gran AB")


async def test_one_account_says_so(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    page = await visitor.visit("/byt-kund")

    assert page.heading == "Byt kund"
    assert "Du har bara ett kundkonto." in page.text
    assert "Lägg till kundkonto" in page.links
    assert "Sök" not in page.buttons


async def test_up_to_ten_are_a_list_in_swedish_order_and_the_current_one_no_link(
    visitor: Visitor, anna: User
) -> None:
    _ = await reaching(anna, *MANY)
    await visitor.log_in()
    page = await visitor.visit("/byt-kund")

    assert not page.has_field("q") or page.field("q").get("type") == "hidden"
    assert names(page) == [
        *("Exempelbygg AB", "Bageri AB", "Café É AB", "Zebra AB"),
        *("Åkeri Öst AB", "Ärla Mejeri AB", "Ö-varvet AB"),
    ]
    (current,) = page.tree.findall(".//p[@aria-current='true']")
    assert "Exempelbygg AB" in text(current)
    assert "Du har 7 kundkonton." in page.text


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("åkeri", ["Åkeri Öst AB"]),
        ("ÅKERI", ["Åkeri Öst AB"]),
        ("akeri", []),
        ("ö", ["Åkeri Öst AB", "Ö-varvet AB"]),
        ("cafe", ["Café É AB"]),
        ("öst  åk", ["Åkeri Öst AB"]),
        ("300 001", ["Zebra AB"]),
        ("300002", ["Ö-varvet AB"]),
        ("442101-3378 zebra", ["Zebra AB"]),
        ("kalmar", ["Zebra AB"]),
        ("%", list(ELEVEN)),
        ("_", list(ELEVEN)),
        ("finns inte", []),
    ],
)
async def test_many_are_searched_by_name_numbers_and_town_as_swedes_expect(
    visitor: Visitor, anna: User, asked: str, found: list[str]
) -> None:
    zebra, *_ = await reaching(anna, *ELEVEN)
    _ = await Address.create(
        customer_account_id=zebra.id, street="Kaj 1", postal_code="392 32", town="Kalmar"
    )
    zebra.list_by(["Kalmar"])
    await zebra.save()
    await visitor.log_in()
    page = await visitor.visit(f"/byt-kund?q={asked.replace('%', '%25').replace(' ', '+')}")

    assert sorted(set(names(page)) - {"Exempelbygg AB"}) == sorted(found)
    if not found:
        assert f"Inga kundkonton matchar ”{asked}”." in page.text
    assert page.tree.find(".//input[@type='search']").get("value") == asked


async def test_the_organisation_number_finds_it_with_and_without_hyphen(
    visitor: Visitor, anna: User
) -> None:
    _ = await reaching(anna, *ELEVEN)
    other = await an_account("400001", "4435027711", name="Havet AB")
    _ = await Membership.admit(anna, other)
    await visitor.log_in()
    for asked in ("443502-7711", "4435027711", "443502 7711"):
        page = await visitor.visit(f"/byt-kund?q={asked.replace(' ', '+')}")
        assert names(page) == ["Havet AB"]
        assert "1 kundkonto hittades." in page.text


async def test_twenty_five_a_page_and_past_the_last_one_there_is_a_way_back(
    visitor: Visitor, anna: User
) -> None:
    _ = await reaching(anna, *(f"Hus {n:03} AB" for n in range(60)))
    await visitor.log_in()
    page = await visitor.visit("/byt-kund")
    assert "Visar 1–25 av 61 kundkonton." in page.text
    page = await visitor.visit(page.links["Nästa"])
    assert "Visar 26–50 av 61 kundkonton." in page.text
    assert names(page)[0] == "Hus 024 AB"
    page = await visitor.visit("/byt-kund?q=hus&sida=3")
    assert "Visar 51–60 av 60 kundkonton." in page.text
    assert "Nästa" not in page.links
    page = await visitor.visit("/byt-kund?q=hus&sida=9")
    assert "Här finns inga fler kundkonton." in page.text
    assert page.links["Föregående"] == "/byt-kund?q=hus&sida=3"
    for number in ("0", "-1", "x", "100001", "1e3"):
        assert (await visitor.get(f"/byt-kund?sida={number}")).status_code == 404


async def test_a_search_that_is_too_long_is_refused_and_kept(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    page = await visitor.visit(f"/byt-kund?q={'x' * 101}")

    assert page.status == 422
    assert "Skriv högst 100 tecken." in page.alert
    assert page.tree.find(".//input[@type='search']").get("value") == "x" * 101


async def test_what_cannot_be_printed_is_refused_too(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    page = await visitor.visit("/byt-kund?q=b%01o")

    assert page.status == 422
    assert "Ta bort tecken som inte går att skriva ut." in page.texts("*[@id='accounts']")[0]
    assert page.value("q") == "bo"


async def test_what_one_used_last_stands_on_top_and_favourites_above_it(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    _ = await reaching(anna, "Alfa AB", "Beta AB", "Gamma AB")
    await visitor.log_in()
    time.forward(minutes=1)
    await visitor.visit("/kund/300003")
    time.forward(minutes=1)
    await visitor.visit("/kund/300002")

    page = await visitor.visit("/byt-kund")
    assert names(page) == ["Beta AB", "Gamma AB", "Exempelbygg AB", "Alfa AB"]
    page = await visitor.submit("/byt-kund/favorit", star="300001", q="", sida="1")
    assert page.path == "/byt-kund"
    assert names(page)[0] == "Alfa AB"
    page = await visitor.submit("/byt-kund/favorit", unstar="300001")
    assert names(page)[-1] == "Alfa AB"


async def test_the_account_used_last_is_where_the_next_login_leads(
    visitor: Visitor, anna: User
) -> None:
    _ = await reaching(anna, "Alfa AB", "Beta AB")
    await visitor.log_in()
    await visitor.visit("/kund/300002")
    await visitor.submit("/logga-ut")

    assert (await visitor.log_in()).path == "/kund/300002"


async def test_a_star_leads_back_to_the_same_part_of_the_list(visitor: Visitor, anna: User) -> None:
    _ = await reaching(anna, *ELEVEN)
    await visitor.log_in()
    answer = await visitor.post("/byt-kund/favorit", star="300003", q="åk & ö", sida="2")

    assert answer.headers["location"] == "/byt-kund?q=%C3%A5k+%26+%C3%B6&sida=2"


@pytest.mark.parametrize("number", ["100900", "999999", "", "x"])
async def test_nobody_pins_what_they_do_not_reach(
    visitor: Visitor, anna: User, number: str
) -> None:
    other = await an_account("100900", name="Andras AB")
    theirs = await Membership.admit(await a_user("bo@example.com"), other)
    await visitor.log_in()
    page = await visitor.submit("/byt-kund/favorit", star=number)

    assert (page.status, page.heading) == (200, "Byt kund")
    assert "Andras AB" not in page.response.text
    assert not (await Membership.get(id=theirs.id)).is_favourite


async def test_a_favourite_is_ones_own(
    visitor: Visitor, anna: User, account: CustomerAccount
) -> None:
    bos = await Membership.admit(await a_user("bo@example.com"), account)
    await visitor.log_in()
    await visitor.submit("/byt-kund/favorit", star="100200")

    assert (await Membership.get(user_id=anna.id)).is_favourite
    assert not (await Membership.get(id=bos.id)).is_favourite
    await CustomerAccount.filter(id=account.id).update(active_administrators=1)
    await Membership.filter(user_id=anna.id).update(status="awaiting_approval")
    await visitor.submit("/byt-kund/favorit", unstar="100200")
    assert (await Membership.get(user_id=anna.id)).is_favourite, "not while one waits"


async def test_closed_ones_and_others_are_not_there_and_what_one_waits_for_stands_apart(
    visitor: Visitor, anna: User
) -> None:
    alfa, beta, gamma = await reaching(anna, "Alfa AB", "Beta AB", "Gamma AB")
    await CustomerAccount.filter(id=alfa.id).update(closed_at=clock.now())
    _ = await an_account("100900", name="Andras AB")
    await CustomerAccount.filter(id=beta.id).update(claim_policy=ClaimPolicy.APPROVE)
    bo = await a_user("bo@example.com")
    _ = await Membership.admit(bo, gamma)
    waited = await Membership.admit(bo, beta)
    assert waited.is_awaiting

    await visitor.log_in()
    assert names(await visitor.visit("/byt-kund")) == ["Exempelbygg AB", "Beta AB", "Gamma AB"]
    await visitor.submit("/logga-ut")
    await visitor.log_in("bo@example.com")
    page = await visitor.visit("/byt-kund")
    assert names(page) == ["Gamma AB", "Beta AB"]
    assert "Du har 1 kundkonto." in page.text
    assert "Väntar på godkännande" in page.texts("h2")
    assert names(await visitor.visit("/byt-kund?q=beta")) == []


async def test_without_any_account_it_says_so(visitor: Visitor, db: None) -> None:
    _ = await a_user()
    await visitor.log_in()
    page = await visitor.visit("/byt-kund")
    assert "Du har inget kundkonto än." in page.text
    assert page.links["Lägg till kundkonto"] == "/lagg-till-kundkonto"


async def test_towns_tell_two_of_the_same_name_apart(visitor: Visitor, anna: User) -> None:
    alfa, beta = await reaching(anna, "Ica AB", "Ica AB")
    for account, towns in ((alfa, ("Luleå", "Luleå")), (beta, ("Ystad", "Lund", "Malmö"))):
        for town in towns:
            _ = await Address.create(
                customer_account_id=account.id, street="Gata 1", postal_code="111 11", town=town
            )
    await visitor.log_in()
    page = await visitor.visit("/byt-kund")
    assert "300 001 · Luleå" in page.text
    assert "300 002 · Ystad, Lund med flera" in page.text
