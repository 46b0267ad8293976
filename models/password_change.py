"""A new password: what ends with the old one, and who is told."""

from __future__ import annotations

from contextlib import suppress

from models import clock
from models.client import Client
from models.customer_account import CustomerAccount
from models.databases import atomic
from models.email_link import EmailLink, Purpose
from models.event import Event
from models.outgoing_mail import OutgoingMail
from models.session import Identity, Session, authenticated_again
from models.user import User


async def company_names(user: User) -> list[str]:
    """Of the customer accounts that the user reaches: words that no password may hold."""
    reached = CustomerAccount.filter(memberships__user_id=user.id)
    return [str(name) for name in await reached.values_list("name", flat=True)]


class _TooLate(Exception):
    """Undoes what was begun."""


async def change(identity: Identity, user: User, password_hash: str, client: Client) -> str | None:
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
            await Event.record("password.changed", user=user, address=client.address[:45])
            await tell(user)
            return token
    return None


async def replace(user: User, password_hash: str, *, thaw: bool = False) -> bool:
    """Set it in place of the one that this user was read with; outstanding links die with that.

    A frozen user's is set by mail only: `thaw`.
    """
    same = User.filter(id=user.id, password_hash=user.password_hash)
    if not thaw:
        same = same.filter(frozen_at=None)
    if not await same.update(
        password_hash=password_hash, password_changed_at=clock.now(), frozen_at=None
    ):
        return False
    await EmailLink.void_all(user.id)
    return True


async def tell(user: User) -> None:
    """The notice to the user, which can be answered with 'Det var inte jag'.

    Not from an address that was never confirmed: whoever reads it may be a stranger, who could
    shut the user out.
    """
    link, token = None, ""
    if user.email_confirmed_at:
        link, token = await EmailLink.issue(Purpose.NOT_ME, email=user.email, user_id=user.id)
    at = clock.now().isoformat()
    _ = await OutgoingMail.write(
        "password_changed", user.email, link=link, token=token, name=user.given_name, at=at
    )
