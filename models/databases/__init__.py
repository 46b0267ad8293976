"""The way to the database: SQLite or PostgreSQL, by its URL, with the same behaviour on both."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionContext
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.connection import get_connection
from tortoise.exceptions import ConfigurationError, OperationalError
from tortoise.transactions import in_transaction

# Raw SQL with `?` for the parameters, and the parameters.
Statement: TypeAlias = tuple[str, tuple[object, ...]]

# How long a statement or a transaction waits for its turn before it gives up: seconds.
PATIENCE = 5.0

SQLITE = {
    "busy_timeout": 1500,  # first: the pragmas after it may have to wait for another process
    "synchronous": "FULL",  # what was answered with "done" survives a power cut
    "foreign_keys": "ON",
}
POSTGRESQL = {
    "minsize": 2,
    "maxsize": 10,
    "timeout": 5,  # to connect
    "command_timeout": 15,
    "application_name": "minasidor",
}
MIGRATIONS = Path(__file__).parent.parent / "migrations"


class Unavailable(OperationalError):
    """The database cannot serve right now: locked, full, away, or not to be opened at all."""


async def open(database_url: str) -> None:
    """Connect, or raise Unavailable with one line that says what is wrong."""
    await Tortoise.init(config=config(database_url), _enable_global_fallback=True)
    try:
        await connect()
    except BaseException:
        await close()
        raise


async def connect() -> None:
    try:
        await connection().create_connection(with_db=True)
        await connection().check_writable()  # type: ignore[attr-defined]
    except (Unavailable, OSError, TypeError, ValueError) as error:  # the last two: a bad option
        raise Unavailable(f"The database cannot be opened: {_reason(error)}") from error


async def close() -> None:
    await Tortoise.close_connections()


def atomic() -> TransactionContext:
    """`async with atomic():` is all or nothing; inside another one, a savepoint.

    Keep it short, with no hashing and no mail inside, and start no task in it. A statement that may
    break a unique constraint stands in an atomic() of its own: PostgreSQL goes on only then.
    """
    return in_transaction("default")


async def fetch(sql: str, *parameters: object) -> list[dict[str, Any]]:
    """The rows of raw SQL, written with `?` for the parameters on both databases.

    SQLite answers moments and UUIDs as text and booleans as 0 and 1: see `moment`.
    """
    rows: list[dict[str, Any]] = await connection().execute_query_dict(
        _native(sql, dialect()), list(parameters)
    )
    return rows


async def execute(sql: str, *parameters: object) -> int:
    """How many rows the raw SQL statement changed."""
    count, _ = await connection().execute_query(_native(sql, dialect()), list(parameters))
    return count


async def execute_many(sql: str, rows: Sequence[Sequence[object]]) -> None:
    """One raw SQL statement for each of the rows, in one go. Without rows nothing is asked."""
    if rows:
        await connection().execute_many(_native(sql, dialect()), [list(row) for row in rows])


async def insert_many(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """New rows with values for these columns, in one go: on PostgreSQL by COPY."""
    if copy := getattr(connection(), "copy", None):
        await copy(table, columns, rows)
        return
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    await execute_many(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608 - ours


async def execute_all(*statements: Statement) -> None:
    """Several raw SQL statements, all or none: as in atomic(), but on SQLite in one go."""
    await connection().execute_all(_all_native(statements))  # type: ignore[attr-defined]


async def execute_if(guard: Statement, *statements: Statement) -> bool:
    """The guard and, only if it changed a row, the others: again all or none, in one go."""
    native = _all_native((guard, *statements))
    passed: bool = await connection().execute_all(native, guarded=True)  # type: ignore[attr-defined]
    return passed


async def fetch_whole(count: int, sql: str, *parameters: object) -> list[dict[str, Any]]:
    """As fetch(); if there are fewer rows than `count`, nothing was changed. One go on SQLite."""
    rows: list[dict[str, Any]] = []
    if quick := getattr(connection(), "fetch_whole", None):
        rows = await quick(count, _native(sql, dialect()), list(parameters))
        return rows
    with contextlib.suppress(_TooFew):
        async with atomic():
            rows = await fetch(sql, *parameters)
            if len(rows) < count:
                raise _TooFew
    return rows


def moment(value: datetime | str) -> datetime:
    """A moment out of `fetch`: PostgreSQL has it ready, SQLite answers text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).astimezone(UTC)


def _all_native(statements: Sequence[Statement]) -> list[tuple[str, list[object]]]:
    return [(_native(sql, dialect()), list(parameters)) for sql, parameters in statements]


def dialect() -> str:
    """`sqlite` or `postgres`."""
    return connection().capabilities.dialect


def connection() -> BaseDBAsyncClient:
    """The connection of the transaction one is in, else the process's own."""
    return get_connection("default")


async def pending() -> list[str]:
    """The migrations that the open database still lacks."""
    await connection().execute_query("SELECT 1")  # raises when the database is away
    applied: set[str] = set()
    with contextlib.suppress(OperationalError):  # no table: nothing is applied yet
        rows = await fetch("SELECT name FROM tortoise_migrations WHERE app = ?", "models")
        applied = {row["name"] for row in rows}
    return [name for name in _migration_names() if name not in applied]


def config(
    database_url: str,
    *,
    models: Sequence[str] = ("models",),
    migrations: str = "models.migrations",
) -> dict[str, Any]:
    """Tortoise's configuration; what the URL says goes before what stands above."""
    try:
        default = expand_db_url(database_url)
    except (ConfigurationError, ValueError) as error:
        raise ValueError(f"Not the URL of a database: {error}") from None
    credentials = default["credentials"]
    if default["engine"] == "tortoise.backends.sqlite":
        default["engine"] = "models.databases.sqlite"
        default["credentials"] = {**SQLITE, **credentials}
    elif default["engine"] == "tortoise.backends.asyncpg":
        default["engine"] = "models.databases.asyncpg"
        if sslmode := credentials.pop("sslmode", None):  # as other programs write it
            credentials["ssl"] = sslmode
        default["credentials"] = {**POSTGRESQL, **credentials}
        for name in ("timeout", "command_timeout"):
            if default["credentials"][name] is not None:
                default["credentials"][name] = float(default["credentials"][name])
    else:
        raise ValueError("The URL of a database begins with sqlite:// or postgres://")
    return {
        "connections": {"default": default},
        "apps": {
            "models": {
                "models": list(models),
                "migrations": migrations,
                "default_connection": "default",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


class _TooFew(Exception):
    """Undoes what fetch_whole() began."""


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@functools.cache
def _migration_names() -> list[str]:
    return sorted(path.stem for path in MIGRATIONS.glob("[0-9]*.py"))


@functools.lru_cache(maxsize=256)
def _native(sql: str, dialect: str) -> str:
    """`?` as it is for SQLite, `$1`, `$2` … for PostgreSQL; quoted text is left alone."""
    sql = sql.strip()
    if dialect == "sqlite":
        return sql
    parts = re.split(r"""('[^']*'|"[^"]*"|\?)""", sql)
    count = 0
    for index, part in enumerate(parts):
        if part == "?":
            count += 1
            parts[index] = f"${count}"
    return "".join(parts)
