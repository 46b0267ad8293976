"""Faults in waiting: the next call to an endpoint fails, late, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from web.bankid.simulator.refusals import Refused

ENDPOINTS = ("auth", "sign", "phone/auth", "phone/sign", "collect", "cancel")
ANY = "*"
ERROR_CODES = {
    "alreadyInProgress": 400,
    "invalidParameters": 400,
    "unauthorized": 401,
    "notFound": 404,
    "methodNotAllowed": 405,
    "requestTimeout": 408,
    "unsupportedMediaType": 415,
    "tooManyRequests": 429,
    "internalError": 500,
    "maintenance": 503,
}
# A load balancer's page, an answer in the end, and no answer for as long as somebody waits.
KINDS = ("error", "html", "slow", "silent")
_LONGEST = 600  # seconds


@dataclass(frozen=True)
class Fault:
    """What becomes of one call. `slow`: handled, but only after so many `seconds`."""

    endpoint: str
    kind: str = "error"
    status: int = 500
    error_code: str = "internalError"
    seconds: float = 0

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Fault:
        """From `{"endpoint", "kind", "status", "errorCode", "seconds"}`, of which the first is
        needed and the status may follow from the code. Raises Refused."""
        kind = body.get("kind") or "error"
        code = body.get("errorCode") or "internalError"
        usual = 502 if kind == "html" else ERROR_CODES.get(str(code), 400)
        status, seconds = body.get("status") or usual, body.get("seconds") or 0
        if (
            set(body) - {"endpoint", "kind", "status", "errorCode", "seconds"}
            or body.get("endpoint") not in (*ENDPOINTS, ANY)
            or kind not in KINDS
            or not isinstance(code, str)
            or not (isinstance(status, int) and 400 <= status <= 599)
            or not (isinstance(seconds, (int, float)) and 0 <= seconds <= _LONGEST)
        ):
            raise Refused("bad_fault")
        return cls(body["endpoint"], kind, status, code, seconds)

    @property
    def text(self) -> str:
        """For the control page."""
        if self.kind == "slow":
            return f"{self.endpoint}: {self.seconds:g} s"
        if self.kind == "silent":
            return f"{self.endpoint}: …"
        return (
            f"{self.endpoint}: {self.status} {'html' if self.kind == 'html' else self.error_code}"
        )
