"""The app's login, as the app and whoever attacks it meet it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from models import AppDevice, AppToken, RecoveryCode, Session, Totp, User, clock, login
from models.databases import Unavailable
from tests.unit.conftest import PASSWORD, SETTINGS, Clock, Outbox, Visitor, code, plain
from tests.unit.web.mobile.phone import ANDROID, Answer, Phone
from web.middleware.origin import Origin

pytestmark = pytest.mark.anyio


async def test_password_then_tokens(phone: Phone, anna: User) -> None:
    tokens = await phone.log_in()

    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 900
    assert tokens["access_token"].startswith("mza_")
    assert tokens["refresh_token"].startswith("mzr_")
    device = await AppDevice.get(public_id=tokens["device_id"])
    assert (device.user_id, device.name, device.client_id) == (
        anna.id,
        "Annas iPhone",
        "mittprezero-ios",
    )
    assert device.address == phone.address


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("", "iOS"),
        ("\u202e\0 \n", "iOS"),
        ("Annas\n\0 mobil ", "Annas mobil"),
        ("å" * 81, "å" * 80),
    ],
)
async def test_no_name_of_a_phone_hinders_the_login(
    phone: Phone, anna: User, sent: str, shown: str
) -> None:
    tokens = await phone.log_in(device_name=sent)

    assert (await AppDevice.get(public_id=tokens["device_id"])).name == shown


async def test_unknown_and_wrong_are_answered_alike(phone: Phone, anna: User) -> None:
    wrong = await phone.ask(password="inte rätt alls")
    unknown = await phone.ask(username="ingen@example.com")

    assert wrong.error == "invalid_credentials"
    assert (wrong.status, wrong.response.content) == (unknown.status, unknown.response.content)


async def test_the_code_comes_in_a_second_request(phone: Phone, bo: tuple[User, str]) -> None:
    asked = await phone.ask(username="bo@example.com")
    assert (asked.status, asked.error) == (400, "insufficient_authorization")
    assert asked.json["otp_required"] is True
    assert asked.json["expires_in"] == 300

    answer = await phone.ask(auth_session=asked.json["auth_session"], otp=code(bo[1]))

    assert answer.status == 200
    assert (await phone.redeem(answer.json["authorization_code"])).status == 200


async def test_a_wrong_code_leaves_its_tries_and_its_time(
    phone: Phone, bo: tuple[User, str], time: Clock
) -> None:
    session = (await phone.ask(username="bo@example.com")).json["auth_session"]
    time.forward(minutes=4)

    answer = await phone.ask(auth_session=session, otp="000000")

    assert answer.error == "insufficient_authorization"
    assert answer.json["reason"] == "otp_invalid"
    assert (answer.json["tries_left"], answer.json["expires_in"]) == (4, 60)


@pytest.mark.parametrize("slip", ["12345", "1234567", "abcdef", "1234 5678 9012 345"])
async def test_a_slip_costs_no_try(phone: Phone, bo: tuple[User, str], slip: str) -> None:
    """As on the web: it guesses nothing, and its user is not warned of it."""
    session = (await phone.ask(username="bo@example.com")).json["auth_session"]

    for _ in range(7):
        answer = await phone.ask(auth_session=session, otp=slip)
        assert (answer.error, answer.json["reason"]) == (
            "insufficient_authorization",
            "otp_invalid",
        )
        assert answer.json["tries_left"] == 5

    assert (await Totp.get(user_id=bo[0].id)).failures == 0
    assert (await phone.ask(auth_session=session, otp=code(bo[1]))).status == 200


async def test_the_code_may_come_at_once(phone: Phone, bo: tuple[User, str]) -> None:
    _ = await phone.log_in(username="bo@example.com", otp=code(bo[1]))


async def test_a_code_that_was_used_says_so(phone: Phone, bo: tuple[User, str]) -> None:
    typed = code(bo[1])
    _ = await phone.log_in(username="bo@example.com", otp=typed)

    again = await phone.ask(username="bo@example.com", otp=typed)

    assert (again.error, again.json["reason"]) == ("insufficient_authorization", "otp_used")


async def test_where_codes_are_paused_a_recovery_code_logs_in(
    phone: Phone, bo: tuple[User, str]
) -> None:
    user, secret = bo
    await Totp.filter(user_id=user.id).update(paused_at=clock.now())
    (recovery_code, *_) = await RecoveryCode.shown(user.id)

    paused = await phone.ask(username="bo@example.com", otp=code(secret))
    assert (paused.error, paused.json["reason"]) == ("insufficient_authorization", "otp_paused")

    answer = await phone.ask(auth_session=paused.json["auth_session"], otp=recovery_code)
    assert (await phone.redeem(answer.json["authorization_code"])).status == 200


async def test_of_40_parallel_guesses_5_are_evaluated(
    phone: Phone, bo: tuple[User, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import totp

    evaluated: list[str] = []
    judge = totp.Totp._judge

    async def count(self: totp.Totp, typed: str) -> totp.Answer:
        evaluated.append(typed)
        return await judge(self, typed)

    monkeypatch.setattr(totp.Totp, "_judge", count)
    asked = await phone.ask(username="bo@example.com")
    session = asked.json["auth_session"]

    answers = await asyncio.gather(
        *(phone.ask(auth_session=session, otp=f"{guess:06}") for guess in range(40))
    )

    assert len(evaluated) == 5
    assert sorted(answer.error for answer in answers).count("invalid_session") == 35


async def test_ten_refreshes_at_once_give_one_child(phone: Phone, anna: User) -> None:
    _ = await phone.log_in()

    answers = await asyncio.gather(*(phone.refresh() for _ in range(10)))

    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    assert len({answer.json["access_token"] for answer in answers}) == 1
    assert await AppToken.filter(kind="refresh").count() == 2


async def test_a_lost_answer_is_given_again_for_30_seconds(
    phone: Phone, anna: User, time: Clock
) -> None:
    first = await phone.log_in()
    second = (await phone.refresh()).json
    time.forward(seconds=30)

    again = await phone.refresh(first["refresh_token"])

    assert again.json == {**second, "expires_in": 870}


async def test_a_stolen_refresh_token_ends_the_device_and_its_user_is_told(
    phone: Phone, new_phone: Callable[..., Phone], anna: User, time: Clock, outbox: Outbox
) -> None:
    other = new_phone(ANDROID)
    _ = await other.log_in(device_name="Annas Android")
    first = await phone.log_in()
    phone.tokens = (await phone.refresh()).json
    time.forward(seconds=31)

    assert (await phone.refresh(first["refresh_token"])).error == "invalid_grant"

    assert (await phone.refresh()).error == "invalid_grant"
    assert (await other.refresh()).status == 200
    told = (await outbox.to("anna@example.com"))[-1]
    assert "MittPreZero" in plain(told)
    assert await AppDevice.all().count() == 1


async def test_a_grandparent_ends_the_device_within_the_30_seconds(
    phone: Phone, anna: User
) -> None:
    first = await phone.log_in()
    phone.tokens = (await phone.refresh()).json
    phone.tokens = (await phone.refresh()).json

    assert (await phone.refresh(first["refresh_token"])).error == "invalid_grant"
    assert not await AppDevice.exists()


async def test_a_code_is_good_once_and_its_return_ends_what_it_began(
    phone: Phone, anna: User
) -> None:
    asked = await phone.ask()
    code_ = asked.json["authorization_code"]
    phone.tokens = (await phone.redeem(code_)).json

    assert (await phone.redeem(code_)).error == "invalid_grant"
    assert (await phone.refresh()).error == "invalid_grant"


async def test_of_twenty_who_redeem_a_code_one_gets_it(phone: Phone, anna: User) -> None:
    asked = await phone.ask()

    answers = await asyncio.gather(
        *(phone.redeem(asked.json["authorization_code"]) for _ in range(20))
    )

    assert [answer.status for answer in answers].count(200) == 1
    assert await AppDevice.all().count() <= 1, "the others may have ended it"


async def test_a_code_lives_for_a_minute(phone: Phone, anna: User, time: Clock) -> None:
    asked = await phone.ask()
    time.forward(seconds=60)

    assert (await phone.redeem(asked.json["authorization_code"])).error == "invalid_grant"


async def test_another_app_gets_nothing_of_it(
    phone: Phone, new_phone: Callable[..., Phone], anna: User
) -> None:
    other = new_phone(ANDROID)
    other.verifier = phone.verifier
    asked = await phone.ask()
    assert (await other.redeem(asked.json["authorization_code"])).error == "invalid_grant"

    phone.tokens = (await phone.redeem(asked.json["authorization_code"])).json
    assert (await other.refresh(phone.tokens["refresh_token"])).error == "invalid_grant"
    assert (await other.revoke(phone.tokens["refresh_token"])).status == 200
    assert (await phone.refresh()).status == 200


async def test_a_refresh_token_that_is_revoked_logs_the_device_out(
    phone: Phone, anna: User
) -> None:
    tokens = await phone.log_in()

    assert (await phone.revoke(tokens["refresh_token"])).status == 200

    assert not await AppDevice.exists()
    assert (await phone.refresh()).error == "invalid_grant"


async def test_an_access_token_that_is_revoked_ends_alone(phone: Phone, anna: User) -> None:
    tokens = await phone.log_in()

    assert (await phone.revoke(tokens["access_token"])).status == 200

    assert (await phone.call("/api/v1/jag")).status == 401
    phone.tokens = (await phone.refresh()).json
    assert (await phone.call("/api/v1/jag")).status == 200


async def test_what_ends_all_sessions_ends_the_app(phone: Phone, anna: User) -> None:
    _ = await phone.log_in()
    asked = await phone.ask()
    await Session.end_all(anna.id)

    assert (await phone.refresh()).error == "invalid_grant"
    assert (await phone.redeem(asked.json["authorization_code"])).error == "invalid_grant"


async def test_too_many_guesses_are_told_when_to_come_back(phone: Phone, anna: User) -> None:
    for _ in range(10):
        assert (await phone.ask(password="fel")).error == "invalid_credentials"

    answer = await phone.ask(password=PASSWORD)

    assert (answer.status, answer.error) == (429, "too_many_attempts")
    assert int(answer.response.headers["retry-after"]) == 300


async def test_wrong_passwords_count_together_with_those_in_a_browser(
    phone: Phone, visitor: Visitor, anna: User
) -> None:
    visitor.client.headers["X-Forwarded-For"] = phone.address
    for _ in range(5):
        assert (await phone.ask(password="fel")).error == "invalid_credentials"
        await visitor.log_in(password="fel")

    assert (await phone.ask()).status == 429
    assert "för många gånger" in (await visitor.log_in()).text


async def test_wrong_codes_count_together_with_those_in_a_browser(
    phone: Phone, visitor: Visitor, bo: tuple[User, str]
) -> None:
    await visitor.log_in("bo@example.com")
    for _ in range(3):
        await visitor.submit("/logga-in/kod", code="000000")
    session = (await phone.ask(username="bo@example.com")).json["auth_session"]
    for _ in range(2):
        assert (await phone.ask(auth_session=session, otp="000000")).status == 400

    assert (await phone.ask(auth_session=session, otp=code(bo[1]))).status == 429
    assert "för många gånger" in (await visitor.submit("/logga-in/kod", code=code(bo[1]))).text


async def test_no_other_site_spends_its_visitors_tries(
    phone: Phone, anna: User, visitor: Visitor
) -> None:
    # A page that Anna, or somebody in her office, has open: it posts without reading the answer.
    phone.client.headers.update(
        {
            "X-Forwarded-For": visitor.address,
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "no-cors",
            "Origin": "https://evil.example",
        }
    )
    for number in range(30):
        answer = await phone.ask(username=f"{number}@example.com", password="fel")
        assert (answer.status, answer.error) == (403, "invalid_request")

    assert (await visitor.log_in()).path == "/kund/100200"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"client_id": "someone-else"}, "invalid_client"),
        ({"client_id": "mittprezero-reference"}, "invalid_client"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": "x" * 42}, "invalid_request"),
        ({"username": ""}, "invalid_request"),
        ({"password": ""}, "invalid_request"),
        ({"password": "a\0b"}, "invalid_request"),
        ({"username": "a" * 255}, "invalid_request"),
        ({"auth_session": "mzs_unknown", "otp": "123456"}, "invalid_session"),
        ({"auth_session": "mzs_unknown"}, "invalid_request"),
    ],
)
async def test_what_is_not_a_login_is_refused(
    phone: Phone, anna: User, fields: dict[str, str], error: str
) -> None:
    answer = await phone.ask(**fields)

    assert (answer.status, answer.error) == (400, error)


PATHS = ("/oauth/authorize-challenge", "/oauth/token", "/oauth/revoke")


@pytest.mark.parametrize("path", PATHS)
async def test_no_parameter_may_stand_twice(phone: Phone, path: str) -> None:
    answer = await phone.post(path, {"client_id": [phone.client_id, phone.client_id]})

    assert (answer.status, answer.error) == (400, "invalid_request")


@pytest.mark.parametrize("path", PATHS)
async def test_what_is_no_request_of_the_app_is_told_as_json(phone: Phone, path: str) -> None:
    got = Answer(await phone.client.get(path))
    assert (got.status, got.error) == (405, "invalid_request")
    assert got.response.headers["allow"] == "POST"
    large = await phone.post(path, {"client_id": "x" * 70_000})
    assert (large.status, large.error) == (413, "invalid_request")


@pytest.mark.parametrize(
    ("trouble", "status"), [(Unavailable("locked"), 503), (RuntimeError("a mistake"), 500)]
)
async def test_trouble_of_ours_is_told_as_such(
    phone: Phone,
    anna: User,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
    status: int,
) -> None:
    async def fail(*_: object) -> None:
        raise trouble

    monkeypatch.setattr(login, "check", fail)
    answer = await phone.ask()

    assert (answer.status, answer.error) == (status, "temporarily_unavailable")
    assert ("retry-after" in answer.response.headers) is (status == 503)


async def test_no_cookie_is_read_at_the_login(phone: Phone, anna: User, visitor: Visitor) -> None:
    await visitor.log_in()
    session = visitor.client.cookies["__Host-session"]
    phone.client.cookies.set("__Host-session", session, domain="minasidor.example", path="/")

    answer = await phone.ask(password="fel")
    assert answer.error == "invalid_credentials"
    tokens = await phone.log_in()

    assert await Session.filter(user_id=anna.id).count() == 1
    assert (await phone.revoke(tokens["refresh_token"])).status == 200
    assert (await visitor.get("/kund/100200")).status_code == 200


@pytest.mark.parametrize(
    ("path", "gets"),
    [*((path, False) for path in PATHS), ("/api/v1/jag", False), ("/oauth/authorize", True)],
)
async def test_cookies_are_taken_off_before_anything_of_the_apps_is_reached(
    path: str, gets: bool
) -> None:
    reached: list[Request] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(Request(scope))
        await Response()(scope, receive, send)

    guarded = Origin(inner, base_url=SETTINGS.base_url)
    transport = httpx2.ASGITransport(app=guarded)
    async with httpx2.AsyncClient(transport=transport, base_url=SETTINGS.base_url) as client:
        await client.get(path, headers={"Cookie": "__Host-device=x"})

    assert [bool(request.cookies) for request in reached] == [gets]
