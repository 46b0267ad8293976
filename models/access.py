"""What is done with others' access to a customer account: by its administrators, or an operator.

Everything that changes who is an administrator locks the account, after the user whom it is about.
So two who act on each other at the same moment go one after the other, and the second one finds
that they may not any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tortoise.expressions import F

from models import clock
from models.customer_account import ClaimPolicy, CustomerAccount
from models.databases import atomic
from models.email_link import EmailLink
from models.event import Event
from models.membership import AccountClosed, Membership, Role, Status
from models.outgoing_mail import OutgoingMail
from models.session import Session
from models.user import User


@dataclass(frozen=True)
class Actor:
    """Who does it: an administrator of the account, or an operator by name."""

    user_id: int | None = None
    operator: str = ""

    async def check(self, customer_account_id: int) -> None:
        """Raises NotAdministrator; asked while the account is locked."""
        if self.operator:
            return
        is_one = Membership.exists(
            user_id=self.user_id,
            customer_account_id=customer_account_id,
            role=Role.ADMINISTRATOR,
            user__closes_at=None,
        )
        if self.user_id is None or not await is_one:
            raise NotAdministrator


class NotAdministrator(Exception):
    """Whoever acts is no administrator of the account any more."""


class LastAdministrator(Exception):
    """The account's other users would be left without an administrator."""


async def approve(membership: Membership, by: Actor) -> bool:
    """Let in who waits for it. Of several answers at once exactly one gets True."""
    async with _changing(membership, by) as account:
        waiting = Membership.filter(id=membership.id, status=Status.AWAITING_APPROVAL)
        if not await waiting.update(status=Status.ACTIVE):
            return False
        await _record("membership.approved", membership, by)
        await _tell("access_approved", membership, account)
    return True


async def deny(membership: Membership, by: Actor) -> bool:
    """Turn down who waits to be let in. Of several answers at once exactly one gets True."""
    async with _changing(membership, by) as account:
        waiting = Membership.filter(id=membership.id, status=Status.AWAITING_APPROVAL)
        if not await waiting.delete():
            return False
        await membership.end_authority()
        await _record("membership.denied", membership, by)
        await _tell("access_denied", membership, account)
    return True


async def appoint(user: User, account: CustomerAccount, by: Actor) -> None:
    """Let a user in as administrator who neither has access nor waits for it.

    Raises AccountClosed, NotAdministrator, and IntegrityError if they got access a moment before.
    """
    async with atomic():
        await User.lock(user.id)
        if not await account.lock():
            raise AccountClosed
        await by.check(account.id)
        membership = await Membership.create(
            user_id=user.id,
            customer_account_id=account.id,
            role=Role.ADMINISTRATOR,
            created_at=clock.now(),
        )
        await _count_one_more(membership)
        await _record("membership.appointed", membership, by)
        await _tell("made_administrator", membership, account)


async def promote(membership: Membership, by: Actor) -> bool:
    """Make a user administrator. False if they are, wait for approval, or are gone."""
    async with _changing(membership, by) as account:
        members = Membership.filter(id=membership.id, status=Status.ACTIVE, role=Role.MEMBER)
        if not await members.update(role=Role.ADMINISTRATOR):
            return False
        await _count_one_more(membership)
        await _record("membership.promoted", membership, by)
        await _tell("made_administrator", membership, account)
    return True


async def demote(membership: Membership, by: Actor) -> bool:
    """Make an administrator an ordinary user. False if they are none. Raises LastAdministrator."""
    async with _changing(membership, by) as account:
        administrators = Membership.filter(id=membership.id, role=Role.ADMINISTRATOR)
        if not await administrators.update(role=Role.MEMBER):
            return False
        await _count_one_less(membership)
        await membership.end_authority()
        await _record("membership.demoted", membership, by)
        await _tell("no_longer_administrator", membership, account)
    return True


async def remove(membership: Membership, by: Actor) -> bool:
    """End somebody's access at their next click. False if it had ended. Raises LastAdministrator.

    Also one's own, or the wish for it, for which nobody needs to be an administrator.
    """
    async with _changing(membership, by, also_oneself=True) as account:
        current = await Membership.get_or_none(id=membership.id)
        if current is None or not await Membership.filter(id=membership.id).delete():
            return False
        if current.role is Role.ADMINISTRATOR:
            await _count_one_less(membership)
        if by.user_id != membership.user_id:
            await _record("membership.removed", membership, by)
            await _tell("access_removed", membership, account)
        elif current.is_awaiting:
            await _record("membership.withdrawn", membership, by)
        else:
            await _record("membership.left", membership, by)
        await membership.end_authority()
    return True


async def not_us(link: EmailLink) -> bool:
    """'Det var inte vi', from a mail: that access ends, and so do its user's sessions.

    Of several at once exactly one gets True.
    """
    membership = await Membership.get_or_none(id=link.membership_id)
    if membership is None:
        return False
    async with atomic():
        await User.lock(membership.user_id)
        if not await link.consume():
            return False
        await Session.end_all(membership.user_id)
        return await membership.remove()


async def set_rules(
    account: CustomerAccount, by: Actor, *, claim_policy: ClaimPolicy, requires_two_factor: bool
) -> bool:
    """What claims come to, and whether users need two-factor. False if it is so already."""
    async with atomic():
        if not await account.lock():
            raise AccountClosed
        await by.check(account.id)
        before = await CustomerAccount.get(id=account.id)
        after = {"claim_policy": claim_policy, "requires_two_factor": requires_two_factor}
        await CustomerAccount.filter(id=account.id).update(**after)
        if before.claim_policy is not claim_policy:
            await _record_rule("policy.changed", account, by, policy=claim_policy)
        if before.requires_two_factor != requires_two_factor:
            kind = "two_factor.required" if requires_two_factor else "two_factor.not_required"
            await _record_rule(kind, account, by)
    return (before.claim_policy, before.requires_two_factor) != (claim_policy, requires_two_factor)


@asynccontextmanager
async def _changing(
    membership: Membership, by: Actor, *, also_oneself: bool = False
) -> AsyncIterator[CustomerAccount]:
    """A transaction that has locked the user and the account, in which `by` may act."""
    account = await CustomerAccount.get(id=membership.customer_account_id)
    async with atomic():
        await User.lock(membership.user_id)
        if not await account.lock():
            raise AccountClosed
        if not (also_oneself and by.user_id == membership.user_id):
            await by.check(account.id)
        yield account


async def _count_one_more(membership: Membership) -> None:
    if await User.is_staying(membership.user_id):
        await CustomerAccount.count_administrator(membership.customer_account_id)


async def _count_one_less(membership: Membership) -> None:
    """Raises LastAdministrator if the account has anybody else who would need one."""
    if not await User.is_staying(membership.user_id):
        return  # who is closing the user account is not counted any more
    account_id = membership.customer_account_id
    accounts = CustomerAccount.filter(id=account_id)
    others = Membership.filter(customer_account_id=account_id).exclude(id=membership.id)
    if await others.exists() or await Membership.exists(id=membership.id):
        accounts = accounts.filter(active_administrators__gt=1)
    if not await accounts.update(active_administrators=F("active_administrators") - 1):
        raise LastAdministrator


async def _record(kind: str, membership: Membership, by: Actor) -> None:
    await Event.record(
        kind,
        user_id=membership.user_id,
        customer_account_id=membership.customer_account_id,
        actor_id=by.user_id,
        operator=by.operator,
    )


async def _record_rule(kind: str, account: CustomerAccount, by: Actor, policy: str = "") -> None:
    await Event.record(
        kind,
        customer_account=account,
        actor_id=by.user_id,
        operator=by.operator,
        policy=policy,
    )


async def _tell(kind: str, membership: Membership, account: CustomerAccount) -> None:
    """Mail the user what was done, if the address is proven to be theirs: it names the company."""
    user = await User.get(id=membership.user_id)
    if user.email and user.email_confirmed_at:
        _ = await OutgoingMail.write(
            kind,
            user.email,
            name=user.given_name,
            customer_account_name=account.name,
            customer_number=account.customer_number,
        )
