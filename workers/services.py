"""What a stage works with: made once in a process by ``bootstrap``, handed to every step. It makes nothing itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from search.engine import SearchEngine

from copytaster.config import Config
from copytaster.store import Store, processes
from workers.notifiers import Notifiers
from workers.watchlist import Watchlist

PROGRESS_SECONDS = 5.0


class Progress:
    """Notes in the store that this process gets on: every few seconds at most, for it costs a write."""

    def __init__(self, store: Store, name: str, kind: str) -> None:
        self._store, self.name, self.kind = store, name, kind
        self._noted = 0.0

    def note(self) -> None:
        if time.monotonic() - self._noted < PROGRESS_SECONDS:
            return
        with self._store.write() as tx:
            processes.note(tx, self.name, self.kind)
        self._noted = time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """``token`` is this process's own name on every lease that it takes."""

    config: Config
    store: Store
    watchlist: Watchlist
    engine: SearchEngine
    notifiers: Notifiers
    hint: Callable[[str], None]
    progress: Progress
    token: str
    secret: str  # signs unsubscribe links
