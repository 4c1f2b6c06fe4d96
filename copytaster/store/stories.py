"""Stories and their signature buckets as rows. Which article belongs to which story is decided elsewhere."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import bindparam, select, text

from copytaster.news import ArticleId, Story, StoryId
from copytaster.store.db import Record, Tx
from copytaster.store.schema import signature_buckets, stories

_SHARED = select(signature_buckets.c.story_id).where(
    signature_buckets.c.bucket.in_(bindparam("buckets", expanding=True)), signature_buckets.c.started_at >= bindparam("since")
)
_CANDIDATES = select(stories).where(stories.c.id.in_(_SHARED)).order_by(stories.c.started_at, stories.c.id)


def lock(tx: Tx, buckets: Sequence[int]) -> None:
    """Two copies that arrive at once must see each other: on SQLite the write lock does that, here a lock on each bucket.

    Sorted, so that two transactions never wait for each other in a ring.
    """
    if tx.dialect == "postgresql":
        query = text("SELECT pg_advisory_xact_lock(bucket) FROM unnest(CAST(:buckets AS bigint[])) AS bucket")
        tx.conn.execute(query, {"buckets": sorted(buckets)})


def candidates(tx: Tx, buckets: Sequence[int], *, since: dt.datetime) -> list[Record]:
    """Stories whose first article shares a bucket and began after ``since``: rows of id, started_at and signature."""
    if not buckets:
        return []
    return list(tx.conn.execute(_CANDIDATES, {"buckets": list(buckets), "since": since}))


def begin(tx: Tx, article_id: ArticleId, buckets: Sequence[int], signature: bytes) -> StoryId:
    """A new story, known by its first article."""
    story = Story(id=StoryId(article_id), first_article_id=article_id, started_at=tx.now)
    values = {"id": story.id, "first_article_id": article_id, "started_at": tx.now, "signature": signature}
    tx.insert_new(stories, values)
    rows = [{"bucket": bucket, "story_id": story.id, "started_at": tx.now} for bucket in sorted(set(buckets))]
    if rows:
        tx.insert_new(signature_buckets, rows)
    return story.id
