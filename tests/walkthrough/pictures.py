"""Pictures of pages. What is drawn is drawn on the picture: the page itself is never touched."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageDraw
from playwright.sync_api import Error, Locator, Page

_AMBER, _INK = (255, 179, 0), (18, 34, 27)
_GAP, _WIDTH = 5, 4  # CSS pixels
_WHERE = """element => {
    const box = element.getBoundingClientRect();
    return [box.x + scrollX, box.y + scrollY, box.width, box.height];
}"""


@dataclass(frozen=True)
class Box:
    """Where something is on the page, in CSS pixels from its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, locator: Locator) -> Box:
        return cls(*locator.evaluate(_WHERE))


def take(page: Page) -> Image.Image:
    """The whole page, also what is scrolled away."""
    try:
        shot = _shot(page)
    except Error:  # a busy machine's browser now and then says that it could not
        shot = _shot(page)
    return Image.open(io.BytesIO(shot)).convert("RGB")


def _shot(page: Page) -> bytes:
    # Hiding the caret would leave style="" behind, which the Content-Security-Policy reports.
    return page.screenshot(full_page=True, caret="initial", animations="disabled")


def outlined(picture: Image.Image, box: Box, scale: float) -> Image.Image:
    """A copy with an amber ring, edged dark on both sides so that it is seen on any ground."""
    copy = picture.copy()
    draw = ImageDraw.Draw(copy)
    for grow, width, colour in (
        (_GAP + _WIDTH + 1.5, _WIDTH + 3, _INK),
        (_GAP + _WIDTH, _WIDTH, _AMBER),
    ):
        corners = _corners(box, grow, scale, copy.size)
        draw.rounded_rectangle(
            corners, radius=12 * scale, outline=colour, width=round(width * scale)
        )
    return copy


def masked(picture: Image.Image, boxes: list[Box], scale: float) -> Image.Image:
    """A copy in which what differs each time is painted over."""
    copy = picture.copy()
    draw = ImageDraw.Draw(copy)
    for box in boxes:
        draw.rectangle(_corners(box, 2, scale, copy.size), fill=(128, 128, 128))
    return copy


def _corners(
    box: Box, grow: float, scale: float, size: tuple[int, int]
) -> tuple[float, float, float, float]:
    left, top = max(0, (box.x - grow) * scale), max(0, (box.y - grow) * scale)
    right = min(size[0] - 1, (box.x + box.width + grow) * scale)
    bottom = min(size[1] - 1, (box.y + box.height + grow) * scale)
    return left, top, max(left + 1, right), max(top + 1, bottom)
