"""The tools of those who build the portal. None of these exists in production."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from web.development import codes, gallery_pages, live_reload, mailbox, reset, time_travel, tools

routes: list[BaseRoute] = [
    Route("/_dev", tools.Tools, name="development:tools"),
    Route("/_dev/andringar", live_reload.answer, name="development:changes"),
    Route("/_dev/mejl", mailbox.Mailbox, name="development:mailbox"),
    Route("/_dev/mejl/{id:int}", mailbox.Mail, name="development:mail"),
    Route("/_dev/mejl/{id:int}/html", mailbox.MailBody, name="development:mail_body"),
    Route("/_dev/koder", codes.Codes, name="development:codes"),
    Route("/_dev/klocka", time_travel.Clock, name="development:clock"),
    Route("/_dev/aterstall", reset.Reset, name="development:reset"),
    Route("/_galleri", gallery_pages.Overview, name="gallery"),
    Route("/_galleri/verktyg/axe.js", gallery_pages.Axe, name="gallery:axe"),
    Route("/_galleri/verktyg/css/{path:path}", gallery_pages.ForcedStyle, name="gallery:style"),
    Route("/_galleri/{name:path}/sida", gallery_pages.Bare, name="gallery:bare"),
    Route("/_galleri/{name:path}", gallery_pages.Viewer, name="gallery:state"),
]
