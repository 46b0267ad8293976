"""The guide's pictures: the part of a page that matters, its controls ringed and numbered."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Locator

from tests.walkthrough.pictures import Box as Place
from web.settings import ROOT

SCALE = 2  # pixels of the picture for each of the page: sharp on paper too
_FINER = 2  # drawn larger and shrunk, because Pillow draws jagged edges
_FONT = ROOT / "static" / "fonts" / "figtree-5.3.0.woff2"
# Amber between two dark lines and a dark number on amber: seen on white, on green, in grey and by
# those who tell no colours apart. The values are --accent and --text of tokens.css.
_AMBER, _DARK, _VEIL = "#ffc53d", "#12221b", (255, 255, 255, 150)


@dataclass(frozen=True)
class Box:
    """A part of the page, in its own pixels, counted from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, locator: Locator) -> Self:
        place = Place.of(locator)
        return cls(place.x, place.y, place.x + place.width, place.y + place.height)

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def grown(self, by: float) -> Box:
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def within(self, other: Box) -> Box:
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def and_also(self, other: Box) -> Box:
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def whole(self) -> Box:
        return Box(*map(round, (self.left, self.top, self.right, self.bottom)))

    def seen_from(self, other: Box, scale: float) -> tuple[float, float, float, float]:
        """In the coordinates of a picture of the other box."""
        left, top = (self.left - other.left) * scale, (self.top - other.top) * scale
        return left, top, left + self.width * scale, top + self.height * scale


def picture(
    screenshot: bytes, show: Box, marks: Iterable[tuple[int, Box]], examples: Iterable[Box]
) -> Image.Image:
    """What is to be shown, with the marked controls and with EXEMPEL over what nobody may use."""
    left, top, right, bottom = show.seen_from(Box(0, 0, 0, 0), SCALE)
    part = Image.open(io.BytesIO(screenshot)).crop(
        (round(left), round(top), round(right), round(bottom))
    )
    scale = SCALE * _FINER
    layer = Image.new("RGBA", (part.width * _FINER, part.height * _FINER))
    draw = ImageDraw.Draw(layer)
    for box in examples:
        _stamp(draw, box.seen_from(show, scale), scale)
    for number, box in marks:
        # where the picture ends first there is most often nothing to hide
        right = show.right - box.right < box.left - show.left - 1
        ring = box.grown(7).seen_from(show, scale)
        _mark(draw, number, ring, scale, edge=layer.width, on_the_right=right)
    layer = layer.resize(part.size, Image.Resampling.LANCZOS)
    return Image.alpha_composite(part.convert("RGBA"), layer).convert("RGB")


def _mark(
    draw: ImageDraw.ImageDraw,
    number: int,
    box: tuple[float, float, float, float],
    scale: int,
    *,
    edge: int,
    on_the_right: bool,
) -> None:
    left, top, right, bottom = box
    for grown, colour, width in ((0, _DARK, 7), (1.5, _AMBER, 4)):
        inset = grown * scale
        draw.rounded_rectangle(
            (left + inset, top + inset, right - inset, bottom - inset),
            radius=(11 - grown) * scale,
            outline=colour,
            width=round(width * scale),
        )
    radius = 16 * scale
    x = right + 10 * scale if on_the_right else left - 10 * scale
    x = min(max(x, radius + scale), edge - radius - scale)
    y = min((top + bottom) / 2, top + 28 * scale)
    for size, colour in ((radius, _DARK), (radius - 2 * scale, _AMBER)):
        draw.ellipse((x - size, y - size, x + size, y + size), fill=colour)
    draw.text((x, y), str(number), fill=_DARK, font=_font(18 * scale), anchor="mm")


def _stamp(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], scale: int) -> None:
    """A band with EXEMPEL: nobody shall scan a code, or type a key, off the paper."""
    left, top, right, bottom = box
    draw.rounded_rectangle(box, radius=8 * scale, fill=_VEIL)
    half = min(max(22 * scale, (bottom - top) * 0.17), (bottom - top) / 2)
    middle = (top + bottom) / 2
    draw.rectangle((left, middle - half, right, middle + half), fill=_DARK)
    size = min(half * 1.1, (right - left) / 6)
    draw.text(((left + right) / 2, middle), "EXEMPEL", fill="#fff", font=_font(size), anchor="mm")


def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(_FONT, round(size))
    font.set_variation_by_axes([800])
    return font
