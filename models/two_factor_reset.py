"""'Återställ tvåfaktorsautentisering': a new app for who has the password and a mailed link."""

from __future__ import annotations

from datetime import datetime, timedelta

from models import clock, limits, notice
from models.databases import atomic, execute
from models.email_link import EmailLink, Purpose
from models.event import Event
from models.outgoing_mail import OutgoingMail
from models.session import LoginChallenge, Session
from models.totp import Effect, TooLate
from models.user import User

# Whoever reads the mailbox can set a new password. They are not to have the second factor at once
# too: its owner gets a day to say 'Det var inte jag', or to log in.
DELAYED_WITHIN = timedelta(hours=72)  # of a password set by a mailed link
DELAY = timedelta(hours=24)


async def ask(user: User) -> None:
    """Mail a link to the user, whose password was right. Past the limit nothing shows.

    A delayed link is kept, however often it is asked for: else it would never come.
    """
    if (await limits.spend(limits.TWO_FACTOR_RESETS.of(str(user.id)))).refused:
        return
    async with atomic():
        await User.lock(user.id)
        locked, waiting = await User.get(id=user.id), await asked(user)
        if locked.frozen_at or locked.password_changed_at > user.password_changed_at:
            return
        if not locked.has_two_factor or (waiting and waiting.delayed_until):
            return
        delayed_until = _delayed_until(locked)
        link, token = await EmailLink.issue(
            Purpose.RESET_TWO_FACTOR,
            email=user.email,
            user_id=user.id,
            delayed_until=delayed_until,
        )
        _ = await OutgoingMail.write(
            "reset_two_factor", user.email, link=link, token=token, name=user.given_name
        )
        await Event.record("two_factor.reset_asked", user=user)
        if delayed_until:
            sent_at = delayed_until.isoformat()
            await notice.tell(user, "two_factor_reset_asked", sent_at=sent_at)


async def asked(user: User) -> EmailLink | None:
    """The link that was asked for and works, or will when it is sent."""
    links = EmailLink.filter(user_id=user.id, purpose=Purpose.RESET_TWO_FACTOR, replaced_at=None)
    newest = await links.order_by("-id").first().prefetch_related("user")
    return newest if newest and newest.is_open else None


def resetting(challenge: LoginChallenge, link: EmailLink) -> Effect:
    """The effect of the new app's first code: it takes the place of the old one.

    Half-login and link are used up, all sessions and other links end. Both are looked at once
    more, now that the user's row is locked: a newer link, or a login with an old code, cancels.
    """

    async def replaced(user: User) -> None:
        locked = await User.get(id=user.id)
        if locked.email != link.email or locked.has_come_in_since(link.created_at):
            raise TooLate
        if not await challenge.complete() or not await link.consume():
            raise TooLate
        await Session.end_all(user.id)
        await EmailLink.void_all(user.id)
        await Event.record("two_factor.reset", user=user)
        await execute(_TELL_CUSTOMERS, clock.now(), user.id)
        await notice.tell(user, "two_factor_reset")

    return replaced


# For the administrators' events: one row for each customer account that the user reaches.
_TELL_CUSTOMERS = """
    INSERT INTO events (at, kind, user_id, customer_account_id, address, operator, data)
    SELECT ?, 'member.two_factor_reset', user_id, customer_account_id, '', '', '{}'
    FROM memberships WHERE user_id = ?"""


def _delayed_until(user: User) -> datetime | None:
    since = user.password_reset_at
    if since is None or clock.now() - since >= DELAYED_WITHIN:
        return None
    delayed_until: datetime = clock.now() + DELAY
    return delayed_until
