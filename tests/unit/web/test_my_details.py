"""Mina uppgifter: name and number, and the password by the one that was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import CustomerAccount, EmailLink, Event, Membership, OutgoingMail, Session, User
from models.email_link import Purpose
from tests.unit.conftest import PASSWORD, Clock, Outbox, Visitor, a_user
from tests.unit.page import Page

pytestmark = pytest.mark.anyio
NEW = "tre röda paraplyer i hallen"
DETAILS, CHANGE = "/mina-uppgifter", "/mina-uppgifter/losenord"


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    return user


async def change(
    visitor: Visitor, current: str = PASSWORD, new: str = NEW, again: str | None = None
) -> Page:
    return await visitor.submit(
        CHANGE,
        current_password=current,
        new_password=new,
        repeated_password=new if again is None else again,
    )


async def test_name_and_number_are_changed_and_the_header_knows(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()
    page = await visitor.visit(DETAILS)
    assert page.value("given_name") == "Anna"

    page = await visitor.submit(
        DETAILS, given_name=" Åsa ", family_name="Öberg", phone="070-174 06 05", email="x@x.example"
    )

    assert (page.path, page.status) == (DETAILS, 200)
    assert "Uppgifterna är sparade." in page.response.text
    assert "Åsa Öberg" in page.response.text
    user = await User.get(id=anna.id)
    assert (user.name, user.phone, user.email) == ("Åsa Öberg", "070-174 06 05", anna.email)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("given_name", "", "Ange ditt förnamn."),
        ("family_name", "", "Ange ditt efternamn."),
        ("given_name", "www.bete.example", "Skriv bara ditt namn."),
        ("family_name", "x" * 81, "Skriv högst 80 tecken."),
        ("phone", "ring mig", "Skriv mobilnumret med siffror, till exempel 070-174 06 05."),
    ],
)
async def test_a_bad_detail_gets_its_sentence_and_changes_nothing(
    visitor: Visitor, anna: User, field: str, value: str, sentence: str
) -> None:
    await visitor.log_in()
    good = {"given_name": "Åsa", "family_name": "Öberg", "phone": "070-174 06 05"}

    page = await visitor.submit(DETAILS, **{**good, field: value})

    assert page.status == 422
    assert sentence in page.alert
    for name in good.keys() - {field}:
        assert page.value(name) == good[name], "what was right stays"
    assert (await User.get(id=anna.id)).name == anna.name


async def test_a_new_password_ends_all_but_this_session(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, outbox: Outbox, time: Clock
) -> None:
    elsewhere = new_visitor()
    await elsewhere.log_in()
    await visitor.submit("/glomt-losen", email=anna.email)
    await visitor.log_in()
    token = visitor.client.cookies["__Host-session"]
    time.forward(minutes=20)

    page = await change(visitor)

    assert page.path == DETAILS
    assert "Lösenordet är ändrat. Du är utloggad på andra enheter." in page.response.text
    assert visitor.client.cookies["__Host-session"] != token, "a new token (ASVS 7.2.4)"
    assert (await visitor.visit("/kund/100200")).status == 200
    assert (await elsewhere.visit("/kund/100200")).path == "/logga-in"
    assert await Session.filter(user_id=anna.id).count() == 1
    assert (await new_visitor().log_in()).status == 422
    assert (await new_visitor().log_in(password=NEW)).path == "/kund/100200"
    assert await EmailLink.filter(purpose=Purpose.RESET_PASSWORD, voided_at=None).count() == 0
    assert (await outbox.to(anna.email))[-1]["Subject"] == "Ditt lösenord är ändrat"
    assert await Event.filter(kind="password.changed", user_id=anna.id).count() == 1


@pytest.mark.parametrize(
    ("current", "new", "again", "sentence"),
    [
        ("", NEW, None, "Ange ditt nuvarande lösenord."),
        ("fel lösenord", NEW, None, "Det nuvarande lösenordet stämmer inte."),
        (PASSWORD, "", None, "Välj ett lösenord."),
        (PASSWORD, "kort", None, "Lösenordet ska ha minst 12 tecken."),
        (PASSWORD, "passwordpassword", None, "Lösenordet är för lätt att gissa."),
        (PASSWORD, "vi på exempelbygg här", None, "Lösenordet är för lätt att gissa."),
        (PASSWORD, PASSWORD, None, "Välj ett annat lösenord än det du har."),
        (PASSWORD, NEW, NEW + "x", "Lösenorden är inte lika."),
        (PASSWORD, NEW, "", "Lösenorden är inte lika."),
    ],
)
async def test_a_refused_change_says_why_and_changes_nothing(
    visitor: Visitor, anna: User, current: str, new: str, again: str | None, sentence: str
) -> None:
    await visitor.log_in()

    page = await change(visitor, current, new, again)

    assert page.status == 422
    assert sentence in page.alert
    for name in ("current_password", "new_password", "repeated_password"):
        assert page.value(name) is None, "passwords are never sent back"
    assert page.value("given_name") == "Anna"
    assert await (await User.get(id=anna.id)).has_password(PASSWORD)
    assert not await OutgoingMail.exists(kind="password_changed")


async def test_the_current_password_cannot_be_guessed(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    for _ in range(10):
        await change(visitor, current="fel")
    page = await change(visitor)
    assert page.status == 422
    assert "Du har försökt för många gånger." in page.alert
    assert await (await User.get(id=anna.id)).has_password(PASSWORD)


async def test_two_tabs_at_once_the_second_is_told(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    await change(visitor)
    page = await change(visitor, new="fyra blå paraplyer ute")
    assert "Det nuvarande lösenordet stämmer inte." in page.alert


async def test_password_managers_are_led_there(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    assert (await visitor.visit("/.well-known/change-password")).path == DETAILS
