"""Who may pass. Each guard returns what it found, or raises what the visitor gets instead."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

from models.identity import ReachedAccount
from models.permission import Permission
from models.session import Identity
from web import next_path
from web.rendering import Flash, SeeOther

NO_ACCESS = "access"  # also of what belongs to another account, or to none
NO_ROLE = "role"


def signed_in(request: Request) -> Identity:
    """The user, or the login page and back here afterwards; closed, only the way to undo that."""
    identity = signed_in_or_closing(request)
    if identity.user.closes_at:
        raise SeeOther("closing:close", whole_page=True)
    return identity


def signed_in_or_closing(request: Request) -> Identity:
    """The user, also one who has closed the user account and may still undo that."""
    identity: Identity | None = request.state.identity
    if identity is None:
        login = request.app.url_path_for("login")
        raise SignedOut(f"{login}?next={next_path.sign(return_path(request))}", signed_out=True)
    return identity


def recently_confirmed(request: Request, flash: Flash | None = None) -> Identity:
    """The user, whose password was given within ten minutes; else it is asked for again.

    `flash`: what the page that asks says of what was sent and can't be kept.
    """
    identity = signed_in(request)
    if not identity.is_recent:
        confirm = request.app.url_path_for("confirm_identity")
        to = f"{confirm}?next={next_path.sign(return_path(request))}"
        raise Unconfirmed(to, whole_page=True, flash=flash)
    return identity


def permitted(request: Request, permission: Permission) -> Identity:
    """The user, if what they are to the account of this URL allows it.

    The same 403 for no access and no such account.
    """
    identity = signed_in(request)
    if not identity.may(permission):
        if identity.awaited:
            raise SeeOther("customer_account", customer_number=identity.awaited.customer_number)
        raise HTTPException(403, NO_ROLE if identity.customer_account else NO_ACCESS)
    return identity


def member_of(request: Request) -> tuple[Identity, ReachedAccount]:
    """The user and the account of this URL, on a page that lets in those who reach it."""
    identity = signed_in(request)
    if identity.customer_account is None:
        raise HTTPException(403, NO_ACCESS)
    return identity, identity.customer_account


class SignedOut(SeeOther):
    """Who asks must log in; what they sent is kept if the page says so (`Page.keeps`)."""


class Unconfirmed(SeeOther):
    """Who asks must give the password again; what they sent is kept likewise."""


def return_path(request: Request) -> str:
    """Where a login leads back to: this page, or for a form's POST the page it stood on."""
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    return request.url.path + query
