"""`make walkthrough` itself: what it finds on pages that are broken on purpose, and its report."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Route

from tests.e2e import inspection
from tests.e2e.portal import ROOT, Portal
from tests.e2e.visitor import Visitor, Watch
from tests.walkthrough import devices, outline
from tests.walkthrough.__main__ import main
from tests.walkthrough.compare import Album, difference
from tests.walkthrough.controls import button, field, link
from tests.walkthrough.flows import FLOWS
from tests.walkthrough.inspector import Inspector
from tests.walkthrough.pictures import Box
from tests.walkthrough.progress import told
from tests.walkthrough.recording import FlowSeen, Seen
from tests.walkthrough.registry import Flow
from tests.walkthrough.step import Cast
from tests.walkthrough.walk import Walk

_IMPATIENT = 1.5  # seconds for what never comes


def log_in(walk: Walk) -> None:
    walk.open("/logga-in")
    walk.arrive("Logga in")
    walk.step("Skriv i **E-post**.", field("E-post")).fill("vera@post.example")
    walk.step("Skriv i **Lösenord**.", field("Lösenord")).fill("tre sega dun")


def register(walk: Walk) -> None:
    walk.open("/registrera/steg-1")
    walk.arrive("Steg 1 av 4: Registrera dig")
    name = "Registrera dig med E-post"
    walk.step(f"Klicka på **{name}**.", button(name)).click()
    walk.arrive("Steg 2 av 4: Ange kontouppgifter")
    walk.step("Klicka på **Fortsätt**.", button("Fortsätt")).click()
    walk.arrive("Steg 2 av 4: Ange kontouppgifter", refused=True)
    walk.step("Felen står överst.").look()


Act = Callable[[Walk], None]
Look = Callable[..., list[str]]


@pytest.fixture
def faults(browser: Browser, portal: Portal, tmp_path: Path) -> Iterator[Look]:
    """What the walkthrough finds when texts of pages have been put in place of others."""
    visitor = Visitor(browser, portal.base_url, devices.desktop(), Watch())

    def look(act: Act, patience: float = 10.0, **changes: dict[str, str]) -> list[str]:
        def spoil(route: Route) -> None:
            answer = route.fetch()
            page = answer.text()
            for old, new in changes[route.request.method.lower()].items():
                page = page.replace(old, new)
            route.fulfill(response=answer, body=page)

        def is_spoiled(route: Route) -> None:
            if route.request.method.lower() in changes:
                spoil(route)
            else:
                route.fallback()

        visitor.context.route(re.compile("/(logga-in|registrera/steg-.)$"), is_spoiled)
        inspector = Inspector(visitor, tmp_path)
        walk = Walk(visitor, Cast(), inspector, patience=patience)
        seen = FlowSeen("prov", "Prov", "", "desktop", "Dator")
        seen.finished = walk.follow(Flow("prov", "Prov", act))
        seen.steps = inspector.finish(walk.reported)
        return [told(seen, step.number, fault.english) for step, fault in seen.faults]

    yield look
    visitor.context.close()


def test_nothing_is_wrong_with_the_pages_as_they_are(faults: Look, tmp_path: Path) -> None:
    assert faults(register) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["01.png", "02.png", "03.png"]


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        pytest.param(
            ">Lösenord</label>",
            ">Losenord</label>",
            "step 2 of flow prov (desktop): no field labelled 'Lösenord'; there is 'E-post', 'Lose",
            id="a field with another label",
        ),
        pytest.param(
            '<label for="password">',
            '<label for="pass">',
            "step 2 of flow prov (desktop): no field labelled 'Lösenord'",
            id="a label that belongs to no field",
        ),
        pytest.param(
            '<main id="main"',
            '<h1>MinaSidor</h1><main id="main"',
            "step 0 of flow prov (desktop): the page 'Logga in' did not come; this is 'MinaSidor'",
            id="another page",
        ),
    ],
)
def test_what_stops_a_flow_is_named_with_its_step(
    faults: Look, old: str, new: str, wanted: str
) -> None:
    *_, last = faults(log_in, _IMPATIENT, get={old: new})

    assert last.startswith(wanted)


def test_everything_that_is_wrong_with_a_page_is_told(faults: Look) -> None:
    wrong = """<script>alert(1)</script>
        <img src="/static/favicon.svg"><img src="/static/no.svg" alt=""><p class="or">"""
    found = faults(
        log_in,
        get={
            '<p class="or">': wrong,
            "<footer": f"<nobr>{'bred ' * 99}</nobr><footer",
            '<html lang="sv">': '<html lang="en">',
            "<title>Logga in": "<title>Inloggning",
            'id="email"': 'id="email" autofocus',
        },
    )

    for wanted in (
        "sideways scroll at 320 px: ",
        "sideways scroll at 1280 px: ",
        "console: Executing inline script violates",
        "request: 404: http://localhost",
        "focus is on input#email ”E-post” and should be on body",
        "the title is 'Inloggning – MinaSidor' and should be 'Logga in – MinaSidor'",
        "the page's language is 'en' and should be 'sv'",
        "axe image-alt: ",
    ):
        line = f"step 1 of flow prov (desktop): {wanted}"
        assert any(fault.startswith(line) for fault in found), (wanted, found)


def test_focus_and_errors_after_a_swap(faults: Look) -> None:
    found = faults(
        register, post={'tabindex="-1" autofocus': 'tabindex="-1"', 'aria-invalid="true"': ""}
    )

    for wanted in (
        "step 2 of flow prov (desktop): focus is on body and should be on h1",
        "step 3 of flow prov (desktop): focus is on body and should be on .error-summary",
        "step 3 of flow prov (desktop): the summary's 'Ange ditt kundnummer.' leads to no field",
    ):
        assert any(fault.startswith(wanted) for fault in found), (wanted, found)


def test_words_of_the_instruction_that_are_not_on_the_page(faults: Look) -> None:
    def drifted(walk: Walk) -> None:
        walk.open("/logga-in")
        walk.arrive("Logga in")
        walk.step("Klicka på **Skapa konto**.", link("Registrera konto med E-post")).click()

    assert faults(drifted) == [
        "step 1 of flow prov (desktop): the sentence says 'Skapa konto', which is not on the page"
    ]


def test_a_fault_that_stops_a_flow_leaves_the_steps_before_it(faults: Look) -> None:
    def stuck(walk: Walk) -> None:
        walk.open("/logga-in")
        walk.arrive("Logga in")
        walk.step("Klicka på **Bli kund**.", button("Bli kund")).click()
        raise RuntimeError("it went on")

    found = faults(stuck, _IMPATIENT)
    assert [fault.partition(";")[0] for fault in found] == [
        "step 1 of flow prov (desktop): no button 'Bli kund'"
    ]


def test_flows_are_told_apart_and_their_steps_read_as_sentences() -> None:
    names = [flow.name for flow in FLOWS]
    assert len(set(names)) == len(names)
    for flow in FLOWS:
        for javascript in (True, False):
            steps = outline.of(flow, javascript=javascript)
            assert steps, flow.name
            for step in steps:
                assert step.sentence.endswith((".", "!", ".**", "!**")), step.sentence
                marks = f"{step.sentence} {step.note}".count("**")
                assert marks == 2 * len(step.bold), step.sentence


def test_a_step_is_found_by_its_number_its_words_or_its_page() -> None:
    steps = outline.of(next(flow for flow in FLOWS if flow.name == "registrera"))
    assert outline.find(steps, "3") == 3
    assert steps[outline.find(steps, "skapa användarkonto") - 1].bold == ["Skapa användarkonto"]
    assert steps[outline.find(steps, "Steg 2") - 1].heading.startswith("Steg 2 av 4")
    with pytest.raises(KeyError):
        outline.find(steps, "99")


def test_the_command_line_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["registrera", "--list"]) == 0
    assert "Klicka på Skapa användarkonto." in capsys.readouterr().out
    with pytest.raises(SystemExit, match="There is no flow nothing"):
        main(["nothing"])
    with pytest.raises(SystemExit, match="go with one flow"):
        main(["--step", "3"])


def test_pictures_are_compared_but_for_what_differs_each_time() -> None:
    then = Image.new("RGB", (200, 100), "white")
    now = then.copy()
    ImageDraw.Draw(now).rectangle((10, 10, 29, 19), fill="black")

    assert difference(then, then, [], 1)[0] == 0
    assert difference(then, now, [], 1)[0] == pytest.approx(1)
    assert difference(then, now, [Box(5, 5, 10, 5)], 2)[0] == 0
    assert difference(then, Image.new("RGB", (200, 200), "black"), [], 1)[0] == 100


def test_a_step_is_compared_with_the_same_step_of_the_run_before(tmp_path: Path) -> None:
    """Also where a flow says the same sentence twice, and where a step is new."""
    album = Album(tmp_path)

    def run(fingerprint: str, *sentences: tuple[str, str]) -> list[str]:
        flow = FlowSeen("prov", "Prov", "", "desktop", "Dator", finished=True)
        folder = album.turn_page(flow.slug)
        for number, (sentence, colour) in enumerate(sentences, 1):
            picture = folder / f"{number:02}.png"
            Image.new("RGB", (20, 10), colour).save(picture)
            step = Seen(number, sentence, "look", "", "Prov", width=20)
            step.picture = str(picture.relative_to(tmp_path))
            flow.steps.append(step)
        album.keep(flow, fingerprint)
        return [step.change for step in flow.steps]

    assert run("a", ("Titta.", "red"), ("Titta.", "blue")) == ["new", "new"]
    assert run("a", ("Gå.", "gray"), ("Titta.", "red"), ("Titta.", "blue")) == [
        "new",
        "same",
        "same",
    ]
    assert run("a", ("Titta.", "red"), ("Titta.", "red")) == ["same", "changed"]
    assert (tmp_path / "skillnader" / "prov-desktop" / "02.png").exists()
    assert run("b", ("Titta.", "red")) == ["other_browser"]


def test_the_report_opens_from_the_disk_and_the_next_run_is_compared(
    browser: Browser, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.walkthrough", "logga-ut", "--device", "phone"]
    for _ in range(2):
        done = subprocess.run(
            [*command, "--folder", tmp_path], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr

    twin = json.loads((tmp_path / "genomgang.json").read_text())
    (flow,) = twin["flows"]
    assert {step["change"] for step in flow["steps"]} == {"same"}
    assert not (tmp_path / "spar").exists(), "no trace of what went well"
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "index.html").as_uri())
    assert page.locator("h1").inner_text() == "Genomgång av MinaSidor"
    assert page.locator(".step").count() == len(flow["steps"])
    assert {urlsplit(url).scheme for url in asked} <= {"file", "data"}
    assert inspection.violations(page) == []
    page.close()
