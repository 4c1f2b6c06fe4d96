"""The one spider for all sources: it wires frontier, crawl, reader and Scrapy's downloader together.

It owns a run's beginning and end; what an answer means is decided in `verdicts` and `reading`.
"""

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from scrapy import Request, Spider, signals
from scrapy.core.downloader import Slot
from scrapy.crawler import Crawler
from scrapy.http import Response

from copytaster import heartbeat
from copytaster.config import Config
from copytaster.errors import CopytasterError, Rejected
from copytaster.news import Source, SourceId
from copytaster.store import Store, sources
from copytaster.store.hosts import HostLease, Manners
from scrapers.admission import AdmissionMiddleware
from scrapers.articles import ArticleFetcher
from scrapers.crawl import Crawl
from scrapers.frontier import Frontier, Hint
from scrapers.jobs import Job, Outcome, RobotsRead
from scrapers.manners import RobotsMiddleware
from scrapers.reading import EndpointReader


class NewsSpider(Spider):
    """``-a source=ID|URL|name`` reads one source until nothing of it is due; otherwise a run ends by time or pages."""

    name = "news"

    def __init__(self, *, config: Config, source: str | None = None, hint: Hint | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.store = Store(config.store_url, pool_size=1)
        source_id = find_source(config, source) if source else None
        self._frontier = Frontier(self.store, config, source_id=source_id, hint=hint)
        self._crawl: Crawl | None = None
        self.failure: Exception | None = None  # what ended the run, if anything did

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> "NewsSpider":
        kwargs.setdefault("config", crawler.settings["COPYTASTER"])
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.finish, signals.spider_closed)
        return spider

    async def start(self) -> AsyncIterator[Any]:
        """The whole run: requests do not come from here, for each host has a coroutine that asks in its own time."""
        robots = self.crawler.get_downloader_middleware(RobotsMiddleware)
        assert robots is not None
        self._reader = EndpointReader(self.fetch)
        self._fetcher = ArticleFetcher(self.fetch, render=self.config.crawl.render)
        self._crawl = Crawl(self._frontier, SlotPace(self.crawler, robots), self.work, self.config)
        crawl = self._crawl
        admission = self.crawler.get_downloader_middleware(AdmissionMiddleware)
        assert admission is not None
        admission.admit, admission.may_go, admission.leave = crawl.admit, crawl.may_go, crawl.leave
        robots.recall = self._frontier.robots
        robots.keep = lambda host, status, body: crawl.keep(RobotsRead(host=host, status=status, body=body))
        try:
            await crawl.run()
        except CopytasterError as error:
            self.failure = error
        if False:  # an asynchronous generator without anything to give
            yield

    async def work(self, job: Job) -> Outcome:
        return await (self._reader.read(job) if job.kind == "endpoint" else self._fetcher.fetch(job))

    async def fetch(
        self, url: str, source: Source, *, validators: Mapping[str, str] | None = None, render: bool = False
    ) -> Response:
        """One answer, redirects followed; raises what `troubles.verdict_of` understands."""
        archived = validators is None and source.id != heartbeat.SOURCE
        meta: dict[str, Any] = {"source": source, "validators": dict(validators or {}), "archive": archived}
        if render:
            from scrapers.render import meta_of

            meta |= meta_of(source)
        engine = self.crawler.engine
        assert engine is not None
        return await engine.download_async(Request(url, meta=meta, dont_filter=True))

    async def finish(self) -> None:
        """However the run ended: results are written and hosts given back."""
        if self._crawl:
            await self._crawl.close()
            self._reader.close()
        self.store.close()


def find_source(config: Config, name: str) -> SourceId:
    """By id, URL or name; raises Rejected("no_such_source")."""
    store = Store(config.store_url, pool_size=1)
    try:
        with store.read() as tx:
            found = sources.find(tx, name)
    finally:
        store.close()
    if found is None:
        raise Rejected("no_such_source", f"There is no source {name!r}: `copytaster source list` shows what there is.")
    return found.id


class SlotPace:
    """Scrapy's download slots as the crawl's pace: AutoThrottle moves their delay, robots.txt may ask for more."""

    def __init__(self, crawler: Crawler, robots: RobotsMiddleware) -> None:
        self._crawler, self._robots = crawler, robots
        self._least = crawler.settings.getfloat("DOWNLOAD_DELAY")
        self._each = crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")

    @property
    def _slots(self) -> dict[str, Slot]:
        engine = self._crawler.engine
        assert engine is not None
        return engine.downloader.slots

    def begin(self, lease: HostLease) -> None:
        self._robots.leased(lease)
        delay = max(lease.delay_seconds or 0.0, self._least)
        slot = self._slots.setdefault(lease.host, Slot(self._each, delay, 0.0))
        slot.delay = delay
        slot.lastseen = slot.lastseen or time.monotonic() - delay

    def wait_seconds(self, host: str) -> float:
        slot = self._slots.get(host)
        if slot is None:
            return 0.0
        return slot.lastseen + max(slot.delay, self._robots.crawl_delay(host)) - time.monotonic()

    def manners(self, host: str) -> Manners:
        slot = self._slots.get(host)
        return Manners(max(self.wait_seconds(host), 0.0), slot.delay if slot else None)
