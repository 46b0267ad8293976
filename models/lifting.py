"""Which limits hold somebody back, and lifting them: for the operator with a customer on the phone.

The keys of limits are HMACs, so that the table tells nothing to somebody who reads it. Whose limits
to look at is therefore asked for by what the operator knows: an e-mail address, a customer number,
a client address. The four digits are read from the account: nobody says, types or logs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tortoise.expressions import Q

from models import clock, limits
from models.client import Client
from models.customer_account import CustomerAccount
from models.databases import atomic, fetch
from models.event import Event
from models.limits import Limit, Spent, SpentValue, Use
from models.session import KnownDevice, Session
from models.totp import Totp
from models.user import User, email_key


@dataclass(frozen=True)
class Standing:
    """How much of a limit somebody has used, and until when that counts."""

    use: Use
    count: int
    most: int
    resets_at: datetime

    @property
    def limit(self) -> Limit:
        return self.use.limit

    @property
    def is_used_up(self) -> bool:
        return self.limit.refuses and self.count >= self.most


@dataclass(frozen=True)
class Whose:
    """Somebody's limits, and what the event log may say of whose they are."""

    uses: list[Use]
    user_id: int | None = None
    customer_account_id: int | None = None
    client_address: str = ""

    async def standings(self) -> list[Standing]:
        """The limits that count something at the moment."""
        if not self.uses:
            return []
        spent = await Spent.filter(
            _these(self.uses), resets_at__gt=clock.seconds(), count__gt=0
        ).order_by("name")
        uses = {(use.limit.name, use.key): use for use in self.uses}
        return [
            Standing(
                uses[row.name, row.key],
                row.count,
                row.most,
                datetime.fromtimestamp(row.resets_at, UTC),
            )
            for row in spent
        ]

    async def lift(self, operator: str) -> list[Standing]:
        """Start them all over, a paused app too; the standings as they were."""
        async with atomic():
            standings = await self.standings()
            if self.user_id:
                await Totp.filter(user_id=self.user_id).update(paused_at=None, failures=0)
            if standings:
                uses = [standing.use for standing in standings]
                await SpentValue.filter(_these(uses)).delete()
                await Spent.filter(_these(uses)).delete()
                await Event.record(
                    "limits.lifted",
                    user_id=self.user_id,
                    customer_account_id=self.customer_account_id,
                    operator=operator,
                    limits=", ".join(sorted({s.limit.name for s in standings})),
                    client_address=self.client_address,
                )
        return standings


async def of_user(email: str, address: str = "") -> Whose:
    """The limits of whoever logs in with this e-mail address; unknown ones are limited, too.

    The one per user *and* client address is found for the addresses the user was seen at, and for
    the given one.
    """
    key, user = email_key(email), await User.by_email(email)
    networks = {Client(address).network} if address else set()
    uses = [limits.LOGIN_BY_USER.of(key), limits.ASKED_MAIL.of(key)]
    if user:
        for model in (Session, Event):
            seen = await model.filter(user_id=user.id).distinct().values_list("address", flat=True)
            networks |= {Client(str(one)).network for one in seen if one}
        of_id = (limits.CODE_SOON, limits.CODE_HOURLY, limits.CODE_DAILY, limits.PASSWORD_AGAIN)
        uses += [limit.of(str(user.id)) for limit in of_id]
        uses += [limits.ASKED_BY_USER.of(kind, str(user.id)) for kind in ("confirm", "change")]
        of_code = (limits.CODE_SOON, limits.CODE_HOURLY, limits.CODE_DAILY)
        uses += [limit.of("enrolment", str(user.id)) for limit in of_code]
        uses.append(limits.TWO_FACTOR_RESETS.of(str(user.id)))
        claimed = Event.filter(user_id=user.id, customer_account_id__not_isnull=True).distinct()
        for account_id in await claimed.values_list("customer_account_id", flat=True):
            uses.append(limits.ADMITTED.of(str(user.id), str(account_id)))
        for device in await KnownDevice.filter(user_id=user.id):
            uses.append(limits.LOGIN_BY_KNOWN_DEVICE.of(key, device.device_hash))
            uses.append(limits.BANKID_BY_BROWSER.of(device.device_hash))
    uses += [limits.LOGIN_BY_USER_AND_ADDRESS.of(key, network) for network in sorted(networks)]
    return Whose(uses, user_id=user.id if user else None, client_address=address)


async def of_customer(customer_number: str) -> Whose:
    """The limits of claims of this account, also the one on its digits, and of its invitations."""
    account = await CustomerAccount.get_or_none(customer_number=customer_number)
    uses = [limits.CLAIM_BY_NUMBER.of(customer_number)]
    if account:
        uses.append(limits.INVITATIONS.of(str(account.id)))
    if account and (suffix := account.organisation_suffix):
        uses.append(limits.CLAIM_BY_SUFFIX.of(suffix))
    return Whose(uses, customer_account_id=account.id if account else None)


def of_address(address: str) -> Whose:
    """The limits of a client address, of IPv6 of its /64."""
    network = Client(address).network
    by_address = (
        limits.LOGIN_BY_ADDRESS,
        limits.BANKID_BY_ADDRESS,
        limits.CLAIM_HOURLY,
        limits.CLAIM_DAILY,
        limits.REGISTRATIONS,
        limits.ASKED_BY_ADDRESS,
        limits.EMAIL_IN_USE_BY_ADDRESS,
    )
    return Whose([limit.of(network) for limit in by_address], client_address=network)


def of_site() -> Whose:
    """Those that refuse nobody, but slow everybody's claims down and ring the alarm."""
    return Whose(
        [limit.of() for limit in (limits.CLAIM_BY_SITE, limits.CLAIM_REFUSED, limits.LOGIN_BY_SITE)]
    )


@dataclass(frozen=True)
class Total:
    """One limit, over everybody it counts."""

    limit: Limit
    counted: int
    used_up: int


async def totals() -> list[Total]:
    """Every limit with how many it counts at the moment, and how many of them it refuses."""
    rows = await fetch(
        "SELECT name, COUNT(*) AS counted,"
        " SUM(CASE WHEN count >= most THEN 1 ELSE 0 END) AS used_up"
        " FROM spent_limits WHERE resets_at > ? AND count > 0 GROUP BY name",
        clock.seconds(),
    )
    found = {row["name"]: (int(row["counted"]), int(row["used_up"])) for row in rows}
    return [Total(limit, *found.get(name, (0, 0))) for name, limit in Limit.all.items()]


def _these(uses: list[Use]) -> Q:
    return Q(*(Q(name=use.limit.name, key=use.key) for use in uses), join_type=Q.OR)
