"""The manifest, the worker and the page it keeps; and who is told of the home screen."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette

from models import CustomerAccount, Membership
from tests.unit.conftest import PASSWORD, Visitor, a_user
from tests.unit.test_contrast import THEMES
from web import styles
from web.settings import ROOT

pytestmark = pytest.mark.anyio
_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"
)
_ANDROID = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
_DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def manifest(visitor: Visitor) -> dict[str, Any]:
    answer = await visitor.get("/manifest.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    found: dict[str, Any] = answer.json()
    return found


async def kept(visitor: Visitor) -> dict[str, Any]:
    """What the worker keeps, as the browser is told."""
    answer = await visitor.get("/sw.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    found = re.match(r"const KEPT = (.*);\n", answer.text)
    assert found
    told: dict[str, Any] = json.loads(found[1])
    return told


async def test_the_manifest_names_what_is_there(visitor: Visitor) -> None:
    told = await manifest(visitor)

    assert (told["id"], told["start_url"], told["scope"]) == ("/", "/?kalla=app", "/")
    for icon in told["icons"]:
        answer = await visitor.get(icon["src"])
        assert answer.headers["content-type"] == "image/png"
        assert "immutable" in answer.headers["cache-control"]
        path = ROOT / icon["src"].removeprefix("/").partition("?")[0]
        with Image.open(path) as image:
            assert f"{image.width}x{image.height}" == icon["sizes"]
    (shortcut,) = told["shortcuts"]
    answer = await visitor.client.get(shortcut["url"])
    assert answer.headers["location"].startswith("/logga-in?next=")


@pytest.mark.parametrize("name", ["maskable-512.png", "apple-touch-icon.png"])
def test_an_icon_that_is_cut_to_shape_fills_its_square(name: str) -> None:
    with Image.open(ROOT / "static" / "pwa" / name) as image:
        assert image.mode == "RGB", "nothing shines through"
        ground, size = image.getpixel((0, 0)), image.width
        outside = [
            (x, y)
            for x in range(size)
            for y in range(size)
            if (x - size / 2) ** 2 + (y - size / 2) ** 2 > (0.4 * size) ** 2
        ]
        assert {image.getpixel(at) for at in outside} == {ground}, "the mark stands inside"


async def test_the_browser_around_the_pages_has_the_colours_of_the_header(visitor: Visitor) -> None:
    page = (await visitor.visit("/")).response.text
    told = re.findall(r'name="theme-color" content="(.*?)" media=".*?: (\w+)\)"', page)
    long = {"#fff": "#ffffff"}
    surfaces = {theme: colours["surface"] for theme, colours in THEMES.items()}
    assert {theme: colour for colour, theme in told} == {
        theme: long.get(colour, colour) for theme, colour in surfaces.items()
    }
    assert (await manifest(visitor))["theme_color"] == surfaces["light"]


async def test_the_page_for_no_connection_is_the_same_for_all(
    visitor: Visitor, account: CustomerAccount
) -> None:
    stranger = await visitor.visit("/offline")
    worker = await visitor.get("/sw.js")
    _ = await Membership.admit(await a_user(), account)
    flash = await visitor.post("/logga-in", email="anna@example.com", password=PASSWORD)
    assert flash.status_code == 303
    answer = await visitor.get("/offline")

    assert answer.text == stranger.response.text
    assert (await visitor.get("/sw.js")).text == worker.text
    assert "set-cookie" not in answer.headers
    assert stranger.heading == "Det gick inte att nå MinaSidor"
    assert stranger.links["Försök igen"] == ""


async def test_the_worker_keeps_all_that_the_page_is_made_of(visitor: Visitor) -> None:
    told = await kept(visitor)

    page = await visitor.visit(told["page"])
    assert page.path == "/offline"
    addresses = [e.get("href") for e in page.tree.iter("link")] + [
        e.get("src") for e in [*page.tree.iter("script"), *page.tree.iter("img")]
    ]
    asked_for_elsewhere = {"/manifest.webmanifest", *filter(_is_touch_icon, addresses)}
    assert set(addresses) - asked_for_elsewhere == set(told["parts"])
    assert any("figtree" in part for part in told["parts"])
    for part in told["parts"]:
        assert (await visitor.get(part)).status_code == 200


async def test_another_page_is_another_worker(
    visitor: Visitor, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (await kept(visitor))["version"]
    assert (await kept(visitor))["version"] == before
    monkeypatch.setitem(app.state.templates.globals, "static", lambda path: f"/static/{path}?v=2")
    assert (await kept(visitor))["version"] != before


async def test_another_style_is_another_worker(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await kept(visitor)
    monkeypatch.setattr(styles, "digest", lambda: "another")
    after = await kept(visitor)
    assert after["version"] != before["version"]
    assert "/static/css/portal.css?v=another" in after["parts"]


@pytest.mark.parametrize(
    ("browser", "words"),
    [
        (_IPHONE, "Tryck på Dela i webbläsaren och välj Lägg till på hemskärmen."),
        (_ANDROID, "välj Installera appen eller Lägg till på startskärmen."),
        (_DESKTOP, None),
        ("", None),
    ],
)
async def test_a_phone_is_told_of_its_home_screen(
    visitor: Visitor, browser: str, words: str | None
) -> None:
    page = await visitor.visit("/", **{"User-Agent": browser})
    assert ("MinaSidor på" in page.text) is bool(words)
    assert (words or "") in page.text


def _is_touch_icon(address: str) -> bool:
    return address.startswith("/static/pwa/apple-touch-icon.png")
