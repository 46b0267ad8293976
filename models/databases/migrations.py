"""Migrations: writing them, and applying them so that no row, constraint or index is lost."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext
from tortoise.fields.base import Field
from tortoise.indexes import Index
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from tortoise.migrations.schema_editor import AsyncpgSchemaEditor, SqliteSchemaEditor
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.writer import MigrationWriter, format_migration_name
from tortoise.models import Model

from models.databases import MIGRATIONS, atomic, config, connect, dialect

LOCK = 4101  # PostgreSQL's advisory lock, held by the one who migrates


async def migrate(database_url: str) -> list[str]:
    """Apply the migrations that the database lacks, and return their names.

    All of them are applied, or none. When two processes migrate at once, one waits for the other.
    """
    return await apply(config(database_url))


async def make_migrations(database_url: str, name: str | None = None) -> list[Path]:
    """Write what the models have and the migrations have not; return the files."""
    MIGRATIONS.mkdir(exist_ok=True)
    package = MIGRATIONS / "__init__.py"
    if not package.exists():
        package.write_text('"""The steps from an empty database to the tables of today."""\n')
        importlib.invalidate_caches()
    return await write(config(database_url), name)


async def apply(configuration: dict[str, Any], upto: str = "__latest__") -> list[str]:
    configuration = copy.deepcopy(configuration)
    default = configuration["connections"]["default"]
    if default["engine"].endswith("sqlite"):
        # dropping a table would delete the rows that refer to it
        default["credentials"] |= {"foreign_keys": "OFF", "busy_timeout": 60_000}
    else:
        default["credentials"] |= {"command_timeout": None}
    applied: list[str] = []

    def note(event: str, _app: str, name: str) -> None:
        if event == "apply_done":
            applied.append(name)

    async with TortoiseContext() as context:
        await context.init(config=configuration)
        await connect()
        async with atomic() as client:
            if dialect() == "postgres":
                await client.execute_query("SELECT pg_advisory_xact_lock($1)", [LOCK])
            executor = _Executor(client, configuration["apps"])
            await executor.recorder.ensure_schema(executor._schema_editor(atomic=False))
            await executor.migrate([MigrationTarget("models", upto)], progress=note)
            if dialect() == "sqlite":
                await _check_foreign_keys(client)
    return applied


async def write(configuration: dict[str, Any], name: str | None = None) -> list[Path]:
    files = []
    for writer in await changes(configuration):
        if name:
            writer.name = format_migration_name(int(writer.name.split("_")[0]), name)
        files.append(Path(writer.write()))
    importlib.invalidate_caches()
    return files


async def changes(configuration: dict[str, Any]) -> list[MigrationWriter]:
    """What the models have and the migrations have not; asks no database."""
    async with TortoiseContext() as context:
        await context.init(config=configuration)
        if context.apps is None:
            raise RuntimeError("Tortoise did not load the models")
        for model in context.apps["models"].values():
            # Tortoise takes docstrings and the values of enums for part of the schema: a new word
            # is no migration.
            model._meta.table_description = ""
            for field in model._meta.fields_map.values():
                if field.description is not None:
                    field.description = ""
        return await MigrationAutodetector(context.apps, configuration["apps"]).changes()


async def _check_foreign_keys(client: BaseDBAsyncClient) -> None:
    _, broken = await client.execute_query("PRAGMA foreign_key_check")
    if broken:
        tables = ", ".join(sorted({row["table"] for row in broken}))
        raise RuntimeError(f"After the migration, rows refer to rows that are gone: {tables}")


class _Executor(MigrationExecutor):
    def _schema_editor(self, atomic: bool = True, collect_sql: bool = False) -> BaseSchemaEditor:
        kind = _SqliteEditor if dialect() == "sqlite" else _PostgresqlEditor
        return kind(self.connection, atomic=atomic, collect_sql=collect_sql)


class _IndexedFields(BaseSchemaEditor):
    """A column that comes later gets its index too."""

    async def add_field(self, model: type[Model], field_name: str) -> None:
        await super().add_field(model, field_name)
        field = model._meta.fields_map[field_name]
        if field.index and not field.unique:
            await self.add_index(model, Index(fields=(_column(field),)))


class _PostgresqlEditor(_IndexedFields, AsyncpgSchemaEditor):
    pass


@dataclass(frozen=True)
class _IndexFound:
    """An index as the database has it."""

    name: str
    unique: bool
    columns: tuple[str, ...]
    sql: str | None  # none for one that came with a UNIQUE of the table itself


class _SqliteEditor(_IndexedFields, SqliteSchemaEditor):
    """SQLite changes a table by building it anew; Tortoise's own forgets what lies around it."""

    async def _run_sql(self, sql: str) -> None:
        await self.client.execute_script(sql)

    async def _remake_table(
        self,
        model: type[Model],
        create_field: Field[Any] | None = None,
        delete_field: Field[Any] | None = None,
        alter_fields: Sequence[tuple[Field[Any], Field[Any]]] | None = None,
        drop_unique: tuple[str, ...] = (),
    ) -> None:
        table = model._meta.db_table
        _, answer = await self.client.execute_query("PRAGMA foreign_keys")
        if answer[0]["foreign_keys"]:
            raise RuntimeError("With foreign_keys=ON, building a table anew would delete rows.")
        altered = alter_fields or ()
        renamed = {_column(old): _column(new) for old, new in altered}
        gone = {_column(delete_field)} if delete_field else set()
        no_longer = {drop_unique} | {(_column(new),) for _, new in altered if not new.unique}
        before = await self._indexes(table)

        await super()._remake_table(model, create_field, delete_field, alter_fields)

        unique = {index.columns for index in await self._indexes(table) if index.unique}
        for index in before:
            columns = tuple(renamed.get(column, column) for column in index.columns)
            if gone & set(columns) or (index.unique and columns in no_longer | unique):
                continue
            sql = index.sql or self._unique_index(model, columns)
            for old, new in renamed.items():
                sql = sql.replace(self.quote(old), self.quote(new))
            await self._run_sql(sql)

    async def _alter_field(
        self, model: type[Model], old_field: Field[Any], new_field: Field[Any]
    ) -> None:
        await super()._alter_field(model, old_field, new_field)
        index = Index(fields=(_column(new_field),))
        if new_field.index and not old_field.index:
            await self.add_index(model, index)
        elif old_field.index and not new_field.index:
            await self.remove_index(model, index)

    async def remove_constraint(
        self, model: type[Model], constraint: UniqueConstraint | CheckConstraint
    ) -> None:
        if isinstance(constraint, CheckConstraint):
            await super().remove_constraint(model, constraint)
            return
        columns = tuple(self._resolve_fields_to_columns(model, constraint.fields))
        for index in await self._indexes(model._meta.db_table):
            if index.unique and index.columns == columns:
                if index.sql:
                    await self._run_sql(f"DROP INDEX {self.quote(index.name)}")
                else:  # part of the table's own text
                    await self._remake_table(model, drop_unique=columns)

    def _unique_index(self, model: type[Model], columns: tuple[str, ...]) -> str:
        return self.UNIQUE_INDEX_CREATE_TEMPLATE.format(
            index_name=self._get_unique_constraint_name(model, list(columns)),
            table_name=self.quote(model._meta.db_table),
            fields=", ".join(self.quote(column) for column in columns),
            extra="",
        )

    async def _indexes(self, table: str) -> list[_IndexFound]:
        _, rows = await self.client.execute_query(
            'SELECT list.name, list."unique", master.sql FROM pragma_index_list(?) AS list'
            " JOIN sqlite_master AS master ON master.name = list.name"
            " WHERE list.origin <> 'pk' ORDER BY list.seq DESC",
            [table],
        )
        found = []
        for row in rows:
            _, columns = await self.client.execute_query(
                "SELECT name FROM pragma_index_info(?) ORDER BY seqno", [row["name"]]
            )
            names = tuple(column["name"] or "" for column in columns)
            found.append(_IndexFound(row["name"], bool(row["unique"]), names, row["sql"]))
        return found


def _column(field: Field[Any]) -> str:
    return field.source_field or field.model_field_name
