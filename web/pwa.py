"""MinaSidor on a phone's home screen: how it looks there, and its page for no connection."""

from __future__ import annotations

import hashlib
import json
import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from web import sessions
from web.bankid.launch import Browser, Launch
from web.rendering import NOTHING_KNOWN, static
from web.settings import ROOT

_WORKER = ROOT / "static" / "js" / "worker.js"
# A manifest knows one theme and no variables: the light values stand first.
_COLOURS = re.findall(
    r"--([\w-]+): (#[0-9a-f]+);", (ROOT / "static" / "css" / "tokens.css").read_text()
)
_LIGHT = dict(reversed(_COLOURS))
_ICONS = {  # a launcher may cut the last one to any shape: its mark stands within the inner 80 %
    "pwa/icon-192.png": ("192x192", "any"),
    "pwa/icon-512.png": ("512x512", "any"),
    "pwa/maskable-512.png": ("512x512", "maskable"),
}
# What a page is made of, by its head.
_PARTS = re.compile(r'<link rel="(?:stylesheet|icon|preload)" href="([^"]+)"')
_PHONES = {
    Browser.IOS_SAFARI: "ios",
    Browser.IOS_CHROME: "ios",
    Browser.IOS_FIREFOX: "ios",
    Browser.ANDROID_CHROME: "android",
    Browser.ANDROID_OTHER: "android",
}


def phone(request: Request) -> str | None:
    """'ios' or 'android', whose words the home screen is told of in; else None."""
    return _PHONES.get(Launch.of(sessions.client(request).user_agent).browser)


async def manifest(request: Request) -> Response:
    """/manifest.webmanifest: how it is called, looks and starts on the home screen."""
    described = {
        "id": "/",
        "name": "MinaSidor",
        "short_name": "MinaSidor",
        "lang": "sv",
        "start_url": "/?kalla=app",
        "scope": "/",
        "display": "standalone",
        "theme_color": _LIGHT["surface"],  # the header's
        "background_color": _LIGHT["background"],
        "icons": [
            {"src": static(path), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for path, (sizes, purpose) in _ICONS.items()
        ],
        "shortcuts": [
            {"name": "Byt kund", "url": request.app.url_path_for("customer_accounts:switch")}
        ],
    }
    headers = {"Cache-Control": "no-cache"}
    return JSONResponse(described, headers=headers, media_type="application/manifest+json")


async def worker(request: Request) -> Response:
    """/sw.js: what the browser runs beside the pages. It is another one when what it keeps is."""
    page = _offline(request)
    kept = {
        "version": hashlib.sha256(page.encode()).hexdigest()[:10],
        "page": request.app.url_path_for("pwa:offline"),
        "parts": _PARTS.findall(page),
    }
    script = f"const KEPT = {json.dumps(kept)};\n{_WORKER.read_text()}"
    headers = {"Cache-Control": "no-cache"}
    return Response(script, headers=headers, media_type="text/javascript")


async def offline(request: Request) -> Response:
    """/offline: the page that the worker keeps."""
    return HTMLResponse(_offline(request), headers={"Cache-Control": "no-cache"})


def _offline(request: Request) -> str:
    """The same for all: no cookie is read, so that nothing of anybody's is kept."""
    context = {"request": request, "layout": "layouts/page.html", **NOTHING_KNOWN}
    html: str = request.app.state.templates.get_template("pwa/offline.html").render(context)
    return html
