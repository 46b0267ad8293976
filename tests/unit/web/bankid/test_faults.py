"""What can go wrong between the portal, BankID and the phone: each is said, and passes or ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from starlette.applications import Starlette

from models import BankIDFlow, OutgoingMail, Session, User, retention
from models.bankid_flow import Intent
from tests.unit.conftest import Clock
from tests.unit.tables import cells
from tests.unit.web.bankid.customer import (
    ANNA,
    IPHONE,
    Customer,
    calls,
    down,
    fail_next,
    message,
    seen_in,
)
from web.bankid import client as client_module
from web.bankid import messages
from web.bankid.simulator.faults import Fault
from web.bankid.simulator.orders import FAILED_HINTS, PENDING_HINTS
from web.bankid.view import TROUBLE
from web.jobs.retention import RetentionWorker

pytestmark = pytest.mark.anyio
Browsers = Callable[..., Customer]
OUTAGE = messages.OUTAGE[Intent.LOGIN]
AUTH_CODES = {
    "alreadyInProgress": messages.RFA4,
    "invalidParameters": messages.RFA22,
    "unauthorized": OUTAGE,
    "notFound": OUTAGE,
    "methodNotAllowed": OUTAGE,
    "unsupportedMediaType": OUTAGE,
    "requestTimeout": OUTAGE,
    "tooManyRequests": OUTAGE,
    "internalError": OUTAGE,
}
PASSING = ("requestTimeout", "tooManyRequests", "internalError", "maintenance")


@pytest.fixture(autouse=True)
def no_waiting(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause before the second attempt is none, and who does not answer is soon given up."""

    async def pause(_: float) -> None: ...

    app.state.bankid.client._pause = pause
    monkeypatch.setattr(client_module, "_DEADLINE", 0.05)


async def alarms() -> int:
    return await OutgoingMail.filter(kind="alarm").count()


# At the start


async def test_where_bankid_is_down_there_is_email(
    customer: Customer, anna: User, app: Starlette
) -> None:
    with down(app):
        page = await customer.visit(await customer.start())
        assert OUTAGE in page.text
        assert "Visa ny QR-kod" in page.buttons
        link = page.links["Logga in med e-post"]
        assert (await customer.visit(link)).has_field("password")
        assert (await customer.log_in()).path == "/kund/100200"


@pytest.mark.parametrize("code", AUTH_CODES)
async def test_each_refusal_is_said(customer: Customer, code: str) -> None:
    fail_next(customer.bankid, "auth", code)
    page = await customer.visit(await customer.start())

    assert AUTH_CODES[code] in page.text
    assert calls(customer.bankid, "auth") == 1, "never asked twice"
    assert "A fault that was asked for" not in page.response.text
    _ = await customer.sees(page.path)
    assert calls(customer.bankid, "collect") == 0


@pytest.mark.parametrize("kind", ["html", "silent"])
async def test_what_is_no_answer_is_an_outage(customer: Customer, kind: str) -> None:
    fail_next(customer.bankid, "auth", kind=kind)
    page = await customer.visit(await customer.start())
    assert OUTAGE in page.text


@pytest.mark.parametrize(("times", "is_down"), [(1, False), (2, True)])
async def test_during_maintenance_it_is_asked_once_more(
    customer: Customer, times: int, is_down: bool
) -> None:
    for _ in range(times):
        fail_next(customer.bankid, "auth", "maintenance")
    page = await customer.visit(await customer.start())

    assert (OUTAGE in page.text) is is_down
    assert calls(customer.bankid, "auth") == 2


@pytest.mark.parametrize("endpoint", ["auth", "collect"])
@pytest.mark.parametrize("status", [401, 403, 404])
async def test_where_our_certificate_is_refused_somebody_is_woken_once_an_hour(
    customer: Customer, time: Clock, endpoint: str, status: int
) -> None:
    for number in range(4):
        customer.bankid.faults = [Fault(endpoint, status=status, error_code="unauthorized")]
        page = await customer.sees(await customer.start())
        assert OUTAGE in page.text
        assert await alarms() == number // 3 + 1
        if number == 2:
            time.forward(hours=1)


async def test_what_passes_by_itself_wakes_nobody(customer: Customer, app: Starlette) -> None:
    with down(app):
        _ = await customer.start()
    for code in ("internalError", "tooManyRequests", "invalidParameters"):
        fail_next(customer.bankid, "auth", code)
        _ = await customer.start()
    assert await alarms() == 0


async def test_what_failed_is_begun_anew_with_a_click(customer: Customer, anna: User) -> None:
    fail_next(customer.bankid, "auth", "internalError")
    path = await customer.start()
    answer = await customer.post(f"{path}/ny", device="other")
    customer.bankid.answer(customer.order.ref, ANNA)
    assert (await customer.sees(answer.headers["location"])).path == "/kund/100200"


# In the middle


async def test_down_in_the_middle_it_waits_and_goes_on(
    customer: Customer, anna: User, app: Starlette
) -> None:
    path = await customer.start()
    seen = seen_in(await customer.get(path))
    with down(app):
        for _ in range(3):
            assert "<svg" in (await customer.poll(path, seen)).text, "the code is good still"
        answer = await customer.poll(path, seen)
        assert message(answer) == TROUBLE
        assert message(await customer.poll(path, seen_in(answer))) is None, "said once"

    back = await customer.poll(path, seen_in(answer))
    assert message(back) == messages.RFA1_QR
    customer.bankid.answer(customer.order.ref, ANNA)
    assert (await customer.sees(path)).path == "/kund/100200"


@pytest.mark.parametrize("fault", [*PASSING, "html", "silent"])
async def test_what_passes_is_waited_for(customer: Customer, anna: User, fault: str) -> None:
    path = await customer.start()
    fail_next(customer.bankid, "collect", *(("", fault) if fault not in PASSING else (fault,)))

    assert message(await customer.poll(path)) == TROUBLE
    _ = await customer.look(path)
    if fault == "tooManyRequests":
        assert message(await customer.poll(path)) == TROUBLE
        customer.time.forward(seconds=6)
    if fault != "silent":  # which is never in the log
        assert calls(customer.bankid, "collect") == 1, "no sooner than after two seconds, or ten"
    customer.bankid.answer(customer.order.ref, ANNA)
    assert (await customer.poll(path)).headers["HX-Redirect"] == f"{path}/klar"


async def test_but_not_for_ever(customer: Customer, app: Starlette, time: Clock) -> None:
    path = await customer.start()
    with down(app):
        time.time += BankIDFlow.LONGEST
        page = await customer.sees(path)
    assert OUTAGE in page.text


@pytest.mark.parametrize("code", ["invalidParameters", "alreadyInProgress"])
async def test_an_order_that_bankid_has_lost_is_begun_anew(
    customer: Customer, anna: User, code: str
) -> None:
    path = await customer.start()
    fail_next(customer.bankid, "collect", code)
    page = await customer.sees(path)

    assert AUTH_CODES[code] in page.text
    assert {"Visa ny QR-kod", "BankID på den här enheten"} <= set(page.buttons)
    answer = await customer.post(f"{path}/ny", device="other")
    customer.bankid.answer(customer.order.ref, ANNA)
    assert (await customer.sees(answer.headers["location"])).path == "/kund/100200"


async def test_an_answer_that_got_lost_ends_it_honestly(customer: Customer, anna: User) -> None:
    """BankID has answered, we have not heard it, and it answers once."""
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)
    _ = customer.bankid.collect(customer.order.ref)

    page = await customer.sees(path)
    assert messages.RFA22 in page.text
    assert not await customer.is_signed_in()


@pytest.mark.parametrize("kind", ["down", "internalError"])
async def test_avbryt_is_ours_even_where_bankid_does_not_hear_it(
    customer: Customer, app: Starlette, kind: str
) -> None:
    path = await customer.start()
    if kind == "down":
        with down(app):
            answer = await customer.post(f"{path}/avbryt")
    else:
        fail_next(customer.bankid, "cancel", kind)
        answer = await customer.post(f"{path}/avbryt")

    assert answer.status_code == 303
    customer.bankid.answer(customer.order.ref, ANNA)
    assert messages.RFA6 in (await customer.sees(path)).text
    assert not await customer.is_signed_in()


async def test_switched_off_in_the_middle(customer: Customer, anna: User, app: Starlette) -> None:
    path, service = await customer.start(), app.state.bankid
    seen = seen_in(await customer.get(path))
    app.state.bankid = None

    answer = await customer.poll(path, seen)
    assert (answer.status_code, message(answer)) == (200, OUTAGE)
    assert OUTAGE in (await customer.visit(path)).text
    for end in ("/avbryt", "/ny"):
        answer = await customer.post(path + end, device="other")
        assert answer.headers["location"] == "/logga-in?flik=bankid"
    assert (await customer.post("/bankid/starta", intent="login")).status_code == 303
    assert (await customer.log_in()).path == "/kund/100200"
    app.state.bankid = service


async def test_whoever_has_proven_it_by_then_gets_in(
    customer: Customer, anna: User, app: Starlette
) -> None:
    path, service = await customer.start(), app.state.bankid
    customer.bankid.answer(customer.order.ref, ANNA)
    _ = await customer.poll(path)
    app.state.bankid = None
    assert (await customer.visit(path)).path == "/kund/100200"
    app.state.bankid = service


# The phone


@pytest.mark.parametrize("device", ["other", "same"])
@pytest.mark.parametrize("hint", PENDING_HINTS[1:])
async def test_each_step_is_said_once(new_customer: Browsers, hint: str, device: str) -> None:
    customer = new_customer(IPHONE if device == "same" else "")
    path = await customer.start(device=device)
    seen = seen_in(await customer.get(path))
    customer.bankid.show(customer.order.ref, hint)

    answer = await customer.poll(path, seen)
    expected = messages.message(
        "pending", hint, same_device=device == "same", mobile=device == "same"
    )
    assert message(answer) == expected
    assert message(await customer.poll(path, seen_in(answer))) is None


@pytest.mark.parametrize("device", ["other", "same"])
@pytest.mark.parametrize("hint", [hint for hint in FAILED_HINTS if hint != "startFailed"])
async def test_each_end_is_said_with_a_way_on(customer: Customer, hint: str, device: str) -> None:
    path = await customer.start(device=device)
    customer.bankid.fail(customer.order.ref, hint)
    page = await customer.sees(path)

    said = messages.message("failed", hint, same_device=device == "same", mobile=False)
    assert page.texts("p[@role='status']") == [said]
    again = "Försök igen" if device == "same" else "Visa ny QR-kod"
    assert again in page.buttons
    assert page.links["Logga in med e-post"] == "/logga-in?flik=e-post"


async def test_a_hint_of_tomorrows_is_no_fault(customer: Customer) -> None:
    path = await customer.start()
    customer.order.hint = "somethingNew" * 9
    assert message(await customer.poll(path)) == messages.RFA21
    customer.order.fail("somethingElse" * 9, customer.bankid.now)
    assert message(await customer.poll(path)) == messages.RFA22


async def test_who_does_nothing_in_the_app_is_told_after_three_minutes(
    customer: Customer, time: Clock
) -> None:
    path = await customer.start()
    customer.bankid.scan_latest()
    time.forward(minutes=3)
    assert messages.RFA8 in (await customer.sees(path)).text


async def test_nobody_is_logged_in_by_a_phone_whose_page_was_closed(
    customer: Customer, anna: User, time: Clock
) -> None:
    _ = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)

    assert await Session.all().count() == 0
    assert (await BankIDFlow.get()).person_encrypted is None
    time.forward(hours=23)
    assert (await retention.purge())["identifications"] == 0
    time.forward(hours=1)
    assert (await retention.purge())["identifications"] == 1
    assert await BankIDFlow.all().count() == 0


async def test_nor_is_who_was_proven_kept(customer: Customer, anna: User, time: Clock) -> None:
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)
    _ = await customer.poll(path)
    assert (await BankIDFlow.get()).person_encrypted
    time.forward(minutes=3)

    await RetentionWorker().work()

    assert (await BankIDFlow.get()).person_encrypted is None
    assert ANNA.number not in await cells()


# The code that nobody scanned in time


async def test_it_is_renewed_silently(customer: Customer, anna: User, time: Clock) -> None:
    path = await customer.start()
    seen = seen_in(await customer.get(path))
    for renewal in range(1, 5):
        time.forward(seconds=28)
        answer = await customer.poll(path, seen)
        assert (message(answer), seen_in(answer)) == (None, seen), "nothing is said"
        assert "<svg" in answer.text
        assert len(customer.bankid.orders) == renewal + 1
    assert (await BankIDFlow.get()).renewals == 4
    customer.bankid.scan_latest()
    customer.bankid.answer(customer.order.ref, ANNA)
    assert (await customer.sees(path)).path == "/kund/100200"


async def test_for_a_hundred_and_fifty_seconds(customer: Customer, time: Clock) -> None:
    path = await customer.start()
    started = time.now()
    while time.now() - started < timedelta(seconds=148):
        _ = await customer.poll(path)
    page = await customer.sees(path)

    assert messages.RFA17B in page.text
    assert "Visa ny QR-kod" in page.buttons
    assert len(customer.bankid.orders) == 5


@pytest.mark.parametrize("device", ["other", "same"])
async def test_and_five_times(customer: Customer, device: str) -> None:
    path = await customer.start(device=device)
    for renewal in range(1, 6):
        customer.bankid.fail(customer.order.ref, "startFailed")
        seen = seen_in(await customer.get(path))
        assert message(await customer.poll(path, seen)) is None, "nothing is said"
        assert len(customer.bankid.orders) == renewal + 1
    customer.bankid.fail(customer.order.ref, "startFailed")

    page = await customer.sees(path)
    assert (messages.RFA17A if device == "same" else messages.RFA17B) in page.text
    assert len(customer.bankid.orders) == 6


async def test_a_renewed_order_has_another_link(new_customer: Browsers) -> None:
    customer = new_customer(IPHONE)
    path = await customer.start(device="same")
    first, seen = customer.order, seen_in(await customer.get(path))
    customer.bankid.fail(first.ref, "startFailed")

    answer = await customer.poll(path, seen)
    assert answer.headers["hx-retarget"] == "#bankid-phase"
    assert customer.order.auto_start_token in answer.text
    assert first.auto_start_token not in answer.text
    assert customer.order.parameters["returnUrl"] != first.parameters["returnUrl"]


async def test_where_there_is_no_new_one_that_is_said(customer: Customer) -> None:
    path = await customer.start()
    customer.bankid.fail(customer.order.ref, "startFailed")
    fail_next(customer.bankid, "auth", "internalError")
    assert OUTAGE in (await customer.sees(path)).text


async def test_avbryt_while_it_is_renewed_stops_the_new_one(
    customer: Customer, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await customer.start()
    customer.bankid.fail(customer.order.ref, "startFailed")
    auth = app.state.bankid.client.auth

    async def cancelled_meanwhile(**asked: object) -> object:
        order = await auth(**asked)
        assert (await customer.post(f"{path}/avbryt")).status_code == 303
        return order

    monkeypatch.setattr(app.state.bankid.client, "auth", cancelled_meanwhile)
    assert messages.RFA6 in (await customer.sees(path)).text
    assert [order.status for order in customer.bankid.orders] == ["failed", "failed"]
