"""Avsluta användarkontot: proven, told in full, and undone by a login for fourteen days."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import CustomerAccount, Membership, RecoveryCode, Registration, Totp, TwoFactor, User
from tests.unit.conftest import (
    PASSWORD,
    Clock,
    Outbox,
    Visitor,
    a_user,
    an_account,
    code,
    plain,
)
from tests.unit.web.test_security import ACCESS, page_routes, path_of, route_named

pytestmark = pytest.mark.anyio
CLOSE, UNDO = "/mina-uppgifter/avsluta", "/mina-uppgifter/avsluta/angra"
OPEN_AGAIN = "Välkommen tillbaka! Ditt användarkonto är öppet igen."


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user(email_confirmed_at=time.now())
    _ = await Membership.admit(user, account)
    return user


@pytest.fixture
async def app_of_anna(anna: User) -> str:
    """Two-factor is on: the secret of her app."""
    pending = await Totp.pending(anna)
    assert (await pending.activate(anna, code(pending.secret))).is_right
    return pending.secret


async def is_closing(user: User) -> bool:
    return (await User.get(id=user.id)).closes_at is not None


async def test_closed_with_the_password_and_undone_at_the_next_login(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, outbox: Outbox, time: Clock
) -> None:
    elsewhere = new_visitor()
    await elsewhere.log_in()
    await visitor.log_in()
    page = await visitor.visit("/mina-uppgifter")
    assert CLOSE in page.response.text
    page = await visitor.visit(CLOSE)
    assert "Exempelbygg AB" in page.response.text
    assert "Du kan ångra dig i 14 dagar." in page.response.text

    page = await visitor.submit(CLOSE, password=PASSWORD)

    assert page.path == "/logga-in"
    assert "Ångrar du dig kan du logga in fram till 16 mars 2026 kl. 10.00." in page.response.text
    assert (await elsewhere.visit("/kund/100200")).path == "/logga-in"
    mail = (await outbox.to(anna.email))[-1]
    assert mail["Subject"] == "Ditt användarkonto är avslutat"
    assert "Dina uppgifter raderas 16 mars 2026 kl. 10.00." in plain(mail)
    assert "/det-var-inte-jag/" in plain(mail)

    time.forward(days=13)
    page = await visitor.log_in()
    assert page.path == CLOSE
    assert "Du kan ångra dig fram till 16 mars 2026 kl. 10.00." in page.response.text
    page = await visitor.submit(UNDO)
    assert (page.path, page.status) == ("/mina-uppgifter", 200)
    assert OPEN_AGAIN in page.response.text
    assert (await visitor.visit("/kund/100200")).status == 200
    assert (await outbox.to(anna.email))[-1]["Subject"] == "Ditt användarkonto är öppet igen"


@pytest.mark.parametrize(
    ("password", "sentence"),
    [("", "Ange ditt lösenord."), ("fel lösenord", "Lösenordet stämmer inte.")],
)
async def test_without_the_password_nothing_is_closed(
    visitor: Visitor, anna: User, password: str, sentence: str
) -> None:
    await visitor.log_in()

    page = await visitor.submit(CLOSE, password=password)

    assert page.status == 422
    assert sentence in page.alert
    assert page.value("password") is None
    assert not await is_closing(anna)


async def test_the_password_cannot_be_guessed_with_a_stolen_session(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()
    for _ in range(10):
        await visitor.submit(CLOSE, password="fel")

    page = await visitor.submit(CLOSE, password=PASSWORD)

    assert "Du har försökt för många gånger." in page.alert
    assert not await is_closing(anna)


async def log_in_with_code(visitor: Visitor, typed: str) -> None:
    await visitor.log_in()
    page = await visitor.submit("/logga-in/kod", code=typed)
    assert page.status == 200


async def test_with_two_factor_the_code_is_asked_for_too(
    visitor: Visitor, anna: User, app_of_anna: str, time: Clock
) -> None:
    time.forward(seconds=60)
    await log_in_with_code(visitor, code(app_of_anna))
    for fields, sentence in (
        ({"password": PASSWORD}, "Ange engångskoden från din autentiseringsapp."),
        ({"password": PASSWORD, "code": "12"}, "Skriv de sex siffrorna från appen"),
        ({"password": PASSWORD, "code": "000000"}, "Koden stämmer inte."),
        ({"password": PASSWORD, "code": code(app_of_anna)}, "Koden är redan använd."),
        ({"code": "000000"}, "Ange ditt lösenord."),
    ):
        page = await visitor.submit(CLOSE, **fields)
        assert page.status == 422
        assert sentence in page.alert
    time.forward(seconds=60)
    fresh = code(app_of_anna)
    page = await visitor.submit(CLOSE, password="fel lösenord", code=fresh)
    assert "Lösenordet stämmer inte." in page.alert
    assert not await is_closing(anna)

    page = await visitor.submit(CLOSE, password=PASSWORD, code=fresh)

    assert page.path == "/logga-in", "a wrong password has not used the code up"
    assert await is_closing(anna)
    time.forward(seconds=60)
    page = await visitor.log_in()
    assert page.path == "/logga-in/kod", "undoing it takes the code too"
    page = await visitor.submit("/logga-in/kod", code=code(app_of_anna))
    assert page.path == CLOSE


async def test_a_recovery_code_will_do(
    visitor: Visitor, anna: User, app_of_anna: str, time: Clock
) -> None:
    (one, other, *_) = await RecoveryCode.shown(anna.id)
    await log_in_with_code(visitor, one)

    await visitor.submit(CLOSE, password=PASSWORD, code=other)

    assert await is_closing(anna)


async def test_the_only_administrator_of_others_is_told_what_to_do(
    visitor: Visitor, anna: User, account: CustomerAccount
) -> None:
    _ = await Membership.admit(await a_user("bo@example.com"), account)
    await visitor.log_in()
    page = await visitor.visit(CLOSE)
    assert "Du är den enda administratören" in page.response.text

    page = await visitor.submit(CLOSE, password=PASSWORD)

    assert page.status == 422
    assert "Gör någon annan till administratör först" in page.alert
    assert account.name in page.response.text
    assert not await is_closing(anna)


async def test_who_has_closed_reaches_no_other_page_and_changes_nothing(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()
    await User.filter(id=anna.id).update(closes_at=anna.created_at)
    to_undo = [name for name in ACCESS if name.startswith("closing:")]
    assert len(to_undo) == 2

    for route in page_routes():
        of_customer = ("signed in", "signed in")  # each page of a customer account
        kinds = ACCESS.get(route.name, of_customer)
        for kind, method in zip(kinds, ("GET", "POST"), strict=True):
            if kind == "signed in" and route.name not in to_undo:
                answer = await visitor.client.request(method, path_of(route_named(route.name)))
                assert answer.status_code == 303, f"{method} {route.name}"
                assert answer.headers["location"] == CLOSE, f"{method} {route.name}"
    answer = await visitor.htmx("POST", "/mina-uppgifter", given_name="Åsa", family_name="Öberg")
    assert answer.headers["hx-redirect"] == CLOSE
    assert (await User.get(id=anna.id)).given_name == "Anna"
    assert (await visitor.visit("/logga-in")).path == CLOSE
    page = await visitor.visit("/")
    assert page.status == 200
    assert "Lägg till kundkonto" not in page.response.text
    page = await visitor.submit("/logga-ut")
    assert "Du är utloggad." in page.response.text


async def test_steg_4_unanswered_still_leads_to_undoing(visitor: Visitor, anna: User) -> None:
    await User.filter(id=anna.id).update(closes_at=anna.created_at, two_factor=TwoFactor.UNANSWERED)
    assert (await visitor.log_in()).path == CLOSE


async def test_a_forgotten_password_is_no_end_to_undoing(
    visitor: Visitor, anna: User, outbox: Outbox
) -> None:
    await visitor.log_in()
    await visitor.submit(CLOSE, password=PASSWORD)
    await visitor.submit("/glomt-losen", email=anna.email)
    await visitor.visit(await outbox.link(anna.email))
    page = await visitor.submit("/aterstall-losen", password="sju små blå brickor")
    assert page.path == "/logga-in"
    assert await is_closing(anna), "a mailed link alone undoes nothing"

    page = await visitor.log_in(password="sju små blå brickor")

    assert page.path == CLOSE
    await visitor.submit(UNDO)
    assert not await is_closing(anna)


async def test_registering_anew_meanwhile_leads_to_undoing_and_links_nothing(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()
    await visitor.submit(CLOSE, password=PASSWORD)
    other = await an_account("100900", "4435027711", "Andra Bolaget AB")
    token = await Registration.start()
    visitor.client.cookies.set("__Host-registration", token)
    registration = await Registration.find(token)
    assert registration
    await registration.keep_details("Anna", "Andersson", "", anna.email)
    await Registration.filter(id=registration.id).update(
        customer_account_id=other.id, claimed_at=anna.created_at, is_linking=True
    )

    page = await visitor.log_in()

    assert page.path == CLOSE
    assert not await Membership.exists(customer_account_id=other.id)


async def test_two_tabs_close_and_undo_once(visitor: Visitor, anna: User, outbox: Outbox) -> None:
    await visitor.log_in()
    await visitor.submit(CLOSE, password=PASSWORD)
    assert (await visitor.submit(CLOSE, password=PASSWORD)).path == "/logga-in"
    await visitor.log_in()
    assert (await visitor.post(CLOSE, password=PASSWORD)).headers["location"] == CLOSE
    await visitor.submit(UNDO)

    page = await visitor.submit(UNDO)

    assert page.path == "/mina-uppgifter"
    assert OPEN_AGAIN not in page.response.text
    subjects = [mail["Subject"] for mail in await outbox.to(anna.email)]
    assert subjects.count("Ditt användarkonto är avslutat") == 1
    assert subjects.count("Ditt användarkonto är öppet igen") == 1


async def test_whoever_reads_the_mail_and_did_not_close_it_opens_it_again(
    visitor: Visitor, anna: User, outbox: Outbox
) -> None:
    await visitor.log_in()
    await visitor.submit(CLOSE, password=PASSWORD)

    await visitor.visit(await outbox.link(anna.email))
    await visitor.submit("/det-var-inte-jag")

    user = await User.get(id=anna.id)
    assert user.closes_at is None
    assert user.frozen_at is not None
