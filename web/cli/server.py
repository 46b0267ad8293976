"""`minasidor run` and `migrate`: the portal itself, and the database it wants."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import socket
import sys

from models import databases
from models.databases import migrations
from web.cli.database import opened
from web.settings import SettingError, Settings


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the portal; in development migrate and fill a new database first."""
    import uvicorn

    from web.app import create_app

    _check_port(settings)
    asyncio.run(_prepare(settings) if settings.development else _check(settings))
    print(f"MinaSidor: {settings.base_url}", flush=True)
    if settings.development:
        print(f"Its mail:  {settings.base_url}/_dev/mejl", flush=True)
        print(f"All tools: {settings.base_url}/_dev", flush=True)
    app = create_app(settings)
    _make_even()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # web/middleware/proxy.py reads them
        timeout_graceful_shutdown=20,
        limit_concurrency=500,
    )
    return 0


def migrate(settings: Settings, options: argparse.Namespace) -> int:
    """Bring the database to this version's schema."""
    applied = asyncio.run(migrations.migrate(settings.database_url))
    print("\n".join(f"applied {name}" for name in applied) or "nothing to do")
    return 0


def make_migrations(settings: Settings, options: argparse.Namespace) -> int:
    """Write the migration for what was changed in the models (development)."""
    made = asyncio.run(migrations.make_migrations(settings.database_url, options.name))
    print("\n".join(f"wrote {os.path.relpath(path)}" for path in made) or "no changes")
    return 0


async def _prepare(settings: Settings) -> None:
    for name in await migrations.migrate(settings.database_url):
        print(f"Database: applied {name}")
    if not settings.demo:
        return
    from web.development import demo

    await databases.open(settings.database_url)
    try:
        if await demo.fill():
            print("Database: filled with demo customers and users (README.md lists them)")
    finally:
        await databases.close()


async def _check(settings: Settings) -> None:
    # So that what is wrong with the database is one line, and not the server's last words.
    async with opened(settings):
        pass


def _make_even() -> None:
    """Spend the processor in small pieces, so that nobody's page waits long (measured, bench/)."""
    # What is loaded by now stays: walking through all of it held every page up for 45 ms.
    gc.collect()
    gc.freeze()
    # The hash thread waits that long for its turn to take the next password: by default 5 ms, and
    # a verification may take 6.
    sys.setswitchinterval(0.0005)


def _check_port(settings: Settings) -> None:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingError(
                f"port {settings.port} on {settings.host} cannot be used ({error.strerror}); "
                "set MINASIDOR_PORT to another one"
            ) from error
