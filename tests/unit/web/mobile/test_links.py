"""The files that tie the app to this host, and the page from which it is opened."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from starlette.requests import Request

from models import CustomerAccount, Membership
from models import session as stored_sessions
from tests.unit.conftest import Clock, Visitor, a_user, settings
from tests.unit.page import Page
from web.app import create_app
from web.log import JsonLines
from web.mobile import links

pytestmark = pytest.mark.anyio

ANDROID = "/.well-known/assetlinks.json"
IOS = "/.well-known/apple-app-site-association"
FINGERPRINTS = (":".join(["A1"] * 32), ":".join(["B2"] * 32))
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
COMPUTER = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
APP = "se.prezero.mittprezero:/klar"
OPEN, GO_ON = "Öppna appen", "Fortsätt i webbläsaren"


@pytest.fixture
async def asking() -> AsyncIterator[Callable[..., Visitor]]:
    """Somebody who asks a portal with these settings. It has no database: none is needed."""
    made: list[Visitor] = []

    def make(**changes: Any) -> Visitor:
        made.append(Visitor(create_app(settings(**changes))))
        return made[-1]

    yield make
    for visitor in made:
        await visitor.client.aclose()


async def done(visitor: Visitor, query: str = "", browser: str = PHONE) -> Page:
    return await visitor.visit(f"/app/klar{query}", **{"User-Agent": browser})


# The files


async def test_android_is_told_of_the_app(asking: Callable[..., Visitor]) -> None:
    visitor = asking(app_android_package="com.example.app", app_android_cert_sha256=FINGERPRINTS)
    answer = await visitor.client.get(ANDROID)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.json() == [
        {
            "relation": [
                "delegate_permission/common.handle_all_urls",
                "delegate_permission/common.get_login_creds",
            ],
            "target": {
                "namespace": "android_app",
                "package_name": "com.example.app",
                "sha256_cert_fingerprints": list(FINGERPRINTS),
            },
        }
    ]


async def test_ios_is_told_of_the_app(asking: Callable[..., Visitor]) -> None:
    answer = await asking(app_ios_app_id="A1B2C3D4E5.com.example.app").client.get(IOS)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.json() == {
        "applinks": {
            "details": [{"appIDs": ["A1B2C3D4E5.com.example.app"], "components": [{"/": "/app/*"}]}]
        },
        "webcredentials": {"apps": ["A1B2C3D4E5.com.example.app"]},
    }


@pytest.mark.parametrize(
    ("path", "other"),
    [
        (ANDROID, {"app_ios_app_id": "A1B2C3D4E5.com.example.app"}),
        (
            IOS,
            {"app_android_package": "com.example.app", "app_android_cert_sha256": FINGERPRINTS},
        ),
    ],
)
async def test_of_an_app_that_there_is_not_there_is_no_file(
    asking: Callable[..., Visitor], path: str, other: dict[str, Any]
) -> None:
    assert (await asking().client.get(path)).status_code == 404
    assert (await asking(**other).client.get(path)).status_code == 404


async def test_the_files_are_for_everybody_and_no_session_is_read(
    asking: Callable[..., Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    async def resume(token: str, *_: Any) -> None:
        read.append(token)

    monkeypatch.setattr(stored_sessions, "resume", resume)
    visitor = asking(
        app_android_package="com.example.app",
        app_android_cert_sha256=FINGERPRINTS,
        app_ios_app_id="A1B2C3D4E5.com.example.app",
    )
    visitor.client.cookies.set("__Host-session", "x" * 43, domain="minasidor.example")
    for path in (ANDROID, IOS):
        answer = await visitor.client.get(path, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert (await visitor.client.head(path)).status_code == 200
    assert not read
    for path in (ANDROID, IOS):
        assert (await visitor.client.post(path)).status_code == 405
    assert read, "the header of an error page tells who is signed in"


# The way back into the app


async def test_the_app_is_handed_what_the_authorization_answered(
    asking: Callable[..., Visitor],
) -> None:
    page = await done(asking(), "?code=mzc_a%2Bb&state=s+1&iss=https%3A%2F%2Fminasidor.example")

    assert page.heading == "Fortsätt i appen"
    assert (
        page.links[OPEN] == f"{APP}?code=mzc_a%2Bb&state=s%201&iss=https%3A%2F%2Fminasidor.example"
    )
    assert page.links[GO_ON] == "/"


async def test_the_app_is_opened_by_the_browser_and_not_fetched_by_htmx(
    asking: Callable[..., Visitor],
) -> None:
    for browser in (PHONE, COMPUTER):
        page = await done(asking(), "?code=a", browser)
        (link,) = (a for a in page.tree.iter("a") if a.get("href").startswith(APP))
        assert link.get("hx-boost") == "false"


async def test_the_scheme_is_the_one_of_the_settings(asking: Callable[..., Visitor]) -> None:
    page = await done(asking(app_scheme="com.example.app"), "?code=a")
    assert page.links[OPEN] == "com.example.app:/klar?code=a"


@pytest.mark.parametrize("query", ["", "?state=a&iss=https://minasidor.example", "?code=", "?x=1"])
async def test_without_a_code_or_an_error_nothing_is_handed_over(
    asking: Callable[..., Visitor], query: str
) -> None:
    page = await done(asking(), query)

    assert page.heading == "Här finns ingen inloggning till appen"
    assert page.links[OPEN] == APP
    assert page.links[GO_ON] == "/"


@pytest.mark.parametrize(
    ("error", "heading"),
    [
        ("access_denied", "Inloggningen i appen avbröts"),
        ("server_error", "Det gick inte att logga in i appen"),
    ],
)
async def test_an_error_is_told_and_handed_over(
    asking: Callable[..., Visitor], error: str, heading: str
) -> None:
    page = await done(asking(), f"?error={error}&state=a&error_description=nej")

    assert page.heading == heading
    assert page.links[OPEN] == f"{APP}?state=a&error={error}"


async def test_at_a_computer_the_app_is_on_the_phone(asking: Callable[..., Visitor]) -> None:
    for query in ("", "?code=a", "?error=access_denied"):
        page = await done(asking(), query, COMPUTER)
        assert "Appen MittPreZero finns i din mobil." in page.text
        assert page.links[GO_ON] == "/"
        # An iPad says that it is a computer.
        assert page.links[OPEN].startswith(APP)
        assert "finns i din mobil" not in (await done(asking(), query)).text


@pytest.mark.parametrize(
    "value",
    [
        *(
            "javascript:alert(1)",
            "\"'><svg onload=alert(1)>",
            "a&code=b",
            "a#b",
            "a;b",
            "://x.example",
        ),
        *("{{ 7*7 }}", "%2e%2e", "a b", "x" * 1000),
    ],
)
@pytest.mark.parametrize("name", ["code", "error"])
async def test_what_is_handed_over_stays_one_value(
    asking: Callable[..., Visitor], name: str, value: str
) -> None:
    page = await done(asking(), f"?{name}={quote(value, safe='')}&state={quote(value, safe='')}")
    path, _, query = page.links[OPEN].partition("?")

    assert path == APP
    assert re.fullmatch("[A-Za-z0-9._~%=&-]+", query)
    assert sorted(parse_qsl(query)) == sorted([(name, value), ("state", value)])
    assert page.tree.find(".//main//svg[@onload]") is None


@pytest.mark.parametrize(
    "value",
    [
        "a%0Ab",
        "a%0A",
        "%0Aa",
        "a%0D%0ASet-Cookie:x",
        "%00",
        "a%7Fb",
        "%C3%A5",
        "%FF",
        "%E2%80%AE",
        "x" * 1001,
    ],
)
async def test_what_is_no_short_printable_ascii_is_dropped(
    asking: Callable[..., Visitor], value: str
) -> None:
    assert (await done(asking(), f"?code={value}&state=a")).links[OPEN] == APP
    assert (await done(asking(), f"?code=a&state={value}")).links[OPEN] == f"{APP}?code=a"


@pytest.mark.parametrize("name", ["code", "error"])
async def test_what_stands_twice_counts_as_none(asking: Callable[..., Visitor], name: str) -> None:
    assert (await done(asking(), f"?{name}=a&state=b&{name}=c")).links[OPEN] == APP
    twice = f"?{name}=a&state=b&state=b"
    assert (await done(asking(), twice)).links[OPEN] == f"{APP}?{name}=a"


async def test_no_other_name_is_handed_over_nor_changes_the_address(
    asking: Callable[..., Visitor],
) -> None:
    others = (
        *("scheme", "app_scheme", "redirect_uri", "app_link", "next", "token", "CODE", "code[]"),
        *("error_description", "access_token", "javascript:", "outcome", "is_mobile"),
    )
    query = "&".join(f"{quote(name)}=javascript:alert(1)" for name in others)
    assert (await done(asking(), f"?{query}&code=a")).links[OPEN] == f"{APP}?code=a"
    assert (await done(asking(), f"?{query}")).links[OPEN] == APP


async def test_who_is_signed_in_goes_on_to_their_customer_account(
    visitor: Visitor, account: CustomerAccount, time: Clock
) -> None:
    _ = await Membership.admit(await a_user(), account)
    await visitor.log_in()
    page = await done(visitor, "?code=a")

    assert (await visitor.visit(page.links[GO_ON])).path == "/kund/100200"


# The code is told to nobody but the app


async def test_no_cache_keeps_the_code_and_no_other_site_is_told_it(
    asking: Callable[..., Visitor],
) -> None:
    for query in ("", "?code=a", "?error=access_denied"):
        headers = (await done(asking(), query)).response.headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        partial = await asking().htmx("GET", f"/app/klar{query}")
        assert partial.headers["cache-control"] == "no-store"


async def test_the_code_is_in_no_line_of_the_log(
    asking: Callable[..., Visitor],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for noisy in ("httpx2", "httpcore2", "asyncio"):
        caplog.set_level(logging.WARNING, noisy)  # as web/log.py does
    caplog.set_level(logging.DEBUG)
    query = "?code=mzc_secret&state=mzs_secret"
    _ = await done(asking(), query)
    _ = await asking().client.post(f"/app/klar{query}")
    _ = await asking().client.get(f"/app/klar{query}", headers={"Host": "other.example"})

    def fail(request: Request, *_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(links, "render", fail)
    assert (await asking().client.get(f"/app/klar{query}")).status_code == 500

    lines = [JsonLines().format(record) for record in caplog.records]
    asked = [json.loads(line) for line in lines if json.loads(line).get("page")]
    assert [line["status"] for line in asked].count(200) == 1
    assert any("RuntimeError" in line for line in lines)
    assert not any("_secret" in line for line in lines)
