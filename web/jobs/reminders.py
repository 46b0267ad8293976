"""The worker that reminds: of the yearly review, and of those whom nobody lets in."""

from __future__ import annotations

import logging

from models import review, waiting
from web.jobs.worker import Worker

_log = logging.getLogger("minasidor.reminders")


class ReminderWorker(Worker):
    """Two look-ups in indexes; mails are written where a time has passed."""

    every = 60.0

    async def work(self) -> bool:
        counts = {"reviews": await review.ask_due(), "unanswered": await waiting.tell_service()}
        if any(counts.values()):
            _log.info("reminded", extra=counts)
        return any(counts.values())
