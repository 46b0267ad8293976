"""The bare pages of `make bench` render: what their templates ask for is kept there by hand."""

from __future__ import annotations

import pytest

from bench import bare
from tests.unit.conftest import SETTINGS, Visitor


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/logga-in", "/kund/100200"])
async def test_a_bare_page_renders(path: str) -> None:
    visitor = Visitor(bare.application(SETTINGS))
    assert (await visitor.visit(path)).status == 200
