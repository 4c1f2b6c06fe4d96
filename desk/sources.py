"""Sources as a person adds and tests them: look at a site, show what it has, and take its first reading at once.

It owns the order of that; what a site has is ``discover``'s to find, and what a reading means the crawler's own deciders'.
"""

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from copytaster.errors import CopytasterError, Rejected
from copytaster.news import Endpoint, Link, Source, SourceId
from copytaster.outbound import Fetched
from copytaster.store import Tx, health, sources, tombstones
from copytaster.urls import host_of, normalize, url_id
from desk.fetching import Fetcher, Manner, whole
from desk.opening import Desk
from scrapers.discovery.find import Found, discover
from scrapers.jobs import Job, Reading
from scrapers.robots import product_token
from scrapers.sites import endpoint_of
from search.document import Document, source_line

AT_ONCE = 8  # sites looked at side by side
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What ``source add`` was told besides the URL."""

    manner: Manner = field(default_factory=Manner)
    every_seconds: float | None = None
    alert_since_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """What was found at one address, its documents read; nothing of it is stored yet."""

    url: str
    name: str
    found: Found
    readings: Mapping[str, Reading]  # by the endpoint's URL

    @property
    def links(self) -> list[Link]:
        """Every item once."""
        return list({link.id: link for reading in self.readings.values() for link in reading.links}.values())


@dataclass(frozen=True, slots=True)
class Caught:
    """A watch and how many of the items hold it, by their titles and summaries alone, with one of them."""

    watch: str
    items: int
    example: str


@dataclass(frozen=True, slots=True)
class Added:
    source: Source
    site: Site
    new: bool
    taken: health.Taken
    caught: Sequence[Caught]


def survey(
    here: Desk, urls: Sequence[str], options: Options, names: Mapping[str, str]
) -> Iterator[tuple[str, Site | CopytasterError]]:
    """Each address with what is there, or with the sentence that says why nothing is; several at once, in order."""
    with Fetcher(here.config, options.manner) as fetch, ThreadPoolExecutor(AT_ONCE) as pool:

        def one(url: str) -> Site | CopytasterError:
            try:
                return look(whole(url), fetch, name=names.get(url), every_seconds=options.every_seconds)
            except CopytasterError as error:
                return error

        yield from zip(urls, pool.map(one, urls), strict=True)


def look(url: str, fetch: Fetcher, *, name: str | None = None, every_seconds: float | None = None) -> Site:
    """What a site has, every endpoint read once. Raises what the first fetch raises, or that nothing was found."""

    def asked(address: str) -> Fetched:
        return fetch(address, home=url)

    found = discover(url, asked, agent=product_token(fetch.agent))
    called = " ".join((name or found.title or host_of(url)).split())[:LONGEST_NAME]
    source = _source(url, called, Options(every_seconds=every_seconds), dt.datetime.now(dt.UTC))
    readings = {}
    for candidate in found.endpoints:
        endpoint = endpoint_of(source, candidate.kind, candidate.url, source.added_at)
        readings[candidate.url] = asyncio.run(_read(source, endpoint, asked))
    good = {place: one for place, one in readings.items() if isinstance(one, Reading)}
    return Site(url, called, found, good)


async def _read(source: Source, endpoint: Endpoint, fetch: Any) -> Any:
    """The crawler's own reader over our fetcher, so that a first reading means what every later one does."""
    from scrapers.reading import EndpointReader  # loads Scrapy, which takes a second that only these two commands need

    unread = SimpleNamespace(kind=endpoint.kind, readings=0, etag=None, last_modified=None, read_at=None)
    job = Job(kind="endpoint", id=endpoint.id, url=endpoint.url, host=host_of(endpoint.url), source=source, row=unread)

    async def answer(url: str, _source: Source, *, validators: Mapping[str, str] | None = None) -> Any:
        del validators
        return _Response(fetch(url))

    reader = EndpointReader(cast("Any", answer))
    try:
        return await reader.read(job)
    finally:
        reader.close()


class _Response:
    """As much of Scrapy's Response as the reader asks for."""

    def __init__(self, fetched: Fetched) -> None:
        self.url, self.status, self.body, self.request = fetched.url, fetched.status, fetched.body, None
        self.headers = _Headers(fetched.headers)


class _Headers:
    def __init__(self, named: Mapping[str, str]) -> None:
        self._named = named

    def get(self, name: bytes) -> bytes | None:
        value = self._named.get(name.decode().lower())
        return value.encode("latin-1", "replace") if value is not None else None


def _source(url: str, name: str, options: Options, now: dt.datetime) -> Source:
    return Source(
        id=SourceId(url_id(url)),
        url=url,
        name=name,
        host=host_of(url),
        every_seconds=options.every_seconds,
        alert_since_seconds=options.alert_since_seconds,
        proxy=options.manner.proxy,
        headers=dict(options.manner.headers),
        cookies=dict(options.manner.cookies),
        user_agent=options.manner.user_agent,
        added_at=now,
    )


def add(here: Desk, site: Site, options: Options) -> Added:
    """One transaction: the source, its endpoints, and their first reading by the rules that the crawler follows."""
    with here.store.write() as tx:
        source = _source(site.url, site.name, options, tx.now)
        endpoints = [endpoint_of(source, each.kind, each.url, tx.now) for each in site.found.endpoints]
        _refuse_taken_down(tx, source, endpoints)
        new = sources.add(tx, source, endpoints)
        for endpoint in endpoints:
            if reading := site.readings.get(endpoint.url):
                _keep(tx, here, source, endpoint, reading)
        return Added(source, site, new, health.taken_now(tx, source.id), _caught(tx, source, site))


def _refuse_taken_down(tx: Tx, source: Source, endpoints: Sequence[Endpoint]) -> None:
    """By whatever spelling, by its whole site, or by one of its feeds."""
    if tombstones.buried(tx, tombstones.keys_of_new(source.id, source.url, [(each.id, each.url) for each in endpoints])):
        again = f"`copytaster forget --lift {source.url}` lets it in again, as does the address or the name that was taken down."
        raise Rejected("taken_down", f"{source.url} was taken down, so it is not read: {again}")


def _keep(tx: Tx, here: Desk, source: Source, endpoint: Endpoint, reading: Reading) -> None:
    from scrapers import harvest

    row = sources.endpoint(tx, endpoint.id)
    job = Job(kind="endpoint", id=endpoint.id, url=endpoint.url, host=host_of(endpoint.url), source=source, row=row)
    harvest.keep_reading(tx, Reading(**{name: getattr(reading, name) for name in _READ}, job=job), here.config.crawl)


_READ = [name for name in Reading.__dataclass_fields__ if name != "job"]


def _caught(tx: Tx, source: Source, site: Site) -> list[Caught]:
    from workers.watchlist import Watchlist

    watching = Watchlist()
    watching.refresh(tx)
    counts: dict[str, list[str]] = {}
    for link in site.links:
        document = Document(title=link.title or "", text=link.summary or "", source=source_line(source.name, link.url))
        for each in watching.match(document):
            counts.setdefault(watching.watch(each.watch_id).name, []).append(link.title or link.url)
    return [Caught(name, len(titles), titles[0]) for name, titles in sorted(counts.items(), key=lambda pair: -len(pair[1]))]


def find(tx: Tx, name: str) -> Source:
    """By name, host, id or URL, whichever a person typed. Raises Rejected."""
    found = sources.find(tx, name) or _by_address(tx, name)
    if found is None:
        raise Rejected("no_such_source", f"There is no source {name!r}: `copytaster source list` shows what there is.")
    return found


def _by_address(tx: Tx, name: str) -> Source | None:
    try:
        url = whole(name)
    except CopytasterError:
        return None
    return sources.find(tx, url) or sources.find(tx, normalize(url.rstrip("/")))
