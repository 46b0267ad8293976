"""What BankID is told and asked for, and how its answer is weighed: risk and address."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Callable

import pytest

from models import BankIDFlow, OutgoingMail, User
from models.bankid_flow import Intent
from tests.unit.conftest import Clock, Outbox, plain, settings
from tests.unit.tables import cells
from tests.unit.web.bankid.customer import ANNA, IPHONE, Customer
from web.app import create_app
from web.bankid import intents
from web.bankid.messages import BLOCKED

pytestmark = pytest.mark.anyio
Browsers = Callable[..., Customer]


async def test_bankid_is_told_which_browser_asks(customer: Customer) -> None:
    customer.client.headers["User-Agent"] = "Firefox/127.0 " + "x" * 300
    _ = await customer.start()

    asked = customer.order.parameters
    device = hashlib.sha256(customer.cookie("device").encode()).hexdigest()
    assert asked["endUserIp"] == customer.address
    assert asked["returnRisk"] is True
    assert asked["web"] == {
        "referringDomain": "minasidor.example",
        "userAgent": customer.client.headers["User-Agent"][:256],
        "deviceIdentifier": device,
    }


async def test_a_browser_is_the_same_one_next_time(customer: Customer, anna: User) -> None:
    _ = await customer.start()
    first = customer.order.parameters["web"]["deviceIdentifier"]
    _ = await customer.identify()
    assert customer.order.parameters["web"]["deviceIdentifier"] == first


async def test_a_risky_login_is_refused_and_told(customer: Customer, anna: User) -> None:
    customer.bankid.set_phone(risk="high")
    page = await customer.identify()

    assert page.path.startswith("/bankid/")
    assert BLOCKED[Intent.LOGIN] in page.text
    assert (await customer.visit(f"{page.path}/klar")).path == page.path
    assert not await customer.is_signed_in()
    assert ANNA.number not in await cells()
    assert await OutgoingMail.filter(kind="bankid_risk", to=anna.email).count() == 1


@pytest.mark.parametrize("risk", ["low", "moderate", ""])
async def test_any_other_is_allowed_and_a_moderate_one_told(
    customer: Customer, anna: User, outbox: Outbox, risk: str
) -> None:
    customer.bankid.set_phone(risk=risk)
    assert (await customer.identify()).path == "/kund/100200"

    mails = [mail["Subject"] for mail in await outbox.to(anna.email)]
    assert mails == (["Ovanlig inloggning med BankID"] if risk == "moderate" else [])
    if risk == "moderate":
        assert "ring" in plain((await outbox.to(anna.email))[0]).lower()


async def test_nobody_is_told_of_an_unknown_persons_risk(customer: Customer) -> None:
    customer.bankid.set_phone(risk="moderate")
    _ = await customer.identify()
    assert await OutgoingMail.exclude(to="").count() == 0


# The same device has the same address, mostly


@pytest.mark.parametrize("device", ["same", "other"])
async def test_another_address_is_only_noted(
    customer: Customer, anna: User, log: Callable[[], str], device: str
) -> None:
    customer.bankid.set_phone(address="2001:db8::7")
    assert (await customer.identify(device=device)).path == "/kund/100200"
    assert ('"other_address": true' in log()) is (device == "same")


@pytest.mark.parametrize(
    ("device", "address", "is_let_in"),
    [
        ("same", "2001:db8::7", False),
        ("same", "", True),  # the browser's own
        ("other", "2001:db8::7", True),
    ],
)
async def test_or_refused_where_that_is_set(
    anna: User, time: Clock, device: str, address: str, is_let_in: bool
) -> None:
    customer = Customer(create_app(settings(bankid_require_same_ip=True)), time)
    customer.bankid.set_phone(address=address)
    page = await customer.identify(device=device)

    assert (page.path == "/kund/100200") is is_let_in
    assert await customer.is_signed_in() is is_let_in
    assert is_let_in or BLOCKED[Intent.LOGIN] in page.text
    await customer.client.aclose()


@pytest.mark.parametrize(
    ("browser", "app"),
    [
        ("2001:db8::7", "2001:0DB8:0:0:0:0:0:7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("198.51.100.7", "::ffff:c633:6407"),
    ],
)
async def test_an_address_is_the_same_however_it_is_written(
    anna: User, time: Clock, browser: str, app: str
) -> None:
    customer = Customer(create_app(settings(bankid_require_same_ip=True)), time)
    customer.client.headers["X-Forwarded-For"] = browser
    customer.bankid.set_phone(address=app)
    _ = await customer.identify(device="same")

    assert await customer.is_signed_in()
    await customer.client.aclose()


# What is asked for, and what the app shows


@pytest.mark.parametrize("device", ["same", "other"])
async def test_another_device_is_a_phone(customer: Customer, device: str) -> None:
    _ = await customer.start(device=device)
    asked = customer.order.parameters.get("requirement")
    assert asked == ({"certificatePolicies": ["1.2.3.4.25"]} if device == "other" else None)


@pytest.mark.parametrize(
    ("user_agent", "is_same_device"), [(IPHONE, True), ("Firefox/127.0", False), ("", False)]
)
async def test_without_a_choice_it_is_the_likely_device(
    new_customer: Browsers, user_agent: str, is_same_device: bool
) -> None:
    _ = await new_customer(user_agent).start(device="")
    (flow,) = await BankIDFlow.all()
    assert flow.is_same_device is is_same_device


@pytest.mark.parametrize("intent", Intent)
async def test_the_app_says_what_it_is_for(customer: Customer, anna: User, intent: Intent) -> None:
    if intent.is_of_user:
        _ = await customer.log_in()
    _ = await customer.start(intent)

    asked = customer.order.parameters
    shown = b64decode(asked["userVisibleData"]).decode()
    assert asked["userVisibleDataFormat"] == "simpleMarkdownV1"
    assert shown == intents.visible(intent, "minasidor.example")
    assert "**minasidor.example**" in shown
    assert "Har någon ringt" in shown
    assert "sign" not in {call.path.rpartition("/")[2] for call in customer.bankid.log}


@pytest.mark.parametrize("intent", ["link", "confirm"])
async def test_what_is_of_a_user_wants_one(customer: Customer, intent: str) -> None:
    answer = await customer.post("/bankid/starta", intent=intent, device="other")
    assert answer.headers["location"].startswith("/logga-in?next=")
    assert customer.bankid.orders == []
