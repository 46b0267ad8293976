"""The app in the browser: on the way to the page with the code, on that page, and past it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from starlette.applications import Starlette

from models import (
    AppCode,
    AppDevice,
    CustomerAccount,
    Invitation,
    OutgoingMail,
    Role,
    Session,
    TwoFactor,
    User,
    closing,
)
from models.access import Actor
from models.identity import How
from tests.unit.conftest import (
    PASSWORD,
    SETTINGS,
    Clock,
    Outbox,
    Visitor,
    an_account,
    code,
    settings,
)
from tests.unit.page import Page
from tests.unit.web.bankid.customer import IPHONE, Customer
from tests.unit.web.mobile.phone import ANDROID, BACK, IOS, SCHEME, Phone
from web.app import create_app
from web.signing import signer

pytestmark = pytest.mark.anyio

TITLE = "Logga in i MittPreZero"
ON = "Fortsätt till appen"
CLAIM = {"customer_number": "100200", "organisation_suffix": "3378"}
DETAILS = {
    "customer_number": "100200",
    "given_name": "Anna",
    "family_name": "Andersson",
    "phone": "",
    "email": "anna@example.com",
    "password": PASSWORD,
}
NEW = "nio runda lock på hög"


def handed_over(page: Page, link: str = ON) -> dict[str, str]:
    """What the link on the page gives to the app."""
    return dict(parse_qsl(urlsplit(page.links[link]).query, strict_parsing=True))


def is_kept(visitor: Visitor) -> bool:
    return bool(visitor.client.cookies.get("__Host-app"))


async def exchange(phone: Phone, page: Page, **fields: str) -> None:
    """The app gets what the page hands over, and is logged in by it."""
    assert page.heading == TITLE, f"{page.path} {page.heading} {page.alert}"
    given = handed_over(page)
    assert given["state"] == phone.state
    tokens = await phone.redeem(given["code"], **{"redirect_uri": BACK, **fields})
    assert tokens.status == 200, tokens.json
    phone.tokens = tokens.json
    assert (await phone.refresh()).status == 200


@pytest.fixture
async def signed_in(visitor: Visitor, anna: User) -> Visitor:
    await visitor.log_in()
    return visitor


# The page with the code


async def test_whoever_is_signed_in_gets_a_link_with_a_code(
    signed_in: Visitor, phone: Phone, anna: User
) -> None:
    page = await signed_in.visit(phone.opens())

    assert (page.status, page.heading) == (200, TITLE)
    assert "Anna Andersson, anna@example.com" in page.text
    assert page.response.headers["cache-control"] == "no-store"
    link = page.links[ON]
    assert link.startswith(f"{BACK}?code=mzc_")
    assert handed_over(page).keys() == {"code", "state", "iss"}
    assert handed_over(page)["iss"] == SETTINGS.base_url
    (made,) = await AppCode.all()
    assert (made.user_id, made.how, made.device_name) == (anna.id, How.PASSWORD, "Annas iPhone")
    assert made.session_id == (await Session.get(user_id=anna.id)).id
    await exchange(phone, page)
    device = await AppDevice.get()
    assert (device.name, device.client_id) == ("Annas iPhone", IOS)


async def test_beside_an_address_of_this_host_stands_the_apps_own(
    signed_in: Visitor, phone: Phone
) -> None:
    page = await signed_in.visit(phone.opens())
    assert page.links["Öppna appen"].startswith(f"{SCHEME}?code=mzc_")
    assert handed_over(page, "Öppna appen") == handed_over(page)

    page = await signed_in.visit(phone.opens(redirect_uri=SCHEME))
    assert page.links[ON].startswith(f"{SCHEME}?code=mzc_")
    assert "Öppna appen" not in page.links
    await exchange(phone, page, redirect_uri=SCHEME)


async def test_nothing_is_ever_redirected_out_of_the_portal(
    signed_in: Visitor, new_visitor: Callable[[], Visitor], phone: Phone
) -> None:
    for visitor in (signed_in, new_visitor()):
        for changes in ({}, {"state": ""}, {"client_id": "x"}, {"prompt": "create"}):
            answer = await visitor.client.get(phone.opens(**changes))
            assert answer.headers.get("location", "/").startswith("/")
            assert "refresh" not in answer.headers
            assert 'http-equiv="refresh"' not in answer.text


async def test_its_links_are_followed_by_the_browser_and_not_by_htmx(
    signed_in: Visitor, phone: Phone
) -> None:
    path = phone.opens()
    page = await signed_in.visit(path)
    for name in (ON, "Öppna appen"):
        (link,) = (a for a in page.tree.iter("a") if a.get("href") == page.links[name])
        assert link.get("hx-boost") == "false"

    codes = await AppCode.all().count()
    answer = await signed_in.htmx("GET", path)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, path)
    assert await AppCode.all().count() == codes


async def test_without_a_name_the_device_is_called_by_its_system(
    signed_in: Visitor, new_phone: Callable[..., Phone]
) -> None:
    phone = new_phone(ANDROID)
    await exchange(phone, await signed_in.visit(phone.opens(device_name="")))
    strange = "\u202e Annas\0 \n" + "å" * 300
    await exchange(phone, await signed_in.visit(phone.opens(device_name=strange)))

    names = [device.name for device in await AppDevice.all().order_by("id")]
    assert names == ["Android", "Annas " + "å" * 74]


async def test_what_comes_along_is_inert_on_the_page(signed_in: Visitor, phone: Phone) -> None:
    phone.state = "\"'><svg onload=alert(1)>&code=mzc_x&state=y#z"
    for path in (phone.opens(device_name=phone.state), phone.opens(code_challenge="")):
        page = await signed_in.visit(path)  # parsed strictly
        assert "<svg onload" not in page.response.text
        assert page.response.headers["content-security-policy"].startswith("default-src 'none'")
    page = await signed_in.visit(phone.opens(device_name=phone.state))
    await exchange(phone, page)


# Who asks, and where the answer goes


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": ""},
        {"client_id": "someone-else"},
        {"client_id": "mittprezero-reference"},  # in development only
        {"client_id": "mittprezero-reference", "redirect_uri": "http://127.0.0.1:1/"},
        {"redirect_uri": ""},
        {"redirect_uri": "https://evil.example/app/klar"},
        {"redirect_uri": f"{BACK}/"},
        {"redirect_uri": f"{BACK}?x=y"},
        {"redirect_uri": f"{BACK}#x"},
        {"redirect_uri": BACK.upper()},
        {"redirect_uri": BACK.replace("https:", "http:")},
        {"redirect_uri": BACK.replace("https://", "https://x@")},
        {"redirect_uri": f"https://minasidor.example.evil.example{urlsplit(BACK).path}"},
        {"redirect_uri": f"{SCHEME}/../evil"},
        {"redirect_uri": SCHEME.replace(":/", "://")},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "//evil.example"},
        {"redirect_uri": "http://127.0.0.1:1/"},
        {"redirect_uri": f" {BACK}"},
        {"redirect_uri": f"{BACK}\n"},
    ],
    ids=str,
)
async def test_where_somebody_else_would_be_answered_nothing_is_handed_over(
    signed_in: Visitor, new_visitor: Callable[[], Visitor], phone: Phone, changes: dict[str, str]
) -> None:
    for visitor in (signed_in, new_visitor()):
        page = await visitor.visit(phone.opens(**changes))
        assert page.status == 400
        assert page.heading == "Det gick inte att fortsätta från appen"
        assert {urlsplit(link).scheme for link in page.links.values()} <= {"", "mailto", "tel"}
        assert not {link for link in page.links.values() if "state" in link}
        assert phone.state not in page.response.text
        assert not is_kept(visitor)
    assert not await AppCode.exists()


@pytest.mark.parametrize("twice", ["client_id", "redirect_uri"])
async def test_of_two_nobody_knows_which_is_meant(
    signed_in: Visitor, phone: Phone, twice: str
) -> None:
    path = phone.opens()
    page = await signed_in.visit(f"{path}&{urlencode({twice: parse_qs(path)[twice][0]})}")

    assert page.heading == "Det gick inte att fortsätta från appen"
    assert not await AppCode.exists()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "x" * 42}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),  # which would mean plain
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"prompt": "none"}, "invalid_request"),
        ({"prompt": "create login"}, "invalid_request"),
        ({"state": ""}, "invalid_request"),
        ({"state": "x" * 501}, "invalid_request"),
        ({"state": "a\nb"}, "invalid_request"),
        ({"state": "a\0"}, "invalid_request"),
        ({"state": "tillstånd"}, "invalid_request"),
        ({"state": "\u202e"}, "invalid_request"),
    ],
    ids=str,
)
async def test_of_any_other_fault_the_app_is_told_by_a_link(
    signed_in: Visitor,
    new_visitor: Callable[[], Visitor],
    phone: Phone,
    changes: dict[str, str],
    error: str,
) -> None:
    for visitor in (signed_in, new_visitor()):
        page = await visitor.visit(phone.opens(**changes))
        assert (page.status, page.heading) == (400, "Något blev fel i appen")
        assert page.links["Tillbaka till appen"].startswith(f"{BACK}?")
        told = handed_over(page, "Tillbaka till appen")
        state = {} if "state" in changes else {"state": phone.state}
        assert told == {"error": error, **state, "iss": SETTINGS.base_url}
        assert handed_over(page, "Öppna appen") == told
        assert not is_kept(visitor)
    assert not await AppCode.exists()


@pytest.mark.parametrize(
    "twice", ["state", "code_challenge", "response_type", "prompt", "device_name", "anything"]
)
async def test_no_parameter_may_stand_twice(signed_in: Visitor, phone: Phone, twice: str) -> None:
    path = phone.opens(prompt="create", anything="x")
    page = await signed_in.visit(f"{path}&{twice}=x")

    assert page.heading == "Något blev fel i appen"
    state = {} if twice == "state" else {"state": phone.state}
    told = handed_over(page, "Tillbaka till appen")
    assert told == {"error": "invalid_request", **state, "iss": SETTINGS.base_url}
    assert not await AppCode.exists()


async def test_state_comes_back_to_the_letter(signed_in: Visitor, phone: Phone) -> None:
    for state in ("x" * 500, " a+b%20&c=d ", "".join(map(chr, range(0x20, 0x7F)))):
        page = await signed_in.visit(phone.opens(state=state))
        assert handed_over(page)["state"] == state


# On the way through login or registration


async def test_the_login_box_says_what_one_logs_in_to_the_app_with(visitor: Visitor) -> None:
    page = await visitor.visit("/logga-in")

    assert "Logga in i MittPreZero med samma e-post och lösenord." in page.text


async def test_login_leads_back_to_the_app(visitor: Visitor, phone: Phone, anna: User) -> None:
    page = await visitor.visit(phone.opens())
    assert page.path == "/logga-in"
    assert is_kept(visitor)

    page = await visitor.log_in()

    assert page.path == "/oauth/authorize"
    await exchange(phone, page)
    assert not is_kept(visitor), "the page with the code was shown"
    assert (await visitor.get("/logga-in")).url.path == "/kund/100200"


async def test_login_with_htmx_leaves_the_box_for_the_whole_page(
    visitor: Visitor, phone: Phone, anna: User
) -> None:
    await visitor.visit(phone.opens())

    answer = await visitor.htmx("POST", "/logga-in", email="anna@example.com", password=PASSWORD)

    assert answer.status_code == 204
    await exchange(phone, await visitor.visit(answer.headers["hx-redirect"]))


async def test_login_with_a_code_leads_back(
    visitor: Visitor, phone: Phone, bo: tuple[User, str]
) -> None:
    await visitor.visit(phone.opens())
    page = await visitor.log_in("bo@example.com")
    assert page.path == "/logga-in/kod"

    await exchange(phone, await visitor.submit("/logga-in/kod", code=code(bo[1])))

    assert (await AppDevice.get()).how is How.PASSWORD_AND_CODE


@pytest.mark.parametrize("email", ["anna@example.com", "ingen@example.com"])
async def test_a_new_password_and_login_lead_back(
    visitor: Visitor, phone: Phone, anna: User, outbox: Outbox, email: str
) -> None:
    await visitor.visit(phone.opens())
    await visitor.submit("/glomt-losen", email=email)
    if email != anna.email:
        assert is_kept(visitor)
        return
    await visitor.visit(await outbox.link(email))
    page = await visitor.submit("/aterstall-losen", password=NEW)
    assert page.path == "/logga-in"

    await exchange(phone, await visitor.log_in(password=NEW))


async def test_registration_leads_back(
    visitor: Visitor, phone: Phone, account: CustomerAccount
) -> None:
    page = await visitor.visit(phone.opens(prompt="create"))
    assert page.path == "/registrera/steg-1"
    await visitor.submit("/registrera/steg-1")
    await visitor.submit("/registrera/steg-2", **CLAIM)
    page = await visitor.submit("/registrera/steg-3", **DETAILS)
    assert page.path == "/registrera/steg-4"
    assert page.path == (await visitor.visit(phone.opens())).path, "Steg 4 comes first"
    page = await visitor.submit("/registrera/steg-4/hoppa-over")
    assert (page.path, page.heading) == ("/registrera/klart", "Nu är du klar!")
    assert "på MinaSidor och i MittPreZero" in page.text
    assert "Gå till Exempelbygg AB" not in page.links

    await exchange(phone, await visitor.visit(page.links[ON]))

    assert (await AppDevice.get()).how is How.REGISTRATION


async def test_registration_with_two_factor_shows_the_codes_before_the_app(
    visitor: Visitor, phone: Phone, account: CustomerAccount, time: Clock
) -> None:
    await visitor.visit(phone.opens(prompt="create"))
    await visitor.submit("/registrera/steg-1")
    await visitor.submit("/registrera/steg-2", **CLAIM)
    page = await visitor.submit("/registrera/steg-3", **DETAILS)
    secret = page.texts("code")[0].replace(" ", "")
    page = await visitor.submit("/registrera/steg-4", code=code(secret))
    assert page.path == "/registrera/klart"
    assert len(page.texts("ol[@id='recovery-codes']/li")) == 10

    page = await visitor.submit(
        "/mina-uppgifter/aterstallningskoder",
        batch=page.value("batch") or "",
        at=page.value("at") or "",
    )
    assert page.path == "/registrera/klart"
    await exchange(phone, await visitor.visit(page.links[ON]))


async def test_registration_in_the_browser_after_all(
    visitor: Visitor, phone: Phone, account: CustomerAccount
) -> None:
    await visitor.visit(phone.opens(prompt="create"))
    await visitor.submit("/registrera/steg-1")
    await visitor.submit("/registrera/steg-2", **CLAIM)
    await visitor.submit("/registrera/steg-3", **DETAILS)
    page = await visitor.submit("/registrera/steg-4/hoppa-over")
    assert "Fortsätt i webbläsaren" in page.buttons

    page = await visitor.submit("/oauth/webblasaren")

    assert page.path == "/kund/100200"
    assert not is_kept(visitor)
    page = await visitor.visit("/registrera/klart")
    assert "Gå till Exempelbygg AB" in page.links
    assert ON not in page.links


async def test_whoever_left_at_steg_4_answers_it_first(
    visitor: Visitor, new_visitor: Callable[[], Visitor], phone: Phone, anna: User
) -> None:
    await User.filter(id=anna.id).update(two_factor=TwoFactor.UNANSWERED)
    await visitor.visit(phone.opens())
    page = await visitor.log_in()
    assert page.path == "/registrera/steg-4"

    page = await visitor.submit("/registrera/steg-4/hoppa-over")
    await exchange(phone, await visitor.visit(page.links[ON]))

    # And who comes signed in.
    await User.filter(id=anna.id).update(two_factor=TwoFactor.UNANSWERED)
    assert (await visitor.visit(phone.opens())).path == "/registrera/steg-4"
    assert is_kept(visitor)


async def test_two_factor_that_every_customer_account_demands_comes_first(
    signed_in: Visitor, phone: Phone, account: CustomerAccount, time: Clock
) -> None:
    await CustomerAccount.filter(id=account.id).update(requires_two_factor=True)
    assert (await phone.ask()).error == "redirect_to_web"

    page = await signed_in.visit(phone.opens())

    assert page.path == "/registrera/steg-4"
    assert not await AppCode.exists()
    secret = page.texts("code")[0].replace(" ", "")
    page = await signed_in.submit("/registrera/steg-4", code=code(secret))
    await exchange(phone, await signed_in.visit(page.links[ON]))


async def test_a_lost_address_and_a_closed_user_account_come_first(
    visitor: Visitor, phone: Phone, anna: User
) -> None:
    await visitor.log_in()
    await User.filter(id=anna.id).update(email="", email_key="taken")
    assert (await visitor.visit(phone.opens())).path == "/mina-uppgifter/epost"
    await User.filter(id=anna.id).update(email=anna.email, email_key=anna.email_key)
    assert await closing.close(await User.get(id=anna.id))
    await visitor.log_in()

    page = await visitor.visit(phone.opens())

    assert page.path == "/mina-uppgifter/avsluta"
    assert ON not in page.links, "nor is it offered on top"
    assert not await AppCode.exists()
    await visitor.submit("/mina-uppgifter/avsluta/angra")
    await exchange(phone, await visitor.visit((await visitor.visit("/mina-uppgifter")).links[ON]))


async def test_an_invitation_leads_back(
    visitor: Visitor, phone: Phone, account: CustomerAccount, outbox: Outbox
) -> None:
    operator = Actor(operator="test")
    _ = await Invitation.send(account, "ny@example.com", Role.MEMBER, operator)
    await visitor.visit(phone.opens(prompt="create"))
    page = await visitor.visit(await outbox.link("ny@example.com"))
    assert page.path == "/inbjudan"
    link = page.value("link") or ""
    page = await visitor.submit("/inbjudan/nytt-konto", link=link)
    assert page.path == "/registrera/steg-3"
    await visitor.submit("/registrera/steg-3", **{**DETAILS, "email": "ny@example.com"})
    page = await visitor.submit("/registrera/steg-4/hoppa-over")

    await exchange(phone, await visitor.visit(page.links[ON]))


async def test_an_invitation_of_a_user_leads_back(
    visitor: Visitor, phone: Phone, anna: User, outbox: Outbox
) -> None:
    other = await an_account("100900", "4435027711", "Andra Bolaget AB")
    _ = await Invitation.send(other, "anna@example.com", Role.MEMBER, Actor(operator="test"))
    await visitor.visit(phone.opens())
    page = await visitor.visit(await outbox.link("anna@example.com"))
    login = next(link for link in page.links.values() if link.startswith("/logga-in?next="))
    page = await visitor.visit(login)
    page = await visitor.submit(
        "/logga-in", email=anna.email, password=PASSWORD, next=page.value("next") or ""
    )
    page = await visitor.submit("/inbjudan", link=page.value("link") or "")

    assert page.path == "/kund/100900"
    await exchange(phone, await visitor.visit(page.links[ON]))


async def test_a_reset_of_two_factor_leads_back(
    visitor: Visitor, phone: Phone, bo: tuple[User, str], outbox: Outbox, time: Clock
) -> None:
    await User.filter(id=bo[0].id).update(email_confirmed_at=time.now())
    await visitor.visit(phone.opens())
    await visitor.log_in("bo@example.com")
    await visitor.submit("/aterstall-tvafaktor")
    page = await visitor.visit(await outbox.link("bo@example.com"))
    assert page.path == "/aterstall-tvafaktor/ny"
    secret = page.texts("code")[0].replace(" ", "")
    page = await visitor.submit("/aterstall-tvafaktor/ny", code=code(secret))
    assert page.path == "/mina-uppgifter/inloggningsuppgifter", "which shows the recovery codes"

    await exchange(phone, await visitor.visit(page.links[ON]))


async def test_where_one_was_going_comes_first_and_says_how_to_go_on(
    visitor: Visitor, phone: Phone, anna: User
) -> None:
    await visitor.visit(phone.opens())
    login = await visitor.visit("/mina-uppgifter/handelser")

    page = await visitor.submit(
        "/logga-in", email=anna.email, password=PASSWORD, next=login.value("next") or ""
    )

    assert page.path == "/mina-uppgifter/handelser"
    assert "Du är på väg till appen MittPreZero." in page.response.text
    await exchange(phone, await visitor.visit(page.links[ON]))
    page = await visitor.visit("/mina-uppgifter/handelser")
    assert "på väg till appen" not in page.response.text


async def test_an_earlier_attempt_does_not_take_over_the_page_that_opens_the_app(
    signed_in: Visitor, phone: Phone
) -> None:
    await signed_in.visit(phone.opens(prompt="create"))
    page = await signed_in.visit("/app/klar?code=a")
    assert "Du är på väg till appen" not in page.text
    assert page.tree.find(".//main//form").get("action") == "/oauth/webblasaren"

    await signed_in.post("/oauth/webblasaren")
    page = await signed_in.visit("/app/klar?code=a")
    assert page.links["Fortsätt i webbläsaren"] == "/logga-in"


async def test_the_pages_on_the_way_say_where_it_leads(visitor: Visitor, phone: Phone) -> None:
    own = "Logga in i MittPreZero med samma"
    page = await visitor.visit("/logga-in")
    assert "till appen" not in page.text
    assert own in page.text

    page = await visitor.visit(phone.opens())
    assert "När du har loggat in fortsätter du till appen MittPreZero." in page.text
    assert own not in page.text
    page = await visitor.visit("/registrera/steg-1")
    assert "När du är klar fortsätter du till appen MittPreZero." in page.text


# By BankID


@pytest.fixture
async def citizen(app: Starlette, time: Clock, anna: User) -> AsyncIterator[Customer]:
    """Whoever has a BankID, that nobody has linked yet, and comes from the app."""
    customer = Customer(app, time)
    yield customer
    await customer.client.aclose()


async def test_registration_by_bankid_and_login_by_it_lead_back(
    citizen: Customer, phone: Phone, anna: User
) -> None:
    await citizen.visit(phone.opens(prompt="create"))
    page = await citizen.register(email="ny@example.com")
    assert page.path == "/registrera/klart"
    assert "väljer du att logga in i webbläsaren, och identifierar dig med BankID" in page.text

    await exchange(phone, await citizen.visit(page.links[ON]))
    assert (await AppDevice.get()).how is How.REGISTRATION_BY_BANKID

    await citizen.submit("/logga-ut")
    await citizen.visit(phone.opens())
    await exchange(phone, await citizen.identify())


async def test_bankid_brings_nobody_to_safari_beside_the_app(
    app: Starlette, time: Clock, phone: Phone, anna: User
) -> None:
    customer = Customer(app, time, IPHONE)
    await customer.start(device="same")
    assert "returnUrl" in customer.order.parameters

    await customer.visit(phone.opens())
    await customer.start(device="same")
    assert "returnUrl" not in customer.order.parameters
    await customer.client.aclose()


async def test_who_is_locked_out_of_the_app_by_a_stranger_comes_in_by_a_known_browser(
    signed_in: Visitor, phone: Phone, new_phone: Callable[..., Phone]
) -> None:
    await signed_in.submit("/logga-ut")
    for _ in range(20):
        await new_phone().ask(password="fel")
    assert (await phone.ask()).status == 429

    await signed_in.visit(phone.opens())
    await exchange(phone, await signed_in.log_in())


async def test_only_the_app_that_a_registration_ends_in_is_not_told_of(
    visitor: Visitor, new_phone: Callable[..., Phone], account: CustomerAccount, time: Clock
) -> None:
    told = OutgoingMail.filter(kind="new_device")
    phone, other, later = (new_phone() for _ in range(3))
    await visitor.visit(phone.opens(prompt="create"))
    await visitor.submit("/registrera/steg-1")
    await visitor.submit("/registrera/steg-2", **CLAIM)
    await visitor.submit("/registrera/steg-3", **DETAILS)
    page = await visitor.submit("/registrera/steg-4/hoppa-over")
    await exchange(phone, await visitor.visit(page.links[ON]))
    assert not await told.count()

    # Whoever finds the browser open, a moment later: what they log in would last for a year.
    await exchange(other, await visitor.visit(other.opens()))
    assert await told.count() == 1

    await AppDevice.all().delete()
    for _ in range(8):
        time.forward(hours=20)
        await visitor.visit("/kund/100200")
    await visitor.visit(later.opens())
    await exchange(later, await visitor.submit("/bekrafta-dig", password=PASSWORD))
    assert await told.count() == 2


async def test_steg_3_says_what_the_password_is_for(citizen: Customer, phone: Phone) -> None:
    await citizen.identify(intent="registration")
    page = await citizen.submit("/registrera/steg-2", **CLAIM)

    assert "för att logga in direkt i appen MittPreZero, eller med e-post" in page.text
    assert "Utan det öppnar du appen med BankID i webbläsaren" in page.text


async def test_whoever_registers_by_a_bankid_that_is_known_is_led_back(
    citizen: Customer, phone: Phone
) -> None:
    await citizen.register(email="ny@example.com")
    await citizen.submit("/logga-ut")
    await citizen.visit(phone.opens(prompt="create"))

    page = await citizen.identify(intent="registration")

    assert "Du har redan ett användarkonto." in page.response.text
    await exchange(phone, page)


# Who is signed in already


async def test_whoever_is_signed_in_is_not_made_a_second_user(
    signed_in: Visitor, phone: Phone
) -> None:
    page = await signed_in.visit(phone.opens(prompt="create"))

    assert page.heading == "Du är redan inloggad"
    assert "Lägg till kundkonto" in page.links
    assert not await AppCode.exists(), "nothing is handed over before that is answered"
    await exchange(phone, await signed_in.visit(page.links["Fortsätt som Anna Andersson"]))
    assert not is_kept(signed_in)


async def test_somebody_else_logs_out_first_and_registers(signed_in: Visitor, phone: Phone) -> None:
    page = await signed_in.visit(phone.opens(prompt="create"))

    page = await signed_in.submit("/oauth/byt-anvandare", app=page.value("app") or "")

    assert (page.path, page.heading) == ("/registrera/steg-1", "Registrera dig")
    assert not await Session.exists()
    await signed_in.submit("/registrera/steg-1")
    await signed_in.submit("/registrera/steg-2", **CLAIM)
    await signed_in.submit("/registrera/steg-3", **{**DETAILS, "email": "ny@example.com"})
    page = await signed_in.submit("/registrera/steg-4/hoppa-over")
    await exchange(phone, await signed_in.visit(page.links[ON]))


async def test_somebody_else_logs_in_and_the_first_ones_code_is_dead(
    signed_in: Visitor, phone: Phone, bo: tuple[User, str]
) -> None:
    page = await signed_in.visit(phone.opens())
    first = handed_over(page)["code"]
    assert "Är du inte Anna Andersson?" in page.text

    page = await signed_in.submit("/oauth/byt-anvandare", app=page.value("app") or "")

    assert page.path == "/logga-in"
    await signed_in.log_in("bo@example.com")
    page = await signed_in.submit("/logga-in/kod", code=code(bo[1]))
    assert "Bo Andersson" in page.text
    assert (await phone.redeem(first, redirect_uri=BACK)).error == "invalid_grant"
    await exchange(phone, page)
    assert (await AppDevice.get()).user_id == bo[0].id


@pytest.mark.parametrize("sent", ["", "x", "{}", "e30.e30.e30"])
async def test_whoever_logs_out_with_something_else_is_logged_out(
    signed_in: Visitor, phone: Phone, sent: str
) -> None:
    page = await signed_in.submit("/oauth/byt-anvandare", app=sent)

    assert page.path == "/logga-in"
    assert not is_kept(signed_in)
    assert not await Session.exists()


async def test_logging_out_leaves_the_app_waiting_for_nobody(
    visitor: Visitor, phone: Phone, anna: User
) -> None:
    await visitor.visit(phone.opens())
    login = await visitor.visit("/mina-uppgifter")
    await visitor.submit(
        "/logga-in", email=anna.email, password=PASSWORD, next=login.value("next") or ""
    )
    assert is_kept(visitor)

    await visitor.submit("/logga-ut")

    assert not is_kept(visitor)
    assert (await visitor.log_in()).path == "/kund/100200"


# The session


async def test_whoever_logged_in_more_than_ten_minutes_ago_proves_it_again(
    signed_in: Visitor, phone: Phone, time: Clock
) -> None:
    time.forward(minutes=10)
    assert (await signed_in.visit(phone.opens())).heading == TITLE
    time.forward(seconds=1)
    await AppCode.all().delete()
    for state in (phone.state, "x" * 500):  # too long to be carried along as `next`
        phone.state = state
        page = await signed_in.visit(phone.opens())
        assert page.path == "/bekrafta-dig"
        assert not await AppCode.exists()
        wanted = page.value("next") or "" if page.has_field("next") else ""
        page = await signed_in.submit("/bekrafta-dig", password=PASSWORD, next=wanted)
        await exchange(phone, page)
        time.forward(minutes=11)
        await AppCode.all().delete()


async def test_the_code_dies_with_the_session(signed_in: Visitor, phone: Phone, anna: User) -> None:
    given = handed_over(await signed_in.visit(phone.opens()))

    await signed_in.submit("/logga-ut")

    assert (await phone.redeem(given["code"], redirect_uri=BACK)).error == "invalid_grant"
    assert not await AppDevice.exists()


async def test_the_code_dies_when_the_session_is_ended_elsewhere(
    signed_in: Visitor, new_visitor: Callable[[], Visitor], phone: Phone
) -> None:
    given = handed_over(await signed_in.visit(phone.opens()))
    other = new_visitor()
    await other.log_in()

    await other.submit("/mina-uppgifter/enheter/andra")

    assert (await phone.redeem(given["code"], redirect_uri=BACK)).error == "invalid_grant"


async def test_the_code_dies_when_the_password_changes_or_the_user_is_frozen(
    signed_in: Visitor, phone: Phone, anna: User, time: Clock
) -> None:
    given = handed_over(await signed_in.visit(phone.opens()))
    page = await signed_in.submit(
        "/mina-uppgifter/losenord",
        current_password=PASSWORD,
        new_password=NEW,
        repeated_password=NEW,
    )
    assert "Lösenordet är ändrat." in page.response.text
    assert (await phone.redeem(given["code"], redirect_uri=BACK)).error == "invalid_grant"

    given = handed_over(await signed_in.visit(phone.opens()))
    await User.filter(id=anna.id).update(frozen_at=time.now())
    assert (await phone.redeem(given["code"], redirect_uri=BACK)).error == "invalid_grant"
    assert not await AppDevice.exists()


async def test_the_code_is_good_once_and_for_ten_minutes(
    signed_in: Visitor, phone: Phone, time: Clock
) -> None:
    page = await signed_in.visit(phone.opens())
    time.forward(minutes=9, seconds=59)
    await exchange(phone, page)
    again = await phone.redeem(handed_over(page)["code"], redirect_uri=BACK)
    assert again.error == "invalid_grant"
    assert not await AppDevice.exists(), "two have had it"

    time.forward(seconds=-599)
    page = await signed_in.visit(phone.opens())
    time.forward(minutes=10)
    late = await phone.redeem(handed_over(page)["code"], redirect_uri=BACK)
    assert late.error == "invalid_grant"


@pytest.mark.parametrize(
    "fields",
    [
        {"redirect_uri": SCHEME},
        {"redirect_uri": ""},
        {"client_id": ANDROID},
        {"code_verifier": "x" * 43},
    ],
    ids=str,
)
async def test_the_code_is_good_for_the_app_that_asked_and_its_address(
    signed_in: Visitor, phone: Phone, fields: dict[str, str]
) -> None:
    page = await signed_in.visit(phone.opens())
    given = handed_over(page)["code"]

    answer = await phone.redeem(given, **{"redirect_uri": BACK, **fields})

    assert answer.error == "invalid_grant"
    await exchange(phone, page)


async def test_no_code_is_made_in_a_session_that_ended_a_moment_before(
    signed_in: Visitor, phone: Phone, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = AppCode.issue.__func__  # type: ignore[attr-defined]

    async def late(cls: type[AppCode], *values: Any, **more: Any) -> str:
        await Session.all().delete()
        token: str = await issue(cls, *values, **more)
        return token

    monkeypatch.setattr(AppCode, "issue", classmethod(late))
    page = await signed_in.visit(phone.opens())

    assert not await AppCode.exists()
    given = handed_over(page)["code"]
    assert (await phone.redeem(given, redirect_uri=BACK)).error == "invalid_grant"


async def test_of_many_who_bring_the_code_one_is_logged_in(
    signed_in: Visitor, phone: Phone
) -> None:
    given = handed_over(await signed_in.visit(phone.opens()))["code"]

    answers = await asyncio.gather(*(phone.redeem(given, redirect_uri=BACK) for _ in range(20)))

    assert [answer.status for answer in answers].count(200) <= 1
    assert await AppDevice.all().count() <= 1


# Who only looks


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Dest": "script", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"X-Purpose": "preview"},
    ],
    ids=str,
)
async def test_pictures_frames_and_prefetchers_make_no_code(
    signed_in: Visitor, new_visitor: Callable[[], Visitor], phone: Phone, headers: dict[str, str]
) -> None:
    for visitor in (signed_in, new_visitor()):
        answer = await visitor.client.get(phone.opens(), headers=headers)
        assert answer.status_code == 400, "which no prefetcher keeps"
        assert not is_kept(visitor)
    assert not await AppCode.exists()
    for where in ("document", "empty"):  # by way of the service worker
        visit = {"Sec-Fetch-Dest": where, "Sec-Fetch-Mode": "navigate"}
        assert (await signed_in.client.get(phone.opens(), headers=visit)).status_code == 200


async def test_who_asks_for_the_head_alone_makes_no_code(signed_in: Visitor, phone: Phone) -> None:
    assert (await signed_in.client.head(phone.opens())).status_code == 400
    assert not await AppCode.exists()


# The cookie


async def test_what_waits_fits_into_a_cookie(visitor: Visitor, phone: Phone, anna: User) -> None:
    phone.state = '"' * 500
    answer = await visitor.client.get(phone.opens(device_name="\N{PILE OF POO}" * 80))

    (cookie,) = answer.headers.get_list("set-cookie")
    assert len(cookie) < 4096
    assert cookie.startswith("__Host-app=")
    assert "Max-Age=3600; Path=/; SameSite=lax; Secure" in cookie
    assert "HttpOnly" in cookie
    await exchange(phone, await visitor.log_in())


async def test_after_an_hour_nothing_waits(
    visitor: Visitor, phone: Phone, anna: User, time: Clock
) -> None:
    await visitor.visit(phone.opens())
    kept = visitor.client.cookies["__Host-app"]
    time.forward(minutes=60, seconds=1)
    visitor.client.cookies.set("__Host-app", kept, domain="minasidor.example", path="/")

    assert (await visitor.log_in()).path == "/kund/100200"


async def test_a_cookie_that_was_tampered_with_is_none(
    new_visitor: Callable[[], Visitor], phone: Phone, anna: User
) -> None:
    parts = (IOS, BACK, phone.state, phone.challenge, "x", False)
    good = signer("app").dumps(parts)
    evil = ("https://evil.example/", "javascript:alert(1)", "http://127.0.0.1:1/", "", None)
    for value in (
        *("x", "a.b.c", good[:-1] + ("A" if good[-1] != "A" else "B"), "." + good),
        signer("next").dumps(parts),  # signed by us for something else
        signer("app").dumps("x"),
        signer("app").dumps([]),
        signer("app").dumps({"a": 1}),
        signer("app").dumps(parts[:-1]),
        # As if our own key had signed it: an app that is let in no more.
        signer("app").dumps(("someone-else", *parts[1:])),
        *(signer("app").dumps((IOS, address, *parts[2:])) for address in evil),
    ):
        visitor = new_visitor()
        visitor.client.cookies.set("__Host-app", value, domain="minasidor.example", path="/")
        assert (await visitor.log_in()).path == "/kund/100200", value
    assert not await AppCode.exists()


async def test_a_second_app_takes_the_place_of_the_first(
    visitor: Visitor, phone: Phone, new_phone: Callable[..., Phone], anna: User
) -> None:
    other = new_phone(ANDROID)
    await visitor.visit(phone.opens())
    await visitor.visit(other.opens())

    page = await visitor.log_in()

    await exchange(other, page)
    assert (await phone.redeem(handed_over(page)["code"], redirect_uri=BACK)).status == 400


async def test_two_tabs_each_with_its_own_app(
    signed_in: Visitor, phone: Phone, new_phone: Callable[..., Phone]
) -> None:
    other = new_phone(ANDROID)
    first = await signed_in.visit(phone.opens())
    second = await signed_in.visit(other.opens())
    reloaded = await signed_in.visit(phone.opens())

    await exchange(other, second)
    await exchange(phone, first)
    await exchange(phone, reloaded)


async def test_a_tab_with_a_code_leaves_what_waits_in_another(
    signed_in: Visitor, phone: Phone, new_phone: Callable[..., Phone]
) -> None:
    other = new_phone(ANDROID)
    await signed_in.visit(other.opens(prompt="create"))
    await signed_in.visit(phone.opens())

    assert is_kept(signed_in)
    await exchange(other, await signed_in.visit("/logga-in"))
    assert not is_kept(signed_in)


# In development


async def test_the_reference_client_is_answered_on_the_loopback_in_development(
    db: None, anna: User, time: Clock
) -> None:
    changes = settings(env="development", bankid_mode="off")
    visitor = Visitor(create_app(changes))
    await visitor.log_in()
    asked = Phone(visitor.client._transport.app, "mittprezero-reference")  # type: ignore[attr-defined]
    try:
        page = await visitor.visit(asked.opens(redirect_uri="http://127.0.0.1:54321/"))
        assert page.links[ON].startswith("http://127.0.0.1:54321/?code=mzc_")
        await exchange(asked, page, redirect_uri="http://127.0.0.1:54321/")
        for address in ("http://127.0.0.1:54321/x", "http://localhost:1/", BACK):
            page = await visitor.visit(asked.opens(redirect_uri=address))
            assert page.heading == "Det gick inte att fortsätta från appen"
    finally:
        await visitor.client.aclose()
        await asked.client.aclose()
