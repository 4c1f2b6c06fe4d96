"""The search index made anew from the store, beside the one that is searched meanwhile.

It owns the order: a next generation is begun, filled in the order of ids, compared with the store, and takes over. It must
not know which engine it is, nor how far anybody wants to be told.
"""

import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from copytaster.errors import Permanent, Transient
from copytaster.news import ArticleId
from copytaster.store import Store, articles, deliveries, health, inventory, leases, refusals
from copytaster.store.inventory import Entry
from search.engine import Outcome
from search.generations import FullEngine
from search.mapping import IndexDocument

LEASE = "rebuild"
LEASE_SECONDS = 60.0  # prolonged at every page; a rebuild that was killed can be run again after so long
PAGE = 200  # articles in memory at once
COMPARED = 1_000  # ids
PATIENCE_SECONDS = 120.0  # that an engine may be away in the middle of it
log = logging.getLogger("copytaster.rebuild")
T = TypeVar("T")


@dataclass(slots=True)
class Rebuilt:
    """What it came to. ``mended`` were missing when it was compared with the store, ``removed`` too many."""

    articles: int = 0
    indexed: int = 0
    refused: int = 0
    mended: int = 0
    removed: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Rebuild:
    """One run: ``fill`` gives the number of articles after each page, then ``compare`` and ``finish`` must be called."""

    store: Store
    engine: FullEngine
    sleep: Callable[[float], None] = time.sleep
    done: Rebuilt = field(default_factory=Rebuilt)
    _token: str = field(default_factory=lambda: secrets.token_hex(8))

    @contextlib.contextmanager
    def running(self) -> Iterator["Rebuild"]:
        """Holds the lease; whatever breaks off throws the half of an index away. Raises Permanent where another one runs."""
        began = time.monotonic()
        self._take_lease()
        try:
            self._patiently(self.engine.prepare)
            self._patiently(self.engine.begin_rebuild)
            yield self
        except BaseException:
            with contextlib.suppress(Transient, Permanent):
                self._take_lease()  # what another one builds by now is not ours to throw away
                self.engine.abandon_rebuild()
            raise
        finally:
            with self.store.write() as tx:
                leases.drop(tx, LEASE, self._token)
            self.done.seconds = round(time.monotonic() - began, 2)

    def fill(self) -> Iterator[int]:
        """Every article of the store into the next generation, a page at a time."""
        for page in inventory.pages(self.store, limit=PAGE):
            self._take_lease()
            outcomes = self._put([entry.id for entry in page])
            self._take_back([entry.id for entry in page])
            self.done.indexed += sum(each.state != "failed" for each in outcomes)
            self.done.refused += sum(each.state == "failed" for each in outcomes)
            self.done.articles += len(page)
            yield len(page)

    def compare(self) -> Iterator[int]:
        """The ids of the next generation with those of the store; what differs is mended.

        What came while it was filled is put into both generations by the index stage, so nothing should: that is what this
        makes sure of. What the stage still has to do with is left to it.
        """
        before = ""
        for page in inventory.pages(self.store, limit=COMPARED):
            self._take_lease()
            self._compare(page, before)
            before = page[-1].id
            yield len(page)
        while surplus := self._held(before, None):
            self._remove(surplus)
            before = surplus[-1]

    def finish(self) -> Rebuilt:
        """The next generation takes over. What was refused before is tried again, for that may be why it was rebuilt."""
        self._take_lease()
        self._patiently(self.engine.finish_rebuild)
        with self.store.write() as tx:
            for each in refusals.every(tx, stage="index", limit=1_000_000):
                if health.index_anew(tx, each.key):
                    refusals.clear(tx, "index", each.key)
        return self.done

    # -- steps ----------------------------------------------------------------------------------------------------------

    def _put(self, ids: Sequence[ArticleId]) -> list[Outcome]:
        with self.store.read() as tx:
            found = list(articles.many(tx, ids).values())
            matched = deliveries.watches_of(tx, [each.id for each in found])
        documents = [IndexDocument.of(each, matched.get(each.id)) for each in found]
        return self._patiently(lambda: self.engine.put_into_building(documents))

    def _take_back(self, ids: Sequence[ArticleId]) -> None:
        """What was taken down between our reading it and our putting it must not come back by us."""
        with self.store.read() as tx:
            there = inventory.there(tx, ids)
        if gone := [each for each in ids if each not in there]:
            self._patiently(lambda: self.engine.delete(gone))

    def _compare(self, page: Sequence[Entry], before: str) -> None:
        held = set(self._held(before, page[-1].id))
        missing = [entry.id for entry in page if entry.id not in held and not entry.waiting]
        if missing:  # or not visible yet: what is there already is "newer"
            self.done.mended += sum(each.state == "indexed" for each in self._put(missing))
        self._remove(list(held - {entry.id for entry in page}))

    def _held(self, after: str, last: str | None) -> list[ArticleId]:
        """The ids of the next generation that follow ``after``, up to ``last``; one page of them where that is None."""
        found: list[ArticleId] = []
        while True:
            start = found[-1] if found else after
            page = self._patiently(lambda start=start: self.engine.ids(after=start, size=COMPARED, building=True))  # type: ignore[misc]
            found += [each for each in page if last is None or each <= last]
            if last is None or len(page) < COMPARED or page[-1] > last:
                return found

    def _remove(self, ids: Sequence[ArticleId]) -> None:
        with self.store.read() as tx:
            there = inventory.there(tx, ids)
        if surplus := [each for each in ids if each not in there]:
            self._patiently(lambda: self.engine.delete(surplus))
            self.done.removed += len(surplus)

    # -- holding out ------------------------------------------------------------------------------------------------------

    def _take_lease(self) -> None:
        with self.store.write() as tx:
            if leases.take(tx, LEASE, self._token, seconds=LEASE_SECONDS):
                return
            until = leases.until(tx, LEASE)
            seconds = (until - tx.now).total_seconds() if until else LEASE_SECONDS
        raise Permanent(
            "Another rebuild of the search index is running, or was killed less than a minute ago: "
            f"let it end, or try again in {seconds:.0f} s."
        )

    def _patiently(self, step: Callable[[], T]) -> T:
        """An engine that is away for a moment does not undo the work of hours."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return step()
            except Transient as error:
                if time.monotonic() >= until:
                    raise
                log.warning("the rebuild waits: %s", error)
                self.sleep(min(max(error.retry_after or 0.0, 1.0), 10.0))
                self._take_lease()
