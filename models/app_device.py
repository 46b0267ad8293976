"""The app MittPreZero on a phone: the device that is logged in, and the tokens it holds.

Access tokens last minutes, refresh tokens are used once each and followed by their child (RFC 9700
§4.14.2). Of either only the hash is kept. A child is derived from its parent with a key, so that an
app that lost the answer gets the same one when it asks again.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Self

from tortoise import fields
from tortoise.models import Model

from models import clock, databases, keys, notice, tokens
from models.client import Client, asking
from models.databases import atomic, fetch, moment
from models.event import Event
from models.identity import COLUMNS, How, Principal, awaited, reached, signed_in_user
from models.user import User

_log = logging.getLogger("minasidor.app")


class Kind(StrEnum):
    """What a token is good for: calling the API, or getting the next pair."""

    ACCESS = "access"
    REFRESH = "refresh"

    @property
    def prefix(self) -> str:
        """What its tokens begin with, so that one that leaked is recognised for what it is."""
        return "mza_" if self is Kind.ACCESS else "mzr_"


@dataclass(frozen=True)
class Grant:
    """What the app gets: its next pair of tokens."""

    access_token: str
    refresh_token: str
    expires_in: timedelta  # of the access token
    device: AppDevice


class AppDevice(Model):
    """One login of one user in the app on one phone, until it is logged out."""

    IDLE: ClassVar[timedelta] = timedelta(days=90)
    LONGEST: ClassVar[timedelta] = timedelta(days=365)
    MOST_LISTED: ClassVar[int] = 100
    SEEN_EVERY: ClassVar[timedelta] = timedelta(minutes=1)
    LONGEST_NAME: ClassVar[int] = 80

    id = fields.IntField(primary_key=True)
    public_id = fields.CharField(max_length=36, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="app_devices", on_delete=fields.CASCADE
    )
    client_id = fields.CharField(max_length=40)  # which app: `web/mobile/clients.py`
    name = fields.CharField(max_length=80)
    how = fields.CharEnumField(How, max_length=20)
    created_at = fields.DatetimeField()
    seen_at = fields.DatetimeField()
    address = fields.CharField(max_length=45, default="")

    user_id: int

    class Meta:
        table = "app_devices"
        indexes = (("user_id",),)

    @property
    def is_alive(self) -> bool:
        return _lives(self.created_at, self.seen_at)

    @classmethod
    async def begin(
        cls, user_id: int, client_id: str, name: str, how: How, client: Client
    ) -> Grant:
        """Log the app in, in the transaction that checked that it may be: its first pair."""
        now = clock.now()
        device = await cls.create(
            public_id=str(uuid.uuid4()),
            user_id=user_id,
            client_id=client_id,
            name=name,
            how=how,
            created_at=now,
            seen_at=now,
            address=client.address[:45],
        )
        access, refresh = (kind.prefix + tokens.new() for kind in Kind)
        await AppToken.write(device, 0, access, refresh)
        return Grant(access, refresh, AppToken.LIFETIME, device)

    @classmethod
    async def of_user(cls, user_id: int) -> list[Self]:
        """Where the user is logged in with the app, the one used last first."""
        newest = cls.filter(user_id=user_id).order_by("-seen_at", "-id").limit(cls.MOST_LISTED)
        return [device for device in await newest if device.is_alive]

    @classmethod
    async def of_user_or_none(cls, user_id: int, public_id: str) -> Self | None:
        """One of the user's own devices, if it is still logged in."""
        device = await cls.get_or_none(user_id=user_id, public_id=public_id)
        return device if device and device.is_alive else None

    @classmethod
    async def rename(cls, user_id: int, public_id: str, name: str) -> bool:
        """Call one of the user's own devices something else; False if it is not, or no longer,
        logged in."""
        now = clock.now()
        alive = cls.filter(seen_at__gt=now - cls.IDLE, created_at__gt=now - cls.LONGEST)
        return await alive.filter(user_id=user_id, public_id=public_id).update(name=name) > 0

    @classmethod
    async def end_one(cls, user_id: int, public_id: str) -> bool:
        """Log one of the user's own devices out. Of several at once exactly one gets True."""
        async with atomic():
            await User.lock(user_id)
            device = await cls.get_or_none(user_id=user_id, public_id=public_id)
            if device is None:
                return False
            await device.delete()
            await Event.record("session.ended", user_id=user_id, app=device.client_id)
        return True

    async def end_as_stolen(self) -> None:
        """Log it out, and tell its user that somebody else may have held its tokens.

        Of several at once exactly one tells.
        """
        async with atomic():
            await User.lock(self.user_id)
            if await AppDevice.filter(id=self.id).delete():
                await Event.record("app.reused", user_id=self.user_id, app=self.client_id)
                user = await User.get(id=self.user_id)
                await notice.tell(user, "app_reused", app=self.client_id)
                _log.warning("app.reused", extra={"user": self.user_id})


class AppToken(Model):
    """A token that a device holds, or has held: only its hash."""

    LIFETIME: ClassVar[timedelta] = timedelta(minutes=15)  # of an access token
    # An answer can get lost on its way to a phone: until then the same one is given once more.
    RETRY: ClassVar[timedelta] = timedelta(seconds=30)
    # How long one that was used is recognised, and its return taken for theft.
    REMEMBERED: ClassVar[timedelta] = timedelta(days=30)

    id = fields.IntField(primary_key=True)
    device: fields.ForeignKeyRelation[AppDevice] = fields.ForeignKeyField(
        "models.AppDevice", related_name="tokens", on_delete=fields.CASCADE
    )
    kind = fields.CharEnumField(Kind, max_length=10)
    token_hash = fields.CharField(max_length=64, unique=True)
    generation = fields.IntField()
    created_at = fields.DatetimeField()
    rotated_at = fields.DatetimeField(null=True)  # of a refresh token: when its child was given out

    device_id: int

    class Meta:
        table = "app_tokens"
        indexes = (("device_id",), ("kind", "created_at"))

    @classmethod
    async def write(cls, device: AppDevice, generation: int, access: str, refresh: str) -> None:
        """Keep the hashes of a new pair, in the transaction that gives it out."""
        for kind, token in zip(Kind, (access, refresh), strict=True):
            _ = await cls.create(
                device_id=device.id,
                kind=kind,
                token_hash=tokens.hashed(token),
                generation=generation,
                created_at=clock.now(),
            )


async def refresh(token: str, client_id: str, client: Client) -> Grant | None:
    """The next pair for this refresh token; None if it is not, or no longer, one of this app's.

    Of any number at once exactly one makes the pair, and all get it. Who comes with a used one
    later, or after the pair was used in its turn, may be a thief or may have been robbed: the
    device is logged out and its user told (RFC 9700 §4.14.2).
    """
    held = AppToken.get_or_none(token_hash=tokens.hashed(token), kind=Kind.REFRESH)
    parent = await held.select_related("device")  # in one go: it may be logged out meanwhile
    if parent is None or parent.device.client_id != client_id:
        return None
    device, now = parent.device, clock.now()
    if not device.is_alive:
        await device.delete()
        return None
    access, child = (_child(kind, parent.generation + 1, token) for kind in Kind)
    async with atomic():
        # The device before its tokens, as whoever deletes it takes them.
        used = {"seen_at": now, "address": client.address[:45]}
        if not await AppDevice.filter(id=device.id).update(**used):
            return None
        if await AppToken.filter(id=parent.id, rotated_at=None).update(rotated_at=now):
            await AppToken.write(device, parent.generation + 1, access, child)
            return Grant(access, child, AppToken.LIFETIME, device)
    return await _again(parent, device, access, child)


async def _again(parent: AppToken, device: AppDevice, access: str, child: str) -> Grant | None:
    """The answer to a refresh token that was used before: the same pair, or the end of it all."""
    used = await AppToken.get_or_none(id=parent.id)
    if used is None or used.rotated_at is None:
        return None  # logged out at this moment
    now = clock.now()
    unused = await AppToken.exists(token_hash=tokens.hashed(child), rotated_at=None)
    if unused and now - used.rotated_at <= AppToken.RETRY:
        return Grant(access, child, AppToken.LIFETIME - (now - used.rotated_at), device)
    await device.end_as_stolen()
    return None


async def revoke(token: str, client_id: str) -> None:
    """Log out what the token belongs to: of a refresh token the device, of an access token that
    alone (RFC 7009 §2.1). One that is unknown, or another app's, is let be."""
    found = AppToken.get_or_none(token_hash=tokens.hashed(token))
    held = await found.select_related("device")
    if held is None or held.device.client_id != client_id:
        return
    if held.kind is Kind.REFRESH:
        _ = await AppDevice.end_one(held.device.user_id, held.device.public_id)
    else:
        await held.delete()


@dataclass(frozen=True, kw_only=True)
class AppPrincipal(Principal):
    """Who is asking with the app."""

    device_id: str  # its public one


# With a customer number: that account, if the user reaches it.
_RESUME = f"""
    SELECT d.id AS device_id, d.public_id, d.how, d.created_at, d.seen_at,
           t.created_at AS issued_at, {COLUMNS}
    FROM app_tokens t
    JOIN app_devices d ON d.id = t.device_id
    JOIN users u ON u.id = d.user_id
    LEFT JOIN customer_accounts a ON a.customer_number = ? AND a.closed_at IS NULL
    LEFT JOIN memberships m ON m.customer_account_id = a.id AND m.user_id = u.id
    WHERE t.token_hash = ? AND t.kind = 'access'"""  # noqa: S608 - only column names are put in


async def resume(token: str, customer_number: str = "") -> AppPrincipal | None:
    """Who holds this access token, if it lives; with the account asked for.

    The membership is read afresh each time, so that a removal bites at the next call.
    """
    rows = await fetch(_RESUME, customer_number, tokens.hashed(token))
    if not rows:
        return None
    row, now = rows[0], clock.now()
    seen = moment(row["seen_at"])
    is_over = now - moment(row["issued_at"]) >= AppToken.LIFETIME
    if is_over or not _lives(moment(row["created_at"]), seen):
        return None
    if now - seen >= AppDevice.SEEN_EVERY:
        used = {"seen_at": now, "address": asking.get().address[:45]}
        with suppress(databases.Unavailable):  # the API is read also while nothing can be written
            await AppDevice.filter(id=row["device_id"]).update(**used)
    return AppPrincipal(
        user=signed_in_user(row),
        customer_account=reached(row),
        awaited=awaited(row),
        how=How(row["how"]),
        device_id=row["public_id"],
    )


def _child(kind: Kind, generation: int, parent: str) -> str:
    return kind.prefix + keys.mac("app token", kind, str(generation), parent)


def _lives(created: datetime, seen: datetime) -> bool:
    """Whether a device is within both its times: since its last use, and since the login."""
    now = clock.now()
    return now - seen < AppDevice.IDLE and now - created < AppDevice.LONGEST
