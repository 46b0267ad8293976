"""The app's API: what it gives, what it refuses, and that it tells nobody of other customers."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from models import (
    Address,
    AppDevice,
    ClaimPolicy,
    CustomerAccount,
    Membership,
    Role,
    Switch,
    TwoFactor,
    User,
    clock,
    keys,
)
from models.closing import close
from models.permission import Permission
from models.session import Session
from tests.unit.conftest import PASSWORD, SETTINGS, Clock, Visitor, a_user, an_account, code
from tests.unit.web.mobile.phone import ANDROID, Answer, Phone
from web import customer_pages
from web.app import create_app
from web.claim import NO_MATCH
from web.log import JsonLines, ReadableLines
from web.mobile.answers import ok
from web.mobile.endpoints import AccountEndpoint, ApiEndpoint
from web.pages import Page
from web.routes import routes

pytestmark = pytest.mark.anyio
ME, ACCOUNTS, DEVICES = "/api/v1/jag", "/api/v1/kundkonton", "/api/v1/enheter"
MINE, OTHERS, NOBODYS = (f"{ACCOUNTS}/{number}" for number in ("100200", "100900", "999999"))
CLAIM = {"customer_number": "100900", "organisation_suffix": "7711"}
BROKEN = "Något blev fel i appen. Hjälper det inte att försöka igen? Uppdatera appen."


def api_routes() -> list[Route]:
    return [route for route in routes if isinstance(route, Route) and route.path[:5] == "/api/"]


def methods(route: Route) -> list[str]:
    return [m for m in ("GET", "POST", "PATCH", "DELETE") if hasattr(route.endpoint, m.lower())]


def cases(below: str = "/api/") -> list[Any]:
    return [
        pytest.param(method, route.path, id=f"{method} {route.name}")
        for route in api_routes()
        for method in methods(route)
        if route.path.startswith(below)
    ]


def path_of(path: str, number: str = "100200", device: str = "") -> str:
    path = path.replace("{customer_number:customer_number}", number)
    return path.replace("{device_id:uuid}", device or "0b8f9c1e-4a57-4d0c-9c53-0f6f2d1e7a10")


def problem(answer: Answer, status: int, kind: str) -> dict[str, Any]:
    """What all problems have in common, looked after."""
    response = answer.response
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert (answer.status, answer.json["status"]) == (status, status)
    assert answer.json["type"] == f"/api#{kind}"
    told: dict[str, Any] = answer.json
    return told


async def add(phone: Phone, **fields: Any) -> Answer:
    return await phone.call(ACCOUNTS, "POST", json={**CLAIM, **fields})


@pytest.fixture
async def other(account: CustomerAccount) -> CustomerAccount:
    return await an_account("100900", "4435027711", "Andra Bolaget AB")


@pytest.fixture
async def annas(phone: Phone, anna: User) -> Phone:
    """The phone, logged in as Anna, who is the first account's administrator."""
    await phone.log_in()
    return phone


# What it gives


async def test_who_i_am(annas: Phone, anna: User) -> None:
    answer = await annas.call(ME)

    assert answer.status == 200
    assert answer.response.headers["cache-control"] == "no-store"
    assert answer.json == {
        "given_name": "Anna",
        "family_name": "Andersson",
        "email": "anna@example.com",
        "email_confirmed": True,
        "has_two_factor": False,
        "has_password": True,
        "customer_account_count": 1,
        "awaited_count": 0,
        "device_id": annas.tokens["device_id"],
    }


async def test_the_customer_accounts_as_in_byt_kund(
    annas: Phone, anna: User, other: CustomerAccount
) -> None:
    _ = await Membership.admit(await a_user("first@example.com"), other)
    await CustomerAccount.filter(id=other.id).update(claim_policy=ClaimPolicy.APPROVE)
    _ = await Membership.admit(anna, other)
    _ = await Address.create(
        customer_account_id=(await CustomerAccount.get(customer_number="100200")).id,
        street="Provgatan 1",
        postal_code="411 00",
        town="Göteborg",
    )

    assert (await annas.call(ACCOUNTS)).json == {
        "customer_accounts": [
            {
                "customer_number": "100200",
                "name": "Exempelbygg AB",
                "towns": ["Göteborg"],
                "role": "administrator",
                "status": "active",
                "is_favourite": False,
            }
        ],
        "awaited": [
            {
                "customer_number": "100900",
                "name": "Andra Bolaget AB",
                "status": "awaiting_approval",
            }
        ],
        "total": 1,
        "page": 1,
        "pages": 1,
        "per_page": 25,
    }
    assert (await annas.call(ME)).json["awaited_count"] == 1


async def test_many_customer_accounts_are_searched_and_come_in_pages(
    annas: Phone, anna: User
) -> None:
    for number in range(7):
        _ = await Membership.admit(anna, await an_account(f"30000{number}", "", f"Bageri {number}"))
    await Membership.filter(customer_account__customer_number="300005").update(is_favourite=True)

    answer = await annas.call(ACCOUNTS, params={"per_sida": "3", "sida": "3"})
    assert len(answer.json["customer_accounts"]) == 2
    paging = {name: answer.json[name] for name in ("total", "page", "pages", "per_page")}
    assert paging == {"total": 8, "page": 3, "pages": 3, "per_page": 3}

    found = (await annas.call(ACCOUNTS, params={"q": "bageri"})).json
    assert found["total"] == 7
    assert found["customer_accounts"][0]["customer_number"] == "300005"
    assert found["customer_accounts"][0]["is_favourite"] is True

    beyond = await annas.call(ACCOUNTS, params={"sida": "9"})
    assert (beyond.status, beyond.json["customer_accounts"]) == (200, [])
    assert beyond.json["total"] == 8


async def test_one_customer_account_as_its_administrator_and_as_a_user(
    annas: Phone, anna: User, other: CustomerAccount
) -> None:
    _ = await Membership.admit(await a_user("first@example.com"), other)
    _ = await Membership.admit(anna, other)

    assert (await annas.call(MINE)).json == {
        "customer_number": "100200",
        "name": "Exempelbygg AB",
        "organisation_number": "442101-3378",
        "addresses": [],
        "role": "administrator",
        "requires_two_factor": False,
        "user_count": 1,
    }
    as_user = (await annas.call(OTHERS)).json
    assert (as_user["role"], as_user["user_count"]) == ("member", None)
    assert (await annas.call(f"{ACCOUNTS}/000100200")).status == 200


async def test_of_a_sole_trader_the_digits_are_nowhere(annas: Phone, anna: User) -> None:
    _ = await an_account("100300", "4001019803", "Lindgrens Måleri")

    answer = await add(annas, customer_number="100300", organisation_suffix="400101-9803")
    assert answer.status == 201
    shown = await annas.call(f"{ACCOUNTS}/100300")

    assert shown.json["organisation_number"] == "400101-••••"
    assert "9803" not in answer.response.text + shown.response.text


async def test_my_devices(annas: Phone, new_phone: Callable[..., Phone], time: Clock) -> None:
    time.forward(minutes=5)
    android = new_phone(ANDROID)
    await android.log_in(device_name="Annas Android")

    first, second = (await android.call(DEVICES)).json["devices"]

    assert first == {
        "id": android.tokens["device_id"],
        "name": "Annas Android",
        "platform": "Android",
        "created_at": "2026-03-02T09:05:00Z",
        "seen_at": "2026-03-02T09:05:00Z",
        "address": android.address,
        "is_this": True,
    }
    assert (second["id"], second["is_this"]) == (annas.tokens["device_id"], False)


async def test_a_device_says_where_it_was_used_last(annas: Phone, time: Clock) -> None:
    time.forward(minutes=1)
    annas.client.headers["X-Forwarded-For"] = "192.0.2.99"
    _ = await annas.call(ME)

    (told,) = (await annas.call(DEVICES)).json["devices"]
    assert (told["address"], told["seen_at"]) == ("192.0.2.99", "2026-03-02T09:01:00Z")


@pytest.mark.parametrize(
    ("sent", "kept"), [(" Telefonen \r\n\t", "Telefonen"), ("Anna\0s \u202eås", "Annas ås")]
)
async def test_a_device_is_renamed_without_what_does_not_print(
    annas: Phone, sent: str, kept: str
) -> None:
    path = f"{DEVICES}/{annas.tokens['device_id']}"

    answer = await annas.call(path, "PATCH", json={"name": sent})

    assert (answer.status, answer.json["name"]) == (200, kept)
    assert (await AppDevice.get()).name == kept


async def test_a_device_is_logged_out_also_ones_own(
    annas: Phone, new_phone: Callable[..., Phone], time: Clock
) -> None:
    android = new_phone(ANDROID)
    await android.log_in()

    answer = await annas.call(f"{DEVICES}/{android.tokens['device_id']}", "DELETE")
    assert (answer.status, answer.response.content) == (204, b"")
    problem(await android.call(ME), 401, "invalid-token")

    assert (await annas.call(f"{DEVICES}/{annas.tokens['device_id']}", "DELETE")).status == 204
    problem(await annas.call(ME), 401, "invalid-token")
    assert (await annas.refresh()).error == "invalid_grant"


async def test_looking_switches_no_browser_to_another_account(
    annas: Phone, anna: User, other: CustomerAccount, visitor: Visitor
) -> None:
    _ = await Membership.admit(anna, other)
    await visitor.log_in()
    before = await User.get(id=anna.id).values()

    for path in (MINE, OTHERS, ACCOUNTS):
        assert (await annas.call(path)).status == 200

    assert await User.get(id=anna.id).values() == before


# Adding a customer account


async def test_adding_one_then_again(annas: Phone, other: CustomerAccount) -> None:
    answer = await add(annas)
    assert answer.status == 201
    assert answer.response.headers["location"] == OTHERS
    assert answer.json == {
        "customer_number": "100900",
        "name": "Andra Bolaget AB",
        "role": "administrator",
        "status": "active",
    }

    again = await add(annas)
    assert (again.status, again.json) == (200, answer.json)


async def test_one_that_wants_approval_is_awaited(annas: Phone, other: CustomerAccount) -> None:
    _ = await Membership.admit(await a_user("first@example.com"), other)
    await CustomerAccount.filter(id=other.id).update(claim_policy=ClaimPolicy.APPROVE)

    for _ in range(2):
        answer = await add(annas)
        assert (answer.status, answer.json["status"]) == (202, "awaiting_approval")
        assert "location" not in answer.response.headers

    problem(await annas.call(OTHERS), 403, "awaiting-approval")


@pytest.mark.parametrize(
    "fields",
    [
        {"customer_number": " 000100-900 "},
        {"customer_number": "１００９００"},
        {"organisation_suffix": "443502-7711"},
        {"organisation_suffix": "SE443502771101"},
        {"customer_number": "100.900", "organisation_suffix": "7\u200b711"},
    ],
)
async def test_it_forgives_what_the_web_forgives(
    annas: Phone, other: CustomerAccount, fields: dict[str, str]
) -> None:
    assert (await add(annas, **fields)).status == 201


async def test_every_wrong_claim_is_answered_alike(
    annas: Phone, other: CustomerAccount, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = await an_account("100301", "4435027711", closed_at=time.now())
    _ = await an_account("100302", "")
    work: list[str] = []
    mac = keys.mac

    def counted(purpose: str, *values: str) -> str:
        work.append(purpose)
        return mac(purpose, *values)

    monkeypatch.setattr(keys, "mac", counted)
    answers, counts = [], []
    wrong = [("100900", "0001"), ("999999", "7711"), ("100301", "7711"), ("100302", "0002")]
    for number, suffix in wrong:
        work.clear()
        answers.append(await add(annas, customer_number=number, organisation_suffix=suffix))
        counts.append(len(work))
    for n in range(6):
        await add(annas, customer_number=f"7777{n}", organisation_suffix=f"{n}111")
    answers.append(await add(annas))  # right, and past the limit

    assert problem(answers[0], 422, "no-match")["detail"] == NO_MATCH
    assert {answer.response.content for answer in answers} == {answers[0].response.content}
    assert counts == [counts[0]] * len(counts)
    assert not await Membership.exists(customer_account_id=other.id)


async def test_app_and_browser_share_the_limits(
    annas: Phone, other: CustomerAccount, visitor: Visitor
) -> None:
    for n in range(10):
        await add(annas, organisation_suffix=f"{n:04}")
    _ = await a_user("sten@example.com")
    await visitor.log_in("sten@example.com")

    page = await visitor.submit("/lagg-till-kundkonto", **CLAIM)

    assert NO_MATCH in page.alert


@pytest.mark.parametrize(
    "fields",
    [
        {"customer_number": ""},
        {"customer_number": "12a34"},
        {"organisation_suffix": "12a34"},
        {"organisation_suffix": ""},
        {"customer_number": "1" * 41},
        {"customer_number": "\ud800"},
        {"customer_number": "1\x00", "organisation_suffix": "x"},
    ],
)
async def test_a_field_is_judged_as_on_the_page(
    annas: Phone, visitor: Visitor, fields: dict[str, str]
) -> None:
    answer = await sent(annas, json.dumps({**CLAIM, **fields}))
    told = problem(answer, 422, "invalid")
    shown = {one["field"]: one["detail"] for one in told["errors"]}
    assert told["detail"] == " ".join(shown.values())
    assert set(shown) <= set(fields)

    if "\ud800" not in fields.values():  # no browser sends it
        await visitor.log_in()
        page = await visitor.submit("/lagg-till-kundkonto", **{**CLAIM, **fields})
        for sentence in shown.values():
            assert sentence in page.alert


async def test_what_was_typed_is_not_told_again(annas: Phone) -> None:
    answer = await add(annas, organisation_suffix="850101-987X")
    assert "987" not in answer.response.text


async def test_closed_claims_say_so(annas: Phone, other: CustomerAccount) -> None:
    await Switch.turn(Switch.CLAIMS, on=False, operator="test")

    told = problem(await add(annas), 403, "claims-closed")

    assert "just nu" in told["detail"]
    assert not await Membership.exists(customer_account_id=other.id)
    problem(await add(annas, organisation_suffix="x"), 422, "invalid")


async def test_of_twenty_claims_at_once_one_adds(
    annas: Phone, new_phone: Callable[..., Phone], other: CustomerAccount
) -> None:
    second = new_phone(ANDROID)  # ten may be under way from one address
    await second.log_in()

    answers = await asyncio.gather(*(add(phone) for phone in (annas, second) * 10))

    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200] * 19 + [201]
    assert await Membership.filter(customer_account_id=other.id).count() == 1
    assert (await CustomerAccount.get(id=other.id)).active_administrators == 1


# What is sent


async def sent(phone: Phone, body: bytes | str, kind: str = "application/json") -> Answer:
    headers = {"Authorization": f"Bearer {phone.tokens['access_token']}", "Content-Type": kind}
    return Answer(await phone.client.post(ACCOUNTS, content=body, headers=headers))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"100900"',
        b"{",
        b'{"customer_number": "100900", "organisation_suffix": 7711}',
        b'{"customer_number": "100900", "organisation_suffix": null}',
        b'{"customer_number": ["100900"], "organisation_suffix": "7711"}',
        b'{"customer_number": "100900", "organisation_suffix": NaN}',
        b'{"customer_number": "100900", "organisation_suffix": ' + b"9" * 5000 + b"}",
        b'{"customer_number": "100900", "customer_number": "100200"}',
        b'{"customer_number": "100900", "organisation_suffix": "7711", "role": "administrator"}',
        b'{"customer_number": "100900", "organisation_suffix": "\xff"}',
        '{"customer_number": "100900"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"customer_number": "100900", "organisation_suffix": "7711"}',
        b'{"a":' * 10_000,
        b"[" * 60_000,
    ],
    ids=lambda body: repr(body[:50]),
)
async def test_what_is_no_such_object_is_refused_as_a_whole(
    annas: Phone, other: CustomerAccount, body: bytes
) -> None:
    assert problem(await sent(annas, body), 400, "malformed")["detail"] == BROKEN
    assert not await Membership.exists(customer_account_id=other.id)


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/problem+json",
        "application/json; charset=latin-1",
    ],
)
async def test_only_json_is_taken(annas: Phone, other: CustomerAccount, kind: str) -> None:
    problem(await sent(annas, json.dumps(CLAIM), kind), 415, "unsupported-media-type")


async def test_json_may_say_that_it_is_utf8(annas: Phone, other: CustomerAccount) -> None:
    kind = "Application/JSON; charset=UTF-8"
    assert (await sent(annas, json.dumps(CLAIM), kind)).status == 201


async def test_what_is_too_large_or_a_file_is_refused(annas: Phone) -> None:
    problem(await sent(annas, b" " * 70_000), 413, "too-large")
    problem(await sent(annas, b"--x--", "multipart/form-data; boundary=x"), 400, "malformed")


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("q=a&q=b", 400, "malformed"),
        ("sida=1&sida=2", 400, "malformed"),
        ("x=1&x=1", 400, "malformed"),
        ("q=" + "a" * 101, 422, "invalid"),
        ("q=%00", 422, "invalid"),
        ("per_sida=0", 422, "invalid"),
        ("per_sida=101", 422, "invalid"),
        ("per_sida=x", 422, "invalid"),
        ("sida=0", 404, "not-found"),
        ("sida=x", 404, "not-found"),
        ("sida=100001", 404, "not-found"),
    ],
)
async def test_parameters_are_read_strictly(
    annas: Phone, query: str, status: int, kind: str
) -> None:
    problem(await annas.call(f"{ACCOUNTS}?{query}"), status, kind)


@pytest.mark.parametrize("name", ["", "   ", "\0\u200b", "a" * 81])
async def test_a_device_has_a_name_of_80_characters_at_most(annas: Phone, name: str) -> None:
    path = f"{DEVICES}/{annas.tokens['device_id']}"
    told = problem(await annas.call(path, "PATCH", json={"name": name}), 422, "invalid")
    assert [one["field"] for one in told["errors"]] == ["name"]
    assert (await AppDevice.get()).name == "Annas iPhone"


# Who is asking


@pytest.mark.parametrize(("method", "path"), cases())
async def test_without_a_token_nothing_is_answered(
    phone: Phone, anna: User, method: str, path: str
) -> None:
    answer = Answer(await phone.client.request(method, path_of(path)))

    problem(answer, 401, "missing-token")
    assert answer.response.headers["www-authenticate"] == 'Bearer realm="MinaSidor"'


@pytest.mark.parametrize(("method", "path"), cases())
async def test_a_token_that_is_none_is_refused(
    phone: Phone, anna: User, method: str, path: str
) -> None:
    answer = await phone.call(path_of(path), method, "mza_unknown")

    problem(answer, 401, "invalid-token")
    assert 'error="invalid_token"' in answer.response.headers["www-authenticate"]


async def test_only_one_header_counts(annas: Phone) -> None:
    token = annas.tokens["access_token"]
    right = ("Authorization", f"Bearer {token}")
    for headers, status in (
        ([right], 200),
        ([("Authorization", f"bearer {token}")], 200),
        ([right, right], 401),
        ([("Authorization", f"Bearer {token}, Bearer {token}")], 401),
        ([("Authorization", f"Bearer  {token}")], 401),
        ([("Authorization", token)], 401),
        ([("Authorization", f"Basic {token}")], 401),
        ([("Authorization", "Bearer")], 401),
        ([("Authorization", "Bearer å")], 401),
        ([("Authorization", "Bearer " + "x" * 5000)], 401),
    ):
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        answer = await annas.client.get(ME, headers=raw)
        assert answer.status_code == status, headers


async def test_a_token_in_address_or_body_is_none(annas: Phone, other: CustomerAccount) -> None:
    token = annas.tokens["access_token"]
    client = annas.client
    assert (await client.get(ME, params={"access_token": token})).status_code == 401
    sent_along = {**CLAIM, "access_token": token}
    assert (await client.post(ACCOUNTS, json=sent_along)).status_code == 401
    assert (await client.post(ACCOUNTS, data=sent_along)).status_code == 401


async def test_a_refresh_token_is_no_access_token(annas: Phone) -> None:
    problem(await annas.call(ME, token=annas.tokens["refresh_token"]), 401, "invalid-token")


async def test_an_access_token_lives_for_15_minutes(annas: Phone, time: Clock) -> None:
    time.forward(minutes=14, seconds=59)
    assert (await annas.call(ME)).status == 200
    time.forward(seconds=1)
    problem(await annas.call(ME), 401, "invalid-token")
    annas.tokens = (await annas.refresh()).json
    assert (await annas.call(ME)).status == 200


@pytest.mark.parametrize(("method", "path"), cases())
async def test_no_cookie_opens_the_api(
    visitor: Visitor, anna: User, method: str, path: str
) -> None:
    await visitor.log_in()
    assert (await visitor.get("/kund/100200")).status_code == 200

    problem(Answer(await visitor.client.request(method, path_of(path))), 401, "missing-token")


async def test_no_token_opens_a_page(annas: Phone, new_visitor: Callable[[], Visitor]) -> None:
    stranger = new_visitor()
    bearer = {"Authorization": f"Bearer {annas.tokens['access_token']}"}
    for route in routes:
        if not (isinstance(route, Route) and isinstance(route.endpoint, type)):
            continue
        if not issubclass(route.endpoint, Page):
            continue
        path = re.sub("{(token|public_id)}", "x" * 43, path_of(route.path))
        path = re.sub(r"{\w+:row_id}", "1", path)
        plain = await stranger.client.get(path)
        with_token = await stranger.client.get(path, headers=bearer)
        # `next` is signed with the time.
        told = [
            (a.status_code, a.headers.get("location", "").partition("?")[0])
            for a in (plain, with_token)
        ]
        assert told[0] == told[1], path
        assert "Anna Andersson" not in with_token.text, path
        assert "Logga ut" not in with_token.text, path


async def test_whoever_closes_or_loses_the_user_account_is_out(annas: Phone, anna: User) -> None:
    await User.filter(id=anna.id).update(closes_at=clock.now())  # as if the token came in between
    problem(await annas.call(ME), 401, "invalid-token")
    await User.filter(id=anna.id).update(closes_at=None)
    assert (await annas.call(ME)).status == 200

    assert await close(await User.get(id=anna.id))
    problem(await annas.call(ME), 401, "invalid-token")


async def test_what_ends_sessions_ends_the_apps_access(annas: Phone, anna: User) -> None:
    await Session.end_all(anna.id)
    problem(await annas.call(ME), 401, "invalid-token")


# What the user is to the customer account


@pytest.mark.parametrize(("method", "path"), cases(f"{ACCOUNTS}/"))
async def test_anothers_account_is_as_good_as_none(
    annas: Phone, other: CustomerAccount, method: str, path: str
) -> None:
    _ = await Membership.admit(await a_user("first@example.com"), other)
    _ = await an_account("100901", closed_at=clock.now())
    answers = [
        await annas.call(path_of(path, number), method)
        for number in ("100900", "999999", "100901", "0")
    ]

    problem(answers[0], 403, "no-access")
    assert {answer.response.content for answer in answers} == {answers[0].response.content}


async def test_anothers_devices_are_none(
    annas: Phone, new_phone: Callable[..., Phone], other: CustomerAccount
) -> None:
    _ = await a_user("sten@example.com")
    stens = new_phone()
    await stens.log_in(username="sten@example.com")
    theirs, nobodys = stens.tokens["device_id"], "0b8f9c1e-4a57-4d0c-9c53-0f6f2d1e7a10"

    for method in ("PATCH", "DELETE"):
        more: dict[str, Any] = {"json": {"name": "Stulen"}} if method == "PATCH" else {}
        answers = [
            await annas.call(f"{DEVICES}/{one}", method, **more) for one in (theirs, nobodys)
        ]
        problem(answers[0], 404, "not-found")
        assert answers[0].response.content == answers[1].response.content
    assert theirs not in (await annas.call(DEVICES)).response.text
    assert (await AppDevice.get(public_id=theirs)).name == "Annas iPhone"
    assert (await stens.call(ME)).status == 200


async def test_what_an_administrator_takes_away_is_gone_at_the_next_call(
    annas: Phone, anna: User, account: CustomerAccount
) -> None:
    assert (await annas.call(MINE)).json["role"] == "administrator"
    await Membership.filter(user_id=anna.id).update(role=Role.MEMBER)
    assert (await annas.call(MINE)).json["role"] == "member"
    assert (await annas.call(MINE)).json["user_count"] is None

    await Membership.filter(user_id=anna.id).delete()
    problem(await annas.call(MINE), 403, "no-access")
    assert (await annas.call(ACCOUNTS)).json["customer_accounts"] == []


async def test_a_closed_customer_account_is_gone_too(
    annas: Phone, account: CustomerAccount
) -> None:
    await CustomerAccount.filter(id=account.id).update(closed_at=clock.now())
    problem(await annas.call(MINE), 403, "no-access")
    assert (await annas.call(ACCOUNTS)).json["total"] == 0


async def test_where_two_factor_is_demanded_the_app_is_told_to_step_up(
    annas: Phone, anna: User, other: CustomerAccount
) -> None:
    _ = await Membership.admit(anna, other)
    await CustomerAccount.filter(customer_number="100200").update(requires_two_factor=True)

    answer = await annas.call(MINE)

    problem(answer, 401, "two-factor-required")
    challenge = answer.response.headers["www-authenticate"]
    assert challenge.startswith("Bearer ")
    assert 'error="insufficient_user_authentication"' in challenge
    assert (await annas.call(OTHERS)).status == 200
    await User.filter(id=anna.id).update(two_factor=TwoFactor.ON)
    assert (await annas.call(MINE)).status == 200


# A part of the API that forgets to say who may see it


class Forgetful(AccountEndpoint):
    pass


class Strict(AccountEndpoint):
    permission: ClassVar[Permission] = Permission.SEE_USERS

    async def get(self, request: Any) -> Any:
        return ok({})


class Bare:
    pass


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        (f"{ACCOUNTS}/{{customer_number}}/glomd", Forgetful),
        (f"{ACCOUNTS}/{{customer_number}}/glomd", ApiEndpoint),
        (f"{ACCOUNTS}/{{customer_number}}/glomd", lambda request: None),
        ("/api/v1/glomd", Bare),
        ("/api/v1/glomd", lambda request: None),
    ],
)
def test_what_does_not_ask_who_is_asking_stops_the_start(
    path: str, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer_pages.check([Route(f"{ACCOUNTS}/{{customer_number}}/sagd", Strict)])
    monkeypatch.setattr("web.app.routes_for", lambda settings: [Route(path, endpoint)])
    with pytest.raises(RuntimeError, match="glomd"):
        create_app(SETTINGS)


async def test_an_address_for_administrators_says_so_to_others(
    app: Starlette, annas: Phone, anna: User
) -> None:
    path = f"{ACCOUNTS}/{{customer_number:customer_number}}/bara"
    app.router.routes.append(Route(path, Strict))

    assert (await annas.call(f"{MINE}/bara")).status == 200
    await Membership.filter(user_id=anna.id).update(role=Role.MEMBER)
    problem(await annas.call(f"{MINE}/bara"), 403, "administrators-only")


# Errors


async def test_what_is_not_there_is_json_too(annas: Phone) -> None:
    for path in ("/api/v1/finns-inte", "/api/v2", f"{ACCOUNTS}/abc", f"{DEVICES}/1", "/api/v1/%00"):
        problem(await annas.call(path), 404, "not-found")


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE"])
async def test_other_methods_say_which_there_are(annas: Phone, method: str) -> None:
    answer = await annas.call(ME, method)
    problem(answer, 405, "method-not-allowed")
    assert "GET" in answer.response.headers["allow"]
    assert not [name for name in answer.response.headers if name.startswith("access-control")]


async def test_head_is_get_without_a_body(annas: Phone) -> None:
    answer = await annas.call(ME, "HEAD")
    assert (answer.status, answer.response.headers["cache-control"]) == (200, "no-store")


async def test_a_mistake_of_ours_and_a_database_that_is_away(
    annas: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.databases import Unavailable

    async def away(*_: Any) -> Any:
        raise Unavailable

    async def broken(*_: Any) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("models.app_device.fetch", away)
    answer = await annas.call(ME)
    problem(answer, 503, "unavailable")
    assert answer.response.headers["retry-after"] == "10"
    monkeypatch.setattr("models.app_device.fetch", broken)
    answer = await annas.call(ME)
    problem(answer, 500, "server-error")
    assert "secret" not in answer.response.text


# The log


@pytest.fixture
def lines() -> Iterator[list[str]]:
    made: list[str] = []

    class Catcher(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            made.extend((JsonLines().format(record), ReadableLines().format(record)))

    catcher, ours = Catcher(), logging.getLogger("minasidor")
    level = ours.level
    ours.addHandler(catcher)
    ours.setLevel(logging.DEBUG)
    yield made
    ours.removeHandler(catcher)
    ours.setLevel(level)


async def test_refusals_are_logged_and_no_secret_is(
    phone: Phone, bo: tuple[User, str], other: CustomerAccount, lines: list[str]
) -> None:
    shown = code(bo[1])
    await phone.log_in(username="bo@example.com", otp=shown)
    first = dict(phone.tokens)
    phone.tokens = (await phone.refresh()).json
    await add(phone, organisation_suffix="8642")
    await add(phone)
    await phone.call(NOBODYS)
    await phone.call(ME, token="mza_stolen-and-unknown")
    await phone.refresh("mzr_stolen-and-unknown")
    await phone.revoke(first["access_token"])

    everything = "\n".join(lines)
    secrets = {PASSWORD, shown, "8642", "7711", "stolen-and-unknown", "bo@example.com"}
    secrets |= {held[name] for held in (first, phone.tokens) for name in TOKENS}
    assert {one for one in secrets if one in everything} == set()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    refused = {line["reason"] for line in told if line["event"] == "refused"}
    assert {"/api#no-match", "/api#no-access", "/api#invalid-token", "invalid_grant"} <= refused


TOKENS = ("access_token", "refresh_token")
