"""The client: what it sends, what it makes of every answer, and what it never tells anybody."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
import traceback
from typing import Any

import httpx2
import pytest

from web.bankid import client as module
from web.bankid.client import BankIDError, Client, Order

pytestmark = pytest.mark.anyio

BASE = "https://bankid.example/rp/v6.0/"
REF = "131daac9-16c6-4618-beb0-365768f37288"
NUMBER = "199001012385"
BEGUN = {
    "orderRef": REF,
    "autoStartToken": "7c40b5c9-fa74-49cf-b98c-bfe651f9a7c6",
    "qrStartToken": "67df3917-fa0d-44e5-b327-edcc928297f8",
    "qrStartSecret": "d28db9a7-4cde-429e-a983-359be676944c",
}
DONE: dict[str, Any] = {
    "orderRef": REF,
    "status": "complete",
    "somethingNew": [1],
    "completionData": {
        "user": {
            "personalNumber": NUMBER,
            "name": "Anna Andersson",
            "givenName": "Anna",
            "surname": "Andersson",
        },
        "device": {"ipAddress": "198.51.100.4", "uhi": "OZvYM9VvyiAmG7NA5jU5zqGcVpo="},
        "stepUp": {"mrtd": True},
        "bankIdIssueDate": "2024-05-01Z",
        "signature": "PHhtbD4=",
        "ocspResponse": "AAAA",
        "risk": "low",
    },
}


class Server:
    """Answers in turn, the last answer for ever, and keeps what it was sent."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers, self.requests, self.pauses = (
            list(answers),
            list[httpx2.Request](),
            list[float](),
        )

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @property
    def client(self) -> Client:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self), base_url=BASE)
        return Client(http, pause=self.pause)

    @property
    def sent(self) -> Any:
        return json.loads(self.requests[-1].content)


def ok(body: object, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json=body)


def error(status: int, code: str, details: str = "No such order") -> httpx2.Response:
    return ok({"errorCode": code, "details": details}, status)


async def begin(client: Client, **changes: Any) -> Order:
    asked: dict[str, Any] = {
        "end_user_ip": "192.0.2.7",
        "visible": "# Logga in på MinaSidor",
        "referring_domain": "minasidor.example",
        "user_agent": "Mozilla/5.0",
        "device_identifier": "ab" * 32,
        "mobile_only": False,
    }
    return await client.auth(**asked | changes)


async def failure(server: Server) -> BankIDError:
    with pytest.raises(BankIDError) as caught:
        await server.client.collect(REF)
    return caught.value


# What is sent


async def test_asks_as_bankid_wants_it() -> None:
    server = Server(ok(BEGUN))
    order = await begin(
        server.client, return_url="https://minasidor.example/bankid/retur?f=1&n=2", mobile_only=True
    )

    (request,) = server.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE}auth")
    assert request.headers["Content-Type"] == "application/json"
    assert server.sent == {
        "endUserIp": "192.0.2.7",
        "returnRisk": True,
        "userVisibleData": base64.b64encode("# Logga in på MinaSidor".encode()).decode(),
        "userVisibleDataFormat": "simpleMarkdownV1",
        "returnUrl": "https://minasidor.example/bankid/retur?f=1&n=2",
        "requirement": {"certificatePolicies": ["1.2.3.4.25"]},
        "web": {
            "referringDomain": "minasidor.example",
            "userAgent": "Mozilla/5.0",
            "deviceIdentifier": "ab" * 32,
        },
    }
    assert order == Order(
        order_ref=BEGUN["orderRef"],
        auto_start_token=BEGUN["autoStartToken"],
        qr_start_token=BEGUN["qrStartToken"],
        qr_start_secret=BEGUN["qrStartSecret"],
    )


async def test_sends_nothing_empty_and_no_long_user_agent() -> None:
    server = Server(ok(BEGUN))
    _ = await begin(server.client, user_agent="x" * 300, device_identifier="")
    assert server.sent["web"] == {"referringDomain": "minasidor.example", "userAgent": "x" * 256}
    assert {"returnUrl", "requirement"}.isdisjoint(server.sent)

    _ = await begin(server.client, user_agent=" " * 300)
    assert "userAgent" not in server.sent["web"]


async def test_collect_and_cancel_name_the_order() -> None:
    server = Server(ok({"orderRef": REF, "status": "pending", "hintCode": "userSign"}), ok({}))
    found = await server.client.collect(REF)
    assert (found.status, found.hint, found.completion) == ("pending", "userSign", None)
    assert str(server.requests[-1].url) == f"{BASE}collect"
    assert server.sent == {"orderRef": REF}

    await server.client.cancel(REF)
    assert str(server.requests[-1].url) == f"{BASE}cancel"
    assert server.sent == {"orderRef": REF}


async def test_close_closes_the_connections() -> None:
    http = httpx2.AsyncClient()
    await Client(http).close()
    assert http.is_closed


# What is read


async def test_reads_who_it_is() -> None:
    found = await Server(ok(DONE)).client.collect(REF)
    assert found.status == "complete"
    person = found.completion
    assert person
    assert person.personal_number == NUMBER
    assert (person.given_name, person.surname) == ("Anna", "Andersson")
    assert (person.ip_address, person.risk, person.issued) == ("198.51.100.4", "low", "2024-05-01")


@pytest.mark.parametrize("nothing", [{}, {"device": None, "risk": None, "bankIdIssueDate": None}])
async def test_what_bankid_does_not_say_is_empty(nothing: dict[str, None]) -> None:
    data = {"user": {"personalNumber": NUMBER}, **nothing}
    found = await Server(
        ok({"orderRef": REF, "status": "complete", "completionData": data})
    ).client.collect(REF)
    person = found.completion
    assert person
    assert found.hint == ""
    assert (person.given_name, person.surname) == ("", "")
    assert (person.ip_address, person.risk, person.issued) == ("", "", "")


async def test_reads_codes_that_nobody_knows_yet() -> None:
    answer = ok({"orderRef": REF, "status": "failed", "hintCode": "somethingNew"})
    found = await Server(answer).client.collect(REF)
    assert (found.status, found.hint) == ("failed", "somethingNew")


USER: dict[str, object] = DONE["completionData"]["user"]
NOBODY: list[object] = [
    [],
    {},
    USER | {"personalNumber": ""},
    USER | {"personalNumber": "9001012385"},
    USER | {"personalNumber": "19900101-2385"},
    USER | {"personalNumber": "١٩٩٠٠١٠١٢٣٨٥"},
    USER | {"personalNumber": int(NUMBER)},
    USER | {"givenName": ["Anna"]},
]


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(502, html="<h1>Bad Gateway</h1>"),
        httpx2.Response(200, html="<h1>Välkommen</h1>"),
        httpx2.Response(200, content=b"\xff\xfe{"),
        httpx2.Response(200),
        httpx2.Response(204),
        httpx2.Response(302, headers={"Location": "https://elsewhere.example/"}),
        ok({}, 302),
        ok([]),
        ok("pending"),
        ok({}),
        ok({"orderRef": REF}),
        ok({"status": "pending"}),
        ok({"orderRef": REF, "status": "done"}),
        ok({"orderRef": REF, "status": 1}),
        ok({"orderRef": REF, "status": "pending", "hintCode": {}}),
        ok({"orderRef": "another", "status": "pending"}),
        ok({"orderRef": REF, "status": "complete"}),
        ok({"orderRef": REF, "status": "complete", "completionData": []}),
        ok({"orderRef": REF, "status": "complete", "completionData": {}}),
        *(ok(DONE | {"completionData": {"user": user}}) for user in NOBODY),
        ok({"details": "something"}, 500),
        ok({"errorCode": 7}, 500),
        ok({"errorCode": ""}, 500),
    ],
)
async def test_what_has_another_shape_is_a_bad_response(answer: httpx2.Response) -> None:
    found = await failure(Server(answer))
    assert found.code == "badResponse"
    assert found.status == answer.status_code


@pytest.mark.parametrize("name", BEGUN)
async def test_an_order_has_all_of_its_parts(name: str) -> None:
    for without in (
        {key: value for key, value in BEGUN.items() if key != name},
        BEGUN | {name: ""},
    ):
        with pytest.raises(BankIDError, match="badResponse"):
            await begin(Server(ok(without)).client)


async def test_a_redirect_is_not_followed() -> None:
    server = Server(httpx2.Response(307, headers={"Location": "https://elsewhere.example/"}))
    http = httpx2.AsyncClient(
        transport=httpx2.MockTransport(server), base_url=BASE, follow_redirects=True
    )
    with pytest.raises(BankIDError, match="badResponse"):
        await Client(http).collect(REF)
    assert len(server.requests) == 1


# What goes wrong


@pytest.mark.parametrize(
    ("status", "code", "needs_alarm"),
    [
        (400, "alreadyInProgress", False),
        (400, "invalidParameters", False),
        (401, "unauthorized", True),
        (403, "unauthorized", True),
        (404, "notFound", True),
        (405, "methodNotAllowed", False),
        (408, "requestTimeout", False),
        (415, "unsupportedMediaType", False),
        (429, "tooManyRequests", False),
        (500, "internalError", False),
        (503, "maintenance", False),
        (400, "somethingNew", False),
    ],
)
async def test_an_error_is_told_by_its_code(status: int, code: str, needs_alarm: bool) -> None:
    server = Server(error(status, code))
    found = await failure(server)
    assert (found.code, found.status, found.details) == (code, status, "No such order")
    assert found.needs_alarm == needs_alarm
    assert len(server.requests) == 1, "collect comes again by itself"

    server = Server(error(status, code))
    with pytest.raises(BankIDError, match=code):
        await begin(server.client)
    assert len(server.requests) == (2 if code == "maintenance" else 1)
    assert server.pauses == ([2.0] if code == "maintenance" else [])


async def test_maintenance_that_is_over_is_not_noticed() -> None:
    server = Server(error(503, "maintenance"), ok(BEGUN))
    assert (await begin(server.client)).order_ref == REF
    assert server.pauses == [2.0]


async def test_a_proxy_that_lets_nobody_in_needs_an_alarm() -> None:
    found = await failure(Server(httpx2.Response(403, html="<h1>Forbidden</h1>")))
    assert (found.code, found.needs_alarm) == ("badResponse", True)


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (httpx2.ConnectTimeout("slow"), "timeout"),
        (httpx2.ReadTimeout("slow"), "timeout"),
        (httpx2.PoolTimeout("slow"), "timeout"),
        (httpx2.ConnectError("refused"), "network"),
        (httpx2.ReadError(""), "network"),
        (httpx2.RemoteProtocolError("what is this?"), "network"),
        (httpx2.DecodingError("no gzip"), "network"),
        (httpx2.UnsupportedProtocol("ftp"), "network"),
    ],
)
async def test_an_unreachable_server_is_told_alike(raised: Exception, code: str) -> None:
    server = Server(raised)
    found = await failure(server)
    assert (found.code, found.status) == (code, None)
    assert not found.needs_alarm

    with pytest.raises(BankIDError, match=code):
        await begin(server.client)
    assert len(server.requests) == 2, "auth is not repeated: an order may have begun"


async def test_a_port_where_nobody_listens_is_the_network() -> None:
    with socket.socket() as taken:  # bound, but not listening
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/rp/v6.0/"
        client = Client(httpx2.AsyncClient(base_url=address, trust_env=False))
        with pytest.raises(BankIDError, match="network"):
            await client.collect(REF)
        await client.close()


async def test_an_answer_that_trickles_in_ends_as_a_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(module, "_DEADLINE", 0.01)
    client = Client(httpx2.AsyncClient(transport=httpx2.MockTransport(never), base_url=BASE))
    with pytest.raises(BankIDError, match="timeout"):
        await client.collect(REF)


# What nobody is told


SECRETS = (NUMBER, "900101-2385", "9001012385", "Anna", "Andersson", *BEGUN.values())


@pytest.mark.parametrize(
    "answer",
    [
        ok(BEGUN | DONE),
        error(400, "invalidParameters", f"{NUMBER}, 900101-2385, 19900101 2385, order {REF}"),
        error(400, "invalidParameters", " ".join(BEGUN.values()).upper()),
        ok(DONE | {"completionData": {"user": USER | {"givenName": 1}}}),
        httpx2.Response(502, text=f"{NUMBER} Anna Andersson {REF}"),
        httpx2.ConnectError(f"to {REF} of {NUMBER}"),
    ],
)
async def test_no_log_exception_or_repr_tells_who_it_was(
    answer: httpx2.Response | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client, told = Server(answer).client, list[str]()
    for call in (
        lambda: begin(client),
        lambda: client.collect(REF),
        lambda: client.cancel(REF),
    ):
        try:
            told.append(repr(await call()))
        except BankIDError as found:
            told += [str(found), repr(found), repr(vars(found))]
            told += traceback.format_exception(found)
    told += [repr(vars(record)) for record in caplog.records]
    assert told
    for secret in SECRETS:
        assert not [line for line in told if secret.lower() in line.lower()], secret


async def test_the_log_tells_how_it_went(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="minasidor.bankid")
    await Server(ok({})).client.cancel(REF)
    _ = await failure(Server(error(429, "tooManyRequests", "Slow down")))
    _ = await failure(Server(error(401, "unauthorized")))
    _ = await failure(Server(ok({})))

    lines = [record for record in caplog.records if record.name == "minasidor.bankid"]
    names = ("levelname", "endpoint", "code", "status", "details")
    assert [tuple(getattr(line, name, None) for name in names) for line in lines] == [
        ("INFO", "cancel", "ok", None, None),
        ("WARNING", "collect", "tooManyRequests", 429, "Slow down"),
        ("ERROR", "collect", "unauthorized", 401, "No such order"),
        ("WARNING", "collect", "badResponse", 200, "no status"),
    ]
    assert all(vars(line)["ms"] >= 0 for line in lines)
