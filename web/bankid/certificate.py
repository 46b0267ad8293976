"""The certificate by which BankID knows us: whether it can be used, and how long yet."""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from models import clock
from web.settings import PREFIX, SettingError, Settings

RENEW_WITHIN = timedelta(days=30)  # a bank takes some working days


def expires(cert_file: str) -> datetime:
    """The moment in UTC after which BankID takes this certificate no more.

    The first one of the file is ours; others are those who vouch for it.
    Raises SettingError where the file cannot be read or holds none.
    """
    return _certificate(cert_file).not_valid_after_utc


def check(settings: Settings) -> None:
    """Certificate and key can be read, belong together, and are good today.

    Raises SettingError with one line that says what to mend. OpenSSL itself would say "PEM lib"
    to most of it, and ask on the terminal for a password that is missing.
    """
    certificate = _certificate(settings.bankid_cert_file)
    now = clock.now()
    if certificate.not_valid_after_utc <= now:
        raise SettingError(
            f"{PREFIX}BANKID_CERT_FILE: the certificate ran out on"
            f" {certificate.not_valid_after_utc.date()}"
        )
    if certificate.not_valid_before_utc > now:
        raise SettingError(
            f"{PREFIX}BANKID_CERT_FILE: the certificate is good from"
            f" {certificate.not_valid_before_utc.date()} only"
        )
    data = _read("BANKID_KEY_FILE", settings.bankid_key_file)
    secret = password(settings)
    try:
        key = load_pem_private_key(data, secret)
    except TypeError:
        raise SettingError(
            f"{PREFIX}BANKID_KEY_PASSWORD_FILE is missing: the key is encrypted"
            if secret is None
            else f"{PREFIX}BANKID_KEY_PASSWORD_FILE must not be set: the key is not encrypted"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise SettingError(
            f"{PREFIX}BANKID_KEY_FILE holds no private key in PEM"
            if secret is None
            else f"{PREFIX}BANKID_KEY_FILE cannot be opened with the password in"
            f" {PREFIX}BANKID_KEY_PASSWORD_FILE"
        ) from None
    if key.public_key() != certificate.public_key():
        raise SettingError(
            f"{PREFIX}BANKID_KEY_FILE does not belong to the certificate in"
            f" {PREFIX}BANKID_CERT_FILE"
        )


def password(settings: Settings) -> bytes | None:
    """That of the private key, or None: the key is not encrypted. Raises SettingError."""
    if not settings.bankid_key_password_file:
        return None
    data = _read("BANKID_KEY_PASSWORD_FILE", settings.bankid_key_password_file)
    return data.partition(b"\n")[0].rstrip(b"\r")


def warning(expires: datetime | None) -> str:
    """A clause for the operator when it is time to renew; "" before, and without a certificate."""
    if expires is None or expires - clock.now() >= RENEW_WITHIN:
        return ""
    if expires <= clock.now():
        return "BankID's certificate has run out"
    days = (expires - clock.now()).days
    left = "less than a day" if days < 1 else "1 day" if days == 1 else f"{days} days"
    return f"BankID's certificate runs out in {left}"


def _certificate(cert_file: str) -> x509.Certificate:
    data = _read("BANKID_CERT_FILE", cert_file)
    try:
        return x509.load_pem_x509_certificate(data)
    except ValueError:
        raise SettingError(f"{PREFIX}BANKID_CERT_FILE holds no certificate in PEM") from None


def _read(name: str, file: str) -> bytes:
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except OSError as error:
        raise SettingError(f"{PREFIX}{name} cannot be read: {error.strerror}: {file!r}") from None
