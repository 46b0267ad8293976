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
    _check_file(settings)
    await databases.open(settings.database_url)
    try:
        if await databases.pending():
            raise Refused("the database lacks tables of this version: run 'minasidor migrate'")
        yield
    finally:
        await databases.close()


def _check_file(settings: Settings) -> None:
    default = databases.config(settings.database_url)["connections"]["default"]
    name = default["credentials"].get("file_path", "")
    # Opening it would make a new, empty one: most likely the address is mistyped.
    if name not in ("", ":memory:") and Path(name).parent.is_dir() and not Path(name).exists():
        raise Refused(f"there is no database {name} yet: 'minasidor migrate' makes it")
