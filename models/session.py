"""Signed-in sessions, and the half-login that waits for a code."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Self

from tortoise import fields
from tortoise.models import Model

from models import app_login, clock, databases, keys, login_notices, tokens
from models.client import Client
from models.databases import Statement, atomic, execute_all, execute_if, fetch, moment
from models.email_link import EmailLink
from models.event import Event
from models.identity import COLUMNS, How, Principal, awaited, reached, signed_in_user
from models.user import TwoFactor, User

# Raw, as is all that each login writes: at a third of the ORM's cost.
_START = """
    INSERT INTO sessions (token_hash, user_id, how, remembered, created_at, seen_at,
                          authenticated_at, address, user_agent)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""

# Not whose password was changed, who was frozen or has turned two-factor on since it was checked:
# the token leads nowhere, nothing says that they logged in, and their browser becomes no known one.
_CAME_IN = """
    UPDATE users SET last_login_at = ?
    WHERE id = ? AND password_changed_at = ? AND frozen_at IS NULL
        AND (two_factor = ? OR two_factor <> ?)"""


class Session(Model):
    """A browser that is logged in. Its cookie holds the token, this row only the hash."""

    IDLE: ClassVar[timedelta] = timedelta(hours=24)
    IDLE_REMEMBERED: ClassVar[timedelta] = timedelta(days=30)
    LONGEST: ClassVar[timedelta] = timedelta(days=30)
    LONGEST_REMEMBERED: ClassVar[timedelta] = timedelta(days=90)
    MOST_LISTED: ClassVar[int] = 100
    SEEN_EVERY: ClassVar[timedelta] = timedelta(minutes=1)
    RECENT: ClassVar[timedelta] = timedelta(minutes=10)  # sensitive actions ask again after that

    id = fields.IntField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="sessions", on_delete=fields.CASCADE
    )
    how = fields.CharEnumField(How, max_length=20)
    remembered = fields.BooleanField(default=False)
    created_at = fields.DatetimeField()
    seen_at = fields.DatetimeField()
    authenticated_at = fields.DatetimeField()
    address = fields.CharField(max_length=45, default="")
    user_agent = fields.CharField(max_length=300, default="")

    user_id: int

    class Meta:
        table = "sessions"
        indexes = (("user_id",),)

    @classmethod
    async def start(cls, user: User, how: How, client: Client, *, remembered: bool = False) -> str:
        """Log the user in; the token for the cookie. Always a new one (ASVS 7.2.4)."""
        now, token = clock.now(), tokens.new()
        address, agent = client.address[:45], client.user_agent[:300]
        session = (tokens.hashed(token), user.id, str(how), remembered, now, now, now)
        # The guard locks the user's row: nothing of it comes in between.
        as_checked = (user.password_changed_at, str(user.two_factor), str(TwoFactor.ON))
        guard = (_CAME_IN, (now, user.id, *as_checked))
        statements = [
            (_START, (*session, address, agent)),
            *KnownDevice.remembering(user.id, client.device),
            Event.recording("login", user_id=user.id, how=how, user_agent=agent),
        ]
        unusual = await login_notices.Unusual.of(user, client, KnownDevice.hashed(client.device))
        if how.is_registration or not unusual:
            await execute_if(guard, *statements)
            return token
        async with atomic():
            if await execute_if(guard, *statements):
                await unusual.tell(user, client)
        return token

    @property
    def is_alive(self) -> bool:
        return _lives(self.created_at, self.seen_at, remembered=self.remembered)

    @classmethod
    async def of_user(cls, user_id: int) -> list[Self]:
        """Where the user is logged in, the one used last first."""
        newest = cls.filter(user_id=user_id).order_by("-seen_at", "-id").limit(cls.MOST_LISTED)
        return [session for session in await newest if session.is_alive]

    @classmethod
    async def end(cls, token: str) -> None:
        await cls.filter(token_hash=tokens.hashed(token)).delete()

    @classmethod
    async def end_one(cls, identity: Identity, session_id: int) -> bool:
        """Log one of the user's own devices out. Of several at once exactly one gets True."""
        user_id = identity.user.id
        async with atomic():
            await User.lock(user_id)
            session = await cls.get_or_none(id=session_id, user_id=user_id)
            if session is None:
                return False
            await session.delete()
            await Event.record("session.ended", user_id=user_id, user_agent=session.user_agent)
        return True

    @classmethod
    async def end_others(cls, identity: Identity) -> bool:
        """Log the user out everywhere but here; whether there was anywhere else."""
        user_id = identity.user.id
        async with atomic():
            await User.lock(user_id)
            if not await cls.exists(id=identity.session_id):
                return False  # of two that log each other out the first one wins
            ended = await cls.end_all(user_id, but=identity.session_id)
            if ended:
                await Event.record("sessions.ended", user_id=user_id, count=ended)
        return ended > 0

    @classmethod
    async def end_all(cls, user_id: int, *, but: int = 0) -> int:
        """Every browser but the one is logged out, and the app on every phone; who waits for a code
        begins anew."""
        ended = await cls.filter(user_id=user_id).exclude(id=but).delete()
        await LoginChallenge.filter(user_id=user_id).delete()
        return ended + await app_login.end_all(user_id)


class LoginChallenge(Model):
    """The half-login: the password was right, the code is still to come."""

    LIFETIME: ClassVar[timedelta] = timedelta(minutes=5)
    # To ask for a reset of two-factor and open its link: the password is proven that long.
    RESETTING: ClassVar[timedelta] = timedelta(hours=1)

    id = fields.IntField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="challenges", on_delete=fields.CASCADE
    )
    remembered = fields.BooleanField(default=False)
    next_path = fields.CharField(max_length=500, default="")
    # A reset of two-factor, whose link was opened here: it is the new app's code that is to come.
    link: fields.ForeignKeyNullableRelation[EmailLink] = fields.ForeignKeyField(
        "models.EmailLink", null=True, related_name="challenges", on_delete=fields.CASCADE
    )
    created_at = fields.DatetimeField()

    user_id: int
    link_id: int | None

    class Meta:
        table = "login_challenges"
        indexes = (("user_id",), ("link_id",))

    @classmethod
    async def start(
        cls, user: User, *, remembered: bool, next_path: str, link: EmailLink | None = None
    ) -> str:
        """The token for the cookie; one that leads nowhere if the password is no longer that.

        `link`: that of a reset of two-factor, which was opened in this browser too.
        """
        token = tokens.new()
        async with atomic():
            if await user.is_as_checked():
                _ = await cls.create(
                    token_hash=tokens.hashed(token),
                    user_id=user.id,
                    remembered=remembered,
                    next_path=next_path,
                    link_id=link.id if link else None,
                    created_at=clock.now(),
                )
        return token

    @classmethod
    async def ongoing(cls, token: str) -> Self | None:
        """The half-login behind the cookie. It dies after five minutes, or with the password."""
        challenge = await cls._standing(token)
        return challenge if challenge and challenge._age < cls.LIFETIME else None

    @classmethod
    async def resetting(cls, token: str) -> Self | None:
        """The same on its way through a reset of two-factor.

        It has an hour for opening the link, and from then on as long as that works: time to
        install an app.
        """
        challenge = await cls._standing(token)
        if challenge and challenge.link_id:
            await challenge.fetch_related("link__user")
            return challenge if challenge.link and challenge.link.is_open else None
        return challenge if challenge and challenge._age < cls.RESETTING else None

    async def has_opened(self, link: EmailLink) -> None:
        """The link of the reset was opened in this browser: from now on both are proven here."""
        self.link_id = link.id
        await LoginChallenge.filter(id=self.id).update(link_id=link.id)

    async def complete(self) -> bool:
        """Use it up. Of several at once exactly one gets True."""
        return await LoginChallenge.filter(id=self.id).delete() == 1

    @classmethod
    async def _standing(cls, token: str) -> Self | None:
        found = cls.get_or_none(token_hash=tokens.hashed(token))
        challenge = await found.prefetch_related("user")
        if challenge is None or challenge.user.frozen_at:
            return None
        if challenge.user.password_changed_at > challenge.created_at:
            return None
        return challenge

    @property
    def _age(self) -> timedelta:
        return clock.now() - self.created_at


_REMEMBER = """
    INSERT INTO known_devices (user_id, device_hash, seen_at) VALUES (?, ?, ?)
    ON CONFLICT (user_id, device_hash) DO UPDATE SET seen_at = excluded.seen_at"""
_FORGET_OLDEST = """
    DELETE FROM known_devices WHERE user_id = ? AND id NOT IN (
        SELECT id FROM known_devices WHERE user_id = ? ORDER BY seen_at DESC, id DESC LIMIT ?)"""


class KnownDevice(Model):
    """A browser that this user has logged in from: strangers' failures don't lock it out."""

    MOST: ClassVar[int] = 50  # a browser that forgets its cookies is a new one each time

    id = fields.IntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="devices", on_delete=fields.CASCADE
    )
    device_hash = fields.CharField(max_length=64)
    seen_at = fields.DatetimeField()

    class Meta:
        table = "known_devices"
        unique_together = (("user_id", "device_hash"),)

    @classmethod
    def remembering(cls, user_id: int, device: str) -> list[Statement]:
        """For `execute_if`: that the user logged in from this browser, if it has a cookie."""
        if not device:
            return []
        return [
            (_REMEMBER, (user_id, cls.hashed(device), clock.now())),
            (_FORGET_OLDEST, (user_id, user_id, cls.MOST)),
        ]

    @classmethod
    async def knows(cls, user_id: int, device: str) -> bool:
        return bool(device) and await cls.exists(user_id=user_id, device_hash=cls.hashed(device))

    @staticmethod
    def hashed(device: str) -> str:
        """What is kept of the cookie's value."""
        return keys.mac("device", device)


@dataclass(frozen=True, kw_only=True)
class Identity(Principal):
    """Who is asking in a browser: session, user and customer account, read in one go."""

    session_id: int
    token_hash: str
    authenticated_at: datetime
    remembered: bool
    has_switched: bool = False  # the account is another one than in the request before

    @property
    def holder(self) -> str:
        """Of an authenticator app that is being added in this session: see `Totp.pending`."""
        return f"session:{self.session_id}"

    @property
    def is_recent(self) -> bool:
        """Whether the user has proven who they are within the last ten minutes."""
        return clock.now() - self.authenticated_at <= Session.RECENT


# With a customer number: that account, if the user reaches it. Without: the one last visited.
_RESUME = """
    SELECT s.id AS session_id, s.created_at, s.seen_at, s.authenticated_at, s.remembered, s.how,
           u.active_customer_account_id, {columns}
    FROM sessions s
    JOIN users u ON u.id = s.user_id
    LEFT JOIN customer_accounts a ON {account} AND a.closed_at IS NULL
    LEFT JOIN memberships m ON m.customer_account_id = a.id AND m.user_id = u.id
    WHERE s.token_hash = ?"""
_SWITCH = "UPDATE users SET active_customer_account_id = ? WHERE id = ?"
_USED = "UPDATE memberships SET last_used_at = ? WHERE id = ?"
_RESUME_ACTIVE = _RESUME.format(columns=COLUMNS, account="a.id = u.active_customer_account_id")
_RESUME_ASKED = _RESUME.format(columns=COLUMNS, account="a.customer_number = ?")


async def resume(token: str, customer_number: str | None = None) -> Identity | None:
    """Who holds this token, if their session lives; with the account asked for or last visited.

    The membership is read afresh each time, so that a removal bites at the next click.
    """
    token_hash = tokens.hashed(token)
    if customer_number is None:
        rows = await fetch(_RESUME_ACTIVE, token_hash)
    else:
        rows = await fetch(_RESUME_ASKED, customer_number, token_hash)
    if not rows:
        return None
    row, now = rows[0], clock.now()
    created, seen = moment(row["created_at"]), moment(row["seen_at"])
    remembered = bool(row["remembered"])
    if not _lives(created, seen, remembered=remembered):
        with suppress(databases.Unavailable):
            await Session.filter(id=row["session_id"]).delete()
        return None
    account, before = reached(row), row["active_customer_account_id"]
    with suppress(databases.Unavailable):  # pages are read also while nothing can be written
        if now - seen >= Session.SEEN_EVERY:
            await Session.filter(id=row["session_id"]).update(seen_at=now)
        if account and account.id != before:
            # Byt kund: where the next login leads, and what stands on top of the list.
            await execute_all(
                (_SWITCH, (account.id, row["user_id"])), (_USED, (now, account.membership_id))
            )
    return Identity(
        session_id=row["session_id"],
        token_hash=token_hash,
        user=signed_in_user(row),
        customer_account=account,
        awaited=awaited(row),
        how=How(row["how"]),
        authenticated_at=moment(row["authenticated_at"]),
        remembered=remembered,
        has_switched=account is not None and before not in (None, account.id),
    )


def _lives(created: datetime, seen: datetime, *, remembered: bool) -> bool:
    """Whether a session is still within both its times: since its last use, and since the login."""
    now = clock.now()
    idle = Session.IDLE_REMEMBERED if remembered else Session.IDLE
    longest = Session.LONGEST_REMEMBERED if remembered else Session.LONGEST
    return now - seen < idle and now - created < longest


async def authenticated_again(identity: Identity, how: How | None = None) -> str | None:
    """Who it is was proven again: a new token for the same session (ASVS 7.2.4).

    `how`: what the session counts as from now on, if it was proven in a stronger way. None when the
    session has ended, or got another token, while it was checked.
    """
    token = tokens.new()
    same = Session.filter(id=identity.session_id, token_hash=identity.token_hash)
    changes = {"token_hash": tokens.hashed(token), "authenticated_at": clock.now()}
    renewed = await same.update(**changes, **({"how": how} if how else {}))
    return token if renewed else None
