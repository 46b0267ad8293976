"""`minasidor import-customers` and `customers`: the customer accounts and who reaches them."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tqdm import tqdm

from models import (
    ClaimPolicy,
    CustomerAccount,
    Invitation,
    Membership,
    Role,
    User,
    access,
    numbers,
    operating,
)
from models.access import Actor
from models.customer_import import COLUMNS, CustomerImport
from models.databases import atomic
from models.membership import AccountClosed
from models.operating import Appointed
from web.cli.csv_file import CsvFile, Unreadable
from web.cli.database import opened
from web.cli.output import Misused, Refused, confirmed, facts, table
from web.cli.users import STATUSES, named
from web.forms import email_error
from web.settings import Settings

_APPOINTED = {
    Appointed.ALREADY: "{email} was administrator of {account} already",
    Appointed.PROMOTED: "{email} had access to {account} and is its administrator now",
    Appointed.LET_IN: "{email} had no access to {account} and is its administrator now",
    Appointed.INVITED: "no user has confirmed {email}: an invitation as administrator of {account}"
    " is on its way",
}


def import_customers(settings: Settings, options: argparse.Namespace) -> int:
    """Create and update the customer accounts from a CSV file."""
    path: Path = options.file
    try:
        file = CsvFile.look_at(path, COLUMNS)
        return asyncio.run(_import(settings, options, file))
    except Unreadable as error:
        raise Refused(f"{path}: {error}") from None
    except KeyboardInterrupt:
        raise Refused(
            "stopped; no customer is half written, and the same command again does the rest"
        ) from None


def show(settings: Settings, options: argparse.Namespace) -> int:
    """Show a customer account: its rules, its users and who is invited."""

    async def work() -> int:
        async with opened(settings):
            account = await _customer(options.customer)
            print(f"{_facts(account)}\n\n{await _users(account)}\n\n{await _invitations(account)}")
        return 0

    return asyncio.run(work())


def policy(settings: Settings, options: argparse.Namespace) -> int:
    """Set what a right claim comes to where there is an administrator already."""

    async def work() -> int:
        async with opened(settings), atomic():
            account, to = await _customer(options.customer), ClaimPolicy(options.policy)
            _ = await account.lock()
            await account.refresh_from_db(fields=["requires_two_factor"])
            changed = await access.set_rules(
                account,
                Actor(operator=options.operator),
                claim_policy=to,
                requires_two_factor=account.requires_two_factor,
            )
            print(f"the policy of {_named(account)} {'is' if changed else 'was already'} {to}")
        return 0

    return _unless_closed(work())


def approve(settings: Settings, options: argparse.Namespace) -> int:
    """Let in a user who waits for approval, where no administrator answers."""

    async def work() -> int:
        async with opened(settings):
            account, user = await _customer(options.customer), await named(options.user)
            membership = await Membership.get_or_none(
                user_id=user.id, customer_account_id=account.id
            )
            if membership is None:
                raise Refused(f"{user.email} has not asked for access to {_named(account)}")
            approved = await access.approve(membership, Actor(operator=options.operator))
            print(f"{user.email} {'has' if approved else 'had'} access to {_named(account)}")
        return 0

    return _unless_closed(work())


def appoint(settings: Settings, options: argparse.Namespace) -> int:
    """Make somebody administrator: a user of the account, another user, or by an invitation."""
    if email_error(options.email):
        raise Misused(f"{options.email!r} is no e-mail address")

    async def work() -> int:
        async with opened(settings):
            account = await _customer(options.customer)
            try:
                done = await operating.appoint(account, options.email, options.operator)
            except operating.Leaving:
                raise Refused(f"{options.email} is closing the user account") from None
            print(_APPOINTED[done].format(email=options.email, account=_named(account)))
        return 0

    return _unless_closed(work())


def _unless_closed(work: Coroutine[None, None, int]) -> int:
    try:
        return asyncio.run(work)
    except AccountClosed:
        raise Refused("the customer account is closed") from None


async def _customer(text: str) -> CustomerAccount:
    account = await CustomerAccount.get_or_none(customer_number=numbers.customer_number(text) or "")
    if account is None:
        raise Refused(f"there is no customer account {text!r}")
    return account


def _named(account: CustomerAccount) -> str:
    return f"{account.name} ({account.customer_number})"


def _facts(account: CustomerAccount) -> str:
    return facts(
        ("Customer number", account.customer_number),
        ("Name", account.name),
        # As on pages: nobody is told a sole trader's four digits.
        ("Organisation number", account.organisation_number_shown or "none, by invitation only"),
        ("Contact address", account.contact_email),
        ("Closed", account.closed_at or "no"),
        ("Policy of claims", account.claim_policy),
        ("Two-factor", "required" if account.requires_two_factor else "not required"),
        ("Administrators", account.active_administrators),
        ("Reviewed", account.reviewed_at or "never"),
        ("Next review asked for", account.review_due_at or "once there is an administrator"),
    )


async def _users(account: CustomerAccount) -> str:
    memberships = await Membership.filter(customer_account_id=account.id).prefetch_related("user")
    memberships.sort(key=lambda m: (m.role is not Role.ADMINISTRATOR, m.is_awaiting, m.id))
    rows = [
        (
            membership.user.id,
            membership.user.name,
            membership.user.email,
            membership.role,
            _status(membership, membership.user),
            membership.created_at,
            membership.user.last_login_at,
        )
        for membership in memberships
    ]
    columns = ("ID", "NAME", "E-MAIL", "ROLE", "STATUS", "SINCE", "LAST LOGIN")
    return table(columns, rows) if rows else "no users"


def _status(membership: Membership, user: User) -> str:
    marks = [STATUSES[membership.status]]
    marks += ["frozen"] if user.frozen_at else []
    marks += ["closing"] if user.closes_at else []
    return ", ".join(marks)


async def _invitations(account: CustomerAccount) -> str:
    invitations = await Invitation.filter(customer_account_id=account.id).order_by("id")
    rows = [
        (one.email, one.role, one.sent_at, one.sent_at + Invitation.LIFETIME) for one in invitations
    ]
    columns = ("INVITED", "AS", "SENT", "OPEN UNTIL")
    return table(columns, rows) if rows else "no invitations"


async def _import(settings: Settings, options: argparse.Namespace, file: CsvFile) -> int:
    work = CustomerImport()
    try:
        async with opened(settings):
            bad_lines = _read(file, work)
            if bad_lines and not options.skip_bad:
                print(
                    f"{_lines(bad_lines)} cannot be used, so nothing was written"
                    " (--skip-bad leaves the customers of such lines as they are)",
                    file=sys.stderr,
                )
                return 1
            if not work.customers:
                raise Refused(f"{file.path}: there is no customer to import; nothing was written")
            absent = await _absent(work, options) if options.close_missing else 0
            with _bar("Writing", work.customers + absent, "customers") as bar:
                async for done in work.write(options.operator):
                    bar.update(done)
        counts = work.counts
        print(
            f"{counts.created} created, {counts.updated} updated"
            f" ({counts.reopened} of them reopened), {counts.unchanged} unchanged,"
            f" {counts.closed} closed, {work.skipped} skipped"
        )
    finally:
        work.close()
    return 0


def _read(file: CsvFile, work: CustomerImport) -> int:
    """Check every line; how many were bad, each told with its number and what is wrong."""
    bad = 0
    with _bar("Reading", file.size, "B") as bar:
        for line in file.lines(bar.update):
            if line.wrong:
                work.refuse()
            wrong = [line.wrong] if line.wrong else work.add(line.number, line.values)
            bad += bool(wrong)
            for reason in wrong:
                bar.write(f"line {line.number}: {reason}", file=sys.stderr)
    return bad


async def _absent(work: CustomerImport, options: argparse.Namespace) -> int:
    """How many accounts will be closed. Raises Refused when that is not to be."""
    if work.unreadable:
        raise Refused(
            f"--close-missing cannot tell which customers are missing: {_lines(work.unreadable)}"
            " without a readable kundnummer; nothing was written"
        )
    absent = await work.find_absent()
    print(f"{absent} open customer accounts are not in the file and will be closed")
    if absent and not options.yes:
        if not sys.stdin.isatty():
            raise Misused("nothing was written: without a terminal --close-missing needs --yes")
        if not confirmed(f"Close {absent} customer accounts?"):
            raise Refused("nothing was written")
    return absent


def _bar(what: str, total: int, unit: str) -> tqdm[Any]:
    # On a terminal only (disable=None).
    return tqdm(total=total, desc=what, unit=unit, unit_scale=unit == "B", disable=None)


def _lines(count: int) -> str:
    return f"{count} line" if count == 1 else f"{count} lines"
