"""Empty databases, of the kind the tests run on, for tests that open their own."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import asyncpg
from tortoise.context import TortoiseContext

from models import databases

POSTGRESQL = os.environ.get("MINASIDOR_TEST_DATABASE_URL", "")
# For processes that write at once: in SQLite whoever has committed is the first to go on, and on a
# slow disk (10 ms a commit, as measured) one of the others waits longer than the portal would.
PATIENT: dict[str, int] = {} if POSTGRESQL else {"busy_timeout": 60_000}


@asynccontextmanager
async def fresh_database(folder: Path, **options: object) -> AsyncIterator[str]:
    """The URL of a new SQLite file, or of a new database in the test PostgreSQL.

    `options`: of the connection.
    """
    name = f"test_{uuid.uuid4().hex}"
    query = urlencode(options)
    if not POSTGRESQL:
        yield f"sqlite://{folder / name}.sqlite3" + (f"?{query}" if query else "")
        return
    server = await asyncpg.connect(POSTGRESQL)
    try:
        await server.execute(f"CREATE DATABASE {name}")
        url = urlsplit(POSTGRESQL)
        query = "&".join(filter(None, (url.query, query)))
        yield url._replace(path=f"/{name}", query=query).geturl()
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await server.close()


@asynccontextmanager
async def opened(
    database_url: str, models: Sequence[str] = ("models",)
) -> AsyncIterator[TortoiseContext]:
    """The database with its tables, for this task and those it starts."""
    async with TortoiseContext() as context:
        await context.init(config=databases.config(database_url, models=models))
        await databases.connect()
        await context.generate_schemas()
        yield context


def count_up(database_url: str, tasks: int, times: int) -> None:
    """A process of its own that reads and writes the same row as all the others."""

    async def once() -> None:
        lock = "" if databases.dialect() == "sqlite" else " FOR UPDATE"
        async with databases.atomic():
            rows = await databases.fetch(f"SELECT total FROM engine_counter{lock}")
            await databases.execute("UPDATE engine_counter SET total = ?", rows[0]["total"] + 1)

    async def task() -> None:
        for _ in range(times):
            await once()

    async def main() -> None:
        async with TortoiseContext() as context:
            await context.init(config=databases.config(database_url))
            await databases.connect()
            await asyncio.gather(*(task() for _ in range(tasks)))

    asyncio.run(main())
