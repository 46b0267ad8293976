"""Attacks on BankID that once got through, each as somebody would carry it out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any

import pytest

from models import BankIDIdentity, CustomerAccount, Membership, User
from tests.unit.conftest import Clock, Outbox, a_user
from tests.unit.web.bankid.customer import ANNA, BERTIL, CLAIM, CREDENTIALS, Customer
from web import next_path
from web.bankid.finish import LINKED

pytestmark = pytest.mark.anyio
Browsers = Callable[..., Customer]


@pytest.fixture
async def bo(account: CustomerAccount, time: Clock) -> User:
    """Whose session and password somebody else has got hold of."""
    user = await a_user("bo@example.com", email_confirmed_at=time.now())
    _ = await Membership.admit(user, account)
    time.forward(days=30)
    return user


async def thief(new_customer: Browsers) -> Customer:
    """Signed in as Bo, with BankID of their own linked to Bo's user account."""
    found = new_customer()
    assert (await found.log_in("bo@example.com")).status == 200
    assert LINKED in (await found.identify(BERTIL, "link")).text
    return found


async def test_det_var_inte_jag_in_a_mail_that_came_late_leaves_the_thief_no_bankid(
    new_customer: Browsers, bo: User, outbox: Outbox
) -> None:
    """The link works for seven days from when its mail was sent."""
    stranger = await thief(new_customer)
    stranger.time.forward(hours=12)
    notice = await outbox.link("bo@example.com")  # which sends it

    owner = new_customer()
    owner.time.forward(days=6, hours=18)
    _ = await owner.visit(notice)
    _ = await owner.submit("/det-var-inte-jag")
    assert (await User.get(id=bo.id)).frozen_at

    _ = await stranger.identify(BERTIL)
    assert not await stranger.is_signed_in()


@pytest.mark.parametrize("linked_first", [True, False])
async def test_nor_does_undoing_a_change_of_address(
    new_customer: Browsers, bo: User, outbox: Outbox, linked_first: bool
) -> None:
    stranger = new_customer()
    _ = await stranger.log_in("bo@example.com")
    if linked_first:
        _ = await stranger.identify(BERTIL, "link")
    _ = await stranger.submit("/mina-uppgifter/epost", email="thief@example.com")
    _ = await stranger.visit(await outbox.link("thief@example.com"))
    _ = await stranger.submit("/bekrafta-epost")
    assert (await User.get(id=bo.id)).email == "thief@example.com"
    undo = await outbox.link("bo@example.com")
    if not linked_first:
        _ = await stranger.identify(BERTIL, "link")
    assert await BankIDIdentity.of_user(bo.id)

    owner = new_customer()
    owner.time.forward(days=6, hours=23)
    _ = await owner.visit(undo)
    _ = await owner.submit("/angra-epostbyte")
    assert (await User.get(id=bo.id)).email == "bo@example.com"

    _ = await stranger.identify(BERTIL)
    assert not await stranger.is_signed_in()


async def test_who_comes_in_by_a_bankid_while_it_is_unlinked_is_out_again(
    new_customer: Browsers, bo: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger, owner = await thief(new_customer), new_customer()
    _ = await stranger.post("/logga-ut")
    _ = await owner.log_in("bo@example.com")
    let_in, unlinking = BankIDIdentity.let_in, list[asyncio.Task[Any]]()

    async def meanwhile(self: BankIDIdentity) -> Any:
        found = await let_in(self)
        act = owner.submit(f"{CREDENTIALS}/ta-bort-bankid")  # from another process, as it were
        unlinking.append(asyncio.get_running_loop().create_task(act, context=Context()))
        _ = await asyncio.wait(unlinking, timeout=0.2)
        return found

    monkeypatch.setattr(BankIDIdentity, "let_in", meanwhile)
    _ = await stranger.identify(BERTIL)
    _ = await asyncio.gather(*unlinking)

    assert not await BankIDIdentity.exists()
    assert await owner.is_signed_in()
    assert not await stranger.is_signed_in()


@pytest.mark.parametrize("no_id", ["%00", "x" * 44])  # PostgreSQL and Tortoise refuse to look
@pytest.mark.parametrize("path", ["retur?n=x&f={}", "{}", "{}/status", "{}/qr", "{}/klar"])
async def test_what_can_be_no_identification_is_not_found(
    customer: Customer, path: str, no_id: str
) -> None:
    _ = await customer.start()
    assert (await customer.get(f"/bankid/{path.format(no_id)}")).status_code == 404


@pytest.mark.parametrize(
    ("intent", "on_to"), [("login", ""), ("login", "/kund/100200"), ("registration", "")]
)
@pytest.mark.parametrize("by_bankid", [True, False])
async def test_who_comes_to_the_computer_later_gets_nothing_of_the_last_ones_registration(
    customer: Customer, account: CustomerAccount, intent: str, on_to: str, by_bankid: bool
) -> None:
    """Half an hour after Anna left, nobody remembers any more by BankID that it was she."""
    if by_bankid:
        _ = await customer.identify(ANNA, "registration")
    else:
        _ = await customer.submit("/registrera/steg-1")
    _ = await customer.submit("/registrera/steg-2", **CLAIM)
    typed = {"given_name": "Anna", "family_name": "Andersson", "email": "anna@example.com"}
    _ = await customer.submit("/registrera/steg-3", **typed, password="x", customer_number="100200")
    customer.time.forward(minutes=31)

    _ = await customer.identify(BERTIL, intent, next=next_path.sign(on_to) if on_to else "")

    page = await customer.visit("/registrera/steg-3")
    assert page.path == "/registrera/steg-2", "the claim was Anna's"
    page = await customer.submit("/registrera/steg-2", **CLAIM)
    assert [page.value(name) for name in ("given_name", "email")] == ["Bertil", ""]
