"""The base of every page: it knows who is asking before `get` or `post` begins."""

from typing import ClassVar

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request

from web import sessions
from web.forms import Form


class Page(HTTPEndpoint):
    """One URL: `get` shows it, `post` acts and moves on (303), or shows what was wrong (422)."""

    # The form that comes back when its sender had to log in first (`kept_form`). Its `post` begins
    # with the guard, its `get` refills it, and its template says whom it was made for.
    keeps: ClassVar[type[Form] | None] = None

    async def dispatch(self) -> None:
        request = Request(self.scope, self.receive)
        request.state.identity = await sessions.identify(request)
        with sessions.answering(request):
            await self.admit(request)
            await super().dispatch()

    async def admit(self, request: Request) -> None:
        """Raise what whoever may not come here gets instead; before `get` and `post` alike."""
