"""An address that its user never confirmed goes to whoever proves by a mailed link to read it."""

from __future__ import annotations

from models import limits
from models.databases import atomic
from models.email_link import EmailLink, Purpose
from models.event import Event
from models.outgoing_mail import OutgoingMail
from models.user import User, email_key


async def ask(email: str, network: str) -> bool:
    """Steg 3 with an address in use: mail a link to it. False when too many were asked for.

    Where its user has confirmed it, 'Du har redan ett konto' goes there instead, and nothing shows.
    """
    uses = limits.ASKED_MAIL.of(email_key(email)), limits.ASKED_BY_ADDRESS.of(network)
    if (await limits.spend(*uses)).refused:
        return False
    async with atomic():
        holder = await User.by_email(email)
        if holder is None:  # it has become free meanwhile
            return True
        # The work is the same for both. A confirmed user's link leads nowhere, and is not mailed.
        link, token = await EmailLink.issue(
            Purpose.TAKE_OVER_EMAIL, email=holder.email, user_id=holder.id
        )
        if holder.email_confirmed_at:
            await tell_of_use(holder, registering=True)
        else:
            _ = await OutgoingMail.write(
                "take_over_email", holder.email, link=link, token=token, email=holder.email
            )
    return True


async def tell_of_use(holder: User, *, registering: bool, link: EmailLink | None = None) -> None:
    """'Du har redan ett konto': somebody wants the address of a user who has confirmed it."""
    _ = await OutgoingMail.write(
        "email_in_use",
        holder.email,
        link=link,
        name=holder.given_name,
        email=holder.email,
        registering="yes" if registering else "",
    )


async def take_over(link: EmailLink) -> bool:
    """The address is free for a registration. Of several at once exactly one gets True."""
    assert link.user is not None  # noqa: S101 - a link of nobody's is dead
    async with atomic():
        await User.lock(link.user.id)
        return await link.consume() and await free(link.user, link.email)


async def free(holder: User, email: str) -> bool:
    """Take the address from a user who has never confirmed it, and is locked.

    Whoever it was keeps their sessions and logs in as before, but is asked for another address.
    """
    key = email_key(email)
    unconfirmed = User.filter(id=holder.id, email_key=key, email_confirmed_at=None)
    # No address that is typed equals "#1", and no mail is sent to "".
    nobodys = {"email": "", "email_key": f"#{holder.id}", "former_email_key": key}
    if not await unconfirmed.update(**nobodys):
        return False
    await EmailLink.void_all(holder.id)
    await Event.record("email.taken_over", user=holder)
    return True
