"""What the tests of the app share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from starlette.applications import Starlette

from models import CustomerAccount, Membership, Totp, TwoFactor, User
from tests.unit.conftest import Clock, a_user, code
from tests.unit.web.mobile.phone import IOS, Phone


@pytest.fixture
async def new_phone(app: Starlette) -> AsyncIterator[Callable[..., Phone]]:
    made: list[Phone] = []

    def make(client_id: str = IOS) -> Phone:
        made.append(Phone(app, client_id))
        return made[-1]

    yield make
    for phone in made:
        await phone.client.aclose()


@pytest.fixture
def phone(new_phone: Callable[..., Phone]) -> Phone:
    return new_phone()


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    """Anna has an e-mail address and a password, and no two-factor."""
    user = await a_user(email_confirmed_at=time.now())
    _ = await Membership.admit(user, account)
    return user


@pytest.fixture
async def bo(account: CustomerAccount, time: Clock) -> tuple[User, str]:
    """Bo has two-factor on; with him the secret of his authenticator app."""
    user = await a_user("bo@example.com", given_name="Bo", two_factor=TwoFactor.UNANSWERED)
    _ = await Membership.admit(user, account)
    totp = await Totp.pending(user)
    await totp.activate(user, code(totp.secret))
    time.forward(minutes=5)
    return user, totp.secret
