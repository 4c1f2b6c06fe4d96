"""Articles, their revisions and texts as rows, and which of them the index still lacks. It reads no page."""

import datetime as dt
import zlib
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, case, func, insert, literal, null, select, update

from copytaster import heartbeat
from copytaster.news import Article, ArticleId, Extracted, Printed, SourceId, StoryId
from copytaster.store.db import Record, Tx
from copytaster.store.schema import articles, revisions, sources, texts
from copytaster.store.tombstones import is_buried
from copytaster.store.types import Instant

BATCH_BYTES = 1_000_000  # of compressed texts in one batch for the index: about 3 MB of text and 30 MB of a worker's memory
_INSERT = insert(articles)
_BARE = select(articles).where(articles.c.id == bindparam("article"))
_ROW = {"sqlite": _BARE, "postgresql": _BARE.with_for_update()}

_NEWEST_TEXT = (texts.c.month == articles.c.text_month) & (texts.c.article_id == articles.c.id)
_NEWEST_TEXT &= texts.c.revision == articles.c.revision
_WHOLE = select(articles, sources.c.name.label("source_name"), texts.c.body).select_from(
    articles.join(sources, sources.c.id == articles.c.source_id).outerjoin(texts, _NEWEST_TEXT)
)
_NEWS = articles.c.source_id != heartbeat.SOURCE
_MANY = _WHOLE.where(articles.c.id.in_(bindparam("ids", expanding=True)))
_REVISION = (
    select(revisions.c.title, texts.c.body)
    .join(texts, (texts.c.article_id == revisions.c.article_id) & (texts.c.month == revisions.c.text_month))
    .where(revisions.c.article_id == bindparam("article"), revisions.c.number == bindparam("number"))
    .where(texts.c.revision == revisions.c.number)
)
_LOCK = select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger)))
_COPIES = (
    select(articles.c.id, articles.c.url, articles.c.title, sources.c.name.label("source_name"))
    .join(sources, sources.c.id == articles.c.source_id)
    .where(articles.c.story_id == bindparam("story"), ~is_buried(articles.c.id))
    .order_by(articles.c.first_seen_at, articles.c.id)
    .limit(50)
)


def month_of(moment: dt.datetime) -> int:
    """The partition of an instant: year * 100 + month."""
    return moment.year * 100 + moment.month


def put(
    tx: Tx,
    article_id: ArticleId,
    extracted: Extracted,
    *,
    url: str,
    source_id: SourceId,
    story_id: StoryId,
    found_at: dt.datetime,
    epoch: int,
    baseline: bool,
    late: bool,
    indexed: bool = True,
) -> None:
    """A new article with its first revision and text, due to be ``indexed`` or never."""
    values = {
        "id": article_id,
        "url": url,
        "source_id": source_id,
        "story_id": story_id,
        "revision": 1,
        "text_month": month_of(tx.now),
        "found_at": found_at,
        "first_seen_at": tx.now,
        "read_at": tx.now,
        "baseline": baseline,
        "late": late,
        "watch_epoch": epoch,
        "document_version": 1,
        "indexed_version": 0,
        "index_due_at": tx.now if indexed else None,
        **_columns(extracted),
    }
    tx.conn.execute(_INSERT, values)
    _put_text(tx, article_id, 1, extracted)


def revise(tx: Tx, article_id: ArticleId, number: int, extracted: Extracted, *, epoch: int) -> None:
    """A new revision of a known article; its document version rises, so that the index takes it."""
    values = {
        "revision": number,
        "text_month": month_of(tx.now),
        "read_at": tx.now,
        "watch_epoch": epoch,
        "document_version": articles.c.document_version + 1,
        "index_due_at": tx.now,
        **_columns(extracted),
    }
    tx.conn.execute(update(articles).where(articles.c.id == article_id).values(**values))
    _put_text(tx, article_id, number, extracted)


def read_again(tx: Tx, article_id: ArticleId) -> None:
    """Read again and found unchanged."""
    tx.conn.execute(update(articles).where(articles.c.id == article_id).values(read_at=tx.now))


def _columns(extracted: Extracted) -> dict[str, Any]:
    return {
        "canonical_url": extracted.canonical_url,
        "title": extracted.title,
        "authors": list(extracted.authors),
        **_printed("published", extracted.published),
        **_printed("modified", extracted.modified),
        "language": extracted.language,
        "site_name": extracted.site_name,
        "topics": list(extracted.topics),
        "image": extracted.image,
        "extractor": extracted.extractor,
    }


def _printed(name: str, moment: Printed | None) -> dict[str, Any]:
    if moment is None:
        return {f"{name}_at": None, f"{name}_offset": None, f"{name}_precision": None}
    return {f"{name}_at": moment.at, f"{name}_offset": moment.offset_minutes, f"{name}_precision": moment.precision}


def _put_text(tx: Tx, article_id: ArticleId, number: int, extracted: Extracted) -> None:
    month = month_of(tx.now)
    revision = {"article_id": article_id, "number": number, "text_month": month, "read_at": tx.now}
    tx.insert_new(revisions, {**revision, "title": extracted.title, "extractor": extracted.extractor})
    body = zlib.compress(extracted.text.encode("utf-8", "replace"), 6)
    tx.insert_new(texts, {"month": month, "article_id": article_id, "revision": number, "body": body})


def _article(row: Record) -> Article:
    plain = ("title", "language", "site_name", "image", "canonical_url", "extractor")
    values = {name: row._mapping[name] for name in plain}
    extracted = Extracted(
        **values,
        text=zlib.decompress(row.body).decode() if row.body else "",
        authors=tuple(row.authors),
        topics=tuple(row.topics),
        published=_moment(row, "published"),
        modified=_moment(row, "modified"),
    )
    names = ("id", "url", "source_id", "source_name", "story_id", "revision", "document_version", "first_seen_at", "read_at")
    return Article(**{name: row._mapping[name] for name in names}, extracted=extracted)


def _moment(row: Record, name: str) -> Printed | None:
    at = row._mapping[f"{name}_at"]
    return Printed(at, row._mapping[f"{name}_offset"], row._mapping[f"{name}_precision"]) if at else None


def get(tx: Tx, article_id: str) -> Article | None:
    return next(iter(many(tx, [article_id]).values()), None)


def many(tx: Tx, ids: Sequence[str]) -> dict[ArticleId, Article]:
    rows = tx.conn.execute(_MANY, {"ids": list(ids)})
    return {row.id: _article(row) for row in rows}


def texts_of(tx: Tx, wanted: Collection[tuple[ArticleId, int]]) -> dict[tuple[ArticleId, int], tuple[str, str]]:
    """Title and text of given revisions, by (article id, number)."""
    found = {}
    for article_id, number in wanted:
        row = tx.conn.execute(_REVISION, {"article": article_id, "number": number}).first()
        if row:
            found[article_id, number] = row.title, zlib.decompress(row.body).decode()
    return found


def lock(tx: Tx, ids: Collection[str]) -> None:
    """Nobody else lands these until this transaction ends, though they may not be rows yet (SQLite's write lock does that)."""
    if tx.dialect == "postgresql":
        for key in sorted({int(each[:15], 16) for each in ids}):
            tx.conn.execute(_LOCK, {"key": key})


def row(tx: Tx, article_id: str) -> Record | None:
    """The bare row, flags and versions included, locked against other writers where the dialect can."""
    return tx.conn.execute(_ROW[tx.dialect], {"article": article_id}).first()


def of_story(tx: Tx, story_id: StoryId) -> list[Record]:
    """Every copy that is not taken down: rows of id, url, title and source_name, first seen first."""
    return list(tx.conn.execute(_COPIES, {"story": story_id}))


def newest(
    tx: Tx, *, since: dt.datetime | None = None, before: tuple[dt.datetime, str] | None = None, limit: int
) -> list[Article]:
    """Newest first, a page at a time: ``before`` is (first_seen_at, id) of the last one of the page before."""
    query = _WHOLE.where(_NEWS).order_by(articles.c.first_seen_at.desc(), articles.c.id.desc()).limit(limit)
    if since:
        query = query.where(articles.c.first_seen_at >= since)
    if before:
        at, last = before
        older = (articles.c.first_seen_at < at) | ((articles.c.first_seen_at == at) & (articles.c.id < last))
        query = query.where(older)
    return [_article(found) for found in tx.conn.execute(query)]


# -- the index stage --------------------------------------------------------------------------------------------------


def claim_unindexed(tx: Tx, token: str, *, limit: int, seconds: float) -> tuple[list[Article], int]:
    """Articles whose newest version the index lacks, leased, with the attempts that were made before.

    One that failed before is claimed alone: a document that ends its worker must not take a batch with it.
    """
    ids = _within(tx.conn.execute(_unindexed(tx.dialect, again=False), {"now": tx.now, "most": limit}))
    ids = ids or _within(tx.conn.execute(_unindexed(tx.dialect, again=True), {"now": tx.now, "most": 1}))
    if not ids:
        return [], 0
    held = {"token": token, "until": tx.now + dt.timedelta(seconds=seconds), "ids": ids}
    attempts = list(tx.conn.execute(_HOLD, held).scalars())
    return list(many(tx, ids).values()), max(attempts)


def _within(rows: Iterable[Record]) -> list[str]:
    """The first of (id, compressed bytes) that fit into a batch together, one at least."""
    ids: list[str] = []
    taken = 0
    for article_id, size in rows:
        taken += size or 0
        if ids and taken > BATCH_BYTES:
            break
        ids.append(article_id)
    return ids


_HOLD = (
    update(articles)
    .where(articles.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        index_token=bindparam("token"),
        index_due_at=bindparam("until", type_=Instant),
        index_attempts=articles.c.index_attempts + 1,
    )
    .returning(articles.c.index_attempts)
)


@cache
def _unindexed(dialect: str, *, again: bool) -> Select[*tuple[Any, ...]]:
    tried = articles.c.index_attempts > 0 if again else articles.c.index_attempts == 0
    due = articles.c.index_due_at <= bindparam("now", type_=Instant)
    size = func.octet_length(texts.c.body) if dialect == "postgresql" else func.length(texts.c.body)
    query = select(articles.c.id, size).select_from(articles.outerjoin(texts, _NEWEST_TEXT))
    query = query.where(due, tried).order_by(articles.c.index_due_at).limit(bindparam("most"))
    return query.with_for_update(skip_locked=True, of=articles) if dialect == "postgresql" else query


def indexed(tx: Tx, token: str, done: Sequence[tuple[ArticleId, int]]) -> None:
    """The index has these versions; what changed meanwhile stays due."""
    if done:
        rows = [{"article": article_id, "mine": token, "version": version, "now": tx.now} for article_id, version in done]
        tx.conn.execute(_INDEXED, rows)


_CURRENT = articles.c.document_version == bindparam("version")
_INDEXED = (
    update(articles)
    .where(articles.c.id == bindparam("article"), articles.c.index_token == bindparam("mine"))
    .values(
        indexed_version=bindparam("version"),
        index_token=None,
        index_attempts=0,
        index_due_at=case((_CURRENT, null()), else_=bindparam("now", type_=Instant)),
    )
)


def index_again(tx: Tx, token: str, ids: Sequence[str], due_at: dt.datetime | None) -> None:
    """Indexing failed: try again then, the attempt not counted (the engine was away), or never (``None``: it was refused)."""
    mine = articles.c.id.in_(ids) & (articles.c.index_token == token)
    values = {"index_due_at": due_at, "index_token": None, "index_attempts": articles.c.index_attempts - 1}
    tx.conn.execute(update(articles).where(mine).values(**values))


def unindexed(tx: Tx, *, most: int = 100_000) -> int:
    """How many wait for the index, counted up to ``most``: a backlog must not slow down whoever looks every few seconds."""
    return tx.conn.execute(_WAITING, {"now": tx.now, "most": most}).scalar_one()


_DUE = articles.c.index_due_at <= bindparam("now", type_=Instant)
_WAITING = select(func.count()).select_from(select(literal(1)).where(_DUE).limit(bindparam("most")).subquery())


def total(tx: Tx) -> int:
    """But the heartbeat's: they are counted by an index, for to leave them out every row would be read."""
    query = select(func.count()).select_from(articles)
    return tx.conn.execute(query).scalar_one() - tx.conn.execute(query.where(~_NEWS)).scalar_one()
