"""The engines: what is begun is ended, what is counted is exact, and trouble has one name."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tortoise import fields
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError
from tortoise.models import Model

from models import databases
from models.databases import (
    Unavailable,
    atomic,
    connection,
    execute,
    execute_if,
    fetch,
    fetch_whole,
    insert_many,
)
from tests.fresh import PATIENT, POSTGRESQL, count_up, fresh_database, opened

pytestmark = pytest.mark.anyio
on_sqlite = pytest.mark.skipif(bool(POSTGRESQL), reason="about SQLite")
on_postgresql = pytest.mark.skipif(not POSTGRESQL, reason="about PostgreSQL")


class Counter(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=40, unique=True)
    total = fields.IntField(default=0)
    at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "engine_counter"


class Part(Model):
    id = fields.IntField(primary_key=True)
    counter: fields.ForeignKeyRelation[Counter] = fields.ForeignKeyField(
        "models.Counter", related_name="parts"
    )

    class Meta:
        table = "engine_part"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def database(folder: Path, **options: object) -> AsyncIterator[str]:
    async with fresh_database(folder, **options) as url, opened(url, models=[__name__]):
        yield url


async def add(name: str, at: datetime | None = None) -> int:
    counter = await Counter.create(name=name, at=at)
    return counter.id


async def settled() -> None:
    """Nothing is left of those who are gone: no lock, no open transaction, no lent connection."""
    async with asyncio.timeout(5):
        async with atomic():
            pass
    client: Any = connection()
    if POSTGRESQL:
        async with asyncio.timeout(5):
            while client._pool.get_idle_size() < client._pool.get_size():
                await asyncio.sleep(0.01)
    else:
        assert not client._lock.locked()
        assert not client._connection.in_transaction


# Cancelled tasks


async def test_200_tasks_cancelled_at_any_moment_leave_nothing_behind(tmp_path: Path) -> None:
    async def work(name: str) -> None:
        await Counter.filter(name="shared").update(total=1)
        async with atomic():
            counter = await add(name)
            async with atomic():
                await Counter.bulk_create([Counter(name=f"{name} {n}") for n in range(3)])
            await Counter.filter(id=counter).update(total=1)
        await Counter.bulk_create([Counter(name=f"{name} after {n}") for n in range(3)])

    chance = random.Random(4)
    options = {"minsize": 1, "maxsize": 4} if POSTGRESQL else {}
    async with database(tmp_path, **options):
        await add("shared")
        for turn in range(50):
            tasks = [asyncio.create_task(work(f"{turn}.{n}")) for n in range(4)]
            for task in tasks:
                await asyncio.sleep(chance.random() * 0.003)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await settled()
        rows = await fetch(
            "SELECT name, total FROM engine_counter WHERE name NOT LIKE '% %' AND name <> 'shared'"
        )
        halves = await fetch("SELECT count(*) AS n FROM engine_counter WHERE name LIKE '% 0'")
        assert all(row["total"] == 1 for row in rows)  # each transaction: all of it or nothing
        assert halves[0]["n"] >= len(rows)


async def test_a_task_cancelled_while_another_holds_the_lock(tmp_path: Path) -> None:
    async with database(tmp_path):
        outside = copy_context()
        for _ in range(20):
            async with atomic():
                waiting = asyncio.create_task(enter(), context=outside)
                await asyncio.sleep(0.001)
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        await settled()


async def test_changed_rows_are_ones_own_also_beside_a_cancelled_task(tmp_path: Path) -> None:
    async with database(tmp_path):
        await Counter.bulk_create([Counter(name=str(n)) for n in range(5)])
        for _ in range(20):
            gone = asyncio.create_task(execute("UPDATE engine_counter SET total = total + 1"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            gone.cancel()
            assert await Counter.filter(name="0").update(total=0) == 1
            assert await Counter.filter(name="none").update(total=0) == 0
            await asyncio.gather(gone, return_exceptions=True)


async def enter() -> None:
    async with atomic():
        await add("never")


# Transactions


async def test_four_processes_read_and_write_one_row(tmp_path: Path) -> None:
    async with database(tmp_path, **PATIENT) as url:
        await add("shared")
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=count_up, args=(url, 4, 15)) for _ in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            await asyncio.to_thread(process.join, 60)
        assert [process.exitcode for process in processes] == [0, 0, 0, 0]
        assert (await Counter.get(name="shared")).total == 4 * 4 * 15


async def test_twenty_at_once_and_one_wins(tmp_path: Path) -> None:
    async with database(tmp_path):
        await add("token")
        won = await asyncio.gather(
            *(Counter.filter(name="token", total=0).update(total=1) for _ in range(20))
        )
        assert sorted(won) == [0] * 19 + [1]


async def test_what_fails_takes_only_its_own_writes_with_it(tmp_path: Path) -> None:
    async with database(tmp_path):
        await add("shared")

        async def fails() -> None:
            async with atomic():
                await add("fails")
                await asyncio.sleep(0.01)
                raise LookupError

        failing = asyncio.create_task(fails())
        await asyncio.sleep(0.005)
        await add("stays")
        with pytest.raises(LookupError):
            await failing
        assert {c.name for c in await Counter.all()} == {"shared", "stays"}


async def test_a_broken_rule_inside_leaves_the_outer_transaction_whole(tmp_path: Path) -> None:
    async with database(tmp_path):
        async with atomic():
            await add("one")
            with pytest.raises(IntegrityError):
                async with atomic():
                    await add("one")
            await add("two")
        assert await Counter.all().count() == 2


async def test_a_task_started_inside_cannot_write_after_the_end(tmp_path: Path) -> None:
    async def late() -> None:
        await asyncio.sleep(0.02)
        await add("late")

    async with database(tmp_path):
        async with atomic():
            task = asyncio.create_task(late())
        with pytest.raises((TransactionManagementError, Exception), match=r"over|released"):
            await task
        assert not await Counter.exists()


async def test_an_ended_transaction_reads_as_changed_at_once(tmp_path: Path) -> None:
    async with database(tmp_path):
        counter = await add("one")
        for total in range(1, 30):
            async with atomic():
                await Counter.filter(id=counter).update(total=total)
                assert (await Counter.get(id=counter)).total == total
            assert (await Counter.get(id=counter)).total == total


# Statements


async def test_raw_sql_is_the_same_on_both(tmp_path: Path) -> None:
    async with database(tmp_path):
        now = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
        insert = "INSERT INTO engine_counter (name, total, at) VALUES (?, ?, ?), (?, ?, NULL)"
        assert await execute(insert, "what?", 1, now, "b", 2) == 2
        rows = await fetch(
            "SELECT name, total, at FROM engine_counter WHERE name <> '?' AND total = ?", 1
        )
        assert rows[0]["name"] == "what?"
        assert databases.moment(rows[0]["at"]) == now
        sql = "UPDATE engine_counter SET total = total + ? RETURNING total"
        assert sorted(row["total"] for row in await fetch(sql, 10)) == [11, 12]
        assert await execute("DELETE FROM engine_counter WHERE total > ?", 100) == 0
        assert await execute("DELETE FROM engine_counter") == 2


async def test_many_rows_are_new_all_of_them_or_none(tmp_path: Path) -> None:
    async with database(tmp_path):
        await insert_many("engine_counter", ("name", "total"), [(f"n{n}", n) for n in range(3000)])
        (row,) = await fetch("SELECT COUNT(*) AS count, SUM(total) AS total FROM engine_counter")
        assert (row["count"], row["total"]) == (3000, 2999 * 1500)

        with pytest.raises(IntegrityError):
            await insert_many("engine_counter", ("name", "total"), [("new", 1), ("n7", 1)])
        with contextlib.suppress(ZeroDivisionError):
            async with atomic():
                await insert_many("engine_counter", ("name", "total"), [("of a whole", 1)])
                raise ZeroDivisionError
        await insert_many("engine_counter", ("name", "total"), [])
        assert await Counter.all().count() == 3000


async def test_a_statement_that_changes_too_few_rows_changes_none(tmp_path: Path) -> None:
    raising = "UPDATE engine_counter SET total = total + 1 WHERE total < ? RETURNING name"

    async def totals() -> list[int]:
        return sorted([counter.total for counter in await Counter.all()])

    async with database(tmp_path):
        for name in ("one", "two"):
            await add(name)
        assert len(await fetch_whole(2, raising, 10)) == 2
        assert await totals() == [1, 1]
        await Counter.filter(name="one").update(total=10)

        assert await fetch_whole(2, raising, 10) == [{"name": "two"}]
        async with atomic():
            await Counter.filter(name="one").update(total=20)
            assert await fetch_whole(2, raising, 10) == [{"name": "two"}]
        assert await totals() == [1, 20], "and the transaction around it lives on"

        with pytest.raises(OperationalError):
            await fetch_whole(1, "UPDATE nothing SET total = 1 RETURNING total")
        await settled()
        await asyncio.gather(*(fetch_whole(1, raising, 31) for _ in range(20)))
        assert await totals() == [21, 31]


async def test_where_the_guard_changes_no_row_the_other_statements_change_none(
    tmp_path: Path,
) -> None:
    guard = "UPDATE engine_counter SET total = total + 1 WHERE name = ? AND total < ?"
    insert = "INSERT INTO engine_counter (name, total) VALUES (?, ?)"
    broken = ("UPDATE nothing SET total = 1", ())

    async def totals() -> dict[str, int]:
        return {counter.name: counter.total for counter in await Counter.all()}

    async with database(tmp_path):
        await add("one")
        assert await execute_if((guard, ("one", 1)), (insert, ("two", 2)))
        assert not await execute_if((guard, ("one", 1)), (insert, ("three", 3)), broken)
        async with atomic():
            assert not await execute_if((guard, ("one", 1)), (insert, ("three", 3)))
            assert await execute_if((guard, ("one", 2)), (insert, ("four", 4)))
        assert await totals() == {"one": 2, "two": 2, "four": 4}

        with pytest.raises(OperationalError):
            await execute_if((guard, ("one", 9)), (insert, ("five", 5)), broken)
        await settled()
        at_once = (execute_if((guard, ("one", 3)), (insert, (f"w{n}", 9))) for n in range(20))
        assert sum(await asyncio.gather(*at_once)) == 1
        assert len(await totals()) == 4


async def test_rows_deleted_along_are_not_counted(tmp_path: Path) -> None:
    async with database(tmp_path):
        counter = await add("one")
        await Part.bulk_create([Part(counter_id=counter) for _ in range(3)])
        assert await Counter.filter(id=counter).delete() == 1
        assert await Part.all().count() == 0


async def test_moments_compare_as_moments_in_every_zone(tmp_path: Path) -> None:
    async with database(tmp_path):
        here = timezone(timedelta(hours=2))
        ten = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
        await add("ten", at=ten)
        half_past_nine = datetime(2026, 6, 1, 11, 30, tzinfo=here)
        assert await Counter.filter(at__gt=half_past_nine).count() == 1
        assert await Counter.filter(at__lt=half_past_nine).count() == 0
        assert await Counter.filter(at=ten.astimezone(here)).update(at=half_past_nine) == 1
        assert (await Counter.get(name="ten")).at == half_past_nine
        assert await Counter.filter(at__lt=ten).count() == 1


# Trouble


@on_sqlite
async def test_locked_by_another_process_writes_fail_soon_and_reads_go_on(tmp_path: Path) -> None:
    async with database(tmp_path, busy_timeout=2000) as url:
        await add("one")
        other = sqlite3.connect(url.removeprefix("sqlite://").partition("?")[0])
        with contextlib.closing(other):
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(enter())
            await asyncio.sleep(0.05)
            assert await Counter.filter(name="one").exists()
            assert not writing.done(), "reading did not wait for the lock"
            with pytest.raises(Unavailable, match="locked"):
                await writing
            with pytest.raises(Unavailable, match="locked"):
                await add("two")
            other.rollback()
        await add("two")
        await settled()


@on_sqlite
async def test_a_full_disk_is_trouble_and_passes(tmp_path: Path) -> None:
    async with database(tmp_path):
        await add("one")
        await connection().execute_query("PRAGMA max_page_count = 10")
        for statement in (big, big_in_transaction):
            with pytest.raises(Unavailable, match="full"):
                await statement()
        assert await Counter.all().count() == 1
        await connection().execute_query("PRAGMA max_page_count = 100000")
        await big()
        await settled()


async def big() -> None:
    await Counter.bulk_create([Counter(name=f"{n:040}") for n in range(2000)])


async def big_in_transaction() -> None:
    async with atomic():
        await big()


@on_sqlite
async def test_nobody_waits_for_ever_for_the_turn_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.databases.sqlite.PATIENCE", 0.05)
    async with database(tmp_path):
        outside = copy_context()
        async with atomic():
            with pytest.raises(Unavailable, match="busy"):
                await asyncio.create_task(enter(), context=outside)
        await settled()


@on_postgresql
async def test_nobody_waits_for_ever_for_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.databases.asyncpg.PATIENCE", 0.05)
    async with database(tmp_path, minsize=1, maxsize=1):
        outside = copy_context()
        async with atomic():
            for task in (enter, read):
                with pytest.raises(Unavailable, match="busy"):
                    await asyncio.create_task(task(), context=outside)
        await settled()


async def read() -> None:
    assert not await Counter.exists()


@on_postgresql
async def test_a_lost_server_is_trouble_and_passes(tmp_path: Path) -> None:
    async with database(tmp_path, minsize=1, maxsize=1, command_timeout=1):
        with pytest.raises(Unavailable):
            await fetch("SELECT pg_terminate_backend(pg_backend_pid())")
        await read()
        with pytest.raises(Unavailable):
            async with atomic():
                await fetch("SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(Unavailable):
            await fetch("SELECT pg_sleep(2)")
        await settled()


# Opening


@on_sqlite
async def test_a_file_is_opened_with_everything_that_keeps_it_safe(tmp_path: Path) -> None:
    async with database(tmp_path):
        for pragma, wanted in {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "busy_timeout": 1500,
        }.items():
            assert (await fetch(f"PRAGMA {pragma}"))[0].popitem()[1] == wanted


@on_sqlite
async def test_what_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "db.sqlite3"
    text = tmp_path / "text.sqlite3"
    text.write_text("This is no database. " * 100)
    for path, words in (
        (missing, "folder"),
        (tmp_path, "unable to open"),
        (text, "not a database"),
    ):
        with pytest.raises(Unavailable, match=words) as caught:
            await databases.open(f"sqlite://{path}")
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith("The database cannot be opened: ")


@on_sqlite
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_file_that_can_only_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE a (b)")
    path.chmod(0o400)
    with pytest.raises(Unavailable, match="readonly"):
        await databases.open(f"sqlite://{path}")


@on_postgresql
async def test_a_server_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    wrong = (
        f"postgres://nobody@/none?host={tmp_path}",
        POSTGRESQL.replace("/postgres?", "/none?"),
        POSTGRESQL.replace("minasidor@", "nobody@"),
        POSTGRESQL + "&no_such_option=1",
    )
    for url in wrong:
        with pytest.raises(Unavailable, match="The database cannot be opened: ") as caught:
            await databases.open(url)
        assert "\n" not in str(caught.value)


async def test_an_open_database_is_there_for_every_task_until_it_is_closed(tmp_path: Path) -> None:
    async with fresh_database(tmp_path) as url:
        for _ in range(2):
            await databases.open(url)
            try:
                asked = asyncio.create_task(fetch("SELECT 1 AS one"), context=Context())
                assert await asked == [{"one": 1}]
                assert databases.dialect() == ("postgres" if POSTGRESQL else "sqlite")
            finally:
                await databases.close()


@on_sqlite
def test_a_forgotten_close_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    program = (
        "import asyncio\n"
        "from models import databases\n"
        f"asyncio.run(databases.open('sqlite://{tmp_path}/db.sqlite3'))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=20, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    "url", ["mysql://somewhere/db", "nonsense", "sqlite://", "postgres://host:port/db"]
)
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="database"):
        databases.config(url)


def test_options_in_the_url_go_before_our_own() -> None:
    config = databases.config("sqlite://db.sqlite3?busy_timeout=10&synchronous=OFF")
    credentials = config["connections"]["default"]["credentials"]
    assert credentials["busy_timeout"] == "10"
    assert credentials["synchronous"] == "OFF"
    assert credentials["foreign_keys"] == "ON"
    config = databases.config("postgresql://u:p%40@db.example/ms?sslmode=require&maxsize=3")
    credentials = config["connections"]["default"]["credentials"]
    assert credentials["host"] == "db.example"
    assert credentials["password"] == "p@"
    assert credentials["ssl"] == "require"
    assert credentials["maxsize"] == "3"
    assert credentials["command_timeout"] == 15
