"""What an operator does at the customer's wish, or to stop somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models import access, clock, closing, notice
from models.access import Actor
from models.app_device import AppDevice
from models.bankid_identity import BankIDIdentity
from models.customer_account import CustomerAccount
from models.databases import atomic
from models.email_link import EmailLink, Purpose
from models.event import Event
from models.invitation import Invitation
from models.membership import Membership, Role, revoke_invitations_of
from models.outgoing_mail import OutgoingMail
from models.session import Session
from models.user import User


async def freeze(user: User, operator: str) -> bool:
    """As 'Det var inte jag': nobody gets in by password until a new one is set by mail, or
    unfreeze(); by a BankID linked long ago its owner does (`BankIDIdentity.let_in`).

    False if the user was frozen already.
    """
    async with atomic():
        await User.lock(user.id)
        if not await User.filter(id=user.id, frozen_at=None).update(frozen_at=clock.now()):
            return False
        await Session.end_all(user.id)
        await EmailLink.void_all(user.id)
        _ = await closing.open_again(user.id)
        await revoke_invitations_of(user.id)
        await BankIDIdentity.forget_new(user, clock.now())
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


@dataclass(frozen=True)
class Ended:
    """How many were logged in."""

    browsers: int
    apps: int


async def end_sessions(user: User, operator: str) -> Ended:
    """Every browser and app is logged out, and logs in again with the same password."""
    async with atomic():
        await User.lock(user.id)
        browsers = [session.is_alive for session in await Session.filter(user_id=user.id)]
        apps = [device.is_alive for device in await AppDevice.filter(user_id=user.id)]
        ended = Ended(sum(browsers), sum(apps))
        await Session.end_all(user.id)
        if ended != Ended(0, 0):
            await Event.record("sessions.ended_by_operator", user=user, operator=operator)
    return ended


class Appointed(StrEnum):
    """What came of making somebody administrator."""

    ALREADY = "already"  # they are one
    PROMOTED = "promoted"  # they had access, or waited for it
    LET_IN = "let in"  # a user who had no access
    INVITED = "invited"  # there is no user with that address, or it is not proven to be theirs


class Leaving(Exception):
    """The user is closing the user account."""


async def appoint(account: CustomerAccount, email: str, operator: str) -> Appointed:
    """Make whoever has this address administrator of the account.

    An address that is not confirmed may be somebody else's; a link that is mailed to it proves it.
    Raises AccountClosed and Leaving.
    """
    by, user = Actor(operator=operator), await User.by_email(email)
    if user is None:
        _ = await Invitation.send(account, email, Role.ADMINISTRATOR, by)
        return Appointed.INVITED
    if user.closes_at:
        raise Leaving
    async with atomic():
        await User.lock(user.id)
        membership = await Membership.get_or_none(user_id=user.id, customer_account_id=account.id)
        if membership and membership.role is Role.ADMINISTRATOR:
            return Appointed.ALREADY
        if user.email_confirmed_at is None:
            _ = await Invitation.send(account, user.email, Role.ADMINISTRATOR, by)
            return Appointed.INVITED
        if membership is None:
            await access.appoint(user, account, by)
            return Appointed.LET_IN
        if membership.is_awaiting:
            _ = await access.approve(membership, by)
        promoted = await access.promote(membership, by)
        return Appointed.PROMOTED if promoted else Appointed.ALREADY
