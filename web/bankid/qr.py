"""The QR code that starts an order on another device: another one each second."""

from __future__ import annotations

import hashlib
import hmac

import segno
from markupsafe import Markup


def content(qr_start_token: str, qr_start_secret: str, seconds: int) -> str:
    """What the code says `seconds` whole seconds after BankID has answered to `auth`.

    BankID takes it for a moment only, so that a picture of it passed on to somebody else is
    worth nothing. The secret goes into the HMAC and never leaves the server.
    Source: BankID's RP API 6.0, animated QR code.
    """
    code = hmac.new(qr_start_secret.encode("ascii"), str(seconds).encode("ascii"), hashlib.sha256)
    return f"bankid.{qr_start_token}.{seconds}.{code.hexdigest()}"


def image(content: str) -> Markup:
    """The code as SVG, for an element of the class `qr`; no style attribute, which CSP refuses.

    Black on white in dark mode too, quiet zone of four modules (ISO/IEC 18004). The least error
    correction has the largest modules; a screen has no scratches.
    """
    svg = segno.make_qr(content, error="l", boost_error=False).svg_inline(
        border=4, omitsize=True, svgclass=None, lineclass=None, dark="#000", light="#fff"
    )
    label = 'role="img" aria-label="QR-kod för BankID"'
    return Markup(svg.replace("<svg ", f"<svg {label} ", 1))  # noqa: S704 - segno made it
