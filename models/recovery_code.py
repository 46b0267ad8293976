"""Recovery codes: ten ways in without the phone, each good for once."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from tortoise import fields
from tortoise.models import Model

from models import clock, keys, notice, numbers, tokens
from models.databases import atomic
from models.event import Event
from models.user import TwoFactor, User

if TYPE_CHECKING:
    from tortoise.queryset import QuerySet


class RecoveryCode(Model):
    """One code. It can be read until its owner has saved it, at most an hour."""

    COUNT: ClassVar[int] = 10
    DIGITS: ClassVar[int] = 16  # 53 bits, hence a keyed hash (ASVS 6.5.2)
    SHOWN_FOR: ClassVar[timedelta] = timedelta(hours=1)

    id = fields.IntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="recovery_codes", on_delete=fields.CASCADE
    )
    code_hash = fields.CharField(max_length=64)
    code_encrypted: bytes | None = fields.BinaryField(null=True)
    # New ones in place of those in use: they replace them once they are said to be saved.
    pending = fields.BooleanField(db_default=False, default=False)
    created_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    user_id: int

    class Meta:
        table = "recovery_codes"
        unique_together = (("user_id", "code_hash"),)
        ordering = ("id",)

    @classmethod
    async def renew(cls, user_id: int) -> None:
        """Ten new codes in place of all there were."""
        await cls.filter(user_id=user_id).delete()
        await cls._make(user_id)

    @classmethod
    async def propose(cls, user_id: int) -> None:
        """Ten new codes that replace those in use once they are said to be saved.

        While they are shown they stay the same: the ones that were written down are to count.
        """
        async with atomic():
            await User.lock(user_id)
            if await cls._shown(user_id).filter(pending=True).exists():
                return
            await cls.filter(user_id=user_id, pending=True).delete()
            if await User.exists(id=user_id, two_factor=TwoFactor.ON, frozen_at=None):
                await cls._make(user_id, pending=True)

    @classmethod
    async def _make(cls, user_id: int, *, pending: bool = False) -> None:
        codes: set[str] = set()
        while len(codes) < cls.COUNT:
            codes.add(tokens.new_digits(cls.DIGITS))
        await cls.bulk_create(
            [
                cls(
                    user_id=user_id,
                    code_hash=_hashed(user_id, code),
                    code_encrypted=keys.encrypt("recovery code", code, f"user:{user_id}"),
                    pending=pending,
                    created_at=clock.now(),
                )
                for code in codes
            ]
        )

    @classmethod
    async def shown(cls, user_id: int) -> list[str]:
        """The codes in groups of four, while they wait to be saved; else an empty list."""
        codes = [
            keys.decrypt("recovery code", code.code_encrypted or b"", f"user:{user_id}")
            for code in await cls._set_shown(user_id)
        ]
        return [" ".join(re.findall("....", code)) for code in codes]

    @classmethod
    async def shown_id(cls, user_id: int) -> int:
        """Which ten are shown, for `saved`; 0 when none are."""
        return max((code.id for code in await cls._set_shown(user_id)), default=0)

    @classmethod
    async def are_proposed(cls, user_id: int) -> bool:
        """Whether those that are shown wait to replace the ones in use."""
        return await cls._shown(user_id).filter(pending=True).exists()

    @classmethod
    async def saved(cls, user: User, shown_id: int) -> bool:
        """'Jag har sparat koderna': nobody can read them from here again; new ones count now.

        False when the ten that were shown are gone: they were saved too late, or replaced.
        """
        async with atomic():
            await User.lock(user.id)
            last = await cls.get_or_none(id=shown_id, user_id=user.id)
            if last is None or (last.pending and last.created_at <= _oldest_shown()):
                return False
            if last.pending:
                await cls.filter(user_id=user.id, pending=False).delete()
                await Event.record("recovery_codes.renewed", user=user)
                await notice.tell(user, "recovery_codes_renewed")
            await cls.filter(user_id=user.id, pending=last.pending).update(
                code_encrypted=None, pending=False
            )
        return True

    @classmethod
    async def forget_shown(cls) -> int:
        """Erase what nobody said to have saved within the hour; how many."""
        waiting = cls.filter(code_encrypted__not_isnull=True, created_at__lte=_oldest_shown())
        proposed = await waiting.filter(pending=True).delete()
        return proposed + await waiting.filter(pending=False).update(code_encrypted=None)

    @classmethod
    async def hide(cls, user_id: int) -> None:
        """Show those that wait to be saved to nobody any more: a thief may be looking."""
        await cls.filter(user_id=user_id, pending=True).delete()
        await cls.filter(user_id=user_id).update(code_encrypted=None)

    @classmethod
    async def left(cls, user_id: int) -> int:
        return await cls.filter(user_id=user_id, used_at=None, pending=False).count()

    @classmethod
    def looks_like_one(cls, typed: str) -> bool:
        return re.fullmatch(rf"[0-9]{{{cls.DIGITS}}}", numbers.compact(typed)) is not None

    @classmethod
    async def use(cls, user_id: int, typed: str) -> bool:
        """Use the code up, and tell its owner. Of several at once exactly one gets True."""
        unused = cls.filter(
            user_id=user_id,
            code_hash=_hashed(user_id, numbers.compact(typed)),
            used_at=None,
            pending=False,
        )
        async with atomic():
            await User.lock(user_id)
            if await unused.update(used_at=clock.now()) != 1:
                return False
            await Event.record("recovery_code.used", user_id=user_id)
            left = await cls.left(user_id)
            user = await User.get(id=user_id)
            await notice.tell(user, "recovery_code_used", left=str(left))
        return True

    @classmethod
    async def _set_shown(cls, user_id: int) -> list[Self]:
        codes = await cls._shown(user_id)
        return [code for code in codes if code.pending] or codes

    @classmethod
    def _shown(cls, user_id: int) -> QuerySet[Self]:
        return cls.filter(
            user_id=user_id, code_encrypted__not_isnull=True, created_at__gt=_oldest_shown()
        )


def _hashed(user_id: int, code: str) -> str:
    return keys.mac("recovery code", str(user_id), code)


def _oldest_shown() -> datetime:
    return clock.now() - RecoveryCode.SHOWN_FOR
