"""On the home screen: what makes it installable, the page for no connection, and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from tests.e2e import steps
from tests.e2e.portal import Portal
from tests.e2e.visitor import Visitor, Watch, Way

_PIXEL = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Mobile Safari/537.36"
)
_UNREACHED = "Det gick inte att nå MinaSidor"
_KEPT = """async () => {
    const found = [];
    for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const { url } of await cache.keys()) {
            found.push([url, await (await cache.match(url)).text()]);
        }
    }
    return found;
}"""
NewPhone = Callable[[], Visitor]


@pytest.fixture
def new_phone(browser: Browser, portal: Portal, watch: Watch) -> Iterator[NewPhone]:
    """Makes visitors with a phone whose browser takes the worker."""
    made: list[Visitor] = []

    def make() -> Visitor:
        options = {"service_workers": "allow", "user_agent": _PIXEL}
        way = Way.named("htmx-phone")
        made.append(Visitor(browser, portal.base_url, way, watch, **options))
        return made[-1]

    yield make
    for visitor in made:
        visitor.leave()


def has_worker(page: Page) -> None:
    """Wait until the worker answers for this page, which stays where it is.

    One that begins its work while the page is being left answers neither for it nor for the next.
    """
    page.evaluate("navigator.serviceWorker.ready")
    taken = "navigator.serviceWorker.controller || new Promise((done) => {"
    taken += " navigator.serviceWorker.oncontrollerchange = () => done(true) })"
    assert page.evaluate(f"Promise.resolve({taken}).then(Boolean)")


def test_the_browser_finds_nothing_that_hinders_installing(new_phone: NewPhone) -> None:
    page = new_phone().page
    page.goto("/")
    asked = page.context.new_cdp_session(page)

    told = asked.send("Page.getAppManifest")
    assert told["url"].endswith("/manifest.webmanifest")
    assert told["errors"] == []
    read = told["manifest"]
    assert read["display"] == "kStandalone"
    assert read["startUrl"].endswith("/?kalla=app")
    assert {icon["sizes"] for icon in read["icons"]} == {"192x192", "512x512"}
    # The headless shell hinders nothing; Chromium itself looks, and finds this window private.
    found = asked.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [error for error in found if error["errorId"] != "in-incognito"] == []


def test_a_browser_that_can_install_gets_a_button_in_place_of_the_words(
    new_phone: NewPhone,
) -> None:
    page = new_phone().page
    page.goto("/")
    words = page.get_by_text("Tryck på menyn")
    button = page.get_by_role("button", name="Lägg till på startskärmen")
    expect(words).to_be_visible()
    expect(button).to_be_hidden()

    page.evaluate("""() => {
        const offer = new Event("beforeinstallprompt", { cancelable: true });
        offer.prompt = () => dispatchEvent(new Event("appinstalled"));
        dispatchEvent(offer);
    }""")
    expect(words).to_be_hidden()
    button.click()

    expect(page.locator("#install")).to_have_count(0)


def test_without_a_connection_one_page_says_so_and_leads_back(
    new_phone: NewPhone, portal: Portal
) -> None:
    visitor, member = new_phone(), portal.member()
    visitor.page.goto("/logga-in")
    has_worker(visitor.page)
    page = steps.log_in(visitor, member)
    page.context.new_cdp_session(page).send("Network.clearBrowserCache")
    visitor.context.set_offline(True)

    page.goto(member.customer.path)
    expect(steps.heading(page)).to_have_text(_UNREACHED)
    expect(page.get_by_text(member.person.given_name)).to_have_count(0)
    # It looks as all pages do: its style, its font and nothing that is missing.
    button = page.get_by_role("link", name="Försök igen")
    expect(button).to_have_css("background-color", "rgb(87, 207, 159)")
    assert page.evaluate("document.fonts.load('1em Figtree').then((loaded) => loaded.length)")
    assert visitor.take_problems() == []

    # A form is answered by nobody, sent by htmx or not.
    sent = "fetch('/logga-ut', { method: 'POST' }).then(() => 'answered', () => 'failed')"
    assert page.evaluate(sent) == "failed"
    with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"), page.expect_navigation():
        page.evaluate("""() => {
            const form = document.createElement("form");
            form.method = "post";
            form.action = "/logga-ut";
            document.body.append(form);
            form.submit();
        }""")
    expect(page).to_have_url("chrome-error://chromewebdata/")
    page.goto(member.customer.path)
    visitor.tolerate("ERR_INTERNET_DISCONNECTED")

    visitor.context.set_offline(False)
    button.click()
    steps.on_customer_page(page, member.customer)


def test_nothing_of_a_session_is_kept_and_what_is_old_goes(
    new_phone: NewPhone, portal: Portal
) -> None:
    visitor, member = new_phone(), portal.member()
    page = visitor.page
    page.goto("/tillganglighet")
    has_worker(page)
    page.evaluate("caches.open('of an older version').then((old) => old.put('/x', new Response()))")
    page.evaluate("navigator.serviceWorker.ready.then((worker) => worker.unregister())")
    page.goto("/logga-in")
    has_worker(page)
    page = steps.log_in(visitor, member)
    for path in ("/mina-uppgifter", "/byt-kund", "/mina-uppgifter/handelser", "/"):
        page.goto(path)
        expect(page.locator("[popovertarget=menu]")).to_contain_text(member.person.given_name)
    page.goto(member.customer.path)
    steps.log_out(page)

    kept = dict(page.evaluate(_KEPT))
    paths = {url.removeprefix(visitor.base_url) for url in kept}
    assert {path for path in paths if not path.startswith("/static/")} == {"/offline"}
    person = (member.person.given_name, member.person.email, member.customer.name)
    assert not [url for url, text in kept.items() if any(one in text for one in person)]

    page.go_back()
    steps.on_login_page(page)
