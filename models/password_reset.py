"""'Glömt lösen?': a new password by a mailed link, and 'Det var inte jag'."""

from __future__ import annotations

from contextlib import suppress

from models import clock, closing, email_change, limits, notice, password_change
from models.bankid_identity import BankIDIdentity
from models.claim import prove
from models.client import Client
from models.databases import atomic, execute
from models.email_link import EmailLink, Purpose
from models.event import Event
from models.membership import Membership, revoke_invitations_of
from models.outgoing_mail import OutgoingMail
from models.recovery_code import RecoveryCode
from models.session import KnownDevice, Session
from models.user import User, email_key


class _TooLate(Exception):
    """Undoes what was begun: the password was changed a moment before."""


async def ask(email: str) -> None:
    """Mail a link to the user with this address. For any other, and past the limit, nothing shows.

    The work is the same for an address of nobody's: its link is dead from the start, and the mail
    of a dead link is dropped when it is to be sent.
    """
    if (await limits.spend(limits.ASKED_MAIL.of(email_key(email)))).refused:
        return
    user = await User.by_email(email)
    async with atomic():
        await _send("reset_password", user)


async def proves_ownership(user: User, numbers: tuple[str, str], client: Client) -> bool:
    """Whether kundnummer and four digits are those of a customer account that the user reaches.

    Asked where the address was never confirmed: a mistyped one must not hand the account to the
    stranger who reads it. Guarded like every claim.
    """
    account = await prove(*numbers, client)
    return account is not None and await Membership.exists(
        user_id=user.id, customer_account_id=account.id
    )


async def finish(link: EmailLink, password_hash: str, device: str = "") -> bool:
    """Use the link up and set the password. Of several at once exactly one gets True.

    Two-factor stays as it is, and nobody is logged in. But the browser, by its cookie `device`, is
    a known one from now on: a stranger who keeps guessing would else hold the login shut.
    """
    assert link.user is not None  # noqa: S101 - a link of nobody's is dead
    user = link.user
    with suppress(_TooLate):
        async with atomic():
            await User.lock(user.id)
            if not await link.consume():
                return False
            user = await User.get(id=user.id)
            if user.email_confirmed_at is None:
                # It may be a stranger's, who made the user account in the owner's name.
                await BankIDIdentity.forget(user)
            if not await password_change.replace(user, password_hash, by_mail=True):
                raise _TooLate
            await Session.end_all(user.id)
            for sql, values in KnownDevice.remembering(user.id, device):
                await execute(sql, *values)
            await Event.record("password.reset", user=user)
            await notice.tell(user, "password_changed")
        return True
    return False


async def freeze(link: EmailLink) -> bool:
    """'Det var inte jag': nobody gets in by password until a new one is set by mail.

    Sessions end and outstanding links die; no factor is asked for, since somebody else may have
    changed it. From an address that is not the user's any more it also undoes the change: the
    mail goes there, or to nobody if that is taken. Of several at once exactly one gets True.
    """
    async with atomic():
        user, holder = await email_change.locked(link)
        if not await link.consume():
            return False
        if not await email_change.restore(link, user, holder):
            await email_change.disown(user)
        user = await User.get(id=user.id)
        _ = await User.filter(id=user.id).update(frozen_at=clock.now())
        await Session.end_all(user.id)
        await EmailLink.void_all(user.id)
        await RecoveryCode.hide(user.id)
        _ = await closing.open_again(user.id)  # whoever closed it was not the user either
        await revoke_invitations_of(user.id)  # nor whoever invited, perhaps
        # Nor whose BankID was linked of late.
        await BankIDIdentity.forget_new(user, link.created_at)
        await Event.record("user.frozen", user=user)
        await _send("frozen", user)
    return True


async def _send(kind: str, user: User | None) -> None:
    # No address of anybody who is not a user is kept.
    email, name = (user.email, user.given_name) if user else ("", "")
    link, token = await EmailLink.issue(
        Purpose.RESET_PASSWORD, email=email, user_id=user.id if user else None
    )
    _ = await OutgoingMail.write(kind, email, link=link, token=token, name=name)
