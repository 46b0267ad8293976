"""The demo data: what the README promises to those who try the portal."""

from pathlib import Path

import pytest

from models import AppDevice, CustomerAccount, Membership, OutgoingMail, Role, User, numbers
from tests.unit.conftest import Visitor, code
from web.development import demo

pytestmark = pytest.mark.anyio
README = (Path(__file__).parents[3] / "README.md").read_text()


async def test_fills_an_empty_database_once(db: None) -> None:
    assert await demo.fill()
    assert not await demo.fill()

    assert await CustomerAccount.all().count() == len(demo.CUSTOMERS) >= 12
    assert await User.all().count() == 4
    assert await Membership.filter(role=Role.ADMINISTRATOR).count() == 4
    assert not await OutgoingMail.exists(), "nobody is told of what was there from the beginning"


async def test_anna_finds_one_who_waits_and_one_who_is_let_in(visitor: Visitor, db: None) -> None:
    await demo.fill()
    await visitor.log_in("anna@exempelbygg.example", demo.PASSWORD)
    page = await visitor.visit("/kund/10234567/anvandare")

    assert page.texts("section[@aria-labelledby='waiting']//*[@class='row__name']") == [
        "Cecilia Ek"
    ]
    assert "Doris Dahl" in page.text


async def test_anna_is_logged_in_with_the_app_too(visitor: Visitor, db: None) -> None:
    await demo.fill()
    await visitor.log_in("anna@exempelbygg.example", demo.PASSWORD)

    page = await visitor.visit("/mina-uppgifter/inloggningsuppgifter")

    _, phone = page.texts("section[@aria-labelledby='devices']//li")
    assert phone.startswith("Annas iPhone MittPreZero (iOS)")
    assert await AppDevice.all().count() == 1
    assert "logged in with the app" in README


async def test_bo_logs_in_with_the_printed_password_and_key(visitor: Visitor, db: None) -> None:
    await demo.fill()
    await visitor.log_in("bo@norrsken.example", demo.PASSWORD)
    page = await visitor.submit("/logga-in/kod", code=code(demo.TOTP_SECRET))
    assert page.heading == "Norrsken Hotell & Konferens AB"


@pytest.mark.parametrize("customer", demo.CUSTOMERS, ids=lambda customer: customer.number)
def test_the_readme_lists_each_customer_as_it_is(customer: demo.Customer) -> None:
    (row,) = (line for line in README.splitlines() if line.startswith(f"| {customer.number} |"))
    number = customer.organisation_number
    assert customer.name in row
    if number:
        assert numbers.organisation_number(number) == number, "the check digit is right"
        assert f"{number[:6]}-{number[6:]}" in row


def test_the_readme_lists_the_users() -> None:
    for promised in (demo.PASSWORD, demo.TOTP_SECRET, *(person.email for person in demo.PEOPLE)):
        assert promised in README
