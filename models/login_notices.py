"""What a user is told of logins: those from new devices, and those of somebody who guesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from models import clock, limits, notice
from models.client import Client
from models.databases import atomic, fetch
from models.event import Event
from models.user import User

# One indexed read for each login.
_HISTORY = """
    SELECT (SELECT COUNT(*) FROM known_devices WHERE user_id = ? AND device_hash = ?) AS known,
           (SELECT MAX(count) FROM spent_limits
            WHERE resets_at > ? AND ((name = ? AND key = ?) OR (name = ? AND key = ?)))
           AS failures"""


@dataclass(frozen=True)
class Unusual:
    """What is out of the ordinary about a login. False if nothing is."""

    MANY_FAILURES: ClassVar[int] = 10  # ASVS 6.3.5

    new_device: bool
    after_failures: bool

    @classmethod
    async def of(cls, user: User, client: Client, device_hash: str) -> Self:
        """Asked before the login is written down: it makes the device a known one."""
        by_user = limits.LOGIN_BY_USER.of(user.email_key)
        by_device = limits.LOGIN_BY_KNOWN_DEVICE.of(user.email_key, device_hash)
        uses = [part for use in (by_user, by_device) for part in (use.limit.name, use.key)]
        (row,) = await fetch(_HISTORY, user.id, device_hash, clock.seconds(), *uses)
        failures = row["failures"] or 0
        return cls(not client.device or not row["known"], failures >= cls.MANY_FAILURES)

    def __bool__(self) -> bool:
        return self.new_device or self.after_failures

    async def tell(self, user: User, client: Client, *, app: str = "") -> None:
        """Mail the notices, in the transaction of the login. A form sent twice is told of once.

        `app`: which of the apps was logged in to, if it was no browser.
        """
        key, agent = str(user.id), client.user_agent[:300]
        device = {"app": app} if app else {"user_agent": agent}
        if self.new_device:
            # Of a browser without cookies each request seems to come from another device.
            browser = limits.TOLD_NEW_DEVICE.of(key, client.network, app or agent)
            if not await _told(browser):
                await notice.tell(user, "new_device", **device)
        if self.after_failures and not await _told(limits.TOLD_AFTER_FAILURES.of(key)):
            await notice.tell(user, "login_after_failures", **device)


async def limit_reached(user: User | None, email_key: str) -> None:
    """Somebody tries passwords: told once an hour, and to nobody at the same cost."""
    async with atomic():
        if not await _told(limits.TOLD_LIMIT_REACHED.of(email_key)):
            await notice.tell(user, "limit_reached")


async def code_was_wrong(user_id: int) -> None:
    """Who types codes knows the password. Told at the third wrong one within the hour."""
    async with atomic():
        await User.lock(user_id)
        attempt = await limits.spend(limits.WRONG_CODES.of(str(user_id)))
        if attempt.counts[limits.WRONG_CODES.name] == limits.WRONG_CODES.most:
            await notice.tell(await User.get(id=user_id), "wrong_codes")
            await Event.record("login.wrong_codes", user_id=user_id)


async def _told(use: limits.Use) -> bool:
    return (await limits.spend(use)).refused
