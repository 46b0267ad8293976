"""The authenticator app at a frozen clock, with the codes a real app would show."""

import pyotp
import pytest
from cryptography.exceptions import InvalidTag

from models import Event, OutgoingMail, RecoveryCode, Totp, TwoFactor, User, clock, keys
from models.totp import State, Verdict
from tests.unit.conftest import Clock, a_user, code

pytestmark = pytest.mark.anyio


@pytest.fixture
async def anna(db: None, time: Clock) -> User:
    return await a_user()


@pytest.fixture
async def totp(anna: User) -> Totp:
    """Anna's app, added by a code of an hour ago."""
    pending = await Totp.pending(anna)
    answer = await pending.activate(anna, code(pending.secret))
    assert answer.is_right
    return await Totp.get(user_id=anna.id, state=State.ACTIVE)


async def test_turning_it_on_takes_the_pending_code_and_makes_ten_recovery_codes(
    anna: User,
) -> None:
    pending = await Totp.pending(anna)
    assert (await pending.activate(anna, "000000")).verdict is Verdict.WRONG
    assert not await RecoveryCode.exists()

    assert (
        await pending.activate(anna, f" {code(pending.secret)[:3]} {code(pending.secret)[3:]}")
    ).is_right

    assert (await User.get(id=anna.id)).two_factor is TwoFactor.ON
    assert await RecoveryCode.left(anna.id) == 10
    assert await Event.exists(kind="two_factor.on", user_id=anna.id)


async def test_the_pending_secret_is_kept_until_it_is_verified(anna: User) -> None:
    first, second = await Totp.pending(anna), await Totp.pending(anna)
    assert first.secret == second.secret
    assert len(first.secret) == 32, "160 bits: RFC 4226 asks for 128 at least"


async def test_the_code_that_turned_it_on_is_used_up(anna: User, totp: Totp) -> None:
    assert (await Totp.accepts(anna.id, code(totp.secret))).verdict is Verdict.USED


async def test_a_code_is_right_only_once(anna: User, totp: Totp, time: Clock) -> None:
    time.forward(seconds=30)
    shown = code(totp.secret)
    assert (await Totp.accepts(anna.id, shown)).is_right
    assert (await Totp.accepts(anna.id, shown)).verdict is Verdict.USED


@pytest.mark.parametrize(
    ("seconds", "right"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
async def test_accepts_a_phone_whose_clock_is_half_a_minute_off(
    anna: User, totp: Totp, time: Clock, seconds: int, right: bool
) -> None:
    time.forward(minutes=5)
    answer = await Totp.accepts(anna.id, code(totp.secret, seconds=seconds))
    assert answer.is_right is right


async def test_an_older_code_is_not_taken_after_a_newer_one(
    anna: User, totp: Totp, time: Clock
) -> None:
    time.forward(minutes=5)
    assert (await Totp.accepts(anna.id, code(totp.secret, seconds=30))).is_right
    assert (await Totp.accepts(anna.id, code(totp.secret))).verdict is Verdict.USED


async def test_a_server_clock_that_once_ran_ahead_locks_nobody_out(
    anna: User, totp: Totp, time: Clock
) -> None:
    time.forward(days=1)
    assert (await Totp.accepts(anna.id, code(totp.secret))).is_right
    time.forward(days=-1, minutes=5)
    assert (await Totp.accepts(anna.id, code(totp.secret))).is_right


@pytest.mark.parametrize("wrong", ["", "abcdef", "åäö", "1234567", "٣٤٥٦٧٨", "12 34"])
async def test_refuses_what_is_not_the_code(
    anna: User, totp: Totp, time: Clock, wrong: str
) -> None:
    time.forward(minutes=5)
    assert (await Totp.accepts(anna.id, wrong)).verdict is Verdict.WRONG


async def test_full_width_digits_are_the_same_code(anna: User, totp: Totp, time: Clock) -> None:
    time.forward(minutes=5)
    typed = code(totp.secret).translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    assert (await Totp.accepts(anna.id, typed)).is_right


async def test_five_wrong_codes_then_wait_even_with_the_right_one(
    anna: User, totp: Totp, time: Clock
) -> None:
    time.forward(minutes=5)
    for _ in range(5):
        assert (await Totp.accepts(anna.id, "000000")).verdict is Verdict.WRONG

    refused = await Totp.accepts(anna.id, code(totp.secret))
    assert refused.verdict is Verdict.LIMITED
    assert 0 < refused.wait.total_seconds() <= 300

    time.forward(minutes=5)
    assert (await Totp.accepts(anna.id, code(totp.secret))).is_right


async def test_right_codes_cost_nothing_of_the_budget(anna: User, totp: Totp, time: Clock) -> None:
    for _ in range(30):
        time.forward(seconds=30)
        assert (await Totp.accepts(anna.id, code(totp.secret))).is_right


async def test_a_hundred_wrong_codes_in_a_row_pause_the_app_until_a_recovery_code(
    anna: User, totp: Totp, time: Clock
) -> None:
    (saved, *_) = await RecoveryCode.shown(anna.id)
    for _ in range(100):
        time.forward(days=2)
        await Totp.accepts(anna.id, "000000")

    time.forward(days=2)
    assert (await Totp.accepts(anna.id, code(totp.secret))).verdict is Verdict.PAUSED
    assert await OutgoingMail.filter(kind="two_factor_paused").count() == 1

    time.forward(days=2)
    assert (await Totp.accepts(anna.id, saved)).is_right
    time.forward(seconds=30)
    assert (await Totp.accepts(anna.id, code(totp.secret))).is_right


async def test_a_recovery_code_works_once_and_is_counted_down(
    anna: User, totp: Totp, time: Clock
) -> None:
    codes = await RecoveryCode.shown(anna.id)
    assert len(set(codes)) == 10

    assert (await Totp.accepts(anna.id, codes[3].replace(" ", "-"))).is_right
    assert (await Totp.accepts(anna.id, codes[3])).verdict is Verdict.WRONG
    assert await RecoveryCode.left(anna.id) == 9


async def test_recovery_codes_are_readable_for_an_hour_or_until_they_are_saved(
    anna: User, totp: Totp, time: Clock
) -> None:
    assert len(await RecoveryCode.shown(anna.id)) == 10
    time.forward(minutes=59)
    assert len(await RecoveryCode.shown(anna.id)) == 10
    time.forward(minutes=1)
    assert await RecoveryCode.shown(anna.id) == []
    time.forward(minutes=-2)
    assert await RecoveryCode.saved(anna, await RecoveryCode.shown_id(anna.id))
    assert await RecoveryCode.shown(anna.id) == []


async def test_somebody_elses_recovery_code_is_refused(anna: User, totp: Totp, time: Clock) -> None:
    bo = await a_user("bo@example.com")
    pending = await Totp.pending(bo)
    await pending.activate(bo, code(pending.secret))
    (annas, *_) = await RecoveryCode.shown(anna.id)

    assert not (await Totp.accepts(bo.id, annas)).is_right


async def test_the_secret_is_encrypted_for_this_user_alone(anna: User, totp: Totp) -> None:
    assert totp.secret.encode() not in bytes(totp.secret_encrypted)
    with pytest.raises(InvalidTag):
        keys.decrypt("totp", totp.secret_encrypted, "user:999")


async def test_a_secret_outlives_the_rotation_of_the_key(anna: User, totp: Totp) -> None:
    secret = totp.secret
    keys.use(
        ("a newer key 0123456789 0123456789", "the newest key of the tests 0123456789"), "pepper"
    )
    assert totp.secret == secret

    keys.use(("only another key 0123456789 012345",), "pepper")
    with pytest.raises(keys.UnknownKey):
        _ = totp.secret


async def test_the_uri_is_what_apps_expect(anna: User, totp: Totp) -> None:
    parsed = pyotp.parse_uri(totp.uri("anna@example.com"))
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.issuer, parsed.name) == ("MinaSidor", "anna@example.com")
    assert (parsed.digits, parsed.interval) == (6, 30)
    assert parsed.at(clock.now()) == code(totp.secret)
