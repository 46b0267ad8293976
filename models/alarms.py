"""What an operator must hear of at once: to the log, and by mail to ALARM_EMAIL."""

import logging

from models import limits
from models.outgoing_mail import OutgoingMail

_log = logging.getLogger("minasidor.alarm")


async def ring(subject: str, text: str) -> None:
    """Tell the operator. Write what to look at and what to do, never whom it is about."""
    _log.error("alarm", extra={"subject": subject})
    _ = await OutgoingMail.write("alarm", OutgoingMail.OPERATOR, subject=subject, text=text)


async def ring_if_reached(
    attempt: limits.Attempt, limit: limits.Limit, most: int, advice: str
) -> None:
    """Ring when this failure has reached the limit, or is past it: once an hour.

    It can't wait for the very count `most`: that may be a right attempt's, which gives it back.
    """
    if attempt.counts.get(limit.name, 0) < most:
        return
    hours = limit.per.total_seconds() / 3600
    text = f"{most} failures within {hours:g} h. {advice}"
    await ring_once_an_hour(f"Limit reached: {limit.name}", text, kind=limit.name)


async def ring_once_an_hour(subject: str, text: str, *, kind: str) -> None:
    """Ring, unless that kind of alarm has rung within the hour."""
    if not (await limits.spend(limits.ALARM.of(kind))).refused:
        await ring(subject, text)


async def ring_once_a_day(subject: str, text: str, *, kind: str) -> None:
    """Ring, unless that kind of alarm has rung within the day: for what can wait till morning."""
    if not (await limits.spend(limits.DAILY_ALARM.of(kind))).refused:
        await ring(subject, text)
