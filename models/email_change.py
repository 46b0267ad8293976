"""Another e-mail address: it is proven by a mailed link, and the old one can take it back."""

from __future__ import annotations

from datetime import timedelta

from tortoise.exceptions import IntegrityError

from models import clock, email_takeover, limits, notice
from models.bankid_identity import BankIDIdentity
from models.databases import atomic
from models.email_link import EmailLink, Purpose, State
from models.event import Event
from models.outgoing_mail import OutgoingMail
from models.session import Identity, Session
from models.user import User, email_key

# Before a change of address: a new password from then on may be of the same thief.
WARY_FOR = timedelta(days=7)

_UNANSWERED = {"used_at": None, "replaced_at": None, "voided_at": None}
_OF_AN_ADDRESS = (Purpose.NOT_ME, Purpose.UNDO_EMAIL)


class Taken(Exception):
    """The address belongs to another user, who has confirmed it."""


async def ask(identity: Identity, email: str) -> bool:
    """Mail a link to the new address; the newest one counts. False when too many were asked for.

    If another user has confirmed the address, 'Du har redan ett konto' goes there instead, the
    link is nobody's to open, and nothing shows.
    """
    user_id, key = identity.user.id, email_key(email)
    asked = limits.ASKED_BY_USER.of("change", str(user_id)), limits.ASKED_MAIL.of(key)
    if (await limits.spend(*asked)).refused:
        return False
    async with atomic():
        await User.lock(user_id)
        # A password changed, or a user frozen, meanwhile: what is asked for now would outlive it.
        if not await Session.exists(id=identity.session_id, token_hash=identity.token_hash):
            return False
        user, before = await User.get(id=user_id), await pending(user_id)
        link, token = await EmailLink.issue(Purpose.CHANGE_EMAIL, email=email, user_id=user_id)
        holder = await User.by_email(email)
        if holder and holder.email_confirmed_at:
            await email_takeover.tell_of_use(holder, registering=False, link=link)
        else:
            _ = await OutgoingMail.write(
                "change_email", email, link=link, token=token, name=user.given_name
            )
        if before is None or email_key(before.email) != key:  # else it was only sent again
            await Event.record("email.change_asked", user=user)
            if user.email_confirmed_at:
                await notice.tell(user, "email_change_asked")
    return True


async def pending(user_id: int) -> EmailLink | None:
    """The change that waits for the new address to be confirmed."""
    link = (
        await EmailLink.filter(user_id=user_id, purpose=Purpose.CHANGE_EMAIL, **_UNANSWERED)
        .order_by("-id")
        .first()
        .prefetch_related("user")
    )
    return link if link and link.state is State.OPEN else None


async def withdraw(user_id: int) -> None:
    """'Avbryt bytet'."""
    asked = EmailLink.filter(user_id=user_id, purpose=Purpose.CHANGE_EMAIL, **_UNANSWERED)
    await asked.update(voided_at=clock.now())


async def confirm(link: EmailLink) -> bool:
    """The new address is the user's, and proven. Of several at once exactly one gets True.

    From a user who never confirmed it, it is taken over. Raises Taken.
    """
    try:
        async with atomic():
            user, holder = await locked(link)
            if not await link.consume():
                return False
            if holder:
                _ = await email_takeover.free(holder, link.email)
            await _move(user, link.email)
            await EmailLink.void_all(user.id)
            await Event.record("email.changed", user=user)
            await _tell_both(user, link.email)
    except IntegrityError as taken:  # the database's word: nobody has two users' address
        raise Taken from taken
    return True


async def undo(link: EmailLink) -> bool:
    """'Ångra bytet', from the old address. Of several at once exactly one gets True.

    Whoever changed it may be a thief: all sessions and links end, and a BankID that was linked
    about then or since is gone. Raises Taken.
    """
    async with atomic():
        user, holder = await locked(link)
        if needs_a_password(link, user) or not await link.consume():
            return False
        if not await restore(link, user, holder):
            raise Taken
        await BankIDIdentity.forget_new(user, link.created_at)
        await Session.end_all(user.id)
        await EmailLink.void_all(user.id)
        await notice.tell(await User.get(id=user.id), "email_restored")
    return True


def needs_a_password(link: EmailLink, user: User) -> bool:
    """Whether the password was changed after the address, or in the days before it.

    Perhaps whoever changed the one changed the other: undoing it alone would leave them a way in.
    """
    changed_at = user.password_changed_at  # as it was chosen at first, it is no change
    return changed_at > user.created_at and changed_at > link.created_at - WARY_FOR


def restores(link: EmailLink, user: User) -> bool:
    """Whether this notice was mailed to an address that is not the user's any more."""
    return email_key(link.email) != user.email_key


async def restore(link: EmailLink, user: User, holder: User | None) -> bool:
    """Give the user back the address that a notice was mailed to. False if it is taken.

    Of a chain of changes the earliest address wins: what was mailed to later ones dies, so that
    no thief among them pulls the account back.
    """
    if not restores(link, user):
        return True
    await _forget_later(link)
    try:
        async with atomic():
            if holder:
                _ = await email_takeover.free(holder, link.email)
            await _move(user, link.email)
    except IntegrityError:
        return False
    await Event.record("email.undone", user=user)
    await _tell_without_link("email_undone", user)
    return True


async def disown(user: User) -> None:
    """Leave the user without an address: the one it has may be a thief's, to whom nothing goes."""
    nobodys = {"email": "", "email_key": f"#{user.id}", "email_confirmed_at": None}
    _ = await User.filter(id=user.id).update(**nobodys)


async def locked(link: EmailLink) -> tuple[User, User | None]:
    """The link's user, and another one who has its address, until the transaction ends.

    Lower ids first: two who want each other's address do not wait for each other.
    """
    assert link.user_id is not None  # noqa: S101 - a link of nobody's is dead
    holder = await User.by_email(link.email)
    for user_id in sorted({link.user_id, holder.id if holder else link.user_id}):
        await User.lock(user_id)
    other = holder if holder and holder.id != link.user_id else None
    return await User.get(id=link.user_id), other


async def _move(user: User, email: str) -> None:
    _ = await User.filter(id=user.id).update(
        email=email,
        email_key=email_key(email),
        email_confirmed_at=clock.now(),
        former_email_key="",
    )


async def _tell_both(user: User, email: str) -> None:
    """`user` as it was. The old address can undo it, unless this is an undoing by itself."""
    left = await _left(user, email)
    if left:
        await _forget_later(left)
        await _tell_without_link("email_undone", user)
    elif user.email_confirmed_at:
        link, token = await EmailLink.issue(Purpose.UNDO_EMAIL, email=user.email, user_id=user.id)
        at = clock.now().isoformat()
        _ = await OutgoingMail.write(
            "email_replaced", user.email, link=link, token=token, name=user.given_name, at=at
        )
    await notice.tell(await User.get(id=user.id), "email_changed")


async def _left(user: User, email: str) -> EmailLink | None:
    """The undoing that waits at an address which the user left, and now comes back to.

    Whoever has it in between, a thief perhaps, gets none of their own.
    """
    undoings = EmailLink.filter(user_id=user.id, purpose=Purpose.UNDO_EMAIL, **_UNANSWERED)
    for link in await undoings.order_by("id").prefetch_related("user"):
        if email_key(link.email) == email_key(email) and link.state is State.OPEN:
            return link
    return None


async def _forget_later(link: EmailLink) -> None:
    """What was mailed to other addresses after the link stops working."""
    later = EmailLink.filter(user_id=link.user_id, id__gt=link.id, purpose__in=_OF_AN_ADDRESS)
    await later.exclude(email=link.email).filter(**_UNANSWERED).update(voided_at=clock.now())


async def _tell_without_link(kind: str, user: User) -> None:
    """To the address that is given up: it may be a thief's, who must not answer."""
    at = clock.now().isoformat()
    _ = await OutgoingMail.write(kind, user.email, token="", name=user.given_name, at=at)
