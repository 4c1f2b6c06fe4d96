"""What the status page shows, read from the store in one transaction: sources, queues, alerts, refusals.

It owns what is shown and how much of it, and shows no secret: an address is never more than its scheme and host.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from copytaster.news import Article
from copytaster.store import Store, Tx, articles, channels, deliveries, heartbeat, refusals, sources, watches
from copytaster.store.channels import Standing as ChannelStanding
from copytaster.store.db import Record
from copytaster.watches import Delivery, Hit, without_secrets
from search.passages import Passage, passage
from workers.reconciler import due_rows

ALERTS, SOURCES, REFUSED, CHANNELS = 12, 100, 10, 20
TITLE = 300
DELIVERY_FIELDS = tuple(Delivery.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Alert:
    """One story told for one watch, wherever it was told."""

    watch: str
    title: Passage
    shown: Passage
    url: str | None
    source: str
    at: dt.datetime
    states: Sequence[tuple[str, str]]  # place, state


@dataclass(frozen=True, slots=True)
class Overview:
    now: dt.datetime
    source_counts: Mapping[str, int]
    sources: Sequence[Record]
    endpoints: Mapping[str, Mapping[str, Any]]
    articles: int
    watches: int
    deliveries: Mapping[str, int]
    channels: Mapping[str, int]
    troubled: Sequence[tuple[str, ChannelStanding]]  # place, how it stands
    due: Mapping[str, int]
    oldest_due_at: dt.datetime | None
    heartbeat_seconds: float | None  # its age
    alerts: Sequence[Alert]
    refused: Sequence[Mapping[str, Any]]
    refused_counts: Sequence[tuple[str, str, int]]


def look(store: Store) -> Overview:
    with store.read() as tx:
        listed = sources.freshness(tx, limit=SOURCES)
        counted = sorted(refusals.counts(tx).items(), key=lambda item: -item[1])
        return Overview(
            now=tx.now,
            source_counts=sources.counts(tx),
            sources=listed,
            endpoints=sources.endpoint_summaries(tx, [each.id for each in listed]),
            articles=articles.total(tx),
            watches=watches.total(tx),
            deliveries=deliveries.counts(tx),
            channels=channels.counts(tx),
            troubled=[(_place(each.url), each) for each in channels.listed(tx, limit=CHANNELS, trouble=True)],
            due=due_rows(tx),
            oldest_due_at=deliveries.oldest_due_at(tx),
            heartbeat_seconds=heartbeat.age_seconds(tx),
            alerts=_alerts(tx),
            refused=[_refused(each) for each in refusals.every(tx, limit=REFUSED)],
            refused_counts=[(stage, reason, count) for (stage, reason), count in counted[:REFUSED]],
        )


def _alerts(tx: Tx) -> list[Alert]:
    rows = deliveries.every(tx, limit=4 * ALERTS)
    owed = [Delivery(**{name: row[name] for name in DELIVERY_FIELDS}) for row in rows]
    stories: dict[tuple[str, str], list[int]] = {}
    for number, each in enumerate(owed):
        stories.setdefault((each.watch_id, each.story_id), []).append(number)
    picked = list(stories.values())[:ALERTS]
    first = [owed[numbers[0]] for numbers in picked]
    read, hits = articles.many(tx, [each.article_id for each in first]), deliveries.hits_of(tx, first)
    return [
        _alert(read[one.article_id], hits[one.id], [rows[number] for number in numbers])
        for one, numbers in zip(first, picked, strict=True)
        if one.article_id in read
    ]


def _alert(article: Article, hits: Sequence[Hit], rows: Sequence[Mapping[str, Any]]) -> Alert:
    return Alert(
        watch=rows[0]["watch"],
        title=passage(article.title[:TITLE], hits, width=TITLE, field="title"),
        shown=passage(article.text, hits),
        url=web_address(article.url),
        source=article.source_name,
        at=rows[0]["created_at"],
        states=[(_place(row["channel"]), row["state"]) for row in rows],
    )


def _refused(refusal: refusals.Refusal) -> Mapping[str, Any]:
    secret = refusal.stage == "deliver"  # there it is a channel, and webhook URLs carry tokens
    shown = _place(refusal.url) if secret else _plain(refusal.url)
    return {"refusal": refusal, "shown": shown, "link": None if secret else web_address(refusal.url)}


def _place(url: str) -> str:
    return without_secrets(url, mailbox=False)


def web_address(url: str) -> str | None:
    """For a link: nothing but http and https may be followed from our page, and no password is shown."""
    return _plain(url) if url.partition(":")[0] in ("http", "https") else None


def _plain(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
