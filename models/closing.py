"""Closing a user account: undone by a login for fourteen days, after which its user is erased."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tortoise.queryset import QuerySet

from models import clock, notice
from models.databases import atomic, execute_many, fetch
from models.email_link import EmailLink
from models.event import Event
from models.invitation import Invitation
from models.membership import Membership, Role, revoke_invitations_of
from models.outgoing_mail import OutgoingMail
from models.registration import Registration
from models.session import Session
from models.user import User, email_key

UNDO_FOR = timedelta(days=14)
_BATCH = 1000

_COUNT = (
    "UPDATE customer_accounts SET active_administrators = active_administrators + ? WHERE id = ?"
)
_REACHED = """
    SELECT a.name FROM memberships m JOIN customer_accounts a ON a.id = m.customer_account_id
    WHERE m.user_id = ? AND a.closed_at IS NULL ORDER BY a.name"""
# All other users count, also those who are closing theirs: they may undo that.
_RELYING = """
    SELECT a.name FROM memberships m JOIN customer_accounts a ON a.id = m.customer_account_id
    WHERE m.user_id = ? AND m.role = ? AND a.closed_at IS NULL AND a.active_administrators <= ?
        AND EXISTS (SELECT 1 FROM memberships other
                    WHERE other.customer_account_id = a.id AND other.user_id <> m.user_id)
    ORDER BY a.name"""


class OnlyAdministrator(Exception):
    """A customer account that has other users would be left without an administrator."""


async def reached_by(user_id: int) -> list[str]:
    """The customer accounts that the user will leave, by name."""
    return [row["name"] for row in await fetch(_REACHED, user_id)]


async def relying_on(user_id: int) -> list[str]:
    """The customer accounts with other users whose only administrator this is, by name."""
    return await _relying_on(user_id, administrators=1)


async def close(user: User) -> datetime | None:
    """Nobody gets further than to the undoing of it any more; when the user will be erased.

    None when the password was changed, or the user frozen or closed, a moment before. Raises
    OnlyAdministrator. Of two administrators of an account who leave at once, one stays.
    """
    closes_at = clock.now() + UNDO_FOR
    async with atomic():
        await User.lock(user.id)
        same = User.filter(
            id=user.id,
            password_changed_at=user.password_changed_at,
            frozen_at=None,
            closes_at=None,
        )
        if not await same.update(closes_at=closes_at):
            return None
        await _count_as_administrator(user.id, -1)
        await revoke_invitations_of(user.id)
        # Only now, when nobody else can be let in or leave any more.
        if await _relying_on(user.id, administrators=0):
            raise OnlyAdministrator
        await Session.end_all(user.id)
        await EmailLink.void_all(user.id)
        await Event.record("user.closing", user=user)
        await notice.tell(user, "closing", closes_at=closes_at.isoformat())
    return closes_at


async def undo(user: User) -> bool:
    """'Ångra': the user account is open as before. False if it was, or if the user is erased."""
    async with atomic():
        await User.lock(user.id)
        if not await open_again(user.id):
            return False
        await Event.record("user.reopened", user=user)
        await notice.tell(user, "reopened")
    return True


async def open_again(user_id: int) -> bool:
    """Undo the closing, in a transaction that has locked the user. False if there was none."""
    if not await User.filter(id=user_id, closes_at__not_isnull=True).update(closes_at=None):
        return False
    await _count_as_administrator(user_id, 1)
    return True


async def erase_due(most: int = 50) -> int:
    """Erase the users whose time to undo has run out; how many."""
    due = User.filter(closes_at__lte=clock.now()).order_by("closes_at").limit(most)
    ids = await due.values_list("id", flat=True)
    return sum([await erase(int(str(user_id))) for user_id in ids])


async def erase(user_id: int) -> bool:
    """Erase the user, if it is time for that. Of several at once exactly one gets True.

    What happened stays in the events of customer accounts, without saying whom it was about.
    Sessions, devices, links, codes and access go with the user's row.
    """
    invitations = await _of_invitations_to(user_id)  # before anybody has to wait for the lock
    async with atomic():
        await User.lock(user_id)
        user = await User.get_or_none(id=user_id, closes_at__lte=clock.now())
        if user is None:
            return False
        await Event.filter(id__in=invitations).update(data={})
        await Event.filter(user_id=user.id).update(user_id=None, address="", data={})
        await Event.filter(actor_id=user.id).update(address="")
        await Registration.filter(user_id=user.id).delete()
        if user.email:  # an address that was taken over is not theirs any more
            await Registration.filter(email__iexact=user.email).delete()
            await OutgoingMail.filter(to__iexact=user.email).delete()
            await EmailLink.filter(email__iexact=user.email, user_id=None).delete()
            if user.email_confirmed_at:  # else it may be somebody else's
                await Invitation.filter(email_key=user.email_key).delete()
        await User.filter(id=user.id).delete()
        await Event.record("user.erased")
    return True


async def _of_invitations_to(user_id: int) -> list[int]:
    """The events of customer accounts that tell an address of the user's, also where they never
    came.

    Events of users only, which are most, are passed over by the index.
    """
    user = await User.get_or_none(id=user_id)
    if user is None:
        return []
    # Also those by which they came, with the address that they had then.
    accepted = Event.filter(user_id=user.id, kind="invitation.accepted")
    theirs = {email_key(data.get("email", "")) for data in await _data(accepted)}
    theirs = (theirs | {user.email_key if user.email else ""}) - {""}
    found, last = [], 0
    while theirs and (batch := await _invitations_after(last)):
        last = batch[-1].id
        found += [e.id for e in batch if email_key(e.data.get("email", "")) in theirs]
    return found


async def _data(events: QuerySet[Event]) -> list[dict[str, Any]]:
    return [event.data for event in await events]


async def _invitations_after(last: int) -> list[Event]:
    sent = Event.filter(customer_account_id__gt=0, kind__startswith="invitation.", id__gt=last)
    return await sent.order_by("id").limit(_BATCH)


async def _relying_on(user_id: int, administrators: int) -> list[str]:
    rows = await fetch(_RELYING, user_id, Role.ADMINISTRATOR, administrators)
    return [row["name"] for row in rows]


async def _count_as_administrator(user_id: int, change: int) -> None:
    """One more, or one less, in each account that the user is an administrator of."""
    administered = Membership.filter(user_id=user_id, role=Role.ADMINISTRATOR)
    ids = await administered.order_by("customer_account_id").values_list(
        "customer_account_id", flat=True
    )
    # One by one and in order: two who leave the same accounts at once don't wait for each other.
    await execute_many(_COUNT, [(change, account_id) for account_id in ids])
