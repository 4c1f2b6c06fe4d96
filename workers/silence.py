"""Decides whether a source gives trouble that people are to be told of, of which kind, and when to look again; all pure.

It owns the patience that is had with each kind; it must not know how anything is fetched, stored or told. A feed that answers
200 with no items, a login wall, a moved page: nothing need fail, and nothing new comes any more.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from copytaster.news import SourceId, TroubleKind
from copytaster.store.troubles import Reported
from scrapers import rhythm as by_hour
from scrapers.revisit import MAX_SECONDS, SILENT_INTERVALS, silent_after, usual_interval
from scrapers.rhythm import Rhythm

LEAST_SECONDS = 60.0  # between two looks at one source: the chore runs no more often
LOOK_SECONDS = 3600.0  # between two looks at one that was reported: its end is noticed by its readings, sooner
PATIENCE_SECONDS = 300.0  # an endpoint that is overdue by more was not looked at: the crawler's fault, not the source's
MOST_FAILING_SECONDS = MAX_SECONDS  # what fails is told within a day, be the source a weekly
LEAST_SIGHTINGS = 2  # of a trouble: once is an accident


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """How one endpoint of a source is read, how often something new is usually in it, and what is wrong with it."""

    readings: int = 0
    interval_seconds: float = 300.0
    gaps: Sequence[float] = ()
    due_at: dt.datetime | None = None
    last_error: str | None = None
    trouble: TroubleKind | None = None
    well_until: dt.datetime | None = None
    evidence: Mapping[str, Any] | None = None

    @property
    def usual_seconds(self) -> float:
        return usual_interval(self.gaps, self.interval_seconds)

    @property
    def allowed_seconds(self) -> float:
        """How long it may fail."""
        return min(SILENT_INTERVALS * self.usual_seconds, MOST_FAILING_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A source with its newest find (or when it was added), what was learnt of its rhythm, and its endpoints."""

    id: SourceId
    name: str
    fresh_at: dt.datetime
    endpoints: Sequence[EndpointState]
    rhythm: Rhythm | None = None
    reported: Reported | None = None

    def watched(self, now: dt.datetime) -> list[EndpointState]:
        return [each for each in self.endpoints if (each.readings or each.trouble) and _looked_at(each, now)]


def trouble_of(source: Judged, now: dt.datetime) -> Reported | None:
    """What is wrong with the source's endpoints, if it lasted long enough to be told; None where all is well.

    What fails in each of them, seen twice, is told after three usual intervals and within a day. Where readings are well and
    only bring nothing, it is silence when more failed to come than in its usual pauses, by the hours of its week.
    """
    watched = source.watched(now)
    if not watched:
        return None
    return _failing(watched, now) or _still(source, watched, now)


def _failing(watched: Sequence[EndpointState], now: dt.datetime) -> Reported | None:
    ill = [
        each for each in watched if each.trouble and each.well_until and (each.evidence or {}).get("times", 1) >= LEAST_SIGHTINGS
    ]
    if len(ill) < len(watched):
        return None
    worst = max(ill, key=lambda each: each.well_until.timestamp() if each.well_until else 0.0)
    since = worst.well_until
    if since is None or (now - since).total_seconds() <= min(each.allowed_seconds for each in ill):
        return None
    return Reported(kind=worst.trouble or "unreachable", reason=worst.last_error or "It fails.", evidence=worst.evidence)


def _still(source: Judged, watched: Sequence[EndpointState], now: dt.datetime) -> Reported | None:
    still = (now - source.fresh_at).total_seconds()
    usual = min(each.usual_seconds for each in watched)
    allowed = min(silent_after(each.gaps, each.interval_seconds) for each in watched)
    if not lasts_too_long(source.rhythm, usual, allowed, source.fresh_at, now):
        return None
    for each in source.endpoints:
        if each.last_error and each.trouble:
            return Reported(kind=each.trouble, reason=each.last_error, evidence=each.evidence)
    errors = [each.last_error for each in source.endpoints if each.last_error]
    said = f"Nothing new for {span(still)}; usually something comes every {span(usual)}."
    return Reported(kind="silent", reason=errors[0] if errors else said)


def lasts_too_long(known: Rhythm | None, usual: float, allowed: float, since: dt.datetime, now: dt.datetime) -> bool:
    """By the hours of its week where they are known, else by the clock; in the first month of them by both. In seconds."""
    still = (now - since).total_seconds()
    if known is None or not known.is_ripe:
        return still > allowed
    return still > (SILENT_INTERVALS * usual if known.is_sure else allowed) and by_hour.is_broken(known, since, now)


def next_look(source: Judged, now: dt.datetime) -> dt.datetime:
    """When to judge a source again: when it could be told of at the soonest.

    Past that only its usual pauses excuse it, as long as its readings are well: then it is looked at once an interval.
    """
    watched = source.watched(now)
    if not watched:
        return now + dt.timedelta(seconds=PATIENCE_SECONDS)
    usual = min(each.usual_seconds for each in watched)
    if source.reported:
        return now + dt.timedelta(seconds=max(min(usual, LOOK_SECONDS), LEAST_SECONDS))
    allowed = min(each.allowed_seconds for each in watched)
    ill = [each.well_until for each in watched if each.trouble and each.well_until]
    since = max(ill) if len(ill) == len(watched) else source.fresh_at
    at = since + dt.timedelta(seconds=allowed)
    at = at if at > now else now + dt.timedelta(seconds=min(usual, MAX_SECONDS))
    return max(at, now + dt.timedelta(seconds=LEAST_SECONDS))


def _looked_at(endpoint: EndpointState, now: dt.datetime) -> bool:
    return endpoint.due_at is not None and now - endpoint.due_at <= dt.timedelta(seconds=PATIENCE_SECONDS)


def span(seconds: float) -> str:
    for name, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}s"
    return f"{seconds:.0f} seconds"
