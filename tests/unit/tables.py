"""The database as whoever steals it reads it."""

from __future__ import annotations

from tortoise import Tortoise

from models.databases import fetch


async def cells() -> str:
    """Every cell of every table, one a line."""
    tables = [model._meta.db_table for model in Tortoise.apps["models"].values()]
    rows = [row for table in tables for row in await fetch(f"SELECT * FROM {table}")]
    return "\n".join(_text(value) for row in rows for value in row.values())


def _text(value: object) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
