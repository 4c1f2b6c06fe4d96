"""A whole copytaster on this machine, over sites that are served on loopback: what the pipeline benchmark and the chaos
tests run. It owns set-up, waiting and the truth; it must not know what is measured or killed.
"""

import contextlib
import datetime as dt
import json
import os
import pathlib
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from sqlalchemy import func, select

from copytaster import heartbeat
from copytaster.config import Config, RedisConfig, SearchConfig, StoreConfig
from copytaster.errors import Transient
from copytaster.news import Endpoint, EndpointId, EndpointKind, Source, SourceId
from copytaster.store import Store, Tx, articles, deliveries, load, pages, processes, sources, watches
from copytaster.store.schema import endpoints, links, messages
from copytaster.urls import host_of, normalize, url_id
from copytaster.watches import Watch, WatchId
from desk.background import last_words, start_up, stop_up
from desk.loopback import SiteProcess
from desk.sinks import SinkProcess, read_log
from desk.site import Site
from search.brute import Brute
from search.document import Document
from search.query import parse
from workers.bootstrap import open_store

UNREAD = select(func.count()).where(endpoints.c.read_at.is_(None), endpoints.c.id != heartbeat.ENDPOINT)
UNFETCHED = select(func.count()).where(  # what is only remembered is never due
    (links.c.state == "fetched") | ((links.c.state == "found") & links.c.due_at.is_not(None))
)
UNSENT = select(func.count()).where(messages.c.state == "pending")
LEFT: Mapping[str, Callable[[Tx], int]] = {
    "endpoints": lambda tx: tx.conn.execute(UNREAD).scalar_one(),
    "links": lambda tx: tx.conn.execute(UNFETCHED).scalar_one(),
    "pages": pages.waiting,
    "deliveries": deliveries.due,
    "messages": lambda tx: tx.conn.execute(UNSENT).scalar_one(),
    "index": load.unindexed,  # those that are being put there, too
}
KINDS = {"crawl", "worker", "beat"}
Pair = tuple[str, str]  # watch id, story id


@dataclass(slots=True)
class Rig:
    """``with Rig(folder, sites) as rig``: sites and sink are up; ``start`` brings up copytaster itself."""

    folder: pathlib.Path
    sites: Sequence[Site]
    pages_per_second: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    workers: int = 2
    crawlers: int = 1
    source_headers: Mapping[str, str] = field(default_factory=dict)  # what every source is asked with
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    site: SiteProcess = field(init=False)
    sink: SinkProcess = field(init=False)
    store: Store = field(init=False)
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.site = self._stack.enter_context(SiteProcess(self.sites, pages_per_second=self.pages_per_second))
        self.sink = self._stack.enter_context(SinkProcess("webhook", self.folder / "received.jsonl"))
        (self.folder / "copytaster.toml").touch()
        self.store = open_store(self.config())
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.store.close()
        self._stack.close()

    def variables(self) -> dict[str, str]:
        """The environment of every process: no delay between requests, for here the only server asked is ours.

        Nothing of the user's own configuration gets in: a run must not write to a store that somebody works with.
        """
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("COPYTASTER_")},
            "COPYTASTER_CONFIG": str(self.folder / "copytaster.toml"),
            "COPYTASTER_DATA_DIR": str(self.folder / "data"),
            "COPYTASTER_LOG_LEVEL": "warning",
            "COPYTASTER_GUARD__ALLOW": '["127.0.0.1/32"]',
            "COPYTASTER_CRAWL__DELAY_SECONDS": "0",
            "COPYTASTER_CRAWL__AUTOTHROTTLE": "false",
            "COPYTASTER_CRAWL__PROCESSES": str(self.crawlers),
            "COPYTASTER_WEB__PORT": "0",
            "COPYTASTER_HEARTBEAT__EVERY_SECONDS": "0",  # what is counted is the press alone
            **self.environment,
        }

    def config(self) -> Config:
        sections = ("store", "redis", "search")
        urls = {section: self.environment.get(f"COPYTASTER_{section.upper()}__URL", "") for section in sections}
        return Config(
            data_dir=self.folder / "data",
            store=StoreConfig(url=urls["store"]),
            redis=RedisConfig(url=urls["redis"]),
            search=SearchConfig(url=urls["search"], replicas=0),
        )

    def begin(self) -> None:
        """``copytaster up``; it is not waited for."""
        self.process = start_up(self.folder / "up.log", self.variables(), "--workers", str(self.workers))

    def start(self, seconds: float = 120.0) -> None:
        """``copytaster up``, until every kind of process got on."""
        began = dt.datetime.now(dt.UTC)
        self.begin()
        self.wait(lambda: self._all_on(began), seconds, "start")

    def _all_on(self, since: dt.datetime) -> bool:
        with self.store.read() as tx:
            fresh = {each.kind for each in processes.every(tx) if each.progress_at >= since}
        return fresh >= KINDS

    def stop(self) -> None:
        stop_up(self.process)

    def add_watches(self, queries: Iterable[tuple[str, str]], *, apart: bool = False) -> None:
        """(name, query) each, all told at the sink, or ``apart``: each at an address of its own there.

        As they are written, for so the truth by brute force reads them.
        """
        with self.store.write() as tx:
            watches.ensure_owner(tx)
            for name, query in queries:
                channel = watches.ensure_channel(tx, f"{self.sink.url}?{name}" if apart else self.sink.url)
                watch = Watch(
                    id=WatchId(name),
                    owner_id=watches.LOCAL.id,
                    name=name,
                    query=query,
                    level="exact",
                    channel_ids=(channel.id,),
                    created_at=tx.now,
                )
                watches.save(tx, watch)

    def add_sources(self, urls: Iterable[str]) -> None:
        """Feeds and sitemaps as sources of their own, alerting for all they hold; the crawler does their first reading."""
        with self.store.write() as tx:
            for url in urls:
                sources.add(tx, self._source(url, tx.now), [self._endpoint(url, tx.now)])

    def _source(self, url: str, now: dt.datetime) -> Source:
        return Source(
            id=SourceId(url_id(normalize(url))),
            url=url,
            name=host_of(url),
            host=host_of(url),
            alert_since_seconds=float("inf"),
            proxy=self.site.proxy,
            headers=dict(self.source_headers),
            added_at=now,
        )

    def _endpoint(self, url: str, now: dt.datetime) -> Endpoint:
        kind: EndpointKind = "sitemap" if "sitemap" in url else "feed"
        source_id = SourceId(url_id(normalize(url)))
        return Endpoint(id=EndpointId(url_id(normalize(url))), source_id=source_id, url=url, kind=kind, due_at=now)

    def wait(self, done: Any, seconds: float, what: str) -> None:
        """Until ``done()``; raises Transient with the end of the log where that takes too long."""
        until = time.monotonic() + seconds
        while not done():
            if self.process and self.process.poll() is not None:
                raise Transient(f"copytaster ended by itself ({self.process.returncode}): {self._tail()}")
            if time.monotonic() > until:
                raise Transient(f"{what} took over {seconds:.0f} s: {self.left()} {self._tail()}")
            time.sleep(0.1)

    def _tail(self) -> str:
        return last_words(self.folder / "up.log")

    def settled(self) -> bool:
        """Every endpoint read, every link fetched, every page ingested, every delivery sent, every article indexed."""
        with self.store.read() as tx:  # it is asked ten times a second: the first thing that is left is enough
            return not any(count(tx) for count in LEFT.values())

    def left(self) -> dict[str, int]:
        """What is still to do, by stage."""
        with self.store.read() as tx:
            return {name: count(tx) for name, count in LEFT.items()}

    def truth(self) -> set[Pair]:
        """What had to be told: every stored article against every watch, by brute force."""
        with self.store.read() as tx:
            watched = Brute.of({watch.id: parse(watch.query) for watch in watches.every(tx)})
            found = articles.newest(tx, limit=1_000_000)
        return {(watch, each.story_id) for each in found for watch in watched.match(Document.of(each))}

    def received(self) -> list[dict[str, Any]]:
        """Every message at the sink: ``id``, ``sha256``, ``received_at`` and its ``items``."""
        return [{**line, "items": json.loads(line["body"])["items"]} for line in read_log(self.folder / "received.jsonl")]

    def told(self) -> set[Pair]:
        return {(item["watch"]["id"], item["story"]) for message in self.received() for item in message["items"]}
