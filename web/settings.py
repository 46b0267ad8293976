"""Every setting the product reads from its environment, with the default that just works."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

ROOT = Path(__file__).parent.parent
PREFIX = "MINASIDOR_"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")
_SHORTEST_SECRET = 32
_LOWEST_PASSWORD_MINIMUM = 8  # NIST SP 800-63B-4 §3.1.1.2
_BANKID_ADDRESSES = {
    "test": "https://appapi2.test.bankid.com/rp/v6.0/",
    "production": "https://appapi2.bankid.com/rp/v6.0/",
}
_BANKID_ROOTS = Path(__file__).parent / "bankid" / "roots"
BankIDMode = Literal["off", "simulator", "test", "production"]


class SettingError(Exception):
    """A setting that cannot be right; the message names it and says what is wanted."""


@dataclass(frozen=True)
class Settings:
    """All settings. `docs/settings.md` explains each; a test keeps the two alike."""

    env: Literal["development", "production"] = "development"
    demo: bool = True
    live_reload: bool = False
    host: str = "127.0.0.1"
    port: int = 8000
    base_url: str = "http://localhost:8000"
    database_url: str = field(default=f"sqlite://{ROOT / 'minasidor.sqlite3'}", repr=False)
    secret_keys: tuple[str, ...] = field(default=(), repr=False)
    pepper: str = field(default="", repr=False)
    smtp_url: str = field(default="", repr=False)
    mail_from: str = "MinaSidor <minasidor@atervinningsbolaget.example>"
    alarm_email: str = ""
    trusted_proxies: tuple[str, ...] = ()
    password_min_length: int = 12
    brand: str = "Återvinningsbolaget"
    support_phone: str = "08-465 004 10"
    support_email: str = "kundservice@atervinningsbolaget.example"
    support_hours: str = "vardagar 8–16"
    postal_address: str = "Exempelgatan 1, 111 11 Stockholm"
    bankid_mode: BankIDMode = "off"
    bankid_base_url: str = ""
    bankid_ca_file: str = ""
    bankid_cert_file: str = ""
    bankid_key_file: str = ""
    bankid_key_password_file: str = ""
    bankid_require_same_ip: bool = False
    app_scheme: str = "se.prezero.mittprezero"
    app_android_package: str = ""
    app_android_cert_sha256: tuple[str, ...] = ()
    app_ios_app_id: str = ""

    @property
    def development(self) -> bool:
        return self.env == "development"

    @property
    def https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def netloc(self) -> str:
        return urlsplit(self.base_url).netloc

    @property
    def hostname(self) -> str:
        """The portal's host name without a port, as BankID is told it."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def bankid(self) -> bool:
        """Whether BankID is on at all."""
        return self.bankid_mode != "off"

    @property
    def calls_bankid(self) -> bool:
        """Whether BankID's own server is asked, with a certificate of ours; not the simulator."""
        return self.bankid_mode in _BANKID_ADDRESSES

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings of this process. Raises SettingError with one clear line."""
        read = _Reader(environ)
        env = read.choice("ENV", ("development", "production"), "development")
        development = env == "development"
        port = read.integer("PORT", cls.port, 1, 65535)
        settings = cls(
            env="development" if development else "production",
            demo=read.boolean("DEMO", development),
            live_reload=read.boolean("LIVE_RELOAD", development),
            host=read.text("HOST", cls.host),
            port=port,
            base_url=_normal_base_url(
                read.text("BASE_URL", f"http://localhost:{port}" if development else "")
            ),
            database_url=read.text("DATABASE_URL", cls.database_url),
            secret_keys=read.list("SECRET_KEYS"),
            pepper=read.text("PEPPER", ""),
            smtp_url=read.text("SMTP_URL", ""),
            mail_from=read.text("MAIL_FROM", cls.mail_from),
            alarm_email=read.text("ALARM_EMAIL", ""),
            trusted_proxies=read.list("TRUSTED_PROXIES"),
            password_min_length=read.integer(
                "PASSWORD_MIN_LENGTH", cls.password_min_length, _LOWEST_PASSWORD_MINIMUM, 64
            ),
            brand=read.text("BRAND", cls.brand),
            support_phone=read.text("SUPPORT_PHONE", cls.support_phone),
            support_email=read.text("SUPPORT_EMAIL", cls.support_email),
            support_hours=read.text("SUPPORT_HOURS", cls.support_hours),
            postal_address=read.text("POSTAL_ADDRESS", cls.postal_address),
            bankid_mode=cast(
                BankIDMode,
                read.choice(
                    "BANKID_MODE", get_args(BankIDMode), "simulator" if development else "off"
                ),
            ),
            bankid_base_url=read.text("BANKID_BASE_URL", ""),
            bankid_ca_file=read.text("BANKID_CA_FILE", ""),
            bankid_cert_file=read.text("BANKID_CERT_FILE", ""),
            bankid_key_file=read.text("BANKID_KEY_FILE", ""),
            bankid_key_password_file=read.text("BANKID_KEY_PASSWORD_FILE", ""),
            bankid_require_same_ip=read.boolean("BANKID_REQUIRE_SAME_IP", False),
            app_scheme=read.text("APP_SCHEME", cls.app_scheme),
            app_android_package=read.text("APP_ANDROID_PACKAGE", ""),
            app_android_cert_sha256=tuple(
                fingerprint.upper() for fingerprint in read.list("APP_ANDROID_CERT_SHA256")
            ),
            app_ios_app_id=read.text("APP_IOS_APP_ID", ""),
        )
        if development:
            settings = _with_development_secrets(settings)
        if settings.calls_bankid:
            settings = _with_bankid_server(settings)
        _check(settings)
        _check_bankid(settings)
        _check_app(settings)
        return replace(
            settings, trusted_proxies=tuple(p for p in settings.trusted_proxies if p != "none")
        )


def _check(settings: Settings) -> None:
    if not settings.development:
        if not settings.https:
            raise SettingError(
                f"{PREFIX}BASE_URL must be the portal's https:// address in production"
            )
        if not settings.smtp_url:
            raise SettingError(f"{PREFIX}SMTP_URL is missing: without it no mail can be sent")
        if not settings.trusted_proxies:
            raise SettingError(
                f"{PREFIX}TRUSTED_PROXIES is missing: the proxy's address, "
                "or 'none' where there is no proxy"
            )
        if settings.demo:
            raise SettingError(
                f"{PREFIX}DEMO must not be on in production: it makes users with known passwords"
            )
        if settings.live_reload:
            raise SettingError(
                f"{PREFIX}LIVE_RELOAD must not be on in production: it is for those who build pages"
            )
    if not _is_base_url(settings.base_url):
        raise SettingError(
            f"{PREFIX}BASE_URL must look like https://minasidor.example, without a path"
        )
    if settings.smtp_url and not _is_smtp_url(settings.smtp_url):
        raise SettingError(  # without the value: it holds a password
            f"{PREFIX}SMTP_URL must look like smtp://user:password@mail.example:587, or smtps://"
            " (in the password, write / as %2F, @ as %40)"
        )
    for name, value in (
        ("MAIL_FROM", settings.mail_from),
        ("ALARM_EMAIL", settings.alarm_email or "unset@localhost"),
        ("SUPPORT_EMAIL", settings.support_email),
    ):
        if not re.fullmatch(r"[^\s@]+@[^\s@]+", parseaddr(value)[1]):
            raise SettingError(f"{PREFIX}{name} must be one e-mail address, not {value!r}")
    for proxy in settings.trusted_proxies:
        if not _is_network(proxy) and settings.trusted_proxies != ("none",):
            raise SettingError(
                f"{PREFIX}TRUSTED_PROXIES must be IP addresses or networks with commas between"
                f" them, or 'none' alone, not {proxy!r}"
            )
    for name, value in (
        *(("SECRET_KEYS", key) for key in settings.secret_keys or ("",)),
        ("PEPPER", settings.pepper),
    ):
        if len(value) < _SHORTEST_SECRET or len(set(value)) < _SHORTEST_SECRET // 4:
            raise SettingError(
                f"{PREFIX}{name} is missing or weak: at least {_SHORTEST_SECRET} "
                "random characters each, say from 'openssl rand -base64 33'"
            )


def _check_bankid(settings: Settings) -> None:
    if not settings.development and settings.bankid_mode in ("simulator", "test"):
        raise SettingError(
            f"{PREFIX}BANKID_MODE must not be {settings.bankid_mode} in production:"
            " its BankIDs prove nobody's identity"
        )
    if not settings.calls_bankid:
        return
    if not re.fullmatch(r"https://[^\s?#@]+/", settings.bankid_base_url):
        raise SettingError(
            f"{PREFIX}BANKID_BASE_URL must look like {_BANKID_ADDRESSES['production']}"
        )
    for name, file in (
        ("CA_FILE", settings.bankid_ca_file),
        ("CERT_FILE", settings.bankid_cert_file),
        ("KEY_FILE", settings.bankid_key_file),
        ("KEY_PASSWORD_FILE", settings.bankid_key_password_file),
    ):
        if not file and name != "KEY_PASSWORD_FILE":
            raise SettingError(
                f"{PREFIX}BANKID_{name} is missing: BankID's server wants to see our certificate"
                f" in mode {settings.bankid_mode}"
            )
        if file and not os.path.isfile(file):
            raise SettingError(f"{PREFIX}BANKID_{name} names no file: {file!r}")


def _check_app(settings: Settings) -> None:
    # RFC 8252 §7.1, RFC 3986 §3.1. With its dot it is neither http nor javascript.
    label = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
    if not re.fullmatch(rf"(?=[a-z]){label}(?:\.{label})+", settings.app_scheme):
        raise SettingError(
            f"{PREFIX}APP_SCHEME must be a domain of the app's maker, turned round and in small"
            f" letters, like {Settings.app_scheme}, not {settings.app_scheme!r}"
        )
    package, fingerprints = settings.app_android_package, settings.app_android_cert_sha256
    if package and not re.fullmatch(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)+", package, re.ASCII):
        raise SettingError(
            f"{PREFIX}APP_ANDROID_PACKAGE must look like com.example.app, not {package!r}"
        )
    for fingerprint in fingerprints:
        if not re.fullmatch(r"[0-9A-F]{2}(?::[0-9A-F]{2}){31}", fingerprint):
            raise SettingError(
                f"{PREFIX}APP_ANDROID_CERT_SHA256 must be SHA-256 fingerprints with commas between"
                f" them, each 32 bytes like AA:BB:CC:..., not {fingerprint!r}"
            )
    if package and not fingerprints:
        raise SettingError(
            f"{PREFIX}APP_ANDROID_CERT_SHA256 is missing: Android knows the app"
            f" {package} by the certificate it is signed with"
        )
    if fingerprints and not package:
        raise SettingError(
            f"{PREFIX}APP_ANDROID_PACKAGE is missing: the fingerprints are of an app's certificate"
        )
    app_id = settings.app_ios_app_id
    if app_id and not re.fullmatch(r"[A-Z0-9]{10}(?:\.[A-Za-z0-9-]+)+", app_id):
        raise SettingError(
            f"{PREFIX}APP_IOS_APP_ID must be the team's ten characters and the app's bundle id,"
            f" like A1B2C3D4E5.com.example.app, not {app_id!r}"
        )


def _normal_base_url(url: str) -> str:
    """As browsers write it in Origin and Host: lower case, without the scheme's own port."""
    url = url.rstrip("/").lower()
    for scheme, port in (("https://", ":443"), ("http://", ":80")):
        if url.startswith(scheme):
            url = url.removesuffix(port)
    return url


def _is_base_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    extra = (parts.path, parts.query, parts.fragment, parts.username)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not any(extra)


def _is_smtp_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    extra = (parts.path.strip("/"), parts.query, parts.fragment)
    return parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and not any(extra)


def _is_network(text: str) -> bool:
    try:
        _ = ip_network(text)
    except ValueError:
        return False
    return True


def _with_bankid_server(settings: Settings) -> Settings:
    """Where the mode's server is, and the only root that may vouch for it."""
    base_url = settings.bankid_base_url or _BANKID_ADDRESSES[settings.bankid_mode]
    return replace(
        settings,
        bankid_base_url=base_url.rstrip("/") + "/",  # what is asked for is put behind it
        bankid_ca_file=settings.bankid_ca_file
        or str(_BANKID_ROOTS / f"{settings.bankid_mode}.pem"),
    )


def _with_development_secrets(settings: Settings) -> Settings:
    """Made once, kept in an ignored file: a restart logs nobody out and loses nothing."""
    if settings.secret_keys and settings.pepper:
        return settings
    file = ROOT / "minasidor.keys"
    if not file.exists():
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as new:
            new.write(f"{secrets.token_urlsafe(33)}\n{secrets.token_urlsafe(33)}\n")
    key, pepper = file.read_text().split()
    return replace(
        settings, secret_keys=settings.secret_keys or (key,), pepper=settings.pepper or pepper
    )


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    def text(self, name: str, default: str) -> str:
        return self.environ.get(PREFIX + name, "").strip() or default

    def list(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name, "").split(",") if part.strip())

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise SettingError(f"{PREFIX}{name} must be {' or '.join(choices)}, not {value!r}")
        return value

    def boolean(self, name: str, default: bool) -> bool:
        value = self.choice(name, ("true", "false"), "true" if default else "false")
        return value == "true"

    def integer(self, name: str, default: int, lowest: int, highest: int) -> int:
        value = self.text(name, str(default))
        if not value.isdecimal() or not lowest <= int(value) <= highest:
            raise SettingError(
                f"{PREFIX}{name} must be a number from {lowest} to {highest}, not {value!r}"
            )
        return int(value)
