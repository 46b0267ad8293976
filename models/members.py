"""Who reaches a customer account or waits to, and who is invited: what its administrators see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import folding
from models.databases import fetch, moment
from models.email_link import EmailLink, Purpose, State
from models.invitation import Invitation
from models.membership import Role, Status
from models.user import TwoFactor

# Raw, at a fifth of the ORM's cost: an account may have thousands of users.
_MEMBERS = """
    SELECT m.id, m.user_id, m.role, m.status, m.created_at, u.given_name, u.family_name, u.email,
           u.email_confirmed_at, u.last_login_at, u.two_factor, u.closes_at,
           u.password_hash = '' AS is_passwordless
    FROM memberships m JOIN users u ON u.id = m.user_id
    WHERE m.customer_account_id = ?"""
_COUNT = """
    SELECT COUNT(CASE WHEN m.status = 'active' THEN 1 END) AS users,
           COUNT(CASE WHEN m.role = 'administrator' AND u.closes_at IS NULL THEN 1 END)
               AS administrators,
           COUNT(CASE WHEN m.status <> 'active' THEN 1 END) AS waiting,
           COUNT(CASE WHEN m.status = 'active' AND u.two_factor <> 'on' AND u.password_hash <> ''
                 THEN 1 END) AS without_two_factor
    FROM memberships m JOIN users u ON u.id = m.user_id
    WHERE m.customer_account_id = ?"""
# Of each invitation the newest link, and whether its mail has failed for good.
_INVITED = """
    SELECT i.id, i.email, i.role, i.sent_at, u.given_name, u.family_name,
           l.created_at AS link_created_at, l.sent_at AS link_sent_at, o.given_up_at
    FROM invitations i
    LEFT JOIN users u ON u.id = i.invited_by_id
    LEFT JOIN email_links l ON l.invitation_id = i.id AND l.replaced_at IS NULL
    LEFT JOIN outgoing_mails o ON o.link_id = l.id
    WHERE i.customer_account_id = ?
    ORDER BY i.sent_at DESC, i.id DESC"""


@dataclass(frozen=True)
class Member:
    """Somebody who has access, or who waits to be let in."""

    id: int  # of the membership
    user_id: int
    name: str
    email: str
    role: Role
    is_waiting: bool
    since: datetime
    last_login_at: datetime | None
    has_two_factor: bool  # also where BankID, which is two factors, is the only way in
    has_proven_email: bool
    is_closing: bool  # has closed the user account, and may still undo that

    @property
    def is_administrator(self) -> bool:
        return self.role is Role.ADMINISTRATOR

    @classmethod
    def of(cls, row: dict[str, Any]) -> Member:
        return cls(
            row["id"],
            row["user_id"],
            f"{row['given_name']} {row['family_name']}",
            row["email"],
            Role(row["role"]),
            row["status"] != Status.ACTIVE,
            moment(row["created_at"]),
            _moment(row["last_login_at"]),
            row["two_factor"] == TwoFactor.ON or bool(row["is_passwordless"]),
            row["email_confirmed_at"] is not None,
            row["closes_at"] is not None,
        )


@dataclass(frozen=True)
class Count:
    """How many there are of each."""

    users: int
    administrators: int  # of the users; without those who have closed their user account
    waiting: int
    without_two_factor: int


@dataclass(frozen=True)
class Invited:
    """An invitation that nobody has answered."""

    id: int
    email: str
    role: Role
    inviter: str  # empty: an operator, or somebody who is no user any more
    sent_at: datetime  # when it was asked for the last time
    ends_at: datetime | None  # None: its mail is not sent yet
    has_ended: bool
    has_failed: bool  # its mail could not be sent

    @property
    def is_administrator(self) -> bool:
        return self.role is Role.ADMINISTRATOR


async def of_account(customer_account_id: int, asked: str = "") -> list[Member]:
    """Those who have access, administrators first, then as in a Swedish register.

    `asked`: only those whose name and address hold all these words.
    """
    found = _matching(
        asked, await fetch(f"{_MEMBERS} AND m.status = 'active'", customer_account_id)
    )
    return sorted(found, key=lambda m: (not m.is_administrator, folding.sort_key(m.name), m.id))


async def waiting_for(customer_account_id: int, asked: str = "") -> list[Member]:
    """Those who wait to be let in, the longest first."""
    found = _matching(
        asked, await fetch(f"{_MEMBERS} AND m.status <> 'active'", customer_account_id)
    )
    return sorted(found, key=lambda member: (member.since, member.id))


async def one(customer_account_id: int, membership_id: int) -> Member | None:
    """The member with this id, if it is one of the account's."""
    rows = await fetch(f"{_MEMBERS} AND m.id = ?", customer_account_id, membership_id)
    return Member.of(rows[0]) if rows else None


async def count(customer_account_id: int) -> Count:
    (row,) = await fetch(_COUNT, customer_account_id)
    return Count(row["users"], row["administrators"], row["waiting"], row["without_two_factor"])


async def invited_to(customer_account_id: int, asked: str = "") -> list[Invited]:
    """The invitations that nobody has answered, the newest first; also those that have run out."""
    words = folding.words(asked)
    return [
        _invited(row)
        for row in await fetch(_INVITED, customer_account_id)
        if _holds(words, row["email"])
    ]


def _matching(asked: str, rows: list[dict[str, Any]]) -> list[Member]:
    words = folding.words(asked)
    return [
        Member.of(row)
        for row in rows
        if _holds(words, row["given_name"], row["family_name"], row["email"])
    ]


def _holds(words: list[str], *texts: str) -> bool:
    if not words:
        return True
    key = folding.search_key(*texts)
    return all(word in key for word in words)


def _invited(row: dict[str, Any]) -> Invited:
    link = EmailLink(
        purpose=Purpose.INVITATION,
        invitation_id=row["id"],
        created_at=moment(row["link_created_at"] or row["sent_at"]),
        sent_at=_moment(row["link_sent_at"]),
    )
    return Invited(
        row["id"],
        row["email"],
        Role(row["role"]),
        f"{row['given_name']} {row['family_name']}" if row["given_name"] else "",
        moment(row["sent_at"]),
        link.sent_at + Invitation.LIFETIME if link.sent_at else None,
        link.state is State.EXPIRED,
        row["given_up_at"] is not None,
    )


def _moment(value: Any) -> datetime | None:
    return moment(value) if value else None
