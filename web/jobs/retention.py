"""The worker that forgets what was promised to be kept for a short time only."""

from __future__ import annotations

from models import RecoveryCode, Registration, closing
from web.jobs.worker import Worker


class RetentionWorker(Worker):
    """Registrations that ran out, and recovery codes that nobody said to have saved."""

    every = 60.0

    async def work(self) -> bool:
        await Registration.forget_run_out()
        await RecoveryCode.forget_shown()
        await closing.erase_due()
        return False
