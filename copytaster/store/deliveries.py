"""Matches and the deliveries they made, as rows. Unique by watch, story and channel, whatever happens; it plans nothing."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from copytaster.news import ArticleId, StoryId
from copytaster.store.articles import month_of
from copytaster.store.db import Tx
from copytaster.store.schema import articles, channels, deliveries, matches, watches
from copytaster.watches import ChannelId, Delivery, DeliveryId, Hit, Match, MessageId, WatchId

FIELDS = [deliveries.c[name] for name in Delivery.__dataclass_fields__]


def put_matches(tx: Tx, found: Sequence[Match], epoch: int) -> None:
    rows = [
        {
            "month": month_of(tx.now),
            "watch_id": match.watch_id,
            "article_id": match.article_id,
            "revision": match.revision,
            "story_id": match.story_id,
            "hits": [asdict(hit) for hit in match.hits],
            "matched_at": match.matched_at,
            "watch_epoch": epoch,
        }
        for match in found
    ]
    if rows:
        tx.conn.execute(tx.insert(matches).values(rows).on_conflict_do_nothing())


def matched_before(tx: Tx, story_id: StoryId, watch_ids: Sequence[WatchId]) -> set[WatchId]:
    """Those of the watches that some revision of the story matched already."""
    return _of_story(tx, matches, story_id, watch_ids)


def alerted(tx: Tx, story_id: StoryId, watch_ids: Sequence[WatchId]) -> set[WatchId]:
    """Those of the watches that have a delivery for this story, to whatever channel."""
    return _of_story(tx, deliveries, story_id, watch_ids)


def _of_story(tx: Tx, table: Any, story_id: StoryId, watch_ids: Sequence[WatchId]) -> set[WatchId]:
    query = select(table.c.watch_id).where(table.c.story_id == story_id, table.c.watch_id.in_(watch_ids)).distinct()
    return set(tx.conn.execute(query).scalars())


def put(tx: Tx, match: Match, channel_ids: Iterable[ChannelId], *, kind: str, due_at: dt.datetime) -> int:
    """One delivery for each active channel; returns how many are new."""
    live = select(channels.c.id).where(channels.c.id.in_(list(channel_ids)), channels.c.state == "active")
    rows = [
        {
            "watch_id": match.watch_id,
            "story_id": match.story_id,
            "channel_id": channel_id,
            "article_id": match.article_id,
            "revision": match.revision,
            "state": "pending",
            "kind": kind,
            "due_at": due_at,
            "created_at": tx.now,
        }
        for channel_id in tx.conn.execute(live).scalars()
    ]
    if not rows:
        return 0
    return tx.conn.execute(tx.insert(deliveries).values(rows).on_conflict_do_nothing()).rowcount


def claim_due(tx: Tx, *, limit: int) -> list[Delivery]:
    """Pending deliveries that are due, oldest first; locked until this transaction gives them to messages."""
    due = (deliveries.c.state == "pending") & (deliveries.c.due_at <= tx.now)
    query = select(*FIELDS).where(due).order_by(deliveries.c.due_at, deliveries.c.id).limit(limit)
    if tx.dialect == "postgresql":
        query = query.with_for_update(skip_locked=True)
    return _rows(tx, query)


def pack(tx: Tx, ids: Sequence[DeliveryId], message_id: MessageId) -> None:
    """These travel in that message."""
    values = {"state": "sending", "message_id": message_id}
    tx.conn.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(**values))


def settle(tx: Tx, message_id: MessageId, state: str) -> None:
    """What became of the message became of its deliveries."""
    values = {"state": state, "sent_at": tx.now if state == "sent" else None}
    tx.conn.execute(update(deliveries).where(deliveries.c.message_id == message_id).values(**values))


def cancel_these(tx: Tx, ids: Sequence[DeliveryId]) -> None:
    """Their watch is gone, or their article was taken down."""
    if ids:
        tx.conn.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(state="cancelled"))


def cancel(tx: Tx, watch_id: WatchId) -> int:
    """Takes back what waits for a watch that is removed."""
    return _cancel(tx, deliveries.c.watch_id == watch_id)


def cancel_channel(tx: Tx, channel_id: ChannelId, watch_id: WatchId | None = None) -> int:
    """Takes back what waits for a channel that was unsubscribed, from one watch or (``None``) from all of them."""
    mine = deliveries.c.channel_id == channel_id
    return _cancel(tx, mine & (deliveries.c.watch_id == watch_id) if watch_id else mine)


def _cancel(tx: Tx, which: ColumnElement[bool]) -> int:
    waiting = which & (deliveries.c.state == "pending")
    return tx.conn.execute(update(deliveries).where(waiting).values(state="cancelled")).rowcount


def of_message(tx: Tx, message_id: MessageId) -> list[Delivery]:
    return _rows(tx, select(*FIELDS).where(deliveries.c.message_id == message_id).order_by(deliveries.c.id))


def found_at(tx: Tx, message_id: MessageId) -> list[dt.datetime]:
    """When the links behind a message's deliveries were found."""
    join = deliveries.join(articles, articles.c.id == deliveries.c.article_id)
    query = select(articles.c.found_at).select_from(join).where(deliveries.c.message_id == message_id)
    return list(tx.conn.execute(query).scalars())


def get(tx: Tx, delivery_id: int) -> Delivery | None:
    return next(iter(_rows(tx, select(*FIELDS).where(deliveries.c.id == delivery_id))), None)


def every(tx: Tx, *, state: str | None = None, limit: int = 50) -> list[Mapping[str, Any]]:
    """Newest first, with the names a person knows them by: watch, title, url, channel."""
    join = deliveries.join(watches, watches.c.id == deliveries.c.watch_id)
    join = join.join(channels, channels.c.id == deliveries.c.channel_id).join(articles, articles.c.id == deliveries.c.article_id)
    named = (watches.c.name.label("watch"), channels.c.url.label("channel"), articles.c.title, articles.c.url)
    query = select(*FIELDS, deliveries.c.sent_at, *named).select_from(join).order_by(deliveries.c.id.desc()).limit(limit)
    if state:
        query = query.where(deliveries.c.state == state)
    return [dict(row._mapping) for row in tx.conn.execute(query)]


def hits_of(tx: Tx, wanted: Sequence[Delivery]) -> dict[DeliveryId, list[Hit]]:
    """The hits of the match that made each delivery."""
    query = select(matches.c.watch_id, matches.c.article_id, matches.c.revision, matches.c.hits)
    query = query.where(matches.c.article_id.in_({each.article_id for each in wanted}))
    query = query.where(matches.c.watch_id.in_({each.watch_id for each in wanted}))
    found: dict[tuple[WatchId, ArticleId, int], list[Hit]] = {}
    for row in tx.conn.execute(query):
        found[row.watch_id, row.article_id, row.revision] = [Hit(**hit) for hit in row.hits]
    return {each.id: found.get((each.watch_id, each.article_id, each.revision), []) for each in wanted}


def watches_of(tx: Tx, article_ids: Sequence[str]) -> dict[ArticleId, list[WatchId]]:
    """Which watches each article matched, for the index."""
    query = select(matches.c.article_id, matches.c.watch_id).where(matches.c.article_id.in_(article_ids)).distinct()
    found: dict[ArticleId, list[WatchId]] = {}
    for article_id, watch_id in tx.conn.execute(query.order_by(matches.c.watch_id)):
        found.setdefault(article_id, []).append(watch_id)
    return found


def counts(tx: Tx) -> dict[str, int]:
    query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    return {row[0]: row[1] for row in tx.conn.execute(query)}


def oldest_due_at(tx: Tx) -> dt.datetime | None:
    """When the oldest delivery that is due and not settled fell due."""
    waiting = deliveries.c.state.in_(("pending", "sending")) & (deliveries.c.due_at <= tx.now)
    oldest: dt.datetime | None = tx.conn.execute(select(func.min(deliveries.c.due_at)).where(waiting)).scalar()
    return oldest


def due(tx: Tx) -> int:
    pending = (deliveries.c.state == "pending") & (deliveries.c.due_at <= tx.now)
    return tx.conn.execute(select(func.count()).where(pending)).scalar_one()


def _rows(tx: Tx, query: Select[Any]) -> list[Delivery]:
    return [Delivery(**row._mapping) for row in tx.conn.execute(query)]
