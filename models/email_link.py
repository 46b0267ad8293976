"""Links in mail: random, of one purpose, used once, and only their hash is kept."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model

from models import clock, tokens
from models.databases import atomic, execute

if TYPE_CHECKING:
    from models.membership import Membership
    from models.user import User


class Purpose(StrEnum):
    CONFIRM_EMAIL = "confirm_email"
    NOT_US = "not_us"

    @property
    def lifetime(self) -> timedelta:
        """How long after its mail was sent the link works (`product.md`, Links in mail)."""
        return timedelta(days=7)

    @property
    def newest_wins(self) -> bool:
        """A notice link lives until it is used; of the others only the newest one works."""
        return self is not Purpose.NOT_US


class State(StrEnum):
    """What a link can be. All but OPEN are dead, each with a sentence of its own on the page."""

    OPEN = "open"
    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"
    REPLACED = "replaced"
    VOID = "void"


class EmailLink(Model):
    """One link that was mailed to somebody."""

    id = fields.IntField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    purpose = fields.CharEnumField(Purpose, max_length=20)
    email = fields.CharField(max_length=254)  # the address it was sent to
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", null=True, related_name="links", on_delete=fields.CASCADE
    )
    membership: fields.ForeignKeyNullableRelation[Membership] = fields.ForeignKeyField(
        "models.Membership", null=True, related_name="links", on_delete=fields.SET_NULL
    )
    created_at = fields.DatetimeField()
    sent_at = fields.DatetimeField(null=True)
    used_at = fields.DatetimeField(null=True)
    replaced_at = fields.DatetimeField(null=True)

    user_id: int | None
    membership_id: int | None

    class Meta:
        table = "email_links"
        indexes = (("user_id",), ("membership_id",))

    @classmethod
    async def issue(
        cls,
        purpose: Purpose,
        *,
        email: str,
        user_id: int | None = None,
        membership_id: int | None = None,
    ) -> tuple[Self, str]:
        """A new link and its token. It replaces the user's earlier ones of the same purpose."""
        now, token = clock.now(), tokens.new()
        async with atomic():
            if purpose.newest_wins:
                # Locks the user's row: of several at once all but the last one are replaced.
                await execute("UPDATE users SET id = id WHERE id = ?", user_id)
                earlier = cls.filter(
                    user_id=user_id, purpose=purpose, used_at=None, replaced_at=None
                )
                await earlier.update(replaced_at=now)
            link = await cls.create(
                token_hash=tokens.hashed(token),
                purpose=purpose,
                email=email,
                user_id=user_id,
                membership_id=membership_id,
                created_at=now,
            )
        return link, token

    @classmethod
    async def find(cls, token: str, purpose: Purpose) -> Self | None:
        """The link with this token, dead or alive; None if there never was one for this purpose."""
        return await cls.get_or_none(
            token_hash=tokens.hashed(token), purpose=purpose
        ).prefetch_related("user")

    @property
    def state(self) -> State:
        if self.used_at:
            return State.USED
        if self.replaced_at:
            return State.REPLACED
        # The time starts when the mail is sent: a slow mail server takes none of it.
        if clock.now() - (self.sent_at or self.created_at) >= self.purpose.lifetime:
            return State.EXPIRED
        return State.VOID if self._has_lost_its_reason else State.OPEN

    @property
    def _has_lost_its_reason(self) -> bool:
        match self.purpose:
            case Purpose.CONFIRM_EMAIL:
                user = self.user
                return (
                    user is None or user.email != self.email or user.email_confirmed_at is not None
                )
            case Purpose.NOT_US:
                return self.membership_id is None

    async def consume(self) -> bool:
        """Use the link up, in its time. Of several at once exactly one gets True."""
        now = clock.now()
        oldest = now - self.purpose.lifetime
        unused = EmailLink.filter(
            Q(sent_at__gt=oldest) | Q(sent_at=None, created_at__gt=oldest),
            id=self.id,
            used_at=None,
            replaced_at=None,
        )
        return await unused.update(used_at=now) == 1
