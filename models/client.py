"""Who is asking, as far as a request shows: what limits count by and what sessions remember."""

from __future__ import annotations

import ipaddress
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Client:
    """The browser behind a request: its address, what it calls itself, and its device cookie.

    `is_app`: it is no browser, but the app MittPreZero.
    """

    address: str = ""
    user_agent: str = ""
    device: str = ""
    is_app: bool = False

    @property
    def network(self) -> str:
        """What a limit per client address counts by: of IPv6 the /64 (one household)."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped:
                return str(address.ipv4_mapped)
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)


# Whose request is being answered: an event that is recorded meanwhile notes the address. Nobody's
# where there is no request, as in a worker and in the operator's commands.
asking: ContextVar[Client] = ContextVar("asking", default=Client())  # noqa: B039 - it is frozen
