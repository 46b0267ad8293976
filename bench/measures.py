"""The measurements: each drives its servers and answers with rows of what was seen."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any
from urllib.parse import urlencode

from bench import data
from bench.processes import BASE_URL, HOST, Server, Worker, database_cpu

_CONNECTIONS = 8
_PAGES_A_SECOND = 50
_SLOWEST_PERCENT = 0.99
_APP_LOGINS_A_SECOND = 4


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, how it came out, and the most (or least) wanted."""

    what: str
    seen: float
    wanted: float
    unit: str
    how: str
    at_least: bool = False

    @property
    def holds(self) -> bool:
        return self.seen >= self.wanted if self.at_least else self.seen <= self.wanted


class Unexpected(Exception):
    """An answer that is not the one to be measured."""


def request(
    path: str,
    *,
    cookies: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    address: str = "",
    headers: dict[str, str] | None = None,
) -> str:
    """The text of a request as a browser behind the proxy sends it."""
    body = urlencode(form) if form is not None else ""
    lines = {
        "Host": HOST,
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language": "sv-SE,sv;q=0.8,en;q=0.5",
        "Sec-Fetch-Site": "same-origin",
        **({"X-Forwarded-For": address} if address else {}),
        **({"Cookie": "; ".join(f"__Host-{n}={v}" for n, v in cookies.items())} if cookies else {}),
        **(headers or {}),
    }
    if form is not None:
        lines |= {
            "Origin": BASE_URL,
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
        }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{'GET' if form is None else 'POST'} {path} HTTP/1.1\r\n{head}\r\n{body}"


def customer_page(user: int, accounts: int) -> str:
    number = data.customer_number(data.account_of(user, accounts))
    cookies = {"session": data.session(user)}
    return request(f"/kund/{number}", cookies=cookies, address=_address(user))


def login(user: int) -> str:
    form = {"email": data.email(user), "password": data.PASSWORD}
    return request("/logga-in", form=form, address=_address(user))


def app_login(user: int) -> str:
    form = {
        "client_id": "mittprezero-ios",
        "response_type": "code",
        "username": data.email(user),
        "password": data.PASSWORD,
        "device_name": "iPhone",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
    }
    return request("/oauth/authorize-challenge", form=form, address=_address(user))


def claim(user: int, account: int, wrong_by: int = 0) -> str:
    suffix = (int(data.suffix(account)) + wrong_by) % 10_000
    return request(
        "/registrera/steg-2",
        cookies={"registration": data.registration(user)},
        form={
            "customer_number": data.customer_number(account),
            "organisation_suffix": f"{suffix:04}",
        },
        address=_address(user),
    )


def switch(user: int, asked: str = "") -> str:
    path = f"/byt-kund?{urlencode({'q': asked})}" if asked else "/byt-kund"
    return request(path, cookies={"session": data.session(user)}, address=_address(user))


LOGIN_PAGE = request("/logga-in")


def pages_against_bare(portal: Server, bare: Server, worker: Worker, rounds: int) -> list[Row]:
    """The signed-in page and the login page, against the bare routes with the same templates."""
    from bench.bare import ACCOUNTS, USER

    rows = []
    for what, asked, most in (
        ("signed-in customer page / bare route", customer_page(USER, ACCOUNTS), 4.0),
        ("login page / bare route", LOGIN_PAGE, 1.5),
    ):
        bodies = [
            worker.do("load", port=server.port, requests=[asked], count=50)["last"]
            for server in (portal, bare)
        ]
        if bodies[0] != bodies[1]:
            raise Unexpected(f"{what}: the two pages differ")
        seen = _compare(
            (portal, [asked], 200), (bare, [asked], 200), worker, rounds=rounds, count=800
        )
        ratio, ours, theirs = seen
        how = f"CPU a request {1000 * ours:.2f} ms / {1000 * theirs:.2f} ms"
        rows.append(Row(what, ratio, most, "×", how))
    return rows


def generator(bare: Server, worker: Worker, memory: Worker) -> Row:
    """How much faster the load generator is than what it measures."""
    asked = [LOGIN_PAGE]
    count = 3000
    answer = _asked(worker, bare, asked, 200, count=count)
    served = answer["count"] / answer["seconds"]
    port = memory.do("serve", size=answer["size"])["port"]
    alone = worker.do("load", port=port, requests=asked, count=10 * count, connections=8)
    most = alone["count"] / alone["seconds"]
    how = f"{most:.0f} requests/s from memory / {served:.0f} from the bare route"
    return Row("load generator / fastest server", most / served, 3.0, "×", how, at_least=True)


def one_login(portal: Server, worker: Worker, verifier: Worker, rounds: int) -> Row:
    """The processor time of a login with a password, over that of one Argon2id verification."""
    over, whole, hashing = [], [], []
    for turn in range(rounds):
        requests = [login((turn * 16 + n) % data.USERS) for n in range(16)]
        bare = verifier.do(
            "verify", password_hash=data.PASSWORD_HASH, password=data.PASSWORD, count=16
        )
        before = portal.cpu
        _asked(worker, portal, requests, 303, count=16, connections=1)
        whole.append((portal.cpu - before) / 16)
        hashing.append(bare["cpu"] / bare["count"])
        over.append(1000 * (whole[-1] - hashing[-1]))
    login_, hash_ = 1000 * median(whole), 1000 * median(hashing)
    how = f"CPU a login {login_:.1f} ms - a verification {hash_:.1f} ms"
    return Row("login - Argon2id verification", median(over), 4.0, "ms", how)


def flood(
    portal: Server, pages: Worker, logins: Worker, verifier: Worker, rounds: int, name: str
) -> list[Row]:
    """Pages at a steady pace, quiet and while 64 logins are under way at any moment."""
    from bench.bare import ACCOUNTS

    asked = [customer_page(user, ACCOUNTS) for user in range(8)]
    steady: dict[str, Any] = {"rate": _PAGES_A_SECOND, "connections": 4}
    quiet, flooded, reached, bound = [], [], [], []
    for _ in range(rounds):
        bare = verifier.do(
            "verify", password_hash=data.PASSWORD_HASH, password=data.PASSWORD, seconds=2.0
        )
        bound.append(bare["count"] / bare["seconds"])
        pages.begin("load", port=portal.port, requests=asked, seconds=6.0, **steady)
        quiet.append(_slowest(_checked(pages.answer(), 200)))
        requests = [login(16 + n % 240) for n in range(240)]
        logins.begin("load", port=portal.port, requests=requests, connections=64, seconds=12.0)
        pages.begin("load", port=portal.port, requests=asked, seconds=12.0, **steady)
        flooded.append(_slowest(_checked(pages.answer(), 200)))
        answer = _checked(logins.answer(), 303)
        reached.append(answer["count"] / answer["seconds"])
    ratio = median(f / q for f, q in zip(flooded, quiet, strict=True))
    share = median(r / b for r, b in zip(reached, bound, strict=True))
    return [
        Row(
            f"p99 of the signed-in page, 64 logins at once / quiet ({name})",
            ratio,
            2.0,
            "×",
            f"{1000 * median(flooded):.1f} ms / {1000 * median(quiet):.1f} ms"
            f" at {_PAGES_A_SECOND} pages/s",
        ),
        Row(
            f"logins meanwhile / one thread's Argon2id bound ({name})",
            100 * share,
            90.0,
            "%",
            f"{median(reached):.1f} / {median(bound):.1f} logins/s",
            at_least=True,
        ),
    ]


def app_login_in_flood(portal: Server, apps: Worker, logins: Worker, rounds: int, name: str) -> Row:
    """The app's logins, one every quarter of a second: quiet, and while 64 logins in browsers are
    under way at any moment."""
    steady: dict[str, Any] = {"rate": _APP_LOGINS_A_SECOND, "connections": 2}
    asked = [app_login(user) for user in range(8, 16)]
    flood_ = [login(16 + n % 240) for n in range(240)]
    quiet, flooded = [], []
    for _ in range(rounds):
        calm = apps.do("load", port=portal.port, requests=asked, seconds=10.0, **steady)
        quiet.append(median(_checked(calm, 200)["latencies"]))
        logins.begin("load", port=portal.port, requests=flood_, connections=64, seconds=14.0)
        apps.begin("load", port=portal.port, requests=asked, seconds=12.0, **steady)
        flooded.append(median(_checked(apps.answer(), 200)["latencies"]))
        _ = _checked(logins.answer(), 303)
    ratio = median(f / q for f, q in zip(flooded, quiet, strict=True))
    how = (
        f"median {1000 * median(flooded):.1f} ms / {1000 * median(quiet):.1f} ms"
        f" at {_APP_LOGINS_A_SECOND} a second"
    )
    return Row(f"login in the app, 64 logins at once / quiet ({name})", ratio, 2.0, "×", how)


def size_of_the_customer_base(
    large: Server, small: Server, worker: Worker, rounds: int, counts: tuple[int, int], name: str
) -> list[Row]:
    """What customers do, with a million of them in the register against a thousand."""
    shown = f"{counts[0]:,} / {counts[1]:,} customers, {name}".replace(",", " ")
    everybody = range(data.USERS)

    def unclaimed(user: int, count: int) -> int:
        return 1 + (user * (count // data.USERS) + 77) % count

    # What, the request of a user among so many customers, its status, requests in a block, and
    # the most wanted.
    measured: tuple[tuple[str, Callable[[int, int], str], int, int, float], ...] = (
        ("signed-in customer page", customer_page, 200, data.USERS, 1.1),
        ("Steg 2 claim", lambda n, count: claim(n, unclaimed(n, count)), 303, data.USERS, 1.1),
        ("Steg 2, wrong digits", lambda n, count: claim(n, unclaimed(n, count), 1), 422, 96, 1.2),
        ("login", lambda n, _: login(n), 303, 48, 1.2),
        ("Byt kund", lambda n, _: switch(n), 200, data.USERS, 1.2),
        ("Byt kund, a search", lambda n, _: switch(n, "exempel stockholm"), 200, data.USERS, 1.2),
    )
    rows = []
    for what, asked, status, block, most in measured:
        many, few = ([asked(user, count) for user in everybody] for count in counts)
        ratio, over, under = _compare(
            (large, many, status),
            (small, few, status),
            worker,
            rounds=rounds,
            count=block,
            connections=4,
            warm_up=True,
        )
        how = f"CPU a request {1000 * over:.2f} ms / {1000 * under:.2f} ms"
        rows.append(Row(f"{what}, {shown}", ratio, most, "×", how))
    return rows


def byt_kund(
    server: Server, worker: Worker, accounts: int, database_url: str, name: str
) -> list[Row]:
    """Byt kund for somebody with 5,000 accounts: what a search costs, and the whole page."""
    cookies, account = {"session": data.session(data.SWITCHER)}, data.switched(accounts)[4000]
    number = data.customer_number(account)
    found = {
        "": data.SWITCHED,
        "exempelföretaget": data.SWITCHED,
        f"{number[:2]} {number[2:]}": 1,
        "stockholm 77": None,
        "finns inte": 0,
    }

    def cpu() -> float:
        return server.cpu + database_cpu(database_url)

    costs, waits = {}, {}
    for asked, count in found.items():
        search = request(f"/byt-kund?{urlencode({'q': asked})}", cookies=cookies)
        page = _asked(worker, server, [search], 200, count=10, connections=1)["last"]
        if count and f"{count:,}".replace(",", "\N{NO-BREAK SPACE}") not in page:
            raise Unexpected(f"{asked!r} does not find {count}: {page[:2000]}")
        before = cpu()
        answer = _asked(worker, server, [search], 200, count=100, connections=1)
        costs[asked] = 1000 * (cpu() - before) / 100
        waits[asked] = 1000 * median(answer["latencies"])
    dearest = max(costs, key=lambda asked: costs[asked])
    everything = request("/byt-kund", cookies=cookies)
    whole = _asked(worker, server, [everything], 200, count=1)["last"]
    return [
        Row(
            f"Byt kund, the dearest search among 5 000 accounts, {name}",
            costs[dearest],
            50.0,
            "ms",
            f"CPU, database included, of {dearest!r}; the cheapest {min(costs.values()):.1f} ms;"
            f" answered after {waits[dearest]:.1f} ms",
        ),
        Row(
            f"Byt kund, the whole page of 25 among 5 000, {name}",
            _kilobytes(whole),
            60.0,
            "KB",
            f"uncompressed; {_gzipped(whole) / 1024:.1f} KB with gzip level 1",
        ),
    ]


def weight(portal: Server, worker: Worker) -> list[Row]:
    """What a first visit to the login page loads, and what a step of the wizard swaps in."""
    html = _asked(worker, portal, [LOGIN_PAGE], 200, count=1)["last"]
    # Preloaded font, icon, style sheets, scripts: everything that the page names.
    files = sorted(set(re.findall(r'(?:href|src)="(/static/[^"]+)"', html)))
    loaded = [_gzipped(html), *(_transferred(path) for path in files)]
    partial = request(
        "/registrera/steg-2",
        cookies={"registration": data.registration(0)},
        headers={"HX-Request": "true", "HX-Request-Type": "partial"},
    )
    step = _asked(worker, portal, [partial], 200, count=1)["last"]
    return [
        Row(
            f"login page, first visit: {len(loaded)} files",
            sum(loaded) / 1024,
            75.0,
            "KB",
            f"gzip level 1; the page itself {loaded[0] / 1024:.1f} of {_kilobytes(html):.1f} KB",
        ),
        Row(
            "partial of Steg 2",
            _gzipped(step) / 1024,
            4.0,
            "KB",
            f"gzip level 1; {_kilobytes(step):.1f} KB uncompressed",
        ),
    ]


def _compare(
    one: tuple[Server, list[str], int],
    other: tuple[Server, list[str], int],
    worker: Worker,
    *,
    rounds: int,
    count: int,
    connections: int = _CONNECTIONS,
    warm_up: bool = False,
) -> tuple[float, float, float]:
    """The median of the rounds' ratios of processor time, and both medians a request.

    The two take turns, so that what else the machine does meets both. No limit meets a block,
    nor what it counts the next one.
    """
    ratios, ours, theirs = [], [], []
    if warm_up:
        for server, requests, status in (one, other):
            _asked(worker, server, requests, status, count=count, connections=connections)
    for turn in range(rounds):
        seconds = {}
        for server, requests, status in (one, other) if turn % 2 else (other, one):
            data.forget_failures(server.database_url)
            before = server.cpu
            _asked(worker, server, requests, status, count=count, connections=connections)
            seconds[server] = (server.cpu - before) / count
        ours.append(seconds[one[0]])
        theirs.append(seconds[other[0]])
        ratios.append(ours[-1] / theirs[-1])
    return median(ratios), median(ours), median(theirs)


def _asked(
    worker: Worker,
    server: Server,
    requests: list[str],
    status: int,
    *,
    count: int,
    connections: int = _CONNECTIONS,
) -> dict[str, Any]:
    job = {"port": server.port, "requests": requests, "count": count, "connections": connections}
    return _checked(worker.do("load", **job), status)


def _checked(answer: dict[str, Any], status: int) -> dict[str, Any]:
    if answer["statuses"] != {str(status): answer["count"]}:
        raise Unexpected(f"expected {status}, got {answer['statuses']}: {answer['last'][:2000]}")
    return answer


def _slowest(answer: dict[str, Any]) -> float:
    latencies: list[float] = sorted(answer["latencies"])
    return latencies[int(len(latencies) * _SLOWEST_PERCENT)]


def _address(user: int) -> str:
    return f"10.0.{user // 250}.{user % 250 + 1}"


def _kilobytes(text: str) -> float:
    return len(text.encode()) / 1024


def _gzipped(text: str) -> int:
    return len(gzip.compress(text.encode(), 1))  # nginx's own level; higher ones only weigh less


def _transferred(path: str) -> int:
    from web import styles
    from web.settings import ROOT

    file = path.partition("?")[0]
    if file == "/static/css/portal.css":
        return _gzipped(styles.joined())
    content = (ROOT / file.lstrip("/")).read_bytes()
    return len(content) if file.endswith(".woff2") else len(gzip.compress(content, 1))
