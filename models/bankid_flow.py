"""One identification with BankID, from the click that starts it to what it was for."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Self

from tortoise import fields
from tortoise.exceptions import DoesNotExist
from tortoise.models import Model

from models import clock, keys, limits, tokens
from models.bankid_identity import Person
from models.client import Client
from models.databases import atomic
from models.session import Identity, KnownDevice, Session


class Intent(StrEnum):
    """What somebody identifies themselves for."""

    LOGIN = "login"
    REGISTRATION = "registration"
    LINK = "link"
    CONFIRM = "confirm"  # "Bekräfta att det är du"

    @property
    def is_of_user(self) -> bool:
        """Whether it belongs to the session of a signed-in user."""
        return self in (Intent.LINK, Intent.CONFIRM)


class Progress(StrEnum):
    """BankID's own words for how far an order has come."""

    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True)
class Order:
    """What BankID knows it by, and what its app is started with. The secret stays on the server."""

    order_ref: str = field(repr=False)
    auto_start_token: str = field(repr=False)
    qr_start_token: str = field(repr=False)
    qr_start_secret: str = field(repr=False)


# Hints of our own, beside BankID's.
REPLACED = "replaced"  # another one was begun in the same browser
OTHER_BROWSER = "otherBrowser"  # the phone came back somewhere else
CANCELLED = "userCancel"
RISK_BLOCKED = "transactionRiskBlocked"
OUTSTANDING = "outstandingTransaction"
NO_CLIENT = "noClient"
TOO_LATE = "expiredTransaction"


class BankIDFlow(Model):
    """An identification under way. Bound to the browser by a token in a cookie of its own.

    Order and person are encrypted, and erased when they have served.
    """

    COLLECT_EVERY: ClassVar[timedelta] = timedelta(seconds=2)  # BankID's guidelines
    BACKED_OFF: ClassVar[timedelta] = timedelta(seconds=10)  # it has been asked too often
    # Who asks BankID has this long to write down the answer, before somebody else asks.
    # Longer than BankID can take, to say that an order has run out and to make the next one, with
    # what the database may take before and after.
    LEASE: ClassVar[timedelta] = timedelta(seconds=30)
    RENEWED_FOR: ClassVar[timedelta] = timedelta(seconds=150)
    MOST_RENEWALS: ClassVar[int] = 5
    LONGEST: ClassVar[timedelta] = timedelta(minutes=8)  # 150 s to start, 3 min for the app, slack
    GOOD_FOR: ClassVar[timedelta] = timedelta(minutes=3)  # what is proven is used by then
    KEPT: ClassVar[timedelta] = timedelta(hours=24)

    id = fields.IntField(primary_key=True)
    public_id = fields.CharField(max_length=43, unique=True)  # as in the URL; it proves nothing
    token_hash = fields.CharField(max_length=64)
    intent = fields.CharEnumField(Intent, max_length=12)
    session: fields.ForeignKeyNullableRelation[Session] = fields.ForeignKeyField(
        "models.Session", null=True, related_name="bankid_flows", on_delete=fields.CASCADE
    )
    is_same_device = fields.BooleanField()
    next_path = fields.CharField(max_length=500, default="")
    address = fields.CharField(max_length=45, default="")
    status = fields.CharEnumField(Progress, max_length=10, default=Progress.PENDING)
    hint = fields.CharField(max_length=40, default=OUTSTANDING)
    has_trouble = fields.BooleanField(default=False)  # BankID did not answer the last time
    begun_at = fields.DatetimeField()
    order_encrypted: bytes | None = fields.BinaryField(null=True)
    order_at = fields.DatetimeField(null=True)
    renewals = fields.IntField(default=0)
    next_collect_at = fields.DatetimeField()
    nonce_hash = fields.CharField(max_length=64, default="")  # of the return URL, until it is used
    person_encrypted: bytes | None = fields.BinaryField(null=True)
    risk = fields.CharField(max_length=10, default="")
    completed_at = fields.DatetimeField(null=True)
    used_at = fields.DatetimeField(null=True)

    session_id: int | None

    class Meta:
        table = "bankid_flows"
        indexes = (("token_hash",), ("session_id",), ("begun_at",))

    @classmethod
    async def begin(
        cls,
        intent: Intent,
        client: Client,
        *,
        replacing: str,
        identity: Identity | None = None,
        is_same_device: bool,
        next_path: str = "",
    ) -> tuple[Self, str, list[Order]]:
        """A new one, the token for its cookie, and the orders to cancel: those begun before.

        `replacing`: the token that the browser has from before. What was begun with it fails, and
        is found with the new token: the page in the other tab can say so. A token is used for no
        second flow (session fixation).
        """
        token, now, orders = tokens.new(), clock.now(), list[Order | None]()
        async with atomic():
            if replacing:
                earlier = cls.filter(token_hash=tokens.hashed(replacing))
                open_ = await earlier.filter(used_at=None).exclude(status=Progress.FAILED)
                orders = [flow.order for flow in open_]
                for flow in open_:
                    await flow.fail(REPLACED)
                await earlier.update(token_hash=tokens.hashed(token))
            flow = await cls.create(
                public_id=tokens.new(),
                token_hash=tokens.hashed(token),
                intent=intent,
                session_id=identity.session_id if identity else None,
                is_same_device=is_same_device,
                next_path=next_path,
                address=client.address[:45],
                begun_at=now,
                next_collect_at=now + cls.LEASE,  # not before there is an order
            )
        return flow, token, [order for order in orders if order]

    @classmethod
    async def find(cls, public_id: str, token: str) -> Self | None:
        """The flow, if it is this browser's."""
        flow = await cls.named(public_id) if token else None
        return flow if flow and flow.token_hash == tokens.hashed(token) else None

    @classmethod
    async def named(cls, public_id: str) -> Self | None:
        """The flow, whoever's it is. What a URL says is looked for only if it can be one."""
        is_one = re.fullmatch(r"[\w-]{1,43}", public_id, re.ASCII)
        return await cls.get_or_none(public_id=public_id) if is_one else None

    @classmethod
    async def forget_persons(cls) -> int:
        """Erase whom nobody came for in time, and the orders that nobody followed; how many."""
        late = cls.filter(completed_at__lte=clock.now() - cls.GOOD_FOR)
        persons = await late.exclude(person_encrypted=None).update(person_encrypted=None)
        left = cls.filter(begun_at__lte=clock.now() - cls.LONGEST)
        return persons + await left.exclude(order_encrypted=None).update(order_encrypted=None)

    @property
    def order(self) -> Order | None:
        if self.order_encrypted is None:
            return None
        text = keys.decrypt("bankid order", self.order_encrypted, self.public_id)
        return Order(**json.loads(text))

    @property
    def order_age(self) -> int:
        """Whole seconds since BankID made the order: what the QR code of this moment is made of."""
        return int((clock.now() - self.order_at).total_seconds()) if self.order_at else 0

    @property
    def is_complete(self) -> bool:
        """Whether the person is proven, here. A phone that returns must have returned: else whoever
        sent somebody a link to start the app would be logged in as them."""
        return self.status is Progress.COMPLETE and not self.nonce_hash

    @property
    def may_renew(self) -> bool:
        """Whether a new order takes the place of one that nobody started."""
        in_time = clock.now() - self.begun_at < self.RENEWED_FOR
        return in_time and self.renewals < self.MOST_RENEWALS

    async def keep_order(self, order: Order, nonce: str) -> bool:
        """Keep the order that BankID made. False when the flow was ended meanwhile."""
        renewals = self.renewals + (1 if self.order_encrypted else 0)
        sealed = keys.encrypt("bankid order", json.dumps(asdict(order)), self.public_id)
        now = clock.now()
        return await self._update(
            order_encrypted=sealed,
            order_at=now,
            renewals=renewals,
            next_collect_at=now + self.COLLECT_EVERY,
            nonce_hash=tokens.hashed(nonce) if nonce else "",
            hint=OUTSTANDING,
            has_trouble=False,
        )

    async def takes_turn(self) -> bool:
        """Whether it is this request that asks BankID now: one of all tabs and processes."""
        now = clock.now()
        if self.status is not Progress.PENDING or self.next_collect_at > now:
            return False
        due = BankIDFlow.filter(id=self.id, status=Progress.PENDING, next_collect_at__lte=now)
        return await due.update(next_collect_at=now + self.LEASE) == 1

    async def goes_on(self, hint: str) -> None:
        """Still pending; what the app waits for."""
        if clock.now() - self.begun_at >= self.LONGEST:
            await self.ends(TOO_LATE)
            return
        at = clock.now() + self.COLLECT_EVERY
        _ = await self._update(hint=hint[:40], has_trouble=False, next_collect_at=at)

    async def misses(self, *, backs_off: bool = False) -> None:
        """BankID did not answer: it is asked again, later if it asked for that, not for ever."""
        if clock.now() - self.begun_at >= self.LONGEST:
            await self.ends("error.network")
            return
        at = clock.now() + (self.BACKED_OFF if backs_off else self.COLLECT_EVERY)
        _ = await self._update(has_trouble=True, next_collect_at=at)

    async def ends(self, hint: str) -> None:
        """BankID says that it failed, or the time is up. What another request has proven stays."""
        _ = await self._update(
            status=Progress.FAILED, hint=hint[:40], has_trouble=False, order_encrypted=None
        )

    async def fail(self, hint: str) -> bool:
        """It ends here, for every browser. Of several at once exactly one gets True."""
        open_ = BankIDFlow.filter(id=self.id, used_at=None).exclude(status=Progress.FAILED)
        ended = await open_.update(
            status=Progress.FAILED,
            hint=hint[:40],
            has_trouble=False,
            order_encrypted=None,
            person_encrypted=None,
        )
        if ended:
            self.status, self.hint, self.has_trouble = Progress.FAILED, hint[:40], False
            self.order_encrypted = self.person_encrypted = None
        return bool(ended)

    async def prove(self, person: Person, risk: str) -> bool:
        """The person has identified themselves. False when the flow was ended meanwhile."""
        return await self._update(
            status=Progress.COMPLETE,
            person_encrypted=person.sealed(f"flow:{self.public_id}"),
            order_encrypted=None,
            risk=risk[:10],
            has_trouble=False,
            completed_at=clock.now(),
        )

    async def returns(self, nonce: str) -> bool:
        """Whether BankID's app came back with this flow's return URL; the nonce is used up."""
        if not nonce or not self.nonce_hash or self.nonce_hash != tokens.hashed(nonce):
            return False
        same = BankIDFlow.filter(id=self.id, nonce_hash=self.nonce_hash)
        if await same.update(nonce_hash=""):
            self.nonce_hash = ""
        return True

    async def use(self) -> Person | None:
        """Who it is, once: of several at once exactly one gets the person.

        None when it is not complete, was used, or is too old by now.
        """
        if not self.is_complete or self.person_encrypted is None:
            return None
        now = clock.now()
        good = BankIDFlow.filter(
            id=self.id,
            status=Progress.COMPLETE,
            used_at=None,
            nonce_hash="",
            completed_at__gt=now - self.GOOD_FOR,
        )
        if not await good.update(used_at=now, person_encrypted=None):
            return None
        return Person.opened(self.person_encrypted, f"flow:{self.public_id}")

    def is_of(self, identity: Identity | None) -> bool:
        """Whether it goes on for who asks now.

        To link or to confirm, that is the session that began it. To log in or to register, it is
        somebody who is not signed in; once used it leads on who then is, from another tab or Back.
        """
        if not self.intent.is_of_user:
            return identity is None or self.used_at is not None
        return identity is not None and identity.session_id == self.session_id

    async def _update(self, **values: object) -> bool:
        """Compare and set: what another request has ended stays ended, or a logout erased."""
        if not await BankIDFlow.filter(id=self.id, status=Progress.PENDING).update(**values):
            with suppress(DoesNotExist):
                await self.refresh_from_db()
            return False
        for name, value in values.items():
            setattr(self, name, value)
        return True


def budgets(client: Client) -> tuple[limits.Use, ...]:
    """What a start spends; whoever is identified then gets it back."""
    by_browser = limits.BANKID_BY_BROWSER.of(KnownDevice.hashed(client.device))
    return limits.BANKID_BY_ADDRESS.of(client.network), by_browser
