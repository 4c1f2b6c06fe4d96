"""What happened and how the sources stand, read page by page for those who look from outside. It changes and judges nothing."""

import datetime as dt
from collections.abc import Collection

from sqlalchemy import BindParameter, ColumnElement, bindparam, select

from copytaster import heartbeat
from copytaster.store import sources as source_rows
from copytaster.store.db import Record, Tx
from copytaster.store.schema import articles, channels, deliveries, endpoints, refusals, revisions, sources, watches
from copytaster.store.types import Instant

Place = tuple[dt.datetime, int]  # instant and number of the row that was read last
_AT = bindparam("at", type_=Instant)
_IDS: BindParameter[list[str]] = bindparam("ids", expanding=True)


def _after(at: ColumnElement[object], number: ColumnElement[int]) -> ColumnElement[bool]:
    """The first condition is what the index answers; the second parts rows of one instant."""
    return (at >= _AT) & ((at > _AT) | (number > bindparam("number")))


_ALERTS = (
    select(
        deliveries.c.id,
        deliveries.c.sent_at,
        deliveries.c.kind,
        deliveries.c.watch_id,
        deliveries.c.story_id,
        deliveries.c.article_id,
        deliveries.c.revision,
        watches.c.name.label("watch_name"),
        channels.c.url.label("channel_url"),
        articles.c.url,
        articles.c.title,
        articles.c.language,
        articles.c.source_id,
        articles.c.found_at,
        revisions.c.read_at,
        articles.c.published_at,
        articles.c.published_precision,
        sources.c.name.label("source_name"),
    )
    .select_from(
        # Outer, for what was sent outlives the article that it told of.
        deliveries.join(watches, watches.c.id == deliveries.c.watch_id)
        .join(channels, channels.c.id == deliveries.c.channel_id)
        .outerjoin(revisions, (revisions.c.article_id == deliveries.c.article_id) & (revisions.c.number == deliveries.c.revision))
        .outerjoin(articles, articles.c.id == deliveries.c.article_id)
        .outerjoin(sources, sources.c.id == articles.c.source_id)
    )
    .where(_after(deliveries.c.sent_at, deliveries.c.id), deliveries.c.watch_id != heartbeat.WATCH)
    .order_by(deliveries.c.sent_at, deliveries.c.id)
    .limit(bindparam("most"))
)
_REFUSALS = (
    select(*refusals.c, sources.c.name.label("source_name"))
    .select_from(refusals.outerjoin(sources, sources.c.id == refusals.c.source_id))
    .where(_after(refusals.c.refused_at, refusals.c.id))
    .order_by(refusals.c.refused_at, refusals.c.id)
    .limit(bindparam("most"))
)
_SOURCE = ("id", "name", "host", "state", "added_at", "baseline_at", "found_at", "silent_at", "silent_reason")
_SOURCES = (
    select(*(sources.c[name] for name in _SOURCE))
    .where(sources.c.id > bindparam("place"), source_rows.LISTED)
    .order_by(sources.c.id)
    .limit(bindparam("most"))
)
_ENDPOINT = ("source_id", "kind", "host", "interval_seconds", "readings", "failures", "overflows", "read_at", "last_error")
_ENDPOINTS = (
    select(*(endpoints.c[name] for name in _ENDPOINT))
    .where(endpoints.c.source_id.in_(_IDS))
    .order_by(endpoints.c.source_id, endpoints.c.url)
)


def alerts(tx: Tx, after: Place, *, limit: int) -> list[Record]:
    """Deliveries that were sent, in the order of their sending, with the names that people know them by."""
    return list(tx.conn.execute(_ALERTS, {"at": after[0], "number": after[1], "most": limit}))


def refused(tx: Tx, after: Place, *, limit: int) -> list[Record]:
    """What is refused now, in the order of the refusals, with the source's name."""
    return list(tx.conn.execute(_REFUSALS, {"at": after[0], "number": after[1], "most": limit}))


def sources_after(tx: Tx, place: str, *, limit: int) -> list[Record]:
    """The sources that were not removed, those after the id ``place``."""
    return list(tx.conn.execute(_SOURCES, {"place": place, "most": limit}))


def endpoints_of(tx: Tx, source_ids: Collection[str]) -> dict[str, list[Record]]:
    """The endpoints of each source."""
    found: dict[str, list[Record]] = {}
    for row in tx.conn.execute(_ENDPOINTS, {"ids": list(source_ids)}):
        found.setdefault(row.source_id, []).append(row)
    return found
