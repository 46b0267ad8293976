"""Two-factor of a signed-in user: added later than at Steg 4, and turned off."""

from __future__ import annotations

from contextlib import suppress

from models import notice, totp
from models.databases import atomic
from models.email_link import EmailLink
from models.event import Event
from models.recovery_code import RecoveryCode
from models.session import Identity, Session, authenticated_again
from models.totp import Effect, TooLate, Totp
from models.user import TwoFactor, User


def turning_on(identity: Identity) -> Effect:
    """The effect of adding an app in this session: all others, with the password only, end."""

    async def turned_on(user: User) -> None:
        if not await Session.exists(id=identity.session_id):
            raise TooLate  # it was ended from another device a moment before
        await Session.end_all(user.id, but=identity.session_id)
        await totp.turned_on(user)

    return turned_on


async def turn_off(identity: Identity, user: User) -> str | None:
    """Inaktivera, once password and code are proven; the new token of this session.

    It alone goes on, and outstanding links die. None when it was turned off, or the session ended,
    a moment before.
    """
    with suppress(TooLate):
        async with atomic():
            await User.lock(user.id)
            same = User.filter(
                id=user.id,
                password_changed_at=user.password_changed_at,
                two_factor=TwoFactor.ON,
                frozen_at=None,
            )
            if not await same.update(two_factor=TwoFactor.SKIPPED):
                return None
            await Totp.filter(user_id=user.id).delete()
            await RecoveryCode.filter(user_id=user.id).delete()
            await Session.end_all(user.id, but=identity.session_id)
            await EmailLink.void_all(user.id)
            token = await authenticated_again(identity)
            if token is None:
                raise TooLate
            await Event.record("two_factor.off", user=user)
            await notice.tell(user, "two_factor_off")
            return token
    return None
