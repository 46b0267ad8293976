"""Everything that a step can find fault with: one function each, in English and in Swedish.

English is for the terminal, Swedish for the report. A fault that `stops` ends its flow, because
what follows cannot be done without it; all others are noted and the walk goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.walkthrough.controls import Control


@dataclass(frozen=True)
class Fault:
    kind: str
    english: str
    swedish: str
    stops: bool = False


class Stopped(Exception):
    """The flow cannot go on."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.english)
        self.fault = fault


def no_control(control: Control, others: Sequence[str]) -> Fault:
    english, swedish = f"no {control.english}", f"{control.swedish} finns inte"
    if others:
        shown = list(dict.fromkeys(others))[:8]
        english += f"; there is {', '.join(map(repr, shown))}"
        swedish += f"; det som finns är {', '.join(f'”{name}”' for name in shown)}"
    return Fault("control", english, _sentence(swedish), stops=True)


def many_controls(control: Control, count: int) -> Fault:
    return Fault(
        "control",
        f"{count} of {control.english}, so it is not clear which is meant",
        f"Det finns {count} av {control.swedish}, så det är oklart vilken som menas.",
        stops=True,
    )


def cannot_act(control: Control, action: str, why: str) -> Fault:
    return Fault(
        "control",
        f"cannot {action} {control.english}: {why}",
        f"Det gick inte att använda {control.swedish}: {why}",
        stops=True,
    )


def no_words(words: str) -> Fault:
    return Fault(
        "words",
        f"the sentence says {words!r}, which is not on the page",
        f"Meningen säger ”{words}”, men det står inte på sidan.",
    )


def no_text(text: str) -> Fault:
    return Fault("words", f"the page does not say {text!r}", f"Det står inte ”{text}” på sidan.")


def wrong_page(heading: str, found: str) -> Fault:
    return Fault(
        "page",
        f"the page {heading!r} did not come; this is {found!r}",
        f"Sidan ”{heading}” kom inte. Det här är ”{found}”.",
        stops=True,
    )


def not_refused(heading: str) -> Fault:
    return Fault(
        "page",
        f"there is no error summary on {heading!r}",
        f"Sidan ”{heading}” visar ingen sammanfattning av felen.",
        stops=True,
    )


def wrong_title(wanted: str, found: str) -> Fault:
    return Fault(
        "title",
        f"the title is {found!r} and should be {wanted!r}",
        f"Sidans titel är ”{found}” men ska vara ”{wanted}”.",
    )


def wrong_focus(wanted: str, found: str) -> Fault:
    return Fault(
        "focus",
        f"focus is on {found} and should be on {wanted}",
        f"Fokus är på {found} men ska vara på {wanted}.",
    )


def frame(english: str, swedish: str) -> Fault:
    """Of the page as a whole: language, landmarks, headings, the skip link."""
    return Fault("frame", english, swedish)


def summary(english: str, swedish: str) -> Fault:
    """Of the error summary and the fields it leads to."""
    return Fault("summary", english, swedish)


def overflow(width: int, where: str) -> Fault:
    return Fault(
        "overflow",
        f"sideways scroll at {width} px: {where}",
        f"Sidan går att dra i sidled vid {width} px: {where}",
    )


def axe(rule: str, help_text: str, where: str) -> Fault:
    text = f"axe {rule}: {help_text}: {where}"
    return Fault("axe", text, text)


def console(text: str) -> Fault:
    return Fault("console", f"console: {text}", f"Webbläsarens konsol: {text}")


def request(text: str) -> Fault:
    return Fault("request", f"request: {text}", f"Anrop: {text}")


def of_the_walk(error: BaseException) -> Fault:
    """The walkthrough itself does not know what to make of it."""
    text = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
    return Fault("walk", text, f"Genomgången kom inte vidare: {text}", stops=True)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
