"""Traps of a reading, in rows: what no end comes of is listed and not fetched, and a source brings so much a day and no more.

It asks `traps` how one looks; it must not fetch, nor know how a document was parsed.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from copytaster import metrics
from copytaster.config import CrawlConfig
from copytaster.news import Source
from copytaster.store import Tx, links, refusals
from copytaster.store.refusals import Refusal
from scrapers import revisit, traps
from scrapers.jobs import Reading
from scrapers.revisit import Decided

DAY = dt.timedelta(days=1)


def without_sessions(tx: Tx, reading: Reading) -> Reading:
    """Links that a new session gave new addresses are those of the reading before."""
    token = traps.session_of([link.url for link in reading.links])
    if token is None or not reading.job.row.last_ids:
        return reading
    before = links.urls_of(tx, reading.job.row.last_ids)
    found = traps.as_first_found(reading.links, token, before)
    if again := sum(one.id != other.id for one, other in zip(found, reading.links, strict=True)):
        metrics.REFUSED.labels("discover", "session_id").inc(again)
    return replace(reading, links=found)


def within_a_day(tx: Tx, judged: revisit.Reading, reading: Reading, source: Source, crawl: CrawlConfig) -> revisit.Reading:
    """The reading without the new links that are too many for the day; they come with a later one, if they are still there.

    What was there at first sight is not counted, and nothing is asked of the store where the endpoint, read as often as it
    is, could not bring too many in a day.
    """
    row, most = reading.job.row, crawl.links_a_day
    fresh = [decided for decided in judged.new if decided.held != "baseline"]
    readings_a_day = DAY.total_seconds() / row.interval_seconds
    if row.read_at is None or source.baseline_at is None or len(fresh) * readings_a_day <= most:
        return judged
    room = max(most - links.found_since(tx, source.id, max(tx.now - DAY, source.baseline_at), most=most), 0)
    left = {decided.link.id for decided in fresh[room:]}
    if not left:
        return judged
    _too_many(tx, row, source, most, len(left))
    return replace(judged, links=[each for each in judged.links if each.link.id not in left], overflowed=False)


def _too_many(tx: Tx, row: Any, source: Source, most: int, left: int) -> None:
    detail = f"{source.name} brought {most} new links within a day, so {left} of {row.url} are left for later. "
    _list(tx, row, "too_many_links", detail + "If they are no trap, raise crawl.links_a_day.")
    metrics.REFUSED.labels("discover", "too_many_links").inc(left)


def list_cut(tx: Tx, reading: Reading) -> None:
    """A sitemap or feed that was not read to its end."""
    row = reading.job.row
    reason, help_ = (
        ("sitemap_too_long", "`copytaster source backfill` reads it in parts.")
        if row.kind == "sitemap"
        else ("feed_too_long", "`copytaster source backfill` reads the site's sitemaps for what is older.")
    )
    detail = f"{reading.job.url} holds more than one reading takes; what lies beyond was not looked at. "
    _list(tx, row, reason, detail + help_)
    metrics.REFUSED.labels("discover", reason).inc()


def _list(tx: Tx, row: Any, reason: str, detail: str) -> None:
    refusal = Refusal(stage="discover", key=row.id, url=row.url, source_id=row.source_id, reason=reason, detail=detail)
    refusals.put(tx, refusal)


def list_trapped(tx: Tx, source: Source, trapped: Sequence[tuple[Decided, traps.Trap]]) -> None:
    """Each with its reason; `copytaster refused retry` has one fetched all the same."""
    for decided, trap in trapped:
        link = decided.link
        detail = f"{link.url[:500]} is not fetched: {traps.DETAILS[trap]}"
        refusal = Refusal(stage="discover", key=link.id, url=link.url, source_id=source.id, reason=trap, detail=detail)
        refusals.put(tx, refusal)
        metrics.REFUSED.labels("discover", trap).inc()
