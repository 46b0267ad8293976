"""What the customer holds: a computer, a telephone, or one of those that Playwright knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.visitor import Way


@dataclass(frozen=True)
class Device(Way):
    name: str = "desktop"  # on the command line and in file names
    label: str = "Dator"
    described: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def options(self) -> dict[str, Any]:
        # Light, as the instruction is printed; one picture pixel for each of the page's.
        plain = {"color_scheme": "light", "device_scale_factor": 1}
        return {**super().options, **plain, **self.described}


def desktop(*, javascript: bool = True) -> Device:
    return Device(javascript, False, *_named("desktop", "Dator", javascript))


def phone(*, javascript: bool = True) -> Device:
    return Device(javascript, True, *_named("phone", "Mobil", javascript))


def usual() -> list[Device]:
    """Between them on both screens, with JavaScript and without."""
    return [desktop(), phone(), phone(javascript=False)]


def called(name: str, known: Mapping[str, Mapping[str, Any]], *, javascript: bool) -> Device:
    """The one of this name: ours, or Playwright's. Raises KeyError."""
    if name in ("desktop", "phone"):
        return desktop(javascript=javascript) if name == "desktop" else phone(javascript=javascript)
    exact = next((key for key in known if key.casefold() == name.casefold()), name)
    described = {key: value for key, value in known[exact].items() if key != "default_browser_type"}
    slug = "".join(c if c.isalnum() else "-" for c in exact.casefold()).strip("-")
    narrow = bool(described["is_mobile"])
    return Device(javascript, narrow, *_named(slug, exact, javascript), described=described)


def _named(name: str, label: str, javascript: bool) -> tuple[str, str]:
    return (name, label) if javascript else (f"{name}-nojs", f"{label} utan JavaScript")
