"""Who has waited for long to be let in: customer service is told, once, that nobody answers."""

from __future__ import annotations

from datetime import timedelta

from models import clock
from models.databases import atomic, fetch
from models.membership import Membership, Role, Status
from models.outgoing_mail import OutgoingMail
from models.user import User

ANSWER_WITHIN = timedelta(days=14)

# Not who is closing the user account: they wait no more, unless they undo that.
_UNANSWERED = """
    SELECT m.id FROM memberships m JOIN users u ON u.id = m.user_id
    WHERE m.status = 'awaiting_approval' AND m.service_told_at IS NULL AND m.created_at <= ?
        AND u.closes_at IS NULL
    ORDER BY m.created_at LIMIT ?"""


async def tell_service(most: int = 50) -> int:
    """Tell customer service of those who have waited too long; how many it was.

    Of several processes exactly one tells.
    """
    rows = await fetch(_UNANSWERED, clock.now() - ANSWER_WITHIN, most)
    return sum([await _tell_of(int(row["id"])) for row in rows])


async def _tell_of(membership_id: int) -> bool:
    async with atomic():
        untold = Membership.filter(
            id=membership_id, status=Status.AWAITING_APPROVAL, service_told_at=None
        )
        if not await untold.update(service_told_at=clock.now()):
            return False
        membership = await Membership.get(id=membership_id).prefetch_related(
            "user", "customer_account"
        )
        user, account = membership.user, membership.customer_account
        # Noted of a closed account too, or each round would look at it again.
        if account.closed_at is None:
            _ = await OutgoingMail.write(
                "awaiting_too_long",
                OutgoingMail.CUSTOMER_SERVICE,
                user_id=str(user.id),
                person=_reached_at(user),
                since=membership.created_at.isoformat(),
                customer_account_name=account.name,
                customer_number=account.customer_number,
                administrators="\n".join(await _administrators(account.id)),
            )
    return True


async def _administrators(customer_account_id: int) -> list[str]:
    memberships = Membership.filter(
        customer_account_id=customer_account_id, role=Role.ADMINISTRATOR, user__closes_at=None
    )
    return [_reached_at(m.user) for m in await memberships.order_by("id").prefetch_related("user")]


def _reached_at(user: User) -> str:
    """The name, and how customer service reaches them."""
    ways = ", ".join(way for way in (user.email, user.phone) if way)
    return f"{user.name} ({ways})" if ways else user.name
