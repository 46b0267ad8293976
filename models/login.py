"""Login: one answer for unknown and wrong, and limits that count failures."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from models import alarms, limits, login_notices, passwords
from models.client import Client
from models.email_link import EmailLink
from models.session import KnownDevice
from models.user import User, email_key

_AT_ONCE = 4  # logins that are looked up; hashing is a queue of its own

_log = logging.getLogger("minasidor.login")


@dataclass(frozen=True)
class Outcome:
    """The user, or how long to wait before the next try (none: wrong address or password).

    `frozen`: both were right, but no password gets in until a new one is set by mail.
    """

    user: User | None = None
    wait: timedelta = timedelta()
    frozen: bool = False


async def check(email: str, password: str, client: Client) -> Outcome:
    """The user whom both belong to. Raises passwords.Busy."""
    async with _door(asyncio.get_running_loop()):
        user = await User.by_email(email)
        former = await User.formerly_by_email(email)
        attempt = await limits.spend(*await _uses(user, email_key(email), client))
    if attempt.refused_by:
        _log.warning(
            "login.limited", extra={"limit": attempt.refused_by.name, "address": client.address}
        )
        if attempt.refused_by is limits.LOGIN_BY_USER:
            await login_notices.limit_reached(user, email_key(email))
        return Outcome(wait=attempt.wait)
    try:
        whose = await _whose(user, former, password)
    except passwords.Busy:
        await attempt.give_back()
        raise
    if whose is None:
        _log.info(
            "login.failed", extra={"user": user.id if user else "", "address": client.address}
        )
        await alarms.ring_if_reached(
            attempt,
            limits.LOGIN_BY_SITE,
            limits.LOGIN_BY_SITE.most,
            "Somebody may be trying stolen passwords.",
        )
        return Outcome()
    await attempt.give_back()
    return Outcome(frozen=True) if whose.frozen_at else Outcome(whose)


async def _whose(user: User | None, former: list[User], password: str) -> User | None:
    """Whose password it is: the address's user's, or one's whom it was taken from.

    For nearly every address one hash is made, known or unknown. A second one tells that somebody
    else had the address once and never confirmed it: no more than that.
    """
    candidates = [user, *former] if user else former
    for candidate in candidates:
        if await candidate.has_password(password):
            return candidate
    if not candidates:
        _ = await passwords.matches(None, password)
    return None


@cache
def _door(loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
    # A crowd passes a few at a time, so that everybody else's pages get their turns in between.
    return asyncio.Semaphore(_AT_ONCE)


async def check_again(user_id: int, password: str, *, link: EmailLink | None = None) -> Outcome:
    """The signed-in user's password, asked for once more. Raises passwords.Busy.

    `link`: nobody is signed in, but holds this one. It has a budget of its own: a thief's failures
    in a stolen session don't keep the owner from choosing a new password.
    """
    key = ("link", str(link.id)) if link else (str(user_id),)
    attempt = await limits.spend(limits.PASSWORD_AGAIN.of(*key))
    if attempt.refused:
        return Outcome(wait=attempt.wait)
    user = await User.get(id=user_id)
    try:
        right = await user.has_password(password)
    except passwords.Busy:
        await attempt.give_back()
        raise
    if not right:
        return Outcome()
    await attempt.give_back()
    return Outcome(user)


async def _uses(user: User | None, key: str, client: Client) -> list[limits.Use]:
    if await KnownDevice.knows(user.id if user else 0, client.device):
        # A budget of its own: a stranger's failures, even behind the same NAT, don't lock it out.
        # Keyed by what KnownDevice keeps, so that an operator can lift it.
        device = KnownDevice.hashed(client.device)
        return [limits.LOGIN_BY_KNOWN_DEVICE.of(key, device), limits.LOGIN_BY_SITE.of()]
    return [
        limits.LOGIN_BY_USER_AND_ADDRESS.of(key, client.network),
        limits.LOGIN_BY_USER.of(key),
        limits.LOGIN_BY_ADDRESS.of(client.network),
        limits.LOGIN_BY_SITE.of(),
    ]
