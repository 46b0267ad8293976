"""Login as customers and attackers meet it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from models import (
    CustomerAccount,
    KnownDevice,
    Membership,
    Session,
    Totp,
    TwoFactor,
    User,
    passwords,
)
from tests.unit.conftest import PASSWORD, SETTINGS, Clock, Visitor, a_user, an_account, code
from web.app import create_app

pytestmark = pytest.mark.anyio
WRONG = "E-postadressen eller lösenordet stämmer inte."


@pytest.fixture
async def anna(account: CustomerAccount) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    return user


@pytest.fixture
async def bo(account: CustomerAccount, time: Clock) -> tuple[User, str]:
    """Bo has two-factor on; with him the secret of his app."""
    user = await a_user("bo@example.com", given_name="Bo", two_factor=TwoFactor.UNANSWERED)
    _ = await Membership.admit(user, account)
    totp = await Totp.pending(user)
    await totp.activate(user, code(totp.secret))
    time.forward(minutes=5)
    return user, totp.secret


async def test_the_login_leads_to_the_customer_account(visitor: Visitor, anna: User) -> None:
    page = await visitor.log_in()

    assert (page.path, page.heading) == ("/kund/100200", "Exempelbygg AB")
    assert any(button.startswith("Anna Andersson") for button in page.buttons)


@pytest.mark.parametrize("email", [" Anna@Example.com ", "ANNA@EXAMPLE.COM"])
async def test_the_address_is_compared_trimmed_and_folded(
    visitor: Visitor, anna: User, email: str
) -> None:
    assert (await visitor.log_in(email)).path == "/kund/100200"


@pytest.mark.parametrize(
    "password", [PASSWORD + " ", " " + PASSWORD, PASSWORD.upper(), PASSWORD[:12]]
)
async def test_the_password_is_compared_to_the_letter(
    visitor: Visitor, anna: User, password: str
) -> None:
    assert WRONG in (await visitor.log_in(password=password)).alert


async def test_unknown_and_wrong_answer_alike(visitor: Visitor, anna: User) -> None:
    wrong = await visitor.log_in(password="fel lösenord här")
    unknown = await visitor.log_in("ingen@example.com")

    assert wrong.status == unknown.status == 422
    assert WRONG in wrong.alert
    assert WRONG in unknown.alert
    assert not wrong.value("password")
    assert wrong.value("email") == "anna@example.com"


async def test_an_unknown_address_costs_as_much_hashing(
    visitor: Visitor, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    real = passwords._matches

    def matches(password_hash: str, password: str) -> bool:
        checked.append(password_hash)
        return real(password_hash, password)

    monkeypatch.setattr(passwords, "_matches", matches)
    await visitor.log_in("ingen@example.com")
    await visitor.log_in(password="fel lösenord här")

    assert len(checked) == 2


async def test_empty_fields_are_named(visitor: Visitor, db: None) -> None:
    page = await visitor.log_in("", "")

    assert "Ange din e-postadress." in page.alert
    assert "Ange ditt lösenord." in page.alert


async def test_ten_failures_from_one_address_then_wait_and_the_wait_is_named(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, time: Clock
) -> None:
    for _ in range(10):
        assert WRONG in (await visitor.log_in(password="fel lösenord här")).alert

    page = await visitor.log_in()
    assert page.status == 422
    assert "Du har försökt för många gånger. Vänta 5 minuter och försök igen." in page.alert
    assert (await new_visitor().log_in()).path == "/kund/100200"

    time.forward(minutes=5)
    assert (await visitor.log_in()).path == "/kund/100200"


async def test_a_stranger_cannot_lock_out_a_known_device(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User
) -> None:
    await visitor.log_in()
    await visitor.submit("/logga-ut")
    for _ in range(3):
        stranger = new_visitor()
        for _ in range(10):
            await stranger.log_in(password="fel lösenord här")

    assert "Vänta" in (await new_visitor().log_in()).alert, "unknown devices wait"
    assert (await visitor.log_in()).path == "/kund/100200"
    assert await KnownDevice.all().count() == 1


async def test_two_factor_asks_for_the_code_and_only_then_logs_in(
    visitor: Visitor, bo: tuple[User, str]
) -> None:
    page = await visitor.log_in("bo@example.com")
    assert page.path == "/logga-in/kod"
    assert not await Session.exists()
    assert (await visitor.visit("/kund/100200")).path == "/logga-in"

    page = await visitor.log_in("bo@example.com")
    page = await visitor.submit("/logga-in/kod", code="")
    assert "Ange engångskoden från din autentiseringsapp." in page.alert
    page = await visitor.submit("/logga-in/kod", code="12345")
    assert "Skriv de sex siffrorna från appen, eller en återställningskod." in page.alert
    page = await visitor.submit("/logga-in/kod", code="000000")
    assert page.status == 422
    assert "Koden stämmer inte. Vänta på nästa kod i appen och försök igen." in page.alert

    page = await visitor.submit("/logga-in/kod", code=code(bo[1]))
    assert page.path == "/kund/100200"


async def test_a_used_code_says_so(
    visitor: Visitor, new_visitor: Callable[[], Visitor], bo: tuple[User, str]
) -> None:
    await visitor.log_in("bo@example.com")
    await visitor.submit("/logga-in/kod", code=code(bo[1]))
    other = new_visitor()
    await other.log_in("bo@example.com")

    page = await other.submit("/logga-in/kod", code=code(bo[1]))

    assert "Koden är redan använd. Vänta på nästa kod i appen." in page.alert


async def test_after_five_minutes_the_half_login_starts_over(
    visitor: Visitor, bo: tuple[User, str], time: Clock
) -> None:
    await visitor.log_in("bo@example.com")
    time.forward(minutes=5)

    page = await visitor.submit("/logga-in/kod", code=code(bo[1]))

    assert page.path == "/logga-in"
    assert "Inloggningen tog för lång tid." in page.response.text


async def test_login_goes_back_to_where_one_was_going(visitor: Visitor, anna: User) -> None:
    page = await visitor.visit("/lagg-till-kundkonto")
    assert page.path == "/logga-in"

    page = await visitor.submit(
        "/logga-in", email="anna@example.com", password=PASSWORD, next=page.value("next") or ""
    )

    assert page.path == "/lagg-till-kundkonto"


@pytest.mark.parametrize(
    "path",
    ["//e.example", "/\\e.example", "https://e.example", "javascript:alert(1)", "/kund/100200"],
)
async def test_an_unsigned_next_is_ignored(visitor: Visitor, anna: User, path: str) -> None:
    answer = await visitor.post("/logga-in", email="anna@example.com", password=PASSWORD, next=path)
    assert answer.headers["location"] == "/kund/100200"


async def test_logout_ends_the_session_on_the_server(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    cookie = visitor.client.cookies["__Host-session"]

    page = await visitor.submit("/logga-ut")

    assert page.path == "/logga-in"
    assert "Du är utloggad." in page.response.text
    assert not await Session.exists()
    visitor.client.cookies.set("__Host-session", cookie, domain="minasidor.example")
    assert (await visitor.visit("/kund/100200")).path == "/logga-in"


async def test_a_login_replaces_the_session_token(visitor: Visitor, anna: User) -> None:
    visitor.client.cookies.set("__Host-session", "planted", domain="minasidor.example")
    await visitor.post("/logga-in", email="anna@example.com", password=PASSWORD)
    assert "planted" not in visitor.client.cookies["__Host-session"]


async def test_remember_me_outlives_the_browser(visitor: Visitor, anna: User) -> None:
    without = await visitor.post("/logga-in", email="anna@example.com", password=PASSWORD)
    await visitor.submit("/logga-ut")
    asked = await visitor.post(
        "/logga-in", email="anna@example.com", password=PASSWORD, remember="on"
    )

    def session_cookie(cookies: list[str]) -> str:
        return next(cookie for cookie in cookies if cookie.startswith("__Host-session"))

    assert "Max-Age" not in session_cookie(without.headers.get_list("set-cookie"))
    assert f"Max-Age={90 * 24 * 3600}" in session_cookie(asked.headers.get_list("set-cookie"))


async def test_htmx_gets_a_fragment_for_an_error_and_a_whole_page_after_login(
    visitor: Visitor, anna: User
) -> None:
    wrong = await visitor.htmx("POST", "/logga-in", email="anna@example.com", password="x")
    assert wrong.status_code == 422
    assert "<html" not in wrong.text
    assert "<title>Fel: " in wrong.text

    right = await visitor.htmx("POST", "/logga-in", email="anna@example.com", password=PASSWORD)
    assert (right.status_code, right.headers["hx-redirect"]) == (204, "/kund/100200")


async def test_a_signed_out_htmx_request_never_gets_a_login_form_inside_a_fragment(
    visitor: Visitor, anna: User
) -> None:
    answer = await visitor.htmx("GET", "/kund/100200")
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"].startswith("/logga-in?next=")


async def test_the_tab_is_remembered(visitor: Visitor, db: None) -> None:
    page = await visitor.visit("/logga-in?flik=bankid")
    assert "BankID på en annan enhet" in page.text

    page = await visitor.visit("/logga-in")
    assert "BankID på en annan enhet" in page.text


async def test_where_bankid_is_off_its_tab_is_honest_and_nothing_else_offers_it(
    db: None,
) -> None:
    visitor = Visitor(create_app(replace(SETTINGS, bankid_mode="off")))
    page = await visitor.visit("/logga-in?flik=bankid")
    assert "Inloggning med BankID är inte påslagen än. Logga in med e-post så länge." in page.text
    assert "BankID på" not in page.text
    assert "BankID" not in (await visitor.visit("/registrera/steg-1")).text
    page = await visitor.submit("/bankid/starta", intent="login", device="other")
    assert (page.path, page.status) == ("/logga-in", 200)


async def test_a_user_without_any_account_lands_on_adding_one(visitor: Visitor, db: None) -> None:
    _ = await a_user()
    assert (await visitor.log_in()).path == "/lagg-till-kundkonto"


async def test_too_many_waiting_hashes_say_try_again(
    visitor: Visitor, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "MOST_WAITING", 0)
    page = await visitor.log_in()
    assert page.status == 503
    assert page.response.headers["retry-after"]


async def test_sensitive_pages_ask_for_the_password_again_after_ten_minutes(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    await visitor.log_in()
    assert (await visitor.visit("/mina-uppgifter/inloggningsuppgifter")).status == 200
    time.forward(minutes=11)

    page = await visitor.visit("/mina-uppgifter/inloggningsuppgifter")
    assert (page.path, page.heading) == ("/bekrafta-dig", "Bekräfta att det är du")
    signed = page.value("next") or ""
    page = await visitor.submit("/bekrafta-dig", password="fel lösenord", next=signed)
    assert "Lösenordet stämmer inte." in page.alert
    page = await visitor.submit("/bekrafta-dig", password=PASSWORD, next=signed)
    assert page.path == "/mina-uppgifter/inloggningsuppgifter"


async def test_two_factor_can_be_turned_on_later(visitor: Visitor, anna: User, time: Clock) -> None:
    await visitor.log_in()
    page = await visitor.visit("/mina-uppgifter/inloggningsuppgifter")
    secret = page.texts("code")[0].replace(" ", "")

    page = await visitor.submit("/mina-uppgifter/inloggningsuppgifter", code=code(secret))

    assert "På sedan 2 mars 2026" in page.text
    assert (await User.get(id=anna.id)).two_factor is TwoFactor.ON


async def test_several_accounts_and_the_one_used_last_comes_first(
    visitor: Visitor, anna: User
) -> None:
    other = await an_account("100300", name="Andra AB")
    _ = await Membership.admit(anna, other)
    page = await visitor.log_in()
    assert page.path == "/kund/100200"
    assert "Andra AB" in page.text
    await visitor.visit("/kund/100300")
    await visitor.submit("/logga-ut")

    assert (await visitor.log_in()).path == "/kund/100300"


async def test_a_second_click_on_the_right_code_leads_on(
    visitor: Visitor, bo: tuple[User, str]
) -> None:
    await visitor.log_in("bo@example.com")
    challenge = visitor.client.cookies["__Host-session"]
    await visitor.post("/logga-in/kod", code=code(bo[1]))
    visitor.client.cookies.delete("__Host-session")
    visitor.client.cookies.set("__Host-session", challenge, domain="minasidor.example")

    answer = await visitor.post("/logga-in/kod", code=code(bo[1]))

    assert (answer.status_code, answer.headers["location"]) == (303, "/logga-in")


async def test_confirming_again_keeps_the_browser_remembered(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    await visitor.post("/logga-in", email="anna@example.com", password=PASSWORD, remember="on")
    answer = await visitor.post("/bekrafta-dig", password=PASSWORD)
    (cookie,) = (c for c in answer.headers.get_list("set-cookie") if "__Host-session" in c)
    assert f"Max-Age={90 * 24 * 3600}" in cookie


async def test_an_overlong_next_does_not_stand_in_the_way(visitor: Visitor, anna: User) -> None:
    page = await visitor.submit(
        "/logga-in", email="anna@example.com", password=PASSWORD, next="x" * 5000
    )
    assert page.path == "/kund/100200"


async def test_leading_zeros_of_a_customer_number_are_dropped(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    assert (await visitor.visit("/kund/00100200")).heading == "Exempelbygg AB"


async def test_who_was_logged_out_is_told_so_but_not_who_never_was(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User, time: Clock
) -> None:
    ended = "Du har loggats ut. Logga in igen för att fortsätta."
    await visitor.log_in()
    time.forward(hours=25)
    page = await visitor.visit("/mina-uppgifter")
    assert (page.path, ended in page.text) == ("/logga-in", True)
    assert ended not in (await visitor.visit("/logga-in")).text, "on the way to nowhere"
    assert ended not in (await new_visitor().visit("/mina-uppgifter")).text
    page = await visitor.log_in()
    assert ended not in page.text
