"""The heartbeat's rows: its own source, watch and channel kept as they should be, old beats forgotten, the last one noted.

It owns that none of these pile up; where they must not be seen is said by whoever lists rows (`copytaster/heartbeat.py`).
"""

import datetime as dt
from typing import Any

from sqlalchemy import delete, select, update

from copytaster import heartbeat as own
from copytaster.news import Endpoint, Source
from copytaster.store import hosts, marks, sources, watches
from copytaster.store.channels import HEALTHY, new_secret
from copytaster.store.db import Tx
from copytaster.store.marks import Mark
from copytaster.store.schema import (
    articles,
    attempts,
    channels,
    deliveries,
    endpoints,
    links,
    matches,
    messages,
    pages,
    revisions,
    stories,
    texts,
    watch_channels,
)
from copytaster.store.schema import sources as source_rows
from copytaster.urls import host_of
from copytaster.watches import Watch


def keep(tx: Tx, base: str, every_seconds: int) -> None:
    """Makes what is missing, mends what fails: a heart that was out of reach beats again at once, whatever patience says."""
    watches.ensure_owner(tx, own.OWNER)
    _keep_channel(tx, base)
    _keep_watch(tx)
    _keep_source(tx, base, every_seconds)
    if marks.get(tx, own.MARK).at is None:  # the first one has as long as any other to come
        marks.put(tx, own.MARK, Mark(tx.now))
    forget(tx, tx.now - dt.timedelta(seconds=own.KEPT_SECONDS + own.MISSED * every_seconds))


def _keep_channel(tx: Tx, base: str) -> None:
    url = base + own.HOOK
    values: dict[str, Any] = {"id": own.CHANNEL, "owner_id": own.OWNER.id, "url": url, "secret": new_secret(), "state": "active"}
    tx.insert_new(channels, values | {"created_at": tx.now})
    right = {"url": url, "state": "active", "reason": None, **HEALTHY}
    tx.conn.execute(update(channels).where(channels.c.id == own.CHANNEL).values(**right))


def _keep_watch(tx: Tx) -> None:
    """Saved only where it differs: each saving has every reader learn anew."""
    there = watches.get(tx, own.WATCH)
    if there is None or (there.query, there.channel_ids) != (own.QUERY, (own.CHANNEL,)):
        watch = Watch(
            id=own.WATCH,
            owner_id=own.OWNER.id,
            name=own.OWNER.name,
            query=own.QUERY,
            level="exact",
            channel_ids=(own.CHANNEL,),
            created_at=tx.now,
        )
        watches.save(tx, watch)


def _keep_source(tx: Tx, base: str, every_seconds: int) -> None:
    url = base + own.FEED
    there = sources.get(tx, own.SOURCE)
    if there is None or (there.url, there.every_seconds) != (url, every_seconds):
        tx.conn.execute(delete(endpoints).where(endpoints.c.source_id == own.SOURCE))
        source = Source(
            id=own.SOURCE,
            url=url,
            name=own.OWNER.name,
            host=host_of(url),
            state=own.STATE,
            every_seconds=every_seconds,
            alert_since_seconds=float("inf"),
            added_at=tx.now,
        )
        endpoint = Endpoint(id=own.ENDPOINT, source_id=own.SOURCE, url=url, kind="feed", due_at=tx.now)
        sources.add(tx, source, [endpoint])
        return
    soon = tx.now + dt.timedelta(seconds=every_seconds)
    late = (endpoints.c.id == own.ENDPOINT) & (endpoints.c.due_at > soon)
    if tx.conn.execute(update(endpoints).where(late).values(due_at=soon, failures=0)).rowcount:
        hosts.touch(tx, {host_of(url): soon})


def end(tx: Tx) -> None:
    """It is switched off: nothing of it stays but the watch's removed row."""
    forget(tx, tx.now + dt.timedelta(seconds=1))
    watches.remove(tx, own.WATCH)
    tx.conn.execute(delete(endpoints).where(endpoints.c.source_id == own.SOURCE))
    tx.conn.execute(delete(source_rows).where(source_rows.c.id == own.SOURCE))
    tx.conn.execute(delete(watch_channels).where(watch_channels.c.watch_id == own.WATCH))
    tx.conn.execute(delete(channels).where(channels.c.id == own.CHANNEL))
    marks.clear(tx, [own.MARK])


def is_kept(tx: Tx) -> bool:
    return sources.get(tx, own.SOURCE) is not None


def secret(tx: Tx) -> str | None:
    """What its messages are signed with; None where there is no heartbeat."""
    return tx.conn.execute(select(channels.c.secret).where(channels.c.id == own.CHANNEL)).scalar()


def arrived(tx: Tx, instant: int) -> None:
    """The page of this instant came all the way; one that comes after a newer one tells nothing."""
    at, last = dt.datetime.fromtimestamp(instant, dt.UTC), marks.get(tx, own.MARK).at
    if at <= tx.now and (last is None or last < at):
        marks.put(tx, own.MARK, Mark(at))


def age_seconds(tx: Tx) -> float | None:
    """Since the instant of the newest page that came all the way; None where there is no heartbeat."""
    at = marks.get(tx, own.MARK).at
    return max((tx.now - at).total_seconds(), 0.0) if at else None


def forget(tx: Tx, before: dt.datetime) -> None:
    """Everything that heartbeats of that time left but the buckets of their signatures, which go with all others in four days."""
    _forget_messages(tx, before)
    mine = (articles.c.source_id == own.SOURCE) & (articles.c.first_seen_at < before)
    rows = tx.conn.execute(select(articles.c.id, articles.c.text_month).where(mine)).all()
    ids, held = [row.id for row in rows], sorted({row.text_month for row in rows})
    if ids:
        tx.conn.execute(delete(texts).where(texts.c.month.in_(held), texts.c.article_id.in_(ids)))
        tx.conn.execute(delete(revisions).where(revisions.c.article_id.in_(ids)))
        tx.conn.execute(delete(matches).where(matches.c.article_id.in_(ids)))
        tx.conn.execute(delete(articles).where(articles.c.id.in_(ids)))
        tx.conn.execute(delete(stories).where(stories.c.id.in_(ids)))
    old = (links.c.source_id == own.SOURCE) & (links.c.found_at < before)
    found = list(tx.conn.execute(select(links.c.id).where(old)).scalars())
    if found:
        tx.conn.execute(delete(pages).where(pages.c.link_id.in_(found)))
        tx.conn.execute(delete(links).where(links.c.id.in_(found)))


def _forget_messages(tx: Tx, before: dt.datetime) -> None:
    mine = (messages.c.channel_id == own.CHANNEL) & (messages.c.created_at < before)
    ids = list(tx.conn.execute(select(messages.c.id).where(mine)).scalars())
    if ids:
        tx.conn.execute(delete(attempts).where(attempts.c.message_id.in_(ids)))
        tx.conn.execute(delete(messages).where(messages.c.id.in_(ids)))
    tx.conn.execute(delete(deliveries).where(deliveries.c.watch_id == own.WATCH, deliveries.c.created_at < before))
