"""The page that waits: each second another QR code, BankID asked every two, and said once.

With htmx; and without JavaScript, by a page and a frame that load themselves anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette

from models import User
from models.bankid_flow import BankIDFlow, Progress
from tests.unit.conftest import Clock
from tests.unit.web.bankid.customer import (
    ANNA,
    IPHONE,
    Customer,
    calls,
    message,
    seen_in,
)
from web.bankid import client as client_module
from web.bankid import messages, pages, qr
from web.bankid.simulator import rp, state
from web.bankid.simulator.faults import Fault
from web.bankid.simulator.refusals import Refused
from web.bankid.view import RETURNING, TOO_OLD

pytestmark = pytest.mark.anyio
Browsers = Callable[..., Customer]
PATIENCE = pages.PATIENCE  # before that of the tests takes its place


def shown(customer: Customer) -> str:
    """The QR code that the phone would take at this moment."""
    return str(qr.image(customer.order.qr_content(customer.bankid.now)))


# How often BankID is asked


async def test_bankid_is_asked_every_two_seconds_by_all_tabs_together(
    customer: Customer, time: Clock
) -> None:
    path = await customer.start()
    for second in range(1, 12):
        time.forward(seconds=1)
        answers = await asyncio.gather(*(customer.look(path) for _ in range(8)))
        assert {answer.status_code for answer in answers} == {200}
        assert calls(customer.bankid, "collect") == second // 2


async def test_pages_frames_and_polls_ask_together(customer: Customer, time: Clock) -> None:
    path = await customer.start()
    time.forward(seconds=2)
    for end in ("", "/qr", "/status", "/status"):
        _ = await customer.get(path + end)
    assert calls(customer.bankid, "collect") == 1


async def test_nobody_asks_about_what_has_ended(customer: Customer, time: Clock) -> None:
    path = await customer.start()
    customer.bankid.fail(customer.order.ref, "userCancel")
    for _ in range(3):
        _ = await customer.poll(path)
    assert calls(customer.bankid, "collect") == 1


# The QR code


async def test_each_second_has_its_own_code(customer: Customer, time: Clock) -> None:
    path = await customer.start()
    order, codes = customer.order, list[str]()
    for second in range(8):
        code = qr.content(order.qr_start_token, order.qr_start_secret, second)
        assert code == order.qr_content(customer.bankid.now)
        for answer in (
            await customer.look(path),
            await customer.get(path),
            await customer.get(f"{path}/qr"),
        ):
            assert str(qr.image(code)) in answer.text
        codes.append(code)
        time.forward(seconds=1)
    assert len(set(codes)) == 8

    with pytest.raises(Refused, match="stale"):
        customer.bankid.scan(codes[0])
    assert customer.bankid.scan(codes[-1]).hint == "started"


async def test_there_is_a_code_only_while_there_is_something_to_scan(customer: Customer) -> None:
    path = await customer.start()
    polled = await customer.poll(path)
    assert shown(customer) in polled.text
    customer.bankid.scan_latest()

    answer = await customer.poll(path)
    assert "<svg" not in answer.text
    assert seen_in(answer), "but it asks on"
    assert "<svg" not in (await customer.get(f"{path}/qr")).text


async def test_on_this_device_there_is_a_link_and_no_code(new_customer: Browsers) -> None:
    customer = new_customer(IPHONE)
    page = await customer.visit(await customer.start())
    assert "Öppna BankID" not in page.links

    page = await customer.visit(await customer.start(device="same"))
    link = f"/_bankid/app?autostarttoken={customer.order.auto_start_token}&redirect=null"
    assert page.links["Öppna BankID"] == link
    assert "QR-kod" not in page.response.text


# What is said, and when


async def test_a_sentence_is_sent_when_it_is_another_one(customer: Customer) -> None:
    path = await customer.start()
    seen = seen_in(await customer.get(path))
    for _ in range(3):
        answer = await customer.poll(path, seen)
        assert (message(answer), seen_in(answer)) == (None, seen)
        assert "hx-retarget" not in answer.headers

    customer.bankid.scan_latest()
    started = await customer.poll(path, seen)
    assert message(started) == messages.RFA15B
    assert started.headers["hx-retarget"] == "#bankid-phase", "the code and its steps go"

    customer.bankid.choose(customer.order.ref, ANNA)
    chosen = await customer.poll(path, seen_in(started))
    assert message(chosen) == messages.RFA9
    assert "hx-retarget" not in chosen.headers, "only the sentence is another one"
    assert 'hx-swap-oob="innerHTML"' in chosen.text

    assert message(await customer.poll(path, seen_in(chosen))) is None
    assert message(await customer.poll(path, seen)) == messages.RFA9, "a tab that was asleep"


async def test_that_one_must_go_back_from_the_app_is_said(new_customer: Browsers) -> None:
    customer = new_customer(IPHONE)
    path = await customer.start(device="same")
    customer.bankid.autostart(customer.order.auto_start_token)
    customer.bankid.choose(customer.order.ref, ANNA)
    seen = seen_in(await customer.poll(path))
    customer.bankid.confirm(customer.order.ref)

    answer = await customer.poll(path, seen)
    assert message(answer) == RETURNING
    assert message(await customer.poll(path, seen_in(answer))) is None
    customer.time.forward(minutes=3)
    assert message(await customer.poll(path, seen_in(answer))) == TOO_OLD


async def test_the_page_says_the_same_as_the_poll(customer: Customer) -> None:
    path = await customer.start()
    assert messages.RFA1_QR in (await customer.visit(path)).texts("p")
    customer.bankid.scan_latest()
    assert messages.RFA15B in (await customer.sees(path)).texts("p")


async def test_what_was_seen_is_only_compared(customer: Customer) -> None:
    path = await customer.start()
    for seen in ("<script>", "scan", "scan.0", "x" * 3000, "å.ö.ä"):
        answer = await customer.look(path, seen)
        assert answer.status_code == 200
        assert seen not in answer.text or seen.startswith("scan")


async def test_the_last_answer_leads_on(customer: Customer, anna: User) -> None:
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)

    for _ in range(2):
        answer = await customer.poll(path)
        assert (answer.status_code, answer.text) == (200, "")
        assert answer.headers["HX-Redirect"] == f"{path}/klar"
    assert (await customer.visit(f"{path}/klar")).path == "/kund/100200"


async def test_a_failure_polls_no_more(customer: Customer) -> None:
    path = await customer.start()
    seen = seen_in(await customer.get(path))
    customer.bankid.fail(customer.order.ref, "userCancel")

    answer = await customer.poll(path, seen)
    assert message(answer) == messages.RFA6
    assert "hx-trigger" not in answer.text
    assert "Visa ny QR-kod" in answer.text
    assert "refresh" not in (await customer.visit(path)).response.text


# While BankID is slow


@pytest.fixture
def slow(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """BankID answers the next time it is asked only when this happens; no poll waits for it."""
    answers = asyncio.Event()

    async def sleep(_: float) -> None:
        await answers.wait()

    monkeypatch.setattr(rp, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(client_module, "_DEADLINE", 60)
    monkeypatch.setattr(pages, "PATIENCE", 0.01)
    customer.bankid.faults.append(Fault("collect", "slow"))
    return answers


@pytest.mark.parametrize("end", ["status", "qr"])
async def test_the_code_moves_on_and_what_comes_late_is_shown_next(
    customer: Customer, app: Starlette, slow: asyncio.Event, end: str
) -> None:
    path = await customer.start()
    seen = seen_in(await customer.get(path))
    customer.time.forward(seconds=1)
    codes = set[str]()
    for _ in range(4):
        customer.time.forward(seconds=1)
        answer = await customer.get(f"{path}/{end}")
        assert shown(customer) in answer.text
        codes.add(shown(customer))
    assert len(codes) == 4

    customer.bankid.scan_latest()
    await come(slow, app)
    assert message(await customer.look(path, seen)) == messages.RFA15B
    assert calls(customer.bankid, "collect") == 1, "by all of them together"


async def test_who_is_proven_late_gets_in(
    customer: Customer, anna: User, app: Starlette, slow: asyncio.Event
) -> None:
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)
    assert "hx-redirect" not in (await customer.poll(path)).headers
    await come(slow, app)
    assert (await customer.look(path)).headers["HX-Redirect"] == f"{path}/klar"
    assert (await customer.visit(path)).path == "/kund/100200"


async def test_when_the_server_stops_bankid_is_heard_out(
    customer: Customer, app: Starlette, slow: asyncio.Event
) -> None:
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)
    _ = await customer.poll(path)
    closing = asyncio.create_task(app.state.bankid.close())
    await asyncio.sleep(0)
    slow.set()
    await closing
    assert (await BankIDFlow.get()).status is Progress.COMPLETE


async def test_who_has_logged_out_meanwhile_is_no_mistake(
    customer: Customer,
    app: Starlette,
    anna: User,
    slow: asyncio.Event,
    log: Callable[[], str],
) -> None:
    """What confirms who one is goes with the session."""
    _ = await customer.log_in()
    path = await customer.start("confirm")
    _ = await customer.poll(path)
    _ = await customer.post("/logga-ut")
    assert not await BankIDFlow.exists()

    await come(slow, app)

    assert "bankid.not_followed" not in log()


def test_a_poll_waits_so_long_that_a_code_is_still_taken() -> None:
    until_the_next = 1  # seconds, between an answer and the poll after it
    assert 0 < PATIENCE + until_the_next < state._OLDEST_QR


async def test_what_goes_wrong_late_is_logged(
    customer: Customer,
    app: Starlette,
    slow: asyncio.Event,
    log: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = await customer.start()
    answer = await customer.poll(path)
    assert answer.status_code == 200

    async def fail(*_: object) -> None:
        raise RuntimeError("late")

    monkeypatch.setattr(BankIDFlow, "goes_on", fail)
    await come(slow, app)
    (line,) = (line for line in log().splitlines() if "bankid.not_followed" in line)
    assert "RuntimeError: late" in line
    assert "<svg" in (await customer.look(path)).text


async def come(slow: asyncio.Event, app: Starlette) -> None:
    """BankID answers, and what that leads to is done."""
    slow.set()
    _ = await asyncio.wait(app.state.bankid._under_way)


# Two tabs, and Back


async def test_the_other_tab_goes_on_too(customer: Customer, anna: User) -> None:
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)
    assert (await customer.sees(path)).path == "/kund/100200"

    polled = await customer.poll(path)
    assert polled.headers["HX-Redirect"] == f"{path}/klar"
    assert (await customer.visit(f"{path}/klar")).path == "/kund/100200"


async def test_two_tabs_finish_at_once(customer: Customer, anna: User) -> None:
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)
    _ = await customer.poll(path)

    answers = await asyncio.gather(*(customer.client.get(f"{path}/klar") for _ in range(8)))

    places = [answer.headers["location"] for answer in answers]
    assert places.count("/kund/100200") == 1, "one of them has logged in"
    assert set(places) == {"/kund/100200", path}
    assert (await customer.visit(path)).path == "/kund/100200"


async def test_back_after_the_login_leads_on(customer: Customer, anna: User) -> None:
    path = await customer.start()
    customer.bankid.answer(customer.order.ref, ANNA)
    _ = await customer.sees(path)

    for back in (path, f"{path}/klar", "/logga-in?flik=bankid"):
        assert (await customer.visit(back)).path == "/kund/100200"


async def test_a_reload_after_avbryt_says_so(customer: Customer) -> None:
    path = await customer.start()
    for _ in range(2):
        assert (await customer.post(f"{path}/avbryt")).status_code == 303
    assert messages.RFA6 in (await customer.visit(path)).text
    for end in ("/avbryt", "/ny"):
        assert (await customer.visit(path + end)).path == path


# Without JavaScript


async def test_the_page_and_its_frame_load_themselves_anew(customer: Customer, anna: User) -> None:
    path = await customer.start()
    page, frame = await customer.get(path), await customer.visit(f"{path}/qr")
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page.text
    assert f'<noscript><iframe class="qr" src="{path}/qr"' in page.text
    assert '<meta http-equiv="refresh" content="1">' in frame.response.text
    assert shown(customer) in frame.response.text

    customer.bankid.answer(customer.order.ref, ANNA)
    assert (await customer.sees(path)).path == "/kund/100200"


async def test_the_frame_tells_that_the_app_has_it(customer: Customer) -> None:
    path = await customer.start()
    customer.bankid.scan_latest()
    frame = await customer.sees(f"{path}/qr")
    assert "Fortsätt i BankID-appen." in frame.response.text
    assert "<svg" not in frame.response.text
