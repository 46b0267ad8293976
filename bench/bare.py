"""The bare work: Starlette, and the portal's own templates filled with data that is there."""

from __future__ import annotations

import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route

from bench import data
from models import keys
from web import rendering
from web.customer_accounts import Show
from web.login import Credentials, CredentialsForm
from web.rendering import NOTHING_KNOWN
from web.routes import routes
from web.settings import Settings

ACCOUNTS = 1000
USER = 8


def application(settings: Settings) -> Starlette:
    """The portal's table of routes with two pages of plain data in it, and no middleware."""
    templates = rendering.environment(settings)
    customer, login = _customer_context(), _login_context()

    async def customer_page(request: Request) -> HTMLResponse:
        template = templates.get_template("customer_accounts/show.html")
        return HTMLResponse(template.render({"request": request, **customer}))

    async def login_page(request: Request) -> HTMLResponse:
        template = templates.get_template("login/credentials.html")
        return HTMLResponse(template.render({"request": request, **login}))

    bare = {Show: customer_page, Credentials: login_page}
    return Starlette(routes=[_replaced(route, bare) for route in routes])


def _replaced(route: BaseRoute, bare: dict[Any, Any]) -> BaseRoute:
    if isinstance(route, Route) and route.endpoint in bare:
        return Route(route.path, bare[route.endpoint], name=route.name)
    return route


def _customer_context() -> dict[str, Any]:
    number = data.account_of(USER, ACCOUNTS)
    account = SimpleNamespace(
        name=f"Exempelföretaget {number} AB",
        customer_number=data.customer_number(number),
        is_administrator=True,
    )
    other = data.account_of(USER + 1, ACCOUNTS)
    user = SimpleNamespace(
        name=f"Kim Exempelsson {USER}",
        email=data.email(USER),
        email_confirmed=True,
        has_password=True,
    )
    return {
        **NOTHING_KNOWN,
        "layout": "layouts/page.html",
        "identity": SimpleNamespace(user=user, customer_account=account),
        "customer_account": {
            "name": account.name,
            "customer_number": account.customer_number,
            "organisation_number_shown": f"42{number % 10_000:04}-{data.suffix(number)}",
            "addresses": [
                {
                    "street": f"Exempelgatan {number % 200 + 1}",
                    "postal_code": "111 11",
                    "town": "Stockholm",
                }
            ],
        },
        "membership": SimpleNamespace(role="administrator"),
        "users": {"users": 2, "administrators": 1, "waiting": 0},
        "others": [
            {
                "name": f"Exempelföretaget {other} AB",
                "customer_number": data.customer_number(other),
            }
        ],
        "more_others": False,
        "switched": False,
        "two_factor": False,
    }


def _login_context() -> dict[str, Any]:
    return {
        **NOTHING_KNOWN,
        "layout": "layouts/page.html",
        "form": CredentialsForm(),
        "tab": "e-post",
        "next": "",
        "linking": None,
        "kept": "",
        "ended": False,
        "bankid": None,
        "is_mobile": False,
    }


if __name__ == "__main__":
    found = Settings.from_env()
    keys.use(found.secret_keys, found.pepper)
    uvicorn.run(
        application(replace(found, demo=False)),
        port=int(os.environ["MINASIDOR_PORT"]),
        log_config=None,
        access_log=False,
        server_header=False,
    )
