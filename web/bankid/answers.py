"""What BankID answers, checked field by field; and what can be wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from models.bankid_flow import Order

# BankID's details may quote what was sent: numbers of persons, tokens, order references.
_SECRETS = re.compile(r"(?i)\b[0-9a-f]{8}-[0-9a-f-]{20,}|\d[\d +-]{4,}\d")


class BankIDError(Exception):
    """BankID did not do what was asked, or could not be asked at all.

    `code`: BankID's errorCode, or one of ours: `network`, `timeout`, `badResponse`.
    `status`: of HTTP; None when there was no answer. `details`: for the log, never for a page.
    """

    def __init__(self, code: str, status: int | None = None, details: str = "") -> None:
        super().__init__(code, status)
        self.code, self.status = code, status
        self.details = _SECRETS.sub("…", details)[:200]

    @property
    def needs_alarm(self) -> bool:
        """Our certificate, our agreement or our address is wrong: it will not pass by itself."""
        return self.status in (401, 403, 404) or self.code in ("unauthorized", "notFound")


def order(answer: Answer) -> Order:
    """The order that has begun."""
    return Order(
        order_ref=answer.text("orderRef"),
        auto_start_token=answer.text("autoStartToken"),
        qr_start_token=answer.text("qrStartToken"),
        qr_start_secret=answer.text("qrStartSecret"),
    )


@dataclass(frozen=True)
class Completion:
    """Who has identified themselves. What BankID does not say is "".

    `personal_number`: 12 digits; `ip_address`: the app's; `risk`: low, moderate or high;
    `issued`: the date on which this BankID was issued, as 2024-05-01.
    """

    personal_number: str = field(repr=False)
    given_name: str = field(repr=False)
    surname: str = field(repr=False)
    ip_address: str
    risk: str
    issued: str

    @classmethod
    def read(cls, answer: Answer) -> Completion:
        user, device = answer.part("user"), answer.part("device", {})
        number = user.text("personalNumber")
        if not re.fullmatch(r"[0-9]{12}", number):
            raise answer.bad("a personal number of another form")
        return cls(
            personal_number=number,
            given_name=user.text("givenName", ""),
            surname=user.text("surname", ""),
            ip_address=device.text("ipAddress", ""),
            risk=answer.text("risk", ""),
            issued=answer.text("bankIdIssueDate", "")[:10],  # a time zone stands behind it
        )


@dataclass(frozen=True)
class Collected:
    """How an order is getting on; `status` is pending, failed or complete, `hint` may be ""."""

    status: str
    hint: str
    completion: Completion | None = None

    @classmethod
    def read(cls, answer: Answer, order_ref: str) -> Collected:
        status, hint = answer.text("status"), answer.text("hintCode", "")
        if status not in ("pending", "failed", "complete"):
            raise answer.bad("an unknown status")
        if answer.text("orderRef") != order_ref:
            raise answer.bad("another order's answer")
        if status != "complete":
            return cls(status, hint)
        return cls(status, hint, Completion.read(answer.part("completionData")))


class Answer:
    """A JSON object of BankID's, read by fields whose kind is checked. Unknown ones are ignored."""

    def __init__(self, body: object, status: int) -> None:
        self._status = status
        if not isinstance(body, dict):
            raise self.bad("JSON, but no object")
        self._fields: dict[str, object] = body

    def text(self, name: str, default: str | None = None) -> str:
        """That field; it must be there, and not be empty, unless there is a default."""
        value = self._field(name, default)
        if not isinstance(value, str) or (not value and default is None):
            raise self.bad(f"no {name}")
        return value

    def part(self, name: str, default: dict[str, object] | None = None) -> Answer:
        value = self._field(name, default)
        if not isinstance(value, dict):
            raise self.bad(f"no {name}")
        return Answer(value, self._status)

    def bad(self, details: str) -> BankIDError:
        """The answer cannot be used; `details` must quote nothing of it."""
        return BankIDError("badResponse", self._status, details)

    def _field(self, name: str, default: object) -> object:
        value = self._fields.get(name)
        return default if value is None else value
