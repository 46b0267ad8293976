"""What the slow checks share: a portal as in production, and a way to tell of progress."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.e2e import conftest as e2e
from tests.e2e.portal import Portal
from tests.more.production import Production

Say = Callable[[str], None]

browser = e2e.browser


@pytest.fixture(scope="package")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    nginx = program("nginx", variable="NGINX_PATH", how="apt-get install nginx-light")
    portal = Production(tmp_path_factory.mktemp("production"), nginx, unclaimed=20, users=12)
    portal.start()
    yield portal
    portal.stop()


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    """Tells at once what is going on: a silent check of minutes looks as if it hung."""

    def tell(text: str) -> None:
        with capfd.disabled():
            print(f"\n    {text}", end="", flush=True)

    return tell


@pytest.fixture(scope="package")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    """The portal as in production; where there is no nginx, the bare server without https."""
    if installed("nginx", variable="NGINX_PATH"):
        yield request.getfixturevalue("production")
    else:
        portal = Portal(tmp_path_factory.mktemp("portal"), unclaimed=20, users=12)
        portal.start()
        yield portal
        portal.stop()


def installed(*names: str, variable: str) -> str | None:
    """Where the first of these programs is, if the variable does not name it."""
    for name in (os.environ.get(variable), *names):
        if name and (found := shutil.which(name) or shutil.which(f"/usr/sbin/{name}")):
            return found
    return None


def program(*names: str, variable: str, how: str) -> str:
    """Where it is. Without it the check is skipped, and says how to get it."""
    found = installed(*names, variable=variable)
    return found or pytest.skip(f"no {names[0]}: {how} (or name it in {variable})")
