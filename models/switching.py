"""Byt kund: the customer accounts that a user reaches, found and sorted, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from models import folding
from models.databases import execute, fetch
from models.membership import Role

_MOST_WORDS = 10  # of a search; each is looked for in every account of the user

# The favourites first, then the ones used last, then by name. Written out, because the two
# databases disagree on where a missing moment sorts.
_ORDER = """
    ORDER BY CASE WHEN m.is_favourite THEN 0 ELSE 1 END,
             CASE WHEN m.is_favourite OR m.last_used_at IS NULL THEN 1 ELSE 0 END,
             CASE WHEN m.is_favourite THEN NULL ELSE m.last_used_at END DESC,
             a.sort_key, a.customer_number"""
_REACHED = """
    FROM memberships m JOIN customer_accounts a ON a.id = m.customer_account_id
    WHERE m.user_id = ? AND m.status = 'active' AND a.closed_at IS NULL"""
# Each customer page asks it. Sorted before they are looked up, PostgreSQL looks up no more accounts
# than are shown, and not all of 5,000.
_LAST_USED = """
    SELECT a.name, a.customer_number
    FROM (
        SELECT id, customer_account_id, last_used_at,
               CASE WHEN last_used_at IS NULL THEN 1 ELSE 0 END AS unused
        FROM memberships WHERE user_id = ? AND status = 'active' AND customer_account_id <> ?
        ORDER BY unused, last_used_at DESC, id
    ) m JOIN customer_accounts a ON a.id = m.customer_account_id
    WHERE a.closed_at IS NULL
    ORDER BY m.unused, m.last_used_at DESC, m.id LIMIT ?"""
_TOWNS = """
    SELECT customer_account_id, town FROM addresses WHERE customer_account_id IN ({marks})
    ORDER BY customer_account_id, id"""
_PIN = """
    UPDATE memberships SET is_favourite = ? WHERE user_id = ? AND status = 'active'
        AND customer_account_id = (SELECT id FROM customer_accounts WHERE customer_number = ?)"""


@dataclass(frozen=True)
class Choice:
    """One account in the list."""

    id: int
    name: str
    customer_number: str
    towns: tuple[str, ...]
    role: Role
    is_favourite: bool


@dataclass(frozen=True)
class Choices:
    """One page of them, and how many there are in all."""

    rows: list[Choice]
    count: int


async def choices(user_id: int, asked: str = "", *, skip: int, most: int) -> Choices:
    """The accounts the user reaches that match every word asked for, `most` from `skip` on."""
    words = folding.words(asked)[:_MOST_WORDS]
    where = _REACHED + " AND a.search_key LIKE ?" * len(words)
    parameters = (user_id, *(f"%{word}%" for word in words))
    columns = "a.id, a.name, a.customer_number, m.role, m.is_favourite, COUNT(*) OVER () AS count"
    rows = await fetch(
        f"SELECT {columns} {where} {_ORDER} LIMIT ? OFFSET ?", *parameters, most, skip
    )
    if not rows and skip:  # past the last one
        (row,) = await fetch(f"SELECT COUNT(*) AS count {where}", *parameters)
        return Choices([], row["count"])
    if not rows:
        return Choices([], 0)
    towns = await _towns([row["id"] for row in rows])
    found = [
        Choice(
            row["id"],
            row["name"],
            row["customer_number"],
            towns.get(row["id"], ()),
            Role(row["role"]),
            bool(row["is_favourite"]),
        )
        for row in rows
    ]
    return Choices(found, rows[0]["count"])


async def count(user_id: int) -> int:
    """How many accounts the user reaches."""
    (row,) = await fetch(f"SELECT COUNT(*) AS count {_REACHED}", user_id)
    found: int = row["count"]
    return found


async def last_used(user_id: int, *, but: int, most: int) -> list[dict[str, str]]:
    """Name and number of the accounts that the user was in last, besides this one."""
    return await fetch(_LAST_USED, user_id, but, most)


async def pin(user_id: int, customer_number: str, *, favourite: bool) -> None:
    """Make it a favourite, or no longer one, if the user reaches it."""
    await execute(_PIN, favourite, user_id, customer_number)


async def _towns(ids: list[int]) -> dict[int, tuple[str, ...]]:
    towns: dict[int, tuple[str, ...]] = {}
    for row in await fetch(_TOWNS.format(marks=", ".join("?" * len(ids))), *ids):
        seen = towns.get(row["customer_account_id"], ())
        if row["town"] not in seen:
            towns[row["customer_account_id"]] = (*seen, row["town"])
    return towns
