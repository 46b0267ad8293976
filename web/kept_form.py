"""What was typed into a form whose sender had to log in first: it comes back, and is not saved.

Up to the password nobody knows who sits there, so it travels in a hidden field of the login form;
from then on in a cookie, as far as the page with the form. It is encrypted all the way, for one
user and one page: in other hands, and anywhere else, it opens nothing.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from itsdangerous import BadSignature
from starlette.requests import Request
from starlette.responses import Response

from models import keys
from web import cookies, made_for
from web.forms import Form
from web.signing import signer

_LIFETIME = 1800  # seconds
_NO_ROW = ""
_LONGEST = 2000  # bytes of what was typed: as a cookie it must stay below 4096 (ASVS 3.3.5)


async def keep(request: Request) -> str:
    """What was sent, sealed for whoever the form was made for; '' if it cannot or need not be."""
    form_class: type[Form] | None = getattr(request.scope.get("endpoint"), "keeps", None)
    if request.method != "POST" or form_class is None:
        return ""
    form, user_id = await form_class.read(request), made_for.user_of(await request.form())
    if user_id is None:
        return ""  # else whoever logs in next at that browser would be shown it
    typed = json.dumps([user_id, request.url.path, form.typed], ensure_ascii=False)
    if len(typed.encode()) > _LONGEST:
        return ""
    sealed = keys.encrypt("kept_form", typed, _NO_ROW)
    return signer("kept_form").dumps(urlsafe_b64encode(sealed).decode())


def valid(kept: str) -> str:
    """As it came if it is one of ours and not too old, else ''."""
    return kept if _opened(kept) else ""


def carry(response: Response, request: Request, kept: str) -> Response:
    """Take it along to the page with the form; what was on its way there before is dropped."""
    if kept:
        cookies.set(response, request, "kept_form", kept, max_age=_LIFETIME)
    elif cookies.get(request, "kept_form"):
        cookies.delete(response, request, "kept_form")
    return response


def refill(request: Request, form: Form) -> None:
    """Put back what this user had typed on this page, if anything; the page says so, once."""
    match _opened(cookies.get(request, "kept_form")):
        case [user_id, path, typed]:
            if (user_id, path) != (request.state.identity.user.id, request.url.path):
                return
            for name in form.typed.keys() & typed.keys():
                setattr(form, name, typed[name])
            request.state.refilled = True


def _opened(kept: str) -> list[Any]:
    try:
        sealed = signer("kept_form").loads(kept, max_age=_LIFETIME)
        opened: list[Any] = json.loads(
            keys.decrypt("kept_form", urlsafe_b64decode(sealed), _NO_ROW)
        )
    except (BadSignature, keys.UnknownKey):
        return []
    return opened
