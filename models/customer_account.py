"""The customer account: the company as the waste business knows it."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Self

from tortoise import fields
from tortoise.expressions import F
from tortoise.models import Model

from models import clock, folding, keys, numbers
from models.databases import execute, fetch

if TYPE_CHECKING:
    from models.membership import Membership

# Compared with when there is no account, so that an unknown number takes as long as a wrong one.
_NOBODY = "0" * 64


class ClaimPolicy(StrEnum):
    """What a claim comes to where there is an administrator already; administrators choose."""

    DIRECT = "direct"  # let in, nobody is told
    NOTIFY = "notify"  # let in, and the administrators are told
    APPROVE = "approve"  # waits for an administrator's yes


class CustomerAccount(Model):
    """A kundkonto. Its four digits are kept only as a keyed hash that a claim is compared with."""

    REVIEWED_EVERY: ClassVar[timedelta] = timedelta(days=365)

    id = fields.IntField(primary_key=True)
    customer_number = fields.CharField(max_length=20, unique=True)
    name = fields.CharField(max_length=200)
    # Ten digits, of a sole trader the first six; empty: by invitation only.
    organisation_number = fields.CharField(max_length=10, default="")
    suffix_hash = fields.CharField(max_length=64, default="")
    suffix_encrypted: bytes | None = fields.BinaryField(null=True)  # sole traders only
    contact_email = fields.CharField(max_length=254, default="")
    # Counted here, so that "the first one" is one UPDATE however many claim at once.
    active_administrators = fields.IntField(default=0)
    claim_policy = fields.CharEnumField(
        ClaimPolicy, max_length=10, default=ClaimPolicy.NOTIFY, db_default="notify"
    )
    requires_two_factor = fields.BooleanField(default=False, db_default=False)
    # When administrators are asked next who has access; null until there is one.
    review_due_at = fields.DatetimeField(null=True)
    reviewed_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)
    # Of name, numbers and towns: see `list_by`.
    search_key = fields.TextField(default="", db_default="")
    sort_key = fields.CharField(max_length=folding.SORT_KEY_LENGTH, default="", db_default="")

    addresses: fields.ReverseRelation[Address]
    memberships: fields.ReverseRelation[Membership]

    class Meta:
        table = "customer_accounts"
        indexes = (("review_due_at",),)

    @classmethod
    async def matching(cls, customer_number: str, organisation_suffix: str) -> Self | None:
        """The open account that both numbers belong to, if any.

        Unknown number, wrong digits, closed and by-invitation-only answer alike and after the
        same work, so that no caller can tell a guesser which it was.
        """
        account = await cls.get_or_none(customer_number=customer_number)
        expected = (account and account.suffix_hash) or _NOBODY
        given = suffix_hash(customer_number, organisation_suffix)
        if not hmac.compare_digest(expected.encode(), given.encode()):
            return None
        return account if account and account.closed_at is None else None

    async def lock(self) -> bool:
        """Take the row until the transaction ends, after the user's; whether the account is open.

        Whoever gets access and an administrator who leaves go one after the other.
        """
        open_one = "UPDATE customer_accounts SET id = id WHERE id = ? AND closed_at IS NULL"
        return await execute(open_one, self.id) == 1

    @classmethod
    async def count_administrator(cls, account_id: int) -> None:
        """One more is active. With the first one of all the yearly review begins."""
        accounts = cls.filter(id=account_id)
        await accounts.update(active_administrators=F("active_administrators") + 1)
        due_at = clock.now() + cls.REVIEWED_EVERY
        await accounts.filter(review_due_at=None).update(review_due_at=due_at)

    def identify_by(self, organisation_number: str) -> None:
        """Take this organisation number (ten digits, or empty for by invitation only)."""
        personal = organisation_number != "" and numbers.is_personal(organisation_number)
        self.organisation_number = organisation_number[:6] if personal else organisation_number
        self.suffix_hash = (
            suffix_hash(self.customer_number, organisation_number[-4:])
            if organisation_number
            else ""
        )
        self.suffix_encrypted = (
            keys.encrypt("organisation suffix", organisation_number[-4:], self.customer_number)
            if personal
            else None
        )

    def list_by(self, towns: Iterable[str] = ()) -> None:
        """Take what lists find and sort the account by: its name and numbers, and these towns."""
        self.search_key, self.sort_key = list_keys(
            self.name, self.customer_number, self.organisation_number, towns
        )

    @property
    def organisation_suffix(self) -> str:
        """The four digits, for no page and no log; empty if there are none. Raises UnknownKey."""
        if self.suffix_encrypted:
            return keys.decrypt("organisation suffix", self.suffix_encrypted, self.customer_number)
        return self.organisation_number[6:]

    @property
    def organisation_number_shown(self) -> str | None:
        """As a page may show it: a sole trader's four digits are nobody's business."""
        return shown(self.organisation_number)


class Address(Model):
    """A place the customer account has its containers at."""

    id = fields.IntField(primary_key=True)
    customer_account: fields.ForeignKeyRelation[CustomerAccount] = fields.ForeignKeyField(
        "models.CustomerAccount", related_name="addresses", on_delete=fields.CASCADE
    )
    street = fields.CharField(max_length=200)
    postal_code = fields.CharField(max_length=10)
    town = fields.CharField(max_length=100)

    class Meta:
        table = "addresses"
        indexes = (("customer_account_id",),)
        ordering = ("id",)

    @classmethod
    async def of_account(cls, customer_account_id: int) -> list[dict[str, str]]:
        """Street, postal code and town of each, in the order they were taken in."""
        return await fetch(
            "SELECT street, postal_code, town FROM addresses"
            " WHERE customer_account_id = ? ORDER BY id",
            customer_account_id,
        )


def list_keys(
    name: str, customer_number: str, organisation_number: str, towns: Iterable[str]
) -> tuple[str, str]:
    """The search key and the sort key of an account with these."""
    found_by = folding.search_key(name, customer_number, organisation_number, *dict.fromkeys(towns))
    return found_by, folding.sort_key(name)


def suffix_hash(customer_number: str, organisation_suffix: str) -> str:
    """Four digits are guessed in no time without the pepper, hence HMAC and not a plain hash."""
    return keys.mac("organisation suffix", customer_number, organisation_suffix)


def shown(organisation_number: str) -> str | None:
    """'4101010008' as '410101-0008', a sole trader's '850101' as '850101-••••', '' as None."""
    if not organisation_number:
        return None
    return f"{organisation_number[:6]}-{organisation_number[6:] or '••••'}"
