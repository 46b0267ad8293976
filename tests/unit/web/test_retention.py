"""What was promised to be kept for a short time only is gone after it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tortoise import Tortoise

from models import (
    AppDevice,
    AppLogin,
    AppToken,
    CustomerAccount,
    EmailLink,
    Event,
    Invitation,
    LoginChallenge,
    Membership,
    OutgoingMail,
    RecoveryCode,
    Registration,
    Role,
    Session,
    Spent,
    Totp,
    User,
    app_device,
    closing,
    limits,
    retention,
)
from models.access import Actor
from models.client import Client
from models.email_link import Purpose
from models.identity import How
from models.retention import KEPT, PERIODS
from tests.unit.conftest import CHALLENGE, Clock, Visitor, a_user, an_app, an_app_code
from web import cookies
from web.jobs.retention import RetentionWorker
from web.settings import ROOT

pytestmark = pytest.mark.anyio
HERE = Client(address="198.51.100.7", device="x" * 43)


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


# The table of periods


async def counted() -> dict[str, int]:
    counts = await retention.purge(dry_run=True)
    assert await retention.purge() == counts, "a dry run counts what is then deleted"
    return {name: count for name, count in counts.items() if count}


async def test_every_table_has_a_period_or_a_reason_to_be_kept(db: None) -> None:
    models = set(Tortoise.apps["models"].values())

    assert models == {period.model for period in PERIODS} | set(KEPT)
    assert all(period.why for period in PERIODS)
    assert all(KEPT.values())


async def test_nothing_is_deleted_a_moment_early_and_all_of_it_in_time(
    account: CustomerAccount, time: Clock
) -> None:
    anna = await a_user(email_confirmed_at=time.now())
    _ = await Membership.admit(anna, account)
    _ = await Invitation.send(account, "bo@example.com", Role.MEMBER, Actor(anna.id))
    await Event.all().delete()
    await OutgoingMail.all().delete()
    await EmailLink.all().delete()
    start = time.time
    _ = await Registration.start()
    _ = await LoginChallenge.start(anna, remembered=False, next_path="")
    _ = await Totp.pending(anna)
    _ = await Session.start(anna, How.PASSWORD, HERE)
    _ = await Session.start(anna, How.PASSWORD, HERE, remembered=True)
    _ = await OutgoingMail.write("reset_password", "")
    mail = await OutgoingMail.write("alarm", OutgoingMail.OPERATOR, subject="", text="")
    await mail.was_sent()
    _ = await EmailLink.issue(Purpose.RESET_PASSWORD, email="")
    link, _ = await EmailLink.issue(Purpose.RESET_PASSWORD, email=anna.email, user_id=anna.id)
    _ = await EmailLink.issue(Purpose.NOT_ME, email=anna.email, user_id=anna.id)
    await EmailLink.filter(id=link.id).update(sent_at=start)
    assert await link.consume()
    _ = await AppLogin.start(anna, "mittprezero-ios", CHALLENGE, "Annas iPhone")
    _ = await an_app_code(anna)
    app = await an_app(anna)
    assert await app_device.refresh(app.refresh_token, "mittprezero-ios", HERE)
    await RecoveryCode.renew(anna.id)
    await RecoveryCode.all().update(pending=True)
    await Spent.all().delete()
    _ = await limits.spend(limits.CLAIM_BY_NUMBER.of("100200", value="1111"))
    _ = await limits.spend(limits.LOGIN_BY_ADDRESS.of("198.51.100.7"))
    deleted: dict[timedelta, set[str]] = {}

    for after in (
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=24),
        timedelta(days=30),
        timedelta(days=45),
        timedelta(days=90),
        timedelta(days=399),
        timedelta(days=730),
    ):
        time.time = start + after - timedelta(seconds=1)
        assert not await counted(), after
        time.time = start + after
        deleted[after] = set(await counted())

    assert list(deleted.values()) == [
        {"limits", "app_logins"},
        {"app_access_tokens"},
        {"half_logins", "unsaved_codes"},
        {
            *("registrations", "sessions", "links_of_nobody", "mails_to_nobody"),
            *("unfinished_apps", "app_codes"),
        },
        {"links", "remembered_sessions", "limits", "limit_values", "app_used_tokens"},
        {"expired_links", "invitations"},
        {"mails", "app_devices"},
        {"devices"},
        {"events"},
    ]
    for model in {period.model for period in PERIODS}:
        assert not await model.exists(), model
    assert await User.exists()
    assert await Membership.exists()


async def test_a_session_in_use_ends_at_its_longest(db: None, time: Clock) -> None:
    anna = await a_user()
    for remembered, days in ((False, 30), (True, 90)):
        _ = await Session.start(anna, How.PASSWORD, HERE, remembered=remembered)
        time.forward(days=days, seconds=-1)
        await Session.all().update(seen_at=time.now())
        assert (await retention.purge())["longest_sessions"] == 0
        time.forward(seconds=1)

        counts = await retention.purge()

        assert counts["longest_sessions"] + counts["longest_remembered_sessions"] == 1
        assert not await Session.exists()


async def test_a_device_with_the_app_in_use_ends_at_its_longest(db: None, time: Clock) -> None:
    anna = await a_user()
    _ = await an_app(anna)
    time.forward(days=365, seconds=-1)
    await AppDevice.all().update(seen_at=time.now())
    assert (await retention.purge())["longest_app_devices"] == 0
    time.forward(seconds=1)

    assert (await retention.purge())["longest_app_devices"] == 1

    assert not await AppToken.exists(), "with the device"


async def test_what_the_app_may_still_use_is_kept(db: None, time: Clock) -> None:
    """The refresh token to come, however old, and for 30 days after its use the one before."""
    anna = await a_user()
    app = await an_app(anna)
    time.forward(days=89)
    newer = await app_device.refresh(app.refresh_token, "mittprezero-ios", HERE)
    assert newer
    time.forward(days=30, seconds=-1)
    assert (await retention.purge())["app_used_tokens"] == 0
    time.forward(days=59)
    assert (await retention.purge())["app_used_tokens"] == 1

    assert await AppToken.filter(kind="refresh").count() == 1
    assert await app_device.refresh(newer.refresh_token, "mittprezero-ios", HERE)


async def test_what_is_in_use_is_kept(account: CustomerAccount, time: Clock) -> None:
    """A mail that waits, and the app and codes one logs in with."""
    anna = await a_user()
    pending = await Totp.pending(anna)
    await Totp.filter(id=pending.id).update(state="active")
    await RecoveryCode.renew(anna.id)
    _ = await OutgoingMail.write("alarm", OutgoingMail.OPERATOR, subject="", text="")
    time.forward(days=5000)

    await retention.purge()

    assert await Totp.exists()
    assert await RecoveryCode.all().count() == 10
    assert await OutgoingMail.exists()


async def test_more_than_a_batch_is_deleted_and_closed_users_too(
    account: CustomerAccount, time: Clock
) -> None:
    for _ in range(retention._BATCH + 7):
        await Event.record("login")
    for number in range(60):
        _ = await User.create(
            email=f"{number}@example.com",
            email_key=f"{number}@example.com",
            given_name="Anna",
            family_name="Andersson",
            password_hash="",
            password_changed_at=time.now(),
            created_at=time.now(),
            closes_at=time.now() + closing.UNDO_FOR,
        )
    time.forward(days=730)

    counts = await retention.purge()

    assert counts["events"] == retention._BATCH + 7
    assert counts["closed_users"] == 60
    assert await Event.all().count() == 60, "that they were erased"


async def test_each_night_once_and_soon_after_a_start(
    db: None, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights: list[str] = []

    async def purge() -> dict[str, int]:
        nights.append(f"{time.time:%d %H:%M}")
        return {}

    monkeypatch.setattr(retention, "purge", purge)
    worker = RetentionWorker()

    for _ in range(24 * 6 * 2):
        await worker.work()
        time.forward(minutes=10)

    assert nights == ["02 09:00", "03 02:00", "04 02:00"], "03.00 in Sweden, where it is winter"


async def test_a_closed_user_is_erased_within_the_minute(db: None, time: Clock) -> None:
    anna = await a_user(closes_at=time.now())
    worker = RetentionWorker()
    worker._purged_on = time.now().date()

    await worker.work()

    assert not await User.exists(id=anna.id)


def test_a_device_is_known_for_as_long_as_its_cookie() -> None:
    (devices,) = (period for period in PERIODS if period.name == "devices")
    assert devices.keep.total_seconds() == cookies.DEVICE_LIFETIME


async def test_the_privacy_page_tells_every_period(visitor: Visitor) -> None:
    page = await visitor.visit("/personuppgifter")
    template = (ROOT / "templates/home/privacy.html").read_text()

    for period in PERIODS:
        if period.keep and "nobody" not in period.name:
            assert f"kept.{period.name} }}}}" in template, period.name
    for told in (
        "5 minuter",
        "15 minuter",
        "24 timmar",
        "30 dagar",
        "90 dagar",
        "365 dagar",
        "2 år",
        "399 dagar",
        "14 dagar",
        "60 minuter",
    ):
        assert told in page.response.text
