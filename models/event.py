"""What happened, for the people it concerns: kept in the database, next to what it is about."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.models import Model

from models import clock
from models.client import asking
from models.databases import Statement, execute, fetch, moment

if TYPE_CHECKING:
    from models.customer_account import CustomerAccount
    from models.user import User


# What somebody else did to a user: from where is not for the user to know.
BY_OTHERS = frozenset(
    {
        "email.taken_over",
        "limits.lifted",
        "membership.disowned",
        "membership.appointed",
        "membership.removed",
        "membership.approved",
        "membership.denied",
        "membership.promoted",
        "membership.demoted",
        "user.unfrozen",
    }
)

_RECORD = """
    INSERT INTO events (at, kind, user_id, customer_account_id, actor_id, address, operator, data)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


# Raw: somebody may have ten thousand of them.
_HISTORY = """
    SELECT e.kind, e.at, e.actor_id, e.address, e.data, a.name
    FROM events e LEFT JOIN customer_accounts a ON a.id = e.customer_account_id
    WHERE e.user_id = ?"""
_COUNT = "SELECT COUNT(*) AS count FROM events e WHERE e.user_id = ?"
_DEEDS = """
    SELECT e.kind, e.at, e.operator, e.data, u.given_name, u.family_name,
           a.given_name AS actor_given_name, a.family_name AS actor_family_name
    FROM events e LEFT JOIN users u ON u.id = e.user_id LEFT JOIN users a ON a.id = e.actor_id
    WHERE e.customer_account_id = ?"""
_COUNT_DEEDS = "SELECT COUNT(*) AS count FROM events e WHERE e.customer_account_id = ?"


@dataclass(frozen=True)
class Happened:
    """An event as the user it concerns may see it."""

    kind: str
    at: datetime
    address: str
    data: dict[str, Any]
    customer_account: str  # its name, or empty


@dataclass(frozen=True)
class Deed:
    """An event as the administrators of its customer account may see it: not from where.

    A name is empty where there is nobody, and where the user is erased.
    """

    kind: str
    at: datetime
    data: dict[str, Any]
    user: str  # whom it is about
    actor: str  # who did it, if not the user
    by_operator: bool  # that an operator did it; which one is not for customers to know


class Event(Model):
    """One thing that happened to a user or a customer account."""

    id = fields.IntField(primary_key=True)
    at = fields.DatetimeField()
    kind = fields.CharField(max_length=50)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", null=True, related_name="events", on_delete=fields.SET_NULL
    )
    customer_account: fields.ForeignKeyNullableRelation[CustomerAccount] = fields.ForeignKeyField(
        "models.CustomerAccount", null=True, related_name="events", on_delete=fields.SET_NULL
    )
    # Who did it to the user, where that was somebody else.
    actor: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", null=True, related_name="deeds", on_delete=fields.SET_NULL
    )
    address = fields.CharField(max_length=45, default="")
    operator = fields.CharField(max_length=80, default="")
    data: Any = fields.JSONField(default=dict)

    user_id: int | None
    customer_account_id: int | None
    actor_id: int | None

    class Meta:
        table = "events"
        indexes = (("user_id", "at"), ("customer_account_id", "at"), ("actor_id",))

    @classmethod
    async def record(
        cls,
        kind: str,
        *,
        user: User | None = None,
        user_id: int | None = None,
        customer_account: CustomerAccount | None = None,
        customer_account_id: int | None = None,
        actor_id: int | None = None,
        operator: str = "",
        **data: str | int,
    ) -> None:
        """Write it down, in the transaction of the change itself. Never a secret among `data`."""
        sql, parameters = cls.recording(
            kind,
            user_id=user.id if user else user_id,
            customer_account_id=customer_account.id if customer_account else customer_account_id,
            actor_id=actor_id,
            operator=operator,
            **data,
        )
        await execute(sql, *parameters)

    @classmethod
    def recording(
        cls,
        kind: str,
        *,
        user_id: int | None = None,
        customer_account_id: int | None = None,
        actor_id: int | None = None,
        operator: str = "",
        **data: str | int,
    ) -> Statement:
        """The same as a statement, for `execute_all` and `execute_if`."""
        address = asking.get().address[:45]
        about = (user_id, customer_account_id, actor_id)
        values = (*about, address, operator, json.dumps(data))
        return _RECORD, (clock.now(), kind, *values)

    @classmethod
    async def history(
        cls, user_id: int, *, most: int, skip: int = 0, kinds: Collection[str] = ()
    ) -> list[Happened]:
        """What happened to the user, the newest first; of these kinds, if any are named."""
        sql = f"{_HISTORY} {_of(kinds)} ORDER BY e.at DESC, e.id DESC LIMIT ? OFFSET ?"
        return [
            Happened(
                row["kind"],
                moment(row["at"]),
                "" if row["kind"] in BY_OTHERS or row["actor_id"] else row["address"],
                _data(row),
                row["name"] or "",
            )
            for row in await fetch(sql, user_id, *kinds, most, skip)
        ]

    @classmethod
    async def count_of(cls, user_id: int, kinds: Collection[str] = ()) -> int:
        """How many there are in all."""
        (row,) = await fetch(f"{_COUNT} {_of(kinds)}", user_id, *kinds)
        return int(row["count"])

    @classmethod
    async def deeds(
        cls, customer_account_id: int, *, most: int, skip: int = 0, kinds: Collection[str]
    ) -> list[Deed]:
        """What happened to the customer account, the newest first; of these kinds."""
        sql = f"{_DEEDS} {_of(kinds)} ORDER BY e.at DESC, e.id DESC LIMIT ? OFFSET ?"
        return [
            Deed(
                row["kind"],
                moment(row["at"]),
                _data(row),
                _name(row["given_name"], row["family_name"]),
                _name(row["actor_given_name"], row["actor_family_name"]),
                row["operator"] != "",
            )
            for row in await fetch(sql, customer_account_id, *kinds, most, skip)
        ]

    @classmethod
    async def count_of_deeds(cls, customer_account_id: int, kinds: Collection[str]) -> int:
        """How many there are in all."""
        (row,) = await fetch(f"{_COUNT_DEEDS} {_of(kinds)}", customer_account_id, *kinds)
        return int(row["count"])


def _data(row: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = row["data"]
    return json.loads(data) if isinstance(data, str) else data


def _name(given_name: str | None, family_name: str | None) -> str:
    return f"{given_name} {family_name}" if given_name is not None else ""


def _of(kinds: Collection[str]) -> str:
    return f"AND e.kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
