"""BankID's own test server, by way of the internet: `pytest -m bankid_live`, and never by itself.

With the certificate that BankID publishes for everybody to try with; pybankid carries it. Settings
of the environment go before it, so an operator tries the portal's own.
"""

from __future__ import annotations

import os
import socket
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from models.bankid_flow import Intent
from web.bankid.client import connect
from web.bankid.intents import visible
from web.settings import PREFIX, Settings

pytestmark = [pytest.mark.anyio, pytest.mark.bankid_live]

_PASSWORD = b"qwerty123"  # published together with the certificate


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    environ = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    if f"{PREFIX}BANKID_CERT_FILE" not in environ:
        environ = _published(tmp_path)
    settings = Settings.from_env(environ)
    server = urlsplit(settings.bankid_base_url)
    try:
        socket.create_connection((server.hostname or "", server.port or 443), 5).close()
    except OSError as error:
        pytest.skip(f"{server.hostname} cannot be reached from here: {error}")
    return settings


async def test_begins_an_order_looks_at_it_and_cancels_it(settings: Settings) -> None:
    client = connect(settings)
    try:
        order = await client.auth(
            end_user_ip="192.0.2.7",
            visible=visible(Intent.LOGIN, "minasidor.example"),
            return_url="https://minasidor.example/bankid/retur?f=1&n=2",
            referring_domain="minasidor.example",
            user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
            device_identifier="ab" * 32,
            mobile_only=True,
        )
        found = await client.collect(order.order_ref)
        assert (found.status, found.hint) == ("pending", "outstandingTransaction")
        await client.cancel(order.order_ref)
    finally:
        await client.close()


def _published(folder: Path) -> dict[str, str]:
    """Settings with BankID's own test certificate, in files as an operator makes them."""
    package = find_spec("bankid")
    assert package
    assert package.origin
    file = Path(package.origin).parent / "certs" / "FPTestcert5_20240610.p12"
    key, certificate, _ = pkcs12.load_key_and_certificates(file.read_bytes(), _PASSWORD)
    assert key
    assert certificate
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return {
        f"{PREFIX}SECRET_KEYS": "only so that none are made 0123456789",
        f"{PREFIX}PEPPER": "only so that none are made 0123456789",
        f"{PREFIX}BANKID_MODE": "test",
        f"{PREFIX}BANKID_CERT_FILE": str(folder / "cert.pem"),
        f"{PREFIX}BANKID_KEY_FILE": str(folder / "key.pem"),
    }
