"""Which browser starts the app by which link, and where the app goes from there."""

from __future__ import annotations

import pytest

from web.bankid.launch import Browser, Launch

TOKEN = "7c40b5c9-fa74-49cf-b98c-bfe651f9a7c6"

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
OLD_ANDROID = "Mozilla/5.0 (Linux; Android 5.1; Nexus 5) AppleWebKit/537.36 (KHTML, like Gecko)"
LIKE_GECKO = f"{IPHONE} (KHTML, like Gecko)"

APP_LINK = f"https://app.bankid.com/?autostarttoken={TOKEN}&redirect="
SCHEME = f"bankid:///?autostarttoken={TOKEN}&redirect=null"

TABLE = [
    (f"{LIKE_GECKO} Version/17.5 Mobile/15E148 Safari/604.1", Browser.IOS_SAFARI),
    (
        "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/12.1.2 Mobile/15E148 Safari/604.1",
        Browser.IOS_SAFARI,
    ),
    (f"{LIKE_GECKO} CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1", Browser.IOS_CHROME),
    (f"{LIKE_GECKO} FxiOS/127.0 Mobile/15E148 Safari/605.1.15", Browser.IOS_FIREFOX),
    # Edge, Opera, DuckDuckGo, the Google app; pages inside of Facebook, LinkedIn, Snapchat, others
    (
        f"{LIKE_GECKO} Version/17.0 EdgiOS/126.0.2592.56 Mobile/15E148 Safari/604.1",
        Browser.IOS_OTHER,
    ),
    (f"{LIKE_GECKO} Version/17.5 Mobile/15E148 Safari/604.1 OPT/4.7.1", Browser.IOS_OTHER),
    (
        f"{LIKE_GECKO} Version/17.5 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15",
        Browser.IOS_OTHER,
    ),
    (f"{LIKE_GECKO} GSA/320.0.638259123 Mobile/15E148 Safari/604.1", Browser.IOS_OTHER),
    (f"{LIKE_GECKO} Mobile/15E148 [FBAN/FBIOS;FBAV/460.0.0.31.104]", Browser.IOS_OTHER),
    (f"{LIKE_GECKO} Mobile/15E148 [LinkedInApp]/9.29", Browser.IOS_OTHER),
    (
        f"{LIKE_GECKO} Version/16.5 Mobile/15E148 Snapchat/12.1 (like Safari/8615.2, panda)",
        Browser.IOS_OTHER,
    ),
    (f"{LIKE_GECKO} Mobile/15E148", Browser.IOS_OTHER),
    (f"{ANDROID} Chrome/126.0.0.0 Mobile Safari/537.36", Browser.ANDROID_CHROME),
    (f"{ANDROID} Chrome/126.0.0.0 Safari/537.36", Browser.ANDROID_CHROME),
    (f"{ANDROID} Chrome/126.0.0.0 Mobile Safari/537.36 EdgA/125.0.0.0", Browser.ANDROID_CHROME),
    (f"{OLD_ANDROID} Chrome/95.0.4638.74 Mobile Safari/537.36", Browser.ANDROID_OTHER),
    ("Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", Browser.ANDROID_OTHER),
    (
        f"{ANDROID} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
        Browser.ANDROID_OTHER,
    ),
    (f"{ANDROID} Chrome/126.0.0.0 Mobile Safari/537.36 OPR/82.0.0.0", Browser.ANDROID_OTHER),
    (
        "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36",
        Browser.ANDROID_OTHER,
    ),
    (
        "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/126.0.0.0 Mobile Safari/537.36",
        Browser.ANDROID_OTHER,
    ),
    ("Mozilla/5.0 (Mobile; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5", Browser.OTHER_MOBILE),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/126.0.0.0 Safari/537.36",
        Browser.DESKTOP,
    ),
    # Also every Safari on an iPad, as it is delivered.
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
        " (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
        Browser.DESKTOP,
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", Browser.DESKTOP),
    ("", Browser.DESKTOP),
]


@pytest.mark.parametrize(("user_agent", "browser"), TABLE)
def test_knows_the_browser(user_agent: str, browser: Browser) -> None:
    launch = Launch.of(user_agent)
    assert launch.browser is browser
    assert launch.is_mobile == (browser is not Browser.DESKTOP)


@pytest.mark.parametrize(
    ("browser", "address"),
    [
        (Browser.IOS_SAFARI, f"{APP_LINK}null"),
        (Browser.IOS_CHROME, f"{APP_LINK}googlechromes%3A%2F%2F"),
        (Browser.IOS_FIREFOX, f"{APP_LINK}firefox%3A%2F%2F"),
        (Browser.IOS_OTHER, f"{APP_LINK}null"),
        (Browser.ANDROID_CHROME, f"{APP_LINK}null"),
        (Browser.ANDROID_OTHER, SCHEME),
        (Browser.OTHER_MOBILE, SCHEME),
        (Browser.DESKTOP, SCHEME),
    ],
)
def test_starts_the_app_by_the_link_of_the_browser(browser: Browser, address: str) -> None:
    assert Launch(browser).address(TOKEN) == address


@pytest.mark.parametrize("browser", Browser)
def test_only_safari_comes_back_by_an_address_of_ours(browser: Browser) -> None:
    assert Launch(browser).sends_return_url == (browser is Browser.IOS_SAFARI)


def test_inside_of_the_app_no_browser_does() -> None:
    safari = f"{LIKE_GECKO} Version/17.5 Mobile/15E148 Safari/604.1"
    assert Launch.of(safari).sends_return_url
    launch = Launch.of(safari, in_app=True)
    assert not launch.sends_return_url
    assert launch.is_mobile


@pytest.mark.parametrize("browser", Browser)
def test_the_simulator_opens_in_every_browser(browser: Browser) -> None:
    address = Launch(browser).address(TOKEN, app="/_bankid/app")
    assert address == f"/_bankid/app?autostarttoken={TOKEN}&redirect=null"


def test_what_stands_in_a_token_stays_in_its_place() -> None:
    address = Launch(Browser.DESKTOP).address("a&redirect=b/ #")
    assert address == "bankid:///?autostarttoken=a%26redirect%3Db%2F%20%23&redirect=null"
