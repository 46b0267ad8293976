"""What unit tests share: a fresh database, a still clock, and visitors without a screen."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from itertools import count
from typing import Any

import httpx2
import hypothesis
import pyotp
import pytest
from argon2 import PasswordHasher
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from starlette.applications import Starlette
from tortoise import Tortoise

from models import (
    AppCode,
    AppDevice,
    CustomerAccount,
    EmailLink,
    OutgoingMail,
    TwoFactor,
    User,
    clock,
    databases,
    keys,
    passwords,
)
from models.app_device import Grant
from models.client import Client, asking
from models.databases import atomic, migrations
from models.identity import How
from models.user import email_key
from tests.unit.page import Page
from web import rendering
from web.app import create_app
from web.settings import Settings

PASSWORD = "blå stövlar i regn"
SETTINGS = Settings(
    env="production",
    demo=False,
    base_url="https://minasidor.example",
    secret_keys=("the newest key of the tests 0123456789",),
    pepper="the pepper of the tests 0123456789 abcdef",
    bankid_mode="simulator",
    trusted_proxies=("127.0.0.1",),
    alarm_email="drift@minasidor.example",
)
# The same examples in each run, however long one takes.
hypothesis.settings.register_profile("tests", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("tests")

_POSTGRESQL = os.environ.get("MINASIDOR_TEST_DATABASE_URL")
_migrated = False


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def use_keys() -> None:
    keys.use(SETTINGS.secret_keys, SETTINGS.pepper)


@pytest.fixture(autouse=True)
def same_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authenticator apps of the same secrets in each run, and so at the still clock the same codes.

    The tests type hundreds of wrong ones, each of which is right for one of 300,000 random secrets.
    """
    draw = partial(random.Random(1).choices, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=32)
    monkeypatch.setattr(pyotp, "random_base32", lambda: "".join(draw()))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty at once may wait for seconds on a busy machine; a deadlock fails all the same. And a
    poll waits for the simulated BankID, however busy the machine is."""
    for module in ("sqlite", "asyncpg"):
        monkeypatch.setattr(f"models.databases.{module}.PATIENCE", 60)
    monkeypatch.setattr("web.bankid.pages.PATIENCE", 60)


@pytest.fixture(autouse=True)
def quick_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with little to do; tests/unit/models/test_passwords.py measures the real one."""
    monkeypatch.setattr(
        passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    )


class Compiled(BytecodeCache):
    """Templates that were compiled once, by their source."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(autouse=True, scope="session")
def compile_once() -> Iterator[None]:
    """Every test has a portal of its own, and half of its time would go into their templates."""
    with pytest.MonkeyPatch.context() as patch:
        made = partial(Environment, bytecode_cache=Compiled())
        patch.setattr(rendering, "Environment", made)
        yield


@pytest.fixture
async def db(anyio_backend: str) -> AsyncIterator[None]:
    """An empty database: SQLite in memory, or the PostgreSQL one that the environment names."""
    global _migrated
    if _POSTGRESQL and not _migrated:
        await migrations.migrate(_POSTGRESQL)
        _migrated = True
    await databases.open(_POSTGRESQL or "sqlite://:memory:")
    try:
        if _POSTGRESQL:
            tables = ", ".join(model._meta.db_table for model in Tortoise.apps["models"].values())
            await databases.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        else:
            await Tortoise.generate_schemas()
        yield
    finally:
        await databases.close()


class Clock:
    """Time stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def forward(self, **step: int) -> None:
        self.time += timedelta(**step)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    frozen = Clock()
    monkeypatch.setattr(clock, "now", frozen.now)
    return frozen


def code(secret: str, **drift: int) -> str:
    """What the app shows now, on a phone whose clock is off by `drift`."""
    return pyotp.TOTP(secret).at(clock.now() + timedelta(**drift))


async def an_account(
    customer_number: str = "100200",
    organisation_number: str = "4421013378",
    name: str = "Exempelbygg AB",
    **more: Any,
) -> CustomerAccount:
    account = CustomerAccount(customer_number=customer_number, name=name, **more)
    account.identify_by(organisation_number)
    account.list_by()
    await account.save()
    return account


@contextmanager
def asked_from(address: str) -> Iterator[None]:
    """What is recorded meanwhile was asked for from there."""
    token = asking.set(Client(address))
    try:
        yield
    finally:
        asking.reset(token)


async def a_user(email: str = "anna@example.com", password: str = PASSWORD, **more: Any) -> User:
    values = {
        "given_name": "Anna",
        "family_name": "Andersson",
        "password_changed_at": clock.now(),
        "created_at": clock.now(),
        "two_factor": TwoFactor.SKIPPED,
        **more,
    }
    password_hash = await passwords.hashed(password)
    return await User.create(
        email=email, email_key=email_key(email), password_hash=password_hash, **values
    )


async def an_app(
    user: User,
    name: str = "Annas iPhone",
    *,
    client_id: str = "mittprezero-ios",
    how: How = How.PASSWORD,
    address: str = "198.51.100.77",
) -> Grant:
    """The user is logged in with the app on a phone: its tokens."""
    async with atomic():
        return await AppDevice.begin(user.id, client_id, name, how, Client(address))


CHALLENGE = "c" * 43


async def an_app_code(user: User, how: How = How.PASSWORD, challenge: str = CHALLENGE) -> str:
    """The authorization code with which the user's phone is about to log in."""
    return await AppCode.issue(
        user,
        how,
        client_id="mittprezero-ios",
        code_challenge=challenge,
        device_name="Annas iPhone",
    )


@pytest.fixture
async def account(db: None) -> CustomerAccount:
    return await an_account(contact_email="kontakt@exempelbygg.example")


@pytest.fixture
def app(db: None) -> Starlette:
    return create_app(SETTINGS)


class Visitor:
    """A browser without a screen, at an address of its own. `Page` lints all it meets."""

    _addresses = count(1)

    def __init__(self, app: Starlette) -> None:
        number = next(self._addresses)
        self.address = f"203.0.{number // 250 % 250}.{number % 250 + 1}"
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, client=("127.0.0.1", 40000)),
            base_url=SETTINGS.base_url,
            headers={"X-Forwarded-For": self.address, "Sec-Fetch-Site": "same-origin"},
        )

    async def visit(self, path: str, **headers: str) -> Page:
        return Page(await self.get(path, **headers))

    async def submit(self, path: str, **fields: str) -> Page:
        return Page(await self.client.post(path, data=fields, follow_redirects=True))

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(path, follow_redirects=True, headers=headers)

    async def post(self, path: str, **fields: str) -> httpx2.Response:
        """The bare answer, not followed."""
        return await self.client.post(path, data=fields)

    async def htmx(self, method: str, path: str, **fields: str) -> httpx2.Response:
        """The request htmx makes for a fragment, not followed."""
        headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
        return await self.client.request(method, path, data=fields or None, headers=headers)

    async def log_in(self, email: str = "anna@example.com", password: str = PASSWORD) -> Page:
        return await self.submit("/logga-in", email=email, password=password)


@pytest.fixture
async def new_visitor(app: Starlette) -> AsyncIterator[Callable[[], Visitor]]:
    made: list[Visitor] = []

    def make() -> Visitor:
        made.append(Visitor(app))
        return made[-1]

    yield make
    for visitor in made:
        await visitor.client.aclose()


@pytest.fixture
def visitor(new_visitor: Callable[[], Visitor]) -> Visitor:
    return new_visitor()


class Outbox:
    """The mails that were written, composed as they will be sent.

    Without the notices of new devices, which almost every login of a test is.
    """

    def __init__(self, app: Starlette) -> None:
        self.app = app

    async def all(self) -> list[EmailMessage]:
        # Those to nobody are dropped.
        mails = await OutgoingMail.exclude(to="").exclude(kind="new_device").order_by("id")
        return [self.app.state.composer.compose(mail) for mail in mails]

    async def to(self, address: str) -> list[EmailMessage]:
        return [message for message in await self.all() if message["To"] == address]

    async def link(self, address: str) -> str:
        """The path of the link in the newest mail to this address, which was delivered just now."""
        message = (await self.to(address))[-1]
        written = OutgoingMail.filter(to=address).exclude(kind="new_device")
        newest = await written.order_by("-id").first()
        if newest:
            await EmailLink.filter(id=newest.link_id, sent_at=None).update(sent_at=clock.now())
        (line,) = (
            line for line in plain(message).splitlines() if line.startswith(SETTINGS.base_url)
        )
        return line.removeprefix(SETTINGS.base_url)


def plain(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.fixture
def outbox(app: Starlette) -> Outbox:
    return Outbox(app)


def settings(**changes: Any) -> Settings:
    return replace(SETTINGS, **changes)
