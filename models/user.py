"""The user account: one person, who reaches customer accounts through memberships."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from tortoise import fields
from tortoise.models import Model

from models import clock, passwords
from models.databases import execute, fetch

if TYPE_CHECKING:
    from models.customer_account import CustomerAccount
    from models.membership import Membership


class TwoFactor(StrEnum):
    """The answer to Steg 4. `UNANSWERED` lands there again at the next login."""

    UNANSWERED = "unanswered"
    SKIPPED = "skipped"
    ON = "on"


_IS_AS_CHECKED = """
    UPDATE users SET id = id WHERE id = ? AND password_changed_at = ? AND frozen_at IS NULL"""


class User(Model):
    """An användarkonto: who logs in, with what, and what of it is proven."""

    id = fields.IntField(primary_key=True)
    email = fields.CharField(max_length=254)  # as typed
    email_key = fields.CharField(max_length=254, unique=True)  # as compared
    # The address it had, never confirmed, when somebody else proved it to be theirs.
    former_email_key = fields.CharField(max_length=254, db_default="", default="")
    email_confirmed_at = fields.DatetimeField(null=True)
    given_name = fields.CharField(max_length=80)
    family_name = fields.CharField(max_length=80)
    phone = fields.CharField(max_length=20, default="")
    password_hash = fields.CharField(max_length=200)  # empty: logs in with BankID only
    password_changed_at = fields.DatetimeField()
    password_reset_at = fields.DatetimeField(null=True)  # by a mailed link, the last time
    two_factor = fields.CharEnumField(TwoFactor, max_length=10, default=TwoFactor.UNANSWERED)
    created_at = fields.DatetimeField()
    last_login_at = fields.DatetimeField(null=True)
    frozen_at = fields.DatetimeField(null=True)  # until a new password, or a login with BankID
    closes_at = fields.DatetimeField(null=True)  # the user has closed it: erased then
    active_customer_account: fields.ForeignKeyNullableRelation[CustomerAccount] = (
        fields.ForeignKeyField(
            "models.CustomerAccount",
            null=True,
            related_name="active_users",
            on_delete=fields.SET_NULL,
        )
    )

    active_customer_account_id: int | None
    memberships: fields.ReverseRelation[Membership]

    class Meta:
        table = "users"
        indexes = (("active_customer_account_id",), ("former_email_key",), ("closes_at",))

    @classmethod
    async def by_email(cls, email: str) -> Self | None:
        """The user with this address, however it is written."""
        return await cls.get_or_none(email_key=email_key(email))

    @classmethod
    async def formerly_by_email(cls, email: str) -> list[Self]:
        """Those who lost this address to whoever proved it to be theirs: they log in with it still.

        The latest ones: each means one more hash at every login with the address.
        """
        return await cls.filter(former_email_key=email_key(email)).order_by("-id").limit(2)

    @staticmethod
    async def lock(user_id: int) -> None:
        """Take the user's row until the transaction ends: first, so that nobody deadlocks."""
        await execute("UPDATE users SET id = id WHERE id = ?", user_id)

    async def is_as_checked(self) -> bool:
        """Whether the password is still the one that this user was read with, and nobody froze
        them. In a transaction that holds until it ends: the row is taken."""
        same = (self.id, self.password_changed_at)
        return await execute(_IS_AS_CHECKED, *same) > 0

    @classmethod
    async def is_staying(cls, user_id: int) -> bool:
        """Whether there is such a user, who has not closed the user account."""
        return await cls.exists(id=user_id, closes_at=None)

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"

    async def has_password(self, password: str) -> bool:
        """Whether this is the password; an old hash is renewed. Raises passwords.Busy."""
        if not await passwords.matches(self.password_hash, password):
            return False
        if passwords.needs_rehash(self.password_hash):
            renewed = await passwords.hashed(password)
            await User.filter(id=self.id, password_hash=self.password_hash).update(
                password_hash=renewed
            )
            self.password_hash = renewed
        return True

    @property
    def is_passwordless(self) -> bool:
        """Whether BankID is the only way in."""
        return self.password_hash == ""

    @property
    def has_two_factor(self) -> bool:
        return self.two_factor is TwoFactor.ON

    def has_come_in_since(self, moment: datetime) -> bool:
        """Whether the user logged in or changed the password after that: they need no link."""
        login = self.last_login_at
        return self.password_changed_at > moment or (login is not None and login > moment)

    async def skip_two_factor(self) -> None:
        """'Hoppa över' is an answer. It never turns off what is on."""
        await User.filter(id=self.id, two_factor=TwoFactor.UNANSWERED).update(
            two_factor=TwoFactor.SKIPPED
        )

    async def rename(self, given_name: str, family_name: str, phone: str) -> None:
        """Personuppgifter. Names and numbers are not secured: they open nothing."""
        self.given_name, self.family_name, self.phone = given_name, family_name, phone
        await User.filter(id=self.id).update(
            given_name=given_name, family_name=family_name, phone=phone
        )

    async def confirm_email(self) -> None:
        """The user has opened a link that was sent to the address."""
        if self.email_confirmed_at is None:
            self.email_confirmed_at = clock.now()
            await User.filter(id=self.id, email_confirmed_at=None).update(
                email_confirmed_at=self.email_confirmed_at
            )


def email_key(email: str) -> str:
    """How two addresses are compared: trimmed, NFC, casefolded."""
    return unicodedata.normalize("NFC", email.strip()).casefold()


_ACTIVE_FIRST = """
    SELECT a.customer_number
    FROM memberships m
    JOIN users u ON u.id = m.user_id
    JOIN customer_accounts a ON a.id = m.customer_account_id
    WHERE m.user_id = ? AND a.closed_at IS NULL
    ORDER BY CASE WHEN m.status <> 'active' THEN 2
                  WHEN a.id = u.active_customer_account_id THEN 0 ELSE 1 END, m.id
    LIMIT 1"""


async def active_customer_number(user_id: int) -> str | None:
    """The account to land on after login: the one used last, else the first one that is active,
    else one that the user waits to be let in to.
    """
    rows = await fetch(_ACTIVE_FIRST, user_id)
    return rows[0]["customer_number"] if rows else None
