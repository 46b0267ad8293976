"""Inloggningsuppgifter: two-factor on and off, new recovery codes, and who one is once more."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from models import (
    CustomerAccount,
    EmailLink,
    Event,
    Membership,
    OutgoingMail,
    RecoveryCode,
    Session,
    Totp,
    TwoFactor,
    User,
)
from models import two_factor as rules
from models.client import Client
from models.email_link import Purpose
from models.identity import How
from models.session import Identity, resume
from models.totp import State
from tests.unit.conftest import PASSWORD, Clock, Outbox, Visitor, a_user, code
from tests.unit.page import Page

pytestmark = pytest.mark.anyio
CREDENTIALS = "/mina-uppgifter/inloggningsuppgifter"
DEACTIVATE = f"{CREDENTIALS}/inaktivera"
NEW_CODES = "/mina-uppgifter/aterstallningskoder/nya"
SAVED = "/mina-uppgifter/aterstallningskoder"
CLIENT = Client(address="203.0.113.1", user_agent="", device="")


@pytest.fixture
async def anna(time: Clock, account: CustomerAccount) -> User:
    """With the password only."""
    user = await a_user()
    _ = await Membership.admit(user, account)
    await user.confirm_email()
    return await User.get(id=user.id)


@pytest.fixture
async def secret(anna: User, time: Clock) -> str:
    """Anna has an app; this is its secret."""
    pending = await Totp.pending(anna)
    assert (await pending.activate(anna, code(pending.secret))).is_right
    assert await RecoveryCode.saved(anna, await RecoveryCode.shown_id(anna.id))
    time.forward(minutes=5)
    return pending.secret


async def signed_in(visitor: Visitor, secret: str, time: Clock) -> None:
    time.forward(seconds=30)
    await visitor.log_in()
    page = await visitor.submit("/logga-in/kod", code=code(secret))
    assert page.path == "/kund/100200"
    time.forward(seconds=30)


def codes_on(page: Page) -> list[str]:
    return re.findall(r"\b\d{4} \d{4} \d{4} \d{4}\b", page.text)


# Slå på


async def test_no_login_with_the_password_only_outlives_the_moment_two_factor_is_turned_on(
    anna: User,
) -> None:
    checked = await User.get(id=anna.id)  # as a login does before it makes the hash
    assert await resume(await Session.start(checked, How.PASSWORD, CLIENT))
    pending = await Totp.pending(anna)
    assert (await pending.activate(anna, code(pending.secret))).is_right

    assert await resume(await Session.start(checked, How.PASSWORD, CLIENT)) is None
    after = await User.get(id=anna.id)
    assert await resume(await Session.start(after, How.PASSWORD_AND_CODE, CLIENT))


async def test_slå_på_ends_the_sessions_that_only_the_password_began(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, time: Clock
) -> None:
    elsewhere = new_visitor()
    await elsewhere.log_in()
    await visitor.log_in()
    secret = (await visitor.visit(CREDENTIALS)).texts("code")[0]

    page = await visitor.submit(CREDENTIALS, code=code(secret))

    assert "Tvåfaktorsautentisering är på." in page.response.text
    assert len(codes_on(page)) == 10
    assert (await elsewhere.visit(CREDENTIALS)).path == "/logga-in"
    assert (await visitor.visit(CREDENTIALS)).status == 200


async def test_steg_4_ends_them_too_however_late_it_is_answered(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, time: Clock
) -> None:
    _ = await User.filter(id=anna.id).update(two_factor=TwoFactor.UNANSWERED)
    elsewhere = new_visitor()
    await elsewhere.log_in()
    await visitor.log_in()
    secret = (await visitor.visit("/registrera/steg-4")).texts("code")[0]

    page = await visitor.submit("/registrera/steg-4", code=code(secret))

    assert page.path == "/registrera/klart"
    assert (await elsewhere.visit("/mina-uppgifter")).path == "/logga-in"


async def test_a_renewed_apps_row_ends_with_its_date(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    page = await visitor.visit(CREDENTIALS)
    assert "anna%40example.com%202026-03-02?" in page.links["Öppna i autentiseringsappen"]

    await User.filter(id=anna.id).update(two_factor=TwoFactor.UNANSWERED)
    page = await visitor.visit("/registrera/steg-4")
    assert "anna%40example.com?" in page.links["Öppna i autentiseringsappen"]


async def test_a_secret_that_somebody_may_have_seen_is_not_kept_for_long(
    anna: User, time: Clock
) -> None:
    first = (await Totp.pending(anna)).secret
    time.forward(hours=23)
    assert (await Totp.pending(anna)).secret == first
    time.forward(hours=1)
    second = (await Totp.pending(anna)).secret
    assert second != first

    time.forward(minutes=1)
    await User.filter(id=anna.id).update(password_changed_at=time.now())
    assert (await Totp.pending(await User.get(id=anna.id))).secret != second
    assert await Totp.all().count() == 1


async def test_the_secret_that_a_thief_has_noted_is_not_the_one_that_is_turned_on(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User
) -> None:
    thief = new_visitor()
    await thief.log_in()
    await visitor.log_in()
    secrets = [await shown_secret(them) for them in (thief, visitor, thief, visitor)]
    assert secrets[:2] == secrets[2:]
    assert secrets[0] != secrets[1]

    page = await visitor.submit(CREDENTIALS, code=code(secrets[1]))
    assert "Tvåfaktorsautentisering är på." in page.response.text
    assert (await Totp.get(user_id=anna.id)).secret == secrets[1]
    assert not (await Totp.accepts(anna.id, code(secrets[0]))).is_right


async def shown_secret(visitor: Visitor) -> str:
    link = (await visitor.visit(CREDENTIALS)).links["Öppna i autentiseringsappen"]
    return parse_qs(urlsplit(link).query)["secret"][0]


async def test_no_app_is_added_by_a_session_that_was_ended_meanwhile(anna: User) -> None:
    identity = await resume(await Session.start(anna, How.PASSWORD, CLIENT))
    assert identity
    pending = await Totp.pending(anna)
    await Session.end_all(anna.id)

    answer = await pending.activate(anna, code(pending.secret), rules.turning_on(identity))

    assert not answer.is_right
    assert (await User.get(id=anna.id)).two_factor is TwoFactor.SKIPPED
    assert not await RecoveryCode.exists()


# Inaktivera


async def test_inaktivera_takes_password_and_code_and_ends_all_else(
    visitor: Visitor,
    new_visitor: Callable[[], Visitor],
    anna: User,
    secret: str,
    outbox: Outbox,
    time: Clock,
) -> None:
    elsewhere = new_visitor()
    await signed_in(elsewhere, secret, time)
    await signed_in(visitor, secret, time)
    link, _ = await EmailLink.issue(Purpose.RESET_PASSWORD, email=anna.email, user_id=anna.id)
    token = visitor.client.cookies["__Host-session"]
    page = await visitor.visit(CREDENTIALS)
    page = await visitor.visit(page.links["Inaktivera"])
    assert page.heading == "Vill du inaktivera tvåfaktorsautentisering?"

    page = await visitor.submit(DEACTIVATE, password=PASSWORD, code=code(secret))

    assert page.path == CREDENTIALS
    assert "Tvåfaktorsautentisering är inaktiverad." in page.response.text
    assert visitor.client.cookies["__Host-session"] != token
    assert (await elsewhere.visit(CREDENTIALS)).path == "/logga-in"
    assert (await EmailLink.get(id=link.id)).voided_at
    assert not await RecoveryCode.exists()
    assert not await Totp.exists(state=State.ACTIVE)
    assert (await outbox.to(anna.email))[-1]["Subject"] == "Tvåfaktorsautentisering är inaktiverad"
    assert await Event.filter(kind="two_factor.off", user_id=anna.id).count() == 1
    assert (await new_visitor().log_in()).path == "/kund/100200", "the password is enough"

    again = (await visitor.visit(CREDENTIALS)).texts("code")[0]
    assert again != secret
    page = await visitor.submit(CREDENTIALS, code=code(again))
    assert "På sedan" in page.text


@pytest.mark.parametrize(
    ("password", "typed", "sentence"),
    [
        ("", "123456", "Ange ditt lösenord."),
        (PASSWORD, "", "Ange engångskoden från din autentiseringsapp."),
        (PASSWORD, "12 34", "Skriv de sex siffrorna från appen, eller en återställningskod."),
        ("fel", "000000", "Lösenordet stämmer inte."),
        (PASSWORD, "000000", "Koden stämmer inte. Vänta på nästa kod i appen och försök igen."),
    ],
)
@pytest.mark.parametrize("path", [DEACTIVATE, "/bekrafta-dig"])
async def test_what_is_not_both_factors_gets_its_sentence(
    visitor: Visitor,
    anna: User,
    secret: str,
    time: Clock,
    path: str,
    password: str,
    typed: str,
    sentence: str,
) -> None:
    await signed_in(visitor, secret, time)

    page = await visitor.submit(path, password=password, code=typed)

    assert page.status == 422
    assert sentence in page.alert
    assert (page.value("password"), page.value("code")) == (None, None)
    assert (await User.get(id=anna.id)).has_two_factor


@pytest.mark.parametrize("path", [DEACTIVATE, "/bekrafta-dig"])
async def test_a_wrong_password_uses_no_code_up(
    visitor: Visitor, anna: User, secret: str, time: Clock, path: str
) -> None:
    await signed_in(visitor, secret, time)
    shown = code(secret)
    assert (await visitor.submit(path, password="fel", code=shown)).status == 422
    page = await visitor.submit(path, password=PASSWORD, code=shown)
    assert page.status == 200

    if path == "/bekrafta-dig":
        page = await visitor.submit(path, password=PASSWORD, code=shown)
        assert "Koden är redan använd. Vänta på nästa kod i appen." in page.alert


async def test_a_session_alone_turns_nothing_off_however_often_it_guesses(
    visitor: Visitor, anna: User, secret: str, time: Clock
) -> None:
    await signed_in(visitor, secret, time)
    for _ in range(10):
        await visitor.submit(DEACTIVATE, password="gissat", code=code(secret))
    page = await visitor.submit(DEACTIVATE, password=PASSWORD, code=code(secret))
    assert "Du har försökt för många gånger." in page.alert

    time.forward(minutes=5)
    for _ in range(5):
        await visitor.submit(DEACTIVATE, password=PASSWORD, code="000000")
    page = await visitor.submit(DEACTIVATE, password=PASSWORD, code=code(secret))
    assert "Du har försökt för många gånger." in page.alert
    assert (await User.get(id=anna.id)).has_two_factor


async def test_a_recovery_code_turns_it_off_too(
    visitor: Visitor, anna: User, secret: str, time: Clock
) -> None:
    await signed_in(visitor, secret, time)
    await visitor.submit(NEW_CODES)
    page = await visitor.visit(CREDENTIALS)
    (first, *_) = codes_on(page)
    await save(visitor, page)

    await visitor.submit(DEACTIVATE, password=PASSWORD, code=first)

    assert not (await User.get(id=anna.id)).has_two_factor


async def test_where_it_is_off_there_is_nothing_to_turn_off(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    assert (await visitor.visit(DEACTIVATE)).path == CREDENTIALS
    page = await visitor.submit(DEACTIVATE, password=PASSWORD, code="123456")
    assert page.path == CREDENTIALS
    assert not await OutgoingMail.exists(kind="two_factor_off")


async def test_turned_off_by_one_of_many_at_once_and_never_by_an_ended_session(
    anna: User, secret: str
) -> None:
    user = await User.get(id=anna.id)
    identities = [
        await resume(await Session.start(user, How.PASSWORD_AND_CODE, CLIENT)) for _ in range(20)
    ]
    user = await User.get(id=anna.id)

    ended = identities.pop()
    assert ended
    await Session.filter(id=ended.session_id).delete()
    assert await rules.turn_off(ended, user) is None
    assert (await User.get(id=anna.id)).has_two_factor

    tokens = await asyncio.gather(*(rules.turn_off(i, user) for i in identities if i))

    assert sum(token is not None for token in tokens) == 1
    assert await Session.filter(user_id=anna.id).count() == 1
    assert await OutgoingMail.filter(kind="two_factor_off").count() == 1


# New recovery codes


async def save(visitor: Visitor, page: Page) -> Page:
    """'Jag har sparat koderna' on this page."""
    return await visitor.submit(
        SAVED, batch=page.value("batch") or "", at=page.value("at") or "registration:done"
    )


async def test_new_codes_replace_the_old_ones_when_they_are_said_to_be_saved(
    visitor: Visitor, anna: User, secret: str, outbox: Outbox, time: Clock
) -> None:
    old = await self_made_codes(anna)
    await signed_in(visitor, secret, time)
    page = await visitor.visit(CREDENTIALS)
    assert "10 återställningskoder kvar" in page.text
    assert "Skapa nya återställningskoder" in page.buttons

    page = await visitor.submit(NEW_CODES)
    new = codes_on(page)
    assert len(set(new)) == 10
    assert "Till dess gäller de gamla." in page.text
    assert codes_on(await visitor.submit(NEW_CODES)) == new, "those that were written down"
    assert (await Totp.accepts(anna.id, old[0])).is_right
    assert not (await Totp.accepts(anna.id, new[0])).is_right
    assert not await OutgoingMail.exists(kind="recovery_codes_renewed")

    done = await save(visitor, page)
    assert done.path == CREDENTIALS
    assert "Bra! Koderna visas inte igen." in done.response.text
    assert not codes_on(done)
    assert "Bra!" in (await save(visitor, page)).response.text, "a double click"
    assert not (await Totp.accepts(anna.id, old[1])).is_right
    assert (await Totp.accepts(anna.id, new[0])).is_right
    assert await RecoveryCode.left(anna.id) == 9
    told = [str(notice["Subject"]) for notice in await outbox.to(anna.email)]
    assert told[-2:] == ["Du har fått nya återställningskoder", "En återställningskod är använd"]
    assert await OutgoingMail.filter(kind="recovery_codes_renewed").count() == 1
    assert await Event.filter(kind="recovery_codes.renewed", user_id=anna.id).count() == 1


async def self_made_codes(user: User) -> list[str]:
    await RecoveryCode.renew(user.id)
    codes = await RecoveryCode.shown(user.id)
    assert await RecoveryCode.saved(user, await RecoveryCode.shown_id(user.id))
    return codes


async def test_new_codes_that_nobody_saved_are_gone_after_an_hour(
    visitor: Visitor, anna: User, secret: str, time: Clock
) -> None:
    old = await self_made_codes(anna)
    await signed_in(visitor, secret, time)
    page = await visitor.submit(NEW_CODES)
    time.forward(minutes=60)
    late = await save(visitor, page)
    assert "De nya koderna gäller inte" in late.response.text

    assert await RecoveryCode.forget_shown() == 10
    assert await RecoveryCode.filter(user_id=anna.id).count() == 10
    assert "De nya koderna gäller inte" in (await save(visitor, page)).response.text
    assert (await Totp.accepts(anna.id, old[0])).is_right


async def test_another_tabs_newer_codes_are_not_put_in_use_by_an_older_page(
    visitor: Visitor, anna: User, secret: str, time: Clock
) -> None:
    await signed_in(visitor, secret, time)
    old_page = await visitor.submit(NEW_CODES)
    time.forward(hours=1)
    await visitor.submit("/bekrafta-dig", password=PASSWORD, code=code(secret))
    newer = codes_on(await visitor.submit(NEW_CODES))
    assert newer

    await save(visitor, old_page)

    assert codes_on(await visitor.visit(CREDENTIALS)) == newer, "they still wait"


@pytest.mark.parametrize("codes", ["", "0", "x", "9" * 30, "-1"])
async def test_what_is_no_set_of_codes_saves_nothing(
    visitor: Visitor, anna: User, secret: str, time: Clock, codes: str
) -> None:
    await signed_in(visitor, secret, time)
    await visitor.submit(NEW_CODES)
    page = await visitor.submit(SAVED, batch=codes, at="//evil.example")
    assert page.path == CREDENTIALS
    assert await RecoveryCode.filter(user_id=anna.id, pending=True).count() == 10


async def test_few_codes_left_are_said(
    visitor: Visitor, anna: User, secret: str, time: Clock
) -> None:
    await signed_in(visitor, secret, time)
    for left, sentence in ((4, ""), (3, "snart slut"), (1, "snart slut"), (0, "är slut")):
        ids = [c.id for c in await RecoveryCode.filter(user_id=anna.id)][: 10 - left]
        await RecoveryCode.filter(id__in=ids).update(used_at=time.now())
        page = await visitor.visit(CREDENTIALS)
        number = "1 återställningskod kvar" if left == 1 else f"{left} återställningskoder kvar"
        assert number in page.text
        assert ("Dina återställningskoder" in page.text) is bool(sentence)
        assert sentence in page.text


async def test_a_session_alone_neither_makes_nor_reads_codes(
    visitor: Visitor, anna: User, secret: str, time: Clock
) -> None:
    await signed_in(visitor, secret, time)
    await visitor.submit(NEW_CODES)
    time.forward(minutes=11)

    for path in (CREDENTIALS, "/registrera/klart", f"{SAVED}.txt"):
        page = await visitor.visit(path)
        assert page.path == "/bekrafta-dig"
        assert not codes_on(page)
    page = await visitor.submit(NEW_CODES)
    assert page.path == "/bekrafta-dig"
    page = await visitor.submit(
        "/bekrafta-dig", password=PASSWORD, code=code(secret), next=page.value("next") or ""
    )
    assert page.path == CREDENTIALS
    assert len(codes_on(page)) == 10


async def test_many_at_once_make_ten_codes_and_one_replacement(anna: User, secret: str) -> None:
    await asyncio.gather(*(RecoveryCode.propose(anna.id) for _ in range(30)))
    assert await RecoveryCode.filter(user_id=anna.id, pending=True).count() == 10

    shown_id = await RecoveryCode.shown_id(anna.id)
    saved = await asyncio.gather(*(RecoveryCode.saved(anna, shown_id) for _ in range(30)))

    assert all(saved)
    assert await RecoveryCode.filter(user_id=anna.id).count() == 10
    assert await RecoveryCode.left(anna.id) == 10
    assert await OutgoingMail.filter(kind="recovery_codes_renewed").count() == 1


async def test_nobody_makes_codes_without_an_app_or_while_frozen(anna: User, secret: str) -> None:
    for change in ({"frozen_at": anna.created_at}, {"two_factor": TwoFactor.SKIPPED}):
        await User.filter(id=anna.id).update(**change)
        await RecoveryCode.propose(anna.id)
        assert not await RecoveryCode.exists(pending=True)
        await User.filter(id=anna.id).update(frozen_at=None)


# Bekräfta att det är du


async def test_the_code_is_asked_for_too_where_two_factor_is_on(
    visitor: Visitor, anna: User, secret: str, time: Clock
) -> None:
    await signed_in(visitor, secret, time)
    time.forward(minutes=11)
    page = await visitor.submit(NEW_CODES)
    assert page.path == "/bekrafta-dig"
    assert page.has_field("code")
    signed = page.value("next") or ""

    assert (await visitor.submit("/bekrafta-dig", password=PASSWORD, next=signed)).status == 422
    assert not (await session_of(visitor)).is_recent
    page = await visitor.submit("/bekrafta-dig", password=PASSWORD, code=code(secret), next=signed)
    assert page.path == CREDENTIALS
    assert (await session_of(visitor)).is_recent


async def test_without_two_factor_the_password_is_enough(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    assert not (await visitor.visit("/bekrafta-dig")).has_field("code")
    assert (await visitor.submit("/bekrafta-dig", password=PASSWORD)).path == "/kund/100200"


async def session_of(visitor: Visitor) -> Identity:
    identity = await resume(visitor.client.cookies["__Host-session"])
    assert identity
    return identity


# Codes


@pytest.mark.parametrize("drift", [-30, 0, 30])
async def test_a_code_of_the_step_before_or_after_logs_one_of_many_in(
    new_visitor: Callable[[], Visitor], anna: User, secret: str, time: Clock, drift: int
) -> None:
    time.forward(minutes=1)
    visitors = [new_visitor() for _ in range(5)]
    for one in visitors:
        await one.log_in()
    shown = code(secret, seconds=drift)

    answers = await asyncio.gather(*(one.post("/logga-in/kod", code=shown) for one in visitors))

    assert Counter(answer.status_code for answer in answers) == {303: 1, 422: 4}
    assert await Session.filter(user_id=anna.id).count() == 1


async def test_each_change_of_two_factor_is_told_by_mail(
    visitor: Visitor, anna: User, outbox: Outbox, time: Clock
) -> None:
    await visitor.log_in()
    secret = (await visitor.visit(CREDENTIALS)).texts("code")[0]
    await visitor.submit(CREDENTIALS, code=code(secret))
    time.forward(seconds=30)
    await visitor.submit(DEACTIVATE, password=PASSWORD, code=code(secret))

    on, off = (await outbox.to(anna.email))[-2:]
    assert on["Subject"] == "Tvåfaktorsautentisering är på"
    assert off["Subject"] == "Tvåfaktorsautentisering är inaktiverad"
    page = await visitor.visit(await outbox.link(anna.email))
    assert page.heading == "Var det inte du?"
