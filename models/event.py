"""What happened, for the people it concerns: kept in the database, next to what it is about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tortoise import fields
from tortoise.models import Model

from models import clock
from models.client import asking
from models.databases import Statement, execute

if TYPE_CHECKING:
    from models.customer_account import CustomerAccount
    from models.user import User


_RECORD = """
    INSERT INTO events (at, kind, user_id, customer_account_id, address, operator, data)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""


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
    address = fields.CharField(max_length=45, default="")
    operator = fields.CharField(max_length=80, default="")
    data: Any = fields.JSONField(default=dict)

    user_id: int | None
    customer_account_id: int | None

    class Meta:
        table = "events"
        indexes = (("user_id", "at"), ("customer_account_id", "at"))

    @classmethod
    async def record(
        cls,
        kind: str,
        *,
        user: User | None = None,
        user_id: int | None = None,
        customer_account: CustomerAccount | None = None,
        customer_account_id: int | None = None,
        address: str = "",
        operator: str = "",
        **data: str | int,
    ) -> None:
        """Write it down, in the transaction of the change itself. Never a secret among `data`.

        The client address is that of the request being answered, unless another one is given.
        """
        sql, parameters = cls.recording(
            kind,
            user_id=user.id if user else user_id,
            customer_account_id=customer_account.id if customer_account else customer_account_id,
            address=address,
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
        address: str = "",
        operator: str = "",
        **data: str | int,
    ) -> Statement:
        """The same as a statement, for `execute_all`."""
        address = address or asking.get().address[:45]
        values = (user_id, customer_account_id, address, operator, json.dumps(data))
        return _RECORD, (clock.now(), kind, *values)
