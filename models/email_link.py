"""Links in mail: random, of one purpose, used once, and only their hash is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from tortoise import fields
from tortoise.expressions import Q
from tortoise.models import Model

from models import clock, tokens
from models.databases import atomic, execute

if TYPE_CHECKING:
    from models.invitation import Invitation
    from models.membership import Membership
    from models.user import User


TRIED_FOR = timedelta(hours=24)  # how long a mail is tried to be sent


class Purpose(StrEnum):
    CONFIRM_EMAIL = "confirm_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of a purpose
    RESET_TWO_FACTOR = "reset_two_factor"
    CHANGE_EMAIL = "change_email"  # to the new address
    TAKE_OVER_EMAIL = "take_over_email"  # to an address that its user has never confirmed
    NOT_ME = "not_me"
    NOT_US = "not_us"
    UNDO_EMAIL = "undo_email"  # to the old address
    INVITATION = "invitation"  # to an address that may be nobody's yet

    @property
    def lifetime(self) -> timedelta:
        """How long after its mail was sent the link works (`product.md`, Links in mail)."""
        return _LIFETIMES.get(self, timedelta(days=7))

    @property
    def is_notice(self) -> bool:
        """A notice's link lives until it is used; of the others only the newest one works."""
        return self in (Purpose.NOT_ME, Purpose.NOT_US, Purpose.UNDO_EMAIL)


_LIFETIMES = {
    Purpose.RESET_PASSWORD: timedelta(minutes=60),
    Purpose.RESET_TWO_FACTOR: timedelta(minutes=30),
    Purpose.CHANGE_EMAIL: timedelta(hours=24),
    Purpose.TAKE_OVER_EMAIL: timedelta(minutes=60),
    Purpose.INVITATION: timedelta(days=14),
}


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
    invitation: fields.ForeignKeyNullableRelation[Invitation] = fields.ForeignKeyField(
        "models.Invitation", null=True, related_name="links", on_delete=fields.SET_NULL
    )
    created_at = fields.DatetimeField()
    delayed_until = fields.DatetimeField(null=True)  # its mail is not sent before
    sent_at = fields.DatetimeField(null=True)
    used_at = fields.DatetimeField(null=True)
    replaced_at = fields.DatetimeField(null=True)
    voided_at = fields.DatetimeField(null=True)

    user_id: int | None
    membership_id: int | None
    invitation_id: int | None

    class Meta:
        table = "email_links"
        indexes = (("user_id",), ("membership_id",), ("invitation_id",))

    @classmethod
    async def issue(
        cls,
        purpose: Purpose,
        *,
        email: str,
        user_id: int | None = None,
        membership_id: int | None = None,
        invitation_id: int | None = None,
        delayed_until: datetime | None = None,
    ) -> tuple[Self, str]:
        """A new link and its token. It replaces the user's earlier ones of the same purpose, or
        the invitation's, whose customer account the caller has locked.

        One of nobody's (no user, no membership) costs the same, and is dead from the start.
        """
        now, token = clock.now(), tokens.new()
        async with atomic():
            if invitation_id:
                sent = cls.filter(invitation_id=invitation_id, used_at=None, replaced_at=None)
                await sent.update(replaced_at=now)
            elif not purpose.is_notice:
                # Locks the user's row: of several at once all but the last one are replaced.
                await execute("UPDATE users SET id = id WHERE id = ?", user_id or 0)  # User.lock
                earlier = cls.filter(
                    user_id=user_id or 0, purpose=purpose, used_at=None, replaced_at=None
                )
                await earlier.update(replaced_at=now)
            link = await cls.create(
                token_hash=tokens.hashed(token),
                purpose=purpose,
                email=email,
                user_id=user_id,
                membership_id=membership_id,
                invitation_id=invitation_id,
                created_at=now,
                delayed_until=delayed_until,
            )
        return link, token

    @classmethod
    async def find(cls, token: str, *purposes: Purpose) -> Self | None:
        """The link with this token, dead or alive; None if there never was one for any of these."""
        return await cls.get_or_none(
            token_hash=tokens.hashed(token), purpose__in=purposes
        ).prefetch_related("user")

    @classmethod
    async def void_all(cls, user_id: int) -> None:
        """What was mailed to the user stops working; notices are to work whatever happens."""
        notices = [purpose for purpose in Purpose if purpose.is_notice]
        outstanding = cls.filter(user_id=user_id, used_at=None, replaced_at=None, voided_at=None)
        await outstanding.exclude(purpose__in=notices).update(voided_at=clock.now())

    @property
    def state(self) -> State:
        if self.used_at:
            return State.USED
        if self.replaced_at:
            return State.REPLACED
        # The time starts when the mail is sent: a slow mail server takes none of it.
        starts_at = self.sent_at or (self.delayed_until or self.created_at) + TRIED_FOR
        if clock.now() - starts_at >= self.purpose.lifetime:
            return State.EXPIRED
        return State.VOID if self._has_lost_its_reason else State.OPEN

    @property
    def is_open(self) -> bool:
        return self.state is State.OPEN

    @property
    def _has_lost_its_reason(self) -> bool:
        if self.voided_at:
            return True
        if self.purpose is Purpose.NOT_US:
            return self.membership_id is None
        if self.purpose is Purpose.INVITATION:
            return self.invitation_id is None
        user = self.user
        if user is None:
            return True
        if self.purpose.is_notice:
            return False
        # Of the address that was theirs when it was asked for; a new one is not that yet.
        if (user.email == self.email) is (self.purpose is Purpose.CHANGE_EMAIL):
            return True
        match self.purpose:
            case Purpose.CONFIRM_EMAIL | Purpose.TAKE_OVER_EMAIL:
                return user.email_confirmed_at is not None
            case Purpose.RESET_PASSWORD:
                return user.has_come_in_since(self.created_at)
            case Purpose.RESET_TWO_FACTOR:
                return not user.has_two_factor or user.has_come_in_since(self.created_at)
        return False

    async def consume(self) -> bool:
        """Use the link up, in its time. Of several at once exactly one gets True."""
        now = clock.now()
        oldest = now - self.purpose.lifetime
        unused = EmailLink.filter(
            Q(sent_at__gt=oldest)
            | Q(sent_at=None, created_at__gt=oldest - TRIED_FOR)
            | Q(sent_at=None, delayed_until__gt=oldest - TRIED_FOR),
            id=self.id,
            used_at=None,
            replaced_at=None,
            voided_at=None,
        )
        return await unused.update(used_at=now) == 1
