"""The cookies of the portal: their names, and the attributes all of them carry."""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from web.settings import Settings

Name = Literal[
    "session",
    "registration",
    "device",
    "login_tab",
    "link",
    "asked",
    "flash",
    "kept_form",
    "bankid",
    "app",
]

DEVICE_LIFETIME = 399 * 24 * 3600  # seconds; browsers cap at 400 days (RFC 6265bis §5.5)
TAB_LIFETIME = 365 * 24 * 3600  # seconds
LINK_LIFETIME = 600  # seconds: a token on its way out of the URL


def get(request: Request, name: Name) -> str:
    return request.cookies.get(full_name(request, name), "")


def set(
    response: Response, request: Request, name: Name, value: str, *, max_age: int | None = None
) -> None:
    """`max_age` in seconds; without it the cookie ends with the browser."""
    response.set_cookie(
        full_name(request, name),
        value,
        max_age=max_age,
        path="/",
        secure=_settings(request).https,
        httponly=True,
        samesite="lax",
    )


def delete(response: Response, request: Request, name: Name) -> None:
    response.delete_cookie(
        full_name(request, name),
        path="/",
        secure=_settings(request).https,
        httponly=True,
        samesite="lax",
    )


def full_name(request: Request, name: Name) -> str:
    # __Host-: no subdomain and no plain http can set it. Over http some browsers drop it.
    return f"__Host-{name}" if _settings(request).https else name


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings
