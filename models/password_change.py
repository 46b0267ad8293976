"""A new password: what ends with the old one."""

from __future__ import annotations

from contextlib import suppress

from models import clock, notice
from models.customer_account import CustomerAccount
from models.databases import atomic
from models.email_link import EmailLink
from models.event import Event
from models.session import Identity, Session, authenticated_again
from models.user import User


async def company_names(user: User) -> list[str]:
    """Of the customer accounts that the user reaches: words that no password may hold."""
    reached = CustomerAccount.filter(memberships__user_id=user.id)
    return [str(name) for name in await reached.values_list("name", flat=True)]


class _TooLate(Exception):
    """Undoes what was begun."""


async def change(identity: Identity, user: User, password_hash: str) -> str | None:
    """The signed-in user's own change; the new token of this session, which alone goes on.

    None when the session ended, or the password was changed or the user frozen a moment before.
    """
    with suppress(_TooLate):
        async with atomic():
            if not await replace(user, password_hash):
                return None
            await Session.end_all(user.id, but=identity.session_id)
            token = await authenticated_again(identity)
            if token is None:
                raise _TooLate
            await Event.record("password.changed", user=user)
            await notice.tell(user, "password_changed")
            return token
    return None


async def replace(user: User, password_hash: str, *, by_mail: bool = False) -> bool:
    """Set it in place of the one that this user was read with; outstanding links die with that.

    `by_mail`: by a mailed link, which alone thaws a frozen user.
    """
    same, now = User.filter(id=user.id, password_hash=user.password_hash), clock.now()
    if not by_mail:
        same = same.filter(frozen_at=None)
    changes = {"password_hash": password_hash, "password_changed_at": now, "frozen_at": None}
    if not await same.update(**changes, **({"password_reset_at": now} if by_mail else {})):
        return False
    await EmailLink.void_all(user.id)
    return True
