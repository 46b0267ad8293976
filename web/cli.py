"""The `minasidor` command: what an operator does from a terminal."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
from collections.abc import Sequence

import uvicorn

from models import databases, keys
from models.databases import migrations
from web import log
from web.app import create_app
from web.settings import SettingError, Settings

_log = logging.getLogger("minasidor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status. What is wrong is one clear line on standard error."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.from_env()
        log.set_up(development=settings.development)
        keys.use(settings.secret_keys, settings.pepper)
        status: int = options.command(settings, options)
    except (SettingError, databases.Unavailable, ValueError) as error:
        print(f"minasidor: {error}", file=sys.stderr)
        return 2
    return status


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the portal; in development migrate and fill a new database first."""
    _check_port(settings)
    if settings.development:
        asyncio.run(_prepare(settings))
    print(f"MinaSidor: {settings.base_url}", flush=True)
    if settings.development:
        print(f"Its mail:  {settings.base_url}/_dev/mejl", flush=True)
    uvicorn.run(
        create_app(settings),
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="minasidor", description="MinaSidor, the operator's side")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, command: object) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        made.set_defaults(command=command)
        return made

    add("run", run)
    add("migrate", migrate)
    add("makemigrations", make_migrations).add_argument(
        "name", nargs="?", help="what the migration is to be called"
    )
    return parser
