"""The customers' printed instruction: built once from the flows, and read as they read it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pypdf
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from PIL import Image
from playwright.sync_api import Browser, Page
from pypdf.generic import ArrayObject, BooleanObject, Destination, DictionaryObject, IndirectObject

from tests import qr
from tests.walkthrough.controls import BANNER, link
from tests.walkthrough.guide import pictures
from tests.walkthrough.guide.__main__ import read_settings
from tests.walkthrough.guide.build import Wrong, build, chapters
from tests.walkthrough.guide.document import TITLE, Written
from tests.walkthrough.guide.pictures import Box
from tests.walkthrough.registry import Flow
from tests.walkthrough.stage import OwnStage, own_stage
from tests.walkthrough.walk import Walk
from web.settings import ROOT

_SETTINGS = {
    "BRAND": "Kretsloppet & Söner i Provstad",
    "SUPPORT_PHONE": "08-465 004 72",
    "SUPPORT_EMAIL": "kundservice.foretag@kretsloppet-i-provstad.example",
    "SUPPORT_HOURS": "helgfria dagar 9–15",
    "POSTAL_ADDRESS": "Provgatan 12, 111 22 Provstad",
    "BASE_URL": "https://minasidor.kretsloppet.example",
}
# The building takes most of it, in the first test to ask; a busy machine needs patience.
pytestmark = pytest.mark.timeout(400)
_A4 = (595.28, 841.89)  # points


@dataclass
class Guide:
    written: Written
    stage: OwnStage
    pdf: pypdf.PdfReader
    html: str
    texts: list[str]  # of the PDF's pages

    @property
    def numbers(self) -> list[int]:
        return [a.number for c in self.written.chapters for s in c.scenes for a in s.actions]


@pytest.fixture(scope="module")
def guide(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guide]:
    folder = tmp_path_factory.mktemp("guide")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _SETTINGS.items():
            patch.setenv(f"MINASIDOR_{name}", value)
        with own_stage() as stage:
            written = build(folder, stage, browser, read_settings(), tell=lambda _: None)
            pdf = pypdf.PdfReader(written.pdf)
            texts = [_plain(page.extract_text()) for page in pdf.pages]
            yield Guide(written, stage, pdf, written.index.read_text(), texts)


@pytest.fixture
def page(browser: Browser, guide: Guide) -> Iterator[Page]:
    """The page as it is opened from a disk, with no network."""
    page = browser.new_page(offline=True, viewport={"width": 320, "height": 640})
    page.goto(guide.written.index.as_uri())
    yield page
    page.close()


def test_the_numbers_go_from_one_to_the_last_and_each_is_marked_in_a_picture(guide: Guide) -> None:
    assert guide.numbers == list(range(1, len(guide.numbers) + 1))
    for chapter in guide.written.chapters:
        for scene in chapter.scenes:
            marked = [number for number, _ in scene.picture.marks]
            assert marked == [a.number for a in scene.actions if a.control], scene.heading


def test_the_steps_carry_the_names_that_customers_see(guide: Guide) -> None:
    headings = [s.heading for s in guide.written.chapters[0].scenes]
    assert headings[:6] == [
        "Startsidan",
        "Logga in",
        "Steg 1. Registrera dig",
        "Steg 2. Ange kontouppgifter",
        "Steg 3. Fyll i dina uppgifter",
        "Steg 4. Välj om du vill använda dig av tvåfaktorsautentisering",
    ]


def test_words_that_are_not_on_the_page_are_not_printed(
    guide: Guide, browser: Browser, tmp_path: Path
) -> None:
    def act(walk: Walk) -> None:
        walk.open("/")
        walk.arrive("En inloggning för alla era kundkonton")
        walk.step("Klicka på **Stig in**.", link("Logga in", BANNER)).look()

    flow = Flow("fel", "Fel", act, chapter="Fel")
    with pytest.raises(Wrong, match="Stig in"):
        build(tmp_path, guide.stage, browser, read_settings(), flows=[flow], tell=lambda _: None)
    assert not list(tmp_path.iterdir())


def test_messages_and_words_in_bold_are_the_portals_own(page: Page) -> None:
    """Those of the steps were on the page when they were done; these stand in its sources."""
    source = _plain(_source())
    shown = page.locator(".said, .problem strong, .ways strong, .chapter__head strong")
    for words in shown.all_inner_texts():
        if words.endswith(":") or words == _SETTINGS["BASE_URL"].removeprefix("https://"):
            continue
        for part in _plain(words).split("…"):
            number_free = re.split(r"\d+", part)
            assert all(piece.strip() in source for piece in number_free), words


def test_company_contact_and_address_come_from_the_settings(guide: Guide, page: Page) -> None:
    on_screen, printed = page.locator("body").inner_text(), " ".join(guide.texts)
    for value in _SETTINGS.values():
        assert value.removeprefix("https://") in on_screen
        assert value.removeprefix("https://") in printed
    for text in guide.texts:
        assert f"{_SETTINGS['BRAND']} · {_SETTINGS['SUPPORT_PHONE']}" in text, "the foot of a page"


def test_nobody_can_scan_a_code_off_the_paper(guide: Guide) -> None:
    stamped = 0
    for chapter in guide.written.chapters:
        for scene in chapter.scenes:
            picture = Image.open(guide.written.index.parent / "bilder" / scene.picture.name)
            assert not qr.texts(picture, try_invert=True), scene.heading
            stamped += len(scene.picture.examples)
    assert stamped >= 3, "QR code, key and recovery codes"


def test_a_mark_is_a_ring_around_the_control_and_a_number_beside_it() -> None:
    blank = Image.new("RGB", (800, 400), "#fff")
    plain = _png(blank)

    drawn = pictures.picture(plain, Box(0, 0, 400, 200), [(7, Box(100, 80, 200, 120))], [])

    amber = (255, 197, 61)
    assert drawn.getpixel((300, 153)) == amber, "the ring, above the control"
    assert drawn.getpixel((300, 200)) == (255, 255, 255), "the control itself"
    assert drawn.getpixel((150, 200)) == amber, "the number's ground, on the left"
    beside = drawn.crop((150, 190, 180, 210)).getcolors(1000) or []
    assert (18, 34, 27) in [colour for _, colour in beside], "the number"


def test_the_pdf_is_tagged_titled_and_in_swedish(guide: Guide) -> None:
    root = guide.pdf.root_object
    info = root["/MarkInfo"].get_object()
    assert isinstance(info, DictionaryObject)
    assert info["/Marked"] == BooleanObject(True)
    assert "/StructTreeRoot" in root
    assert str(root["/Lang"]) == "sv"
    assert guide.pdf.metadata is not None
    assert guide.pdf.metadata.title == TITLE


def test_every_picture_is_described_in_words(guide: Guide, page: Page) -> None:
    described = [img.get_attribute("alt") or "" for img in page.get_by_role("img").all()]
    pictures_of_steps = [s.picture.alt for c in guide.written.chapters for s in c.scenes]
    assert all(len(alt) > 20 for alt in pictures_of_steps)
    assert set(pictures_of_steps) <= set(described)
    in_pdf = list(_alternatives(guide.pdf.root_object["/StructTreeRoot"]))
    assert set(pictures_of_steps) <= set(in_pdf)


def test_each_chapter_has_its_bookmark_and_its_page_in_the_contents(guide: Guide) -> None:
    bookmarks = dict(_bookmarks(guide.pdf, guide.pdf.outline))
    titles = [*(flow.chapter for flow in chapters()), "Om något inte går", "Behöver du hjälp?"]
    for title in titles:
        assert f"{title} {bookmarks[title] + 1}" in guide.texts[0], "its line in the contents"
        assert title in guide.texts[bookmarks[title]]


def test_a_page_break_never_parts_a_heading_its_sentences_and_their_numbers(guide: Guide) -> None:
    for chapter in guide.written.chapters:
        for scene in chapter.scenes:
            words = [scene.heading, *(_plain(a.text.replace("**", "")) for a in scene.actions)]
            words += [f"{a.number} " for a in scene.actions]
            assert any(all(w in text for w in words) for text in guide.texts), words


def test_it_is_a_few_pages_of_a4_with_the_fonts_inside(guide: Guide) -> None:
    assert 6 <= len(guide.pdf.pages) <= 30  # two or three for each point of the instruction
    for number, page in enumerate(guide.pdf.pages, 1):
        assert (float(page.mediabox.width), float(page.mediabox.height)) == pytest.approx(
            _A4, abs=1
        )
        assert f"Sida {number} av {len(guide.pdf.pages)}" in _plain(page.extract_text())
    fonts = {name for page in guide.pdf.pages for name in _fonts(page)}
    assert any("Figtree" in name for name, _ in fonts)
    assert all(embedded for _, embedded in fonts), fonts


def test_the_page_is_accessible_fits_320_pixels_and_needs_no_network(
    guide: Guide, page: Page
) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    shown = "images => images.every((image) => image.complete && image.naturalWidth > 0)"
    assert page.locator("img").evaluate_all(shown)
    assert page.evaluate("document.fonts.check('700 20px Figtree')")
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", guide.html)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        assert not found, [(v["id"], [n["html"][:100] for n in v["nodes"]]) for v in found]


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _source() -> str:
    """All that the portal can say: its templates without tags, and the sentences of its code."""
    folders = (ROOT / "templates").rglob("*.html"), (ROOT / "web").rglob("*.py")
    templates, code = ("\n".join(path.read_text() for path in paths) for paths in folders)
    templates = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " … ", templates)
    code = re.sub(r'"\s*\n\s*f?"', "", code)  # a sentence on two lines
    return f"{re.sub(r'<[^>]+>', '', templates)} {code}"


def _png(image: Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "png")
    return written.getvalue()


def _alternatives(node: object) -> Iterator[str]:
    """The /Alt of all figures below."""
    if isinstance(node, IndirectObject):
        node = node.get_object()
    if isinstance(node, ArrayObject):
        for each in node:
            yield from _alternatives(each)
    elif isinstance(node, DictionaryObject):
        if "/Alt" in node:
            yield str(node["/Alt"])
        if ("/K" in node and "/S" in node) or node.get("/Type") == "/StructTreeRoot":
            yield from _alternatives(node.get("/K"))


def _bookmarks(pdf: pypdf.PdfReader, items: Sequence[object]) -> Iterator[tuple[str, int]]:
    for item in items:
        if isinstance(item, list):
            yield from _bookmarks(pdf, item)
        elif isinstance(item, Destination):
            yield str(item.title), pdf.get_destination_page_number(item) or 0


def _fonts(page: pypdf.PageObject) -> Iterator[tuple[str, bool]]:
    """Name, and whether its shapes are in the file. Fonts of many weights become Type 3."""
    resources = page["/Resources"].get_object()
    assert isinstance(resources, DictionaryObject)
    for each in resources.get("/Font", {}).values():
        font = each.get_object()
        inner = font.get("/DescendantFonts", [font])[0].get_object()
        described = inner.get("/FontDescriptor", DictionaryObject()).get_object()
        inside = {"/FontFile", "/FontFile2", "/FontFile3"} & described.keys()
        yield str(described.get("/FontName")), font["/Subtype"] == "/Type3" or bool(inside)
