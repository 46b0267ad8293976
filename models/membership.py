"""Who reaches which customer account, and as what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from tortoise import fields
from tortoise.exceptions import IntegrityError
from tortoise.expressions import F
from tortoise.models import Model

from models import clock
from models.customer_account import CustomerAccount
from models.databases import atomic, fetch, moment
from models.email_link import EmailLink, Purpose
from models.event import Event
from models.outgoing_mail import OutgoingMail
from models.user import User


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    MEMBER = "member"


@dataclass(frozen=True)
class Member:
    """One line of the list of those who have access."""

    name: str
    email: str
    role: Role
    since: datetime


# Each customer page makes these two reads: raw, at a fifth of the ORM's cost.
_MEMBERS = """
    SELECT m.role, m.created_at, u.given_name, u.family_name, u.email
    FROM memberships m JOIN users u ON u.id = m.user_id
    WHERE m.customer_account_id = ?"""
_OTHERS = """
    SELECT a.name, a.customer_number
    FROM memberships m JOIN customer_accounts a ON a.id = m.customer_account_id
    WHERE m.user_id = ? AND a.id <> ? AND a.closed_at IS NULL
    ORDER BY a.name LIMIT ?"""


class AccountClosed(Exception):
    """The customer account was closed after the claim was proven."""


class Membership(Model):
    """A user's access to one customer account."""

    id = fields.IntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="memberships", on_delete=fields.CASCADE
    )
    customer_account: fields.ForeignKeyRelation[CustomerAccount] = fields.ForeignKeyField(
        "models.CustomerAccount", related_name="memberships", on_delete=fields.CASCADE
    )
    role = fields.CharEnumField(Role, max_length=20)
    created_at = fields.DatetimeField()

    user_id: int
    customer_account_id: int

    class Meta:
        table = "memberships"
        unique_together = (("user_id", "customer_account_id"),)
        indexes = (("customer_account_id",),)

    @classmethod
    async def admit(cls, user: User, account: CustomerAccount) -> Self:
        """Give the user who has proven the claim access; the first one becomes administrator.

        Tells those whom it concerns by mail. Somebody who has access already keeps it, and becomes
        administrator where there is none any more. A user who is closing the user account becomes
        nobody's administrator. Raises AccountClosed.
        """
        if existing := await cls.get_or_none(user_id=user.id, customer_account_id=account.id):
            await existing._become_administrator_if_there_is_none(user, account)
            return existing
        try:
            async with atomic():
                return await cls._create(user, account)
        except IntegrityError:  # the same claim in another tab was a moment quicker
            return await cls.get(user_id=user.id, customer_account_id=account.id)

    @classmethod
    async def _create(cls, user: User, account: CustomerAccount) -> Self:
        is_first = await _is_first(user, account)
        membership = await cls.create(
            user_id=user.id,
            customer_account_id=account.id,
            role=Role.ADMINISTRATOR if is_first else Role.MEMBER,
            created_at=clock.now(),
        )
        await Event.record(
            "membership.added", user=user, customer_account=account, role=membership.role
        )
        if is_first:
            await membership._tell_the_contact(user, account)
        else:
            await membership._tell_the_administrators(user, account)
        return membership

    async def _become_administrator_if_there_is_none(
        self, user: User, account: CustomerAccount
    ) -> None:
        async with atomic():
            if self.role is Role.ADMINISTRATOR or not await _is_first(user, account):
                return
            self.role = Role.ADMINISTRATOR
            await Membership.filter(id=self.id).update(role=self.role)
            await Event.record(
                "membership.promoted", user=user, customer_account=account, role=self.role
            )
            await self._tell_the_contact(user, account)

    @classmethod
    async def of_account(cls, customer_account_id: int) -> list[Member]:
        """Who has access to the account, administrators first, then by name."""
        members = [
            Member(
                f"{row['given_name']} {row['family_name']}",
                row["email"],
                Role(row["role"]),
                moment(row["created_at"]),
            )
            for row in await fetch(_MEMBERS, customer_account_id)
        ]
        return sorted(members, key=lambda m: (m.role != Role.ADMINISTRATOR, m.name.casefold()))

    @classmethod
    async def others(
        cls, user_id: int, customer_account_id: int, most: int
    ) -> list[dict[str, str]]:
        """The user's other open accounts, by name."""
        return await fetch(_OTHERS, user_id, customer_account_id, most)

    async def remove(self) -> bool:
        """'Det var inte vi': the access ends at the next click. False if it had ended already."""
        async with atomic():
            await User.lock(self.user_id)
            if not await Membership.filter(id=self.id).delete():
                return False
            # Who is closing the user account is not counted any more.
            if self.role == Role.ADMINISTRATOR and await User.is_staying(self.user_id):
                await CustomerAccount.filter(id=self.customer_account_id).update(
                    active_administrators=F("active_administrators") - 1
                )
            await Event.record(
                "membership.removed",
                user_id=self.user_id,
                customer_account_id=self.customer_account_id,
            )
        return True

    async def _tell_the_contact(self, user: User, account: CustomerAccount) -> None:
        if account.contact_email:
            await self._tell("new_administrator", account.contact_email, user, account)

    async def _tell_the_administrators(self, user: User, account: CustomerAccount) -> None:
        # Only proven addresses: a mistyped one would tell a stranger of the company.
        administrators = Membership.filter(
            customer_account_id=account.id,
            role=Role.ADMINISTRATOR,
            user__email_confirmed_at__not_isnull=True,
            user__closes_at=None,
        )
        emails = [
            str(email) for email in await administrators.values_list("user__email", flat=True)
        ]
        for email in emails or ([account.contact_email] if account.contact_email else []):
            await self._tell("new_member", email, user, account)

    async def _tell(self, kind: str, email: str, user: User, account: CustomerAccount) -> None:
        link, token = await EmailLink.issue(Purpose.NOT_US, email=email, membership_id=self.id)
        _ = await OutgoingMail.write(
            kind,
            email,
            link=link,
            token=token,
            person_name=user.name,
            person_email=user.email,
            customer_account_name=account.name,
            at=clock.now().isoformat(),
        )


async def _is_first(user: User, account: CustomerAccount) -> bool:
    """Take the place of the first administrator. One UPDATE decides, however many claim at once."""
    await User.lock(user.id)
    # Locked even if there is an administrator, who might be leaving at this moment.
    if not await account.lock():
        raise AccountClosed
    unclaimed = CustomerAccount.filter(id=account.id, active_administrators=0)
    return await User.is_staying(user.id) and await unclaimed.update(active_administrators=1) == 1
