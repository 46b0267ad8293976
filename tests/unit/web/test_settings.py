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
DOCUMENT = (ROOT / "docs" / "settings.md").read_text()
ROW = re.compile(r"^\| `MINASIDOR_([A-Z_]+)` \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)


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
    elif name in ("base_url", "database_url", "demo", "live_reload"):  # they follow others
        assert told
    else:
        assert told == f"`{default}`"


def test_the_examples_of_the_document_are_taken() -> None:
    examples = {PREFIX + name: example.strip("`") for name, _, _, example in ROW.findall(DOCUMENT)}
    # The document shows no secret that somebody could copy.
    secrets = {"MINASIDOR_SECRET_KEYS": SECRET, "MINASIDOR_PEPPER": SECRET[::-1]}
    settings = Settings.from_env(examples | secrets)
    assert not settings.development
    assert settings.base_url == "https://minasidor.example"
