"""What the store and the broker say of the whole installation, as gauges: asked at most every five seconds.

It owns the questions; counters and histograms are moved where things happen and are none of its business.
"""

import datetime as dt
import logging
import pathlib
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from copytaster.errors import CopytasterError
from copytaster.metrics import GAUGES
from copytaster.news import TroubleKind
from copytaster.store import (
    Store,
    Tx,
    articles,
    audits,
    channels,
    deliveries,
    heartbeat,
    load,
    processes,
    sources,
    troubles,
    watches,
)
from copytaster.store.db import Record
from desk.asking import Question
from workers import auditing
from workers.app import STAGES
from workers.reconciler import due_rows

FRESH_SECONDS = 5.0
COUNT_SECONDS = 60.0  # counting every article takes longer the more there are
ANSWER_SECONDS = 5.0  # Prometheus gives a whole scrape ten; a server that is gone without a word hangs for longer
MOST_LABELLED = 1_000  # sources; with more of them a label for each would cost Prometheus more than it tells
CHANNELS = {"active": 0, "open": 0, "disabled": 0}
LATEST_PROCESSES = dt.timedelta(hours=1)
log = logging.getLogger("copytaster.exporter")

Depth = Callable[[str], int | None]
Sample = tuple[tuple[str, ...], float]  # label values, value
Gauges = Mapping[str, Sequence[Sample]]


@dataclass(slots=True, eq=False)  # a registry keeps collectors by identity
class Exporter(Collector):
    """A collector for a registry of its own; where the store is away it tells what it can."""

    store: Store
    depth: Depth
    clock: Callable[[], float] = time.monotonic
    searchable: Callable[[], bool] = lambda: True
    data_dir: pathlib.Path = pathlib.Path()
    heartbeat_seconds: int = 0  # how often there is one; 0: there is none
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: Gauges = field(default_factory=dict)
    _known_at: float = float("-inf")
    _counts: Gauges = field(default_factory=dict)
    _counted_at: float = float("-inf")
    _questions: Sequence[Question[Gauges]] = ()

    def registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def describe(self) -> list[Metric]:
        """Nothing yet: registering must ask neither store nor broker."""
        return []

    def collect(self) -> Iterator[Metric]:
        for name, samples in self.read().items():
            text, labels = GAUGES[name]
            # What is counted in the store, for it must outlive every process, is a counter all the same.
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            family = kind(name, text, labels=labels)
            for values, value in samples:
                family.add_metric(values, value)
            yield family

    def read(self) -> Gauges:
        """All gauges, as of five seconds ago at most."""
        with self._lock:
            if self.clock() - self._known_at >= FRESH_SECONDS:
                self._known = self._ask()
                self._known_at = self.clock()
            return self._known

    def _ask(self) -> Gauges:
        """All at once, so that parts that hang together take no longer than one."""
        asks = (self._of_broker, self._of_store, self._of_counts, self._of_engine)
        self._questions = self._questions or [Question(ask) for ask in asks]
        for question in self._questions:
            question.put()
        aways: tuple[Gauges, ...] = (_down("broker"), _down("store"), self._counts, _down("search"))
        until = time.monotonic() + ANSWER_SECONDS
        known: dict[str, Sequence[Sample]] = {"copytaster_disk_free_bytes": _free_bytes(self.data_dir)}
        for question, away in zip(self._questions, aways, strict=True):
            known |= question.answer(until, away)
        return known

    def _of_broker(self) -> Gauges:
        depths: list[Sample] = []
        for stage in STAGES:
            waiting = self.depth(stage)
            if waiting is None:
                return _down("broker")
            depths.append(((stage,), waiting))
        return {"copytaster_broker_up": [((), 1.0)], "copytaster_queue_depth": depths}

    def _of_engine(self) -> Gauges:
        return {"copytaster_search_up": [((), float(self.searchable()))]}

    def _of_store(self) -> Gauges:
        try:
            with self.store.read() as tx:
                return {"copytaster_store_up": [((), 1.0)], **_looked_up(tx), **_of_heartbeat(tx, self.heartbeat_seconds)}
        except CopytasterError as error:
            log.warning("the store's own metrics are left out: %s", error)
            return _down("store")

    def _of_counts(self) -> Gauges:
        """Apart from the rest of the store: a count that takes long must not look like a store that is away."""
        if self.clock() - self._counted_at >= COUNT_SECONDS:
            try:
                with self.store.read() as tx:
                    self._counts = _counted(tx)
            except CopytasterError:
                return {}
            self._counted_at = self.clock()
        return self._counts


def _down(part: str) -> Gauges:
    return {f"copytaster_{part}_up": [((), 0.0)]}


def _free_bytes(folder: pathlib.Path) -> list[Sample]:
    try:
        return [((), shutil.disk_usage(folder).free)]
    except OSError:
        return []  # not made yet


def _looked_up(tx: Tx) -> Gauges:
    oldest = deliveries.oldest_due_at(tx)
    since = tx.now - LATEST_PROCESSES
    alive = [each for each in processes.every(tx) if each.progress_at >= since]
    return {
        "copytaster_oldest_due_seconds": [((stage,), _seconds(tx.now, at)) for stage, at in load.oldest_due_at(tx).items()],
        "copytaster_oldest_due_delivery_seconds": [((), _seconds(tx.now, oldest))],
        "copytaster_channels": [((state,), n) for state, n in sorted((CHANNELS | channels.counts(tx)).items())],
        "copytaster_due_rows": [((stage,), due) for stage, due in due_rows(tx).items()],
        "copytaster_worker_progress_timestamp_seconds": [
            ((each.name, each.kind), each.progress_at.timestamp()) for each in alive
        ],
        "copytaster_watch_epoch": [((), watches.epoch(tx))],
        **_of_audits(tx),
        **_of_connections(tx),
        **_of_sources(tx),
    }


def _of_audits(tx: Tx) -> Gauges:
    found, began_at = audits.counts(tx), auditing.began_at(tx)
    return {
        "copytaster_audit_missed_total": [((kind,), found[kind]) for kind in audits.MISSED],
        "copytaster_audit_unindexed": [((), found["unindexed"])],
        "copytaster_audit_unfound": [((), found["unfound"])],
        "copytaster_audit_unread": [((), found["unread"])],
        "copytaster_audit_strays": [((), found["stray"])],
        "copytaster_audit_age_seconds": [((), _seconds(tx.now, began_at))] if began_at else [],
    }


def _of_heartbeat(tx: Tx, every_seconds: int) -> Gauges:
    """One that is switched off is not late; one that is on and was never begun has no age."""
    age = heartbeat.age_seconds(tx) if every_seconds else None
    return {
        "copytaster_heartbeat_age_seconds": [((), age)] if age is not None else [],
        "copytaster_heartbeat_every_seconds": [((), every_seconds)] if every_seconds else [],
    }


def _of_connections(tx: Tx) -> Gauges:
    """Of a PostgreSQL: SQLite has none to run out of."""
    found = load.connections(tx)
    samples: list[list[Sample]] = [[((), each)] for each in found] if found else [[], []]
    return dict(zip(("copytaster_store_connections", "copytaster_store_connections_limit"), samples, strict=True))


def _counted(tx: Tx) -> Gauges:
    """What takes a walk through a whole table or index."""
    known = dict.fromkeys(("pending", "sending", "sent", "failed", "cancelled"), 0) | deliveries.counts(tx)
    return {
        "copytaster_articles": [((), articles.total(tx))],
        "copytaster_unindexed_articles": [((), load.unindexed(tx))],
        "copytaster_deliveries": [((state,), count) for state, count in sorted(known.items())],
    }


def _of_sources(tx: Tx) -> Gauges:
    counts = dict.fromkeys(("active", "silent", "paused"), 0) | sources.counts(tx)
    gauges: dict[str, Sequence[Sample]] = {"copytaster_sources": [((state,), n) for state, n in sorted(counts.items())]}
    kinds = dict.fromkeys(get_args(TroubleKind), 0) | troubles.by_kind(tx)
    gauges["copytaster_sources_in_trouble"] = [((kind,), n) for kind, n in sorted(kinds.items())]
    if sum(counts.values()) < MOST_LABELLED:
        fresh = _by_label([each for each in sources.freshness(tx) if each.state == "active"])
        gauges["copytaster_source_age_seconds"] = [((name,), _seconds(tx.now, each.fresh_at)) for name, each in fresh.items()]
        gauges["copytaster_source_silent"] = [((name,), float(each.silent_at is not None)) for name, each in fresh.items()]
        ill = {name: each.trouble or "silent" for name, each in fresh.items() if each.silent_at}
        gauges["copytaster_source_trouble"] = [((name, kind), 1.0) for name, kind in ill.items()]
    return gauges


def _by_label(rows: Sequence[Record]) -> Mapping[str, Record]:
    """By name; those that share one are told apart by id, for two samples of one label break a whole scrape."""
    shared = Counter(each.name for each in rows)
    return {each.name if shared[each.name] == 1 else f"{each.name} ({each.id})": each for each in rows}


def _seconds(now: dt.datetime, then: dt.datetime | None) -> float:
    """Since then; nought where there is nothing that waits."""
    return max((now - then).total_seconds(), 0.0) if then else 0.0
