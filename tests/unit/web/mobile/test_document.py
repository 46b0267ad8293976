"""docs/app.md tells the app's developers what the code does: each error, sentence and time."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from models import AppCode, AppDevice, AppLogin, AppToken
from tests.unit.conftest import SETTINGS
from web.app import create_app
from web.cli.output import period
from web.mobile import clients
from web.mobile.client import __main__ as command_line
from web.mobile.description import description
from web.settings import ROOT, Settings

DOCUMENT = (ROOT / "docs" / "app.md").read_text()
SOURCES = sorted((ROOT / "web" / "mobile").glob("*.py"))
# The row of each, and all that it says.
TIMES = {
    (AppToken, "LIFETIME"): "access token",
    (AppToken, "RETRY"): "the same answer to a refresh token that is sent again",
    (AppToken, "REMEMBERED"): "a used refresh token is recognised, and its return taken for theft",
    (AppDevice, "IDLE"): "login that is not used",
    (AppDevice, "LONGEST"): "login at all",
    (AppDevice, "SEEN_EVERY"): "when a device was last seen is written down once in",
    (AppCode, "LIFETIME"): "authorization code of the app's own login",
    (AppCode, "LIFETIME_ON_PAGE"): "authorization code on the browser's page",
    (AppCode, "REMEMBERED"): "a used authorization code, likewise",
    (AppLogin, "LIFETIME"): "`auth_session`",
}
NUMBERS = {
    (AppLogin, "MOST_TRIES"): "{} tries",
    (AppDevice, "LONGEST_NAME"): "name has at most {} characters",
    (AppDevice, "MOST_LISTED"): "at most {} devices are listed",
}


def test_every_time_stands_in_the_table() -> None:
    for (model, name), row in TIMES.items():
        told = re.search(rf"^\| {re.escape(row)} \| ([^|,]+)", DOCUMENT, re.MULTILINE)
        assert told, row
        assert told[1].strip() == period(getattr(model, name)), f"{model.__name__}.{name}"


def test_every_number_is_told() -> None:
    for (model, name), told in NUMBERS.items():
        assert told.format(getattr(model, name)) in DOCUMENT, f"{model.__name__}.{name}"


def test_no_time_and_no_number_is_left_out() -> None:
    constants = {
        (model, name)
        for model in (AppToken, AppDevice, AppCode, AppLogin)
        for name, value in vars(model).items()
        if name.isupper() and isinstance(value, (timedelta, int))
    }
    assert constants == set(TIMES) | set(NUMBERS)


def strings(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def raised() -> Iterator[tuple[str, str]]:
    """Each error that the app may get, with the file that names it."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="OAuthError"), args=[named, *_]):
                    parts: list[ast.AST] = [named]
                case ast.Call(func=ast.Name(id="Problem"), args=[_, named, *_]):
                    parts = [named]
                case ast.Call(func=ast.Name(id="_challenge"), args=[named]):
                    parts = [named]
                case ast.Assign(targets=[ast.Name(id="error")]):
                    parts = [node.value]
                case ast.Assign(targets=[ast.Name(id="_REASONS")], value=ast.Dict(values=values)):
                    parts = list(values)
                case ast.Assign(targets=[ast.Name(id="_KINDS")], value=ast.Dict(values=values)):
                    parts = [pair.elts[0] for pair in values if isinstance(pair, ast.Tuple)]
                case ast.keyword(arg="reason"):
                    parts = [node.value]
                case ast.Dict(keys=keys, values=values):
                    parts = [
                        value
                        for key, value in zip(keys, values, strict=True)
                        if isinstance(key, ast.Constant) and key.value == "error"
                    ]
                case _:
                    continue
            for part in parts:
                for error in strings(part):
                    if re.fullmatch(r"[a-z][a-z_-]+", error):
                        yield error, path.name


def test_every_error_is_told() -> None:
    errors = dict(raised())

    assert errors.keys() >= {
        *("invalid_credentials", "otp_used", "otp_invalid", "too_many_attempts"),
        *("temporarily_unavailable", "unavailable"),
    }
    untold = {
        error: file
        for error, file in errors.items()
        if f"`{error}`" not in DOCUMENT and f'error="{error}"' not in DOCUMENT
    }
    assert untold == {}


def test_every_description_is_told() -> None:
    described = {
        node.args[1].value
        for path in SOURCES
        if path.name == "oauth.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "OAuthError"
        and isinstance(node.args[1], ast.Constant)
        and isinstance(node.args[1].value, str)
    }
    folded = " ".join(DOCUMENT.split())

    assert described
    assert {sentence for sentence in described if sentence not in folded} == set()


def test_every_app_and_every_address_is_told() -> None:
    for client_id in clients._CLIENTS:
        assert f"| `{client_id}` |" in DOCUMENT
    app = create_app(SETTINGS)
    for name in ("challenge", "token", "revoke"):
        assert f"\n### POST {app.url_path_for(f'oauth:{name}')}\n" in DOCUMENT or (
            f"`POST {app.url_path_for(f'oauth:{name}')}`" in DOCUMENT
        )
    assert f"`{Settings.app_scheme}:/klar`" in DOCUMENT


def test_every_example_is_json() -> None:
    examples = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)

    assert len(examples) > 5
    for example in examples:
        _ = json.loads(example)


def test_every_parameter_of_an_address_is_told() -> None:
    parameters = {
        parameter["name"]
        for item in description()["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
        for parameter in operation.get("parameters", [])
    }
    assert len(parameters) > 8
    assert {one for one in parameters if not re.search(f"[`?&]{one}[`=]", DOCUMENT)} == set()


def test_the_metadata_is_the_same_as_in_the_description() -> None:
    path = "/.well-known/oauth-authorization-server"
    answer = description()["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    (told,) = re.findall(r"```json\n({\n  \"issuer\".*?)```", DOCUMENT, re.DOTALL)

    assert json.loads(told) == answer["example"]


def test_each_diagram_is_one_of_who_says_what_to_whom() -> None:
    diagrams = re.findall(r"```mermaid\n(.*?)```", DOCUMENT, re.DOTALL)

    assert len(diagrams) == 5
    for diagram in diagrams:
        first, *lines = diagram.splitlines()
        assert first == "sequenceDiagram"
        for line in lines:
            assert re.match(
                r"    +(actor|participant|alt|else|end\b|Note over|\w+(->>|-->>|--x)\w+: )", line
            ), line


def test_the_commands_that_are_shown_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for command in set(re.findall(r"^\$ client (\w+)", DOCUMENT, re.MULTILINE)):
        with pytest.raises(SystemExit) as ended:
            _ = command_line.main([command, "--help"])
        assert ended.value.code == 0
    _ = capsys.readouterr()


def test_it_names_no_machine_and_breaks_no_link() -> None:
    assert not re.search(r"/(home|root|work|tmp)/", DOCUMENT)
    headings = re.findall(r"^#+ (.+)$", DOCUMENT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", DOCUMENT)) <= anchors
    for link in re.findall(r"\]\(([^)#:]+)\)", DOCUMENT):
        assert (ROOT / "docs" / link).exists(), link
