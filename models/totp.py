"""The authenticator app: its secret, and which of its codes are used up (RFC 6238)."""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Self, TypeAlias

import pyotp
from tortoise import fields
from tortoise.exceptions import IntegrityError
from tortoise.expressions import F, Q
from tortoise.models import Model

from models import clock, keys, limits, login_notices, notice, numbers
from models.databases import atomic
from models.event import Event
from models.recovery_code import RecoveryCode
from models.user import TwoFactor, User

_log = logging.getLogger("minasidor.two_factor")


class State(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"


class Verdict(StrEnum):
    """What became of a typed code."""

    RIGHT = "right"
    WRONG = "wrong"
    USED = "used"
    LIMITED = "limited"
    PAUSED = "paused"


@dataclass(frozen=True)
class Answer:
    verdict: Verdict
    wait: timedelta = timedelta()

    @property
    def is_right(self) -> bool:
        return self.verdict is Verdict.RIGHT


# What else turning it on means, in the same transaction. Raises TooLate, which undoes all.
Effect: TypeAlias = Callable[[User], Awaitable[None]]


class TooLate(Exception):
    """Undoes what was begun: the user, or what they act by, is no longer as the page found it."""


async def turned_on(user: User) -> None:
    """The effect of adding the first app."""
    await Event.record("two_factor.on", user=user)
    await notice.tell(user, "two_factor_on")


class Totp(Model):
    """A user's authenticator app: pending while it is being added, active from then on."""

    ISSUER: ClassVar[str] = "MinaSidor"
    PERIOD: ClassVar[int] = 30  # seconds, RFC 6238 §5.2
    DRIFT: ClassVar[int] = 1  # steps to either side: a phone's clock half a minute off
    PENDING_FOR: ClassVar[timedelta] = timedelta(days=1)
    MOST_FAILURES: ClassVar[int] = (
        100  # in a row; then the factor is paused (`security.md`, Limits)
    )

    id = fields.IntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="totps", on_delete=fields.CASCADE
    )
    state = fields.CharEnumField(State, max_length=10, default=State.PENDING)
    # Who is adding it: no other session of the user's is shown the secret. Empty once it is active.
    holder = fields.CharField(max_length=40, db_default="", default="")
    secret_encrypted: bytes = fields.BinaryField()
    last_step = fields.BigIntField(default=0)
    failures = fields.IntField(default=0)  # in a row
    created_at = fields.DatetimeField()
    activated_at = fields.DatetimeField(null=True)
    paused_at = fields.DatetimeField(null=True)

    user_id: int

    class Meta:
        table = "totps"
        unique_together = (("user_id", "state", "holder"),)

    @classmethod
    async def pending(cls, user: User, holder: str = "") -> Self:
        """The one that `holder` is adding; reload, a wrong code and a second tab keep the secret.

        But not for long, and no longer than the password. Another session gets another one: a
        thief with the password would else know the secret that its owner turns on later.
        """
        waiting = await cls.get_or_none(user_id=user.id, state=State.PENDING, holder=holder)
        if waiting and waiting._is_fresh(user):
            return waiting
        if waiting:
            await cls.filter(id=waiting.id, state=State.PENDING).delete()
        secret = pyotp.random_base32()  # 160 bits: RFC 4226 §4 R6
        try:
            async with atomic():
                return await cls.create(
                    user_id=user.id,
                    holder=holder,
                    secret_encrypted=keys.encrypt("totp", secret, f"user:{user.id}"),
                    created_at=clock.now(),
                )
        except IntegrityError:
            return await cls.get(user_id=user.id, state=State.PENDING, holder=holder)

    @classmethod
    async def active(cls, user_id: int) -> Self | None:
        return await cls.get_or_none(user_id=user_id, state=State.ACTIVE)

    @property
    def secret(self) -> str:
        """Base32, as apps take it."""
        return keys.decrypt("totp", self.secret_encrypted, f"user:{self.user_id}")

    def uri(self, label: str) -> str:
        """The otpauth:// address behind the QR code; `label` is the row's name in the app."""
        return pyotp.TOTP(self.secret).provisioning_uri(name=label, issuer_name=self.ISSUER)

    async def activate(self, user: User, typed: str, effect: Effect = turned_on) -> Answer:
        """Turn two-factor on if this is the pending secret's code; the code counts as used.

        An app that was there before goes on until then. Its failures don't count here: whoever
        guesses its codes could otherwise keep the owner from replacing it.
        """
        attempt = await _spend("enrolment", str(user.id))
        if attempt.refused:
            return Answer(Verdict.LIMITED, attempt.wait)
        step = self._step_of(typed)
        if step is None:
            return Answer(Verdict.WRONG)
        try:
            if not await self._turn_on(user, step, effect):
                return Answer(Verdict.USED)
        except TooLate:
            return Answer(Verdict.WRONG)
        await attempt.give_back()
        user.two_factor = TwoFactor.ON
        return Answer(Verdict.RIGHT)

    async def _turn_on(self, user: User, step: int, effect: Effect) -> bool:
        async with atomic():
            await User.lock(user.id)
            pending = Totp.filter(id=self.id, state=State.PENDING)
            if not await pending.exists():
                return False
            # With what other sessions are adding.
            await Totp.filter(user_id=user.id).exclude(id=self.id).delete()
            _ = await pending.update(
                state=State.ACTIVE, holder="", last_step=step, activated_at=clock.now()
            )
            # As when the page was asked for: a thief's last request adds no app to a frozen user.
            same = User.filter(
                id=user.id,
                password_changed_at=user.password_changed_at,
                two_factor=user.two_factor,
                frozen_at=None,
            )
            if not await same.update(two_factor=TwoFactor.ON):
                raise TooLate
            await RecoveryCode.renew(user.id)
            await effect(user)
        return True

    def _is_fresh(self, user: User) -> bool:
        now = clock.now()
        is_older_than_the_password = self.created_at < user.password_changed_at <= now
        return now - self.created_at < self.PENDING_FOR and not is_older_than_the_password

    @staticmethod
    def looks_like_code(typed: str) -> bool:
        """Whether it has the form of the app's codes. What has not is a slip, and not guessed."""
        return re.fullmatch(r"[0-9]{6}", numbers.compact(typed)) is not None

    @classmethod
    async def accepts(cls, user_id: int, typed: str) -> Answer:
        """Whether this is the app's code or a recovery code. Each is right only once."""
        attempt = await _spend(str(user_id))
        if attempt.refused:
            return Answer(Verdict.LIMITED, attempt.wait)
        totp = await cls.active(user_id)
        if totp is None:
            return Answer(Verdict.WRONG)
        answer = await totp._judge(typed)
        if answer.is_right:
            await attempt.give_back()
            await cls.filter(id=totp.id).update(failures=0, paused_at=None)
        elif answer.verdict is Verdict.WRONG:
            await totp._count_failure()
        return answer

    async def _judge(self, typed: str) -> Answer:
        if RecoveryCode.looks_like_one(typed):
            used = await RecoveryCode.use(self.user_id, typed)
            return Answer(Verdict.RIGHT if used else Verdict.WRONG)
        if self.paused_at:
            return Answer(Verdict.PAUSED)
        step = self._step_of(typed)
        if step is None:
            return Answer(Verdict.WRONG)
        return Answer(Verdict.RIGHT if await self._use_up(step) else Verdict.USED)

    async def _use_up(self, step: int) -> bool:
        # One UPDATE. The second half heals a server clock that once ran ahead.
        ahead = clock.seconds() // self.PERIOD + 1
        unused = Totp.filter(Q(last_step__lt=step) | Q(last_step__gt=ahead), id=self.id)
        return await unused.update(last_step=step) == 1

    def _step_of(self, typed: str) -> int | None:
        # pyotp's verify() says only yes or no, and refuses codes with spaces.
        code, totp = numbers.compact(typed), pyotp.TOTP(self.secret)
        now = clock.seconds() // self.PERIOD
        for step in range(now - self.DRIFT, now + self.DRIFT + 1):
            # As bytes: comparing text outside ASCII raises.
            if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
                return step
        return None

    async def _count_failure(self) -> None:
        await Totp.filter(id=self.id).update(failures=F("failures") + 1)
        await login_notices.code_was_wrong(self.user_id)
        async with atomic():
            worn_out = Totp.filter(id=self.id, failures__gte=self.MOST_FAILURES, paused_at=None)
            if await worn_out.update(paused_at=clock.now()):
                user = await User.get(id=self.user_id)
                await notice.tell(user, "two_factor_paused")
                await Event.record("two_factor.paused", user=user)
                _log.warning("two_factor.paused", extra={"user": user.id})


async def _spend(*key: str) -> limits.Attempt:
    return await limits.spend(
        limits.CODE_SOON.of(*key), limits.CODE_HOURLY.of(*key), limits.CODE_DAILY.of(*key)
    )


async def on_since(user_id: int) -> datetime | None:
    """When two-factor was turned on, or None while it is off."""
    totp = await Totp.active(user_id)
    return totp.activated_at if totp else None
