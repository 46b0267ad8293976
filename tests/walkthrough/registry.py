"""The list of flows, and what each says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.people import Person
from tests.walkthrough.walk import Walk


@dataclass(frozen=True)
class Flow:
    """Something that customers do, from the first click to the last."""

    name: str  # on the command line and in file names
    title: str
    act: Callable[[Walk], None]
    points: str = ""  # of the printed instruction
    chapter: str = ""  # its heading in the guide; empty: the guide leaves it out
    claims: str = ""  # the customer number of the demo customer whose account is claimed
    registers: Person | None = None
    logs_in_as: str = ""  # the e-mail address of a demo user
    reads_mail: bool = False  # in the mailbox of a development portal
    uses_bankid: bool = False  # the simulated one of a development portal


FLOWS: list[Flow] = []


def flow(
    name: str,
    title: str,
    *,
    points: str = "",
    chapter: str = "",
    claims: str = "",
    registers: Person | None = None,
    logs_in_as: str = "",
    reads_mail: bool = False,
    uses_bankid: bool = False,
) -> Callable[[Callable[[Walk], None]], Callable[[Walk], None]]:
    """Make a function one of the flows; they are walked in the order in which they stand."""

    def register(act: Callable[[Walk], None]) -> Callable[[Walk], None]:
        FLOWS.append(
            Flow(
                name,
                title,
                act,
                points,
                chapter,
                claims,
                registers,
                logs_in_as,
                reads_mail,
                uses_bankid,
            )
        )
        return act

    return register
