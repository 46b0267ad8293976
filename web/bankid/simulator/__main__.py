"""`python -m web.bankid.simulator`: over TLS with client certificates, as the real one is reached.

The RP API has a port that asks for a certificate; the control page, without one, needs another.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from web.bankid.simulator import InProduction, Simulator, create_simulator
from web.bankid.simulator.persons import PERSONS
from web.middleware.headers import Headers
from web.settings import ROOT

_HOST = "127.0.0.1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. What is wrong is one line on standard error, status 2."""
    options = _parser().parse_args(arguments)
    try:
        simulator = create_simulator(auto=options.auto)
        tls = _tls(options.cert, options.key, options.client_ca)
        ports = (options.rp_port, options.control_port)
        sockets = [socket.create_server((_HOST, port)) for port in ports]
    except (InProduction, OSError) as error:  # ssl.SSLError is an OSError, too
        print(f"bankid simulator: {error}", file=sys.stderr)
        return 2
    asyncio.run(_serve(simulator, sockets, tls))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m web.bankid.simulator", description=__doc__)
    port = "on 127.0.0.1; 0: any that is free"
    parser.add_argument("--rp-port", type=_port, default=0, help=f"for the RP API, {port}")
    parser.add_argument("--control-port", type=_port, default=0, help=f"for the phone, {port}")
    parser.add_argument("--cert", type=Path, required=True, help="the server's certificate (PEM)")
    parser.add_argument("--key", type=Path, required=True, help="the key of the certificate (PEM)")
    parser.add_argument("--client-ca", type=Path, required=True, help="who issues RP certificates")
    parser.add_argument("--auto", choices=PERSONS, help="who answers every order by themselves")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"no port has the number {text}")
    return port


def _tls(certificate: Path, key: Path, client_ca: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def _serve(
    simulator: Simulator, sockets: Sequence[socket.socket], tls: ssl.SSLContext
) -> None:
    rp = _server(simulator.rp_app, tls)
    control = _server(_with_style(simulator.control_app))

    def stop() -> None:
        rp.should_exit = control.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    rp_port, control_port = (listening.getsockname()[1] for listening in sockets)
    # Both sockets listen already: whoever reads these lines may connect.
    print(f"RP API:  https://localhost:{rp_port}/rp/v6.0/", flush=True)
    print(f"Control: http://localhost:{control_port}/", flush=True)
    await asyncio.gather(rp.serve([sockets[0]]), control.serve([sockets[1]]))


class _Server(uvicorn.Server):
    """Leaves the signals alone: one of them ends both servers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: Starlette, tls: ssl.SSLContext | None = None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        host=_HOST,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        ssl_context_factory=(lambda _config, _default: tls) if tls else None,
    )
    return _Server(config)


def _with_style(control_app: Starlette) -> Starlette:
    """The control page on its own, with what the portal would give it."""
    static = StaticFiles(directory=ROOT / "static")
    return Starlette(
        routes=[Mount("/static", static), Mount("/", control_app)],
        middleware=[Middleware(Headers, https=False)],
    )


if __name__ == "__main__":
    sys.exit(main())
