"""The worker that sends what the models wrote: in this process, with retries, over SMTP."""

from __future__ import annotations

import logging
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from models import EmailLink, OutgoingMail
from models.email_link import State
from web.jobs.worker import Worker
from web.mail import Composer
from web.settings import LOOPBACK, Settings

_log = logging.getLogger("minasidor.mail")
_AT_ONCE = 10
_TIMEOUT = 30.0  # seconds, well below OutgoingMail.LEASE


class Sender(Protocol):
    async def __call__(self, message: EmailMessage) -> None: ...


class Smtp:
    """A mail server: smtp://user:password@host:587, or smtps:// for TLS at once."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or "localhost"
        self.tls = parts.scheme == "smtps"
        self.port = parts.port or (465 if self.tls else 587)
        self.user = unquote(parts.username) if parts.username else None
        self.password = unquote(parts.password) if parts.password else None

    async def __call__(self, message: EmailMessage) -> None:
        """Raises SMTPException, also when the server offers no TLS: nothing goes in clear."""
        local = self.host in LOOPBACK
        await aiosmtplib.send(
            message,
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            use_tls=self.tls,
            start_tls=None if self.tls or local else True,
            timeout=_TIMEOUT,
        )


async def keep(message: EmailMessage) -> None:
    """Development without SMTP_URL: the mail stays in the database, for /_dev/mejl."""
    _log.info(
        "mail kept",
        extra={"to": message["To"], "subject": message["Subject"], "read": "/_dev/mejl"},
    )


class MailWorker(Worker):
    """Sends the mail that is due."""

    every = 1.0

    def __init__(
        self, settings: Settings, composer: Composer, sender: Sender | None = None
    ) -> None:
        super().__init__()
        self.settings, self.composer = settings, composer
        self.sender: Sender = sender or (Smtp(settings.smtp_url) if settings.smtp_url else keep)

    async def work(self) -> bool:
        return await self.send_due() == _AT_ONCE

    async def send_due(self) -> int:
        """Send what is due now; how many were tried."""
        tried = 0
        # One by one: the lease of the tenth would run out while nine time out.
        while tried < _AT_ONCE and (mails := await OutgoingMail.take(1)):
            await self._send(mails[0])
            tried += 1
        return tried

    async def _send(self, mail: OutgoingMail) -> None:
        link = (
            await EmailLink.get(id=mail.link_id).prefetch_related("user") if mail.link_id else None
        )
        if (link and link.state is not State.OPEN) or not self.composer.receiver(mail):
            await mail.give_up()
            _log.info("mail dropped", extra={"mail": mail.id, "kind": mail.kind})
            return
        try:
            await self.sender(self.composer.compose(mail))
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            retry_at = await mail.failed()
            _log.warning(
                "mail failed",
                extra={
                    "mail": mail.id,
                    "kind": mail.kind,
                    "error": type(error).__name__,
                    "retry_at": retry_at,
                },
            )
            return
        except Exception:
            # A template or key trouble of this one mail must not hold up the others.
            retry_at = await mail.failed()
            _log.exception(
                "mail failed", extra={"mail": mail.id, "kind": mail.kind, "retry_at": retry_at}
            )
            return
        await mail.was_sent(keep_data=self.settings.development)
        _log.info("mail sent", extra={"mail": mail.id, "kind": mail.kind})
