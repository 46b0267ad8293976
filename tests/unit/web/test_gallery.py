"""The gallery: every template in every state, checked like any page a customer meets."""

from __future__ import annotations

import ast
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import html5lib
import httpx2
import pytest
from jinja2 import BaseLoader, Environment, nodes
from starlette.applications import Starlette

from models.bankid_flow import OTHER_BROWSER, REPLACED, Intent
from tests.unit.conftest import SETTINGS, Visitor, settings
from tests.unit.page import Page
from web.access_mails import ACCESS_MAILS
from web.app import create_app
from web.bankid import messages, view
from web.bankid.view import Phase, View
from web.development import gallery_data, gallery_pages
from web.development.gallery import MacroState, MailState, State, StateError, states
from web.development.gallery_bankid import Identification
from web.development.gallery_data import DataError
from web.middleware.headers import CONTENT_SECURITY_POLICY
from web.notices import NOTICES
from web.settings import ROOT

TEMPLATES = ROOT / "templates"
STATES = states()
PAGES = [state for state in STATES if state.has_partial]
MAILS = [state for state in STATES if isinstance(state, MailState) and state.is_mail]
DEVELOPMENT = settings(env="development", demo=True)


@pytest.fixture(scope="module")
def portal() -> Starlette:
    """A portal that renders; it needs no database for that."""
    return create_app(DEVELOPMENT)


@pytest.fixture
async def designer(db: None) -> AsyncIterator[Visitor]:
    """Somebody who looks at the gallery."""
    visitor = Visitor(create_app(DEVELOPMENT))
    yield visitor
    await visitor.client.aclose()


def named(state: State) -> str:
    return state.name


def linted(state: State, html: str) -> Page:
    request = httpx2.Request("GET", f"{SETTINGS.base_url}{state.url}")
    return Page(httpx2.Response(200, html=html, request=request))


def parsed(html: str) -> Any:
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)


# Each state


@pytest.mark.parametrize("state", [s for s in STATES if s not in MAILS], ids=named)
def test_a_state_is_a_page_as_any_other(state: State, portal: Starlette) -> None:
    page = linted(state, state.render(portal))
    if state.has_partial:
        assert page.heading in page.title, "the title tells the same as the heading"
        ids = {element.get("id") for element in page.tree.iter()}
        inside = [link[1:] for link in page.links.values() if (link or "").startswith("#")]
        assert set(inside) <= ids, "a link within the page leads somewhere"


@pytest.mark.parametrize("state", PAGES, ids=named)
def test_what_htmx_gets_of_a_state_is_its_inside(state: State, portal: Starlette) -> None:
    fragment = state.render(portal, partial=True)
    whole = f'<!doctype html><html lang="sv"><head>{fragment.partition("</title>")[0]}</title>'
    page = linted(state, f"{whole}</head><body>{fragment.partition('</title>')[2]}</body></html>")

    assert fragment.startswith("<title>")
    assert page.tree.find(".//header") is None
    if page.alert and "flash" not in fragment:
        assert page.tree.find(".//h1").get("autofocus") is None, "the errors take the focus"
    assert len(page.tree.findall(".//*[@autofocus]")) == 1


@pytest.mark.parametrize("state", MAILS, ids=named)
def test_a_mail_is_valid_html_that_says_its_subject(state: MailState, portal: Starlette) -> None:
    tree = parsed(state.render(portal))
    subject = state.message(portal)["Subject"]

    assert tree.get("lang") in ("sv", "en")
    assert len(tree.findall(".//h1")) == 1
    assert "".join(tree.find(".//title").itertext()) == subject
    assert all(link.get("href") for link in tree.iter("a"))


def test_each_state_has_a_name_and_a_title_of_its_own() -> None:
    assert len({state.name for state in STATES}) == len(STATES)
    assert len({(state.file, state.title) for state in STATES}) == len(STATES)
    for state in STATES:
        assert re.fullmatch(r"[a-z0-9_-]+(/[a-z0-9_-]+){2}", state.name), "it stands in a URL"


# Nothing is left out


class Recorder(BaseLoader):
    """Notes which templates are asked for."""

    def __init__(self, loader: BaseLoader) -> None:
        self.loader, self.asked = loader, set[str]()

    def get_source(self, environment: Environment, template: str) -> Any:
        self.asked.add(template)
        return self.loader.get_source(environment, template)


def test_every_template_is_shown_by_some_state() -> None:
    app = create_app(DEVELOPMENT)
    recorder = Recorder(app.state.templates.loader)
    app.state.templates.loader = recorder
    for state in STATES:
        state.render(app)
        state.render(app, partial=True)

    files = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.*")}
    shown = {name for name in files if not name.endswith(".toml")}
    assert {name for name in shown - recorder.asked if not name.startswith("development/")} == set()


def test_every_macro_has_a_state() -> None:
    shown = {(state.template, state.macro) for state in STATES if isinstance(state, MacroState)}
    environment: Environment = create_app(DEVELOPMENT).state.templates
    for path in sorted((TEMPLATES / "components").glob("*.html")):
        for macro in environment.parse(path.read_text()).find_all(nodes.Macro):
            assert (f"components/{path.name}", macro.name) in shown, "docs/designers.md says how"


def test_every_state_file_stands_beside_its_template() -> None:
    for path in gallery_data.files():
        stem = path.name.removesuffix(gallery_data.SUFFIX)
        assert path.with_name(f"{stem}.html").exists(), path


# What the states say is what the portal says

_SPOKEN = {"error", "errors", "flash", "sentence"}


def spoken(data: Any) -> Iterator[str]:
    """The sentences of a state that Python code says, not a template."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name not in _SPOKEN:
                yield from spoken(value)
            elif isinstance(value, dict):
                yield from value.values()
            else:
                yield value


def sentences() -> Iterator[str]:
    """Each text of the code as a pattern; what is put in is anything."""
    for path in (ROOT / "web").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.escape(node.value)
            elif isinstance(node, ast.JoinedStr):
                yield "".join(
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+"
                    for part in node.values
                )


def test_what_states_say_the_portal_says_too() -> None:
    known = [re.compile(pattern) for pattern in set(sentences()) if re.search(r"\w\\? ", pattern)]
    for state in STATES:
        if state.has_partial:
            for text in spoken(state.data):
                assert any(p.fullmatch(text) for p in known), f"{state.name}: nobody says {text!r}"


# How an identification with BankID stands

IDENTIFICATIONS = {
    state.name: (state, Identification(**state.data.get("identification", {})))
    for state in STATES
    if state.template == "bankid/flow.html"
}


def seen(state: State, portal: Starlette) -> View:
    shown: View = state.context(portal)["view"]
    return shown


def test_each_code_of_bankids_has_a_state() -> None:
    shown = {(told.status, told.hint, told.device) for _, told in IDENTIFICATIONS.values()}
    codes = {(status, hint) for status, hint, _ in shown}
    pending = {"outstandingTransaction", "started", *messages._PENDING}
    failed = {"startFailed", "unknown", *messages._FAILED}
    errors = {f"error.{code}" for code in (*messages._ERRORS, "network")}
    ours = {REPLACED, OTHER_BROWSER}

    assert {("pending", hint) for hint in pending} - codes == set()
    assert {("failed", hint) for hint in failed | errors | ours} - codes == set()
    for hint in ("outstandingTransaction", "started", "startFailed"):
        on = {device for _, code, device in shown if code == hint}
        assert on == {"same", "other"}, f"{hint} is told in other words on each device"


def test_each_sentence_about_an_identification_is_seen(portal: Starlette) -> None:
    told = {seen(state, portal).message for state, _ in IDENTIFICATIONS.values()}
    theirs = {text for name, text in vars(messages).items() if name.startswith("RFA")}
    theirs |= {messages.UPDATE_APP, *messages.OUTAGE.values(), *messages.BLOCKED.values()}
    ours = {view.TROUBLE, view.RETURNING, view.USED, view.TOO_OLD, *view._HINTS.values()}
    assert theirs | ours == told


def test_each_phase_is_seen_for_everything_that_an_identification_is_for(
    portal: Starlette,
) -> None:
    phases = {(told.intent, seen(state, portal).phase) for state, told in IDENTIFICATIONS.values()}
    assert phases == {(intent, phase) for intent in Intent for phase in Phase}


def test_the_simulated_bankid_is_seen_only_where_a_state_says_so(portal: Starlette) -> None:
    for state, told in IDENTIFICATIONS.values():
        shown = seen(state, portal)
        assert shown.is_simulated == told.simulated
        if shown.phase is Phase.OPEN:
            app = "/_bankid/app?" if told.simulated else ("bankid:///?", "https://app.bankid.com/?")
            assert shown.start_link.startswith(app)


# The data


def test_what_a_state_lacks_is_told_with_template_line_and_variable(portal: Starlette) -> None:
    state = next(s for s in STATES if s.name == "login/credentials/empty")
    less = {name: value for name, value in state.data.items() if name != "linking"}
    lines = (TEMPLATES / "login/credentials.html").read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if "linking" in text)

    with pytest.raises(StateError, match=rf"templates/login/credentials\.html:{line}: 'linking'"):
        replace(state, data=less).render(portal)


def test_what_a_mail_or_a_macro_lacks_is_told_too(portal: Starlette) -> None:
    mail, macro = (
        next(s for s in STATES if s.name == name)
        for name in ("mail/welcome/welcome", "components/tabs/tabs-first")
    )
    with pytest.raises(StateError, match=r"mail/welcome\.states\.toml: 'token' is missing"):
        replace(mail, data={"to": "anna@exempelbygg.example"}).render(portal)
    with pytest.raises(StateError, match=r"components/tabs\.html:\d+: .*items"):
        replace(macro, data={"label": "Flikar"}).render(portal)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads the tables of a state file, beside a shared one."""
    monkeypatch.setattr(gallery_data, "ROOT", tmp_path)
    monkeypatch.setattr(gallery_data, "TEMPLATES", tmp_path)
    monkeypatch.setattr(gallery_data, "SHARED", tmp_path / "shared.states.toml")
    gallery_data.SHARED.write_text(
        'order = []\nnames = ["a", "b", "c"]\n[flows]\n'
        '[anna]\nname = "Anna"\naccount = "@bygg"\n[bygg]\nname = "Bygg"\n'
    )

    def read(text: str) -> Any:
        path = tmp_path / "page.states.toml"
        path.write_text(text)
        return gallery_data.tables(path)

    return read


def test_names_stand_for_what_is_shared(table: Any) -> None:
    assert table('user = "@anna"') == {"user": {"name": "Anna", "account": {"name": "Bygg"}}}
    assert table('[[some]]\nlist = "@names:2"') == {"some": [{"list": ["a", "b"]}]}
    assert table('nobody = "@none"') == {"nobody": None}


def test_each_kind_of_a_mail_that_has_many_is_shown() -> None:
    shown = {state.data.get("kind") for state in MAILS} - {None}
    assert shown == {*NOTICES, *ACCESS_MAILS}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('user = "@bo"', r'page\.states\.toml: "@bo" is not in shared\.states\.toml'),
        ("tab = 1\nuser = x\n", r"page\.states\.toml: .*line 2"),
    ],
)
def test_what_is_wrong_in_a_file_names_it(table: Any, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        table(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('tab = "e-post"', r"\[tab\] is not a table"),
        ('[empty]\ntab = "e-post"', r"\[empty\] has no title"),
        ('["Två-adresser"]\ntitle = "Två"', r"\[Två-adresser\] may hold small letters"),
    ],
)
@pytest.mark.usefixtures("table")
def test_what_is_no_state_names_its_file(text: str, told: str) -> None:
    gallery_data.TEMPLATES.joinpath("login").mkdir()
    path = gallery_data.TEMPLATES / "login/page.states.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"login/page\.states\.toml: {told}"):
        states()


def test_pages_stand_in_the_order_that_a_customer_meets_them() -> None:
    pages = list(dict.fromkeys(state.page for state in STATES))
    assert pages.index("registration/method") < pages.index("registration/account_details")
    assert list(dict.fromkeys(s.flow for s in STATES))[:3] == ["home", "login", "registration"]


def test_times_are_swedish(table: Any) -> None:
    assert table("at = 2026-11-22T14:05:00")["at"] == datetime(2026, 11, 22, 13, 5, tzinfo=UTC)


def test_a_state_changes_what_it_says_and_keeps_the_rest() -> None:
    below = {"user": {"name": "Anna", "email": "a@x.example"}, "tab": "e-post"}
    above = {"user": {"name": "Bo"}}
    assert gallery_data.merged(below, above) == {
        "user": {"name": "Bo", "email": "a@x.example"},
        "tab": "e-post",
    }


def test_a_form_fails_by_its_errors_and_omits_nothing() -> None:
    data = gallery_data.with_forms({"form": {"email": "anna", "errors": {"email": "Fel."}}})
    form = data["form"]
    assert form.failed
    assert (form["email"], form["password"]) == ("anna", "")
    assert not gallery_data.with_forms({"form": {}})["form"].failed


# The gallery's pages

anyio = pytest.mark.anyio


@anyio
async def test_the_overview_leads_to_every_state(designer: Visitor) -> None:
    page = await designer.visit("/_galleri")
    links = set(page.links.values())
    assert {state.url for state in STATES} <= links
    assert len(page.tree.findall(".//iframe")) == len(STATES)


@anyio
async def test_the_filter_takes_words_of_name_and_title(designer: Visitor) -> None:
    page = await designer.visit("/_galleri?filter=login+F%C3%96R+många")
    found = {link for link in page.links.values() if link and link.count("/") == 4}
    assert found == {
        "/_galleri/login/code/limited",
        "/_galleri/login/confirm_identity/limited",
        "/_galleri/login/credentials/limited",
    }
    assert "3 tillstånd som innehåller ”login FÖR många”" in page.text
    assert "0 tillstånd" in (await designer.visit("/_galleri?filter=finns-inte")).text


@anyio
@pytest.mark.parametrize("state", STATES[:: len(STATES) // 12], ids=named)
async def test_the_viewer_shows_a_state_as_it_was_chosen(designer: Visitor, state: State) -> None:
    page = await designer.visit(f"{state.url}?bredd=320&tema=morkt&javascript=av")
    frame = page.tree.find(".//iframe")
    chosen = page.texts("a[@aria-current='true']")

    assert chosen == ["320", "Mörkt", "Av"]
    assert frame.get("src") == f"{state.url}/sida?bredd=320&tema=morkt&javascript=av"
    assert frame.get("sandbox") == "allow-same-origin"
    assert "viewer__frame--320" in frame.get("class")
    assert f"templates/{state.template}" in page.text
    assert (await designer.get(frame.get("src"))).status_code == 200


@anyio
async def test_a_choice_that_does_not_exist_is_the_usual_one(designer: Visitor) -> None:
    page = await designer.visit(f"{PAGES[0].url}?bredd=7&tema=%3Cb%3E")
    assert page.texts("a[@aria-current='true']") == ["1280", "Ljust", "På"]


@anyio
async def test_the_first_and_the_last_state_have_one_neighbour(designer: Visitor) -> None:
    first, last = await designer.visit(STATES[0].url), await designer.visit(STATES[-1].url)
    assert [a.get("rel") for a in first.tree.findall(".//a[@rel]")] == ["next"]
    assert [a.get("rel") for a in last.tree.findall(".//a[@rel]")] == ["prev"]


@anyio
async def test_colours_are_chosen_by_the_page_itself(designer: Visitor) -> None:
    page, mail = PAGES[0].url, "/_galleri/mail/welcome/welcome"
    assert '<html data-theme="light"' in (await designer.get(f"{page}/sida")).text
    assert '<html data-theme="dark"' in (await designer.get(f"{page}/sida?tema=morkt")).text
    assert "@media all {" in (await designer.get(f"{mail}/sida?tema=morkt")).text
    assert "@media not all {" in (await designer.get(f"{mail}/sida")).text


@anyio
async def test_forced_colours_are_imitated_with_the_portals_own_rules(designer: Visitor) -> None:
    page = await designer.get(f"{PAGES[0].url}/sida?tema=tvingade")
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
    css = await designer.get(sheets[0])

    assert sheets[-1].startswith("/static/development/forced-colors.css")
    assert css.headers["content-type"].startswith("text/css")
    assert "@media all { .card, .badge { border: 1px solid; } }" in css.text
    card = await designer.get("/_galleri/verktyg/css/components/card.css")
    assert card.text in css.text, "live reload links each by itself"
    for path in (
        "../js/app.js",
        "..%2fdevelopment%2fgallery.css",
        "none.css",
        "%2fetc%2fpasswd",
        "",
    ):
        assert (await designer.get(f"/_galleri/verktyg/css/{path}")).status_code == 404


@anyio
async def test_without_javascript_no_script_is_asked_for(designer: Visitor) -> None:
    assert "<script" in (await designer.get(f"{PAGES[0].url}/sida")).text
    assert "<script" not in (await designer.get(f"{PAGES[0].url}/sida?javascript=av")).text


@anyio
async def test_a_page_that_waits_stands_still(designer: Visitor) -> None:
    """Nothing answers for an identification that is none: within a second it would be gone."""
    flow = await designer.get("/_galleri/bankid/flow/scan/sida")
    frame = await designer.get("/_galleri/bankid/frame/scan/sida")
    assert 'hx-trigger="none"' in flow.text
    for page in (flow, frame):
        assert "every 1s" not in page.text
        assert "refresh" not in page.text


@anyio
async def test_without_javascript_the_qr_code_stands_in_its_frame(designer: Visitor) -> None:
    answer = await designer.get("/_galleri/bankid/flow/scan/sida?javascript=av")
    (address,) = re.findall(r'<iframe [^>]*src="([^"]*)"', answer.text)
    inside = await designer.get(address)

    assert policy(answer)["frame-src"] == "'self'"
    assert inside.status_code == 200
    assert "<svg" in inside.text
    assert policy(inside)["frame-ancestors"] == "'self'"


@anyio
async def test_what_htmx_gets_is_shown_as_source(designer: Visitor) -> None:
    answer = await designer.get(f"{PAGES[0].url}/sida?del=ja")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("<title>")


@anyio
async def test_axe_comes_from_the_browser_tests_or_the_page_says_how_to_get_it(
    designer: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "axe" in (await designer.get("/_galleri/verktyg/axe.js")).text
    monkeypatch.setattr(gallery_pages, "find_spec", lambda name: None)
    assert (await designer.get("/_galleri/verktyg/axe.js")).status_code == 404
    assert "make setup-dev" in (await designer.visit(PAGES[0].url)).text


@anyio
async def test_a_broken_state_says_so_within_the_frame(
    designer: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(PAGES[0], template="login/credentials.html")
    monkeypatch.setattr(gallery_pages, "states", lambda: [broken])
    answer = await designer.get(f"{broken.url}/sida")

    assert answer.status_code == 500
    assert "templates/login/credentials.html" in answer.text
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]


@anyio
@pytest.mark.parametrize("path", ["/_galleri/finns/inte/alls", "/_galleri/finns/inte/alls/sida"])
async def test_what_is_no_state_is_not_found(designer: Visitor, path: str) -> None:
    assert (await designer.visit(path)).status == 404


@anyio
async def test_in_production_there_is_no_gallery(visitor: Visitor) -> None:
    for path in ("", "/verktyg/axe.js", "/verktyg/css/tokens.css", *(s.name for s in STATES[:1])):
        assert (await visitor.get(f"/_galleri/{path}".rstrip("/"))).status_code == 404


# Who may frame what


def policy(response: httpx2.Response) -> dict[str, str]:
    (header,) = response.headers.get_list("content-security-policy")
    parts = (part.strip().partition(" ") for part in header.split(";"))
    return {name: value for name, _, value in parts}


@anyio
async def test_the_gallery_frames_only_itself_and_all_else_stays_strict(designer: Visitor) -> None:
    usual = policy(await designer.get("/logga-in"))
    around = policy(await designer.get("/_galleri"))
    inside = policy(await designer.get(f"{PAGES[0].url}/sida"))
    mail = policy(await designer.get(f"{MAILS[0].url}/sida"))

    assert around == {**usual, "frame-src": "'self'"}
    sandbox = "allow-same-origin allow-scripts allow-popups allow-modals"
    assert inside == {**usual, "frame-ancestors": "'self'", "sandbox": sandbox}
    assert mail == {**inside, "style-src": "'unsafe-inline'"}


@anyio
async def test_customers_pages_have_the_policy_they_had(visitor: Visitor) -> None:
    for path in ("/", "/logga-in", "/finns-inte", "/_galleri", "/static/css/tokens.css"):
        answer = await visitor.get(path)
        policies = answer.headers.get_list("content-security-policy")
        assert policies == [CONTENT_SECURITY_POLICY]
        assert policies[0].endswith("; frame-ancestors 'none'")
        assert "frame-src" not in policies[0], "default-src 'none' counts"
        assert answer.headers.get_list("cross-origin-opener-policy") == ["same-origin"]
