"""Ports for the servers of the tests."""

from __future__ import annotations

import atexit
import socket


def free_port() -> int:
    """A port of the loopback which nobody else is given as long as this process lives.

    A socket stays bound to it without listening. A server that sets SO_REUSEADDR, as they do, can
    listen beside it; while none does, connecting is refused. Else the other test process could be
    given the same port before the server is up.
    """
    held = socket.socket()
    _ = atexit.register(held.close)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return int(held.getsockname()[1])
