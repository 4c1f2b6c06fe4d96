"""Matches and the deliveries they made, as rows. Unique by watch, story and channel, whatever happens; it plans nothing."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, func, literal, literal_column, select, union, update
from sqlalchemy.sql.elements import ColumnElement

from copytaster import heartbeat
from copytaster.news import ArticleId, StoryId
from copytaster.store.articles import month_of
from copytaster.store.db import Tx
from copytaster.store.schema import articles, channels, deliveries, matches, watch_channels, watches
from copytaster.store.types import Instant
from copytaster.watches import ChannelId, Delivery, DeliveryId, Hit, Match, MessageId, WatchId

FIELDS = [deliveries.c[name] for name in Delivery.__dataclass_fields__]


WINDOW = 1_000  # deliveries at each end of what is due among which the turns are taken
MOST_COUNTED = 100_000
IDS: BindParameter[list[str]] = bindparam("ids", expanding=True)
_ACTIVE = select(channels.c.id).where(channels.c.id.in_(IDS), channels.c.state == "active")
_MATCHED, _ALERTED = (
    select(table.c.watch_id).where(table.c.story_id == bindparam("story"), table.c.watch_id.in_(IDS)).distinct()
    for table in (matches, deliveries)
)

_THEIRS = deliveries.c.watch_id != heartbeat.WATCH  # what people see
# What is owed to a channel that is switched off waits until it is on again.
_TOLD = deliveries.c.channel_id.in_(select(channels.c.id).where(channels.c.state == "active"))
_OWED = (deliveries.c.state == "pending") & (deliveries.c.due_at <= bindparam("now", type_=Instant)) & _TOLD
# Of a flood no more is looked at than its two ends, and of these each channel's first come before any channel's second.
_ENDS = [select(deliveries.c.id, deliveries.c.channel_id, deliveries.c.due_at).where(_OWED) for _ in range(2)]
_FEW = union(
    select(_ENDS[0].order_by(deliveries.c.due_at, deliveries.c.id).limit(WINDOW).subquery()),
    select(_ENDS[1].order_by(deliveries.c.due_at.desc(), deliveries.c.id.desc()).limit(WINDOW).subquery()),
).subquery()
_RANK = func.row_number().over(partition_by=_FEW.c.channel_id, order_by=(_FEW.c.due_at, _FEW.c.id))
_NEXT = select(_FEW.c.id).order_by(_RANK, _FEW.c.due_at, _FEW.c.id).limit(bindparam("most"))
_THESE = select(*FIELDS).where(deliveries.c.id.in_(IDS), deliveries.c.state == "pending")
_THESE = _THESE.order_by(deliveries.c.due_at, deliveries.c.id)
_LOCKED = {"sqlite": _THESE, "postgresql": _THESE.with_for_update(skip_locked=True)}
_OWING = select(literal(1)).where(_OWED).limit(MOST_COUNTED).subquery()
_WAITING = [
    select(deliveries.c.due_at)
    .where(deliveries.c.state == state, deliveries.c.due_at <= bindparam("now", type_=Instant), _TOLD, _THEIRS)
    .order_by(deliveries.c.due_at)
    .limit(1)
    for state in ("pending", "sending")
]
_PACK = update(deliveries).where(deliveries.c.id.in_(IDS)).values(state="sending", message_id=bindparam("message"))
_OF_MESSAGE = deliveries.c.message_id == bindparam("message")
_SETTLE = update(deliveries).where(_OF_MESSAGE).values(state=bindparam("new_state"), sent_at=bindparam("sent"))
_FOUND_AT = select(articles.c.found_at, deliveries.c.revision, deliveries.c.created_at, deliveries.c.due_at)
_FOUND_AT = _FOUND_AT.join(deliveries, articles.c.id == deliveries.c.article_id).where(_OF_MESSAGE)
_HITS = select(matches.c.watch_id, matches.c.article_id, matches.c.revision, matches.c.hits).where(
    matches.c.article_id.in_(IDS), matches.c.watch_id.in_(bindparam("watch_ids", expanding=True))
)
_WATCHES = (
    select(matches.c.article_id, matches.c.watch_id, watches.c.name)
    .join(watches, watches.c.id == matches.c.watch_id)
    .where(matches.c.article_id.in_(IDS))
    .distinct()
    .order_by(matches.c.watch_id)
)


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
        tx.insert_new(matches, rows)


def matched_before(tx: Tx, story_id: StoryId, watch_ids: Sequence[WatchId]) -> set[WatchId]:
    """Those of the watches that some revision of the story matched already."""
    return set(tx.conn.execute(_MATCHED, {"story": story_id, "ids": list(watch_ids)}).scalars())


def alerted(tx: Tx, story_id: StoryId, watch_ids: Sequence[WatchId]) -> set[WatchId]:
    """Those of the watches that have a delivery for this story, to whatever channel."""
    return set(tx.conn.execute(_ALERTED, {"story": story_id, "ids": list(watch_ids)}).scalars())


@dataclass(frozen=True, slots=True)
class Owed:
    """What a match makes: a delivery to each of these channels that is active."""

    match: Match
    channel_ids: Sequence[ChannelId]
    kind: str
    due_at: dt.datetime


def put(tx: Tx, owed: Sequence[Owed]) -> int:
    """Inserts what is owed, each (watch, story, channel) once for ever; returns how many are new."""
    wanted = {channel_id for each in owed for channel_id in each.channel_ids}
    if not wanted:
        return 0
    live = set(tx.conn.execute(_ACTIVE, {"ids": sorted(wanted)}).scalars())
    rows = [_row(tx, each, channel_id) for each in owed for channel_id in each.channel_ids if channel_id in live]
    return tx.insert_new(deliveries, rows) if rows else 0


def _row(tx: Tx, owed: Owed, channel_id: ChannelId) -> dict[str, Any]:
    return {
        "watch_id": owed.match.watch_id,
        "story_id": owed.match.story_id,
        "channel_id": channel_id,
        "article_id": owed.match.article_id,
        "revision": owed.match.revision,
        "state": "pending",
        "kind": owed.kind,
        "due_at": owed.due_at,
        "created_at": tx.now,
    }


def claim_due(tx: Tx, *, limit: int) -> list[Delivery]:
    """Pending deliveries that are due, each channel in turn; locked until this transaction gives them to messages."""
    ids = list(tx.conn.execute(_NEXT, {"now": tx.now, "most": limit}).scalars())
    return [Delivery(**row._mapping) for row in tx.conn.execute(_LOCKED[tx.dialect], {"ids": ids})] if ids else []


def pack(tx: Tx, ids: Sequence[DeliveryId], message_id: MessageId) -> None:
    """These travel in that message."""
    tx.conn.execute(_PACK, {"ids": list(ids), "message": message_id})


def settle(tx: Tx, message_id: MessageId, state: str) -> None:
    """What became of the message became of its deliveries."""
    tx.conn.execute(_SETTLE, {"message": message_id, "new_state": state, "sent": tx.now if state == "sent" else None})


def end(tx: Tx, ids: Sequence[DeliveryId], state: str) -> None:
    """Without a message: ``cancelled``, for nobody wants it any more, or ``failed``, for none could be made of it."""
    if ids:
        tx.conn.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(state=state))


def cancel(tx: Tx, watch_id: WatchId) -> int:
    """Takes back what waits for a watch that is removed."""
    return _cancel(tx, deliveries.c.watch_id == watch_id)


def cancel_channel(tx: Tx, channel_id: ChannelId, watch_id: WatchId | None = None) -> int:
    """Takes back what waits for a channel that was unsubscribed, from one watch or (``None``) from all of them."""
    mine = deliveries.c.channel_id == channel_id
    return _cancel(tx, mine & (deliveries.c.watch_id == watch_id) if watch_id else mine)


def _cancel(tx: Tx, which: ColumnElement[bool]) -> int:
    waiting = which & (deliveries.c.state == literal_column("'pending'"))  # spelled out, or no index for them alone is used
    return tx.conn.execute(update(deliveries).where(waiting).values(state="cancelled")).rowcount


def found_at(tx: Tx, message_id: MessageId) -> list[dt.datetime]:
    """When the news behind a message's deliveries was found: their links, or the edits that made them.

    Later by as long as a digest or quiet hours held them on purpose, so that what is left until they are sent is delay.
    """
    rows = tx.conn.execute(_FOUND_AT, {"message": message_id})
    return [(row.found_at if row.revision == 1 else row.created_at) + (row.due_at - row.created_at) for row in rows]


def get(tx: Tx, delivery_id: int) -> Delivery | None:
    return next(iter(_rows(tx, select(*FIELDS).where(deliveries.c.id == delivery_id))), None)


def every(tx: Tx, *, state: str | None = None, limit: int = 50) -> list[Mapping[str, Any]]:
    """Newest first, with the names a person knows them by."""
    return named(tx, newest(tx, state=state, limit=limit))


def newest(tx: Tx, *, state: str | None = None, before: DeliveryId | None = None, limit: int) -> list[DeliveryId]:
    """The ids of those, or of the ones that follow ``before``."""
    query = select(deliveries.c.id).where(_THEIRS).order_by(deliveries.c.id.desc()).limit(limit)
    query = query.where(deliveries.c.state == state) if state else query
    query = query.where(deliveries.c.id < before) if before else query
    return list(tx.conn.execute(query).scalars())


def named(tx: Tx, ids: Sequence[DeliveryId]) -> list[Mapping[str, Any]]:
    """These, newest first, with watch, title, url and channel; not those whose article is gone."""
    join = deliveries.join(watches, watches.c.id == deliveries.c.watch_id)  # of these only: to join all takes seconds
    join = join.join(channels, channels.c.id == deliveries.c.channel_id).join(articles, articles.c.id == deliveries.c.article_id)
    names = (watches.c.name.label("watch"), channels.c.url.label("channel"), articles.c.title, articles.c.url)
    query = select(*FIELDS, deliveries.c.sent_at, *names).select_from(join).where(deliveries.c.id.in_(IDS))
    rows = tx.conn.execute(query.order_by(deliveries.c.id.desc()), {"ids": list(ids)})
    return [dict(row._mapping) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Which deliveries are meant: by state, and by when they were sent, to which channel and for which watch."""

    state: str
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    channel_id: ChannelId | None = None
    watch_id: WatchId | None = None
    only_on: bool = False  # channels that are not switched off


def message_ids(tx: Tx, told: Told, *, limit: int = 1_000_000) -> list[MessageId]:
    """The messages of such deliveries, in the order of these; not those to a channel that was taken off their watch."""
    off = select(watch_channels.c.watch_id).where(
        watch_channels.c.watch_id == deliveries.c.watch_id,
        watch_channels.c.channel_id == deliveries.c.channel_id,
        watch_channels.c.unsubscribed_at.is_not(None),
    )
    which = [_THEIRS, deliveries.c.state == told.state, deliveries.c.message_id.is_not(None), ~off.exists()]
    if told.only_on:
        which.append(_TOLD)
    if told.since:
        which.append(deliveries.c.sent_at >= told.since)
    if told.until:
        which.append(deliveries.c.sent_at < told.until)
    if told.channel_id:
        which.append(deliveries.c.channel_id == told.channel_id)
    if told.watch_id:
        which.append(deliveries.c.watch_id == told.watch_id)
    first = func.min(deliveries.c.id)
    query = select(deliveries.c.message_id).where(*which).group_by(deliveries.c.message_id).order_by(first).limit(limit)
    return list(tx.conn.execute(query).scalars())


def hits_of(tx: Tx, wanted: Sequence[Delivery]) -> dict[DeliveryId, list[Hit]]:
    """The hits of the match that made each delivery."""
    ids = sorted({each.article_id for each in wanted})
    rows = tx.conn.execute(_HITS, {"ids": ids, "watch_ids": sorted({each.watch_id for each in wanted})})
    found: dict[tuple[WatchId, ArticleId, int], list[Hit]] = {}
    for row in rows:
        found[row.watch_id, row.article_id, row.revision] = [Hit(**hit) for hit in row.hits]
    return {each.id: found.get((each.watch_id, each.article_id, each.revision), []) for each in wanted}


def watches_of(tx: Tx, article_ids: Sequence[str]) -> dict[ArticleId, dict[WatchId, str]]:
    """Which watches each article matched, with their names, for the index."""
    found: dict[ArticleId, dict[WatchId, str]] = {}
    for article_id, watch_id, name in tx.conn.execute(_WATCHES, {"ids": list(article_ids)}):
        found.setdefault(article_id, {})[watch_id] = name
    return found


def counts(tx: Tx) -> dict[str, int]:
    """By state. The heartbeat's are taken off: they are found by an index, and to leave them out every row would be read."""
    query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
    ours = Counter({row[0]: row[1] for row in tx.conn.execute(query.where(~_THEIRS))})
    return dict(Counter({row[0]: row[1] for row in tx.conn.execute(query)}) - ours)


def oldest_due_at(tx: Tx) -> dt.datetime | None:
    """When the oldest delivery that is due and not settled fell due."""
    found = [at for query in _WAITING if (at := tx.conn.execute(query, {"now": tx.now}).scalar())]
    return min(found, default=None)


def due(tx: Tx) -> int:
    """How many could be put into messages now, counted up to 100,000."""
    return tx.conn.execute(select(func.count()).select_from(_OWING), {"now": tx.now}).scalar_one()


def _rows(tx: Tx, query: Select[Any]) -> list[Delivery]:
    return [Delivery(**row._mapping) for row in tx.conn.execute(query)]
