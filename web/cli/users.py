"""`minasidor users`: who somebody on the phone is, and what state their user account is in."""

from __future__ import annotations

import argparse
import asyncio
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable

from models import (
    AppDevice,
    BankIDIdentity,
    Event,
    Membership,
    RecoveryCode,
    Session,
    Status,
    Totp,
    User,
    numbers,
    operating,
)
from web.cli.database import opened
from web.cli.output import Refused, facts, local, table
from web.mobile import clients
from web.settings import Settings

STATUSES = {Status.ACTIVE: "active", Status.AWAITING_APPROVAL: "awaiting approval"}
_MOST = 50
_EVENTS = 20


def find(settings: Settings, options: argparse.Namespace) -> int:
    """Find users by a part of their e-mail address or name, or by a customer number."""

    async def work() -> int:
        async with opened(settings):
            found = [user async for user in _matching(options.text)]
            if not found:
                raise Refused(f"no user matches {options.text!r}")
            rows = [
                (user.id, user.name, user.email, await _numbers(user), user.last_login_at)
                for user in found[:_MOST]
            ]
            print(table(("ID", "NAME", "E-MAIL", "CUSTOMER NUMBERS", "LAST LOGIN"), rows))
            if len(found) > _MOST:
                print(f"and {len(found) - _MOST} more: say more of the address or the name")
        return 0

    return asyncio.run(work())


def show(settings: Settings, options: argparse.Namespace) -> int:
    """Show one user, by e-mail address or by the id that 'users find' tells."""

    async def work() -> int:
        async with opened(settings):
            user = await named(options.user)
            print(await _facts(user))
            print(f"\n{await _accounts(user)}\n\n{await _apps(user)}\n\n{await _events(user)}")
        return 0

    return asyncio.run(work())


def freeze(settings: Settings, options: argparse.Namespace) -> int:
    """Let nobody in by password until a new one is set by mail: sessions and mailed links end."""

    async def work(user: User) -> str:
        if not await operating.freeze(user, options.operator):
            return f"{user.email} was frozen already"
        return f"{user.email} is frozen; a mail with a link to a new password is on its way"

    return asyncio.run(_done(settings, options, work))


def unfreeze(settings: Settings, options: argparse.Namespace) -> int:
    """Let a frozen user in again with the same password as before."""

    async def work(user: User) -> str:
        if not await operating.unfreeze(user, options.operator):
            return f"{user.email} was not frozen"
        return f"{user.email} can log in again; a mail says so"

    return asyncio.run(_done(settings, options, work))


def end_sessions(settings: Settings, options: argparse.Namespace) -> int:
    """Log a user out of every browser and app; the same password logs in again."""

    async def work(user: User) -> str:
        ended = await operating.end_sessions(user, options.operator)
        browsers = f"{ended.browsers} {'session' if ended.browsers == 1 else 'sessions'}"
        apps = f"{ended.apps} {'app' if ended.apps == 1 else 'apps'}"
        return f"{user.email}: {browsers} and {apps} ended"

    return asyncio.run(_done(settings, options, work))


async def _done(
    settings: Settings, options: argparse.Namespace, work: Callable[[User], Awaitable[str]]
) -> int:
    async with opened(settings):
        print(await work(await named(options.user)))
    return 0


async def named(text: str) -> User:
    """By address or id."""
    by_id = text.isascii() and text.isdecimal() and len(text) < 10
    user = await (User.get_or_none(id=int(text)) if by_id else User.by_email(text))
    if user is None:
        raise Refused(f"there is no user {text!r}; 'users find' searches")
    return user


async def _matching(text: str) -> AsyncIterator[User]:
    number, words, last = numbers.customer_number(text), _folded(text).split(), 0
    if number:
        for user in await User.filter(
            memberships__customer_account__customer_number=number
        ).order_by("id"):
            yield user
    # In Python: SQLite folds ASCII only, and would not find "Åsa" by "åsa".
    while batch := await User.filter(id__gt=last).order_by("id").limit(2000):
        last = batch[-1].id
        for user in batch:
            known = _folded(f"{user.name} {user.email}")
            if words and not number and all(word in known for word in words):
                yield user


async def _facts(user: User) -> str:
    bankid = await BankIDIdentity.of_user(user.id)
    sessions = [session for session in await Session.filter(user_id=user.id) if session.is_alive]
    return facts(
        ("User", user.id),
        ("Name", user.name),
        ("E-mail", user.email),
        ("E-mail confirmed", user.email_confirmed_at or "no"),
        ("Phone", user.phone),
        ("Created", user.created_at),
        ("Last login", user.last_login_at),
        ("Password since", "none" if user.is_passwordless else user.password_changed_at),
        ("BankID", f"linked {local(bankid.linked_at)}" if bankid else "not linked"),
        ("Two-factor", await _two_factor(user)),
        ("Sessions", len(sessions)),
        ("Frozen since", user.frozen_at or "no"),
        ("Closed by the user", f"to be erased {local(user.closes_at)}" if user.closes_at else "no"),
    )


async def _two_factor(user: User) -> str:
    totp = await Totp.active(user.id)
    if totp is None:
        return {"skipped": "off (skipped)", "unanswered": "off (not asked yet)"}.get(
            user.two_factor, "off"
        )
    left = await RecoveryCode.left(user.id)
    paused = ", PAUSED after too many wrong codes" if totp.paused_at else ""
    return f"on{paused}, {left} recovery codes left"


async def _accounts(user: User) -> str:
    memberships = (
        await Membership.filter(user_id=user.id).order_by("id").prefetch_related("customer_account")
    )
    rows = [
        (
            membership.customer_account.customer_number,
            membership.customer_account.name,
            membership.role,
            STATUSES[membership.status],
            membership.created_at,
            "closed" if membership.customer_account.closed_at else "open",
        )
        for membership in memberships
    ]
    columns = ("CUSTOMER NUMBER", "CUSTOMER ACCOUNT", "ROLE", "STATUS", "SINCE", "ACCOUNT")
    return table(columns, rows) if rows else "no customer accounts"


async def _apps(user: User) -> str:
    rows = [
        (
            device.name,
            clients.titled(device.client_id),
            device.how,
            device.created_at,
            device.seen_at,
            device.address,
        )
        for device in await AppDevice.of_user(user.id)
    ]
    columns = ("DEVICE", "APP", "LOGIN BY", "ADDED", "LAST USED", "ADDRESS")
    return table(columns, rows) if rows else "no devices with the app"


async def _events(user: User) -> str:
    events = (
        await Event.filter(user_id=user.id)
        .order_by("-at", "-id")
        .limit(_EVENTS)
        .prefetch_related("customer_account")
    )
    rows = [
        (
            event.at,
            event.kind,
            event.customer_account.customer_number if event.customer_account else "",
            event.address,
            event.operator,
            " ".join(f"{name}={value}" for name, value in event.data.items()),
        )
        for event in events
    ]
    columns = ("AT", "EVENT", "CUSTOMER NUMBER", "ADDRESS", "OPERATOR", "MORE")
    return table(columns, rows) if rows else "no events"


async def _numbers(user: User) -> str:
    found = (
        await Membership.filter(user_id=user.id)
        .order_by("id")
        .limit(4)
        .values_list("customer_account__customer_number", flat=True)
    )
    return " ".join(str(number) for number in found[:3]) + (" ..." if len(found) > 3 else "")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
