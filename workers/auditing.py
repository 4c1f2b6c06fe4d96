"""Audits when it is time, beside everything else and a bounded part at once; one that was broken off goes on where it was.

It owns when that is done and how far it is; what a round does is the audit's.
"""

import json
import logging
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from copytaster.config import AuditConfig, Config
from copytaster.errors import CopytasterError
from copytaster.store import Store, Tx, audits, marks
from copytaster.store.marks import Mark
from search.generations import FullEngine
from workers.audit import Round
from workers.audit_round import Place, Window

PART_SECONDS = 20.0  # of one run, of a minute: the rest is left to others
UNDER_WAY, DONE, HELD_AFTER = "audit", "audit.done", "audit.held"
# A page is landed under the time at which its transaction began, and is seen once it ends: it may have waited for an epoch, an
# article, a disk. No statement runs for more than five minutes (copytaster.store.db).
LONGEST_LANDING = timedelta(minutes=10)
MOST_HELD = 100_000  # ids of the index in one round: ten million in four days
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
        self._round = self._begun()
        if self._round is None:
            return True
        while self._round.step():
            self._note_place(self._round)
            if time.monotonic() >= until:
                return False
        self._finish(self._round)
        self._round = None
        return True

    def _begun(self) -> Round | None:
        """The round that is under way or was broken off, or a new one where it is time."""
        with self.store.read() as tx:
            now, begun, done = tx.now, marks.get(tx, UNDER_WAY), marks.get(tx, DONE)
            held_after = marks.get(tx, HELD_AFTER).place or ""
        window = next_window(now, begun.at, done.at, self.config.audit)
        if window is None:
            return None
        if self._round is not None and self._round.window.until == window.until:
            return self._round
        place = Place.from_text(begun.place) if begun.place and begun.at == window.until else Place()
        window = replace(window, held_after=held_after, most_held=MOST_HELD)
        under_way = Round(self.store, self.engine, window, match_days=self.config.retention.match_days, place=place)
        self._note_place(under_way)
        return under_way

    def _note_place(self, under_way: Round) -> None:
        with self.store.write() as tx:
            marks.put(tx, UNDER_WAY, Mark(under_way.window.until, under_way.place.to_text()))

    def _finish(self, done: Round) -> None:
        report = done.report
        told = {"articles": report.articles, "read": report.read, "watches": report.watches, "missed": report.missed}
        with self.store.write() as tx:
            audits.forget_mended(tx, done.window.until)
            marks.put(tx, DONE, Mark(done.window.until, json.dumps(told)))
            marks.put(tx, UNDER_WAY, Mark())
            marks.put(tx, HELD_AFTER, Mark(None, done.place.last))
        log.info("audited %s articles for %s watches: %s missed", report.articles, report.watches, report.missed)


def next_window(now: datetime, begun: datetime | None, done: datetime | None, audit: AuditConfig) -> Window | None:
    """Of the round to be gone on with, or of a new one; None where none is due.

    ``begun`` is when the one under way began, ``done`` when the last complete one did. Where either is still to come, the clock
    was set back: what was landed since then bears times that were audited before, so all of the window is read again.
    """
    was_set_back = any(each is not None and each > now for each in (begun, done))
    if begun is not None and not was_set_back:
        until = begun
    elif was_set_back or done is None or now >= done + timedelta(seconds=audit.every_seconds):
        until = now
    else:
        return None
    since = until - timedelta(days=audit.days)
    if was_set_back or done is None:
        return Window(since=since, until=until, fresh_since=since)
    fresh_since = done - LONGEST_LANDING  # there may be more to catch up with than a window
    return Window(since=min(since, fresh_since), until=until, fresh_since=fresh_since)


def began_at(tx: Tx) -> datetime | None:
    """When the last complete audit began; where there was none yet, when the first one did."""
    return marks.get(tx, DONE).at or marks.get(tx, UNDER_WAY).at
