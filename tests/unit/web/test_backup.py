"""The drill of docs/operate.md: a copy of a running portal, restored with the keys and without."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models import Totp, User, clock, databases, keys
from models.databases import migrations
from models.recovery_code import RecoveryCode
from models.totp import State
from tests.unit.conftest import SETTINGS, Clock, Visitor, a_user, an_account, code, settings
from tests.unit.page import Page
from web.app import create_app

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        "MINASIDOR_TEST_DATABASE_URL" in os.environ, reason="the drill copies a file of SQLite's"
    ),
]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NEW_KEY = "a key of the day after, 0123456789 abcdefgh"


@pytest.fixture
async def restored(time: Clock, tmp_path: Path) -> AsyncIterator[None]:
    """What VACUUM INTO copied out of a database in use, put in the place of the lost one."""
    lost, copy = tmp_path / "portal.sqlite3", tmp_path / "backup.sqlite3"
    _ = await migrations.migrate(f"sqlite://{lost}")
    await databases.open(f"sqlite://{lost}")
    try:
        await seed()
        async with databases.atomic():  # somebody's change is under way
            _ = await an_account("7", name="Efter kopian AB")
            other = sqlite3.connect(lost)
            other.execute("VACUUM INTO ?", (str(copy),))
            other.close()
    finally:
        await databases.close()
    put_in_place(copy, lost)

    await databases.open(f"sqlite://{lost}")
    assert await databases.pending() == []
    assert await User.all().count() == 1
    yield
    await databases.close()


def put_in_place(copy: Path, lost: Path) -> None:
    for file in lost.parent.glob(f"{lost.name}*"):  # -wal and -shm belong to the old one
        file.unlink()
    copy.rename(lost)


async def seed() -> None:
    account = await an_account()
    user = await a_user(two_factor="on", active_customer_account_id=account.id)
    await databases.execute_many(
        "INSERT INTO memberships (user_id, customer_account_id, role, created_at)"
        " VALUES (?, ?, 'administrator', ?)",
        [(user.id, account.id, clock.now())],
    )
    _ = await Totp.create(
        user_id=user.id,
        state=State.ACTIVE,
        secret_encrypted=keys.encrypt("totp", SECRET, f"user:{user.id}"),
        created_at=clock.now(),
        activated_at=clock.now(),
    )
    await RecoveryCode.renew(user.id)


async def log_in(typed: str, *secret_keys: str) -> Page:
    visitor = Visitor(create_app(settings(secret_keys=secret_keys)))
    try:
        _ = await visitor.log_in()
        return await visitor.submit("/logga-in/kod", code=typed)
    finally:
        await visitor.client.aclose()


async def test_with_the_keys_the_code_logs_in(restored: None) -> None:
    page = await log_in(code(SECRET), *SETTINGS.secret_keys)
    assert page.path == "/kund/100200"


async def test_with_a_new_key_before_them_too(restored: None) -> None:
    page = await log_in(code(SECRET), NEW_KEY, *SETTINGS.secret_keys)
    assert page.path == "/kund/100200"


async def test_without_them_only_a_recovery_code_does(restored: None) -> None:
    user = await User.get()
    saved = await RecoveryCode.shown(user.id)
    page = await log_in(code(SECRET), NEW_KEY)
    assert page.status == 503
    page = await log_in(saved[0], NEW_KEY)
    assert page.path == "/kund/100200"
