"""The claim: one answer for everything that is wrong, and budgets that only failures spend."""

import asyncio

import pytest

from models import CustomerAccount, OutgoingMail, Spent, SpentValue, limits
from models.claim import prove
from models.client import Client
from tests.unit.conftest import Clock, an_account

pytestmark = pytest.mark.anyio
HOME = Client(address="203.0.113.7")


def elsewhere(number: int) -> Client:
    return Client(address=f"198.51.{number // 250}.{number % 250 + 1}")


async def test_finds_the_account_both_numbers_belong_to(account: CustomerAccount) -> None:
    assert await prove("100200", "3378", HOME) == account


@pytest.mark.parametrize(
    ("customer_number", "suffix"),
    [("100200", "0000"), ("999999", "3378"), ("", ""), ("100200", ""), ("100200", "٣٣٧٨")],
)
async def test_tells_nothing_of_which_half_was_wrong(
    account: CustomerAccount, customer_number: str, suffix: str
) -> None:
    assert await prove(customer_number, suffix, HOME) is None


async def test_passes_over_closed_accounts_and_those_by_invitation_only(
    db: None, time: Clock
) -> None:
    _ = await an_account("1", closed_at=time.now())
    _ = await an_account("2", organisation_number="")

    assert await prove("1", "3378", HOME) is None
    assert await prove("2", "3378", HOME) is None
    assert await prove("2", "", HOME) is None


async def test_right_claims_cost_nothing(account: CustomerAccount) -> None:
    for _ in range(50):
        assert await prove("100200", "3378", HOME)

    assert not await SpentValue.exists()
    assert await Spent.filter(count__gt=0).count() == 0


async def test_an_address_has_ten_failures_an_hour_and_thirty_a_day(
    account: CustomerAccount, time: Clock
) -> None:
    for hour in range(3):
        for attempt in range(10):
            assert await prove(f"9{hour}{attempt}", f"{hour}00{attempt}", HOME) is None
        assert await prove("100200", "3378", HOME) is None, "used up: even the right one"
        assert await prove("100200", "3378", elsewhere(hour)), "but not from elsewhere"
        time.forward(hours=1)
    assert await prove("100200", "3378", HOME) is None, "thirty a day"
    time.forward(hours=21)
    assert await prove("100200", "3378", HOME)


async def test_a_number_has_ten_distinct_wrong_values_in_thirty_days(
    account: CustomerAccount, time: Clock
) -> None:
    for value in range(10):
        assert await prove("100200", f"000{value}", elsewhere(value)) is None
        assert await prove("100200", f"000{value}", elsewhere(value)) is None, (
            "the same one again is free"
        )

    assert await prove("100200", "3378", elsewhere(99)) is None

    time.forward(days=30)
    assert await prove("100200", "3378", elsewhere(99))


async def test_a_suffix_tried_on_many_numbers_is_stopped(
    account: CustomerAccount, time: Clock
) -> None:
    for number in range(20):
        assert await prove(f"77{number}", "3378", elsewhere(number)) is None

    assert await prove("100200", "3378", elsewhere(50)) is None
    time.forward(hours=1)
    assert await prove("100200", "3378", elsewhere(50))


async def test_a_sweep_of_a_thousand_numbers_from_as_many_addresses_gets_nowhere(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The organisation number is public: a company's four digits are tried on every number."""

    async def sleep(seconds: float) -> None:
        pass

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for number in range(1000):
        _ = await an_account(f"{700_000 + number}", "4421013378" if number >= 20 else "4435027711")

    found = [
        await prove(f"{700_000 + number}", "3378", elsewhere(number)) for number in range(1000)
    ]

    assert found == [None] * 1000, "though 980 of them are right"
    assert await prove("700100", "3378", elsewhere(1001)) is None
    assert await prove("700000", "7711", elsewhere(1002)), "others are not held up"


async def test_the_site_slows_down_and_rings_once_but_never_closes(
    account: CustomerAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for number in range(100):
        await prove(f"5{number}", f"{number:04}", elsewhere(number))
    assert not slept
    assert await OutgoingMail.filter(kind="alarm").count() == 1

    for number in range(100, 320):
        await prove(f"5{number}", f"{number:04}", elsewhere(number))
    assert slept == sorted(slept)
    assert max(slept) == 5.0
    assert await prove("100200", "3378", elsewhere(999))
    assert await OutgoingMail.filter(kind="alarm").count() == 1


async def test_a_household_on_ipv6_is_one_client(account: CustomerAccount) -> None:
    for number in range(10):
        await prove(f"5{number}", f"{number:04}", Client(address=f"2001:db8:1:1::{number:x}"))

    assert await prove("100200", "3378", Client(address="2001:db8:1:1:ffff::1")) is None
    assert await prove("100200", "3378", Client(address="2001:db8:1:2::1"))


async def test_a_sole_traders_digits_are_neither_readable_nor_shown(db: None) -> None:
    account = await an_account("300", "4001019803", name="Lindgrens Måleri")
    await account.refresh_from_db()

    assert account.organisation_number == "400101"
    assert account.organisation_number_shown == "400101-••••"
    assert b"9803" not in bytes(account.suffix_encrypted or b"")
    assert "9803" not in account.suffix_hash
    assert await prove("300", "9803", HOME) == account


async def test_limits_keep_no_address_and_no_number_in_clear(account: CustomerAccount) -> None:
    await prove("100201", "0000", HOME)

    for row in [*await Spent.all().values(), *await SpentValue.all().values()]:
        kept = str(row | {"id": "", "resets_at": "", "name": ""})
        assert "203.0.113" not in kept
        assert "100201" not in kept
        assert "0000'" not in kept


def test_every_limit_has_a_name_of_its_own() -> None:
    declared = [value for value in vars(limits).values() if isinstance(value, limits.Limit)]
    assert len({limit.name for limit in declared}) == len(declared) == len(limits.Limit.all)


async def test_a_clock_that_ran_ahead_holds_nobody_back(
    account: CustomerAccount, time: Clock
) -> None:
    time.forward(days=2)
    for number in range(10):
        await prove(f"5{number}", f"{number:04}", HOME)
    time.forward(days=-2)

    assert await prove("100200", "3378", HOME)
