"""One order: what was asked for, how far the phone has come, and what `collect` answers."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from web.bankid.simulator.persons import Person

TO_START = timedelta(seconds=30)
TO_FINISH = timedelta(minutes=3)  # since the start
KEPT = {"complete": timedelta(minutes=3), "failed": timedelta(minutes=5)}
PENDING_HINTS = (
    "outstandingTransaction",
    "noClient",
    "started",
    "userSign",
    "userMrtd",
    "userFace",
    "userStepUp",
    "userCallConfirm",
    "processing",
)
FAILED_HINTS = (
    "expiredTransaction",
    "certificateErr",
    "userCancel",
    "cancelled",
    "startFailed",
    "userDeclinedCall",
    "notSupportedByUserApp",
    "transactionRiskBlocked",
    "mrtdVerificationFailed",
    "facialRecognitionFailed",
    "nfcNotSupportedByDevice",
    "multipleBankIdsOnDevice",
    "stepUpFailed",
    "unknown",
)


def _new_reference() -> str:
    return str(uuid4())


@dataclass
class Order:
    """From the 200 answer of `auth` (`created_at`) until its final answer was given."""

    kind: str  # auth, sign, phone/auth or phone/sign
    parameters: dict[str, Any]
    created_at: datetime
    ref: str = field(default_factory=_new_reference)
    auto_start_token: str = field(default_factory=_new_reference)
    qr_start_token: str = field(default_factory=_new_reference)
    qr_start_secret: str = field(default_factory=_new_reference)
    status: str = "pending"
    hint: str = "outstandingTransaction"
    person: Person | None = None
    started_at: datetime | None = None
    started_by: str = ""  # qr, autostart or phone
    ended_at: datetime | None = None
    collects: int = 0
    answered: bool = False
    completion: dict[str, Any] = field(default_factory=dict)

    @property
    def is_pending(self) -> bool:
        return self.status == "pending"

    @property
    def by_phone(self) -> bool:
        """Whether somebody on the telephone asked for it: then there is nothing to scan."""
        return self.kind.startswith("phone/")

    @property
    def wanted_number(self) -> str | None:
        """The only person who may answer, if the relying party named one."""
        number: str | None = self._requirement.get("personalNumber", self._called_number)
        return number

    @property
    def answer(self) -> dict[str, Any]:
        """The body of `collect`'s answer."""
        answer: dict[str, Any] = {"orderRef": self.ref, "status": self.status}
        if self.status == "complete":
            return {**answer, "completionData": self.completion}
        return {**answer, "hintCode": self.hint}

    def concerns(self, number: str) -> bool:
        """Whether this person was called about it, or is answering it."""
        return number in (self._called_number, self.person and self.person.number)

    def qr_content(self, now: datetime) -> str:
        """What the QR code holds at this moment."""
        seconds = str(int((now - self.created_at).total_seconds()))
        return f"bankid.{self.qr_start_token}.{seconds}.{self.qr_code(seconds)}"

    def qr_code(self, seconds: str) -> str:
        """The code that proves that the QR code is the one of that second after `created_at`."""
        secret, message = self.qr_start_secret.encode(), seconds.encode()
        return hmac.new(secret, message, hashlib.sha256).hexdigest()

    def age(self, now: datetime) -> None:
        """Let what time alone does to an order happen."""
        if not self.is_pending:
            return
        if self.started_at:
            limit, hint = self.started_at + TO_FINISH, "expiredTransaction"
        elif self.by_phone:
            # Nothing was shown that could have been missed, so that it cannot be startFailed.
            limit, hint = self.created_at + TO_FINISH, "expiredTransaction"
        else:
            limit, hint = self.created_at + TO_START, "startFailed"
        if now >= limit:
            self.fail(hint, limit)

    def start(self, how: str, now: datetime) -> None:
        self.started_at, self.started_by, self.hint = now, how, "started"

    def choose(self, person: Person) -> None:
        self.person = person
        self.hint = "userMrtd" if self._requirement.get("mrtd") else "userSign"

    def complete(self, *, risk: str, ip_address: str, now: datetime) -> None:
        """`risk` and `ip_address`: of the phone on which the person has answered."""
        self.status, self.hint, self.ended_at = "complete", "", now
        self.completion = self._completion_data(risk, ip_address)

    def fail(self, hint: str, now: datetime) -> None:
        self.status, self.hint, self.ended_at = "failed", hint, now

    def is_forgotten(self, now: datetime) -> bool:
        """Whether its final answer was given, or nobody asked for it in time."""
        return self.answered or bool(self.ended_at and now - self.ended_at >= KEPT[self.status])

    @property
    def _called_number(self) -> str | None:
        number: str | None = self.parameters.get("personalNumber")
        return number

    @property
    def _requirement(self) -> dict[str, Any]:
        requirement: dict[str, Any] = self.parameters.get("requirement", {})
        return requirement

    def _completion_data(self, risk: str, ip_address: str) -> dict[str, Any]:
        assert self.person  # noqa: S101 - `State.confirm` asks for one
        user = {
            "personalNumber": self.person.number,
            "name": self.person.name,
            "givenName": self.person.given_name,
            "surname": self.person.surname,
        }
        # The real one is a SHA-1, too: 20 bytes, the same for each phone each time.
        uhi = hashlib.sha256(self.person.number.encode()).digest()[:20]
        signed = {"simulated": True, "orderRef": self.ref, "user": user}
        data: dict[str, Any] = {
            "user": user,
            "device": {"ipAddress": ip_address, "uhi": b64encode(uhi).decode()},
            "bankIdIssueDate": "2024-05-01Z",
            "signature": _encoded(signed),
            "ocspResponse": _encoded({"simulated": True}),
        }
        if self._requirement.get("mrtd"):
            data["stepUp"] = {"mrtd": True}
        if self.parameters.get("returnRisk") and risk:
            data["risk"] = risk
        return data


def _encoded(value: dict[str, Any]) -> str:
    return b64encode(json.dumps(value).encode()).decode()
