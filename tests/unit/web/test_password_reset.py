"""Glömt lösen?: the same for every address, a link that works once, and the notice that undoes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

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
    User,
    login,
    password_change,
    password_reset,
    passwords,
)
from models.client import Client
from models.email_link import Purpose
from models.identity import How
from models.notice import tell
from models.session import authenticated_again, resume
from tests.unit.conftest import PASSWORD, Clock, Outbox, Visitor, a_user, an_account, code, plain
from tests.unit.page import Page

pytestmark = pytest.mark.anyio
NEW = "tre röda paraplyer i hallen"
FORGOTTEN, NEW_PASSWORD = "/glomt-losen", "/aterstall-losen"
CHANGED = "Ditt lösenord är ändrat. Logga in med det nya."


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    await user.confirm_email()
    return user


async def opened(visitor: Visitor, outbox: Outbox, email: str = "anna@example.com") -> Page:
    """The page behind a link that was just asked for."""
    await visitor.submit(FORGOTTEN, email=email)
    return await visitor.visit(await outbox.link(email))


async def test_a_mailed_link_leads_to_a_new_password_and_ends_all_that_the_old_one_began(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, outbox: Outbox
) -> None:
    elsewhere = new_visitor()
    await elsewhere.log_in()
    page = await visitor.visit("/logga-in")
    page = await visitor.visit(page.links["Glömt lösen?"])
    assert page.heading == "Glömt lösen?"

    page = await visitor.submit(FORGOTTEN, email=" Anna@Example.com ")
    assert (page.path, page.heading) == ("/glomt-losen/skickat", "Titta i din e-post")
    assert "Om det finns ett konto för Anna@Example.com" in page.text
    assert "60 minuter" in page.text

    path = await outbox.link("anna@example.com")
    page = await visitor.visit(path)
    assert page.path == NEW_PASSWORD, "the token leaves the URL at once"
    assert page.response.headers["cache-control"] == "no-store"
    page = await visitor.visit(path)
    assert page.heading == "Välj ett nytt lösenord", "a GET never consumes"
    assert not page.has_field("customer_number")
    page = await visitor.submit(NEW_PASSWORD, password=NEW)

    assert page.path == "/logga-in", "nobody is logged in by it"
    assert CHANGED in page.response.text
    assert (await elsewhere.visit("/kund/100200")).path == "/logga-in"
    assert (await visitor.log_in()).status == 422
    assert (await visitor.log_in(password=NEW)).path == "/kund/100200"
    notice = (await outbox.to("anna@example.com"))[-1]
    assert notice["Subject"] == "Ditt lösenord är ändrat"
    assert await Event.filter(kind="password.reset", user_id=anna.id).count() == 1


async def test_an_address_of_nobodys_gets_the_same_answer_and_no_mail(
    app: Starlette, new_visitor: Callable[[], Visitor], anna: User
) -> None:
    answers = []
    for email in ("anna@example.com", "none@example.com"):
        visitor = new_visitor()
        answer = await visitor.post(FORGOTTEN, email=email)
        page = await visitor.visit(answer.headers["location"])
        answers.append(
            (
                answer.status_code,
                sorted(answer.headers),
                sorted(visitor.client.cookies),
                page.response.text.replace(email, ""),
            )
        )
    assert answers[0] == answers[1]

    known, unknown = await OutgoingMail.filter(kind="reset_password").order_by("id")
    assert (known.to, unknown.to) == ("anna@example.com", ""), "a stranger's address is not kept"
    assert await EmailLink.filter(purpose=Purpose.RESET_PASSWORD).count() == 2
    sent: list[str] = []

    async def send(message: object) -> None:
        sent.append(str(message["To"]))  # type: ignore[index]

    worker = app.state.mail_worker
    worker.sender = send
    assert await worker.send_due() >= 2
    assert [to for to in sent if "kontakt" not in to] == ["anna@example.com"]


async def test_no_statement_of_asking_tells_the_two_apart(
    anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import databases

    asked: dict[str, list[str]] = {}
    client = type(databases.connection())
    names = [
        n for n in ("execute_query", "execute_insert", "execute_query_dict") if hasattr(client, n)
    ]

    for email in ("anna@example.com", "none@example.com"):
        seen = asked.setdefault(email, [])
        with monkeypatch.context() as patched:
            for name in names:
                original = getattr(client, name)

                async def noted(self, query, *rest, _original=original, _seen=seen, **more):  # type: ignore[no-untyped-def]
                    _seen.append(query)
                    return await _original(self, query, *rest, **more)

                patched.setattr(client, name, noted)
            await password_reset.ask(email)
    assert asked["anna@example.com"] == asked["none@example.com"]
    assert asked["anna@example.com"]


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ("", "Välj ett lösenord."),
        ("kort lösen", "Lösenordet ska ha minst 12 tecken."),
        ("x" * 129, "Lösenordet får ha högst 128 tecken."),
        ("passwordpassword", "Lösenordet är för lätt att gissa. Välj ett annat."),
        ("vi på exempelbygg här", "Lösenordet är för lätt att gissa. Välj ett annat."),
        (PASSWORD, "Välj ett annat lösenord än det du har."),
    ],
)
async def test_a_bad_new_password_gets_its_sentence_and_the_link_lives_on(
    visitor: Visitor, anna: User, outbox: Outbox, chosen: str, sentence: str
) -> None:
    await opened(visitor, outbox)

    page = await visitor.submit(NEW_PASSWORD, password=chosen)

    assert page.status == 422
    assert sentence in page.alert
    assert page.value("password") is None
    assert (await visitor.submit(NEW_PASSWORD, password=NEW)).path == "/logga-in"


async def test_two_factor_stays_on_and_is_not_passed(
    visitor: Visitor, anna: User, outbox: Outbox, time: Clock
) -> None:
    pending = await Totp.pending(anna)
    secret = pending.secret
    assert (await pending.activate(anna, code(secret))).is_right
    await visitor.log_in()
    assert await LoginChallenge.all().count() == 1
    await opened(visitor, outbox)
    await visitor.submit(NEW_PASSWORD, password=NEW)

    assert await LoginChallenge.all().count() == 0
    page = await visitor.log_in(password=NEW)
    assert page.path == "/logga-in/kod"
    time.forward(seconds=30)
    assert (await visitor.submit("/logga-in/kod", code=code(secret))).path == "/kund/100200"


# An address that was never confirmed


@pytest.fixture
async def mistyped(anna: User) -> User:
    _ = await User.filter(id=anna.id).update(email_confirmed_at=None)
    return anna


async def test_behind_an_unconfirmed_address_the_claim_is_asked_for_too(
    visitor: Visitor, mistyped: User, outbox: Outbox
) -> None:
    page = await opened(visitor, outbox)
    assert page.has_field("customer_number")

    page = await visitor.submit(NEW_PASSWORD, password=NEW)
    assert page.status == 422
    assert "Ange ditt kundnummer." in page.alert
    answer = {"customer_number": "100200", "organisation_suffix": "3379", "password": NEW}
    page = await visitor.submit(NEW_PASSWORD, **answer)
    assert page.status == 422
    assert "Uppgifterna stämmer inte överens." in page.alert
    assert page.value("customer_number") == "100200"
    assert page.value("organisation_suffix") is None, "the four digits are never refilled"

    page = await visitor.submit(NEW_PASSWORD, **{**answer, "organisation_suffix": "3378"})
    assert CHANGED in page.response.text
    assert (await visitor.log_in(password=NEW)).path == "/kund/100200"


async def test_a_claim_of_a_customer_that_is_not_theirs_proves_nothing(
    visitor: Visitor, mistyped: User, outbox: Outbox
) -> None:
    _ = await an_account("100900", "4435027711", "Andra Bolaget AB")
    await opened(visitor, outbox)

    page = await visitor.submit(
        NEW_PASSWORD, password=NEW, customer_number="100900", organisation_suffix="7711"
    )

    assert page.status == 422
    assert "Uppgifterna stämmer inte överens." in page.alert


async def test_after_a_reset_a_stranger_no_longer_holds_the_login_shut(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, outbox: Outbox
) -> None:
    for _ in range(20):
        await new_visitor().log_in(password="gissning")
    assert "för många gånger" in (await visitor.log_in()).text
    await opened(visitor, outbox)
    await visitor.submit(NEW_PASSWORD, password=NEW)

    assert (await visitor.log_in(password=NEW)).path == "/kund/100200"
    assert "för många gånger" in (await new_visitor().log_in(password=NEW)).text


async def test_a_bad_password_spends_nothing_of_the_claims_limits(
    visitor: Visitor, mistyped: User, outbox: Outbox
) -> None:
    await opened(visitor, outbox)
    wrong = {"customer_number": "100200", "organisation_suffix": "0000"}

    await visitor.submit(NEW_PASSWORD, password="kort", **wrong)
    assert not await Spent.filter(name__startswith="claim:", count__gt=0).exists()
    await visitor.submit(NEW_PASSWORD, password=NEW, **wrong)
    assert await Spent.filter(name__startswith="claim:", count__gt=0).exists()


# Dead links


async def test_each_dead_link_says_why_and_leads_to_a_new_one(
    visitor: Visitor, anna: User, outbox: Outbox, time: Clock
) -> None:
    async def dead(path: str, sentence: str) -> None:
        page = await visitor.visit(path)
        assert page.status == 410
        assert sentence in page.text
        assert page.links["Skicka ny länk"] == FORGOTTEN
        page = await visitor.submit(NEW_PASSWORD, password=NEW)
        assert page.status == 410, "nor does its form"

    await opened(visitor, outbox)
    first = await outbox.link("anna@example.com")
    await opened(visitor, outbox)
    second = await outbox.link("anna@example.com")
    await dead(first, "Det finns en nyare länk. Öppna det senaste mejlet.")
    await dead(f"{second}x", "Länken är inte hel.")
    await dead("/aterstall-losen/hittat-pa", "Länken är inte hel.")
    time.forward(minutes=60)
    await dead(second, "Länken är för gammal.")

    await opened(visitor, outbox)
    used = await outbox.link("anna@example.com")
    await visitor.submit(NEW_PASSWORD, password=NEW)
    await dead(used, "Länken är redan använd. Logga in, eller be om en ny.")
    visitor.client.cookies.clear()
    page = await visitor.visit(NEW_PASSWORD)
    assert "Öppna länken i mejlet igen." in page.text


async def test_a_login_or_another_address_in_between_kills_the_link(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, outbox: Outbox, time: Clock
) -> None:
    await opened(visitor, outbox)
    time.forward(minutes=1)
    await new_visitor().log_in()
    page = await visitor.visit(NEW_PASSWORD)
    assert page.status == 410
    assert "eftersom du har loggat in, eller uppgifterna har ändrats" in page.text

    time.forward(minutes=1)
    await opened(visitor, outbox)
    _ = await User.filter(id=anna.id).update(email="anna@new.example", email_key="anna@new.example")
    assert (await visitor.visit(NEW_PASSWORD)).status == 410


async def test_a_link_opened_while_somebody_else_is_signed_in_names_both(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, outbox: Outbox
) -> None:
    _ = await a_user("bo@example.com", given_name="Bo", family_name="Bergström")
    await new_visitor().submit(FORGOTTEN, email="anna@example.com")
    await visitor.log_in("bo@example.com")

    page = await visitor.visit(await outbox.link("anna@example.com"))
    assert page.heading == "Länken gäller någon annan"
    assert "Du är inloggad som Bo Bergström, men länken gäller Anna Andersson." in page.text
    assert (await visitor.submit(NEW_PASSWORD, password=NEW)).heading == page.heading
    assert page.value("to") == "password_reset:new_password"

    page = await visitor.submit("/lank/byt-anvandare", to="password_reset:new_password")
    assert (page.path, page.heading) == (NEW_PASSWORD, "Välj ett nytt lösenord")
    assert await Session.all().count() == 0, "Bo is logged out on the server, too"
    page = await visitor.submit("/lank/byt-anvandare", to="//evil.example")
    assert page.path == "/"


async def test_asking_too_often_shows_nothing_and_notices_are_never_held_back(
    visitor: Visitor, anna: User, outbox: Outbox
) -> None:
    for _ in range(6):
        page = await visitor.submit(FORGOTTEN, email="anna@example.com")
        assert page.heading == "Titta i din e-post"
    assert await OutgoingMail.filter(kind="reset_password").count() == 5

    await visitor.visit(await outbox.link("anna@example.com"))
    await visitor.submit(NEW_PASSWORD, password=NEW)
    assert await OutgoingMail.filter(kind="password_changed").count() == 1


@pytest.mark.parametrize("email", ["", "anna", "anna@example", "a@b.se\r\nBcc: c@d.se"])
async def test_what_is_no_address_is_said(visitor: Visitor, anna: User, email: str) -> None:
    page = await visitor.submit(FORGOTTEN, email=email)
    assert page.status == 422
    assert page.alert
    assert not await OutgoingMail.exists(kind="reset_password")


async def test_the_page_after_asking_is_for_who_asked(visitor: Visitor, anna: User) -> None:
    assert (await visitor.visit("/glomt-losen/skickat")).path == FORGOTTEN


# Det var inte jag


async def test_the_notice_freezes_the_account_until_a_new_password_is_set_by_mail(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, outbox: Outbox, time: Clock
) -> None:
    thief = new_visitor()
    await opened(thief, outbox)
    await thief.submit(NEW_PASSWORD, password=NEW)
    await thief.log_in(password=NEW)
    notice = await outbox.link("anna@example.com")
    await thief.submit(FORGOTTEN, email="anna@example.com")
    outstanding = await outbox.link("anna@example.com")

    page = await visitor.visit(notice)
    assert (page.path, page.heading) == ("/det-var-inte-jag", "Var det inte du?")
    assert (await thief.visit("/kund/100200")).status == 200, "a GET changes nothing"
    page = await visitor.submit("/det-var-inte-jag")
    assert "Kontot är stängt. Vi har skickat ett mejl" in page.response.text

    assert (await thief.visit("/kund/100200")).path == "/logga-in"
    page = await thief.log_in(password=NEW)
    assert page.status == 422
    assert "Kontot är stängt tills du har valt ett nytt lösenord." in page.alert
    assert (await thief.log_in(password="fel")).alert.endswith("lösenordet stämmer inte.")
    assert (await visitor.visit(outstanding)).status == 410, "outstanding links die"
    assert "Länken är redan använd." in (await visitor.visit(notice)).text

    message = (await outbox.to("anna@example.com"))[-1]
    assert message["Subject"] == "Kontot är stängt"
    assert "Exempelbygg" not in plain(message)
    await visitor.visit(await outbox.link("anna@example.com"))
    page = await visitor.submit(NEW_PASSWORD, password="fyra gula stövlar ute")
    assert CHANGED in page.response.text
    assert (await visitor.log_in(password="fyra gula stövlar ute")).path == "/kund/100200"
    assert (await User.get(id=anna.id)).frozen_at is None


async def test_a_notice_works_for_a_week_whatever_else_happens(
    visitor: Visitor, anna: User, outbox: Outbox, time: Clock
) -> None:
    await opened(visitor, outbox)
    await visitor.submit(NEW_PASSWORD, password=NEW)
    notice = await outbox.link("anna@example.com")
    time.forward(days=6)
    await visitor.log_in(password=NEW)
    _ = await User.filter(id=anna.id).update(
        email="thief@example.com", email_key="thief@example.com"
    )
    assert (await visitor.visit(notice)).status == 200
    time.forward(days=1)
    assert "Länken är för gammal." in (await visitor.visit(notice)).text


async def test_a_notice_to_an_unconfirmed_address_shuts_nobody_out(
    visitor: Visitor, mistyped: User, outbox: Outbox
) -> None:
    await opened(visitor, outbox)
    await visitor.submit(
        NEW_PASSWORD, password=NEW, customer_number="100200", organisation_suffix="3378"
    )
    notice = plain((await outbox.to("anna@example.com"))[-1])
    assert "Ring oss annars." in notice
    assert "det-var-inte-jag" not in notice


# Those who hold a link, and those who are slow


async def test_the_page_is_no_way_to_guess_the_password(
    visitor: Visitor, mistyped: User, outbox: Outbox
) -> None:
    await opened(visitor, outbox)
    wrong = {"customer_number": "100200", "organisation_suffix": "0000"}
    page = await visitor.submit(NEW_PASSWORD, password=PASSWORD, **wrong)
    assert "Uppgifterna stämmer inte överens." in page.alert, "nothing without the claim"

    right = {"customer_number": "100200", "organisation_suffix": "3378"}
    link = await EmailLink.get(purpose=Purpose.RESET_PASSWORD)
    for n in range(10):
        assert not (await login.check_again(mistyped.id, f"gissning {n}", link=link)).user
    page = await visitor.submit(NEW_PASSWORD, password=PASSWORD, **right)
    assert "Du har försökt för många gånger." in page.alert


async def test_nobody_in_a_stolen_session_keeps_the_owner_from_a_new_password(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, outbox: Outbox
) -> None:
    thief = new_visitor()
    await thief.log_in()
    await opened(visitor, outbox)
    for n in range(10):
        await thief.submit("/bekrafta-dig", password=f"gissning {n}")
    page = await thief.submit("/bekrafta-dig", password="gissning")
    assert "Du har försökt för många gånger." in page.alert

    page = await visitor.submit(NEW_PASSWORD, password=NEW)

    assert page.path == "/logga-in", page.alert


async def test_what_stands_behind_a_link_is_kept_nowhere(
    visitor: Visitor, anna: User, outbox: Outbox
) -> None:
    await opened(visitor, outbox)
    for page in (
        await visitor.submit(NEW_PASSWORD, password="kort"),
        await visitor.visit("/aterstall-losen/hittat-pa"),
        await visitor.visit("/aterstall-losen/%20"),
    ):
        assert page.response.headers["cache-control"] == "no-store"
    assert "Länken är inte hel." in page.text


async def test_a_mail_that_waits_takes_none_of_its_links_time(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    await visitor.submit(FORGOTTEN, email="anna@example.com")
    link = await EmailLink.get(purpose=Purpose.RESET_PASSWORD).prefetch_related("user")
    time.forward(hours=23)
    assert link.state == "open"
    time.forward(hours=2)
    assert link.state == "expired"


async def test_one_address_asks_for_so_many_and_no_more(visitor: Visitor, anna: User) -> None:
    for n in range(60):
        await visitor.post(FORGOTTEN, email=f"nobody{n}@example.com")
    assert (await visitor.post(FORGOTTEN, email="anna@example.com")).status_code == 429
    assert await OutgoingMail.filter(kind="reset_password").count() == 60


async def test_a_freeze_leaves_no_recovery_code_to_be_read(anna: User, time: Clock) -> None:
    await RecoveryCode.renew(anna.id)
    await anna.confirm_email()
    await tell(await User.get(id=anna.id), "password_changed")
    link = await EmailLink.get(purpose=Purpose.NOT_ME, user_id=anna.id).prefetch_related("user")
    assert await password_reset.freeze(link)

    assert await RecoveryCode.shown(anna.id) == []
    assert await RecoveryCode.left(anna.id) == 10


async def test_a_frozen_users_last_request_changes_nothing(
    visitor: Visitor, anna: User, outbox: Outbox, time: Clock
) -> None:
    await visitor.log_in()
    identity = await resume(visitor.client.cookies["__Host-session"])
    assert identity
    client = Client(address="203.0.113.1", user_agent="", device="")
    before = await User.get(id=anna.id)
    pending = await Totp.pending(before)
    hashed = await passwords.hashed(NEW)
    await tell(before, "password_changed")
    link = await EmailLink.filter(purpose=Purpose.NOT_ME).first().prefetch_related("user")
    assert link
    assert await password_reset.freeze(link)

    assert await password_change.change(identity, before, hashed) is None
    assert (await pending.activate(before, code(pending.secret))).verdict == "wrong"
    assert await authenticated_again(identity) is None
    token = await LoginChallenge.start(before, remembered=False, next_path="")
    assert await LoginChallenge.ongoing(token) is None
    frozen = await User.get(id=anna.id)
    assert (frozen.frozen_at, frozen.two_factor) == (time.now(), "skipped")
    assert await frozen.has_password(PASSWORD)
    mail = await EmailLink.get(purpose=Purpose.RESET_PASSWORD).prefetch_related("user")
    _ = await Session.start(before, How.PASSWORD, client)
    assert (await EmailLink.get(id=mail.id).prefetch_related("user")).state == "open"


async def test_a_half_login_with_the_old_password_leads_nowhere(anna: User, time: Clock) -> None:
    checked = await User.get(id=anna.id)
    time.forward(seconds=1)
    assert await password_change.replace(anna, await passwords.hashed(NEW))
    token = await LoginChallenge.start(checked, remembered=False, next_path="")
    assert await LoginChallenge.ongoing(token) is None


# At once


async def test_all_that_touches_a_user_and_their_links_waits_in_one_order(
    app: Starlette, anna: User, outbox: Outbox
) -> None:
    for _ in range(5):
        user = await User.get(id=anna.id)
        await tell(user, "password_changed")
        notice = await EmailLink.filter(purpose=Purpose.NOT_ME).order_by("-id").first()
        link, _ = await EmailLink.issue(Purpose.RESET_PASSWORD, email=user.email, user_id=user.id)
        assert notice
        for one in (link, notice):
            await one.fetch_related("user")
        hashed = await passwords.hashed(NEW)
        await asyncio.gather(
            password_reset.finish(link, hashed),
            password_reset.ask(user.email),
            password_reset.freeze(notice),
            password_change.replace(user, hashed),
            EmailLink.issue(Purpose.RESET_PASSWORD, email=user.email, user_id=user.id),
        )


async def test_many_at_once_set_one_password(
    app: Starlette, new_visitor: Callable[[], Visitor], anna: User, outbox: Outbox
) -> None:
    asker = new_visitor()
    await asker.submit(FORGOTTEN, email="anna@example.com")
    path = await outbox.link("anna@example.com")
    visitors = [new_visitor() for _ in range(20)]
    for one in visitors:
        await one.visit(path)

    answers = await asyncio.gather(
        *(one.post(NEW_PASSWORD, password=f"{NEW} {n}") for n, one in enumerate(visitors))
    )

    set_ = [n for n, a in enumerate(answers) if a.headers.get("location") == "/logga-in"]
    assert len(set_) == 1
    user = await User.get(id=anna.id)
    assert await user.has_password(f"{NEW} {set_[0]}")
    assert await OutgoingMail.filter(kind="password_changed").count() == 1


async def test_no_session_begins_with_a_password_that_was_changed_meanwhile(
    anna: User, account: CustomerAccount, time: Clock
) -> None:
    checked = await User.get(id=anna.id)
    client = Client(address="203.0.113.1", user_agent="", device="")
    assert await resume(await Session.start(checked, How.PASSWORD, client))

    time.forward(seconds=1)
    _ = await User.filter(id=anna.id).update(
        password_hash=await passwords.hashed(NEW), password_changed_at=time.now()
    )
    assert await resume(await Session.start(checked, How.PASSWORD, client)) is None
    changed = await User.get(id=anna.id)
    _ = await User.filter(id=anna.id).update(frozen_at=time.now())
    assert await resume(await Session.start(changed, How.PASSWORD, client)) is None


async def test_skicka_igen_says_that_it_did_something_and_tells_nobody_apart(
    visitor: Visitor, anna: User
) -> None:
    for email in (anna.email, "ingen@example.com"):
        page = await visitor.submit(FORGOTTEN, email=email)
        assert "ny länk" not in page.response.text
        assert "Skicka igen" in page.buttons
        page = await visitor.submit(FORGOTTEN, email=email, again=page.value("again") or "")
        assert page.path == "/glomt-losen/skickat"
        assert "Om det finns ett konto har vi skickat en ny länk." in page.alert
        assert "ny länk" not in (await visitor.visit(page.path)).text
