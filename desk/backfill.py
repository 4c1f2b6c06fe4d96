"""What a source published in the past, by its sitemaps and feeds, put in line behind everything new; it never alerts.

It owns where the past is looked for and the range; fetching and reading are the crawler's and the workers'.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from copytaster.errors import CopytasterError, Rejected
from copytaster.news import Endpoint, Link, LinkId, Source
from copytaster.outbound import Fetched
from copytaster.store import Store, health, links
from copytaster.store.links import BACKFILL, Finding
from desk.fetching import Fetcher
from scrapers.discovery.boxed import parse_feed_boxed
from scrapers.discovery.feeds import links_of
from scrapers.discovery.find import guesses
from scrapers.discovery.sitemaps import MAX_DEPTH, Sitemap, SitemapChild, parse_sitemap
from scrapers.robots import GLOBAL, Robots
from scrapers.sites import rules_for

MOST_SITEMAPS = 1_000
BATCH = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Range:
    """From ``begin`` (inclusive) to ``end`` (exclusive)."""

    begin: dt.datetime | None = None
    end: dt.datetime | None = None

    def holds(self, link: Link) -> bool | None:
        """None where the link bears no date, so that nobody can tell."""
        moment = link.published or link.updated
        if moment is None:
            return None if self.begin or self.end else True
        return (self.begin is None or moment.at >= self.begin) and (self.end is None or moment.at < self.end)

    def may_hold(self, child: SitemapChild) -> bool:
        """A sitemap that last changed before the range began holds nothing of it; a day's grace, for dates are coarse."""
        if self.begin is None or child.updated is None:
            return True
        return child.updated.at >= self.begin - dt.timedelta(days=1)


@dataclass(slots=True)
class Filled:
    """``refused`` lists what could not be read, with why."""

    read: int = 0  # sitemaps and feeds
    within: int = 0
    added: int = 0
    undated: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


class Past:
    """One backfill of one source."""

    def __init__(self, source: Source, known: Sequence[Endpoint], fetch: Fetcher, wanted: Range) -> None:
        self._source, self._known, self._fetch, self._wanted = source, known, fetch, wanted
        self._keep = rules_for(source.url).keep
        self.filled = Filled()

    def documents(self) -> Iterator[list[Link]]:
        """What of each feed and sitemap lies in the range; indexes are followed where they may reach into it."""
        for endpoint in self._known:
            if endpoint.kind == "feed" and (found := self._feed(endpoint.url)) is not None:
                yield self._within(found)
        waiting = [(url, 1) for url in self._sitemaps()]
        seen = {url for url, _ in waiting}
        while waiting and self.filled.read < MOST_SITEMAPS:
            url, depth = waiting.pop(0)
            sitemap = self._sitemap(url)
            if sitemap is None:
                continue
            children = [each.url for each in sitemap.children if self._wanted.may_hold(each) and each.url not in seen]
            if depth < MAX_DEPTH:
                waiting += [(child, depth + 1) for child in children]
                seen |= set(children)
            yield self._within(sitemap.links)

    def _within(self, found: Iterable[Link]) -> list[Link]:
        judged = [(link, self._wanted.holds(link)) for link in found if self._keep(link)]
        self.filled.undated += sum(held is None for _, held in judged)
        within = [link for link, held in judged if held]
        self.filled.within += len(within)
        return within

    def _sitemaps(self) -> list[str]:
        """Those that are read anyway and those that robots.txt names; the usual places where there are none."""
        known = [endpoint.url for endpoint in self._known if endpoint.kind == "sitemap"]
        parts = urlsplit(self._source.url)
        robots = self._answer(f"{parts.scheme}://{parts.netloc}/robots.txt", quiet=True)
        named = Robots.parse(robots.body, GLOBAL, robots.url).sitemaps if robots else ()
        found = list(dict.fromkeys([*known, *named]))
        return found or [url for url in guesses(self._source.url) if "sitemap" in url]

    def _feed(self, url: str) -> list[Link] | None:
        def read(answer: Fetched) -> list[Link]:
            return links_of(parse_feed_boxed(answer.body, answer.url, answer.content_type))

        return self._tried(url, read)

    def _sitemap(self, url: str) -> Sitemap | None:
        return self._tried(url, lambda answer: parse_sitemap(answer.body, answer.url))

    def _tried(self, url: str, read: Callable[[Fetched], T]) -> T | None:
        answer = self._answer(url)
        try:
            found = read(answer) if answer else None
        except CopytasterError as error:
            self.filled.refused.append((url, str(error)))
            return None
        self.filled.read += found is not None
        return found

    def _answer(self, url: str, *, quiet: bool = False) -> Fetched | None:
        try:
            answer = self._fetch(url, home=self._source.url)
            if answer.status == 200:
                return answer
            why = f"{url} answers {answer.status}."
        except CopytasterError as error:
            why = str(error)
        if not quiet:
            self.filled.refused.append((url, why))
        return None


def put(store: Store, source: Source, found: Sequence[Link]) -> int:
    """In line behind everything new, in small transactions, so that nobody else waits; returns how many really are."""
    added = 0
    for start in range(0, len(found), BATCH):
        part = found[start : start + BATCH]
        with store.write() as tx:
            left = health.unfetched(tx, [link.id for link in part])
            for link_id in left:
                links.bring_back(tx, LinkId(link_id))
            known = links.known(tx, [link.id for link in part])
            # What was forgotten by age is asked for again here; what was taken down stays down.
            held = {each.id for each in known.values() if each.state != "forgotten"}
            new = [Finding(link=link, baseline=True, priority=BACKFILL) for link in part if link.id not in held]
            added += len(left) + links.add(tx, source.id, None, new)
    return added


def check(wanted: Range) -> None:
    """Raises Rejected for a range that ends before it begins."""
    if wanted.begin and wanted.end and wanted.begin >= wanted.end:
        raise Rejected("bad_range", "--from must come before --to.")
