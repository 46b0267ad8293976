"""What was promised to be kept for a short time only is gone after it."""

import pytest

from models import RecoveryCode, Registration
from tests.unit.conftest import Clock, a_user
from web.jobs.retention import RetentionWorker

pytestmark = pytest.mark.anyio


async def test_registrations_that_ran_out_are_deleted(db: None, time: Clock) -> None:
    _ = await Registration.start()
    time.forward(hours=23)
    token = await Registration.start()
    time.forward(hours=1)

    await RetentionWorker().work()

    assert await Registration.all().count() == 1
    assert await Registration.find(token)


async def test_recovery_codes_are_unreadable_after_an_hour_but_still_work(
    db: None, time: Clock
) -> None:
    anna = await a_user()
    await RecoveryCode.renew(anna.id)
    (code, *_) = await RecoveryCode.shown(anna.id)
    time.forward(hours=1)

    await RetentionWorker().work()

    assert not await RecoveryCode.exists(code_encrypted__not_isnull=True)
    assert await RecoveryCode.use(anna.id, code)
