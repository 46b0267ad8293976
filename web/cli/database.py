"""The database as commands open it: there, and with the schema of this version."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from models import databases
from web.cli.output import Refused
from web.settings import Settings


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[None]:
    """Raises databases.Unavailable, or Refused when it is not ready to be used."""
    default = databases.config(settings.database_url)["connections"]["default"]
    file = default["credentials"].get("file_path", "")
    # Opening it would make a new, empty one: most likely the address is mistyped.
    if file and file != ":memory:" and Path(file).parent.is_dir() and not Path(file).exists():
        raise Refused(f"there is no database {file} yet: 'minasidor migrate' makes it")
    await databases.open(settings.database_url)
    try:
        if await databases.pending():
            raise Refused("the database lacks tables of this version: run 'minasidor migrate'")
        yield
    finally:
        await databases.close()
