"""The colours: each token is measured against what it stands on, in the light and the dark theme.

WCAG 2.2: text 4.5 (1.4.3); what shows where a control is, or that it has focus, 3 (1.4.11, 2.4.13).
"""

from __future__ import annotations

import re
from itertools import product

import pytest

from tests.unit.stylesheets import CSS, Rule, rules

TEXT, CONTROL = 4.5, 3.0

_SURFACES = ("background", "surface", "surface-sunken")
_MESSAGES = ("error", "success", "warning", "info")
# (what is seen, what it stands on): the least contrast.
PAIRS: dict[tuple[str, str], float] = {
    **{("text", ground): TEXT for ground in _SURFACES},
    **{("text-muted", ground): TEXT for ground in _SURFACES},
    **{("link", ground): TEXT for ground in _SURFACES},
    **{("link-hover", ground): TEXT for ground in (*_SURFACES, "success-background")},
    **{("text", f"{kind}-background"): TEXT for kind in _MESSAGES},
    **{("link", f"{kind}-background"): TEXT for kind in _MESSAGES},
    **{(kind, f"{kind}-background"): TEXT for kind in _MESSAGES},
    ("error", "surface"): TEXT,
    ("success", "surface"): TEXT,
    ("on-action", "action"): TEXT,
    ("on-action", "action-hover"): TEXT,
    ("on-accent", "accent"): TEXT,
    ("on-accent", "accent-hover"): TEXT,
    ("on-brand", "brand"): TEXT,
    ("on-brand-muted", "brand"): TEXT,
    # Borders and marks without which a control, or the state it is in, would not be seen.
    **{("action", ground): CONTROL for ground in _SURFACES},
    **{("line-input", ground): CONTROL for ground in _SURFACES},
    ("accent", "brand"): CONTROL,
    # The ring, and the halo around it: one of them is seen on every ground, and one on the other.
    **{("focus", ground): CONTROL for ground in (*_SURFACES, "focus-halo")},
    ("focus-halo", "brand"): CONTROL,
}
# Nothing is told by these alone.
DECORATION = {"line", "shadow"}

_COLOUR = re.compile(r"#[0-9a-f]{3}(?:[0-9a-f]{3})?\b|\brgba?\(", re.IGNORECASE)
_TOKEN = re.compile(r"var\(--([\w-]+)[^()]*\)+$")
_GROUNDS = re.compile(r"background(?:-color)?|--\w+-background(-hover)?")
_SEEN = re.compile(r"color|fill|--\w+-(?:text|icon)(-hover)?")
# In print, black on white. The QR code is, always: not every app reads it otherwise.
_MAY_BE_LITERAL = {".qr"}


def _tokens(rule: Rule) -> dict[str, str]:
    return {
        name.removeprefix("--"): value for name, value in rule.declarations if name.startswith("--")
    }


LIGHT, DARK, FORCED_DARK = (
    _tokens(rule) for rule in rules(CSS / "tokens.css") if rule.selector.startswith(":root")
)
THEMES = {"light": LIGHT, "dark": LIGHT | DARK}
COLOURS = {name for name, value in LIGHT.items() if _COLOUR.search(value)}


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    channels = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", THEMES)
def test_what_is_seen_stands_out_from_its_ground(theme: str) -> None:
    tokens = THEMES[theme]
    low = {
        f"--{seen} on --{ground}": f"{found:.2f}, and {least} is needed"
        for (seen, ground), least in PAIRS.items()
        if (found := contrast(tokens[seen], tokens[ground])) < least
    }
    assert not low


def test_every_colour_is_in_a_pair() -> None:
    assert {token for pair in PAIRS for token in pair} == COLOURS - DECORATION


def test_the_dark_theme_is_the_same_forced_or_asked_for() -> None:
    assert DARK == FORCED_DARK
    assert DARK.keys() <= LIGHT.keys(), "a dark value of what the light theme does not know"


def test_the_pairs_that_stand_in_one_rule_are_measured() -> None:
    """A rule that sets both a ground and what is seen on it."""
    unknown = set()
    for rule in rules():
        for hovered in (False, True):
            grounds = _values(rule, _GROUNDS, hovered)
            for pair in product(_values(rule, _SEEN, hovered), grounds):
                if pair not in PAIRS:
                    unknown.add(f"{rule.place}: --{pair[0]} on --{pair[1]}")
    assert not unknown


def test_only_the_tokens_name_colours() -> None:
    literal = [
        f"{rule.place}: {rule.selector} {{ {name}: {value} }}"
        for rule in rules()
        if not rule.file.endswith("/tokens.css")
        and rule.selector not in _MAY_BE_LITERAL
        and not any("print" in condition for condition in rule.within)
        for name, value in rule.declarations
        # In a mask, black is what is seen and no colour.
        if _COLOUR.search(value) and "mask" not in name
    ]
    assert not literal


def _values(rule: Rule, names: re.Pattern[str], hovered: bool) -> list[str]:
    """The colour tokens among what the rule says, plain, or of variables of the hovered state."""
    found = []
    for name, value in rule.declarations:
        match, token = names.fullmatch(name), _TOKEN.search(value)
        if match and token and token[1] in COLOURS and bool(match[1]) is hovered:
            found.append(token[1])
    return found
