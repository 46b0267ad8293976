"""How long a session lives, and what it is allowed to know."""

import pytest

from models import (
    CustomerAccount,
    Event,
    LoginChallenge,
    Membership,
    OutgoingMail,
    Session,
    User,
    tokens,
)
from models.client import Client
from models.identity import How
from models.session import KnownDevice, authenticated_again, resume
from tests.unit.conftest import Clock, a_user, an_account

pytestmark = pytest.mark.anyio
BROWSER = Client("203.0.113.7", "Testbrowser", "device")


@pytest.fixture
async def anna(db: None, time: Clock) -> User:
    return await a_user()


async def test_ends_a_day_after_its_last_use(anna: User, time: Clock) -> None:
    token = await Session.start(anna, How.PASSWORD, BROWSER)
    for _ in range(3):
        time.forward(hours=23, minutes=59)
        assert await resume(token)

    time.forward(hours=24)

    assert await resume(token) is None
    assert not await Session.exists()


async def test_ends_a_month_after_login_however_much_it_is_used(anna: User, time: Clock) -> None:
    token = await Session.start(anna, How.PASSWORD, BROWSER)
    for _ in range(30 * 2 - 1):
        time.forward(hours=12)
        assert await resume(token)
    time.forward(hours=12)
    assert await resume(token) is None


async def test_remembered_it_lasts_a_month_unused_and_three_in_all(anna: User, time: Clock) -> None:
    token = await Session.start(anna, How.PASSWORD, BROWSER, remembered=True)
    for _ in range(3):
        time.forward(days=29, hours=23)
        assert await resume(token)
    time.forward(days=1)
    assert await resume(token) is None


async def test_the_database_never_holds_the_cookie(anna: User) -> None:
    token = await Session.start(anna, How.PASSWORD, BROWSER)
    (row,) = await Session.all().values()
    assert token not in str(row)
    assert row["token_hash"] == tokens.hashed(token)


async def test_a_removed_membership_bites_at_the_next_click(
    anna: User, account: CustomerAccount
) -> None:
    token = await Session.start(anna, How.PASSWORD, BROWSER)
    membership = await Membership.admit(anna, account)
    identity = await resume(token, "100200")
    assert identity
    assert identity.customer_account
    assert identity.customer_account.is_administrator

    await membership.remove()

    identity = await resume(token, "100200")
    assert identity
    assert identity.customer_account is None


async def test_the_account_visited_last_is_the_active_one(
    anna: User, account: CustomerAccount
) -> None:
    other = await an_account("100300", name="Andra AB")
    for one in (account, other):
        _ = await Membership.admit(anna, one)
    token = await Session.start(anna, How.PASSWORD, BROWSER)

    await resume(token, "100300")

    identity = await resume(token)
    assert identity
    assert identity.customer_account
    assert identity.customer_account.name == "Andra AB"


async def test_the_password_given_again_counts_for_ten_minutes_and_changes_the_token(
    anna: User, time: Clock
) -> None:
    token = await Session.start(anna, How.PASSWORD, BROWSER)
    time.forward(minutes=10, seconds=1)
    identity = await resume(token)
    assert identity
    assert not identity.is_recent

    renewed = await authenticated_again(identity)
    assert renewed

    assert await resume(token) is None
    identity = await resume(renewed)
    assert identity
    assert identity.is_recent


async def test_a_half_login_lives_five_minutes_and_dies_with_the_password(
    anna: User, time: Clock
) -> None:
    token = await LoginChallenge.start(anna, remembered=False, next_path="")
    time.forward(minutes=4, seconds=59)
    assert await LoginChallenge.ongoing(token)
    time.forward(seconds=1)
    assert await LoginChallenge.ongoing(token) is None

    token = await LoginChallenge.start(anna, remembered=False, next_path="")
    time.forward(seconds=1)
    await User.filter(id=anna.id).update(password_changed_at=time.now())
    assert await LoginChallenge.ongoing(token) is None


@pytest.mark.parametrize("shut_out", ["frozen_at", "password_changed_at"])
async def test_who_is_shut_out_while_the_password_is_checked_leaves_no_trace_of_a_login(
    anna: User, time: Clock, shut_out: str
) -> None:
    time.forward(minutes=1)
    _ = await User.filter(id=anna.id).update(**{shut_out: time.now()})
    client = Client("203.0.113.9", "Firefox", "a device that nobody knew")

    token = await Session.start(anna, How.PASSWORD, client)

    assert await resume(token) is None
    assert not await Session.exists(user_id=anna.id)
    assert not await Event.exists(kind="login")
    assert not await KnownDevice.exists(user_id=anna.id)
    assert not await OutgoingMail.exists(kind="new_device")
    assert (await User.get(id=anna.id)).last_login_at is None


async def test_a_half_login_is_no_session(anna: User) -> None:
    token = await LoginChallenge.start(anna, remembered=False, next_path="")
    assert await resume(token) is None
