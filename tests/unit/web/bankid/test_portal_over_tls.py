"""The portal at a BankID of its own process, over TLS with certificates on both sides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette

from models import BankIDFlow, BankIDIdentity, User
from models.bankid_flow import Intent
from tests.unit.conftest import Clock, settings
from tests.unit.web.bankid.conftest import Standalone
from tests.unit.web.bankid.customer import ANNA, BERTIL, CREDENTIALS, IPHONE, Customer, path_of
from web.app import create_app
from web.bankid import messages, qr

pytestmark = pytest.mark.anyio


def reached(standalone: Standalone, **changes: str) -> Starlette:
    files = {
        "bankid_ca_file": standalone.ca_file,
        "bankid_cert_file": standalone.client_cert_file,
        "bankid_key_file": standalone.client_key_file,
        **changes,
    }
    return create_app(settings(bankid_mode="test", bankid_base_url=standalone.base_url, **files))


@pytest.fixture
async def portal(db: None, standalone: Standalone) -> AsyncIterator[Starlette]:
    app = reached(standalone)
    yield app
    await app.state.bankid.client.close()


@pytest.fixture
async def customer(portal: Starlette, time: Clock) -> AsyncIterator[Customer]:
    customer = Customer(portal, time)
    yield customer
    await customer.client.aclose()


def newest(standalone: Standalone) -> dict[str, object]:
    order: dict[str, object] = standalone.phone.get("/api/orders").json()["orders"][0]
    return order


def answer(standalone: Standalone, person: str = "anna") -> None:
    standalone.control(f"/api/orders/{newest(standalone)['orderRef']}/answer", person=person)


async def test_from_the_qr_code_to_the_login(
    customer: Customer, standalone: Standalone, anna: User
) -> None:
    path = await customer.start()
    order = (await BankIDFlow.get()).order
    assert order
    code = qr.content(order.qr_start_token, order.qr_start_secret, 0)
    assert str(qr.image(code)) in (await customer.get(path)).text

    assert standalone.control("/api/scan", content=code)["hintCode"] == "started"
    assert messages.RFA15B in (await customer.sees(path)).text
    url = f"/api/orders/{order.order_ref}"
    standalone.control(f"{url}/choose", person="anna")
    assert messages.RFA9 in (await customer.sees(path)).text
    standalone.control(f"{url}/confirm")

    assert (await customer.sees(path)).path == "/kund/100200"


async def test_from_the_link_on_an_iphone_and_back(
    customer: Customer, standalone: Standalone, anna: User
) -> None:
    customer.client.headers["User-Agent"] = IPHONE
    page = await customer.visit(await customer.start(device="same"))
    link = urlsplit(page.links["Öppna BankID"])
    assert (link.scheme, link.netloc) == ("https", "app.bankid.com")
    token = parse_qs(link.query)["autostarttoken"][0]
    assert standalone.control("/api/autostart", token=token)["startedBy"] == "autostart"
    answer(standalone)
    assert (await customer.sees(page.path)).path == page.path, "not before they are back"

    sent = newest(standalone)["parameters"]
    assert isinstance(sent, dict)
    assert (await customer.visit(path_of(sent["returnUrl"]))).path == "/kund/100200"


async def test_avbryt_and_a_refusal_in_the_app(customer: Customer, standalone: Standalone) -> None:
    path = await customer.start()
    _ = await customer.post(f"{path}/avbryt")
    assert newest(standalone)["status"] == "failed"

    path = await customer.start()
    ref = newest(standalone)["orderRef"]
    standalone.control(f"/api/orders/{ref}/fail", hint="certificateErr")
    assert messages.RFA16 in (await customer.sees(path)).text


async def test_linked_and_confirmed(customer: Customer, standalone: Standalone, anna: User) -> None:
    await BankIDIdentity.all().delete()
    _ = await customer.log_in()
    path = await customer.start("link")
    answer(standalone, "bertil")
    assert (await customer.sees(path)).path == CREDENTIALS
    assert (await BankIDIdentity.get()).person.personal_number == BERTIL.number

    for person, leads_to in (("anna", "/bekrafta-dig"), ("bertil", "/kund/100200")):
        path = await customer.start("confirm")
        answer(standalone, person)
        assert (await customer.sees(path)).path == leads_to


@pytest.mark.parametrize(
    "names",
    [
        {"bankid_ca_file": "other_ca_file"},
        {"bankid_cert_file": "rogue_cert_file", "bankid_key_file": "rogue_key_file"},
    ],
    ids=["another server", "another certificate"],
)
async def test_whom_either_side_does_not_trust_gets_no_further(
    db: None, standalone: Standalone, time: Clock, names: dict[str, str]
) -> None:
    app = reached(standalone, **{name: getattr(standalone, file) for name, file in names.items()})
    customer = Customer(app, time)

    page = await customer.visit(await customer.start())

    assert messages.OUTAGE[Intent.LOGIN] in page.text
    assert standalone.phone.get("/api/orders").json()["orders"] == []
    await customer.client.aclose()
    await app.state.bankid.client.close()


async def test_an_outage_in_the_middle(
    customer: Customer, standalone: Standalone, anna: User
) -> None:
    path = await customer.start()
    standalone.control("/api/faults", endpoint="collect", status=503, errorCode="maintenance")
    assert "BankID svarar inte just nu." in (await customer.sees(path)).text
    answer(standalone)
    assert (await customer.sees(path)).path == "/kund/100200"
    assert ANNA.number not in "\n".join(customer.heard)
