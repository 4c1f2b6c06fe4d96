"""What is noted of an endpoint that gives trouble: since when, of what kind, with what evidence, and what is read instead.

It owns these columns of an endpoint; how a trouble is told apart is `diagnosis`, and when a person is told is not known here.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from copytaster.errors import CopytasterError
from copytaster.news import EndpointId, Evidence, SourceId, TroubleKind
from copytaster.store import Tx, sources, troubles
from copytaster.urls import normalize, url_id
from scrapers.jobs import Reading, ReadingFailed
from scrapers.sites import endpoint_of

MOST_ENDPOINTS = 20  # of a source, before nothing more is added by itself


def is_emptied(reading: Reading) -> bool:
    """Whether nothing is in it any more where something was before; a sitemap of the last two days' news may well be empty."""
    row = reading.job.row
    if not reading.trouble or reading.links or row.read_at is None or (row.kind == "sitemap" and reading.trouble == "degraded"):
        return False
    return row.changed_at is not None or bool(row.last_ids)


def in_trouble(tx: Tx, row: Any, kind: TroubleKind | None, evidence: Evidence | None) -> dict[str, Any]:
    """Columns of an endpoint after a reading; a change makes its source be judged at once."""
    if kind is None and row.trouble is None:
        return {}
    if kind != row.trouble:
        troubles.look_now(tx, SourceId(row.source_id))
    if kind is None:
        return {"trouble": None, "well_until": None, "evidence": None}
    return {
        "trouble": kind,
        "well_until": row.well_until or row.read_at or row.added_at,
        "evidence": _kept(row.evidence if row.trouble else None, evidence, tx.now.isoformat(timespec="seconds")),
    }


def _kept(before: Mapping[str, Any] | None, evidence: Evidence | None, now: str) -> dict[str, Any]:
    """The newest evidence, since when there is any and how often it was seen in a row."""
    seen = {name: value for name, value in asdict(evidence).items() if value is not None} if evidence else {}
    first, times = (before.get("first_at", now), before.get("times", 1) + 1) if before else (now, 1)
    return seen | {"first_at": first, "last_at": now, "times": times}


def add_found_anew(tx: Tx, failed: ReadingFailed) -> None:
    """Feeds that the front page names now, beside the one that failed: that one is asked on, seldom, and may come back."""
    if not failed.feeds:
        return
    source = failed.job.source
    known = {each.id for each in sources.endpoints_of(tx, source.id)}
    for url in failed.feeds:
        if len(known) >= MOST_ENDPOINTS:
            return
        try:
            found = endpoint_of(source, "feed", normalize(url), tx.now)
        except CopytasterError:
            continue
        if found.id not in known and found.id != EndpointId(url_id(failed.job.url)):
            known.add(found.id)
            sources.add_endpoint(tx, found)
