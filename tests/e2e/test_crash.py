"""kill -9 of the server at any moment of the registration: nothing is lost, nothing half done."""

from __future__ import annotations

import http.client
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e import steps
from tests.e2e.authenticator import Authenticator
from tests.e2e.conftest import PATIENCE
from tests.e2e.people import Customer, Person
from tests.e2e.portal import Portal, Process
from tests.e2e.visitor import Visitor, Watch, Way
from tests.ports import free_port

_PATIENCE = 60_000  # milliseconds: one click waits for two starts of the server, on a busy machine
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


# Three quarters of a start are imports, so it has those, and nothing else. Each line that it reads
# starts a server, a process of its own, whose number it writes; when that is gone, how it ended.
_PARENT = """
import os, sys
import uvicorn, web.app, web.cli
for _ in sys.stdin:
    if not (child := os.fork()):
        os.dup2(2, 1)
        sys.exit(web.cli.main(["run"]))
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class OftenKilled(Portal):
    """One whose server starts quickly: it is forked by a process that never serves."""

    parent: subprocess.Popen[bytes] | None = None

    def _launch(self, log: IO[bytes]) -> Process:
        self.parent = self.parent or subprocess.Popen(
            [sys.executable, "-c", _PARENT],
            cwd=self.root,
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
        )
        return Forked(self.parent)

    def stop(self) -> None:
        super().stop()
        if self.parent:
            self.parent.communicate()


class Forked:
    """A process that is another one's child."""

    def __init__(self, parent: subprocess.Popen[bytes]) -> None:
        assert parent.stdin
        assert parent.stdout
        self._told = parent.stdout
        parent.stdin.write(b"\n")
        self._pid = int(self._told.readline())

    def poll(self) -> int | None:
        return self.wait() if self._is_told(0) else None

    def terminate(self) -> None:
        os.kill(self._pid, signal.SIGTERM)

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        assert self._is_told(timeout), "the server did not end"
        return int(self._told.readline())

    def _is_told(self, timeout: float | None) -> bool:
        return bool(select.select([self._told], [], [], timeout)[0])


class Interrupter:
    """Stands between browser and server, as a proxy does, and kills the server between requests."""

    def __init__(self, portal: Portal, port: int) -> None:
        self.portal, self.kills, self.is_killing = portal, 0, True
        turn = threading.Lock()
        interrupter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with turn:
                    interrupter.pass_on(self)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if self.is_killing and not handler.path.startswith("/static/"):
            self.portal.kill()
            self.portal.start()
            self.kills += 1
        connection = http.client.HTTPConnection("127.0.0.1", self.portal.port, timeout=30)
        connection.request(handler.command, handler.path, body, dict(handler.headers.items()))
        answer = connection.getresponse()
        content = answer.read()
        handler.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
        connection.close()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    expect.set_options(timeout=_PATIENCE)
    yield
    expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def interrupted(
    tmp_path_factory: pytest.TempPathFactory, logs: list[Path]
) -> Iterator[tuple[Portal, Interrupter]]:
    port = free_port()
    base_url = f"http://localhost:{port}"
    portal = OftenKilled(tmp_path_factory.mktemp("crashing"), base_url=base_url, unclaimed=20)
    logs.append(portal.log)
    portal.start()
    interrupter = Interrupter(portal, port)
    yield portal, interrupter
    interrupter.stop()
    portal.stop()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["htmx-desktop", "nojs-phone"])
def test_a_kill_between_any_two_requests_of_the_wizard_goes_unnoticed(
    interrupted: tuple[Portal, Interrupter], browser: Browser, watch: Watch, way: str
) -> None:
    portal, interrupter = interrupted
    interrupter.is_killing, interrupter.kills = True, 0
    customer, person = portal.new_customer(), portal.new_person()
    visitor = Visitor(browser, portal.base_url, Way.named(way), watch)
    visitor.context.set_default_timeout(_PATIENCE)
    page = visitor.page

    steps.create_account(page, customer, person)
    app = steps.scan(visitor)
    page.reload()
    assert steps.scan(visitor).secret == app.secret
    page.get_by_label("Skriv koden som visas i appen").fill(app.code())
    steps.press(page, "Verifiera kod")
    codes = steps.recovery_codes(visitor)
    page.reload()
    assert steps.recovery_codes(visitor) == codes
    page.get_by_role("link", name=f"Gå till {customer.name}").click()
    steps.on_customer_page(page, customer)

    assert interrupter.kills >= 12, "each request met a server that had just been killed"
    everything_once(portal, customer, person)
    interrupter.is_killing = False
    steps.log_out(page)
    steps.give_password(page, person)
    steps.give_code(page, app.code())
    steps.on_customer_page(page, customer)
    visitor.leave()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "table", ["users", "memberships", "email_links", "outgoing_mails", "sessions", "known_devices"]
)
def test_a_kill_in_the_middle_of_steg_3_undoes_what_was_begun(
    interrupted: tuple[Portal, Interrupter], watch: Watch, table: str
) -> None:
    portal, interrupter = interrupted
    interrupter.is_killing = False
    client, customer, person = Client(portal), portal.new_customer(), portal.new_person()
    watch.secrets |= {person.password, customer.suffix}
    forms = _forms(customer, person)
    for name in ("steg-1", "steg-2"):
        client.post(f"/registrera/{name}", forms[name])

    with _hanging_after_insert(portal, table):
        sending = threading.Thread(target=_send, args=(client, forms["steg-3"]))
        sending.start()
        _wait_until_it_hangs(portal)
        portal.kill()
        sending.join()

    assert portal.rows("SELECT 1 FROM users WHERE email = ?", person.email) == []
    assert steps.mails(portal, person.email) == steps.mails(portal, customer.contact) == []
    portal.start()
    status, location, _ = client.post("/registrera/steg-3", forms["steg-3"])
    assert (status, location) == (303, "/registrera/steg-4")
    everything_once(portal, customer, person)


@pytest.mark.parametrize("step", ["steg-1", "steg-2", "steg-3", "steg-4"])
def test_an_answer_that_got_lost_costs_one_more_click(
    interrupted: tuple[Portal, Interrupter], watch: Watch, step: str
) -> None:
    """The server did it, and died before the browser was told; the customer presses again."""
    portal, interrupter = interrupted
    interrupter.is_killing = False
    client, customer, person = Client(portal), portal.new_customer(), portal.new_person()
    watch.secrets |= {person.password, customer.suffix}
    forms = _forms(customer, person)
    for name, form in forms.items():
        if name == "steg-4":
            secret = _shown_secret(client)
            watch.secrets.add(secret)
            form["code"] = Authenticator(secret).code()
        if name == step:
            known = dict(client.cookies)
            client.post(f"/registrera/{name}", form)
            client.cookies = known
            portal.kill()
            portal.start()
        status, location, _ = client.post(f"/registrera/{name}", form)
        assert status == 303
        assert location in _after(name), f"{name} leads to {location}"

    assert "Nu är du klar!" in client.get("/registrera/klart")
    everything_once(portal, customer, person)


def everything_once(portal: Portal, customer: Customer, person: Person) -> None:
    """One user, administrator of the account, with one welcome and one notice; all or nothing."""
    users = portal.rows("SELECT id FROM users WHERE email = ?", person.email)
    assert len(users) == 1
    (user,) = users[0]
    roles = "SELECT role FROM memberships WHERE user_id = ?"
    assert portal.rows(roles, user) == [("administrator",)]
    counted = "SELECT active_administrators FROM customer_accounts WHERE customer_number = ?"
    assert portal.rows(counted, customer.number) == [(1,)]
    finished = "SELECT finished_at IS NOT NULL FROM registrations WHERE user_id = ?"
    assert portal.rows(finished, user) == [(1,)]
    told = [kind for kind in steps.mails(portal, person.email) if kind != "two_factor_on"]
    assert told == ["welcome"]
    assert steps.mails(portal, customer.contact) == ["new_administrator"]


class Client:
    """A browser's bare requests: cookies, and no redirect followed."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> str:
        return self._ask("GET", path, None)[2]

    def post(self, path: str, form: dict[str, str]) -> tuple[int, str, str]:
        return self._ask("POST", path, urlencode(form))

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.portal.port, timeout=30)
        headers = {
            "Host": urlsplit(self.portal.base_url).netloc,
            "Origin": self.portal.base_url,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read().decode()
        for header in answer.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: made.value for name, made in SimpleCookie(header).items()}
        connection.close()
        return answer.status, answer.headers.get("Location", ""), content


def _forms(customer: Customer, person: Person) -> dict[str, dict[str, str]]:
    return {
        "steg-1": {},
        "steg-2": {"customer_number": customer.number, "organisation_suffix": customer.suffix},
        "steg-3": {
            "customer_number": customer.number,
            "given_name": person.given_name,
            "family_name": person.family_name,
            "email": person.email,
            "password": person.password,
        },
        "steg-4": {},
    }


def _after(step: str) -> tuple[str, ...]:
    return {
        "steg-1": ("/registrera/steg-2",),
        "steg-2": ("/registrera/steg-3",),
        "steg-3": ("/registrera/steg-4",),
        "steg-4": ("/registrera/klart",),
    }[step]


def _shown_secret(client: Client) -> str:
    match = re.search(r"otpauth://[^\"]*secret=([A-Z2-7]+)", client.get("/registrera/steg-4"))
    assert match
    return match[1]


@contextmanager
def _hanging_after_insert(portal: Portal, table: str) -> Iterator[None]:
    """The database never comes back from putting a row into this table."""
    portal.execute(
        "CREATE VIEW for_ever AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n)"
        " SELECT count(*) FROM n",
        f"CREATE TRIGGER hang AFTER INSERT ON {table} BEGIN SELECT * FROM for_ever; END",
    )
    try:
        yield
    finally:
        portal.execute("DROP TRIGGER hang", "DROP VIEW for_ever")


def _wait_until_it_hangs(portal: Portal) -> None:
    """The write lock has been held for longer than any statement takes."""
    held, deadline = 0, time.monotonic() + 20
    while held < 20:
        assert time.monotonic() < deadline, "no row was put into the table"
        time.sleep(0.02)
        held = held + 1 if portal.is_locked() else 0


def _send(client: Client, form: dict[str, str]) -> None:
    with suppress(OSError, http.client.HTTPException):  # the server is gone
        client.post("/registrera/steg-3", form)
