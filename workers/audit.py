"""Every watch audited: stored articles are read again by an independent path, and what the stream missed is delivered late.

It owns the order of one round: read by brute force what is new, hold every match against its deliveries, ask the index what
it has, ask it for each watch. It must not know how a text is read, what counts as a miss or when a round is due.

    read    each article: matches by brute force, of what was landed since the last round; deliveries of every match
    index   each article: is its newest version there?
    search  each watch: what the index finds at the widest level, and what it does not find of the stored matches
    strays  each id of the index, some of them in each round: does the store know it?

A place counts as passed once all of its step was done, so a step that was broken off is done again, which changes nothing.
"""

import datetime as dt
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence

from copytaster.errors import CopytasterError, Permanent, Rejected, Transient
from copytaster.news import ArticleId
from copytaster.store import Store, Tx, articles, audits, watches
from copytaster.store.audits import Finding, Landed, Matched
from copytaster.watches import DEFAULT_LEVEL, Watch, WatchId
from search.brute import Asked, Brute
from search.document import Document
from search.generations import FullEngine
from search.query import Query, parse
from workers.audit_index import IndexAudit
from workers.audit_mending import Missed, mend
from workers.audit_round import Place, Report, Window
from workers.audit_rules import Facts, is_matched, is_news, newest, owed_channels

PAGE = 50  # articles that are read in one step
IDS = 500  # articles that the index is asked for at once
CANDIDATES = 200
MOST_CANDIDATES = 5_000  # of one watch; of one that finds more the newest are looked at
HELD = 1_000  # ids of the index that the store is asked for at once
UNMATCHED = "It satisfies the watch, and the stream recorded no match."
UNTOLD = "It matched, and no delivery was made of it."
UNFOUND = "It matched, and a search for the watch does not find it: `copytaster rebuild` mends the index."
UNREAD = "Reading it failed ({}); the log tells where. It is tried again in each round."
UNASKED = "The index could not be asked for the watch: {}"
log = logging.getLogger("copytaster.audit")


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
        self._index = IndexAudit(store, engine)
        self._match_days = match_days
        with store.read() as tx:
            held = [each for each in watches.every(tx) if only is None or each.id in only]
            self._from = audits.judged_from(tx) or window.since
        self._queries = dict(_readable(held))
        self._watches = {each.id: each for each in sorted(held, key=lambda each: each.id) if each.id in self._queries}
        self._brute = Brute(_asked(each, self._queries[each.id]) for each in self._watches.values())

    def step(self) -> bool:
        """One bounded part; False once nothing is left. Raises Transient or Permanent where store or engine are away, and is at
        the same place then.
        """
        steps = {"read": self._read, "index": self._ask, "search": self._search, "strays": self._stray}
        if self.place.phase not in steps:
            return False
        self.place = steps[self.place.phase]() or self.place.next()
        return True

    # -- read --------------------------------------------------------------------------------------------------------------

    def _read(self) -> Place | None:
        with self.store.snapshot() as tx:
            page = self._page(tx, PAGE)
            facts = self._facts(tx, page)
            unread = set(audits.articles_with(tx, "unread"))
        for each in page:
            if each.landed_at >= max(self.window.fresh_since, self._from) or each.id in unread:
                self._judge(self._brute, self._watches, each, facts)
                self.report.read += 1
            self._hold_against_deliveries(each, facts)
        self.report.articles += len(page)
        return _after(self.place, page)

    def _page(self, tx: Tx, size: int) -> list[Landed]:
        after = (self.place.at, self.place.last) if self.place.at else None
        return audits.landed(tx, since=self.window.since, after=after, until=self.window.until, limit=size)

    def _facts(self, tx: Tx, page: Sequence[Landed]) -> Facts:
        stories = {each.story_id for each in page}
        channels = {channel for watch in self._watches.values() for channel in watch.channel_ids}
        return Facts(
            matches=audits.matches_of(tx, stories),
            told=audits.told_of(tx, stories),
            told_since=watches.told_since(tx, sorted(channels)),
            match_days=self._match_days,
        )

    def _judge(self, brute: Brute, ids: Collection[WatchId], article: Landed, facts: Facts) -> None:
        """What can't be read is told, and is read again in the next round: one article, or watch, must not stop all others."""
        wanted = {each for each in ids if self._is_open(self._watches[each], article, facts)}
        try:
            self._look_for(brute, wanted, article)
        except CopytasterError:
            raise
        except Exception as error:
            log.exception("article %s can't be audited", article.id)
            failed = [each for each in sorted(wanted) if not self._is_read(brute, each, article)]
            if failed:
                why = UNREAD.format(type(error).__name__)
                watch_ids = [""] if len(failed) == len(wanted) else failed
                self._report([_unread(article.id, article.revision, watch_id, why) for watch_id in watch_ids])

    def _is_read(self, brute: Brute, watch_id: WatchId, article: Landed) -> bool:
        try:
            self._look_for(brute, {watch_id}, article)
        except CopytasterError:
            raise
        except Exception:  # noqa: BLE001  it was logged, when it was read for all
            return False
        return True

    def _look_for(self, brute: Brute, wanted: Collection[WatchId], article: Landed) -> None:
        if not wanted:
            return
        with self.store.read() as tx:
            text = articles.get(tx, article.id)
        for watch_id in sorted(brute.match(Document.of(text), wanted)) if text else ():
            self._missed("match", newest(self._watches[WatchId(watch_id)], article), article, UNMATCHED)

    def _is_open(self, watch: Watch, article: Landed, facts: Facts) -> bool:
        """Whether it would be a miss, did the article satisfy the watch."""
        match = newest(watch, article)
        return match.matched_at >= self._from and is_news(watch, match, article) and not is_matched(match, facts)

    def _hold_against_deliveries(self, article: Landed, facts: Facts) -> None:
        for match in facts.matches:
            watch = self._watches.get(match.watch_id) if match.article_id == article.id else None
            if watch and match.matched_at >= self._from and owed_channels(watch, match, article, facts):
                self._missed("delivery", match, article, UNTOLD)

    def _missed(self, kind: audits.Kind, match: Matched, article: Landed, why: str) -> None:
        watch = self._watches[match.watch_id]
        query, days = self._queries[watch.id], self._match_days
        found = mend(self.store, Missed(kind, match, article, why), watch, query=query, match_days=days)
        if found:
            log.error("missed (%s): watch %s, article %s: %s", kind, watch.id, article.id, why)
            self.report.findings.append(found)

    def _report(self, found: Sequence[Finding]) -> None:
        if found:
            with self.store.write() as tx:
                audits.note(tx, found)
            self.report.findings += found

    # -- index -------------------------------------------------------------------------------------------------------------

    def _ask(self) -> Place | None:
        if self.place.at is None:
            self.engine.refresh()
        with self.store.snapshot() as tx:
            page = self._page(tx, IDS)
        if page:
            self._report(self._index.lacking([each.id for each in page]))
        self.report.versions += len(page)
        return _after(self.place, page)

    def _stray(self) -> Place | None:
        """Some of the index in each round, on from where the last one ended."""
        if not self.place.last:
            self._report(self._index.known_strays())
        size = HELD if self.window.most_held is None else min(HELD, self.window.most_held - self.report.held)
        if size <= 0:
            return Place("done", None, self.place.last)
        ids = self.engine.ids(after=self.place.last or self.window.held_after, size=size)
        self._report([each for each in self._index.strays(ids) if each not in self.report.findings])
        self.report.held += len(ids)
        return Place("strays", None, ids[-1]) if len(ids) == size else None

    # -- search ------------------------------------------------------------------------------------------------------------

    def _search(self) -> Place | None:
        watch = next((each for each in self._watches.values() if each.id > self.place.last), None)
        if watch is None:
            return None
        try:
            self._search_for(watch)
        except (Transient, Permanent):
            raise
        except Exception as error:
            log.exception("the index can't be asked for watch %s", watch.id)
            why = UNASKED.format(error if isinstance(error, Rejected) else type(error).__name__)
            self._report([_unread(ArticleId(""), 0, watch.id, why)])
        self.report.watches += 1
        return Place("search", None, watch.id)

    def _search_for(self, watch: Watch) -> None:
        with self.store.snapshot() as tx:
            matched = audits.of_watch(tx, watch.id, watch.epoch, since=self.window.since, until=self.window.until)
        found, reach = self._found(watch)
        self._suspect(watch, found.difference(each.id for each in matched))
        lost = [each for each in matched if each.id not in found and each.first_seen_at >= reach and _is_indexed(each)]
        if lost:
            self.engine.refresh()
            again, _ = self._found(watch)
            self._report([*self._unfound(watch, [each.id for each in lost if each.id not in again])])
        self.report.asked += len(found)

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
            for each in rows:
                self._judge(brute, [watch.id], each, facts)

    def _unfound(self, watch: Watch, ids: Collection[ArticleId]) -> Iterator[Finding]:
        with self.store.read() as tx:
            rows = audits.these(tx, ids)
        for each in rows:
            if _is_indexed(each):
                yield Finding(kind="unfound", article_id=each.id, revision=each.revision, watch_id=watch.id, why=UNFOUND)


def _unread(article_id: ArticleId, revision: int, watch_id: str, why: str) -> Finding:
    return Finding(kind="unread", article_id=article_id, revision=revision, watch_id=watch_id, why=why)


def _after(place: Place, page: Sequence[Landed]) -> Place | None:
    return Place(place.phase, page[-1].first_seen_at, page[-1].id) if page else None


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
