"""House rules: what may import what, one door for each secret, and nothing that nobody reaches."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from jinja2 import Environment, meta, nodes
from starlette.routing import Mount, Route

from tests.unit.conftest import SETTINGS, settings
from web import errors, mail
from web.rendering import environment
from web.routes import routes_for

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "templates"
SOURCES = sorted(
    path
    for folder in ("models", "web")
    for path in (ROOT / folder).rglob("*.py")
    if path.parent.name != "migrations"
)
PAGES = sorted(path for path in TEMPLATES.rglob("*.html"))
ALL_TEMPLATES = sorted(path for path in TEMPLATES.rglob("*.*") if path.suffix != ".toml")
JINJA: Environment = environment(SETTINGS)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), named(path))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Each module that the file imports, and whether it does so when it is loaded."""
    inside = {
        id(node)
        for function in ast.walk(tree(path))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in inside
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) not in inside
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) not in inside


def importers(module: str) -> set[str]:
    return {
        named(path)
        for path in SOURCES
        if any(name == module or name.startswith(f"{module}.") for name, _ in imports(path))
    }


def calls(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def callers(*functions: str) -> set[str]:
    return {named(path) for path in SOURCES if set(functions) & set(calls(path))}


# Layers and doors


@pytest.mark.parametrize(
    "module", ["web", "starlette", "uvicorn", "jinja2", "markupsafe", "aiosmtplib", "tests"]
)
def test_models_know_nothing_of(module: str) -> None:
    assert not {path for path in importers(module) if path.startswith("models/")}


def test_nothing_of_the_product_imports_tests() -> None:
    assert not importers("tests")


def test_development_tools_are_not_loaded_in_production() -> None:
    program = (
        "import sys, dataclasses; from tests.unit.conftest import settings;"
        "from web.app import create_app;"
        "create_app(settings(env='production', demo=False, bankid_mode='off'));"
        "import web.cli; tools = ('web.development', 'web.bankid.simulator', 'web.mobile.client.');"
        "print([name for name in sys.modules if name.startswith(tools)])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("module", "doors"),
    [
        ("argon2", {"models/passwords.py"}),
        ("zxcvbn", {"models/passwords.py"}),
        ("pyotp", {"models/totp.py", "web/development/codes.py"}),
        ("cryptography", {"models/keys.py", "web/bankid/certificate.py"}),
        (
            "itsdangerous",
            {
                "web/kept_form.py",
                "web/made_for.py",
                "web/mobile/app_request.py",
                "web/next_path.py",
                "web/password_reset.py",
                "web/rendering.py",
                "web/signing.py",
            },
        ),
        ("markupsafe", {"web/bankid/qr.py", "web/rendering.py", "web/two_factor.py"}),
        ("aiosmtplib", {"web/jobs/mail.py"}),
        (
            "secrets",
            {
                "models/keys.py",
                "models/tokens.py",
                "web/middleware/request_id.py",
                "web/mobile/client/protocol.py",  # the app, which knows nothing of the models
                "web/settings.py",
            },
        ),
    ],
)
def test_each_has_its_doors(module: str, doors: set[str]) -> None:
    assert importers(module) == doors


@pytest.mark.parametrize(
    "module",
    [
        *("pickle", "marshal", "shelve", "random", "subprocess", "xml", "yaml", "requests"),
        *("httpx", "urllib.request", "ctypes", "telnetlib", "smtplib"),
    ],
)
def test_nothing_of_the_product_uses(module: str) -> None:
    assert not importers(module)


@pytest.mark.parametrize(
    "function", ["eval", "exec", "compile", "os.system", "os.popen", "hashlib.md5", "hashlib.sha1"]
)
def test_nothing_of_the_product_calls(function: str) -> None:
    assert not callers(function)


def test_there_is_one_clock() -> None:
    now = callers("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time")
    assert now == {"models/clock.py"}


def test_the_environment_is_read_by_the_settings_alone() -> None:
    readers = {
        named(path)
        for path in SOURCES
        if any("os.environ" in ast.unparse(node) for node in ast.walk(tree(path)))
        or "os.getenv" in calls(path)
    }
    others = {
        "web/cli/__init__.py",  # the command asks for SUDO_USER
        "web/bankid/simulator/__init__.py",  # has no settings, and asks whether this is production
        "web/mobile/client/safe.py",  # runs on its user's machine: where do files belong there?
    }
    assert readers == {"web/settings.py"} | others


def test_a_session_begins_in_these_places_only() -> None:
    # ASVS 6.1.3: SECURITY.md lists them with their strength.
    assert callers("Session.start") == {"models/registration.py", "web/sessions.py"}
    assert callers("sessions.start") == {"web/login.py", "web/registration.py"}


def test_an_app_is_logged_in_in_these_places_only() -> None:
    # Likewise. Whoever gets a code has proven who they are: at the app's login, or in a browser.
    assert callers("AppDevice.begin") == {"models/app_login.py"}
    assert callers("AppToken.write") == {"models/app_device.py"}
    assert callers("AppCode.redeem") == {"web/mobile/oauth.py"}
    issuers = {"web/mobile/oauth.py", "web/mobile/authorize.py", "models/app_login.py"}
    assert callers("AppCode.issue") == issuers
    assert callers("half.complete") == {"web/mobile/oauth.py"}  # which leads to the last of them


def test_every_file_says_what_it_holds_in_one_sentence() -> None:
    for path in SOURCES:
        if path.read_text().strip():
            first = (ast.get_docstring(tree(path)) or "").split("\n\n")[0]
            assert first.endswith("."), named(path)


def test_no_file_names_a_machine_path_or_an_index() -> None:
    places = re.compile(r"/home/|/work/|/root/|index-url|/tmp/[a-z]")
    for path in [*SOURCES, *TEMPLATES.rglob("*"), *(ROOT / "static" / "css").rglob("*.css")]:
        if path.is_file():
            assert not places.search(path.read_text()), named(path)


# Templates

_JINJA_PART = re.compile(r"{{.*?}}|{%.*?%}|{#.*?#}", re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_a_template_escapes_everything_and_holds_no_script_or_style(path: Path) -> None:
    text = path.read_text()
    html = re.sub(r"{#.*?#}", "", text, flags=re.DOTALL)
    plain = _JINJA_PART.sub("", text)

    assert not re.search(r"\|\s*safe\b|\bMarkup\b|autoescape|\|\s*forceescape", html)
    assert not re.search(r"[\w-]+=\{\{", html), "attributes are quoted: what is put in ends there"
    assert not re.search(r"""\s(on[a-z]+|hx-on[^\s=]*|hx-vals|hx-headers)\s*=""", html)
    assert not re.search(r"""["'\s]js:|javascript:|hx-trigger=["'][^"']*\[""", html)
    assert not re.search(r"<(object|embed|base)\b", html)
    # The one frame of the portal holds a page of its own: web/bankid/pages.py says so to browsers.
    if "/development/" not in named(path) and named(path) != "templates/bankid/_phase.html":
        assert "<iframe" not in html
    for script in re.findall(r"<script\b[^>]*>(.*?)</script>", html, re.DOTALL):
        assert not script.strip(), "no inline script"
    own_style = ("templates/layouts/mail.html", "templates/layouts/document.html")
    if named(path) not in own_style and "/mail/" not in named(path):
        assert not re.search(r"<style\b|\sstyle\s*=", html), "no inline style"
    assert not re.search(r"""(src|href|action)=["'](?:https?:)?//""", plain), "no other origin"
    assert "target=" not in plain or 'rel="opener"' not in plain


def parsed(path: Path) -> nodes.Template:
    return JINJA.parse(path.read_text())


def test_every_template_is_used() -> None:
    wanted = {
        node.value
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    wanted |= {f"errors/{status}.html" for status in errors._PAGES}
    wanted |= {
        f"mail/{kind}.{part}"
        for kind in ("notice", "access", *mail._KINDS)
        for part in ("subject.txt", "txt", "html")
    }
    files = {path.relative_to(TEMPLATES).as_posix() for path in ALL_TEMPLATES}
    for name in files:
        found = meta.find_referenced_templates(parsed(TEMPLATES / name))
        wanted |= {other for other in found if other}

    assert files - wanted == set(), "nobody renders these"


def test_every_template_that_is_asked_for_exists() -> None:
    asked = {
        node.value
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z_]+/[a-z_]+\.html", node.value)
    }
    assert asked
    assert {name for name in asked if not (TEMPLATES / name).exists()} == set()


def test_every_macro_is_used() -> None:
    macros: dict[str, str] = {}
    used: set[str] = set()
    for path in ALL_TEMPLATES:
        template = parsed(path)
        macros |= {macro.name: named(path) for macro in template.find_all(nodes.Macro)}
        used |= {
            call.node.name
            for call in template.find_all(nodes.Call)
            if isinstance(call.node, nodes.Name)
        }
    assert {name: where for name, where in macros.items() if name not in used} == {}


def test_what_a_template_imports_it_uses() -> None:
    for path in ALL_TEMPLATES:
        template = parsed(path)
        read = {name.name for name in template.find_all(nodes.Name) if name.ctx == "load"}
        for imported in template.find_all(nodes.FromImport):
            names = {name if isinstance(name, str) else name[1] for name in imported.names}
            assert names <= read, f"{named(path)} imports {names - read} for nothing"


# Routes


def names_of_routes() -> set[str]:
    routes = routes_for(settings(env="development"))
    return {route.name for route in routes if isinstance(route, (Route, Mount)) and route.name}


def test_every_route_is_reached_by_a_link_a_form_or_a_redirect() -> None:
    reached = {"alive", "ready", "well_known", "mobile:android", "mobile:ios"}  # by machines
    reached.add("mobile:done")  # by the app, which names its address
    # By the app: web/mobile/openapi.json says where they are.
    reached |= {name for name in names_of_routes() if name.startswith(("oauth:", "api:"))}
    for path in TEMPLATES.rglob("*.html"):
        for call in parsed(path).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "path_for":
                first = call.args[0]
                assert isinstance(first, nodes.Const), f"{named(path)}: path_for of a constant"
                assert first.value in names_of_routes(), f"{named(path)}: {first.value}"
                reached.add(first.value)
    for source in SOURCES:
        if source.name != "routes.py":
            reached |= {
                node.value
                for node in ast.walk(tree(source))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }

    assert names_of_routes() - reached == set()


def test_fixed_paths_stand_before_those_that_take_anything() -> None:
    seen: list[Route] = []
    for route in routes_for(settings(env="development")):
        if isinstance(route, Route):
            path = re.sub(r"{[^}]*}", "x", route.path)
            taken = [
                other.path for other in seen if "{" in other.path and other.path_regex.match(path)
            ]
            assert not taken, f"{route.path} is never reached: {taken}"
            seen.append(route)
