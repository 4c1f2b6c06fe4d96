"""Finds what is due in the truth and sees that somebody is told: hints are lost, rows are not.

It owns the rhythm of looking and the bounds that keep hints from flooding; it must not know what a stage does.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from copytaster.crashpoints import crashpoint
from copytaster.errors import CopytasterError
from copytaster.store import Store, Tx, articles, clock, deliveries, leases, messages, pages
from workers.app import STAGES, Hints

DEEP = 8  # hints waiting in a queue; each drains its stage for seconds, so more of them would only pile up
MOST_HINTS = 4  # sent for one stage in one look: without a bound 24,364 hints were sent for 3,000 deliveries
MOST_COUNTED = 1_000  # rows of one stage: more hints are never sent, and counting a backlog takes longer the worse it is
LEASE = "reconcile"
log = logging.getLogger("copytaster.reconciler")


def plan_hints(due: int, depth: int | None) -> int:
    """How many hints a stage needs: none where nothing is due, the queue is deep or the broker can't be asked."""
    if not due or depth is None:
        return 0
    return max(0, min(due, MOST_HINTS, DEEP - depth))


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Looks every few seconds; several may run, one at a time does it."""

    store: Store
    hints: Hints
    every_seconds: float
    chores: Callable[[], None]  # what is done once a minute
    note: Callable[[], None]
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def run(self, stop: threading.Event) -> None:
        """Until told to stop; a store or broker that is away is waited for."""
        next_chores = time.monotonic()
        while not stop.is_set():
            try:
                if self._mine():
                    self.look()
                    if time.monotonic() >= next_chores:
                        next_chores = time.monotonic() + 60
                        self.chores()
                self.note()
            except CopytasterError as error:
                log.warning("looking again in %.0f s: %s", self.every_seconds, error)
            except Exception:  # a fault in one chore must not end what finds all lost work
                log.exception("looking again in %.0f s", self.every_seconds)
            stop.wait(self.every_seconds)

    def _mine(self) -> bool:
        seconds = max(3 * self.every_seconds, 5)
        with self.store.write() as tx:
            if lost := clock.went_back(tx):
                moved = clock.bring_forward(tx, lost)
                log.warning(
                    "the store's clock was set back by %.0f s; %d rows are due by the new time now", lost.total_seconds(), moved
                )
            return leases.take(tx, LEASE, self.token, seconds=seconds)

    def look(self) -> dict[str, int]:
        """One look: sends the hints that are needed, and returns how many for each stage."""
        with self.store.read() as tx:
            due = due_rows(tx, most=MOST_COUNTED)
        crashpoint("beat.looked")
        sent = {}
        for stage in STAGES:
            wanted = plan_hints(due[stage], self.hints.depth(stage) if due[stage] else 0)
            for _ in range(wanted):
                self.hints.send(stage)
            sent[stage] = wanted
        crashpoint("beat.hinted")
        return sent


def due_rows(tx: Tx, *, most: int = 100_000) -> dict[str, int]:
    """How many rows are due, by stage; a backlog of the index is counted up to ``most``."""
    return {
        "ingest": pages.due(tx),
        "deliver": deliveries.due(tx) + messages.due(tx),
        "index": articles.unindexed(tx, most=most),
    }
