"""The phone of the simulated BankID: its pages, without JavaScript, and their JSON twin."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.unit.page import Page
from web.bankid.simulator import Simulator, create_simulator
from web.bankid.simulator.faults import ERROR_CODES
from web.bankid.simulator.intention import intention
from web.bankid.simulator.orders import Order
from web.bankid.simulator.persons import PERSONS

pytestmark = pytest.mark.anyio
RETURN_URL = "https://minasidor.example/bankid/retur?f=1&n=2"
MARKDOWN = (
    "# Logga in på MinaSidor\n\nDu loggar in på **minasidor.example**. <b>Har</b> någon ringt?"
)


@pytest.fixture
def simulator() -> Simulator:
    return create_simulator()


@pytest.fixture(params=["/_bankid", ""], ids=["mounted", "alone"])
def mount(request: pytest.FixtureRequest) -> str:
    mount: str = request.param
    return mount


class Phone:
    """A browser without JavaScript at the control page."""

    def __init__(self, client: httpx2.AsyncClient, mount: str) -> None:
        self.client, self.mount = client, mount

    async def see(self, path: str = "/") -> Page:
        return Page(await self.client.get(self.mount + path))

    async def send(self, path: str, **fields: str) -> Page:
        answer = await self.client.post(self.mount + path, data=fields)
        assert answer.status_code in (303, 422)
        if answer.status_code == 422:
            return Page(answer)
        assert answer.headers["location"].startswith(f"{self.mount}/")
        return Page(await self.client.get(answer.headers["location"]))

    async def twin(self, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        answer = await self.client.post(f"{self.mount}/api{path}", json=body)
        return answer.status_code, answer.json()


@pytest.fixture
async def phone(simulator: Simulator, mount: str) -> AsyncIterator[Phone]:
    app = simulator.control_app
    transport = httpx2.ASGITransport(app=Starlette(routes=[Mount(mount, app)]) if mount else app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield Phone(client, mount)


def opened(simulator: Simulator, **more: Any) -> Order:
    return simulator.state.open("auth", {"endUserIp": "192.0.2.7", **more})


def visible(text: str) -> dict[str, str]:
    return {
        "userVisibleData": b64encode(text.encode()).decode(),
        "userVisibleDataFormat": "simpleMarkdownV1",
    }


# The control page


async def test_every_page_says_that_this_is_no_bankid(phone: Phone, simulator: Simulator) -> None:
    order = opened(simulator)
    for path in ("/", f"/app?autostarttoken={order.auto_start_token}", "/app?autostarttoken=x"):
        page = await phone.see(path)
        assert "SIMULERAT BankID" in page.response.text
        assert "SIMULERAT BankID" in page.title


async def test_one_click_scans_and_answers(phone: Phone, simulator: Simulator) -> None:
    order = opened(simulator, **visible(MARKDOWN))
    page = await phone.see()
    assert "Min avsikt: Logga in på MinaSidor Du loggar in på minasidor.example." in page.text
    assert "<strong>minasidor.example</strong>" in page.response.text
    assert "&lt;b&gt;Har&lt;/b&gt;" in page.response.text

    page = await phone.send("/skanna", action="answer", person="bertil")
    assert (order.status, order.person) == ("complete", PERSONS["bertil"])
    assert "complete" in page.text
    assert '<option value="bertil" selected>' in page.response.text, "who it was last time"


async def test_each_order_has_its_own_form(phone: Phone, simulator: Simulator) -> None:
    first, second = opened(simulator), opened(simulator)
    await phone.send(f"/ordrar/{first.ref}", action="answer", person="cecilia")
    assert (first.status, second.status) == ("complete", "pending")
    other = {"person": "annan", "name": "Eva Ek", "number": "19900101-2385"}
    await phone.send(f"/ordrar/{second.ref}", action="answer", **other)
    assert second.person
    assert second.person.name == "Eva Ek"


async def test_step_by_step(phone: Phone, simulator: Simulator) -> None:
    order = opened(simulator)
    url = f"/ordrar/{order.ref}"
    for fields, hint in (
        ({"action": "start"}, "started"),
        ({"action": "choose", "person": "david"}, "userSign"),
        ({"action": "hint", "hint": "userFace"}, "userFace"),
        ({"action": "confirm"}, ""),
    ):
        await phone.send(url, **fields)
        assert order.hint == hint
    page = await phone.send(url, action="confirm")
    assert page.status == 422
    assert page.alert == "Begäran är redan avslutad."


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        ({"action": "userCancel", "hint": "noClient"}, "userCancel"),
        ({"action": "certificateErr"}, "certificateErr"),
        ({"action": "expiredTransaction"}, "expiredTransaction"),
        ({"action": "hint", "hint": "multipleBankIdsOnDevice"}, "multipleBankIdsOnDevice"),
    ],
)
async def test_it_can_go_wrong(
    phone: Phone, simulator: Simulator, fields: dict[str, str], hint: str
) -> None:
    order = opened(simulator)
    await phone.send(f"/ordrar/{order.ref}", **fields)
    assert (order.status, order.hint) == ("failed", hint)


async def test_a_pasted_qr_code(phone: Phone, simulator: Simulator) -> None:
    first, _ = opened(simulator), opened(simulator)
    content = first.qr_content(simulator.state.now)
    page = await phone.send("/skanna", action="scan", content=f"{content[:-1]}g")
    assert page.alert == "Texten är ingen QR-kod från BankID."
    await phone.send("/skanna", action="scan", content=f" {content}\n")
    assert first.hint == "started"
    page = await phone.send("/skanna", action="answer", content=content, person="anna")
    assert page.alert == "Begäran är redan öppnad i en app."


async def test_a_wrong_person_uses_nothing_up(phone: Phone, simulator: Simulator) -> None:
    order = opened(simulator)
    wrong = {"person": "annan", "name": "Eva Ek", "number": "199001012386"}
    page = await phone.send("/skanna", action="answer", **wrong)
    assert page.alert == "Ange tolv siffror, med en sista siffra som stämmer."
    page = await phone.send("/app", action="answer", autostarttoken=order.auto_start_token, **wrong)
    assert page.alert == "Ange tolv siffror, med en sista siffra som stämmer."
    assert not order.started_at


async def test_the_phones_settings(phone: Phone, simulator: Simulator) -> None:
    state = simulator.state
    page = await phone.send("/telefon", risk="high", address="198.51.100.9")
    assert (state.risk, state.address) == ("high", "198.51.100.9")
    assert page.value("address") == "198.51.100.9"
    page = await phone.send("/telefon", risk="high", address="hemma")
    assert page.alert == "Ange en IP-adress, till exempel 198.51.100.4."
    await phone.send("/telefon", risk="", address="")
    assert (state.risk, state.address) == ("", "")

    await phone.send("/klocka", step="31")
    await phone.send("/klocka", step="181")
    assert state.ahead.total_seconds() == 212
    assert (await phone.send("/klocka", step="99999999999")).status == 422
    page = await phone.send("/fel", endpoint="collect", fault="maintenance")
    assert "Väntar: collect: 503 maintenance" in page.text
    await phone.send("/fel", endpoint="*", fault="slow")
    assert state.faults[1].seconds == 10
    for wrong in ({"endpoint": "x", "fault": "html"}, {"endpoint": "auth", "fault": "x"}):
        assert (await phone.send("/fel", **wrong)).alert == "Välj ett anrop och ett fel ur listan."

    await phone.send("/nollstall")
    assert (state.faults, state.ahead.total_seconds(), state.risk) == ([], 0, "low")


async def test_htmx_replaces_the_orders_only_when_something_happened(
    phone: Phone, simulator: Simulator
) -> None:
    order = opened(simulator)
    page = await phone.see()
    found = re.search(r'hx-get="([^"]*/efter/\w+)"', page.response.text)
    assert found
    assert (await phone.client.get(found[1])).status_code == 204
    simulator.state.start(order.ref)
    answer = await phone.client.get(found[1])
    assert answer.status_code == 200
    assert 'id="orders"' in answer.text
    assert found[1] not in answer.text
    assert "<html" not in answer.text


async def test_the_calls_are_listed(phone: Phone, simulator: Simulator) -> None:
    assert "Inga anrop än." in (await phone.see()).text
    transport = httpx2.ASGITransport(app=simulator.rp_app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://bankid.example") as party:
        await party.post("/rp/v6.0/auth", json={"endUserIp": "here"})
    log = (await phone.client.get(f"{phone.mount}/anrop")).text
    told = "400 invalidParameters: Incorrect parameter endUserIp"
    assert f"POST /rp/v6.0/auth {told}" in log
    answer = await phone.client.get(f"{phone.mount}/api/log")
    assert answer.json()["log"][0]["status"] == 400


# The app on the same device


async def test_the_app_shows_the_purpose_and_leads_back(phone: Phone, simulator: Simulator) -> None:
    order = opened(simulator, returnUrl=RETURN_URL, **visible(MARKDOWN))
    path = f"/app?autostarttoken={order.auto_start_token}&redirect=null"
    page = await phone.see(path)
    assert "Min avsikt: Logga in på MinaSidor" in page.text
    assert not order.started_at, "looking at it opens nothing"
    token = page.value("autostarttoken") or ""

    page = await phone.send("/app", action="answer", autostarttoken=token, person="anna")
    assert (order.status, order.started_by) == ("complete", "autostart")
    assert "Anna Andersson har legitimerat sig." in page.text
    assert page.links["Gå tillbaka"] == RETURN_URL
    page = await phone.see(path)
    assert (page.status, page.alert) == (422, "Begäran är redan avslutad.")


async def test_without_a_return_url_it_says_where_to_go(phone: Phone, simulator: Simulator) -> None:
    for number, more in enumerate(({}, {"returnUrl": "javascript:alert(1)"})):
        order = opened(simulator, **more)
        token = order.auto_start_token
        page = await phone.send("/app", action="answer", autostarttoken=token, person="anna")
        assert "Gå tillbaka till webbläsaren." in page.text, number
        assert not page.links


async def test_one_can_cancel_in_the_app(phone: Phone, simulator: Simulator) -> None:
    order = opened(simulator)
    page = await phone.send("/app", action="cancel", autostarttoken=order.auto_start_token)
    assert (order.status, order.hint) == ("failed", "userCancel")
    assert "Det blev ingen legitimering" in page.text


async def test_the_app_opens_nothing_twice(phone: Phone, simulator: Simulator) -> None:
    order = opened(simulator)
    token = order.auto_start_token
    simulator.state.scan_latest()
    page = await phone.see(f"/app?autostarttoken={token}")
    assert page.alert == "Begäran är redan öppnad i en app."
    page = await phone.send("/app", action="answer", autostarttoken=token, person="anna")
    assert page.alert == "Begäran är redan öppnad i en app."
    assert (await phone.see("/app/nothing")).status == 422
    assert order.hint == "started"


def test_the_purpose_may_be_formatted() -> None:
    heading, line = intention(visible(MARKDOWN))
    assert (heading.is_heading, heading.parts) == (True, ("Logga in på MinaSidor",))
    assert line.parts[:2] == ("Du loggar in på ", "minasidor.example")
    plain = {"userVisibleData": visible("# Logga **in**")["userVisibleData"]}
    assert [line.parts for line in intention(plain)] == [("# Logga **in**",)]
    assert intention({}) == []


# The JSON twin


async def test_the_twin_plays_the_phone(phone: Phone, simulator: Simulator) -> None:
    order = opened(simulator)
    told = (await phone.client.get(f"{phone.mount}/api/orders")).json()
    assert [one["orderRef"] for one in told["orders"]] == [order.ref]

    status, answer = await phone.twin("/scan", content=told["orders"][0]["qr"])
    assert (status, answer["hintCode"], answer["startedBy"]) == (200, "started", "qr")
    url = f"/orders/{order.ref}"
    _, answer = await phone.twin(f"{url}/choose", person="anna")
    assert (answer["hintCode"], answer["person"]) == ("userSign", "199001012385")
    _, answer = await phone.twin(f"{url}/show", hint="processing")
    assert answer["hintCode"] == "processing"
    _, answer = await phone.twin(f"{url}/confirm")
    assert answer["status"] == "complete"

    second, third, fourth = (opened(simulator) for _ in range(3))
    _, answer = await phone.twin("/autostart", token=second.auto_start_token)
    assert answer["startedBy"] == "autostart"
    _, answer = await phone.twin(f"/orders/{second.ref}/fail", hint="userCancel")
    assert answer["status"] == "failed"
    eva = {"person": "annan", "name": "Eva Ek", "personalNumber": "198507142399"}
    _, answer = await phone.twin(f"/orders/{third.ref}/answer", **eva)
    assert (answer["status"], answer["person"]) == ("complete", "198507142399")
    _, answer = await phone.twin("/scan")
    assert answer["orderRef"] == fourth.ref


async def test_the_twin_moves_what_the_page_moves(phone: Phone, simulator: Simulator) -> None:
    _, told = await phone.twin("/phone", risk="moderate", ip="198.51.100.9")
    assert (told["risk"], told["ip"]) == ("moderate", "198.51.100.9")
    _, told = await phone.twin("/phone", ip="")
    assert (told["risk"], told["ip"]) == ("moderate", "")
    _, told = await phone.twin("/clock", seconds=31)
    assert told["ahead"] == 31
    body = {"endpoint": "collect", "status": 503, "errorCode": "maintenance"}
    _, told = await phone.twin("/faults", **body)
    assert told["faults"] == ["collect: 503 maintenance"]
    _, told = await phone.twin("/reset")
    assert (told["orders"], told["risk"], told["ahead"], told["faults"]) == ([], "low", 0, [])


async def test_the_twin_says_what_it_refuses(phone: Phone, simulator: Simulator) -> None:
    order = opened(simulator)
    for path, body, status, error in (
        ("/scan", {"content": "x"}, 409, "not_a_qr_code"),
        (f"/orders/{order.ref}/confirm", {}, 409, "not_started"),
        (f"/orders/{order.ref}/fail", {"hint": "x"}, 400, "bad_hint"),
        (f"/orders/{order.ref}/dance", {}, 400, "bad_action"),
        ("/orders/x/start", {}, 404, "unknown_order"),
        ("/autostart", {}, 404, "unknown_order"),
        ("/phone", {"ip": "x"}, 400, "bad_address"),
        ("/clock", {"seconds": "31"}, 400, "bad_step"),
        ("/faults", {"endpoint": "x"}, 400, "bad_fault"),
        ("/faults", {"endpoint": "auth", "code": "maintenance"}, 400, "bad_fault"),
        ("/faults", {"endpoint": "auth", "status": 200}, 400, "bad_fault"),
        ("/faults", {"endpoint": "auth", "kind": "slow", "seconds": -1}, 400, "bad_fault"),
        ("/faults", {"endpoint": ["auth"]}, 400, "bad_fault"),
    ):
        assert await phone.twin(path, **body) == (status, {"error": error})
    for content in ("{", "[]"):
        answer = await phone.client.post(f"{phone.mount}/api/reset", content=content)
        assert answer.status_code == 400


# What was asked for fails


@pytest.mark.parametrize("code", ERROR_CODES)
async def test_the_next_call_fails_and_no_other(code: str) -> None:
    simulator = create_simulator()
    control = httpx2.ASGITransport(app=simulator.control_app)
    api = httpx2.ASGITransport(app=simulator.rp_app)
    async with (
        httpx2.AsyncClient(transport=control, base_url="http://localhost") as phone,
        httpx2.AsyncClient(transport=api, base_url="https://bankid.example/rp/v6.0/") as party,
    ):
        await phone.post("/api/faults", json={"endpoint": "collect", "errorCode": code})
        answer = await party.post("auth", json={"endUserIp": "192.0.2.7"})
        assert answer.status_code == 200
        order = {"orderRef": answer.json()["orderRef"]}
        answer = await party.post("collect", json=order)
        assert (answer.status_code, answer.json()["errorCode"]) == (ERROR_CODES[code], code)
        assert ("ratelimit-reset" in answer.headers) == (code == "tooManyRequests")
        assert (await party.post("collect", json=order)).status_code == 200

        await phone.post("/api/faults", json={"endpoint": "*", "kind": "html"})
        answer = await party.post("cancel", json=order)
        assert (answer.status_code, answer.headers["content-type"][:9]) == (502, "text/html")
        assert (await party.post("cancel", json=order)).status_code == 200
