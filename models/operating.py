"""What an operator does to a user, at the customer's wish or to stop somebody else."""

from __future__ import annotations

from models import clock, closing, notice
from models.databases import atomic
from models.email_link import EmailLink, Purpose
from models.event import Event
from models.outgoing_mail import OutgoingMail
from models.session import Session
from models.user import User


async def freeze(user: User, operator: str) -> bool:
    """As 'Det var inte jag': nobody gets in until a new password is set by mail, or unfreeze().

    False if the user was frozen already.
    """
    async with atomic():
        await User.lock(user.id)
        if not await User.filter(id=user.id, frozen_at=None).update(frozen_at=clock.now()):
            return False
        await Session.end_all(user.id)
        await EmailLink.void_all(user.id)
        _ = await closing.open_again(user.id)
        await Event.record("user.frozen_by_operator", user=user, operator=operator)
        link, token = await EmailLink.issue(
            Purpose.RESET_PASSWORD, email=user.email, user_id=user.id
        )
        _ = await OutgoingMail.write(
            "frozen_by_operator", user.email, link=link, token=token, name=user.given_name
        )
    return True


async def unfreeze(user: User, operator: str) -> bool:
    """The password that the user has works again. False if the user was not frozen."""
    async with atomic():
        await User.lock(user.id)
        if not await User.filter(id=user.id, frozen_at__not_isnull=True).update(frozen_at=None):
            return False
        await Event.record("user.unfrozen", user=user, operator=operator)
        await notice.tell(user, "unfrozen")
    return True


async def end_sessions(user: User, operator: str) -> int:
    """Every browser is logged out, and logs in again with the same password; how many."""
    async with atomic():
        await User.lock(user.id)
        alive = [session for session in await Session.filter(user_id=user.id) if session.is_alive]
        await Session.end_all(user.id)
        if alive:
            await Event.record("sessions.ended_by_operator", user=user, operator=operator)
    return len(alive)
