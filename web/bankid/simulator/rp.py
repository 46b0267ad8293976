"""BankID's RP API v6.0 under /rp/v6.0/, as the simulator answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from web.bankid.simulator import parameters
from web.bankid.simulator.faults import ENDPOINTS, Fault
from web.bankid.simulator.orders import Order
from web.bankid.simulator.refusals import ApiError, InvalidParameters
from web.bankid.simulator.state import Logged, State

Body = dict[str, Any]

_ROOT = "rp/v6.0/"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_LIMITED = {"RateLimit-Limit": "10", "RateLimit-Remaining": "0", "RateLimit-Reset": "1"}


def rp_app(state: State) -> Starlette:
    """The API, for whoever calls it over TLS or in the same process."""
    return Starlette(routes=[Route("/{path:path}", _Call(state).answer, methods=_METHODS)])


class _Call:
    """Every call comes here, a wrong one too, so that all are in the log."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.handlers: dict[str, Callable[[Body], Body]] = {
            "auth": lambda body: self._open("auth", body),
            "sign": lambda body: self._open("sign", body),
            "phone/auth": lambda body: self._open("phone/auth", body),
            "phone/sign": lambda body: self._open("phone/sign", body),
            "collect": lambda body: self.state.collect(parameters.order_reference(body)),
            "cancel": self._cancel,
        }

    async def answer(self, request: Request) -> Response:
        try:
            endpoint = _endpoint(request)
            fault = self.state.take_fault(endpoint)
            failed = await _failed(request, fault) if fault else None
            if fault and failed:
                told = fault.error_code if fault.kind == "error" else fault.kind
                self._log(request, 0 if fault.kind == "silent" else failed.status_code, told)
                return failed
            answer = self.handlers[endpoint](await _body(request))
        except ApiError as error:
            self._log(request, error.status, f"{error.code}: {error.details}")
            return _error(error.status, error.code, error.details)
        self._log(request, 200, answer.get("hintCode") or answer.get("status", ""), answer)
        return JSONResponse(answer)

    def _open(self, kind: str, body: Body) -> Body:
        return _opened(self.state.open(kind, parameters.checked(kind, body)))

    def _cancel(self, body: Body) -> Body:
        self.state.cancel(parameters.order_reference(body))
        return {}

    def _log(self, request: Request, status: int, told: str, answer: Body | None = None) -> None:
        ref = (answer or {}).get("orderRef", "")
        path = request.url.path
        self.state.log.append(Logged(self.state.now, request.method, path, status, told, ref))


def _endpoint(request: Request) -> str:
    endpoint: str = request.path_params["path"].removeprefix(_ROOT)
    if endpoint not in ENDPOINTS or not request.path_params["path"].startswith(_ROOT):
        raise ApiError(404, "notFound", "No such path")
    if request.method != "POST":
        raise ApiError(405, "methodNotAllowed", "Only POST is allowed")
    return endpoint


async def _body(request: Request) -> Body:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "unsupportedMediaType", "Only application/json is understood")
    try:
        body = await request.json()
    except ValueError:
        raise InvalidParameters("The body is no JSON") from None
    if not isinstance(body, dict):
        raise InvalidParameters("The body is no object")
    return body


def _opened(order: Order) -> Body:
    if order.by_phone:
        return {"orderRef": order.ref}
    return {
        "orderRef": order.ref,
        "autoStartToken": order.auto_start_token,
        "qrStartToken": order.qr_start_token,
        "qrStartSecret": order.qr_start_secret,
    }


async def _failed(request: Request, fault: Fault) -> Response | None:
    """What the fault makes of the call; None if the call is answered as usual, only later."""
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        return None
    if fault.kind == "silent":
        await _gone(request)
        return Response(status_code=408)  # nobody is there to read it
    if fault.kind == "html":
        return HTMLResponse("<!doctype html><title>Bad Gateway</title>", fault.status)
    return _error(fault.status, fault.error_code, "A fault that was asked for")


async def _gone(request: Request) -> None:
    """Until whoever asked has hung up."""
    try:
        await request.body()
    except ClientDisconnect:
        return
    while (await request.receive())["type"] != "http.disconnect":
        continue


def _error(status: int, code: str, details: str) -> Response:
    headers = _LIMITED if status == 429 else None
    return JSONResponse({"errorCode": code, "details": details}, status, headers)
