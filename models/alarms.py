"""What an operator must hear of at once: to the log, and by mail to ALARM_EMAIL."""

import logging

from models import limits
from models.outgoing_mail import OutgoingMail

_log = logging.getLogger("minasidor.alarm")


async def ring(subject: str, text: str) -> None:
    """Tell the operator. Write what to look at and what to do, never whom it is about."""
    _log.error("alarm", extra={"subject": subject})
    _ = await OutgoingMail.write("alarm", "", subject=subject, text=text)


async def ring_if_reached(
    attempt: limits.Attempt, limit: limits.Limit, most: int, advice: str
) -> None:
    """Ring when this very attempt was the one that reached the limit: once a period."""
    if attempt.counts.get(limit.name) == most:
        hours = limit.per.total_seconds() / 3600
        await ring(f"Limit reached: {limit.name}", f"{most} failures within {hours:g} h. {advice}")
