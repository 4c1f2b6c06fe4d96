"""When to look again, and what of a reading is new, changed, late or was missed: pure.

It owns the rhythm and the rules of a reading; it must not know the store, the clock or how anything is fetched.
"""

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

from copytaster.news import Link, LinkId

MIN_SECONDS = 60.0
MAX_SECONDS = 86_400.0
MAX_RETRY_AFTER = 7 * MAX_SECONDS
LATE = dt.timedelta(days=7)
REREADS = (3_600.0, 6 * 3_600.0, 24 * 3_600.0)  # after the first reading of an article
SILENT_INTERVALS = 3.0
PAUSE_SPARE = 1.5
PAUSE_HALF_LIFE = 28 * MAX_SECONDS
_FULL_FEED = 5  # fewer items than this say nothing about what was missed

State = Literal["new", "known", "changed"]
Why = Literal["baseline", "late"]


class Seen(Protocol):
    """What the store holds of a link: the newest date of change that a reading gave for it."""

    @property
    def updated_at(self) -> dt.datetime | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What a source's readings so far mean for the next one."""

    baseline_at: dt.datetime | None = None  # None: it was never read to the end
    alert_since_seconds: float | None = None  # None: baseline alerts nothing; inf: alerts all of it
    backfill: bool = False  # asked for by the operator: never alerts


@dataclass(frozen=True, slots=True)
class Decided:
    """One link of a reading; ``held`` says why it must not alert at once (``None``: it may)."""

    link: Link
    state: State
    held: Why | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading judged whole: each link once, and whether items were probably missed before it."""

    links: Sequence[Decided]
    overflowed: bool = False

    @property
    def new(self) -> list[Decided]:
        return [decided for decided in self.links if decided.state == "new"]

    @property
    def changed(self) -> list[Decided]:
        return [decided for decided in self.links if decided.state == "changed"]


def decide_reading(
    links: Sequence[Link],
    seen: Mapping[LinkId, Seen],
    previous: Collection[LinkId],
    source: SourceState,
    now: dt.datetime,
    *,
    first_of_endpoint: bool = False,
) -> Reading:
    """Judge the links of one reading.

    ``seen`` holds those of them that the store knows, from whatever endpoint; ``previous`` the ids of the endpoint's
    reading before. The first reading of a *source* is its baseline; a new endpoint of a known source alerts for what
    was published since that baseline, and for what bears no date nothing. Identity is the address: guids that
    change or repeat mean nothing.
    """
    unique = {link.id: link for link in links}
    decided = [
        Decided(link, _state(link, seen.get(link.id)), _held(link, source, now, first_of_endpoint=first_of_endpoint))
        for link in unique.values()
    ]
    overflowed = (
        not first_of_endpoint and len(unique) >= _FULL_FEED and len(previous) >= _FULL_FEED and not unique.keys() & set(previous)
    )
    return Reading(decided, overflowed)


def next_interval(
    interval_seconds: float,
    *,
    new_items: int,
    gaps: Sequence[float] = (),
    overflowed: bool = False,
    every_seconds: float | None = None,
    claimed_seconds: float | None = None,
    retry_after: float | None = None,
    failures: int = 0,
    least_seconds: float = MIN_SECONDS,
    most_seconds: float = MAX_SECONDS,
) -> float:
    """Seconds until the endpoint is read again: one minute to one day, unless the operator set other bounds.

    ``gaps`` are seconds between its publications, newest last. Readings come twice as often as the site publishes, so
    that an item waits a quarter of a gap in the middle. Failures double the interval from where it was; Retry-After is
    always obeyed, up to a week. ``every_seconds`` of the operator wins over rhythm, not over manners.
    ``claimed_seconds`` (``ttl``) counts only until the real rhythm is known: most feeds print a constant.
    """
    if failures:
        base = every_seconds or interval_seconds
        wanted = base * 2.0 ** min(failures, 12)
    elif every_seconds is not None:
        wanted = every_seconds
    elif overflowed:
        wanted = interval_seconds / 4
    else:
        wanted = _rhythm(interval_seconds, new_items, gaps, claimed_seconds)
    return max(min(max(wanted, least_seconds), most_seconds), min(retry_after or 0.0, MAX_RETRY_AFTER))


def gaps_of(published: Sequence[dt.datetime], *, keep: int = 40) -> list[float]:
    """Seconds between publications, in order of time, newest last; copies of one instant are one publication."""
    moments = sorted(set(published))[-keep - 1 :]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]


def usual_interval(gaps: Sequence[float], interval_seconds: float) -> float:
    """Seconds between publications in the middle, yet never less than between readings: nobody can know sooner."""
    return max(statistics.median(gaps), interval_seconds) if gaps else MAX_SECONDS


def silent_after(gaps: Sequence[float], interval_seconds: float = 300.0, *, failing: bool = False) -> float:
    """Seconds without anything new after which a source counts as silent: three usual intervals.

    That is enough where the readings are ``failing``. Where they are well and only bring nothing, a source that publishes in
    bursts and sleeps at night would be reported every night, so then it is never sooner than half as long again as its
    longest pause but one; the longest may have been a breakdown. Without any gap known it is three days.
    """
    usual = SILENT_INTERVALS * usual_interval(gaps, interval_seconds)
    return usual if failing or len(gaps) < 2 else max(usual, PAUSE_SPARE * sorted(gaps)[-2])


def remembered(before: Sequence[float], now: Sequence[float], elapsed_seconds: float) -> list[float]:
    """The gaps of a reading, behind the longest two that it no longer shows.

    Most feeds show less than a day, so that in the evening nothing in them tells of the night. What is remembered fades:
    by half in four weeks, which keeps a night for tomorrow and a weekend for the next but one, and lets a breakdown go.
    """
    gone = sorted((Counter(before) - Counter(now)).elements())
    fade = 0.5 ** (max(elapsed_seconds, 0.0) / PAUSE_HALF_LIFE)
    return [*(gap * fade for gap in gone[-2:]), *now]


def reread_due(first_read_at: dt.datetime, reads: int, after: Sequence[float] = REREADS) -> dt.datetime | None:
    """When an article is read again that was read ``reads`` times, by the clock of its first reading; or never."""
    if not 1 <= reads <= len(after):
        return None
    return first_read_at + dt.timedelta(seconds=after[reads - 1])


def _rhythm(interval: float, new_items: int, gaps: Sequence[float], claimed: float | None) -> float:
    if len(gaps) >= 3:
        usual = statistics.median(gaps) / 2
        if new_items:
            return usual
        return max(usual, min(interval * 1.5, usual * 4))  # a pause (night, weekend): slower, never lost
    if new_items > 1:
        return interval / 2
    if new_items == 1:
        return interval
    return max(interval * 1.5, min(claimed or 0.0, MAX_SECONDS / 24))


def _state(link: Link, seen: Seen | None) -> State:
    if seen is None:
        return "new"
    moved = link.updated is not None and seen.updated_at is not None and link.updated.at > seen.updated_at
    return "changed" if moved else "known"


def _held(link: Link, source: SourceState, now: dt.datetime, *, first_of_endpoint: bool) -> Why | None:
    published = link.published or link.updated
    at = published.at if published else None
    if source.backfill:
        return "baseline"
    if source.baseline_at is None:
        return _held_at_first_sight(at, source.alert_since_seconds, now)
    if first_of_endpoint and (at is None or at < source.baseline_at):
        return "baseline"
    return "late" if at is not None and now - at > LATE else None


def _held_at_first_sight(at: dt.datetime | None, since: float | None, now: dt.datetime) -> Why | None:
    if since is None:
        return "baseline"
    if since == float("inf"):
        return None  # all of it was asked for, so nothing of it is late
    return None if at is not None and (now - at).total_seconds() <= since else "baseline"
