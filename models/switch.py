"""What an operator can turn off for the whole site."""

from __future__ import annotations

from typing import ClassVar

from tortoise import fields
from tortoise.models import Model

from models import clock
from models.databases import atomic
from models.event import Event


class Switch(Model):
    """On unless an operator turned it off."""

    CLAIMS: ClassVar[str] = "claims"

    name = fields.CharField(primary_key=True, max_length=40)
    is_on = fields.BooleanField()
    changed_at = fields.DatetimeField()

    class Meta:
        table = "switches"

    @classmethod
    async def is_open(cls, name: str) -> bool:
        return not await cls.exists(name=name, is_on=False)

    @classmethod
    async def turn(cls, name: str, *, on: bool, operator: str) -> None:
        async with atomic():
            await cls.update_or_create({"is_on": on, "changed_at": clock.now()}, name=name)
            await Event.record(f"{name}.{'opened' if on else 'closed'}", operator=operator)
