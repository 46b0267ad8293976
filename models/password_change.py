"""A new password: what ends with the old one, and who is told."""

from __future__ import annotations

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


async def change(identity: Identity, user: User, password_hash: str, client: Client) -> str | None:
    """The signed-in user's own change; the new token of this session, which alone goes on.

    None when the password was changed by somebody else a moment before.
    """
    async with atomic():
        if not await replace(user, password_hash):
            return None
        await Session.end_all(user.id, but=identity.session_id)
        token = await authenticated_again(identity)
        await Event.record("password.changed", user=user, address=client.address[:45])
        await tell(user)
    return token


async def replace(user: User, password_hash: str) -> bool:
    """Set it in place of the one that this user was read with; outstanding links die with that."""
    same = User.filter(id=user.id, password_hash=user.password_hash)
    if not await same.update(
        password_hash=password_hash, password_changed_at=clock.now(), frozen_at=None
    ):
        return False
    await EmailLink.void_all(user.id)
    return True


async def tell(user: User) -> None:
    """The notice to the user, which can be answered with 'Det var inte jag'."""
    link, token = await EmailLink.issue(Purpose.NOT_ME, email=user.email, user_id=user.id)
    _ = await OutgoingMail.write(
        "password_changed",
        user.email,
        link=link,
        token=token,
        name=user.given_name,
        at=clock.now().isoformat(),
    )
