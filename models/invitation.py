"""Invitations: an administrator asks somebody in, by a link that is mailed to one address."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from tortoise import fields
from tortoise.models import Model

from models import clock, limits
from models.customer_account import CustomerAccount
from models.databases import atomic
from models.email_link import EmailLink, Purpose
from models.event import Event
from models.limits import Limit
from models.membership import AccountClosed, Membership, Role, Status
from models.outgoing_mail import OutgoingMail
from models.user import User, email_key

if TYPE_CHECKING:
    from models.access import Actor


class AlreadyMember(Exception):
    """The user with that address has access."""


class AlreadyAsked(Exception):
    """The user with that address waits to be let in: that is to be answered."""


class TooMany(Exception):
    """The customer account has invited enough today, or the address got enough mails."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.name)
        self.limit = limit


class Invitation(Model):
    """One that is neither accepted, declined nor revoked: then the row goes, the event stays."""

    LIFETIME: ClassVar[timedelta] = Purpose.INVITATION.lifetime  # since the mail was sent

    id = fields.IntField(primary_key=True)
    customer_account: fields.ForeignKeyRelation[CustomerAccount] = fields.ForeignKeyField(
        "models.CustomerAccount", related_name="invitations", on_delete=fields.CASCADE
    )
    email = fields.CharField(max_length=254)  # as typed
    email_key = fields.CharField(max_length=254)
    role = fields.CharEnumField(Role, max_length=20)
    # None: an operator.
    invited_by: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", null=True, related_name="invitations", on_delete=fields.SET_NULL
    )
    sent_at = fields.DatetimeField()  # the last time it was asked for

    customer_account_id: int
    invited_by_id: int | None

    class Meta:
        table = "invitations"
        unique_together = (("customer_account_id", "email_key"),)
        indexes = (("invited_by_id",), ("sent_at",))

    @classmethod
    async def send(cls, account: CustomerAccount, email: str, role: Role, by: Actor) -> Self:
        """Invite the address; again, the new link and role count, and the earlier link is dead.

        Raises AlreadyMember, AlreadyAsked, TooMany, AccountClosed and NotAdministrator.
        """
        key = email_key(email)
        async with atomic():
            if not await account.lock():
                raise AccountClosed
            await by.check(account.id)
            if not by.operator:  # who appoints somebody whose address is not proven yet
                await _check_nobody_has(account.id, key)
            await _count(account.id, key, by)
            values = {
                "email": email,
                "role": role,
                "invited_by_id": by.user_id,
                "sent_at": clock.now(),
            }
            invitation, is_new = await cls.update_or_create(
                values, customer_account_id=account.id, email_key=key
            )
            kind = "invitation.sent" if is_new else "invitation.sent_again"
            await invitation._record(kind, actor_id=by.user_id, operator=by.operator)
            await invitation._mail(account)
        return invitation

    async def send_again(self, by: Actor) -> bool:
        """'Skicka igen': a new link. False if it was answered or revoked a moment before.

        Raises as `send` does.
        """
        account = await CustomerAccount.get(id=self.customer_account_id)
        async with atomic():
            # Whoever answers or revokes it waits until this is done, or was first.
            if not await account.lock():
                raise AccountClosed
            current = await Invitation.get_or_none(id=self.id)
            if current is None:
                return False
            _ = await Invitation.send(account, current.email, current.role, by)
        return True

    async def revoke(self, by: Actor) -> bool:
        """Its link works no more. Of several at once, and of those who accept, one gets True."""
        account = await CustomerAccount.get(id=self.customer_account_id)
        async with atomic():
            if not await account.lock():
                raise AccountClosed
            await by.check(account.id)
            if not await Invitation.filter(id=self.id).delete():
                return False
            await self._record("invitation.revoked", actor_id=by.user_id, operator=by.operator)
        return True

    async def accept(self, user: User, link: EmailLink) -> Membership | None:
        """Give the user access; None if the link was used, revoked or replaced a moment before, or
        is not for this user's address.

        The address is proven by the link. Of several at once exactly one gets the access. Raises
        AccountClosed.
        """
        account = await CustomerAccount.get(id=self.customer_account_id)
        async with atomic():
            await User.lock(user.id)
            # As it is now: they may have changed it since they were looked up.
            if not await User.exists(id=user.id, email_key=self.email_key):
                return None
            if not await account.lock():
                raise AccountClosed
            if not await link.consume() or not await Invitation.filter(id=self.id).delete():
                return None
            membership = await self._let_in(user)
            await user.confirm_email()
            await self._record("invitation.accepted", user_id=user.id)
            await self._tell_the_inviter("invitation_accepted", account, user.email, user.name)
        return membership

    async def decline(self, link: EmailLink) -> bool:
        """'Nej tack'. Of several at once exactly one gets True."""
        account = await CustomerAccount.get(id=self.customer_account_id)
        async with atomic():
            _ = await account.lock()
            if not await link.consume() or not await Invitation.filter(id=self.id).delete():
                return False
            await self._record("invitation.declined")
            await self._tell_the_inviter("invitation_declined", account, self.email)
        return True

    async def _let_in(self, user: User) -> Membership:
        account_id = self.customer_account_id
        membership = await Membership.get_or_none(user_id=user.id, customer_account_id=account_id)
        was_administrator = membership is not None and membership.role is Role.ADMINISTRATOR
        if membership is None:
            membership = Membership(
                user_id=user.id,
                customer_account_id=account_id,
                role=self.role,
                created_at=clock.now(),
                last_used_at=clock.now(),
            )
        membership.status = Status.ACTIVE
        membership.role = Role.ADMINISTRATOR if was_administrator else self.role
        await membership.save()
        if (
            membership.role is Role.ADMINISTRATOR
            and not was_administrator
            and await User.is_staying(user.id)
        ):
            await CustomerAccount.count_administrator(account_id)
        return membership

    async def _mail(self, account: CustomerAccount) -> None:
        link, token = await EmailLink.issue(
            Purpose.INVITATION, email=self.email, invitation_id=self.id
        )
        inviter = await User.get_or_none(id=self.invited_by_id)
        _ = await OutgoingMail.write(
            "invitation",
            self.email,
            link=link,
            token=token,
            inviter_name=inviter.name if inviter else "",
            customer_account_name=account.name,
            role=self.role,
        )

    async def _tell_the_inviter(
        self, kind: str, account: CustomerAccount, email: str, name: str = ""
    ) -> None:
        """Unless they are no administrator any more: then it is not theirs to know."""
        inviter = await User.get_or_none(
            id=self.invited_by_id,
            email_confirmed_at__not_isnull=True,
            memberships__customer_account_id=account.id,
            memberships__role=Role.ADMINISTRATOR,
        )
        if inviter:
            _ = await OutgoingMail.write(
                kind,
                inviter.email,
                name=inviter.given_name,
                person_name=name,
                person_email=email,
                customer_account_name=account.name,
                customer_number=account.customer_number,
            )

    async def _record(
        self,
        kind: str,
        *,
        user_id: int | None = None,
        actor_id: int | None = None,
        operator: str = "",
    ) -> None:
        await Event.record(
            kind,
            user_id=user_id,
            customer_account_id=self.customer_account_id,
            actor_id=actor_id,
            operator=operator,
            email=self.email,
            role=self.role,
        )


async def _count(account_id: int, email_key: str, by: Actor) -> None:
    """Raises TooMany. What is not sent in the end does not count, and an operator's never does."""
    if by.operator:
        return
    uses = limits.INVITATIONS.of(str(account_id)), limits.ASKED_MAIL.of(email_key)
    if (refused_by := (await limits.spend(*uses)).refused_by) is not None:
        raise TooMany(refused_by)


async def _check_nobody_has(account_id: int, email_key: str) -> None:
    """Raises AlreadyMember and AlreadyAsked."""
    membership = await Membership.get_or_none(
        customer_account_id=account_id, user__email_key=email_key
    )
    if membership is not None:
        if not membership.is_awaiting:
            raise AlreadyMember
        # Whoever waits with an address that is not proven to be theirs may be a stranger.
        if await User.exists(id=membership.user_id, email_confirmed_at__not_isnull=True):
            raise AlreadyAsked
