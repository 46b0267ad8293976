"""Every limit of the product, and the one table that counts against them.

Only failures count: an attempt spends first, and a right one gives its spend back. Keys are HMACs
(no address or number is readable here), and every count is one statement, so that parallel
attempts cannot share a spend.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from tortoise import fields
from tortoise.models import Model

from models import clock, keys
from models.databases import atomic, execute_all, fetch, fetch_whole


@dataclass(frozen=True)
class Limit:
    """At most `most` within `per`; the period starts with the first spend.

    `distinct`: only new values count. `refuses=False`: it never says no, it only counts, and
    rings the alarm when `most` is reached.
    """

    all: ClassVar[dict[str, Limit]] = {}

    name: str
    most: int
    per: timedelta
    distinct: bool = False
    refuses: bool = True

    def __post_init__(self) -> None:
        self.all[self.name] = self

    def of(self, *key: str, value: str = "", most: int = 0) -> Use:
        """One use of this limit by whoever `key` names; `value` is what a distinct limit counts."""
        return Use(
            self,
            keys.mac("limit", self.name, *key),
            keys.mac("limit", self.name, "value", value) if self.distinct else "",
            most or self.most,
        )


@dataclass(frozen=True)
class Use:
    limit: Limit
    key: str
    value: str
    most: int


def _minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

# Seconds. Of attempts at once the first may wait for the database while the second begins the
# period, and clocks of several servers differ: neither means that a clock ran ahead.
_SKEW = 60

# Login. An account is keyed by the typed address, so that unknown ones are limited alike.
LOGIN_BY_USER_AND_ADDRESS = Limit("login: user and client address", 10, _minutes(5))
LOGIN_BY_USER = Limit("login: user, from unknown devices", 20, _HOUR)
LOGIN_BY_KNOWN_DEVICE = Limit("login: user and known device", 20, _HOUR)
LOGIN_BY_ADDRESS = Limit("login: client address", 30, _minutes(5))
LOGIN_BY_SITE = Limit("login: whole site", 1000, _minutes(5), refuses=False)

# Identifications with BankID that are begun; one that is finished does not count.
BANKID_BY_ADDRESS = Limit("BankID: client address", 10, _minutes(5))
BANKID_BY_BROWSER = Limit("BankID: browser", 20, _HOUR)

# Codes from the app and recovery codes, per user.
CODE_SOON = Limit("code: user, 5 minutes", 5, _minutes(5))
CODE_HOURLY = Limit("code: user, hour", 20, _HOUR)
CODE_DAILY = Limit("code: user, day", 50, _DAY)

# The claim: kundnummer and four digits.
CLAIM_HOURLY = Limit("claim: client address, hour", 10, _HOUR)
CLAIM_DAILY = Limit("claim: client address, day", 30, _DAY)
CLAIM_BY_NUMBER = Limit("claim: customer number", 10, timedelta(days=30), distinct=True)
CLAIM_BY_SUFFIX = Limit("claim: suffix value", 20, _HOUR, distinct=True)
CLAIM_BY_SITE = Limit("claim: whole site", 100, _HOUR, refuses=False)
CLAIM_REFUSED = Limit("claim: refused by a limit", 1000, _HOUR, refuses=False)

# What right claims of one account by one user come to: each tells others by mail.
ADMITTED = Limit("admission: user and customer account", 5, _DAY)

# What a stranger can ask for.
REGISTRATIONS = Limit("registration: client address", 60, _HOUR)
EMAIL_IN_USE = Limit("registration: e-mail in use", 5, _HOUR, distinct=True)
EMAIL_IN_USE_BY_ADDRESS = Limit(
    "registration: e-mail in use, client address", 20, _DAY, distinct=True
)
SENT_AGAIN = Limit("registration: password of the user it made", 30, _HOUR)
ASKED_MAIL = Limit("mail: asked for, per e-mail address", 5, _HOUR)
ASKED_BY_USER = Limit("mail: asked for, signed-in user", 5, _HOUR)  # of each kind
ASKED_BY_ADDRESS = Limit("mail: asked for, client address", 60, _HOUR)
# By administrators, into the mailboxes of whomever they name; each address has ASKED_MAIL as well.
INVITATIONS = Limit("invitation: customer account", 50, _DAY)
# By somebody who knows the password, so that no stranger can use it up.
TWO_FACTOR_RESETS = Limit("two-factor reset: asked for, user", 5, _HOUR)
PASSWORD_AGAIN = Limit("password asked again: user or link", 10, _minutes(5))

# Notices about logins: told once, also when a form is sent twice or somebody goes on guessing.
TOLD_NEW_DEVICE = Limit("notice: new device, user and browser", 1, _minutes(1))
TOLD_LIMIT_REACHED = Limit("notice: login limit reached, user", 1, _HOUR)
TOLD_AFTER_FAILURES = Limit("notice: login after failures, user", 1, _HOUR)
WRONG_CODES = Limit("notice: wrong codes, user", 3, _HOUR, refuses=False)

# One alarm of a kind an hour is enough to wake somebody.
ALARM = Limit("alarm: kind", 1, _HOUR)
DAILY_ALARM = Limit("alarm: kind that has days", 1, _DAY)


class Spent(Model):
    """How much of one limit one key has used in its period."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=60)
    key = fields.CharField(max_length=64)
    count = fields.IntField()
    most = fields.IntField()
    resets_at = fields.BigIntField()  # Unix seconds

    class Meta:
        table = "spent_limits"
        unique_together = (("name", "key"),)


class SpentValue(Model):
    """A value that a distinct limit has counted already."""

    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=60)
    key = fields.CharField(max_length=64)
    value = fields.CharField(max_length=64)
    resets_at = fields.BigIntField()  # Unix seconds

    class Meta:
        table = "spent_values"
        unique_together = (("name", "key", "value"),)


@dataclass
class Attempt:
    """What became of a spend: refused by which limit, and the counts to slow down by."""

    spent: list[Use]
    refused_by: Limit | None
    wait: timedelta
    counts: dict[str, int]

    @property
    def refused(self) -> bool:
        return self.refused_by is not None

    async def give_back(self) -> None:
        """The attempt was right: it does not count."""
        await _give_back(self.spent)


class _Refused(Exception):
    pass


async def give_back(*uses: Use) -> None:
    """What was spent by an earlier request turned out right: it does not count."""
    await _give_back(list(uses))


async def spend(*uses: Use) -> Attempt:
    """Spend one of each, or none at all when one of them is used up."""
    counted, rows = list(uses), []
    if any(use.value for use in uses):
        with suppress(_Refused):
            async with atomic():
                counted = [use for use in uses if not use.value or await _is_new_value(use)]
                rows = await fetch(*_counting(counted)) if counted else []
                if len(rows) < len(counted):
                    raise _Refused
    else:
        rows = await fetch_whole(len(uses), *_counting(counted))
    counts = {row["name"]: row["count"] for row in rows}
    if len(rows) == len(counted):
        return Attempt(counted, None, timedelta(), counts)
    waits = {use.limit: await _wait(use) for use in counted if use.limit.name not in counts}
    longest = max(waits, key=lambda limit: waits[limit])
    return Attempt([], longest, waits[longest], counts)


def _counting(uses: list[Use]) -> list[Any]:
    """The statement that counts them, and its parameters: a row for each that was not refused."""
    now = clock.seconds()  # a parameter, so that the database prepares the statement once
    # Sorted, so that two attempts lock the rows in the same order: no deadlock on PostgreSQL.
    rows = sorted(
        (
            u.limit.name,
            u.key,
            1,
            u.most if u.limit.refuses else 2**31 - 1,
            now + int(u.limit.per.total_seconds()),
        )
        for u in uses
    )
    # Also over: a period that ends later than a new one would. The server's clock ran ahead once.
    later = f"spent_limits.resets_at > excluded.resets_at + {_SKEW}"
    over = f"(spent_limits.resets_at <= ? OR {later})"
    sql = f"""
        INSERT INTO spent_limits (name, key, count, most, resets_at)
        VALUES {", ".join(["(?, ?, ?, ?, ?)"] * len(rows))}
        ON CONFLICT (name, key) DO UPDATE SET
            count = CASE WHEN {over} THEN 1 ELSE spent_limits.count + 1 END,
            most = excluded.most,
            resets_at = CASE WHEN {over} THEN excluded.resets_at ELSE spent_limits.resets_at END
        WHERE {over} OR spent_limits.count < excluded.most
        RETURNING name, count"""  # noqa: S608 - only placeholders are put in
    return [sql, *(value for row in rows for value in row), now, now, now]


async def _is_new_value(use: Use) -> bool:
    now = clock.seconds()
    sql = f"""
        INSERT INTO spent_values (name, key, value, resets_at) VALUES (?, ?, ?, ?)
        ON CONFLICT (name, key, value) DO UPDATE SET resets_at = excluded.resets_at
        WHERE spent_values.resets_at <= ? OR spent_values.resets_at > excluded.resets_at + {_SKEW}
        RETURNING id"""  # noqa: S608 - only an int is put in
    until = now + int(use.limit.per.total_seconds())
    return bool(await fetch(sql, use.limit.name, use.key, use.value, until, now))


async def _give_back(uses: list[Use]) -> None:
    if not uses:
        return
    # Like _count's statement: one bare UPDATE of several rows locks them in any order.
    now = clock.seconds()
    uses = sorted(uses, key=lambda use: (use.limit.name, use.key))
    sql = f"""
        INSERT INTO spent_limits (name, key, count, most, resets_at)
        VALUES {", ".join(["(?, ?, 0, 0, ?)"] * len(uses))}
        ON CONFLICT (name, key) DO UPDATE SET count = spent_limits.count - 1
        WHERE spent_limits.count > 0"""  # noqa: S608 - only placeholders are put in
    await execute_all(
        *(
            (
                "DELETE FROM spent_values WHERE name = ? AND key = ? AND value = ?",
                (use.limit.name, use.key, use.value),
            )
            for use in uses
            if use.value
        ),
        (sql, tuple(value for use in uses for value in (use.limit.name, use.key, now))),
    )


async def _wait(use: Use) -> timedelta:
    spent = await Spent.get_or_none(name=use.limit.name, key=use.key)
    return timedelta(seconds=max(1, spent.resets_at - clock.seconds())) if spent else use.limit.per
