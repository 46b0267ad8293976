"""Mail that is to be sent: written in the transaction of what causes it, sent by a worker."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from tortoise import fields
from tortoise.expressions import F
from tortoise.models import Model

from models import clock, keys, tokens
from models.databases import atomic, execute
from models.email_link import TRIED_FOR

if TYPE_CHECKING:
    from models.email_link import EmailLink


class OutgoingMail(Model):
    """A mail by its kind and data. The words are put in when it is sent (`web/mail.py`)."""

    # In place of an address.
    OPERATOR = "operator"
    CUSTOMER_SERVICE = "customer service"
    GIVES_UP_AFTER = TRIED_FOR
    LEASE = timedelta(
        minutes=2
    )  # longer than the SMTP time-out: a dead worker's mail is taken over then
    FIRST_RETRY = timedelta(seconds=15)
    LONGEST_RETRY = timedelta(hours=1)

    id = fields.IntField(primary_key=True)
    message_id = fields.CharField(max_length=64, unique=True)  # the same at every retry
    kind = fields.CharField(max_length=40)
    to = fields.CharField(max_length=254)  # empty: nobody, and it is dropped
    data_encrypted: bytes | None = fields.BinaryField(null=True)
    link: fields.ForeignKeyNullableRelation[EmailLink] = fields.ForeignKeyField(
        "models.EmailLink", null=True, related_name="mails", on_delete=fields.CASCADE
    )
    created_at = fields.DatetimeField()
    not_before = fields.DatetimeField()
    attempts = fields.IntField(default=0)
    sent_at = fields.DatetimeField(null=True)
    given_up_at = fields.DatetimeField(null=True)

    link_id: int | None

    class Meta:
        table = "outgoing_mails"
        indexes = (("sent_at", "given_up_at", "not_before"), ("link_id",))

    @classmethod
    async def write(cls, kind: str, to: str, *, link: EmailLink | None = None, **data: str) -> Self:
        """Have this mail sent once the surrounding transaction is committed.

        That of a delayed link begins its life, and its 24 hours of tries, when it is due.
        """
        message_id, due_at = tokens.new(), (link and link.delayed_until) or clock.now()
        return await cls.create(
            message_id=message_id,
            kind=kind,
            to=to,
            data_encrypted=keys.encrypt("mail", json.dumps(data), message_id),
            link=link,
            created_at=due_at,
            not_before=due_at,
        )

    @classmethod
    async def take(cls, most: int) -> list[Self]:
        """Up to `most` mails that are due, leased so that no other worker sends them too."""
        now = clock.now()
        due = (
            await cls.filter(sent_at=None, given_up_at=None, not_before__lte=now)
            .order_by("not_before")
            .limit(most)
        )
        return [mail for mail in due if await mail._lease(now)]

    @property
    def data(self) -> dict[str, str]:
        """What the words need. Empty once it was erased."""
        if self.data_encrypted is None:
            return {}
        data: dict[str, str] = json.loads(
            keys.decrypt("mail", self.data_encrypted, self.message_id)
        )
        return data

    async def was_sent(self, *, keep_data: bool = False) -> None:
        """It is with the mail server. The data is erased unless development wants to show it.

        The time of its link starts now.
        """
        now = clock.now()
        async with atomic():
            await self._close(keep_data, sent_at=now)
            if self.link_id:
                await execute(
                    "UPDATE email_links SET sent_at = ? WHERE id = ? AND sent_at IS NULL",
                    now,
                    self.link_id,
                )

    async def give_up(self) -> None:
        """It is no longer of use, or has failed for a day."""
        await self._close(keep_data=False, given_up_at=clock.now())

    async def failed(self) -> datetime | None:
        """It could not be sent: when it is tried again, or None when the mail is given up."""
        now = clock.now()
        if now - self.created_at >= self.GIVES_UP_AFTER:
            await self.give_up()
            return None
        doubled = self.FIRST_RETRY * 2 ** min(self.attempts - 1, 10)
        retry_at: datetime = now + min(doubled, self.LONGEST_RETRY)
        await OutgoingMail.filter(id=self.id).update(not_before=retry_at)
        return retry_at

    async def _lease(self, now: datetime) -> bool:
        # Compare and set: of several workers one gets the row.
        untaken = OutgoingMail.filter(
            id=self.id, not_before=self.not_before, sent_at=None, given_up_at=None
        )
        if not await untaken.update(not_before=now + self.LEASE, attempts=F("attempts") + 1):
            return False
        self.attempts += 1
        return True

    async def _close(self, keep_data: bool, **end: Any) -> None:
        if not keep_data:
            end["data_encrypted"] = None
        await OutgoingMail.filter(id=self.id).update(**end)
