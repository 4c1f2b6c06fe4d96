"""How far behind each stage is and how full the database: one cheap look each, for metrics and autoscaling.

It owns these questions only; what is late, and what to do about it, is for whoever asks.
"""

import datetime as dt
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, bindparam, func, or_, select, text

from copytaster.store.db import Tx
from copytaster.store.schema import articles, channels, deliveries, hosts, messages, pages
from copytaster.store.types import Instant

_NOW = bindparam("now", type_=Instant)
_ACTIVE = select(channels.c.id).where(channels.c.state == "active")
_FREE = or_(hosts.c.leased_until.is_(None), hosts.c.leased_until <= _NOW)
_ALLOWED = or_(hosts.c.next_allowed_at.is_(None), hosts.c.next_allowed_at <= _NOW)
_BUSY = messages.alias("busy")
_UNDER_WAY = select(_BUSY.c.id).where(
    _BUSY.c.channel_id == messages.c.channel_id, _BUSY.c.lease_token.is_not(None), _BUSY.c.due_at > _NOW
)
# Those of a channel that fails, or that has one under way, wait for it and for nobody of ours.
_WELL = select(channels.c.id).where(channels.c.state == "active", channels.c.failures == 0)
_SENDABLE = messages.c.channel_id.in_(_WELL) & ~_UNDER_WAY.exists()
_PENDING = (deliveries.c.state == "pending") & deliveries.c.channel_id.in_(_ACTIVE)


def _first(column: Column[Any], *free: ColumnElement[bool]) -> Select[Any]:
    """The first by an index and not the least of all: rows that are not free are passed over, the rest is never read."""
    return select(column).where(column <= _NOW, *free).order_by(column).limit(1)


_OLDEST = {
    "crawl": [_first(hosts.c.due_at, _FREE, _ALLOWED)],
    "ingest": [_first(pages.c.due_at)],
    "deliver": [_first(deliveries.c.due_at, _PENDING), _first(messages.c.due_at, _SENDABLE)],
    "index": [_first(articles.c.index_due_at)],
}
_LACKING = select(func.count()).where(articles.c.index_due_at.is_not(None))
_CONNECTIONS = text("SELECT sum(numbackends)::integer, current_setting('max_connections')::integer FROM pg_stat_database")


def oldest_due_at(tx: Tx) -> dict[str, dt.datetime | None]:
    """By stage (crawl, ingest, deliver, index): since when the oldest row that nobody holds could have been worked on.

    A lease moves ``due_at`` to its end and a retry to its next try, so what is under way or has to wait does not count.
    """
    found: dict[str, dt.datetime | None] = {}
    for stage, queries in _OLDEST.items():
        ages = [at for query in queries if (at := tx.conn.execute(query, {"now": tx.now}).scalar())]
        found[stage] = min(ages, default=None)
    return found


def unindexed(tx: Tx) -> int:
    """Articles whose newest version the index lacks, those included that are being put there or are tried again later."""
    return tx.conn.execute(_LACKING).scalar_one()


def connections(tx: Tx) -> tuple[int, int] | None:
    """How many the PostgreSQL server has and how many it allows; None on SQLite."""
    if tx.dialect == "sqlite":
        return None
    used, most = tx.conn.execute(_CONNECTIONS).one()
    return used, most
