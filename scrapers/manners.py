"""Manners at the border of Scrapy: robots.txt read once a day a host, obeyed on every hop, and the delay it asks for.

What a robots.txt means is decided in `robots`; this module must not know what is fetched or why.
"""

import asyncio
import datetime as dt
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadCancelledError

from copytaster import heartbeat
from copytaster.errors import Rejected, Transient
from copytaster.store.hosts import HostLease
from copytaster.urls import host_of
from scrapers.admission import HostBusyError
from scrapers.robots import MAX_BYTES, Decision, Robots, decide, product_token

FRESH = dt.timedelta(days=1)
RETRY = dt.timedelta(minutes=10)  # after a 5xx or silence: nothing is fetched meanwhile, so look sooner
MAX_CRAWL_DELAY_SECONDS = 60.0
REMEMBERED_HOSTS = 2_000
REMEMBERED_PIECES = 400_000  # of the rules of all hosts, some 80 MB; a host forgotten is asked of the store again
UNREACHABLE = 0  # kept as the status where nothing answered

Kept = tuple[int, bytes, dt.datetime]


@dataclass(frozen=True, slots=True)
class Rules:
    """One host's robots.txt as it was read; ``robots`` is None where nothing may be fetched until it can be had."""

    status: int
    robots: Robots | None
    stale_at: dt.datetime


class RobotsMiddleware:
    """Lets a request pass or raises Rejected("robots"), or Transient where robots.txt can't be had now (RFC 9309, 2.3.1.4).

    The spider connects it to the store: ``recall`` gives what another crawler kept, ``keep`` takes what was read.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._agent = product_token(crawler.settings["USER_AGENT"])
        self._rules: OrderedDict[str, Rules] = OrderedDict()
        self._held = 0  # pieces of rules in all
        self._readings: dict[str, asyncio.Task[Rules]] = {}
        self.recall: Callable[[str], Awaitable[Kept | None]] = _nothing
        self.keep: Callable[[str, int, bytes], None] = lambda *_: None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "RobotsMiddleware":
        return cls(crawler)

    def leased(self, lease: HostLease) -> None:
        """What came with the lease of a host."""
        if lease.robots_at is not None and lease.robots_status is not None:
            self._remember(lease.host, (lease.robots_status, lease.robots or b"", lease.robots_at))

    def crawl_delay(self, host: str) -> float:
        """What the host's robots.txt asks for, in seconds, bounded."""
        rules = self._rules.get(host)
        asked = rules.robots.delay_seconds if rules and rules.robots else None
        return min(asked or 0.0, MAX_CRAWL_DELAY_SECONDS)

    async def process_request(self, request: Request) -> None:
        if request.meta.get("robots_file") or request.meta["source"].id == heartbeat.SOURCE:
            return
        host = host_of(request.url)
        rules = self._rules.get(host)
        if rules is None or rules.stale_at <= dt.datetime.now(dt.UTC):
            rules = await self._read_once(host, request)
        if rules.robots is None:
            said = f"answers {rules.status}" if rules.status else "does not answer"
            raise Transient(f"{host}/robots.txt {said}, so nothing is fetched there until it does.")
        if not rules.robots.allowed(request.url):
            raise Rejected("robots", f"{host}/robots.txt does not allow {self._agent} to fetch {request.url}.")

    async def _read_once(self, host: str, request: Request) -> Rules:
        """Several requests may wait for one reading, and none of them may cancel it for the others."""
        reading = self._readings.get(host)
        if reading is None:
            reading = self._readings[host] = asyncio.ensure_future(self._read(host, request))
            reading.add_done_callback(lambda _: self._readings.pop(host, None))
        return await asyncio.shield(reading)

    async def _read(self, host: str, request: Request) -> Rules:
        kept = await self.recall(host)
        if kept is None or _stale_at(kept[0], kept[2]) <= dt.datetime.now(dt.UTC):
            status, body = await self._fetch(request)
            self.keep(host, status, body)
            kept = (status, body, dt.datetime.now(dt.UTC))
        return self._remember(host, kept)

    async def _fetch(self, request: Request) -> tuple[int, bytes]:
        place = urlsplit(request.url)
        meta = {"source": request.meta["source"], "robots_file": True}
        try:
            asked = Request(f"{place.scheme}://{place.netloc}/robots.txt", meta=meta, dont_filter=True)
            answer = await self._crawler.engine.download_async(asked)
        except Rejected as error:
            if error.reason == "redirect_loop":  # RFC 9309, 2.3.1.2: no robots.txt, then
                return 404, b""
            raise  # what holds for the file holds for the host: a private address, say
        except (asyncio.CancelledError, DownloadCancelledError, HostBusyError):
            raise
        except Exception:  # noqa: BLE001  whatever failed, nothing answered
            return UNREACHABLE, b""
        return answer.status, answer.body[: MAX_BYTES + 1] if answer.status == 200 else b""

    def _remember(self, host: str, kept: Kept) -> Rules:
        status, body, at = kept
        meaning = _meaning(status)
        parsed = None if meaning == "disallow_all" else Robots.parse(body if meaning == "parse" else b"", self._agent)
        rules = Rules(status, parsed, _stale_at(status, at))
        self._held -= _weight(self._rules.get(host))
        self._rules[host] = rules
        self._rules.move_to_end(host)
        self._held += _weight(rules)
        while len(self._rules) > 1 and (len(self._rules) > REMEMBERED_HOSTS or self._held > REMEMBERED_PIECES):
            self._held -= _weight(self._rules.popitem(last=False)[1])
        return rules


def _weight(rules: Rules | None) -> int:
    """In pieces of rules: one rule may have eight thousand."""
    return sum(len(rule.pieces) for rule in rules.robots.rules) if rules and rules.robots else 0


def _stale_at(status: int, read_at: dt.datetime) -> dt.datetime:
    return read_at + (RETRY if _meaning(status) == "disallow_all" else FRESH)


def _meaning(status: int) -> Decision:
    return decide(None if status == UNREACHABLE else status)


async def _nothing(_host: str) -> Kept | None:
    return None
