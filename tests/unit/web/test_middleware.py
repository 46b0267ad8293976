"""The layers that every request passes, each alone, with what no browser would ever send."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from tests.unit.asgi import ask
from tests.unit.conftest import settings
from web import log
from web.middleware import body
from web.middleware.body import LARGEST, Body
from web.middleware.headers import CONTENT_SECURITY_POLICY, HEADERS
from web.middleware.host import Host
from web.middleware.origin import Origin
from web.middleware.proxy import Proxy
from web.middleware.request_id import RequestId

pytestmark = pytest.mark.anyio
SAME = {"sec-fetch-site": "same-origin"}
HOST = {"host": "minasidor.example"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """What reaches the application: the body, and who is said to ask."""
    request = Request(scope, receive)
    text = f"{scope['client'][0] if scope['client'] else ''} {len(await request.body())}"
    await PlainTextResponse(text)(scope, receive, send)


# Origin


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "SAME-ORIGIN"},
        {"sec-fetch-site": "same-origin, cross-site"},
        {"sec-fetch-site": "cross-site", "origin": "https://minasidor.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://minasidor.example"},
        {"origin": "https://minasidor.example:8443"},
        {"origin": "https://minasidor.example.evil.example"},
        {"origin": "https://evil.example/https://minasidor.example"},
        {"origin": "https://sub.minasidor.example"},
        {"referer": "https://minasidor.example/"},
    ],
    ids=str,
)
async def test_a_change_asked_for_by_another_site_is_refused(
    method: str, headers: dict[str, str]
) -> None:
    with pytest.raises(HTTPException) as refused:
        await ask(Origin(echo, base_url="https://minasidor.example"), method, headers=headers)

    assert (refused.value.status_code, refused.value.detail) == (403, "origin")


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin", "origin": "null"},
        {"origin": "https://minasidor.example"},
    ],
)
async def test_the_portals_own_forms_pass(headers: dict[str, str]) -> None:
    app = Origin(echo, base_url="https://minasidor.example")

    assert (await ask(app, "POST", headers=headers)).status == 200


@pytest.mark.parametrize("path", ["/oauth/authorize-challenge", "/oauth/token", "/api/v1/enheter"])
async def test_the_app_says_nothing_and_passes_but_another_sites_page_does_not(path: str) -> None:
    app = Origin(echo, base_url="https://minasidor.example")
    for headers in ({}, SAME, {"origin": "https://minasidor.example"}):
        assert (await ask(app, "POST", path, headers=headers)).status == 200

    for site in ("cross-site", "same-site"):
        with pytest.raises(HTTPException, match="origin"):
            await ask(app, "POST", path, headers={"sec-fetch-site": site})
    for origin in ("https://evil.example", "null", ""):
        with pytest.raises(HTTPException, match="origin"):
            await ask(app, "POST", path, headers={"origin": origin})


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_looking_is_free(method: str) -> None:
    app = Origin(echo, base_url="https://minasidor.example")

    assert (await ask(app, method, headers={"sec-fetch-site": "cross-site"})).status == 200


# Body


@pytest.mark.parametrize("chunks", [(b"a" * LARGEST,), (b"a" * 1000,) * 65, (b"", b"a", b"")])
async def test_a_small_body_passes(chunks: tuple[bytes, ...]) -> None:
    answer = await ask(Body(echo), "POST", chunks=chunks)

    assert answer.body == f"127.0.0.1 {sum(map(len, chunks))}"


@pytest.mark.parametrize(
    "chunks", [(b"a" * (LARGEST + 1),), (b"a" * LARGEST, b"a"), (b"a" * 1000,) * 66]
)
async def test_a_large_body_is_refused_without_its_length_too(chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(HTTPException) as refused:
        await ask(Body(echo), "POST", chunks=chunks)
    assert refused.value.status_code == 413


async def test_a_large_length_is_refused_before_anything_is_read() -> None:
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("the body was asked for")

    with pytest.raises(HTTPException) as refused:
        await ask(Body(never), "POST", headers={"content-length": str(LARGEST + 1)})
    assert refused.value.status_code == 413


@pytest.mark.parametrize("length", ["-1", "+5", "0x10", "1e3", "five", "5, 5", "", " "])
async def test_a_strange_length_is_refused(length: str) -> None:
    with pytest.raises(HTTPException) as refused:
        await ask(Body(echo), "POST", headers={"content-length": length})
    assert refused.value.status_code == 400


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=x",
        "Multipart/Form-Data; boundary=x",
        "MULTIPART/MIXED",
        "multipart/form-data",
    ],
)
async def test_files_are_not_taken_however_they_are_called(kind: str) -> None:
    with pytest.raises(HTTPException) as refused:
        await ask(Body(echo), "POST", headers={"content-type": kind})
    assert refused.value.status_code == 400


async def test_nobody_is_asked_who_they_are_before_the_body_is_in() -> None:
    left = [b"a", b"b", b"c"]

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        assert left == [], "a slow body would act after its session had ended"
        assert (await receive())["body"] == b"abc"

    scope: Scope = {"type": "http", "method": "POST", "headers": []}
    await Body(late)(scope, receive, _nothing)
    assert left == []


async def _nothing(message: Message) -> None:
    raise AssertionError("nothing is answered here")


async def test_a_trickle_is_cut_off_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "DEADLINE", 0.05)
    with pytest.raises(HTTPException) as refused:
        await ask(Body(echo), "POST", chunks=(b"a",) * 100, pause=0.02)
    assert refused.value.status_code == 400


async def test_a_page_that_takes_its_time_is_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "DEADLINE", 0.05)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        await asyncio.sleep(0.1)
        assert (await receive())["type"] == "http.disconnect"
        await PlainTextResponse("late")(scope, receive, send)

    assert (await ask(Body(slow), "POST", chunks=(b"a",))).body == "late"


# Host


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "minasidor.example.evil.example",
        "evil.example/minasidor.example",
        "minasidor.example:8443",
        "minasidor.example@evil.example",
        "",
        "localhost:8000",
        "127.0.0.1",
    ],
)
async def test_no_other_host_is_served(host: str) -> None:
    app = Host(echo, settings=settings(env="production"))
    with pytest.raises(HTTPException) as refused:
        await ask(app, headers={"host": host})
    assert refused.value.status_code == 400


async def test_the_first_of_two_hosts_does_not_carry_the_second_in() -> None:
    app = Host(echo, settings=settings())
    with pytest.raises(HTTPException):
        await ask(app, headers=[("host", "evil.example"), ("host", "minasidor.example")])


@pytest.mark.parametrize("host", ["minasidor.example", "MinaSidor.Example"])
async def test_the_portals_own_host_is_served(host: str) -> None:
    assert (await ask(Host(echo, settings=settings()), headers={"host": host})).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_load_balancer_asks_for_its_health_by_address(path: str) -> None:
    app = Host(echo, settings=settings(env="production"))

    assert (await ask(app, path=path, headers={"host": "10.0.0.7"})).status == 200


async def test_in_development_the_other_names_of_the_machine_lead_to_the_one() -> None:
    app = Host(echo, settings=settings(env="development", base_url="http://localhost:8000"))

    answer = await ask(
        app, path="//evil.example/x", headers={"host": "127.0.0.1:8000"}, query="a=1"
    )

    assert answer.status == 307
    assert answer["location"] == "http://localhost:8000//evil.example/x?a=1"
    with pytest.raises(HTTPException):
        await ask(app, headers={"host": "evil.example"})
    with pytest.raises(HTTPException):
        await ask(app, "POST", headers={"host": "127.0.0.1:8000"})


# Proxy


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.0.0.1", "203.0.113.9"),
        ("evil, 203.0.113.9:443", "203.0.113.9"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("", "10.0.0.1"),
    ],
)
async def test_the_trusted_proxy_says_who_asks(forwarded: str, client: str) -> None:
    app = Proxy(echo, trusted=("10.0.0.1",))

    answer = await ask(app, headers={"x-forwarded-for": forwarded}, client="10.0.0.1")

    assert answer.body.split(" ")[0] == client


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
async def test_anybody_else_is_not_believed_but_reported(
    header: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Proxy(echo, trusted=("10.0.0.1",))

    answer = await ask(app, headers={header: "203.0.113.9"}, client="198.51.100.66")

    assert answer.body.startswith("198.51.100.66 ")
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("ERROR", "forwarded header from a stranger")
    assert record.address == "198.51.100.66"  # type: ignore[attr-defined]


async def test_a_stranger_cannot_call_themselves_the_proxy() -> None:
    app = Proxy(echo, trusted=("10.0.0.1",))
    headers = [("x-forwarded-for", "10.0.0.1"), ("x-forwarded-for", "203.0.113.9")]

    answer = await ask(app, headers=headers, client="198.51.100.66")

    assert answer.body.startswith("198.51.100.66 ")


# Request ids and the log


@pytest.fixture
async def lines(caplog: pytest.LogCaptureFixture) -> AsyncIterator[list[dict[str, Any]]]:
    """The lines of the log as production writes them, filled as they come."""
    formatter, made = log.JsonLines(), list[dict[str, Any]]()

    class Catcher(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            line = formatter.format(record)
            assert "\n" not in line, "a line is one line"
            made.append(json.loads(line))

    catcher = Catcher()
    caplog.set_level(logging.INFO)
    logging.getLogger().addHandler(catcher)
    yield made
    logging.getLogger().removeHandler(catcher)


async def test_each_request_has_an_id_on_its_answer_and_its_line(
    lines: list[dict[str, Any]],
) -> None:
    first, second = [await ask(RequestId(echo), headers=SAME) for _ in range(2)]

    assert first["x-request-id"] != second["x-request-id"]
    assert [line["request"] for line in lines] == [first["x-request-id"], second["x-request-id"]]


async def test_the_id_is_never_the_visitors(lines: list[dict[str, Any]]) -> None:
    answer = await ask(RequestId(echo), headers={"x-request-id": "chosen"})

    assert len(answer["x-request-id"]) == 16
    assert "chosen" not in str(lines)


@pytest.mark.parametrize(
    "forged", ["x\r\nerror forged", "x\x1b[31m", 'x","level":"error', "\u2028"]
)
async def test_no_line_of_the_log_can_be_forged(forged: str) -> None:
    for formatter in (log.JsonLines(), log.ReadableLines()):
        record = logging.makeLogRecord(
            {"name": "x", "levelno": logging.INFO, "levelname": "INFO", "msg": "login.failed"}
            | {"address": forged}
        )
        line = formatter.format(record)

        assert len(line.splitlines()) == 1
        assert "\x1b" not in line
        if isinstance(formatter, log.JsonLines):
            assert json.loads(line)["address"] == forged
            assert json.loads(line)["level"] == "info"


async def test_the_time_of_a_line_is_utc(lines: list[dict[str, Any]]) -> None:
    await ask(RequestId(echo))

    assert lines[0]["at"].endswith("+00:00")


# All of them together


@pytest.mark.parametrize(
    "method", ["TRACE", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "DISPATCH"]
)
@pytest.mark.parametrize("path", ["/", "/logga-in", "/healthz", "/static/js/app.js"])
async def test_other_methods_are_not_allowed(app: Starlette, method: str, path: str) -> None:
    answer = await ask(app, method, path, {**HOST, **SAME})

    assert answer.status == 405
    assert "secret" not in answer.body


async def test_trace_echoes_nothing(app: Starlette) -> None:
    answer = await ask(app, "TRACE", headers={**HOST, **SAME, "cookie": "__Host-session=geheim"})

    assert "geheim" not in answer.body


@pytest.mark.parametrize(
    ("method", "path", "headers", "chunks", "status"),
    [
        ("GET", "/nowhere", {}, (b"",), 404),
        ("PUT", "/", SAME, (b"",), 405),
        ("POST", "/logga-in", {}, (b"",), 403),
        ("POST", "/logga-in", {**SAME, "content-length": "99999"}, (b"",), 413),
        ("POST", "/logga-in", {**SAME, **FORM}, (b"a" * 9999,) * 9, 413),
        ("POST", "/logga-in", {**SAME, "content-type": "Multipart/x"}, (b"",), 400),
        ("POST", "/logga-in", {**SAME, **FORM}, (b"email=a&email=b",), 400),
        ("GET", "/static/nowhere.css", {}, (b"",), 404),
        ("GET", "/static/../pyproject.toml", {}, (b"",), 404),
        ("GET", "/static/%2e%2e/pyproject.toml", {}, (b"",), 404),
        ("GET", "/static/\x00", {}, (b"",), 404),
        ("GET", "/static/" + "a" * 5000, {}, (b"",), 404),
        ("GET", "/", {"host": "evil.example"}, (b"",), 400),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_is_refused_is_a_page_of_ours_with_every_header(
    app: Starlette,
    method: str,
    path: str,
    headers: dict[str, str],
    chunks: tuple[bytes, ...],
    status: int,
) -> None:
    answer = await ask(app, method, path, {**HOST, **headers}, chunks)

    assert answer.status == status
    assert "MinaSidor</title>" in answer.body
    assert answer["content-type"] == "text/html; charset=utf-8"
    for name, value in HEADERS.items():
        assert answer[name.lower()] == value
    assert answer["strict-transport-security"].startswith("max-age=63072000")
    assert len(answer["x-request-id"]) == 16
    assert not answer["server"]


def test_the_headers_are_these() -> None:
    assert {
        name: value for name, value in HEADERS.items() if name != "Content-Security-Policy"
    } == {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), "
        "browsing-topics=()",
    }
    assert HEADERS["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


async def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    parts = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))

    assert parts.pop("img-src") == "'self' data:"
    for name in ("default-src", "base-uri", "object-src", "frame-ancestors"):
        assert parts.pop(name) == "'none'"
    assert set(parts.values()) == {"'self'"}
    assert {"script-src", "style-src", "connect-src", "form-action"} <= set(parts)


async def test_a_request_that_fails_halfway_is_no_second_answer(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("halfway")

    monkeypatch.setattr(app.router.routes[0], "app", half)  # the routes are every application's
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Scope = {
        **{"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "root_path": ""},
        **{
            "query_string": b"",
            "scheme": "https",
            "client": ("127.0.0.1", 1),
            "http_version": "1.1",
        },
        "headers": [(b"host", b"minasidor.example")],
        "server": None,
    }
    with pytest.raises(RuntimeError, match="halfway"):
        await app(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]


async def test_a_websocket_is_refused(app: Starlette) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    scope: Scope = {
        **{"type": "websocket", "path": "/", "raw_path": b"/", "root_path": "", "scheme": "wss"},
        **{"query_string": b"", "headers": [], "client": ("127.0.0.1", 1), "subprotocols": []},
        "server": None,
    }
    await app(scope, receive, send)

    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_an_answer_keeps_a_stricter_header_of_its_own(app: Starlette) -> None:
    async def strict(request: Request) -> Response:
        return PlainTextResponse("x", headers={"Content-Security-Policy": "sandbox"})

    app.add_route("/strict", strict)

    assert (await ask(app, path="/strict", headers=HOST))["content-security-policy"] == "sandbox"


SMUGGLED = b"GET /hidden HTTP/1.1\r\nHost: minasidor.example\r\n\r\n"
AMBIGUOUS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: 5, 6",
    b"Content-Length: +5",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: \x0bchunked",
    b"X: a\r\n Content-Length: 5",
    b"X: a\rContent-Length: 5",
    b"X: a\x00b",
]


async def test_no_request_hides_in_another() -> None:
    # As a proxy and the server might disagree on where a request ends (ASVS 4.2.1).
    paths: list[str] = []

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await echo(scope, receive, send)

    config = uvicorn.Config(note, port=0, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        for ambiguous in AMBIGUOUS:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = b"POST / HTTP/1.1\r\nHost: minasidor.example\r\n" + ambiguous + b"\r\n\r\n"
            writer.write(head + b"0\r\n\r\n" + SMUGGLED)
            answer = await asyncio.wait_for(reader.read(), 5)  # and the connection is closed
            assert answer.startswith(b"HTTP/1.1 400 "), ambiguous
            writer.close()
    finally:
        server.should_exit = True
        await serving
    assert "/hidden" not in paths
