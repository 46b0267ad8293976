"""The claim: proving with kundnummer and four digits that one belongs to a customer.

The weak spot of the whole product: the organisation number is public and its last digit a check
digit, so only the customer number is secret, and that stands on every invoice.
"""

from __future__ import annotations

import asyncio
import logging

from models import alarms, limits
from models.client import Client
from models.customer_account import CustomerAccount

_log = logging.getLogger("minasidor.claim")
_SLOWEST = 5.0  # seconds
_STEP = 0.05  # seconds more for each failure past the site's limit


async def prove(
    customer_number: str, organisation_suffix: str, client: Client
) -> CustomerAccount | None:
    """The account that both numbers belong to.

    None, after the same work, for an unknown number, wrong digits, a closed account and an
    attempt that a limit refuses. A right claim gives its spend back.
    """
    most_at_site = await _most_at_site()
    attempt = await limits.spend(
        limits.CLAIM_HOURLY.of(client.network),
        limits.CLAIM_DAILY.of(client.network),
        limits.CLAIM_BY_NUMBER.of(customer_number, value=organisation_suffix),
        limits.CLAIM_BY_SUFFIX.of(organisation_suffix, value=customer_number),
        limits.CLAIM_BY_SITE.of(most=most_at_site),
    )
    account = await CustomerAccount.matching(customer_number, organisation_suffix)
    await _slow_down(attempt, most_at_site)
    if attempt.refused_by:
        # Written down like a counted failure, so that the time does not tell the two apart.
        refused = await limits.spend(limits.CLAIM_REFUSED.of())
        await alarms.ring_if_reached(
            refused,
            limits.CLAIM_REFUSED,
            limits.CLAIM_REFUSED.most,
            "Somebody may be sweeping over the numbers: 'minasidor limits show'.",
        )
        _log.warning(
            "claim.limited", extra={"limit": attempt.refused_by.name, "address": client.address}
        )
        return None
    if account is None:
        _log.info("claim.failed", extra={"address": client.address})
        await alarms.ring_if_reached(
            attempt,
            limits.CLAIM_BY_SITE,
            most_at_site,
            "Claims are slowed down. 'minasidor claims close' stops them.",
        )
        return None
    await attempt.give_back()
    _log.info("claim.proven", extra={"customer_account": account.id, "address": client.address})
    return account


async def _most_at_site() -> int:
    # 0.2 % of the accounts. The highest id stands for their number: counting takes too long.
    newest = await CustomerAccount.all().order_by("-id").first()
    return max(limits.CLAIM_BY_SITE.most, newest.id // 500 if newest else 0)


async def _slow_down(attempt: limits.Attempt, most: int) -> None:
    over = attempt.counts.get(limits.CLAIM_BY_SITE.name, 0) - most
    if over > 0:
        await asyncio.sleep(min(_SLOWEST, over * _STEP))
