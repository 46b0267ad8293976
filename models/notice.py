"""Security notices: what was done to an account, mailed to its user, who can answer that."""

from __future__ import annotations

from models import clock
from models.email_link import EmailLink, Purpose
from models.outgoing_mail import OutgoingMail
from models.user import User


async def tell(user: User | None, kind: str, *, to: str = "", **data: str) -> None:
    """Mail the notice, in the transaction of what it tells of; it is never held back by a limit.

    `to`: the address it is about, if that is no longer the user's. The answer is 'Det var inte
    jag', which freezes the account. It is not offered to an address that was never confirmed:
    whoever reads it may be a stranger, who could shut the user out.

    To nobody (None) it costs the same, and is dropped: a stranger can make some notices be sent,
    and is not to learn who has an account.
    """
    email, name = (to or user.email, user.given_name) if user else ("", "")
    answering = user if user and user.email_confirmed_at else None
    issued, token = await EmailLink.issue(  # of nobody's, it is dead from the start
        Purpose.NOT_ME,
        email=email if answering else "",
        user_id=answering.id if answering else None,
    )
    link = issued if answering else None
    at = clock.now().isoformat()
    _ = await OutgoingMail.write(
        kind, email, link=link, token=token if link else "", name=name, at=at, **data
    )
