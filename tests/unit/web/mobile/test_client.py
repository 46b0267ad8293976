"""The reference client against the portal: in process, and once as its command line is used."""

from __future__ import annotations

import asyncio
import getpass
import socket
import stat
import webbrowser
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette

from models import AppDevice, CustomerAccount, User, app_device
from tests.unit.conftest import (
    PASSWORD,
    SETTINGS,
    Clock,
    Outbox,
    Visitor,
    an_account,
    code,
    plain,
    settings,
)
from tests.unit.page import Page
from tests.unit.web.mobile.test_authorize import CLAIM, DETAILS, ON, handed_over
from web.app import create_app
from web.claim import NO_MATCH
from web.mobile.client import __main__ as command_line
from web.mobile.client.protocol import CLIENT_ID, LoggedOut, MittPreZero, NotOurs, Refused
from web.mobile.client.safe import Safe

pytestmark = pytest.mark.anyio
EMAIL = "anna@example.com"
BACK = "http://127.0.0.1:40123/"


class Network(httpx2.AsyncBaseTransport):
    """The way to the portal: it notes what was asked for, and loses answers when told to, or puts
    another in their place, as a proxy does that waited too long."""

    def __init__(self, app: Starlette) -> None:
        self._portal = httpx2.ASGITransport(app=app, client=("198.51.100.7", 40000))
        self.asked: list[str] = []
        self.loses, self.instead = 0, list[httpx2.Response]()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._portal.handle_async_request(request)
        self.asked.append(request.url.path)
        if self.loses and request.url.path == "/oauth/token":
            self.loses -= 1
            raise httpx2.ReadTimeout("The answer is lost.", request=request)
        if self.instead and request.url.path == "/oauth/token":
            return self.instead.pop()
        return response


def a_portal(base_url: str = SETTINGS.base_url) -> Starlette:
    """One in development, which lets the reference client in."""
    return create_app(settings(env="development", base_url=base_url, bankid_mode="off"))


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
def app(db: None) -> Starlette:
    return a_portal()


@pytest.fixture
def network(app: Starlette) -> Network:
    return Network(app)


@pytest.fixture
def safe() -> Safe:
    return Safe(SETTINGS.base_url)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
async def client(network: Network, safe: Safe, pauses: list[float]) -> AsyncIterator[MittPreZero]:
    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    made = MittPreZero(SETTINGS.base_url, safe, network, pause)
    yield made
    await made.close()


def no_code(refused: Refused) -> str:
    raise AssertionError(refused)


async def refused(doing: object, error: str) -> Refused:
    with pytest.raises(Refused) as raised:
        await doing  # type: ignore[misc]
    assert raised.value.error == error
    return raised.value


async def test_password_then_the_api(client: MittPreZero, safe: Safe, anna: User) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)

    assert (await client.call("GET", "/api/v1/jag"))["given_name"] == "Anna"
    assert safe.read().startswith("mzr_")
    device = await AppDevice.get()
    assert (device.user_id, device.client_id) == (anna.id, CLIENT_ID)


async def test_the_safe_is_its_users_alone(client: MittPreZero, safe: Safe, anna: User) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)

    assert stat.S_IMODE(safe.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(safe.file.parent.stat().st_mode) == 0o700
    assert "mza_" not in safe.file.read_text()
    assert Safe("https://another.example").read() == ""


async def test_the_code_is_asked_for_until_it_is_right(
    client: MittPreZero, bo: tuple[User, str]
) -> None:
    typed, left = ["000000", code(bo[1])], list[int | None]()

    def ask(refused: Refused) -> str:
        left.append(refused.content.get("tries_left"))
        return typed.pop(0)

    await client.log_in("bo@example.com", PASSWORD, ask)

    assert left == [None, 4]
    assert (await client.call("GET", "/api/v1/jag"))["given_name"] == "Bo"


async def test_after_five_wrong_codes_it_begins_anew(
    client: MittPreZero, bo: tuple[User, str], time: Clock
) -> None:
    tries = list[str]()

    def ask(refused: Refused) -> str:
        tries.append(refused.error)
        return "000000"

    again = await refused(client.log_in("bo@example.com", PASSWORD, ask), "invalid_session")

    assert len(tries) == 6
    assert "Begin with the password again" in str(again)


async def test_a_wrong_password_is_told_in_the_portals_words(
    client: MittPreZero, safe: Safe, anna: User
) -> None:
    wrong = await refused(client.log_in(EMAIL, "fel", no_code), "invalid_credentials")

    assert str(wrong) == "The address or the password is not right."
    assert safe.read() == ""


async def test_too_many_attempts_say_how_long_to_wait(client: MittPreZero, anna: User) -> None:
    for _ in range(10):
        _ = await refused(client.log_in(EMAIL, "fel", no_code), "invalid_credentials")

    limited = await refused(client.log_in(EMAIL, PASSWORD, no_code), "too_many_attempts")

    assert limited.wait == "300"
    assert str(limited).endswith("(300 s)")


async def test_a_frozen_user_is_sent_to_the_browser(
    client: MittPreZero, anna: User, time: Clock
) -> None:
    await User.filter(id=anna.id).update(frozen_at=time.now())

    _ = await refused(client.log_in(EMAIL, PASSWORD, no_code), "redirect_to_web")


async def test_an_access_token_that_ran_out_is_followed_by_another(
    client: MittPreZero, network: Network, safe: Safe, anna: User, time: Clock
) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)
    first = safe.read()
    time.forward(minutes=15)
    network.asked.clear()

    assert (await client.call("GET", "/api/v1/jag"))["given_name"] == "Anna"

    assert network.asked == ["/api/v1/jag", "/oauth/token", "/api/v1/jag"]
    assert safe.read() != first


async def test_ten_calls_at_once_make_one_refresh(
    client: MittPreZero, network: Network, anna: User, time: Clock
) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)
    time.forward(minutes=15)
    network.asked.clear()

    answers = await asyncio.gather(*(client.call("GET", "/api/v1/jag") for _ in range(10)))

    assert {answer["given_name"] for answer in answers} == {"Anna"}
    assert network.asked.count("/oauth/token") == 1


async def test_a_refresh_outlives_the_call_that_began_it(
    client: MittPreZero, network: Network, safe: Safe, anna: User, time: Clock
) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)
    first = safe.read()
    time.forward(minutes=15)
    network.asked.clear()

    call = asyncio.create_task(client.call("GET", "/api/v1/jag"))
    while client._refreshing is None:
        await asyncio.sleep(0)
    call.cancel()
    await client._refreshing

    assert safe.read() != first


async def test_the_new_token_is_kept_before_the_new_pair_is_used(
    client: MittPreZero, network: Network, safe: Safe, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)
    client._access = ""  # as after a start of the app

    def full(_: str) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(safe, "write", full)
    network.asked.clear()

    with pytest.raises(OSError, match="No space"):
        _ = await client.call("GET", "/api/v1/jag")
    assert network.asked == ["/oauth/token"]


async def test_a_lost_answer_is_asked_for_again_and_is_the_same_pair(
    client: MittPreZero,
    network: Network,
    safe: Safe,
    pauses: list[float],
    anna: User,
    time: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)
    given = list[str | None]()
    refresh = app_device.refresh

    async def note(*args: object) -> app_device.Grant | None:
        grant = await refresh(*args)  # type: ignore[arg-type]
        given.append(grant.refresh_token if grant else None)
        return grant

    monkeypatch.setattr(app_device, "refresh", note)
    time.forward(minutes=15)
    network.loses = 2

    assert (await client.call("GET", "/api/v1/jag"))["given_name"] == "Anna"

    assert given == [safe.read()] * 3
    assert pauses == [1, 3]


@pytest.mark.parametrize(
    "instead",
    [
        httpx2.Response(504, text="<h1>504 Gateway Time-out</h1>"),
        httpx2.Response(503, json={"error": "temporarily_unavailable"}),
        httpx2.Response(200, text="<h1>Log in to this network</h1>"),
    ],
)
async def test_an_answer_of_somebody_else_is_a_lost_one(
    client: MittPreZero,
    network: Network,
    pauses: list[float],
    anna: User,
    time: Clock,
    instead: httpx2.Response,
) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)
    time.forward(minutes=15)
    network.instead = [instead]

    assert (await client.call("GET", "/api/v1/jag"))["given_name"] == "Anna"

    assert pauses == [1]


async def test_in_trouble_the_token_is_kept(
    client: MittPreZero, network: Network, safe: Safe, anna: User, time: Clock
) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)
    first = safe.read()
    time.forward(minutes=15)
    network.instead = [httpx2.Response(503, json={"error": "temporarily_unavailable"})] * 3

    _ = await refused(client.call("GET", "/api/v1/jag"), "temporarily_unavailable")
    assert safe.read() == first


async def test_without_a_network_the_token_is_kept(
    client: MittPreZero, network: Network, safe: Safe, anna: User, time: Clock
) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)
    first = safe.read()
    time.forward(minutes=15)
    network.loses = 3

    with pytest.raises(httpx2.ReadTimeout):
        _ = await client.call("GET", "/api/v1/jag")
    assert safe.read() == first


async def test_of_a_stolen_family_the_app_logs_in_anew(
    client: MittPreZero,
    network: Network,
    safe: Safe,
    outbox: Outbox,
    anna: User,
    time: Clock,
) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)
    stolen = {
        "grant_type": "refresh_token",
        "refresh_token": safe.read(),
        "client_id": CLIENT_ID,
    }
    async with httpx2.AsyncClient(transport=network, base_url=SETTINGS.base_url) as thief:
        assert (await thief.post("/oauth/token", data=stolen)).is_success
    time.forward(minutes=15)

    with pytest.raises(LoggedOut):
        _ = await client.call("GET", "/api/v1/jag")

    assert safe.read() == ""
    with pytest.raises(LoggedOut):
        _ = await client.call("GET", "/api/v1/jag")
    assert not await AppDevice.exists()
    assert "MittPreZero" in plain((await outbox.to(EMAIL))[-1])


async def test_logging_out_ends_the_device(client: MittPreZero, safe: Safe, anna: User) -> None:
    await client.log_in(EMAIL, PASSWORD, no_code)

    await client.log_out()

    assert safe.read() == ""
    assert not await AppDevice.exists()
    with pytest.raises(LoggedOut):
        _ = await client.call("GET", "/api/v1/jag")


@pytest.fixture
async def annas(visitor: Visitor, anna: User) -> Visitor:
    """Her browser, in which she is logged in."""
    await visitor.log_in()
    return visitor


async def test_registration_leads_through_the_browser_and_back(
    client: MittPreZero, visitor: Visitor, account: CustomerAccount
) -> None:
    address = await client.begin_in_browser(BACK, prompt="create")
    assert address.startswith(f"{SETTINGS.base_url}/oauth/authorize?")
    assert (await visitor.visit(address)).path == "/registrera/steg-1"
    await visitor.submit("/registrera/steg-1")
    await visitor.submit("/registrera/steg-2", **CLAIM)
    await visitor.submit("/registrera/steg-3", **DETAILS)
    page = await visitor.submit("/registrera/steg-4/hoppa-over")
    page = await visitor.visit(page.links[ON])
    assert page.links[ON].startswith(f"{BACK}?code=mzc_")

    await client.finish_in_browser(handed_over(page))

    assert (await client.call("GET", "/api/v1/jag"))["email"] == DETAILS["email"]


@pytest.mark.parametrize(
    "changes", [{"state": "of another"}, {"state": ""}, {"iss": "https://evil.example"}]
)
async def test_an_answer_to_nothing_that_was_asked_is_dropped(
    client: MittPreZero, network: Network, annas: Visitor, changes: dict[str, str]
) -> None:
    answer = handed_over(await annas.visit(await client.begin_in_browser(BACK)))

    with pytest.raises(NotOurs):
        await client.finish_in_browser({**answer, **changes})
    assert "/oauth/token" not in network.asked

    await client.finish_in_browser(answer)
    assert (await client.call("GET", "/api/v1/jag"))["email"] == EMAIL


async def test_an_answer_is_taken_once(client: MittPreZero, annas: Visitor) -> None:
    answer = handed_over(await annas.visit(await client.begin_in_browser(BACK)))
    await client.finish_in_browser(answer)

    with pytest.raises(NotOurs):
        await client.finish_in_browser(answer)
    assert await AppDevice.exists(), "the code was not sent a second time"


async def test_who_says_no_in_the_browser_is_not_logged_in(
    client: MittPreZero, safe: Safe, annas: Visitor
) -> None:
    answer = handed_over(await annas.visit(await client.begin_in_browser(BACK)))
    no = {"error": "access_denied", "state": answer["state"], "iss": answer["iss"]}

    _ = await refused(client.finish_in_browser(no), "access_denied")
    assert safe.read() == ""


async def test_a_portal_that_calls_itself_something_else_is_refused(
    network: Network, safe: Safe
) -> None:
    client = MittPreZero("http://minasidor.example", safe, network)

    with pytest.raises(Refused, match="calls itself https://minasidor\\.example"):
        await client.log_in(EMAIL, PASSWORD, no_code)
    await client.close()


# The command line


@pytest.fixture
async def served(db: None) -> AsyncIterator[str]:
    """A portal on a port of the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://localhost:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(a_portal(url), lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield url
        server.should_exit = True
        await serving


async def test_the_command_line(
    served: str,
    bo: tuple[User, str],
    account: CustomerAccount,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _ = await an_account("100900", "4435027711", "Andra Bolaget AB")
    typed = [PASSWORD, code(bo[1])]
    monkeypatch.setattr(getpass, "getpass", lambda _: typed.pop(0))

    async def run(*words: str) -> int:
        return await asyncio.to_thread(command_line.main, ["--url", served, *words])

    assert await run("me") == 3
    assert await run("login", "bo@example.com") == 0
    assert await run("me") == 0
    assert await run("accounts", "exempel") == 0
    typed += ["7711", "0000"]
    assert await run("add", "100900") == 0
    assert await run("add", "100900") == 1
    assert await run("account", "100900") == 0
    assert await run("account", "1") == 1
    assert await run("devices") == 0
    assert await run("logout") == 0
    assert await run("me") == 3
    typed.append("fel")
    assert await run("login", "bo@example.com") == 1

    told = capsys.readouterr()
    for part in (
        '"given_name": "Bo"',
        '"name": "Exempelbygg AB"',
        '"name": "Andra Bolaget AB"',
        '"status": "active"',
        '"organisation_number": "443502-7711"',
        '"is_this": true',
    ):
        assert part in told.out
    assert told.err.splitlines() == [
        "Log in first.",
        NO_MATCH,
        "Du har inte åtkomst till det här kundkontot.",
        "Log in first.",
        "The address or the password is not right.",
    ]
    assert "mz" not in told.out + told.err
    assert not await AppDevice.exists()


async def test_the_command_line_comes_back_from_the_browser(
    served: str, anna: User, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = asyncio.get_running_loop()

    async def agree(address: str) -> None:
        """In the browser: she has a user account already, and logs in."""
        own = {"Sec-Fetch-Site": "same-origin"}
        async with httpx2.AsyncClient(trust_env=False, headers=own, follow_redirects=True) as it:
            await it.get(address)
            fields = {"email": EMAIL, "password": PASSWORD}
            page = Page(await it.post(f"{served}/logga-in", data=fields))
            link = page.links[ON]
            assert (await it.get(urljoin(link, "/favicon.ico"))).status_code == 200
            assert (await it.get(urljoin(link, "/?code=mzc_x&state=of-nobody"))).is_success
            assert "back in the app" in (await it.get(link)).text

    def opened(address: str) -> bool:
        asyncio.run_coroutine_threadsafe(agree(address), loop)
        return True

    monkeypatch.setattr(webbrowser, "open", opened)

    assert await asyncio.to_thread(command_line.main, ["--url", served, "register"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "Go on in the browser. Ctrl+C stops waiting.",
        "Logged in.",
    ]
    assert await AppDevice.exists()


def test_without_a_portal_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    Safe("http://localhost:1").write("mzr_kept")

    assert command_line.main(["--url", "http://localhost:1/", "logout"]) == 2
    assert "http://localhost:1/ does not answer (ConnectError)." in capsys.readouterr().err
