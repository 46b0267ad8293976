"""Registration, Steg 1-4: one visitor's way from the first click to a user account."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Self

from tortoise import fields
from tortoise.exceptions import IntegrityError
from tortoise.models import Model

from models import clock, email_takeover, limits, passwords, tokens
from models.bankid_identity import BankIDIdentity, Person
from models.claim import prove
from models.client import Client
from models.customer_account import CustomerAccount
from models.databases import atomic
from models.email_link import EmailLink, Purpose
from models.event import Event
from models.identity import How
from models.invitation import Invitation
from models.membership import AccountClosed, Membership
from models.outgoing_mail import OutgoingMail
from models.session import Session
from models.user import TwoFactor, User, email_key


class EmailInUse(Exception):
    """The address belongs to a user already."""


class NotInvited(Exception):
    """The invitation was revoked, replaced or used, or is too old by now."""


class AlreadyFinished(Exception):
    """This registration has made its user: the form was sent twice, or the answer got lost."""


class Registration(Model):
    """Kept on the server and found through a random token in a cookie, so that nothing is lost.

    Never a password or the four digits in it; who somebody is by BankID is encrypted.
    """

    LIFETIME: ClassVar[timedelta] = timedelta(hours=24)
    CLAIM_LIFETIME: ClassVar[timedelta] = timedelta(
        hours=1
    )  # for carrying the claim through a login
    PERSON_LIFETIME: ClassVar[timedelta] = timedelta(minutes=30)

    id = fields.IntField(primary_key=True)
    token_hash = fields.CharField(max_length=64, unique=True)
    started_at = fields.DatetimeField()
    customer_account: fields.ForeignKeyNullableRelation[CustomerAccount] = fields.ForeignKeyField(
        "models.CustomerAccount", null=True, related_name="registrations", on_delete=fields.SET_NULL
    )
    claimed_at = fields.DatetimeField(null=True)
    given_name = fields.CharField(max_length=80, default="")
    family_name = fields.CharField(max_length=80, default="")
    phone = fields.CharField(max_length=20, default="")
    email = fields.CharField(max_length=254, default="")
    is_linking = fields.BooleanField(default=False)  # claim or BankID waits for a login
    # Who it is, where BankID takes the place of a password.
    person_encrypted: bytes | None = fields.BinaryField(null=True)
    identified_at = fields.DatetimeField(null=True)
    # The invitation that took the place of Steg 2.
    link: fields.ForeignKeyNullableRelation[EmailLink] = fields.ForeignKeyField(
        "models.EmailLink", null=True, related_name="registrations", on_delete=fields.SET_NULL
    )
    finished_at = fields.DatetimeField(null=True)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", null=True, related_name="registrations", on_delete=fields.SET_NULL
    )

    user_id: int | None
    customer_account_id: int | None
    link_id: int | None

    class Meta:
        table = "registrations"
        indexes = (("customer_account_id",), ("user_id",), ("link_id",))

    @classmethod
    async def start(cls) -> str:
        """A new one; the token for the cookie."""
        token = tokens.new()
        _ = await cls.create(token_hash=tokens.hashed(token), started_at=clock.now())
        return token

    @classmethod
    async def accept(cls, invitation: Invitation, link: EmailLink) -> str:
        """A new one that the invitation takes to Steg 3; the token for the cookie."""
        token, now = tokens.new(), clock.now()
        _ = await cls.create(
            token_hash=tokens.hashed(token),
            started_at=now,
            customer_account_id=invitation.customer_account_id,
            email=invitation.email,
            link_id=link.id,
        )
        return token

    @classmethod
    async def forget_run_out(cls) -> int:
        """Delete those that ran out, with the name and the address that were typed; how many."""
        return await cls.filter(started_at__lte=clock.now() - cls.LIFETIME).delete()

    @classmethod
    async def forget_persons(cls) -> int:
        """Erase who proved by BankID who they are, and did not go on in time; how many."""
        late = cls.filter(identified_at__lte=clock.now() - cls.PERSON_LIFETIME)
        return await late.exclude(person_encrypted=None).update(person_encrypted=None)

    @classmethod
    async def find(cls, token: str) -> Self | None:
        """The registration behind the cookie, however old."""
        found = cls.get_or_none(token_hash=tokens.hashed(token))
        return await found.prefetch_related("customer_account", "user")

    @property
    def is_invited(self) -> bool:
        """Whether an invitation took the place of Steg 2; the address is the invited one."""
        return self.link_id is not None

    def goes_on_from(self, link: EmailLink) -> bool:
        """Whether it was begun from this invitation and is to be finished still."""
        return self.link_id == link.id and self.finished_at is None and not self.has_run_out

    @property
    def has_run_out(self) -> bool:
        return clock.now() - self.started_at >= self.LIFETIME

    async def claim(self, customer_number: str, organisation_suffix: str, client: Client) -> bool:
        """Steg 2: keep the account that both numbers belong to. It may replace an earlier one."""
        account = await prove(customer_number, organisation_suffix, client)
        if account is None:
            return False
        unfinished = Registration.filter(id=self.id, finished_at=None)
        return (
            await unfinished.update(
                customer_account_id=account.id,
                claimed_at=clock.now(),
                is_linking=False,
                link_id=None,
            )
            == 1
        )

    async def identify(self, person: Person) -> None:
        """'Registrera dig med BankID': from now on BankID takes the place of a password."""
        self.person_encrypted = person.sealed(f"registration:{self.id}")
        self.identified_at = clock.now()
        self.given_name = self.given_name or person.given_name[:80]
        self.family_name = self.family_name or person.family_name[:80]
        await Registration.filter(id=self.id, finished_at=None).update(
            person_encrypted=self.person_encrypted,
            identified_at=self.identified_at,
            given_name=self.given_name,
            family_name=self.family_name,
        )

    @property
    def is_by_bankid(self) -> bool:
        """Whether it was begun with BankID, however long ago."""
        return self.identified_at is not None

    @property
    def person(self) -> Person | None:
        """Who it is by BankID: for half an hour after they proved it."""
        if self.person_encrypted is None or self.identified_at is None:
            return None
        if clock.now() - self.identified_at >= self.PERSON_LIFETIME:
            return None
        return Person.opened(self.person_encrypted, f"registration:{self.id}")

    def is_of(self, person: Person) -> bool:
        """Whether they have proven by BankID that it is theirs, within half an hour."""
        return self.person is not None and self.person.key == person.key

    def is_of_another(self, person: Person) -> bool:
        """Whether somebody else has proven by BankID that it is theirs."""
        return self.person is not None and self.person.key != person.key

    async def await_login(self) -> None:
        """Whoever has showed their BankID has a user account already, and logs in to it."""
        await Registration.filter(id=self.id, finished_at=None).update(is_linking=True)

    async def forget_person(self) -> None:
        """What BankID said is not needed any more; a password takes its place."""
        self.person_encrypted = self.identified_at = None
        await Registration.filter(id=self.id).update(person_encrypted=None, identified_at=None)

    async def keep_details(self, given_name: str, family_name: str, phone: str, email: str) -> None:
        """Steg 3's fields as typed, so that Back and a reload find them again. Not the password."""
        self.given_name, self.family_name, self.phone = given_name, family_name, phone
        self.email = self.email if self.is_invited else email
        await Registration.filter(id=self.id, finished_at=None).update(
            given_name=given_name, family_name=family_name, phone=phone, email=self.email
        )

    async def create_user(self, password_hash: str, client: Client) -> str:
        """Steg 3: user, access, mails and session in one transaction; the session's token.

        `password_hash`: empty for somebody who is known by BankID and chose no password. Raises
        EmailInUse, Taken (the BankID), AccountClosed, NotInvited, or AlreadyFinished when it has
        made its user before.
        """
        assert self.customer_account is not None  # noqa: S101 - Steg 2 comes first: the page's guard
        holder = await User.by_email(self.email)
        if holder and not (self.is_invited and holder.email_confirmed_at is None):
            await self._check_unfinished()
            raise EmailInUse
        try:
            async with atomic():
                return await self._create_user(self.customer_account, password_hash, client)
        except IntegrityError as taken:  # the same address from somewhere else, a moment quicker
            await self._check_unfinished()
            raise EmailInUse from taken

    async def _create_user(
        self, account: CustomerAccount, password_hash: str, client: Client
    ) -> str:
        now, person = clock.now(), self.person
        assert person or password_hash  # noqa: S101 - the page's guard: one of them logs in
        if self.is_invited and (holder := await User.by_email(self.email)):
            # Who reads the invitation has proven to read the address, which its user never did.
            await User.lock(holder.id)
            _ = await email_takeover.free(holder, self.email)
        # One UPDATE: a form sent twice makes one user.
        if not await Registration.filter(id=self.id, finished_at=None).update(finished_at=now):
            raise AlreadyFinished
        user = await User.create(
            email=self.email,
            email_key=email_key(self.email),
            given_name=self.given_name,
            family_name=self.family_name,
            phone=self.phone,
            password_hash=password_hash,
            password_changed_at=now,
            created_at=now,
            # A code goes with a password; BankID is two factors already.
            two_factor=TwoFactor.UNANSWERED if password_hash else TwoFactor.SKIPPED,
        )
        _ = await Registration.filter(id=self.id).update(user_id=user.id, person_encrypted=None)
        await Event.record("user.created", user=user)
        if person:
            await BankIDIdentity.add(user.id, person, now)
            await Event.record("bankid.linked", user=user)
        if self.is_invited:
            await self._accept_invitation(user)
        else:
            _ = await _let_in(user, account)
        await welcome(user)
        how = How.REGISTRATION_BY_BANKID if person else How.REGISTRATION
        return await Session.start(user, how, client)

    async def _accept_invitation(self, user: User) -> None:
        link = await EmailLink.get_or_none(id=self.link_id).prefetch_related("invitation")
        invitation = link and link.is_open and link.invitation
        if not link or not invitation or not await invitation.accept(user, link):
            raise NotInvited
        await User.filter(id=user.id).update(active_customer_account_id=self.customer_account_id)

    async def _check_unfinished(self) -> None:
        if await Registration.exists(id=self.id, finished_at__not_isnull=True):
            raise AlreadyFinished

    async def told_of_email_in_use(self, client: Client) -> limits.Attempt:
        """Spend of the budget for learning that an address is taken; a free one gives it back."""
        return await limits.spend(
            limits.EMAIL_IN_USE.of("registration", str(self.id), value=email_key(self.email)),
            limits.EMAIL_IN_USE_BY_ADDRESS.of(client.network, value=email_key(self.email)),
        )

    async def has_password(self, password: str) -> bool:
        """Whether this is the password of the user it made, until Steg 4 is answered.

        From then on the login is the way in, with its second factor. Raises passwords.Busy.
        """
        user = self.user
        if user is None or user.two_factor is not TwoFactor.UNANSWERED or self.has_run_out:
            return False
        if user.frozen_at:
            return False
        attempt = await limits.spend(limits.SENT_AGAIN.of(str(self.id)))
        if attempt.refused:
            return False
        try:
            right = await user.has_password(password)
        except passwords.Busy:
            await attempt.give_back()
            raise
        if right:
            await attempt.give_back()
        return right

    async def link_at_login(self) -> bool:
        """'Logga in och koppla kundkontot': the proven claim waits for the address's owner.

        False when the claim is too old for that.
        """
        self.is_linking = True
        if not self.awaits_login:
            return False
        await Registration.filter(id=self.id, finished_at=None).update(is_linking=True)
        return True

    @property
    def awaits_login(self) -> bool:
        """Whether a login with the address that was typed takes the claim over; for an hour."""
        return (
            self.is_linking
            and self.email != ""
            and self.finished_at is None
            and self.customer_account is not None
            and self.claimed_at is not None
            and clock.now() - self.claimed_at < self.CLAIM_LIFETIME
        )

    async def link_to(self, user: User) -> Membership | None:
        """The owner of the address has logged in: their claim counts now. Only once."""
        account = self.customer_account
        if not self.awaits_login or account is None or user.email_key != email_key(self.email):
            return None
        try:
            async with atomic():
                await User.lock(user.id)
                unfinished = Registration.filter(id=self.id, finished_at=None)
                if not await unfinished.update(finished_at=clock.now(), user_id=user.id):
                    return None
                return await _let_in(user, account)
        except AccountClosed:
            return None


async def _let_in(user: User, account: CustomerAccount) -> Membership:
    """The claim's account becomes the one to land on, unless it waits for approval."""
    membership = await Membership.admit(user, account)
    if not membership.is_awaiting:
        await User.filter(id=user.id).update(active_customer_account_id=account.id)
    return membership


async def welcome(user: User) -> None:
    """The first mail. It names no customer (ASVS 14.2), and where the address is not proven yet it
    holds the link that confirms it."""
    link, token = None, ""
    if not user.email_confirmed_at:
        link, token = await EmailLink.issue(
            Purpose.CONFIRM_EMAIL, email=user.email, user_id=user.id
        )
    _ = await OutgoingMail.write(
        "welcome",
        user.email,
        link=link,
        token=token,
        name=user.given_name,
        email=user.email,
        by_bankid="yes" if user.is_passwordless else "",
    )


async def ask_for_confirmation(user_id: int) -> bool:
    """'Skicka igen': a new link that replaces the old one. False when too many were asked for.

    Counted by user: nobody else, asking for mails to the address, uses this up.
    """
    user = await User.get(id=user_id)
    if user.email_confirmed_at:
        return True
    attempt = await limits.spend(limits.ASKED_BY_USER.of("confirm", str(user_id)))
    if attempt.refused:
        return False
    async with atomic():
        link, token = await EmailLink.issue(
            Purpose.CONFIRM_EMAIL, email=user.email, user_id=user.id
        )
        _ = await OutgoingMail.write(
            "confirm_email", user.email, link=link, token=token, name=user.given_name
        )
    return True
