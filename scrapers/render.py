"""Rendering pages that need JavaScript, through Playwright (an optional extra). It owns the browser's settings and bounds.

Every connection of the browser goes through `gate`, or through the source's own proxy where it has one.
"""

import importlib.util
import os
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from copytaster.config import Config
from copytaster.errors import Rejected
from copytaster.guard import Guard
from copytaster.news import Source
from copytaster.urls import host_of
from scrapers.download import GuardedDownloadHandler, check_literal
from scrapers.gate import Gate
from scrapers.proxies import split_proxy

BROWSER_PAGES = 2  # at once; each takes about 100 MB
SETTLE_MILLISECONDS = 3_000  # for scripts to have written the page, once it is loaded
_NOT_NEEDED = frozenset({"image", "font", "media", "websocket", "eventsource"})


def settings_of(config: Config) -> dict[str, Any]:
    """Scrapy's settings for rendering; raises Rejected("bad_config") where the extra is not installed."""
    if importlib.util.find_spec("scrapy_playwright") is None:
        raise Rejected("bad_config", "crawl.render needs the extra: pip install 'copytaster[render]', and a Chromium.")
    launch: dict[str, Any] = {"args": ["--disable-dev-shm-usage", "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"]}
    if config.crawl.browser:
        launch["executable_path"] = config.crawl.browser
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        launch["args"].append("--no-sandbox")  # Chromium does not start as root with it
    milliseconds = config.crawl.timeout_seconds * 1000
    return {
        "DOWNLOAD_HANDLERS_BASE": dict.fromkeys(("http", "https"), "scrapers.render.RenderingHandler"),
        "PLAYWRIGHT_LAUNCH_OPTIONS": launch | {"timeout": milliseconds},
        "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT": BROWSER_PAGES,
        "PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT": milliseconds,
    }


def meta_of(source: Source) -> dict[str, Any]:
    """What a request needs to be rendered: a browser context for each source, so that their cookies stay apart."""
    from scrapy_playwright.page import PageMethod

    settle = PageMethod("wait_for_load_state", "networkidle", timeout=SETTLE_MILLISECONDS)
    return {"playwright": True, "playwright_context": source.id, "playwright_page_methods": [PageMethod(_settle, settle)]}


async def _settle(page: Any, _: Any) -> None:
    """Waits until the network is quiet, but not for ever: some pages never are."""
    from playwright.async_api import TimeoutError as Slow

    try:
        await page.wait_for_load_state("networkidle", timeout=SETTLE_MILLISECONDS)
    except Slow:
        return


class RenderingHandler(GuardedDownloadHandler):
    """The guarded handler for everything, and the browser for requests that ask for it.

    The browser's handler is started with the first of them, so that a crawl which meets no such page has no browser.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._browser: Any = None
        self._gate = Gate(self._guard)

    async def download_request(self, request: Request) -> Response:
        if not request.meta.get("playwright"):
            return await super().download_request(request)
        check_literal(self._guard, host_of(request.url))
        handler = await self._started()
        request.meta["playwright_context_kwargs"] = self._context_of(request)
        return await handler.download_request(request)  # type: ignore[no-any-return]

    async def close(self) -> None:
        if self._browser:
            await self._browser.close()
            await self._gate.close()
        await super().close()

    async def _started(self) -> Any:
        if self._browser is None:
            from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

            self._browser = ScrapyPlaywrightDownloadHandler(self._crawler)
            self._browser.abort_request = lambda asked: should_abort(self._guard, asked.resource_type, asked.url)
            await self._gate.open()
            await self._browser._launch()  # noqa: SLF001  its own start hangs on a signal that is past by now
        return self._browser

    def _context_of(self, request: Request) -> dict[str, Any]:
        source: Source = request.meta["source"]
        proxy: dict[str, str] = {"server": self._gate.url}
        if source.proxy:
            from urllib.parse import urlsplit

            parts = urlsplit(source.proxy)
            proxy = {"server": split_proxy(source.proxy)[0]}
            if parts.username:
                proxy |= {"username": parts.username, "password": parts.password or ""}
        agent = request.headers[b"User-Agent"]
        return {"proxy": proxy, "user_agent": agent.decode("latin-1") if agent else None, "service_workers": "block"}


def should_abort(guard: Guard, kind: str, url: str) -> bool:
    """Whether the browser may not ask for this: what we do not need, and addresses that are plainly private."""
    if kind in _NOT_NEEDED:
        return True
    if not url.startswith(("http://", "https://")):
        return not url.startswith(("data:", "blob:", "about:"))
    try:
        check_literal(guard, host_of(url))
    except Rejected:
        return True
    return False
