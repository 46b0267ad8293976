"""The application: routes, what every request passes, and what lives as long as the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from models import databases, keys
from web import customer_pages, errors, rendering
from web.bankid import certificate
from web.bankid import service as bankid
from web.jobs.certificate import CertificateWorker
from web.jobs.mail import MailWorker
from web.jobs.reminders import ReminderWorker
from web.jobs.retention import RetentionWorker
from web.jobs.worker import Worker
from web.mail import Composer
from web.middleware.body import Body
from web.middleware.failures import Failures
from web.middleware.headers import Headers
from web.middleware.host import Host
from web.middleware.origin import Origin
from web.middleware.proxy import Proxy
from web.middleware.request_id import RequestId
from web.routes import routes_for
from web.settings import Settings


def create_app(settings: Settings) -> Starlette:
    """The portal with these settings. Its lifespan opens the database and sends the mail."""
    keys.use(settings.secret_keys, settings.pepper)
    routes = routes_for(settings)
    customer_pages.check(routes)
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(RequestId),
            Middleware(Headers, https=settings.https),
            Middleware(Failures),
            Middleware(Proxy, trusted=settings.trusted_proxies),
            Middleware(Host, settings=settings),
            Middleware(Body),
            Middleware(Origin, base_url=settings.base_url),
        ],
        exception_handlers={HTTPException: errors.response_to},
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.bankid = bankid.reach(settings, app)
    app.state.templates = rendering.environment(settings)
    app.state.composer = Composer(settings, app.state.templates, app.url_path_for)
    app.state.mail_worker = MailWorker(settings, app.state.composer)
    app.state.bankid_until = (
        certificate.expires(settings.bankid_cert_file) if settings.calls_bankid else None
    )
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    await databases.open(app.state.settings.database_url)
    workers: list[Worker] = [app.state.mail_worker, RetentionWorker(), ReminderWorker()]
    if app.state.bankid_until:
        workers.append(CertificateWorker(app.state.bankid_until))
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        if app.state.bankid:
            await app.state.bankid.close()
        for worker in workers:
            await worker.stop()
        await databases.close()


def from_env() -> Starlette:
    """For `uvicorn --factory web.app:from_env`."""
    return create_app(Settings.from_env())
