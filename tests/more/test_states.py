"""Each state of the gallery in the dark, at 320 px; `make test` looks at one of each page."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import logs, new_visitor, portal, visitor, watch  # noqa: F401 - fixtures
from tests.e2e.test_gallery import (
    PAGES,
    STATES,
    add_axe,
    in_the_dark,
    sandbox,  # noqa: F401 - a fixture
)
from tests.e2e.visitor import Visitor
from tests.e2e.ways import with_javascript


@pytest.mark.parametrize("name", PAGES)
@with_javascript
def test_each_state_in_the_dark(visitor: Visitor, name: str) -> None:  # noqa: F811
    page, found = visitor.page, list[str]()
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": 320, "height": 640})
    for state in (s for s in STATES if s.page == name):
        page.goto(f"{state.url}/sida")
        add_axe(page)
        found += in_the_dark(page, state)
    assert not found, "\n".join(found)
