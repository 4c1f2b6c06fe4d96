"""Owners, channels, watches and the watch epoch as rows. Saving a watch excludes every ingest; it matches nothing."""

import datetime as dt
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, case, func, literal, select, tuple_, update

from copytaster import heartbeat
from copytaster.store.channels import HEALTHY, new_secret
from copytaster.store.db import Record, Tx
from copytaster.store.schema import channels, owners, watch_channels, watch_epoch, watches
from copytaster.store.types import Instant
from copytaster.watches import Channel, ChannelId, Owner, OwnerId, Quiet, Watch, WatchId

PAGE = 500
LOCAL = Owner(id=OwnerId("local"), name="local")
OPERATOR = Owner(id=OwnerId("operator"), name="operator")  # who is told when the system itself, or a source, is ill
CHANNEL_FIELDS = [channels.c[name] for name in Channel.__dataclass_fields__]


_CHANNELS = select(*CHANNEL_FIELDS).where(channels.c.id.in_(bindparam("ids", expanding=True)))
_THEIRS: ColumnElement[bool] = watches.c.owner_id != heartbeat.OWNER.id  # what people see: the heartbeat's is none of them
_EPOCH = select(watch_epoch.c.epoch)
# Advisory, for they queue fairly: with FOR SHARE newcomers overtake a waiting writer, and saving a watch under load took 10 s.
_EPOCH_LOCK = 7_020_417_413
_HOLD_EPOCH = select(func.pg_advisory_xact_lock_shared(_EPOCH_LOCK))
_MOVE_EPOCH = select(func.pg_advisory_xact_lock(_EPOCH_LOCK))


def epoch(tx: Tx, *, hold: bool = False) -> int:
    """The watch epoch; with ``hold`` it can't move until this transaction ends (on SQLite the write lock does that)."""
    if hold and tx.dialect == "postgresql":
        tx.conn.execute(_HOLD_EPOCH)
    return tx.conn.execute(_EPOCH).scalar_one() or 0


def advance(tx: Tx) -> int:
    """Moves the epoch on, alone: waits for every ingest that holds it."""
    if tx.dialect == "postgresql":
        tx.conn.execute(_MOVE_EPOCH)
    query = update(watch_epoch).values(epoch=watch_epoch.c.epoch + 1).returning(watch_epoch.c.epoch)
    return tx.conn.execute(query).scalar_one() or 0


def ensure_owner(tx: Tx, owner: Owner = LOCAL) -> None:
    values = {"id": owner.id, "name": owner.name, "created_at": tx.now}
    tx.conn.execute(tx.insert(owners).values(values).on_conflict_do_nothing())


def ensure_channel(tx: Tx, url: str, owner_id: OwnerId = LOCAL.id) -> Channel:
    """The owner's channel with this URL, made with a secret of its own at first sight, active again if it was disabled."""
    channel_id = _channel_id(url, owner_id)
    values: dict[str, Any] = {"id": channel_id, "owner_id": owner_id, "url": url, "secret": new_secret(), "state": "active"}
    values["created_at"] = tx.now
    on = channels.c.state == "active"  # one that is only said again keeps what is known of it
    again: dict[str, Any] = {name: case((on, channels.c[name]), else_=value) for name, value in HEALTHY.items()}
    since = case((on, channels.c.active_since), else_=literal(tx.now, Instant))
    again |= {"state": "active", "reason": None, "active_since": since}
    tx.conn.execute(tx.insert(channels).values(values).on_conflict_do_update(index_elements=["id"], set_=again))
    return by_ids(tx, [channel_id])[channel_id]


def operator_channels(tx: Tx, urls: Iterable[str]) -> list[Channel]:
    """The operator's addresses that are told, made at first sight; one that was switched off stays so until somebody asks."""
    ids = {url: _channel_id(url, OPERATOR.id) for url in urls}
    there = by_ids(tx, ids.values())
    if len(there) < len(ids):
        ensure_owner(tx, OPERATOR)
    mine = (there.get(channel_id) or ensure_channel(tx, url, OPERATOR.id) for url, channel_id in ids.items())
    return [each for each in mine if each.state == "active"]


def _channel_id(url: str, owner_id: OwnerId) -> ChannelId:
    return ChannelId(sha256(f"{owner_id}\n{url}".encode()).hexdigest()[:20])


def by_ids(tx: Tx, ids: Iterable[str]) -> dict[ChannelId, Channel]:
    rows = tx.conn.execute(_CHANNELS, {"ids": list(ids)})
    return {row.id: Channel(**row._mapping) for row in rows}


def told_since(tx: Tx, ids: Iterable[str]) -> dict[ChannelId, dt.datetime | None]:
    """Those of the channels that are told, with since when where they were switched off before."""
    wanted = list(ids)
    found: dict[ChannelId, dt.datetime | None] = {}
    for start in range(0, len(wanted), PAGE):  # a statement takes 32,766 values on SQLite and 65,535 on PostgreSQL
        part = channels.c.id.in_(wanted[start : start + PAGE])
        query = select(channels.c.id, channels.c.active_since).where(part, channels.c.state == "active")
        found |= {row.id: row.active_since for row in tx.conn.execute(query)}
    return found


def owner_channels(tx: Tx, owner_id: OwnerId) -> list[Channel]:
    rows = tx.conn.execute(select(*CHANNEL_FIELDS).where(channels.c.owner_id == owner_id).order_by(channels.c.created_at))
    return [Channel(**row._mapping) for row in rows]


def first_channels(tx: Tx) -> list[Channel]:
    """The oldest channel of each owner that works."""
    older = channels.alias("older")
    before = (
        (older.c.owner_id == channels.c.owner_id) & (older.c.state == "active") & (older.c.created_at < channels.c.created_at)
    )
    first = ~select(older.c.id).where(before).exists()
    theirs = channels.c.owner_id != heartbeat.OWNER.id
    rows = tx.conn.execute(select(*CHANNEL_FIELDS).where(channels.c.state == "active", theirs, first))
    return list({row.owner_id: Channel(**row._mapping) for row in rows}.values())


def disable(tx: Tx, channel_id: ChannelId, reason: str) -> bool:
    """No more is sent there; True if it was active until now."""
    values = {"state": "disabled", "reason": reason}
    mine = (channels.c.id == channel_id) & (channels.c.state == "active")
    return tx.conn.execute(update(channels).where(mine).values(**values)).rowcount == 1


def unsubscribe(tx: Tx, channel_id: ChannelId, watch_id: WatchId) -> bool:
    """Takes one channel off one watch; the row stays, so that adding it again sends nothing twice."""
    now_epoch = advance(tx)  # first, as in `save`: locks are taken in one order
    mine = (watch_channels.c.channel_id == channel_id) & (watch_channels.c.watch_id == watch_id)
    moved = tx.conn.execute(update(watch_channels).where(mine).values(unsubscribed_at=tx.now)).rowcount == 1
    if moved:
        tx.conn.execute(update(watches).where(watches.c.id == watch_id).values(epoch=now_epoch))
    return moved


def save(tx: Tx, watch: Watch) -> Watch:
    """Inserts or replaces a watch under a new epoch; every article read from now on is matched with it.

    Its channels are added to those it has; `unsubscribe` takes one away.
    """
    now_epoch = advance(tx)
    values = {
        "id": watch.id,
        "owner_id": watch.owner_id,
        "name": watch.name,
        "query": watch.query,
        "level": watch.level,
        "aliases": list(watch.aliases),
        "vetoes": list(watch.vetoes),
        "digest": watch.digest,
        "quiet_start": watch.quiet.start.isoformat("minutes") if watch.quiet else None,
        "quiet_end": watch.quiet.end.isoformat("minutes") if watch.quiet else None,
        "zone": watch.quiet.zone if watch.quiet else watch.zone,
        "muted_until": watch.muted_until,
        "created_at": watch.created_at,
        "removed_at": None,
        "epoch": now_epoch,
    }
    changed = {name: value for name, value in values.items() if name not in {"id", "created_at"}}
    tx.conn.execute(tx.insert(watches).values(values).on_conflict_do_update(index_elements=["id"], set_=changed))
    for channel_id in watch.channel_ids:
        row = {"watch_id": watch.id, "channel_id": channel_id, "added_at": tx.now}
        again = {"unsubscribed_at": None}
        keys = ["watch_id", "channel_id"]
        tx.conn.execute(tx.insert(watch_channels).values(row).on_conflict_do_update(index_elements=keys, set_=again))
    return get(tx, watch.id) or watch


def remove(tx: Tx, watch_id: WatchId) -> bool:
    values = {"removed_at": tx.now, "epoch": advance(tx)}
    mine = (watches.c.id == watch_id) & watches.c.removed_at.is_(None)
    return tx.conn.execute(update(watches).where(mine).values(**values)).rowcount == 1


def mute(tx: Tx, watch_id: WatchId, until: dt.datetime | None) -> None:
    values = {"muted_until": until, "epoch": advance(tx)}
    tx.conn.execute(update(watches).where(watches.c.id == watch_id).values(**values))


def get(tx: Tx, watch_id: str) -> Watch | None:
    return next(iter(_load(tx, watches.c.id == watch_id)), None)


def find(tx: Tx, name: str) -> Watch | None:
    """By id or name, whichever a person typed."""
    return next(iter(_load(tx, _THEIRS & ((watches.c.id == name) | (watches.c.name == name)))), None)


def every(tx: Tx) -> list[Watch]:
    return _load(tx, _THEIRS)


def page(tx: Tx, *, after: Watch | None = None, limit: int = PAGE) -> list[Watch]:
    """By the time they were added, those after the last one of the page before."""
    which = _THEIRS & watches.c.removed_at.is_(None)
    if after:
        which &= tuple_(watches.c.created_at, watches.c.id) > tuple_(literal(after.created_at, Instant), literal(after.id))
    newest = select(watches.c.id).where(which).order_by(watches.c.created_at, watches.c.id).limit(limit)
    return list(many(tx, list(tx.conn.execute(newest).scalars())).values())


def total(tx: Tx) -> int:
    return tx.conn.execute(select(func.count()).where(_THEIRS, watches.c.removed_at.is_(None))).scalar_one()


def many(tx: Tx, ids: Sequence[str]) -> dict[WatchId, Watch]:
    """Those of the watches that were not removed."""
    wanted = {"ids": list(ids)}
    return {watch.id: watch for watch in _assemble(tx.conn.execute(_MANY, wanted), tx.conn.execute(_MANY_CHANNELS, wanted))}


def changed_since(tx: Tx, since: int) -> tuple[list[Watch], list[WatchId]]:
    """Watches saved after an epoch, and ids of those removed after it."""
    removed = select(watches.c.id).where(watches.c.epoch > since, watches.c.removed_at.is_not(None))
    return _load(tx, watches.c.epoch > since), list(tx.conn.execute(removed).scalars())


def _load(tx: Tx, which: ColumnElement[bool]) -> list[Watch]:
    return _assemble(tx.conn.execute(_rows(which)), tx.conn.execute(_channels(which)))


def _rows(which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return select(watches).where(which, watches.c.removed_at.is_(None)).order_by(watches.c.created_at, watches.c.id)


def _channels(which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """(watch id, channel id) of the watches that ``which`` selects."""
    query = select(watch_channels.c.watch_id, watch_channels.c.channel_id)
    query = query.join(watches, watches.c.id == watch_channels.c.watch_id)
    return query.where(which, watch_channels.c.unsubscribed_at.is_(None)).order_by(watch_channels.c.added_at)


_IDS: BindParameter[list[str]] = bindparam("ids", expanding=True)
_MANY = _rows(watches.c.id.in_(_IDS))
_MANY_CHANNELS = (
    select(watch_channels.c.watch_id, watch_channels.c.channel_id)
    .where(watch_channels.c.watch_id.in_(_IDS), watch_channels.c.unsubscribed_at.is_(None))
    .order_by(watch_channels.c.added_at)
)


def _assemble(rows: Iterable[Record], pairs: Iterable[Record]) -> list[Watch]:
    owned: dict[str, list[ChannelId]] = {}
    for watch_id, channel_id in pairs:
        owned.setdefault(watch_id, []).append(channel_id)
    return [_watch(row, owned.get(row.id, [])) for row in rows]


def _watch(row: Record, channel_ids: Sequence[ChannelId]) -> Watch:
    quiet = None
    if row.quiet_start:
        quiet = Quiet(start=dt.time.fromisoformat(row.quiet_start), end=dt.time.fromisoformat(row.quiet_end), zone=row.zone)
    plain = ("id", "owner_id", "name", "query", "level", "digest", "zone", "muted_until", "created_at", "epoch")
    values = {name: row._mapping[name] for name in plain}
    return Watch(**values, aliases=tuple(row.aliases), vetoes=tuple(row.vetoes), quiet=quiet, channel_ids=tuple(channel_ids))
