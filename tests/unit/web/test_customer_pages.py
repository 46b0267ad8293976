"""Who may do what with a customer account: the table, tried on every page with everybody there is.

ASVS 8.1.1, 8.2.1, 8.2.2, 8.3.1, 8.4.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2
import pytest
from starlette.routing import Route

from models import ClaimPolicy, CustomerAccount, Membership, Role, Status
from models.membership import standing_of
from models.permission import ALLOWED, Permission, Standing
from tests.unit.conftest import SETTINGS, Visitor, a_user, an_account
from tests.unit.page import Page
from web import customer_pages
from web.app import create_app
from web.customer_pages import CustomerPage
from web.made_for import made_for
from web.routes import routes

pytestmark = pytest.mark.anyio
METHODS = ("GET", "POST")
NUMBER, OTHER, NONE = "100200", "100900", "999999"


def permission(route: Route) -> Permission:
    asked: Permission = vars(route.endpoint)["permission"]
    return asked


def customer_routes() -> list[Route]:
    return [
        route
        for route in routes
        if isinstance(route, Route)
        and isinstance(route.endpoint, type)
        and issubclass(route.endpoint, CustomerPage)
    ]


def cases() -> list[Any]:
    """Each page with each of its methods."""
    return [
        pytest.param(route, method, id=f"{method} {route.name}")
        for route in customer_routes()
        for method in METHODS
        if hasattr(route.endpoint, method.lower())
    ]


@dataclass
class Two:
    """Two companies, and somebody of every standing with the first one."""

    ids: dict[str, dict[str, int]]  # of each company: its objects, by the name of the parameter
    visitors: dict[Standing, Visitor]
    anonymous: Visitor

    def path(self, route: Route, number: str = NUMBER, ids: str = NUMBER) -> str:
        path = route.path.replace("{customer_number:customer_number}", number)
        return re.sub(r"{(\w+):row_id}", lambda name: str(self.ids[ids][name[1]]), path)


@pytest.fixture
async def two(account: CustomerAccount, new_visitor: Callable[[], Visitor]) -> Two:
    other = await an_account(OTHER, "4435027711", "Andra Bolaget AB")
    visitors = {}
    ids: dict[str, dict[str, int]] = {NONE: {"membership_id": 999_999}, NUMBER: {}, OTHER: {}}
    for standing, reached in (
        (Standing.ADMINISTRATOR, account),
        (Standing.MEMBER, account),
        (Standing.AWAITING, account),
        (Standing.NOBODY, other),
    ):
        if standing is Standing.AWAITING:
            await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
        user = await a_user(f"{standing}@example.com", given_name=standing.capitalize())
        membership = await Membership.admit(user, reached)
        assert standing_of(membership.role, membership.status) is (
            Standing.ADMINISTRATOR if standing is Standing.NOBODY else standing
        )
        ids[reached.customer_number]["membership_id"] = membership.id
        visitors[standing] = new_visitor()
        await visitors[standing].log_in(user.email)
    return Two(ids, visitors, new_visitor())


async def ask(visitor: Visitor, method: str, path: str, **fields: str) -> httpx2.Response:
    return await visitor.client.request(method, path, data=fields or None)


def without_id(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.text


# The table


def test_the_table_answers_for_every_permission() -> None:
    assert set(ALLOWED) == set(Permission)
    assert not any(Standing.NOBODY in allowed for allowed in ALLOWED.values())
    assert all(Standing.ADMINISTRATOR in allowed for allowed in ALLOWED.values())


def test_every_permission_is_asked_for_by_a_page() -> None:
    assert {permission(route) for route in customer_routes()} == set(Permission)


@pytest.mark.parametrize(("route", "method"), cases())
async def test_a_page_lets_in_exactly_those_whom_the_table_names(
    two: Two, route: Route, method: str
) -> None:
    allowed = ALLOWED[permission(route)]
    for standing, visitor in two.visitors.items():
        answer = await ask(visitor, method, two.path(route))
        to = answer.headers.get("location", "")
        role_is_missing = answer.status_code == 403 and "bara för administratörer" in answer.text
        if standing in allowed:
            # Asked for something that is not there, it may refuse that: but not the visitor.
            assert not role_is_missing, standing
            assert not to.startswith("/logga-in"), standing
            assert answer.status_code in (200, 303, 422) or method == "POST", standing
        elif standing is Standing.NOBODY:
            assert answer.status_code == 403
            assert Page(answer).heading == "Du har inte åtkomst"
            assert "Exempelbygg" not in answer.text
        elif standing is Standing.AWAITING:
            assert (answer.status_code, to) == (303, f"/kund/{NUMBER}")
        else:
            assert role_is_missing, standing


@pytest.mark.parametrize(("route", "method"), cases())
async def test_who_is_not_signed_in_is_asked_to(two: Two, route: Route, method: str) -> None:
    answer = await ask(two.anonymous, method, two.path(route))
    assert answer.headers["location"].startswith("/logga-in?next=")


@pytest.mark.parametrize(("route", "method"), cases())
async def test_another_company_is_as_good_as_none(two: Two, route: Route, method: str) -> None:
    administrator = two.visitors[Standing.ADMINISTRATOR]
    theirs = await ask(administrator, method, two.path(route, OTHER, OTHER))
    nobodys = await ask(administrator, method, two.path(route, NONE, NONE))

    assert without_id(theirs) == without_id(nobodys)
    assert theirs.status_code == 403


@pytest.mark.parametrize(
    ("route", "method"), [case for case in cases() if ":row_id}" in case.values[0].path]
)
async def test_another_companys_object_is_as_good_as_none_under_ones_own_number(
    two: Two, route: Route, method: str
) -> None:
    administrator = two.visitors[Standing.ADMINISTRATOR]
    theirs = await ask(administrator, method, two.path(route, NUMBER, OTHER))
    nobodys = await ask(administrator, method, two.path(route, NUMBER, NONE))
    no_account = await ask(administrator, "GET", f"/kund/{NONE}")

    assert without_id(theirs) == without_id(nobodys)
    assert (theirs.status_code, Page(theirs).text) == (403, Page(no_account).text)


@pytest.mark.parametrize(("route", "method"), cases())
async def test_a_removal_bites_at_the_next_click(two: Two, route: Route, method: str) -> None:
    await Membership.filter(user__email="administrator@example.com").delete()
    answer = await ask(two.visitors[Standing.ADMINISTRATOR], method, two.path(route))
    assert answer.status_code == 403


@pytest.mark.parametrize(("route", "method"), cases())
async def test_a_role_that_is_taken_away_bites_at_the_next_click(
    two: Two, route: Route, method: str
) -> None:
    await Membership.filter(user__email="administrator@example.com").update(role=Role.MEMBER)
    answer = await ask(two.visitors[Standing.ADMINISTRATOR], method, two.path(route))
    refused = answer.status_code == 403 and "bara för administratörer" in answer.text
    assert refused is (Standing.MEMBER not in ALLOWED[permission(route)])


@pytest.mark.parametrize(("route", "method"), cases())
async def test_where_two_factor_is_asked_for_the_next_click_leads_to_steg_4(
    two: Two, route: Route, method: str
) -> None:
    await CustomerAccount.filter(customer_number=NUMBER).update(requires_two_factor=True)
    visitor = two.visitors[Standing.ADMINISTRATOR]
    answer = await ask(visitor, method, two.path(route))

    if route.name == "members:leave":  # whoever would rather leave than turn it on
        assert answer.headers.get("location") != "/registrera/steg-4"
        return
    assert answer.headers["location"] == "/registrera/steg-4"
    page = await visitor.visit("/registrera/steg-4")
    assert "Exempelbygg AB kräver tvåfaktorsautentisering." in page.text
    assert "Hoppa över tvåfaktorsautentisering" not in page.buttons


# A page that forgets to say who may see it


class Forgetful(CustomerPage):
    pass


class Declared(CustomerPage):
    permission: ClassVar[Permission] = Permission.SEE_STANDING


class Bare:
    pass


@pytest.mark.parametrize("page", [Forgetful, Bare, lambda request: None])
def test_a_page_without_permission_stops_the_start(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/kund/{customer_number:customer_number}/glomd"
    customer_pages.check([Route(path, Declared)])
    monkeypatch.setattr("web.app.routes_for", lambda settings: [Route(path, page)])
    with pytest.raises(RuntimeError, match="glomd"):
        create_app(SETTINGS)


def test_every_route_below_kund_is_a_customer_page() -> None:
    assert [route for route in routes if getattr(route, "path", "").startswith("/kund")] == [
        *customer_routes()
    ]


# Two tabs


@pytest.mark.parametrize(
    ("route", "method"), [case for case in cases() if case.values[1] == "POST"]
)
async def test_a_form_of_another_customer_is_refused_with_both_ways_on(
    two: Two, route: Route, method: str
) -> None:
    administrator = await Membership.get(
        user__email="administrator@example.com", customer_account__customer_number=NUMBER
    )
    other = await CustomerAccount.get(customer_number=OTHER)
    _ = await Membership.create(
        user_id=administrator.user_id,
        customer_account_id=other.id,
        role=Role.ADMINISTRATOR,
        status=Status.ACTIVE,
        created_at=administrator.created_at,
    )
    mark = made_for(administrator.user_id, OTHER)
    visitor = two.visitors[Standing.ADMINISTRATOR]
    answer = await ask(visitor, method, two.path(route), made_for=mark)

    assert answer.status_code == 409
    page = Page(answer)
    assert page.heading == "Kundkontot har bytts ut"
    assert page.links["Fortsätt med Exempelbygg AB"] == f"/kund/{NUMBER}"
    assert page.links[f"Fortsätt med kundnummer {OTHER}"] == f"/kund/{OTHER}"
