"""Who reaches which customer account, and as what."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from tortoise import fields
from tortoise.expressions import F
from tortoise.models import Model

from models import clock, limits
from models.customer_account import ClaimPolicy, CustomerAccount
from models.databases import atomic, execute, fetch
from models.email_link import EmailLink, Purpose
from models.event import Event
from models.outgoing_mail import OutgoingMail
from models.permission import Standing
from models.user import User


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    MEMBER = "member"


class Status(StrEnum):
    ACTIVE = "active"
    AWAITING_APPROVAL = "awaiting_approval"


def standing_of(role: Role, status: Status) -> Standing:
    """What these two make somebody to the account, as permissions are given."""
    if status is Status.AWAITING_APPROVAL:
        return Standing.AWAITING
    return Standing.ADMINISTRATOR if role is Role.ADMINISTRATOR else Standing.MEMBER


_AWAITED = """
    SELECT a.name, a.customer_number
    FROM memberships m JOIN customer_accounts a ON a.id = m.customer_account_id
    WHERE m.user_id = ? AND m.status <> 'active' AND a.closed_at IS NULL
    ORDER BY m.created_at DESC, m.id DESC"""
_DEMANDING = """
    SELECT a.name FROM memberships m JOIN customer_accounts a ON a.id = m.customer_account_id
    WHERE m.user_id = ? AND m.status = 'active' AND a.closed_at IS NULL
        AND a.requires_two_factor = ?
    ORDER BY a.sort_key, a.customer_number"""


# Of one account: those that the user sent, and those to the user.
_INVITATIONS = """
    SELECT i.id, i.email, i.role, i.customer_account_id FROM invitations i
    WHERE i.customer_account_id = ?
        AND (i.invited_by_id = ? OR i.email_key = (SELECT email_key FROM users WHERE id = ?))"""
_LEFT_OVER = """
    SELECT i.id, i.email, i.role, i.customer_account_id FROM invitations i
    WHERE i.customer_account_id = ? AND NOT EXISTS
        (SELECT 1 FROM memberships m WHERE m.customer_account_id = i.customer_account_id)"""
_SENT_BY = """
    SELECT i.id, i.email, i.role, i.customer_account_id FROM invitations i
    WHERE i.invited_by_id = ? ORDER BY i.id"""
_VOID_NOTICES = """
    UPDATE email_links SET voided_at = ?
    WHERE purpose = 'not_us' AND used_at IS NULL AND voided_at IS NULL
        AND email = (SELECT email FROM users WHERE id = ?)
        AND email <> (SELECT contact_email FROM customer_accounts WHERE id = ?)
        AND membership_id IN (SELECT id FROM memberships WHERE customer_account_id = ?)"""


class AccountClosed(Exception):
    """The customer account was closed after the claim was proven."""


class CameTooOften(AccountClosed):
    """The user has come and gone too often today: each time others were told by mail."""


class Membership(Model):
    """A user's access to one customer account, or the wish for it that awaits approval.

    What administrators do with it stands in `models/access.py`.
    """

    id = fields.IntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="memberships", on_delete=fields.CASCADE
    )
    customer_account: fields.ForeignKeyRelation[CustomerAccount] = fields.ForeignKeyField(
        "models.CustomerAccount", related_name="memberships", on_delete=fields.CASCADE
    )
    role = fields.CharEnumField(Role, max_length=20)
    status = fields.CharEnumField(Status, max_length=20, default=Status.ACTIVE, db_default="active")
    created_at = fields.DatetimeField()
    # Of one that awaits approval: when customer service was told that nobody answers.
    service_told_at = fields.DatetimeField(null=True)
    # For Byt kund.
    last_used_at = fields.DatetimeField(null=True)
    is_favourite = fields.BooleanField(default=False, db_default=False)

    user_id: int
    customer_account_id: int
    is_new = False  # made by the very claim that it was got from

    class Meta:
        table = "memberships"
        unique_together = (("user_id", "customer_account_id"),)
        indexes = (("customer_account_id",), ("status", "service_told_at", "created_at"))

    @property
    def is_awaiting(self) -> bool:
        return self.status is Status.AWAITING_APPROVAL

    @classmethod
    async def admit(cls, user: User, account: CustomerAccount) -> Self:
        """What the claim that the user has proven comes to.

        The first one becomes administrator, whom the account's policy does not hold up; the
        others are let in or wait for approval. Tells those whom it concerns by mail. Somebody who
        is there already stays as they are, and becomes administrator where there is none any
        more. A user who is closing the user account becomes nobody's administrator. Raises
        AccountClosed and CameTooOften.
        """
        async with atomic():
            # The same claim in another tab, and whoever takes the access away, come after this.
            await User.lock(user.id)
            existing = await cls.get_or_none(user_id=user.id, customer_account_id=account.id)
            if existing is None:
                return await cls._claim(user, account)
            await existing._become_administrator_if_there_is_none(user, account)
            return existing

    @classmethod
    async def _claim(cls, user: User, account: CustomerAccount) -> Self:
        is_first = await _is_first(user, account)
        # As it is now: nobody changes it while the account is locked.
        policy = (await CustomerAccount.get(id=account.id)).claim_policy
        if (await limits.spend(limits.ADMITTED.of(str(user.id), str(account.id)))).refused:
            raise CameTooOften
        waits = policy is ClaimPolicy.APPROVE and not is_first
        now = clock.now()
        membership = await cls.create(
            user_id=user.id,
            customer_account_id=account.id,
            role=Role.ADMINISTRATOR if is_first else Role.MEMBER,
            status=Status.AWAITING_APPROVAL if waits else Status.ACTIVE,
            created_at=now,
            last_used_at=None if waits else now,
        )
        membership.is_new = True
        kind = "membership.asked" if waits else "membership.added"
        await Event.record(kind, user=user, customer_account=account, role=membership.role)
        if is_first:
            await membership._tell_the_contact("new_administrator", user, account)
        elif policy is not ClaimPolicy.DIRECT:
            await membership._tell_the_administrators(user, account)
        return membership

    async def _become_administrator_if_there_is_none(
        self, user: User, account: CustomerAccount
    ) -> None:
        if self.role is Role.ADMINISTRATOR or not await _is_first(user, account):
            return
        self.role, self.status = Role.ADMINISTRATOR, Status.ACTIVE
        await Membership.filter(id=self.id).update(role=self.role, status=self.status)
        await Event.record(
            "membership.stepped_in", user=user, customer_account=account, role=self.role
        )
        await self._tell_the_contact("new_administrator", user, account)

    @classmethod
    async def awaited_by(cls, user_id: int) -> list[dict[str, str]]:
        """Name and number of the accounts that the user waits to be let in to, newest first."""
        return await fetch(_AWAITED, user_id)

    @classmethod
    async def demanding_two_factor(cls, user_id: int) -> list[str]:
        """The accounts of the user, by name, that ask for two-factor."""
        return [row["name"] for row in await fetch(_DEMANDING, user_id, True)]

    @classmethod
    async def may_skip_two_factor(cls, user_id: int) -> bool:
        """Whether without two-factor there is anything that the user reaches."""
        demanding = await fetch(f"{_DEMANDING} LIMIT 1", user_id, True)
        return not demanding or bool(await fetch(f"{_DEMANDING} LIMIT 1", user_id, False))

    async def remove(self) -> bool:
        """'Det var inte vi': the access ends at the next click, whoever is left.

        False if it had ended already.
        """
        async with atomic():
            await User.lock(self.user_id)
            await CustomerAccount(id=self.customer_account_id).lock()
            # What it is by now: somebody may have made them administrator since it was read.
            current = await Membership.get_or_none(id=self.id)
            if current is None or not await Membership.filter(id=self.id).delete():
                return False
            # Who is closing the user account is not counted any more.
            if current.role is Role.ADMINISTRATOR and await User.is_staying(self.user_id):
                await CustomerAccount.filter(id=self.customer_account_id).update(
                    active_administrators=F("active_administrators") - 1
                )
            await Event.record(
                "membership.disowned",
                user_id=self.user_id,
                customer_account_id=self.customer_account_id,
            )
            await self.end_authority()
        return True

    async def end_authority(self) -> None:
        """Whoever is out, or no administrator any more, lets nobody in or out by an earlier mail.

        Invitations that they sent, and those to them, are revoked; their notices of others' access
        die, unless the address is the account's contact. Of an account that has nobody left all
        invitations go. In a transaction that has locked user and account.
        """
        account_id, user_id = self.customer_account_id, self.user_id
        await _revoke(await fetch(_INVITATIONS, account_id, user_id, user_id))
        await _revoke(await fetch(_LEFT_OVER, account_id))
        await execute(_VOID_NOTICES, clock.now(), user_id, account_id, account_id)

    async def _tell_the_contact(self, kind: str, user: User, account: CustomerAccount) -> None:
        if account.contact_email:
            await self._tell(kind, account.contact_email, user, account)

    async def _tell_the_administrators(self, user: User, account: CustomerAccount) -> None:
        emails = await administrators_emails(account.id)
        for email in emails:
            kind = "approval_asked" if self.is_awaiting else "new_member"
            await self._tell(kind, email, user, account)
        if account.contact_email not in emails:
            await self._tell_the_contact("new_member", user, account)

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
            customer_number=account.customer_number,
            status=self.status,
            at=clock.now().isoformat(),
        )


async def revoke_invitations_of(user_id: int) -> None:
    """Those that the user has sent, for whatever account: somebody else may have been at work."""
    await _revoke(await fetch(_SENT_BY, user_id))


async def _revoke(invitations: list[dict[str, Any]]) -> None:
    for row in invitations:
        if await execute("DELETE FROM invitations WHERE id = ?", row["id"]):
            await Event.record(
                "invitation.ended",
                customer_account_id=row["customer_account_id"],
                email=row["email"],
                role=row["role"],
            )


async def administrators_emails(customer_account_id: int) -> list[str]:
    """The addresses at which its administrators may be told of the account.

    Only proven ones: a mistyped address would tell a stranger of the company.
    """
    administrators = Membership.filter(
        customer_account_id=customer_account_id,
        role=Role.ADMINISTRATOR,
        user__email_confirmed_at__not_isnull=True,
        user__closes_at=None,
    ).order_by("id")
    return [str(email) for email in await administrators.values_list("user__email", flat=True)]


async def _is_first(user: User, account: CustomerAccount) -> bool:
    """Take the place of the first administrator. One UPDATE decides, however many claim at once."""
    # Locked even if there is an administrator, who might be leaving at this moment.
    if not await account.lock():
        raise AccountClosed
    if not await User.is_staying(user.id):
        return False
    unclaimed = CustomerAccount.filter(id=account.id, active_administrators=0)
    due_at = clock.now() + CustomerAccount.REVIEWED_EVERY
    return await unclaimed.update(active_administrators=1, review_due_at=due_at) == 1
