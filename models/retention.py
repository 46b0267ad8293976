"""How long each thing is kept, and why; what has run out is deleted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from tortoise.models import Model

from models import clock, closing
from models.app_device import AppDevice, AppToken
from models.app_login import AppCode, AppLogin
from models.bankid_flow import BankIDFlow
from models.bankid_identity import BankIDIdentity
from models.customer_account import Address, CustomerAccount
from models.databases import execute, fetch
from models.email_link import TRIED_FOR, EmailLink, Purpose
from models.event import Event
from models.invitation import Invitation
from models.limits import Spent, SpentValue
from models.membership import Membership
from models.outgoing_mail import OutgoingMail
from models.recovery_code import RecoveryCode
from models.registration import Registration
from models.session import KnownDevice, LoginChallenge, Session
from models.switch import Switch
from models.totp import Totp
from models.user import User

_BATCH = 500  # rows; the write lock is let go in between, so that nobody waits for all of them
_PAUSE = 0.02  # seconds


@dataclass(frozen=True)
class Period:
    """What of a table runs out, and how long it is kept from then on.

    `ran_out` is SQL in which each `?` stands for the moment that must have been; `after`: what is
    to pass before it counts as run out.
    """

    name: str
    model: type[Model]
    ran_out: str
    keep: timedelta
    why: str
    after: timedelta = timedelta()

    async def count(self) -> int:
        """How many rows are due."""
        sql = f"SELECT COUNT(*) AS due FROM {self._table} WHERE {self.ran_out}"  # noqa: S608 - ours
        return int((await fetch(sql, *self._moments))[0]["due"])

    async def delete(self) -> int:
        """Delete the rows that are due, in small batches; how many."""
        sql = (
            f"DELETE FROM {self._table} WHERE id IN (SELECT id FROM {self._table}"  # noqa: S608
            f" WHERE {self.ran_out} ORDER BY id LIMIT {_BATCH})"
        )
        moments, deleted = self._moments, 0
        while count := await execute(sql, *moments):
            deleted += count
            await asyncio.sleep(_PAUSE)
        return deleted

    @property
    def _table(self) -> str:
        return self.model._meta.db_table

    @property
    def _moments(self) -> list[object]:
        moment = clock.now() - self.after - self.keep
        limits = self.model in (Spent, SpentValue)  # which keep Unix seconds
        return [int(moment.timestamp()) if limits else moment] * self.ran_out.count("?")


_NOW, _DAY = timedelta(), timedelta(days=1)
_LONGEST_LINK = max(purpose.lifetime for purpose in Purpose)

PERIODS = (
    Period(
        "registrations",
        Registration,
        "started_at <= ?",
        Registration.LIFETIME,
        "so that a reload or a crash loses nothing",
    ),
    Period(
        "identifications",
        BankIDFlow,
        "begun_at <= ?",
        BankIDFlow.KEPT,
        "so that each page of an identification can say what became of it",
    ),
    Period(
        "half_logins",
        LoginChallenge,
        "created_at <= ?",
        LoginChallenge.RESETTING,
        "the password was right, the code is still to come",
    ),
    Period(
        "sessions",
        Session,
        "NOT remembered AND seen_at <= ?",
        Session.IDLE,
        "who is logged in, since the last use",
    ),
    Period(
        "longest_sessions",
        Session,
        "NOT remembered AND created_at <= ?",
        Session.LONGEST,
        "who is logged in, since the login",
    ),
    Period(
        "remembered_sessions",
        Session,
        "remembered AND seen_at <= ?",
        Session.IDLE_REMEMBERED,
        "'Håll mig inloggad', since the last use",
    ),
    Period(
        "longest_remembered_sessions",
        Session,
        "remembered AND created_at <= ?",
        Session.LONGEST_REMEMBERED,
        "'Håll mig inloggad', since the login",
    ),
    Period(
        "app_logins",
        AppLogin,
        "created_at <= ?",
        AppLogin.LIFETIME,
        "the password was right in the app, the code is still to come",
    ),
    Period(
        "app_codes",
        AppCode,
        "created_at <= ?",
        AppCode.REMEMBERED,
        "one that comes again ends what it began: two have had it",
    ),
    Period(
        "app_access_tokens",
        AppToken,
        "kind = 'access' AND created_at <= ?",
        AppToken.LIFETIME,
        "who is calling from the app",
    ),
    Period(
        "app_used_tokens",
        AppToken,
        # Made before it was used: said too, as that is what the index knows.
        "kind = 'refresh' AND created_at <= ? AND rotated_at <= ?",
        AppToken.REMEMBERED,
        "one that comes back is taken for stolen",
    ),
    Period(
        "app_devices",
        AppDevice,
        "seen_at <= ?",
        AppDevice.IDLE,
        "who is logged in with the app, since the last use",
    ),
    Period(
        "longest_app_devices",
        AppDevice,
        "created_at <= ?",
        AppDevice.LONGEST,
        "who is logged in with the app, since the login",
    ),
    Period(
        "devices",
        KnownDevice,
        "seen_at <= ?",
        timedelta(days=399),  # as long as the browser keeps the cookie
        "a browser we know is not locked out by a stranger's failures",
    ),
    Period(
        "links",
        EmailLink,
        "used_at <= ? OR replaced_at <= ? OR voided_at <= ?",
        timedelta(days=30),
        "a dead link's page says why it is dead",
    ),
    Period(
        "expired_links",
        EmailLink,
        "COALESCE(sent_at, delayed_until, created_at) <= ?",
        timedelta(days=30),
        "the same, of those that nobody used",
        after=_LONGEST_LINK + TRIED_FOR,
    ),
    Period(
        "links_of_nobody",
        EmailLink,
        "user_id IS NULL AND email = '' AND created_at <= ?",
        _DAY,
        "made for an unknown address, to take as long as for a known one",
    ),
    Period(
        "invitations",
        Invitation,
        "sent_at <= ?",
        timedelta(days=30),
        "administrators see whom they asked in, and can send it again",
        after=Invitation.LIFETIME + TRIED_FOR,
    ),
    Period(
        "mails",
        OutgoingMail,
        "(sent_at IS NOT NULL OR given_up_at IS NOT NULL) AND created_at <= ?",
        timedelta(days=90),
        "customer service can tell which mails were sent; what they said is erased at once",
    ),
    Period(
        "mails_to_nobody",
        OutgoingMail,
        "\"to\" = '' AND created_at <= ?",
        _DAY,
        "as with links of nobody",
    ),
    Period(
        "unfinished_apps",
        Totp,
        "state = 'pending' AND created_at <= ?",
        Totp.PENDING_FOR,
        "an authenticator app that is being added",
    ),
    Period(
        "unsaved_codes",
        RecoveryCode,
        "pending AND created_at <= ?",
        RecoveryCode.SHOWN_FOR,
        "new recovery codes that nobody has said to have saved",
    ),
    Period(
        "events",
        Event,
        "at <= ?",
        timedelta(days=730),
        "intrusions are found late, and both users and administrators ask what happened",
    ),
    Period("limits", Spent, "resets_at <= ?", _NOW, "whoever guesses is slowed down"),
    Period("limit_values", SpentValue, "resets_at <= ?", _NOW, "the same, for distinct values"),
)
# What has no period of its own, and why.
KEPT = {
    CustomerAccount: "as long as the customer is one: the import closes them",
    Address: "with the customer account",
    User: "until the user closes it, and then as long as that can be undone: models/closing.py",
    Membership: "until it is removed, or its user erased",
    BankIDIdentity: "until the user unlinks it, or is erased",
    AppToken: "the refresh token that is to be used next: as long as its device",
    Totp: "the active one: while two-factor is on",
    RecoveryCode: "those in use: while two-factor is on; readable for an hour at most",
    Switch: "one row a switch, of nobody",
}


async def purge(*, dry_run: bool = False) -> dict[str, int]:
    """Delete all that ran out; how many of each. `dry_run`: only count them."""
    counts = {
        period.name: await (period.count() if dry_run else period.delete()) for period in PERIODS
    }
    due = User.filter(closes_at__lte=clock.now())
    counts["closed_users"] = await due.count() if dry_run else await _erase_all()
    return counts


async def _erase_all() -> int:
    erased = 0
    while count := await closing.erase_due():
        erased += count
    return erased
