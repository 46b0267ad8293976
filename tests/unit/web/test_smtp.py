"""Mail over real SMTP: STARTTLS, login, and nothing in clear to a server elsewhere."""

import gc
import ssl
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.ports import free_port
from web.jobs import mail
from web.jobs.mail import Smtp

pytestmark = pytest.mark.anyio


class Mailbox:
    def __init__(self) -> None:
        self.received: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.received.append(envelope.content)
        return "250 OK"


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


def log_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, auth: Any) -> AuthResult:
    right = isinstance(auth, LoginPassword) and auth == LoginPassword(b"portal", b"s:cret/1")
    return AuthResult(success=right, handled=False)


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture
def secure(box: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Controller]:
    cert_file, key_file = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert_file, key_file)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert_file))
    controller = Controller(
        box,
        hostname="localhost",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=log_in,
        auth_required=True,
    )
    controller.start()
    yield controller
    stop(controller)


@pytest.fixture
def plain(box: Mailbox) -> Iterator[Controller]:
    controller = Controller(box, hostname="localhost", port=free_port())
    controller.start()
    yield controller
    stop(controller)


def stop(controller: Controller) -> None:
    controller.stop()
    with warnings.catch_warnings():
        # aiosmtpd leaves its connections to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def a_message() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "portal@minasidor.example", "anna@example.com"
    message["Subject"] = "Välkommen"
    message.set_content("Hej åäö")
    return message


async def test_encrypts_and_logs_in_with_a_password_that_needs_quoting(
    secure: Controller, box: Mailbox
) -> None:
    await Smtp(f"smtp://portal:s%3Acret%2F1@localhost:{secure.port}")(a_message())
    assert len(box.received) == 1


async def test_a_wrong_password_is_an_smtp_error(secure: Controller, box: Mailbox) -> None:
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        await Smtp(f"smtp://portal:wrong@localhost:{secure.port}")(a_message())
    assert not box.received


async def test_a_server_elsewhere_that_offers_no_encryption_gets_nothing(
    plain: Controller, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "LOOPBACK", ())
    with pytest.raises(aiosmtplib.SMTPException):
        await Smtp(f"smtp://localhost:{plain.port}")(a_message())
    assert not box.received


async def test_a_server_on_this_machine_may_do_without(plain: Controller, box: Mailbox) -> None:
    await Smtp(f"smtp://localhost:{plain.port}")(a_message())
    assert len(box.received) == 1


def test_ports_by_scheme() -> None:
    assert Smtp("smtp://mail.example").port == 587
    assert Smtp("smtps://mail.example").port == 465
    assert Smtp("smtps://mail.example").tls
