"""The names of all metrics, in one place. Counters and histograms are moved where things happen; gauges are asked of the
store by one exporter, for under several processes nobody else knows them.

``PROMETHEUS_MULTIPROC_DIR`` decides, when this module is first imported, whether values are shared between processes.
"""

import contextlib
import resource
import time
from collections.abc import Iterator

from prometheus_client import Counter, Histogram

from copytaster import counted  # noqa: F401  before anything counts

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400)
WORK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

PAGES_FETCHED = Counter("copytaster_pages_fetched_total", "Article pages that were fetched.")
REFUSED = Counter("copytaster_refused_total", "What was refused, by stage and reason.", ["stage", "reason"])
ENDPOINT_READS = Counter("copytaster_endpoint_reads_total", "Readings of feeds, sitemaps and sections.", ["kind", "outcome"])
LINKS_FOUND = Counter("copytaster_links_found_total", "New links, by how they came.", ["how"])  # new, baseline, late
OVERFLOWS = Counter("copytaster_endpoint_overflows_total", "Readings that probably missed items.")
ARTICLES_READ = Counter("copytaster_articles_read_total", "Pages that were read, by outcome.", ["outcome"])
MATCHES = Counter("copytaster_matches_total", "Articles that satisfied a watch.")
DELIVERIES = Counter("copytaster_deliveries_total", "Deliveries sent, messages failed or to be tried again.", ["state"])
HINTS_LOST = Counter("copytaster_hints_lost_total", "Hints that could not be sent; the reconciler makes up for them.")
PUBLISHED_TO_FOUND = Histogram(
    "copytaster_published_to_found_seconds", "From an item's printed publication to our finding it.", buckets=SECONDS
)
FOUND_TO_ALERT = Histogram("copytaster_found_to_alert_seconds", "From finding a link to its alert being sent.", buckets=SECONDS)
STAGE_SECONDS = Histogram("copytaster_stage_seconds", "Time spent in one step of a stage.", ["stage"], buckets=WORK_SECONDS)
STAGE_CPU = Counter("copytaster_stage_cpu_seconds_total", "CPU time spent in one step of a stage.", ["stage"])

# Labels that are known beforehand begin at nought: the first event of a label makes a series in which Prometheus sees no
# increase, so that an alert on it would miss the first failure.
_KNOWN: dict[Counter, list[tuple[str, ...]]] = {
    DELIVERIES: [("sent",), ("retry",), ("failed",)],
    LINKS_FOUND: [("new",), ("baseline",), ("late",)],
    ENDPOINT_READS: [(kind, outcome) for kind in ("feed", "sitemap", "section") for outcome in ("read", "unchanged")],
    ARTICLES_READ: [("new",), ("revised",), ("unchanged",)],
    REFUSED: [
        *(("discover", trap) for trap in ("repeated_path", "calendar", "session_id", "too_many_links")),
        *(("discover", cut) for cut in ("sitemap_too_long", "feed_too_long")),
    ],
    STAGE_CPU: [("extract",), ("land",), ("send",), ("index",)],
}
for _counter, _children in _KNOWN.items():
    for _labels in _children:
        _counter.labels(*_labels)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Counts the wall and CPU time of one step: that of this thread, and of the child it may have boxed the work in."""
    wall, cpu, child = time.perf_counter(), time.thread_time(), _children_seconds()
    try:
        yield
    finally:
        STAGE_SECONDS.labels(name).observe(time.perf_counter() - wall)
        STAGE_CPU.labels(name).inc(time.thread_time() - cpu + _children_seconds() - child)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# What the exporter reads from the store each time it is asked: name, help, labels.
GAUGES = {
    "copytaster_oldest_due_seconds": ("How long the oldest row that could be worked on now has waited, by stage.", ("stage",)),
    "copytaster_oldest_due_delivery_seconds": ("How long the oldest delivery that is due has waited.", ()),
    "copytaster_deliveries": ("Deliveries in the store, by state.", ("state",)),
    "copytaster_channels": (
        "Channels, by state: active, open (it fails, and is asked now and then), disabled.",
        ("state",),
    ),
    "copytaster_due_rows": ("Rows that are due, by stage.", ("stage",)),
    "copytaster_queue_depth": ("Hints waiting in the broker, by queue.", ("queue",)),
    "copytaster_broker_up": ("Whether the broker answers.", ()),
    "copytaster_store_up": ("Whether the store answers.", ()),
    "copytaster_store_connections": ("Connections to the PostgreSQL server, whoever holds them.", ()),
    "copytaster_store_connections_limit": ("Connections that the PostgreSQL server allows.", ()),
    "copytaster_search_up": ("Whether the search engine answers.", ()),
    "copytaster_unindexed_articles": ("Articles whose newest version the search index lacks.", ()),
    "copytaster_sources": ("Sources, by state.", ("state",)),
    "copytaster_source_age_seconds": ("Since the source's newest link was found.", ("source",)),
    "copytaster_source_silent": ("Whether the source is reported, as silent or with another trouble.", ("source",)),
    "copytaster_source_trouble": ("What a source is reported with; only of those that are.", ("source", "kind")),
    "copytaster_sources_in_trouble": ("Active sources that are reported, by kind of trouble.", ("kind",)),
    "copytaster_worker_progress_timestamp_seconds": ("When each process last got on.", ("process", "kind")),
    "copytaster_articles": ("Articles in the store.", ()),
    "copytaster_watch_epoch": ("The epoch of the last saved watch.", ()),
    "copytaster_audit_missed_total": ("What audits found that the stream had missed: matches, and deliveries.", ("what",)),
    "copytaster_audit_unindexed": ("Articles that the last audit did not find in the search index as they are.", ()),
    "copytaster_audit_unfound": ("Matches that a search for their watch did not find in the last audit.", ()),
    "copytaster_audit_unread": ("Articles and watches that the last audit could not read; they are tried again.", ()),
    "copytaster_audit_strays": ("Documents of the search index that audits found, and that the store does not know.", ()),
    "copytaster_audit_age_seconds": ("Since the last complete audit began, or the first one where none was completed yet.", ()),
    "copytaster_heartbeat_age_seconds": ("Since the newest page of our own that came all the way to our own receiver.", ()),
    "copytaster_heartbeat_every_seconds": ("How often such a page is sent on its way.", ()),
    "copytaster_disk_free_bytes": ("Free space where the web process keeps its files.", ()),
}

# What each process that serves metrics tells of itself and its children.
PROCESSES = {
    "copytaster_process_resident_memory_bytes": ("Memory of a process; pages shared with others count in each.", ("role", "pid")),
    "copytaster_process_cpu_seconds_total": ("CPU time of a process, its dead children's not included.", ("role", "pid")),
}
