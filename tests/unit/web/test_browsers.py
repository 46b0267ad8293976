"""Browsers are called by names of ours, never by what they say of themselves."""

from __future__ import annotations

import time

import pytest

from web import browsers

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = "Chrome/142.0.0.0"
IOS = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (f"{WINDOWS}; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox på Windows"),
        (f"{WINDOWS}) {WEBKIT} {CHROME} Safari/537.36", "Chrome på Windows"),
        (f"{WINDOWS}) {WEBKIT} {CHROME} Safari/537.36 Edg/142.0.0.0", "Edge på Windows"),
        (f"{WINDOWS}) {WEBKIT} {CHROME} Safari/537.36 OPR/115.0.0.0", "Opera på Windows"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Headless{CHROME}", "Chrome på Linux"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} {CHROME}", "Chrome på Chromebook"),
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {IOS} Version/18.1 Safari/605.1.15",
            "Safari på Mac",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {IOS} Version/18.1 "
            "Mobile/15E148 Safari/604.1",
            "Safari på iPhone",
        ),
        (
            f"Mozilla/5.0 (iPad; CPU OS 17_1 like Mac OS X) {IOS} CriOS/120.0.6099.50 "
            "Mobile/15E148 Safari/604.1",
            "Chrome på iPad",
        ),
        ("Mozilla/5.0 (Android 14; Mobile; rv:120.0) Firefox/120.0", "Firefox på Android"),
        (
            f"Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S921B) {WEBKIT} SamsungBrowser/25.0 "
            "Chrome/121.0.0.0 Mobile Safari/537.36",
            "Samsung Internet på Android",
        ),
        ("", "en okänd webbläsare"),
        ("curl/8.1", "en okänd webbläsare"),
        ("Ring genast 08-123/4.5", "en okänd webbläsare"),
        ("RingGenast/1.0 (http://evil.example; bot)", "en okänd webbläsare"),
        ("x\x00\n<svg onload=alert(1)>", "en okänd webbläsare"),
    ],
)
def test_a_browser_has_a_name_of_ours(user_agent: str, name: str) -> None:
    assert browsers.named(user_agent) == name


def test_standing_alone_it_begins_with_a_capital() -> None:
    assert browsers.titled("") == "En okänd webbläsare"


@pytest.mark.parametrize("part", ["a", "(", " ", ";", "Mozilla/5.0 (", "; ", "0.", "Build/"])
def test_no_text_takes_long_to_read(part: str) -> None:
    browsers.named("the first one reads the rules/1.0")
    start = time.perf_counter()
    browsers.named(part * 20_000)
    assert time.perf_counter() - start < 1
