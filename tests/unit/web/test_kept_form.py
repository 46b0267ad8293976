"""A form sent when the session was gone comes back after the login: to its sender, and unsaved."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from dataclasses import fields

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from models import CustomerAccount, EmailLink, Membership, Session, Totp, User, keys
from models.email_link import Purpose
from tests.unit.conftest import PASSWORD, Clock, Visitor, a_user, code
from tests.unit.page import Page
from web import guards, my_details
from web import pages as web_pages
from web.forms import Form
from web.routes import routes
from web.signing import signer

pytestmark = pytest.mark.anyio
DETAILS, ADD, LOGIN = "/mina-uppgifter", "/lagg-till-kundkonto", "/logga-in"
ADDRESS = "/mina-uppgifter/epost"
TYPED = {"given_name": "Anna", "family_name": "Andersson", "phone": "070-174 06 99"}
KEEPING = {
    DETAILS: TYPED,
    ADD: {"customer_number": "100 900", "organisation_suffix": "7711"},
    ADDRESS: {"email": "ny@example.com"},
}
# On the pages of a customer account.
KEEPING_AT = {
    "/kund/100200/anvandare/bjud-in": {"email": "elin@example.com", "administrator": "on"},
    "/kund/100200/anvandare/regler": {"claim_policy": "approve", "requires_two_factor": "on"},
}
KEPT = "Du har loggats ut. Logga in igen, så finns det du skrev kvar."
UNSAVED = "Det du skrev är inte sparat än. Kontrollera uppgifterna och skicka igen."


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    await user.confirm_email()
    return user


async def sent(visitor: Visitor, path: str = DETAILS, **typed: str) -> Page:
    """The answer to a form that was open in the browser when its session ended elsewhere."""
    page = await visitor.visit(path)
    made_for = page.value("made_for") or ""
    await Session.all().delete()
    return await visitor.submit(path, **({"made_for": made_for} | (typed or TYPED)))


async def logged_in(
    visitor: Visitor, page: Page, email: str = "anna@example.com", password: str = PASSWORD
) -> Page:
    """Through the login page that was shown, with all that it carries."""
    carried = {name: page.value(name) or "" for name in ("next", "kept") if page.has_field(name)}
    return await visitor.submit(LOGIN, email=email, password=password, **carried)


async def test_it_comes_back_filled_and_nothing_is_saved_by_itself(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()

    page = await sent(visitor)
    assert (page.status, page.heading) == (422, "Logga in")
    assert KEPT in page.text
    assert TYPED["phone"] not in page.response.text
    page = await logged_in(visitor, page)

    assert page.path == DETAILS
    assert UNSAVED in page.alert
    assert page.value("phone") == TYPED["phone"]
    assert (await User.get(id=anna.id)).phone == ""
    again = await visitor.visit(DETAILS)
    assert (again.value("phone"), UNSAVED in again.text) == ("", False), "it is shown once"
    page = await visitor.submit(DETAILS, **TYPED)
    assert (await User.get(id=anna.id)).phone == TYPED["phone"]


async def test_what_was_typed_wrong_comes_back_as_it_was_and_is_refused_then(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()
    page = await sent(visitor, **(TYPED | {"phone": "ring\x00 mig, jag svarar alltid"}))

    page = await logged_in(visitor, page)

    assert page.value("phone") == "ring mig, jag svarar alltid"
    assert (await visitor.submit(DETAILS, **(TYPED | {"phone": "ring mig"}))).status == 422


async def test_an_expired_session_and_a_wrong_password_lose_nothing(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    await visitor.log_in()
    made_for = (await visitor.visit(DETAILS)).value("made_for") or ""
    time.forward(hours=25)

    page = await visitor.submit(DETAILS, made_for=made_for, **TYPED)
    page = await logged_in(visitor, page, password="fel")
    assert page.status == 422
    assert KEPT in page.text
    page = await logged_in(visitor, page)

    assert page.value("phone") == TYPED["phone"]


async def test_it_passes_the_code_step(visitor: Visitor, anna: User, time: Clock) -> None:
    pending = await Totp.pending(anna)
    secret = pending.secret
    assert (await pending.activate(anna, code(secret))).is_right
    time.forward(seconds=30)
    await visitor.log_in()
    await visitor.submit("/logga-in/kod", code=code(secret))

    page = await logged_in(visitor, await sent(visitor))
    assert page.path == "/logga-in/kod"
    time.forward(seconds=30)
    page = await visitor.submit("/logga-in/kod", code=code(secret))

    assert page.path == DETAILS
    assert page.value("phone") == TYPED["phone"]


async def test_htmx_gets_the_whole_page_and_never_a_login_form_below_a_signed_in_header(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()
    made_for = (await visitor.visit(DETAILS)).value("made_for") or ""
    await Session.all().delete()

    answer = await visitor.htmx("POST", DETAILS, made_for=made_for, **TYPED)

    assert answer.status_code == 422
    assert (answer.headers["hx-retarget"], answer.headers["hx-reswap"]) == ("body", "innerHTML")
    page = Page(answer)
    assert "Huvudmeny" in answer.text
    assert "Logga ut" not in page.buttons
    assert (await logged_in(visitor, page)).value("phone") == TYPED["phone"]


async def test_the_kundnummer_comes_back_and_never_the_four_digits(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()

    page = await sent(visitor, ADD, customer_number="100 900", organisation_suffix="7711")
    page = await logged_in(visitor, page)

    assert page.path == ADD
    assert page.value("customer_number") == "100 900"
    assert page.value("organisation_suffix") is None


async def test_before_something_sensitive_the_password_is_asked_for_and_nothing_is_lost(
    visitor: Visitor, anna: User, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sensitive(_: my_details.PersonalDetails, request: Request) -> Response:
        guards.recently_confirmed(request)
        raise AssertionError("it was confirmed long ago")

    monkeypatch.setattr(my_details.PersonalDetails, "post", sensitive)
    await visitor.log_in()
    made_for = (await visitor.visit(DETAILS)).value("made_for") or ""
    time.forward(minutes=11)

    page = await visitor.submit(DETAILS, made_for=made_for, **TYPED)
    assert page.path == "/bekrafta-dig"
    page = await visitor.submit("/bekrafta-dig", password=PASSWORD, next=page.value("next") or "")

    assert (page.path, page.value("phone")) == (DETAILS, TYPED["phone"])
    assert UNSAVED in page.alert


# In other hands, in other places, too late: it opens nothing


async def test_whoever_else_logs_in_there_is_not_shown_it(visitor: Visitor, anna: User) -> None:
    _ = await a_user("bo@example.com", given_name="Bo")
    await visitor.log_in()

    page = await logged_in(visitor, await sent(visitor), "bo@example.com")

    assert page.path == DETAILS
    assert (page.value("given_name"), page.value("phone")) == ("Bo", "")
    assert UNSAVED not in page.text


async def test_the_one_who_sent_it_is_told_by_the_form_not_by_the_browser(
    visitor: Visitor, new_visitor: Callable[[], Visitor], anna: User
) -> None:
    """A form that says it is of somebody else is sealed for nobody, or for that one alone."""
    _ = await a_user("bo@example.com", given_name="Bo")
    thief = new_visitor()
    await thief.log_in("bo@example.com")
    bos = (await thief.visit(DETAILS)).value("made_for") or ""
    forged = [
        "",
        str(anna.id),
        f"Mw{bos[2:]}",
        signer("next").dumps(anna.id),
        signer("kept_form").dumps(anna.id),
    ]
    for made_for in forged:
        answer = await visitor.post(DETAILS, made_for=made_for, **TYPED)
        assert answer.status_code == 303, made_for
        assert "kept_form" not in answer.headers.get("set-cookie", "")

    page = await visitor.submit(DETAILS, made_for=bos, **TYPED)
    assert (await logged_in(visitor, page)).value("phone") == ""


async def test_tampered_it_opens_nothing_and_the_login_goes_on(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()
    page = await sent(visitor)
    kept = page.value("kept") or ""
    for spoilt in (kept[:-1] + "!", "x" + kept, kept[::-1], "x", signer("next").dumps(kept)):
        page.field("kept").set("value", spoilt)
        after = await logged_in(visitor, page)
        assert (after.path, after.value("phone")) == (DETAILS, "")
        await visitor.submit("/logga-ut")


async def test_after_half_an_hour_it_is_gone(visitor: Visitor, anna: User, time: Clock) -> None:
    await visitor.log_in()
    page = await sent(visitor)
    time.forward(minutes=30, seconds=1)

    assert (await logged_in(visitor, page)).value("phone") == ""


async def test_on_any_other_page_it_fills_nothing(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    page = await sent(visitor, ADD, customer_number="100900", organisation_suffix="7711")
    cookie = page.value("kept") or ""
    await visitor.log_in()
    visitor.client.cookies.set("__Host-kept_form", cookie, domain="minasidor.example")

    page = await visitor.visit(DETAILS)
    assert page.status == 200
    assert UNSAVED not in page.text
    assert (await visitor.visit(ADD)).value("customer_number") == "100900"


async def test_what_is_too_long_is_left_behind_and_the_cookie_stays_small(
    visitor: Visitor, anna: User
) -> None:
    await visitor.log_in()
    answer = await sent(visitor, **(TYPED | {"given_name": "å" * 800}))
    page = await logged_in(visitor, answer)
    response = page.response.history[-1]
    (cookie,) = (c for c in response.headers.get_list("set-cookie") if "kept_form" in c)
    assert len(cookie) < 4096, "what a browser takes"
    assert page.value("given_name") == "å" * 800

    page = await sent(visitor, **(TYPED | {"given_name": "å" * 1000}))
    assert (page.status, page.has_field("kept")) == (200, False)


async def test_a_field_sent_twice_is_refused_as_ever(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    made_for = (await visitor.visit(DETAILS)).value("made_for") or ""
    await Session.all().delete()
    body = {"made_for": made_for, "phone": ["1", "2"]}
    assert (await visitor.client.post(DETAILS, data=body)).status_code == 400


# Somebody else is signed in at that browser by now


async def test_a_page_of_somebody_else_saves_nothing_for_whoever_is_signed_in_now(
    visitor: Visitor, anna: User, account: CustomerAccount
) -> None:
    bo = await a_user("bo@example.com", given_name="Bo", family_name="Berg")
    await visitor.log_in()
    made_for = {path: (await visitor.visit(path)).value("made_for") or "" for path in (*KEEPING,)}
    await visitor.log_in("bo@example.com")

    for path, typed in KEEPING.items():
        page = await visitor.submit(path, made_for=made_for[path], **typed)
        assert (page.status, page.heading) == (409, "Någon annan är inloggad nu"), path
        assert "Fortsätt som Bo Berg" in page.text
        assert (await visitor.visit(path)).status == 200

    left = await User.get(id=bo.id)
    assert (left.given_name, left.phone) == ("Bo", "")
    assert not await EmailLink.exists(purpose=Purpose.CHANGE_EMAIL)
    passwords = {"current_password": PASSWORD, "new_password": "vinden-drar-ett-lass"}
    page = await visitor.submit(f"{DETAILS}/losenord", made_for=made_for[DETAILS], **passwords)
    assert page.status == 409


async def test_the_page_that_says_so_brings_the_header_of_who_is_signed_in(
    visitor: Visitor, anna: User
) -> None:
    _ = await a_user("bo@example.com", given_name="Bo", family_name="Berg")
    await visitor.log_in()
    made_for = (await visitor.visit(DETAILS)).value("made_for") or ""
    await visitor.log_in("bo@example.com")

    answer = await visitor.htmx("POST", DETAILS, made_for=made_for, **TYPED)

    assert (answer.status_code, answer.headers["hx-retarget"]) == (409, "body")
    assert "Huvudmeny" in answer.text


async def test_it_is_told_also_where_the_password_is_to_be_given_again_first(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    _ = await a_user("bo@example.com")
    await visitor.log_in()
    made_for = (await visitor.visit(ADDRESS)).value("made_for") or ""
    await visitor.log_in("bo@example.com")
    time.forward(minutes=11)

    page = await visitor.submit(ADDRESS, made_for=made_for, email="ny@example.com")

    assert page.status == 409


# The new address, which asks for the password again


async def test_the_new_address_comes_back_after_the_password(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    await visitor.log_in()
    made_for = (await visitor.visit(ADDRESS)).value("made_for") or ""
    time.forward(minutes=11)

    page = await visitor.submit(ADDRESS, made_for=made_for, email="ny@example.com")
    assert page.heading == "Bekräfta att det är du"
    page = await visitor.submit("/bekrafta-dig", next=page.value("next") or "", password=PASSWORD)

    assert (page.path, page.value("email")) == (ADDRESS, "ny@example.com")
    assert UNSAVED in page.alert
    assert not await EmailLink.exists(purpose=Purpose.CHANGE_EMAIL)


# What is kept


async def test_no_password_is_kept_not_even_encrypted(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    page = await sent(visitor, **TYPED, current_password=PASSWORD, new_password="hemligt", role="x")

    sealed = signer("kept_form").loads(page.value("kept") or "")
    opened = json.loads(keys.decrypt("kept_form", urlsafe_b64decode(sealed), ""))

    assert opened == [anna.id, DETAILS, TYPED]


def test_every_field_that_proves_something_is_a_secret() -> None:
    found = 0
    for form in subclasses(Form):
        for f in fields(form):
            if f.name.startswith("code_challenge"):  # PKCE's is for all to see: RFC 7636 §7.1
                continue
            if any(word in f.name for word in ("password", "code", "suffix", "pin", "token")):
                assert f.metadata.get("secret"), f"{form.__name__}.{f.name}"
                found += 1
    assert found >= 8


async def test_each_page_that_keeps_a_form_says_whom_it_was_made_for_and_gets_it_back(
    visitor: Visitor, anna: User
) -> None:
    """Also: its guard comes before its form is read, else the answer here would not come.

    The yearly review, whose fields are its users, has such a test of its own, and so has what a
    device is called, whose address is the device's.
    """
    keeping = {
        route.path.replace("{customer_number:customer_number}", "100200"): endpoint.keeps
        for route in routes
        if isinstance(route, Route) and route.name not in ("review", "devices:name")
        for endpoint in [route.endpoint]
        if isinstance(endpoint, type) and issubclass(endpoint, web_pages.Page) and endpoint.keeps
    }
    assert keeping.keys() == KEEPING.keys() | KEEPING_AT.keys()
    for path, form in keeping.items():
        await visitor.log_in()
        typed = KEEPING_AT.get(path) or dict.fromkeys(form().typed, "4711")
        assert typed.keys() == form().typed.keys()

        page = await logged_in(visitor, await sent(visitor, path, **typed))

        assert page.path == path
        for name, value in typed.items():
            assert held(page, name) == value, f"{path} {name}"


def held(page: Page, name: str) -> str | None:
    """What a text field holds, or what is chosen."""
    fields = page.tree.findall(f".//input[@name='{name}']")
    chosen = [field for field in fields if field.get("checked") is not None]
    if fields[0].get("type") in ("radio", "checkbox"):
        return chosen[0].get("value", "on") if chosen else None
    return page.value(name)


def subclasses(form: type[Form]) -> Iterator[type[Form]]:
    for each in form.__subclasses__():
        yield each
        yield from subclasses(each)
