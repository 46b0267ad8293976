"""The portal as in production: its settings, and behind the nginx of docs/operate.md with https."""

from __future__ import annotations

import re
import ssl
import subprocess
import time
import urllib.request
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from models import clock
from tests.e2e.portal import ROOT, Portal
from tests.ports import free_port

_PATIENCE = 10.0  # seconds for nginx to come up
_CONFIGURATION = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
{servers}
}}
"""


class Production(Portal):
    """With the __Host- cookies, HSTS, compressed files, and none of the development tools."""

    def __init__(self, folder: Path, nginx: str, *, unclaimed: int, users: int) -> None:
        front = free_port()
        super().__init__(
            folder, base_url=f"https://localhost:{front}", unclaimed=unclaimed, users=users
        )
        self._env |= {
            "MINASIDOR_ENV": "production",
            "MINASIDOR_DEMO": "false",
            "MINASIDOR_SMTP_URL": "smtp://127.0.0.1:9",  # nobody's: mail stays where it is
        }
        configuration = folder / "nginx.conf"
        servers = _as_documented(folder, front=front, behind=self.port)
        configuration.write_text(_CONFIGURATION.format(folder=folder, servers=servers))
        self._command = [nginx, "-e", f"{folder}/nginx.log", "-c", str(configuration)]
        self._nginx: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        super().start()
        self._nginx = subprocess.Popen(self._command)
        deadline = time.monotonic() + _PATIENCE
        while not self._is_reached():
            assert self._nginx.poll() is None, "nginx exited, see its log above"
            assert time.monotonic() < deadline, "nginx did not come up"
            time.sleep(0.02)

    def stop(self) -> None:
        if self._nginx:
            self._nginx.terminate()
            self._nginx.wait(20)
        super().stop()

    def _is_reached(self) -> bool:
        unchecked = ssl._create_unverified_context()  # noqa: S323 - our own, made a moment ago
        try:
            with urllib.request.urlopen(f"{self.base_url}/healthz", timeout=5, context=unchecked):
                return True
        except OSError:
            return False


def _as_documented(folder: Path, *, front: int, behind: int) -> str:
    """The servers of docs/operate.md, on ports and with a certificate of the test's own."""
    text = (ROOT / "docs" / "operate.md").read_text()
    servers: str
    (servers,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    private, public = _certificate(folder)
    changes = {
        r"listen \[::\]:.*;\n": "",
        r"listen 80;": f"listen 127.0.0.1:{free_port()};",
        r"listen 443 ": f"listen 127.0.0.1:{front} ",
        r"ssl_certificate .*;": f"ssl_certificate {public};",
        r"ssl_certificate_key .*;": f"ssl_certificate_key {private};",
        r"minasidor\.example": "localhost",
        r"127\.0\.0\.1:8000": f"127.0.0.1:{behind}",
        r"Host \$host;": "Host $http_host;",  # the port too, which is not the usual one
    }
    for wanted, instead in changes.items():
        servers, count = re.subn(wanted, instead, servers)
        assert count, f"docs/operate.md has no {wanted} any more"
    return servers


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for localhost that nobody has signed; the browsers are told so."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.now() - timedelta(days=1))
        .not_valid_after(clock.now() + timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private, public = folder / "key.pem", folder / "certificate.pem"
    private.write_bytes(key.private_bytes(encoding, pkcs8, plain))
    public.write_bytes(certificate.public_bytes(encoding))
    return private, public
