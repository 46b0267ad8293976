"""The certificate: what is wrong with it is one line, and its end is announced in time."""

from __future__ import annotations

import os
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from models import OutgoingMail, clock
from tests.unit.conftest import SETTINGS, Clock
from web.app import create_app
from web.bankid import alarm, certificate
from web.bankid.client import BankIDError, connect
from web.jobs.certificate import CertificateWorker
from web.settings import PREFIX, ROOT, SettingError, Settings

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BEFORE, UNTIL = NOW - timedelta(days=365), NOW + timedelta(days=365)


@pytest.fixture
def settings(tmp_path: Path, time: Clock) -> Settings:
    """Those of a portal with a good certificate of some authority."""
    issued = trustme.CA().issue_cert(
        "minasidor.example", not_before=BEFORE, not_after=UNTIL, key_type=trustme.KeyType.RSA
    )
    (tmp_path / "cert.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (tmp_path / "key.pem").write_bytes(issued.private_key_pem.bytes())
    return replace(
        SETTINGS,
        bankid_mode="production",
        bankid_base_url="https://appapi2.bankid.com/rp/v6.0/",
        bankid_ca_file=str(ROOT / "web" / "bankid" / "roots" / "production.pem"),
        bankid_cert_file=str(tmp_path / "cert.pem"),
        bankid_key_file=str(tmp_path / "key.pem"),
    )


def but(settings: Settings, **changes: Any) -> Settings:
    return replace(settings, **changes)


def encrypted(settings: Settings, folder: Path, password: str) -> Settings:
    """The same, with the key behind a password, and a file that says it."""
    key = load_pem_private_key(Path(settings.bankid_key_file).read_bytes(), None)
    (folder / "encrypted.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hemligt 7!"))
    )
    (folder / "password").write_text(password)
    return replace(
        settings,
        bankid_key_file=str(folder / "encrypted.pem"),
        bankid_key_password_file=str(folder / "password"),
    )


def refusal(settings: Settings) -> str:
    with pytest.raises(SettingError) as caught:
        connect(settings)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{PREFIX}BANKID_")


# Connecting


async def test_connects_with_what_belongs_together(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    real = httpx2.AsyncClient

    def seen(**options: Any) -> httpx2.AsyncClient:
        given.update(options)
        return real(**options)

    monkeypatch.setattr(httpx2, "AsyncClient", seen)
    client = connect(settings)
    await client.close()

    context = given["verify"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    (root,) = context.get_ca_certs()
    assert (("commonName", "BankID SSL Root CA v1"),) in root["subject"], "no other one counts"
    assert not given["trust_env"]
    assert given["base_url"] == "https://appapi2.bankid.com/rp/v6.0/"
    assert given["timeout"] == httpx2.Timeout(5, connect=3)


async def test_the_server_decides_which_policy_is_mobile_bankid(settings: Settings) -> None:
    for mode, policy in (("production", "1.2.752.78.1.5"), ("test", "1.2.3.4.25")):
        client = connect(but(settings, bankid_mode=mode))
        assert client._mobile_policy == policy
        await client.close()


@pytest.mark.parametrize("password", ["hemligt 7!", "hemligt 7!\n", "hemligt 7!\r\nanother line\n"])
async def test_a_password_is_read_from_its_file(
    settings: Settings, tmp_path: Path, password: str
) -> None:
    await connect(encrypted(settings, tmp_path, password)).close()


def test_a_wrong_password_is_told_without_it(settings: Settings, tmp_path: Path) -> None:
    assert refusal(encrypted(settings, tmp_path, "hemligt 8!")) == (
        "KEY_FILE cannot be opened with the password in MINASIDOR_BANKID_KEY_PASSWORD_FILE"
    )


def test_a_missing_password_is_told_and_not_asked_for(settings: Settings, tmp_path: Path) -> None:
    without = replace(encrypted(settings, tmp_path, ""), bankid_key_password_file="")
    assert refusal(without) == "KEY_PASSWORD_FILE is missing: the key is encrypted"


def test_an_idle_password_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hemligt")
    idle = replace(settings, bankid_key_password_file=str(tmp_path / "password"))
    assert refusal(idle) == "KEY_PASSWORD_FILE must not be set: the key is not encrypted"


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("bankid_cert_file", "CERT_FILE"),
        ("bankid_key_file", "KEY_FILE"),
        ("bankid_key_password_file", "KEY_PASSWORD_FILE"),
    ],
)
def test_a_file_that_is_away_is_named(
    settings: Settings, tmp_path: Path, field: str, name: str
) -> None:
    away = str(tmp_path / "away")
    line = f"{name} cannot be read: No such file or directory: {away!r}"
    assert refusal(but(settings, **{field: away})) == line


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_key_that_the_service_may_not_read_is_named(settings: Settings) -> None:
    Path(settings.bankid_key_file).chmod(0)
    assert refusal(settings) == (
        f"KEY_FILE cannot be read: Permission denied: {settings.bankid_key_file!r}"
    )


def test_a_folder_is_no_file(settings: Settings, tmp_path: Path) -> None:
    folder = replace(settings, bankid_key_file=str(tmp_path))
    assert refusal(folder) == f"KEY_FILE cannot be read: Is a directory: {str(tmp_path)!r}"


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("bankid_cert_file", "CERT_FILE holds no certificate in PEM"),
        ("bankid_key_file", "KEY_FILE holds no private key in PEM"),
        ("bankid_ca_file", "CA_FILE cannot be used: NO_CERTIFICATE_OR_CRL_FOUND"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"not PEM", b"\x30\x82\x04\x00"])
def test_a_file_that_holds_something_else_is_named(
    settings: Settings, tmp_path: Path, field: str, line: str, content: bytes
) -> None:
    (tmp_path / "other").write_bytes(content)
    assert refusal(but(settings, **{field: str(tmp_path / "other")})) == line


def test_a_missing_root_is_named(settings: Settings, tmp_path: Path) -> None:
    without = replace(settings, bankid_ca_file=str(tmp_path / "away"))
    assert refusal(without) == "CA_FILE cannot be used: No such file or directory"


def test_key_and_certificate_belong_together(settings: Settings, tmp_path: Path) -> None:
    other = trustme.CA().issue_cert("minasidor.example")
    Path(settings.bankid_key_file).write_bytes(other.private_key_pem.bytes())
    line = "KEY_FILE does not belong to the certificate in MINASIDOR_BANKID_CERT_FILE"
    assert refusal(settings) == line


def test_a_certificate_that_has_run_out_is_refused(settings: Settings, time: Clock) -> None:
    time.forward(days=365)
    assert refusal(settings) == "CERT_FILE: the certificate ran out on 2027-03-02"
    time.forward(days=-731)
    assert refusal(settings) == "CERT_FILE: the certificate is good from 2025-03-02 only"


# Watching


def test_the_first_certificate_of_the_file_is_ours(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_bytes(
        b"Bag Attributes\n    localKeyID: 0D BD\nsubject=CN = FP\n"
        + Path(settings.bankid_cert_file).read_bytes()
        + Path(settings.bankid_ca_file).read_bytes()
    )
    assert certificate.expires(str(tmp_path / "chain.pem")) == UNTIL


def test_the_application_knows_until_when(db: None, settings: Settings) -> None:
    assert create_app(settings).state.bankid_until == UNTIL
    assert create_app(replace(settings, bankid_mode="off")).state.bankid_until is None
    assert create_app(replace(settings, bankid_mode="simulator")).state.bankid_until is None


async def alarms() -> list[str]:
    return [str(mail.data["subject"]) for mail in await OutgoingMail.filter(kind="alarm")]


async def test_rings_once_a_day_from_thirty_days_before(db: None, time: Clock) -> None:
    worker = CertificateWorker(clock.now() + timedelta(days=31))
    assert not await worker.work()
    time.forward(days=1)
    assert not await worker.work()
    assert await alarms() == []

    time.forward(hours=1)
    await worker.work()
    await CertificateWorker(clock.now() + timedelta(days=29)).work()  # after a restart
    assert await alarms() == ["BankID's certificate runs out in 29 days"]

    time.forward(days=1)
    await worker.work()
    time.forward(days=29)
    await worker.work()
    assert (await alarms())[1:] == [
        "BankID's certificate runs out in 28 days",
        "BankID's certificate has run out",
    ]


async def test_a_round_that_comes_too_early_costs_no_day(db: None, time: Clock) -> None:
    worker, end = CertificateWorker(clock.now() + timedelta(days=20)), clock.now() + timedelta(3)
    while clock.now() < end:
        await worker.work()
        time.forward(seconds=int(worker.every) - 1)
    assert len(await alarms()) == 3


async def test_the_alarm_says_what_to_do(db: None, time: Clock) -> None:
    await CertificateWorker(clock.now() + timedelta(days=7)).work()
    mail = await OutgoingMail.get(kind="alarm")
    text = str(mail.data["text"])
    assert "2026-03-09 09:00 UTC" in text
    assert "MINASIDOR_BANKID_CERT_FILE" in text
    assert "docs/operate.md, BankID" in text


async def test_rings_when_bankid_refuses_us_and_not_when_it_is_down(db: None) -> None:
    await alarm.ring(BankIDError("maintenance", 503))
    await alarm.ring(BankIDError("network"))
    assert await alarms() == []
    await alarm.ring(BankIDError("unauthorized", 401))
    await alarm.ring(BankIDError("notFound", 404))
    assert await alarms() == ["BankID refuses the portal"]
