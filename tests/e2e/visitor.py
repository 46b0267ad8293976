"""A visitor: a browser of their own, which notes everything that no page of the portal may do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    ViewportSize,
    WebError,
)
from starlette.routing import Route

from web.routes import routes

_addresses = count(1)
_PASSWORDS = {"password", "current_password", "new_password", "repeated_password"}
_SECRET_FIELDS = _PASSWORDS | {"code", "organisation_suffix", "kept"}
_SECRET_COOKIES = {"session", "registration", "device", "link", "kept_form", "bankid"}
_PATHS = {route.path for route in routes if isinstance(route, Route)}
_LINKS = tuple(path.removesuffix("{token}") for path in _PATHS if path.endswith("/{token}"))
# The browser says so itself of each answer of 4xx, and such answers are part of the portal.
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
_BLOCKED = "Service Worker registration blocked by Playwright"


@dataclass(frozen=True)
class Way:
    """With htmx or as plain pages, on a desktop or on a phone."""

    javascript: bool
    phone: bool

    @property
    def size(self) -> ViewportSize:
        return {"width": 390, "height": 844} if self.phone else {"width": 1280, "height": 900}

    @property
    def options(self) -> dict[str, Any]:
        """What Playwright is told about the browser."""
        return {
            "java_script_enabled": self.javascript,
            "viewport": self.size,
            "is_mobile": self.phone,
            "has_touch": self.phone,
            "color_scheme": "dark" if self.phone else "light",
            "device_scale_factor": 2 if self.phone else 1,
        }

    @classmethod
    def named(cls, name: str) -> Way:
        return cls("htmx" in name, "phone" in name)


@dataclass
class Watch:
    """What all visitors together typed and were handed that no log may show."""

    secrets: set[str] = field(default_factory=set)

    def request(self, request: Request) -> None:
        path = urlsplit(request.url).path
        if path.startswith(_LINKS) and path not in _PATHS:
            self.secrets.add(path.rpartition("/")[2])
        sent = parse_qsl(request.post_data or "", keep_blank_values=False)
        self.secrets |= {value for name, value in sent if name in _SECRET_FIELDS}

    def cookies(self, context: BrowserContext) -> None:
        held = {c.get("name", ""): c.get("value", "") for c in context.cookies()}
        self.secrets |= {held[name] for name in _SECRET_COOKIES & held.keys()}


class Visitor:
    def __init__(
        self, browser: Browser, base_url: str, way: Way, watch: Watch, **options: Any
    ) -> None:
        """`options`: what else Playwright is told about the browser."""
        self.way, self.watch, self.base_url = way, watch, base_url
        self.problems: list[str] = []
        number = next(_addresses)
        self.address = f"198.18.{number // 250}.{number % 250 + 1}"  # RFC 2544: nobody's
        self.context = browser.new_context(
            base_url=base_url,
            locale="sv-SE",
            timezone_id="Europe/Stockholm",
            extra_http_headers={"X-Forwarded-For": self.address},
            permissions=["clipboard-read", "clipboard-write"],
            # One for each visitor takes time, and hides requests from tests that answer them.
            **{"service_workers": "block", **way.options, **options},
        )
        self.context.set_default_timeout(10_000)
        self.context.on("console", self._heard)
        self.context.on("weberror", self._failed)
        self.context.on("request", self._asked)
        self.context.on("response", self._answered)
        self.page = self.context.new_page()

    @property
    def javascript(self) -> bool:
        return self.way.javascript

    def another_tab(self) -> Page:
        return self.context.new_page()

    def tolerate(self, pattern: str) -> None:
        """Forget the problems noted so far that are part of what a test is about."""
        self.problems = [text for text in self.problems if not re.search(pattern, text)]

    def take_problems(self) -> list[str]:
        """Those noted since last asked, for somebody who tells of them in another way."""
        taken, self.problems = self.problems, []
        return taken

    def leave(self) -> None:
        """Close the browser. Fails if any page did what none may do."""
        self.watch.cookies(self.context)
        self.context.close()
        assert not self.problems, "\n".join(self.problems)

    def _heard(self, message: ConsoleMessage) -> None:
        usual = _REFUSED.match(message.text) or message.text == _BLOCKED
        if message.type in ("error", "warning") and not usual:
            self.problems.append(f"console: {message.text} ({message.location})")

    def _failed(self, error: WebError) -> None:
        self.problems.append(f"script: {error.error}")

    def _asked(self, request: Request) -> None:
        self.watch.request(request)
        if not request.url.startswith((f"{self.base_url}/", "data:", "blob:")):
            self.problems.append(f"asked another site: {request.url}")

    def _answered(self, response: Response) -> None:
        static = urlsplit(response.url).path.startswith("/static/")
        if response.status >= 500 or (static and response.status >= 400):
            self.problems.append(f"{response.status}: {response.url}")
