"""All watches in the memory of one process, as of one epoch. It owns when to look again, never how a query matches."""

import logging
import threading
from collections.abc import Sequence

from copytaster.errors import Rejected
from copytaster.store import Tx, watches
from copytaster.watches import DEFAULT_LEVEL, Watch, WatchId
from search.document import Document
from search.matcher import Found, Matcher
from search.query import parse

log = logging.getLogger("copytaster.watches")


class Watchlist:
    """The matcher with the watches it holds; ``refresh`` brings in what was saved since, and that alone."""

    def __init__(self) -> None:
        self._matcher = Matcher()
        self._watches: dict[WatchId, Watch] = {}
        self._lock = threading.Lock()
        self.epoch = -1

    def refresh(self, tx: Tx) -> None:
        """Up to the epoch that this transaction sees."""
        epoch = watches.epoch(tx)
        with self._lock:
            if epoch == self.epoch:
                return
            changed, removed = watches.changed_since(tx, self.epoch)
            for watch_id in [*removed, *(watch.id for watch in changed)]:
                if self._watches.pop(watch_id, None):
                    self._matcher.remove(watch_id)
            for watch in changed:
                self._add(watch)
            self.epoch = epoch

    def _add(self, watch: Watch) -> None:
        try:
            query = parse(watch.query)
            level = watch.level or DEFAULT_LEVEL
            self._matcher.add(watch.id, query, level=level, aliases=watch.aliases, vetoes=watch.vetoes)
        except Rejected as error:  # saved by a release that read it otherwise: one bad watch never stops the others
            log.error("watch %s (%s) can't be read and is left out: %s", watch.id, watch.name, error)  # noqa: TRY400
            return
        self._watches[watch.id] = watch

    def match(self, document: Document) -> Sequence[Found]:
        with self._lock:
            return self._matcher.match(document)

    def watch(self, watch_id: WatchId) -> Watch:
        return self._watches[watch_id]

    def __len__(self) -> int:
        return len(self._watches)
