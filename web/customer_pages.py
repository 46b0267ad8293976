"""The base of every page of one customer account: nobody gets in whom the table does not name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from models.permission import Permission
from web import guards
from web.pages import Page
from web.rendering import SeeOther

_PREFIX = "/kund"


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


def check(routes: Iterable[BaseRoute]) -> None:
    """Raises RuntimeError for a page of a customer account that does not say who may see it."""
    for route in routes:
        path: str = getattr(route, "path", "")
        if not path.startswith(_PREFIX):
            continue
        page = route.endpoint if isinstance(route, Route) else None
        if not (isinstance(page, type) and issubclass(page, CustomerPage)):
            raise RuntimeError(f"{path}: its page is no CustomerPage")
        if not isinstance(getattr(page, "permission", None), Permission):
            raise RuntimeError(f"{path}: its page declares no permission")
