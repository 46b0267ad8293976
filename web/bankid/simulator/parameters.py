"""What a relying party may send, checked as strictly as BankID does, and typing errors caught."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

from web.bankid.simulator.persons import is_personal_number
from web.bankid.simulator.refusals import InvalidParameters

Check = Callable[[Any], bool]

# What a relying party may ask of the certificate: BankID's production and test policies.
POLICIES = {
    *("1.2.752.78.1.1", "1.2.752.78.1.2", "1.2.752.78.1.5"),  # on file, on card, mobile
    *("1.2.3.4.5", "1.2.3.4.10", "1.2.3.4.25", "1.2.752.60.1.6"),
}


def checked(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body of a call that opens an order. Raises InvalidParameters."""
    by_phone = kind.startswith("phone/")
    fields = _phone_fields(kind) if by_phone else _browser_fields(kind)
    needed = ["personalNumber", "callInitiator"] if by_phone else ["endUserIp"]
    if kind.endswith("sign"):
        needed.append("userVisibleData")
    _check("", body, fields, needed)
    if "requirement" in body:
        members = dict(_REQUIREMENT)
        if by_phone:
            del members["personalNumber"]  # stands above already
        _check("requirement.", body["requirement"], members)
    if "web" in body and "app" in body:
        raise InvalidParameters("Either web or app, not both")
    for name, members in (("web", _WEB), ("app", _APP)):
        if name in body:
            _check(f"{name}.", body[name], members)
            if not body[name]:
                raise InvalidParameters(f"No member in {name}")
    return body


def order_reference(body: dict[str, Any]) -> str:
    """The body of `collect` and `cancel`. Raises InvalidParameters."""
    _check("", body, {"orderRef": _text(1, 100)}, ["orderRef"])
    reference: str = body["orderRef"]
    return reference


def _check(
    prefix: str, given: Any, members: Mapping[str, Check], needed: list[str] | None = None
) -> None:
    if not isinstance(given, dict):
        raise InvalidParameters(f"Not an object: {prefix.rstrip('.')}")
    for name in given:
        if name not in members:
            raise InvalidParameters(f"Unknown parameter {prefix}{name}")
    for name in needed or ():
        if name not in given:
            raise InvalidParameters(f"Missing parameter {prefix}{name}")
    for name, value in given.items():
        if not members[name](value):
            raise InvalidParameters(f"Incorrect parameter {prefix}{name}")


def _browser_fields(kind: str) -> dict[str, Check]:
    return {
        "endUserIp": _is_address,
        "returnUrl": _text(1, 512),
        "returnRisk": _is_boolean,
        "web": _anything,
        "app": _anything,
        **_shared_fields(kind),
    }


def _phone_fields(kind: str) -> dict[str, Check]:
    return {
        "personalNumber": _is_personal_number,
        "callInitiator": _one_of("user", "RP"),
        **_shared_fields(kind),
    }


def _shared_fields(kind: str) -> dict[str, Check]:
    signs = kind.endswith("sign")
    return {
        "userVisibleData": _encoded(40_000 if signs else 1_500, as_text=True),
        "userVisibleDataFormat": _one_of("simpleMarkdownV1"),
        "userNonVisibleData": _encoded(200_000 if signs else 1_500),
        "requirement": _anything,
    }


def _text(shortest: int, longest: int, pattern: str = r"[^\x00-\x1f\x7f]*") -> Check:
    whole = re.compile(pattern)
    return lambda value: (
        isinstance(value, str)
        and shortest <= len(value) <= longest
        and bool(whole.fullmatch(value))
    )


def _encoded(longest: int, *, as_text: bool = False) -> Check:
    """Base64 of at most this many characters; `as_text`: of UTF-8."""

    def is_right(value: Any) -> bool:
        if not isinstance(value, str) or not 1 <= len(value) <= longest:
            return False
        try:
            decoded = b64decode(value, validate=True)
            if as_text:
                decoded.decode()
        except (NotBase64, ValueError):  # ASCII and UTF-8 errors are ValueErrors
            return False
        return True

    return is_right


def _one_of(*values: str) -> Check:
    return lambda value: isinstance(value, str) and value in values


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_address(value: Any) -> bool:
    if not isinstance(value, str) or "%" in value:  # a zone means something on one machine only
        return False
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _is_personal_number(value: Any) -> bool:
    return isinstance(value, str) and is_personal_number(value)


def _are_policies(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_policy(one) for one in value)


def _is_policy(value: Any) -> bool:
    return isinstance(value, str) and value in POLICIES


def _anything(value: Any) -> bool:
    """Its members are checked one by one."""
    return True


_REQUIREMENT: dict[str, Check] = {
    "certificatePolicies": _are_policies,
    "pinCode": _is_boolean,
    "mrtd": _is_boolean,
    "personalNumber": _is_personal_number,
    "cardReader": _one_of("class1", "class2"),
    "risk": _one_of("low", "moderate"),
}
_WEB: dict[str, Check] = {
    "referringDomain": _text(3, 253, r"[a-z0-9.-]+"),
    "userAgent": _text(1, 256),
    "deviceIdentifier": _text(1, 64),
}
_APP: dict[str, Check] = {
    "appIdentifier": _text(1, 253),
    "deviceOS": _text(1, 64),
    "deviceModelName": _text(1, 64),
    "deviceIdentifier": _text(1, 64),
}
