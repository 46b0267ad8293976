"""Changing the keys: what is encrypted gets the newest one, what is hashed the new pepper.

Encrypting anew goes on while the portal runs and may be stopped at any time. A new pepper is for a
portal that stands still: what was hashed with the old one is recognised by nobody meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from tortoise.models import Model

from models import keys, notice
from models.bankid_flow import BankIDFlow
from models.bankid_identity import BankIDIdentity
from models.customer_account import CustomerAccount, suffix_hash
from models.databases import atomic, execute, fetch
from models.event import Event
from models.limits import Spent, SpentValue
from models.outgoing_mail import OutgoingMail
from models.recovery_code import RecoveryCode
from models.registration import Registration
from models.session import KnownDevice
from models.totp import Totp
from models.user import User

_BATCH = 500  # rows to a transaction


@dataclass(frozen=True)
class Encrypted:
    """A column that holds what is encrypted, and what binds each value to its row."""

    name: str
    model: type[Model]
    column: str
    purpose: str
    bound_to: str  # a column
    binding: str = "{}"

    @property
    def table(self) -> str:
        return self.model._meta.db_table


COLUMNS = (
    Encrypted("authenticator apps", Totp, "secret_encrypted", "totp", "user_id", "user:{}"),
    Encrypted(
        "shown recovery codes",
        RecoveryCode,
        "code_encrypted",
        "recovery code",
        "user_id",
        "user:{}",
    ),
    Encrypted("waiting mails", OutgoingMail, "data_encrypted", "mail", "message_id"),
    Encrypted(
        "persons with BankID", BankIDIdentity, "person_encrypted", "person", "user_id", "user:{}"
    ),
    Encrypted(
        "persons who register", Registration, "person_encrypted", "person", "id", "registration:{}"
    ),
    Encrypted("orders of BankID", BankIDFlow, "order_encrypted", "bankid order", "public_id"),
    Encrypted(
        "persons who identify themselves",
        BankIDFlow,
        "person_encrypted",
        "person",
        "public_id",
        "flow:{}",
    ),
    Encrypted(
        "four digits of sole traders",
        CustomerAccount,
        "suffix_encrypted",
        "organisation suffix",
        "customer_number",
    ),
)


@dataclass
class Count:
    """What became of one column's values."""

    renewed: int = 0
    newest: int = 0  # were that already
    unreadable: int = 0  # their key stands in no setting any more


async def reencrypt(operator: str) -> dict[str, Count]:
    """Encrypt with the newest key whatever an older one encrypted."""
    counts = {column.name: await _reencrypt(column) for column in COLUMNS}
    renewed = sum(count.renewed for count in counts.values())
    await Event.record("keys.changed", operator=operator, renewed=renewed)
    return counts


async def _reencrypt(column: Encrypted) -> Count:
    count, last = Count(), 0
    batch = (
        f"SELECT id, {column.column} AS value, {column.bound_to} AS bound_to FROM {column.table}"  # noqa: S608 - ours
        f" WHERE {column.column} IS NOT NULL AND id > ? ORDER BY id LIMIT {_BATCH}"
    )
    # Compare and set: what was changed or erased meanwhile is left as it is.
    put = f"UPDATE {column.table} SET {column.column} = ? WHERE id = ? AND {column.column} = ?"  # noqa: S608 - ours
    while rows := await fetch(batch, last):
        last = rows[-1]["id"]
        renewed = []
        for row in rows:
            if keys.is_of_newest(row["value"]):
                count.newest += 1
                continue
            context = column.binding.format(row["bound_to"])
            try:
                text = keys.decrypt(column.purpose, row["value"], context)
            except (keys.UnknownKey, keys.Tampered):
                count.unreadable += 1
                continue
            sealed = keys.encrypt(column.purpose, text, context)
            renewed.append((sealed, row["id"], bytes(row["value"])))
        async with atomic():
            for parameters in renewed:
                count.renewed += await execute(put, *parameters)
    return count


class PepperInUse(Exception):
    """The accounts' hashes are of this pepper already: nothing must be hashed anew."""


@dataclass
class Repeppered:
    """What a new pepper came to."""

    accounts: int = 0
    unreadable: int = 0  # four digits of accounts, and persons, that cannot be decrypted
    codes: int = 0
    users_told: int = 0
    devices: int = 0
    bankids: int = 0


async def repepper(operator: str) -> Repeppered:
    """Hash anew what is also there in clear or encrypted; forget the rest, and tell its owners.

    Raises PepperInUse. Stopped on the way, the same again does the rest: the accounts come last,
    and as long as one of them is of the old pepper, it is not in use.
    """
    if not await _is_new_pepper():
        raise PepperInUse
    done = Repeppered()
    async with atomic():
        await _renew_codes(done)
        await _rehash_persons(done)
        done.devices = await KnownDevice.all().delete()
        await Spent.all().delete()
        await SpentValue.all().delete()
        await Event.record("pepper.changed", operator=operator)
    await _rehash_accounts(done)
    return done


async def _renew_codes(done: Repeppered) -> None:
    for code in await RecoveryCode.filter(code_encrypted__not_isnull=True):
        with suppress(keys.UnknownKey):
            owner = str(code.user_id)
            clear = keys.decrypt("recovery code", code.code_encrypted or b"", f"user:{owner}")
            renewed = keys.mac("recovery code", owner, clear)
            await RecoveryCode.filter(id=code.id).update(code_hash=renewed)
    saved = RecoveryCode.filter(code_encrypted=None)
    for user in await User.filter(recovery_codes__in=await saved.filter(used_at=None)).distinct():
        await notice.tell(user, "recovery_codes_gone")
        done.users_told += 1
    done.codes = await saved.delete()


async def _rehash_persons(done: Repeppered) -> None:
    for identity in await BankIDIdentity.all():
        try:
            renewed = identity.person.key
        except keys.UnknownKey:
            done.unreadable += 1
            continue
        await BankIDIdentity.filter(id=identity.id).update(person_key=renewed)
        done.bankids += 1


async def _rehash_accounts(done: Repeppered) -> None:
    async for batch in _accounts():
        async with atomic():
            for account in batch:
                try:
                    renewed = _hash(account)
                except keys.UnknownKey:
                    done.unreadable += 1
                    continue
                if renewed != account.suffix_hash:
                    same = CustomerAccount.filter(id=account.id, suffix_hash=account.suffix_hash)
                    done.accounts += await same.update(suffix_hash=renewed)


async def _is_new_pepper() -> bool:
    """Whether the four digits of any account are hashed otherwise than now, or there are none."""
    known = False
    async for batch in _accounts():
        for account in batch:
            with suppress(keys.UnknownKey):
                if _hash(account) != account.suffix_hash:
                    return True
                known = known or account.suffix_hash != ""
    return not known


async def _accounts() -> AsyncIterator[list[CustomerAccount]]:
    last = 0
    while batch := await CustomerAccount.filter(id__gt=last).order_by("id").limit(_BATCH):
        last = batch[-1].id
        yield batch


def _hash(account: CustomerAccount) -> str:
    suffix = account.organisation_suffix
    return suffix_hash(account.customer_number, suffix) if suffix else ""
