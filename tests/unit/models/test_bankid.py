"""BankID in the models: how long an identification goes on, who may use it, and whose BankID it is.

The rules stand at a still clock; each that counts is then tried by many at the same moment.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from models import (
    BankIDFlow,
    BankIDIdentity,
    CustomerAccount,
    EmailLink,
    Event,
    Membership,
    Registration,
    Session,
    TwoFactor,
    User,
    bankid_flow,
    clock,
    keys,
    limits,
    operating,
    tokens,
)
from models.bankid_flow import (
    CANCELLED,
    OUTSTANDING,
    REPLACED,
    TOO_LATE,
    Intent,
    Order,
    Progress,
    budgets,
)
from models.bankid_identity import Person, Taken
from models.client import Client
from models.databases import PATIENCE
from models.email_link import Purpose
from models.identity import How
from models.registration import AlreadyFinished
from models.session import Identity, resume
from tests.unit.conftest import Clock, a_user
from tests.unit.tables import cells
from web.bankid import client as http

pytestmark = pytest.mark.anyio
AT_ONCE = 30
T = TypeVar("T")
HERE = Client("198.51.100.7", "a browser", "d" * 43)
ANNA = Person("199001012385", "Anna", "Andersson")
BERTIL = Person("198507142399", "Bertil", "Björk")
ORDER = Order("the-order-ref", "the-start-token", "the-qr-token", "the-qr-secret")
NONCE = "n" * 43


async def at_once(work: Callable[[int], Awaitable[T]], count: int = AT_ONCE) -> list[T]:
    """What each of them got. A deadlock, a time-out or any other exception fails the test."""
    return await asyncio.gather(*(work(number) for number in range(count)))


async def begun(replacing: str = "", nonce: str = "") -> tuple[BankIDFlow, str]:
    """A login that BankID has an order for, and the token in the browser's cookie."""
    flow, token, _ = await BankIDFlow.begin(
        Intent.LOGIN, HERE, replacing=replacing, is_same_device=bool(nonce)
    )
    assert await flow.keep_order(ORDER, nonce)
    return flow, token


async def proven(nonce: str = "") -> BankIDFlow:
    flow, _ = await begun(nonce=nonce)
    assert await flow.prove(ANNA, "low")
    return flow


async def again(flow: BankIDFlow) -> BankIDFlow:
    """As another request, tab or process reads it."""
    return await BankIDFlow.get(id=flow.id)


async def many(flow: BankIDFlow, count: int = AT_ONCE) -> list[BankIDFlow]:
    """As so many requests have read it, before any of them goes on."""
    return [await again(flow) for _ in range(count)]


async def signed_in(user: User, how: How = How.PASSWORD) -> Identity:
    identity = await resume(await Session.start(user, how, HERE))
    assert identity
    return identity


async def linked(user: User, person: Person = ANNA) -> BankIDIdentity:
    await BankIDIdentity.add(user.id, person, clock.now())
    return await BankIDIdentity.get(user_id=user.id)


# Whose an identification is


async def test_it_is_found_by_its_own_browser_only(db: None, time: Clock) -> None:
    flow, token = await begun()

    assert await BankIDFlow.find(flow.public_id, token) == flow
    for other in ("", tokens.new(), flow.token_hash, flow.public_id):
        assert await BankIDFlow.find(flow.public_id, other) is None
    assert await BankIDFlow.find("", token) is None


async def test_a_token_serves_no_second_one(db: None, time: Clock) -> None:
    first, token = await begun()
    second, newer, replaced = await BankIDFlow.begin(
        Intent.LOGIN, HERE, replacing=token, is_same_device=False
    )

    assert replaced == [ORDER], "the phone is told that nobody waits for it"
    assert await BankIDFlow.find(first.public_id, token) is None, "who planted the cookie"
    ended = await BankIDFlow.find(first.public_id, newer)
    assert ended
    assert (ended.status, ended.hint, ended.order) == (Progress.FAILED, REPLACED, None)
    assert await BankIDFlow.find(second.public_id, newer)


async def test_what_was_proven_but_not_used_ends_with_the_next_one(db: None, time: Clock) -> None:
    flow, token = await begun()
    assert await flow.prove(ANNA, "low")

    _, _, replaced = await BankIDFlow.begin(
        Intent.LOGIN, HERE, replacing=token, is_same_device=False
    )

    assert replaced == [], "BankID knows no such order any more"
    assert await (await again(flow)).use() is None


async def test_it_goes_on_only_for_the_session_that_began_it_or_for_nobody_yet(
    db: None, time: Clock
) -> None:
    identity, other = await signed_in(await a_user()), await signed_in(await a_user("bo@x.se"))
    for intent in Intent:
        by = identity if intent.is_of_user else None
        flow, _, _ = await BankIDFlow.begin(
            intent, HERE, replacing="", identity=by, is_same_device=False
        )
        for asks in (identity, other, None):
            assert flow.is_of(asks) is (asks is by)


async def test_a_login_that_is_used_leads_on_whoever_is_signed_in(db: None, time: Clock) -> None:
    flow = await proven()
    assert await flow.use()
    identity = await signed_in(await a_user())
    assert (await again(flow)).is_of(identity)


async def test_it_goes_with_the_session(db: None, time: Clock) -> None:
    anna = await a_user()
    identity = await signed_in(anna)
    _ = await BankIDFlow.begin(
        Intent.LINK, HERE, replacing="", identity=identity, is_same_device=False
    )

    await Session.end_all(anna.id)

    assert await BankIDFlow.all().count() == 0


async def test_whoever_reads_the_database_learns_nothing(db: None, time: Clock) -> None:
    flow, token = await begun(nonce=NONCE)
    stored = await cells()
    for secret in (token, NONCE, *ORDER.__dict__.values()):
        assert not secret or secret not in stored
    assert flow.order == ORDER

    assert await flow.prove(ANNA, "low")
    _ = await linked(await a_user(given_name="Bo", family_name="Ek"))
    stored = await cells()
    assert ANNA.personal_number not in stored
    assert ORDER.order_ref not in stored
    assert ANNA.personal_number not in repr(ANNA)


async def test_a_persons_key_is_no_hash_that_can_be_guessed(db: None) -> None:
    assert ANNA.key != BERTIL.key
    assert ANNA.key not in (tokens.hashed(ANNA.personal_number), ANNA.personal_number)
    assert ANNA.key == Person(ANNA.personal_number, "Anna", "Nytt Namn").key, "names change"


async def test_one_rows_person_is_of_no_use_in_another_row(db: None) -> None:
    anna, bo = await a_user(), await a_user("bo@example.com")
    own, other = await linked(anna), await linked(bo, BERTIL)
    await BankIDIdentity.filter(id=own.id).update(person_encrypted=other.person_encrypted)

    with pytest.raises(keys.Tampered):
        _ = (await BankIDIdentity.get(id=own.id)).person


# How long it goes on


async def test_bankid_is_asked_every_two_seconds(db: None, time: Clock) -> None:
    flow, _ = await begun()
    assert not await flow.takes_turn(), "just begun"
    for _ in range(3):
        time.forward(seconds=1)
        assert not await (await again(flow)).takes_turn()
        time.forward(seconds=1)
        turn = await again(flow)
        assert await turn.takes_turn()
        await turn.goes_on("userSign")
    assert (await again(flow)).hint == "userSign"


async def test_the_order_ages_by_whole_seconds(db: None, time: Clock) -> None:
    flow, _ = await begun()
    assert (flow.hint, flow.order_age) == (OUTSTANDING, 0)
    time.time += timedelta(seconds=5, milliseconds=999)
    assert (await again(flow)).order_age == 5


async def test_nobody_asks_while_another_request_does(db: None, time: Clock) -> None:
    flow, _ = await begun()
    time.forward(seconds=2)
    assert await (await again(flow)).takes_turn()

    time.time += BankIDFlow.LEASE - timedelta(seconds=1)
    assert not await (await again(flow)).takes_turn()
    time.forward(seconds=1)
    assert await (await again(flow)).takes_turn(), "whoever asked has died"


def test_who_asks_is_never_overtaken_however_slow_bankid_is() -> None:
    """The slowest: the order has run out, and the new one takes two attempts."""
    slowest = 3 * http._DEADLINE + http._RETRY_AFTER + 2 * PATIENCE
    assert timedelta(seconds=slowest) < BankIDFlow.LEASE


@pytest.mark.parametrize("answer", ["goes_on", "misses", "ends"])
async def test_who_was_overtaken_undoes_nothing(db: None, time: Clock, answer: str) -> None:
    flow, _ = await begun()
    time.forward(seconds=2)
    slow = await again(flow)
    assert await slow.takes_turn()
    time.time += BankIDFlow.LEASE
    quick = await again(flow)
    assert await quick.takes_turn()
    assert await quick.prove(ANNA, "low")

    # BankID gives a final answer once: the slow one is told that there is no such order.
    await (slow.misses() if answer == "misses" else getattr(slow, answer)("error.x"))

    assert await (await again(flow)).use() == ANNA


async def test_who_was_overtaken_brings_nothing_back(db: None, time: Clock) -> None:
    flow, _ = await begun()
    slow = await again(flow)
    assert await flow.fail(CANCELLED)

    await slow.goes_on("userSign")
    await slow.misses()
    assert not await slow.keep_order(ORDER, "")
    assert not await slow.prove(ANNA, "low")

    ended = await again(flow)
    assert (ended.status, ended.hint) == (Progress.FAILED, CANCELLED)
    assert ended.order_encrypted is ended.person_encrypted is None
    assert slow.status is Progress.FAILED, "the slow one says so, too"


@pytest.mark.parametrize("hint", ["userSign", ""])
async def test_it_ends_after_eight_minutes_whatever_bankid_says(
    db: None, time: Clock, hint: str
) -> None:
    flow, _ = await begun()
    time.forward(minutes=7, seconds=59)
    await (flow.goes_on(hint) if hint else flow.misses())
    assert (await again(flow)).status is Progress.PENDING
    time.forward(seconds=1)
    await (flow.goes_on(hint) if hint else flow.misses())

    ended = await again(flow)
    expected = TOO_LATE if hint else "error.network"
    assert (ended.status, ended.hint, ended.order) == (Progress.FAILED, expected, None)


async def test_an_order_that_nobody_started_is_renewed_five_times(db: None, time: Clock) -> None:
    flow, _ = await begun()
    for number in range(1, 6):
        time.forward(seconds=10)
        assert flow.may_renew
        assert await flow.keep_order(ORDER, "")
        assert flow.renewals == number
        assert flow.order_age == 0
    assert not flow.may_renew


async def test_or_for_a_hundred_and_fifty_seconds(db: None, time: Clock) -> None:
    flow, _ = await begun()
    time.forward(seconds=149)
    assert flow.may_renew
    time.forward(seconds=1)
    assert not flow.may_renew


# What is proven


async def test_it_is_used_once(db: None, time: Clock) -> None:
    flow = await proven()

    assert await (await again(flow)).use() == ANNA
    assert await (await again(flow)).use() is None
    assert await flow.use() is None, "as it was read before"
    stored = await again(flow)
    assert stored.used_at == time.now()
    assert stored.person_encrypted is stored.order_encrypted is None


async def test_it_is_used_within_three_minutes(db: None, time: Clock) -> None:
    flow, late = await proven(), await proven()
    time.forward(minutes=2, seconds=59)
    assert await flow.use() == ANNA
    time.forward(seconds=1)
    assert await late.use() is None


async def test_nothing_is_used_that_nobody_has_proven(db: None, time: Clock) -> None:
    flow, _ = await begun()
    assert await flow.use() is None
    await flow.goes_on("userSign")
    assert await (await again(flow)).use() is None


async def test_what_has_failed_is_never_used(db: None, time: Clock) -> None:
    flow = await proven()
    before = await again(flow)
    assert await flow.fail(CANCELLED)

    assert await before.use() is None
    assert await (await again(flow)).use() is None
    assert (await again(flow)).person_encrypted is None


async def test_what_was_used_fails_no_more(db: None, time: Clock) -> None:
    flow = await proven()
    assert await flow.use()
    assert not await (await again(flow)).fail(CANCELLED)
    assert (await again(flow)).status is Progress.COMPLETE


async def test_whoever_must_come_back_comes_back_first(db: None, time: Clock) -> None:
    flow = await proven(NONCE)
    before = await again(flow)
    for nonce in ("", "x" * 43, flow.nonce_hash):
        assert not await (await again(flow)).returns(nonce)
    assert not flow.is_complete
    assert await flow.use() is None

    assert await (await again(flow)).returns(NONCE)
    assert not await (await again(flow)).returns(NONCE), "the nonce is used up"
    assert await before.use() is None, "as it was read before"
    assert await (await again(flow)).use() == ANNA


async def test_a_new_order_has_a_new_way_back(db: None, time: Clock) -> None:
    flow, _ = await begun(nonce=NONCE)
    assert await flow.keep_order(ORDER, "m" * 43)
    assert not await (await again(flow)).returns(NONCE)
    assert await (await again(flow)).returns("m" * 43)


async def test_an_order_that_nobody_follows_is_erased(db: None, time: Clock) -> None:
    flow, _ = await begun()
    time.time += BankIDFlow.LONGEST - timedelta(seconds=1)
    assert await BankIDFlow.forget_persons() == 0
    time.forward(seconds=1)
    assert await BankIDFlow.forget_persons() == 1
    assert (await again(flow)).order_encrypted is None


async def test_nobodys_person_is_kept_longer_than_it_is_good_for(db: None, time: Clock) -> None:
    flow, begun_here = await proven(), await Registration.find(await Registration.start())
    assert begun_here
    await begun_here.identify(ANNA)
    time.time += BankIDFlow.GOOD_FOR
    assert await BankIDFlow.forget_persons() == 1
    assert (await again(flow)).person_encrypted is None

    assert await Registration.forget_persons() == 0
    time.time += Registration.PERSON_LIFETIME - BankIDFlow.GOOD_FOR
    assert begun_here.person is None
    assert await Registration.forget_persons() == 1
    begun_here = await Registration.get(id=begun_here.id)
    assert begun_here.person_encrypted is None
    assert begun_here.is_by_bankid, "its page asks for BankID again"


# What is spent


@pytest.mark.parametrize(
    ("limit", "same", "over"),
    [
        (
            limits.BANKID_BY_ADDRESS,
            lambda n: Client(HERE.address, "", str(n)),
            timedelta(minutes=5),
        ),
        (limits.BANKID_BY_BROWSER, lambda n: Client(f"192.0.2.{n}", "", "d"), timedelta(hours=1)),
    ],
)
async def test_so_many_are_begun_and_no_more(
    db: None,
    time: Clock,
    limit: limits.Limit,
    same: Callable[[int], Client],
    over: timedelta,
) -> None:
    most = {limits.BANKID_BY_ADDRESS: 10, limits.BANKID_BY_BROWSER: 20}[limit]

    async def start(number: int) -> bool:
        return (await limits.spend(*budgets(same(number)))).refused

    assert Counter(await at_once(start, 40)) == {False: most, True: 40 - most}
    assert not (await limits.spend(*budgets(Client("203.0.113.9", "", "other")))).refused

    await limits.give_back(*budgets(same(1)))
    if limit is limits.BANKID_BY_ADDRESS:  # of the browser nothing was left to give back for others
        assert Counter(await at_once(start, 5)) == {False: 1, True: 4}
    time.time += over
    assert not await start(1)


# Whose BankID it is


async def test_a_person_has_one_user_and_a_user_one_person(db: None) -> None:
    anna, bo = await a_user(), await a_user("bo@example.com")
    _ = await linked(anna)

    for user, person in ((bo, ANNA), (anna, BERTIL), (anna, ANNA)):
        with pytest.raises(Taken):
            await BankIDIdentity.add(user.id, person, clock.now())
    found = await BankIDIdentity.of_person(ANNA)
    assert found
    assert found.user == anna
    assert await BankIDIdentity.of_person(BERTIL) is None


async def test_nothing_is_linked_by_a_session_that_has_ended(db: None) -> None:
    anna = await a_user()
    identity = await signed_in(anna)
    await Session.end_all(anna.id)

    assert not await BankIDIdentity.link(identity, ANNA)
    assert await BankIDIdentity.of_user(anna.id) is None


async def test_nor_by_somebody_who_was_frozen_a_moment_before(db: None, time: Clock) -> None:
    anna = await a_user()
    identity = await signed_in(anna)
    await User.filter(id=anna.id).update(frozen_at=time.now())

    assert not await BankIDIdentity.link(identity, ANNA)


async def test_unlinking_erases_the_person_and_ends_the_other_sessions(db: None) -> None:
    anna = await a_user()
    identity, other = await signed_in(anna, How.BANKID), await signed_in(anna)
    assert await BankIDIdentity.link(identity, BERTIL)

    token = await BankIDIdentity.unlink(identity)

    assert token
    here = await resume(token)
    assert here
    assert (here.session_id, here.how) == (identity.session_id, How.PASSWORD)
    assert not await Session.exists(id=other.session_id)
    stored = await cells()
    for left in (BERTIL.key, BERTIL.name, BERTIL.family_name, BERTIL.personal_number):
        assert left not in stored


async def test_whoever_has_no_password_keeps_their_bankid(db: None) -> None:
    anna = await a_user()
    _ = await linked(anna)
    identity = await signed_in(anna, How.BANKID)
    await User.filter(id=anna.id).update(password_hash="")

    assert await BankIDIdentity.unlink(identity) is None
    assert await BankIDIdentity.of_user(anna.id)


async def test_who_is_let_in_is_as_before_unless_frozen(db: None, time: Clock) -> None:
    anna = await a_user()
    bankid = await linked(anna)

    assert await bankid.let_in() == (anna, False)

    same = await User.get(id=anna.id)
    assert (same.password_hash, same.password_changed_at) == (
        anna.password_hash,
        anna.password_changed_at,
    )
    assert (await BankIDIdentity.get(id=bankid.id)).last_used_at == time.now()


async def test_bankid_thaws_and_the_password_is_gone(db: None, time: Clock) -> None:
    anna = await a_user()
    bankid = await linked(anna)
    time.forward(days=8)
    assert await operating.freeze(anna, "Kim")
    link, _ = await EmailLink.issue(Purpose.RESET_PASSWORD, email=anna.email, user_id=anna.id)

    let_in = await bankid.let_in()

    assert let_in
    user, was_frozen = let_in
    assert was_frozen
    assert user.is_passwordless
    assert user.frozen_at is None
    assert not (await EmailLink.get(id=link.id)).is_open
    assert await Event.exists(kind="user.unfrozen_by_bankid", user_id=anna.id)
    assert await Session.start(user, How.BANKID, HERE)
    assert await Session.exists(user_id=anna.id), "the session stands on what was let in"


async def test_a_bankid_of_late_goes_with_the_freezing(db: None, time: Clock) -> None:
    late, old = await a_user("late@example.com"), await a_user("old@example.com")
    time.forward(hours=1)
    _ = await linked(old, BERTIL)
    time.time += BankIDIdentity.NEW_FOR
    registered = await a_user("registered@example.com", created_at=time.now())
    _ = await linked(registered)
    _ = await linked(late, Person("197202292384", "Cecilia", "Öberg"))
    time.forward(days=6)

    for user in (registered, late, old):
        assert await operating.freeze(user, "Kim")

    assert await BankIDIdentity.of_user(registered.id)
    assert not await BankIDIdentity.of_user(late.id)
    assert await BankIDIdentity.of_user(old.id)
    assert await Event.filter(kind="bankid.unlinked").count() == 1


async def test_only_the_same_person_confirms(db: None, time: Clock) -> None:
    anna, bo = await a_user(), await a_user("bo@example.com")
    own, other = await linked(anna), await linked(bo, BERTIL)
    identity = await signed_in(anna)
    time.forward(hours=1)

    assert await own.confirms(identity, BERTIL) is None
    assert await other.confirms(identity, BERTIL) is None
    token = await own.confirms(identity, ANNA)
    assert token
    now = await resume(token)
    assert now
    assert (now.is_recent, now.how) == (True, How.BANKID)
    assert await own.confirms(identity, ANNA) is None, "its token was replaced a moment before"


# Many at once


async def test_of_many_at_once_one_asks_bankid(db: None, time: Clock) -> None:
    flow, _ = await begun()
    for _ in range(3):
        time.time += BankIDFlow.LEASE
        turns = [tab.takes_turn() for tab in await many(flow)]
        assert sum(await asyncio.gather(*turns)) == 1


async def test_of_many_at_once_one_uses_it(db: None, time: Clock) -> None:
    tabs = await many(await proven())

    used = await at_once(lambda number: tabs[number].use())

    assert Counter(used) == {None: AT_ONCE - 1, ANNA: 1}


async def test_of_many_at_once_one_ends_it(db: None, time: Clock) -> None:
    tabs = await many(await proven())

    ended = await at_once(lambda number: tabs[number].fail(CANCELLED))

    assert sum(ended) == 1


async def test_it_is_used_or_it_has_failed_never_both(db: None, time: Clock) -> None:
    for turn in range(5):
        flow = await proven()
        tabs = await many(flow, 20)

        async def act(number: int, turn: int = turn, tabs: list[BankIDFlow] = tabs) -> bool:
            if number % 2 == turn % 2:
                return await tabs[number].use() is not None
            return await tabs[number].fail(bankid_flow.OTHER_BROWSER)

        assert sum(await at_once(act, 20)) == 1
        left = await again(flow)
        assert (left.used_at is None) == (left.status is Progress.FAILED)
        assert left.person_encrypted is None


async def test_it_is_proven_or_it_was_cancelled_never_both(db: None, time: Clock) -> None:
    for _ in range(5):
        flow, _ = await begun()
        tabs = await many(flow, 20)

        async def act(number: int, tabs: list[BankIDFlow] = tabs) -> bool:
            return await (tabs[number].prove(ANNA, "") if number % 2 else tabs[number].fail("x"))

        _ = await at_once(act, 20)
        assert (await again(flow)).status is Progress.FAILED, "whichever came first, it was ended"
        assert await (await again(flow)).use() is None


async def test_one_way_back_is_taken_once_by_many(db: None, time: Clock) -> None:
    flow = await proven(NONCE)
    tabs = await many(flow)
    _ = await at_once(lambda number: tabs[number].returns(NONCE))

    tabs = await many(flow)
    used = await at_once(lambda number: tabs[number].use())

    assert Counter(used)[ANNA] == 1


async def test_many_begun_at_once_in_one_browser_have_each_a_token(db: None, time: Clock) -> None:
    flow, token = await begun()

    async def start(_: int) -> str:
        return (await begun(replacing=token))[1]

    assert len(set(await at_once(start))) == AT_ONCE
    assert (await again(flow)).hint == REPLACED
    assert await BankIDFlow.find(flow.public_id, token) is None


async def test_of_many_users_one_gets_the_persons_bankid(db: None) -> None:
    identities = [await signed_in(await a_user(f"a{n}@example.com")) for n in range(AT_ONCE)]

    async def link(number: int) -> str:
        try:
            return str(await BankIDIdentity.link(identities[number], ANNA))
        except Taken:
            return "taken"

    assert Counter(await at_once(link)) == {"True": 1, "taken": AT_ONCE - 1}
    assert await BankIDIdentity.all().count() == 1
    assert await Event.filter(kind="bankid.linked").count() == 1, "the others left nothing behind"


async def test_of_two_users_and_two_persons_each_has_one(db: None) -> None:
    users = [await signed_in(await a_user(email)) for email in ("a@x.se", "b@x.se")]

    async def link(number: int) -> bool:
        try:
            return await BankIDIdentity.link(users[number % 2], (ANNA, BERTIL)[number // 2 % 2])
        except Taken:
            return False

    assert sum(await at_once(link, 20)) == await BankIDIdentity.all().count() == 2
    assert len({found.user_id for found in await BankIDIdentity.all()}) == 2


async def test_of_many_at_once_one_unlinks(db: None) -> None:
    anna = await a_user()
    _ = await linked(anna)
    identity = await signed_in(anna)

    tokens_ = await at_once(lambda _: BankIDIdentity.unlink(identity))

    (token,) = [token for token in tokens_ if token]
    assert await resume(token)
    assert await Event.filter(kind="bankid.unlinked").count() == 1


async def test_who_logs_in_while_it_is_unlinked_is_logged_out_or_never_in(
    db: None, time: Clock
) -> None:
    anna = await a_user()
    bankid, identity = await linked(anna), await signed_in(anna)

    async def act(number: int) -> None:
        if number == 7:
            assert await BankIDIdentity.unlink(identity)
        elif let_in := await bankid.let_in():
            _ = await Session.start(let_in[0], How.BANKID, HERE)

    _ = await at_once(act, 20)

    assert await bankid.let_in() is None


async def test_of_many_who_register_with_one_bankid_one_has_a_user(
    account: CustomerAccount, time: Clock
) -> None:
    registrations = []
    for number in range(20):
        registration = await Registration.find(await Registration.start())
        assert registration
        await registration.identify(ANNA)
        await registration.keep_details("Anna", "Andersson", "", f"anna{number}@example.com")
        await Registration.filter(id=registration.id).update(customer_account_id=account.id)
        found = await Registration.get(id=registration.id).prefetch_related("customer_account")
        registrations.append(found)

    async def create(number: int) -> str:
        try:
            return await registrations[number].create_user("", HERE)
        except Taken:
            return "taken"

    made = await at_once(create, 20)

    assert Counter(made)["taken"] == 19
    (user,) = await User.all()
    assert (user.is_passwordless, user.two_factor) == (True, TwoFactor.SKIPPED)
    assert await Membership.all().count() == 1
    assert await Session.all().count() == 1
    assert ANNA.personal_number not in await cells()


async def test_one_registration_sent_many_times_makes_one_user(
    account: CustomerAccount, time: Clock
) -> None:
    registration = await Registration.find(await Registration.start())
    assert registration
    await registration.identify(ANNA)
    await registration.keep_details("Anna", "Andersson", "", "anna@example.com")
    await Registration.filter(id=registration.id).update(customer_account_id=account.id)
    copies = [
        await Registration.get(id=registration.id).prefetch_related("customer_account")
        for _ in range(20)
    ]

    async def create(number: int) -> str:
        try:
            return await copies[number].create_user("", HERE)
        except AlreadyFinished:
            return "finished"

    assert Counter(await at_once(create, 20))["finished"] == 19
    assert await User.all().count() == await BankIDIdentity.all().count() == 1
    left = await Registration.get(id=registration.id)
    assert left.person_encrypted is None
