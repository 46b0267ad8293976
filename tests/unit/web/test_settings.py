"""Settings: defaults that just work, one clear line for each that is wrong, one page of docs."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from web import settings as module
from web.settings import PREFIX, ROOT, SettingError, Settings

SECRET = "sHq2n8VfY0mJ5wEaK7rT1uXcZ3bN9dGp"
PRODUCTION = {
    "MINASIDOR_ENV": "production",
    "MINASIDOR_BASE_URL": "https://minasidor.example",
    "MINASIDOR_SECRET_KEYS": SECRET,
    "MINASIDOR_PEPPER": SECRET[::-1],
    "MINASIDOR_SMTP_URL": "smtps://portal:p%40ss@mail.example",
    "MINASIDOR_TRUSTED_PROXIES": "127.0.0.1",
}
# Whether the files hold what they should is the client's matter.
_BANKID: dict[str, str | None] = {
    "BANKID_MODE": "production",
    "BANKID_CERT_FILE": __file__,
    "BANKID_KEY_FILE": __file__,
}
FINGERPRINT = ":".join(f"{byte:02X}" for byte in range(0xA0, 0xC0))
_ANDROID: dict[str, str | None] = {
    "APP_ANDROID_PACKAGE": "com.example.app",
    "APP_ANDROID_CERT_SHA256": FINGERPRINT,
}
DOCUMENT = (ROOT / "docs" / "settings.md").read_text()
ROW = re.compile(r"^\| `MINASIDOR_([A-Z0-9_]+)` \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """So that no test writes the secrets of the development beside the code."""
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


def from_env(**changes: str | None) -> Settings:
    values = PRODUCTION | {PREFIX + name: value for name, value in changes.items()}
    return Settings.from_env({name: value for name, value in values.items() if value is not None})


def test_in_development_nothing_needs_to_be_set(own_folder: Path) -> None:
    settings = Settings.from_env({})
    assert settings.development
    assert settings.demo
    assert settings.live_reload
    assert settings.base_url == "http://localhost:8000"
    assert not settings.https

    keys = own_folder / "minasidor.keys"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    again = Settings.from_env({})
    assert (again.secret_keys, again.pepper) == (settings.secret_keys, settings.pepper)


def test_the_port_is_part_of_the_address_in_development() -> None:
    assert Settings.from_env({"MINASIDOR_PORT": "8123"}).base_url == "http://localhost:8123"


def test_production_starts_with_what_it_must_have() -> None:
    settings = from_env(SECRET_KEYS=f"{SECRET}, {SECRET.lower()}", BRAND=" Renhållningen ")
    assert settings.secret_keys == (SECRET, SECRET.lower())
    assert settings.brand == "Renhållningen"
    assert settings.https
    assert not settings.demo
    assert not settings.live_reload
    assert settings.netloc == "minasidor.example"


def test_none_is_no_proxy() -> None:
    assert from_env(TRUSTED_PROXIES="none").trusted_proxies == ()
    assert from_env(TRUSTED_PROXIES="10.0.0.0/8, ::1").trusted_proxies == ("10.0.0.0/8", "::1")


def test_bankid_is_played_in_development_and_off_in_production() -> None:
    assert Settings.from_env({}).bankid_mode == "simulator"
    assert Settings.from_env({}).bankid
    assert not Settings.from_env({}).calls_bankid
    assert from_env().bankid_mode == "off"
    assert not from_env().bankid


@pytest.mark.parametrize(
    ("mode", "address"),
    [
        ("test", "https://appapi2.test.bankid.com/rp/v6.0/"),
        ("production", "https://appapi2.bankid.com/rp/v6.0/"),
    ],
)
def test_a_mode_brings_its_server_and_its_root(mode: str, address: str) -> None:
    settings = from_env(ENV="development", **_BANKID | {"BANKID_MODE": mode})
    assert settings.bankid
    assert settings.calls_bankid
    assert settings.bankid_base_url == address
    assert Path(settings.bankid_ca_file).name == f"{mode}.pem"
    assert Path(settings.bankid_ca_file).is_file()


def test_another_server_and_another_root_are_taken() -> None:
    own = {"BANKID_BASE_URL": "https://localhost:8443/rp/v6.0", "BANKID_CA_FILE": __file__}
    settings = from_env(**_BANKID | own)
    assert settings.bankid_base_url == "https://localhost:8443/rp/v6.0/"
    assert settings.bankid_ca_file == __file__


def test_the_host_name_is_without_port() -> None:
    assert from_env(BASE_URL="https://minasidor.example:8443").hostname == "minasidor.example"
    assert Settings.from_env({}).hostname == "localhost"


def test_the_app_has_a_scheme_and_no_more_until_it_is_told() -> None:
    settings = from_env()
    assert settings.app_scheme == "se.prezero.mittprezero"
    assert not settings.app_android_package
    assert not settings.app_android_cert_sha256
    assert not settings.app_ios_app_id


def test_the_fingerprints_are_as_android_writes_them() -> None:
    settings = from_env(
        **_ANDROID | {"APP_ANDROID_CERT_SHA256": f"{FINGERPRINT.lower()}, {FINGERPRINT}"}
    )
    assert settings.app_android_cert_sha256 == (FINGERPRINT, FINGERPRINT)


@pytest.mark.parametrize("scheme", ["com.example.app", "se.x", "a1.2b-c.d"])
def test_a_domain_turned_round_is_a_scheme(scheme: str) -> None:
    assert from_env(APP_SCHEME=scheme).app_scheme == scheme


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"ENV": "test"}, "ENV must be development or production, not 'test'"),
        ({"DEMO": "yes"}, "DEMO must be true or false, not 'yes'"),
        (
            {"DEMO": "true"},
            "DEMO must not be on in production: it makes users with known passwords",
        ),
        (
            {"LIVE_RELOAD": "true"},
            "LIVE_RELOAD must not be on in production: it is for those who build pages",
        ),
        ({"PORT": "http"}, "PORT must be a number from 1 to 65535, not 'http'"),
        ({"PORT": "0"}, "PORT must be a number from 1 to 65535, not '0'"),
        ({"BASE_URL": None}, "BASE_URL must be the portal's https:// address in production"),
        (
            {"BASE_URL": "http://minasidor.example"},
            "BASE_URL must be the portal's https:// address in production",
        ),
        *(
            ({"BASE_URL": url}, "BASE_URL must look like https://minasidor.example, without a path")
            for url in (
                "https://minasidor.example/portal",
                "https://[minasidor.example",
                "https://minasidor.example:port",
                "https://a@minasidor.example",
                "https://minasidor.example?a",
            )
        ),
        (
            {"SECRET_KEYS": None},
            "SECRET_KEYS is missing or weak: at least 32 random characters each,"
            " say from 'openssl rand -base64 33'",
        ),
        (
            {"SECRET_KEYS": f"{SECRET},short"},
            "SECRET_KEYS is missing or weak: at least 32 random characters each,"
            " say from 'openssl rand -base64 33'",
        ),
        (
            {"PEPPER": "a" * 64},
            "PEPPER is missing or weak: at least 32 random characters each,"
            " say from 'openssl rand -base64 33'",
        ),
        ({"SMTP_URL": None}, "SMTP_URL is missing: without it no mail can be sent"),
        *(
            (
                {"SMTP_URL": url},
                "SMTP_URL must look like smtp://user:password@mail.example:587, or smtps://"
                " (in the password, write / as %2F, @ as %40)",
            )
            for url in (
                "mail.example",
                "http://mail.example",
                "smtp://",
                "smtp://a:p/w@mail.example",
            )
        ),
        (
            {"TRUSTED_PROXIES": None},
            "TRUSTED_PROXIES is missing: the proxy's address, or 'none' where there is no proxy",
        ),
        *(
            (
                {"TRUSTED_PROXIES": proxies},
                "TRUSTED_PROXIES must be IP addresses or networks with commas between them,"
                f" or 'none' alone, not {wrong!r}",
            )
            for proxies, wrong in (
                ("*", "*"),
                ("127.0.0.1,none", "none"),
                ("10.0.0.1/8", "10.0.0.1/8"),
                ("proxy.example", "proxy.example"),
            )
        ),
        ({"MAIL_FROM": "MinaSidor"}, "MAIL_FROM must be one e-mail address, not 'MinaSidor'"),
        ({"ALARM_EMAIL": "drift"}, "ALARM_EMAIL must be one e-mail address, not 'drift'"),
        ({"SUPPORT_EMAIL": "a@b@c"}, "SUPPORT_EMAIL must be one e-mail address, not 'a@b@c'"),
        (
            {"PASSWORD_MIN_LENGTH": "7"},
            "PASSWORD_MIN_LENGTH must be a number from 8 to 64, not '7'",
        ),
        (
            {"BANKID_MODE": "on"},
            "BANKID_MODE must be off or simulator or test or production, not 'on'",
        ),
        *(
            (
                {"BANKID_MODE": mode},
                f"BANKID_MODE must not be {mode} in production:"
                " its BankIDs prove nobody's identity",
            )
            for mode in ("simulator", "test")
        ),
        (
            {"BANKID_MODE": "production"},
            "BANKID_CERT_FILE is missing: BankID's server wants to see our certificate"
            " in mode production",
        ),
        (
            {"BANKID_MODE": "production", "BANKID_CERT_FILE": __file__},
            "BANKID_KEY_FILE is missing: BankID's server wants to see our certificate"
            " in mode production",
        ),
        *(
            (
                _BANKID | {f"BANKID_{name}": f"{__file__}/nothing"},
                f"BANKID_{name} names no file: '{__file__}/nothing'",
            )
            for name in ("CA_FILE", "CERT_FILE", "KEY_FILE", "KEY_PASSWORD_FILE")
        ),
        *(
            (
                _BANKID | {"BANKID_BASE_URL": url},
                "BANKID_BASE_URL must look like https://appapi2.bankid.com/rp/v6.0/",
            )
            for url in ("http://appapi2.bankid.com/rp/v6.0/", "appapi2.bankid.com", "https://")
        ),
        ({"BANKID_REQUIRE_SAME_IP": "1"}, "BANKID_REQUIRE_SAME_IP must be true or false, not '1'"),
        *(
            (
                {"APP_SCHEME": scheme},
                "APP_SCHEME must be a domain of the app's maker, turned round and in small letters,"
                f" like se.prezero.mittprezero, not {scheme!r}",
            )
            for scheme in (
                *("http", "https", "javascript", "data", "mittprezero", "se.Prezero", "se.åkeri"),
                *("1.prezero", "se.", ".se", "se..prezero", "se.-x", "se.x-", "se.x:", "se.a/b"),
                *("se.a b", "se.a_b", "javascript:se.prezero", "se.x\n.y"),
            )
        ),
        *(
            (
                _ANDROID | {"APP_ANDROID_PACKAGE": package},
                f"APP_ANDROID_PACKAGE must look like com.example.app, not {package!r}",
            )
            for package in (
                "app",
                "com.example.",
                "com.1example",
                "com.exämple",
                "com.a-b",
                "a b.c",
            )
        ),
        *(
            (
                _ANDROID | {"APP_ANDROID_CERT_SHA256": fingerprints},
                "APP_ANDROID_CERT_SHA256 must be SHA-256 fingerprints with commas between them,"
                f" each 32 bytes like AA:BB:CC:..., not {wrong!r}",
            )
            for fingerprints, wrong in (
                ("aa:bb", "AA:BB"),
                (FINGERPRINT.replace(":", ""), FINGERPRINT.replace(":", "")),
                (f"{FINGERPRINT}:AA", f"{FINGERPRINT}:AA"),
                (f"{FINGERPRINT},{FINGERPRINT[:-1]}G", f"{FINGERPRINT[:-1]}G"),
                (f"{FINGERPRINT} {FINGERPRINT}", f"{FINGERPRINT} {FINGERPRINT}"),
            )
        ),
        (
            {"APP_ANDROID_PACKAGE": "com.example.app"},
            "APP_ANDROID_CERT_SHA256 is missing: Android knows the app com.example.app"
            " by the certificate it is signed with",
        ),
        (
            {"APP_ANDROID_CERT_SHA256": FINGERPRINT},
            "APP_ANDROID_PACKAGE is missing: the fingerprints are of an app's certificate",
        ),
        *(
            (
                {"APP_IOS_APP_ID": app_id},
                "APP_IOS_APP_ID must be the team's ten characters and the app's bundle id,"
                f" like A1B2C3D4E5.com.example.app, not {app_id!r}",
            )
            for app_id in (
                *("com.example.app", "A1B2C3D4E5", "A1B2C3D4E5.", "a1b2c3d4e5.com.example.app"),
                *("A1B2C3D4E.com.example", "A1B2C3D4E5.com/x", "A1B2C3D4E5.com.å"),
            )
        ),
    ],
)
def test_says_in_one_line_what_cannot_be_right(changes: dict[str, str | None], line: str) -> None:
    with pytest.raises(SettingError) as error:
        from_env(**changes)
    assert str(error.value) == PREFIX + line


def test_the_command_says_it_before_anything_else() -> None:
    clean = {name: value for name, value in os.environ.items() if PREFIX not in name}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from web.cli import main; sys.exit(main(['run']))"],
        cwd=ROOT,
        env=clean | PRODUCTION | {"MINASIDOR_PEPPER": "weak"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("minasidor: MINASIDOR_PEPPER is missing or weak")
    assert done.stderr.count("\n") == 1


def test_the_document_and_the_code_know_the_same_settings() -> None:
    assert [name for name, *_ in ROW.findall(DOCUMENT)] == [
        field.name.upper() for field in fields(Settings)
    ]


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_the_document_tells_the_default(name: str) -> None:
    (told,) = (default for found, _, default, _ in ROW.findall(DOCUMENT) if found == name.upper())
    default = next(field.default for field in fields(Settings) if field.name == name)
    if default in ("", ()):
        assert told.startswith(("none", "made once"))
    elif name in ("base_url", "database_url", "demo", "live_reload", "bankid_mode"):
        assert told  # they follow others
    elif isinstance(default, bool):
        assert told == f"`{str(default).lower()}`"
    else:
        assert told == f"`{default}`"


def test_the_examples_of_the_document_are_taken() -> None:
    examples = {PREFIX + name: example.strip("`") for name, _, _, example in ROW.findall(DOCUMENT)}
    # The document shows no secret that somebody could copy.
    secrets = {"MINASIDOR_SECRET_KEYS": SECRET, "MINASIDOR_PEPPER": SECRET[::-1]}
    settings = Settings.from_env(examples | secrets)
    assert not settings.development
    assert settings.base_url == "https://minasidor.example"
