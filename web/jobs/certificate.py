"""The worker that watches how long BankID takes our certificate yet."""

from __future__ import annotations

from datetime import datetime

from models import alarms
from web.bankid import certificate
from web.jobs.worker import Worker


class CertificateWorker(Worker):
    """Rings once a day from 30 days before the end, until the portal has started with another one.

    `expires`: of the certificate that this process works with, not of the file's by now: a new
    one that nobody has restarted for would not be used.
    """

    every = 60 * 60.0  # oftener than it rings: a round that fails, or comes too early, is made good

    def __init__(self, expires: datetime) -> None:
        super().__init__()
        self._expires = expires

    async def work(self) -> bool:
        if warning := certificate.warning(self._expires):
            await alarms.ring_once_a_day(
                warning,
                f"It is good until {self._expires:%Y-%m-%d %H:%M} UTC; after that nobody logs in"
                " with BankID. Order a new one from the bank, put it beside the old one, name it in"
                " MINASIDOR_BANKID_CERT_FILE and _KEY_FILE and restart; docs/operate.md, BankID.",
                kind="BankID's certificate",
            )
        return False
