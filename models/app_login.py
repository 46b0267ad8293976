"""The login of the app MittPreZero: the half of it that waits for a code, and what it ends in.

An authorization code (RFC 6749 §4.1), bound to the app that asked and to its PKCE challenge
(RFC 7636), is changed into a device with tokens once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from tortoise import fields
from tortoise.expressions import F
from tortoise.models import Model

from models import clock, login_notices, tokens
from models.app_device import AppDevice, Grant
from models.client import Client
from models.databases import atomic, execute, fetch
from models.event import Event
from models.identity import How
from models.recovery_code import RecoveryCode
from models.totp import Answer, Totp, Verdict
from models.user import TwoFactor, User

if TYPE_CHECKING:
    from models.session import Session

_log = logging.getLogger("minasidor.app")

# The way through the browser takes an hour at most: from then on nobody is only registering.
_REGISTERING = timedelta(hours=1)
_SESSION_STANDS = "UPDATE sessions SET id = id WHERE id = ? AND user_id = ?"
# As at a login in a browser (`models/session.py`): not whose password was changed, who was frozen,
# has closed the account or turned two-factor on since it was checked.
_CAME_IN = """
    UPDATE users SET last_login_at = ?
    WHERE id = ? AND password_changed_at <= ? AND frozen_at IS NULL AND closes_at IS NULL
        AND (two_factor <> ? OR ?)"""
_DEMANDS = """
    SELECT COUNT(*) AS reached, SUM(CASE WHEN a.requires_two_factor THEN 1 ELSE 0 END) AS demanding
    FROM memberships m JOIN customer_accounts a ON a.id = m.customer_account_id
    WHERE m.user_id = ? AND m.status = 'active' AND a.closed_at IS NULL"""


async def needs_browser(user: User) -> bool:
    """Whether there is something that only the portal's pages can settle before the app is of use.

    A user account that is closed or has lost its address, and two-factor where every customer
    account demands it. An address that is not confirmed yet is no reason, nor is Steg 4 unanswered:
    the app works right after the registration.
    """
    if user.closes_at or not user.email:
        return True
    if user.has_two_factor:
        return False
    (row,) = await fetch(_DEMANDS, user.id)
    return bool(row["reached"]) and row["reached"] == row["demanding"]


class AppLogin(Model):
    """The half-login of the app: the password was right, the code is still to come."""

    LIFETIME: ClassVar[timedelta] = timedelta(minutes=5)
    MOST_TRIES: ClassVar[int] = 5

    id = fields.IntField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="app_logins", on_delete=fields.CASCADE
    )
    client_id = fields.CharField(max_length=40)
    code_challenge = fields.CharField(max_length=43)
    device_name = fields.CharField(max_length=80)
    tries = fields.IntField(default=0)
    created_at = fields.DatetimeField()

    user_id: int

    class Meta:
        table = "app_logins"
        indexes = (("user_id",),)

    @classmethod
    async def start(
        cls, user: User, client_id: str, code_challenge: str, device_name: str
    ) -> tuple[str, Self | None]:
        """The token for the app, and the half-login; without one if the password is no longer
        that."""
        token = "mzs_" + tokens.new()
        async with atomic():
            if not await user.is_as_checked():
                return token, None
            login = await cls.create(
                token_hash=tokens.hashed(token),
                user_id=user.id,
                client_id=client_id,
                code_challenge=code_challenge,
                device_name=device_name,
                created_at=clock.now(),
            )
        login.user = user
        return token, login

    @classmethod
    async def ongoing(cls, token: str, client_id: str) -> Self | None:
        """The half-login behind the token, if it is this app's and lives."""
        found = cls.get_or_none(token_hash=tokens.hashed(token), client_id=client_id)
        login = await found.select_related("user")
        if login is None or login.user.frozen_at or login.tries >= cls.MOST_TRIES:
            return None
        is_over = clock.now() - login.created_at >= cls.LIFETIME
        return None if is_over or login.user.password_changed_at > login.created_at else login

    async def tries_code(self, typed: str) -> Answer | None:
        """Whether this is the app's code or a recovery code; None when no try is left.

        Of any number at once no more are evaluated than there are tries. What has the form of
        neither is a slip, and costs none.
        """
        if not (Totp.looks_like_code(typed) or RecoveryCode.looks_like_one(typed)):
            return Answer(Verdict.WRONG)
        left = AppLogin.filter(id=self.id, tries__lt=self.MOST_TRIES)
        if not await left.update(tries=F("tries") + 1):
            return None
        self.tries += 1
        answer = await Totp.accepts(self.user_id, typed)
        if not answer.is_right:
            _log.info("login.code_failed", extra={"user": self.user_id, "verdict": answer.verdict})
        return answer

    @property
    def expires_in(self) -> timedelta:
        return self.created_at + self.LIFETIME - clock.now()

    @property
    def tries_left(self) -> int:
        return max(0, self.MOST_TRIES - self.tries)

    async def complete(self) -> str | None:
        """Use it up, now that the code is proven, for an authorization code.

        Of several at once exactly one gets it. None, too, when all logins were ended a moment
        before: a reset of two-factor leaves nothing to whoever has the old app.
        """
        async with atomic():
            await User.lock(self.user_id)
            if not await AppLogin.filter(id=self.id).delete():
                return None
            return await AppCode.issue(
                self.user,
                How.PASSWORD_AND_CODE,
                client_id=self.client_id,
                code_challenge=self.code_challenge,
                device_name=self.device_name,
            )


class AppCode(Model):
    """An authorization code: who may log the app in, once and soon."""

    LIFETIME: ClassVar[timedelta] = timedelta(seconds=60)
    # One that stands on a page waits for a click (RFC 6749 §4.1.2: at most ten minutes).
    LIFETIME_ON_PAGE: ClassVar[timedelta] = timedelta(minutes=10)
    # How long one that was used is recognised, and its return ends what it began.
    REMEMBERED: ClassVar[timedelta] = timedelta(days=1)

    id = fields.IntField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="app_codes", on_delete=fields.CASCADE
    )
    # The browser's session it was made in, and with which it dies; of the app's own login none.
    session: fields.ForeignKeyNullableRelation[Session] = fields.ForeignKeyField(
        "models.Session", null=True, related_name="app_codes", on_delete=fields.CASCADE
    )
    client_id = fields.CharField(max_length=40)
    code_challenge = fields.CharField(max_length=43)
    redirect_uri = fields.CharField(max_length=200, default="")
    device_name = fields.CharField(max_length=80)
    how = fields.CharEnumField(How, max_length=20)
    created_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)
    device: fields.ForeignKeyNullableRelation[AppDevice] = fields.ForeignKeyField(
        "models.AppDevice", null=True, related_name="codes", on_delete=fields.SET_NULL
    )

    user_id: int
    session_id: int | None
    device_id: int | None

    class Meta:
        table = "app_codes"
        indexes = (("user_id",), ("session_id",), ("device_id",), ("created_at",))

    @classmethod
    async def issue(
        cls,
        user: User,
        how: How,
        *,
        client_id: str,
        code_challenge: str,
        device_name: str,
        redirect_uri: str = "",
        session_id: int | None = None,
    ) -> str:
        """A new code; one that leads nowhere if the password is no longer what was checked, or the
        session ended meanwhile."""
        token = "mzc_" + tokens.new()
        async with atomic():
            stands = await user.is_as_checked()
            if stands and session_id is not None:
                stands = await execute(_SESSION_STANDS, session_id, user.id) > 0
            if stands:
                _ = await cls.create(
                    token_hash=tokens.hashed(token),
                    user_id=user.id,
                    session_id=session_id,
                    client_id=client_id,
                    code_challenge=code_challenge,
                    redirect_uri=redirect_uri,
                    device_name=device_name,
                    how=how,
                    created_at=clock.now(),
                )
        return token

    @classmethod
    async def redeem(
        cls, token: str, client_id: str, verifier: str, redirect_uri: str, client: Client
    ) -> Grant | None:
        """Change the code into a device with tokens; None if it is not, or no longer, a good one.

        Of several at once exactly one gets it. One that comes again ends what it began: two have
        had it (RFC 6749 §4.1.2).
        """
        found = cls.get_or_none(token_hash=tokens.hashed(token))
        code = await found.select_related("user")
        if code is None or not code._is_for(client_id, verifier, redirect_uri):
            return None
        if code.used_at:
            await code._came_again()
            return None
        lifetime = cls.LIFETIME if code.session_id is None else cls.LIFETIME_ON_PAGE
        if clock.now() - code.created_at >= lifetime:
            return None
        return await code._log_in(client)

    async def _log_in(self, client: Client) -> Grant | None:
        now, user = clock.now(), self.user
        unusual = await login_notices.Unusual.of(user, client, "")
        # Whoever turned two-factor on in this browser session has proven it there.
        is_proven = self.how is not How.PASSWORD or self.session_id is not None
        guard = (now, user.id, self.created_at, str(TwoFactor.ON), is_proven)
        async with atomic():
            await User.lock(user.id)
            if not await AppCode.filter(id=self.id, used_at=None).update(used_at=now):
                return None
            if not await execute(_CAME_IN, *guard):
                return None
            is_expected = self._ends_registration and not await AppDevice.exists(user_id=user.id)
            grant = await AppDevice.begin(
                user.id, self.client_id, self.device_name, self.how, client
            )
            await AppCode.filter(id=self.id).update(device_id=grant.device.id)
            await Event.record("login", user_id=user.id, how=self.how, app=self.client_id)
            if not is_expected:
                await unusual.tell(user, client, app=self.client_id)
        _log.info("app.login", extra={"user": user.id, "how": self.how, "address": client.address})
        return grant

    @property
    def _ends_registration(self) -> bool:
        """Whether whoever just registered goes on to the app: of that alone nobody need be told.

        The browser's session counts as that of the registration for weeks.
        """
        age = clock.now() - self.user.created_at
        return self.how.is_registration and age < _REGISTERING

    async def _came_again(self) -> None:
        if self.device_id is None:
            return
        if device := await AppDevice.get_or_none(id=self.device_id):
            await device.end_as_stolen()

    def _is_for(self, client_id: str, verifier: str, redirect_uri: str) -> bool:
        # As bytes: comparing text outside ASCII raises.
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        is_verified = hmac.compare_digest(
            challenge.rstrip(b"="), self.code_challenge.encode()
        )  # RFC 7636 §4.6
        is_of_client = self.client_id == client_id and self.redirect_uri == redirect_uri
        return is_of_client and is_verified


async def end_all(user_id: int) -> int:
    """The app is logged out everywhere, and whoever is on the way in begins anew; how many were
    logged in."""
    await AppLogin.filter(user_id=user_id).delete()
    await AppCode.filter(user_id=user_id).delete()
    return await AppDevice.filter(user_id=user_id).delete()
