"""Sources as they publish in life, made up, and weeks of reading them with the real deciders: how soon is a break seen, what is
reported for nothing? ``python -m tests.scrapers.rhythms`` prints the table of docs/operating.md.
"""

import datetime as dt
import random
import statistics
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scrapers import rhythm
from scrapers.revisit import gaps_of, next_interval, remembered, silent_after, usual_interval
from scrapers.rhythm import Rhythm
from workers.silence import lasts_too_long

DAY = 86_400.0
WEEK = 7 * DAY
START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)  # a Monday
BEFORE = 30  # items that the feed shows when it is first read
Publish = Callable[[random.Random, float, float], list[float]]


def at(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def random_times(rate: Callable[[float], float], most: float) -> Publish:
    """At random, so many a day on average at each moment."""

    def publish(rng: random.Random, begin: float, end: float) -> list[float]:
        times, now = [], begin
        while (now := now + rng.expovariate(most / DAY)) < end:
            times += [now] if rng.random() < rate(now) / most else []
        return times

    return publish


def once(days: Callable[[int], bool], hour: float, spread: float) -> Publish:
    def publish(rng: random.Random, begin: float, end: float) -> list[float]:
        return [day * DAY + hour * 3600 + rng.gauss(0, spread) for day in range(int(begin // DAY), int(end // DAY)) if days(day)]

    return publish


def bursts(rng: random.Random, begin: float, end: float) -> list[float]:
    """Four to six a day between 6 and 23 o'clock, each of 5 to 15 items within ten minutes."""
    times = []
    for day in range(int(begin // DAY), int(end // DAY)):
        for start in (day * DAY + rng.uniform(6, 23) * 3600 for _ in range(rng.randint(4, 6))):
            times += [start + rng.uniform(0, 600) for _ in range(rng.randint(5, 15))]
    return sorted(times)


def _hour(now: float) -> float:
    return now % DAY / 3600


RHYTHMS: dict[str, Publish] = {
    "a wire, 150 a day, a seventh of it at night": random_times(lambda now: 200 if 6 <= _hour(now) < 22 else 30, 200),
    "office hours, 40 a day from 9 to 17 on five days": random_times(
        lambda now: 120 if 9 <= _hour(now) < 17 and now // DAY % 7 < 5 else 0, 120
    ),
    "bursts, five a day from 6 to 23": bursts,
    "daily at 7": once(lambda _: True, 7, 1200),
    "daily at 7 on five days": once(lambda day: day % 7 < 5, 7, 1200),
    "weekly on Thursdays": once(lambda day: day % 7 == 3, 10, 7200),
}


@dataclass
class Reader:
    """One endpoint read by the crawler's own rules."""

    interval: float = 300.0
    gaps: list[float] = field(default_factory=list)
    known: Rhythm | None = None
    fresh: float | None = None
    read: float | None = None
    false: list[float] = field(default_factory=list)  # days at which a source that was well would have been reported

    def is_reported(self, now: float, *, hours: bool = True) -> bool:
        if self.fresh is None:
            return False
        usual, allowed = usual_interval(self.gaps, self.interval), silent_after(self.gaps, self.interval)
        return lasts_too_long(self.known if hours else None, usual, allowed, at(self.fresh), at(now))

    def look(self, now: float, new: int, shown: Sequence[float]) -> None:
        if new:
            if self.is_reported(now):  # it lasts once it has begun, so that looking before the find is enough
                self.false.append((self.fresh or 0) / DAY)
            self.known, self.fresh = rhythm.found(self.known, at(now)), now
        if len(shown) > 3:
            since = now - self.read if self.read is not None else 0.0
            self.gaps = remembered(self.gaps, gaps_of([at(each) for each in shown]), since)
        self.read = now
        self.interval = next_interval(self.interval, new_items=new, gaps=self.gaps)


def lived(publish: Publish, *, weeks: int, seed: int) -> tuple[Reader, list[float]]:
    """A source read for so many weeks; and days from its last find until a break right after it was seen, for many breaks."""
    rng = random.Random(seed)
    times = sorted(publish(rng, -40 * WEEK, 0.0))[-BEFORE:] + sorted(publish(rng, 0.0, weeks * WEEK))
    reader, now, seen, breaks = Reader(), 0.0, 0, []
    while now < weeks * WEEK:
        there = bisect_right(times, now)
        reader.look(now, there - seen, times[max(there - BEFORE, 0) : there])
        if there > seen and now > (weeks - 4) * WEEK and rng.random() < 40 / max(len(times) / weeks * 4, 40):
            breaks.append(seconds_to_report(reader))
        seen, now = there, now + reader.interval
    return reader, breaks


def seconds_to_report(reader: Reader, *, hours: bool = True) -> float:
    assert reader.fresh is not None
    low, high = 0.0, 60 * DAY
    while high - low > 60:
        middle = (low + high) / 2
        low, high = (low, middle) if reader.is_reported(reader.fresh + middle, hours=hours) else (middle, high)
    return high


def main() -> None:
    heads = ("source", "usual interval", "break seen after", "slowest in ten", "by the clock alone")
    heads += ("told for nothing in the first two weeks", "… in the ten after")
    print(f"| {' | '.join(heads)} |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, publish in RHYTHMS.items():
        runs = [lived(publish, weeks=12, seed=seed) for seed in range(3)]
        breaks = sorted(each for _, found in runs for each in found)
        clock = statistics.median(seconds_to_report(reader, hours=False) for reader, _ in runs)
        false = [day for reader, _ in runs for day in reader.false]
        early = sum(day < 14 for day in false)
        usual = statistics.median(usual_interval(reader.gaps, reader.interval) for reader, _ in runs)
        cells = (usual, statistics.median(breaks), breaks[9 * len(breaks) // 10], clock)
        shown = " | ".join(f"{cell / 3600:.1f} h" for cell in cells)
        counts = (early / len(runs), (len(false) - early) / len(runs))
        print(f"| {name} | {shown} | {counts[0]:.1f} | {counts[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
