"""The reference client's command line: `python -m web.mobile.client --help`."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
import webbrowser
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx2

from web.mobile.client.protocol import LoggedOut, MittPreZero, NotOurs, Refused
from web.mobile.client.safe import Safe

_DESCRIPTION = """\
MittPreZero's reference client, for a portal in development. docs/app.md tells the protocol."""
_EPILOG = """\
exit status: 0 done; 1 the portal said no; 2 a wrong option, or no portal there; 3 log in first;
130 stopped by Ctrl+C"""
_CLOSE = b"""\
HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
You are back in the app. This page can be closed.\n"""


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        asyncio.run(_run(options))
    except Refused as refused:
        return _told(1, str(refused))
    except httpx2.TransportError as error:
        return _told(2, f"{options.url} does not answer ({type(error).__name__}).")
    except LoggedOut:
        return _told(3, "Log in first.")
    except (KeyboardInterrupt, EOFError):
        return 130
    return 0


async def _run(options: argparse.Namespace) -> None:
    url = options.url.rstrip("/")
    app = MittPreZero(url, Safe(url))
    try:
        await options.do(app, options)
    finally:
        await app.close()


async def _register(app: MittPreZero, _: argparse.Namespace) -> None:
    await _through_browser(app, prompt="create")


async def _browser(app: MittPreZero, _: argparse.Namespace) -> None:
    await _through_browser(app)


async def _login(app: MittPreZero, options: argparse.Namespace) -> None:
    try:
        await app.log_in(options.email, getpass.getpass("Password: "), _ask_code)
    except Refused as refused:
        if refused.error != "redirect_to_web":
            raise
        await _through_browser(app)
    print("Logged in.")


def _ask_code(refused: Refused) -> str:
    if reason := refused.content.get("reason"):
        print(f"{reason}, {refused.content['tries_left']} tries left")
    return getpass.getpass("Code: ")


async def _through_browser(app: MittPreZero, **more: str) -> None:
    """To the portal's pages and back: to a port of the loopback, as RFC 8252 §7.3 has it for
    programs without a claimed address."""
    back = asyncio.Queue[dict[str, str]]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readline()).decode("latin-1")  # GET /?code=...&state=... HTTP/1.1
        address = urlsplit(asked.removeprefix("GET ").partition(" ")[0])
        if address.path == "/" and address.query:  # no icon
            back.put_nowait(dict(parse_qsl(address.query)))
        writer.write(_CLOSE)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        address = await app.begin_in_browser(f"http://127.0.0.1:{port}/", **more)
        print("Go on in the browser. Ctrl+C stops waiting.")
        if not await asyncio.to_thread(webbrowser.open, address):
            print(f"Open it yourself: {address}")
        while True:
            try:
                await app.finish_in_browser(await back.get())
            except NotOurs:  # any page can call this port
                continue
            break
    print("Logged in.")


async def _me(app: MittPreZero, _: argparse.Namespace) -> None:
    _show(await app.call("GET", "/api/v1/jag"))


async def _accounts(app: MittPreZero, options: argparse.Namespace) -> None:
    _show(await app.call("GET", "/api/v1/kundkonton", params={"q": options.search}))


async def _add(app: MittPreZero, options: argparse.Namespace) -> None:
    suffix = getpass.getpass("The last four digits of the organisationsnummer: ")
    claim = {"customer_number": options.kundnummer, "organisation_suffix": suffix}
    _show(await app.call("POST", "/api/v1/kundkonton", json=claim))


async def _account(app: MittPreZero, options: argparse.Namespace) -> None:
    _show(await app.call("GET", f"/api/v1/kundkonton/{quote(options.kundnummer, safe='')}"))


async def _devices(app: MittPreZero, _: argparse.Namespace) -> None:
    _show(await app.call("GET", "/api/v1/enheter"))


async def _logout(app: MittPreZero, _: argparse.Namespace) -> None:
    await app.log_out()
    print("Logged out.")


def _show(answer: Any) -> None:
    print(json.dumps(answer, ensure_ascii=False, indent=2))


def _told(status: int, sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m web.mobile.client",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--url", default="http://localhost:8000", help="the portal's MINASIDOR_BASE_URL"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for do, help_, *arguments in (
        (_register, "register in the browser"),
        (_browser, "log in in the browser: with BankID, or after a forgotten password"),
        (_login, "log in with password and code, which are asked for", "email"),
        (_me, "who is logged in"),
        (_accounts, "the customer accounts, all or those found", "search"),
        (_add, "add a customer account; asks for the four digits", "kundnummer"),
        (_account, "one customer account", "kundnummer"),
        (_devices, "where the app is logged in"),
        (_logout, "log this device out"),
    ):
        command = commands.add_parser(do.__name__.strip("_"), help=help_, description=help_)
        command.set_defaults(do=do)
        for name in arguments:
            command.add_argument(name, nargs="?" if name == "search" else None, default="")
    return parser


if __name__ == "__main__":
    sys.exit(main())
