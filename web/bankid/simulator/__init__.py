"""BankID played by ourselves: its API, and the phone that answers. For development and tests only.

The state lives in the memory of one process: several would each play a BankID of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.applications import Starlette

from web.bankid.simulator.control import control_app
from web.bankid.simulator.rp import rp_app
from web.bankid.simulator.state import State


class InProduction(Exception):
    """Whoever holds this phone is whoever they say: never where there are real customers."""


@dataclass(frozen=True)
class Simulator:
    """`rp_app` answers under /rp/v6.0/; `control_app` is mounted anywhere, its CSS is /static."""

    state: State
    rp_app: Starlette
    control_app: Starlette


def create_simulator(
    *,
    now: Callable[[], datetime] | None = None,
    auto: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Simulator:
    """A BankID without orders. `now` and `auto` as in `State`; raises InProduction."""
    if environ.get("MINASIDOR_ENV") == "production":
        raise InProduction("the BankID simulator does not run with MINASIDOR_ENV=production")
    state = State(now, auto)
    return Simulator(state, rp_app(state), control_app(state))
