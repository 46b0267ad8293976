"""The page that waits for BankID's app, what refreshes it, and the ways out of it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from models.bankid_flow import CANCELLED, OTHER_BROWSER, BankIDFlow, Intent
from web import cookies
from web.bankid import orders, view
from web.bankid.start import OTHER, SAME, begin
from web.forms import Form, text
from web.middleware.headers import CONTENT_SECURITY_POLICY
from web.pages import Page
from web.rendering import SeeOther, redirect, render

FRAMING = CONTENT_SECURITY_POLICY + "; frame-src 'self'"
FRAMED = CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
# Seconds that a poll waits for BankID: the next one comes after its answer, and the app takes a QR
# code for five.
PATIENCE = 0.7


class Flow(Page):
    """Starts the app, or shows the QR code; on from here by itself once the person is proven."""

    async def get(self, request: Request) -> Response:
        flow = await found(request)
        await orders.follow(request, flow)
        if flow.is_complete and not view.is_over(flow):
            return redirect(request, "bankid:finish", public_id=flow.public_id)
        if flow.used_at and request.state.identity:  # Back, after the login
            return redirect(request, "login")
        response = render(
            request, "bankid/flow.html", {"view": view.of(request, flow)}, secret=True
        )
        response.headers["Content-Security-Policy"] = FRAMING
        response.headers["Cache-Control"] = "no-store"
        return response


class Status(Page):
    """What htmx asks for each second: the next QR code, and a sentence when it is another one."""

    async def get(self, request: Request) -> Response:
        flow = await found(request)
        await orders.follow(request, flow, PATIENCE)
        if flow.is_complete and (flow.used_at or not view.is_over(flow)):
            # Used up in another tab? From there the way leads on, too.
            path = request.app.url_path_for("bankid:finish", public_id=flow.public_id)
            return Response(headers={"HX-Redirect": path, "Cache-Control": "no-store"})
        shown, seen = view.of(request, flow), request.query_params.get("seen", "")
        whole, is_told = shown.has_changed_phase(seen), shown.has_another_sentence(seen)
        context = {"view": shown, "whole": whole, "is_told": is_told}
        response = render(request, "bankid/_status.html", context, secret=True)
        if whole:
            response.headers.update({"HX-Retarget": "#bankid-phase", "HX-Reswap": "outerHTML"})
        response.headers["Cache-Control"] = "no-store"
        return response


class Frame(Page):
    """The QR code alone, in a frame that loads itself anew each second: without JavaScript."""

    async def get(self, request: Request) -> Response:
        try:
            flow = await found(request)
        except SeeOther:  # the frame stays as it is: it is the page around it that leads on
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        await orders.follow(request, flow, PATIENCE)
        context = {"view": view.of(request, flow)}
        response = render(request, "bankid/frame.html", context, secret=True)
        response.headers["Content-Security-Policy"] = FRAMED
        response.headers["Cache-Control"] = "no-store"
        return response


class Return(Page):
    """Where BankID's app brings the user back to.

    Only the browser that began it goes on: somebody who was sent a link to start the app would
    else prove who they are for a stranger, whose page waits (session fixation).
    """

    async def get(self, request: Request) -> Response:
        public_id, nonce = request.query_params.get("f", ""), request.query_params.get("n", "")
        flow = await BankIDFlow.named(public_id)
        if flow is None:
            raise HTTPException(404)
        own = await BankIDFlow.find(public_id, cookies.get(request, "bankid"))
        used_before = flow.nonce_hash == ""
        if own and (used_before or await own.returns(nonce)):
            return redirect(request, "bankid:flow", public_id=public_id)
        await _end(request, flow, OTHER_BROWSER)
        context = {"is_login": flow.intent is Intent.LOGIN}
        return render(request, "bankid/other_browser.html", context, status_code=403, secret=True)


class Cancel(Page):
    """Avbryt: the app stops, too, and the tab and where one was going are as before."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "bankid:flow", public_id=request.path_params["public_id"])

    async def post(self, request: Request) -> Response:
        flow = await found(request)
        await _end(request, flow, CANCELLED)
        return redirect(request, view.way_back(request, flow))


@dataclass
class AgainForm(Form):
    device: str = text(10)


class Again(Page):
    """Försök igen, Visa ny QR-kod, or on the other device: a new identification for the same."""

    async def get(self, request: Request) -> Response:
        return redirect(request, "bankid:flow", public_id=request.path_params["public_id"])

    async def post(self, request: Request) -> Response:
        flow, form = await found(request), await AgainForm.read(request)
        device = form.device if form.device in (SAME, OTHER) else ""
        return await begin(request, flow.intent, device, flow.next_path)


async def found(request: Request) -> BankIDFlow:
    """The identification of this URL, if this browser, and this session, began it.

    Raises 404, or SeeOther: home, for who is signed in. One that goes on for somebody else than
    who asks ends: it would log them out, as another person perhaps.
    """
    identity, token = request.state.identity, cookies.get(request, "bankid")
    flow = await BankIDFlow.find(request.path_params["public_id"], token)
    if flow and flow.is_of(identity):
        return flow
    if identity is None:
        raise HTTPException(404)
    if flow:
        await _end(request, flow, CANCELLED)
    raise SeeOther("home", whole_page=True)


async def _end(request: Request, flow: BankIDFlow, hint: str) -> None:
    """It fails here, and the app stops."""
    order = flow.order
    if await flow.fail(hint):
        await orders.cancel(request, order)
