"""The standalone simulator behind TLS, with certificates made for this run; and customers."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import trustme
from starlette.applications import Starlette

from models import BankIDIdentity, CustomerAccount, Membership, User
from models.bankid_identity import Person
from tests.unit.conftest import Clock, a_user
from tests.unit.web.bankid.customer import ANNA, Customer
from web.log import JsonLines

ROOT = Path(__file__).parents[4]
_HOSTS = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Standalone:
    """Where the simulator is reached, and with which files."""

    base_url: str  # of the RP API, ending in /rp/v6.0/
    control_url: str  # without a slash at the end
    ca_file: str
    client_cert_file: str
    client_key_file: str
    rogue_cert_file: str  # issued by somebody whom BankID does not know
    rogue_key_file: str
    other_ca_file: str
    phone: httpx2.Client  # at `control_url`

    def control(self, path: str, **body: object) -> dict[str, object]:
        """Post to the control page's JSON twin."""
        answer = self.phone.post(path, json=body)
        answer.raise_for_status()
        told: dict[str, object] = answer.json()
        return told


@pytest.fixture(scope="session")
def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("bankid")
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    other.cert_pem.write_to_path(folder / "other.pem")
    for name, issuer, hosts in (
        ("server", authority, _HOSTS),
        ("client", authority, ("minasidor.example",)),
        ("rogue", other, ("minasidor.example",)),
    ):
        issued = issuer.issue_cert(*hosts)
        issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        issued.private_key_pem.write_to_path(folder / f"{name}.key")
    process = subprocess.Popen(command_of(folder), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout
        base_url, control_url = [process.stdout.readline().split()[-1] for _ in range(2)]
        phone = httpx2.Client(base_url=control_url, trust_env=False)
        yield Standalone(
            base_url=base_url,
            control_url=control_url.rstrip("/"),
            ca_file=str(folder / "ca.pem"),
            client_cert_file=str(folder / "client.pem"),
            client_key_file=str(folder / "client.key"),
            rogue_cert_file=str(folder / "rogue.pem"),
            rogue_key_file=str(folder / "rogue.key"),
            other_ca_file=str(folder / "other.pem"),
            phone=phone,
        )
        phone.close()
        process.terminate()
        assert process.wait(10) == 0, "it ends cleanly on SIGTERM"


@pytest.fixture
def standalone(running_simulator: Standalone) -> Standalone:
    """The simulator over mTLS, as new."""
    running_simulator.control("/api/reset")
    return running_simulator


def command_of(folder: Path) -> list[str]:
    """What starts the simulator with the certificates that lie there, on ports that are free."""
    files = {"--cert": "server.pem", "--key": "server.key", "--client-ca": "ca.pem"}
    options = [word for option, name in files.items() for word in (option, str(folder / name))]
    return [sys.executable, "-m", "web.bankid.simulator", *options]


@pytest.fixture
async def new_customer(app: Starlette, time: Clock) -> AsyncIterator[Callable[..., Customer]]:
    """What makes another browser, each at an address of its own."""
    made: list[Customer] = []

    def make(user_agent: str = "") -> Customer:
        made.append(Customer(app, time, user_agent))
        return made[-1]

    yield make
    for customer in made:
        await customer.client.aclose()


@pytest.fixture
def customer(new_customer: Callable[..., Customer]) -> Customer:
    return new_customer()


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    """A user of Exempelbygg's, with a password, whose BankID is linked since long."""
    user = await a_user(email_confirmed_at=time.now())
    _ = await Membership.admit(user, account)
    person = Person(ANNA.number, ANNA.given_name, ANNA.surname)
    await BankIDIdentity.add(user.id, person, time.now())
    time.forward(days=30)
    return user


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """All that is logged, as production writes it; without the lines of the tests' own client."""
    caplog.set_level(logging.INFO)

    def lines() -> str:
        ours = [record for record in caplog.records if record.name != "httpx2"]
        return "\n".join(JsonLines().format(record) for record in ours)

    return lines
