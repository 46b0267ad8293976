"""The PostgreSQL engine: every connection returns to the pool, and nobody waits for ever.

Tortoise's own engine loses a pooled connection when a task is cancelled while its transaction
begins, and lets a lost server show as errors that look like mistakes in the program.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    NestedTransactionContext,
    PoolConnectionWrapper,
    TransactionalDBClient,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError

from models.databases import PATIENCE, Unavailable

T = TypeVar("T")

TROUBLE = (
    OSError,  # with it TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,  # deadlock
    asyncpg.ReadOnlySQLTransactionError,  # a standby
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


class _Statements(AsyncpgDBClient):
    async def _translate_exceptions(
        self, func: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any
    ) -> T:
        with _translated():
            return await func(self, *args, **kwargs)

    async def execute_query(
        self, query: str, values: Sequence[Any] | None = None
    ) -> tuple[int, list[dict[str, Any]]]:
        """Tortoise's own says that an INSERT changed no row."""
        with _translated():
            async with self.acquire_connection() as connection:
                if query.lstrip()[:6].upper() in ("INSERT", "UPDATE", "DELETE"):
                    status = await connection.execute(query, *(values or ()))
                    return int(status.rpartition(" ")[2]), []
                rows = await connection.fetch(query, *(values or ()))
                return len(rows), rows

    async def copy(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        with _translated():
            async with self.acquire_connection() as connection:
                await connection.copy_records_to_table(table, records=rows, columns=columns)

    async def execute_all(
        self, statements: Sequence[tuple[str, Sequence[Any]]], *, guarded: bool = False
    ) -> bool:
        async with self._in_transaction() as connection:
            for number, (query, values) in enumerate(statements):
                changed, _ = await connection.execute_query(query, list(values))
                if guarded and number == 0 and not changed:
                    return False
        return True


class _Transaction(_Statements, TransactionWrapper):
    """The connection as those see it who are in the transaction."""

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(_Transaction(self))

    async def commit(self) -> None:
        with _translated():
            await super().commit()

    async def rollback(self) -> None:
        with _translated():
            await super().rollback()


class _TransactionContext(TransactionContextPooled):
    async def __aenter__(self) -> TransactionalDBClient:
        with _translated():
            await self.ensure_connection()
            pool = self.client._parent._pool
            connection = self.client._connection = await _acquire(pool)
            try:
                await self.client.begin()
            except BaseException:
                await pool.release(connection)  # shielded by asyncpg, and it resets the session
                raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        get_connections().reset(self.token)
        try:
            if self.client._finalized:
                return
            if exc_type is None:
                await self.client.commit()
            else:
                with suppress(Unavailable):  # the server is gone: what it did not end, it undoes
                    await self.client.rollback()
        finally:
            if pool := self.client._parent._pool:
                await pool.release(self.client._connection)


class _Pooled(PoolConnectionWrapper[Any]):
    async def __aenter__(self) -> Any:
        await self.ensure_connection()
        self.connection = await _acquire(self.client._pool)
        return self.connection


class Client(_Statements):
    async def create_connection(self, with_db: bool) -> None:
        with _translated():
            await super().create_connection(with_db)

    async def check_writable(self) -> None:
        """Raise when the server is one that only follows another."""
        _, rows = await self.execute_query("SELECT pg_is_in_recovery() AS follows")
        if rows[0]["follows"]:
            raise Unavailable("the server is a standby, it takes no changes")

    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        return _Pooled(self, self._pool_init_lock)

    def _in_transaction(self) -> TransactionContext:
        return _TransactionContext(_Transaction(self), self._pool_init_lock)

    async def execute_many(self, query: str, values: Sequence[Sequence[Any]]) -> None:
        async with self._in_transaction() as connection:
            await connection.execute_many(query, [list(row) for row in values])


client_class = Client


async def _acquire(pool: asyncpg.Pool) -> Any:
    try:
        async with asyncio.timeout(PATIENCE):
            return await pool.acquire()
    except TimeoutError:
        raise Unavailable("the database is busy") from None


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors as Tortoise's; a server that cannot serve as Unavailable."""
    try:
        yield
    except TROUBLE as error:
        raise Unavailable(str(error) or type(error).__name__) from error
    except asyncpg.InterfaceError as error:
        if "clos" in str(error):  # the connection or its pool
            raise Unavailable(error) from error
        raise
    except (asyncpg.SyntaxOrAccessError, asyncpg.DataError) as error:
        raise OperationalError(error) from error
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(error) from error
    except asyncpg.InvalidTransactionStateError as error:
        raise TransactionManagementError(error) from error
