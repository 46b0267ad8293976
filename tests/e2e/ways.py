"""Marks that say which visitors a walkthrough is for."""

import pytest


def _visitors(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("visitor", names, ids=names, indirect=True)


every_way = _visitors("htmx-desktop", "htmx-phone", "nojs-desktop", "nojs-phone")
# Twice each, and between them on both screens.
both_ways = _visitors("htmx-desktop", "nojs-phone")
other_ways = _visitors("htmx-phone", "nojs-desktop")
with_htmx = _visitors("htmx-desktop", "htmx-phone")
with_javascript = _visitors("htmx-desktop")
without_javascript = _visitors("nojs-desktop", "nojs-phone")
