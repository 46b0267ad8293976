"""Mail: written with the change that causes it, sent with retries, once."""

import asyncio
from datetime import timedelta
from email.message import EmailMessage

import aiosmtplib
import pytest
from starlette.applications import Starlette

from models import EmailLink, OutgoingMail, User, clock
from models.registration import ask_for_confirmation, welcome
from tests.unit.conftest import Clock, Outbox, Visitor, a_user, plain, settings
from web.app import create_app
from web.jobs.mail import MailWorker

pytestmark = pytest.mark.anyio


class Server:
    """A mail server that takes what it is given, or refuses it."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []
        self.error: Exception | None = None

    async def __call__(self, message: EmailMessage) -> None:
        if self.error:
            raise self.error
        self.sent.append(message)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def worker(app: Starlette, server: Server) -> MailWorker:
    return MailWorker(app.state.settings, app.state.composer, server)


@pytest.fixture
async def anna(db: None, time: Clock) -> User:
    user = await a_user()
    await welcome(user)
    return user


async def test_what_was_written_is_sent_once_and_its_data_erased(
    anna: User, worker: MailWorker, server: Server, time: Clock
) -> None:
    for _ in range(3):
        await worker.send_due()
        time.forward(hours=1)

    assert [message["To"] for message in server.sent] == ["anna@example.com"]
    mail = await OutgoingMail.get()
    assert mail.sent_at
    assert mail.data_encrypted is None


async def test_a_mail_has_text_html_one_link_and_nothing_that_tracks(
    anna: User, outbox: Outbox
) -> None:
    (message,) = await outbox.all()
    html = message.get_body(("html",))
    assert html is not None
    content = html.get_content()

    assert '<html lang="sv"' in content
    assert "<img" not in content
    assert "http://" not in content.replace("http://www.w3.org", "")
    assert plain(message).count("https://minasidor.example/bekrafta-epost/") == 1
    assert "7 dagar" in plain(message)


async def test_while_the_server_is_down_it_is_tried_again_ever_more_slowly_for_a_day(
    anna: User, worker: MailWorker, server: Server, time: Clock
) -> None:
    server.error = OSError("connection refused")
    waits: list[timedelta] = []
    while (mail := await OutgoingMail.get()).given_up_at is None:
        time.time = mail.not_before
        waits.append(time.now() - mail.created_at)
        assert await worker.send_due() == 1

    assert waits[1] - waits[0] == timedelta(seconds=15)
    assert waits[2] - waits[1] == timedelta(seconds=30)
    assert waits[-1] - waits[-2] == timedelta(hours=1)
    assert timedelta(hours=24) <= waits[-1] < timedelta(hours=25)


async def test_it_arrives_when_the_server_is_back(
    anna: User, worker: MailWorker, server: Server, time: Clock
) -> None:
    server.error = aiosmtplib.SMTPServerDisconnected("gone")
    await worker.send_due()
    server.error = None
    assert await worker.send_due() == 0, "not before its time"
    time.forward(seconds=15)
    await worker.send_due()

    (message,) = server.sent
    assert message["Message-ID"].endswith("@atervinningsbolaget.example>")


TROUBLE: dict[str, Exception | None] = {
    "down": ConnectionRefusedError("nobody listens"),
    "refusing": aiosmtplib.SMTPRecipientsRefused([]),
    "broken off": aiosmtplib.SMTPServerDisconnected("gone"),
    "slow": None,
}


@pytest.mark.parametrize("error", TROUBLE.values(), ids=TROUBLE)
async def test_no_request_waits_for_the_mail_server_and_the_mail_arrives_once(
    anna: User, app: Starlette, visitor: Visitor, time: Clock, error: Exception | None
) -> None:
    sent: list[str] = []
    asked, works = asyncio.Event(), asyncio.Event()

    async def server(message: EmailMessage) -> None:
        asked.set()
        if error and not works.is_set():
            raise error
        await works.wait()
        sent.append(message["To"])

    _ = await a_user("bo@example.com")
    await OutgoingMail.all().delete()
    worker = app.state.mail_worker
    worker.sender = server

    page = await visitor.submit("/glomt-losen", email="anna@example.com")
    assert page.heading == "Titta i din e-post"
    assert not asked.is_set(), "the request leaves the mail to the worker"
    sending = asyncio.create_task(worker.send_due())
    await asked.wait()
    # Were the server waited for, this would never be answered: it is slow until `works`.
    page = await visitor.submit("/glomt-losen", email="bo@example.com")
    assert page.heading == "Titta i din e-post"
    assert sent == []

    works.set()
    await sending
    for _ in range(4):
        time.forward(minutes=1)
        await worker.send_due()
    assert sorted(sent) == ["anna@example.com", "bo@example.com"]


async def test_a_mail_whose_worker_died_is_taken_over_after_the_lease(
    anna: User, time: Clock
) -> None:
    assert len(await OutgoingMail.take(10)) == 1
    assert await OutgoingMail.take(10) == []
    time.forward(minutes=2)
    assert len(await OutgoingMail.take(10)) == 1


async def test_a_mail_whose_link_is_replaced_is_dropped(
    anna: User, worker: MailWorker, server: Server, time: Clock
) -> None:
    await ask_for_confirmation(anna.id)

    await worker.send_due()

    assert [message["Subject"] for message in server.sent] == ["Bekräfta din e-postadress"]
    assert await OutgoingMail.filter(given_up_at__not_isnull=True).count() == 1
    assert (await EmailLink.get(replaced_at=None)).sent_at == clock.now()


async def test_one_broken_mail_does_not_hold_up_the_others(
    anna: User, worker: MailWorker, server: Server
) -> None:
    _ = await OutgoingMail.write("no such kind", "x@example.com")
    await a_second_mail()

    await worker.send_due()

    assert len(server.sent) == 2


async def a_second_mail() -> None:
    await welcome(await a_user("bo@example.com"))


async def test_development_keeps_the_data_to_show_it(anna: User, server: Server) -> None:
    app = create_app(settings(env="development"))
    await MailWorker(app.state.settings, app.state.composer, server).send_due()
    assert (await OutgoingMail.get()).data["email"] == "anna@example.com"


async def test_alarms_go_to_the_operator_or_nowhere(
    db: None, worker: MailWorker, server: Server
) -> None:
    _ = await OutgoingMail.write(
        "alarm", OutgoingMail.OPERATOR, subject="Limit\nreached", text="Look at it."
    )
    await worker.send_due()
    (message,) = server.sent
    assert (message["To"], message["Subject"]) == ("drift@minasidor.example", "Limit reached")

    _ = await OutgoingMail.write(
        "alarm", OutgoingMail.OPERATOR, subject="Again", text="Look at it."
    )
    app = create_app(settings(alarm_email=""))
    await MailWorker(app.state.settings, app.state.composer, server).send_due()
    assert len(server.sent) == 1
