"""Every guard that counts, tried by many at the same moment: it never lets more than it says by."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from tortoise.context import TortoiseContext

from models import (
    ClaimPolicy,
    CustomerAccount,
    EmailLink,
    Event,
    Invitation,
    KnownDevice,
    LoginChallenge,
    Membership,
    OutgoingMail,
    RecoveryCode,
    Registration,
    Role,
    Session,
    Spent,
    SpentValue,
    Totp,
    TwoFactor,
    User,
    access,
    alarms,
    claim,
    databases,
    keys,
    limits,
    login,
    review,
    waiting,
)
from models.access import Actor, LastAdministrator, NotAdministrator
from models.client import Client
from models.email_link import Purpose
from models.identity import How
from models.invitation import TooMany
from models.limits import Limit
from models.registration import AlreadyFinished, EmailInUse, NotInvited
from models.totp import State, Verdict
from tests.fresh import PATIENT, fresh_database, opened
from tests.unit.conftest import PASSWORD, SETTINGS, Clock, a_user, an_account, code

pytestmark = pytest.mark.anyio
AT_ONCE = 30
T = TypeVar("T")
Verb = Callable[[Membership, Actor], Awaitable[bool]]


async def at_once(work: Callable[[int], Awaitable[T]], count: int = AT_ONCE) -> list[T]:
    """What each of them got. A deadlock, a time-out or any other exception fails the test."""
    return await asyncio.gather(*(work(number) for number in range(count)))


async def refusing(limit: Limit) -> Limit:
    """The limit, small enough to be reached by those who try at once."""
    return Limit(f"test: {limit.name}", 7, limit.per, limit.distinct, limit.refuses)


@pytest.fixture(autouse=True)
def declared() -> object:
    """Limits made by a test are forgotten after it."""
    before = dict(Limit.all)
    yield
    Limit.all.clear()
    Limit.all.update(before)


@pytest.mark.parametrize("name", sorted(Limit.all))
async def test_exactly_as_many_spends_pass_as_the_limit_says(db: None, name: str) -> None:
    limit = await refusing(Limit.all[name])

    async def spend(number: int) -> bool:
        return (await limits.spend(limit.of("somebody", value=str(number)))).refused

    passed = Counter(await at_once(spend, 40))[False]

    assert passed == (7 if limit.refuses else 40)
    assert (await Spent.get(name=limit.name)).count == passed
    assert await SpentValue.filter(name=limit.name).count() == (passed if limit.distinct else 0)


async def test_a_new_period_passes_exactly_as_many_again(db: None, time: Clock) -> None:
    limit = Limit("test: period", 7, timedelta(minutes=5))
    await at_once(lambda _: limits.spend(limit.of("x")))
    time.forward(minutes=5)

    attempts = await at_once(lambda _: limits.spend(limit.of("x")))

    assert sum(not attempt.refused for attempt in attempts) == 7


async def test_who_read_the_clock_a_moment_earlier_starts_nothing_over(
    db: None, time: Clock
) -> None:
    start = time.time
    for distinct in (False, True):
        limit = Limit(f"test: {distinct}", 7, timedelta(minutes=5), distinct)
        passed = 0
        for number in range(40):
            time.time = start + timedelta(seconds=4 - number % 9)
            passed += not (await limits.spend(limit.of("x", value=str(number)))).refused
        assert passed == 7


async def test_several_limits_are_spent_together_or_not_at_all(db: None) -> None:
    tight = Limit("test: tight", 5, timedelta(hours=1))
    wide = Limit("test: wide", 100, timedelta(hours=1))
    values = Limit("test: values", 100, timedelta(hours=1), distinct=True)

    async def spend(number: int) -> bool:
        # In turn one way and the other: no two may wait for each other.
        uses = [wide.of("x"), values.of("x", value=str(number)), tight.of("x")]
        return (await limits.spend(*(uses if number % 2 else reversed(uses)))).refused

    assert Counter(await at_once(spend, 40)) == {False: 5, True: 35}
    assert [row.count for row in await Spent.all()] == [5, 5, 5]
    assert await SpentValue.all().count() == 5


async def test_the_same_value_from_many_at_once_counts_once(db: None) -> None:
    limit = Limit("test: values", 3, timedelta(hours=1), distinct=True)

    attempts = await at_once(lambda _: limits.spend(limit.of("x", value="the same")))

    assert not any(attempt.refused for attempt in attempts)
    assert (await Spent.get(name=limit.name)).count == 1


async def test_what_was_right_is_given_back_whoever_spends_meanwhile(db: None) -> None:
    site = Limit("test: a site", 10**6, timedelta(hours=1), refuses=False)
    home = Limit("test: z home", 10**6, timedelta(hours=1))
    values = Limit("test: m values", 10**6, timedelta(hours=1), distinct=True)

    async def attempt(number: int) -> None:
        for turn in range(5):
            uses = [
                home.of(str(number % 3)),
                values.of(str(number % 2), value=f"{number} {turn}"),
                site.of(),
            ]
            spent = await limits.spend(*uses)
            if number % 2:
                await spent.give_back()

    await at_once(attempt, 40)

    assert (await Spent.get(name=site.name)).count == 20 * 5
    assert sum([row.count for row in await Spent.filter(name=home.name)]) == 20 * 5
    assert await SpentValue.all().count() == 20 * 5


async def test_claims_guess_at_most_ten_values_of_one_number(account: CustomerAccount) -> None:
    async def guess(number: int) -> bool:
        client = Client(address=f"198.51.100.{number}")
        return await claim.prove("100200", f"{number:04}", client) is not None

    assert not any(await at_once(guess, 40))
    assert await SpentValue.filter(name=limits.CLAIM_BY_NUMBER.name).count() == 10
    assert await claim.prove("100200", "3378", Client(address="198.51.101.1")) is None


async def test_claims_try_one_suffix_on_at_most_twenty_numbers(account: CustomerAccount) -> None:
    async def guess(number: int) -> bool:
        client = Client(address=f"198.51.100.{number}")
        return await claim.prove(f"77{number}", "3378", client) is not None

    assert not any(await at_once(guess, 40))
    assert await SpentValue.filter(name=limits.CLAIM_BY_SUFFIX.name).count() == 20
    assert await claim.prove("100200", "3378", Client(address="198.51.101.1")) is None


async def test_right_and_wrong_claims_together_leave_only_the_wrong_ones(
    account: CustomerAccount,
) -> None:
    async def one(number: int) -> bool:
        client = Client(address=f"198.51.100.{number % 8}")
        suffix = "3378" if number % 2 else f"{number % 10:04}"
        return await claim.prove("100200", suffix, client) is not None

    assert sum(await at_once(one, 40)) == 20
    assert (await Spent.get(name=limits.CLAIM_BY_SITE.name)).count == 20
    assert (await Spent.get(name=limits.CLAIM_BY_NUMBER.name)).count == 5


async def test_passwords_are_guessed_at_most_ten_times_from_one_address(db: None) -> None:
    _ = await a_user()
    client = Client(address="198.51.100.1")

    outcomes = await at_once(lambda n: login.check("anna@example.com", f"wrong {n}", client), 40)

    assert sum(not outcome.wait for outcome in outcomes) == 10
    assert (await login.check("anna@example.com", PASSWORD, client)).wait


async def test_right_logins_at_once_cost_nothing(db: None) -> None:
    _ = await a_user()

    async def log_in(number: int) -> login.Outcome:
        client = Client(address=f"198.51.100.{number}")
        return await login.check("anna@example.com", PASSWORD, client)

    outcomes = await at_once(log_in, 20)
    assert all(outcome.user for outcome in outcomes)
    assert {row.count for row in await Spent.all()} == {0}


async def test_the_alarm_rings_once_however_many_pass_the_limit_together(db: None) -> None:
    limit = Limit("test: alarm", 10, timedelta(hours=1), refuses=False)

    async def fail(number: int) -> None:
        attempt = await limits.spend(limit.of())
        if number % 3 == 0:
            await attempt.give_back()
        else:
            await alarms.ring_if_reached(attempt, limit, 10, "Look at it.")

    await at_once(fail, 40)

    assert await OutgoingMail.filter(kind="alarm").count() == 1


@pytest.fixture
async def anna(db: None, time: Clock) -> User:
    return await a_user(two_factor=TwoFactor.UNANSWERED)


@pytest.fixture
async def totp(anna: User, time: Clock) -> Totp:
    pending = await Totp.pending(anna)
    assert (await pending.activate(anna, code(pending.secret))).is_right
    time.forward(minutes=5)
    return await Totp.get(user_id=anna.id, state=State.ACTIVE)


@pytest.fixture
def no_code_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that all who try at once reach the guard itself."""
    for name in ("CODE_SOON", "CODE_HOURLY", "CODE_DAILY"):
        was = getattr(limits, name)
        monkeypatch.setattr(limits, name, Limit(f"test: {name}", 10**6, was.per))


async def test_a_code_is_right_for_exactly_one_of_many(
    anna: User, totp: Totp, no_code_limits: None
) -> None:
    shown = code(totp.secret)

    answers = await at_once(lambda _: Totp.accepts(anna.id, shown))

    assert Counter(answer.verdict for answer in answers) == {Verdict.RIGHT: 1, Verdict.USED: 29}


async def test_codes_of_three_steps_at_once_are_right_once_each_at_most(
    anna: User, totp: Totp, no_code_limits: None
) -> None:
    shown = [code(totp.secret, seconds=drift) for drift in (-30, 0, 30)]

    answers = await at_once(lambda n: Totp.accepts(anna.id, shown[n % 3]))

    right = Counter(n % 3 for n, answer in enumerate(answers) if answer.is_right)
    assert right
    assert max(right.values()) == 1
    newest = (await Totp.get(id=totp.id)).last_step
    assert newest == totp.last_step + 10 + max(right) - 1


async def test_codes_are_guessed_at_most_five_at_once(anna: User, totp: Totp) -> None:
    answers = await at_once(lambda n: Totp.accepts(anna.id, f"{n:06}"))

    assert Counter(answer.verdict for answer in answers) == {Verdict.WRONG: 5, Verdict.LIMITED: 25}
    assert (await Totp.get(id=totp.id)).failures == 5


async def test_two_factor_is_turned_on_by_exactly_one_of_many(
    anna: User, no_code_limits: None
) -> None:
    pending = await Totp.pending(anna)
    shown = code(pending.secret)

    async def activate(_: int) -> Verdict:
        return (await (await Totp.get(id=pending.id)).activate(anna, shown)).verdict

    assert Counter(await at_once(activate))[Verdict.RIGHT] == 1
    assert await RecoveryCode.filter(user_id=anna.id).count() == 10
    assert await Totp.filter(user_id=anna.id, state=State.ACTIVE).count() == 1
    assert await Event.filter(kind="two_factor.on").count() == 1
    assert (await Totp.accepts(anna.id, shown)).verdict is Verdict.USED


async def test_many_tabs_show_one_and_the_same_secret(anna: User) -> None:
    pending = await at_once(lambda _: Totp.pending(anna))

    assert len({totp.secret for totp in pending}) == 1
    assert await Totp.all().count() == 1


async def test_a_recovery_code_is_right_for_exactly_one_of_many(
    anna: User, totp: Totp, no_code_limits: None
) -> None:
    shown = (await RecoveryCode.shown(anna.id))[0]

    answers = await at_once(lambda _: Totp.accepts(anna.id, shown))

    assert sum(answer.is_right for answer in answers) == 1
    assert await RecoveryCode.left(anna.id) == 9
    assert await Event.filter(kind="recovery_code.used").count() == 1


async def test_a_hundred_failures_pause_the_factor_and_tell_its_owner_once(
    anna: User, totp: Totp, no_code_limits: None
) -> None:
    await Totp.filter(id=totp.id).update(failures=Totp.MOST_FAILURES - 10)

    await at_once(lambda n: Totp.accepts(anna.id, f"{n:06}"))

    assert await OutgoingMail.filter(kind="two_factor_paused").count() == 1
    assert await Event.filter(kind="two_factor.paused").count() == 1
    assert (await Totp.accepts(anna.id, code(totp.secret))).verdict is Verdict.PAUSED


async def test_a_link_is_used_by_exactly_one_of_many(anna: User) -> None:
    link, _ = await EmailLink.issue(Purpose.CONFIRM_EMAIL, email=anna.email, user_id=anna.id)

    assert sum(await at_once(lambda _: link.consume())) == 1


async def test_a_half_login_is_completed_by_exactly_one_of_many(anna: User) -> None:
    token = await LoginChallenge.start(anna, remembered=False, next_path="")
    challenge = await LoginChallenge.ongoing(token)
    assert challenge

    assert sum(await at_once(lambda _: challenge.complete())) == 1


async def test_a_browser_is_remembered_once(anna: User) -> None:
    browser = Client(device="a browser")

    started = await at_once(lambda _: Session.start(anna, How.PASSWORD, browser))

    assert len(set(started)) == await Session.all().count() == AT_ONCE
    assert await KnownDevice.all().count() == 1


async def test_of_many_who_claim_at_once_exactly_one_becomes_administrator(
    account: CustomerAccount,
) -> None:
    users = [await a_user(f"user{n}@example.com") for n in range(AT_ONCE)]

    memberships = await at_once(lambda n: Membership.admit(users[n], account))

    assert Counter(m.role for m in memberships) == {Role.ADMINISTRATOR: 1, Role.MEMBER: 29}
    assert (await CustomerAccount.get(id=account.id)).active_administrators == 1
    assert await OutgoingMail.filter(kind="new_administrator").count() == 1


async def test_one_user_is_admitted_once_however_many_tabs(account: CustomerAccount) -> None:
    anna = await a_user()

    memberships = await at_once(lambda _: Membership.admit(anna, account))

    assert len({membership.id for membership in memberships}) == 1
    assert await OutgoingMail.all().count() == 1
    assert (await CustomerAccount.get(id=account.id)).active_administrators == 1


# Access that is given and taken by several at once


async def joined(account: CustomerAccount, count: int, role: Role) -> list[Membership]:
    """So many users, let in by an operator."""
    users = [await a_user(f"{role}{n}@example.com") for n in range(count)]
    memberships = [await Membership.admit(user, account) for user in users]
    if role is Role.ADMINISTRATOR:
        for membership in memberships[1:]:
            assert await access.promote(membership, Actor(operator="test"))
    return memberships


async def outcome(work: Awaitable[bool]) -> str:
    try:
        return "done" if await work else "not done"
    except (NotAdministrator, LastAdministrator) as error:
        return type(error).__name__


async def administrators(account: CustomerAccount) -> int:
    """As counted on the account: always as many as there are."""
    counted = (await CustomerAccount.get(id=account.id)).active_administrators
    real = Membership.filter(
        customer_account_id=account.id, role=Role.ADMINISTRATOR, user__closes_at=None
    )
    assert counted == await real.count()
    return counted


@pytest.mark.parametrize("verb", [access.remove, access.demote])
async def test_of_two_administrators_who_act_on_each_other_one_stays(
    account: CustomerAccount, verb: Verb
) -> None:
    anna, bo = await joined(account, 2, Role.ADMINISTRATOR)

    async def act(number: int) -> str:
        on, by = (anna, bo) if number % 2 else (bo, anna)
        return await outcome(verb(on, Actor(by.user_id)))

    got = Counter(await at_once(act, 20))

    assert got["done"] == 1
    assert await administrators(account) == 1


@pytest.mark.parametrize("verb", [access.remove, access.demote])
async def test_of_all_administrators_who_give_it_up_at_once_one_stays(
    account: CustomerAccount, verb: Verb
) -> None:
    everybody = await joined(account, 20, Role.ADMINISTRATOR)
    _ = await joined(account, 1, Role.MEMBER)

    async def give_up(number: int) -> str:
        return await outcome(verb(everybody[number], Actor(everybody[number].user_id)))

    assert Counter(await at_once(give_up, 20)) == {"done": 19, "LastAdministrator": 1}
    assert await administrators(account) == 1


async def test_everybody_leaves_at_once_and_the_last_one_may(account: CustomerAccount) -> None:
    everybody = await joined(account, 20, Role.ADMINISTRATOR)

    async def leave(number: int) -> str:
        return await outcome(access.remove(everybody[number], Actor(everybody[number].user_id)))

    got = Counter(await at_once(leave, 20))

    assert got == {"done": 20}, "one after the other, and nobody is left without"
    assert await administrators(account) == 0


async def test_who_waits_is_answered_by_exactly_one_of_many(account: CustomerAccount) -> None:
    anna, *others = await joined(account, 4, Role.ADMINISTRATOR)
    await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
    waiting = await Membership.admit(await a_user("cecilia@example.com"), account)

    async def answer(number: int) -> bool:
        verb = access.approve if number % 2 else access.deny
        return await verb(waiting, Actor([anna, *others][number % 4].user_id))

    assert sum(await at_once(answer, 40)) == 1
    answers = await Event.filter(kind__in=("membership.approved", "membership.denied"))
    assert len(answers) == 1
    assert await Membership.exists(id=waiting.id) is (answers[0].kind == "membership.approved")
    assert await administrators(account) == 4


async def test_who_is_promoted_and_removed_at_once_is_counted_right(
    account: CustomerAccount,
) -> None:
    (anna,) = await joined(account, 1, Role.ADMINISTRATOR)
    (bo,) = await joined(account, 1, Role.MEMBER)

    async def act(number: int) -> bool:
        verb = (access.promote, access.demote, access.remove)[number % 3]
        return await verb(bo, Actor(anna.user_id))

    await at_once(act)

    assert not await Membership.exists(id=bo.id)
    assert await administrators(account) == 1
    assert await Event.filter(kind="membership.removed").count() == 1


async def test_who_is_removed_and_claims_at_once_is_in_or_out_but_counted_right(
    account: CustomerAccount,
) -> None:
    (anna,) = await joined(account, 1, Role.ADMINISTRATOR)
    bo = await a_user("bo@example.com")
    membership = await Membership.admit(bo, account)

    async def act(number: int) -> None:
        if number % 2:
            _ = await Membership.admit(bo, account)
        elif current := await Membership.get_or_none(user_id=bo.id):
            await access.remove(current, Actor(anna.user_id))

    await at_once(act)

    assert await Membership.filter(user_id=bo.id).count() <= 1
    assert membership.role is Role.MEMBER
    assert await administrators(account) == 1


async def test_who_claims_and_leaves_at_once_where_there_is_no_administrator_is_counted_right(
    account: CustomerAccount,
) -> None:
    (anna,) = await joined(account, 1, Role.ADMINISTRATOR)
    bo = await a_user("bo@example.com")
    membership = await Membership.admit(bo, account)
    assert await anna.remove()

    async def act(number: int) -> None:
        if number % 2:
            _ = await Membership.admit(bo, account)
        else:
            current = await Membership.get_or_none(user_id=bo.id)
            await outcome(access.remove(current or membership, Actor(bo.id)))

    await at_once(act)

    assert await administrators(account) == await Membership.filter(user_id=bo.id).count()


async def test_the_only_one_leaves_while_others_claim_and_one_becomes_administrator(
    account: CustomerAccount,
) -> None:
    (anna,) = await joined(account, 1, Role.ADMINISTRATOR)
    users = [await a_user(f"new{n}@example.com") for n in range(20)]

    async def act(number: int) -> None:
        if number == 10:
            await outcome(access.remove(anna, Actor(anna.user_id)))
        else:
            _ = await Membership.admit(users[number], account)

    await at_once(act, 20)

    assert await administrators(account) == 1


async def test_an_invitation_is_sent_again_or_revoked_but_not_both(
    account: CustomerAccount,
) -> None:
    operator = Actor(operator="test")
    invitation = await Invitation.send(account, "elin@example.com", Role.MEMBER, operator)

    async def act(number: int) -> bool:
        if number % 2:
            return await invitation.revoke(operator)
        return await invitation.send_again(operator)

    got = await at_once(act, 20)

    assert sum(got[1::2]) == 1
    assert not await Invitation.exists()
    links = EmailLink.filter(purpose=Purpose.INVITATION, replaced_at=None)
    assert [link.is_open for link in await links] == [False], "the newest one is dead too"


async def invited(account: CustomerAccount, email: str) -> tuple[Invitation, EmailLink]:
    invitation = await Invitation.send(account, email, Role.MEMBER, Actor(operator="test"))
    return invitation, await EmailLink.get(invitation_id=invitation.id, replaced_at=None)


async def test_an_invitation_is_accepted_once_however_many_tabs(account: CustomerAccount) -> None:
    elin = await a_user("elin@example.com")
    invitation, link = await invited(account, elin.email)

    got = await at_once(lambda _: invitation.accept(elin, link))

    assert sum(membership is not None for membership in got) == 1
    assert await Membership.filter(user_id=elin.id).count() == 1
    assert await Event.filter(kind="invitation.accepted").count() == 1


async def test_an_invitation_is_accepted_declined_or_revoked_but_one_of_them(
    account: CustomerAccount,
) -> None:
    elin = await a_user("elin@example.com")
    invitation, link = await invited(account, elin.email)

    async def act(number: int) -> str:
        match number % 3:
            case 0:
                return "accepted" if await invitation.accept(elin, link) else ""
            case 1:
                return "revoked" if await invitation.revoke(Actor(operator="test")) else ""
        return "declined" if await invitation.decline(link) else ""

    (got,) = filter(None, await at_once(act))

    assert await Membership.exists(user_id=elin.id) is (got == "accepted")
    assert await Event.exists(kind=f"invitation.{got}")
    assert await Event.filter(kind__startswith="invitation.").count() == 2, "with the sending"


async def test_one_user_accepts_two_invitations_at_once(account: CustomerAccount) -> None:
    elin = await a_user("elin@example.com")
    other = await an_account("100300", "4435027711", "Andra AB")
    both = [await invited(account, elin.email), await invited(other, elin.email)]

    async def accept(number: int) -> Membership | None:
        invitation, link = both[number % 2]
        return await invitation.accept(elin, link)

    got = await at_once(accept, 20)

    assert sum(membership is not None for membership in got) == 2
    assert await Membership.filter(user_id=elin.id).count() == 2


async def test_an_invitation_makes_its_user_once_or_is_revoked(account: CustomerAccount) -> None:
    invitation, link = await invited(account, "elin@example.com")
    token = await Registration.accept(invitation, link)
    registration = await Registration.find(token)
    assert registration
    registration.given_name, registration.family_name = "Elin", "Ek"

    async def act(number: int) -> str:
        if number % 2:
            return "revoked" if await invitation.revoke(Actor(operator="test")) else ""
        return await create(registration)

    got = Counter(await at_once(act))

    assert got["session"] + got["revoked"] == 1
    made = await User.filter(email="elin@example.com").count()
    assert made == await Membership.all().count() == await Session.all().count() == got["session"]


@pytest.mark.parametrize("first", ["accepts", "registers"])
async def test_one_of_many_browsers_answers_for_an_address_nobody_had_confirmed(
    first: str, account: CustomerAccount
) -> None:
    """Its user says yes, and others make user accounts of their own, by the same link."""
    stranger = await a_user("elin@example.com")
    invitation, link = await invited(account, stranger.email)
    begun = []
    for _ in range(10):
        registration = await Registration.find(await Registration.accept(invitation, link))
        assert registration
        registration.given_name, registration.family_name = "Elin", "Ek"
        begun.append(registration)

    async def act(number: int) -> str:
        if number % 2 == (first == "registers"):
            return "accepted" if await invitation.accept(stranger, link) else ""
        return await create(begun[number // 2])

    got = Counter(await at_once(act, 20))

    assert got["accepted"] + got["session"] == 1
    (membership,) = await Membership.all().prefetch_related("user")
    assert membership.user.email_key == "elin@example.com"
    assert (membership.user_id == stranger.id) is (got["accepted"] == 1)
    assert await User.all().count() == 1 + got["session"]
    assert await Session.all().count() == got["session"]


async def test_a_customer_account_invites_as_many_as_may_be(
    account: CustomerAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    (anna,) = await joined(account, 1, Role.ADMINISTRATOR)
    monkeypatch.setattr(limits, "INVITATIONS", await refusing(limits.INVITATIONS))

    async def invite(number: int) -> str:
        try:
            _ = await Invitation.send(
                account, f"elin{number}@example.com", Role.MEMBER, Actor(anna.user_id)
            )
        except TooMany as error:
            return error.limit.name
        return "sent"

    assert Counter(await at_once(invite, 20))["sent"] == 7
    assert await Invitation.all().count() == 7
    assert await OutgoingMail.filter(kind="invitation").count() == 7


async def test_a_removal_counts_once_and_the_next_claim_is_the_first_again(
    account: CustomerAccount,
) -> None:
    anna, bo = await a_user(), await a_user("bo@example.com")
    membership = await Membership.admit(anna, account)

    assert sum(await at_once(lambda _: membership.remove())) == 1
    assert (await CustomerAccount.get(id=account.id)).active_administrators == 0
    assert (await Membership.admit(bo, account)).role is Role.ADMINISTRATOR


async def test_the_count_of_administrators_is_right_after_much_coming_and_going(
    account: CustomerAccount,
) -> None:
    users = [await a_user(f"user{n}@example.com") for n in range(20)]

    async def come_and_go(number: int) -> None:
        for _ in range(3):
            membership = await Membership.admit(users[number], account)
            await membership.remove()
        _ = await Membership.admit(users[number], account)

    await at_once(come_and_go, 20)

    administrators = await Membership.filter(role=Role.ADMINISTRATOR).count()
    assert (await CustomerAccount.get(id=account.id)).active_administrators == administrators == 1


async def a_registration(account: CustomerAccount, email: str = "anna@example.com") -> Registration:
    token = await Registration.start()
    registration = await Registration.find(token)
    assert registration
    assert await registration.claim("100200", "3378", Client(address="198.51.100.1"))
    await registration.keep_details("Anna", "Andersson", "", email)
    found = await Registration.find(token)
    assert found
    return found


async def create(registration: Registration) -> str:
    try:
        return "session" if await registration.create_user("hash", Client()) else ""
    except (AlreadyFinished, EmailInUse, NotInvited) as error:
        return type(error).__name__


async def test_a_registration_makes_its_user_once(account: CustomerAccount) -> None:
    registration = await a_registration(account)

    got = Counter(await at_once(lambda _: create(registration)))

    assert got == {"session": 1, "AlreadyFinished": AT_ONCE - 1}
    assert await User.all().count() == await Session.all().count() == 1
    assert await OutgoingMail.filter(kind="welcome").count() == 1


async def test_a_registration_makes_one_user_whatever_addresses_its_tabs_send(
    account: CustomerAccount,
) -> None:
    first = await a_registration(account)
    tabs = [await Registration.get(id=first.id) for _ in range(AT_ONCE)]
    for number, tab in enumerate(tabs):
        await tab.fetch_related("customer_account", "user")
        tab.email = f"tab{number}@example.com"

    got = Counter(await at_once(lambda n: create(tabs[n])))

    assert got == {"session": 1, "AlreadyFinished": AT_ONCE - 1}
    assert await User.all().count() == await Membership.all().count() == 1


async def test_an_address_belongs_to_the_first_of_many_registrations(
    account: CustomerAccount,
) -> None:
    registrations = [
        await a_registration(account, "Anna@Example.com" if n % 2 else "anna@example.com")
        for n in range(AT_ONCE)
    ]

    got = Counter(await at_once(lambda n: create(registrations[n])))

    assert got == {"session": 1, "EmailInUse": AT_ONCE - 1}
    assert await User.all().count() == await Membership.all().count() == 1


async def test_of_many_registrations_exactly_one_makes_the_administrator(
    account: CustomerAccount,
) -> None:
    registrations = [await a_registration(account, f"user{n}@example.com") for n in range(AT_ONCE)]

    assert await at_once(lambda n: create(registrations[n])) == ["session"] * AT_ONCE
    assert await Membership.filter(role=Role.ADMINISTRATOR).count() == 1


async def test_a_claim_is_linked_at_one_login_only(account: CustomerAccount) -> None:
    anna = await a_user()
    registration = await a_registration(account)
    await registration.link_at_login()
    found = await Registration.get(id=registration.id).prefetch_related("customer_account")

    linked = await at_once(lambda _: found.link_to(anna))
    assert sum(membership is not None for membership in linked) == 1
    assert await Membership.all().count() == 1


async def test_a_mail_is_sent_by_one_of_many_workers(db: None) -> None:
    for number in range(12):
        _ = await OutgoingMail.write("alarm", OutgoingMail.OPERATOR, subject=str(number), text="")

    async def work(_: int) -> list[int]:
        taken: list[int] = []
        while mails := await OutgoingMail.take(5):
            taken += [mail.id for mail in mails]
        return taken

    sent = Counter(mail for taken in await at_once(work, 20) for mail in taken)

    assert set(sent.values()) == {1}
    left = await OutgoingMail.take(12)
    assert len(sent) + len(left) == 12


async def test_a_dead_workers_mail_is_taken_over_by_one(db: None, time: Clock) -> None:
    _ = await OutgoingMail.write("alarm", OutgoingMail.OPERATOR, subject="", text="")
    assert await OutgoingMail.take(1)
    time.forward(minutes=2)

    assert sum([len(mails) for mails in await at_once(lambda _: OutgoingMail.take(1))]) == 1


async def an_account_of_two(time: Clock) -> CustomerAccount:
    """Anna, its administrator, and Bo."""
    account = await an_account()
    for email in ("anna@example.com", "bo@example.com"):
        user = await a_user(email, email_confirmed_at=time.now())
        _ = await Membership.admit(user, account)
    return account


async def test_a_review_is_asked_for_by_one_of_many_workers(db: None, time: Clock) -> None:
    account = await an_account_of_two(time)
    time.forward(days=365)

    asked = await at_once(lambda _: review.ask_due(), 20)

    assert sum(asked) == 1
    assert await OutgoingMail.filter(kind="review").count() == 1
    due_at = (await CustomerAccount.get(id=account.id)).review_due_at
    assert due_at == time.now() + CustomerAccount.REVIEWED_EVERY


async def test_of_an_unanswered_wish_one_of_many_workers_tells(db: None, time: Clock) -> None:
    account = await an_account_of_two(time)
    await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
    _ = await Membership.admit(await a_user("cecilia@example.com"), account)
    time.forward(days=14)

    assert sum(await at_once(lambda _: waiting.tell_service(), 20)) == 1
    assert await OutgoingMail.filter(kind="awaiting_too_long").count() == 1


async def test_a_list_is_confirmed_once_however_often_it_is_clicked(db: None, time: Clock) -> None:
    account = await an_account_of_two(time)
    anna = await User.get(email="anna@example.com")
    version = (await review.access_to(account.id)).version

    async def confirm(_: int) -> int:
        by = Actor(anna.id)
        return await review.confirm(account.id, by, version=version, memberships=[], invitations=[])

    assert await at_once(confirm, 20) == [0] * 20
    assert await Event.filter(kind="review.confirmed").count() == 1


async def test_administrators_who_review_each_other_away_leave_one(db: None, time: Clock) -> None:
    account = await an_account_of_two(time)
    anna, bo = await Membership.all().order_by("id")
    assert await access.promote(bo, Actor(anna.user_id))
    both = [(anna, bo), (bo, anna)]
    version = (await review.access_to(account.id)).version

    async def confirm(number: int) -> int | str:
        by, other = both[number % 2]
        try:
            return await review.confirm(
                account.id,
                Actor(by.user_id),
                version=version,
                memberships=[other.id],
                invitations=[],
            )
        except (review.Changed, NotAdministrator) as error:
            return type(error).__name__

    assert (await at_once(confirm, 20)).count(1) == 1
    assert await Membership.all().count() == 1
    assert (await CustomerAccount.get(id=account.id)).active_administrators == 1


# The same with processes of their own, on a file as in production.


def in_a_process(database_url: str, results: multiprocessing.SimpleQueue[list[object]]) -> None:
    async def main() -> None:
        keys.use(SETTINGS.secret_keys, SETTINGS.pepper)
        async with TortoiseContext() as context:
            await context.init(config=databases.config(database_url))
            await databases.connect()
            anna = await User.get(email_key="anna@example.com")
            account = await CustomerAccount.get(customer_number="100200")
            (mine,) = await User.filter(two_factor=TwoFactor.SKIPPED, phone="").limit(1)
            link = await EmailLink.get(user_id=anna.id)
            spent = await at_once(lambda _: limits.spend(limits.CLAIM_HOURLY.of("x")), 10)
            used = await at_once(lambda _: link.consume(), 5)
            admitted = await at_once(lambda _: Membership.admit(mine, account), 3)
            mails = await at_once(lambda _: OutgoingMail.take(2), 5)
            results.put(
                [
                    sum(not attempt.refused for attempt in spent),
                    sum(used),
                    len({membership.id for membership in admitted}),
                    sum([mail.kind == "test" for taken in mails for mail in taken]),
                ]
            )

    asyncio.run(main())


async def test_several_processes_share_one_count(tmp_path: Path) -> None:
    async with fresh_database(tmp_path, **PATIENT) as url, opened(url):
        account = await an_account()
        anna = await a_user()
        await EmailLink.issue(Purpose.CONFIRM_EMAIL, email=anna.email, user_id=anna.id)
        for _ in range(6):
            mail = await OutgoingMail.write("test", "")
            long_ago = datetime(2020, 1, 1, tzinfo=UTC)
            await OutgoingMail.filter(id=mail.id).update(not_before=long_ago)
        context = multiprocessing.get_context("spawn")
        results = context.SimpleQueue()
        workers = [
            context.Process(target=in_a_process, args=(url, results), daemon=True) for _ in range(4)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            await asyncio.to_thread(worker.join, 100)
        assert [worker.exitcode for worker in workers] == [0] * 4
        got = [results.get() for _ in workers]
        spent, used, _, mails = (sum(column) for column in zip(*got, strict=True))

        assert (spent, used) == (10, 1)
        assert mails <= 6
        assert await OutgoingMail.filter(kind="test", attempts__gt=1).count() == 0
        assert await Membership.filter(customer_account_id=account.id).count() == 1
        assert (await CustomerAccount.get(id=account.id)).active_administrators == 1
