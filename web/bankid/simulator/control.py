"""The control page, which plays the phone, and the app that a start link opens on this device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from web import rendering
from web.bankid.simulator import faults, orders, persons, twin
from web.bankid.simulator.intention import intention
from web.bankid.simulator.persons import Person
from web.bankid.simulator.refusals import Refused
from web.bankid.simulator.state import RISKS, State
from web.settings import Settings

# The steps of the clock: past the start limit, and past the time that the user has.
STEPS = (31, 181)  # seconds


def control_app(state: State) -> Starlette:
    """For the browser, mounted in the portal or alone; its style is the portal's /static."""
    app = Starlette(
        routes=[
            Route("/", _Overview.page, name="overview"),
            Route("/ordrar/efter/{version}", _Overview.orders, name="orders"),
            Route("/anrop", _Overview.log, name="log"),
            Route("/skanna", _post(_scan), methods=["POST"], name="scan"),
            Route("/ordrar/{ref}", _post(_act), methods=["POST"], name="order"),
            Route("/telefon", _post(_set_phone), methods=["POST"], name="phone"),
            Route("/fel", _post(_add_fault), methods=["POST"], name="faults"),
            Route("/klocka", _post(_forward), methods=["POST"], name="clock"),
            Route("/nollstall", _post(_reset), methods=["POST"], name="reset"),
            Route("/app", _app_page, name="app"),
            Route("/app", _app_answer, methods=["POST"], name="app_answer"),
            Route("/app/{ref}", _app_done, name="app_done"),
            *twin.routes,
        ]
    )
    app.state.simulator = state
    # The portal's own environment, so that a page looks alike in both homes; no setting shows.
    app.state.templates = rendering.environment(Settings())
    return app


class _Overview:
    @staticmethod
    async def page(request: Request) -> Response:
        return _overview(request)

    @staticmethod
    async def orders(request: Request) -> Response:
        """For htmx, which leaves the forms alone while nothing happens."""
        if request.path_params["version"] == _state(request).version:
            return Response(status_code=204)
        return _show(request, "development/bankid/_orders.html")

    @staticmethod
    async def log(request: Request) -> Response:
        return _show(request, "development/bankid/_log.html")


def _overview(request: Request, refused: Refused | None = None) -> Response:
    context = {
        "refused": refused,
        "risks": RISKS,
        "endpoints": (*faults.ENDPOINTS, faults.ANY),
        "error_codes": faults.ERROR_CODES,
        "steps": STEPS,
    }
    return _show(request, "development/bankid/overview.html", context, 422 if refused else 200)


Act = Callable[[State, FormData, Request], object]


def _post(act: Act) -> Callable[..., Any]:
    """A form of the control page: 303 back to it, or 422 with what was refused."""

    async def page(request: Request) -> Response:
        try:
            act(_state(request), await request.form(), request)
        except Refused as refused:
            return _overview(request, refused)
        return RedirectResponse(_link(request, "overview"), 303)

    return page


def _scan(state: State, form: FormData, request: Request) -> None:
    action = form.get("action")
    # Before anything is opened: a QR code is good for one start.
    person = _person(form) if action == "answer" else None
    content = _text(form, "content")
    order = state.scan(content) if content else state.scan_latest()
    if person:
        state.last_chosen = _text(form, "person")
        state.answer(order.ref, person)


def _act(state: State, form: FormData, request: Request) -> None:
    ref, action = request.path_params["ref"], _text(form, "action")
    if action in ("answer", "choose"):
        person = _person(form)
        state.last_chosen = _text(form, "person")
        (state.answer if action == "answer" else state.choose)(ref, person)
    elif action == "start":
        state.start(ref)
    elif action == "confirm":
        state.confirm(ref)
    elif action == "hint" and form.get("hint") in orders.PENDING_HINTS:
        state.show(ref, _text(form, "hint"))
    else:
        # The three that are asked for most have buttons of their own.
        state.fail(ref, _text(form, "hint") if action == "hint" else action)


def _set_phone(state: State, form: FormData, request: Request) -> None:
    state.set_phone(risk=_text(form, "risk"), address=_text(form, "address"))


def _add_fault(state: State, form: FormData, request: Request) -> None:
    fault = _text(form, "fault")
    body: dict[str, Any] = {"endpoint": _text(form, "endpoint")}
    if fault in faults.KINDS:
        body |= {"kind": fault, "seconds": 10 if fault == "slow" else 0}
    elif fault in faults.ERROR_CODES:
        body["errorCode"] = fault
    else:
        raise Refused("bad_fault")
    state.faults.append(faults.Fault.read(body))


def _forward(state: State, form: FormData, request: Request) -> None:
    step = _text(form, "step")
    if step not in map(str, STEPS):
        raise Refused("bad_step")
    state.forward(int(step))


def _reset(state: State, form: FormData, request: Request) -> None:
    state.reset()


# The app on the same device


async def _app_page(request: Request) -> Response:
    return _app(request, request.query_params.get("autostarttoken", ""))


async def _app_answer(request: Request) -> Response:
    state, form = _state(request), await request.form()
    token = _text(form, "autostarttoken")
    try:
        # Who it is first: the app opens an order only once.
        person = _person(form) if form.get("action") == "answer" else None
        order = state.autostart(token)
        if person:
            state.last_chosen = _text(form, "person")
            state.answer(order.ref, person)
        else:
            state.fail(order.ref, "userCancel")
    except Refused as refused:
        return _app(request, token, refused)
    return RedirectResponse(_link(request, "app_done", ref=order.ref), 303)


async def _app_done(request: Request) -> Response:
    try:
        order = _state(request).order(request.path_params["ref"])
    except Refused as refused:
        return _app(request, "", refused)
    context = {"order": order, "way_back": _way_back(order)}
    return _show(request, "development/bankid/app_done.html", context)


def _app(request: Request, token: str, refused: Refused | None = None) -> Response:
    """The order that the start link leads to; opened by the answer and not by looking at it."""
    order = None
    try:
        order = _state(request).autostarted(token)
        if not order.is_pending:
            raise Refused("ended")
        if order.started_at:
            raise Refused("already_started")
    except Refused as reason:
        order, refused = None, refused or reason
    context = {"order": order, "token": token, "refused": refused}
    return _show(request, "development/bankid/app.html", context, 422 if refused else 200)


def _way_back(order: orders.Order) -> str:
    """The relying party's page, which the app opens by itself; empty if it named none."""
    url: str = order.parameters.get("returnUrl", "")
    return url if url.startswith(("https://", "http://")) else ""


def _person(form: FormData) -> Person:
    return persons.chosen(_text(form, "person"), _text(form, "name"), _text(form, "number"))


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()


def _state(request: Request) -> State:
    simulator: State = request.app.state.simulator
    return simulator


def _show(
    request: Request, template: str, context: dict[str, Any] | None = None, status_code: int = 200
) -> Response:
    html = request.app.state.templates.get_template(template).render(
        {
            "simulator": _state(request),
            "link": lambda name, **params: _link(request, name, **params),
            "path": request.url.path,
            "intention": intention,
            "persons": persons.PERSONS,
            "other": persons.OTHER,
            "pending_hints": orders.PENDING_HINTS,
            "failed_hints": orders.FAILED_HINTS,
            **(context or {}),
        }
    )
    headers = {"Cache-Control": "no-store"}
    return Response(html, status_code, headers, media_type="text/html")


def _link(request: Request, name: str, **params: Any) -> str:
    # `url_path_for` alone knows nothing of where this app is mounted.
    return f"{request.scope.get('root_path', '')}{request.app.url_path_for(name, **params)}"
