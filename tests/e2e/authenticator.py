"""An authenticator app, as on a customer's phone: it scans a QR code and shows six digits."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp

from tests import qr

_PERIOD = 30  # seconds
_MARGIN = 15  # seconds in which a typed code surely reaches the server


class Authenticator:
    def __init__(self, secret: str, label: str = "") -> None:
        self.secret, self.label = secret, label
        self._used = 0

    @classmethod
    def scan(cls, screenshot: bytes) -> Authenticator:
        """Add the account whose QR code is seen in the picture of a page."""
        texts = qr.texts(screenshot)
        assert len(texts) == 1, f"{len(texts)} QR codes in the picture"
        address = urlsplit(texts.pop())
        values = parse_qs(address.query)
        assert (address.scheme, address.netloc) == ("otpauth", "totp")
        assert values["issuer"] == ["MinaSidor"]
        return cls(values["secret"][0], unquote(address.path.lstrip("/")))

    def code(self) -> str:
        """The next code that the portal takes.

        It takes a step early and late, so two in a row seldom have to wait for the clock.
        """
        step = max(self._used + 1, int(time.time() + _MARGIN) // _PERIOD - 1)
        while step > int(time.time()) // _PERIOD + 1:
            time.sleep(0.2)  # as one waits for the app
        self._used = step
        return pyotp.TOTP(self.secret).generate_otp(step)

    def wrong_code(self) -> str:
        """Six digits that are not right anywhere near now."""
        now = int(time.time()) // _PERIOD
        near = {pyotp.TOTP(self.secret).generate_otp(now + n) for n in range(-3, 4)}
        return next(code for code in ("271828", "314159", "161803", "141421") if code not in near)
