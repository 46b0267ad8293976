"""The import: what a line must hold, what becomes of the accounts, and what a portal sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from models import Address, CustomerAccount, Event, Membership, customer_import
from models.claim import prove
from models.client import Client
from models.customer_import import COLUMNS, Counts, CustomerImport
from models.folding import sort_key
from tests.unit.conftest import Clock, a_user, an_account

pytestmark = pytest.mark.anyio
GOOD = {
    "kundnummer": "100200",
    "organisationsnummer": "442101-3378",
    "namn": "Exempelbygg AB",
    "e-post": "ekonomi@exempelbygg.example",
    "gatuadress": "Byggvägen 4",
    "postnummer": "111 11",
    "ort": "Stockholm",
}
PERSON = "400101-9803"


def a_line(**changes: str) -> dict[str, str]:
    return {**GOOD, **{name.replace("epost", "e-post"): value for name, value in changes.items()}}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_import, "_BREATH", 0)


@pytest.fixture
def work() -> Iterator[CustomerImport]:
    made = CustomerImport()
    yield made
    made.close()


async def write(*lines: dict[str, str], close_missing: bool = False) -> Counts:
    work = CustomerImport()
    try:
        for number, line in enumerate(lines, 2):
            assert not work.add(number, line)
        if close_missing:
            _ = await work.find_absent()
        async for _ in work.write("kim"):
            pass
        return work.counts
    finally:
        work.close()


async def keys(customer_number: str = "100200") -> tuple[str, str]:
    account = await CustomerAccount.get(customer_number=customer_number)
    return account.search_key, account.sort_key


async def addresses(customer_number: str = "100200") -> list[tuple[str, str, str]]:
    rows = await Address.filter(customer_account__customer_number=customer_number).order_by("id")
    return [(row.street, row.postal_code, row.town) for row in rows]


async def test_creates_an_account_that_can_be_claimed(db: None, time: Clock) -> None:
    assert await write(a_line(kundnummer="00 100-200")) == Counts(created=1)

    account = await CustomerAccount.get(customer_number="100200")
    assert (account.name, account.organisation_number) == ("Exempelbygg AB", "4421013378")
    assert account.contact_email == "ekonomi@exempelbygg.example"
    assert account.active_administrators == 0
    assert account.suffix_encrypted is None
    assert await addresses() == [("Byggvägen 4", "111 11", "Stockholm")]
    assert await prove("100200", "3378", Client("203.0.113.1")) == account


async def test_of_a_sole_trader_the_four_digits_are_not_kept_in_clear(db: None) -> None:
    work = CustomerImport()
    assert work.add(2, a_line(organisationsnummer=PERSON)) == []
    for row in work._aside.execute("SELECT * FROM customers"):
        assert "9803" not in repr(row)
    work.close()

    await write(a_line(organisationsnummer=PERSON))
    account = await CustomerAccount.get(customer_number="100200")
    assert account.organisation_number == "400101"
    assert account.suffix_encrypted is not None
    assert await prove("100200", "9803", Client("203.0.113.1"))


async def test_without_an_organisation_number_it_is_by_invitation_only(db: None) -> None:
    await write(a_line(organisationsnummer=""))
    account = await CustomerAccount.get(customer_number="100200")
    assert (account.organisation_number, account.suffix_hash) == ("", "")
    assert await prove("100200", "", Client("203.0.113.1")) is None


async def test_several_lines_are_the_addresses_in_their_order(db: None) -> None:
    counts = await write(
        a_line(gatuadress="Storgatan 9", postnummer="97232", ort="Luleå"),
        a_line(kundnummer="7", gatuadress="", postnummer="", ort=""),
        a_line(gatuadress="Alvägen 1", postnummer="SE-972 31", ort="Luleå"),
        a_line(gatuadress="Storgatan  9", postnummer="972 32", ort="Luleå"),
    )
    assert counts == Counts(created=2)
    assert await addresses() == [
        ("Storgatan 9", "972 32", "Luleå"),
        ("Alvägen 1", "972 31", "Luleå"),
    ]
    assert await addresses("7") == []


async def test_the_same_again_changes_nothing(db: None) -> None:
    lines = [a_line(), a_line(kundnummer="7", organisationsnummer=PERSON)]
    await write(*lines)
    before = await CustomerAccount.all().order_by("id").values()
    assert await write(*lines) == Counts(unchanged=2)
    assert await CustomerAccount.all().order_by("id").values() == before


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"namn": "Nya Namnet AB"}, "name", "Nya Namnet AB"),
        ({"epost": ""}, "contact_email", ""),
        ({"organisationsnummer": "4435027711"}, "organisation_number", "4435027711"),
        ({"organisationsnummer": PERSON}, "organisation_number", "400101"),
    ],
)
async def test_running_it_again_updates(
    db: None, changes: dict[str, str], field: str, value: str
) -> None:
    await write(a_line())
    created = await CustomerAccount.get(customer_number="100200")
    _ = await Membership.admit(await a_user(), created)

    assert await write(a_line(**changes)) == Counts(updated=1)

    account = await CustomerAccount.get(customer_number="100200")
    assert getattr(account, field) == value
    assert (account.id, account.active_administrators) == (created.id, 1), "who reaches it, stays"


async def test_what_lists_find_and_sort_it_by_follows(db: None) -> None:
    await write(a_line(), a_line(gatuadress="Kajen 1", ort="Östersund"), a_line(ort="Stockholm"))
    assert await keys() == (
        "exempelbygg ab 100200 4421013378 stockholm östersund",
        sort_key("Exempelbygg AB"),
    )
    await write(a_line(namn="Åkeri Nu", ort="Luleå"))
    assert await keys() == ("åkeri nu 100200 4421013378 luleå", sort_key("Åkeri Nu"))

    await write(a_line(namn="Åkeri Nu", ort="Umeå"))
    assert await keys() == ("åkeri nu 100200 4421013378 umeå", sort_key("Åkeri Nu")), "moved only"

    await write(a_line(namn="Åkeri Nu", ort="Umeå", organisationsnummer=PERSON))
    assert await keys() == ("åkeri nu 100200 400101 umeå", sort_key("Åkeri Nu"))


async def test_keys_are_those_that_the_account_itself_would_take(db: None) -> None:
    await write(a_line(namn="Hôtel & Café № 7 AB", ort="Malmö"), a_line(kundnummer="7", ort="Ås"))
    for account in await CustomerAccount.all().prefetch_related("addresses"):
        imported = (account.search_key, account.sort_key)
        account.list_by([address.town for address in account.addresses])
        assert (account.search_key, account.sort_key) == imported


@pytest.mark.parametrize("stale", [{"search_key": ""}, {"sort_key": "of another version"}])
async def test_keys_that_are_stale_are_written_anew(db: None, stale: dict[str, str]) -> None:
    await write(a_line(), a_line(kundnummer="7"))
    right = await keys()
    await CustomerAccount.filter(customer_number="100200").update(**stale)
    assert await write(a_line(), a_line(kundnummer="7")) == Counts(updated=1, unchanged=1)
    assert await keys() == right


async def test_moved_and_gone_addresses_are_replaced(db: None) -> None:
    await write(a_line(), a_line(gatuadress="Byggvägen 5"), a_line(kundnummer="7"))
    assert await write(a_line(gatuadress="Nygatan 1"), a_line(kundnummer="7")) == Counts(
        updated=1, unchanged=1
    )
    assert await addresses() == [("Nygatan 1", "111 11", "Stockholm")]
    assert await addresses("7") == [("Byggvägen 4", "111 11", "Stockholm")]


async def test_a_closed_account_that_is_there_again_is_reopened(db: None) -> None:
    await write(a_line())
    await CustomerAccount.all().update(closed_at=datetime(2026, 1, 1, tzinfo=UTC))

    assert await write(a_line()) == Counts(updated=1, reopened=1)

    account = await CustomerAccount.get(customer_number="100200")
    assert account.closed_at is None
    assert await Event.exists(
        kind="customer_account.reopened", customer_account_id=account.id, operator="kim"
    )


async def test_a_lost_pepper_is_mended_by_an_import(db: None) -> None:
    await write(a_line())
    await CustomerAccount.all().update(suffix_hash="made with another pepper")
    assert await write(a_line()) == Counts(updated=1)
    assert await prove("100200", "3378", Client("203.0.113.1"))


async def test_what_is_absent_stays_unless_it_is_to_be_closed(db: None, time: Clock) -> None:
    await write(a_line(), a_line(kundnummer="7"), a_line(kundnummer="8"))
    await CustomerAccount.filter(customer_number="8").update(closed_at=time.now())
    time.forward(days=1)

    assert await write(a_line()) == Counts(unchanged=1)
    assert await CustomerAccount.filter(closed_at=None).count() == 2

    assert await write(a_line(), close_missing=True) == Counts(unchanged=1, closed=1)
    assert (await CustomerAccount.get(customer_number="7")).closed_at == time.now()
    assert (await CustomerAccount.get(customer_number="8")).closed_at != time.now()
    closed = await Event.get(kind="customer_account.closed").prefetch_related("customer_account")
    assert closed.customer_account is not None
    assert (closed.customer_account.customer_number, closed.operator) == ("7", "kim")


async def test_a_customer_with_a_bad_line_is_left_as_it_is(db: None, work: CustomerImport) -> None:
    await write(a_line(), a_line(kundnummer="7"))
    assert work.add(2, a_line(namn="Annat", kundnummer="7", postnummer="1")) != []
    assert work.add(3, a_line(namn="Annat", kundnummer="7")) == []
    assert work.add(4, a_line(namn="Nya Namnet AB")) == []
    assert work.add(5, a_line(kundnummer="9", ort="")) != []

    assert (work.customers, work.skipped) == (1, 2)
    assert await work.find_absent() == 0, "what is bad is there all the same"
    async for _ in work.write("kim"):
        pass

    assert work.counts == Counts(updated=1)
    assert (await CustomerAccount.get(customer_number="7")).name == "Exempelbygg AB"
    assert await addresses("7") == [("Byggvägen 4", "111 11", "Stockholm")]
    assert not await CustomerAccount.exists(customer_number="9")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kundnummer": ""}, "kundnummer: 1 to 20 digits are needed, not all of them 0"),
        ({"kundnummer": "000"}, "kundnummer: 1 to 20 digits are needed, not all of them 0"),
        ({"kundnummer": "1,02E+07"}, "kundnummer: 1 to 20 digits are needed, not all of them 0"),
        ({"organisationsnummer": "442101-3379"}, "organisationsnummer: the check digit is wrong"),
        (
            {"organisationsnummer": "442101"},
            "organisationsnummer: ten digits are needed (or none: by invitation only)",
        ),
        (
            {"organisationsnummer": "0000000000"},
            "organisationsnummer: neither a company's nor a person's number",
        ),
        ({"namn": " "}, "namn: is empty"),
        ({"namn": "A" * 201}, "namn: longer than 200 characters"),
        ({"namn": "Caf\ufffd"}, "namn: holds a character that was lost or cannot be printed"),
        ({"namn": "Caf\x00"}, "namn: holds a character that was lost or cannot be printed"),
        ({"epost": "a@b"}, "e-post: one address like name@example.com is needed, or none"),
        (
            {"epost": "a@x.example, b@x.example"},
            "e-post: one address like name@example.com is needed, or none",
        ),
        ({"ort": ""}, "gatuadress, postnummer, ort: all three are needed, or none"),
        ({"postnummer": "1111"}, "postnummer: five digits are needed"),
    ],
)
def test_says_what_is_wrong_with_a_line(
    work: CustomerImport, changes: dict[str, str], reason: str
) -> None:
    assert work.add(2, a_line(**changes)) == [reason]
    assert work.customers == 0


def test_says_everything_that_is_wrong(work: CustomerImport) -> None:
    assert len(work.add(2, dict.fromkeys(COLUMNS, "x"))) == 1, "without a number nothing is certain"
    assert len(work.add(3, {**dict.fromkeys(COLUMNS, "x"), "kundnummer": "1"})) == 3


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"namn": "Annat AB"}, "namn"),
        ({"epost": ""}, "e-post"),
        ({"organisationsnummer": ""}, "organisationsnummer"),
    ],
)
def test_lines_of_one_customer_must_agree(
    work: CustomerImport, changes: dict[str, str], column: str
) -> None:
    assert work.add(2, a_line()) == []
    assert work.add(3, a_line(kundnummer="7")) == []
    assert work.add(4, a_line(gatuadress="Nygatan 1", **changes)) == [
        f"{column}: not the same as on line 2, for the same kundnummer"
    ]
    assert (work.customers, work.skipped) == (1, 1)


def test_never_repeats_an_organisation_number(work: CustomerImport) -> None:
    assert "9804" not in str(work.add(2, a_line(organisationsnummer="400101-9804")))


async def test_the_event_tells_who_did_it_and_what_became_of_it(db: None) -> None:
    await write(a_line(), a_line(kundnummer="7"))
    event = await Event.get(kind="customers.imported")
    assert event.operator == "kim"
    assert event.data == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "reopened": 0,
        "closed": 0,
        "skipped": 0,
        "finished": True,
    }


async def test_stopped_on_the_way_the_event_tells_what_is_done(
    db: None, work: CustomerImport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer_import, "_BATCH", {"sqlite": 2, "postgres": 2})
    for number in range(1, 6):
        assert work.add(number, a_line(kundnummer=str(number))) == []
    async for _ in work.write("kim"):
        break

    event = await Event.get(kind="customers.imported")
    assert (event.data["created"], event.data["finished"]) == (2, False)
    assert await CustomerAccount.all().count() == 2
    assert await Address.all().count() == 2, "whole customers only"

    again = [a_line(kundnummer=str(number)) for number in range(1, 6)]
    assert await write(*again) == Counts(created=3, unchanged=2)


async def test_two_at_once_take_turns(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_import, "_BATCH", {"sqlite": 5, "postgres": 5})
    lines = [a_line(kundnummer=str(number)) for number in range(1, 41)]
    results = await asyncio.gather(*(write(*lines) for _ in range(4)))
    assert sum(counts.created for counts in results) == 40
    assert await CustomerAccount.all().count() == 40
    assert await Address.all().count() == 40


async def test_leaves_other_accounts_alone(db: None) -> None:
    other = await an_account("999", name="Annat AB")
    await write(*(a_line(kundnummer=str(number)) for number in range(1, 10)))
    await other.refresh_from_db()
    assert (other.name, other.closed_at) == ("Annat AB", None)
