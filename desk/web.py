"""The web page of an installation: status, health, metrics, unsubscribing and the callbacks of WebSub hubs.

It owns routes and what every answer carries; what is shown, asked or done is decided in the modules that it calls.
"""

import os
import pathlib
import threading
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.middleware.trustedhost import TrustedHostMiddleware

from copytaster import heartbeat
from copytaster.config import Config
from copytaster.errors import CopytasterError
from desk import callbacks, glance, health, pulse
from desk.asking import in_turn
from desk.folding import fold
from desk.limiting import Limiter
from desk.own_processes import OwnProcesses
from desk.serving import Web

PAGES = pathlib.Path(__file__).parent / "pages"
REFRESH_SECONDS = 15
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]")


def make_app(web: Web) -> FastAPI:
    """The application; it connects to nothing before it is asked."""
    app = FastAPI(title="copytaster", docs_url=None, redoc_url=None, openapi_url=None)
    _add_health(app, web)
    _add_metrics(app, web)
    _add_status(app, web)
    callbacks.add(app, web)
    pulse.add(app, web)
    if web.config.web.requests_per_minute:
        _add_limit(app, web)
    app.middleware("http")(_with_headers)
    if hosts := allowed_hosts(web.config):
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    app.add_exception_handler(CopytasterError, lambda _request, error: _away(web, error))
    return app


def allowed_hosts(config: Config) -> list[str]:
    """On loopback only our own names: else any web site could have a browser on this machine read the page (DNS rebinding)."""
    if config.web.host not in LOOPBACK:
        return []
    named = (urlsplit(url).hostname for url in (config.web.public_url, config.heartbeat.url))
    return [*LOOPBACK, *(name for name in named if name)]


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    answer = await call_next(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


def _add_limit(app: FastAPI, web: Web) -> None:
    limiter = Limiter(web.config.web.requests_per_minute)

    @app.middleware("http")
    async def limited(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if wait := limiter.wait_seconds(request):
            text = f"Too many requests came from your address: come back in {wait} seconds."
            return PlainTextResponse(text, 429, {"retry-after": str(wait), "cache-control": "no-store"})
        return await call_next(request)


def _away(web: Web, error: Exception) -> Response:
    return web.page("message.html", 503, title="Not now", text=str(error))


def _add_health(app: FastAPI, web: Web) -> None:
    """Neither takes one of the threads that pages are made in: those may all wait for a store that hangs."""
    own_threads = CapacityLimiter(4)

    @app.api_route("/health/live", methods=["GET", "HEAD"])
    async def live() -> Response:
        return JSONResponse({"live": True}, headers={"cache-control": "no-store"})

    @app.api_route("/health/ready", methods=["GET", "HEAD"])
    async def ready() -> Response:
        wrong = await to_thread.run_sync(web.readiness.check, limiter=own_threads)
        checks = {name: why or "ok" for name, why in wrong.items()}
        well = not any(why for name, why in wrong.items() if name not in health.TOLD_ONLY)
        return JSONResponse({"ready": well, "checks": checks}, 200 if well else 503, {"cache-control": "no-store"})


def _add_metrics(app: FastAPI, web: Web) -> None:
    one_at_a_time = threading.Lock()

    @app.get("/metrics")
    def metrics() -> Response:
        with one_at_a_time:
            moved = generate_latest(_moved_registry())
        asked = generate_latest(web.exporter.registry()) + generate_latest(OwnProcesses("web").registry())
        return Response(moved + asked, headers={"cache-control": "no-store"}, media_type=CONTENT_TYPE_LATEST)


def _moved_registry() -> CollectorRegistry:
    """Counters and histograms: of all processes that share a folder for them, or of this one alone."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder is None:
        return REGISTRY
    fold(pathlib.Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _add_status(app: FastAPI, web: Web) -> None:
    @app.get("/")
    def status() -> Response:
        seen = glance.look(web.store)
        depths = web.exporter.read().get("copytaster_queue_depth")
        hints = {labels[0]: int(depth) for labels, depth in depths} if depths is not None else None
        age, every = seen.heartbeat_seconds, web.config.heartbeat.every_seconds
        late = age is not None and heartbeat.is_late(age, every)
        return web.page("status.html", seen=seen, hints=hints, heartbeat_late=late, refresh_seconds=REFRESH_SECONDS)

    @app.get("/style.css")
    def style() -> Response:
        return Response((PAGES / "style.css").read_bytes(), media_type="text/css", headers={"cache-control": "max-age=300"})

    @app.get("/robots.txt")
    def robots() -> Response:
        return PlainTextResponse("User-agent: *\nDisallow: /\n")


def serve(config: Config) -> None:
    """Runs until SIGTERM or Ctrl-C; what is being answered is answered first."""
    import uvicorn

    from workers.app import Hints
    from workers.bootstrap import open_probe, open_store_at_once, server_secret

    store = open_store_at_once(config)
    web = Web(config, store, in_turn(Hints(config).depth), server_secret(config), open_probe(config))
    settings = uvicorn.Config(
        make_app(web),
        host=config.web.host,
        port=config.web.port,
        forwarded_allow_ips=list(config.web.trusted_proxies),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        lifespan="off",
    )
    try:
        uvicorn.Server(settings).run()
    finally:
        store.close()
