"""The worker that forgets: each minute what is promised soon, each night all that ran out."""

from __future__ import annotations

import logging
from datetime import date, timedelta

from models import BankIDFlow, RecoveryCode, Registration, clock, closing, retention
from web.jobs.worker import Worker
from web.rendering import STOCKHOLM

_log = logging.getLogger("minasidor.retention")
_NIGHT = timedelta(hours=3)  # after midnight in Sweden


class RetentionWorker(Worker):
    """Registrations, persons by BankID, shown recovery codes and closed users; and what
    `models.retention` lists."""

    every = 60.0

    def __init__(self) -> None:
        super().__init__()
        self._purged_on: date | None = None

    async def work(self) -> bool:
        await Registration.forget_run_out()
        await Registration.forget_persons()
        await BankIDFlow.forget_persons()
        await RecoveryCode.forget_shown()
        await closing.erase_due()
        # Also in the first minute: a server may be stopped each night.
        today = (clock.now().astimezone(STOCKHOLM) - _NIGHT).date()
        if self._purged_on != today:
            counts = await retention.purge()
            self._purged_on = today
            _log.info("purged", extra={name: count for name, count in counts.items() if count})
        return False
