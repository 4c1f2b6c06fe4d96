"""Forgets what is old, in the store and then in the search index, beside everything else and a bounded part at once.

It owns when that is done; what is forgotten is the store's, and how an index lets go is the engine's.
"""

import datetime as dt
import logging
import threading
import time
from dataclasses import dataclass, field

from copytaster.config import RetentionConfig
from copytaster.errors import CopytasterError
from copytaster.store import Store, retention
from search.generations import FullEngine
from workers.unindexing import take_out, take_out_before

PART_SECONDS = 20.0  # of one run; on SQLite a batch holds the write lock for some hundredths of a second
REST_SECONDS = 600.0  # until the next look, once nothing old is left
log = logging.getLogger("copytaster.forgetting")


@dataclass
class Forgetting:
    """The chore; ``nudge`` it once a minute."""

    store: Store
    engine: FullEngine
    config: RetentionConfig
    _thread: threading.Thread | None = None
    _rested: float = field(default_factory=lambda: -REST_SECONDS)

    def nudge(self) -> None:
        """Starts a run in a thread of its own, for hints must not wait, unless one is under way or nothing was left lately."""
        if time.monotonic() - self._rested < REST_SECONDS or (self._thread and self._thread.is_alive()):
            return
        self._thread = threading.Thread(target=self._run, name="forgetting", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            if self.run():
                self._rested = time.monotonic()
        except CopytasterError as error:
            log.warning("what is old is forgotten later: %s", error)
        except Exception:  # a fault here must end neither the process nor the next try
            log.exception("what is old is forgotten later")

    def run(self, seconds: float = PART_SECONDS) -> bool:
        """One bounded part; True once nothing old is left. Raises Transient where store or engine are away."""
        until = time.monotonic() + seconds
        with self.store.read() as tx:
            old = self._plan(tx.now).texts
        if old:
            take_out_before(self.engine, old)  # whole months first: then the batches find little left to do there
        ended = self._articles(until)
        return retention.forget_the_rest(self.store, self._plan, until=until) and ended

    def _articles(self, until: float) -> bool:
        """Out of the index first, so that an engine that is away leaves nothing behind; and again, should it be back by then."""
        while time.monotonic() < until:
            with self.store.read() as tx:
                ids = retention.old_articles(tx, self._plan(tx.now))
            if not ids:
                return True
            take_out(self.engine, ids)
            with self.store.write() as tx:
                gone = retention.forget_articles(tx, self._plan(tx.now), ids)
            take_out(self.engine, ids)
            if not gone:  # somebody holds them just now
                break
        return False

    def _plan(self, now: dt.datetime) -> retention.Cutoffs:
        days = {"text_days": self.config.text_days, "match_days": self.config.match_days}
        return retention.cutoffs(now, **days, refused_days=self.config.refused_days)
