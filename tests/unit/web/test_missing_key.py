"""A key that is missing from the settings: a page that says so, and an alarm; the rest works on."""

from __future__ import annotations

import pytest

from models import CustomerAccount, Membership, OutgoingMail, RecoveryCode, Totp, TwoFactor, keys
from tests.unit.conftest import SETTINGS, Clock, Outbox, Visitor, a_user, code

pytestmark = pytest.mark.anyio
SENTENCE = "Vi kan inte läsa dina uppgifter just nu"


def lose_the_key() -> None:
    keys.use(("another key of the tests 0123456789 abcdef",), SETTINGS.pepper)


async def test_a_login_with_a_code_says_so_and_a_recovery_code_is_the_way_in(
    visitor: Visitor,
    account: CustomerAccount,
    time: Clock,
    outbox: Outbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    anna = await a_user()
    _ = await Membership.admit(anna, account)
    pending = await Totp.pending(anna)
    secret = pending.secret
    assert (await pending.activate(anna, code(secret))).is_right
    (recovery_code, *_) = await RecoveryCode.shown(anna.id)
    await RecoveryCode.all().update(code_encrypted=None)
    await OutgoingMail.all().delete()
    time.forward(seconds=60)
    lose_the_key()
    page = await visitor.log_in()
    assert page.path == "/logga-in/kod"

    for _ in range(3):
        page = await visitor.submit("/logga-in/kod", code=code(secret))
        assert page.status == 503
        assert SENTENCE in page.response.text

    assert [record.message for record in caplog.records].count("key missing") == 3
    (alarm,) = await outbox.to("drift@minasidor.example")
    assert "A key is missing" in alarm["Subject"]
    page = await visitor.submit("/logga-in/kod", code=recovery_code)
    assert page.path == "/kund/100200"


async def test_steg_4_says_so(visitor: Visitor, account: CustomerAccount, time: Clock) -> None:
    anna = await a_user(two_factor=TwoFactor.UNANSWERED)
    _ = await Membership.admit(anna, account)
    assert (await visitor.log_in()).path == "/registrera/steg-4"
    lose_the_key()

    page = await visitor.visit("/registrera/steg-4")

    assert page.status == 503
    assert SENTENCE in page.response.text
    assert (await visitor.visit("/mina-uppgifter")).status == 200
