"""BankID as this installation reaches it: not at all, the simulated one, or BankID's own server."""

from __future__ import annotations

from dataclasses import dataclass

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from web.bankid.client import Client, connect
from web.bankid.launch import APP
from web.settings import Settings

PHONE = "/_bankid"  # the simulated one


@dataclass(frozen=True)
class Service:
    """`app`: the address that starts BankID's app on the same device."""

    client: Client
    app: str = APP
    is_simulated: bool = False


def reach(settings: Settings, portal: Starlette) -> Service | None:
    """None where BankID is off. Raises SettingError when our certificate cannot be used."""
    if settings.calls_bankid:
        return Service(connect(settings))
    return _simulated(portal) if settings.bankid else None


def of(request: Request) -> Service | None:
    """None where BankID is off."""
    found: Service | None = request.app.state.bankid
    return found


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
