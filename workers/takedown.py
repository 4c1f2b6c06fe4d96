"""Takedown of an article or of a whole source: out of the index, the store and Kibana's facts, a bounded batch at a time.

It owns that order, which makes it safe to run again after anything broke off; what goes in one transaction is the store's.
"""

import os
import pathlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from copytaster.news import ArticleId, SourceId
from copytaster.store import Store, Tx, takedown
from copytaster.store.takedown import Taken
from search.generations import FullEngine
from workers.unindexing import take_out

FILE = "taken-down.txt"  # in data_dir: ids alone, so that a backup that is older can't bring back what is in them


class Shown(Protocol):
    """Where articles are shown beside the index."""

    def drop(self, *, articles: Collection[str] = (), urls: Collection[str] = (), source_id: str | None = None) -> int:
        """Take out all facts about these; how many there were. Raises Transient where it is away."""
        ...


@dataclass(slots=True)
class Takedown:
    """One run. ``article`` and ``source`` give what went after each batch, and must be gone through to the end."""

    store: Store
    engine: FullEngine
    data_dir: pathlib.Path
    shown: Shown | None = None
    done: Taken = field(default_factory=Taken)

    def address(self, link_id: str) -> Iterator[int]:
        """One address: its article, and whatever else led to that."""
        with self.store.read() as tx:
            found = takedown.articles_at(tx, link_id)
        yield self._articles([*found, *({link_id} - set(found))])
        yield from self._strays()

    def source(self, source_id: SourceId) -> Iterator[int]:
        """All that was ever read or found at a source, and the source itself."""
        with self.store.write() as tx:
            takedown.close_source(tx, source_id)
        self._note([source_id])
        while ids := self._next(lambda tx: takedown.articles_of(tx, source_id)):
            yield self._articles(ids)
        while ids := self._next(lambda tx: takedown.links_of(tx, source_id)):
            yield self._links(ids)
        yield from self._strays()
        with self.store.write() as tx:
            takedown.end_source(tx, source_id)
        if self.shown:
            self.shown.drop(source_id=source_id)

    def again(self, ids: Sequence[str]) -> Iterator[int]:
        """What was taken down before, in a store that does not know it: one that was restored."""
        for start in range(0, len(ids), takedown.BATCH):
            yield self._articles(ids[start : start + takedown.BATCH])
        yield from self._strays()

    def _next(self, query: Callable[[Tx], list[str]]) -> list[str]:
        with self.store.read() as tx:
            return query(tx)

    def _articles(self, ids: Sequence[str]) -> int:
        """Out of the index first: an engine that is away leaves nothing behind. And again, for who indexed meanwhile."""
        known = [ArticleId(each) for each in ids]
        take_out(self.engine, known)
        self._note(ids)
        with self.store.write() as tx:
            taken = takedown.take_down(tx, ids)
        take_out(self.engine, known)
        self._ended(taken, ids)
        return taken.articles + taken.links

    def _links(self, ids: Sequence[str]) -> int:
        with self.store.write() as tx:
            taken = takedown.drop_links(tx, ids)
        self._ended(taken, ())
        return taken.links

    def _strays(self) -> Iterator[int]:
        while ids := self._next(takedown.stray_links):
            yield self._links(ids)

    def _ended(self, taken: Taken, articles: Sequence[str]) -> None:
        self._note(taken.buried)
        if self.shown:
            self.shown.drop(articles=articles, urls=taken.urls)
        self.done.add(taken)

    def _note(self, ids: Collection[str]) -> None:
        remember(self.data_dir, ids)


def remember(data_dir: pathlib.Path, ids: Collection[str]) -> None:
    """Each id on a line of its own, on the disk before the rows go."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / FILE).open("a", encoding="ascii") as file:
        file.writelines(f"{each}\n" for each in sorted(ids))
        file.flush()
        os.fsync(file.fileno())


def remembered(data_dir: pathlib.Path) -> list[str]:
    try:
        return sorted(set((data_dir / FILE).read_text("ascii").split()))
    except FileNotFoundError:
        return []


def unremember(data_dir: pathlib.Path, ids: Collection[str]) -> None:
    left = sorted(set(remembered(data_dir)) - set(ids))
    fresh = data_dir / f"{FILE}.{os.getpid()}"
    fresh.write_text("".join(f"{each}\n" for each in left), "ascii")
    fresh.replace(data_dir / FILE)
