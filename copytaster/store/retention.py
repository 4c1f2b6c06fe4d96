"""What is forgotten by age, in bounded batches; what is kept of it is only that it was there: ``seen`` and delivery keys.

It owns the order in which rows go and what must outlive them; it must not know the configuration or the search index.
"""

import contextlib
import datetime as dt
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, Table, bindparam, delete, exists, or_, select
from sqlalchemy.sql.elements import ColumnElement

from copytaster.news import ArticleId
from copytaster.store import months
from copytaster.store.articles import month_of
from copytaster.store.db import Store, Tx
from copytaster.store.schema import (
    articles,
    attempts,
    channels,
    deliveries,
    links,
    matches,
    messages,
    pages,
    refusals,
    revisions,
    seen,
    signature_buckets,
    stories,
    texts,
)

BATCH = 500  # rows in one transaction: on SQLite nobody else writes meanwhile, so it lasts some hundredths of a second
BUCKETS_KEPT = dt.timedelta(days=4)  # copies are looked for within 72 hours of a story's first article
BUCKETS = 10_000  # rows of signature buckets at once: there are 24 to a story
FREE_PAGES = 2_000  # given back to the disk at once: 8 MB
_OWED = (
    select(deliveries.c.article_id)
    .join(channels, channels.c.id == deliveries.c.channel_id)
    .where(deliveries.c.state.in_(("pending", "sending")), channels.c.state == "active")
)
_SEEN = select(seen.c.link_id).where(seen.c.link_id == bindparam("id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """What is older goes; None: it stays for ever."""

    texts: dt.datetime | None = None
    matches: dt.datetime | None = None
    refusals: dt.datetime | None = None


def cutoffs(now: dt.datetime, *, text_days: int, match_days: int, refused_days: int) -> Cutoffs:
    """0 days mean for ever."""
    return Cutoffs(texts=_before(now, text_days), matches=_before(now, match_days), refusals=_before(now, refused_days))


def _before(now: dt.datetime, days: int) -> dt.datetime | None:
    return now - dt.timedelta(days=days) if days else None


def old_articles(tx: Tx, old: Cutoffs) -> list[ArticleId]:
    """One batch of those to forget, the oldest first: to be taken out of the index, then given to `forget_articles`.

    What is still owed to a channel that works is not among them; it waits until it is sent.
    """
    if old.texts is None:
        return []
    query = _old_articles(old.texts).order_by(articles.c.first_seen_at).limit(BATCH)
    return [row.id for row in tx.conn.execute(query)]


def forget_articles(tx: Tx, old: Cutoffs, ids: Sequence[ArticleId]) -> int:
    """Those of ``ids`` that are still to be forgotten go, with revisions and texts; that they were there is kept.

    Returns how many those were.
    """
    if old.texts is None:
        return 0
    held = select(articles.c.id).where(articles.c.id.in_(ids)).with_for_update(skip_locked=True)
    mine = tx.conn.execute(held).scalars().all()
    # Asked again behind the lock that every edit takes: one that landed meanwhile may be owed to somebody.
    rows = tx.conn.execute(_old_articles(old.texts).where(articles.c.id.in_(mine))).all()
    gone = [row.id for row in rows]
    if gone:
        tx.insert_new(seen, [{"link_id": row.id, "seen_at": row.first_seen_at} for row in rows])
        _texts_of(tx, gone, month_of(old.texts))
        tx.conn.execute(delete(revisions).where(revisions.c.article_id.in_(gone)))
        tx.conn.execute(delete(articles).where(articles.c.id.in_(gone)))
    return len(gone)


def _old_articles(before: dt.datetime) -> Select[tuple[str, dt.datetime]]:
    query = select(articles.c.id, articles.c.first_seen_at)
    return query.where(articles.c.first_seen_at < before, articles.c.id.not_in(_OWED))


def _texts_of(tx: Tx, ids: Sequence[ArticleId], since: int) -> None:
    """Those in months that are not old as a whole; the others go with their month, which is far cheaper."""
    mine = revisions.c.article_id.in_(ids) & (revisions.c.text_month >= since)
    held = tx.conn.execute(select(revisions.c.text_month).where(mine).distinct()).scalars().all()
    tx.conn.execute(delete(texts).where(texts.c.month.in_(held), texts.c.article_id.in_(ids)))


def forget_the_rest(store: Store, plan: Callable[[dt.datetime], Cutoffs], *, until: float) -> bool:
    """Everything but articles, a batch in each transaction, until then by the monotonic clock; True once nothing is left."""
    ended = True
    for step in _STEPS:
        done = False
        while not done and time.monotonic() < until:
            with store.write() as tx:
                done = step(tx, plan(tx.now))
        ended &= done
    _give_back(store)
    return ended


def was_forgotten(tx: Tx, article_id: str) -> bool:
    """Whether an article of this address was read, told and forgotten before: it is no news then, wherever it is found."""
    return tx.conn.execute(_SEEN, {"id": article_id}).first() is not None


def _give_back(store: Store) -> None:
    """Free pages of a SQLite file go back to the disk, a few at once; PostgreSQL does it by dropping months."""
    if store.dialect == "sqlite":
        raw = store.engine.raw_connection()
        try:
            # As a script, for that alone steps through to the end; when the file is busy it is done another time.
            with contextlib.suppress(sqlite3.OperationalError):
                raw.driver_connection.executescript(f"PRAGMA incremental_vacuum({FREE_PAGES})")  # type: ignore[union-attr]
        finally:
            raw.close()


# -- the steps: each takes one batch and says whether that was all -----------------------------------------------------


def _text_months(tx: Tx, old: Cutoffs) -> bool:
    """Once no article that was first seen in or before them is left."""
    return _whole_months(tx, texts, old.texts, needed=_any_article)


def _match_months(tx: Tx, old: Cutoffs) -> bool:
    return _whole_months(tx, matches, old.matches, needed=_any_owed)


def _whole_months(tx: Tx, table: Table, before: dt.datetime | None, *, needed: Callable[[Tx, dt.datetime], bool]) -> bool:
    """Oldest first, up to one that is too new or that something of before its end still needs."""
    if before is None:
        return True
    for month in months.held(tx, table):
        if month >= month_of(before) or needed(tx, months.end_of(month)):
            break
        if not months.forget(tx, table, month, limit=BATCH):
            return False
    return True


def _any_article(tx: Tx, before: dt.datetime) -> bool:
    return tx.conn.execute(select(articles.c.id).where(articles.c.first_seen_at < before).limit(1)).first() is not None


def _any_owed(tx: Tx, before: dt.datetime) -> bool:
    """Whether a message may still have to show where a match of before then was found."""
    return tx.conn.execute(_OWED.where(deliveries.c.created_at < before).limit(1)).first() is not None


def _links(tx: Tx, old: Cutoffs) -> bool:
    """Links with nothing left to do and no article; their ids stay, so that a feed that lists them again lists nothing new."""
    if old.texts is None:
        return True
    # A re-read that is a day late belongs to a source that nobody reads; one that is under way is never that late.
    unread = (links.c.state == "read") & (links.c.due_at < tx.now - dt.timedelta(days=1))
    idle = (links.c.found_at < old.texts) & or_(links.c.due_at.is_(None), unread)
    idle &= ~exists().where(pages.c.link_id == links.c.id)
    idle &= or_(links.c.article_id.is_(None), ~exists().where(articles.c.id == links.c.article_id))
    query = select(links.c.id, links.c.found_at).where(idle).order_by(links.c.found_at).limit(BATCH)
    rows = tx.conn.execute(query.with_for_update(skip_locked=True)).all()
    if rows:
        tx.insert_new(seen, [{"link_id": row.id, "seen_at": row.found_at} for row in rows])
        tx.conn.execute(delete(links).where(links.c.id.in_([row.id for row in rows])))
    return len(rows) < BATCH


def _stories(tx: Tx, old: Cutoffs) -> bool:
    """None whose copies are still looked for: they would begin another story, and alert again."""
    if old.texts is None:
        return True
    empty = (stories.c.started_at < min(old.texts, tx.now - BUCKETS_KEPT)) & ~exists().where(articles.c.story_id == stories.c.id)
    return _take(tx, stories.c.id, empty, stories.c.started_at)


def _buckets(tx: Tx, old: Cutoffs) -> bool:
    """Whatever is configured: nobody looks into them any more."""
    del old
    stale = signature_buckets.c.started_at < tx.now - BUCKETS_KEPT
    ids = select(signature_buckets.c.story_id).where(stale).order_by(signature_buckets.c.started_at).limit(BUCKETS)
    return tx.conn.execute(delete(signature_buckets).where(stale, signature_buckets.c.story_id.in_(ids))).rowcount == 0


def _messages(tx: Tx, old: Cutoffs) -> bool:
    """Messages that were sent or given up, with their attempts; the deliveries' keys stay."""
    if old.matches is None:
        return True
    settled = messages.c.state.in_(("sent", "failed")) & (messages.c.created_at < old.matches)
    query = select(messages.c.id).where(settled).order_by(messages.c.created_at).limit(BATCH)
    ids = tx.conn.execute(query.with_for_update(skip_locked=True)).scalars().all()  # or one that is just retried would go
    if ids:
        tx.conn.execute(delete(attempts).where(attempts.c.message_id.in_(ids)))
        tx.conn.execute(delete(messages).where(messages.c.id.in_(ids)))
    return len(ids) < BATCH


def _refusals(tx: Tx, old: Cutoffs) -> bool:
    if old.refusals is None:
        return True
    return _take(tx, refusals.c.id, refusals.c.refused_at < old.refusals, refusals.c.refused_at)


def _take(tx: Tx, key: ColumnElement[object], which: ColumnElement[bool], oldest: ColumnElement[object]) -> bool:
    ids = tx.conn.execute(select(key).where(which).order_by(oldest).limit(BATCH)).scalars().all()
    if ids:
        tx.conn.execute(delete(key.table).where(key.in_(ids), which))  # unless it changed since we looked
    return len(ids) < BATCH


def _ahead(tx: Tx, old: Cutoffs) -> bool:
    del old
    months.make_ahead(tx)
    return True


_STEPS: tuple[Callable[[Tx, Cutoffs], bool], ...] = (
    _ahead,
    _links,
    _stories,
    _text_months,
    _match_months,
    _messages,
    _refusals,
    _buckets,
)
