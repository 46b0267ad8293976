"""The whole portal crawled in every role, as its customers and as those who attack it."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import html5lib
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from tortoise import Tortoise

from models import (
    Address,
    AppCode,
    CustomerAccount,
    EmailLink,
    Invitation,
    LoginChallenge,
    Membership,
    OutgoingMail,
    RecoveryCode,
    Registration,
    Role,
    Session,
    Totp,
    TwoFactor,
    User,
    clock,
    databases,
    keys,
    passwords,
)
from models.access import Actor
from models.customer_account import suffix_hash
from models.databases import Unavailable
from models.email_link import Purpose
from models.session import resume
from tests.fresh import POSTGRESQL, fresh_database
from tests.unit.asgi import ask
from tests.unit.conftest import (
    PASSWORD,
    SETTINGS,
    Clock,
    Outbox,
    Visitor,
    a_user,
    an_account,
    code,
    plain,
)
from tests.unit.web.mobile.phone import Phone
from web import cookies, next_path
from web.app import create_app
from web.customer_pages import CustomerPage
from web.log import JsonLines, ReadableLines
from web.middleware.headers import HEADERS
from web.mobile.endpoints import ApiEndpoint
from web.mobile.oauth import OAuthEndpoint
from web.pages import Page as Endpoint
from web.routes import routes
from web.signing import signer

pytestmark = pytest.mark.anyio
TOKEN = "x" * 43
HOST = {"host": "minasidor.example"}
PAYLOAD = "\"'><svg onload=alert(1)>"


# Everybody there is


@dataclass
class Everybody:
    """Two customers, and somebody of every kind who may knock."""

    account: CustomerAccount
    other: CustomerAccount
    visitors: dict[str, Visitor]
    totp_secret: str
    recovery_code: str

    def __getitem__(self, role: str) -> Visitor:
        return self.visitors[role]


ROLES = ("anonymous", "half", "registering", "stranger", "member", "administrator")
SIGNED_IN = ("stranger", "member", "administrator")


@pytest.fixture
async def everybody(
    account: CustomerAccount, new_visitor: Callable[[], Visitor], time: Clock
) -> Everybody:
    other = await an_account("100900", "4435027711", "Andra Bolaget AB")
    visitors = {role: new_visitor() for role in ROLES}
    for role, given_name, reached in (
        ("administrator", "Anna", account),
        ("member", "Mia", account),
        ("stranger", "Sten", other),
        ("half", "Hanna", account),
    ):
        user = await a_user(f"{role}@example.com", given_name=given_name)
        _ = await Membership.admit(user, reached)
        if role != "half":
            await visitors[role].log_in(user.email)
    hanna = await User.get(email="half@example.com")
    pending = await Totp.pending(hanna)
    secret = pending.secret
    assert (await pending.activate(hanna, code(secret))).is_right
    (recovery_code, *_) = await RecoveryCode.shown(hanna.id)
    page = await visitors["half"].log_in("half@example.com")
    assert page.path == "/logga-in/kod"
    await visitors["registering"].submit("/registrera/steg-1")
    page = await visitors["registering"].submit(
        "/registrera/steg-2", customer_number="100200", organisation_suffix="3378"
    )
    assert page.path == "/registrera/steg-3"
    return Everybody(account, other, visitors, secret, recovery_code)


@pytest.fixture
async def phone(app: Starlette) -> AsyncIterator[Phone]:
    made = Phone(app)
    yield made
    await made.client.aclose()


async def rows() -> dict[str, list[dict[str, Any]]]:
    """All that the database holds, but for the two things that looking may change."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, model in Tortoise.apps["models"].items():
        found[name] = await model.all().order_by(model._meta.pk_attr).values()
    for session in found["Session"]:
        del session["seen_at"]
    for user in found["User"]:
        del user["active_customer_account_id"]
    return found


def page_routes() -> list[Route]:
    return [
        route
        for route in routes
        if isinstance(route, Route)
        and isinstance(route.endpoint, type)
        and issubclass(route.endpoint, Endpoint)
    ]


def path_of(route: Route, customer_number: str = "100200") -> str:
    path = route.path.replace("{customer_number:customer_number}", customer_number)
    path = re.sub("{(token|public_id)}", TOKEN, path)
    path = re.sub(r"{\w+:uuid}", "00000000-0000-4000-8000-000000000000", path)
    return re.sub(r"{\w+:row_id}", "1", path)


def route_named(name: str) -> Route:
    (route,) = (route for route in page_routes() if route.name == name)
    return route


POSTS = [str(route.name) for route in page_routes() if hasattr(route.endpoint, "post")]
GETS = [str(route.name) for route in page_routes() if hasattr(route.endpoint, "get")]


async def send(
    app: Starlette,
    visitor: Visitor,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> httpx2.Response:
    """A request with the visitor's cookies and with no header but these."""
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.client.cookies.items())
    everything = {**HOST, **({"cookie": cookies} if cookies else {}), **(headers or {})}
    answer = await ask(app, method, path, everything, (body,))
    return httpx2.Response(answer.status, headers=answer.headers, text=answer.body)


# Who reaches what (ASVS 8.1.1, 8.2.1): a page that is not listed fails

ACCESS: dict[str, tuple[str, str]] = {
    #                                looking      changing
    "home": ("anybody", ""),
    "accessibility": ("anybody", ""),
    "privacy": ("anybody", ""),
    "api": ("anybody", ""),
    "login": ("anybody", "anybody"),
    "login:code": ("half", "half"),
    "logout": ("", "anybody"),
    "confirm_identity": ("signed in", "signed in"),
    "registration:method": ("anybody", "anybody"),
    "registration:account_details": ("registering", "registering"),
    "registration:personal_details": ("registering", "registering"),
    "registration:link": ("anybody", "registering"),
    "registration:two_factor": ("signed in", "signed in"),
    "registration:skip_two_factor": ("anybody", "signed in"),
    "registration:done": ("signed in", ""),
    "registration:with_bankid": ("anybody", "registering"),
    "bankid:start": ("anybody", "anybody"),
    # An identification is found by its cookie: without it there is none, whoever asks.
    "bankid:flow": ("anybody", ""),
    "bankid:status": ("anybody", ""),
    "bankid:frame": ("anybody", ""),
    "bankid:cancel": ("anybody", "anybody"),
    "bankid:again": ("anybody", "anybody"),
    "bankid:finish": ("anybody", ""),
    "bankid:return": ("anybody", ""),  # whoever holds its nonce
    "bankid:unknown": ("anybody", "anybody"),  # and has shown a BankID
    "bankid:offer": ("signed in", "signed in"),
    "bankid:unlink": ("signed in", "signed in"),
    "email_links:confirm_email": ("signed in", "signed in"),
    "email_links:resend": ("signed in", "signed in"),
    "email_links:open_confirm_email": ("anybody", ""),
    "email_change:new_address": ("signed in", "signed in"),
    "email_change:send_again": ("anybody", "signed in"),
    "email_change:withdraw": ("anybody", "signed in"),
    "email_change:open_undo": ("anybody", ""),
    "email_change:undo": ("anybody", "anybody"),  # whoever holds the mailed token
    "email_takeover:ask": ("anybody", "registering"),
    "email_takeover:open": ("anybody", ""),
    "email_takeover:take_over": ("anybody", "anybody"),  # whoever holds the mailed token
    "email_takeover:done": ("anybody", ""),
    "email_links:notice": ("anybody", "anybody"),  # whoever holds the mailed token
    "email_links:open_notice": ("anybody", ""),
    "email_links:switch_user": ("anybody", "anybody"),
    "invitations:open": ("anybody", ""),
    "invitations:answer": ("anybody", "anybody"),  # whoever holds the mailed token
    "invitations:decline": ("anybody", "anybody"),
    "invitations:register": ("anybody", "anybody"),
    "password_reset:forgotten": ("anybody", "anybody"),
    "password_reset:sent": ("anybody", ""),
    "password_reset:open_new_password": ("anybody", ""),
    "password_reset:new_password": ("anybody", "anybody"),  # whoever holds the mailed token
    "two_factor_reset:ask": ("half", "half"),
    "two_factor_reset:sent": ("half", ""),
    "two_factor_reset:open": ("anybody", ""),
    "two_factor_reset:password": ("anybody", "anybody"),  # whoever holds the mailed token
    "two_factor_reset:new_app": ("anybody", "anybody"),  # and has given the password
    "my_details:personal_details": ("signed in", "signed in"),
    "my_details:password": ("anybody", "signed in"),
    "my_details:credentials": ("signed in", "signed in"),
    "devices:end": ("anybody", "signed in"),
    "devices:end_others": ("anybody", "signed in"),
    "devices:name": ("signed in", "signed in"),
    "events": ("signed in", ""),
    "events:file": ("signed in", ""),
    "two_factor:deactivate": ("signed in", "signed in"),
    "recovery_codes:new": ("anybody", "signed in"),
    "export": ("signed in", "signed in"),
    "export:document": ("signed in", ""),
    "export:data": ("signed in", ""),
    "recovery_codes:saved": ("anybody", "signed in"),
    "recovery_codes:file": ("signed in", ""),
    "closing:close": ("signed in", "signed in"),
    "closing:undo": ("anybody", "signed in"),
    "customer_accounts:switch": ("signed in", ""),
    "customer_accounts:favourite": ("anybody", "signed in"),
    "customer_accounts:add": ("signed in", "signed in"),
    "oauth:authorize": ("anybody", ""),  # without a request of an app; tests/unit/web/mobile
    "oauth:switch_user": ("", "anybody"),
    "oauth:in_browser": ("", "anybody"),
    "mobile:done": ("anybody", ""),  # whoever is sent back to the app
}  # those of one customer account: tests/unit/web/test_customer_pages.py
FILES = ("events:file", "account_events:file")  # they are downloaded, and are no pages
# They change who one is.
LAST = ("registration:method", "email_links:switch_user", "oauth:switch_user", "logout")


def passes(kind: str, role: str, answer: httpx2.Response) -> bool:
    """Whether the answer is the one that this kind of page owes to this role."""
    to = answer.headers.get("location", "")
    to_login, refused = to.startswith("/logga-in?next="), answer.status_code == 403
    match kind:
        case "":
            return answer.status_code == 405
        case "half":
            return (to == "/logga-in") is (role != "half")
        case "registering":
            return (to == "/registrera/steg-1") is (role != "registering")
        case "signed in":
            return to_login is (role not in SIGNED_IN) and not refused
        case _:
            return not to_login and not refused


def test_every_page_is_in_the_table() -> None:
    of_customers = {
        route.name
        for route in page_routes()
        if isinstance(route.endpoint, type) and issubclass(route.endpoint, CustomerPage)
    }
    assert set(ACCESS) | of_customers == {route.name for route in page_routes()}
    assert not set(ACCESS) & of_customers
    # What the app talks to: tests/unit/web/mobile/.
    of_the_app = {
        route.name
        for route in routes
        if isinstance(route, Route)
        and isinstance(route.endpoint, type)
        and issubclass(route.endpoint, (OAuthEndpoint, ApiEndpoint))
    }
    others = [route for route in routes if route not in page_routes()]
    assert {r.name for r in others if isinstance(r, (Route, Mount))} - of_the_app == {
        "pwa:manifest",
        "pwa:worker",
        "pwa:offline",
        "alive",
        "ready",
        "well_known",
        "mobile:android",
        "mobile:ios",
        "stylesheet",
        "static",
        "oauth:metadata",
        "openapi",
    }


async def test_each_page_shows_itself_to_those_it_is_for(everybody: Everybody) -> None:
    for role in ROLES:
        for name, (kind, _) in ACCESS.items():
            answer = await everybody[role].client.get(path_of(route_named(name)))
            assert passes(kind, role, answer), f"{role} {name}: {answer}"


async def test_each_change_is_made_by_those_it_is_for(everybody: Everybody) -> None:
    for role in ROLES:
        for name in sorted(ACCESS, key=LAST.__contains__):
            answer = await everybody[role].client.post(path_of(route_named(name)))
            assert passes(ACCESS[name][1], role, answer), f"{role} {name}: {answer}"


# Looking changes nothing, and no other site changes anything (ASVS 3.5.1-3)


async def test_looking_changes_no_row(everybody: Everybody, time: Clock) -> None:
    for role in SIGNED_IN:  # the secret of an app to come is made when it is first shown
        await everybody[role].visit("/registrera/steg-4")
    before = await rows()
    time.forward(minutes=2)

    for role in ROLES:
        for name in GETS:
            _ = await everybody[role].client.get(path_of(route_named(name)))
            assert await rows() == before, f"{role} {name}"


async def test_one_page_makes_a_code_for_its_link_and_nothing_else(
    everybody: Everybody, phone: Phone
) -> None:
    before = await rows()
    for role in ROLES:
        codes = await AppCode.all().count()
        await everybody[role].client.get(phone.opens())
        after = await rows()
        made = len(after.pop("AppCode")) - codes
        assert made == (1 if role in SIGNED_IN else 0), role
        assert after == {name: held for name, held in before.items() if name != "AppCode"}, role


FOREIGN: dict[str, dict[str, str]] = {
    "nothing said": {},
    "cross-site": {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    "same-site": {"sec-fetch-site": "same-site", "origin": "https://x.minasidor.example"},
    "null": {"origin": "null"},
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
async def test_no_other_site_can_change_anything(
    app: Starlette, everybody: Everybody, foreign: dict[str, str]
) -> None:
    before = await rows()
    form = {**foreign, "content-type": "application/x-www-form-urlencoded"}
    body = f"email=anna@example.com&password={PASSWORD}&customer_number=100200&code=1".encode()

    for role in ROLES:
        for route in page_routes():
            for method in ("POST", "PUT", "DELETE"):
                answer = await send(app, everybody[role], method, path_of(route), form, body)
                assert answer.status_code == 403, f"{role} {method} {route.name}"
                assert "Formuläret togs inte emot" in answer.text
                assert "set-cookie" not in answer.headers
    assert await rows() == before


async def test_looking_from_another_site_is_allowed_and_still_changes_nothing(
    app: Starlette, everybody: Everybody
) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    answer = await send(app, everybody["member"], "GET", "/kund/100200", headers)

    assert answer.status_code == 200


# What every answer carries

COOKIE = re.compile(
    rf"__Host-({'|'.join(get_args(cookies.Name))})="
    r'("[^"]*"|[^;"]*)((?:; [^;]+)*)'
)


def check_cookies(answer: httpx2.Response) -> None:
    for cookie in answer.headers.get_list("set-cookie"):
        found = COOKIE.fullmatch(cookie)
        assert found, cookie
        attributes = set(found[3].removeprefix("; ").split("; "))
        assert attributes >= {"HttpOnly", "Secure", "SameSite=lax", "Path=/"}, cookie
        assert not any(attribute.startswith("Domain") for attribute in attributes)
        assert len(cookie) < 4096


def check_headers(answer: httpx2.Response) -> None:
    attached = answer.headers.get("content-disposition", "").startswith("attachment")
    for name, value in HEADERS.items():
        if attached and name == "Content-Security-Policy":
            value += "; sandbox"  # ASVS 3.2.1
        assert answer.headers.get_list(name) == [value], name
    assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
    assert "server" not in answer.headers
    assert not any(name.startswith("access-control-") for name in answer.headers), "no CORS"
    kind = answer.headers.get("content-type", "")
    if answer.content:
        assert kind, "a body has a type"
    if kind.startswith("text/"):
        assert kind.endswith("; charset=utf-8"), kind
    assert answer.headers.get("cache-control")


async def test_every_answer_carries_the_headers_and_only_safe_cookies(
    everybody: Everybody,
) -> None:
    partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
    for role in ROLES:
        client = everybody[role].client
        for name in sorted(ACCESS, key=LAST.__contains__):
            for method, headers in (("GET", {}), ("HEAD", partial), ("GET", partial), ("POST", {})):
                path = path_of(route_named(name))
                answer = await client.request(method, path, headers=headers)
                check_headers(answer)
                check_cookies(answer)
                html = answer.headers.get("content-type", "").startswith("text/html")
                if html and name not in FILES and answer.status_code == 200:
                    assert "Cookie" in answer.headers["vary"]
                    assert "HX-Request-Type" in answer.headers["vary"]


@pytest.mark.parametrize(
    "path",
    [
        *("/static/js/app.js", "/static/css/tokens.css", "/static/favicon.svg", "/healthz"),
        *("/static/css/portal.css", "/manifest.webmanifest", "/sw.js", "/offline"),
    ],
)
async def test_files_carry_the_headers_too(visitor: Visitor, path: str) -> None:
    for suffix in ("", "?v=1234567890"):
        answer = await visitor.get(path + suffix)
        assert answer.status_code == 200
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert not answer.headers.get_list("set-cookie")


async def test_nothing_of_a_signed_in_page_is_kept_by_a_cache(everybody: Everybody) -> None:
    for role in SIGNED_IN:
        for name in GETS:
            answer = await everybody[role].client.get(path_of(route_named(name)))
            assert answer.headers["cache-control"] == "no-store", f"{role} {name}"


async def test_before_login_back_works_and_no_cache_shares_a_page(visitor: Visitor) -> None:
    for path in ("/", "/logga-in", "/registrera/steg-1"):
        assert (await visitor.get(path)).headers["cache-control"] == "private, no-cache"


async def test_a_page_offers_a_way_to_log_out_wherever_one_is(everybody: Everybody) -> None:
    for role in SIGNED_IN:
        for name in set(GETS) - set(FILES) - {"bankid:frame"}:  # which is a part of a page
            answer = await everybody[role].get(path_of(route_named(name)))
            assert 'action="/logga-ut"' in answer.text, f"{role} {name}"


# What a form may carry

READING = {
    "login": "anonymous",
    "login:code": "half",
    "confirm_identity": "member",
    "registration:account_details": "registering",
    "registration:personal_details": "registering",
    "registration:two_factor": "member",
    "my_details:credentials": "member",
    "export": "member",
    "email_change:new_address": "member",
    "customer_accounts:add": "member",
    "members:rules": "administrator",
    "invitations:invite": "administrator",
}


async def test_a_field_that_is_sent_twice_is_refused(everybody: Everybody) -> None:
    before = await rows()
    for name, role in READING.items():
        for body in ("code=1&code=2", "x=1&x=1", "customer_number=100200&customer_number=100900"):
            answer = await everybody[role].client.post(
                path_of(route_named(name)),
                content=body,
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
            assert answer.status_code == 400, f"{name} {body}"
    assert await rows() == before


async def test_files_are_refused_everywhere(everybody: Everybody) -> None:
    before = await rows()
    for role in ROLES:
        for name in POSTS:
            for kind in ("multipart/form-data; boundary=x", "Multipart/Form-Data; boundary=x"):
                answer = await everybody[role].client.post(
                    path_of(route_named(name)),
                    content=b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"'
                    b"\r\n\r\nc\r\n--x--\r\n",
                    headers={"content-type": kind},
                )
                assert answer.status_code == 400, f"{role} {name}"
    assert await rows() == before


async def test_fields_that_no_form_has_do_nothing(
    visitor: Visitor, account: CustomerAccount
) -> None:
    await visitor.submit("/registrera/steg-1")
    more = {"role": "administrator", "is_admin": "1", "two_factor": "on", "id": "7"}
    await visitor.submit(
        "/registrera/steg-2", customer_number="100200", organisation_suffix="3378", **more
    )
    first = await a_user("first@example.com")
    _ = await Membership.admit(first, account)
    confirmed = {"email_confirmed_at": "2026-01-01", "email_key": "x", "password_hash": "x"}
    page = await visitor.submit(
        "/registrera/steg-3", **DETAILS, **more, **confirmed, errors="x", error="x", user_id="1"
    )

    assert page.path == "/registrera/steg-4"
    user = await User.get(email="anna@example.com")
    assert (user.email_confirmed_at, user.two_factor) == (None, TwoFactor.UNANSWERED)
    assert (await Membership.get(user_id=user.id)).role is Role.MEMBER


STRANGE = [
    b"",
    b"&&&&",
    b"=",
    b"email",
    b"email=%",
    b"email=%ff%fe&password=%00",
    b"email=%ED%A0%80@x.example&password=x",
    b"email=a%0d%0aBcc:%20b@x.example&password=x",
    b"email=" + b"a" * 60000,
    b"&".join(b"f%d=1" % n for n in range(5000)),
    b"code=" + "٣٤٥٦٧٨".encode(),
    b"code=" + "ﷺ".encode() * 9,
    b"customer_number=" + "１００２００".encode() + b"&organisation_suffix=" + "٣٣٧٨".encode(),
    b"email=" + ("ß" * 200 + "@example.com").encode() + b"&password=x",
    b"next=" + b"x" * 9000 + b"&email=a@x.example&password=x",
    b'{"email": "a"}',
    b"\x00\x01\x02",
]


async def test_no_form_breaks_whatever_is_sent(everybody: Everybody) -> None:
    for body in STRANGE:
        for name, role in READING.items():
            for kind in ("application/x-www-form-urlencoded", "application/json"):
                answer = await everybody[role].client.post(
                    path_of(route_named(name)), content=body, headers={"content-type": kind}
                )
                assert answer.status_code in (303, 400, 409, 422), f"{name} {body[:40]!r}"


async def test_a_registration_with_strange_letters_is_kept_or_refused_but_never_breaks(
    everybody: Everybody,
) -> None:
    folds = "a@" + ".".join(["ß" * 31] * 7) + ".example"  # to twice its length
    for email in ("a" * 250 + "@example.com", folds, "a@" + "b." * 130 + "c"):
        page = await everybody["registering"].submit(
            "/registrera/steg-3", **{**DETAILS, "email": email}
        )
        assert page.status == 422, email
        assert "Skriv högst 254 tecken." in page.alert


STRANGE_PATHS = [
    "/kund/%00",
    "/kund/%ff",
    "/kund/" + "9" * 5000,
    "/kund/-1",
    "/kund/1%27%20OR%20%271%27=%271",
    "/kund/%E2%82%AC",
    "/kund/%0d%0aX-Evil:1",
    "/bekrafta-epost/%00",
    "/bekrafta-epost/%0d%0aSet-Cookie:x=y",
    "/bekrafta-epost/%E2%82%AC;Domain=x",
    "/bekrafta-epost/" + "x" * 9000,
    "/det-var-inte-jag/%22%3B%20Path%3D%2Fx",
    "/det-var-inte-jag/%f0%9f%90%9f",
    "/static/%00",
    "/static/%2e%2e/%2e%2e/pyproject.toml",
    "/static/" + "x" * 300,
    "/logga-in?next=%00&flik=%00",
    "/logga-in?flik=" + "x" * 5000,
]


async def test_no_address_breaks_anything(everybody: Everybody) -> None:
    for path in STRANGE_PATHS:
        for role in ("anonymous", "half", "member"):
            for headers in ({}, {"HX-Request": "true", "HX-Request-Type": "partial"}):
                answer = await everybody[role].client.get(path, headers=headers)
                assert answer.status_code in (200, 303, 401, 403, 404), f"{role} {path[:60]}"
                assert "x-evil" not in answer.headers
                check_cookies(answer)


STRANGE_COOKIES = [
    "",
    "x",
    "å",
    "%00",
    "a b",
    '"',
    "x" * 4000,
    "e30.e30.e30",
    "\xff\x80",
    ".",
    "=;=",
]


async def test_no_cookie_breaks_anything(app: Starlette) -> None:
    for name in get_args(cookies.Name):
        for value in STRANGE_COOKIES:
            for path in (
                "/",
                "/logga-in",
                "/logga-in/kod",
                "/registrera/steg-2",
                "/det-var-inte-jag",
            ):
                headers = {**HOST, "cookie": f"__Host-{name}={value}"}
                answer = await ask(app, path=path, headers=headers)
                assert answer.status in (200, 303, 410), f"{name}={value[:20]} {path}"


# Other hosts, and where one is led after login


async def test_no_link_or_redirect_follows_the_host_of_a_request(
    app: Starlette, everybody: Everybody, outbox: Outbox
) -> None:
    poison = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    headers = {**poison, "sec-fetch-site": "same-origin", "x-forwarded-proto": "gopher"}
    for role in ROLES:
        for name in sorted(ACCESS, key=LAST.__contains__):
            for method in ("GET", "POST"):
                path = path_of(route_named(name))
                answer = await send(app, everybody[role], method, path, headers)
                assert "evil.example" not in answer.text + str(answer.headers)
    await everybody["member"].log_in("member@example.com")
    answer = await send(app, everybody["member"], "POST", "/bekrafta-epost/ny", headers)
    assert answer.status_code == 303
    form = {**headers, "content-type": "application/x-www-form-urlencoded"}
    body = b"email=member@example.com"
    answer = await send(app, everybody["anonymous"], "POST", "/glomt-losen", form, body)
    assert answer.headers["location"] == "/glomt-losen/skickat"
    assert await OutgoingMail.exists(kind="reset_password", to="member@example.com")
    for message in await outbox.all():
        assert "evil" not in message.as_string()
    form["host"] = "evil.example"
    answer = await send(app, everybody["anonymous"], "POST", "/glomt-losen", form, body)
    assert answer.status_code == 400
    assert await OutgoingMail.filter(kind="reset_password").count() == 1


def is_printable(text: str) -> bool:
    return not any(character < " " for character in text)


EVIL_PATHS = [
    *("//e.example", "/\\e.example", "/\t/e.example", "///e.example", "https:e.example"),
    *("https://e.example", "javascript:alert(1)", "%2f%2fe.example", "/%09/e.example", "e.example"),
    *("/%2fe.example", "/%5ce.example", "/%0d%0aSet-Cookie:x", "\\\\e.example", "/a\r\nX: y", ""),
    *("/\x00", "/ /e.example", "\t//e.example", " //e.example", "/\u2028", "/€", "/" + "a" * 500),
    *("data:text/html,x", "//e.example@minasidor.example", "/\u200b/e.example", "/\uff0fe.example"),
]


@pytest.mark.parametrize("path", EVIL_PATHS, ids=ascii)
async def test_no_login_leads_to_another_site(
    new_visitor: Callable[[], Visitor], account: CustomerAccount, path: str
) -> None:
    _ = await Membership.admit(await a_user(), account)
    # As if our own key had signed it, and bare.
    for sent in (signer("next").dumps(path), path):
        for headers in ({}, {"HX-Request": "true"}):
            visitor = new_visitor()
            answers = [
                await visitor.client.post(
                    "/logga-in",
                    data={"email": "anna@example.com", "password": PASSWORD, "next": sent},
                    headers=headers,
                ),
                await visitor.client.get("/logga-in", params={"next": sent}, headers=headers),
                await visitor.client.post(
                    "/bekrafta-dig", data={"password": PASSWORD, "next": sent}, headers=headers
                ),
            ]
            for answer in answers:
                to = answer.headers.get("location") or answer.headers.get("hx-redirect")
                # A control character is refused with the form, and nobody is logged in.
                refused = not is_printable(sent) and str(to).startswith(("None", "/logga-in?next="))
                assert to == "/kund/100200" or refused, f"{answer} {to}"
    assert next_path.sign(path) == ""


@pytest.mark.parametrize("path", ["/", "/kund/100200", "/lagg-till-kundkonto?a=b&c=%C3%A5#d"])
def test_a_path_of_ours_is_gone_back_to(path: str) -> None:
    assert next_path.read(next_path.sign(path)) == path


def test_a_signed_path_runs_out(time: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = next_path.sign("/kund/1")
    monkeypatch.setattr(next_path, "_LIFETIME", -1)
    assert next_path.read(signed) == ""


# Tenants


async def test_another_customers_account_looks_like_one_that_does_not_exist(
    everybody: Everybody,
) -> None:
    closed = await an_account("100901")
    _ = await Membership.admit(await User.get(email="member@example.com"), closed)
    await CustomerAccount.filter(id=closed.id).update(closed_at=clock.now())
    partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
    for route in page_routes():
        if "{customer_number:" not in route.path:
            continue
        for headers in ({}, partial):
            answers = []
            for number in ("100900", "100901", "999999", "0100900", "0"):
                answer = await everybody["member"].client.get(
                    path_of(route, number), headers=headers
                )
                del answer.headers["x-request-id"]
                answers.append((answer.status_code, answer.headers, answer.content))
            assert answers == [answers[0]] * len(answers)
            assert answers[0][0] == 403
            assert "Andra Bolaget" not in answers[0][2].decode()
            for no_number in ("x", "100200 ", "１００２００", "1" * 21):
                answer = await everybody["member"].client.get(
                    path_of(route, no_number), headers=headers
                )
                assert answer.status_code == 404


async def test_a_tenants_pages_never_show_the_other_tenant(everybody: Everybody) -> None:
    for name in GETS:
        answer = await everybody["member"].get(path_of(route_named(name)))
        for secret in ("Andra Bolaget", "100900", "100 900", "stranger@example.com", "Sten"):
            assert secret not in answer.text, f"{name} shows {secret}"


async def test_a_member_sees_no_list_of_users_and_an_administrator_does(
    everybody: Everybody,
) -> None:
    for path in ("/kund/100200", "/kund/100200/anvandare"):
        member = await everybody["member"].visit(path)
        assert "administrator@example.com" not in member.response.text
    administrator = await everybody["administrator"].visit("/kund/100200/anvandare")
    assert "member@example.com" in administrator.text


async def test_visiting_anothers_account_does_not_make_it_the_active_one(
    everybody: Everybody,
) -> None:
    await everybody["member"].visit("/kund/100900")

    page = await everybody["member"].visit("/")
    assert "Exempelbygg AB" in page.text
    assert "Andra Bolaget" not in page.response.text


# One answer for all that is wrong


def alike(answers: list[httpx2.Response], *typed: str) -> None:
    """The same status, headers and bytes, but for what was typed and the request's id."""
    seen = []
    for answer, text in zip(answers, typed, strict=True):
        headers = [(k, v) for k, v in answer.headers.multi_items() if k != "x-request-id"]
        seen.append((answer.status_code, headers, answer.text.replace(text, "typed")))
    assert seen == [seen[0]] * len(seen)


class Work:
    """What was asked of the database and of the hasher while it counted."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.hashes = 0


@pytest.fixture
def work(db: None, monkeypatch: pytest.MonkeyPatch) -> Work:
    made = Work()
    client: Any = type(databases.connection())
    for owner in {base for base in client.__mro__ if "execute_query" in vars(base)}:
        real = vars(owner)["execute_query"]

        async def execute_query(
            self: Any, query: str, values: Any = None, *, real: Any = real
        ) -> Any:
            made.statements.append(" ".join(query.split()[:3]))
            return await real(self, query, values)

        monkeypatch.setattr(owner, "execute_query", execute_query)
    matches = passwords._matches

    def counted(password_hash: str, password: str) -> bool:
        made.hashes += 1
        return matches(password_hash, password)

    monkeypatch.setattr(passwords, "_matches", counted)
    return made


async def test_a_login_does_not_tell_whether_there_is_such_an_address(
    new_visitor: Callable[[], Visitor], account: CustomerAccount, work: Work
) -> None:
    _ = await Membership.admit(await a_user("known@example.com"), account)
    done, answers = [], []
    for email in ("known@example.com", "nobdy@example.com"):
        visitor = new_visitor()
        work.statements.clear()
        work.hashes = 0
        answers.append(await visitor.post("/logga-in", email=email, password="fel lösenord"))
        done.append((work.statements.copy(), work.hashes))

    alike(answers, "known@example.com", "nobdy@example.com")
    assert done[0] == done[1]
    assert done[0][1] == 1
    assert answers[0].headers.get_list("set-cookie") == []


async def test_a_refused_login_does_not_tell_either(
    new_visitor: Callable[[], Visitor], account: CustomerAccount, work: Work, time: Clock
) -> None:
    _ = await Membership.admit(await a_user("known@example.com"), account)
    answers = []
    for email in ("known@example.com", "nobdy@example.com"):
        visitor = new_visitor()
        for _ in range(10):
            await visitor.post("/logga-in", email=email, password="fel lösenord")
        work.hashes = 0
        answers.append(await visitor.post("/logga-in", email=email, password=PASSWORD))
        assert work.hashes == 0, "limits come before the hashing"

    alike(answers, "known@example.com", "nobdy@example.com")
    assert "Vänta 5 minuter" in answers[0].text


@pytest.mark.parametrize("path", ["/registrera/steg-2", "/lagg-till-kundkonto"])
async def test_a_claim_does_not_tell_what_was_wrong_with_it(
    everybody: Everybody, work: Work, time: Clock, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = everybody["registering" if "steg" in path else "stranger"]
    _ = await an_account("100300", closed_at=time.now())
    _ = await an_account("100400", organisation_number="")
    _ = await an_account("100500", organisation_number="4001019803")
    hmacs: list[str] = []
    mac = keys.mac

    def counted(purpose: str, *values: str) -> str:
        hmacs.append(purpose)
        return mac(purpose, *values)

    monkeypatch.setattr(keys, "mac", counted)
    answers, statements, counts = [], [], []
    wrong = [
        ("100200", "0001"),
        ("999999", "0002"),
        ("100300", "3378"),
        ("100400", "0004"),
        ("100500", "0005"),
    ]
    for number, suffix in wrong:
        work.statements.clear()
        hmacs.clear()
        answers.append(await visitor.post(path, customer_number=number, organisation_suffix=suffix))
        statements.append(work.statements.copy())
        counts.append(len(hmacs))
    for n in range(5):
        await visitor.post(path, customer_number=f"7777{n:02}", organisation_suffix=f"{n}111")
    hmacs.clear()
    refused = await visitor.post(path, customer_number="100200", organisation_suffix="3378")

    alike([*answers, refused], *(number for number, _ in wrong), "100200")
    assert statements == [statements[0]] * len(statements)
    assert counts == [counts[0]] * len(counts)
    assert refused.status_code == 422


async def test_past_the_budget_a_taken_address_and_a_free_one_answer_alike(
    everybody: Everybody,
) -> None:
    registering = everybody["registering"]
    for number in range(6):
        _ = await a_user(f"taken{number}@example.com")
    for number in range(5):
        page = await registering.submit(
            "/registrera/steg-3", **{**DETAILS, "email": f"taken{number}@example.com"}
        )
        assert "Det finns redan ett konto med den adressen." in page.alert
    before = await User.all().count()

    answers = [
        await registering.post("/registrera/steg-3", **{**DETAILS, "email": email})
        for email in ("taken5@example.com", "nobody@example.com")
    ]

    alike(answers, "taken5@example.com", "nobody@example.com")
    assert "Du har försökt för många gånger." in answers[0].text
    assert await User.all().count() == before


# What somebody wrote never becomes a part of the page


@pytest.fixture
async def payloads(everybody: Everybody, time: Clock) -> Everybody:
    """The payload in everything that people can write and the portal keeps."""
    await CustomerAccount.all().update(name=f"AB {PAYLOAD}", contact_email="kontakt@x.example")
    for account in await CustomerAccount.all():
        _ = await Address.create(
            customer_account_id=account.id, street=PAYLOAD, postal_code="1'\"><b>", town=PAYLOAD
        )
    for user in await User.all():
        await User.filter(id=user.id).update(
            given_name=f"G {PAYLOAD}",
            family_name=f"F {PAYLOAD}",
            phone=PAYLOAD[:20],
            email=f"{user.id}{PAYLOAD}@x.example",
        )
    await Registration.all().update(
        **dict.fromkeys(("given_name", "family_name", "email"), PAYLOAD), phone=PAYLOAD[:20]
    )
    operator = Actor(operator="test")
    _ = await Invitation.send(everybody.account, "x@x.example", Role.MEMBER, operator)
    await Invitation.all().update(email=PAYLOAD)
    await EmailLink.all().update(email=PAYLOAD)
    await CustomerAccount.filter(customer_number="100900").update(organisation_number=PAYLOAD[:10])
    return everybody


def check_inert(html: str) -> None:
    """Strictly parsed, nothing of the payload has become an element or an attribute."""
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    for element in tree.iter():
        if isinstance(element.tag, str):
            assert not any(name.startswith("on") for name in element.attrib), element.attrib
            assert "alert(1)" not in str(element.attrib.get("href", ""))
            assert element.tag not in ("script", "b") or not (element.text or "").strip()


async def test_a_payload_is_inert_on_every_page(payloads: Everybody) -> None:
    shown = set()
    for role in ROLES:
        for name in GETS:
            for headers in ({}, {"HX-Request-Type": "partial"}):
                answer = await payloads[role].client.get(
                    path_of(route_named(name)), headers=headers
                )
                if answer.headers.get("content-type", "").startswith("text/html"):
                    check_inert(answer.text)
                    if "svg onload" in answer.text:
                        shown.add(name)
                    assert "<svg onload" not in answer.text
    assert shown >= {"home", "customer_account", "registration:personal_details", "login:code"}
    assert shown >= {"members", "members:one", "members:rules", "members:leave"}


async def test_a_payload_that_is_typed_is_inert_on_the_page_that_refuses_it(
    payloads: Everybody,
) -> None:
    fields = [
        *("email", "password", "code", "customer_number", "organisation_suffix", "next"),
        *("given_name", "family_name", "phone", "remember"),
    ]
    shown = 0
    for name, role in READING.items():
        typed = dict.fromkeys(fields, PAYLOAD)
        if name == "registration:personal_details":
            typed["customer_number"] = "100200"
        for headers in ({}, {"HX-Request-Type": "partial"}):
            answer = await payloads[role].client.post(
                path_of(route_named(name)), data=typed, headers=headers
            )
            assert answer.status_code == 422, name
            check_inert(answer.text)
            shown += "svg onload" in answer.text
    assert shown >= 8


async def test_a_payload_is_inert_in_a_flash_and_in_the_pages_of_links(
    payloads: Everybody, outbox: Outbox
) -> None:
    await CustomerAccount.filter(customer_number="100900").update(
        organisation_number="4435027711", suffix_hash=suffix_hash("100900", "7711")
    )
    page = await payloads["member"].submit(
        "/lagg-till-kundkonto", customer_number="100900", organisation_suffix="7711"
    )
    assert "är tillagt" in page.response.text
    check_inert(page.response.text)
    mail = await OutgoingMail.filter(kind="new_member").order_by("-id").first()
    assert mail
    page = await payloads["anonymous"].visit(f"/det-var-inte-jag/{mail.data['token']}")
    check_inert(page.response.text)
    assert page.buttons[-1] == "Ta bort användaren"


async def test_a_payload_is_inert_in_every_mail(payloads: Everybody, outbox: Outbox) -> None:
    link, token = await EmailLink.issue(Purpose.NOT_US, email="x@x.example")
    data = dict.fromkeys(
        ("name", "email", "person_name", "person_email", "customer_account_name", "device"), PAYLOAD
    )
    for kind in ("welcome", "confirm_email", "new_administrator", "new_member", "new_device"):
        _ = await OutgoingMail.write(
            kind, "x@x.example", link=link, token=token, at=clock.now().isoformat(), **data
        )
    _ = await OutgoingMail.write(
        "alarm", OutgoingMail.OPERATOR, subject=f"a\r\nBcc: b@x.example {PAYLOAD}", text="x"
    )
    messages = await outbox.all()
    for message in messages:
        part = message.get_body(("html",))
        assert part is not None
        check_inert(str(part.get_content()))
        assert message["Bcc"] is None
        assert "\n" not in str(message["Subject"])
    assert any("svg onload" in plain(message) for message in messages)


BAD_ADDRESSES = [
    *("a@b.example\r\nBcc: c@d.example", "a@b.example\nBcc: c@d.example", "a@b.example\x00"),
    *("a@b.example, c@d.example", "<a@b.example>", "Anna <a@b.example>", "a;c@b.example"),
    *("a@b.example\u2028x", '"a b"@c.example', "a@@b.example", "a@b", "grupp:a@b.example;"),
]


async def test_no_address_adds_a_receiver_or_a_header(everybody: Everybody) -> None:
    for email in BAD_ADDRESSES:
        page = await everybody["registering"].submit(
            "/registrera/steg-3", **{**DETAILS, "email": email}
        )
        assert page.status == 422, ascii(email)
    assert not await OutgoingMail.filter(kind="welcome").exists()


# Faults


async def test_a_page_that_breaks_is_a_friendly_one_with_its_request_id(
    everybody: Everybody, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(self: Endpoint, request: Any) -> Any:
        raise RuntimeError("this must not be shown")

    for route in page_routes():
        for method in ("get", "post"):
            if not hasattr(route.endpoint, method):
                continue
            for headers in ({}, {"HX-Request": "true", "HX-Request-Type": "partial"}):
                caplog.clear()
                with monkeypatch.context() as patch:
                    patch.setattr(route.endpoint, method, broken)
                    answer = await everybody["administrator"].client.request(
                        method.upper(), path_of(route), headers=headers
                    )
                assert answer.status_code == 500, route.name
                assert "Något gick fel hos oss" in answer.text
                assert answer.headers["x-request-id"] in answer.text
                assert ("<html" in answer.text) is (not headers)
                assert "must not be shown" not in answer.text
                assert "Traceback" not in answer.text
                check_headers(answer)
                errors = [r.message for r in caplog.records if r.levelname == "ERROR"]
                assert errors == ["unhandled error"]


async def away(*_: Any, **__: Any) -> Any:
    raise Unavailable("database is locked")


async def test_a_database_that_is_away_is_a_503_on_every_page(
    everybody: Everybody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.session.fetch", away)
    for route in page_routes():
        for method in ("GET", "POST"):
            answer = await everybody["member"].client.request(method, path_of(route))
            assert answer.status_code == 503, route.name
            assert "MinaSidor svarar inte just nu" in answer.text
            assert answer.headers["retry-after"] == "10"
            check_headers(answer)
            check_cookies(answer)


async def test_what_is_refused_is_still_a_page_while_the_database_is_away(
    app: Starlette, everybody: Everybody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.session.fetch", away)
    for method, path, headers in (
        ("POST", "/logga-in", {"sec-fetch-site": "cross-site"}),
        ("GET", "/nowhere", {}),
        ("POST", "/logga-in", {"sec-fetch-site": "same-origin", "content-length": "99999"}),
    ):
        answer = await send(app, everybody["member"], method, path, headers)
        assert answer.status_code == 503
        assert "MinaSidor</title>" in answer.text
    assert (await everybody["anonymous"].get("/logga-in")).status_code == 200


@pytest.fixture
async def on_a_file(tmp_path: Path, anyio_backend: str) -> AsyncIterator[tuple[Path, Starlette]]:
    async with fresh_database(tmp_path) as url:
        await databases.open(url)
        try:
            await Tortoise.generate_schemas()
            yield Path(url.removeprefix("sqlite://")), create_app(SETTINGS)
        finally:
            await databases.close()


@pytest.mark.skipif(bool(POSTGRESQL), reason="SQLite's only write lock")
async def test_while_another_process_holds_the_lock_reading_goes_on_and_writing_says_so(
    on_a_file: tuple[Path, Starlette],
) -> None:
    file, app = on_a_file
    _ = await Membership.admit(await a_user(), await an_account())
    visitor = Visitor(app)
    await visitor.log_in()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        page = await visitor.visit("/kund/100200")
        assert (page.status, page.heading) == (200, "Exempelbygg AB")
        page = await Visitor(app).submit("/logga-in", email="anna@example.com", password="x")
        assert (page.status, page.heading) == (503, "MinaSidor svarar inte just nu")
        assert page.response.headers["retry-after"]
    finally:
        holder.rollback()
        holder.close()

    page = await Visitor(app).log_in()
    assert page.path == "/kund/100200", "it recovers alone"


# Cookies stand for one thing each


async def test_a_half_login_is_no_session_and_a_session_no_half_login(
    new_visitor: Callable[[], Visitor], everybody: Everybody
) -> None:
    half = everybody["half"].client.cookies["__Host-session"]
    whole = everybody["member"].client.cookies["__Host-session"]
    registering = everybody["registering"].client.cookies["__Host-registration"]

    assert await sessions_of(half) is None
    assert await LoginChallenge.ongoing(whole) is None
    assert await sessions_of(registering) is None
    assert await LoginChallenge.ongoing(registering) is None
    assert await Registration.find(whole) is None


async def sessions_of(token: str) -> Any:
    return await resume(token)


async def test_a_half_login_dies_when_the_password_changes(
    everybody: Everybody, time: Clock
) -> None:
    time.forward(minutes=1)
    hanna = await User.get(email="half@example.com")
    await User.filter(id=hanna.id).update(
        password_hash=await passwords.hashed("ett nytt lösenord"), password_changed_at=clock.now()
    )

    page = await everybody["half"].submit("/logga-in/kod", code=code(everybody.totp_secret))

    assert page.path == "/logga-in"
    assert not await Session.filter(user_id=hanna.id).exists()


async def test_a_half_login_gives_one_session_and_a_new_token(
    everybody: Everybody, new_visitor: Callable[[], Visitor], time: Clock
) -> None:
    half = everybody["half"]
    token = half.client.cookies["__Host-session"]
    thief = new_visitor()
    thief.client.cookies.set("__Host-session", token, domain="minasidor.example")
    time.forward(seconds=30)

    page = await half.submit("/logga-in/kod", code=code(everybody.totp_secret))

    assert page.path == "/kund/100200"
    assert half.client.cookies["__Host-session"] != token
    time.forward(seconds=30)
    page = await thief.submit("/logga-in/kod", code=code(everybody.totp_secret))
    assert page.path == "/logga-in"


async def test_giving_the_password_again_makes_the_old_cookie_worthless(
    everybody: Everybody,
) -> None:
    member = everybody["member"]
    old = member.client.cookies["__Host-session"]

    await member.submit("/bekrafta-dig", password=PASSWORD)

    assert member.client.cookies["__Host-session"] != old
    assert await sessions_of(old) is None


async def test_a_login_ends_the_session_that_the_browser_had(everybody: Everybody) -> None:
    member = everybody["member"]
    old = member.client.cookies["__Host-session"]

    await member.log_in("stranger@example.com")

    assert await sessions_of(old) is None


async def test_a_removed_member_is_out_at_the_next_click(everybody: Everybody) -> None:
    mia = await User.get(email="member@example.com")
    assert await (await Membership.get(user_id=mia.id)).remove()

    assert (await everybody["member"].get("/kund/100200")).status_code == 403


async def test_what_the_browser_keeps_is_nowhere_in_the_database(everybody: Everybody) -> None:
    held = str(await rows())

    for visitor in everybody.visitors.values():
        for name, value in visitor.client.cookies.items():
            assert value not in held, name
    assert everybody.totp_secret not in held
    assert everybody.recovery_code.replace(" ", "") not in held
    assert PASSWORD not in held


# Taking over a registration

DETAILS = {
    "customer_number": "100200",
    "given_name": "Anna",
    "family_name": "Andersson",
    "phone": "070-174 06 05",
    "email": "anna@example.com",
    "password": PASSWORD,
}


async def registered(visitor: Visitor) -> str:
    """A user made at Steg 3; the cookie of the registration that made it."""
    await visitor.submit("/registrera/steg-1")
    await visitor.submit("/registrera/steg-2", customer_number="100200", organisation_suffix="3378")
    cookie = visitor.client.cookies["__Host-registration"]
    page = await visitor.submit("/registrera/steg-3", **DETAILS)
    assert page.path == "/registrera/steg-4"
    return str(cookie)


@pytest.fixture
async def left_behind(
    visitor: Visitor, new_visitor: Callable[[], Visitor], account: CustomerAccount, time: Clock
) -> tuple[Visitor, Visitor]:
    """Anna, and somebody with the registration's cookie that she left in a shared computer."""
    thief = new_visitor()
    cookie = await registered(visitor)
    thief.client.cookies.set("__Host-registration", cookie, domain="minasidor.example")
    return visitor, thief


async def test_a_registrations_cookie_goes_round_no_second_factor(
    left_behind: tuple[Visitor, Visitor],
) -> None:
    anna, thief = left_behind
    page = await anna.visit("/registrera/steg-4")
    secret = page.texts("code")[0].replace(" ", "")
    assert (await anna.submit("/registrera/steg-4", code=code(secret))).path == "/registrera/klart"
    before = await Session.all().count()

    page = await thief.submit("/registrera/steg-3", **DETAILS)

    assert page.path == "/registrera/steg-1"
    assert await Session.all().count() == before
    assert (await thief.visit("/kund/100200")).path == "/logga-in"


async def test_a_registrations_cookie_is_of_no_use_once_steg_4_is_answered_or_after_a_day(
    left_behind: tuple[Visitor, Visitor], time: Clock
) -> None:
    anna, thief = left_behind
    time.forward(hours=24)
    assert (await thief.submit("/registrera/steg-3", **DETAILS)).path == "/registrera/steg-1"
    time.forward(hours=-24)
    await anna.submit("/registrera/steg-4/hoppa-over")
    assert (await thief.submit("/registrera/steg-3", **DETAILS)).path == "/registrera/steg-1"


async def test_a_registrations_cookie_guesses_no_password_without_end(
    left_behind: tuple[Visitor, Visitor], work: Work
) -> None:
    _, thief = left_behind
    for number in range(40):
        await thief.post("/registrera/steg-3", **{**DETAILS, "password": f"gissning {number}"})

    assert work.hashes == 30
    page = await thief.submit("/registrera/steg-3", **DETAILS)
    assert page.path == "/registrera/steg-1"


async def test_a_finished_registration_is_neither_changed_nor_used_again(
    left_behind: tuple[Visitor, Visitor], account: CustomerAccount
) -> None:
    _, thief = left_behind
    before = await rows()
    other = {**DETAILS, "email": "thief@example.com", "password": "ett annat lösenord"}
    for path in ("/registrera/steg-2", "/registrera/steg-3", "/registrera/koppla"):
        await thief.submit(path, **other, organisation_suffix="3378")

    after = await rows()
    assert after["User"] == before["User"]
    assert after["Registration"] == before["Registration"]
    assert after["Membership"] == before["Membership"]


async def test_a_proven_claim_goes_only_to_the_one_whose_address_was_given(
    everybody: Everybody, new_visitor: Callable[[], Visitor]
) -> None:
    registering = everybody["registering"]
    taken = {**DETAILS, "email": "stranger@example.com"}
    await registering.submit("/registrera/steg-3", **taken)
    await registering.submit("/registrera/koppla", customer_number="100200")

    await registering.log_in("member@example.com")
    sten = await User.get(email="stranger@example.com")
    assert not await Membership.filter(user_id=sten.id, customer_account_id=everybody.account.id)

    await registering.submit("/logga-ut")
    await new_visitor().log_in("stranger@example.com")
    assert not await Membership.filter(user_id=sten.id, customer_account_id=everybody.account.id)


# Mail that a stranger can have sent


async def test_a_stranger_has_at_most_five_mails_an_hour_sent_to_an_address(
    everybody: Everybody, time: Clock
) -> None:
    for _ in range(9):
        await everybody["member"].submit("/bekrafta-epost/ny")
    assert await OutgoingMail.filter(kind="confirm_email").count() == 5
    time.forward(hours=1)
    await everybody["member"].submit("/bekrafta-epost/ny")
    assert await OutgoingMail.filter(kind="confirm_email").count() == 6


async def test_registrations_are_begun_at_most_sixty_times_an_hour(
    visitor: Visitor, db: None
) -> None:
    statuses = []
    for _ in range(62):
        visitor.client.cookies.clear()
        statuses.append((await visitor.post("/registrera/steg-1")).status_code)

    assert statuses == [303] * 60 + [429] * 2
    assert await Registration.all().count() == 60


# The log


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged meanwhile, in both of its forms."""
    made: list[str] = []

    class Catcher(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            made.append(JsonLines().format(record))
            made.append(ReadableLines().format(record))

    catcher, root = Catcher(), logging.getLogger()
    level = root.level
    root.addHandler(catcher)
    root.setLevel(logging.DEBUG)
    for noisy in ("tortoise", "aiosqlite", "asyncio", "httpx2", "httpcore2"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # as web/log.py does
    yield made
    root.removeHandler(catcher)
    root.setLevel(level)


# Hexadecimal digits, among which four of a secret stand by chance in one of a hundred runs.
_RANDOM = re.compile(r"""["']?(?:request|session)["']?[:=] ?["'][0-9a-f]+["']""")


async def test_no_secret_of_any_flow_is_logged(
    visitor: Visitor,
    new_visitor: Callable[[], Visitor],
    account: CustomerAccount,
    outbox: Outbox,
    lines: list[str],
    time: Clock,
) -> None:
    other = new_visitor()
    await registered(visitor)
    links = [await outbox.link("anna@example.com")]
    page = await visitor.visit("/registrera/steg-4")
    secret = page.texts("code")[0].replace(" ", "")
    shown = [code(secret)]
    page = await visitor.submit("/registrera/steg-4", code=shown[0])
    recovery = re.findall(r"\d{4} \d{4} \d{4} \d{4}", page.text)
    await visitor.visit(links[0])
    await visitor.submit("/bekrafta-epost")
    links.append(await outbox.link("kontakt@exempelbygg.example"))
    cookies = set(visitor.client.cookies.values())
    await visitor.submit("/logga-ut")
    time.forward(minutes=5)
    await visitor.log_in(password="ett helt fel lösenord")
    await visitor.log_in()
    cookies |= set(visitor.client.cookies.values())
    await visitor.submit("/logga-in/kod", code="987651")
    await visitor.submit("/logga-in/kod", code=recovery[0])
    cookies |= set(visitor.client.cookies.values())
    await visitor.submit("/lagg-till-kundkonto", customer_number="7", organisation_suffix="8642")
    await other.visit(links[1])
    await other.submit("/det-var-inte-jag")
    await other.visit("/nowhere")
    await send(visitor.client._transport.app, visitor, "POST", "/logga-ut", {})  # type: ignore[attr-defined]

    assert len(recovery) == 10
    secrets = {PASSWORD, "ett helt fel lösenord", secret, *shown, "987651", "8642", "3378"}
    secrets |= {*recovery, *(one.replace(" ", "") for one in recovery)}
    secrets |= {link.rsplit("/", 1)[1] for link in links}
    secrets |= {value for value in cookies if len(value) > 20}
    secrets |= {"070-174 06 05", "anna@example.com", "4421013378", "Hej Anna"}
    everything = _RANDOM.sub("", "\n".join(lines))
    assert {one for one in secrets if one in everything or json.dumps(one) in everything} == set()


EVENTS = {
    "login.ok": 1,
    "login.failed": 1,
    "login.limited": 1,
    "login.code_failed": 1,
    "app.login": 1,
    "claim.proven": 1,
    "claim.failed": 1,
    "claim.limited": 1,
    "origin refused": 1,
    "refused": 1,
    "request": 1,
}


async def test_what_an_investigator_asks_for_is_logged(
    app: Starlette, everybody: Everybody, phone: Phone, lines: list[str], time: Clock
) -> None:
    client = everybody["anonymous"]
    for _ in range(11):
        await client.log_in("half@example.com", "fel")
    await everybody["half"].submit("/logga-in/kod", code="000000")
    await client.submit("/registrera/steg-1")
    for number in range(11):
        await client.submit(
            "/registrera/steg-2", customer_number=f"7{number}", organisation_suffix=f"{number:04}"
        )
    await everybody["stranger"].submit(
        "/lagg-till-kundkonto", customer_number="100200", organisation_suffix="3378"
    )
    await everybody["member"].visit("/kund/100900")
    await everybody["member"].submit("/logga-ut")
    await everybody["member"].log_in("member@example.com")
    await send(app, everybody["member"], "POST", "/logga-ut")
    member = await User.get(email="member@example.com")
    await phone.log_in(username=member.email)
    await phone.call("/api/v1/kundkonton/100200")
    await phone.ask(username="half@example.com", otp="000000")

    found = [json.loads(line) for line in lines if line.startswith("{")]
    events = {line["event"] for line in found}
    assert set(EVENTS) <= events
    failed = next(line for line in found if line["event"] == "login.failed")
    assert failed["user"]
    assert failed["address"] == client.address
    assert failed["request"]
    assert any(line["event"] == "refused" and line["reason"] == "access" for line in found)
    called = next(line for line in found if line.get("page", "").startswith("web.mobile.api."))
    assert (called["user"], called["customer_account"]) == (member.id, everybody.account.id)
    assert phone.tokens["device_id"].startswith(called["device"])
    assert "session" not in called
    codes = [line for line in found if line["event"] == "login.code_failed"]
    assert len(codes) == 2, "in the browser and in the app"
    assert {line["user"] for line in codes} == {(await User.get(email="half@example.com")).id}
