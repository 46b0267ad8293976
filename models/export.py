"""Hämta mina uppgifter: everything that is held about a user, and why some of it is kept back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tortoise.expressions import Q
from tortoise.models import Model

from models.app_device import AppDevice, AppToken
from models.app_login import AppCode, AppLogin
from models.bankid_identity import BankIDIdentity
from models.email_link import EmailLink, Purpose
from models.event import Event
from models.invitation import Invitation
from models.membership import Membership
from models.outgoing_mail import OutgoingMail
from models.recovery_code import RecoveryCode
from models.registration import Registration
from models.session import KnownDevice, LoginChallenge, Session
from models.totp import Totp
from models.user import User

MOST = 10_000  # rows of one table, the newest ones

_OURS = "a number of ours, which says nothing about anybody"
_SECRET = "whoever reads it could act as the user, or try to"  # noqa: S105 - a reason
_TWICE = "the same as another column, as it is compared or counted"

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Part:
    """One table: what is handed over of it, and what is not, with the reason.

    `a__b` is the column b of what a leads to. `decrypted`: what stands encrypted in the table.
    """

    model: type[Model]
    columns: tuple[str, ...]
    withheld: dict[str, str]
    decrypted: tuple[str, ...] = ()


PARTS: dict[str, Part] = {
    "user": Part(
        User,
        (
            *("given_name", "family_name", "email", "email_confirmed_at", "phone"),
            *("created_at", "last_login_at", "password_changed_at", "password_reset_at"),
            *("two_factor", "frozen_at", "closes_at", "active_customer_account__name"),
        ),
        {
            "id": _OURS,
            "email_key": _TWICE,
            "former_email_key": "somebody else has proven that it is theirs",
            "password_hash": _SECRET,
        },
    ),
    "bankid": Part(
        BankIDIdentity,
        ("name", "linked_at", "last_used_at"),
        {
            "id": _OURS,
            "user_id": _OURS,
            "person_key": _TWICE,
            "person_encrypted": "handed over as personal_number, without its last four digits",
        },
        decrypted=("personal_number",),
    ),
    "customer_accounts": Part(
        Membership,
        (
            *("customer_account__name", "customer_account__customer_number", "role", "status"),
            *("created_at", "service_told_at", "last_used_at", "is_favourite"),
        ),
        {"id": _OURS, "user_id": _OURS},
    ),
    "invitations": Part(
        Invitation,
        ("customer_account__name", "email", "role", "sent_at"),
        {"id": _OURS, "invited_by_id": _OURS, "email_key": _TWICE},
    ),
    "sessions": Part(
        Session,
        (
            *("created_at", "seen_at", "authenticated_at", "how", "remembered"),
            *("address", "user_agent"),
        ),
        {"id": _OURS, "user_id": _OURS, "token_hash": _SECRET},
    ),
    "known_devices": Part(
        KnownDevice, ("seen_at",), {"id": _OURS, "user_id": _OURS, "device_hash": _SECRET}
    ),
    "half_logins": Part(
        LoginChallenge,
        ("created_at", "remembered", "next_path"),
        {"id": _OURS, "user_id": _OURS, "token_hash": _SECRET, "link_id": _OURS},
    ),
    "app_devices": Part(
        AppDevice,
        ("name", "client_id", "created_at", "seen_at", "address", "how"),
        {"id": _OURS, "user_id": _OURS, "public_id": _OURS},
    ),
    "app_logins": Part(
        AppLogin,
        ("created_at", "client_id", "device_name", "tries"),
        {"id": _OURS, "user_id": _OURS, "token_hash": _SECRET, "code_challenge": _SECRET},
    ),
    "app_codes": Part(
        AppCode,
        ("created_at", "used_at", "client_id", "device_name", "how"),
        {
            "id": _OURS,
            "user_id": _OURS,
            "session_id": _OURS,
            "device_id": _OURS,
            "token_hash": _SECRET,
            "code_challenge": _SECRET,
            "redirect_uri": "an address of the app's, the same for everybody",
        },
    ),
    "app_tokens": Part(
        AppToken,
        ("device__name", "kind", "created_at", "rotated_at"),
        {"id": _OURS, "token_hash": _SECRET, "generation": _OURS},
    ),
    "authenticator_apps": Part(
        Totp,
        ("state", "created_at", "activated_at", "failures", "paused_at"),
        {
            "id": _OURS,
            "user_id": _OURS,
            "secret_encrypted": _SECRET,
            "last_step": _SECRET,
            "holder": _OURS,
        },
    ),
    "recovery_codes": Part(
        RecoveryCode,
        ("created_at", "used_at", "pending"),
        {"id": _OURS, "user_id": _OURS, "code_hash": _SECRET, "code_encrypted": _SECRET},
    ),
    "links": Part(
        EmailLink,
        (
            *("purpose", "email", "created_at", "delayed_until", "sent_at"),
            *("used_at", "replaced_at", "voided_at"),
        ),
        {
            "id": _OURS,
            "user_id": _OURS,
            "membership_id": _OURS,
            "invitation_id": _OURS,
            "token_hash": _SECRET,
        },
    ),
    "mails": Part(
        OutgoingMail,
        ("kind", "to", "created_at", "sent_at", "given_up_at"),
        {
            "id": _OURS,
            "message_id": _OURS,
            "link_id": _OURS,
            "attempts": _OURS,
            "not_before": _OURS,
            "data_encrypted": "erased once it is sent, and until then it holds the link",
        },
    ),
    "registrations": Part(
        Registration,
        (
            *("started_at", "claimed_at", "finished_at", "customer_account__name", "is_linking"),
            "identified_at",
            *("given_name", "family_name", "phone", "email"),
        ),
        {
            "id": _OURS,
            "user_id": _OURS,
            "link_id": _OURS,
            "token_hash": _SECRET,
            "person_encrypted": "erased when it is finished",
        },
    ),
    "events": Part(
        Event,
        ("at", "kind", "address", "data", "customer_account__name"),
        {
            "id": _OURS,
            "user_id": _OURS,
            "actor_id": "who did it is somebody else",
            "operator": "the name of somebody else",
        },
    ),
}


async def everything(user: User) -> dict[str, Rows]:
    """All rows about the user, table by table, the newest first."""
    found = {name: await _rows(part, user) for name, part in PARTS.items() if name != "events"}
    # Not as they are: from where somebody else did something is theirs.
    events = [asdict(happened) for happened in await Event.history(user.id, most=MOST)]
    for row in found["bankid"]:
        bankid = await BankIDIdentity.of_user(user.id)
        row["personal_number"] = bankid.person.masked if bankid else ""
    return {**found, "events": events}


async def _rows(part: Part, user: User) -> Rows:
    found = part.model.filter(_about(part.model, user)).order_by("-id").limit(MOST)
    rows: Rows = await found.values(
        **{column.replace("__", "_"): column for column in part.columns}
    )
    return rows


def _about(model: type[Model], user: User) -> Q:
    if model is User:
        return Q(id=user.id)
    if model is Invitation:
        sent, received = Q(invited_by_id=user.id), Q(email_key=user.email_key)
        # Who invites an address is for whoever has proven that it is theirs.
        return sent | received if user.email_confirmed_at else sent
    if model is OutgoingMail:
        # Not what went to an address that the user wants: its kind tells whether somebody has it.
        # Of the user's own only while it was theirs; without one, "" is nobody's and everybody's.
        theirs = Q(link__user_id=user.id) & ~Q(link__purpose=Purpose.CHANGE_EMAIL)
        own = Q(to=user.email, created_at__gte=user.created_at) & ~Q(to="")
        return theirs | own
    if model is AppToken:
        return Q(device__user_id=user.id)
    return Q(user_id=user.id)
