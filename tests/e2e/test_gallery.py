"""The gallery in a browser, and each of its states: axe, 320 px, light, dark, forced colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, Request, expect

from tests.e2e import inspection, steps
from tests.e2e.visitor import Visitor
from tests.e2e.ways import both_ways, with_javascript, without_javascript
from web.development.gallery import State, states

STATES = states()
FLOWS = list(dict.fromkeys(state.flow for state in STATES))
# What a ground of its own sets apart needs a border where all grounds are alike.
_NEED_A_BORDER = ".button, .card, .notice, .input, .badge, .banner"


@pytest.fixture(autouse=True)
def sandbox(visitor: Visitor) -> Iterator[None]:
    """The states stand in one, and Chromium remarks on it."""
    yield
    visitor.page.goto("about:blank")
    visitor.tolerate(r"sandbox|Blocked autofocusing")


@pytest.mark.parametrize("flow", FLOWS)
@with_javascript
def test_each_state_is_accessible_and_narrow(visitor: Visitor, flow: str) -> None:
    """Three states of each page, one of them in the dark: all in tests/more/test_states.py."""
    page, found = visitor.page, list[str]()
    page.emulate_media(reduced_motion="reduce")
    for _, group in groupby((s for s in STATES if s.flow == flow), key=lambda state: state.page):
        of_page = list(group)
        few = {n: of_page[n] for n in (0, len(of_page) // 2, len(of_page) - 1)}  # long names last
        for number, state in few.items():
            found += in_the_light(page, state)
            if number == 0:
                found += in_the_dark(page, state)
    assert not found, "\n".join(found)


@with_javascript
def test_forced_colours_leave_a_border_where_a_ground_told_things_apart(visitor: Visitor) -> None:
    page, without = visitor.page, list[str]()
    page.emulate_media(forced_colors="active")
    one_each = {state.template: state for state in STATES if state.has_partial}
    for state in one_each.values():
        page.goto(f"{state.url}/sida")
        bare = (
            page.locator(_NEED_A_BORDER)
            .filter(visible=True)
            .evaluate_all(
                """elements => elements
                .filter((element) => getComputedStyle(element).borderTopStyle === "none")
                .map((element) => element.className)"""
            )
        )
        without += [f"{state.name}: {name}" for name in bare]
    assert not without, "\n".join(without)


@both_ways
def test_from_the_overview_to_a_state_and_on_to_the_next(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/_galleri?filter=login/code")
    expect(page.get_by_text("8 tillstånd")).to_be_visible()
    thumbnail(page, "Fel kod").click()

    expect(steps.heading(page)).to_have_text("Fel kod")
    expect(framed(page).get_by_text("Koden stämmer inte.").first).to_be_visible()
    choose(page, "Bredd", "320")
    choose(page, "Färger", "Mörkt")
    page.get_by_role("link", name="Nästa").click()

    expect(steps.heading(page)).to_have_text("Redan använd kod")
    expect(page).to_have_url(re.compile(r"/login/code/used\?bredd=320&tema=morkt$"))
    expect(framed(page).locator("html")).to_have_attribute("data-theme", "dark")
    assert page.locator("iframe").evaluate("frame => frame.clientWidth") == 320


@both_ways
def test_the_gallery_itself_is_accessible_and_narrow(visitor: Visitor) -> None:
    page = visitor.page
    for path in (
        "/_galleri?filter=components",
        "/_galleri?filter=x-x",
        f"{STATES[0].url}?bredd=320",
    ):
        page.goto(path)
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 900})
            if visitor.javascript:
                assert inspection.violations(page) == []
            assert inspection.sideways(page) == ""


@both_ways
def test_the_filter(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/_galleri?filter=long")  # of all flows a few: each state has a frame of its own
    count = page.get_by_role("status").first
    for words, found in (("MEJL/finns-inte", 0), ("MEJL welcome/LONG", 2)):
        page.get_by_role("searchbox").fill(words)
        if not visitor.javascript:
            page.get_by_role("button", name="Filtrera").click()
        expect(count).to_have_text(re.compile(rf"^{found} tillstånd"))
        expect(page.locator(".thumb").filter(visible=True)).to_have_count(found)
    expect(page.get_by_role("heading", level=2).filter(visible=True)).to_have_text(["Mejl"])
    expect(page).to_have_url(re.compile(r"filter=MEJL\+welcome%2FLONG$"))


@with_javascript
def test_the_overview_with_the_keyboard(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/_galleri?filter=login/code")
    page.get_by_role("link", name="Logga in", exact=True).focus()
    for title in ("Tom", "Inget ifyllt"):
        page.keyboard.press("Tab")
        expect(thumbnail(page, title)).to_be_focused()
    page.keyboard.press("Enter")
    expect(steps.heading(page)).to_have_text("Inget ifyllt")


@with_javascript
def test_axe_says_what_it_finds(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/_galleri/login/credentials/wrong")
    expect(page.get_by_text("axe hittar inga fel.")).to_be_visible()

    framed(page).locator("#email").evaluate("field => field.removeAttribute('id')")
    page.locator("iframe").dispatch_event("load")
    expect(page.get_by_text("axe hittar ett fel.")).to_be_visible()
    expect(page.locator(".findings")).to_contain_text("(label)")


@without_javascript
def test_without_javascript_the_page_says_what_axe_needs(visitor: Visitor) -> None:
    visitor.page.goto("/_galleri/login/credentials/wrong")
    expect(visitor.page.get_by_text("med hjälp av JavaScript")).to_be_visible()


@with_javascript
def test_a_state_does_no_harm(visitor: Visitor) -> None:
    """Neither in the frame nor alone does a form send anything; in the frame no link leads away."""
    page, sent = visitor.page, list[Request]()
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    for url in ("/_galleri/home/public/signed_in", "/_galleri/login/credentials/wrong"):
        page.goto(url)
        for link in framed(page).get_by_role("main").get_by_role("link").all():
            link.click()
        expect(framed(page).get_by_role("banner")).to_be_visible()
        assert page.frames[1].url.endswith(f"{url}/sida?")
    framed(page).get_by_role("main").get_by_role("button", name="Logga in").click()
    page.goto("/_galleri/registration/account_details/filled/sida")
    page.get_by_role("button", name="Fortsätt").click()

    expect(steps.heading(page)).to_contain_text("Ange kontouppgifter")
    assert not sent


@with_javascript
def test_javascript_off_is_really_off(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/_galleri/login/credentials/empty")
    expect(framed(page).get_by_role("button", name="Visa lösenord")).to_be_visible()
    choose(page, "JavaScript", "Av")
    expect(framed(page).get_by_role("textbox", name="Lösenord")).to_be_visible()
    expect(framed(page).get_by_role("button", name="Visa lösenord")).to_be_hidden()
    expect(page.get_by_text("axe behöver JavaScript.")).to_be_visible()


def in_the_light(page: Page, state: State) -> list[str]:
    """What axe finds on the state in a wide window, and what sticks out of a narrow one."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{state.url}/sida")
    found = [f"{state.name}, light: {found}" for found in inspection.violations(page)]
    page.set_viewport_size({"width": 320, "height": 640})
    wide = inspection.sideways(page)
    return [*found, f"{state.name}: {wide}"] if wide else found


def in_the_dark(page: Page, state: State) -> list[str]:
    """What axe finds on a state that is shown, in the dark and as wide as the window is."""
    if state.is_mail:
        page.goto(f"{state.url}/sida?tema=morkt")
    else:
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
    looks = inspection.violations(page, inspection.LOOKS)
    return [f"{state.name}, dark: {found}" for found in looks]


def thumbnail(page: Page, title: str) -> Locator:
    return page.locator(".thumb__link").filter(has_text=re.compile(rf", {title}$"))


def framed(page: Page) -> FrameLocator:
    return page.frame_locator(".viewer__frame")


def choose(page: Page, what: str, value: str) -> None:
    choice = page.get_by_role("navigation", name=what)
    choice.get_by_role("link", name=value, exact=True).click()
    expect(choice.locator("[aria-current]")).to_have_text(value)
