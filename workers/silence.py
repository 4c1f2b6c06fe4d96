"""Notices sources that fell silent, and tells the people who count on them. It must not know how anything is fetched.

A feed that answers 200 with no items, a login wall, a moved page: nothing fails, and nothing new comes any more.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from copytaster.news import SourceId
from copytaster.store import Store, Tx, sources, watches
from copytaster.store.db import Record
from scrapers.revisit import silent_after, usual_interval
from workers.packing import notify

LEAST_SECONDS = 60.0  # between two looks at one source: the chore runs no more often
PATIENCE_SECONDS = 300.0  # an endpoint that is overdue by more was not looked at: the crawler's fault, not the source's
NAMED = 20  # sources in one notice
PAGE = 500  # sources judged in one transaction


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How one endpoint of a source is read, and how often something new is usually in it."""

    readings: int
    interval_seconds: float
    gaps: Sequence[float]
    due_at: dt.datetime | None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Still:
    """A source with its newest find (or when it was added) and its endpoints."""

    id: SourceId
    name: str
    fresh_at: dt.datetime
    rhythms: Sequence[Rhythm]


def silent(source: Still, now: dt.datetime) -> str | None:
    """Why the source counts as silent, in a sentence; None where it does not.

    It does when nothing new came for three of its usual intervals, by its quickest endpoint, though it was looked for;
    where no reading fails, for longer than its usual pauses too.
    """
    watched = [each for each in source.rhythms if each.readings and _looked_at(each, now)]
    if not watched:
        return None
    failing = all(each.last_error for each in watched)
    allowed = min(silent_after(each.gaps, each.interval_seconds, failing=failing) for each in watched)
    still = (now - source.fresh_at).total_seconds()
    if still <= allowed:
        return None
    errors = [each.last_error for each in source.rhythms if each.last_error]
    usual = min(usual_interval(each.gaps, each.interval_seconds) for each in watched)
    return errors[0] if errors else f"Nothing new for {_span(still)}; usually something comes every {_span(usual)}."


def next_look(source: Still, now: dt.datetime) -> dt.datetime:
    """When to judge a source again that is not silent now: when it could be at the soonest, its readings failing.

    Past that only its usual pauses excuse it, as long as its readings are well: then it is looked at once an interval.
    """
    watched = [each for each in source.rhythms if each.readings and _looked_at(each, now)]
    if not watched:
        return now + dt.timedelta(seconds=PATIENCE_SECONDS)
    soonest = min(silent_after(each.gaps, each.interval_seconds, failing=True) for each in watched)
    usual = min(usual_interval(each.gaps, each.interval_seconds) for each in watched)
    at = source.fresh_at + dt.timedelta(seconds=soonest)
    at = at if at > now else now + dt.timedelta(seconds=usual)
    return max(at, now + dt.timedelta(seconds=LEAST_SECONDS))


def _looked_at(rhythm: Rhythm, now: dt.datetime) -> bool:
    return rhythm.due_at is not None and now - rhythm.due_at <= dt.timedelta(seconds=PATIENCE_SECONDS)


def _span(seconds: float) -> str:
    for name, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}s"
    return f"{seconds:.0f} seconds"


def report(store: Store) -> list[str]:
    """The chore: notes every source that fell silent since the last look, tells the owners; returns the sources' names.

    Page by page, each a transaction: of a million sources a few thousand are due to be judged in a minute.
    """
    names: list[str] = []
    while True:
        with store.write() as tx:
            page = list(_stills(sources.rhythms(tx, limit=PAGE)))
            names += _judge(tx, page)
        if len(page) < PAGE:
            return names


def _judge(tx: Tx, page: Sequence[Still]) -> list[str]:
    found = {source: why for source in page if (why := silent(source, tx.now))}
    told = [(one.name, why) for one, why in found.items() if sources.note_silent(tx, one.id, why, fresh_at=one.fresh_at)]
    sources.check_again(tx, {source.id: next_look(source, tx.now) for source in page})
    for channel in watches.first_channels(tx) if told else ():
        notify(tx, channel, *_words(told))
    return [name for name, _ in told]


def _stills(rows: Iterable[Record]) -> Iterable[Still]:
    for source_id, mine in groupby(rows, key=lambda row: SourceId(row.source_id)):
        found = list(mine)
        there = [row for row in found if row.kind]  # none of a source without endpoints
        rhythms = tuple(Rhythm(row.readings, row.interval_seconds, tuple(row.gaps), row.due_at, row.last_error) for row in there)
        yield Still(source_id, found[0].name, found[0].fresh_at, rhythms)


def _words(told: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Title and text of one notice, however many sources fell silent at once."""
    title = f"{told[0][0]} is silent" if len(told) == 1 else f"{len(told)} sources are silent"
    lines = [f"{name}: {why}" for name, why in told[:NAMED]]
    more = [f"… and {len(told) - NAMED} more."] if len(told) > NAMED else []
    return title, "\n".join(
        [*lines, *more, "`copytaster status` shows all of them; this ends by itself when something new comes."]
    )
