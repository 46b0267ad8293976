"""The import of customers: the business system's export is checked, then the accounts follow it."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
import unicodedata
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

from models import clock, numbers
from models.customer_account import CustomerAccount, list_keys
from models.databases import atomic, dialect, execute, execute_many, fetch, insert_many
from models.event import Event

COLUMNS = (
    "kundnummer",
    "organisationsnummer",
    "namn",
    "e-post",
    "gatuadress",
    "postnummer",
    "ort",
)

# Customers per transaction. One transaction for the whole file would keep the running portal from
# SQLite's only write lock for longer than it waits for it (docs/operate.md has the measurement).
# So the whole file is checked first, and then written by whole customers: kill -9 leaves none
# half written, and the same command again does the rest. On PostgreSQL only the changed rows are
# locked, and each batch costs its round trips.
_BATCH = {"sqlite": 500, "postgres": 2000}
_BREATH = 0.02  # seconds without the lock between two batches, at least half as long as with it
_LOCK = 4102  # PostgreSQL's advisory lock: two imports at once take turns by the batch

_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\"\\]+@[^\s@,;:<>()\[\]\"\\.]+(\.[^\s@,;:<>()\[\]\"\\.]+)+")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LOST = "\ufffd"  # what programs write in place of a character that they could not read


@dataclass
class Counts:
    """What became of the customers. Those reopened are among the updated, too."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    reopened: int = 0
    closed: int = 0


class CustomerImport:
    """One export: its lines are added one by one, and written when all of them are read.

    Until then they lie in a file of SQLite's own that has no name and goes with the process, so
    that a million need no memory. Of a sole trader it holds no more in clear than the portal's
    database does.
    """

    def __init__(self) -> None:
        self._aside = sqlite3.connect("", isolation_level=None)
        self._aside.executescript(_ASIDE)
        self._scratch = CustomerAccount()
        self.unreadable = 0
        self.counts = Counts()

    def close(self) -> None:
        self._aside.close()

    def add(self, line: int, values: Mapping[str, str]) -> list[str]:
        """Take one line; what is wrong with it. A bad line leaves its whole customer out."""
        read = _Line(values)
        number = read.customer_number()
        if number is None:
            self.refuse()
            return read.wrong
        account, address = self._account(number, read), read.address()
        earlier = self._aside.execute(_GET, (number,)).fetchone()
        if earlier and not read.wrong:
            read.wrong += _disagreements(earlier, account)
        if read.wrong:
            self._aside.execute(_MARK_BAD, (number, line))
        elif earlier is None:
            self._aside.execute(_KEEP, (*account, line))
        if address and not read.wrong:
            self._aside.execute(_KEEP_ADDRESS, (number, *address))
        return read.wrong

    def refuse(self) -> None:
        """Count a line that does not even tell its customer number."""
        self.unreadable += 1

    @property
    def customers(self) -> int:
        """How many can be written."""
        count: int = self._aside.execute(_COUNT, (0,)).fetchone()[0]
        return count

    @property
    def skipped(self) -> int:
        """How many have a bad line."""
        count: int = self._aside.execute(_COUNT, (1,)).fetchone()[0]
        return count

    async def find_absent(self) -> int:
        """How many open accounts the export does not name; a bad line, too, names its customer."""
        self._aside.execute("DELETE FROM absent")
        last = 0
        while rows := await fetch(_OPEN, last):
            last = rows[-1]["id"]
            absent = [
                (row["id"],)
                for row in rows
                if not self._aside.execute(_GET, (row["customer_number"],)).fetchone()
            ]
            self._aside.executemany("INSERT INTO absent (id) VALUES (?)", absent)
        count: int = self._aside.execute("SELECT count(*) FROM absent").fetchone()[0]
        return count

    async def write(self, operator: str) -> AsyncIterator[int]:
        """Create and update, and close what `find_absent` found. Yields how many at a time.

        The event comes first, and every batch keeps it true: it tells what an import has done
        that was killed on the way.
        """
        event = await Event.create(
            at=clock.now(),
            kind="customers.imported",
            operator=operator,
            data={**asdict(self.counts), "skipped": self.skipped, "finished": False},
        )
        look_at = 1000
        for batch in self._batches():
            await self._write_batch(batch, event)
            yield len(batch)
            if self.counts.created >= look_at:
                await _tell_the_planner()
                look_at = 4 * self.counts.created
        batch_size = _BATCH[dialect()]
        while ids := [row[0] for row in self._aside.execute(_NEXT_ABSENT, (batch_size,))]:
            await self._close_batch(ids, event)
            yield len(ids)
        event.data |= {"finished": True}
        await event.save(update_fields=["data"])

    async def _write_batch(self, batch: list[_Customer], event: Event) -> None:
        stored = await _stored(batch)
        if all(customer.is_like(stored.get(customer.account.number)) for customer in batch):
            self.counts.unchanged += len(batch)  # known without taking the lock
            return
        started = time.monotonic()
        async with atomic():
            await _wait_for_turn()
            stored = await _stored(batch)
            new = [c for c in batch if c.account.number not in stored]
            known = [(c, stored[c.account.number]) for c in batch if c.account.number in stored]
            changed = [(c, was) for c, was in known if not c.is_like(was)]
            await insert_many("customer_accounts", _COLUMNS, [(*c.row, 0) for c in new])
            await execute_many(_UPDATE, [(*c.row, was.id) for c, was in changed])
            await _replace_addresses(
                [c for c in new if c.addresses],
                [(c, was) for c, was in changed if c.addresses != was.addresses],
            )
            reopened = [was.id for _, was in changed if was.is_closed]
            await _record("customer_account.reopened", reopened, event.operator)
            self.counts.created += len(new)
            self.counts.updated += len(changed)
            self.counts.unchanged += len(known) - len(changed)
            self.counts.reopened += len(reopened)
            event.data |= asdict(self.counts)
            await event.save(update_fields=["data"])
        await _let_others_write(started)

    async def _close_batch(self, ids: list[int], event: Event) -> None:
        started = time.monotonic()
        async with atomic():
            await _wait_for_turn()
            still_open = CustomerAccount.filter(id__in=ids, closed_at=None)
            closed = [account.id for account in await still_open]
            _ = await still_open.update(closed_at=clock.now())
            await _record("customer_account.closed", closed, event.operator)
            self.counts.closed += len(closed)
            event.data |= asdict(self.counts)
            await event.save(update_fields=["data"])
        self._aside.executemany("DELETE FROM absent WHERE id = ?", [(i,) for i in ids])
        await _let_others_write(started)

    def _account(self, number: str, read: _Line) -> _Account:
        self._scratch.customer_number = number
        self._scratch.identify_by(read.organisation_number())
        return _Account(
            number,
            read.text("namn", 200, required=True),
            self._scratch.organisation_number,
            self._scratch.suffix_hash,
            self._scratch.suffix_encrypted,
            read.email(),
        )

    def _batches(self) -> Iterator[list[_Customer]]:
        last = ""
        while rows := self._aside.execute(_NEXT, (last, _BATCH[dialect()])).fetchall():
            batch = {row[0]: _Customer(_Account(*row), []) for row in rows}
            last = rows[-1][0]
            for number, *address in self._aside.execute(_ADDRESSES, (rows[0][0], last)):
                if number in batch:
                    batch[number].addresses.append(tuple(address))
            yield list(batch.values())


class _Account(NamedTuple):
    number: str
    name: str
    organisation_number: str
    suffix_hash: str
    suffix_encrypted: bytes | None
    email: str


@dataclass
class _Stored:
    """An account as the portal has it."""

    id: int
    values: tuple[str, ...]
    is_closed: bool
    addresses: list[tuple[str, ...]]


@dataclass
class _Customer:
    """An account as the export has it."""

    account: _Account
    addresses: list[tuple[str, ...]]

    @property
    def row(self) -> tuple[object, ...]:
        return *self.account, *self._keys

    def is_like(self, stored: _Stored | None) -> bool:
        return (
            stored is not None
            and not stored.is_closed
            and stored.values == self._compared
            and stored.addresses == self.addresses
        )

    @cached_property
    def _compared(self) -> tuple[str, ...]:
        # What is encrypted differs each time; the hash says whether the digits are the same.
        account = self.account
        return (
            *(account.name, account.organisation_number, account.suffix_hash, account.email),
            *self._keys,
        )

    @cached_property
    def _keys(self) -> tuple[str, str]:
        account, towns = self.account, [town for _, _, town in self.addresses]
        return list_keys(account.name, account.number, account.organisation_number, towns)


class _Line:
    """One line of the export, read field by field; `wrong` gathers what is."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.wrong: list[str] = []

    def customer_number(self) -> str | None:
        number = numbers.customer_number(self.values["kundnummer"])
        if number is None:
            self.wrong.append("kundnummer: 1 to 20 digits are needed, not all of them 0")
        return number

    def organisation_number(self) -> str:
        """Ten digits, or empty. Its digits are never shown: they may be a person's."""
        typed = self.values["organisationsnummer"]
        if not numbers.compact(typed):
            return ""
        number = numbers.organisation_number(typed)
        if number is None:
            digits = len(re.findall(r"[0-9]", typed))
            self.wrong.append(
                "organisationsnummer: the check digit is wrong"
                if digits in (10, 12)
                else "organisationsnummer: ten digits are needed (or none: by invitation only)"
            )
        elif numbers.is_personal(number) and not _is_birth_date(number):
            # Also 0000000000, with which somebody filled the column.
            self.wrong.append("organisationsnummer: neither a company's nor a person's number")
            return ""
        return number or ""

    def email(self) -> str:
        email = self.text("e-post", 254)
        if email and not _EMAIL.fullmatch(email):
            self.wrong.append("e-post: one address like name@example.com is needed, or none")
        return email

    def address(self) -> tuple[str, str, str] | None:
        street, town = self.text("gatuadress", 200), self.text("ort", 100)
        code = re.sub(r"^(SE|S)-?", "", numbers.compact(self.values["postnummer"]).upper())
        if not (street or town or code):
            return None
        if not (street and town and code):
            self.wrong.append("gatuadress, postnummer, ort: all three are needed, or none")
        elif not re.fullmatch(r"[1-9][0-9]{4}", code):
            self.wrong.append("postnummer: five digits are needed")
        return street, f"{code[:3]} {code[3:]}", town

    def text(self, column: str, longest: int, *, required: bool = False) -> str:
        text = " ".join(unicodedata.normalize("NFC", self.values[column]).split())
        if required and not text:
            self.wrong.append(f"{column}: is empty")
        if len(text) > longest:
            self.wrong.append(f"{column}: longer than {longest} characters")
        if _LOST in text or _UNPRINTABLE.search(text):
            self.wrong.append(f"{column}: holds a character that was lost or cannot be printed")
        return text


def _is_birth_date(number: str) -> bool:
    """Whether the first six digits are a day; a coordination number counts 60 on it."""
    year, month, day = int(number[:2]), int(number[2:4]), int(number[4:6])
    try:
        # The century is not known, but leap years come every four years.
        return bool(date(2000 + year % 4, month, day - 60 if day > 60 else day))
    except ValueError:
        return False


def _disagreements(
    earlier: tuple[int, bool, str | None, str, str, str], now: _Account
) -> list[str]:
    line, is_bad, name, organisation_number, suffix_hash, email = earlier
    if is_bad and name is None:
        return []  # nothing of the customer's is kept to compare with, nor will be
    same = {
        "organisationsnummer": (organisation_number, suffix_hash)
        == (now.organisation_number, now.suffix_hash),
        "namn": name == now.name,
        "e-post": email == now.email,
    }
    return [
        f"{column}: not the same as on line {line}, for the same kundnummer"
        for column, is_same in same.items()
        if not is_same
    ]


async def _stored(batch: list[_Customer]) -> dict[str, _Stored]:
    marks = ", ".join("?" * len(batch))
    rows = await fetch(_STORED.format(marks=marks), *(c.account.number for c in batch))
    accounts = {
        row["id"]: _Stored(
            row["id"],
            (
                row["name"],
                row["organisation_number"],
                row["suffix_hash"],
                row["contact_email"],
                row["search_key"],
                row["sort_key"],
            ),
            row["closed_at"] is not None,
            [],
        )
        for row in rows
    }
    if accounts:
        marks = ", ".join("?" * len(accounts))
        for row in await fetch(_STORED_ADDRESSES.format(marks=marks), *accounts):
            address = (row["street"], row["postal_code"], row["town"])
            accounts[row["customer_account_id"]].addresses.append(address)
    return {row["customer_number"]: accounts[row["id"]] for row in rows}


async def _replace_addresses(new: list[_Customer], moved: list[tuple[_Customer, _Stored]]) -> None:
    # Nothing refers to an address, so that they are simply written again, in the export's order.
    ids = {c.account.number: was.id for c, was in moved}
    if ids:
        marks = ", ".join("?" * len(ids))
        _ = await execute(_DELETE_ADDRESSES.format(marks=marks), *ids.values())
    if new:
        marks = ", ".join("?" * len(new))
        rows = await fetch(_IDS.format(marks=marks), *(c.account.number for c in new))
        ids |= {row["customer_number"]: row["id"] for row in rows}
    await insert_many(
        "addresses",
        ("customer_account_id", "street", "postal_code", "town"),
        [
            (ids[customer.account.number], *address)
            for customer in (*new, *(c for c, _ in moved))
            for address in customer.addresses
        ],
    )


async def _record(kind: str, ids: list[int], operator: str) -> None:
    await Event.bulk_create(
        Event(at=clock.now(), kind=kind, customer_account_id=id_, operator=operator, data={})
        for id_ in ids
    )


async def _let_others_write(started: float) -> None:
    if dialect() == "sqlite":
        await asyncio.sleep(max(_BREATH, (time.monotonic() - started) / 2))


async def _tell_the_planner() -> None:
    """PostgreSQL plans as for an empty table until it looks: 46 instead of 13 s for 100,000."""
    if dialect() == "postgres":
        _ = await execute("ANALYZE customer_accounts, addresses")


async def _wait_for_turn() -> None:
    """On SQLite the transaction itself has waited."""
    if dialect() == "postgres":
        _ = await fetch("SELECT pg_advisory_xact_lock(?)", _LOCK)


# The file that the lines are kept aside in

_ASIDE = """
    CREATE TABLE customers (
        number TEXT PRIMARY KEY, name TEXT, organisation_number TEXT, suffix_hash TEXT,
        suffix_encrypted BLOB, email TEXT, line INTEGER, is_bad INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE addresses (
        position INTEGER PRIMARY KEY, number TEXT, street TEXT, postal_code TEXT, town TEXT,
        UNIQUE (number, street, postal_code, town)
    );
    CREATE TABLE absent (id INTEGER PRIMARY KEY);
    BEGIN"""  # never committed: what is never read again need not reach the disk
_GET = """
    SELECT line, is_bad, name, organisation_number, suffix_hash, email FROM customers
    WHERE number = ?"""
_KEEP = """
    INSERT INTO customers
        (number, name, organisation_number, suffix_hash, suffix_encrypted, email, line)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_KEEP_ADDRESS = """
    INSERT OR IGNORE INTO addresses (number, street, postal_code, town) VALUES (?, ?, ?, ?)"""
_MARK_BAD = """
    INSERT INTO customers (number, line, is_bad) VALUES (?, ?, 1)
    ON CONFLICT (number) DO UPDATE SET is_bad = 1"""
_COUNT = "SELECT count(*) FROM customers WHERE is_bad = ?"
_NEXT = """
    SELECT number, name, organisation_number, suffix_hash, suffix_encrypted, email FROM customers
    WHERE is_bad = 0 AND number > ? ORDER BY number LIMIT ?"""
_ADDRESSES = """
    SELECT number, street, postal_code, town FROM addresses
    WHERE number BETWEEN ? AND ? ORDER BY position"""
_NEXT_ABSENT = "SELECT id FROM absent ORDER BY id LIMIT ?"

# The portal's database

_OPEN = """
    SELECT id, customer_number FROM customer_accounts
    WHERE closed_at IS NULL AND id > ? ORDER BY id LIMIT 5000"""
_STORED = """
    SELECT id, customer_number, name, organisation_number, suffix_hash, contact_email,
        search_key, sort_key, closed_at
    FROM customer_accounts WHERE customer_number IN ({marks})"""
_STORED_ADDRESSES = """
    SELECT customer_account_id, street, postal_code, town FROM addresses
    WHERE customer_account_id IN ({marks}) ORDER BY id"""
_IDS = "SELECT id, customer_number FROM customer_accounts WHERE customer_number IN ({marks})"
_COLUMNS = (
    *("customer_number", "name", "organisation_number", "suffix_hash", "suffix_encrypted"),
    *("contact_email", "search_key", "sort_key", "active_administrators"),
)
_UPDATE = """
    UPDATE customer_accounts
    SET customer_number = ?, name = ?, organisation_number = ?, suffix_hash = ?,
        suffix_encrypted = ?, contact_email = ?, search_key = ?, sort_key = ?, closed_at = NULL
    WHERE id = ?"""
_DELETE_ADDRESSES = "DELETE FROM addresses WHERE customer_account_id IN ({marks})"
