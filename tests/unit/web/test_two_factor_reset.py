"""Återställ tvåfaktorsautentisering: password and mailed link, and neither of them alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from starlette.applications import Starlette

from models import (
    CustomerAccount,
    EmailLink,
    Event,
    LoginChallenge,
    Membership,
    OutgoingMail,
    RecoveryCode,
    Session,
    Spent,
    Totp,
    TwoFactor,
    User,
    clock,
    password_reset,
    two_factor_reset,
)
from models.databases import atomic
from models.email_link import Purpose
from models.notice import tell
from models.totp import Answer, State, Verdict
from tests.unit.conftest import PASSWORD, Clock, Outbox, Visitor, a_user, an_account, code, plain
from tests.unit.page import Page

pytestmark = pytest.mark.anyio
ASK, NEW_APP = "/aterstall-tvafaktor", "/aterstall-tvafaktor/ny"
GIVE_PASSWORD, CREDENTIALS = f"{ASK}/losenord", "/mina-uppgifter/inloggningsuppgifter"
DONE = "Tvåfaktorsautentiseringen är återställd. Ta bort den gamla raden i autentiseringsappen."
TOO_LATE = "Inloggningen tog för lång tid."
VOID = "eftersom du har loggat in, eller uppgifterna har ändrats"


@pytest.fixture
async def anna(time: Clock, account: CustomerAccount) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    await user.confirm_email()
    return await User.get(id=user.id)


@pytest.fixture
async def old(anna: User, time: Clock) -> str:
    """The secret of the app on the phone that Anna lost."""
    pending = await Totp.pending(anna)
    assert (await pending.activate(anna, code(pending.secret))).is_right
    assert await RecoveryCode.saved(anna, await RecoveryCode.shown_id(anna.id))
    time.forward(minutes=5)
    return pending.secret


async def asked(visitor: Visitor, outbox: Outbox) -> str:
    """The link, asked for in this browser."""
    page = await visitor.log_in()
    assert page.path == "/logga-in/kod"
    page = await visitor.visit(page.links["Återställ tvåfaktorsautentisering"])
    assert (page.path, page.heading) == (ASK, "Återställ tvåfaktorsautentisering")
    page = await visitor.submit(ASK)
    assert page.path == f"{ASK}/skickat"
    return await newest_link(outbox)


async def newest_link(outbox: Outbox) -> str:
    """Delivered just now."""
    mail = await OutgoingMail.filter(kind="reset_two_factor").order_by("-id").first()
    assert mail
    _ = await EmailLink.filter(id=mail.link_id, sent_at=None).update(sent_at=clock.now())
    (path,) = re.findall(
        r"/aterstall-tvafaktor/\S+", plain(outbox.app.state.composer.compose(mail))
    )
    return str(path)


def secret_on(page: Page) -> str:
    assert page.path == NEW_APP, page.text
    return page.texts("code")[0]


# The way as it is meant


async def test_password_and_link_lead_to_a_new_app_and_the_old_one_works_till_then(
    visitor: Visitor,
    new_visitor: Callable[[], Visitor],
    anna: User,
    old: str,
    outbox: Outbox,
    time: Clock,
) -> None:
    elsewhere = new_visitor()
    await elsewhere.log_in()
    await elsewhere.submit("/logga-in/kod", code=code(old))
    time.forward(minutes=1)
    path = await asked(visitor, outbox)
    page = await visitor.visit(f"{ASK}/skickat")
    assert page.heading == "Titta i din e-post"
    assert "anna@example.com" in page.text
    assert "30 minuter" in page.text
    (mail,) = (m for m in await outbox.to(anna.email) if "Återställ" in m["Subject"])
    assert "Då kan någon ha ditt lösenord. Byt lösenord nu." in plain(mail)
    assert "Exempelbygg" not in plain(mail)

    page = await visitor.visit(path)
    assert page.response.headers["cache-control"] == "no-store"
    new = secret_on(page)
    assert new != old
    assert secret_on(await visitor.visit(path)) == new, "a GET never consumes"
    page = await visitor.submit(NEW_APP, code=code(old))
    assert page.status == 422
    assert "Koden stämmer inte." in page.alert
    assert secret_on(page) == new
    assert (await elsewhere.visit(CREDENTIALS)).status == 200
    totp = await Totp.get(user_id=anna.id, state=State.ACTIVE)
    assert totp.secret == old, "the old one until the new one is verified"
    codes = await RecoveryCode.filter(user_id=anna.id).values_list("code_hash", flat=True)

    time.forward(minutes=20)  # to install an app: the link's cookie is gone, the link lives
    visitor.client.cookies.delete("__Host-link")
    page = await visitor.submit(NEW_APP, code=code(new))

    assert page.path == CREDENTIALS
    assert DONE in page.response.text
    assert len(re.findall(r"\b\d{4} \d{4} \d{4} \d{4}\b", page.text)) == 10
    assert (await elsewhere.visit(CREDENTIALS)).path == "/logga-in"
    assert await Session.filter(user_id=anna.id).count() == 1
    assert await Totp.all().count() == 1
    assert not await RecoveryCode.exists(code_hash__in=codes)
    assert "Länken är redan använd." in (await elsewhere.visit(path)).text
    assert (await outbox.to(anna.email))[-1]["Subject"] == ("Tvåfaktorsautentisering är återställd")
    time.forward(minutes=1)
    await elsewhere.log_in()
    page = await elsewhere.submit("/logga-in/kod", code=code(old))
    assert "Koden stämmer inte." in page.alert
    page = await elsewhere.submit("/logga-in/kod", code=code(new))
    assert page.path == "/kund/100200"


async def test_each_customer_of_the_user_has_it_in_its_events(
    visitor: Visitor, anna: User, old: str, outbox: Outbox
) -> None:
    other = await an_account("100900", "4435027711", "Andra Bolaget AB")
    _ = await Membership.admit(anna, other)
    page = await visitor.visit(await asked(visitor, outbox))
    await visitor.submit(NEW_APP, code=code(secret_on(page)))

    rows = await Event.filter(kind="member.two_factor_reset").prefetch_related("customer_account")
    assert {row.customer_account.customer_number for row in rows if row.customer_account} == {
        "100200",
        "100900",
    }
    assert {(row.user_id, row.at, row.data) == (anna.id, anna.created_at, {}) for row in rows}
    assert await Event.filter(kind="two_factor.reset", user_id=anna.id).count() == 1
    assert await Event.filter(kind="two_factor.reset_asked", user_id=anna.id).count() == 1


async def test_on_another_device_the_password_is_asked_for(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, old: str, outbox: Outbox
) -> None:
    path = await asked(new_visitor(), outbox)

    page = await visitor.visit(path)
    assert page.path == GIVE_PASSWORD
    assert not page.has_field("customer_number")
    page = await visitor.submit(GIVE_PASSWORD, password="")
    assert "Ange ditt lösenord." in page.alert
    page = await visitor.submit(GIVE_PASSWORD, password="fel")
    assert page.status == 422
    assert "Lösenordet stämmer inte." in page.alert
    assert (await visitor.submit(NEW_APP, code="123456")).path == GIVE_PASSWORD
    page = await visitor.submit(GIVE_PASSWORD, password=PASSWORD)
    new = secret_on(page)
    visitor.client.cookies.delete("__Host-link")
    page = await visitor.submit(NEW_APP, code=code(new))
    assert DONE in page.response.text


async def test_two_tabs_and_two_devices_show_one_secret_and_one_of_them_succeeds(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, old: str, outbox: Outbox
) -> None:
    path, phone = await asked(visitor, outbox), new_visitor()
    new = secret_on(await visitor.visit(path))
    await phone.visit(path)
    assert secret_on(await phone.submit(GIVE_PASSWORD, password=PASSWORD)) == new
    assert secret_on(await visitor.visit(NEW_APP)) == new

    assert (await phone.submit(NEW_APP, code=code(new))).path == CREDENTIALS
    page = await visitor.submit(NEW_APP, code=code(new))
    assert page.status == 410
    assert "Länken är redan använd." in page.text
    assert (await phone.submit(NEW_APP, code=code(new))).path == CREDENTIALS, "sent twice"
    assert (await phone.visit(path)).path == CREDENTIALS, "and by the link, for who is signed in"


async def test_a_paused_app_is_replaced_and_works(
    visitor: Visitor, anna: User, old: str, outbox: Outbox, time: Clock
) -> None:
    await Totp.filter(user_id=anna.id).update(paused_at=time.now(), failures=100)
    for _ in range(5):
        await Totp.accepts(anna.id, "000000")
    new = secret_on(await visitor.visit(await asked(visitor, outbox)))
    page = await visitor.submit(NEW_APP, code=code(new))
    assert DONE in page.response.text, "nor do guesses at the old app's codes hold it up"

    time.forward(minutes=5)
    assert (await Totp.accepts(anna.id, code(new))).is_right


async def test_the_half_login_keeps_its_way_for_the_mail_but_not_for_the_code(
    visitor: Visitor, anna: User, old: str, outbox: Outbox, time: Clock
) -> None:
    path = await asked(visitor, outbox)
    time.forward(minutes=20)
    assert (await visitor.visit("/logga-in/kod")).path == "/logga-in"
    assert secret_on(await visitor.visit(path))

    time.forward(hours=1)
    page = await visitor.visit(ASK)
    assert page.path == "/logga-in"
    assert TOO_LATE in page.response.text


# Neither alone


async def test_neither_the_password_nor_the_link_alone_is_enough(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, old: str, outbox: Outbox
) -> None:
    """A thief who asked for the link but reads no mail; another who reads it but lacks the rest."""
    path = await asked(visitor, outbox)
    for page in (await visitor.visit(NEW_APP), await visitor.submit(NEW_APP, code="123456")):
        assert page.status == 410
        assert "Öppna länken i mejlet igen." in page.text
    assert not await Totp.exists(state=State.PENDING), "no secret is made for them"

    reader = new_visitor()
    await reader.visit(path)
    for page in (await reader.visit(NEW_APP), await reader.submit(NEW_APP, code="123456")):
        assert page.path == GIVE_PASSWORD
    for _ in range(10):
        await reader.submit(GIVE_PASSWORD, password="gissat")
    page = await reader.submit(GIVE_PASSWORD, password=PASSWORD)
    assert "Du har försökt för många gånger." in page.alert


async def test_somebody_elses_half_login_does_not_stand_for_the_password(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, old: str, outbox: Outbox
) -> None:
    bo = await a_user("bo@example.com", password="bos eget lösenord")
    await bo.confirm_email()
    pending = await Totp.pending(bo)
    assert (await pending.activate(bo, code(pending.secret))).is_right
    path = await asked(new_visitor(), outbox)
    assert (await visitor.log_in("bo@example.com", "bos eget lösenord")).path == "/logga-in/kod"

    assert (await visitor.visit(path)).path == GIVE_PASSWORD
    page = await visitor.submit(GIVE_PASSWORD, password="bos eget lösenord")
    assert page.status == 422


async def test_the_mailbox_alone_does_not_take_both_factors(
    app: Starlette, visitor: Visitor, anna: User, old: str, outbox: Outbox, time: Clock
) -> None:
    """The link comes a day later, its owner is told at once, its time starts when it is sent."""
    await User.filter(id=anna.id).update(password_reset_at=time.now() - timedelta(hours=71))
    sent = outgoing(app)
    await visitor.log_in()
    page = await visitor.submit(ASK)
    assert page.heading == "Länken skickas 3 mars 2026 kl. 10.05"
    assert "Skicka igen" not in page.buttons
    await app.state.mail_worker.send_due()
    assert "Någon vill återställa tvåfaktorsautentisering" in sent
    assert "Återställ tvåfaktorsautentisering" not in sent

    time.forward(hours=1)
    await visitor.log_in()
    page = await visitor.submit(ASK)
    assert page.heading == "Länken skickas 3 mars 2026 kl. 10.05", "asking again keeps that one"
    assert await EmailLink.filter(purpose=Purpose.RESET_TWO_FACTOR).count() == 1
    assert await OutgoingMail.filter(kind="two_factor_reset_asked").count() == 1

    time.forward(hours=22, minutes=59)
    await app.state.mail_worker.send_due()
    assert "Återställ tvåfaktorsautentisering" not in sent
    time.forward(minutes=1)
    mail = await OutgoingMail.get(kind="reset_two_factor")
    path = await link_of(outbox, mail)
    await app.state.mail_worker.send_due()
    assert "Återställ tvåfaktorsautentisering" in sent
    time.forward(minutes=29)
    assert (await visitor.visit(path)).path == GIVE_PASSWORD
    new = secret_on(await visitor.submit(GIVE_PASSWORD, password=PASSWORD))
    time.forward(minutes=1)
    assert "Länken är för gammal." in (await visitor.visit(path)).text
    time.forward(seconds=-10)
    page = await visitor.submit(NEW_APP, code=code(new))
    assert DONE in page.response.text


def outgoing(app: Starlette) -> list[str]:
    """The subjects of what the worker sends from now on."""
    sent: list[str] = []

    async def send(message: object) -> None:
        sent.append(str(message["Subject"]))  # type: ignore[index]

    app.state.mail_worker.sender = send
    return sent


async def link_of(outbox: Outbox, mail: OutgoingMail) -> str:
    (path,) = re.findall(
        r"/aterstall-tvafaktor/\S+", plain(outbox.app.state.composer.compose(mail))
    )
    return str(path)


@pytest.mark.parametrize(("hours", "delayed"), [(0, True), (71, True), (72, False), (999, False)])
async def test_the_link_is_delayed_for_three_days_after_a_password_set_by_mail(
    anna: User, old: str, time: Clock, hours: int, delayed: bool
) -> None:
    reset_at = time.now() - timedelta(hours=hours)
    await User.filter(id=anna.id).update(password_reset_at=reset_at)
    await two_factor_reset.ask(await User.get(id=anna.id))
    link = await EmailLink.get(purpose=Purpose.RESET_TWO_FACTOR)
    assert link.delayed_until == (time.now() + timedelta(hours=24) if delayed else None)


@pytest.mark.parametrize("how", ["the notice", "a code", "a recovery code", "a new password"])
async def test_a_delayed_link_is_never_sent_once_its_owner_was_there(
    app: Starlette, visitor: Visitor, anna: User, old: str, outbox: Outbox, time: Clock, how: str
) -> None:
    await RecoveryCode.renew(anna.id)
    (recovery_code, *_) = await RecoveryCode.shown(anna.id)
    await User.filter(id=anna.id).update(password_reset_at=time.now())
    await visitor.log_in()
    await visitor.submit(ASK)
    notice = await outbox.link(anna.email)
    time.forward(minutes=1)
    match how:
        case "the notice":
            await visitor.visit(notice)
            await visitor.submit("/det-var-inte-jag")
        case "a new password":
            link, _ = await EmailLink.issue(
                Purpose.RESET_PASSWORD, email=anna.email, user_id=anna.id
            )
            await link.fetch_related("user")
            assert await password_reset.finish(link, "hashed")
        case _:
            typed = code(old) if how == "a code" else recovery_code
            page = await visitor.submit("/logga-in/kod", code=typed)
            assert page.path == "/kund/100200"

    time.forward(hours=24)
    sent = outgoing(app)
    for _ in range(3):
        await app.state.mail_worker.send_due()
    assert "Återställ tvåfaktorsautentisering" not in sent
    assert (await OutgoingMail.get(kind="reset_two_factor")).given_up_at


# An address that was never confirmed


async def test_behind_an_unconfirmed_address_the_claim_is_asked_for_too(
    visitor: Visitor, anna: User, old: str, outbox: Outbox
) -> None:
    await User.filter(id=anna.id).update(email_confirmed_at=None)
    path = await asked(visitor, outbox)

    page = await visitor.visit(path)
    assert page.path == GIVE_PASSWORD
    assert page.has_field("customer_number")
    assert (await visitor.visit(NEW_APP)).path == GIVE_PASSWORD
    claim = {"customer_number": "100200", "organisation_suffix": "3379"}
    page = await visitor.submit(GIVE_PASSWORD, password="fel", **claim)
    assert "Lösenordet stämmer inte." in page.alert
    assert not await Spent.filter(name__startswith="claim:", count__gt=0).exists()
    page = await visitor.submit(GIVE_PASSWORD, password=PASSWORD, **claim)
    assert "Uppgifterna stämmer inte överens." in page.alert
    assert page.value("organisation_suffix") is None
    assert (await visitor.visit(NEW_APP)).path == GIVE_PASSWORD

    claim["organisation_suffix"] = "3378"
    new = secret_on(await visitor.submit(GIVE_PASSWORD, password=PASSWORD, **claim))
    assert secret_on(await visitor.visit(path)) == new
    assert DONE in (await visitor.submit(NEW_APP, code=code(new))).response.text


# Dead links


async def test_each_dead_link_says_why_and_leads_to_the_login(
    visitor: Visitor,
    new_visitor: Callable[[], Visitor],
    anna: User,
    old: str,
    outbox: Outbox,
    time: Clock,
) -> None:
    async def dead(path: str, sentence: str) -> None:
        for one in (visitor, new_visitor()):
            page = await one.visit(path)
            assert page.status == 410
            assert sentence in page.text
            assert page.links["Skicka ny länk"] == "/logga-in"
            for to in (NEW_APP, GIVE_PASSWORD):
                page = await one.submit(to, code="123456", password=PASSWORD)
                assert page.status == 410, "nor does its form"

    first = await asked(visitor, outbox)
    opened = secret_on(await visitor.visit(first))
    await visitor.submit(ASK)
    second = await newest_link(outbox)
    assert (await visitor.submit(NEW_APP, code=code(opened))).status == 410, "newest wins"
    await dead(first, "Det finns en nyare länk. Öppna det senaste mejlet.")
    await dead(f"{second}x", "Länken är inte hel.")
    await dead(f"{ASK}/hittat-pa", "Länken är inte hel.")
    time.forward(minutes=30)
    await dead(second, "Länken är för gammal.")
    assert (await Totp.get(user_id=anna.id, state=State.ACTIVE)).secret == old


@pytest.mark.parametrize("how", ["login", "off", "password", "frozen", "email"])
async def test_what_happens_in_between_kills_the_link_and_an_enrolment_begun_with_it(
    visitor: Visitor,
    new_visitor: Callable[[], Visitor],
    anna: User,
    old: str,
    outbox: Outbox,
    time: Clock,
    how: str,
) -> None:
    path, owner = await asked(visitor, outbox), new_visitor()
    new = secret_on(await visitor.visit(path))
    time.forward(minutes=1)
    if how in ("login", "off"):
        await owner.log_in()
        await owner.submit("/logga-in/kod", code=code(old))
    if how == "off":
        time.forward(seconds=30)
        page = await owner.submit(f"{CREDENTIALS}/inaktivera", password=PASSWORD, code=code(old))
        assert "inaktiverad" in page.response.text
    if how == "password":
        await owner.submit("/glomt-losen", email=anna.email)
        await owner.visit(await outbox.link(anna.email))
        page = await owner.submit("/aterstall-losen", password="tre röda paraplyer")
        assert page.path == "/logga-in"
    if how == "frozen":
        await tell(anna, "password_changed")
        await owner.visit(await outbox.link(anna.email))
        await owner.submit("/det-var-inte-jag")
    if how == "email":
        await User.filter(id=anna.id).update(email="ny@example.com", email_key="ny@example.com")

    page = await visitor.submit(NEW_APP, code=code(new))

    assert page.status == 410
    assert VOID in page.text
    assert (await owner.visit(path)).status in (200, 410)
    user = await User.get(id=anna.id)
    assert user.has_two_factor is (how != "off")
    active = await Totp.get_or_none(user_id=anna.id, state=State.ACTIVE)
    assert (active.secret if active else "") == ("" if how == "off" else old)
    assert not await OutgoingMail.exists(kind="two_factor_reset")


async def test_a_link_opened_while_somebody_else_is_signed_in_names_both(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, old: str, outbox: Outbox
) -> None:
    _ = await a_user("bo@example.com", given_name="Bo", family_name="Bergström")
    path = await asked(new_visitor(), outbox)
    await visitor.log_in("bo@example.com")

    page = await visitor.visit(path)
    assert "Du är inloggad som Bo Bergström, men länken gäller Anna Andersson." in page.text
    for to in (NEW_APP, GIVE_PASSWORD):
        page = await visitor.submit(to, code="123456", password=PASSWORD)
        assert page.heading == "Länken gäller någon annan"
    page = await visitor.submit("/lank/byt-anvandare", to=page.value("to") or "")
    assert page.path == GIVE_PASSWORD
    assert secret_on(await visitor.submit(GIVE_PASSWORD, password=PASSWORD))


# Limits


async def test_the_sixth_link_of_an_hour_is_not_sent_and_nothing_shows(
    visitor: Visitor, anna: User, old: str, outbox: Outbox, time: Clock
) -> None:
    for _ in range(6):  # by strangers: another limit
        await visitor.submit("/glomt-losen", email=anna.email)
    await visitor.log_in()
    for asked in range(6):
        page = await visitor.submit(ASK)
        assert page.heading == "Titta i din e-post"
        assert "Skicka igen" in page.buttons
        assert ("Vi har skickat en ny länk." in page.alert) is (asked > 0)
    assert await OutgoingMail.filter(kind="reset_two_factor").count() == 5
    assert secret_on(await visitor.visit(await newest_link(outbox))), "the fifth works"


async def test_nobody_asks_without_the_password(
    visitor: Visitor, anna: User, old: str, time: Clock
) -> None:
    assert (await visitor.submit(ASK)).path == "/logga-in"
    for change in ({"frozen_at": time.now()}, {"two_factor": TwoFactor.SKIPPED}):
        await User.filter(id=anna.id).update(**change)
        await two_factor_reset.ask(anna)
        await User.filter(id=anna.id).update(frozen_at=None)
    assert not await OutgoingMail.exists(kind="reset_two_factor")


async def test_whose_address_was_taken_over_is_told_to_ring(
    visitor: Visitor, anna: User, old: str
) -> None:
    await visitor.log_in()
    await User.filter(id=anna.id).update(email="")
    for page in (await visitor.visit(ASK), await visitor.submit(ASK)):
        assert "Det finns ingen e-postadress på kontot." in page.text
        assert "Skicka länk" not in page.buttons
    assert not await OutgoingMail.exists(kind="reset_two_factor")


async def test_the_page_after_asking_is_for_who_asked(
    visitor: Visitor, anna: User, old: str
) -> None:
    await visitor.log_in()
    assert (await visitor.visit(f"{ASK}/skickat")).path == ASK


# At once


async def begun(user: User) -> tuple[Totp, list[LoginChallenge], EmailLink]:
    """A pending app, and many browsers that have proven password and link."""
    await two_factor_reset.ask(user)
    link = await two_factor_reset.asked(user)
    assert link
    challenges = []
    for _ in range(20):
        token = await LoginChallenge.start(user, remembered=False, next_path="", link=link)
        challenge = await LoginChallenge.resetting(token)
        assert challenge
        challenges.append(challenge)
    return await Totp.pending(user), challenges, link


async def finished(pending: Totp, challenge: LoginChallenge, link: EmailLink) -> Answer:
    user = await User.get(id=challenge.user_id)
    effect = two_factor_reset.resetting(challenge, link)
    return await pending.activate(user, code(pending.secret), effect)


async def test_many_at_once_reset_it_once(anna: User, old: str) -> None:
    user = await User.get(id=anna.id)
    pending, challenges, link = await begun(user)

    answers = await asyncio.gather(*(finished(pending, one, link) for one in challenges))

    assert sum(answer.is_right for answer in answers) == 1
    assert await Totp.all().count() == 1
    assert await RecoveryCode.filter(user_id=anna.id).count() == 10
    assert await OutgoingMail.filter(kind="two_factor_reset").count() == 1
    assert await LoginChallenge.all().count() == 0


async def test_what_was_decided_a_moment_before_undoes_the_reset(
    anna: User, old: str, time: Clock
) -> None:
    """As when another request came in between: the page has looked, and then it is too late."""
    user = await User.get(id=anna.id)
    pending, (one, ended, *_), link = await begun(user)
    _ = await LoginChallenge.filter(id=ended.id).delete()
    assert not (await finished(pending, ended, link)).is_right, "its browser was logged out"
    time.forward(minutes=1)
    for undone in (
        {"last_login_at": time.now()},
        {"frozen_at": time.now()},
        {"password_changed_at": time.now()},
        {"email": "ny@example.com"},
        {"two_factor": TwoFactor.SKIPPED},
    ):
        read = await User.get(id=anna.id)
        before = {name: getattr(read, name) for name in undone}
        await User.filter(id=anna.id).update(**undone)
        effect = two_factor_reset.resetting(one, link)
        answer = await pending.activate(read, code(pending.secret), effect)
        assert answer.verdict is Verdict.WRONG, undone
        await User.filter(id=anna.id).update(**before)
        await Spent.all().delete()
    _ = await EmailLink.issue(Purpose.RESET_TWO_FACTOR, email=anna.email, user_id=anna.id)
    answer = await finished(pending, one, link)
    assert answer.verdict is Verdict.WRONG, "a newer link"

    totp = await Totp.get(user_id=anna.id, state=State.ACTIVE)
    assert totp.secret == old
    assert await RecoveryCode.filter(user_id=anna.id).count() == 10
    assert not await OutgoingMail.exists(kind="two_factor_reset")
    assert await LoginChallenge.exists(id=one.id), "all or nothing"


async def test_a_code_of_the_old_app_at_the_moment_of_a_reset_logs_nobody_in(
    visitor: Visitor, anna: User, old: str
) -> None:
    await visitor.log_in()
    is_begun = asyncio.Event()

    async def reset() -> None:
        async with atomic():  # as `two_factor_reset.resetting`: first the lock, the logins at last
            await User.lock(anna.id)
            is_begun.set()
            await asyncio.sleep(0.3)
            await Session.end_all(anna.id)

    async def log_in() -> Page:
        await is_begun.wait()
        return await visitor.submit("/logga-in/kod", code=code(old))

    _, page = await asyncio.gather(reset(), log_in())

    assert page.path == "/logga-in"
    assert not await Session.exists()


async def test_all_that_touches_it_at_once_waits_in_one_order(anna: User, old: str) -> None:
    for _ in range(5):
        user = await User.get(id=anna.id)
        pending, (one, *_), link = await begun(user)
        await tell(user, "password_changed")
        notice = await EmailLink.filter(purpose=Purpose.NOT_ME).order_by("-id").first()
        assert notice
        await notice.fetch_related("user")
        await asyncio.gather(
            finished(pending, one, link),
            two_factor_reset.ask(user),
            password_reset.freeze(notice),
            RecoveryCode.propose(user.id),
            RecoveryCode.saved(user, await RecoveryCode.shown_id(user.id)),
            Totp.accepts(user.id, "000000"),
        )
        await User.filter(id=anna.id).update(frozen_at=None)
        await Spent.all().delete()
