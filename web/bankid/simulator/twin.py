"""The control page's JSON twin, for tests that play the phone.

Answered: 200, or 404 for an order that does not exist, 400 for a body that is wrong and 409 for
what the phone cannot do, each with `{"error": reason}`, one of refusals.SENTENCES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from web.bankid.simulator import persons
from web.bankid.simulator.faults import Fault
from web.bankid.simulator.orders import Order
from web.bankid.simulator.persons import Person
from web.bankid.simulator.refusals import Refused
from web.bankid.simulator.state import State

Body = dict[str, Any]


async def _overview(request: Request) -> Response:
    return JSONResponse(_told(_state(request)))


async def _log(request: Request) -> Response:
    logged = [{**asdict(line), "at": line.at.isoformat()} for line in _state(request).log]
    return JSONResponse({"log": logged})


def _post(act: Callable[[State, Body, Request], Body]) -> Callable[..., Any]:
    async def answer(request: Request) -> Response:
        try:
            body = await request.json() if await request.body() else {}
        except ValueError:
            return JSONResponse({"error": "no_json"}, 400)
        if not isinstance(body, dict):
            return JSONResponse({"error": "no_object"}, 400)
        try:
            return JSONResponse(act(_state(request), body, request))
        except Refused as refused:
            status = 404 if refused.reason == "unknown_order" else 409
            status = 400 if refused.reason.startswith("bad_") else status
            return JSONResponse({"error": refused.reason}, status)

    return answer


def _scan(state: State, body: Body, request: Request) -> Body:
    """`{"content": "bankid.…"}`, or `{}` for the QR code that is shown right now."""
    content = _text(body, "content")
    return _order(state, state.scan(content) if content else state.scan_latest())


def _autostart(state: State, body: Body, request: Request) -> Body:
    """`{"token": "…"}`."""
    return _order(state, state.autostart(_text(body, "token")))


def _act(state: State, body: Body, request: Request) -> Body:
    """start, choose, confirm, answer (these three at once), fail, show.

    `{"person": "anna"}`, or `{"person": "annan", "name": "…", "personalNumber": "…"}`, goes with
    choose and answer; `{"hint": "…"}` with fail and show.
    """
    ref, hint = request.path_params["ref"], _text(body, "hint")
    actions: dict[str, Callable[[], Order]] = {
        "start": lambda: state.start(ref),
        "choose": lambda: state.choose(ref, _person(body)),
        "confirm": lambda: state.confirm(ref),
        "answer": lambda: state.answer(ref, _person(body)),
        "fail": lambda: state.fail(ref, hint),
        "show": lambda: state.show(ref, hint),
    }
    action = actions.get(request.path_params["action"])
    if not action:
        raise Refused("bad_action")
    return _order(state, action())


def _add_fault(state: State, body: Body, request: Request) -> Body:
    """`{"endpoint": "collect", "status": 503, "errorCode": "maintenance"}`; `Fault.read`."""
    state.faults.append(Fault.read(body))
    return _told(state)


def _set_phone(state: State, body: Body, request: Request) -> Body:
    """`{"risk": "low", "ip": "198.51.100.4"}`, either or both; "" for none."""
    risk = _text(body, "risk") if "risk" in body else None
    state.set_phone(risk=risk, address=_text(body, "ip") if "ip" in body else None)
    return _told(state)


def _forward(state: State, body: Body, request: Request) -> Body:
    """`{"seconds": 31}`, on top of what the clock was moved before."""
    seconds = body.get("seconds")
    if not isinstance(seconds, (int, float)) or abs(seconds) > 1e9:
        raise Refused("bad_step")
    state.forward(seconds)
    return _told(state)


def _reset(state: State, body: Body, request: Request) -> Body:
    state.reset()
    return _told(state)


def _person(body: Body) -> Person:
    name, number = _text(body, "name"), _text(body, "personalNumber")
    return persons.chosen(_text(body, "person"), name, number)


def _text(body: Body, name: str) -> str:
    return str(body.get(name, ""))


def _told(state: State) -> Body:
    return {
        "orders": [_order(state, order) for order in state.orders],
        "risk": state.risk,
        "ip": state.address,
        "ahead": state.ahead.total_seconds(),
        "faults": [fault.text for fault in state.faults],
    }


def _order(state: State, order: Order) -> Body:
    """All there is to know of an order, its secrets too: they are nobody's."""
    return {
        "orderRef": order.ref,
        "kind": order.kind,
        "status": order.status,
        "hintCode": order.hint,
        "startedBy": order.started_by,
        "person": order.person.number if order.person else None,
        "collects": order.collects,
        "answered": order.answered,
        "autoStartToken": order.auto_start_token,
        "qr": None if order.by_phone else order.qr_content(state.now),
        "parameters": order.parameters,
    }


def _state(request: Request) -> State:
    state: State = request.app.state.simulator
    return state


routes = [
    Route("/api/orders", _overview),
    Route("/api/log", _log),
    Route("/api/orders/{ref}/{action}", _post(_act), methods=["POST"]),
    Route("/api/scan", _post(_scan), methods=["POST"]),
    Route("/api/autostart", _post(_autostart), methods=["POST"]),
    Route("/api/faults", _post(_add_fault), methods=["POST"]),
    Route("/api/phone", _post(_set_phone), methods=["POST"]),
    Route("/api/clock", _post(_forward), methods=["POST"]),
    Route("/api/reset", _post(_reset), methods=["POST"]),
]
