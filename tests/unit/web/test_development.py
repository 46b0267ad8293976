"""The tools of those who build the portal: what they show and do, and that customers never can."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from models import CustomerAccount, OutgoingMail, Session, Spent, SpentValue, User, clock, limits
from tests.unit.conftest import Clock, Visitor, a_user, code, settings
from tests.unit.test_architecture import callers
from web import next_path
from web.app import create_app
from web.development import demo, live_reload, template_errors
from web.development.routes import routes
from web.settings import ROOT

pytestmark = pytest.mark.anyio
TOOLS = ("/_dev", "/_dev/mejl", "/_dev/koder", "/_dev/klocka", "/_dev/aterstall")
DEVELOPMENT = settings(env="development", demo=True, live_reload=True)


@pytest.fixture
def app(db: None) -> Starlette:
    return create_app(DEVELOPMENT)


@pytest.fixture(autouse=True)
def right_time() -> Iterator[None]:
    yield
    clock.move(timedelta())


async def test_the_tools_lead_to_each_other(visitor: Visitor) -> None:
    for path in TOOLS:
        page = await visitor.visit(path)
        assert page.status == 200
        assert set(TOOLS) <= set(page.links.values())


async def test_none_of_them_exists_in_production(db: None) -> None:
    visitor = Visitor(create_app(settings()))
    paths = [route.path for route in routes if isinstance(route, Route)]
    assert {*TOOLS, "/_dev/andringar"} <= set(paths)
    for path in paths:
        found = path.replace("{id:int}", "1").replace("{name:path}", "x")
        assert (await visitor.get(found)).status_code == 404, path
        assert (await visitor.post(found)).status_code in (404, 405), path
    assert "live-reload" not in (await visitor.get("/")).text


# Mail


@pytest.fixture
async def mail(app: Starlette) -> OutgoingMail:
    _ = await OutgoingMail.write(
        "two_factor_paused", "bo@norrsken.example", name="Bo", at=clock.now().isoformat(), token=""
    )
    return await OutgoingMail.write("confirm_email", "eva@kust.example", name="Eva", token="t0ken")


async def test_the_newest_mail_stands_first(visitor: Visitor, mail: OutgoingMail) -> None:
    page = await visitor.visit("/_dev/mejl")
    to = [text for text in page.texts("span[@class='muted small']") if text.startswith("Till")]
    assert to == ["Till eva@kust.example", "Till bo@norrsken.example"]


async def test_an_alarm_that_goes_to_nobody_is_left_out(db: None) -> None:
    _ = await OutgoingMail.write(
        "alarm", OutgoingMail.OPERATOR, subject="Too many failures", text="Look."
    )
    for address, shown in (("drift@minasidor.example", True), ("", False)):
        app = create_app(settings(env="development", alarm_email=address))
        page = await Visitor(app).visit("/_dev/mejl")
        assert page.status == 200
        assert ("Too many failures" in page.text) is shown


async def test_a_mail_is_shown_as_html_text_and_source(
    visitor: Visitor, mail: OutgoingMail
) -> None:
    path = f"/_dev/mejl/{mail.id}"
    link = f"{DEVELOPMENT.base_url}/bekrafta-epost/t0ken"

    page = await visitor.visit(path)
    assert [frame.get("src") for frame in page.tree.iter("iframe")] == [f"{path}/html"]
    assert "frame-src 'self'" in page.response.headers["Content-Security-Policy"]
    assert page.links[link] == link
    assert (await visitor.visit(f"{path}?flik=nonsense")).text == page.text

    page = await visitor.visit(f"{path}?flik=text")
    assert link in page.texts("pre/a")
    page = await visitor.visit(f"{path}?flik=kalla")
    html, source = page.texts("pre")
    assert html.startswith("<!doctype html>")
    assert "Content-Type: text/plain" in source


async def test_the_html_of_a_mail_has_no_rights(visitor: Visitor, mail: OutgoingMail) -> None:
    answer = await visitor.get(f"/_dev/mejl/{mail.id}/html")
    (policy,) = answer.headers.get_list("Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "; sandbox allow-popups " in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert '<base target="_top">' in answer.text
    assert (await visitor.get("/_dev/mejl/99/html")).status_code == 404


async def test_says_when_a_mail_was_sent_or_would_have_been(
    visitor: Visitor, mail: OutgoingMail, time: Clock
) -> None:
    path = f"/_dev/mejl/{mail.id}"
    assert "Väntar, skickas tidigast" in (await visitor.visit(path)).text
    await mail.was_sent(keep_data=True)
    assert "Hade skickats 2 mars 2026 kl. 10.00" in (await visitor.visit(path)).text
    smtp = settings(env="development", smtp_url="smtp://mail.example")
    page = await Visitor(create_app(smtp)).visit(path)
    assert "Skickades 2 mars 2026 kl. 10.00" in page.text


# Codes


async def test_the_code_of_a_demo_user_logs_in(visitor: Visitor, time: Clock) -> None:
    await demo.fill()
    time.forward(seconds=18)
    page = await visitor.visit("/_dev/koder")
    assert "bo@norrsken.example" in page.text
    assert "".join(page.texts("span[@class='code__key']")[0].split()) == demo.TOTP_SECRET
    assert "Nya koder om 12 sekunder." in page.text
    assert page.response.headers["Refresh"] == "12"
    assert "redan använd" not in page.text

    await visitor.log_in("bo@norrsken.example", demo.PASSWORD)
    (shown,) = page.texts("p[@class='code__now']/span")
    page = await visitor.submit("/logga-in/kod", code=shown)
    assert page.heading == "Norrsken Hotell & Konferens AB"

    assert "redan använd" in (await visitor.visit("/_dev/koder")).text
    time.forward(seconds=30)
    assert "redan använd" not in (await visitor.visit("/_dev/koder")).text


async def test_the_code_of_an_app_that_is_being_added_is_shown_too(
    visitor: Visitor, account: CustomerAccount
) -> None:
    await visitor.submit("/registrera/steg-1")
    await visitor.submit("/registrera/steg-2", customer_number="100200", organisation_suffix="3378")
    await visitor.submit(
        "/registrera/steg-3",
        customer_number="100200",
        given_name="Eva",
        family_name="Ek",
        email="eva@exempelbygg.example",
        password="blå stövlar i regn",
    )
    page = await visitor.visit("/_dev/koder")
    assert "eva@exempelbygg.example Läggs till just nu" in page.text
    (shown,) = page.texts("p[@class='code__now']/span")
    assert (await visitor.submit("/registrera/steg-4", code=shown)).heading == "Nu är du klar!"


async def test_without_anybody_says_so(visitor: Visitor) -> None:
    page = await visitor.visit("/_dev/koder")
    assert "Ingen har tvåfaktorsautentisering än." in page.text


# Clock


@pytest.mark.parametrize(
    ("step", "ahead"),
    [
        ("5m", timedelta(minutes=5)),
        ("1h", timedelta(hours=1)),
        ("1d", timedelta(days=1)),
        ("15d", timedelta(days=15)),
    ],
)
async def test_the_clock_is_moved_and_moved_back(
    visitor: Visitor, step: str, ahead: timedelta
) -> None:
    await visitor.submit("/_dev/klocka", step=step)
    assert clock.ahead() == ahead
    page = await visitor.submit("/_dev/klocka", step=step)
    assert page.status == 200
    assert clock.ahead() == 2 * ahead
    assert clock.now() - datetime.now(UTC) > 2 * ahead - timedelta(minutes=1)
    assert "Klockan är nu " in page.text
    assert "Klockan är flyttad:" in (await visitor.visit("/_dev/mejl")).text

    page = await visitor.submit("/_dev/klocka", step="back")
    assert clock.ahead() == timedelta()
    assert "Klockan är flyttad:" not in page.text


@pytest.mark.parametrize(
    ("at", "moment"),
    [
        ("2031-12-24T15:00", datetime(2031, 12, 24, 14, tzinfo=UTC)),
        ("2031-07-01 15:00:30", datetime(2031, 7, 1, 13, 0, 30, tzinfo=UTC)),
        ("2011-01-01", datetime(2010, 12, 31, 23, tzinfo=UTC)),
    ],
)
async def test_the_clock_is_set_to_a_moment_in_swedish_time(
    visitor: Visitor, at: str, moment: datetime
) -> None:
    assert (await visitor.submit("/_dev/klocka", step="at", at=at)).status == 200
    assert timedelta() <= clock.now() - moment < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Välj hur klockan ska ställas."),
        ({"step": "2m"}, "Välj hur klockan ska ställas."),
        *(
            (
                {"step": "at", "at": at},
                "Ange dag och klockslag, till exempel 2026-12-24 15:00.",
            )
            for at in ("", "i morgon", "2026-02-30T10:00", "0001-01-01T00:00")
        ),
        ({"step": "at", "at": "1999-12-31T23:00"}, "Ange en tid mellan år 2000 och 2100."),
        ({"step": "at", "at": "9999-12-31T23:59"}, "Ange en tid mellan år 2000 och 2100."),
        ({"step": "at", "at": "x" * 31}, "Skriv högst 30 tecken."),
    ],
)
async def test_a_clock_that_cannot_be_is_refused(
    visitor: Visitor, fields: dict[str, str], sentence: str
) -> None:
    page = await visitor.submit("/_dev/klocka", **fields)
    assert page.status == 422
    assert sentence in page.alert
    assert clock.ahead() == timedelta()


async def test_a_session_ends_and_a_code_follows_when_the_clock_is_moved(
    visitor: Visitor, app: Starlette
) -> None:
    await demo.fill()
    await visitor.log_in("anna@exempelbygg.example", demo.PASSWORD)
    assert (await visitor.visit("/kund/10234567")).heading == "Exempelbygg AB"
    signed = next_path.sign("/kund/10234567")

    await visitor.submit("/_dev/klocka", step="1h")
    assert (await visitor.visit("/kund/10234567")).heading == "Exempelbygg AB"
    assert next_path.read(signed) == "/kund/10234567"
    await visitor.submit("/_dev/klocka", step="1d")
    assert (await visitor.visit("/kund/10234567")).heading == "Logga in"
    assert next_path.read(signed) == "", "what is signed counts by the same clock"
    page = await visitor.visit("/_dev/koder")
    (shown,) = page.texts("p[@class='code__now']/span")
    assert shown.replace(" ", "") in (code(demo.TOTP_SECRET), code(demo.TOTP_SECRET, seconds=-30))


def test_only_the_tool_moves_the_clock() -> None:
    assert callers("clock.move") == {"web/development/time_travel.py"}


# Reset


async def test_all_limits_are_lifted(visitor: Visitor) -> None:
    await limits.spend(limits.CODE_SOON.of("1"), limits.CLAIM_BY_NUMBER.of("1", value="3378"))
    page = await visitor.submit("/_dev/aterstall", what="limits")
    assert "Alla spärrar är nollställda." in page.text
    assert not await Spent.exists()
    assert not await SpentValue.exists()


async def test_the_demo_data_begin_anew(visitor: Visitor) -> None:
    await demo.fill()
    _ = await a_user()
    await visitor.log_in("anna@exempelbygg.example", demo.PASSWORD)

    page = await visitor.submit("/_dev/aterstall", what="demo", sure="on")

    assert "Databasen är som ny." in page.text
    assert {user.email for user in await User.all()} == {p.email for p in demo.PEOPLE}
    assert await CustomerAccount.all().count() == len(demo.CUSTOMERS)
    assert not await Session.exists()
    assert not await OutgoingMail.exists()
    assert (await visitor.visit("/kund/10234567")).heading == "Logga in"
    page = await visitor.log_in("anna@exempelbygg.example", demo.PASSWORD)
    assert page.status == 200


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Välj vad som ska återställas."),
        ({"what": "all"}, "Välj vad som ska återställas."),
        ({"what": "demo"}, "Kryssa i att allt i databasen ska tas bort."),
    ],
)
async def test_nothing_is_reset_by_mistake(
    visitor: Visitor, fields: dict[str, str], sentence: str
) -> None:
    user = await a_user()
    page = await visitor.submit("/_dev/aterstall", **fields)
    assert page.status == 422
    assert sentence in page.alert
    assert await User.exists(id=user.id)


async def test_a_database_without_demo_data_is_not_emptied(db: None) -> None:
    user = await a_user()
    visitor = Visitor(create_app(settings(env="development", demo=False)))
    page = await visitor.submit("/_dev/aterstall", what="demo", sure="on")
    assert page.status == 422
    assert "Databasen rörs inte" in page.alert
    assert await User.exists(id=user.id)


# Live reload


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Templates and static files that may be changed; each look at them is a new one."""
    for name in ("templates/home/public.html", "static/css/base.css", "static/favicon.svg"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("as it was")
    monkeypatch.setattr(live_reload, "ROOT", tmp_path)
    live_reload._seen.cache_clear()  # what an earlier test saw a moment ago
    return tmp_path


def seen() -> live_reload.Changes:
    live_reload._seen.cache_clear()
    return live_reload.changes()


@pytest.mark.parametrize(
    ("name", "page", "style"),
    [
        ("static/css/base.css", False, True),
        ("static/css/new.css", False, True),
        ("static/favicon.svg", True, False),
        ("templates/home/public.html", True, False),
        ("templates/home/public.states.toml", True, False),
        ("templates/home/.public.html.swp", False, False),
        ("templates/home/public.html~", False, False),
        ("templates/home/#public.html#", False, False),
        ("templates/home/4913", False, False),
    ],
)
def test_a_change_of_a_file_is_seen(files: Path, name: str, page: bool, style: bool) -> None:
    before = seen()
    assert seen() == before
    (files / name).write_text("changed, and longer")
    after = seen()
    assert (after.page != before.page, after.style != before.style) == (page, style)


def test_a_file_that_goes_is_seen(files: Path) -> None:
    before = seen()
    (files / "templates/home/public.html").unlink()
    assert seen().page != before.page


async def test_a_page_holds_what_it_was_made_of(
    visitor: Visitor, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "minasidor.request")
    page = await visitor.visit("/")
    (script,) = (s for s in page.tree.iter("script") if "live-reload" in s.get("src"))
    assert script.get("data-method") == "GET"
    answer = await visitor.get(script.get("data-address"))
    assert answer.json() == {"page": script.get("data-page"), "style": script.get("data-style")}
    assert answer.headers["Cache-Control"] == "no-store"
    assert "set-cookie" not in answer.headers
    assert [record.page for record in caplog.records] == ["web.home.Public"]  # type: ignore[attr-defined]


async def test_without_the_setting_no_page_asks(db: None) -> None:
    visitor = Visitor(create_app(settings(env="development")))
    assert "live-reload" not in (await visitor.get("/")).text


# Errors in templates


@pytest.fixture
def templates(app: Starlette, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Templates that go before the portal's."""
    monkeypatch.setattr(template_errors, "ROOT", tmp_path)
    own = tmp_path / "templates"
    (own / "home").mkdir(parents=True)
    jinja = app.state.templates
    jinja.loader = ChoiceLoader([FileSystemLoader(own), jinja.loader])
    return own


@pytest.mark.parametrize(
    ("text", "line", "kind", "message"),
    [
        (
            "<h1>Hej</h1>\n{{ nobody }}\n",
            2,
            "Mallen använder ett namn eller ett värde som inte finns.",
            "'nobody' is undefined",
        ),
        (
            "<h1>Hej</h1>\n<p>\n{% if %}",
            3,
            "Jinja förstår inte vad som står i mallen.",
            "Expected an expression",
        ),
        (
            "{% include 'home/_gone.html' %}",
            1,
            "Mallen hänvisar till en mall som inte finns.",
            "home/_gone.html",
        ),
        ("\n\n\n\n\n\n{{ 1 + 'a' }}", 7, "Det går inte att visa mallen.", "unsupported operand"),
        ("{{ static('css/gone.css') }}", 1, "Det går inte att visa mallen.", "static/css/gone.css"),
        ("{{ path_for('gone') }}", 1, "Det går inte att visa mallen.", "gone"),
    ],
)
async def test_an_error_in_a_template_is_shown_where_it_stands(
    visitor: Visitor, templates: Path, text: str, line: int, kind: str, message: str
) -> None:
    (templates / "home" / "public.html").write_text(text)

    page = await visitor.visit("/")

    assert page.status == 500
    assert page.heading == f"Fel på rad {line} i templates/home/public.html"
    assert kind in page.text
    assert message in page.texts("pre")[0]
    assert page.texts("li[@aria-current='true']/span") == [str(line)]
    assert page.texts("li[@aria-current='true']/code") == [text.splitlines()[line - 1].strip()]
    assert str(templates.parent) not in page.response.text
    assert any("live-reload" in s.get("src") for s in page.tree.iter("script"))
    assert page.response.headers["Cache-Control"] == "no-store"


async def test_the_way_to_an_error_is_told(visitor: Visitor, templates: Path) -> None:
    (templates / "home" / "_part.html").write_text("\n{{ nobody }}")
    (templates / "home" / "public.html").write_text("{% include 'home/_part.html' %}")
    page = await visitor.visit("/")
    assert page.heading == "Fel på rad 2 i templates/home/_part.html"
    assert "templates/home/public.html, rad 1" in page.texts("li")


async def test_htmx_gets_it_as_a_fragment(visitor: Visitor, templates: Path) -> None:
    (templates / "home" / "public.html").write_text("{{ nobody }}")
    answer = await visitor.htmx("GET", "/")
    assert answer.status_code == 500
    assert "<title>Fel i templates/home/public.html – MinaSidor</title>" in answer.text
    assert "<h1>Fel på rad 1 i" in answer.text
    assert "<body" not in answer.text
    assert "<html" not in answer.text


async def test_a_layout_that_is_broken_does_not_break_the_page_that_says_so(
    visitor: Visitor, templates: Path
) -> None:
    (templates / "layouts").mkdir()
    (templates / "layouts" / "page.html").write_text("{{ nobody }}{% block main %}{% endblock %}")
    for path in ("/", "/finns-inte"):
        page = await visitor.visit(path)
        assert page.heading == "Fel på rad 1 i templates/layouts/page.html"


async def test_a_template_that_is_gone_is_named(visitor: Visitor, app: Starlette) -> None:
    tools = FileSystemLoader(ROOT / "templates" / "development")
    app.state.templates.loader = PrefixLoader({"development": tools})
    page = await visitor.visit("/")
    assert page.heading == "En mall saknas"
    assert "home/public.html" in page.texts("pre")[0]


async def test_an_error_in_a_state_names_file_and_line(
    app: Starlette, visitor: Visitor, templates: Path
) -> None:
    (templates / "home" / "public.states.toml").write_text('[empty]\ntitle = "Tom"\nform =\n')

    async def broken(request: Request) -> Response:
        try:
            tomllib.loads((templates / "home" / "public.states.toml").read_text())
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"templates/home/public.states.toml: {error}") from error
        raise AssertionError

    app.router.routes.append(Route("/broken", broken))
    page = await visitor.visit("/broken")
    assert page.heading == "Fel på rad 3 i templates/home/public.states.toml"
    assert "Filen med tillstånd är inte giltig TOML." in page.text
    assert page.texts("li[@aria-current='true']/code") == ["form ="]


async def test_what_is_no_templates_fault_and_what_customers_see_stays_friendly(
    app: Starlette, visitor: Visitor, templates: Path
) -> None:
    async def broken(request: Request) -> Response:
        raise ValueError("templates are not to blame")

    app.router.routes.append(Route("/broken", broken))
    assert (await visitor.visit("/broken")).heading == "Något gick fel hos oss"

    (templates / "home" / "public.html").write_text("{{ nobody }}")
    production = create_app(settings())
    production.state.templates.loader = app.state.templates.loader
    page = await Visitor(production).visit("/")
    assert (page.status, page.heading) == (500, "Något gick fel hos oss")
    assert "nobody" not in page.response.text
