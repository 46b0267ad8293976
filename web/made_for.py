"""What a form was made for. If that has changed since, in another tab, it is refused (409)."""

from __future__ import annotations

from itsdangerous import BadSignature
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from models.session import Identity
from web.signing import signer


class Conflict(HTTPException):
    """409: the form was made for another user, or another customer account, than it came to.

    `customer_account_name`: the one that is chosen now; `other_path`: the way to the other one, or
    to where one is chosen; `other_name`: what the other one is called.
    """

    def __init__(
        self,
        *,
        retry_path: str,
        customer_account_name: str | None = None,
        other_path: str | None = None,
        other_name: str | None = None,
    ) -> None:
        super().__init__(409)
        self.context = {
            "customer_account_name": customer_account_name,
            "retry_path": retry_path,
            "other_path": other_path,
            "other_name": other_name,
        }


def made_for(user_id: int, customer_number: str = "") -> str:
    """For a hidden field of a signed-in page's form: whose page it is, and of which customer.

    The session that a form was sent with may be gone, row and all, or be somebody else's by now,
    and then nothing else tells whose it was.
    """
    return signer("made_for").dumps([user_id, customer_number])


def user_of(sent: FormData) -> int | None:
    """Whose page the form stood on, if it says so."""
    return _read(sent)[0]


def check(request: Request, sent: FormData) -> None:
    """Raises Conflict when somebody else is signed in now than the form's page was made for, or
    the form of one customer account has come to the address of another one."""
    identity: Identity | None = getattr(request.state, "identity", None)
    user_id, number = _read(sent)
    if identity and user_id and user_id != identity.user.id:
        raise Conflict(retry_path=request.url.path)
    account = identity and (identity.customer_account or identity.awaited)
    here = account is not None and "customer_number" in request.path_params
    if account and here and number not in ("", account.customer_number):
        # Of the other one only the number is said: whether one may see it, its page says.
        path = request.app.url_path_for
        raise Conflict(
            customer_account_name=account.name,
            retry_path=path("customer_account", customer_number=account.customer_number),
            other_path=path("customer_account", customer_number=number),
            other_name=f"kundnummer {number}",
        )


def _read(sent: FormData) -> tuple[int | None, str]:
    try:
        user_id, number = signer("made_for").loads(str(sent.get("made_for", "")))
    except (BadSignature, TypeError, ValueError):
        return None, ""
    return user_id, number
