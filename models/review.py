"""The yearly review: administrators are asked who has access to the account, and end or confirm it.

Also at any other time, whenever an administrator wants to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.expressions import Q

from models import access, clock, members
from models.access import Actor
from models.customer_account import CustomerAccount
from models.databases import atomic, fetch
from models.event import Event
from models.invitation import Invitation
from models.members import Invited, Member
from models.membership import AccountClosed, Membership, administrators_emails
from models.outgoing_mail import OutgoingMail
from models.user import User

_ONE_CLICK = timedelta(minutes=1)  # what is confirmed twice within it, was clicked twice

_DUE = """
    SELECT id FROM customer_accounts WHERE review_due_at <= ? ORDER BY review_due_at LIMIT ?"""


class Changed(Exception):
    """The list is not the one any more that was confirmed."""


@dataclass(frozen=True)
class Access:
    """Who reaches a customer account, and who is invited to by a link that works."""

    users: list[Member]
    invitations: list[Invited]
    reviewed_at: datetime | None

    @property
    def version(self) -> str:
        """The same for as long as nobody gets, changes or loses access."""
        parts = [f"user {user.id} {user.role}" for user in self.users]
        parts += [f"invitation {one.id} {one.role}" for one in self.invitations]
        return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


async def access_to(customer_account_id: int) -> Access:
    """As it is now. Who waits for approval has none."""
    invited = await members.invited_to(customer_account_id)
    account = await CustomerAccount.get(id=customer_account_id)
    return Access(
        await members.of_account(customer_account_id),
        [one for one in invited if not one.has_ended],
        account.reviewed_at,
    )


async def confirm(
    account_id: int,
    by: Actor,
    *,
    version: str,
    memberships: Collection[int],
    invitations: Collection[int],
) -> int:
    """End these, and confirm all others that the list of this version held; how many were ended.

    Nobody ends their own access so: whoever confirms is an administrator and stays one, so the
    account is not left without. Raises Changed, AccountClosed and NotAdministrator, and then
    nothing is done.
    """
    account, now = await CustomerAccount.get(id=account_id), clock.now()
    async with atomic():
        # All users first, then the account: the order that everybody locks in.
        leaving = Membership.filter(id__in=memberships, customer_account_id=account_id)
        for user_id in sorted([membership.user_id for membership in await leaving]):
            await User.lock(user_id)
        if not await account.lock():
            raise AccountClosed
        await by.check(account_id)
        if (await access_to(account_id)).version != version:
            raise Changed
        ended = [
            await access.remove(membership, by)
            for membership in await leaving.exclude(user_id=by.user_id)
        ]
        revoked = Invitation.filter(id__in=invitations, customer_account_id=account_id)
        ended += [await invitation.revoke(by) for invitation in await revoked]
        if await _note(account_id, now) or any(ended):
            await Event.record(
                "review.confirmed", customer_account_id=account_id, actor_id=by.user_id
            )
    return sum(ended)


async def ask_due(most: int = 50) -> int:
    """Ask the administrators of accounts whose year has passed; how many accounts it was.

    Of several processes exactly one asks.
    """
    rows = await fetch(_DUE, clock.now(), most)
    return sum([await _ask(int(row["id"])) for row in rows])


async def _ask(account_id: int) -> bool:
    now = clock.now()
    async with atomic():
        due = CustomerAccount.filter(id=account_id, review_due_at__lte=now)
        # Closed ones too, or each round would look at them again.
        if not await due.update(review_due_at=now + CustomerAccount.REVIEWED_EVERY):
            return False
        account = await CustomerAccount.get(id=account_id)
        users = (await members.count(account_id)).users
        invited = await Invitation.exists(customer_account_id=account_id)
        # Somebody who is alone knows who has access: only themselves.
        if account.closed_at is None and (users > 1 or invited):
            for email in await administrators_emails(account_id):
                _ = await OutgoingMail.write(
                    "review",
                    email,
                    customer_account_name=account.name,
                    customer_number=account.customer_number,
                    users=str(users),
                )
    return True


async def _note(account_id: int, now: datetime) -> bool:
    """That it was reviewed, and when it is due next. False for the second click of a double one."""
    clicked_once = Q(reviewed_at=None) | Q(reviewed_at__lte=now - _ONE_CLICK)
    noted = await CustomerAccount.filter(clicked_once, id=account_id).update(
        reviewed_at=now, review_due_at=now + CustomerAccount.REVIEWED_EVERY
    )
    return noted == 1
