"""Recovery codes: ten ways in without the phone, each good for once."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import ClassVar

from tortoise import fields
from tortoise.models import Model

from models import clock, keys, notice, numbers, tokens
from models.databases import atomic
from models.event import Event
from models.user import User


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

    class Meta:
        table = "recovery_codes"
        unique_together = (("user_id", "code_hash"),)
        ordering = ("id",)

    @classmethod
    async def renew(cls, user_id: int) -> None:
        """Ten new codes in place of all there were."""
        await cls.filter(user_id=user_id).delete()
        codes: set[str] = set()
        while len(codes) < cls.COUNT:
            codes.add(tokens.new_digits(cls.DIGITS))
        await cls.bulk_create(
            [
                cls(
                    user_id=user_id,
                    code_hash=_hashed(user_id, code),
                    code_encrypted=keys.encrypt("recovery code", code, f"user:{user_id}"),
                    created_at=clock.now(),
                )
                for code in codes
            ]
        )

    @classmethod
    async def shown(cls, user_id: int) -> list[str]:
        """The codes in groups of four, while they wait to be saved; else an empty list."""
        waiting = cls.filter(
            user_id=user_id, code_encrypted__not_isnull=True, created_at__gt=_oldest_shown()
        )
        codes = [
            keys.decrypt("recovery code", code.code_encrypted or b"", f"user:{user_id}")
            for code in await waiting
        ]
        return [" ".join(re.findall("....", code)) for code in codes]

    @classmethod
    async def saved(cls, user_id: int) -> None:
        """'Jag har sparat koderna': nobody can read them from here again."""
        await cls.filter(user_id=user_id).update(code_encrypted=None)

    @classmethod
    async def forget_shown(cls) -> int:
        """Erase what nobody said to have saved within the hour; how many."""
        waiting = cls.filter(code_encrypted__not_isnull=True, created_at__lte=_oldest_shown())
        return await waiting.update(code_encrypted=None)

    @classmethod
    async def left(cls, user_id: int) -> int:
        return await cls.filter(user_id=user_id, used_at=None).count()

    @classmethod
    def looks_like_one(cls, typed: str) -> bool:
        return re.fullmatch(rf"[0-9]{{{cls.DIGITS}}}", numbers.compact(typed)) is not None

    @classmethod
    async def use(cls, user_id: int, typed: str) -> bool:
        """Use the code up, and tell its owner. Of several at once exactly one gets True."""
        unused = cls.filter(
            user_id=user_id, code_hash=_hashed(user_id, numbers.compact(typed)), used_at=None
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


def _hashed(user_id: int, code: str) -> str:
    return keys.mac("recovery code", str(user_id), code)


def _oldest_shown() -> datetime:
    return clock.now() - RecoveryCode.SHOWN_FOR
