"""`minasidor limits` and `minasidor claims`: what the portal refuses, and mending it by hand."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress

from models import Switch, lifting, numbers
from models.lifting import Standing, Whose
from web.cli.database import opened
from web.cli.output import Misused, period, table
from web.settings import Settings


def show(settings: Settings, options: argparse.Namespace) -> int:
    """Show what limits count: in all, or of one e-mail address, customer number or IP address."""

    async def work() -> int:
        async with opened(settings):
            if options.text:
                whose = await _whose(options.text)
                print(_standings(await whose.standings()) or "no limit counts anything of it")
                return 0
            print(f"claims are {'open' if await Switch.is_open(Switch.CLAIMS) else 'closed'}\n")
            rows = [
                (
                    total.limit.name,
                    f"{total.limit.most} in {period(total.limit.per)}",
                    total.counted,
                    total.used_up if total.limit.refuses else "never refuses",
                )
                for total in await lifting.totals()
            ]
            print(table(("LIMIT", "AT MOST", "COUNTED", "USED UP"), rows))
        return 0

    return asyncio.run(work())


def lift(settings: Settings, options: argparse.Namespace) -> int:
    """Lift the limits of a user, a customer account or a client address, or of the whole site."""

    async def work() -> int:
        async with opened(settings):
            lifted: list[Standing] = []
            for whose in await _named(options):
                lifted += await whose.lift(options.operator)
            print(f"lifted:\n{_standings(lifted)}" if lifted else "there was nothing to lift")
            if options.user and not options.address:
                print(
                    "(Login also has a limit per user and client address, 10 in 5 minutes: add"
                    " --address if they wait at a place that they have not logged in from before.)"
                )
        return 0

    return asyncio.run(work())


def open_claims(settings: Settings, options: argparse.Namespace) -> int:
    """Let customers register and add customer accounts with kundnummer and four digits."""
    return asyncio.run(_turn_claims(settings, True, options.operator))


def close_claims(settings: Settings, options: argparse.Namespace) -> int:
    """Take no claims, say during an attack: Steg 2 then says so and asks customers to call."""
    return asyncio.run(_turn_claims(settings, False, options.operator))


async def _turn_claims(settings: Settings, on: bool, operator: str) -> int:
    state = "open" if on else "closed"
    async with opened(settings):
        if await Switch.is_open(Switch.CLAIMS) == on:
            print(f"claims were {state} already")
        else:
            await Switch.turn(Switch.CLAIMS, on=on, operator=operator)
            print(f"claims are {state} now")
    return 0


async def _named(options: argparse.Namespace) -> list[Whose]:
    named: list[Whose] = []
    address = _address(options.address) if options.address else ""
    if options.user:
        if "@" not in options.user:
            raise Misused("--user takes an e-mail address")
        named.append(await lifting.of_user(options.user, address))
    if options.customer:
        named.append(await _of_customer(options.customer))
    if address:
        named.append(lifting.of_address(address))
    if options.site:
        named.append(lifting.of_site())
    if not named:
        raise Misused("say whose: --user, --customer, --address or --site")
    return named


async def _whose(text: str) -> Whose:
    if "@" in text:
        return await lifting.of_user(text)
    try:
        return lifting.of_address(_address(text))
    except Misused:
        return await _of_customer(text)


async def _of_customer(text: str) -> Whose:
    number = numbers.customer_number(text)
    if number is None:
        raise Misused(f"{text!r} is no e-mail address, no customer number and no client address")
    return await lifting.of_customer(number)


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise Misused(f"{text!r} is no IP address") from None


def _standings(standings: list[Standing]) -> str:
    rows = [
        (
            standing.limit.name,
            f"{standing.count} of {standing.most}" if standing.limit.refuses else standing.count,
            standing.resets_at,
            "yes" if standing.is_used_up else "no",
        )
        for standing in standings
    ]
    return table(("LIMIT", "COUNT", "COUNTS UNTIL", "USED UP"), rows) if rows else ""
