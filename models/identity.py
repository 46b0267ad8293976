"""Who is asking, in a browser or in the app, and what they are to a customer account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from models.databases import moment
from models.membership import Role, Status, standing_of
from models.permission import ALLOWED, Permission, Standing
from models.user import TwoFactor


class How(StrEnum):
    """What the user proved at login."""

    REGISTRATION = "registration"
    PASSWORD = "password"  # noqa: S105 - the name of a method
    PASSWORD_AND_CODE = "password and code"  # noqa: S105 - the name of a method
    BANKID = "bankid"
    REGISTRATION_BY_BANKID = "bankid registration"

    @property
    def is_by_bankid(self) -> bool:
        """Whether two factors were proven, of which the portal keeps none."""
        return self in (How.BANKID, How.REGISTRATION_BY_BANKID)

    @property
    def is_registration(self) -> bool:
        return self in (How.REGISTRATION, How.REGISTRATION_BY_BANKID)


@dataclass(frozen=True)
class SignedInUser:
    """The user as every signed-in page shows and asks them."""

    id: int
    given_name: str
    family_name: str
    email: str
    email_confirmed: bool
    two_factor: TwoFactor
    closes_at: datetime | None  # closed by the user, who may undo it until then
    has_password: bool  # else BankID alone logs in

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"

    @property
    def has_two_factor(self) -> bool:
        return self.two_factor is TwoFactor.ON


@dataclass(frozen=True)
class ReachedAccount:
    """A customer account that the signed-in user has access to."""

    id: int
    customer_number: str
    name: str
    organisation_number: str
    membership_id: int
    role: Role
    requires_two_factor: bool

    @property
    def is_administrator(self) -> bool:
        return self.role is Role.ADMINISTRATOR


@dataclass(frozen=True)
class AwaitedAccount:
    """A customer account that the signed-in user has claimed, and waits to be let in to."""

    name: str
    customer_number: str
    membership_id: int


@dataclass(frozen=True, kw_only=True)
class Principal:
    """The user and the customer account that was asked for, whatever they came in with."""

    user: SignedInUser
    customer_account: ReachedAccount | None
    awaited: AwaitedAccount | None  # in its place, where that was asked for
    how: How

    @property
    def standing(self) -> Standing:
        """What the user is to the customer account that was asked for."""
        if self.customer_account:
            return standing_of(self.customer_account.role, Status.ACTIVE)
        return Standing.AWAITING if self.awaited else Standing.NOBODY

    def may(self, permission: Permission) -> bool:
        """Whether the table in `models/permission.py` allows it to somebody who stands so."""
        return self.standing in ALLOWED[permission]

    @property
    def lacks_two_factor(self) -> bool:
        """Whether the customer account asks for two-factor, and neither has the user turned it on
        nor did they log in with BankID, which is two factors."""
        account = self.customer_account
        proven = self.user.has_two_factor or self.how.is_by_bankid
        return account is not None and account.requires_two_factor and not proven


# Of users as u, memberships as m and customer_accounts as a: what the functions below read.
COLUMNS = """
    u.id AS user_id, u.given_name, u.family_name, u.email, u.email_confirmed_at,
    u.two_factor, u.closes_at, u.password_hash <> '' AS has_password,
    m.id AS membership_id, m.role, m.status, a.id AS customer_account_id,
    a.customer_number, a.name, a.organisation_number, a.requires_two_factor"""


def signed_in_user(row: dict[str, Any]) -> SignedInUser:
    return SignedInUser(
        id=row["user_id"],
        given_name=row["given_name"],
        family_name=row["family_name"],
        email=row["email"],
        email_confirmed=row["email_confirmed_at"] is not None,
        two_factor=TwoFactor(row["two_factor"]),
        closes_at=moment(row["closes_at"]) if row["closes_at"] else None,
        has_password=bool(row["has_password"]),
    )


def reached(row: dict[str, Any]) -> ReachedAccount | None:
    if row["role"] is None or row["status"] != Status.ACTIVE:
        return None
    return ReachedAccount(
        row["customer_account_id"],
        row["customer_number"],
        row["name"],
        row["organisation_number"],
        row["membership_id"],
        Role(row["role"]),
        bool(row["requires_two_factor"]),
    )


def awaited(row: dict[str, Any]) -> AwaitedAccount | None:
    if row["role"] is None or row["status"] == Status.ACTIVE:
        return None
    return AwaitedAccount(row["name"], row["customer_number"], row["membership_id"])
