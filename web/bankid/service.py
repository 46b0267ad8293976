"""BankID as this installation reaches it: not at all, the simulated one, or BankID's own server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from web.bankid.client import Client, connect
from web.bankid.launch import APP
from web.settings import Settings

_log = logging.getLogger("minasidor.bankid")
PHONE = "/_bankid"  # the simulated one


@dataclass(frozen=True)
class Service:
    """`app`: the address that starts BankID's app on the same device."""

    client: Client
    app: str = APP
    is_simulated: bool = False
    _under_way: set[asyncio.Task[None]] = field(default_factory=set, compare=False, repr=False)

    async def wait(self, work: Coroutine[None, None, None], longest: float | None) -> None:
        """Let it be done, and wait for it, at most for so many seconds.

        What takes longer goes on all the same; what it raises then nobody gets: it is logged.
        """
        task = asyncio.create_task(work)
        self._under_way.add(task)  # asyncio alone would let go of it
        task.add_done_callback(self._under_way.discard)
        await asyncio.wait({task}, timeout=longest)
        if task.done():
            task.result()
        else:
            task.add_done_callback(_tell)

    async def close(self) -> None:
        """What is under way is waited for: BankID says only once that somebody is proven."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self.client.close()


def reach(settings: Settings, portal: Starlette) -> Service | None:
    """None where BankID is off. Raises SettingError when our certificate cannot be used."""
    if settings.calls_bankid:
        return Service(connect(settings))
    return _simulated(portal) if settings.bankid else None


def of(request: Request) -> Service | None:
    """None where BankID is off."""
    found: Service | None = request.app.state.bankid
    return found


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        _log.error("bankid.not_followed", exc_info=error)


def _simulated(portal: Starlette) -> Service:
    from web.bankid.simulator import create_simulator  # never loaded in production

    simulator = create_simulator()
    portal.state.bankid_simulator = simulator
    portal.router.routes.append(Mount(PHONE, simulator.control_app, name="development:bankid"))
    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(simulator.rp_app),
        base_url="http://bankid.simulator/rp/v6.0/",
    )
    return Service(Client(http), app=f"{PHONE}/app", is_simulated=True)
