"""The SQLite engine: transactions that take the write lock first and survive being cancelled.

Tortoise's own engine begins deferred transactions (two processes that read and then write fail at
once), leaves the lock taken when a task is cancelled at the wrong moment, and counts changed rows
across tasks. Here every step is one call into the thread that owns the connection: steps run in
the order in which they were queued, whether or not somebody still waits for their answer.
Reads outside transactions have a connection of their own, so they go on while a writer waits.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar
from uuid import UUID

import aiosqlite
from tortoise.backends.base.client import (
    ConnectionWrapper,
    NestedTransactionContext,
    TransactionalDBClient,
    TransactionContext,
)
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
)
from tortoise.connection import get_connections
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError

from models.databases import PATIENCE, Unavailable

T = TypeVar("T")
Values = Sequence[Any] | None

TROUBLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}


def _text(value: datetime) -> str:
    """Moments are compared as text, so all of them are stored and asked for in UTC."""
    return (value.astimezone(UTC) if value.tzinfo else value).isoformat(" ")


sqlite3.register_adapter(datetime, _text)
sqlite3.register_adapter(UUID, str)


class _Lock(asyncio.Lock):
    """The turn to use the connection; nobody waits for it for ever."""

    async def acquire(self) -> Literal[True]:
        if not self.locked():
            return await super().acquire()
        try:
            async with asyncio.timeout(PATIENCE):
                return await super().acquire()
        except TimeoutError:
            raise Unavailable("the database is busy") from None


class _Statements(SqliteClient):
    """What Tortoise asks of a connection, in and outside of transactions."""

    async def execute_query(
        self, query: str, values: Values = None
    ) -> tuple[int, Sequence[dict[str, Any]]]:
        async with self.acquire_connection() as connection:
            return await _call(connection, _query, query, values)

    async def execute_query_dict(self, query: str, values: Values = None) -> list[dict[str, Any]]:
        _, rows = await self.execute_query(query, values)
        return [dict(row) for row in rows]

    async def execute_insert(self, query: str, values: Values) -> int:
        async with self.acquire_connection() as connection:
            return await _call(connection, _insert, query, values)


class _Transaction(_Statements, SqliteTransactionWrapper):
    """The connection as those see it who are in the transaction."""

    def acquire_connection(self) -> ConnectionWrapper[aiosqlite.Connection]:
        if self._finalized:  # it would write into somebody else's transaction
            raise TransactionManagementError("The transaction is over: was a task started in it?")
        return super().acquire_connection()

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_Transaction(self))

    async def execute_many(self, query: str, values: Sequence[Sequence[Any]]) -> None:
        async with self.acquire_connection() as connection:
            await _call(connection, sqlite3.Connection.executemany, query, values)

    async def execute_all(
        self, statements: Sequence[tuple[str, Values]], *, guarded: bool = False
    ) -> bool:
        async with self.acquire_connection() as connection:
            return await _call(connection, _all, statements, guarded)

    async def execute_script(self, query: str) -> None:
        """One by one: Python's own executescript() commits first."""
        for statement in _statements(query):
            await self.execute_query(statement)

    async def begin(self) -> None:
        await _call(self._connection, _begin)

    async def commit(self) -> None:
        await self._end(_commit)

    async def rollback(self) -> None:
        await self._end(sqlite3.Connection.rollback)

    async def _end(self, step: Callable[[sqlite3.Connection], None]) -> None:
        if self._finalized:
            raise TransactionManagementError("Transaction already finalised")
        self._finalized = True
        await _call(self._connection, step)


class _TransactionContext(SqliteTransactionContext):
    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:  # when cancelled, the thread may begin the transaction all the same
            if self.connection._connection:
                self.connection._connection._tx.put_nowait(
                    (None, self.connection._connection._conn.rollback)
                )
            self._trxlock.release()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        client: TransactionalDBClient = self.connection
        return client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        get_connections().reset(self.token)
        try:
            if not self.connection._finalized:
                await (self.connection.rollback() if exc_type else self.connection.commit())
        finally:
            self._trxlock.release()


class Client(_Statements):
    def __init__(self, file_path: str, **kwargs: Any) -> None:
        super().__init__(file_path, **kwargs)
        self._lock = _Lock()
        self._reader: aiosqlite.Connection | None = None

    async def create_connection(self, with_db: bool) -> None:
        if self._connection:
            return
        connection = await self._connect()
        try:
            if self.filename != ":memory:":
                self._reader = await self._connect(query_only="ON")
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        await self._post_connect()

    async def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader:
            await reader.close()
        await super().close()

    async def check_writable(self) -> None:
        """Raise when the database can be read only; another process's lock is no obstacle."""
        async with self.acquire_connection() as connection:
            try:
                await _call(connection, _begin)
            except Unavailable as error:
                if "locked" not in str(error):
                    raise
            finally:
                await _call(connection, sqlite3.Connection.rollback)

    def _in_transaction(self) -> TransactionContext:
        return _TransactionContext(_Transaction(self), self._lock)

    async def execute_query(
        self, query: str, values: Values = None
    ) -> tuple[int, Sequence[dict[str, Any]]]:
        if self._reader and query.startswith("SELECT"):
            return await _call(self._reader, _query, query, values)
        return await super().execute_query(query, values)

    async def execute_many(self, query: str, values: Sequence[Sequence[Any]]) -> None:
        async with self._in_transaction() as connection:
            await connection.execute_many(query, [list(row) for row in values])

    async def execute_all(
        self, statements: Sequence[tuple[str, Values]], *, guarded: bool = False
    ) -> bool:
        async with self.acquire_connection() as connection:
            return await _call(connection, _transaction, statements, guarded)

    async def fetch_whole(self, count: int, query: str, values: Values) -> list[dict[str, Any]]:
        async with self.acquire_connection() as connection:
            rows = await _call(connection, _whole, count, query, values)
        return [dict(row) for row in rows]

    async def execute_script(self, query: str) -> None:
        async with self.acquire_connection() as connection:
            await _call(connection, sqlite3.Connection.executescript, query)

    async def _connect(self, **pragmas: str) -> aiosqlite.Connection:
        if missing := _missing_folder(self.filename):
            raise Unavailable(f"the folder {missing} does not exist")
        connecting = aiosqlite.connect(self.filename, isolation_level=None)
        connecting._thread.daemon = True  # a forgotten close() must not keep the process alive
        try:
            connection = await connecting
        except sqlite3.Error as error:
            raise Unavailable(f"{self.filename}: {error}") from error
        try:
            connection._conn.row_factory = sqlite3.Row
            for name, value in {**self.pragmas, **pragmas}.items():
                await _call(connection, _query, f"PRAGMA {name}={value}", None)
        except Unavailable as error:
            await connection.close()
            raise Unavailable(f"{self.filename}: {error}") from error
        except BaseException:
            await connection.close()
            raise
        return connection


client_class = Client


def _missing_folder(filename: str) -> Path | None:
    folder = Path(filename).resolve().parent
    return None if filename == ":memory:" or folder.is_dir() else folder


async def _call(connection: aiosqlite.Connection, step: Callable[..., T], *args: Any) -> T:
    """Let the connection's thread take one step; its errors as Tortoise's."""
    try:
        answer: T = await connection._execute(step, connection._conn, *args)  # type: ignore[no-untyped-call]
        return answer
    except sqlite3.IntegrityError as error:
        raise IntegrityError(error) from error
    except sqlite3.DatabaseError as error:
        # the lower eight bits are the kind, those above them say more
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in TROUBLE:
            raise Unavailable(error) from error
        if isinstance(error, sqlite3.OperationalError):
            raise OperationalError(error) from error
        raise


# The steps: each runs in the connection's thread, from its beginning to its end.


def _begin(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # its end failed after its task was gone
        connection.rollback()
    connection.execute("BEGIN IMMEDIATE")


def _commit(connection: sqlite3.Connection) -> None:
    if not connection.in_transaction:  # as after a full disk
        raise sqlite3.OperationalError("the transaction was rolled back by SQLite")
    try:
        connection.commit()
    except sqlite3.Error:
        connection.rollback()
        raise


def _transaction(
    connection: sqlite3.Connection, statements: Sequence[tuple[str, Values]], guarded: bool
) -> bool:
    _begin(connection)
    try:
        passed = _all(connection, statements, guarded)
    except BaseException:
        connection.rollback()
        raise
    _commit(connection)
    return passed


def _whole(connection: sqlite3.Connection, count: int, query: str, values: Values) -> list[Any]:
    _begin(connection)
    try:
        _, rows = _query(connection, query, values)
    except BaseException:
        connection.rollback()
        raise
    if len(rows) < count:
        connection.rollback()
    else:
        _commit(connection)
    return rows


def _all(
    connection: sqlite3.Connection, statements: Sequence[tuple[str, Values]], guarded: bool
) -> bool:
    for number, (query, values) in enumerate(statements):
        changed = connection.execute(query, values or ()).rowcount
        if guarded and number == 0 and not changed:
            return False
    return True


def _query(connection: sqlite3.Connection, query: str, values: Values) -> tuple[int, list[Any]]:
    before = connection.total_changes
    cursor = connection.execute(query.replace("\x00", "'||CHAR(0)||'"), values or ())
    rows = cursor.fetchall()
    if cursor.rowcount >= 0:  # without the rows that a foreign key deleted along with them
        return cursor.rowcount, rows
    return (connection.total_changes - before) or len(rows), rows


def _insert(connection: sqlite3.Connection, query: str, values: Values) -> int:
    return connection.execute(query, values or ()).lastrowid or 0


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for part in re.split(r"(?<=;)", script):
        statement += part
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    if statement.strip():
        yield statement.strip()
