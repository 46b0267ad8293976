"""The base of every page of one customer account: nobody gets in whom the table does not name.

The app's API has its own, `web/mobile/endpoints.py`; both are looked after here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from models.permission import Permission
from web import guards
from web.mobile.answers import API
from web.mobile.endpoints import ACCOUNTS, AccountEndpoint, ApiEndpoint
from web.pages import Page
from web.rendering import SeeOther


class CustomerPage(Page):
    """A page under /kund/{customer_number}.

    Before `get` and `post` begin, its `permission` is looked up for what the visitor is to the
    account at this moment (`models/permission.py`).
    """

    permission: ClassVar[Permission]
    # Where the account demands two-factor. Not of whoever would rather leave than turn it on.
    takes_two_factor: ClassVar[bool] = True

    async def admit(self, request: Request) -> None:
        identity = guards.permitted(request, self.permission)
        if self.takes_two_factor and identity.lacks_two_factor:
            raise SeeOther("registration:two_factor", whole_page=True)


# What begins so is one of these.
_BASES: tuple[tuple[str, type], ...] = (
    ("/kund", CustomerPage),
    (ACCOUNTS, AccountEndpoint),
    (API, ApiEndpoint),
)


def check(routes: Iterable[BaseRoute]) -> None:
    """Raises RuntimeError for what concerns one customer account and does not say who may see it,
    and for a part of the API that does not ask who is asking."""
    for route in routes:
        path: str = getattr(route, "path", "")
        base = next((base for prefix, base in _BASES if path.startswith(prefix)), None)
        if base is None:
            continue
        page = route.endpoint if isinstance(route, Route) else None
        if not (isinstance(page, type) and issubclass(page, base)):
            raise RuntimeError(f"{path}: its page is no {base.__name__}")
        if base is ApiEndpoint:
            continue
        if not isinstance(getattr(page, "permission", None), Permission):
            raise RuntimeError(f"{path}: its page declares no permission")
