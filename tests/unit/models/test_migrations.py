"""Migrations keep every row, constraint and index, and leave the tables the models ask for."""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tortoise.context import TortoiseContext
from tortoise.fields import (
    BigIntField,
    BinaryField,
    BooleanField,
    CharField,
    DateField,
    DatetimeField,
    Field,
    FloatField,
    IntField,
    JSONField,
    SmallIntField,
    TextField,
    UUIDField,
)
from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.graph import MigrationKey
from tortoise.migrations.schema_generator.state import ModelState

from models import CustomerAccount, databases
from models.databases import connection, dialect, execute, fetch
from models.databases import migrations as engine
from models.folding import sort_key
from tests.fresh import fresh_database, opened
from tests.unit.conftest import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# The product's own migrations


async def test_the_models_hold_nothing_that_no_migration_has() -> None:
    writers = await engine.changes(databases.config("sqlite://:memory:"))
    assert [writer.operations for writer in writers] == []


async def test_a_seeded_database_comes_through_all_migrations_whole(tmp_path: Path) -> None:
    names = sorted(path.stem for path in databases.MIGRATIONS.glob("[0-9]*.py"))
    async with fresh_database(tmp_path) as url, fresh_database(tmp_path) as wanted_url:
        assert await engine.apply(databases.config(url), upto=names[0]) == names[:1]
        async with connected(url):
            await seed(names[0])
            before = await keys()
            assert await databases.pending() == names[1:]
        assert all(before.values())
        assert await engine.migrate(url) == names[1:]
        assert await engine.migrate(url) == []
        async with connected(url):
            after = await keys()
            assert {table: after[table] for table in before if table in after} == before
            assert await databases.pending() == []
            found = await shape()
        async with opened(wanted_url):
            wanted = await shape()
        assert found == wanted


async def test_accounts_from_before_are_found_sorted_and_reviewed(
    tmp_path: Path, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fourth = importlib.import_module("models.migrations.0004_customer_accounts")
    monkeypatch.setattr(fourth, "_BATCH", 2)
    async with fresh_database(tmp_path) as url:
        await engine.apply(databases.config(url), upto="0003_own_account")
        async with connected(url):
            for n in range(1, 6):
                await execute(
                    "INSERT INTO customer_accounts (id, customer_number, name, organisation_number,"
                    " suffix_hash, contact_email, active_administrators)"
                    " VALUES (?, ?, ?, ?, '', '', ?)",
                    *(n * 10, f"10{n}", f"Åkeri Nr {n}", "400101" if n == 5 else "", n % 2),
                )
                for town in ("Luleå", "Östersund", "Luleå")[: n - 1]:
                    await execute(
                        "INSERT INTO addresses (customer_account_id, street, postal_code, town)"
                        " VALUES (?, '', '', ?)",
                        *(n * 10, town),
                    )
        await engine.migrate(url)
        async with connected(url):
            accounts = await CustomerAccount.all().order_by("id").prefetch_related("addresses")
            filled = [(account.search_key, account.sort_key) for account in accounts]
            for account in accounts:
                account.list_by([address.town for address in account.addresses])
    assert filled[2] == ("åkeri nr 3 103 luleå östersund", sort_key("Åkeri Nr 3"))
    assert filled == [(account.search_key, account.sort_key) for account in accounts]
    due = time.now() + CustomerAccount.REVIEWED_EVERY
    assert [account.review_due_at for account in accounts] == [due, None, due, None, due]


async def test_two_processes_that_migrate_at_once_do_it_once(tmp_path: Path) -> None:
    async with fresh_database(tmp_path) as url:
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=migrate_alone, args=(url,)) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            await asyncio.to_thread(process.join, 60)
        assert [process.exitcode for process in processes] == [0, 0]
        async with connected(url):
            assert await databases.pending() == []


async def test_every_foreign_key_has_an_index(tmp_path: Path) -> None:
    async with fresh_database(tmp_path) as url, opened(url) as context:
        tables = await shape()
        assert context.apps
        for model in context.apps["models"].values():
            for name in model._meta.fk_fields | model._meta.o2o_fields:
                column = model._meta.fields_map[name].source_field
                table = tables[model._meta.db_table]
                starts = {columns[0] for columns in table["unique"] | table["index"]}
                assert column in starts, f"{model.__name__}.{name}: add Index(fields=({column!r},))"


# How the tables of a shop changed: everything that a migration may do


SHOP = """
from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class Shop(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=40, unique=True)
    town = fields.CharField(max_length=40, default="Umeå", db_default="Umeå")
    note = fields.TextField(null=True)

    class Meta:
        table = "shop"
        indexes = (Index(fields=("town", "name"), name="shop_town"),)


class Owner(Model):
    id = fields.UUIDField(primary_key=True)
    shop = fields.OneToOneField("models.Shop", related_name="owner")
    code = fields.CharField(max_length=10, null=True)

    class Meta:
        table = "owner"


class Ware(Model):
    id = fields.IntField(primary_key=True)
    shop = fields.ForeignKeyField("models.Shop", related_name="wares")
    name = fields.CharField(max_length=40)
    shelf = fields.IntField(default=0)
    sold_at = fields.DatetimeField(null=True)

    class Meta:
        table = "ware"
        unique_together = (("shop", "name"),)
        indexes = (Index(fields=("shop_id",)), Index(fields=("name",)))
"""
EVOLUTION = (
    # a column of a table that others refer to is altered: built anew on SQLite
    ("max_length=40, default", "max_length=80, null=True, default"),
    # a column goes
    ("    note = fields.TextField(null=True)\n", ""),
    # a column goes from the table with the constraint and the indexes
    ("    sold_at = fields.DatetimeField(null=True)\n", ""),
    # a unique column is one no longer
    (
        "name = fields.CharField(max_length=40, unique=True)",
        "name = fields.CharField(max_length=40)",
    ),
    # and is one again
    (
        "    name = fields.CharField(max_length=40)\n    town",
        "    name = fields.CharField(max_length=40, unique=True)\n    town",
    ),
    # the constraint over two columns goes; the table keeps its indexes
    ('        unique_together = (("shop", "name"),)\n', ""),
    # comes back, over other columns
    (
        '        table = "ware"\n',
        '        table = "ware"\n        unique_together = (("name", "shelf"),)\n',
    ),
    # a column comes to a table with rows, with its own index
    (
        "    shelf = ",
        "    kind = fields.CharField("
        'max_length=9, default="a", db_default="a", db_index=True)\n    shelf = ',
    ),
    # the index goes
    (', db_default="a", db_index=True)', ', db_default="a")'),
    # another one comes
    (', db_default="a")', ', db_default="a", db_index=True)'),
    # the table that has a one-to-one column is built anew
    (
        "code = fields.CharField(max_length=10, null=True)",
        'code = fields.CharField(max_length=20, default="-", db_default="-")',
    ),
    # a second reference to a table with rows
    (
        "    shelf = ",
        "    bought_in = fields.ForeignKeyField("
        '"models.Shop", related_name="bought", null=True)\n    shelf = ',
    ),
    # the index of a name changes its columns
    ('Index(fields=("name",))', 'Index(fields=("name", "shop_id"))'),
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"evolution_{uuid.uuid4().hex}"
    (tmp_path / name / "migrations").mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "migrations" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for module in [module for module in sys.modules if module.startswith(name)]:
        del sys.modules[module]


async def test_every_change_of_a_table_keeps_what_it_does_not_change(
    tmp_path: Path, package: str
) -> None:
    text = SHOP
    rows: dict[str, list[str]] = {}
    async with fresh_database(tmp_path) as url:
        for step, (old, new) in enumerate((("", ""), *EVOLUTION)):
            assert text.count(old) == 1 or not old, old
            text = text.replace(old, new, 1)
            (tmp_path / package / f"shop_{step}.py").write_text(text)
            importlib.invalidate_caches()
            models = [f"{package}.shop_{step}"]
            configuration = databases.config(url, models=models, migrations=f"{package}.migrations")
            assert len(await engine.write(configuration, f"step_{step}")) == 1, new
            assert len(await engine.apply(configuration)) == 1
            assert await engine.changes(configuration) == []
            async with connected(url):
                if step == 0:
                    await fill_the_shop()
                rows = rows or await keys()
                assert await keys() == rows, new
                found = await shape()
            async with fresh_database(tmp_path) as wanted_url, opened(wanted_url, models=models):
                wanted = await shape()
            assert found == wanted, new


async def fill_the_shop() -> None:
    for shop in (1, 2, 3):
        await execute("INSERT INTO shop (id, name) VALUES (?, ?)", shop, f"Butik {shop}")
        owner = "INSERT INTO owner (id, shop_id, code) VALUES (?, ?, ?)"
        await execute(owner, uuid.uuid4(), shop, "c")
        for ware in range(4):
            sql = "INSERT INTO ware (id, shop_id, name, shelf) VALUES (?, ?, ?, ?)"
            await execute(sql, shop * 10 + ware, shop, f"Vara {ware}", shop)


async def test_a_migration_that_fails_leaves_the_database_as_it_was(
    tmp_path: Path, package: str
) -> None:
    (tmp_path / package / "shop.py").write_text(SHOP)
    async with fresh_database(tmp_path) as url:
        configuration = databases.config(
            url, models=[f"{package}.shop"], migrations=f"{package}.migrations"
        )
        await engine.write(configuration)
        await engine.apply(configuration)
        async with connected(url):
            await fill_the_shop()
            before = await shape(), await keys()
        (tmp_path / package / "migrations" / "0002_fails.py").write_text(
            "from tortoise import migrations\n"
            "from tortoise.migrations import operations as ops\n"
            "class Migration(migrations.Migration):\n"
            "    dependencies = [('models', '0001_initial')]\n"
            "    operations = [\n"
            "        ops.RemoveField(model_name='Shop', name='note'),\n"
            "        ops.RemoveField(model_name='Shop', name='nonsense'),\n"
            "    ]\n"
        )
        importlib.invalidate_caches()
        with pytest.raises(Exception, match=r"."):
            await engine.apply(configuration)
        async with connected(url):
            assert (await shape(), await keys()) == before


# What a database holds


@asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[TortoiseContext]:
    async with TortoiseContext() as context:
        await context.init(config=databases.config(database_url))
        await databases.connect()
        yield context


def migrate_alone(database_url: str) -> None:
    asyncio.run(engine.migrate(database_url))


async def tables() -> list[str]:
    rows = await fetch(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        if dialect() == "sqlite"
        else "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
    )
    return sorted(row["name"] for row in rows if row["name"] != "tortoise_migrations")


async def keys() -> dict[str, list[str]]:
    """The primary keys of all rows, by table."""
    found = {}
    for table in await tables():
        column = "id" if "id" in await columns(table) else next(iter(await columns(table)))
        rows = await fetch(f'SELECT "{column}" AS key FROM "{table}"')
        found[table] = sorted(str(row["key"]) for row in rows)
    return found


async def columns(table: str) -> dict[str, tuple[str, bool]]:
    """Each column's type, and whether it may be empty."""
    rows = await fetch(
        'SELECT name, type, NOT "notnull" AND NOT pk AS empty FROM pragma_table_info(?)'
        if dialect() == "sqlite"
        else "SELECT attname AS name, format_type(atttypid, atttypmod) AS type, NOT attnotnull"
        " AS empty FROM pg_attribute WHERE attrelid = ?::text::regclass AND attnum > 0"
        " AND NOT attisdropped",
        table,
    )
    return {row["name"]: (row["type"], bool(row["empty"])) for row in rows}


async def shape() -> dict[str, Any]:
    """The tables with their columns, unique constraints, indexes and foreign keys."""
    found = {}
    for table in await tables():
        indexes = await (sqlite_indexes if dialect() == "sqlite" else postgres_indexes)(table)
        rows = await fetch(
            'SELECT "from", "table", on_delete FROM pragma_foreign_key_list(?)'
            if dialect() == "sqlite"
            else "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint"
            " WHERE conrelid = ?::text::regclass AND contype = 'f'",
            table,
        )
        found[table] = {
            "columns": await columns(table),
            "unique": {names for names, unique in indexes if unique},
            "index": {names for names, unique in indexes if not unique},
            "references": {tuple(row.values()) for row in rows},
        }
    return found


async def sqlite_indexes(table: str) -> list[tuple[tuple[str, ...], bool]]:
    found = []
    for index in await fetch('SELECT name, "unique", origin FROM pragma_index_list(?)', table):
        if index["origin"] != "pk":
            sql = "SELECT name FROM pragma_index_info(?) ORDER BY seqno"
            names = tuple(row["name"] for row in await fetch(sql, index["name"]))
            found.append((names, bool(index["unique"])))
    return found


async def postgres_indexes(table: str) -> list[tuple[tuple[str, ...], bool]]:
    rows = await fetch(
        "SELECT indisunique AS only, ARRAY(SELECT pg_get_indexdef(indexrelid, n, true)"
        " FROM generate_series(1, indnatts) AS n) AS names"
        " FROM pg_index WHERE indrelid = ?::text::regclass AND NOT indisprimary",
        table,
    )
    return [(tuple(row["names"]), row["only"]) for row in rows]


# Rows for every table of the first migration, whatever its columns are


async def seed(name: str, rows: int = 3) -> None:
    """Fill every table as the migration of that name leaves it; row n refers to rows n."""
    executor = MigrationExecutor(connection(), databases.config("sqlite://:memory:")["apps"])
    await executor.loader.build_graph()
    state = await executor._project_state({MigrationKey("models", name)})
    left = {model.name: model for model in state.models.values()}
    primary: dict[str, list[object]] = {}
    while left:
        ready = [
            model for model in left.values() if set(targets(model)) - {model.name} <= set(primary)
        ]
        assert ready, f"tables that refer to each other: {', '.join(left)}"
        for model in ready:
            del left[model.name]
            primary[model.name] = [await insert(model, n, primary) for n in range(rows)]


def targets(model: ModelState) -> list[str]:
    relations = [f for f in model.fields.values() if isinstance(f, ForeignKeyFieldInstance)]
    return [str(field.model_name).split(".")[1] for field in relations]


async def insert(model: ModelState, n: int, primary: dict[str, list[object]]) -> object:
    values: dict[str, object] = {}
    key: object = None
    for name, field in model.fields.items():
        if isinstance(field, ForeignKeyFieldInstance):
            target = str(field.model_name).split(".")[1]
            column = field.source_field or f"{name}_id"
            values[column] = None if target == model.name else primary[target][n]
        elif isinstance(field, Field) and not isinstance(field, ManyToManyFieldInstance):
            column = field.source_field or name
            values.setdefault(column, some_value(name, field, n))
        else:
            continue
        key = values[column] if field.pk else key
    names = ", ".join(f'"{column}"' for column in values)
    marks = ", ".join("?" for _ in values)
    await execute(f'INSERT INTO "{model.table}" ({names}) VALUES ({marks})', *values.values())
    return key


def some_value(name: str, field: Field[Any], n: int) -> object:
    if kinds := getattr(field, "enum_type", None):
        return list(kinds)[n % len(kinds)].value
    if isinstance(field, CharField):
        return f"{n}{name}"[: field.max_length]
    by_type: dict[type[Field[Any]], object] = {
        BooleanField: n % 2 == 0,
        IntField: n + 1,
        BigIntField: n + 1,
        SmallIntField: n + 1,
        FloatField: n + 0.5,
        DatetimeField: datetime(2026, 11, 22, n, tzinfo=UTC),
        DateField: date(2026, 11, 1 + n),
        UUIDField: uuid.UUID(int=n + 1),
        BinaryField: bytes([n]) * 8,
        TextField: f"{n} {name}",
        JSONField: f'{{"n": {n}}}',
    }
    return next(value for kind, value in by_type.items() if isinstance(field, kind))
