"""A saved template or style sheet shows at once in the open page, under the real policy."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import inspection, steps
from tests.e2e.portal import ROOT, Portal
from tests.e2e.visitor import Visitor, Watch, Way

_COLOUR = ("background-color", "rgb(1, 2, 3)")
_RULE = "\n@layer utilities { .button { background: rgb(1, 2, 3); transition: none; } }\n"
_STYLE = ("static/css/utilities.css", "@layer utilities {", f"{_RULE}@layer utilities {{")
_FOOTER = ("templates/layouts/_contact.html", "Behöver du hjälp?", "Vill du något?")
_SERVER_ERROR = r"status of 500|^500: "


@dataclass
class Workshop:
    """A portal whose files may be changed: they are a copy."""

    portal: Portal
    root: Path

    @contextmanager
    def changed(self, name: str, old: str, new: str) -> Iterator[None]:
        """The file with one text in place of another, until the end of the block."""
        file = self.root / name
        before = file.read_text()
        assert before.count(old) == 1
        _save(file, before.replace(old, new))
        try:
            yield
        finally:
            _save(file, before)


def _save(file: Path, text: str) -> None:
    """All of it at once: the server may look in the middle of a write, and then reload twice."""
    unseen = file.with_name(f".{file.name}.new")
    unseen.write_text(text)
    unseen.replace(file)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, logs: list[Path]) -> Iterator[Workshop]:
    root = tmp_path_factory.mktemp("workshop")
    for folder in ("web", "models", "templates", "static"):
        shutil.copytree(ROOT / folder, root / folder)
    portal = Portal(tmp_path_factory.mktemp("reloading"), root=root, live_reload=True)
    portal.start()
    yield Workshop(portal, root)
    portal.stop()


@pytest.fixture
def visitor(browser: Browser, workshop: Workshop, watch: Watch) -> Iterator[Visitor]:
    visitor = Visitor(browser, workshop.portal.base_url, Way.named("htmx-desktop"), watch)
    yield visitor
    visitor.leave()


def type_address(page: Page) -> None:
    page.goto("/logga-in")
    page.get_by_role("textbox", name="E-post").fill("anna@exempelbygg.example")
    page.evaluate("window.stillTheSamePage = true")


def is_as_typed(page: Page) -> bool:
    typed = page.get_by_role("textbox", name="E-post").input_value()
    same: bool = page.evaluate("window.stillTheSamePage === true")
    return same and typed == "anna@exempelbygg.example"


def test_a_changed_style_sheet_loses_nothing_that_was_typed(
    visitor: Visitor, workshop: Workshop
) -> None:
    page = visitor.page
    type_address(page)
    button = page.locator("form .button").first
    sheets = page.locator("link[rel=stylesheet]")
    count = sheets.count()

    with workshop.changed(*_STYLE):
        expect(button).to_have_css(*_COLOUR)
        expect(sheets).to_have_count(count)
    expect(button).not_to_have_css(*_COLOUR)
    expect(sheets).to_have_count(count)

    assert is_as_typed(page)
    expect(page.get_by_role("textbox", name="E-post")).to_be_focused()


def test_an_imported_style_sheet_is_fetched_anew_too(visitor: Visitor, workshop: Workshop) -> None:
    imported = workshop.root / "static" / "css" / "imported.css"
    imported.write_text("/* nothing yet */")
    link = '@import url("imported.css");\n@layer base {'
    with workshop.changed("static/css/base.css", "@layer base {", link):
        page = visitor.page
        type_address(page)
        _save(imported, _RULE)
        expect(page.locator("form .button").first).to_have_css(*_COLOUR)
        assert is_as_typed(page)
    expect(page.locator("form .button").first).not_to_have_css(*_COLOUR)


@pytest.mark.parametrize("javascript", ["pa", "av"])
def test_the_gallery_shows_a_changed_style_sheet_in_its_frame(
    visitor: Visitor, workshop: Workshop, javascript: str
) -> None:
    page = visitor.page
    page.goto(f"/_galleri/login/credentials/empty?javascript={javascript}")
    frame = page.frame_locator("iframe")
    sheets = frame.locator("link[rel=stylesheet]")
    expect(frame.get_by_role("heading", level=1)).to_have_text("Logga in")
    count = sheets.count()

    with workshop.changed(*_STYLE):
        expect(frame.locator("form .button").first).to_have_css(*_COLOUR)
        expect(sheets).to_have_count(count)
    expect(frame.locator("form .button").first).not_to_have_css(*_COLOUR)
    visitor.tolerate("can escape its sandboxing")  # nor is the frame meant to keep anything in


def test_a_changed_template_shows_where_one_was_on_the_page(
    visitor: Visitor, workshop: Workshop
) -> None:
    page = visitor.page
    page.goto("/personuppgifter")
    footer = page.get_by_role("contentinfo")
    footer.scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 0

    with workshop.changed(*_FOOTER):
        expect(footer).to_contain_text("Vill du något?")
        expect(footer).to_be_in_viewport()
    expect(footer).to_contain_text("Behöver du hjälp?")
    expect(footer).to_be_in_viewport()


def test_an_error_in_a_template_names_file_and_line_and_goes_when_mended(
    visitor: Visitor, workshop: Workshop
) -> None:
    page = visitor.page
    page.goto("/personuppgifter")
    for broken in ("{% if %}", "{{ nobody }}"):
        title = "{% block title %}"
        with workshop.changed("templates/home/privacy.html", title, f"{title}{broken}"):
            expect(steps.heading(page)).to_have_text(
                re.compile(r"Fel på rad \d+ i templates/home/privacy\.html")
            )
            marked = page.locator("[aria-current=true]")
            expect(marked).to_contain_text(broken)
            expect(page.locator(".template-error")).to_have_css("border-top-style", "solid")
            assert inspection.violations(page) == []
        expect(steps.heading(page)).not_to_contain_text("Fel på rad")
        expect(page.get_by_role("contentinfo")).to_be_visible()
    visitor.tolerate(_SERVER_ERROR)


def test_an_error_in_a_broken_layout_and_in_a_swapped_fragment(
    visitor: Visitor, workshop: Workshop
) -> None:
    page = visitor.page
    page.goto("/registrera/steg-1")
    with workshop.changed("templates/layouts/_header.html", "<header", "{{ nobody }}<header"):
        expect(steps.heading(page)).to_contain_text("templates/layouts/_header.html")
        expect(page.get_by_text("templates/layouts/page.html")).to_be_visible()
    expect(steps.heading(page)).to_contain_text("Registrera dig")
    page.wait_for_load_state()

    template = "templates/registration/account_details.html"
    with ExitStack() as changes:
        with page.expect_event("load"):
            broken = workshop.changed(template, "{% extends", "{% endblock %}{% extends")
            changes.enter_context(broken)
        steps.press(page, "Registrera dig med E-post")
        expect(steps.heading(page)).to_have_text(f"Fel på rad 1 i {template}")
        expect(page.get_by_role("contentinfo")).to_be_visible()
    steps.on_step(page, 2)
    visitor.tolerate(_SERVER_ERROR)


def test_a_form_that_was_sent_is_not_sent_again(visitor: Visitor, workshop: Workshop) -> None:
    page = visitor.page
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.method) if asked.method == "POST" else None)
    page.route(
        "**/vendor/htmx*", lambda route: route.fulfill(body="", content_type="text/javascript")
    )
    page.goto("/logga-in")
    page.locator("form").get_by_role("button", name="Logga in", exact=True).click()
    expect(steps.error_summary(page)).to_be_visible()

    with workshop.changed(*_FOOTER):
        expect(page.get_by_role("contentinfo")).to_contain_text("Vill du något?")

    expect(steps.error_summary(page)).to_be_hidden()
    expect(page.get_by_role("contentinfo")).to_contain_text("Behöver du hjälp?")
    assert sent == ["POST"]


def test_a_server_that_was_away_is_waited_for(visitor: Visitor, workshop: Workshop) -> None:
    page = visitor.page
    type_address(page)
    footer = page.get_by_role("contentinfo")
    workshop.portal.stop()
    with page.expect_event("requestfailed"):
        pass
    assert is_as_typed(page)

    with workshop.changed(*_FOOTER):
        workshop.portal.start()
        expect(footer).to_contain_text("Vill du något?")
    expect(footer).to_contain_text("Behöver du hjälp?")
    visitor.tolerate("ERR_CONNECTION_REFUSED")


def test_nobody_reads_of_it_in_the_log(visitor: Visitor, workshop: Workshop) -> None:
    with visitor.page.expect_response("**/_dev/andringar") as asked:
        visitor.page.goto("/")
    assert asked.value.ok
    assert "live_reload" not in workshop.portal.log.read_text()
