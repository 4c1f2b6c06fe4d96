"""Audits when it is time, beside everything else and a bounded part at once; one that was broken off goes on where it was.

It owns when that is done and how far it is; what a round does is the audit's.
"""

import json
import logging
import threading
import time
from dataclasses import dataclass
from datetime import timedelta

from copytaster.config import Config
from copytaster.errors import CopytasterError
from copytaster.store import Store, audits, marks
from copytaster.store.marks import Mark
from search.generations import FullEngine
from workers.audit import Place, Round, Window

PART_SECONDS = 20.0  # of one run, of a minute: the rest is left to others
UNDER_WAY, DONE = "audit", "audit.done"
log = logging.getLogger("copytaster.auditing")


@dataclass
class Auditing:
    """The chore; ``nudge`` it once a minute."""

    store: Store
    engine: FullEngine
    config: Config
    _thread: threading.Thread | None = None
    _round: Round | None = None

    def nudge(self) -> None:
        """Starts a part in a thread of its own, for hints must not wait, unless one is under way or audits are off."""
        if not self.config.audit.every_seconds or (self._thread and self._thread.is_alive()):
            return
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.run()
        except CopytasterError as error:
            log.warning("the audit goes on later: %s", error)
        except Exception:  # a fault here must end neither the process nor the next try
            self._round = None
            log.exception("the audit goes on later")

    def run(self, seconds: float = PART_SECONDS) -> bool:
        """One bounded part; True once a round is complete or none is due. Raises Transient where store or engine are away."""
        until = time.monotonic() + seconds
        self._round = self._round or self._due()
        if self._round is None:
            return True
        while self._round.step():
            with self.store.write() as tx:
                marks.put(tx, UNDER_WAY, Mark(self._round.window.until, self._round.place.to_text()))
            if time.monotonic() >= until:
                return False
        self._finish(self._round)
        self._round = None
        return True

    def _due(self) -> Round | None:
        """The round that was broken off, or a new one where it is time."""
        every, days = timedelta(seconds=self.config.audit.every_seconds), timedelta(days=self.config.audit.days)
        with self.store.read() as tx:
            now, done, begun = tx.now, marks.get(tx, DONE), marks.get(tx, UNDER_WAY)
        place = Place.from_text(begun.place) if begun.at and begun.place else None
        if place is None and done.at and now < done.at + every:
            return None
        until = begun.at if begun.at and place else now
        window = Window(since=until - days, until=until, fresh_since=done.at or until - days)
        return Round(self.store, self.engine, window, match_days=self.config.retention.match_days, place=place)

    def _finish(self, done: Round) -> None:
        report = done.report
        told = {"articles": report.articles, "read": report.read, "watches": report.watches, "missed": report.missed}
        with self.store.write() as tx:
            audits.forget_mended(tx, done.window.until)
            marks.put(tx, DONE, Mark(done.window.until, json.dumps(told)))
            marks.put(tx, UNDER_WAY, Mark())
        log.info("audited %s articles for %s watches: %s missed", report.articles, report.watches, report.missed)
