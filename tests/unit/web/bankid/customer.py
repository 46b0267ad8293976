"""A customer with BankID: their browser at the portal, and their phone at the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import httpx2
from starlette.applications import Starlette

from tests.unit.conftest import SETTINGS, Clock, Visitor
from tests.unit.page import Page
from web.bankid.client import Client
from web.bankid.simulator.faults import Fault
from web.bankid.simulator.orders import Order
from web.bankid.simulator.persons import PERSONS, Person
from web.bankid.simulator.state import State

ANNA, BERTIL, CECILIA = PERSONS["anna"], PERSONS["bertil"], PERSONS["cecilia"]
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
CLAIM = {"customer_number": "100200", "organisation_suffix": "3378"}
CREDENTIALS = "/mina-uppgifter/inloggningsuppgifter"


class Customer(Visitor):
    """All that the portal answers to this browser is kept in `heard`."""

    def __init__(self, app: Starlette, time: Clock, user_agent: str = "") -> None:
        super().__init__(app)
        self.app, self.time, self.heard = app, time, list[str]()
        self.client.event_hooks["response"].append(self._hear)
        if user_agent:
            self.client.headers["User-Agent"] = user_agent

    @property
    def bankid(self) -> State:
        """The simulator in the same process."""
        state: State = self.app.state.bankid_simulator.state
        return state

    @property
    def order(self) -> Order:
        """The newest one at BankID."""
        return self.bankid.orders[0]

    def cookie(self, name: str) -> str:
        return self.client.cookies.get(f"__Host-{name}") or ""

    async def is_signed_in(self) -> bool:
        return (await self.get("/mina-uppgifter")).url.path != "/logga-in"

    async def start(self, intent: str = "login", device: str = "other", **more: str) -> str:
        """Click; the path of the page that waits."""
        answer = await self.post("/bankid/starta", intent=intent, device=device, **more)
        assert answer.status_code == 303, answer.status_code
        return answer.headers["location"]

    async def poll(self, path: str, seen: str = "") -> httpx2.Response:
        """What htmx asks for, two seconds later."""
        self.time.forward(seconds=2)
        return await self.look(path, seen)

    async def look(self, path: str, seen: str = "") -> httpx2.Response:
        """The same at once, so that BankID is not asked again."""
        return await self.htmx("GET", f"{path}/status?seen={quote(seen)}")

    async def sees(self, path: str) -> Page:
        """The page, loaded anew two seconds later."""
        self.time.forward(seconds=2)
        return await self.visit(path)

    async def identify(
        self, person: Person = ANNA, intent: str = "login", device: str = "other", **more: str
    ) -> Page:
        """Start, answer on the phone, and go where that leads."""
        path = await self.start(intent, device, **more)
        self.bankid.answer(self.order.ref, person)
        return await self.sees(path)

    async def register(self, person: Person = ANNA, **fields: str) -> Page:
        """From Steg 1 to the end, without a password unless there is one in `fields`."""
        assert (await self.identify(person, "registration")).heading == "Ange kontouppgifter"
        assert (await self.submit("/registrera/steg-2", **CLAIM)).path == "/registrera/steg-3"
        details = {
            "given_name": person.given_name,
            "family_name": person.surname,
            "phone": "",
            "email": "anna@example.com",
            "password": "",
            "customer_number": "100200",
        }
        return await self.submit("/registrera/steg-3", **{**details, **fields})

    async def _hear(self, answer: httpx2.Response) -> None:
        await answer.aread()
        self.heard.append(f"{answer.url} {answer.headers} {answer.text}")


def seen_in(answer: httpx2.Response) -> str:
    """What the next poll will say that this one has shown."""
    written = answer.text.partition("/status?seen=")[2].partition('"')[0]
    assert written, "it polls on"
    return written


def message(answer: httpx2.Response) -> str | None:
    """The sentence that is read aloud; None where the answer leaves it alone."""
    _, found, rest = answer.text.partition('id="bankid-message"')
    return rest.partition(">")[2].partition("<")[0] if found else None


def calls(state: State, endpoint: str) -> int:
    """How often BankID was asked for that."""
    return sum(logged.path.endswith(f"/{endpoint}") for logged in state.log)


def fail_next(state: State, endpoint: str, code: str = "", kind: str = "") -> None:
    body = {"endpoint": endpoint, "errorCode": code, "kind": kind}
    state.faults.append(Fault.read({name: value for name, value in body.items() if value}))


@contextmanager
def down(app: Starlette) -> Iterator[None]:
    """Meanwhile nobody reaches BankID at all."""

    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    client: Client = app.state.bankid.client
    reached = client._http
    client._http = httpx2.AsyncClient(
        transport=httpx2.MockTransport(refuse), base_url=str(reached.base_url)
    )
    try:
        yield
    finally:
        client._http = reached


def path_of(url: str) -> str:
    return url.removeprefix(SETTINGS.base_url)
