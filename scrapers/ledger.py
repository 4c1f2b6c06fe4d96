"""What became of jobs, written into rows: pages, retries, refusals and readings, each in the transaction that is given.

It must not fetch, nor know of leases beyond `may_write`; readings of endpoints are kept by `harvest`.
"""

import datetime as dt
from collections.abc import Collection, Sequence

from copytaster import metrics
from copytaster.config import Config
from copytaster.news import EndpointId, LinkId
from copytaster.store import Tx, hosts, links, pages, refusals, sources, troubles
from copytaster.store.refusals import Refusal
from scrapers import harvest
from scrapers.jobs import GivenBack, Job, LinkRefused, LinkRetry, PageKept, Reading, ReadingFailed, Result, RobotsRead
from scrapers.verdicts import MAX_ATTEMPTS

BUSY_SECONDS = 30.0  # an endpoint that leads to a host which another crawler holds is asked again after so long


def may_write(result: Result, held: Collection[str]) -> bool:
    """Results of a host that is no longer ours are dropped: whoever holds it now brings its own."""
    return isinstance(result, RobotsRead) or result.job.host in held


def write(tx: Tx, results: Sequence[Result], config: Config) -> None:
    _keep_pages(tx, [one for one in results if isinstance(one, PageKept)])
    returned = [one for one in results if isinstance(one, GivenBack)]
    links.give_back(tx, [one.job.id for one in returned if one.job.kind == "link" and one.host is None])
    for one in results:
        if isinstance(one, LinkRetry):
            _retry(tx, one)
        elif isinstance(one, LinkRefused):
            _refuse(tx, one.job, one.reason, one.detail)
        elif isinstance(one, Reading):
            harvest.keep_reading(tx, one, config.crawl)
        elif isinstance(one, ReadingFailed):
            harvest.keep_failure(tx, one, config.crawl)
        elif isinstance(one, RobotsRead):
            hosts.keep_robots(tx, one.host, status=one.status, body=one.body)
    for one in returned:
        _give_back(tx, one)


def _give_back(tx: Tx, result: GivenBack) -> None:
    """Links without a host went back together."""
    wait = dt.timedelta(seconds=BUSY_SECONDS if result.host else 0)
    if result.job.kind == "endpoint":
        sources.note_reading(tx, EndpointId(result.job.id), {"due_at": tx.now + wait})
    elif result.host:
        links.hand_over(tx, LinkId(result.job.id), result.host)


def _keep_pages(tx: Tx, kept: Sequence[PageKept]) -> None:
    fetched = [
        pages.Fetched(page=one.page, priority=one.job.row.priority, packed=one.packed, source_id=one.job.source.id)
        for one in kept
    ]
    pages.put(tx, fetched)
    metrics.PAGES_FETCHED.inc(len(kept))
    for one in kept:
        if one.job.attempts > 1:
            refusals.clear(tx, "fetch", one.job.id)


def _retry(tx: Tx, result: LinkRetry) -> None:
    if result.job.attempts >= MAX_ATTEMPTS:
        _refuse(tx, result.job, result.reason, result.detail)
    else:
        links.retry(tx, LinkId(result.job.id), tx.now + dt.timedelta(seconds=result.seconds))


def _refuse(tx: Tx, job: Job, reason: str, detail: str) -> None:
    """The row stays, so that an item with a summary is not lost with its page."""
    if links.refused(tx, LinkId(job.id)) is None:
        return  # taken down while it was fetched: its address must not be listed again
    refusal = Refusal(
        stage="fetch", key=job.id, url=job.url, source_id=job.source.id, reason=reason, detail=detail, attempts=job.attempts
    )
    refusals.put(tx, refusal)
    troubles.look_now(tx, job.source.id)
    metrics.REFUSED.labels("fetch", reason).inc()
