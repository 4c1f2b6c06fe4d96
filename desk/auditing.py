"""An audit that somebody asked for: run to its end with a bar, and told. It judges nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from copytaster.errors import Permanent, Rejected, Transient
from copytaster.store import audits, watches
from copytaster.store.audits import Finding
from desk import output
from desk.opening import Desk
from workers.audit import Round
from workers.audit_round import Report, Window

KINDS = {
    "match": "missed match",
    "delivery": "missed delivery",
    "unread": "not read",
    "unindexed": "not indexed",
    "unfound": "not found by search",
    "stray": "in the index alone",
}


@dataclass(frozen=True, slots=True)
class Audited:
    """``unasked``: why the search index could not be asked; empty where it could."""

    report: Report
    window: Window
    unasked: str = ""


def audited(here: Desk, *, seconds: float, name: str | None) -> Audited:
    with here.store.read() as tx:
        since, only, total = tx.now - timedelta(seconds=seconds), None, 0
        if name is not None:
            watch = watches.find(tx, name)
            if watch is None:
                raise Rejected("no_watch", f"There is no watch {name!r}: `copytaster watch list` shows them.")
            only = [watch.id]
        window = Window(since=since, until=tx.now, fresh_since=since, most_held=0 if only else None)
        total = 2 * audits.total(tx, since=since, until=tx.now) + (1 if only else watches.total(tx))
    under_way = Round(here.store, here.engine, window, match_days=here.config.retention.match_days, only=only)
    try:
        output.count(_steps(under_way), "Auditing", total=total)
    except (Transient, Permanent) as error:
        if under_way.place.phase == "read":  # the store, without which nothing was audited
            raise
        return Audited(under_way.report, window, str(error))
    return Audited(under_way.report, window)


def _steps(under_way: Round) -> Iterator[int]:
    """How many articles or watches each step looked at."""
    report, before = under_way.report, 0
    while under_way.step():
        done = report.articles + report.versions + report.watches
        yield done - before
        before = done


def records(here: Desk, done: Audited) -> Iterator[dict[str, Any]]:
    """A line for each finding, then one with the sums."""
    names = _names(here, done.report)
    for each in done.report.findings:
        yield {
            "kind": each.kind,
            "watch": each.watch_id or None,
            "watch_name": names.get(each.watch_id),
            "article": each.article_id or None,
            "url": names.get(each.article_id),
            "revision": each.revision,
            "why": each.why,
            "deliveries": each.told,
        }
    report = done.report
    kinds = {kind: sum(each.kind == kind for each in report.findings) for kind in KINDS}
    yield {
        "since": done.window.since,
        "until": done.window.until,
        "articles": report.articles,
        "watches": report.watches,
        "candidates": report.asked,
        "missed": report.missed,
        "unasked": done.unasked or None,
        "findings": kinds,
    }


def print_report(here: Desk, done: Audited) -> None:
    report, names = done.report, _names(here, done.report)
    if report.findings:
        columns = ("what", "watch", "article", "told", "why")
        output.table(columns, [_row(each, names) for each in report.findings], empty="")
    checked = f"{report.articles:,} articles were read again for {report.watches or 'all'} watches"
    asked = f", and the index gave {report.asked:,} candidates" if report.asked else ""
    missed = f"{report.missed} were missed: they are delivered now, marked as late." if report.missed else "Nothing was missed."
    output.say(f"{checked}{asked}. {missed}")
    if done.unasked:
        output.note(f"The search index could not be asked, so only the store was audited: {done.unasked}")


def _row(each: Finding, names: dict[str, str]) -> tuple[object, ...]:
    shown = (names.get(each.watch_id, each.watch_id), names.get(each.article_id, each.article_id))
    return (KINDS[each.kind], *shown, each.told, each.why)


def _names(here: Desk, report: Report) -> dict[str, str]:
    with here.store.read() as tx:
        return audits.names_of(tx, report.findings)
