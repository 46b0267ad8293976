"""The apps that may log in: public clients, which keep no secret (RFC 6749 §2.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from models.app_device import AppDevice
from web.forms import printable
from web.settings import Settings

_LOOPBACK = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/")  # RFC 8252 §7.3: the port is free


@dataclass(frozen=True)
class MobileClient:
    """One of the apps: its client_id, and what users see it called."""

    id: str
    platform: str
    named: str  # as in "Någon loggade in från …"
    is_reference: bool = False  # ours, in development only: `python -m web.mobile.client`

    def takes(self, redirect_uri: str, settings: Settings) -> bool:
        """Whether it may be answered there: by exact comparison (RFC 9700 §2.1)."""
        if self.is_reference:
            return _LOOPBACK.fullmatch(redirect_uri) is not None
        return redirect_uri in (f"{settings.base_url}/app/klar", own_scheme(settings))

    def device_name(self, sent: str) -> str:
        """What a device is called in the list, until its user renames it: as much as there is room
        for of what the app says, or the phone's system."""
        return printable(sent)[: AppDevice.LONGEST_NAME].strip() or self.platform


_CLIENTS = {
    client.id: client
    for client in (
        MobileClient("mittprezero-ios", "iOS", "appen MittPreZero (iOS)"),
        MobileClient("mittprezero-android", "Android", "appen MittPreZero (Android)"),
        MobileClient("mittprezero-reference", "Referens", "referensklienten för MittPreZero", True),
    )
}


def find(client_id: str, settings: Settings) -> MobileClient | None:
    """The app with this client_id, if this installation lets it in."""
    client = _CLIENTS.get(client_id)
    return None if client and client.is_reference and not settings.development else client


def own_scheme(settings: Settings) -> str:
    """The address that opens the app by its own scheme."""
    return f"{settings.app_scheme}:/klar"


def named(client_id: str) -> str:
    """What the app is called in a sentence, also one that is let in no more."""
    client = _CLIENTS.get(client_id)
    return client.named if client else "appen MittPreZero"


def titled(client_id: str) -> str:
    """What it is called where its name stands alone: "MittPreZero (iOS)"."""
    system = platform(client_id)
    return f"MittPreZero ({system})" if system else "MittPreZero"


def platform(client_id: str) -> str:
    """The phone's system, as the list of devices shows it."""
    client = _CLIENTS.get(client_id)
    return client.platform if client else ""
