"""Takedown of an article or a whole source: out of the index, Kibana's facts, the outbox and the store, in short steps.

It owns that order, which makes it safe to run again after anything broke off; what goes in one transaction is the store's.

    tombstone     nobody lands it again, or puts it into a message
    index, facts  away from where people look, while the rows still say what there is
    outbox        what is owed and what was told, some watches at a time
    rows          matches, article, links; of a source its own row last, by which a second run finds it
"""

import itertools
import os
import pathlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from copytaster.errors import Transient
from copytaster.news import ArticleId, SourceId
from copytaster.store import Store, Tx, redaction, takedown, tombstones
from copytaster.store.takedown import Closed
from search.generations import FullEngine
from workers.unindexing import take_out

FILE = "taken-down.txt"  # in data_dir: ids alone, so that a backup that is older can't bring back what is in them
MOST_TRIES = 5
T = TypeVar("T")


class Shown(Protocol):
    """Where articles are shown beside the index."""

    def drop(self, *, articles: Collection[str] = (), urls: Collection[str] = (), source_id: str | None = None) -> int:
        """Take out all facts about these; how many there were. Raises Transient where it is away."""
        ...


@dataclass(slots=True)
class Done:
    """What went."""

    articles: int = 0
    links: int = 0
    deliveries: int = 0
    messages: int = 0


@dataclass(slots=True)
class Takedown:
    """One run. ``address``, ``source`` and ``again`` give what went after each step, and must be gone through to the end."""

    store: Store
    engine: FullEngine
    data_dir: pathlib.Path
    shown: Shown | None = None
    done: Done = field(default_factory=Done)

    def address(self, link_id: str) -> Iterator[int]:
        """One address: its article, and whatever else led to that."""
        found = self._read(lambda tx: takedown.articles_at(tx, link_id))
        yield self._articles([*found, *({link_id} - set(found))], link_id)
        yield from self._strays()

    def source(self, source_id: SourceId) -> Iterator[int]:
        """All that was ever read or found at a source, and the source itself; and what came in while that was done."""
        name = tombstones.of_source(source_id)
        self._note(self._write(lambda tx: takedown.close_source(tx, source_id)), name)
        while True:
            while ids := self._read(lambda tx: takedown.articles_of(tx, source_id)):
                yield self._articles(ids, name)
            while ids := self._read(lambda tx: takedown.links_of(tx, source_id)):
                yield self._links(ids, name)
            yield from self._strays()
            if self.shown:
                self.shown.drop(source_id=source_id)
            if self._write(lambda tx: takedown.end_source(tx, source_id)):
                return

    def again(self) -> Iterator[int]:
        """What has a tombstone and is there all the same: of a run that broke off, or in a store that was restored."""
        for source_id in self._read(takedown.left_sources):
            yield from self.source(source_id)
        while (found := self._read(takedown.left_articles))[1]:
            yield self._articles(found[1], found[0])
        yield from self._strays()

    def _articles(self, ids: Sequence[str], name: str) -> int:
        """Hidden twice: before the rows, so that an index that is away leaves nothing behind, and for who indexed meanwhile."""
        closed = self._write(lambda tx: takedown.close_articles(tx, ids, name))
        self._note(closed.buried, name)
        self._hide(ids, closed.urls)
        self._outbox(closed)
        while not self._write(lambda tx: takedown.drop_matches(tx, ids)):
            pass
        gone = self._write(lambda tx: takedown.end_articles(tx, ids))
        self._hide(ids, closed.urls)
        self.done.articles += gone
        return gone + self._links(sorted(closed.buried), name)

    def _hide(self, ids: Sequence[str], urls: Collection[str]) -> None:
        take_out(self.engine, [ArticleId(each) for each in ids])
        if self.shown:
            self.shown.drop(articles=ids, urls=urls)

    def _outbox(self, closed: Closed) -> None:
        last = ("", "")
        while part := self._read(lambda tx, last=last: redaction.pairs(tx, closed.stories, last)):  # type: ignore[misc]
            self._redact(part, closed)
            last = part[-1]

    def _redact(self, part: Sequence[redaction.Pair], closed: Closed) -> None:
        self._write(lambda tx: redaction.wait_for_packers(tx, part))
        told = self._write(lambda tx: redaction.redact(tx, part, closed.ids, closed.urls))
        self.done.deliveries += told.deliveries
        self.done.messages += told.messages

    def _links(self, ids: Sequence[str], name: str) -> int:
        gone = 0
        for part in _parts(ids, takedown.BATCH):
            self._note(part, name)
            urls = self._read(lambda tx, part=part: takedown.urls_of(tx, part))  # type: ignore[misc]
            if self.shown and urls:
                self.shown.drop(urls=urls)
            gone += self._write(lambda tx, part=part: takedown.drop_links(tx, part, name))  # type: ignore[misc]
        self.done.links += gone
        return gone

    def _strays(self) -> Iterator[int]:
        while (found := self._read(takedown.left_links))[1]:
            yield self._links(found[1], found[0])

    def _read(self, query: Callable[[Tx], T]) -> T:
        with self.store.read() as tx:
            return query(tx)

    def _write(self, change: Callable[[Tx], T]) -> T:
        """Where two waited for each other in the database, the one that gave way tries again."""
        for left in reversed(range(MOST_TRIES)):
            try:
                with self.store.write() as tx:
                    return change(tx)
            except Transient as error:
                if not left or (error.retry_after or 1) >= 1:
                    raise
        raise AssertionError

    def _note(self, ids: Collection[str], name: str) -> None:
        remember(self.data_dir, ids, name)


def _parts(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))


# -- beside the store -------------------------------------------------------------------------------------------------


def remember(data_dir: pathlib.Path, ids: Collection[str], name: str) -> None:
    """Each id on a line of its own with its takedown, on the disk before the rows go."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / FILE).open("a", encoding="ascii") as file:
        file.writelines(f"{each} {name}\n" for each in sorted(ids))
        file.flush()
        os.fsync(file.fileno())


def remembered(data_dir: pathlib.Path) -> dict[str, str]:
    """Each id with its takedown; of a line without one it is its own."""
    try:
        lines = (data_dir / FILE).read_text("ascii").splitlines()
    except FileNotFoundError:
        return {}
    found: dict[str, str] = {}
    for one, _, name in (line.strip().partition(" ") for line in lines if line.strip()):
        if one not in found or not tombstones.is_of_source(name):
            found[one] = name or one
    return found


def bury_remembered(tx: Tx, held: Mapping[str, str]) -> None:
    """In a store that does not know them."""
    for name, ids in itertools.groupby(sorted(held, key=lambda one: held[one]), key=lambda one: held[one]):
        for part in _parts(list(ids), takedown.BATCH):
            tombstones.bury(tx, part, name)


def unremember(data_dir: pathlib.Path, ids: Iterable[str]) -> None:
    left, gone = remembered(data_dir), set(ids)
    fresh = data_dir / f"{FILE}.{os.getpid()}"
    fresh.write_text("".join(f"{one} {name}\n" for one, name in sorted(left.items()) if one not in gone), "ascii")
    fresh.replace(data_dir / FILE)
