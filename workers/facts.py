"""Brings alerts, refusals and the state of the sources from the store to where Kibana reads them, a bounded part a minute.

It owns how far this has come; it must not know the cluster. Nothing waits for it: a cluster that is away is caught up with.
"""

import datetime as dt
import logging
import secrets
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from copytaster.config import RetentionConfig
from copytaster.errors import CopytasterError, Transient
from copytaster.news import Printed
from copytaster.store import Store, Tx, leases, marks
from copytaster.store import facts as rows
from copytaster.store.db import Record
from copytaster.store.marks import Mark
from copytaster.store.types import EPOCH
from search.facts import Alert, EndpointState, Fact, Kind, Refused, SourceState, channel_kind

BATCH = 500
MOST_BATCHES = 20  # of each kind in one run, so that no run lasts; what is left comes with the next
# A row carries the instant at which its transaction began and is seen when it ends: the last minutes are read again.
OVERLAP = dt.timedelta(minutes=2)
LEASE, LEASE_SECONDS = "facts", 300.0
_NO_END = sys.maxsize
_MARKS: dict[Kind, str] = {"alerts": "facts.alerts", "refusals": "facts.refusals", "sources": "facts.sources"}
log = logging.getLogger("copytaster.facts")


class FactIndex(Protocol):
    """Where facts are put. A fact with a known id replaces the one before. Every method may raise Transient or Permanent."""

    def missing(self) -> bool:
        """Whether all facts have to be put anew: there are none, or they are of an older form."""
        ...

    def prepare(self) -> None:
        """Make what is missing."""
        ...

    def put(self, facts: Sequence[Fact]) -> int:
        """How many were taken. A bad one never fails its batch."""
        ...

    def drop_months(self, kind: Kind, before: dt.datetime) -> list[str]:
        """Take out the months that lie wholly before ``before``; their names."""
        ...

    def drop_sources(self, before: dt.datetime) -> int:
        """Take out the sources that were last put before ``before``."""
        ...

    def drop(self, *, articles: Collection[str] = (), urls: Collection[str] = (), source_id: str | None = None) -> int:
        """Take out all facts about these, which were taken down; how many there were."""
        ...

    def clear(self) -> None:
        """Take everything out."""
        ...


@dataclass(frozen=True, slots=True)
class Projection:
    """One projector at a time does it, however many would."""

    store: Store
    index: FactIndex
    retention: RetentionConfig
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def run(self) -> dict[Kind, int]:
        """One bounded part of what is new; how many facts of each kind were put. {} where another does it."""
        with self._lease() as mine:
            return self._project(MOST_BATCHES) if mine else {}

    def rebuild(self, *, patience_seconds: float = 30.0) -> dict[Kind, int]:
        """Everything anew, in one go. Transient where another projects for longer than we wait for it."""
        with self._lease(patience_seconds) as mine:
            if not mine:
                raise Transient("Kibana's facts are being written by another process. Try again in a minute.", retry_after=60)
            self.index.clear()
            return self._project(_NO_END)

    @contextmanager
    def _lease(self, patience_seconds: float = 0.0) -> Iterator[bool]:
        """Held for as long as it lasts (each mark renews it) and given back, so that the next one need not wait."""
        until = time.monotonic() + patience_seconds
        while not (mine := self._take(LEASE_SECONDS)) and time.monotonic() < until:
            time.sleep(0.5)
        try:
            yield mine
        finally:
            if mine:
                self._take(0)

    def _take(self, seconds: float) -> bool:
        with self.store.write() as tx:
            return leases.take(tx, LEASE, self.token, seconds=seconds)

    def _project(self, most_batches: int) -> dict[Kind, int]:
        self._prepare()
        with self.store.read() as tx:
            now = tx.now
        alerts_since, refused_since = _oldest(now, self.retention.match_days), _oldest(now, self.retention.refused_days)
        done: dict[Kind, int] = {
            "alerts": self._happened(_ALERTS, alerts_since, most_batches),
            "refusals": self._happened(_REFUSALS, refused_since, most_batches),
            "sources": self._sources(most_batches),
        }
        self._forget("alerts", alerts_since)
        self._forget("refusals", refused_since)
        return done

    def _prepare(self) -> None:
        """The marks go first: dying between the two, the next run finds the index missing again."""
        if self.index.missing():
            with self.store.write() as tx:
                marks.clear(tx, list(_MARKS.values()))
            self.index.prepare()

    def _happened(self, events: "Events", oldest: dt.datetime, most_batches: int) -> int:
        with self.store.read() as tx:
            place = _begin(marks.get(tx, _MARKS[events.kind]), oldest)
        number = 0
        for _ in range(most_batches):
            with self.store.read() as tx:
                found, settled = events.read(tx, place, limit=BATCH), (tx.now - OVERLAP, -1)
            facts = [events.made(row) for row in found]
            number += self.index.put(facts)
            if found:
                place = (facts[-1].at, found[-1].id)
            at, last = min(place, settled)
            self._mark(events.kind, Mark(at=at, place=str(last)))
            if len(found) < BATCH:
                break
        return number

    def _sources(self, most_batches: int) -> int:
        """Round and round: what a round did not meet is no source any more."""
        with self.store.read() as tx:
            mark = marks.get(tx, _MARKS["sources"])
            began, place = mark.at or tx.now, mark.place or ""
        number = 0
        for _ in range(most_batches):
            with self.store.read() as tx:
                states = _states(tx, place)
            number += self.index.put(states)
            if len(states) < BATCH:
                self.index.drop_sources(began)
                self._mark("sources", Mark())
                break
            place = states[-1].source_id
            self._mark("sources", Mark(at=began, place=place))
        return number

    def _mark(self, kind: Kind, mark: Mark) -> None:
        with self.store.write() as tx:
            marks.put(tx, _MARKS[kind], mark)
            leases.take(tx, LEASE, self.token, seconds=LEASE_SECONDS)

    def _forget(self, kind: Kind, oldest: dt.datetime) -> None:
        if oldest > EPOCH and (gone := self.index.drop_months(kind, oldest)):
            log.info("what is older than %s is forgotten: %s", oldest.date(), ", ".join(gone))


@dataclass(slots=True)
class Background:
    """Runs a projection beside what must not wait for it: the reconciler's thread sends the hints that alerts need."""

    projection: Projection
    _thread: threading.Thread | None = None

    def nudge(self) -> None:
        """Starts a run, unless one is still under way."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="facts", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            self.projection.run()
        except CopytasterError as error:
            log.warning("Kibana's facts are caught up later: %s", error)
        except Exception:  # a fault here must end neither the process nor the next try
            log.exception("Kibana's facts are tried again")


def _begin(mark: Mark, oldest: dt.datetime) -> rows.Place:
    """After the row that was the last one, or where the time begins that is kept."""
    return max((mark.at or EPOCH, int(mark.place or -1)), (oldest, -1))


def _oldest(now: dt.datetime, days: int) -> dt.datetime:
    return now - dt.timedelta(days=days) if days else EPOCH


def alert_of(row: Record) -> Alert:
    fields: dict[str, Any] = dict(row._mapping)
    published_at, precision = fields.pop("published_at"), fields.pop("published_precision")
    return Alert(
        delivery_id=fields.pop("id"),
        channel=channel_kind(fields.pop("channel_url")),
        published=Printed(published_at, None, precision or "second") if published_at else None,
        **fields,
    )


def refused_of(row: Record) -> Refused:
    fields = dict(row._mapping)
    del fields["id"]
    return Refused(**fields)


@dataclass(frozen=True, slots=True)
class Events:
    """One kind of what happens, once and for good: how a page of it is read and a fact made of a row."""

    kind: Kind
    read: Callable[..., list[Record]]
    made: Callable[[Record], Alert | Refused]


_ALERTS = Events("alerts", rows.alerts, alert_of)
_REFUSALS = Events("refusals", rows.refused, refused_of)


def _states(tx: Tx, place: str) -> list[SourceState]:
    found = rows.sources_after(tx, place, limit=BATCH)
    endpoints = rows.endpoints_of(tx, [row.id for row in found])
    return [state_of(row, endpoints.get(row.id, ()), tx.now) for row in found]


def state_of(row: Record, endpoints: Sequence[Record], now: dt.datetime) -> SourceState:
    fields: dict[str, Any] = dict(row._mapping)
    shown = tuple(
        EndpointState(**{name: value for name, value in each._mapping.items() if name != "source_id"}) for each in endpoints
    )
    word = _word(fields.pop("state"), silent=row.silent_at is not None, endpoints=shown)
    return SourceState(source_id=fields.pop("id"), state=word, at=now, endpoints=shown, **fields)


def _word(state: str, *, silent: bool, endpoints: Sequence[EndpointState]) -> str:
    """As ``copytaster.store.health.health_state`` says it."""
    if state != "active":
        return state
    if silent:
        return "silent"
    if any(each.failures for each in endpoints):
        return "failing"
    return "ok" if any(each.read_at for each in endpoints) else "waiting"
