"""Another e-mail address: pending until confirmed, undone from the old one, never a thief's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from starlette.applications import Starlette

from models import (
    CustomerAccount,
    EmailLink,
    Event,
    Membership,
    OutgoingMail,
    Session,
    User,
    email_change,
    password_change,
    password_reset,
    passwords,
)
from models.email_link import Purpose
from models.notice import tell
from models.session import resume
from models.user import email_key
from tests.unit.conftest import PASSWORD, Clock, Outbox, Visitor, a_user, plain

pytestmark = pytest.mark.anyio
OLD, NEW, THIEFS = "anna@example.com", "anna@new.example", "thief@evil.example"
ADDRESS, CONFIRM, UNDO = "/mina-uppgifter/epost", "/bekrafta-epost", "/angra-epostbyte"
NOT_ME, DETAILS, FORGOTTEN = "/det-var-inte-jag", "/mina-uppgifter", "/glomt-losen"
NewVisitor = Callable[[], Visitor]


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    await user.confirm_email()
    return user


@pytest.fixture
async def signed_in(visitor: Visitor, anna: User) -> Visitor:
    await visitor.log_in()
    return visitor


async def changed(visitor: Visitor, outbox: Outbox, to: str = NEW) -> None:
    """The signed-in visitor changes to an address that they read."""
    page = await visitor.submit(ADDRESS, email=to)
    assert page.path == DETAILS, page.alert
    await visitor.visit(await outbox.link(to))
    page = await visitor.submit(CONFIRM)
    assert f"Du loggar in med {to}." in page.response.text


async def link_in(outbox: Outbox, address: str, kind: str) -> str:
    """The link of the newest mail of this kind to the address."""
    mails = await OutgoingMail.exclude(to="").exclude(kind="new_device").order_by("id")
    messages = await outbox.all()
    (*_, message) = (
        message
        for mail, message in zip(mails, messages, strict=True)
        if (mail.kind, mail.to) == (kind, address)
    )
    (line,) = (one for one in plain(message).splitlines() if one.startswith("https://"))
    return line.removeprefix("https://minasidor.example")


async def kinds_to(address: str) -> list[str]:
    return [
        mail.kind
        for mail in await OutgoingMail.filter(to=address).exclude(kind="new_device").order_by("id")
    ]


async def address_of(user: User) -> str:
    return (await User.get(id=user.id)).email


# Asking and confirming


async def test_the_old_address_counts_until_the_new_one_is_confirmed(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox, time: Clock
) -> None:
    page = await signed_in.visit(DETAILS)
    page = await signed_in.visit(page.links["Ändra adress"])
    assert (page.path, page.heading) == (ADDRESS, "Ändra e-postadress")
    page = await signed_in.submit(ADDRESS, email=" Anna@New.example ")
    assert page.path == DETAILS
    assert "Vi har skickat ett mejl till Anna@New.example." in page.response.text
    assert "Väntar på bekräftelse av Anna@New.example." in page.text
    assert f"Du loggar in med {OLD}." in page.text
    assert "Väntar på bekräftelse" in (await signed_in.visit(ADDRESS)).text
    asked = (await outbox.to(OLD))[-1]
    assert asked["Subject"] == "Någon vill byta din e-postadress"
    assert "new.example" not in plain(asked).lower(), "the old mailbox need not know the new one"

    path = await outbox.link("Anna@New.example")
    page = await signed_in.visit(path)
    assert (page.path, page.heading) == (CONFIRM, "Byt e-postadress")
    assert await address_of(anna) == OLD, "a GET never consumes"
    page = await signed_in.submit(CONFIRM)
    assert "Din e-postadress är ändrad. Du loggar in med Anna@New.example." in page.response.text

    user = await User.get(id=anna.id)
    assert (user.email, user.email_key) == ("Anna@New.example", NEW)
    assert user.email_confirmed_at == time.now()
    assert (await signed_in.visit(DETAILS)).status == 200, "the session goes on"
    assert "Väntar på" not in (await signed_in.visit(DETAILS)).text
    assert await kinds_to("Anna@New.example") == ["change_email", "email_changed"]
    assert (await kinds_to(OLD))[-2:] == ["email_change_asked", "email_replaced"]
    assert "new.example" not in plain((await outbox.to(OLD))[-1]).lower()
    assert (await new_visitor().log_in(OLD)).status == 422
    assert (await new_visitor().log_in(NEW)).path == "/kund/100200"
    events = await Event.filter(user_id=anna.id, kind__startswith="email.").order_by("id")
    assert [event.kind for event in events] == ["email.change_asked", "email.changed"]
    assert all(event.address for event in events)
    page = await signed_in.visit(path)
    assert (page.path, page.status) == ("/kund/100200", 200), "opened twice, and all is well"
    assert "E-postadressen är redan bekräftad." in page.response.text


async def test_the_password_is_asked_for_again(signed_in: Visitor, time: Clock) -> None:
    time.forward(minutes=11)
    assert (await signed_in.visit(ADDRESS)).path == "/bekrafta-dig"
    assert (await signed_in.submit(ADDRESS, email=NEW)).path == "/bekrafta-dig"
    assert not await EmailLink.exists(purpose=Purpose.CHANGE_EMAIL), (
        "a stolen session gains nothing"
    )

    page = await signed_in.visit(ADDRESS)
    page = await signed_in.submit("/bekrafta-dig", password=PASSWORD, next=page.value("next") or "")
    assert page.path == ADDRESS


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Ange din e-postadress."),
        ("anna", "Ange e-postadressen i formatet namn@exempel.se."),
        ("a@b.se\r\nBcc: c@d.se", "Ta bort tecken som inte går att skriva ut."),
        (f"{'x' * 250}@example.com", "Skriv högst 254 tecken."),
        ("ANNA@example.com", "Det är den adress som du har. Ange en annan."),
    ],
)
async def test_a_bad_address_gets_its_sentence(
    signed_in: Visitor, typed: str, sentence: str
) -> None:
    page = await signed_in.submit(ADDRESS, email=typed)
    assert page.status == 422
    assert sentence in page.alert
    assert not await EmailLink.exists(purpose=Purpose.CHANGE_EMAIL)


async def test_an_address_that_somebody_has_confirmed_answers_as_any_other(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox
) -> None:
    bo = await a_user("bo@example.com", given_name="Bo")
    await bo.confirm_email()
    answers = []
    for email in (NEW, "bo@example.com"):
        answer = await signed_in.post(ADDRESS, email=email)
        page = await signed_in.visit(DETAILS)
        answers.append(
            (
                answer.status_code,
                sorted(answer.headers),
                page.response.text.replace(email, ""),
                await EmailLink.filter(user_id=anna.id, purpose=Purpose.CHANGE_EMAIL).count(),
            )
        )
    assert answers[0][:3] == answers[1][:3]
    assert (answers[0][3], answers[1][3]) == (1, 2)

    (mail,) = await outbox.to("bo@example.com")
    assert mail["Subject"] == "Du har redan ett konto"
    assert await link_in(outbox, "bo@example.com", "email_in_use") == "/logga-in"


async def test_the_newest_link_counts_and_each_dead_one_says_why(
    signed_in: Visitor, anna: User, outbox: Outbox, time: Clock
) -> None:
    async def dead(path: str, sentence: str) -> None:
        page = await signed_in.visit(path)
        assert page.status == 410
        assert sentence in page.text
        assert page.links["Skicka ny länk"] == ADDRESS
        assert (await signed_in.submit(CONFIRM)).status == 410

    await signed_in.submit(ADDRESS, email="slip@new.example")
    slip = await outbox.link("slip@new.example")
    await signed_in.submit(ADDRESS, email=NEW)
    first = await outbox.link(NEW)
    await dead(slip, "Det finns en nyare länk. Öppna det senaste mejlet.")
    page = await signed_in.submit(f"{ADDRESS}/igen")
    assert f"Vi har skickat ett mejl till {NEW}." in page.response.text
    await dead(first, "Det finns en nyare länk.")
    second = await outbox.link(NEW)
    assert await kinds_to(OLD) == ["email_change_asked"] * 2, "Skicka igen asks for nothing new"

    page = await signed_in.submit(f"{ADDRESS}/avbryt")
    assert "Bytet är avbrutet." in page.response.text
    assert "Väntar på" not in page.text
    await dead(second, "eller uppgifterna har ändrats")
    assert (await signed_in.submit(f"{ADDRESS}/igen")).path == ADDRESS

    await signed_in.submit(ADDRESS, email=NEW)
    late = await outbox.link(NEW)
    time.forward(hours=23, minutes=59)
    assert (await signed_in.visit(late)).status == 200
    time.forward(minutes=1)
    await signed_in.log_in()
    await dead(late, "Länken är för gammal.")
    assert await address_of(anna) == OLD


async def test_confirming_needs_a_session_of_that_user(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox
) -> None:
    await signed_in.submit(ADDRESS, email=NEW)
    path = await outbox.link(NEW)
    stranger = new_visitor()
    page = await stranger.visit(path)
    assert page.path == "/logga-in"
    assert (await stranger.post(CONFIRM)).headers["location"].startswith("/logga-in")
    _ = await a_user("bo@example.com", given_name="Bo", family_name="Bergström")
    await stranger.log_in("bo@example.com")
    page = await stranger.visit(path)
    assert "Du är inloggad som Bo Bergström, men länken gäller Anna Andersson." in page.text
    assert (await stranger.submit(CONFIRM)).heading == "Länken gäller någon annan"
    assert await address_of(anna) == OLD

    elsewhere = new_visitor()
    page = await elsewhere.visit(path)
    page = await elsewhere.submit(
        "/logga-in", email=OLD, password=PASSWORD, next=page.value("next") or ""
    )
    assert page.path == CONFIRM, "on another device, and a login does not kill it"
    await elsewhere.submit(CONFIRM)
    assert await address_of(anna) == NEW


async def test_a_password_change_and_a_freeze_kill_a_pending_change(
    signed_in: Visitor, anna: User, outbox: Outbox
) -> None:
    await signed_in.submit(ADDRESS, email=NEW)
    link = await EmailLink.get(purpose=Purpose.CHANGE_EMAIL).prefetch_related("user")
    assert await password_change.replace(
        await User.get(id=anna.id), await passwords.hashed("tre röda paraplyer")
    )
    assert await email_change.pending(anna.id) is None
    assert not await email_change.confirm(link)

    await signed_in.log_in(password="tre röda paraplyer")
    await signed_in.submit(ADDRESS, email=NEW)
    await signed_in.visit(await link_in(outbox, OLD, "email_change_asked"))
    await signed_in.submit(NOT_ME)
    assert await email_change.pending(anna.id) is None
    assert await address_of(anna) == OLD


async def test_a_request_that_outlives_its_session_asks_for_nothing(
    signed_in: Visitor, anna: User
) -> None:
    identity = await resume(signed_in.client.cookies["__Host-session"])
    assert identity
    await Session.end_all(anna.id)

    assert not await email_change.ask(identity, NEW)
    assert not await EmailLink.exists(purpose=Purpose.CHANGE_EMAIL)


async def test_other_links_die_with_the_old_address(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox
) -> None:
    await signed_in.submit(ADDRESS, email=NEW)
    await new_visitor().submit(FORGOTTEN, email=OLD)
    reset = await outbox.link(OLD)
    await signed_in.visit(await outbox.link(NEW))
    await signed_in.submit(CONFIRM)
    assert (await new_visitor().visit(reset)).status == 410
    link = await EmailLink.get(purpose=Purpose.RESET_PASSWORD)
    assert link.voided_at, "nor does undoing bring it back"


# Limits


async def test_five_mails_an_hour_and_nothing_of_it_by_strangers(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, time: Clock
) -> None:
    for number in range(5):
        page = await signed_in.submit(ADDRESS, email=f"anna{number}@new.example")
        assert page.path == DETAILS
    page = await signed_in.submit(ADDRESS, email=NEW)
    assert page.status == 422
    assert "Vi har redan skickat flera mejl." in page.alert
    assert page.value("email") == NEW
    assert "Vi har redan" in (await signed_in.submit(f"{ADDRESS}/igen")).response.text
    assert await OutgoingMail.filter(kind="change_email").count() == 5
    time.forward(hours=1)
    await signed_in.log_in()
    assert (await signed_in.submit(ADDRESS, email=NEW)).path == DETAILS


async def test_strangers_who_ask_for_her_mails_dont_block_skicka_igen(
    visitor: Visitor, new_visitor: NewVisitor, account: CustomerAccount, time: Clock
) -> None:
    _ = await a_user()
    for _ in range(6):
        await new_visitor().submit(FORGOTTEN, email=OLD)
    await visitor.log_in()
    page = await visitor.submit("/bekrafta-epost/ny")
    assert f"Vi har skickat ett nytt mejl till {OLD}." in page.response.text


async def test_no_mailbox_is_flooded_by_several_users(
    new_visitor: NewVisitor, anna: User, time: Clock
) -> None:
    for number in range(7):
        _ = await a_user(f"user{number}@example.com")
        visitor = new_visitor()
        await visitor.log_in(f"user{number}@example.com")
        await visitor.submit(ADDRESS, email=OLD)
    assert await OutgoingMail.filter(to=OLD, kind="email_in_use").count() == 5


# Undoing


async def test_the_old_address_undoes_the_change_without_a_login(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox, time: Clock
) -> None:
    await changed(signed_in, outbox, THIEFS)
    thiefs_notice = await link_in(outbox, THIEFS, "email_changed")
    await new_visitor().submit(FORGOTTEN, email=THIEFS)
    thiefs_reset = await outbox.link(THIEFS)
    owner, thief = new_visitor(), new_visitor()
    time.forward(hours=1)

    path = await link_in(outbox, OLD, "email_replaced")
    page = await owner.visit(path)
    assert (page.path, page.heading) == (UNDO, "Ångra bytet av e-postadress")
    assert page.response.headers["cache-control"] == "no-store"
    assert THIEFS not in page.response.text
    assert await address_of(anna) == THIEFS, "a GET never consumes"
    page = await owner.submit(UNDO)
    assert "Bytet är ångrat." in page.response.text

    user = await User.get(id=anna.id)
    assert (user.email, user.frozen_at) == (OLD, None)
    assert user.email_confirmed_at
    assert (await signed_in.visit("/kund/100200")).path == "/logga-in", "sessions end"
    assert (await owner.log_in(OLD)).path == "/kund/100200"
    assert (await thief.visit(thiefs_notice)).status == 410
    assert (await thief.visit(thiefs_reset)).status == 410
    assert (await EmailLink.get(purpose=Purpose.RESET_PASSWORD)).voided_at, "for good"
    assert (await kinds_to(OLD))[-1] == "email_restored"
    assert (await kinds_to(THIEFS))[-1] == "email_undone"
    assert "det-var-inte-jag" not in plain((await outbox.to(THIEFS))[-1])
    assert await Event.exists(user_id=anna.id, kind="email.undone")
    assert "Länken är redan använd." in (await new_visitor().visit(path)).text


async def test_undoing_is_possible_for_a_week(
    signed_in: Visitor, new_visitor: NewVisitor, outbox: Outbox, time: Clock
) -> None:
    await changed(signed_in, outbox)
    path = await outbox.link(OLD)
    time.forward(days=6, hours=23)
    assert (await new_visitor().visit(path)).status == 200
    time.forward(hours=1)
    page = await new_visitor().visit(path)
    assert "Länken är för gammal. Ring oss så hjälper vi dig." in page.text
    assert (await new_visitor().visit(f"{path}x")).status == 410
    assert (await new_visitor().visit(UNDO)).status == 410


async def test_det_var_inte_jag_of_the_old_address_takes_it_back_and_freezes(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox
) -> None:
    await changed(signed_in, outbox, THIEFS)
    owner, thief = new_visitor(), new_visitor()

    page = await owner.visit(await link_in(outbox, OLD, "email_change_asked"))
    assert f"Kontot får tillbaka adressen {OLD}." in page.text
    assert THIEFS not in page.response.text
    page = await owner.submit(NOT_ME)
    assert "Kontot är stängt. Vi har skickat ett mejl" in page.response.text

    user = await User.get(id=anna.id)
    assert user.email == OLD
    assert user.frozen_at
    assert (await kinds_to(OLD))[-1] == "frozen", "the new password goes to the old address"
    assert "frozen" not in await kinds_to(THIEFS)
    assert "Kontot är stängt" in (await thief.log_in(OLD)).alert
    await thief.submit(FORGOTTEN, email=THIEFS)
    assert "reset_password" not in await kinds_to(THIEFS)
    await owner.visit(await outbox.link(OLD))
    page = await owner.submit("/aterstall-losen", password="tre röda paraplyer i hallen")
    assert "Ditt lösenord är ändrat." in page.response.text
    page = await owner.visit(await link_in(outbox, OLD, "email_replaced"))
    assert "Kontot har redan den här adressen." in page.text


async def test_the_undoings_page_leads_to_det_var_inte_jag_too(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox
) -> None:
    await changed(signed_in, outbox, THIEFS)
    owner = new_visitor()
    page = await owner.visit(await link_in(outbox, OLD, "email_replaced"))
    page = await owner.visit(page.links["Det var inte jag"])
    assert page.path == NOT_ME
    await owner.submit(NOT_ME)
    user = await User.get(id=anna.id)
    assert (user.email, bool(user.frozen_at)) == (OLD, True)


async def test_where_the_password_was_changed_too_undoing_freezes(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox, time: Clock
) -> None:
    await changed(signed_in, outbox, THIEFS)
    owner = new_visitor()
    await owner.visit(await link_in(outbox, OLD, "email_replaced"))
    time.forward(minutes=1)
    await signed_in.submit(FORGOTTEN, email=THIEFS)
    await signed_in.submit("/logga-ut")
    await signed_in.visit(await outbox.link(THIEFS))
    await signed_in.submit("/aterstall-losen", password="tre röda paraplyer i hallen")

    page = await owner.submit(UNDO)

    assert page.path == NOT_ME, "the thief would still have a password"
    assert await address_of(anna) == THIEFS
    await owner.submit(NOT_ME)
    user = await User.get(id=anna.id)
    assert (user.email, bool(user.frozen_at)) == (OLD, True)


@pytest.mark.parametrize(("days", "path"), [(6, NOT_ME), (8, UNDO)])
async def test_where_the_password_was_changed_in_the_days_before_undoing_freezes_too(
    signed_in: Visitor,
    new_visitor: NewVisitor,
    anna: User,
    outbox: Outbox,
    time: Clock,
    days: int,
    path: str,
) -> None:
    time.forward(seconds=1)
    thiefs = "tre röda paraplyer i hallen"
    passwords = {"current_password": PASSWORD, "new_password": thiefs, "repeated_password": thiefs}
    await signed_in.submit("/mina-uppgifter/losenord", **passwords)
    time.forward(days=days)
    await signed_in.log_in(password=thiefs)
    await changed(signed_in, outbox, THIEFS)

    owner = new_visitor()
    page = await owner.visit(await link_in(outbox, OLD, "email_replaced"))
    assert page.path == path
    await owner.submit(path)

    assert await address_of(anna) == OLD
    page = await new_visitor().log_in(OLD, thiefs)
    assert (page.path == "/logga-in") is (path == NOT_ME), "the thief has the password"


async def test_a_password_changed_while_the_page_is_open_stops_the_mere_undoing(
    anna: User, time: Clock
) -> None:
    assert await tried(await a_change(anna, THIEFS))
    link = await EmailLink.get(purpose=Purpose.UNDO_EMAIL).prefetch_related("user")
    time.forward(seconds=1)
    user = await User.get(id=anna.id)
    assert await password_change.replace(user, await passwords.hashed("tre röda paraplyer"))

    assert not await email_change.undo(link)
    assert await address_of(anna) == THIEFS
    assert await password_reset.freeze(link), "the link is still good for that"
    assert await address_of(anna) == OLD


async def test_of_a_chain_the_earliest_address_wins_for_good(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox
) -> None:
    second = "thief2@evil.example"
    await changed(signed_in, outbox, THIEFS)
    await changed(signed_in, outbox, second)
    thief, owner = new_visitor(), new_visitor()
    of_thief = [
        await link_in(outbox, THIEFS, kind)
        for kind in ("email_changed", "email_change_asked", "email_replaced")
    ]
    of_thief.append(await link_in(outbox, second, "email_changed"))
    await thief.visit(of_thief[2])
    await thief.submit(UNDO)
    assert await address_of(anna) == THIEFS, "it is one of their changes"

    await owner.visit(await link_in(outbox, OLD, "email_replaced"))
    await owner.submit(UNDO)

    assert await address_of(anna) == OLD
    for path in of_thief:
        assert (await thief.visit(path)).status == 410, path
        for form in (UNDO, NOT_ME):
            assert (await thief.submit(form)).status == 410
    assert await address_of(anna) == OLD


async def test_a_thiefs_own_freeze_does_not_stop_the_owner(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox
) -> None:
    await changed(signed_in, outbox, THIEFS)
    thief, owner = new_visitor(), new_visitor()
    await thief.visit(await link_in(outbox, THIEFS, "email_changed"))
    await thief.submit(NOT_ME)
    thiefs_reset = await outbox.link(THIEFS)

    await owner.visit(await link_in(outbox, OLD, "email_replaced"))
    await owner.submit(UNDO)

    user = await User.get(id=anna.id)
    assert (user.email, bool(user.frozen_at)) == (OLD, True)
    assert (await thief.visit(thiefs_reset)).status == 410


async def test_who_moves_back_by_themselves_leaves_the_thief_no_undoing(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox
) -> None:
    await changed(signed_in, outbox, THIEFS)
    thiefs_notice = await link_in(outbox, THIEFS, "email_changed")
    await changed(signed_in, outbox, OLD)

    assert "email_replaced" not in await kinds_to(THIEFS)
    assert (await new_visitor().visit(thiefs_notice)).status == 410


async def test_an_address_that_was_taken_meanwhile_says_so_and_freezes_for_good(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox
) -> None:
    await changed(signed_in, outbox, THIEFS)
    other = await a_user(OLD, given_name="Berit")
    await other.confirm_email()
    owner, thief = new_visitor(), new_visitor()

    await owner.visit(await link_in(outbox, OLD, "email_replaced"))
    page = await owner.submit(UNDO)
    assert page.status == 422
    assert "Adressen används nu av ett annat konto" in page.alert
    await owner.visit(page.links["Det var inte jag"])
    page = await owner.submit(NOT_ME)
    assert "Adressen används nu av ett annat konto, så ring oss" in page.response.text

    user = await User.get(id=anna.id)
    assert (user.email, bool(user.frozen_at)) == ("", True)
    assert await address_of(other) == OLD
    await thief.submit(FORGOTTEN, email=THIEFS)
    assert await kinds_to(THIEFS) == ["change_email", "email_changed"], "no new password for them"
    assert (await thief.visit(await link_in(outbox, THIEFS, "email_changed"))).status == 410


async def test_an_address_taken_by_one_who_never_confirmed_it_comes_back(
    signed_in: Visitor, new_visitor: NewVisitor, anna: User, outbox: Outbox
) -> None:
    await changed(signed_in, outbox, THIEFS)
    squatter = await a_user(OLD, given_name="Berit")
    owner = new_visitor()
    await owner.visit(await link_in(outbox, OLD, "email_replaced"))
    await owner.submit(UNDO)
    assert await address_of(anna) == OLD
    assert await address_of(squatter) == ""


# Taking over, and the former holder


@pytest.fixture
async def squatter(account: CustomerAccount, time: Clock) -> User:
    """Somebody who registered with an address that is not theirs, and never confirmed it."""
    user = await a_user(NEW, "en annan fin mening", given_name="Sten", family_name="Stensson")
    _ = await Membership.admit(user, account)
    return user


async def test_changing_to_an_address_nobody_confirmed_takes_it_over(
    signed_in: Visitor, new_visitor: NewVisitor, squatter: User, anna: User, outbox: Outbox
) -> None:
    sten = new_visitor()
    await sten.log_in(NEW, "en annan fin mening")
    await sten.submit("/bekrafta-epost/ny")
    stens_link = await outbox.link(NEW)
    await changed(signed_in, outbox)

    former = await User.get(id=squatter.id)
    assert (former.email, former.email_key, former.former_email_key) == ("", f"#{former.id}", NEW)
    assert await Event.exists(user_id=former.id, kind="email.taken_over")
    page = await sten.visit("/kund/100200")
    assert page.status == 200, "the session goes on"
    assert "Ditt konto har ingen e-postadress." in page.response.text
    for path in (DETAILS, "/bekrafta-dig", "/mina-uppgifter/inloggningsuppgifter"):
        assert "<strong></strong>" not in (await sten.visit(path)).response.text
    assert (await sten.submit("/bekrafta-epost/ny")).path == ADDRESS
    assert (await sten.visit(stens_link)).status == 410
    assert "email_replaced" not in await kinds_to(NEW)


async def test_the_former_holder_logs_in_as_before_and_is_asked_for_another_address(
    signed_in: Visitor, new_visitor: NewVisitor, squatter: User, anna: User, outbox: Outbox
) -> None:
    await changed(signed_in, outbox)
    sten = new_visitor()

    assert (await sten.log_in(NEW, "fel")).status == 422
    page = await sten.log_in(NEW, "en annan fin mening")
    assert (page.path, page.heading) == (ADDRESS, "Ange en e-postadress")
    assert "hör nu till någon annan" in page.text
    assert (await new_visitor().log_in(NEW)).path == "/kund/100200", "it is Anna's now"

    await sten.submit(ADDRESS, email="sten@example.com")
    elsewhere = new_visitor()
    page = await elsewhere.visit(await outbox.link("sten@example.com"))
    page = await elsewhere.submit(
        "/logga-in",
        email=NEW,
        password="en annan fin mening",
        next=page.value("next") or "",
    )
    assert page.path == CONFIRM
    page = await elsewhere.submit(CONFIRM)
    assert page.path == "/kund/100200"
    former = await User.get(id=squatter.id)
    assert (former.email, former.former_email_key) == ("sten@example.com", "")
    assert (await new_visitor().log_in(NEW, "en annan fin mening")).status == 422
    assert await OutgoingMail.filter(to="").exclude(kind="new_device").count() == 0


async def test_a_frozen_former_holder_gets_in_no_more_than_others(
    signed_in: Visitor, new_visitor: NewVisitor, squatter: User, outbox: Outbox, time: Clock
) -> None:
    await changed(signed_in, outbox)
    _ = await User.filter(id=squatter.id).update(frozen_at=time.now())
    assert (await new_visitor().log_in(NEW, "en annan fin mening")).status == 422


async def test_a_login_makes_one_hash_whether_the_address_is_known_or_not(
    visitor: Visitor, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str | None] = []
    matches = passwords.matches

    async def counted(password_hash: str | None, password: str) -> bool:
        made.append(password_hash)
        return await matches(password_hash, password)

    monkeypatch.setattr(passwords, "matches", counted)
    lost = await a_user("", former_email_key="lost@example.com")
    made.clear()
    for email in (OLD, "nobody@example.com", "lost@example.com"):
        await visitor.log_in(email, "fel lösenord")
    assert made == [anna.password_hash, None, lost.password_hash]


async def test_a_link_to_an_address_that_was_confirmed_meanwhile_says_so(
    signed_in: Visitor, anna: User, outbox: Outbox
) -> None:
    await signed_in.submit(ADDRESS, email=NEW)
    quicker = await a_user(NEW)
    await quicker.confirm_email()
    await signed_in.visit(await outbox.link(NEW))

    page = await signed_in.submit(CONFIRM)

    assert page.path == ADDRESS
    assert "Adressen används redan av ett annat konto." in page.response.text
    assert "Väntar på" not in page.text
    assert await address_of(anna) == OLD


# At once


async def a_change(user: User, email: str) -> EmailLink:
    link, _ = await EmailLink.issue(Purpose.CHANGE_EMAIL, email=email, user_id=user.id)
    return await EmailLink.get(id=link.id).prefetch_related("user")


async def tried(link: EmailLink) -> bool:
    try:
        return await email_change.confirm(link)
    except email_change.Taken:
        return False


async def test_many_users_who_confirm_the_same_address_at_once_make_one_owner(
    app: Starlette, account: CustomerAccount
) -> None:
    users = [await a_user(f"user{number}@example.com") for number in range(30)]
    links = [await a_change(user, NEW) for user in users]

    won = await asyncio.gather(*(tried(link) for link in links))

    assert won.count(True) == 1
    assert await User.filter(email_key=NEW).count() == 1
    assert (await User.get(email_key=NEW)).id == users[won.index(True)].id
    assert await Event.filter(kind="email.changed").count() == 1


async def test_many_confirmations_undoings_and_freezes_of_one_change_happen_once(
    app: Starlette, anna: User
) -> None:
    link = await a_change(anna, NEW)
    won = await asyncio.gather(*(tried(link) for _ in range(20)))
    assert won.count(True) == 1
    undoing = await EmailLink.get(purpose=Purpose.UNDO_EMAIL).prefetch_related("user")

    async def undo(number: int) -> bool:
        act = email_change.undo if number % 2 else password_reset.freeze
        return await act(undoing)

    won = await asyncio.gather(*(undo(number) for number in range(20)))
    assert won.count(True) == 1
    assert await address_of(anna) == OLD
    assert await Event.filter(kind="email.undone").count() == 1


async def test_two_who_want_each_others_address_do_not_wait_for_each_other(
    app: Starlette, account: CustomerAccount
) -> None:
    for turn in range(5):
        pair = [await a_user(f"{name}{turn}@example.com") for name in "ab"]
        links = [
            await a_change(one, other.email)
            for one, other in zip(pair, reversed(pair), strict=True)
        ]
        won = await asyncio.gather(*(tried(link) for link in links))
        assert won.count(True) == 1, "the other one's link died with their address"
        assert await User.filter(id__in=[u.id for u in pair], email="").count() == 1


async def test_asking_changing_and_undoing_at_once_waits_in_one_order(
    app: Starlette, signed_in: Visitor, anna: User
) -> None:
    token = signed_in.client.cookies["__Host-session"]
    for turn in range(5):
        user = await User.get(id=anna.id)
        identity = await resume(token)
        assert identity
        link = await a_change(user, f"anna{turn}@new.example")
        await tell(user, "password_changed")
        await asyncio.gather(
            tried(link),
            email_change.ask(identity, f"other{turn}@new.example"),
            email_change.withdraw(anna.id),
            password_reset.ask(user.email),
            EmailLink.issue(Purpose.RESET_PASSWORD, email=user.email, user_id=user.id),
        )
    user = await User.get(id=anna.id)
    assert user.email_key == email_key(user.email)
