"""What an audit needs of the rows, a page at a time, and what it found. It judges nothing and reads no text."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import BindParameter, and_, bindparam, delete, func, or_, select, update

from copytaster import heartbeat
from copytaster.news import ArticleId, StoryId
from copytaster.store import marks
from copytaster.store.db import Record, Tx
from copytaster.store.schema import articles, audit_findings, deliveries, matches, revisions, seen, watches
from copytaster.store.types import Instant
from copytaster.watches import WatchId

Kind = Literal["match", "delivery", "unread", "unindexed", "unfound", "stray"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MISSED: tuple[Kind, ...] = ("match", "delivery")
FROM = "audit.from"
_IDS: BindParameter[list[str]] = bindparam("ids", expanding=True)
_AFTER = or_(
    articles.c.first_seen_at > bindparam("at", type_=Instant),
    and_(articles.c.first_seen_at == bindparam("at", type_=Instant), articles.c.id > bindparam("last")),
)
_NEWS = articles.c.source_id != heartbeat.SOURCE
_LANDED = select(
    articles.c.id, articles.c.story_id, articles.c.revision, articles.c.baseline, articles.c.watch_epoch,
    articles.c.first_seen_at, articles.c.document_version, articles.c.indexed_version, articles.c.index_due_at,
    revisions.c.read_at.label("landed_at"),
).join(revisions, and_(revisions.c.article_id == articles.c.id, revisions.c.number == articles.c.revision))  # fmt: skip
_PAGE = (
    _LANDED.where(_AFTER, _NEWS, articles.c.first_seen_at < bindparam("until", type_=Instant))
    .order_by(articles.c.first_seen_at, articles.c.id)
    .limit(bindparam("most"))
)
_THESE = _LANDED.where(articles.c.id.in_(_IDS))
_KNOWN = select(articles.c.id).where(articles.c.id.in_(_IDS))
_SEEN = select(seen.c.link_id).where(seen.c.link_id.in_(_IDS))
_MATCHES = select(
    matches.c.watch_id, matches.c.article_id, matches.c.revision, matches.c.story_id, matches.c.matched_at, matches.c.watch_epoch
).where(matches.c.story_id.in_(_IDS))
_TOLD = select(deliveries.c.watch_id, deliveries.c.story_id).where(deliveries.c.story_id.in_(_IDS)).distinct()
_OF_WATCH = (
    _LANDED.join(matches, and_(matches.c.article_id == articles.c.id, matches.c.revision == articles.c.revision))
    .where(matches.c.watch_id == bindparam("watch"), matches.c.watch_epoch >= bindparam("epoch"))
    .where(articles.c.first_seen_at >= bindparam("since", type_=Instant))
    .where(articles.c.first_seen_at < bindparam("until", type_=Instant))
)


@dataclass(frozen=True, slots=True)
class Landed:
    """An article in its newest revision, as it was landed; ``again``: it was told, forgotten and found again."""

    id: ArticleId
    story_id: StoryId
    revision: int
    baseline: bool
    watch_epoch: int
    first_seen_at: dt.datetime
    landed_at: dt.datetime
    document_version: int
    indexed_version: int
    waits: bool  # for the index
    again: bool


@dataclass(frozen=True, slots=True)
class Matched:
    """A stored match; ``watch_epoch`` is that of the watches it was made with."""

    watch_id: WatchId
    article_id: ArticleId
    revision: int
    story_id: StoryId
    matched_at: dt.datetime
    watch_epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``told``: how many deliveries it made. ``watch_id`` is empty where it is about the article alone."""

    kind: Kind
    article_id: ArticleId
    revision: int
    why: str
    watch_id: str = ""
    told: int = 0


def landed(tx: Tx, *, since: dt.datetime, after: tuple[dt.datetime, str] | None, until: dt.datetime, limit: int) -> list[Landed]:
    """Articles in the order in which they were first seen, those that follow ``after``."""
    at, last = after or (since, "")
    return _with_seen(tx, list(tx.conn.execute(_PAGE, {"at": at, "last": last, "until": until, "most": limit})))


def these(tx: Tx, ids: Collection[ArticleId]) -> list[Landed]:
    return _with_seen(tx, list(tx.conn.execute(_THESE, {"ids": list(ids)}))) if ids else []


def of_watch(tx: Tx, watch_id: WatchId, epoch: int, *, since: dt.datetime, until: dt.datetime) -> list[Landed]:
    """Articles whose newest revision matched the watch as it is since that epoch."""
    rows = tx.conn.execute(_OF_WATCH, {"watch": watch_id, "epoch": epoch, "since": since, "until": until})
    return [_landed(row, again=False) for row in rows]


def _with_seen(tx: Tx, rows: Sequence[Record]) -> list[Landed]:
    again = set(tx.conn.execute(_SEEN, {"ids": [row.id for row in rows]}).scalars()) if rows else set()
    return [_landed(row, again=row.id in again) for row in rows]


def _landed(row: Record, *, again: bool) -> Landed:
    plain = ("id", "story_id", "revision", "baseline", "watch_epoch", "first_seen_at", "landed_at")
    values = {name: row._mapping[name] for name in (*plain, "document_version", "indexed_version")}
    return Landed(**values, waits=row.index_due_at is not None, again=again)


def matches_of(tx: Tx, story_ids: Collection[StoryId]) -> list[Matched]:
    return [Matched(**row._mapping) for row in tx.conn.execute(_MATCHES, {"ids": list(story_ids)})]


def told_of(tx: Tx, story_ids: Collection[StoryId]) -> set[tuple[WatchId, StoryId]]:
    """Which watches have a delivery for which of these stories, to whatever channel and whatever became of it."""
    return {(row.watch_id, row.story_id) for row in tx.conn.execute(_TOLD, {"ids": list(story_ids)})}


def known(tx: Tx, ids: Collection[ArticleId]) -> set[ArticleId]:
    return set(tx.conn.execute(_KNOWN, {"ids": list(ids)}).scalars())


def judged_from(tx: Tx) -> dt.datetime | None:
    """Since when rows tell all that is needed to say what was owed: those of earlier releases do not tell a backfill from news,
    nor since when a channel is on. None: from the first one on.
    """
    return marks.get(tx, FROM).at


def total(tx: Tx, *, since: dt.datetime, until: dt.datetime) -> int:
    window = (articles.c.first_seen_at >= since) & (articles.c.first_seen_at < until)
    return tx.conn.execute(select(func.count()).select_from(articles).where(window, _NEWS)).scalar_one()


def change_document(tx: Tx, article_id: ArticleId) -> None:
    """What the index has of it is not the newest any more."""
    values = {"document_version": articles.c.document_version + 1, "index_due_at": tx.now}
    tx.conn.execute(update(articles).where(articles.c.id == article_id).values(**values))


# -- what was found ----------------------------------------------------------------------------------------------------


def note(tx: Tx, found: Sequence[Finding]) -> None:
    """Each once; what is found again is as of now."""
    for each in found:
        values = {name: getattr(each, name) for name in ("kind", "watch_id", "article_id", "revision", "why", "told")}
        row = tx.insert(audit_findings).values(**values, found_at=tx.now)
        again = {"found_at": tx.now, "why": each.why, "told": audit_findings.c.told + each.told}
        keys = ["kind", "watch_id", "article_id", "revision"]
        tx.conn.execute(row.on_conflict_do_update(index_elements=keys, set_=again))


def forget_mended(tx: Tx, before: dt.datetime) -> None:
    """What was not as it should be and was not found so since then. Misses stay: they happened."""
    mended = audit_findings.c.kind.not_in(MISSED) & (audit_findings.c.found_at < before)
    tx.conn.execute(delete(audit_findings).where(mended))


def counts(tx: Tx) -> dict[str, int]:
    query = select(audit_findings.c.kind, func.count()).group_by(audit_findings.c.kind)
    return dict.fromkeys(map(str, KINDS), 0) | {row[0]: row[1] for row in tx.conn.execute(query)}


def articles_with(tx: Tx, kind: Kind) -> list[ArticleId]:
    """Those of which something like that was found."""
    query = select(audit_findings.c.article_id).where(audit_findings.c.kind == kind, audit_findings.c.article_id != "")
    return list(tx.conn.execute(query.distinct()).scalars())


def names_of(tx: Tx, found: Sequence[Finding]) -> dict[str, str]:
    """Names of watches and addresses of articles, by id, for people."""
    names = select(watches.c.id, watches.c.name).where(watches.c.id.in_({each.watch_id for each in found}))
    urls = select(articles.c.id, articles.c.url).where(articles.c.id.in_({each.article_id for each in found}))
    return {row[0]: row[1] for query in (names, urls) for row in tx.conn.execute(query)}
