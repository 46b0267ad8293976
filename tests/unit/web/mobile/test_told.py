"""What users are told of the app: by mail, under Händelser and in the file; administrators not."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO

import pytest

from models import CustomerAccount, Membership, OutgoingMail, User
from tests.unit.conftest import Clock, Outbox, Visitor, a_user, code, plain
from tests.unit.web.mobile.phone import ANDROID, Phone

pytestmark = pytest.mark.anyio
HISTORY, FILE = "/mina-uppgifter/handelser", "/mina-uppgifter/handelser.csv"
DEVICES = "/mina-uppgifter/enheter"


async def mails(outbox: Outbox, kind: str) -> list[str]:
    """The text of each mail of this kind, after its subject."""
    written = await OutgoingMail.filter(kind=kind).exclude(to="").order_by("id")
    composed = [outbox.app.state.composer.compose(mail) for mail in written]
    return [f"{message['Subject']}\n{plain(message)}" for message in composed]


async def test_the_first_login_on_a_device_is_mailed_and_no_refresh(
    phone: Phone, anna: User, outbox: Outbox, time: Clock
) -> None:
    await phone.log_in(device_name="Ring genast 08-123 45 67")
    for _ in range(3):
        time.forward(hours=1)
        phone.tokens = (await phone.refresh()).json

    (told,) = await mails(outbox, "new_device")
    assert told.startswith("Ny inloggning på ditt konto\n")
    assert "Någon loggade in 2 mars 2026 kl. 10.00 från appen MittPreZero (iOS)." in told
    assert "/det-var-inte-jag/" in told
    assert "Ring genast" not in told, "a stranger's words stand in no mail of ours"


async def test_two_apps_are_told_of_each_and_a_login_sent_twice_once(
    phone: Phone, new_phone: Callable[..., Phone], anna: User, outbox: Outbox
) -> None:
    await phone.log_in()
    await phone.log_in()
    other = new_phone(ANDROID)
    await other.log_in()

    told = await mails(outbox, "new_device")

    assert [("(iOS)" in text, "(Android)" in text) for text in told] == [
        (True, False),
        (False, True),
    ]


async def test_after_many_failures_that_is_told_too(
    phone: Phone, new_phone: Callable[..., Phone], anna: User, outbox: Outbox
) -> None:
    for _ in range(10):
        await new_phone().ask(password="fel")
    await phone.log_in()
    (told,) = await mails(outbox, "login_after_failures")
    assert "från appen MittPreZero (iOS), efter många försök med fel lösenord." in told


async def test_a_stolen_token_is_told_of(
    phone: Phone, anna: User, outbox: Outbox, time: Clock
) -> None:
    first = await phone.log_in()
    await phone.refresh()
    time.forward(seconds=31)
    await phone.refresh(first["refresh_token"])

    (told,) = await mails(outbox, "app_reused")

    assert told.startswith("MittPreZero är utloggad på en av dina enheter\n")
    assert (
        "En gammal inloggning i appen MittPreZero (iOS) användes en gång till "
        "2 mars 2026 kl. 10.00." in " ".join(told.split())
    )
    assert "Därför har vi loggat ut enheten." in " ".join(told.split())
    assert "/det-var-inte-jag/" in told
    assert "Var det du?" not in told, "it was the portal"
    assert "Tror du att någon annan har loggat in?" in told


async def test_what_happened_to_the_app_reads_well_and_is_the_users_own(
    phone: Phone,
    new_phone: Callable[..., Phone],
    visitor: Visitor,
    bo: tuple[User, str],
    account: CustomerAccount,
    time: Clock,
    new_visitor: Callable[[], Visitor],
) -> None:
    user, secret = bo
    chief = await a_user("chef@example.com", given_name="Karin")
    membership = await Membership.admit(chief, account)
    await Membership.filter(id=membership.id).update(role="administrator")
    last = new_phone(ANDROID)
    for each in (phone, last):
        time.forward(minutes=1)
        await each.log_in(username=user.email, otp=code(secret))
    await phone.refresh()
    time.forward(minutes=1)
    await phone.refresh()
    time.forward(minutes=1)
    await visitor.log_in(user.email)
    await visitor.submit("/logga-in/kod", code=code(secret))
    await visitor.submit(DEVICES, device=last.tokens["device_id"])

    page = await visitor.visit(HISTORY)
    answer = await visitor.get(FILE)

    said = [
        line.split(" 2 mars")[0] for line in page.texts("section[@aria-labelledby='events']//li")
    ]
    expected = [
        "Du loggade ut appen MittPreZero (Android).",
        "Du loggade in från en okänd webbläsare med lösenord och engångskod.",
        "En gammal inloggning i appen MittPreZero (iOS) användes igen. Enheten loggades ut.",
        "Du loggade in från appen MittPreZero (Android) med lösenord och engångskod.",
        "Du loggade in från appen MittPreZero (iOS) med lösenord och engångskod.",
    ]
    assert said[:5] == expected
    lines = list(csv.reader(StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert [line[2] for line in lines[1:6]] == expected
    assert [line[3] for line in lines[1:6]] == [
        *(visitor.address, visitor.address, phone.address, last.address, phone.address)
    ]

    administrator = new_visitor()
    await administrator.log_in("chef@example.com")
    for path in ("/kund/100200/handelser", "/kund/100200/handelser.csv"):
        assert "MittPreZero" not in (await administrator.get(path)).text.partition("<footer")[0]
