"""What is sent, when and to whom: pure decisions over watches, deliveries and instants that come in as data.

It owns quiet hours, digests, bursts, once per story and the retry schedule; it must not know clock, store or wire.
"""

import datetime as dt
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Literal
from zoneinfo import ZoneInfo

from copytaster.watches import Channel, ChannelId, Delivery, Digest, Quiet, Watch, WatchId

DeliveryKind = Literal["instant", "digest", "late", "audit"]
GroupKind = Literal["instant", "burst", "hourly", "daily", "late", "audit"]
Outcome = Literal["transient", "permanent"]

DAILY_AT = dt.time(8)  # a day's digest is read with the morning's coffee, not at midnight
BURST = 5  # more instants than this, due at once to one channel, go in one message
CAP = 50  # items in one message; what is over goes in the next one, so that nothing is lost
SCHEDULE = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)  # seconds before each attempt
LONGEST_RETRY_AFTER = 86_400.0  # a receiver may ask for patience, not for silence
JITTER = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 1800.0  # of a channel that fails: never longer than its only message waits
RELAY_PAUSE = 300.0  # of a mail channel while our own server is away: nobody's patience is tried
PATIENCE = float(sum(SCHEDULE))  # about three days


@dataclass(frozen=True, slots=True)
class Intent:
    """A delivery that is owed: how it travels and when it may leave."""

    kind: DeliveryKind
    due_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Deliveries of one channel that leave in one message, oldest first."""

    channel_id: ChannelId
    kind: GroupKind
    deliveries: Sequence[Delivery]


def needs_alert(*, edited: bool, matched_before: bool, alerted: bool) -> bool:
    """Whether a match of a story by a watch makes deliveries at all.

    ``alerted``: the watch already has a delivery for this story, to whatever channel; so a channel that is added later
    is not told of old stories. ``matched_before``: some revision of the story matched the watch, even where that made
    no delivery (baseline, mute). An article of its own alerts unless the story did; an edit alerts only where its words
    are what made the story match.
    """
    return not alerted and not (edited and matched_before)


def plan_delivery(watch: Watch, *, now: dt.datetime, late: bool, baseline: bool, backfill: bool) -> Intent | None:
    """How and when a fresh match is told; ``None`` where nobody is to be told at all.

    Quiet hours hold the delivery. A muted watch makes none: its matches are recorded and can be searched, and they are
    not poured out when the mute ends. Late items wait for the daily late digest, whatever the watch's own rhythm.
    """
    muted = watch.muted_until is not None and now < watch.muted_until
    if baseline or backfill or muted:
        return None
    if late:
        return Intent("late", _hold(_next_day(now, watch.zone), watch.quiet))
    if watch.digest == "instant":
        return Intent("instant", _hold(now, watch.quiet))
    boundary = _next_hour if watch.digest == "hourly" else _next_day
    return Intent("digest", _hold(boundary(now, watch.zone), watch.quiet))


def plan_missed(watch: Watch, *, now: dt.datetime) -> Intent:
    """How what an audit found is told: as soon as quiet hours let it, whatever the watch's rhythm, for it is late already."""
    return Intent("audit", _hold(now, watch.quiet))


def plan_messages(
    deliveries: Sequence[Delivery],
    *,
    digests: Mapping[WatchId, Digest] | None = None,
    burst: int = BURST,
    cap: int = CAP,
) -> tuple[Group, ...]:
    """Which due deliveries leave together; every delivery is in exactly one group.

    ``digests`` tells the rhythm of each watch, so that an hourly and a daily digest are not mixed; a digest of a watch
    that is not in it counts as daily.
    """
    rhythm = digests or {}
    groups: list[Group] = []
    keyed = sorted((_group_key(each, rhythm), each.due_at, each.id, each) for each in deliveries)
    for (channel_id, kind), rows in groupby(keyed, key=lambda row: row[0]):
        members = [row[3] for row in rows]
        groups.extend(_pack(channel_id, kind, members, burst=burst, cap=cap))
    return tuple(groups)


def next_attempt(
    attempts: int, outcome: Outcome, now: dt.datetime, *, retry_after: float | None, rng: random.Random
) -> dt.datetime | None:
    """When a message that failed is tried again after ``attempts`` attempts; ``None``: give up.

    The schedule is that of Standard Webhooks, about three days in all, each wait up to a fifth longer so that a
    receiver that comes back is not trampled. The receiver may ask for a longer wait (a day at most), never for a
    shorter one. A channel that is given up is disabled and its owner told by another one (``fallback_channel``).
    """
    if outcome == "permanent" or attempts >= len(SCHEDULE):
        return None
    wait = SCHEDULE[max(attempts, 0)] * rng.uniform(1, 1 + JITTER)
    asked = min(max(retry_after or 0.0, 0.0), LONGEST_RETRY_AFTER)
    return now + dt.timedelta(seconds=max(wait, asked))


def next_probe(
    failures: int, now: dt.datetime, *, retry_after: float | None, rng: random.Random, longest: float = LONGEST_PAUSE
) -> dt.datetime:
    """Until when a whole channel rests after so many ``failures`` in a row, of whatever messages.

    Each pause is twice the one before, up to the ``longest``; then one message asks how it is. The first pauses are short, for
    the receiver may dislike just that one message.
    """
    wait = min(FIRST_PAUSE * 2.0 ** min(max(failures - 1, 0), 20), longest) * rng.uniform(1, 1 + JITTER)
    asked = min(max(retry_after or 0.0, 0.0), LONGEST_RETRY_AFTER)
    return now + dt.timedelta(seconds=max(wait, asked))


def fallback_channel(failed: Channel, channels: Sequence[Channel], proven: Collection[ChannelId] = frozenset()) -> Channel | None:
    """The channel that tells an owner of another's failure; ``None`` where no other one works.

    One of those that took their last message, mail first: where one receiver is gone others may be failing too.
    """
    able = [each for each in channels if _may_stand_in(each, failed)]
    return min(able, key=lambda each: (each.id not in proven, not each.url.startswith("mailto:"), each.id), default=None)


def watches_of(deliveries: Collection[Delivery]) -> tuple[WatchId, ...]:
    """The watches that a message speaks for, each once and in order; one alone gets its own unsubscribe link."""
    return tuple(sorted({each.watch_id for each in deliveries}))


def _may_stand_in(channel: Channel, failed: Channel) -> bool:
    return channel.owner_id == failed.owner_id and channel.id != failed.id and channel.state == "active"


def _group_key(delivery: Delivery, rhythm: Mapping[WatchId, Digest]) -> tuple[ChannelId, GroupKind]:
    if delivery.kind != "digest":
        return delivery.channel_id, delivery.kind
    return delivery.channel_id, "hourly" if rhythm.get(delivery.watch_id) == "hourly" else "daily"


def _pack(channel_id: ChannelId, kind: GroupKind, members: Sequence[Delivery], *, burst: int, cap: int) -> Iterator[Group]:
    size = cap
    if kind == "instant":
        kind, size = ("burst", cap) if len(members) > burst else ("instant", 1)
    for start in range(0, len(members), size):
        yield Group(channel_id, kind, tuple(members[start : start + size]))


@lru_cache(maxsize=512)
def _zone(name: str) -> dt.tzinfo:
    """A name that this machine's tables lost counts as UTC: an alert at an odd hour beats an alert that is lost."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return dt.UTC


def _next_hour(now: dt.datetime, zone: str) -> dt.datetime:
    """The next full hour by the zone's wall clock (a zone may be half an hour off), strictly after ``now``."""
    local = now.astimezone(_zone(zone))
    into = dt.timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return now + dt.timedelta(hours=1) - into


def _next_day(now: dt.datetime, zone: str) -> dt.datetime:
    today = now.astimezone(_zone(zone)).date()
    days = (_instant(today + dt.timedelta(days=ahead), DAILY_AT, zone) for ahead in (0, 1, 2))
    return next(each for each in days if each > now)


def _instant(day: dt.date, wall: dt.time, zone: str, fold: int = 0) -> dt.datetime:
    """A wall time as UTC; one that daylight saving skips is taken as much later as the clock jumped."""
    return dt.datetime.combine(day, wall, _zone(zone)).replace(fold=fold).astimezone(dt.UTC)


def _hold(due_at: dt.datetime, quiet: Quiet | None) -> dt.datetime:
    """``due_at``, or the end of the quiet span that it falls in."""
    if quiet is None or not _is_quiet(due_at, quiet):
        return due_at
    today = due_at.astimezone(_zone(quiet.zone)).date()
    # An hour that comes twice ends at the first end that is still ahead; the last candidate is for skipped days.
    ends = [_instant(today + dt.timedelta(days=ahead), quiet.end, quiet.zone, fold) for ahead in range(3) for fold in (0, 1)]
    return min(end for end in ends if end > due_at and not _is_quiet(end, quiet))


def _is_quiet(moment: dt.datetime, quiet: Quiet) -> bool:
    """Whether the wall clock is in ``[start, end)``; a span whose ends are equal holds nothing."""
    wall = moment.astimezone(_zone(quiet.zone)).time()
    if quiet.start <= quiet.end:
        return quiet.start <= wall < quiet.end
    return wall >= quiet.start or wall < quiet.end
