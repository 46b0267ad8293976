"""The animated QR code: BankID's own numbers, and a picture that cameras read."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from tests.qr import texts
from web.bankid import qr

# From the example of BankID's documentation; ActiveLogin has the same test vectors.
TOKEN = "67df3917-fa0d-44e5-b327-edcc928297f8"
SECRET = "d28db9a7-4cde-429e-a983-359be676944c"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (0, "dc69358e712458a66a7525beef148ae8526b1c71610eff2c16cdffb4cdac9bf8"),
        (1, "949d559bf23403952a94d103e67743126381eda00f0b3cbddbf7c96b1adcbce2"),
        (2, "a9e5ec59cb4eee4ef4117150abc58fad7a85439a6a96ccbecc3668b41795b3f3"),
        (10, "2822ca616ce1e64a1c171df69154ebc5adef4011244c867d6ad88a02db178962"),
        (29, "26049f2bc12d5b43ebe8bf701e7725abf015d2d8347aa04c924b5793ee4a196c"),
    ],
)
def test_says_what_bankid_computes(seconds: int, code: str) -> None:
    content = qr.content(TOKEN, SECRET, seconds)
    assert content == f"bankid.{TOKEN}.{seconds}.{code}"
    assert SECRET not in content


def test_the_picture_can_stand_under_a_strict_policy_and_is_named() -> None:
    svg = str(qr.image(qr.content(TOKEN, SECRET, 0)))
    assert svg.startswith('<svg role="img" aria-label="QR-kod för BankID" viewBox="0 0 49 49">')
    assert 'fill="#fff" d="M0 0h49v49h-49z"' in svg, "white to the edge, in dark mode too"
    assert 'stroke="#000"' in svg
    assert "style" not in svg
    assert "class" not in svg
    assert "xmlns" not in svg


@pytest.mark.parametrize("seconds", [0, 9, 10, 99, 100, 179])
def test_the_picture_says_the_content_and_keeps_its_size(seconds: int) -> None:
    content = qr.content(TOKEN, SECRET, seconds)
    svg = str(qr.image(content))
    assert 'viewBox="0 0 49 49"' in svg, "41 modules and twice 4: nothing moves on the page"
    assert texts(_painted(svg)) == {content}


def _painted(svg: str) -> Image.Image:
    """The path's strokes, one module high: h draws to the right, m and M move."""
    scale = 4
    picture = Image.new("L", (49 * scale, 49 * scale), 255)
    found = re.search(r'stroke="#000" d="([^"]+)"', svg)
    assert found
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", found[1]):
        values = [float(number) for number in re.findall(r"-?\d*\.?\d+", numbers)]
        if command == "h":
            left, top = int(x * scale), int((y - 0.5) * scale)
            picture.paste(0, (left, top, left + int(values[0] * scale), top + scale))
            x += values[0]
        elif command == "M":
            x, y = values
        else:
            x, y = x + values[0], y + values[1]
    return picture
