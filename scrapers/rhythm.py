"""The rhythm of a source by hour of the week: how much it usually brings at this hour of this weekday, learnt from its finds.

It owns what is expected and what counts as a pause, all pure and of fixed size; it must not know the store, the clock or
who is told.

Time is measured in *expected finds*: a night or a weekend in which nothing usually comes adds nothing, an hour in the middle
of a busy day adds much. So a source is reported soon in its busy hours and not at all in its pauses.
"""

import datetime as dt
import math
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Self

HOURS = 168
HOUR_SECONDS = 3600.0
WEEK_SECONDS = HOURS * HOUR_SECONDS
HALF_LIFE_SECONDS = 4 * WEEK_SECONDS  # what is older counts half: a new timetable is learnt within a month
RIPE_WEEKS = 1.5  # of what was observed, the older half counted less: two weeks
RIPE_FINDS = 6.0
SURE_WEEKS = 2.8  # … a month
REGULAR = 1.5  # a longest pause but one that is no longer: it keeps to a timetable, and two misses say enough
REGULAR_FINDS = 20.0
REGULAR_SPARE = 1.5
ENOUGH = 1.8  # expected finds that must fail to come, at least
SPARE = 1.8  # … and so many times more than in the longest pause but one
UNSURE = 3.0  # … and more where few finds are known: of ten pauses the longest but one says little
PAUSE_HALF_LIFE_SECONDS = 12 * WEEK_SECONDS
MOST_PAUSE = 2.0  # times what is allowed: a breakdown must not make us deaf to the next one
SHORT = dt.timedelta(hours=6)  # what is longer may span a night, at either end of which …
PLAY = dt.timedelta(hours=1)  # … an hour is let go: clocks are put forward, and nobody prints to the minute
_MOST_WEIGHT = 1e6  # then all weights are made small again; it takes a year and a half
_EPOCH_MONDAY = dt.datetime(1970, 1, 5, tzinfo=dt.UTC)
_FORM = struct.Struct(f"<B3d2f{HOURS}f")
_VERSION = 1


@dataclass(frozen=True)
class Rhythm:
    """What was learnt up to ``until``. Newer weeks weigh more: a find at ``t`` counts 2^((t - begun) / four weeks)."""

    begun: dt.datetime
    until: dt.datetime
    weight: float = 0.0  # weeks that were observed
    hours: tuple[float, ...] = (0.0,) * HOURS  # finds, by hour of the week in UTC, Monday first
    pauses: tuple[float, float] = (0.0, 0.0)  # the two longest between finds, in expected finds; they fade

    @classmethod
    def starting(cls, now: dt.datetime) -> Self:
        return cls(begun=now, until=now)

    @cached_property
    def weeks(self) -> float:
        """How many were observed, the older ones counted less."""
        return self.weight / self._weight_at(self.until)

    @cached_property
    def finds(self) -> float:
        """… and how many finds there were, in the same way."""
        return sum(self.hours) / self._weight_at(self.until)

    @property
    def is_ripe(self) -> bool:
        return self.weeks >= RIPE_WEEKS and self.finds >= RIPE_FINDS

    @property
    def is_sure(self) -> bool:
        """Whether a month was observed; until then what is printed in the feed must agree."""
        return self.weeks >= SURE_WEEKS

    @property
    def allowed(self) -> float:
        """Expected finds that may fail to come before it is silence."""
        if self.pauses[1] <= REGULAR and self.finds >= REGULAR_FINDS:
            return max(ENOUGH, REGULAR_SPARE * self.pauses[1])
        spare = SPARE + UNSURE / math.sqrt(max(self.finds, 1.0))
        return max(ENOUGH, spare * self.pauses[1])

    def _weight_at(self, at: dt.datetime) -> float:
        halves: float = (at - self.begun).total_seconds() / HALF_LIFE_SECONDS
        return float(2.0**halves)


def expected(rhythm: Rhythm, since: dt.datetime, until: dt.datetime) -> float:
    """How many finds usually come between the two instants; of more than six hours the first and the last are let go."""
    if not rhythm.weight or until <= since:
        return 0.0
    short = _sum(rhythm, since, min(until, since + SHORT))
    if until <= since + SHORT:
        return short / rhythm.weight
    return max(short, _sum(rhythm, since + PLAY, until - PLAY)) / rhythm.weight


def is_broken(rhythm: Rhythm, since: dt.datetime, now: dt.datetime) -> bool:
    """Whether more failed to come since the last find than in any pause that is usual; only for a ripe rhythm."""
    return expected(rhythm, since, now) > rhythm.allowed


def found(rhythm: Rhythm | None, now: dt.datetime, *, unseen_seconds: float = 0.0) -> Rhythm:
    """What is known after a find. ``unseen_seconds`` before it nobody looked: they teach nothing."""
    if rhythm is None:
        return Rhythm.starting(now)
    gap = max((now - rhythm.until).total_seconds(), 0.0)  # a clock may have been set back
    seen = min(max(gap - unseen_seconds, 0.0), WEEK_SECONDS)  # of a breakdown a week is believed
    weight = rhythm._weight_at(now)  # noqa: SLF001  a function of this module
    hours = list(rhythm.hours)
    hours[_slot(now)] += weight
    fade = 0.5 ** (gap / PAUSE_HALF_LIFE_SECONDS)
    pauses = (rhythm.pauses[0] * fade, rhythm.pauses[1] * fade)
    if rhythm.weeks >= 1 and not unseen_seconds:
        pause = min(expected(rhythm, rhythm.until, now), MOST_PAUSE * rhythm.allowed)
        first, second, _ = sorted((*pauses, pause), reverse=True)
        pauses = (first, second)
    begun, total = rhythm.begun, rhythm.weight + weight * seen / WEEK_SECONDS
    if weight > _MOST_WEIGHT:
        begun, total, hours = now, total / weight, [each / weight for each in hours]
    return Rhythm(begun=begun, until=now, weight=total, hours=tuple(hours), pauses=pauses)


def pack(rhythm: Rhythm) -> bytes:
    """705 bytes, whatever it holds."""
    return _FORM.pack(_VERSION, rhythm.begun.timestamp(), rhythm.until.timestamp(), rhythm.weight, *rhythm.pauses, *rhythm.hours)


def unpack(data: bytes | None) -> Rhythm | None:
    """None for nothing, and for what another release wrote: it is learnt anew."""
    if not data or len(data) != _FORM.size or data[0] != _VERSION:
        return None
    _, begun, until, weight, first, second, *hours = _FORM.unpack(data)
    return Rhythm(
        begun=dt.datetime.fromtimestamp(begun, dt.UTC),
        until=dt.datetime.fromtimestamp(until, dt.UTC),
        weight=weight,
        hours=tuple(hours),
        pauses=(first, second),
    )


def _slot(at: dt.datetime) -> int:
    return int((at - _EPOCH_MONDAY).total_seconds() // HOUR_SECONDS) % HOURS


def _sum(rhythm: Rhythm, since: dt.datetime, until: dt.datetime) -> float:
    """Weighted finds between the two by the hour of the week; whole weeks at once."""
    start = (since - _EPOCH_MONDAY).total_seconds() / HOUR_SECONDS
    length = (until - since).total_seconds() / HOUR_SECONDS
    weeks, rest = divmod(length, HOURS)
    total = weeks * sum(rhythm.hours)
    at, end = start, start + rest
    while at < end:
        step = min(int(at) + 1.0, end)
        total += rhythm.hours[int(at) % HOURS] * (step - at)
        at = step
    return total
