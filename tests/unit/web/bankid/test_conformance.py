"""Clients that nobody here wrote, at the simulator over TLS with client certificates.

What pybankid and bankid-sdk understand is BankID's API, and not merely our idea of it.
"""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bankid  # type: ignore[import-untyped]
import bankid_sdk
import httpx
import pytest
from bankid import exceptions

from tests.unit.web.bankid.conftest import ROOT, Standalone, command_of
from web.bankid.simulator.__main__ import main
from web.bankid.simulator.faults import ERROR_CODES

# pybankid hands `cert` to httpx, which wants a context of its own instead.
pytestmark = pytest.mark.filterwarnings(
    "ignore:`cert=...` is deprecated:DeprecationWarning",
    "ignore:`verify=<str>` is deprecated:DeprecationWarning",
)
IP, ANNA = "192.0.2.7", "199001012385"
_ENDPOINTS = ("auth", "phone_auth", "sign", "phone_sign", "collect", "cancel")


class PyBankID(bankid.BankIDClient):  # type: ignore[misc]
    """pybankid has no argument for another server: its addresses and its client are exchanged."""

    client: httpx.Client

    def __init__(self, standalone: Standalone) -> None:
        files = (standalone.client_cert_file, standalone.client_key_file)
        super().__init__(files, test_server=True)
        self.client.close()
        for name in _ENDPOINTS:
            path = name.replace("_", "/")
            setattr(self, f"_{name}_endpoint", f"{standalone.base_url}{path}")
        self.client = httpx.Client(
            headers={"Content-Type": "application/json"},
            verify=context(standalone),
            trust_env=False,
        )


def context(
    standalone: Standalone, *, rogue: bool = False, anonymous: bool = False, ca_file: str = ""
) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(ca_file or standalone.ca_file)
    if rogue:
        made.load_cert_chain(standalone.rogue_cert_file, standalone.rogue_key_file)
    elif not anonymous:
        made.load_cert_chain(standalone.client_cert_file, standalone.client_key_file)
    return made


@pytest.fixture(scope="module")
def pybankid(running_simulator: Standalone) -> Iterator[PyBankID]:
    client = PyBankID(running_simulator)
    with client.client:
        yield client


@pytest.fixture(scope="module")
def sdk(running_simulator: Standalone) -> Iterator[bankid_sdk.SyncV60]:
    base_url = running_simulator.base_url.removesuffix("rp/v6.0/")
    verify = context(running_simulator)
    with httpx.Client(base_url=base_url, verify=verify, trust_env=False) as client:
        yield bankid_sdk.SyncV60(client)


# pybankid


@pytest.mark.parametrize("kind", ["auth", "sign"])
def test_pybankid_from_the_qr_code_to_the_answer(
    standalone: Standalone, pybankid: PyBankID, kind: str
) -> None:
    text = {"user_visible_data": "# Logga in", "user_visible_data_format": "simpleMarkdownV1"}
    requirement = {"pinCode": True, "certificatePolicies": ["1.2.752.78.1.5"]}
    make = pybankid.authenticate if kind == "auth" else pybankid.sign
    order = make(IP, requirement=requirement, user_non_visible_data="x", **text)
    assert set(order) == {"orderRef", "autoStartToken", "qrStartToken", "qrStartSecret"}
    ref = order["orderRef"]
    assert pybankid.collect(ref) == {
        "orderRef": ref,
        "status": "pending",
        "hintCode": "outstandingTransaction",
    }
    told = standalone.phone.get("/api/orders").json()
    content = told["orders"][0]["qr"]
    _, token, seconds, _ = content.split(".")
    assert token == order["qrStartToken"]
    # pybankid's own QR code of that very second, whatever the clock says meanwhile.
    assert own_qr_code(order, int(seconds)) == content

    standalone.control("/api/scan", content=content)
    assert hint(pybankid, ref) == "started"
    standalone.control(f"/api/orders/{ref}/choose", person="anna")
    assert hint(pybankid, ref) == "userSign"
    standalone.control(f"/api/orders/{ref}/confirm")
    answer: Any = pybankid.collect(ref)
    assert answer["status"] == "complete"
    assert answer["completionData"]["user"]["personalNumber"] == ANNA
    assert answer["completionData"]["device"]["ipAddress"] == IP
    with pytest.raises(exceptions.InvalidParametersError, match="No such order"):
        pybankid.collect(ref)


def own_qr_code(order: Any, seconds: int) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bankid.qr.time.time", lambda: 1000.0 + seconds)
        return pybankid_qr(order["qrStartToken"], order["qrStartSecret"])


def pybankid_qr(token: str, secret: str) -> str:
    content: str = bankid.BankIDClient.generate_qr_code_content(token, 1000.0, secret)
    return content


def hint(client: PyBankID, ref: str) -> str:
    answer: Any = client.collect(ref)
    return str(answer["hintCode"])


@pytest.mark.parametrize("kind", ["phone_authenticate", "phone_sign"])
def test_pybankid_on_the_telephone(standalone: Standalone, pybankid: PyBankID, kind: str) -> None:
    def make() -> str:
        order: Any = getattr(pybankid, kind)(ANNA, "user", user_visible_data="Ring mig")
        assert set(order) == {"orderRef"}
        return str(order["orderRef"])

    first = make()
    with pytest.raises(exceptions.AlreadyInProgressError):
        make()
    assert hint(pybankid, first) == "cancelled"
    second = make()
    standalone.control(f"/api/orders/{second}/answer", person="anna")
    answer: Any = pybankid.collect(second)
    assert answer["completionData"]["user"]["name"] == "Anna Andersson"


def test_pybankid_cancels_once(standalone: Standalone, pybankid: PyBankID) -> None:
    ref = pybankid.authenticate(IP)["orderRef"]
    assert pybankid.cancel(ref) is True
    for call in (pybankid.cancel, pybankid.collect):
        with pytest.raises(exceptions.InvalidParametersError):
            call(ref)
    with pytest.raises(exceptions.InvalidParametersError, match="endUserIp"):
        pybankid.authenticate("192.0.2.300")


def test_pybankid_sees_what_time_does(standalone: Standalone, pybankid: PyBankID) -> None:
    missed, opened = (pybankid.authenticate(IP)["orderRef"] for _ in range(2))
    standalone.control(f"/api/orders/{opened}/start")
    standalone.control("/api/clock", seconds=31)
    assert hint(pybankid, missed) == "startFailed"
    assert hint(pybankid, opened) == "started"
    standalone.control("/api/clock", seconds=181)
    assert hint(pybankid, opened) == "expiredTransaction"


@pytest.mark.parametrize("code", ERROR_CODES)
def test_pybankid_knows_each_error(standalone: Standalone, pybankid: PyBankID, code: str) -> None:
    expected = exceptions._JSON_ERROR_CODE_TO_CLASS.get(code, exceptions.BankIDError)
    standalone.control("/api/faults", endpoint="auth", errorCode=code)
    with pytest.raises(exceptions.BankIDError, match=code) as raised:
        pybankid.authenticate(IP)
    assert type(raised.value) is expected


def test_pybankid_is_not_made_for_a_page_of_a_load_balancer(
    standalone: Standalone, pybankid: PyBankID
) -> None:
    """The reason for a client of our own, seen here once; and that the page was sent."""
    standalone.control("/api/faults", endpoint="*", kind="html")
    with pytest.raises(json.JSONDecodeError):
        pybankid.authenticate(IP)


def test_pybankid_and_we_count_seconds_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vectors of ActiveLogin and of BankID's sample code, by pybankid."""
    token, secret = "67df3917-fa0d-44e5-b327-edcc928297f8", "d28db9a7-4cde-429e-a983-359be676944c"
    for seconds, code in {
        0: "dc69358e712458a66a7525beef148ae8526b1c71610eff2c16cdffb4cdac9bf8",
        1: "949d559bf23403952a94d103e67743126381eda00f0b3cbddbf7c96b1adcbce2",
        2: "a9e5ec59cb4eee4ef4117150abc58fad7a85439a6a96ccbecc3668b41795b3f3",
        10: "2822ca616ce1e64a1c171df69154ebc5adef4011244c867d6ad88a02db178962",
        29: "26049f2bc12d5b43ebe8bf701e7725abf015d2d8347aa04c924b5793ee4a196c",
    }.items():
        monkeypatch.setattr("bankid.qr.time.time", lambda seconds=seconds: 1000.9 + seconds)
        assert pybankid_qr(token, secret) == f"bankid.{token}.{seconds}.{code}"


# bankid-sdk


@pytest.mark.parametrize("kind", ["auth", "sign"])
def test_bankid_sdk_from_the_start_link_to_the_answer(
    standalone: Standalone, sdk: bankid_sdk.SyncV60, kind: str
) -> None:
    requirement = bankid_sdk.Requirement(mrtd=True, personal_number=ANNA)
    make = sdk.auth if kind == "auth" else sdk.sign
    order = make(IP, requirement=requirement, user_visible_data="Logga in")
    pending = sdk.collect(order.order_ref)
    assert isinstance(pending, bankid_sdk.PendingCollect)
    assert pending.hint_code is bankid_sdk.PendingHintCode.OUTSTANDING_TRANSACTION

    standalone.control("/api/autostart", token=order.auto_start_token)
    standalone.control(f"/api/orders/{order.order_ref}/choose", person="anna")
    pending = sdk.collect(order.order_ref)
    assert isinstance(pending, bankid_sdk.PendingCollect)
    assert pending.hint_code is bankid_sdk.PendingHintCode.USER_MRTD
    standalone.control(f"/api/orders/{order.order_ref}/confirm")
    answer = sdk.collect(order.order_ref)
    assert isinstance(answer, bankid_sdk.CompleteCollect)
    assert answer.completion_data.user.personal_number == ANNA
    assert answer.completion_data.step_up
    assert answer.completion_data.step_up.mrtd
    assert answer.completion_data.bankid_issue_date


def test_bankid_sdks_qr_code_is_scanned(standalone: Standalone, sdk: bankid_sdk.SyncV60) -> None:
    from bankid_sdk._order import generate_qr_code

    order = sdk.auth(IP)
    told = standalone.control("/api/scan", content=generate_qr_code(order))
    assert (told["orderRef"], told["hintCode"]) == (order.order_ref, "started")


def test_bankid_sdk_cancels_and_fails(standalone: Standalone, sdk: bankid_sdk.SyncV60) -> None:
    cancelled, failed = sdk.auth(IP).order_ref, sdk.auth(IP).order_ref
    sdk.cancel(cancelled)
    with pytest.raises(bankid_sdk.errors.InvalidParameters):
        sdk.cancel(cancelled)
    standalone.control(f"/api/orders/{failed}/fail", hint="certificateErr")
    answer = sdk.collect(failed)
    assert isinstance(answer, bankid_sdk.FailedCollect)
    assert answer.hint_code is bankid_sdk.FailedHintCode.CERTIFICATE_ERR


@pytest.mark.parametrize("code", [code for code in ERROR_CODES if code != "tooManyRequests"])
def test_bankid_sdk_knows_each_error(
    standalone: Standalone, sdk: bankid_sdk.SyncV60, code: str
) -> None:
    """It compares the HTTP status, too; 429 it does not know."""
    expected = bankid_sdk.errors.error_map[(ERROR_CODES[code], code)]
    standalone.control("/api/faults", endpoint="collect", errorCode=code)
    ref = sdk.auth(IP).order_ref
    with pytest.raises(bankid_sdk.errors.BankIDAPIError) as raised:
        sdk.collect(ref)
    assert type(raised.value) is expected


# The transport


def test_who_has_no_certificate_of_bankids_gets_no_answer(standalone: Standalone) -> None:
    # With TLS 1.3 the client has sent its request before the server's refusal arrives.
    for wrong in (context(standalone, anonymous=True), context(standalone, rogue=True)):
        with (
            httpx.Client(verify=wrong, trust_env=False) as client,
            pytest.raises((httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)),
        ):
            client.post(f"{standalone.base_url}auth", json={"endUserIp": IP})
    assert standalone.phone.get("/api/log").json()["log"] == []


def test_a_server_that_is_not_bankids_is_refused(standalone: Standalone) -> None:
    wrong = context(standalone, ca_file=standalone.other_ca_file)
    with (
        httpx.Client(verify=wrong, trust_env=False) as client,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.post(f"{standalone.base_url}auth", json={"endUserIp": IP})


def test_its_health_is_asked_for_without_an_order(standalone: Standalone) -> None:
    with httpx.Client(verify=context(standalone), trust_env=False) as client:
        answer = client.get(f"{standalone.base_url}auth")
    assert (answer.status_code, answer.json()["errorCode"]) == (405, "methodNotAllowed")
    assert "server" not in answer.headers


def test_whoever_waits_too_long_gives_up(standalone: Standalone) -> None:
    standalone.control("/api/faults", endpoint="auth", kind="silent")
    timeout, verify = httpx.Timeout(5, read=0.05), context(standalone)
    with (
        httpx.Client(verify=verify, timeout=timeout, trust_env=False) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.post(f"{standalone.base_url}auth", json={"endUserIp": IP})


def test_the_control_page_has_its_style_and_the_strict_headers(standalone: Standalone) -> None:
    page = standalone.phone.get("/")
    assert "SIMULERAT BankID" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "server" not in page.headers
    style = standalone.phone.get("/static/css/tokens.css")
    assert style.headers["content-type"].startswith("text/css")


def test_it_refuses_production_and_what_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = str(tmp_path / "nothing.pem")
    options = ["--cert", nothing, "--key", nothing, "--client-ca", nothing]
    for environment, told in (
        ("production", "does not run with MINASIDOR_ENV=production"),
        ("development", "No such file"),
    ):
        monkeypatch.setenv("MINASIDOR_ENV", environment)
        assert main(options) == 2
        output, error = capsys.readouterr()
        assert output == ""
        assert error.startswith("bankid simulator: ")
        assert told in error
        assert error.count("\n") == 1


def test_a_port_that_is_taken_or_cannot_be_is_told(
    standalone: Standalone, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, _, *options = command_of(Path(standalone.ca_file).parent)
    taken = str(httpx.URL(standalone.base_url).port)
    assert main([*options, "--rp-port", taken]) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("bankid simulator: ")
    assert error.count("\n") == 1
    with pytest.raises(SystemExit, match="2"):
        main([*options, "--rp-port", "70000"])
    assert "no port has the number 70000" in capsys.readouterr().err


def test_ctrl_c_ends_it_too(standalone: Standalone) -> None:
    command = command_of(Path(standalone.ca_file).parent)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("RP API:")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
