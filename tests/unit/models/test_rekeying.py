"""New keys and a new pepper: all that can go on works on, and what cannot is told."""

from __future__ import annotations

import ast
import asyncio

import pytest
from tortoise.fields import BinaryField

from models import (
    CustomerAccount,
    Event,
    KnownDevice,
    OutgoingMail,
    RecoveryCode,
    Registration,
    Session,
    Spent,
    Totp,
    User,
    databases,
    keys,
    limits,
    rekeying,
)
from models.bankid_flow import BankIDFlow, Intent, Order
from models.bankid_identity import BankIDIdentity, Person
from models.claim import prove
from models.client import Client
from models.identity import How
from tests.unit.conftest import SETTINGS, Clock, a_user, an_account, code
from web.settings import ROOT

pytestmark = pytest.mark.anyio
OLD, NEW = SETTINGS.secret_keys[0], "a newer key of the tests 0123456789 abcdef"
PEPPER, NEW_PEPPER = SETTINGS.pepper, "a newer pepper of the tests 0123456789 abcdef"
HERE = Client("198.51.100.7", "Firefox", "x" * 43)
ANNA = Person("199001012385", "Anna", "Andersson")
BERTIL = Person("198507142399", "Bertil", "Björk")


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    """With an app, codes that are shown, a mail that waits, BankID, and a sole trader beside."""
    user = await a_user(email_confirmed_at=time.now())
    pending = await Totp.pending(user)
    assert (await pending.activate(user, code(pending.secret))).is_right
    _ = await an_account("100201", "4001019803", "Lindgrens Måleri")
    _ = await OutgoingMail.write("alarm", OutgoingMail.OPERATOR, subject="Hej", text="")
    await BankIDIdentity.add(user.id, ANNA, time.now())
    begun = await Registration.find(await Registration.start())
    assert begun
    await begun.identify(BERTIL)
    for person in (None, BERTIL):
        flow, _, _ = await BankIDFlow.begin(Intent.LOGIN, HERE, replacing="", is_same_device=False)
        assert await flow.keep_order(Order("1", "2", "3", "4"), "")
        assert person is None or await flow.prove(person, "low")
    return user


async def blobs() -> list[bytes]:
    found: list[bytes] = []
    for column in rekeying.COLUMNS:
        for value in await column.model.all().values(column.column):
            found += [bytes(blob) for blob in value.values() if blob is not None]
    return found


def test_every_encrypted_column_is_in_the_table() -> None:
    """And a column that holds bytes is an encrypted one."""
    columns = {
        (model, name)
        for model in vars(__import__("models")).values()
        if isinstance(model, type) and hasattr(model, "_meta")
        for name, field in model._meta.fields_map.items()
        if isinstance(field, BinaryField)
    }
    assert columns == {(column.model, column.column) for column in rekeying.COLUMNS}


def test_what_is_hashed_with_the_pepper_is_known() -> None:
    purposes = {
        node.args[0].value
        for path in [*(ROOT / "models").rglob("*.py"), *(ROOT / "web").rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "keys.mac"
        if isinstance(node.args[0], ast.Constant)
    }
    assert purposes == {
        *("organisation suffix", "personal number"),
        *("recovery code", "device", "limit", "app token"),
    }


async def test_all_is_encrypted_anew_and_the_old_key_can_go(anna: User, time: Clock) -> None:
    before = await blobs()
    shown = await RecoveryCode.shown(anna.id)
    keys.use((NEW, OLD), PEPPER)

    counts = await rekeying.reencrypt("Kim")

    assert {name: count.renewed for name, count in counts.items()} == {
        "authenticator apps": 1,
        "shown recovery codes": 10,
        "waiting mails": await OutgoingMail.all().count(),
        "persons with BankID": 1,
        "persons who register": 1,
        "orders of BankID": 1,
        "persons who identify themselves": 1,
        "four digits of sole traders": 1,
    }
    keys.use((NEW,), PEPPER)
    after = await blobs()
    assert len(after) == len(before)
    assert not set(after) & set(before)
    time.forward(seconds=60)
    totp = await Totp.active(anna.id)
    assert totp
    assert (await Totp.accepts(anna.id, code(totp.secret))).is_right
    assert await RecoveryCode.shown(anna.id) == shown
    assert {"subject": "Hej", "text": ""} in [mail.data for mail in await OutgoingMail.all()]
    assert (await CustomerAccount.get(customer_number="100201")).organisation_suffix == "9803"
    (linked,) = await BankIDIdentity.all()
    assert linked.person == ANNA
    (begun,) = await Registration.all()
    assert begun.person == BERTIL
    flows = await BankIDFlow.all()
    assert [flow.order.order_ref for flow in flows if flow.order] == ["1"]
    assert [person for flow in flows if (person := await flow.use())] == [BERTIL]
    assert (await Event.get(kind="keys.changed")).operator == "Kim"

    again = await rekeying.reencrypt("Kim")

    assert all((count.renewed, count.unreadable) == (0, 0) for count in again.values())
    assert sum(count.newest for count in again.values()) == len(await blobs())


async def test_what_changes_meanwhile_is_left_as_it_is(
    anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.use((NEW, OLD), PEPPER)
    real, batches = databases.fetch, 0

    async def erased_once_read(sql: str, *parameters: object) -> list[dict[str, object]]:
        nonlocal batches
        found = await real(sql, *parameters)
        if "code_encrypted" in sql and not batches:
            batches += 1
            await RecoveryCode.all().update(code_encrypted=None)
        return found

    monkeypatch.setattr("models.rekeying.fetch", erased_once_read)

    counts = await rekeying.reencrypt("Kim")

    assert batches == 1
    assert counts["shown recovery codes"].renewed == 0
    assert not await RecoveryCode.exists(code_encrypted__not_isnull=True)


async def test_of_many_at_once_each_value_is_renewed_by_one(anna: User) -> None:
    keys.use((NEW, OLD), PEPPER)

    at_once = await asyncio.gather(*(rekeying.reencrypt("Kim") for _ in range(10)))

    renewed = sum(count.renewed for counts in at_once for count in counts.values())
    assert renewed == len(await blobs())


async def test_a_value_whose_key_is_gone_is_counted_and_kept(anna: User) -> None:
    before = await blobs()
    keys.use((NEW,), PEPPER)

    counts = await rekeying.reencrypt("Kim")

    assert sum(count.unreadable for count in counts.values()) == len(before)
    assert await blobs() == before


# The pepper


async def test_with_a_new_pepper_claims_work_and_saved_codes_are_told_to_be_gone(
    anna: User, account: CustomerAccount, time: Clock
) -> None:
    bo = await a_user("bo@example.com", email_confirmed_at=time.now())
    await RecoveryCode.renew(bo.id)
    await RecoveryCode.filter(user_id=bo.id).update(code_encrypted=None)
    _ = await Session.start(anna, How.PASSWORD, HERE)
    _ = await limits.spend(limits.LOGIN_BY_ADDRESS.of("198.51.100.7"))
    (shown, *_) = await RecoveryCode.shown(anna.id)
    keys.use((OLD,), NEW_PEPPER)
    assert await prove("100200", "3378", Client("203.0.113.1")) is None

    done = await rekeying.repepper("Kim")

    assert (done.accounts, done.bankids, done.unreadable) == (2, 1, 0)
    assert await BankIDIdentity.of_person(ANNA), "found by the new hash"
    assert (done.codes, done.users_told, done.devices) == (10, 1, 1)
    assert await prove("100200", "3378", Client("203.0.113.1"))
    assert await prove("100201", "9803", Client("203.0.113.1"))
    assert await RecoveryCode.use(anna.id, shown), "it was shown still, so it is hashed anew"
    assert not await RecoveryCode.exists(user_id=bo.id)
    told = await OutgoingMail.filter(kind="recovery_codes_gone")
    assert [mail.to for mail in told] == [bo.email]
    assert not await KnownDevice.exists()
    assert not await Spent.exists(name=limits.LOGIN_BY_ADDRESS.name)
    assert (await Event.get(kind="pepper.changed")).operator == "Kim"
    assert await Session.exists(), "sessions live on"


async def test_a_pepper_that_is_in_use_costs_nobody_anything(anna: User) -> None:
    await RecoveryCode.all().update(code_encrypted=None)

    with pytest.raises(rekeying.PepperInUse):
        await rekeying.repepper("Kim")

    assert await RecoveryCode.all().count() == 10


async def test_stopped_on_the_way_the_same_again_does_the_rest(
    anna: User, account: CustomerAccount
) -> None:
    keys.use((OLD,), NEW_PEPPER)
    _ = await rekeying.repepper("Kim")
    left = await CustomerAccount.get(customer_number="100201")
    await CustomerAccount.filter(id=left.id).update(suffix_hash="0" * 64)

    done = await rekeying.repepper("Kim")

    assert (done.accounts, done.users_told) == (1, 0)
    assert (await CustomerAccount.get(id=left.id)).suffix_hash == left.suffix_hash


async def test_an_account_that_cannot_be_read_is_counted(anna: User) -> None:
    keys.use((NEW,), NEW_PEPPER)

    done = await rekeying.repepper("Kim")

    assert (done.accounts, done.unreadable) == (1, 2), "the four digits, and the person of a BankID"
