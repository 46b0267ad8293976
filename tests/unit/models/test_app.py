"""The app's devices, tokens, codes and half-logins: how long each lives, and many at once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from models import (
    CustomerAccount,
    Event,
    Membership,
    OutgoingMail,
    Session,
    Totp,
    TwoFactor,
    User,
    app_device,
    databases,
    operating,
)
from models.app_device import AppDevice, AppToken, Grant, Kind
from models.app_login import AppCode, AppLogin, needs_browser
from models.client import Client
from models.databases import atomic
from models.identity import How
from models.session import resume
from tests.unit.conftest import CHALLENGE, Clock, a_user, an_account, an_app, an_app_code, code

pytestmark = pytest.mark.anyio
T = TypeVar("T")
AT_ONCE = 30
IOS, ANDROID = "mittprezero-ios", "mittprezero-android"
PHONE = Client("198.51.100.77", "MittPreZero/1.0")
VERIFIER = "v" * 43
OF_VERIFIER = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user(email_confirmed_at=time.now())
    _ = await Membership.admit(user, account)
    return user


async def at_once(work: Callable[[int], Awaitable[T]], count: int = AT_ONCE) -> list[T]:
    """What each of them got. A deadlock, a time-out or any other exception fails the test."""
    return await asyncio.gather(*(work(number) for number in range(count)))


async def refresh(token: str, client_id: str = IOS) -> Grant | None:
    return await app_device.refresh(token, client_id, PHONE)


async def redeem(token: str) -> Grant | None:
    return await AppCode.redeem(token, IOS, VERIFIER, "", PHONE)


async def calls(grant: Grant) -> bool:
    return await app_device.resume(grant.access_token) is not None


# How long each lives


async def test_a_device_ends_90_days_after_its_last_use(anna: User, time: Clock) -> None:
    grant = await an_app(anna)
    for _ in range(2):
        time.forward(days=90, seconds=-1)
        assert len(await AppDevice.of_user(anna.id)) == 1
        newer = await refresh(grant.refresh_token)
        assert newer
        grant = newer
    time.forward(days=90)

    assert await AppDevice.of_user(anna.id) == []
    assert await refresh(grant.refresh_token) is None
    assert not await OutgoingMail.exists(kind="app_reused"), "it is no theft"


async def test_a_call_is_a_use_too_and_written_once_a_minute(anna: User, time: Clock) -> None:
    grant = await an_app(anna)
    began = time.now()
    time.forward(seconds=59)
    assert await calls(grant)
    assert (await AppDevice.get()).seen_at == began
    time.forward(seconds=1)
    assert await calls(grant)
    assert (await AppDevice.get()).seen_at == time.now()


async def test_a_device_ends_a_year_after_the_login_however_much_it_is_used(
    anna: User, time: Clock
) -> None:
    grant = await an_app(anna)
    for _ in range(5):
        time.forward(days=73, seconds=-1)
        newer = await refresh(grant.refresh_token)
        assert newer
        grant = newer
    time.forward(seconds=4)
    assert await calls(grant)

    time.forward(seconds=1)  # a year to the second

    assert not await calls(grant), "also with an access token of its last minutes"
    assert await AppDevice.of_user(anna.id) == []
    assert not await AppDevice.rename(anna.id, grant.device.public_id, "Ny")
    assert await AppDevice.of_user_or_none(anna.id, grant.device.public_id) is None
    assert await refresh(grant.refresh_token) is None


async def test_an_access_token_lives_for_a_quarter_of_an_hour(anna: User, time: Clock) -> None:
    grant = await an_app(anna)
    time.forward(minutes=15, seconds=-1)
    assert await calls(grant)
    time.forward(seconds=1)
    assert not await calls(grant)
    assert await refresh(grant.refresh_token)


async def test_a_token_is_good_for_its_own_kind_only(anna: User) -> None:
    grant = await an_app(anna)
    assert await app_device.resume(grant.refresh_token) is None
    assert await refresh(grant.access_token) is None
    assert await AppDevice.exists(), "and that is no theft"


async def test_the_database_never_holds_a_token(anna: User) -> None:
    grant = await an_app(anna)
    newer = await refresh(grant.refresh_token)
    assert newer
    code_ = await an_app_code(anna)
    half, _ = await AppLogin.start(anna, IOS, CHALLENGE, "Annas")

    stored = "".join(
        [repr(await model.all().values()) for model in (AppDevice, AppToken, AppCode, AppLogin)]
    )

    for token in (grant.access_token, grant.refresh_token, newer.access_token, code_, half):
        assert token not in stored
        assert token.partition("_")[2] not in stored


@pytest.mark.parametrize("on_page", [False, True], ids=["a minute", "ten minutes on a page"])
async def test_a_code_lives_for(anna: User, time: Clock, *, on_page: bool) -> None:
    lifetime = AppCode.LIFETIME_ON_PAGE if on_page else AppCode.LIFETIME
    assert lifetime == (timedelta(minutes=10) if on_page else timedelta(seconds=60))
    for late in (False, True):
        token = await an_app_code(anna, challenge=OF_VERIFIER)
        if on_page:
            await Session.start(anna, How.PASSWORD, PHONE)
            session = await Session.all().order_by("-id").first()
            await AppCode.all().update(session_id=session.id if session else None)
        time.time += lifetime - timedelta(seconds=0 if late else 1)
        assert (await redeem(token) is None) is late


async def test_a_code_of_a_browser_dies_with_its_session(anna: User) -> None:
    token = await an_app_code(anna, challenge=OF_VERIFIER)
    _ = await Session.start(anna, How.PASSWORD, PHONE)
    await AppCode.all().update(session_id=(await Session.get()).id)
    await Session.all().delete()
    assert await redeem(token) is None


async def test_a_code_that_comes_again_within_a_day_ends_its_device(
    anna: User, time: Clock
) -> None:
    token = await an_app_code(anna, challenge=OF_VERIFIER)
    grant, other = await redeem(token), await an_app(anna, "En annan")
    assert grant
    time.forward(hours=23)

    assert await redeem(token) is None

    assert await refresh(grant.refresh_token) is None
    assert await refresh(other.refresh_token), "the other one is untouched"
    assert await OutgoingMail.filter(kind="app_reused").count() == 1


async def test_a_half_login_lives_for_five_minutes_and_dies_with_the_password(
    anna: User, time: Clock
) -> None:
    token, _ = await AppLogin.start(anna, IOS, CHALLENGE, "Annas")
    time.forward(minutes=5, seconds=-1)
    assert await AppLogin.ongoing(token, IOS)
    assert await AppLogin.ongoing(token, ANDROID) is None
    time.forward(seconds=1)
    assert await AppLogin.ongoing(token, IOS) is None

    token, _ = await AppLogin.start(anna, IOS, CHALLENGE, "Annas")
    time.forward(seconds=1)
    await User.filter(id=anna.id).update(password_changed_at=time.now())
    assert await AppLogin.ongoing(token, IOS) is None


async def test_a_half_login_has_five_tries(anna: User, time: Clock) -> None:
    totp = await Totp.pending(anna)
    _ = await totp.activate(anna, code(totp.secret))
    time.forward(minutes=1)
    token, half = await AppLogin.start(await User.get(id=anna.id), IOS, CHALLENGE, "Annas")
    assert half
    for left in (4, 3, 2, 1, 0):
        assert await half.tries_code("000000")
        assert half.tries_left == left
    assert await half.tries_code(code(totp.secret)) is None
    assert await AppLogin.ongoing(token, IOS) is None


@pytest.mark.parametrize(
    "shut_out", ["frozen_at", "closes_at", "two_factor", "password_changed_at"]
)
async def test_who_is_shut_out_after_the_code_was_given_gets_no_device(
    anna: User, time: Clock, shut_out: str
) -> None:
    token = await an_app_code(anna, challenge=OF_VERIFIER)
    time.forward(seconds=1)
    changes = {"password_changed_at": time.now(), "frozen_at": time.now(), "closes_at": time.now()}
    new = TwoFactor.ON if shut_out == "two_factor" else changes[shut_out]
    await User.filter(id=anna.id).update(**{shut_out: new})

    assert await redeem(token) is None

    assert not await AppDevice.exists()
    assert not await Event.exists(kind="login")
    assert (await User.get(id=anna.id)).last_login_at is None


@pytest.mark.parametrize("shut_out", ["frozen_at", "password_changed_at"])
async def test_who_is_shut_out_while_the_password_is_checked_gets_neither_code_nor_half_login(
    anna: User, time: Clock, shut_out: str
) -> None:
    time.forward(seconds=1)
    await User.filter(id=anna.id).update(**{shut_out: time.now()})

    token = await an_app_code(anna, challenge=OF_VERIFIER)
    _, half = await AppLogin.start(anna, IOS, CHALLENGE, "Annas")

    assert half is None
    assert await redeem(token) is None
    assert not await AppCode.exists()
    assert not await AppLogin.exists()


async def test_the_membership_is_read_with_each_call(anna: User, account: CustomerAccount) -> None:
    grant = await an_app(anna)
    found = await app_device.resume(grant.access_token, "100200")
    assert found
    assert found.customer_account
    assert found.customer_account.is_administrator
    assert found.device_id == grant.device.public_id
    await (await Membership.get()).remove()
    found = await app_device.resume(grant.access_token, "100200")
    assert found
    assert found.customer_account is None


async def test_a_device_is_its_own_users_to_rename_and_to_end(anna: User) -> None:
    device, bo = (await an_app(anna)).device, await a_user("bo@example.com")
    assert not await AppDevice.rename(bo.id, device.public_id, "Bos")
    assert not await AppDevice.end_one(bo.id, device.public_id)
    assert await AppDevice.of_user(bo.id) == []
    assert await AppDevice.of_user_or_none(bo.id, device.public_id) is None
    assert await AppDevice.rename(anna.id, device.public_id, "Annas")
    (found,) = await AppDevice.of_user(anna.id)
    assert found.name == "Annas"


# What only the browser can settle


async def test_nothing_is_left_to_settle_right_after_the_registration(db: None) -> None:
    account = await an_account()
    user = await a_user(two_factor=TwoFactor.UNANSWERED, email_confirmed_at=None)
    assert not await needs_browser(user), "nor without a customer account"
    _ = await Membership.admit(user, account)
    assert not await needs_browser(user)


@pytest.mark.parametrize(
    ("changes", "needed"),
    [({}, False), ({"closes_at": True}, True), ({"email": ""}, True)],
    ids=["as usual", "closed", "without an address"],
)
async def test_closed_and_without_an_address(
    anna: User, time: Clock, changes: dict[str, object], *, needed: bool
) -> None:
    values = {name: time.now() if value is True else value for name, value in changes.items()}
    await User.filter(id=anna.id).update(**values, two_factor=TwoFactor.ON)
    assert await needs_browser(await User.get(id=anna.id)) is needed


@pytest.mark.parametrize(
    ("demanding", "closed", "waiting", "two_factor", "needed"),
    [
        ({"100200"}, set(), set(), TwoFactor.SKIPPED, False),  # one of two
        ({"100200", "100300"}, set(), set(), TwoFactor.SKIPPED, True),
        ({"100200", "100300"}, set(), set(), TwoFactor.UNANSWERED, True),
        ({"100200", "100300"}, set(), set(), TwoFactor.ON, False),
        ({"100200"}, {"100300"}, set(), TwoFactor.SKIPPED, True),  # the other one is closed
        ({"100200"}, set(), {"100300"}, TwoFactor.SKIPPED, True),  # or not reached yet
        ({"100200", "100300"}, {"100200", "100300"}, set(), TwoFactor.SKIPPED, False),
    ],
)
async def test_two_factor_where_every_customer_account_demands_it(
    anna: User,
    time: Clock,
    demanding: set[str],
    closed: set[str],
    waiting: set[str],
    two_factor: TwoFactor,
    *,
    needed: bool,
) -> None:
    _ = await Membership.admit(anna, await an_account("100300", "4435027711", "Andra AB"))
    accounts = CustomerAccount.filter
    await accounts(customer_number__in=demanding).update(requires_two_factor=True)
    await accounts(customer_number__in=closed).update(closed_at=time.now())
    for account in await accounts(customer_number__in=waiting):
        await Membership.filter(customer_account_id=account.id).update(status="awaiting_approval")
    await User.filter(id=anna.id).update(two_factor=two_factor)

    assert await needs_browser(await User.get(id=anna.id)) is needed


# Many at once


async def test_thirty_refreshes_give_one_pair(anna: User) -> None:
    grant = await an_app(anna)

    got = await at_once(lambda _: refresh(grant.refresh_token))

    assert len({each and (each.access_token, each.refresh_token) for each in got}) == 1
    assert all(got)
    assert await AppToken.filter(kind=Kind.REFRESH).count() == 2
    assert await AppToken.filter(kind=Kind.ACCESS).count() == 2


async def test_of_thirty_who_redeem_a_code_at_most_one_is_logged_in(anna: User) -> None:
    """The others come with a code that was used, which ends what it began."""
    for _ in range(3):
        token = await an_app_code(anna, challenge=OF_VERIFIER)

        async def one(_: int, token: str = token) -> Grant | None:
            return await redeem(token)

        got = [grant for grant in await at_once(one) if grant]

        assert len(got) == 1
        assert await AppDevice.all().count() <= 1
        assert await Event.filter(kind="login").count() == 1
        await AppDevice.all().delete()
        await Event.all().delete()


async def test_of_thirty_who_end_a_device_one_does(anna: User) -> None:
    device = (await an_app(anna)).device

    got = await at_once(lambda _: AppDevice.end_one(anna.id, device.public_id))

    assert got.count(True) == 1
    assert await Event.filter(kind="session.ended").count() == 1


async def test_of_thirty_who_find_a_token_stolen_one_tells(anna: User, time: Clock) -> None:
    grant = await an_app(anna)
    assert await refresh(grant.refresh_token)
    time.forward(seconds=31)

    got = await at_once(lambda _: refresh(grant.refresh_token))

    assert not any(got)
    assert await OutgoingMail.filter(kind="app_reused").count() == 1
    assert await Event.filter(kind="app.reused").count() == 1
    assert not await AppDevice.exists()


async def end_all(user: User) -> None:
    async with atomic():
        await User.lock(user.id)
        await Session.end_all(user.id)


async def nothing_is_left(grants: list[Grant | None]) -> None:
    for model in (AppDevice, AppToken):
        assert not await model.exists()
    for grant in grants:
        assert grant is None or not await calls(grant)


async def test_a_refresh_at_the_moment_of_end_all_leaves_nothing(anna: User) -> None:
    for _ in range(5):
        apps = [await an_app(anna, f"Telefon {n}") for n in range(10)]

        async def one(number: int, apps: list[Grant] = apps) -> Grant | None:
            if number % 10 == 5:
                await end_all(anna)
                return None
            return await refresh(apps[number % 10].refresh_token)

        got = await at_once(one, 40)

        await nothing_is_left([*apps, *got])
    assert not await OutgoingMail.exists(kind="app_reused"), "nobody has stolen anything"


async def test_a_login_at_the_moment_of_a_freeze_leaves_nothing(anna: User, time: Clock) -> None:
    for _ in range(5):
        codes = [await an_app_code(anna, challenge=OF_VERIFIER) for _ in range(30)]

        async def one(number: int, codes: list[str] = codes) -> Grant | None:
            if number == 15:
                assert await operating.freeze(await User.get(id=anna.id), "Kim")
                return None
            return await redeem(codes[number])

        got = await at_once(one)

        await nothing_is_left(got)
        assert not await AppCode.exists()
        await User.filter(id=anna.id).update(frozen_at=None)


async def test_a_code_of_the_old_app_at_the_moment_of_a_reset_logs_nobody_in(
    anna: User, time: Clock
) -> None:
    _, half = await AppLogin.start(anna, IOS, OF_VERIFIER, "Tjuvens telefon")
    assert half
    is_begun, is_asked = asyncio.Event(), asyncio.Event()

    async def reset() -> None:
        async with atomic():  # as `two_factor_reset.resetting`: first the lock, the logins at last
            await User.lock(anna.id)
            is_begun.set()
            await is_asked.wait()
            await asyncio.sleep(0.2)
            await Session.end_all(anna.id)

    async def log_in() -> Grant | None:
        await is_begun.wait()
        is_asked.set()
        code = await half.complete()
        return await redeem(code) if code else None

    _, grant = await asyncio.gather(reset(), log_in())

    await nothing_is_left([grant])
    assert not await AppCode.exists()


async def test_all_that_touches_a_device_at_once_comes_to_an_end(anna: User, time: Clock) -> None:
    """Each takes its locks in the same order, so that none waits for another in a circle."""
    for _ in range(3):
        _ = await Session.start(anna, How.PASSWORD, PHONE)
        identity = await resume(await Session.start(anna, How.PASSWORD, PHONE))
        assert identity
        tokens = [await an_app_code(anna, challenge=OF_VERIFIER) for _ in range(8)]
        apps = [grant for token in tokens if (grant := await redeem(token))]
        used = [await an_app(anna, "Gammal") for _ in range(4)]
        for each in used:
            _ = await refresh(each.refresh_token)
        time.forward(seconds=31)
        fresh = [await an_app_code(anna, challenge=OF_VERIFIER) for _ in range(8)]
        await asyncio.gather(
            *(redeem(token) for token in (*tokens[:4], *fresh)),
            *(refresh(grant.refresh_token) for grant in (*apps, *used)),
            *(AppDevice.end_one(anna.id, grant.device.public_id) for grant in apps[4:]),
            *(app_device.revoke(grant.refresh_token, IOS) for grant in apps[2:6]),
            *(calls(grant) for grant in apps),
            Session.end_others(identity),
            end_all(anna),
        )

        await end_all(anna)
        await nothing_is_left([])
        assert await databases.fetch("SELECT 1 AS one")
