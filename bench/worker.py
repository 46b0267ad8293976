"""The load generator and the bare Argon2id verification, in a process of their own.

Reads one job a line (JSON) from standard input and answers it with one line. The generator is a
raw client: it writes ready-made requests and reads no more of an answer than where it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

import uvloop

_ANSWERS_IN_TIME = 60.0  # seconds


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    transport: asyncio.Transport

    def __init__(self, done: Callable[[Connection], None]) -> None:
        self.done, self.buffer, self.missing = done, b"", -1
        self.due, self.status, self.size, self.body = 0.0, 0, 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def ask(self, request: bytes, due: float) -> None:
        self.due, self.size, self.missing, self.buffer = due, 0, -1, b""
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.size += len(data)
        if self.missing < 0:
            self.buffer += data
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head, self.body = self.buffer[:end].lower(), self.buffer[end + 4 :]
            at = head.find(b"\r\ncontent-length:")
            length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self.status, self.missing = int(head[9:12]), length - len(self.body)
        else:
            self.missing -= len(data)
            self.body += data
        if self.missing <= 0:
            self.done(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.status = 0
        self.done(self)


class Load:
    """Sends the requests in turn, as fast as the answers come, or at a steady `rate` a second."""

    def __init__(
        self,
        requests: list[str],
        port: int,
        connections: int = 1,
        count: int = 0,
        seconds: float = 0,
        rate: float = 0,
    ) -> None:
        self.requests = [request.encode() for request in requests]
        self.port, self.connections, self.count = port, connections, count
        self.seconds, self.rate = seconds, rate
        self.sent = self.under_way = 0
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.size, self.last = 0, b""
        self.idle: deque[Connection] = deque()

    async def run(self) -> dict[str, Any]:
        self.loop = asyncio.get_running_loop()
        self.finished = asyncio.Event()
        self.idle.extend([await self._connect() for _ in range(self.connections)])
        everybody = list(self.idle)
        started, cpu = time.perf_counter(), time.process_time()
        self.until = started + self.seconds if self.seconds else float("inf")
        if self.rate:
            await self._keep_pace(started)
        else:
            while self.idle and self._more():
                self._ask(self.idle.popleft(), time.perf_counter())
        async with asyncio.timeout(_ANSWERS_IN_TIME):
            await self.finished.wait()
        ended, cpu = time.perf_counter(), time.process_time() - cpu
        self.closing = True
        for connection in everybody:
            connection.transport.close()
        return {
            "count": len(self.latencies),
            "statuses": dict(self.statuses),
            "seconds": ended - started,
            "cpu": cpu,
            "size": self.size,
            "last": self.last.decode(errors="replace"),
            "latencies": self.latencies,
        }

    closing = False

    async def _connect(self) -> Connection:
        _, connection = await self.loop.create_connection(
            lambda: Connection(self._done), "127.0.0.1", self.port
        )
        return connection

    def _more(self) -> bool:
        return time.perf_counter() < self.until and (not self.count or self.sent < self.count)

    def _ask(self, connection: Connection, due: float) -> None:
        self.under_way += 1
        connection.ask(self.requests[self.sent % len(self.requests)], due)
        self.sent += 1

    def _done(self, connection: Connection) -> None:
        if self.closing:
            return
        if connection in self.idle:  # kept alive long enough
            self.idle.remove(connection)
            return
        if connection.status == 0:
            raise SystemExit("the server closed the connection")
        self.under_way -= 1
        self.latencies.append(time.perf_counter() - connection.due)
        self.statuses[str(connection.status)] += 1
        self.size, self.last = connection.size, connection.body
        if not self.rate and self._more():
            self._ask(connection, time.perf_counter())
        else:
            self.idle.append(connection)
            if self.under_way == 0 and not self._more():
                self.finished.set()

    async def _keep_pace(self, started: float) -> None:
        """A request is late from when it was due, not from when a slow server let it be sent."""
        number = 0
        while self._more():
            due = started + number / self.rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            if not self.idle:
                self.idle.append(await self._connect())
            self._ask(self.idle.popleft(), due)
            number += 1
        if self.under_way == 0:
            self.finished.set()


class Memory(asyncio.Protocol):
    """A server that does nothing but answer: what the generator can do at most."""

    transport: asyncio.Transport

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self.transport.write(self.answer)


async def load(**job: Any) -> dict[str, Any]:
    return await Load(**job).run()


async def serve(size: int) -> dict[str, Any]:
    """Answer everything with `size` bytes, until this process ends."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size
    global _server
    _server = await asyncio.get_running_loop().create_server(lambda: Memory(answer), "127.0.0.1", 0)
    return {"port": _server.sockets[0].getsockname()[1]}


_server: asyncio.Server


async def verify(
    password_hash: str, password: str, count: int = 0, seconds: float = 0
) -> dict[str, Any]:
    """Verifications one after the other in one niced thread, as the portal has it."""
    return await asyncio.to_thread(_verify, password_hash, password, count, seconds)


def _verify(password_hash: str, password: str, count: int, seconds: float) -> dict[str, Any]:
    from argon2 import PasswordHasher

    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    hasher = PasswordHasher()
    hasher.verify(password_hash, password)
    started, cpu, done = time.perf_counter(), time.thread_time(), 0
    while time.perf_counter() - started < seconds or done < count:
        hasher.verify(password_hash, password)
        done += 1
    return {
        "count": done,
        "seconds": time.perf_counter() - started,
        "cpu": time.thread_time() - cpu,
    }


async def _answer_jobs() -> None:
    jobs: dict[str, Callable[..., Awaitable[dict[str, Any]]]]
    jobs = {"load": load, "serve": serve, "verify": verify}
    while line := await asyncio.to_thread(sys.stdin.readline):
        job = json.loads(line)
        print(json.dumps(await jobs[job.pop("job")](**job)), flush=True)


if __name__ == "__main__":
    uvloop.run(_answer_jobs())
