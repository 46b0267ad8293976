"""`openapi.json` says what the portal does, and the portal does what it says (schemathesis)."""

from __future__ import annotations

import ast
import copy
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.python import asgi
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from tortoise import Tortoise

from models import (
    AppDevice,
    AppToken,
    ClaimPolicy,
    CustomerAccount,
    Membership,
    User,
    databases,
    limits,
    tokens,
)
from models.app_device import Kind
from models.client import Client
from models.identity import How
from models.limits import Spent
from tests.unit.conftest import SETTINGS, Visitor, a_user, an_account, code
from tests.unit.web.mobile.phone import IOS, Answer, Phone
from tests.unit.web.test_gallery import sentences
from web.app import create_app
from web.mobile import answers, description
from web.pages import Page
from web.routes import routes
from web.settings import ROOT

pytestmark = pytest.mark.anyio
DESCRIPTION = description.description()
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
TOKEN = "mza_of-the-tests"
DEVICE = "0b8f9c1e-4a57-4d0c-9c53-0f6f2d1e7a10"  # of the examples


# What it describes


def operations() -> set[tuple[str, str]]:
    return {
        (method.upper(), path)
        for path, item in DESCRIPTION["paths"].items()
        for method in item
        if method != "parameters"
    }


def routed() -> set[tuple[str, str]]:
    """What the app talks to, as the description writes it."""
    found = set()
    for route in routes:
        if isinstance(route, Route) and re.match("/oauth/|/api/|/.well-known/oauth", route.path):
            of_class = {name for name in METHODS if hasattr(route.endpoint, name.lower())}
            is_page = isinstance(route.endpoint, type) and issubclass(route.endpoint, Page)
            if of_class == {"POST"} and is_page:
                continue  # a button on the page that the app opens
            path = re.sub(r"{(\w+):\w+}", r"{\1}", route.path)
            found |= {(method, path) for method in (route.methods or of_class) - {"HEAD"}}
    return found


def test_every_address_of_the_app_is_described_and_nothing_else() -> None:
    assert routed() == operations()


def test_it_is_openapi() -> None:
    schemathesis.openapi.from_dict(copy.deepcopy(DESCRIPTION)).validate()


def test_every_operation_has_a_name_of_its_own() -> None:
    shown = [one for group in description.groups() for one in group.operations]
    assert len({one.anchor for one in shown}) == len(shown) == len(operations())
    assert {(one.method, one.path) for one in shown} == operations()


def test_every_example_is_as_its_schema_says() -> None:
    seen = 0
    for media in media_types(DESCRIPTION):
        for value in values(media):
            check(value, media["schema"])
            seen += 1
    assert seen > 40


def test_each_kind_of_a_problem_is_described_with_its_status() -> None:
    said = {kind: status for status, (kind, _) in answers._KINDS.items()}
    for path in (ROOT / "web" / "mobile").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "Problem"):
                continue
            status, kind = node.args[:2]
            if isinstance(status, ast.Constant):
                said[ast.literal_eval(kind)] = ast.literal_eval(status)
    assert said == {problem.kind: problem.status for problem in description.problems()}


def test_what_examples_say_in_swedish_the_portal_says_too() -> None:
    known = [re.compile(pattern) for pattern in set(sentences()) if re.search(r"\w\\? ", pattern)]
    for media in media_types(DESCRIPTION):
        for value in values(media):
            if detail := value.get("detail"):
                assert any(p.fullmatch(detail) for p in known), f"nobody says {detail!r}"


def media_types(part: Any) -> Iterator[dict[str, Any]]:
    """Each schema that has examples, with them."""
    if isinstance(part, dict):
        if "schema" in part and "in" not in part and ("example" in part or "examples" in part):
            yield part
        for inner in part.values():
            yield from media_types(inner)
    if isinstance(part, list):
        for inner in part:
            yield from media_types(inner)


def values(media: dict[str, Any]) -> list[Any]:
    one = [media["example"]] if "example" in media else []
    return [*one, *(example["value"] for example in media.get("examples", {}).values())]


def check(value: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": DESCRIPTION["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    wrong = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]
    assert not wrong, f"{value}: {wrong}"


# What is answered


def as_described(method: str, path: str, answer: Answer) -> int:
    """The status, of an answer that is one of those described for this address."""
    told = DESCRIPTION["paths"][path][method.lower()]["responses"]
    response = told[str(answer.status)]
    if "$ref" in response:
        response = DESCRIPTION["components"]["responses"][response["$ref"].rpartition("/")[2]]
    for name, header in response.get("headers", {}).items():
        check(answer.response.headers[name], header["schema"])
    if "content" in response:
        ((kind, media),) = response["content"].items()
        assert answer.response.headers["content-type"] == kind
        check(answer.json, media["schema"])
    else:
        assert not answer.response.content
    return answer.status


async def test_the_answers_of_the_login_are_as_described(
    phone: Phone, bo: tuple[User, str]
) -> None:
    path, bos = "/oauth/authorize-challenge", "bo@example.com"

    asked = await phone.ask(username=bos)
    assert as_described("POST", path, asked) == 400
    session = asked.json["auth_session"]
    assert as_described("POST", path, await phone.ask(auth_session=session, otp="0")) == 400
    right = await phone.ask(auth_session=session, otp=code(bo[1]))
    assert as_described("POST", path, right) == 200
    tokens = await phone.redeem(right.json["authorization_code"])
    assert as_described("POST", "/oauth/token", tokens) == 200
    phone.tokens = tokens.json
    assert as_described("POST", "/oauth/token", await phone.refresh()) == 200
    assert as_described("POST", "/oauth/token", await phone.refresh("mzr_unknown")) == 400
    assert as_described("POST", "/oauth/revoke", await phone.revoke("mza_unknown")) == 200
    password_grant = {"grant_type": "password", "username": bos, "password": "x"}
    refused = await phone.post("/oauth/token", {**password_grant, "client_id": IOS})
    assert as_described("POST", "/oauth/token", refused) == 400
    assert refused.error == "unsupported_grant_type"
    for _ in range(10):
        assert as_described("POST", path, await phone.ask(password="fel")) == 400
    assert as_described("POST", path, await phone.ask(password="fel")) == 429


async def test_the_answers_of_the_api_are_as_described(phone: Phone, anna: User) -> None:
    accounts, one = "/api/v1/kundkonton", "/api/v1/kundkonton/{customer_number}"
    devices, device = "/api/v1/enheter", "/api/v1/enheter/{device_id}"
    waiting = await an_account("100900", "4435027711", claim_policy=ClaimPolicy.APPROVE)
    _ = await Membership.admit(await a_user("first@example.com"), waiting)
    _ = await an_account("100300", "4001019803", "Lindgrens Måleri")
    await phone.log_in()

    async def claim(number: str, suffix: str) -> int:
        sent = {"customer_number": number, "organisation_suffix": suffix}
        return as_described("POST", accounts, await phone.call(accounts, "POST", json=sent))

    assert await claim("100300", "9803") == 201
    assert await claim("100300", "9803") == 200
    assert await claim("100900", "7711") == 202
    assert await claim("100900", "0000") == 422
    assert await claim("x", "") == 422
    assert as_described("GET", accounts, await phone.call(accounts)) == 200
    for number, status in (("100200", 200), ("100300", 200), ("100900", 403), ("1", 403)):
        answer = await phone.call(f"{accounts}/{number}")
        assert as_described("GET", one, answer) == status
    await CustomerAccount.filter(customer_number="100200").update(requires_two_factor=True)
    assert as_described("GET", one, await phone.call(f"{accounts}/100200")) == 401
    assert as_described("GET", "/api/v1/jag", await phone.call("/api/v1/jag")) == 200
    assert as_described("GET", devices, await phone.call(devices)) == 200
    mine = f"{devices}/{phone.tokens['device_id']}"
    assert as_described("PATCH", device, await phone.call(mine, "PATCH", json={"name": "a"})) == 200
    assert as_described("PATCH", device, await phone.call(mine, "PATCH", json={"name": ""})) == 422
    assert as_described("DELETE", device, await phone.call(mine, "DELETE")) == 204
    assert as_described("DELETE", device, await phone.call(mine, "DELETE")) == 401


async def test_the_metadata_is_as_described(phone: Phone) -> None:
    path = "/.well-known/oauth-authorization-server"
    answer = Answer(await phone.client.get(path))

    assert as_described("GET", path, answer) == 200
    told = DESCRIPTION["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    assert answer.json == told["example"], "nothing is left out"


async def test_it_is_public_and_tells_where_this_installation_is(phone: Phone) -> None:
    answer = await phone.client.get("/openapi.json")

    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.json() == {**DESCRIPTION, "servers": [{"url": SETTINGS.base_url}]}


async def test_the_page_holds_every_operation_and_every_problem(visitor: Visitor) -> None:
    page = await visitor.visit("/api")

    assert page.heading == "MittPreZero API"
    assert page.tree.find(".//main/div").get("lang") == "en"
    ids = {element.get("id") for element in page.tree.iter()}
    assert {
        one["operationId"]
        for item in DESCRIPTION["paths"].values()
        for method, one in item.items()
        if method != "parameters"
    } <= ids
    assert {problem.kind for problem in description.problems()} <= ids
    links = [link for link in page.links.values() if link.startswith("#")]
    assert {link[1:] for link in links} <= ids
    for method, path in operations():
        assert f"{method} {path}" in page.text
    assert "$ref" not in page.text


async def test_its_looks_are_loaded_where_they_are_needed(visitor: Visitor) -> None:
    sheet = "css/components/reference.css"

    assert sheet in (await visitor.get("/api")).text
    assert sheet not in (await visitor.get("/logga-in")).text


# Whatever is sent


@dataclass
class Portal:
    """A portal of its own, with what the examples name; each request comes from a new address."""

    refused_claims: int = 0
    addresses: Iterator[int] = field(default_factory=lambda: count(1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self.app = create_app(SETTINGS)
            self.app.router.lifespan_context = self._lifespan
        else:
            number, host = next(self.addresses), SETTINGS.base_url.removeprefix("https://")
            headers = [header for header in scope["headers"] if header[0] != b"host"]
            scope = {
                **scope,
                "client": (f"198.18.{number // 250}.{number % 250 + 1}", 40000),
                "headers": [(b"host", host.encode()), *headers],
            }
        await self.app(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        await databases.open("sqlite://:memory:")
        await Tortoise.generate_schemas()
        try:
            await self._fill()
            yield
            spent = await Spent.get_or_none(name=limits.CLAIM_REFUSED.name)
            self.refused_claims = spent.count if spent else 0
        finally:
            await databases.close()

    async def _fill(self) -> None:
        user = await a_user("anna@exempelbygg.example", "gul-tunna-vid-grinden")
        _ = await Membership.admit(user, await an_account("10234567"))
        for public_id, token in ((DEVICE, "mza_another"), (str(uuid.uuid4()), TOKEN)):
            grant = await AppDevice.begin(user.id, IOS, "Annas telefon", How.PASSWORD, Client())
            await AppDevice.filter(id=grant.device.id).update(public_id=public_id)
            held = AppToken.filter(device_id=grant.device.id, kind=Kind.ACCESS)
            await held.update(token_hash=tokens.hashed(token))


# Only these statuses are described, so that no other one is let through.
STRICT = copy.deepcopy(DESCRIPTION)
for _item in STRICT["paths"].values():
    for _method in set(_item) - {"parameters"}:
        del _item[_method]["responses"]["default"]
CONFIG = {
    "seed": 1,
    "generation": {"max-examples": 25, "deterministic": True, "database": "none"},
    "phases": {"stateful": {"enabled": False}},
    # Pages for a browser are not asked. Before the metadata stands the guard against other sites,
    # which refuses what is no GET.
    "operations": [
        {"include-path": "/oauth/authorize", "enabled": False},
        {
            "include-path-regex": "^/.well-known/",
            "checks": {"unsupported_method": {"enabled": False}},
        },
        # What is right by the schema is no login and no claim by that.
        {
            "include-path-regex": "^/oauth/",
            "checks": {"positive_data_acceptance": {"enabled": False}},
        },
        {
            "include-path-regex": "^/api/",
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "403", "404", "422"],
                }
            },
        },
    ],
}


PORTAL = Portal()
SCHEMA = schemathesis.openapi.from_dict(STRICT, config=SchemathesisConfig.from_dict(CONFIG))
SCHEMA.app = PORTAL


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    yield PORTAL
    asgi.shutdown_lifespans()
    assert PORTAL.refused_claims == 0, "what was meant to be tried was refused by a limit"


@SCHEMA.parametrize()
def test_whatever_is_sent_the_answer_is_as_described(case: Any, portal: Portal) -> None:
    needs_token = case.operation.path.startswith("/api/")
    case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"} if needs_token else {})
