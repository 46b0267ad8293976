"""The `minasidor` command: what it answers, its exit status, and one clear line for every error."""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp
import pytest
from tortoise import Tortoise

from models import (
    ClaimPolicy,
    CustomerAccount,
    EmailLink,
    Invitation,
    KnownDevice,
    Membership,
    RecoveryCode,
    Registration,
    Role,
    Switch,
    Totp,
    User,
    access,
    clock,
    databases,
    lifting,
    limits,
    login,
    password_reset,
)
from models.access import Actor
from models.claim import prove
from models.client import Client
from models.databases import migrations
from models.identity import How
from models.limits import Limit
from models.session import Session
from tests.unit.conftest import PASSWORD, SETTINGS, a_user, an_account, an_app, asked_from
from web import cli, log
from web.cli import customers
from web.settings import ROOT

HEADER = "kundnummer;organisationsnummer;namn;e-post;gatuadress;postnummer;ort"
LINES = (
    "10;4421013378;Exempelbygg AB;ekonomi@exempelbygg.example;Byggvägen 4;11111;Stockholm",
    "20;4435027711;Norrsken Hotell AB;;Storgatan 1;97232;Luleå",
    "20;4435027711;Norrsken Hotell AB;;Hamngatan 12;97232;Luleå",
)


COMMAND = (sys.executable, "-c", "import sys; from web.cli import main; sys.exit(main())")
POSTGRESQL = os.environ.get("MINASIDOR_TEST_DATABASE_URL", "")


@dataclass
class Result:
    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "migrated.sqlite3"
    asyncio.run(migrations.migrate(f"sqlite://{path}"))
    return path


@pytest.fixture
def database(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty one that is not open: a command opens and closes it itself."""
    url = POSTGRESQL or f"sqlite://{shutil.copy(migrated, tmp_path / 'portal.sqlite3')}"
    if POSTGRESQL:
        asyncio.run(migrations.migrate(url))
        within(url, emptied)
    for name, value in environment(url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(log, "set_up", lambda *, development: None)
    return url


async def emptied() -> None:
    tables = ", ".join(model._meta.db_table for model in Tortoise.apps["models"].values())
    _ = await databases.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")


def environment(database: str) -> dict[str, str]:
    return {
        "MINASIDOR_DATABASE_URL": database,
        "MINASIDOR_SECRET_KEYS": ",".join(SETTINGS.secret_keys),
        "MINASIDOR_PEPPER": SETTINGS.pepper,
        "MINASIDOR_DEMO": "false",
    }


@pytest.fixture
def minasidor(database: str, capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> Result:
        _ = capfd.readouterr()
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse
            status = int(str(stop.code))
        sys.stdout.flush()
        said = capfd.readouterr()
        return Result(status, said.out, said.err)

    return run


def within(database: str, work: Callable[[], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        await databases.open(database)
        try:
            return await work()
        finally:
            await databases.close()

    return asyncio.run(opened())


def rows(database: str, sql: str) -> list[tuple[Any, ...]]:
    async def work() -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in await databases.fetch(sql)]

    found: list[tuple[Any, ...]] = within(database, work)
    return found


def execute(database: str, sql: str) -> None:
    within(database, lambda: databases.execute(sql))


# Importing


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str, header: str = HEADER, encoding: str = "utf-8", end: str = "\n") -> Path:
        path = tmp_path / "customers.csv"
        path.write_bytes("".join(f"{line}{end}" for line in (header, *lines)).encode(encoding))
        return path

    return write


def accounts(database: str) -> list[tuple[Any, ...]]:
    return rows(
        database, "SELECT customer_number, name FROM customer_accounts ORDER BY customer_number"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separator", [";", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_takes_every_way_of_writing_the_file(
    minasidor: Run,
    database: str,
    file: Callable[..., Path],
    encoding: str,
    separator: str,
    end: str,
) -> None:
    lines = [line.replace(";", separator) for line in (*LINES, ";;;;;;", "")]
    path = file(*lines, header=HEADER.replace(";", separator), encoding=encoding, end=end)

    result = minasidor("import-customers", path)

    assert (result.status, result.err) == (0, "")
    assert result.out == (
        "2 created, 0 updated (0 of them reopened), 0 unchanged, 0 closed, 0 skipped\n"
    )
    assert accounts(database) == [("10", "Exempelbygg AB"), ("20", "Norrsken Hotell AB")]
    assert rows(database, "SELECT town FROM addresses ORDER BY id") == [
        ("Stockholm",),
        ("Luleå",),
        ("Luleå",),
    ]


def test_columns_come_in_any_order_and_others_are_ignored(
    minasidor: Run, database: str, file: Callable[..., Path]
) -> None:
    path = file(
        'Luleå;97232;"Storgatan 1; uppgång B";;"Hotell ""Norrsken"" AB";x;443502-7711;20',
        header="ort;postnummer;Gatuadress;E-POST;namn;saljare;organisationsnummer; kundnummer",
    )
    assert minasidor("import-customers", path).status == 0
    assert accounts(database) == [("20", 'Hotell "Norrsken" AB')]
    assert rows(database, "SELECT street FROM addresses") == [("Storgatan 1; uppgång B",)]


def test_tells_every_bad_line_and_writes_nothing(
    minasidor: Run, database: str, file: Callable[..., Path]
) -> None:
    bad = ("30;4421013379;Fel AB;;;;", '40;;"Citat AB;;;;', "50;;Kort AB;", LINES[1], "x;;A;;;;")
    result = minasidor("import-customers", file(LINES[0], *bad))

    assert result.status == 1
    assert result.err.splitlines() == [
        "line 3: organisationsnummer: the check digit is wrong",
        "line 4: is no line of CSV: unexpected end of data",
        "line 5: has 4 columns, and line 1 has 7",
        "line 7: kundnummer: 1 to 20 digits are needed, not all of them 0",
        "4 lines cannot be used, so nothing was written"
        " (--skip-bad leaves the customers of such lines as they are)",
    ]
    assert accounts(database) == []
    assert rows(database, "SELECT * FROM events") == []


def test_skip_bad_imports_the_others(
    minasidor: Run, database: str, file: Callable[..., Path]
) -> None:
    path = file(LINES[0], "20;;A;;;;", "30;4421013379;Fel AB;;;;", *LINES[1:])
    result = minasidor("import-customers", path, "--skip-bad", "--operator", "Kim")
    assert result.status == 0
    assert "line 4: organisationsnummer" in result.err
    assert "line 5: organisationsnummer: not the same as on line 3" in result.err
    assert "1 created" in result.out
    assert "2 skipped" in result.out
    assert rows(database, "SELECT kind, operator FROM events") == [("customers.imported", "Kim")]


def test_close_missing_asks(
    minasidor: Run,
    database: str,
    file: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert minasidor("import-customers", file(*LINES)).status == 0
    path = file(LINES[0])
    is_open = "SELECT customer_number FROM customer_accounts WHERE closed_at IS NULL"

    monkeypatch.setattr(sys, "stdin", io.StringIO())
    result = minasidor("import-customers", path, "--close-missing")
    assert (result.status, result.out) == (
        2,
        "1 open customer accounts are not in the file and will be closed\n",
    )
    assert "--yes" in result.err

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(customers, "confirmed", lambda question: False)
    assert minasidor("import-customers", path, "--close-missing").status == 1
    assert len(rows(database, is_open)) == 2

    monkeypatch.setattr(customers, "confirmed", lambda question: True)
    assert "1 closed" in minasidor("import-customers", path, "--close-missing").out
    assert rows(database, is_open) == [("10",)]

    assert "(1 of them reopened)" in minasidor("import-customers", file(*LINES)).out
    result = minasidor("import-customers", file(LINES[0]), "--close-missing", "--yes")
    assert (result.status, rows(database, is_open)) == (0, [("10",)])


def test_close_missing_closes_nothing_that_it_cannot_be_sure_of(
    minasidor: Run, database: str, file: Callable[..., Path]
) -> None:
    assert minasidor("import-customers", file(*LINES)).status == 0
    path = file(LINES[0], "2O;;A;;;;")
    result = minasidor("import-customers", path, "--close-missing", "--skip-bad", "--yes")
    assert result.status == 1
    assert "cannot tell which customers are missing" in result.err
    assert rows(database, "SELECT * FROM customer_accounts WHERE closed_at IS NOT NULL") == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no such file"),
        (b"", "is empty"),
        (HEADER.encode(), "there is no customer to import; nothing was written"),
        (b"kundnummer;namn\n1;A\n", "missing: organisationsnummer, e-post, gatuadress, postnummer"),
        (f"{HEADER};namn\n".encode(), "line 1 names a column twice: namn"),
        (HEADER.encode("utf-16"), "is UTF-16 or no text at all; save it as CSV (UTF-8)"),
        (b"PK\x03\x04...", "is a spreadsheet; save it as CSV (UTF-8)"),
        (
            f"{HEADER}\n1;;Åkeri;;;;\n".encode() + "2;;Åkeri;;;;\n".encode("cp1252"),
            "mixes encodings: line 2 is UTF-8 and line 3 is not; export it once more",
        ),
        (HEADER.encode() + b"\n" + b"x" * 200_000, "line 2 is longer than 100000 bytes"),
    ],
)
def test_says_in_one_line_why_a_file_cannot_be_taken(
    minasidor: Run, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "customers.csv"
    if content is not None:
        path.write_bytes(content)
    result = minasidor("import-customers", path)
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith(f"minasidor: {path}: ")
    assert reason in result.err
    assert result.err.count("\n") == 1


def test_a_killed_import_leaves_whole_customers_and_the_same_again_does_the_rest(
    minasidor: Run, database: str, file: Callable[..., Path]
) -> None:
    count = 10_000
    path = file(
        *(
            f"{number};;Kund {number};;Gatan {place};11111;Stockholm"
            for number in range(1, count + 1)
            for place in (1, 2)
        )
    )
    done = "SELECT count(*) FROM customer_accounts"

    def is_begun() -> bool:
        if POSTGRESQL:
            return rows(database, done) != [(0,)]
        # The portal's own way in waits for the lock, which the import holds nearly all the time.
        with closing(sqlite3.connect(database.removeprefix("sqlite://"))) as reading:
            return bool(reading.execute(done).fetchone() != (0,))

    process = subprocess.Popen(
        [*COMMAND, "import-customers", str(path)],
        cwd=ROOT,
        env={**os.environ, **environment(database)},
        stdout=subprocess.DEVNULL,
    )
    try:
        while not is_begun():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()

    ((written,),) = rows(database, done)
    assert 0 < written < count
    assert rows(database, "SELECT count(*) FROM addresses") == [(2 * written,)]
    if not POSTGRESQL:
        assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    ((data,),) = rows(database, "SELECT data FROM events")
    assert f'"created":{written},' in data.replace(" ", "")
    assert '"finished":false' in data.replace(" ", "")

    result = minasidor("import-customers", path)
    assert f"{count - written} created, 0 updated" in result.out
    assert rows(database, "SELECT count(*) FROM addresses") == [(2 * count,)]


# Users


@pytest.fixture
def anna(database: str) -> User:
    async def make() -> User:
        for number, name in (("10", "Exempelbygg AB"), ("20", "Norrsken Hotell AB")):
            _ = await an_account(number, name=name)
        user = await a_user("Asa.Oberg@exempelbygg.example", given_name="Åsa", family_name="Öberg")
        other = await a_user("bo@norrsken.example", given_name="Bo", family_name="Bergström")
        for who, number in ((user, "10"), (user, "20"), (other, "20")):
            proven = await prove(number, "3378", Client("203.0.113.5"))
            assert proven
            _ = await Membership.admit(who, proven)
        with asked_from("203.0.113.5"):
            client = Client("203.0.113.5", "Firefox", "a device")
            _ = await Session.start(user, How.PASSWORD, client)
        for name, app in (("Åsas iPhone", "mittprezero-ios"), ("Surfplattan", "gone")):
            _ = await an_app(user, name, client_id=app)
        totp = await Totp.pending(user)
        code = pyotp.TOTP(totp.secret).at(clock.now())
        assert (await totp.activate(user, code)).is_right
        assert await RecoveryCode.use(user.id, (await RecoveryCode.shown(user.id))[0])
        return user

    user: User = within(database, make)
    return user


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ÅSA", {"Åsa Öberg"}),
        ("öberg åsa", {"Åsa Öberg"}),
        ("exempelbygg.example", {"Åsa Öberg"}),
        ("bo", {"Bo Bergström"}),
        (".example", {"Åsa Öberg", "Bo Bergström"}),
        ("0020", {"Åsa Öberg", "Bo Bergström"}),
        ("10", {"Åsa Öberg"}),
    ],
)
def test_finds_users(minasidor: Run, anna: User, text: str, found: set[str]) -> None:
    result = minasidor("users", "find", text)
    assert result.status == 0
    assert {name for name in ("Åsa Öberg", "Bo Bergström") if name in result.out} == found
    assert result.out.startswith("ID  NAME ")


def test_says_when_nobody_is_found(minasidor: Run, anna: User) -> None:
    assert minasidor("users", "find", "nobody") == Result(
        1, "", "minasidor: no user matches 'nobody'\n"
    )


def test_shows_a_user_by_address_or_id(minasidor: Run, anna: User) -> None:
    result = minasidor("users", "show", "ASA.oberg@exempelbygg.example")
    assert result.status == 0
    lines = result.out.splitlines()
    for line in (
        "Name:               Åsa Öberg",
        "E-mail confirmed:   no",
        "Sessions:           1",
    ):
        assert line in lines
    assert "Two-factor:         on, 9 recovery codes left" in lines
    assert any(line.startswith("10 ") and "administrator" in line for line in lines)
    assert any("login" in line and "203.0.113.5" in line for line in lines)
    assert "two_factor.on" in result.out
    (phone,) = (line for line in lines if line.startswith("Åsas iPhone "))
    assert re.search(r" MittPreZero \(iOS\) +password .+ 198\.51\.100\.77$", phone)
    assert any(line.startswith("Surfplattan  MittPreZero  ") for line in lines)
    assert minasidor("users", "show", anna.id) == result
    assert minasidor("users", "show", "9").status == 1


def test_what_a_customer_typed_does_not_steer_the_terminal(
    minasidor: Run, database: str, anna: User
) -> None:
    execute(database, "UPDATE users SET given_name = '\x1b[2J'")
    assert "\x1b" not in minasidor("users", "find", "exempelbygg").out


def test_freezes_and_unfreezes_a_user(minasidor: Run, database: str, anna: User) -> None:
    email = anna.email

    async def lets_in() -> tuple[bool, bool]:
        outcome = await login.check(email, PASSWORD, Client("203.0.113.5"))
        return outcome.user is not None, outcome.frozen

    execute(database, f"UPDATE users SET closes_at = '2030-01-01' WHERE id = {anna.id}")
    result = minasidor("users", "freeze", email, "--operator", "Kim")

    assert result.status == 0
    assert "is frozen; a mail with a link to a new password is on its way" in result.out
    assert within(database, lets_in) == (False, True)
    assert rows(database, "SELECT COUNT(*) FROM sessions") == [(0,)]
    assert rows(database, f"SELECT closes_at FROM users WHERE id = {anna.id}") == [(None,)]
    shown = minasidor("users", "show", email).out
    assert re.search(r"^Frozen since: +20", shown, re.MULTILINE)
    assert re.search("user.frozen_by_operator +- +- +Kim", shown)
    assert "was frozen already" in minasidor("users", "freeze", anna.id).out

    result = minasidor("users", "unfreeze", email, "--operator", "Kim")

    assert "can log in again" in result.out
    assert within(database, lets_in) == (True, False)
    assert "was not frozen" in minasidor("users", "unfreeze", email).out
    kinds = "SELECT kind FROM outgoing_mails WHERE kind LIKE '%frozen%' ORDER BY id"
    assert rows(database, kinds) == [("frozen_by_operator",), ("unfrozen",)]
    assert minasidor("users", "freeze", "nobody@exempelbygg.example").status == 1


def test_a_user_frozen_by_an_operator_chooses_a_new_password_by_the_mailed_link(
    minasidor: Run, database: str, anna: User
) -> None:
    minasidor("users", "freeze", anna.id)

    async def thaw() -> bool:
        link = await EmailLink.filter(purpose="reset_password").get().prefetch_related("user")
        assert await password_reset.finish(link, "new")
        return (await User.get(id=anna.id)).frozen_at is None

    assert within(database, thaw)


def test_ends_the_sessions_of_a_user(minasidor: Run, database: str, anna: User) -> None:
    result = minasidor("users", "end-sessions", anna.email, "--operator", "Kim")

    assert (result.status, result.out) == (0, f"{anna.email}: 1 session and 2 apps ended\n")
    for table in ("sessions", "app_devices", "app_tokens"):
        assert rows(database, f"SELECT COUNT(*) FROM {table}") == [(0,)]
    events = "SELECT user_id, operator FROM events WHERE kind = 'sessions.ended_by_operator'"
    assert rows(database, events) == [(anna.id, "Kim")]
    assert minasidor("users", "end-sessions", anna.id).out.endswith("0 sessions and 0 apps ended\n")
    assert len(rows(database, events)) == 1


# Customers


@pytest.fixture
def exempelbygg(database: str) -> CustomerAccount:
    """Of Anna, its administrator, Bo, and Cecilia who waits; Dan and Eva are users elsewhere."""

    async def make() -> CustomerAccount:
        account = await an_account("10")
        _ = await an_account("20", "4001019803", name="Lindgrens Måleri")
        people = {}
        for name in ("Anna", "Bo", "Cecilia", "Dan", "Eva"):
            confirmed = None if name == "Eva" else clock.now()
            people[name] = await a_user(
                f"{name.lower()}@exempelbygg.example", given_name=name, email_confirmed_at=confirmed
            )
        anna = Actor((await Membership.admit(people["Anna"], account)).user_id)
        _ = await Membership.admit(people["Bo"], account)
        await access.set_rules(
            account, anna, claim_policy=ClaimPolicy.APPROVE, requires_two_factor=True
        )
        _ = await Membership.admit(people["Cecilia"], account)
        _ = await Invitation.send(account, "frida@exempelbygg.example", Role.MEMBER, anna)
        return account

    account: CustomerAccount = within(database, make)
    return account


def standing(database: str, name: str) -> list[tuple[Any, ...]]:
    return rows(
        database,
        "SELECT m.role, m.status FROM memberships m JOIN users u ON u.id = m.user_id"
        f" WHERE u.given_name = '{name}'",
    )


def newest_event(database: str) -> tuple[Any, ...]:
    return rows(database, "SELECT kind, operator FROM events ORDER BY id DESC LIMIT 1")[0]


def test_shows_a_customer(minasidor: Run, exempelbygg: CustomerAccount) -> None:
    result = minasidor("customers", "show", "0010")

    assert result.status == 0
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    for line in (
        "Customer number: 10",
        "Name: Exempelbygg AB",
        "Organisation number: 442101-3378",
        "Closed: no",
        "Policy of claims: approve",
        "Two-factor: required",
        "Administrators: 1",
        "Reviewed: never",
    ):
        assert line in lines
    users = [line for line in lines if "@exempelbygg.example" in line]
    for line, (name, marks) in zip(
        users,
        (
            ("Anna Andersson", "administrator active"),
            ("Bo Andersson", "member active"),
            ("Cecilia Andersson", "member awaiting approval"),
            ("frida@", "member"),
        ),
        strict=True,
    ):
        assert name in line
        assert marks in line
    assert minasidor("customers", "show", "99") == Result(
        1, "", "minasidor: there is no customer account '99'\n"
    )
    assert minasidor("customers", "show", "x").status == 1


def test_a_sole_traders_digits_are_never_told(minasidor: Run, exempelbygg: CustomerAccount) -> None:
    result = minasidor("customers", "show", "20")
    assert "400101-••••" in result.out
    assert "9803" not in result.out
    assert "no users" in result.out
    assert "no invitations" in result.out


def test_shows_who_is_frozen_or_leaving(
    minasidor: Run, database: str, exempelbygg: CustomerAccount
) -> None:
    execute(database, "UPDATE users SET frozen_at = created_at WHERE given_name = 'Bo'")
    execute(database, "UPDATE users SET closes_at = created_at WHERE given_name = 'Anna'")
    out = minasidor("customers", "show", "10").out
    assert "active, frozen" in out
    assert "active, closing" in out


def test_sets_the_policy_of_claims(
    minasidor: Run, database: str, exempelbygg: CustomerAccount
) -> None:
    result = minasidor("customers", "policy", "10", "direct", "--operator", "Kim")
    assert result == Result(0, "the policy of Exempelbygg AB (10) is direct\n", "")
    assert newest_event(database) == ("policy.changed", "Kim")
    again = minasidor("customers", "policy", "10", "direct")
    assert again.out == "the policy of Exempelbygg AB (10) was already direct\n"
    assert newest_event(database) == ("policy.changed", "Kim")
    assert rows(
        database,
        "SELECT claim_policy, requires_two_factor FROM customer_accounts"
        " WHERE customer_number = '10'",
    ) == [("direct", True)]
    assert minasidor("customers", "policy", "10", "perhaps").status == 2


def test_lets_in_who_waits(minasidor: Run, database: str, exempelbygg: CustomerAccount) -> None:
    email = "cecilia@exempelbygg.example"
    result = minasidor("customers", "approve", "10", email.upper(), "--operator", "Kim")
    assert result == Result(0, f"{email} has access to Exempelbygg AB (10)\n", "")
    assert standing(database, "Cecilia") == [("member", "active")]
    assert newest_event(database) == ("membership.approved", "Kim")
    (id,) = rows(database, f"SELECT id FROM users WHERE email = '{email}'")[0]
    again = minasidor("customers", "approve", "10", id)
    assert again == Result(0, f"{email} had access to Exempelbygg AB (10)\n", "")
    assert minasidor("customers", "approve", "10", "dan@exempelbygg.example") == Result(
        1,
        "",
        "minasidor: dan@exempelbygg.example has not asked for access to Exempelbygg AB (10)\n",
    )
    assert minasidor("customers", "approve", "10", "nobody@exempelbygg.example").status == 1


@pytest.mark.parametrize(
    ("name", "told", "event"),
    [
        ("Anna", "was administrator of", "invitation.sent"),
        ("Bo", "had access to", "membership.promoted"),
        ("Cecilia", "had access to", "membership.promoted"),
        ("Dan", "had no access to", "membership.appointed"),
    ],
)
def test_appoints_a_user(
    minasidor: Run,
    database: str,
    exempelbygg: CustomerAccount,
    name: str,
    told: str,
    event: str,
) -> None:
    email = f"{name.lower()}@exempelbygg.example"
    before = newest_event(database)
    result = minasidor("customers", "appoint", "10", email, "--operator", "Kim")

    assert result.status == 0
    assert result.out.startswith(f"{email} {told} Exempelbygg AB (10)")
    assert standing(database, name) == [("administrator", "active")]
    assert newest_event(database) == (before if name == "Anna" else (event, "Kim"))
    administrators = "SELECT active_administrators FROM customer_accounts WHERE id = 1"
    assert rows(database, administrators) == [(1 if name == "Anna" else 2,)]
    mails = f"SELECT kind FROM outgoing_mails WHERE \"to\" = '{email}' ORDER BY id DESC LIMIT 1"
    assert (rows(database, mails) == [("made_administrator",)]) == (name != "Anna")


@pytest.mark.parametrize("email", ["gun@exempelbygg.example", "eva@exempelbygg.example"])
def test_invites_who_has_not_proven_the_address(
    minasidor: Run, database: str, exempelbygg: CustomerAccount, email: str
) -> None:
    result = minasidor("customers", "appoint", "10", email, "--operator", "Kim")

    assert result.status == 0
    assert "an invitation as administrator of Exempelbygg AB (10) is on its way" in result.out
    assert standing(database, "Eva") == []
    assert newest_event(database) == ("invitation.sent", "Kim")
    sent = f"SELECT role, invited_by_id FROM invitations WHERE email = '{email}'"
    assert rows(database, sent) == [("administrator", None)]
    mails = f"SELECT kind FROM outgoing_mails WHERE \"to\" = '{email}'"
    assert ("invitation",) in rows(database, mails)


def test_says_why_somebody_is_not_appointed(
    minasidor: Run, database: str, exempelbygg: CustomerAccount
) -> None:
    execute(database, "UPDATE users SET closes_at = created_at WHERE given_name = 'Bo'")
    bo = "bo@exempelbygg.example"
    assert minasidor("customers", "appoint", "10", bo) == Result(
        1, "", f"minasidor: {bo} is closing the user account\n"
    )
    assert minasidor("customers", "appoint", "10", "bo") == Result(
        2, "", "minasidor: 'bo' is no e-mail address\n"
    )
    assert standing(database, "Bo") == [("member", "active")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("policy", "10", "direct"),
        ("approve", "10", "cecilia@exempelbygg.example"),
        ("appoint", "10", "dan@exempelbygg.example"),
        ("appoint", "10", "bo@exempelbygg.example"),
        ("appoint", "10", "gun@exempelbygg.example"),
    ],
)
def test_a_closed_customer_is_shown_and_not_changed(
    minasidor: Run, database: str, exempelbygg: CustomerAccount, arguments: tuple[str, ...]
) -> None:
    execute(database, "UPDATE customer_accounts SET closed_at = '2026-03-02 09:00:00+00:00'")
    assert minasidor("customers", *arguments) == Result(
        1, "", "minasidor: the customer account is closed\n"
    )
    assert "Closed:" in minasidor("customers", "show", "10").out


def test_a_user_is_shown_with_what_they_wait_for(
    minasidor: Run, exempelbygg: CustomerAccount
) -> None:
    out = minasidor("users", "show", "cecilia@exempelbygg.example").out
    (line,) = (line for line in out.splitlines() if line.startswith("10 "))
    assert "member  awaiting approval" in line


# Limits and claims


def test_every_limit_can_be_lifted(database: str) -> None:
    of_one_registration = {limits.EMAIL_IN_USE.name, limits.SENT_AGAIN.name}

    async def named() -> set[str]:
        user = await a_user()
        device = KnownDevice.hashed("a device")
        _ = await KnownDevice.create(user_id=user.id, device_hash=device, seen_at=clock.now())
        _ = await Membership.admit(user, await an_account())
        of = [
            await lifting.of_user(user.email, "203.0.113.1"),
            await lifting.of_customer("100200"),
            lifting.of_address("203.0.113.1"),
            lifting.of_site(),
        ]
        return {use.limit.name for whose in of for use in whose.uses}

    # Those of one registration are over with it, an hour at most. The others keep nobody out: they
    # spare people the same mail twice.
    mails = {name for name in Limit.all if name.startswith(("alarm:", "notice:"))}
    assert within(database, named) | of_one_registration | mails == set(Limit.all)


def test_lifts_what_keeps_a_user_out(minasidor: Run, database: str, anna: User) -> None:
    email = "asa.oberg@exempelbygg.example"
    known = Client("203.0.113.5", device="a device")
    strange = Client("203.0.113.77")

    async def fail() -> None:
        for client in (known, strange):
            for _ in range(30):
                await login.check(email, "wrong", client)

    async def outcomes() -> list[bool]:
        return [bool((await login.check(email, PASSWORD, c)).user) for c in (known, strange)]

    within(database, fail)
    assert within(database, outcomes) == [False, False]
    shown = minasidor("limits", "show", email).out
    assert re.search(r"login: user and known device +20 of 20 ", shown)

    result = minasidor("limits", "lift", "--user", email, "--operator", "Kim")
    assert result.status == 0
    assert "login: user and known device" in result.out
    assert within(database, outcomes) == [True, False]

    assert minasidor("limits", "lift", "--user", email, "--address", "203.0.113.77").status == 0
    assert within(database, outcomes) == [True, True]
    assert minasidor("limits", "lift", "--user", email).out.startswith("there was nothing to lift")
    events = rows(database, "SELECT user_id, operator FROM events WHERE kind = 'limits.lifted'")
    assert events[0] == (anna.id, "Kim")


@pytest.mark.parametrize("organisation_number", ["4421013378", "4001019803"])
def test_lifts_what_keeps_a_customer_from_registering(
    minasidor: Run, database: str, organisation_number: str
) -> None:
    suffix = organisation_number[-4:]

    async def sweep() -> None:
        _ = await an_account("500", organisation_number)
        for number in range(25):
            await prove(f"9{number}", suffix, Client(f"203.0.113.{number}"))
            await prove("500", f"{number:04}", Client(f"203.0.114.{number}"))

    async def proven() -> bool:
        return await prove("500", suffix, Client("203.0.115.1")) is not None

    within(database, sweep)
    assert not within(database, proven)
    result = minasidor("limits", "lift", "--customer", "00500", "--operator", "Kim")
    assert result.status == 0
    assert within(database, proven)
    assert suffix not in result.out
    events = rows(database, "SELECT customer_account_id, operator, data FROM events")
    assert events[-1][:2] == (1, "Kim")
    assert suffix not in events[-1][2]


def test_lifts_an_address(minasidor: Run, database: str) -> None:
    async def fail() -> None:
        _ = await an_account("500")
        for number in range(12):
            await prove(str(number + 1), f"{number:04}", Client(f"2001:db8::{number}"))

    async def proven() -> bool:
        return await prove("500", "3378", Client("2001:db8::99")) is not None

    within(database, fail)
    assert not within(database, proven)
    assert "10 of 10" in minasidor("limits", "show", "2001:db8::1234").out
    assert minasidor("limits", "lift", "--address", "2001:db8::1234").status == 0
    assert within(database, proven)


def test_shows_all_limits(minasidor: Run, database: str) -> None:
    async def fail() -> None:
        for number in range(12):
            await prove(str(number + 1), f"{number:04}", Client("203.0.113.1"))

    within(database, fail)
    lines = minasidor("limits", "show").out.splitlines()
    assert lines[0] == "claims are open"
    assert any(
        line.startswith("claim: client address, hour")
        and line.endswith("10 in 1 hour       1        1")
        for line in lines
    ), lines
    assert len([line for line in lines if ": " in line]) == len(Limit.all)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "say whose: --user, --customer, --address or --site"),
        (("--user", "anna"), "--user takes an e-mail address"),
        (("--customer", "x"), "'x' is no e-mail address, no customer number and no client address"),
        (("--address", "office"), "'office' is no IP address"),
    ],
)
def test_says_what_lifting_wants(minasidor: Run, arguments: tuple[str, ...], line: str) -> None:
    assert minasidor("limits", "lift", *arguments) == Result(2, "", f"minasidor: {line}\n")


def test_claims_are_closed_and_opened(minasidor: Run, database: str) -> None:
    async def is_open() -> bool:
        return await Switch.is_open(Switch.CLAIMS)

    assert minasidor("claims", "close", "--operator", "Kim").out == "claims are closed now\n"
    assert not within(database, is_open)
    assert minasidor("claims", "close").out == "claims were closed already\n"
    assert minasidor("--operator", "Lo", "claims", "open").out == "claims are open now\n"
    assert within(database, is_open)
    assert rows(database, "SELECT kind, operator FROM events ORDER BY id") == [
        ("claims.closed", "Kim"),
        ("claims.opened", "Lo"),
    ]


def test_the_operator_is_the_one_at_the_terminal(
    minasidor: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert minasidor("claims", "close").status == 0
    monkeypatch.setenv("SUDO_USER", "lo")
    assert minasidor("claims", "open").status == 0
    (first,), (second,) = rows(database, "SELECT operator FROM events ORDER BY id")
    assert first not in ("", "lo")
    assert second == "lo"


# Retention


def test_purge_counts_or_deletes_what_ran_out(minasidor: Run, database: str, anna: User) -> None:
    within(database, Registration.start)
    execute(database, "UPDATE registrations SET started_at = '2020-01-01 00:00:00+00:00'")

    counted = minasidor("purge", "--dry-run")
    assert counted.status == 0
    assert re.search(r"^WHAT RAN OUT +TO BE DELETED +KEPT FOR$", counted.out, re.MULTILINE)
    assert re.search(r"^registrations +1 +1 day$", counted.out, re.MULTILINE)
    assert re.search(r"^closed users +0 +14 days$", counted.out, re.MULTILINE)
    assert rows(database, "SELECT COUNT(*) FROM registrations") == [(1,)]

    assert re.search(r"^registrations +1 +1 day$", minasidor("purge").out, re.MULTILINE)
    assert rows(database, "SELECT COUNT(*) FROM registrations") == [(0,)]
    assert re.search(r"^registrations +0 +1 day$", minasidor("purge").out, re.MULTILINE)


# Keys


def test_rekey_lets_the_old_key_go(
    minasidor: Run, database: str, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = SETTINGS.secret_keys[0], "a newer key of the tests 0123456789 abcdef"
    monkeypatch.setenv("MINASIDOR_SECRET_KEYS", new)
    result = minasidor("rekey")
    assert result.status == 1
    assert "put the key that encrypted them back" in result.err

    monkeypatch.setenv("MINASIDOR_SECRET_KEYS", f"{new},{old}")
    result = minasidor("rekey", "--operator", "Kim")

    assert (result.status, result.err) == (0, "")
    assert re.search(r"^WHAT +RENEWED +NEWEST ALREADY +KEY MISSING$", result.out, re.MULTILINE)
    assert re.search(r"^authenticator apps +1 +0 +0$", result.out, re.MULTILINE)
    assert result.out.endswith("Nothing needs an older key any more.\n")
    monkeypatch.setenv("MINASIDOR_SECRET_KEYS", new)
    assert re.search(r"^authenticator apps +0 +1 +0$", minasidor("rekey").out, re.MULTILINE)


def test_a_new_pepper_is_taken_into_use_once(
    minasidor: Run, database: str, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_use = "minasidor: this pepper is in use already; nothing was changed\n"
    assert minasidor("rekey", "--new-pepper") == Result(1, "", in_use)

    monkeypatch.setenv("MINASIDOR_PEPPER", "a newer pepper of the tests 0123456789 abcdef")
    result = minasidor("rekey", "--new-pepper")

    assert (result.status, result.err) == (0, "")
    assert re.search(r"^Customer accounts hashed anew: +2$", result.out, re.MULTILINE)

    async def proven() -> bool:
        return await prove("10", "3378", Client("203.0.113.9")) is not None

    assert within(database, proven)
    assert minasidor("rekey", "--new-pepper") == Result(1, "", in_use)


def test_a_missing_key_is_one_clear_line(
    minasidor: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def a_sole_trader() -> None:
        _ = await an_account("10", "4001019803", "Lindgrens Måleri")

    within(database, a_sole_trader)
    monkeypatch.setenv("MINASIDOR_SECRET_KEYS", "a newer key of the tests 0123456789 abcdef")

    result = minasidor("limits", "show", "10")

    assert result.status == 2
    assert result.err.startswith("minasidor: a value was encrypted with a key that ")


# What is wrong


def test_says_when_the_schema_is_old(
    minasidor: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_migration_names", lambda: ["9999_of_tomorrow"])
    assert minasidor("claims", "open") == Result(
        1,
        "",
        "minasidor: the database lacks tables of this version: run 'minasidor migrate'\n",
    )


def test_makes_no_database_by_mistake(
    minasidor: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mistyped.sqlite3"
    monkeypatch.setenv("MINASIDOR_DATABASE_URL", f"sqlite://{path}")
    assert minasidor("users", "find", "a") == Result(
        1, "", f"minasidor: there is no database {path} yet: 'minasidor migrate' makes it\n"
    )
    assert not path.exists()


@pytest.mark.parametrize(
    "arguments",
    [(), ("import-customers",), ("users",), ("users", "find"), ("limits", "lift"), ("claims",)],
)
def test_every_command_has_its_help(minasidor: Run, arguments: tuple[str, ...]) -> None:
    result = minasidor(*arguments, "--help")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("usage: minasidor")


def launched(environ: dict[str, str], *arguments: str) -> Result:
    """The real command, as a process of its own."""
    clean = {name: value for name, value in os.environ.items() if "MINASIDOR_" not in name}
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=clean | environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def test_a_taken_port_is_one_clear_line(database: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = launched(environment(database) | {"MINASIDOR_PORT": str(port)}, "run")
    assert result == Result(
        2,
        "",
        f"minasidor: port {port} on 127.0.0.1 cannot be used (Address already in use);"
        " set MINASIDOR_PORT to another one\n",
    )


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "portal.sqlite3"
    for command in ("migrate", "run"):
        assert launched(environment(f"sqlite://{path}"), command) == Result(
            2,
            "",
            f"minasidor: The database cannot be opened: the folder {path.parent} does not exist\n",
        )


@pytest.mark.parametrize(
    "url", ["mysql://a@b/c", "postgres://user:se/cret@host/db", "no address", "postgres://h:port/x"]
)
def test_an_unreadable_database_url_is_one_clear_line(database: str, url: str) -> None:
    result = launched(environment(database) | {"MINASIDOR_DATABASE_URL": url}, "claims", "open")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("minasidor: MINASIDOR_DATABASE_URL cannot be read: it must look")
    assert "se/cret" not in result.err
    assert result.err.count("\n") == 1


def test_a_database_that_is_away_is_one_clear_line(database: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"postgres://minasidor@127.0.0.1:{port}/minasidor"
    result = launched(environment(database) | {"MINASIDOR_DATABASE_URL": url}, "claims", "open")
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("minasidor: The database cannot be opened: ")
    assert result.err.count("\n") == 1


def test_a_pipe_that_closes_early_is_no_error(database: str) -> None:
    command = (
        f"{sys.executable} -c 'import sys; from web.cli import main; sys.exit(main())' --help; "
        "echo $? >&2"
    )
    done = subprocess.run(
        ["sh", "-c", f"( {command} ) | head -1"],  # noqa: S607 - the shell is what is tested
        cwd=ROOT,
        env={**os.environ, **environment(database)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == "0\n"
