"""Each state of the gallery, light and dark, wide and at 320 px; `make test` looks at a few."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import logs, new_visitor, portal, visitor, watch  # noqa: F401 - fixtures
from tests.e2e.test_gallery import (
    STATES,
    in_the_dark,
    in_the_light,
    sandbox,  # noqa: F401 - a fixture
)
from tests.e2e.visitor import Visitor
from tests.e2e.ways import with_javascript


@pytest.mark.parametrize("name", dict.fromkeys(state.page for state in STATES))
@with_javascript
def test_each_state_is_accessible_and_narrow(visitor: Visitor, name: str) -> None:  # noqa: F811
    page, found = visitor.page, list[str]()
    page.emulate_media(reduced_motion="reduce")
    for state in (s for s in STATES if s.page == name):
        found += [*in_the_light(page, state), *in_the_dark(page, state)]
    assert not found, "\n".join(found)
