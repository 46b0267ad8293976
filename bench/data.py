"""Customers and users by the thousand or the million, written past the models to be quick."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import asyncpg
from argon2 import PasswordHasher

from bench.processes import SETTINGS
from models import folding, keys, tokens
from models.customer_account import suffix_hash
from models.databases import migrations

PASSWORD = "fyra gula hinkar i boden"  # noqa: S105 - of users that live as long as a benchmark
PASSWORD_HASH = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(PASSWORD)
USERS = 256
SWITCHER = USERS  # one more, who reaches a great many accounts
SWITCHED = 5000
_FORGET = ("DELETE FROM spent_limits", "DELETE FROM spent_values")

Rows = Iterator[tuple[object, ...]]


def email(user: int) -> str:
    return f"person{user}@foretag.example"


def session(user: int) -> str:
    return f"session of user {user}".replace(" ", "-").ljust(43, "x")


def registration(user: int) -> str:
    return f"registration {user}".replace(" ", "-").ljust(43, "x")


def customer_number(account: int) -> str:
    return str(10_000_000 + account)


def suffix(account: int) -> str:
    """The four digits that prove a claim."""
    return f"{account * 7919 % 10_000:04}"


def account_of(user: int, accounts: int) -> int:
    """The account whose administrator the user is; they lie spread over the whole table."""
    return 1 + user * (accounts // USERS)


def switched(accounts: int) -> range:
    """The accounts of the one who reaches 5,000 of them; none of them is another user's."""
    apart = accounts // SWITCHED // 2 * 2  # even: those of the others have odd numbers
    return range(2, 2 + SWITCHED * apart, apart) if apart else range(0)


def fill(database_url: str, accounts: int) -> None:
    """A new database with so many customer accounts, and 256 users who reach two of them each.

    Where there are enough of them, somebody reaches 5,000.
    """
    keys.use((SETTINGS["MINASIDOR_SECRET_KEYS"],), SETTINGS["MINASIDOR_PEPPER"])
    asyncio.run(migrations.migrate(database_url))
    if database_url.startswith("sqlite://"):
        _fill_sqlite(database_url.removeprefix("sqlite://"), accounts)
    else:
        asyncio.run(_fill_postgresql(database_url, accounts))


def forget_failures(database_url: str) -> None:
    """Lift all limits, so that one block of wrong answers is no obstacle to the next."""
    if database_url.startswith("sqlite://"):
        connection = sqlite3.connect(database_url.removeprefix("sqlite://"), isolation_level=None)
        for statement in _FORGET:
            connection.execute(statement)
        connection.close()
    elif database_url:
        asyncio.run(_forget_postgresql(database_url))


def _name(account: int) -> str:
    return f"Exempelföretaget {account} AB"


def _organisation(account: int) -> str:
    return f"42{account % 10_000:04}{suffix(account)}"


def _tables(accounts: int) -> Iterator[tuple[str, str, Rows]]:
    """Table, columns and rows, in the order that foreign keys ask for."""
    now = datetime.now(UTC)
    everybody, every_account = range(USERS + 1), range(1, accounts + 1)
    yield (
        "customer_accounts",
        "id customer_number name organisation_number suffix_hash contact_email"
        " active_administrators search_key sort_key",
        (
            (
                n,
                customer_number(n),
                _name(n),
                _organisation(n),
                suffix_hash(customer_number(n), suffix(n)),
                f"kontakt{n}@foretag.example",
                1,
                folding.search_key(_name(n), customer_number(n), _organisation(n), "Stockholm"),
                folding.sort_key(_name(n)),
            )
            for n in every_account
        ),
    )
    yield (
        "addresses",
        "customer_account_id street postal_code town",
        ((n, f"Exempelgatan {n % 200 + 1}", "111 11", "Stockholm") for n in every_account),
    )
    yield (
        "users",
        "id email email_key email_confirmed_at given_name family_name phone password_hash"
        " password_changed_at two_factor created_at active_customer_account_id",
        (
            (
                n + 1,
                email(n),
                email(n),
                now,
                "Kim",
                f"Exempelsson {n}",
                "070-174 06 05",
                PASSWORD_HASH,
                now,
                "skipped",
                now,
                account_of(n, accounts),
            )
            for n in everybody
        ),
    )
    yield (
        "memberships",
        "user_id customer_account_id role created_at",
        (
            (n + 1, account_of((n + other) % USERS, accounts), role, now)
            for n in range(USERS)
            for other, role in ((0, "administrator"), (1, "member"))
        ),
    )
    yield (
        "memberships",
        "user_id customer_account_id role created_at",
        ((SWITCHER + 1, account, "member", now) for account in switched(accounts)),
    )
    yield (
        "sessions",
        "token_hash user_id how remembered created_at seen_at authenticated_at address user_agent",
        (
            (tokens.hashed(session(n)), n + 1, "password", False, now, now, now, "", "")
            for n in everybody
        ),
    )
    yield (
        "registrations",
        "token_hash started_at given_name family_name phone email is_linking",
        ((tokens.hashed(registration(n)), now, "", "", "", "", False) for n in everybody),
    )


def _fill_sqlite(path: str, accounts: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    for table, columns, rows in _tables(accounts):
        names = columns.split()
        places = ", ".join("?" * len(names))
        connection.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})",  # noqa: S608 - our own names
            rows,
        )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA optimize")
    connection.close()


async def _forget_postgresql(url: str) -> None:
    connection = await _postgresql(url)
    for statement in _FORGET:
        await connection.execute(statement)
    await connection.close()


async def _postgresql(url: str) -> asyncpg.Connection:
    parts = urlsplit(url)
    return await asyncpg.connect(
        user=parts.username,
        database=parts.path.lstrip("/"),
        host=parts.query.removeprefix("host="),
    )


async def _fill_postgresql(url: str, accounts: int) -> None:
    connection = await _postgresql(url)
    for table, columns, rows in _tables(accounts):
        names = columns.split()
        await connection.copy_records_to_table(table, records=rows, columns=names)
    for table in ("customer_accounts", "users"):
        await connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"  # noqa: S608 - ours
        )
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
