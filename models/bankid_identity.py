"""The BankID of a user: whose it is, kept so that nobody can read it out of the database."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Self

from tortoise import fields
from tortoise.exceptions import IntegrityError
from tortoise.models import Model

from models import clock, keys, notice
from models.databases import atomic
from models.email_link import EmailLink
from models.event import Event
from models.identity import How
from models.session import Identity, Session, authenticated_again
from models.user import User


@dataclass(frozen=True)
class Person:
    """Who BankID says that somebody is.

    The number is never shown whole, logged or put in a URL.
    """

    personal_number: str = field(repr=False)  # twelve digits
    given_name: str
    family_name: str

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def masked(self) -> str:
        """The number without what is secret of it. Whoever gets into an account finds no more."""
        return f"{self.personal_number[:8]}-****"

    @property
    def key(self) -> str:
        """What a person is found by.

        Keyed: of the hundred million possible numbers a plain hash is soon undone.
        """
        return keys.mac("personal number", self.personal_number)

    def sealed(self, context: str) -> bytes:
        """Encrypted, for one row."""
        values = [self.personal_number, self.given_name, self.family_name]
        return keys.encrypt("person", json.dumps(values, ensure_ascii=False), context)

    @classmethod
    def opened(cls, sealed: bytes, context: str) -> Self:
        """The person again. Raises keys.UnknownKey or keys.Tampered."""
        return cls(*json.loads(keys.decrypt("person", sealed, context)))


class Taken(Exception):
    """This BankID belongs to another user already, or the user has one."""


class BankIDIdentity(Model):
    """A person's BankID, which logs one user in. Found by the person's number, never by a name."""

    # A stranger who has linked theirs does not come back with it, when a notice is answered.
    NEW_FOR: ClassVar[timedelta] = timedelta(days=7)

    id = fields.IntField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.OneToOneField(
        "models.User", related_name="bankid", on_delete=fields.CASCADE
    )
    person_key = fields.CharField(max_length=64, unique=True)
    # For a new pepper, and for the user's own copy of what is held about them.
    person_encrypted: bytes = fields.BinaryField()
    name = fields.CharField(max_length=160)
    linked_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField(null=True)

    user_id: int

    class Meta:
        table = "bankid_identities"

    @classmethod
    async def of_person(cls, person: Person) -> Self | None:
        return await cls.get_or_none(person_key=person.key).prefetch_related("user")

    @classmethod
    async def of_user(cls, user_id: int) -> Self | None:
        return await cls.get_or_none(user_id=user_id)

    @property
    def person(self) -> Person:
        return Person.opened(self.person_encrypted, f"user:{self.user_id}")

    @classmethod
    async def add(cls, user_id: int, person: Person, at: datetime) -> None:
        """From now on the person's BankID logs the user in. Raises Taken."""
        try:
            async with atomic():
                _ = await cls.create(
                    user_id=user_id,
                    person_key=person.key,
                    person_encrypted=person.sealed(f"user:{user_id}"),
                    name=person.name[:160],
                    linked_at=at,
                )
        except IntegrityError as error:
            raise Taken from error

    @classmethod
    async def link(cls, identity: Identity, person: Person) -> bool:
        """'Koppla BankID', by a user who has just proven who they are. Raises Taken.

        False when the session has ended, or the user was frozen, a moment before.
        """
        async with atomic():
            await User.lock(identity.user.id)
            user = await User.get(id=identity.user.id)
            if user.frozen_at or not await Session.exists(id=identity.session_id):
                return False
            await cls.add(user.id, person, clock.now())
            await Event.record("bankid.linked", user=user)
            await notice.tell(user, "bankid_linked", bankid_name=person.name)
        return True

    @classmethod
    async def unlink(cls, identity: Identity) -> str | None:
        """'Ta bort BankID': what is kept of the person is erased; the new token of this session.

        All other sessions end. None when there is no BankID, no password to log in with instead,
        or no session any more.
        """
        async with atomic():
            await User.lock(identity.user.id)
            user = await User.get(id=identity.user.id)
            if user.is_passwordless or not await Session.exists(id=identity.session_id):
                return None
            if not await cls.exists(user_id=user.id):
                return None
            await cls.forget(user)
            await Session.end_all(user.id, but=identity.session_id)
            # What this session has proven is worth no more than the password from now on.
            return await authenticated_again(identity, how=_without_bankid(identity.how))

    @classmethod
    async def forget(cls, user: User) -> None:
        """It logs nobody in any more, and its user is told. In the caller's transaction."""
        if await cls.filter(user_id=user.id).delete():
            await Event.record("bankid.unlinked", user=user)
            await notice.tell(user, "bankid_unlinked")

    @classmethod
    async def forget_new(cls, user: User, noticed_at: datetime) -> None:
        """Of a user whom a stranger got at: a BankID that was linked of late may be the stranger's.

        Not the one that the user account was made with. `noticed_at`: where a mail is answered,
        when it was written: its link works for as long. In the transaction of what shuts the
        stranger out.
        """
        late = cls.filter(user_id=user.id, linked_at__gt=noticed_at - cls.NEW_FOR)
        if await late.exclude(linked_at=user.created_at).delete():
            await Event.record("bankid.unlinked", user=user)

    async def let_in(self) -> tuple[User, bool] | None:
        """The user who may log in by it now, and whether they were frozen until then.

        Being frozen means that somebody else may know the password: it is gone then, with all
        links that were mailed. None when it was unlinked a moment before.
        """
        async with atomic():
            await User.lock(self.user_id)
            found = BankIDIdentity.filter(id=self.id, user_id=self.user_id)
            if not await found.update(last_used_at=clock.now()):
                return None
            user = await User.get(id=self.user_id)
            was_frozen = user.frozen_at is not None
            if was_frozen:
                user.password_hash, user.password_changed_at = "", clock.now()
                user.frozen_at = None
                await user.save(update_fields=["password_hash", "password_changed_at", "frozen_at"])
                await EmailLink.void_all(user.id)
                await Event.record("user.unfrozen_by_bankid", user=user)
                await notice.tell(user, "unfrozen_by_bankid")
        return user, was_frozen

    async def confirms(self, identity: Identity, person: Person) -> str | None:
        """The signed-in user has proven anew who they are; the session's new token.

        None when it is another person, or the session has ended. From now on the session counts
        as one by BankID.
        """
        if self.person_key != person.key or self.user_id != identity.user.id:
            return None
        return await authenticated_again(identity, how=How.BANKID)


def _without_bankid(how: How) -> How:
    return How.PASSWORD if how.is_by_bankid else how
