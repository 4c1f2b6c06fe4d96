"""How everything stands, for ``copytaster status``: read in one transaction, shown to a person or as one object.

It owns what belongs into a status; it must not judge what is healthy, which rows already say.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from copytaster import heartbeat
from copytaster.store import Tx, articles, channels, deliveries, health, pages, processes, refusals
from copytaster.store import heartbeat as heartbeat_rows
from copytaster.store.channels import Standing as ChannelStanding
from copytaster.store.health import health_state
from copytaster.store.processes import Process
from copytaster.watches import without_secrets
from desk import output, spoken
from desk.opening import Desk

MOST_SOURCES = 20
MOST_TROUBLE = 100  # sources in one object; `copytaster source list --json` tells of all
MOST_CHANNELS = 10
LAST_ALERTS = 5
STUCK_SECONDS = 120.0  # a process with no progress for so long is restarted


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How old the newest page of our own is that came the whole way; ``late``: alerts may not arrive."""

    age_seconds: float
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """``sources``: the worst of them. ``queues``: rows that are due, by stage. ``broker``: hints that wait, None where it
    can't be asked.
    """

    now: dt.datetime
    sources: Sequence[health.SourceHealth]
    by_health: Mapping[str, int]
    queues: Mapping[str, int]
    broker: Mapping[str, int | None]
    articles: int
    deliveries: Mapping[str, int]
    channels: Mapping[str, int]
    troubled: Sequence[ChannelStanding]
    oldest_undelivered_at: dt.datetime | None
    heartbeat: Heartbeat | None
    last_alerts: Sequence[Mapping[str, Any]]
    refused: Mapping[tuple[str, str], int]
    processes: Sequence[Process]

    @classmethod
    def of(cls, here: Desk) -> "Standing":
        with here.store.read() as tx:
            return cls(
                now=tx.now,
                sources=health.worst_sources(tx, limit=MOST_TROUBLE),
                by_health=health.counts(tx),
                queues=_due(tx),
                broker=_depths(here),
                articles=articles.total(tx),
                deliveries=deliveries.counts(tx),
                channels=channels.counts(tx),
                troubled=channels.listed(tx, limit=MOST_TROUBLE, trouble=True),
                oldest_undelivered_at=deliveries.oldest_due_at(tx),
                heartbeat=_heartbeat(tx, here),
                last_alerts=deliveries.every(tx, state="sent", limit=LAST_ALERTS),
                refused=refusals.counts(tx),
                processes=processes.every(tx),
            )

    def record(self) -> dict[str, Any]:
        """As one JSON object."""
        alerts = [{**row, "channel": without_secrets(row["channel"])} for row in self.last_alerts]
        return {
            "at": self.now,
            "sources": self.by_health,
            "trouble": [asdict(each) for each in self.sources if health_state(each) in health.TROUBLE],
            "queues": self.queues,
            "broker": self.broker,
            "articles": self.articles,
            "deliveries": self.deliveries,
            "channels": self.channels,
            "channel_trouble": [asdict(each) | {"url": without_secrets(each.url)} for each in self.troubled],
            "oldest_undelivered_at": self.oldest_undelivered_at,
            "heartbeat": asdict(self.heartbeat) if self.heartbeat else None,
            "last_alerts": alerts,
            "refused": [{"stage": stage, "reason": why, "count": n} for (stage, why), n in sorted(self.refused.items())],
            "processes": [asdict(each) for each in self.processes],
        }


def _heartbeat(tx: Tx, here: Desk) -> Heartbeat | None:
    age = heartbeat_rows.age_seconds(tx)
    return None if age is None else Heartbeat(age, heartbeat.is_late(age, here.config.heartbeat.every_seconds))


def _due(tx: Tx) -> dict[str, int]:
    from workers.reconciler import due_rows

    return {
        "discover": health.endpoints_waiting(tx),
        "fetch": health.links_waiting(tx),
        **due_rows(tx),
        "pages": pages.waiting(tx),
    }


def _depths(here: Desk) -> dict[str, int | None]:
    """Asked only where there is somebody to ask: an embedded server that does not run has no socket."""
    from workers.app import STAGES, Hints

    if not here.config.redis.url and not here.config.redis_socket.exists():
        return dict.fromkeys(STAGES)
    hints = Hints(here.config)
    found: dict[str, int | None] = {}
    for stage in STAGES:
        found[stage] = hints.depth(stage)
        if found[stage] is None:
            return dict.fromkeys(STAGES)
    return found


def print_standing(standing: Standing) -> None:
    _print_sources(standing)
    output.say(f"Queues: {_counts(standing.queues)}.")
    deep = [n for n in standing.broker.values() if n is not None]
    output.say(
        f"Broker: {_counts(standing.broker)} hints waiting." if deep else "Broker: not reached; is `copytaster up` running?"
    )
    output.say(f"Articles: {standing.articles} in the store. Deliveries: {_counts(standing.deliveries) or 'none yet'}.")
    oldest = standing.oldest_undelivered_at
    output.say(f"Oldest undelivered: due {output.ago(oldest)}." if oldest else "Nothing that is due waits to be delivered.")
    if beat := standing.heartbeat:
        said = "late, so alerts may not arrive: " if beat.late else ""
        output.say(f"Heartbeat: {said}the last one is {spoken.span(beat.age_seconds)} old.")
    _print_channels(standing)
    if standing.refused:
        output.say(f"Refused: {_counts({f'{stage}/{why}': n for (stage, why), n in sorted(standing.refused.items())})}.")
    output.say("")
    alerts = ((a["sent_at"], a["watch"], without_secrets(a["channel"]), a["title"]) for a in standing.last_alerts)
    output.table(("last alerts", "watch", "to", "title"), alerts, empty="No alert was sent yet.")
    output.say("")
    _print_processes(standing)


def _print_channels(standing: Standing) -> None:
    if not standing.troubled:
        return
    output.say(f"Channels: {_counts(standing.channels)}; `copytaster channel list` shows them.")
    for each in standing.troubled[:MOST_CHANNELS]:
        since = f" since {output.ago(each.failing_since)}" if each.failing_since and each.state != "disabled" else ""
        why = each.reason or each.last_error or "it did not take the last message."
        how = f" (copytaster channel enable {each.id})" if each.state == "disabled" else ""
        said = "failing" if each.state == "active" else each.state
        output.say(output.clean(f"  {without_secrets(each.url)} is {said}{since}: {why}{how}"))


def _print_sources(standing: Standing) -> None:
    if standing.sources:
        output.say(f"Sources: {_counts(standing.by_health)}.")
    print_health(standing.sources[:MOST_SOURCES])
    more = sum(standing.by_health.values()) - MOST_SOURCES
    if more > 0:
        output.say(f"… and {more} more: copytaster source list")
    output.say("")


def print_health(found: Sequence[health.SourceHealth]) -> None:
    rows = (
        (
            each.name,
            health_state(each),
            each.read_at,
            each.found_at,
            each.due_at if each.state == "active" else None,
            said(each),
            each.url,
        )
        for each in found
    )
    columns = ("source", "health", "last read", "last new", "next", "trouble", "address")
    output.table(columns, rows, empty="There are no sources yet: copytaster source add https://example.org")


def said(each: health.SourceHealth) -> str | None:
    """What is wrong with a source: its kind, unless it is plain silence, and the sentence."""
    why = each.silent_reason or each.last_error
    if not why or not (each.silent_at or each.failures or each.trouble):
        return None
    return f"{each.trouble}: {why}" if each.trouble not in (None, "silent") else why


def _print_processes(standing: Standing) -> None:
    rows = (
        (each.kind, each.name, each.progress_at, state_of(each, standing.now, standing.queues)) for each in standing.processes
    )
    output.table(("process", "name", "last progress", "state"), rows, empty="No process runs: copytaster up")


def state_of(process: Process, now: dt.datetime, due: Mapping[str, int]) -> str:
    """A worker says that it got on only where there was something to do."""
    if (now - process.progress_at).total_seconds() <= STUCK_SECONDS:
        return "working"
    idle = process.kind == "worker" and not any(due[stage] for stage in ("ingest", "deliver", "index"))
    return "idle or gone" if idle else "stuck or gone"


def _counts(counts: Mapping[str, int | None]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items() if n is not None)
