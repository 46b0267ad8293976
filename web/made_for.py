"""What a form was made for. If that has changed since, in another tab, it is refused (409)."""

from __future__ import annotations

from itsdangerous import BadSignature
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from models.session import Identity
from web.signing import signer


class Conflict(HTTPException):
    """409: the form was made for another user, or another customer account, than it is now.

    `customer_account_name`: the one that is chosen now; `other_path`: where to choose another.
    """

    def __init__(
        self,
        *,
        retry_path: str,
        customer_account_name: str | None = None,
        other_path: str | None = None,
    ) -> None:
        super().__init__(409)
        self.context = {
            "customer_account_name": customer_account_name,
            "retry_path": retry_path,
            "other_path": other_path,
        }


def made_for(user_id: int) -> str:
    """For a hidden field of a signed-in page's form: whose page it is.

    The session that a form was sent with may be gone, row and all, or be somebody else's by now,
    and then nothing else tells whose it was.
    """
    return signer("made_for").dumps(user_id)


def user_of(sent: FormData) -> int | None:
    """Whose page the form stood on, if it says so."""
    try:
        user_id: int = signer("made_for").loads(str(sent.get("made_for", "")))
    except BadSignature:
        return None
    return user_id


def check(request: Request, sent: FormData) -> None:
    """Raises Conflict when somebody else is signed in now than the form's page was made for."""
    identity: Identity | None = getattr(request.state, "identity", None)
    user_id = user_of(sent)
    if identity and user_id and user_id != identity.user.id:
        raise Conflict(retry_path=request.url.path)
