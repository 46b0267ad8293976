"""What the app gets in place of a page: JSON, also where something went wrong."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

# Of the app alone: no cookie gets through to them, and so no page of another site can act there.
_COOKIELESS = ("/oauth/authorize-challenge", "/oauth/token", "/oauth/revoke")
API = "/api/"
NO_STORE = {"Cache-Control": "no-store"}
# Not what whoever holds the phone did is at fault, but the app.
BROKEN = "Något blev fel i appen. Hjälper det inte att försöka igen? Uppdatera appen."
NO_ACCESS = "Du har inte åtkomst till det här kundkontot."
_OURS = "Något gick fel hos oss. Försök igen om en stund."


def is_for_app(path: str) -> bool:
    """Whether the app talks to this address, and no browser."""
    return path in _COOKIELESS or path.startswith(API)


class Refusal(Exception):
    """An answer of the app's own kind, in place of what was asked for."""

    def __init__(
        self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        self.status, self.content, self.headers = status, content, headers or {}
        super().__init__(f"{status} {content}")

    @property
    def kind(self) -> str:
        """What it is called, to the app and in the log."""
        return str(self.content.get("type") or self.content["error"])

    @property
    def response(self) -> JSONResponse:
        kind = "application/problem+json" if "type" in self.content else "application/json"
        headers = {**NO_STORE, **self.headers}
        return JSONResponse(self.content, self.status, headers, media_type=kind)


class OAuthError(Refusal):
    """400: an error of RFC 6749 §5.2 and its kin.

    `description` is for the app's developers, in English; `more` for the app.
    """

    def __init__(self, error: str, description: str, **more: str | int | bool) -> None:
        super().__init__(400, {"error": error, "error_description": description, **more})


class TooManyAttempts(Refusal):
    """429: the same limits as at the login in a browser; `wait` until the next try."""

    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, int(wait.total_seconds()))
        content = {
            "error": "too_many_attempts",
            "error_description": "Wait, as Retry-After says, before the next try.",
        }
        super().__init__(429, content, {"Retry-After": str(seconds)})


class Problem(Refusal):
    """An error of the API (RFC 9457). `kind` names it for the app, `detail` is a Swedish sentence
    that it may show."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        content = {
            "type": f"/api#{kind}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            **more,
        }
        super().__init__(status, content, headers)


# By status; what went wrong is the request, the server, or that it is not there.
_KINDS = {
    400: ("malformed", BROKEN),
    403: ("no-access", NO_ACCESS),
    404: ("not-found", "Det finns inget här."),
    405: ("method-not-allowed", BROKEN),
    413: ("too-large", BROKEN),
    500: ("server-error", _OURS),
    503: ("unavailable", _OURS),
}


def failure(path: str, status: int, headers: dict[str, str]) -> JSONResponse:
    """The answer where nothing of the app's own was raised: `status` is that of the page."""
    if path.startswith(API):
        kind, detail = _KINDS.get(status, _KINDS[500 if status >= 500 else 400])
        return Problem(status, kind, detail, headers).response
    error = "invalid_request" if status < 500 else "temporarily_unavailable"
    content = {"error": error, "error_description": HTTPStatus(status).phrase}
    return Refusal(status, content, headers).response


def ok(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    """What was asked for. Nothing of it is to be kept on the way."""
    return JSONResponse(content, status, {**NO_STORE, **(headers or {})})
