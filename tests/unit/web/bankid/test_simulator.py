"""The simulated BankID: its API, its orders' lives, and what it refuses."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from web.bankid.simulator import InProduction, create_simulator
from web.bankid.simulator.faults import Fault
from web.bankid.simulator.orders import Order
from web.bankid.simulator.persons import PERSONS, chosen, is_personal_number
from web.bankid.simulator.refusals import SENTENCES, Refused
from web.bankid.simulator.state import State

pytestmark = pytest.mark.anyio
ANNA, BERTIL = PERSONS["anna"], PERSONS["bertil"]
AUTH: dict[str, Any] = {"endUserIp": "192.0.2.7"}
VISIBLE = b64encode("Logga in på MinaSidor".encode()).decode()


class Time:
    """Stands still until a test moves it; in tenths of seconds, too."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Party:
    """The relying party, in the same process."""

    def __init__(self, state: State, client: httpx2.AsyncClient) -> None:
        self.state, self.client = state, client

    async def call(self, endpoint: str, **body: Any) -> tuple[int, dict[str, Any]]:
        answer = await self.client.post(f"/rp/v6.0/{endpoint}", json=body)
        return answer.status_code, answer.json()

    async def auth(self, **more: Any) -> Order:
        status, answer = await self.call("auth", **AUTH, **more)
        assert status == 200, answer
        return self.state.order(answer["orderRef"])

    async def collect(self, order: Order) -> str:
        """Its hint, its status when it is complete, or an errorCode."""
        _, answer = await self.call("collect", orderRef=order.ref)
        return str(answer.get("hintCode") or answer.get("status") or answer["errorCode"])


@pytest.fixture
def moving() -> Time:
    return Time()


@pytest.fixture
def state(party: Party) -> State:
    return party.state


@pytest.fixture
async def party(moving: Time) -> AsyncIterator[Party]:
    simulator = create_simulator(now=moving.now)
    transport = httpx2.ASGITransport(app=simulator.rp_app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://bankid.example") as client:
        yield Party(simulator.state, client)


# Persons


@pytest.mark.parametrize("person", PERSONS.values(), ids=PERSONS)
def test_their_numbers_have_right_check_digits_and_are_nobodys(person: Any) -> None:
    assert is_personal_number(person.number)
    assert person.number[8:11] in ("238", "239") or person.number == "191212121212"


def test_somebody_else_is_chosen_by_name_and_number() -> None:
    eva = chosen("annan", "Eva Maria  Ek", "19900101-2385")
    assert (eva.given_name, eva.surname, eva.number) == ("Eva Maria", "Ek", "199001012385")
    # A samordningsnummer: sixty days more.
    assert is_personal_number("199001612382") is is_personal_number("199001012385") is True


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (("nobody", "", ""), "unknown_person"),
        (("annan", "Eva", "199001012385"), "bad_name"),
        (("annan", "Eva Ek", "199001012386"), "bad_number"),
        (("annan", "Eva Ek", "9001012385"), "bad_number"),
        (("annan", "Eva Ek", "١٩٩٠٠١٠١٢٣٨٥"), "bad_number"),
    ],
)
def test_nobody_else_is(person: tuple[str, str, str], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        chosen(*person)


# An order's life


async def test_from_the_qr_code_to_the_one_final_answer(party: Party, moving: Time) -> None:
    order = await party.auth(returnRisk=True)
    assert await party.collect(order) == "outstandingTransaction"
    moving.forward(3)
    party.state.scan(order.qr_content(moving.now()))
    assert await party.collect(order) == "started"
    party.state.choose(order.ref, ANNA)
    assert await party.collect(order) == "userSign"
    party.state.confirm(order.ref)

    status, answer = await party.call("collect", orderRef=order.ref)
    data = answer["completionData"]
    assert (status, answer["status"], answer["orderRef"]) == (200, "complete", order.ref)
    assert "hintCode" not in answer
    assert data["user"] == {
        "personalNumber": "199001012385",
        "name": "Anna Andersson",
        "givenName": "Anna",
        "surname": "Andersson",
    }
    assert data["device"]["ipAddress"] == "192.0.2.7"
    assert len(b64decode(data["device"]["uhi"])) == 20
    assert data["risk"] == "low"
    assert data["bankIdIssueDate"][:10] == "2024-05-01"
    assert b'"simulated": true' in b64decode(data["signature"])
    assert "stepUp" not in data
    assert await party.collect(order) == "invalidParameters"


async def test_the_answer_carries_four_different_references(party: Party) -> None:
    _, answer = await party.call("auth", **AUTH)
    assert set(answer) == {"orderRef", "autoStartToken", "qrStartToken", "qrStartSecret"}
    assert len(set(answer.values())) == 4


async def test_it_must_be_started_within_thirty_seconds(party: Party, moving: Time) -> None:
    order = await party.auth()
    moving.forward(29.9)
    assert await party.collect(order) == "outstandingTransaction"
    moving.forward(0.2)
    with pytest.raises(Refused, match="ended"):
        party.state.start(order.ref)
    assert await party.collect(order) == "startFailed"
    assert await party.collect(order) == "invalidParameters"


async def test_then_it_must_be_finished_within_three_minutes(party: Party, moving: Time) -> None:
    order = await party.auth()
    moving.forward(29)
    party.state.start(order.ref)
    moving.forward(179.9)
    assert await party.collect(order) == "started"
    moving.forward(0.2)
    assert await party.collect(order) == "expiredTransaction"


@pytest.mark.parametrize(("kept", "ends"), [(180, "complete"), (300, "failed")])
async def test_a_final_answer_is_kept_for_some_minutes(
    party: Party, moving: Time, kept: int, ends: str
) -> None:
    orders = [await party.auth(), await party.auth()]
    for order, person in zip(orders, (ANNA, BERTIL), strict=True):
        if ends == "complete":
            party.state.answer(order.ref, person)
        else:
            party.state.fail(order.ref, "userCancel")
    moving.forward(kept - 0.1)
    assert await party.collect(orders[0]) in ("complete", "userCancel")
    moving.forward(0.1)
    assert await party.collect(orders[1]) == "invalidParameters"


async def test_an_order_can_be_cancelled_once(party: Party) -> None:
    order = await party.auth()
    assert await party.call("cancel", orderRef=order.ref) == (200, {})
    status, answer = await party.call("cancel", orderRef=order.ref)
    assert (status, answer["errorCode"]) == (400, "invalidParameters")
    assert await party.collect(order) == "invalidParameters"
    with pytest.raises(Refused, match="ended"):
        party.state.start(order.ref)


async def test_an_order_is_opened_once(party: Party, state: State, moving: Time) -> None:
    order = await party.auth()
    state.autostart(order.auto_start_token)
    assert (order.started_by, order.hint) == ("autostart", "started")
    with pytest.raises(Refused, match="already_started"):
        state.autostart(order.auto_start_token)
    with pytest.raises(Refused, match="already_started"):
        state.scan(order.qr_content(moving.now()))


async def test_steps_are_taken_in_order(party: Party, state: State) -> None:
    order = await party.auth()
    with pytest.raises(Refused, match="not_started"):
        state.choose(order.ref, ANNA)
    state.start(order.ref)
    with pytest.raises(Refused, match="no_person"):
        state.confirm(order.ref)
    state.fail(order.ref, "userCancel")
    with pytest.raises(Refused, match="ended"):
        state.confirm(order.ref)
    with pytest.raises(Refused, match="unknown_order"):
        state.confirm("nothing")


async def test_a_qr_code_is_good_for_some_seconds(party: Party, state: State, moving: Time) -> None:
    early, late, stale = [await party.auth() for _ in range(3)]
    state.scan(early.qr_content(moving.now() + timedelta(seconds=2)))
    shown = [order.qr_content(moving.now()) for order in (late, stale)]
    moving.forward(5)
    state.scan(shown[0])
    moving.forward(15)
    with pytest.raises(Refused, match="stale"):
        state.scan(shown[1])
    with pytest.raises(Refused, match="stale"):
        state.scan(stale.qr_content(moving.now() + timedelta(seconds=3)))
    assert stale.is_pending


async def test_a_qr_code_that_was_changed_is_refused(party: Party, state: State) -> None:
    order, other = await party.auth(), await party.auth()
    bankid, token, seconds, code = order.qr_content(state.now).split(".")
    for content, reason in {
        f"{bankid}.{token}.1.{code}": "tampered",
        f"{bankid}.{other.qr_start_token}.{seconds}.{code}": "tampered",
        f"{bankid}.{order.auto_start_token}.{seconds}.{code}": "unknown_order",
        f"{bankid}.{token}.00.{code}": "not_a_qr_code",
        f"{bankid}.{token}.{seconds}.{code.upper()}": "not_a_qr_code",
        "https://minasidor.example/": "not_a_qr_code",
        "": "not_a_qr_code",
    }.items():
        with pytest.raises(Refused, match=reason):
            state.scan(content)
    assert order.hint == other.hint == "outstandingTransaction"


async def test_qr_codes_are_bankids_own() -> None:
    """ActiveLogin's test vectors, which BankID's sample code has too."""
    order = Order(
        "auth",
        {},
        datetime(2026, 3, 2, tzinfo=UTC),
        qr_start_token="67df3917-fa0d-44e5-b327-edcc928297f8",
        qr_start_secret="d28db9a7-4cde-429e-a983-359be676944c",
    )
    for seconds, code in {
        0: "dc69358e712458a66a7525beef148ae8526b1c71610eff2c16cdffb4cdac9bf8",
        1: "949d559bf23403952a94d103e67743126381eda00f0b3cbddbf7c96b1adcbce2",
        2: "a9e5ec59cb4eee4ef4117150abc58fad7a85439a6a96ccbecc3668b41795b3f3",
        10: "2822ca616ce1e64a1c171df69154ebc5adef4011244c867d6ad88a02db178962",
        29: "26049f2bc12d5b43ebe8bf701e7725abf015d2d8347aa04c924b5793ee4a196c",
    }.items():
        content = order.qr_content(order.created_at + timedelta(seconds=seconds + 0.99))
        assert content == f"bankid.{order.qr_start_token}.{seconds}.{code}"


async def test_the_newest_qr_code_is_scanned(party: Party, state: State) -> None:
    with pytest.raises(Refused, match="nothing_to_scan"):
        state.scan_latest()
    older, newer = await party.auth(), await party.auth()
    assert state.scan_latest() is newer
    assert state.scan_latest() is older


async def test_somebody_else_than_was_asked_for_fails(party: Party, state: State) -> None:
    order = await party.auth(requirement={"personalNumber": ANNA.number})
    state.answer(order.ref, BERTIL)
    assert await party.collect(order) == "certificateErr"


async def test_a_person_answers_one_order_at_a_time(party: Party, state: State) -> None:
    first, second = await party.auth(), await party.auth()
    for order in (first, second):
        state.start(order.ref)
        state.choose(order.ref, ANNA)
    assert await party.collect(first) == "cancelled"
    assert await party.collect(second) == "userSign"


async def test_an_id_document_is_read_where_it_is_asked_for(party: Party, state: State) -> None:
    order = await party.auth(requirement={"mrtd": True, "pinCode": True})
    state.start(order.ref)
    state.choose(order.ref, ANNA)
    assert await party.collect(order) == "userMrtd"
    state.confirm(order.ref)
    _, answer = await party.call("collect", orderRef=order.ref)
    assert answer["completionData"]["stepUp"] == {"mrtd": True}
    assert "risk" not in answer["completionData"], "nobody asked for it"


async def test_any_hint_can_be_shown(party: Party, state: State) -> None:
    order = await party.auth()
    state.show(order.ref, "userFace")
    assert await party.collect(order) == "userFace"
    for wrong in (state.show, state.fail):
        with pytest.raises(Refused, match="bad_hint"):
            wrong(order.ref, "nonsense")
    state.fail(order.ref, "stepUpFailed")
    assert await party.collect(order) == "stepUpFailed"


async def test_the_phone_has_an_address_and_a_risk(party: Party, state: State) -> None:
    state.set_phone(risk="high", address="2001:db8::7")
    order = await party.auth(returnRisk=True)
    state.answer(order.ref, ANNA)
    _, answer = await party.call("collect", orderRef=order.ref)
    assert answer["completionData"]["device"]["ipAddress"] == "2001:db8::7"
    assert answer["completionData"]["risk"] == "high"

    state.set_phone(risk="")
    order = await party.auth(returnRisk=True)
    state.answer(order.ref, ANNA)
    _, answer = await party.call("collect", orderRef=order.ref)
    assert "risk" not in answer["completionData"], "it could not be computed"
    with pytest.raises(Refused, match="bad_risk"):
        state.set_phone(risk="great")
    with pytest.raises(Refused, match="bad_address"):
        state.set_phone(address="here")


async def test_orders_on_the_telephone(party: Party, state: State, moving: Time) -> None:
    call = {"personalNumber": ANNA.number, "callInitiator": "RP"}
    _, answer = await party.call("phone/auth", **call)
    assert set(answer) == {"orderRef"}
    first = state.order(answer["orderRef"])
    with pytest.raises(Refused, match="unknown_order"):
        state.autostart(first.auto_start_token)

    status, answer = await party.call("phone/sign", **call, userVisibleData=VISIBLE)
    assert (status, answer["errorCode"]) == (400, "alreadyInProgress")
    assert await party.collect(first) == "cancelled"

    _, answer = await party.call("phone/sign", **call, userVisibleData=VISIBLE)
    second = state.order(answer["orderRef"])
    moving.forward(31)
    state.answer(second.ref, ANNA)
    assert await party.collect(second) == "complete"


async def test_it_can_answer_by_itself(moving: Time) -> None:
    simulator = create_simulator(now=moving.now, auto="anna")
    transport = httpx2.ASGITransport(app=simulator.rp_app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://bankid.example") as client:
        party = Party(simulator.state, client)
        order = await party.auth()
        seen = [await party.collect(order) for _ in range(6)]
    assert seen == [*["outstandingTransaction"] * 2, *["started"] * 2, "userSign", "complete"]
    with pytest.raises(ValueError, match="anna, bertil"):
        State(auto="nobody")


async def test_its_clock_is_moved_and_put_right_again(party: Party, moving: Time) -> None:
    order = await party.auth()
    party.state.forward(31)
    assert await party.collect(order) == "startFailed"
    party.state.reset()
    assert party.state.now == moving.now()
    assert party.state.orders == []


# What a relying party may send


def encoded(length: int) -> str:
    return "A" * (length // 4 * 4)


WEB = {"referringDomain": "minasidor.example", "userAgent": "x" * 256, "deviceIdentifier": "y" * 64}
APP = {"appIdentifier": "com.example", "deviceOS": "iOS 19", "deviceModelName": "x"}
WHOLE = {
    "endUserIp": "2001:db8::1",
    "returnRisk": True,
    "userVisibleData": VISIBLE,
    "userVisibleDataFormat": "simpleMarkdownV1",
    "userNonVisibleData": encoded(1500),
    "returnUrl": "https://minasidor.example/bankid/retur?f=1&n=2",
    "requirement": {
        "certificatePolicies": ["1.2.752.78.1.5"],
        "pinCode": False,
        "mrtd": False,
        "personalNumber": ANNA.number,
        "cardReader": "class1",
        "risk": "low",
    },
    "web": WEB,
}


async def test_all_of_it_is_taken(party: Party) -> None:
    assert (await party.call("auth", **WHOLE))[0] == 200
    assert (await party.call("sign", **WHOLE))[0] == 200
    assert (await party.call("auth", **AUTH, app=APP))[0] == 200
    long = {"userVisibleData": encoded(40_000), "userNonVisibleData": encoded(200_000)}
    assert (await party.call("sign", **AUTH, **long))[0] == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"endUserIp": "192.0.2.300"},
        {"endUserIp": "fe80::1%eth0"},
        {"endUserIp": 1},
        {"enduserIp": "192.0.2.7"},
        {"personalNumber": ANNA.number},
        {"userVisibleData": "not base64!"},
        {"userVisibleData": ""},
        {"userVisibleData": "/////w=="},
        {"userVisibleData": encoded(1504)},
        {"userNonVisibleData": encoded(1504)},
        {"userVisibleDataFormat": "markdown"},
        {"returnUrl": ""},
        {"returnUrl": "https://" + "x" * 505},
        {"returnRisk": "true"},
        {"returnRisk": 1},
        {"requirement": []},
        {"requirement": {"certificatePolicies": []}},
        {"requirement": {"certificatePolicies": ["1.2.3"]}},
        {"requirement": {"certificatePolicies": [[]]}},
        {"requirement": {"pincode": True}},
        {"requirement": {"pinCode": "no"}},
        {"requirement": {"personalNumber": "199001012386"}},
        {"requirement": {"cardReader": "class3"}},
        {"requirement": {"risk": "high"}},
        {"web": {}},
        {"web": "minasidor.example"},
        {"web": WEB, "app": APP},
        {"web": {**WEB, "referringDomain": "localhost:8000"}},
        {"web": {**WEB, "referringDomain": "MinaSidor.example"}},
        {"web": {**WEB, "userAgent": "x" * 257}},
        {"web": {**WEB, "userAgent": "a\nb"}},
        {"web": {**WEB, "deviceIdentifier": ""}},
        {"web": {**WEB, "deviceIdentifier": "y" * 65}},
        {"web": {**WEB, "ip": "192.0.2.7"}},
        {"app": {**APP, "deviceOS": 19}},
    ],
    ids=str,
)
async def test_what_is_wrong_is_refused(party: Party, wrong: dict[str, Any]) -> None:
    status, answer = await party.call("auth", **{**AUTH, **wrong})
    assert (status, answer["errorCode"]) == (400, "invalidParameters")
    assert answer["details"]
    assert party.state.orders == []


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("auth", {}),
        ("sign", AUTH),
        ("phone/auth", {"personalNumber": ANNA.number}),
        ("phone/auth", {"callInitiator": "user"}),
        ("phone/auth", {"personalNumber": ANNA.number, "callInitiator": "nobody"}),
        ("phone/auth", {"personalNumber": "9001012385", "callInitiator": "user"}),
        ("phone/auth", {**AUTH, "personalNumber": ANNA.number, "callInitiator": "user"}),
        ("phone/sign", {"personalNumber": ANNA.number, "callInitiator": "RP"}),
        ("collect", {}),
        ("collect", {"orderRef": None}),
        ("collect", {"orderRef": "x", "more": 1}),
        ("cancel", {"orderRef": ["x"]}),
    ],
    ids=str,
)
async def test_what_is_missing_or_too_much_is_refused(
    party: Party, endpoint: str, body: dict[str, Any]
) -> None:
    status, answer = await party.call(endpoint, **body)
    assert (status, answer["errorCode"]) == (400, "invalidParameters")


async def test_wrong_calls_are_answered_in_json(party: Party) -> None:
    client, url = party.client, "/rp/v6.0/auth"
    plain = {"Content-Type": "text/plain"}
    json = {"Content-Type": "application/json; charset=utf-8"}
    for answer, status, code in (
        (await client.get(url), 405, "methodNotAllowed"),
        (await client.put(url), 405, "methodNotAllowed"),
        (await client.post("/rp/v6.0/authenticate"), 404, "notFound"),
        (await client.post("/rp/v5.1/auth"), 404, "notFound"),
        (await client.post("/auth"), 404, "notFound"),
        (await client.post(url, content="{}", headers=plain), 415, "unsupportedMediaType"),
        (await client.post(url), 415, "unsupportedMediaType"),
        (await client.post(url, content="{", headers=json), 400, "invalidParameters"),
        (await client.post(url, content="[]", headers=json), 400, "invalidParameters"),
        (await client.post(url, content=b"\xff", headers=json), 400, "invalidParameters"),
    ):
        assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
    assert [line.status for line in party.state.log][:2] == [405, 405]


# Late, and never; the other faults are in test_simulator_pages.py, where they are asked for


async def test_a_slow_answer_is_an_answer(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    party.state.faults.append(Fault("auth", "slow", seconds=7))
    assert (await party.call("auth", **AUTH))[0] == 200
    assert slept == [7]


async def test_no_answer_at_all(party: Party) -> None:
    party.state.faults.append(Fault("*", "silent"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await party.call("auth", **AUTH)
    assert party.state.orders == []
    assert (await party.call("auth", **AUTH))[0] == 200


async def test_production_has_no_simulator() -> None:
    with pytest.raises(InProduction, match="MINASIDOR_ENV=production"):
        create_simulator(environ={"MINASIDOR_ENV": "production"})
    create_simulator(environ={"MINASIDOR_ENV": "development"})


def test_every_refusal_has_a_sentence() -> None:
    assert {Refused(reason).sentence[-1] for reason in SENTENCES} == {"."}
