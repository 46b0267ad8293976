"""One browser, one identification: what binds them together, and what is said of it to whom.

As an attacker who sends links, plants cookies, reads the database and the log, or watches.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from models import BankIDFlow, BankIDIdentity, CustomerAccount, Session, User, tokens
from models.bankid_flow import Progress
from tests.unit.conftest import PASSWORD, Clock, a_user
from tests.unit.tables import cells
from tests.unit.web.bankid.customer import (
    ANNA,
    BERTIL,
    CREDENTIALS,
    IPHONE,
    Customer,
    message,
    path_of,
)
from web.bankid.view import RETURNING, TOO_OLD, USED
from web.middleware.headers import CONTENT_SECURITY_POLICY

pytestmark = pytest.mark.anyio
OTHER_BROWSER = "Inloggningen startades i en annan webbläsare. Börja om."
Browsers = Callable[..., Customer]


def return_path(customer: Customer) -> str:
    """Where the app on this phone goes when it is done."""
    return path_of(customer.order.parameters["returnUrl"])


# 1. Begun by a click, not too often


async def test_nothing_begins_by_a_link(customer: Customer) -> None:
    for path in ("/bankid/starta?intent=login&device=other", "/bankid/x/ny", "/bankid/x/avbryt"):
        assert (await customer.client.get(path)).status_code == 303
    assert customer.bankid.orders == []
    assert await BankIDFlow.all().count() == 0


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_nor_by_another_sites_form(customer: Customer, site: str) -> None:
    customer.client.headers["Sec-Fetch-Site"] = site
    answer = await customer.post("/bankid/starta", intent="login", device="other")

    assert (answer.status_code, customer.bankid.orders) == (403, [])


@pytest.mark.parametrize(
    "fields",
    [
        {"intent": "", "device": "other"},
        {"intent": "payment", "device": "other"},
        {"intent": "login", "device": "third"},
    ],
)
async def test_nor_by_what_no_button_says(customer: Customer, fields: dict[str, str]) -> None:
    answer = await customer.post("/bankid/starta", **fields)
    assert (answer.status_code, customer.bankid.orders) == (400, [])


async def test_one_address_begins_ten_in_five_minutes(new_customer: Browsers, time: Clock) -> None:
    first = new_customer()
    for number in range(10):
        other = new_customer()
        other.client.headers["X-Forwarded-For"] = first.address
        _ = await other.start()
        assert len(first.bankid.orders) == number + 1

    for intent, way in (("login", "Logga in med e-post"), ("registration", "Registrera dig med e")):
        refused = await first.post("/bankid/starta", intent=intent, device="other")
        assert refused.status_code == 429
        assert way in refused.text, "which nothing hinders"
    assert len(first.bankid.orders) == 10
    _ = await new_customer().start()
    time.forward(minutes=5)
    _ = await first.start()


async def test_one_browser_begins_twenty_in_an_hour(customer: Customer, time: Clock) -> None:
    for number in range(20):
        customer.client.headers["X-Forwarded-For"] = f"198.51.100.{number}"
        _ = await customer.start()
    customer.client.headers["X-Forwarded-For"] = "198.51.100.99"

    refused = await customer.post("/bankid/starta", intent="login", device="other")
    assert refused.status_code == 429
    time.forward(hours=1)
    _ = await customer.start()


async def test_whoever_finishes_is_not_counted(customer: Customer, anna: User) -> None:
    for _ in range(25):
        assert (await customer.identify()).path == "/kund/100200"
        _ = await customer.post("/logga-ut")


async def test_also_who_has_changed_networks_meanwhile(customer: Customer, anna: User) -> None:
    home = customer.address
    for number in range(12):
        customer.client.headers["X-Forwarded-For"] = home
        path = await customer.start()
        customer.bankid.answer(customer.order.ref, ANNA)
        customer.client.headers["X-Forwarded-For"] = f"198.51.100.{number}"
        assert (await customer.sees(path)).path == "/kund/100200"
        _ = await customer.post("/logga-ut")


async def test_again_counts_as_well(customer: Customer) -> None:
    path = await customer.start()
    for _ in range(9):
        answer = await customer.post(f"{path}/ny", device="other")
        path = answer.headers["location"]
    assert (await customer.post(f"{path}/ny", device="other")).status_code == 429


async def test_the_cookie_is_another_one_at_each_start(customer: Customer, anna: User) -> None:
    customer.client.cookies.set("__Host-bankid", "planted", domain="minasidor.example")
    first = await customer.post("/bankid/starta", intent="login", device="other")
    before = customer.cookie("bankid")
    (header,) = [h for h in first.headers.get_list("set-cookie") if "__Host-bankid" in h]
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(header.split("; "))
    assert "Max-Age" not in header
    assert "planted" not in header

    _ = await customer.start()

    assert before != customer.cookie("bankid")
    assert not await BankIDFlow.exists(token_hash=tokens.hashed("planted"))
    assert not await BankIDFlow.exists(token_hash=tokens.hashed(before))


async def test_the_session_is_a_new_one_at_login(customer: Customer, anna: User) -> None:
    customer.client.cookies.set("__Host-session", "planted", domain="minasidor.example")
    _ = await customer.identify()

    assert await Session.exists(token_hash=tokens.hashed(_newest(customer, "session")))
    assert not await Session.exists(token_hash=tokens.hashed("planted"))


def _newest(customer: Customer, name: str) -> str:
    cookies = [c.value or "" for c in customer.client.cookies.jar if c.name == f"__Host-{name}"]
    return next(value for value in cookies if value != "planted")


# 2. Bound to the browser that began it


@pytest.mark.parametrize("stranger_began_one", [False, True])
async def test_nobody_elses_browser_finds_it(
    new_customer: Browsers, anna: User, stranger_began_one: bool
) -> None:
    customer, stranger = new_customer(), new_customer()
    if stranger_began_one:
        _ = await stranger.start()
    path = await customer.start()
    order = customer.order
    customer.bankid.answer(order.ref, ANNA)
    customer.time.forward(seconds=2)

    for end in ("", "/status", "/qr", "/klar"):
        assert (await stranger.visit(path + end)).status == 404
    for end in ("/avbryt", "/ny"):
        assert (await stranger.post(path + end, device="other")).status_code == 404
    assert (await stranger.htmx("GET", f"{path}/status?seen=x")).status_code == 404

    assert not await stranger.is_signed_in()
    assert (order.status, order.collects) == ("complete", 0), "BankID was not even asked"
    assert (await customer.visit(path)).path == "/kund/100200"


async def test_the_cookie_alone_does_not_find_anothers(new_customer: Browsers) -> None:
    customer, other = new_customer(), new_customer()
    _, path = await customer.start(), await other.start()
    assert (await customer.visit(path)).status == 404


@pytest.mark.parametrize("device", ["other", "same"])
async def test_what_is_secret_stays_on_the_server(
    customer: Customer, anna: User, log: Callable[[], str], device: str
) -> None:
    customer.client.headers["User-Agent"] = IPHONE if device == "same" else "Firefox"
    path = await customer.start(device=device)
    order = customer.order
    nonce = parse_qs(urlsplit(order.parameters.get("returnUrl", "")).query).get("n", ["-" * 43])[0]
    stored = await cells()
    for end in ("", "/qr"):
        _ = await customer.get(path + end)
    for hint in ("outstandingTransaction", "started", "userSign"):
        customer.bankid.show(order.ref, hint)
        _ = await customer.poll(path)
    stored += await cells()
    customer.bankid.answer(order.ref, ANNA)
    _ = await customer.poll(path)
    stored += await cells()
    heard = "\n".join(customer.heard)
    if device == "same":
        _ = await customer.get(return_path(customer))
    assert (await customer.visit(f"{path}/klar")).path == "/kund/100200"
    await customer.visit(CREDENTIALS)
    heard += "\n".join(customer.heard[-2:])
    stored += await cells()

    for secret in (order.ref, order.qr_start_secret, ANNA.number, ANNA.number[2:], nonce):
        for place in (heard, log(), stored):
            assert secret not in place
    for token in (order.auto_start_token, order.qr_start_token, customer.cookie("bankid")):
        assert token not in log()
        assert token not in stored


# 3. Back in the browser that began it


async def test_safari_comes_back_before_it_is_done(new_customer: Browsers, anna: User) -> None:
    customer = new_customer(IPHONE)
    path = await customer.start(device="same")
    customer.bankid.autostart(customer.order.auto_start_token)
    customer.bankid.answer(customer.order.ref, ANNA)

    polled = await customer.poll(path)
    assert "HX-Redirect" not in polled.headers
    assert message(polled) == RETURNING
    assert (await customer.visit(f"{path}/klar")).path == path
    assert not await customer.is_signed_in()

    assert (await customer.visit(return_path(customer))).path == "/kund/100200"


async def test_or_comes_back_and_is_waited_for(new_customer: Browsers, anna: User) -> None:
    customer = new_customer(IPHONE)
    path = await customer.start(device="same")
    assert (await customer.visit(return_path(customer))).path == path
    customer.bankid.autostart(customer.order.auto_start_token)
    customer.bankid.answer(customer.order.ref, ANNA)

    assert (await customer.poll(path)).headers["HX-Redirect"] == f"{path}/klar"
    assert (await customer.visit(f"{path}/klar")).path == "/kund/100200"


@pytest.mark.parametrize("has_answered", [False, True])
async def test_who_was_sent_the_link_logs_nobody_in(
    new_customer: Browsers, anna: User, has_answered: bool
) -> None:
    """Session fixation: a stranger begins, and sends Anna what starts the app."""
    stranger, victim = new_customer(IPHONE), new_customer(IPHONE)
    path = await stranger.start(device="same")
    _ = await stranger.get(path)
    order, way_back = stranger.order, return_path(stranger)
    victim.bankid.autostart(order.auto_start_token)
    if has_answered:
        victim.bankid.answer(order.ref, ANNA)
        assert message(await stranger.poll(path)) == RETURNING

    page = await victim.visit(way_back)

    assert (page.status, OTHER_BROWSER in page.text) == (403, True)
    assert order.status == ("complete" if has_answered else "failed"), "the app stops"
    for asked in (path, f"{path}/klar", way_back):
        assert (await stranger.sees(asked)).path in (path, "/bankid/retur")
    assert "öppnades från en annan webbläsare" in (await stranger.visit(path)).text
    for browser in (stranger, victim):
        assert not await browser.is_signed_in()
    (flow,) = await BankIDFlow.all()
    assert (flow.status, flow.person_encrypted) == (Progress.FAILED, None)


async def test_the_stranger_cannot_come_back_in_their_place(
    new_customer: Browsers, anna: User
) -> None:
    stranger = new_customer(IPHONE)
    path = await stranger.start(device="same")
    _ = await stranger.get(path)
    nonce = parse_qs(urlsplit(return_path(stranger)).query)["n"][0]

    assert len(nonce) == 43
    assert nonce not in "\n".join(stranger.heard), "the app knows it, and no page"
    assert nonce not in await cells()
    (flow,) = await BankIDFlow.all()
    assert flow.nonce_hash == tokens.hashed(nonce)


@pytest.mark.parametrize(
    ("intent", "told"),
    [
        ("login", OTHER_BROWSER),
        ("registration", "Identifieringen startades i en annan webbläsare. Börja om."),
    ],
)
async def test_in_another_browser_it_is_told_what_was_begun(
    new_customer: Browsers, intent: str, told: str
) -> None:
    customer, other = new_customer(IPHONE), new_customer(IPHONE)
    _ = await customer.start(intent, device="same")

    page = await other.visit(return_path(customer))

    assert (page.status, told in page.text) == (403, True)


@pytest.mark.parametrize("nonce", ["", "x" * 43])
async def test_a_wrong_nonce_ends_it(new_customer: Browsers, anna: User, nonce: str) -> None:
    customer = new_customer(IPHONE)
    path = await customer.start(device="same")
    customer.bankid.answer(customer.order.ref, ANNA)
    public_id = path.rpartition("/")[2]

    page = await customer.visit(f"/bankid/retur?f={public_id}&n={nonce}")

    assert (page.status, OTHER_BROWSER in page.text) == (403, True)
    assert (await customer.visit(return_path(customer))).path == path, "too late for the right one"
    assert not await customer.is_signed_in()


async def test_the_way_back_is_of_no_use_afterwards(new_customer: Browsers, anna: User) -> None:
    customer, other = new_customer(IPHONE), new_customer(IPHONE)
    _ = await customer.start(device="same")
    customer.bankid.answer(customer.order.ref, ANNA)
    customer.time.forward(seconds=2)
    way_back = return_path(customer)
    assert (await customer.visit(way_back)).path == "/kund/100200"

    assert (await other.visit(way_back)).status == 403
    assert not await other.is_signed_in()
    assert await customer.is_signed_in(), "nobody logs them out with it"
    assert (await customer.visit(way_back)).path == "/kund/100200"


async def test_a_way_back_to_nowhere_is_not_found(customer: Customer) -> None:
    for query in ("", "?f=x&n=y", f"?f={'x' * 9000}", "?n=y"):
        assert (await customer.visit(f"/bankid/retur{query}")).status == 404


async def test_only_safari_on_this_device_has_a_way_back(new_customer: Browsers) -> None:
    for user_agent, device in (("Firefox", "same"), (IPHONE, "other"), ("", "other")):
        browser = new_customer(user_agent)
        _ = await browser.start(device=device)
        assert "returnUrl" not in browser.order.parameters


# 4. Used once, in time, and ended at BankID too


async def test_it_logs_in_once(customer: Customer, anna: User) -> None:
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)
    assert (await customer.sees(path)).path == "/kund/100200"
    _ = await customer.post("/logga-ut")

    page = await customer.visit(f"{path}/klar")
    assert (page.path, USED in page.text) == (path, True)
    assert not await customer.is_signed_in()


@pytest.mark.parametrize(("seconds", "is_let_in"), [(179, True), (180, False)])
async def test_within_three_minutes(
    customer: Customer, anna: User, seconds: int, is_let_in: bool
) -> None:
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)
    _ = await customer.poll(path)
    customer.time.forward(seconds=seconds)

    page = await customer.visit(f"{path}/klar")
    assert (page.path == "/kund/100200") is is_let_in
    assert (TOO_OLD in page.text) is not is_let_in
    assert await customer.is_signed_in() is is_let_in


@pytest.mark.parametrize("is_proven", [False, True])
async def test_avbryt_stops_the_app_too(customer: Customer, anna: User, is_proven: bool) -> None:
    path = await customer.start()
    if is_proven:
        customer.bankid.answer(customer.order.ref, ANNA)
        _ = await customer.poll(path)

    answer = await customer.post(f"{path}/avbryt")

    assert answer.headers["location"] == "/logga-in?flik=bankid"
    assert customer.order.status == ("complete" if is_proven else "failed")
    assert (await customer.visit(f"{path}/klar")).path == path
    assert not await customer.is_signed_in()


async def test_avbryt_leads_back_to_where_one_was_going(customer: Customer, anna: User) -> None:
    page = await customer.visit("/mina-uppgifter?x=1")
    path = await customer.start(next=page.value("next") or "")
    back = (await customer.post(f"{path}/avbryt")).headers["location"]

    page = await customer.visit(back)
    answer = await customer.identify(next=page.value("next") or "")
    assert (answer.path, str(answer.response.url).endswith("?x=1")) == ("/mina-uppgifter", True)


async def test_a_new_start_ends_the_earlier_one(customer: Customer, anna: User) -> None:
    first = await customer.start()
    order = customer.order
    second = await customer.start()

    assert (order.status, order.hint) == ("failed", "cancelled")
    assert "Du har börjat om i en annan flik" in (await customer.visit(first)).text
    customer.bankid.answer(customer.order.ref, ANNA)
    assert (await customer.sees(second)).path == "/kund/100200"


async def test_the_other_device_is_one_click_away(customer: Customer) -> None:
    path = await customer.start(device="same")
    page = await customer.visit(path)
    assert "BankID på en annan enhet" in page.buttons

    answer = await customer.post(f"{path}/ny", device="other")
    page = await customer.visit(answer.headers["location"])
    assert "BankID på den här enheten" in page.buttons
    assert [order.status for order in customer.bankid.orders] == ["pending", "failed"]


async def test_nothing_of_it_is_cached(customer: Customer, anna: User) -> None:
    started = await customer.post("/bankid/starta", intent="login", device="other")
    path = started.headers["location"]
    answers = [started, *[await customer.client.get(path + end) for end in ("", "/status", "/qr")]]
    customer.bankid.answer(customer.order.ref, ANNA)
    answers += [await customer.poll(path), await customer.client.get(f"{path}/klar")]

    assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * 6


async def test_what_frames_and_what_is_framed(customer: Customer) -> None:
    path = await customer.start()
    policies = {
        end: (await customer.client.get(end)).headers["content-security-policy"]
        for end in ("/", "/logga-in?flik=bankid", "/bankid/x", f"{path}/status", path, f"{path}/qr")
    }

    assert policies.pop(path) == f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
    frame = policies.pop(f"{path}/qr")
    assert frame == CONTENT_SECURITY_POLICY.replace(
        "frame-ancestors 'none'", "frame-ancestors 'self'"
    )
    assert set(policies.values()) == {CONTENT_SECURITY_POLICY}


async def test_the_visitor_must_be_signed_out_to_log_in(customer: Customer, anna: User) -> None:
    _ = await customer.log_in()
    for intent in ("login", "registration"):
        answer = await customer.post("/bankid/starta", intent=intent, device="other")
        assert answer.status_code == 303
    assert customer.bankid.orders == []


async def test_a_flow_of_a_session_ends_with_it(
    customer: Customer, account: CustomerAccount, time: Clock
) -> None:
    _ = await a_user()
    _ = await customer.log_in("anna@example.com", PASSWORD)
    path = await customer.start("link")
    customer.bankid.answer(customer.order.ref, ANNA)
    _ = await customer.post("/logga-ut")
    assert (await customer.poll(path)).status_code == 404
    _ = await customer.log_in()

    assert (await customer.poll(path)).headers["HX-Redirect"] == "/"
    assert (await customer.sees(path)).path == "/"
    assert await BankIDIdentity.all().count() == 0


async def test_nor_does_another_user_of_the_same_browser_go_on(
    customer: Customer, account: CustomerAccount
) -> None:
    _ = await a_user(), await a_user("bo@example.com")
    _ = await customer.log_in("anna@example.com", PASSWORD)
    path = await customer.start("link")
    customer.client.cookies.delete("__Host-session")  # which stays alive on the server
    assert (await customer.visit(path)).status == 404
    _ = await customer.log_in("bo@example.com", PASSWORD)

    for end in ("", "/status", "/klar"):
        assert (await customer.sees(path + end)).path == "/"
    assert customer.order.status == "failed", "the app stops"
    assert await BankIDIdentity.all().count() == 0


@pytest.mark.parametrize("intent", ["login", "registration"])
@pytest.mark.parametrize("end", ["", "/status", "/klar", "/qr", "poll"])
async def test_who_logs_in_with_a_password_meanwhile_ends_it(
    customer: Customer, anna: User, intent: str, end: str
) -> None:
    path = await customer.start(intent)
    order = customer.order
    _ = await customer.log_in()
    session = customer.cookie("session")

    if end == "poll":
        assert (await customer.poll(path)).headers["HX-Redirect"] == "/"
    elif end == "/qr":  # the page around the frame leads on
        answer = await customer.get(path + end)
        assert (answer.status_code, answer.headers["cache-control"]) == (204, "no-store")
    else:
        assert (await customer.sees(path + end)).path == "/"

    assert (order.status, order.hint, order.collects) == ("failed", "cancelled", 0)
    assert (customer.cookie("session"), await customer.is_signed_in()) == (session, True)


async def test_a_person_who_is_proven_by_then_is_not_logged_in_over_them(
    customer: Customer, anna: User, account: CustomerAccount
) -> None:
    bo = await a_user("bo@example.com")
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)
    assert (await customer.poll(path)).headers["HX-Redirect"] == f"{path}/klar"
    _ = await customer.log_in("bo@example.com")

    assert (await customer.visit(f"{path}/klar")).path == "/"

    assert [session.user_id for session in await Session.all()] == [bo.id]
    (flow,) = await BankIDFlow.all()
    assert (flow.status, flow.person_encrypted) == (Progress.FAILED, None)


@pytest.mark.parametrize("end", ["/avbryt", "/ny"])
async def test_nor_is_another_begun_for_them(customer: Customer, anna: User, end: str) -> None:
    path = await customer.start()
    _ = await customer.log_in()
    assert (await customer.post(path + end, device="other")).headers["location"] == "/"
    assert [order.status for order in customer.bankid.orders] == ["failed"]


async def test_what_an_unknown_person_has_used_leads_on_whoever_logs_in(
    customer: Customer, anna: User
) -> None:
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, BERTIL)
    assert (await customer.sees(path)).path == "/bankid/okand"
    _ = await customer.log_in()

    assert (await customer.poll(path)).headers["HX-Redirect"] == f"{path}/klar"
    for end in ("", "/klar"):
        assert (await customer.visit(path + end)).path == "/kund/100200"
