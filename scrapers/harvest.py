"""What a reading of an endpoint brought, written into rows: new links, edits, the next rhythm, validators.

It asks the deciders of `revisit` with the store's own now; it must not fetch, nor know how a document was parsed.
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from copytaster import heartbeat, metrics
from copytaster.config import CrawlConfig
from copytaster.news import EndpointId, LinkId, Source
from copytaster.store import Tx, hosts, links, sources
from copytaster.store.links import Finding
from copytaster.urls import host_of
from scrapers import revisit, rhythm, trapped
from scrapers.ailing import add_found_anew, in_trouble, is_emptied
from scrapers.jobs import Reading, ReadingFailed
from scrapers.revisit import Decided, SourceState
from scrapers.traps import Trap, trap_of

MAX_BASELINE = 500  # pages fetched of what was there before us; a sitemap of 50,000 is for `source backfill`
REMEMBERED_IDS = 500
_WITH_THE_SOURCE = dt.timedelta(hours=1)
_PATIENCE_SECONDS = 300.0


def keep_reading(tx: Tx, reading: Reading, crawl: CrawlConfig) -> None:
    """Validators and items go in together: an ETag that ran ahead of its items would hide them for good."""
    row = reading.job.row
    source = sources.hold(tx, reading.job.source.id)  # as it is now: another endpoint may have been its baseline
    if source is None or source.state not in heartbeat.READ:  # paused, removed or taken down while it was read
        return
    if reading.unchanged or is_emptied(reading):
        _note(tx, reading, crawl, source, _rhythm(row, reading, tx.now, new_items=0))
        return
    reading = trapped.without_sessions(tx, reading)
    whole = _judge(tx, reading, source)
    judged = trapped.within_a_day(tx, whole, reading, source, crawl)
    if judged is not whole:  # what was left must be seen again
        reading = replace(reading, etag=None, last_modified=None)
    caught = _caught(judged, tx.now)
    added = links.add(tx, source.id, row.id, _findings(judged, {decided.link.id for decided, _ in caught}))
    trapped.list_trapped(tx, source, caught)
    if reading.cut and (row.kind == "sitemap" or row.read_at is None or judged.overflowed):  # else what lies beyond is known
        trapped.list_cut(tx, reading)
    links.reread(tx, [decided.link for decided in judged.changed])
    if judged.overflowed:
        metrics.OVERFLOWS.inc()
        sources.due_now(tx, source.id, "sitemap")
    _measure(tx, judged)
    learnt = _learnt(tx, source, row) if added else None
    sources.note_found(tx, source.id, baseline_done=source.baseline_at is None, found=added > 0, rhythm=learnt)
    memory = _rhythm(row, reading, tx.now, new_items=added, overflowed=judged.overflowed)
    _note(tx, reading, crawl, source, memory)


def keep_failure(tx: Tx, failed: ReadingFailed, crawl: CrawlConfig) -> None:
    row = failed.job.row
    wait = revisit.next_interval(
        row.interval_seconds,
        new_items=0,
        every_seconds=failed.job.source.every_seconds,
        failures=row.failures + 1,
        retry_after=failed.retry_after,
        least_seconds=crawl.min_interval_seconds,
        most_seconds=min(crawl.max_interval_seconds, max(revisit.MAX_SECONDS, crawl.min_interval_seconds)),
    )
    values = {"failures": row.failures + 1, "last_error": failed.detail, "due_at": tx.now + dt.timedelta(seconds=wait)}
    values |= in_trouble(tx, row, failed.trouble, failed.evidence)
    sources.note_reading(tx, EndpointId(row.id), values)
    add_found_anew(tx, failed)
    metrics.ENDPOINT_READS.labels(row.kind, failed.reason).inc()


def _learnt(tx: Tx, source: Source, row: Any) -> bytes:
    """The source's rhythm with this find; what nobody looked at, for the crawler was off, teaches nothing."""
    looked_at = row.read_at or tx.now
    late = (tx.now - looked_at).total_seconds() - 2 * row.interval_seconds - _PATIENCE_SECONDS
    unseen = late if late > 0 and not row.failures else 0.0
    return rhythm.pack(rhythm.found(rhythm.unpack(sources.rhythm_of(tx, source.id)), tx.now, unseen_seconds=unseen))


def _judge(tx: Tx, reading: Reading, source: Source) -> revisit.Reading:
    row = reading.job.row
    known = links.known(tx, [link.id for link in reading.links])
    first = row.read_at is None
    # Under --alert-since, what the endpoints added together with the source hold counts as one first sight.
    together = first and source.alert_since_seconds is not None and row.added_at <= source.added_at + _WITH_THE_SOURCE
    state = SourceState(baseline_at=None if together else source.baseline_at, alert_since_seconds=source.alert_since_seconds)
    return revisit.decide_reading(reading.links, known, row.last_ids, state, tx.now, first_of_endpoint=first)


def _caught(judged: revisit.Reading, now: dt.datetime) -> list[tuple[Decided, Trap]]:
    return [(decided, trap) for decided in judged.new if (trap := trap_of(decided.link, now))]


def _findings(judged: revisit.Reading, caught: Collection[LinkId]) -> list[Finding]:
    baseline = [decided for decided in judged.new if decided.held == "baseline"]
    oldest_last = sorted(baseline, key=_newest, reverse=True)
    left = {decided.link.id for decided in oldest_last[MAX_BASELINE:]}
    return [_finding(decided, fetch=decided.link.id not in left, refused=decided.link.id in caught) for decided in judged.new]


def _finding(decided: Decided, *, fetch: bool, refused: bool) -> Finding:
    held = decided.held
    return Finding(
        link=decided.link,
        baseline=held == "baseline",
        late=held == "late",
        priority=links.AGAIN if held == "baseline" else 0,
        fetch=fetch and not refused,
        refused=refused,
    )


def _newest(decided: Decided) -> float:
    at = decided.link.published or decided.link.updated
    return at.at.timestamp() if at else 0.0


def _rhythm(row: Any, reading: Reading, now: dt.datetime, *, new_items: int, overflowed: bool = False) -> dict[str, Any]:
    """What the endpoint is to remember of this reading."""
    dates = [link.published.at for link in reading.links if link.published]
    elapsed = (now - row.read_at).total_seconds() if row.read_at else 0.0
    gaps = revisit.remembered(row.gaps, revisit.gaps_of(dates), elapsed) if len(dates) > 3 else row.gaps
    ids = [] if row.kind == "sitemap" else [link.id for link in reading.links[:REMEMBERED_IDS]]
    return {
        "gaps": gaps,
        "last_ids": row.last_ids if reading.unchanged or is_emptied(reading) else ids,
        "overflows": row.overflows + overflowed,
        "new_items": new_items,
        "overflowed": overflowed,
    }


def _note(tx: Tx, reading: Reading, crawl: CrawlConfig, source: Source, memory: dict[str, Any]) -> None:
    row = reading.job.row
    new_items = memory.pop("new_items")
    interval = revisit.next_interval(
        row.interval_seconds,
        new_items=new_items,
        gaps=memory["gaps"],
        overflowed=memory.pop("overflowed"),
        every_seconds=source.every_seconds,
        claimed_seconds=reading.every_seconds,
        retry_after=reading.retry_after,
        least_seconds=crawl.min_interval_seconds,
        most_seconds=crawl.max_interval_seconds,
    )
    values = memory | {"interval_seconds": interval, "due_at": tx.now + dt.timedelta(seconds=interval), "read_at": tx.now}
    values |= {"readings": row.readings + 1, "failures": 0, "last_error": None}
    if is_emptied(reading):
        values |= in_trouble(tx, row, reading.trouble, reading.evidence)
        values["last_error"] = f"{row.url} answers, and nothing is in it any more."
    else:
        values |= in_trouble(tx, row, None, None)
    if new_items:
        values["changed_at"] = tx.now
    if not reading.unchanged and not is_emptied(reading):
        values |= {"etag": reading.etag, "last_modified": reading.last_modified}
    if reading.hub:
        values |= {"hub": reading.hub, "topic": reading.topic or row.url}
    sources.note_reading(tx, EndpointId(row.id), values | _moved(tx, reading, interval))
    metrics.ENDPOINT_READS.labels(row.kind, "unchanged" if reading.unchanged else "read").inc()


def _moved(tx: Tx, reading: Reading, seconds: float) -> dict[str, Any]:
    """A permanent redirect is followed for good; its new host must know when it is due."""
    if not reading.moved_to:
        return {}
    host = host_of(reading.moved_to)
    hosts.touch(tx, {host: tx.now + dt.timedelta(seconds=seconds)})
    return {"url": reading.moved_to, "host": host}


def _measure(tx: Tx, judged: revisit.Reading) -> None:
    for decided in judged.new:
        metrics.LINKS_FOUND.labels(decided.held or "new").inc()
        published = decided.link.published
        if decided.held is None and published and published.precision == "second":
            metrics.PUBLISHED_TO_FOUND.observe(max((tx.now - published.at).total_seconds(), 0.0))
