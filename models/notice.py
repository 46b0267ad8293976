"""Security notices: what was done to an account, mailed to its user, who can answer that."""

from __future__ import annotations

from models import clock
from models.email_link import EmailLink, Purpose
from models.outgoing_mail import OutgoingMail
from models.user import User


async def tell(user: User, kind: str, *, to: str = "", **data: str) -> None:
    """Mail the notice, in the transaction of what it tells of; it is never held back by a limit.

    `to`: the address it is about, if that is no longer the user's. The answer is 'Det var inte
    jag', which freezes the account. It is not offered to an address that was never confirmed:
    whoever reads it may be a stranger, who could shut the user out.
    """
    email = to or user.email
    link, token = None, ""
    if user.email_confirmed_at:
        link, token = await EmailLink.issue(Purpose.NOT_ME, email=email, user_id=user.id)
    at = clock.now().isoformat()
    _ = await OutgoingMail.write(
        kind, email, link=link, token=token, name=user.given_name, at=at, **data
    )
