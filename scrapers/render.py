"""Rendering pages that need JavaScript, through Playwright (an optional extra). It owns the browser's settings and bounds.

Every connection of the browser goes through `gate`, or through the source's own proxy where it has one.
"""

import asyncio
import contextlib
import importlib.util
import os
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadTimeoutError
from scrapy.http import Response

from copytaster.config import Config
from copytaster.errors import Rejected
from copytaster.guard import Guard
from copytaster.news import Source
from copytaster.urls import host_of
from scrapers.download import GuardedDownloadHandler
from scrapers.gate import Gate
from scrapers.proxies import split_proxy

BROWSER_PAGES = 2  # at once; each takes about 100 MB
SETTLE_MILLISECONDS = 3_000  # for scripts to have written the page, once it is loaded
GRACE_SECONDS = 10.0  # for what has no timeout of its own: reading the page's text, closing
# WebRTC and QUIC pass by every proxy. The first switch had the second name until Chromium 117, and each knows its own alone.
_NO_DATAGRAMS = (
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
)
_NOT_NEEDED = frozenset({"image", "font", "media", "websocket", "eventsource"})


def settings_of(config: Config) -> dict[str, Any]:
    """Scrapy's settings for rendering; raises Rejected("bad_config") where the extra is not installed."""
    if importlib.util.find_spec("scrapy_playwright") is None:
        raise Rejected("bad_config", "crawl.render needs the extra: pip install 'copytaster[render]', and a Chromium.")
    launch: dict[str, Any] = {"args": ["--disable-dev-shm-usage", *_NO_DATAGRAMS]}
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
        self._seconds = crawler.settings.getfloat("DOWNLOAD_TIMEOUT") + SETTLE_MILLISECONDS / 1000 + GRACE_SECONDS

    async def download_request(self, request: Request) -> Response:
        if not request.meta.get("playwright"):
            return await super().download_request(request)
        self._guard.check_literal(host_of(request.url))
        handler = await self._started()
        request.meta["playwright_context_kwargs"] = self._context_of(request)
        try:
            return await asyncio.wait_for(handler.download_request(request), self._seconds)
        except TimeoutError:
            # A page can keep its browser so busy that it answers nobody; the next page gets a fresh one.
            await self._end_browser()
            raise DownloadTimeoutError(f"{request.url} kept the browser busy for {self._seconds:g} seconds.") from None

    async def close(self) -> None:
        await self._end_browser()
        await super().close()

    async def _end_browser(self) -> None:
        """In bounded time: one that does not close is ended with its driver, whose end it notices."""
        browser, self._browser = self._browser, None
        if browser is None:
            return
        await self._gate.close()
        with contextlib.suppress(Exception):  # whatever it says, it is to be gone
            await asyncio.wait_for(browser.close(), GRACE_SECONDS)
            return
        process = browser.browser_provider.playwright_context_manager._client._transport._proc  # noqa: SLF001
        with contextlib.suppress(ProcessLookupError):
            process.kill()

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
        guard.check_literal(host_of(url))
    except Rejected:
        return True
    return False
