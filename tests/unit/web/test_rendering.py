"""Page or partial, redirects, flashes, and how things are written in Swedish."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from models import CustomerAccount, Membership
from tests.unit.conftest import PASSWORD, Visitor, a_user
from web import rendering
from web.rendering import Flash, warning
from web.signing import signer

pytestmark = pytest.mark.anyio


async def test_htmx_gets_the_inside_of_main_and_a_browser_the_whole_page(
    visitor: Visitor, db: None
) -> None:
    partial = await visitor.htmx("GET", "/registrera/steg-1")
    page = await visitor.get("/registrera/steg-1")

    assert "<html" not in partial.text
    assert "<title>Steg 1 av 4: Registrera dig – MinaSidor</title>" in partial.text
    assert "<html" in page.text
    assert "HX-Request-Type" in partial.headers["vary"]


async def test_htmx_restoring_its_history_gets_the_whole_page(visitor: Visitor, db: None) -> None:
    page = await visitor.get("/registrera/steg-1", **{"HX-Request-Type": "full"})
    assert "<html" in page.text


async def test_the_new_heading_takes_the_focus_only_inside_a_page_that_stays(
    visitor: Visitor, db: None
) -> None:
    partial = await visitor.htmx("GET", "/registrera/steg-1")
    page = await visitor.get("/registrera/steg-1")
    assert "autofocus" in partial.text
    assert "autofocus" not in page.text


async def test_an_error_takes_the_focus_with_and_without_htmx(visitor: Visitor, db: None) -> None:
    for answer in (
        await visitor.htmx("POST", "/logga-in", email=""),
        await visitor.post("/logga-in", email=""),
    ):
        assert answer.text.count("autofocus") == 1


async def test_a_flash_is_shown_once(visitor: Visitor, account: CustomerAccount) -> None:
    _ = await Membership.admit(await a_user(), account)
    await visitor.log_in()
    page = await visitor.submit("/logga-ut")
    assert "Du är utloggad." in page.response.text
    page = await visitor.visit("/logga-in")
    assert "Du är utloggad." not in page.response.text


async def test_what_was_not_done_is_not_told_in_green(visitor: Visitor, db: None) -> None:
    for flash, looks in ((Flash("Sparat."), "success"), (warning("Inte sparat."), "warning")):
        visitor.client.cookies.set("__Host-flash", flash.signed(), domain="minasidor.example")
        answer = (await visitor.visit("/")).response.text
        assert f'notice--{looks}" role="alert"' in answer


async def test_a_flash_of_an_older_version_is_dropped(visitor: Visitor, db: None) -> None:
    older = signer("flash").dumps("Du är utloggad.")
    visitor.client.cookies.set("__Host-flash", older, domain="minasidor.example")
    assert (await visitor.visit("/")).status == 200


async def test_a_forged_flash_is_not_shown(visitor: Visitor, db: None) -> None:
    visitor.client.cookies.set("__Host-flash", "Ring 070-000", domain="minasidor.example")
    assert "Ring 070-000" not in (await visitor.visit("/")).response.text


async def test_caches_keep_nothing_after_login(visitor: Visitor, account: CustomerAccount) -> None:
    _ = await Membership.admit(await a_user(), account)
    before = await visitor.get("/logga-in")
    await visitor.post("/logga-in", email="anna@example.com", password=PASSWORD)
    after = await visitor.get("/kund/100200")

    assert before.headers["cache-control"] == "private, no-cache"
    assert after.headers["cache-control"] == "no-store"


async def test_hashed_files_are_kept_for_ever_and_others_asked_for_again(visitor: Visitor) -> None:
    address = rendering.static("css/tokens.css")
    assert "immutable" in (await visitor.get(address)).headers["cache-control"]
    assert (await visitor.get(address.split("?")[0])).headers["cache-control"] == "no-cache"


def test_every_icon_is_there_and_hidden_from_screen_readers() -> None:
    icons = sorted(Path("static/icons").glob("*.svg"))
    assert icons
    for icon in icons:
        assert 'aria-hidden="true"' in rendering.icon(icon.stem)


@pytest.mark.parametrize(
    ("number", "shown"),
    [("10234567", "10\xa0234\xa0567"), ("100200", "100\xa0200"), ("7", "7"), ("x", "x")],
)
def test_numbers_are_grouped_without_breaking(number: str, shown: str) -> None:
    assert rendering.number(number) == shown


def test_times_are_swedish() -> None:
    summer = datetime(2026, 6, 30, 22, 5, tzinfo=UTC)
    assert rendering.date(summer) == "1 juli 2026"
    assert rendering.date_and_time(summer) == "1 juli 2026 kl. 00.05"
