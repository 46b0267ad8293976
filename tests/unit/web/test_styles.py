"""The style sheets as one file: what stands in it, how long it is kept, and who gets them apart."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.unit.conftest import Visitor, settings
from web import styles
from web.app import create_app
from web.settings import ROOT

pytestmark = pytest.mark.anyio


async def sheets(visitor: Visitor, path: str = "/offline") -> list[str]:
    """The addresses that a page links; /offline needs no database."""
    html = (await visitor.get(path)).text
    return re.findall(r'<link rel="stylesheet" href="([^"]+)"', html)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, ...]:
    """Two sheets that may be changed."""
    made = (tmp_path / "first.css", tmp_path / "second.css")
    for file in made:
        file.write_text(f"/* {file.stem} */\n")
    monkeypatch.setattr(styles, "_FILES", made)
    return made


async def test_a_page_links_one_file_with_all_sheets_in_their_order(visitor: Visitor) -> None:
    (address,) = await sheets(visitor)
    answer = await visitor.get(address)

    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    folder = ROOT / "static" / "css"
    assert answer.text == "".join((folder / f"{name}.css").read_text() for name in styles.SHEETS)
    assert answer.text.index("@layer tokens, reset,") < answer.text.index("{")


async def test_it_is_kept_for_ever_by_its_hash_and_asked_for_again_without(
    visitor: Visitor,
) -> None:
    (address,) = await sheets(visitor)
    assert "immutable" in (await visitor.get(address)).headers["cache-control"]
    assert (await visitor.get(address.split("?")[0])).headers["cache-control"] == "no-cache"
    assert await sheets(visitor, "/logga-in") == await sheets(visitor, "/finns-inte") == [address]


async def test_a_changed_sheet_has_another_address(
    visitor: Visitor, files: tuple[Path, ...]
) -> None:
    (before,) = await sheets(visitor)
    assert (await visitor.get(before)).text == "/* first */\n/* second */\n"

    files[1].write_text("/* other */\n")
    os.utime(files[1], ns=(0, 0))
    (after,) = await sheets(visitor)

    assert after != before
    assert (await visitor.get(after)).text == "/* first */\n/* other */\n"


async def test_files_that_did_not_change_are_not_read_again(
    files: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = styles.joined()
    monkeypatch.delattr(Path, "read_text")
    assert styles.joined() == before


async def test_live_reload_links_each_by_its_own_name() -> None:
    portal = Visitor(create_app(settings(env="development", live_reload=True)))
    linked = await sheets(portal)
    names = [address.removeprefix("/static/css/").partition(".css?v=")[0] for address in linked]
    assert names == list(styles.SHEETS)
