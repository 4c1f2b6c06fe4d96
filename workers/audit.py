"""Every watch audited: stored articles are read again by an independent path, and what the stream missed is delivered late.

It owns the order of one round: read by brute force what is new, hold every match against its deliveries, ask the index what
it has, ask it for each watch. It must not know how a text is read, what counts as a miss or when a round is due.

    read    each article: matches by brute force, of what was landed since the last round; deliveries of every match
    index   each article: is its newest version there?
    search  each watch: what the index finds at the widest level, and what it does not find of the stored matches
"""

import datetime as dt
import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from copytaster.errors import Rejected
from copytaster.news import ArticleId
from copytaster.store import Store, Tx, articles, audits, watches
from copytaster.store.audits import Finding, Landed, Matched
from copytaster.watches import DEFAULT_LEVEL, Watch, WatchId
from search.brute import Asked, Brute
from search.document import Document
from search.generations import FullEngine
from search.query import Query, parse
from workers.audit_mending import Missed, mend
from workers.audit_rules import Facts, is_matched, is_news, lacks_index, newest, owed_channels

PAGE = 50  # articles that are read in one step
IDS = 500  # articles that the index is asked for at once
CANDIDATES = 200
MOST_CANDIDATES = 5_000  # of one watch; of one that finds more the newest are looked at
PHASES = ("read", "index", "search", "done")
UNMATCHED = "It satisfies the watch, and the stream recorded no match."
UNTOLD = "It matched, and no delivery was made of it."
UNFOUND = "It matched, and a search for the watch does not find it: `copytaster rebuild` mends the index."
log = logging.getLogger("copytaster.audit")


@dataclass(slots=True)
class Report:
    """What was looked at. ``read`` counts articles that were read by brute force, ``asked`` those that the index gave."""

    articles: int = 0
    read: int = 0
    versions: int = 0  # articles that the index was asked for
    watches: int = 0
    asked: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def missed(self) -> int:
        return sum(each.kind in audits.MISSED for each in self.findings)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a round is: the last article of its phase, or the last watch."""

    phase: str = "read"
    at: dt.datetime | None = None
    last: str = ""

    def to_text(self) -> str:
        return json.dumps([self.phase, self.at.isoformat() if self.at else None, self.last])

    @classmethod
    def from_text(cls, text: str) -> "Place":
        phase, at, last = json.loads(text)
        return cls(phase, dt.datetime.fromisoformat(at) if at else None, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Articles first seen from ``since`` to before ``until``; those landed from ``fresh_since`` on are read by brute force."""

    since: dt.datetime
    until: dt.datetime
    fresh_since: dt.datetime


class Round:
    """One audit, a short step at a time. The watches are those at its beginning; one that changes meanwhile is left out."""

    def __init__(
        self,
        store: Store,
        engine: FullEngine,
        window: Window,
        *,
        match_days: int = 0,
        only: Collection[WatchId] | None = None,
        place: Place | None = None,
    ) -> None:
        self.store, self.engine, self.window, self.place = store, engine, window, place or Place()
        self.report = Report()
        self._match_days = match_days
        with store.read() as tx:
            held = [each for each in watches.every(tx) if only is None or each.id in only]
        self._queries = dict(_readable(held))
        self._watches = {each.id: each for each in sorted(held, key=lambda each: each.id) if each.id in self._queries}
        self._brute = Brute(_asked(each, self._queries[each.id]) for each in self._watches.values())

    def step(self) -> bool:
        """One bounded part; False once nothing is left. Raises Transient or Permanent where store or engine are away."""
        step = {"read": self._read, "index": self._index, "search": self._search}.get(self.place.phase)
        if step is None:
            return False
        if not step():
            self.place = Place(PHASES[PHASES.index(self.place.phase) + 1])
        return True

    # -- read --------------------------------------------------------------------------------------------------------------

    def _read(self) -> bool:
        with self.store.snapshot() as tx:
            page = self._page(tx, PAGE)
            facts = self._facts(tx, page)
            fresh = [each for each in page if each.landed_at >= self.window.fresh_since]
            texts = articles.many(tx, [each.id for each in fresh])
        for each in page:
            if each.id in texts:
                self._judge(each, Document.of(texts[each.id]), facts)
            for match in facts.matches:
                watch = self._watches.get(match.watch_id) if match.article_id == each.id else None
                if watch and owed_channels(watch, match, each, facts):
                    self._missed("delivery", match, each, UNTOLD)
        self.report.articles += len(page)
        self.report.read += len(texts)
        return bool(page)

    def _page(self, tx: Tx, size: int) -> list[Landed]:
        after = (self.place.at, self.place.last) if self.place.at else None
        page = audits.landed(tx, since=self.window.since, after=after, until=self.window.until, limit=size)
        if page:
            self.place = Place(self.place.phase, page[-1].first_seen_at, page[-1].id)
        return page

    def _facts(self, tx: Tx, page: Sequence[Landed]) -> Facts:
        stories = {each.story_id for each in page}
        channels = {channel for watch in self._watches.values() for channel in watch.channel_ids}
        return Facts(
            matches=audits.matches_of(tx, stories),
            told=audits.told_of(tx, stories),
            told_since=watches.told_since(tx, sorted(channels)),
            match_days=self._match_days,
        )

    def _judge(self, article: Landed, document: Document, facts: Facts) -> None:
        wanted = {each.id for each in self._watches.values() if is_news(each, newest(each, article), article)}
        for watch_id in sorted(self._brute.match(document, wanted)) if wanted else ():
            match = newest(self._watches[WatchId(watch_id)], article)
            if not is_matched(match, facts):
                self._missed("match", match, article, UNMATCHED)

    def _missed(self, kind: audits.Kind, match: Matched, article: Landed, why: str) -> None:
        watch = self._watches[match.watch_id]
        query, days = self._queries[watch.id], self._match_days
        found = mend(self.store, Missed(kind, match, article, why), watch, query=query, match_days=days)
        if found:
            log.error("missed (%s): watch %s, article %s: %s", kind, watch.id, article.id, why)
            self.report.findings.append(found)

    # -- index -------------------------------------------------------------------------------------------------------------

    def _index(self) -> bool:
        if self.place.at is None:
            self.engine.refresh()
        with self.store.snapshot() as tx:
            page, now = self._page(tx, IDS), tx.now
        if not page:
            return False
        self.report.versions += len(page)
        held = self.engine.versions([each.id for each in page])
        lacking = [(each, why) for each in page if (why := lacks_index(each, now, held.get(each.id)))]
        self._report(self._still_lacking({each.id: why for each, why in lacking}))
        return True

    def _still_lacking(self, lacking: Mapping[ArticleId, str]) -> Iterator[Finding]:
        """Looked at again: what was taken down, or indexed, since the page was read lacks nothing."""
        if not lacking:
            return
        self.engine.refresh()
        held = self.engine.versions([*lacking])
        with self.store.read() as tx:
            rows, now = audits.these(tx, [*lacking]), tx.now
        for each in rows:
            if why := lacks_index(each, now, held.get(each.id)):
                yield Finding(kind="unindexed", article_id=each.id, revision=each.revision, why=why)

    def _report(self, found: Iterable[Finding]) -> None:
        listed = list(found)
        if listed:
            with self.store.write() as tx:
                audits.note(tx, listed)
            self.report.findings += listed

    # -- search ------------------------------------------------------------------------------------------------------------

    def _search(self) -> bool:
        watch = next((each for each in self._watches.values() if each.id > self.place.last), None)
        if watch is None:
            return False
        self.place = Place("search", None, watch.id)
        with self.store.snapshot() as tx:
            matched = audits.of_watch(tx, watch.id, watch.epoch, since=self.window.since, until=self.window.until)
        found, reach = self._found(watch)
        self._suspect(watch, found.difference(each.id for each in matched))
        lost = [each for each in matched if each.id not in found and each.first_seen_at >= reach and _is_indexed(each)]
        if lost:
            self.engine.refresh()
            again, _ = self._found(watch)
            self._report(self._unfound(watch, [each.id for each in lost if each.id not in again]))
        self.report.watches += 1
        self.report.asked += len(found)
        return True

    def _found(self, watch: Watch) -> tuple[set[ArticleId], dt.datetime]:
        """What the index finds at the widest level, vetoed or not, and since when."""
        query, level = self._queries[watch.id], watch.level or DEFAULT_LEVEL
        found: set[ArticleId] = set()
        cursor, reach = None, self.window.since
        while True:
            page = self.engine.search(
                query,
                since=self.window.since,
                until=self.window.until,
                size=CANDIDATES,
                cursor=cursor,
                level="exact" if level == "exact" else "wide",
            )
            found.update(each.id for each in page.hits)
            cursor = page.cursor
            if cursor is None:
                return found, reach
            if len(found) >= MOST_CANDIDATES:
                return found, page.hits[-1].first_seen_at

    def _suspect(self, watch: Watch, ids: Collection[ArticleId]) -> None:
        """What the index finds and the stream did not match, read by brute force at the watch's own level."""
        brute = Brute([_asked(watch, self._queries[watch.id])])
        for part in _parts(sorted(ids), PAGE):
            with self.store.snapshot() as tx:
                rows = audits.these(tx, part)
                facts = self._facts(tx, rows)
                texts = articles.many(tx, part)
            for each in rows:
                match = newest(watch, each)
                if is_matched(match, facts) or not is_news(watch, match, each):
                    continue
                if brute.match(Document.of(texts[each.id])):
                    self._missed("match", match, each, UNMATCHED)

    def _unfound(self, watch: Watch, ids: Collection[ArticleId]) -> Iterator[Finding]:
        with self.store.read() as tx:
            rows = audits.these(tx, ids)
        for each in rows:
            if _is_indexed(each):
                yield Finding(kind="unfound", article_id=each.id, revision=each.revision, watch_id=watch.id, why=UNFOUND)


def _is_indexed(article: Landed) -> bool:
    return not article.waits and article.indexed_version >= article.document_version


def _readable(held: Iterable[Watch]) -> Iterator[tuple[WatchId, Query]]:
    for watch in held:
        try:
            yield watch.id, parse(watch.query).or_forms(watch.aliases)
        except Rejected as error:  # the stream leaves it out, too, and says so
            log.warning("watch %s can't be read and is not audited: %s", watch.id, error)


def _asked(watch: Watch, query: Query) -> Asked:
    return Asked(watch.id, query, watch.level or DEFAULT_LEVEL, watch.vetoes)


def _parts(ids: Sequence[ArticleId], size: int) -> Iterator[Sequence[ArticleId]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))
