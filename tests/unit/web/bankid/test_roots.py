"""The two roots that may vouch for BankID's servers are the ones BankID publishes."""

from __future__ import annotations

import ssl
from hashlib import sha256

import pytest

from web.settings import ROOT


@pytest.mark.parametrize(
    ("mode", "name", "fingerprint"),
    [
        (
            "production",
            "BankID SSL Root CA v1",
            "E6:A2:D4:5C:0A:10:51:C9:59:42:86:49:F8:6A:09:A9"
            ":B2:15:2C:D5:51:99:3C:C2:EB:4C:F0:94:BD:AC:BE:CB",
        ),
        (
            "test",
            "Test BankID SSL Root CA v1 Test",
            "F3:D0:74:0E:BF:B3:70:0E:3B:81:AA:79:1F:EE:45:14"
            ":72:69:8C:84:E1:99:C2:EB:48:A4:43:FF:1D:5B:40:5C",
        ),
    ],
)
def test_each_root_is_bankids_own(mode: str, name: str, fingerprint: str) -> None:
    pem = (ROOT / "web" / "bankid" / "roots" / f"{mode}.pem").read_text()
    assert pem.count("BEGIN CERTIFICATE") == 1
    assert sha256(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":").upper() == fingerprint

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem)
    (root,) = context.get_ca_certs()
    assert (("commonName", name),) in root["subject"]
    assert "2034" in str(root["notAfter"])
