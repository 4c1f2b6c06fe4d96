"""What was refused, at which stage, for what reason and after how many attempts: nothing is dropped in silence."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, literal, select, tuple_

from copytaster import heartbeat
from copytaster.store.db import Tx
from copytaster.store.schema import refusals
from copytaster.store.types import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    stage: str  # discover, fetch, ingest, deliver, index
    key: str  # id of what was refused, unique within its stage
    url: str
    source_id: str | None = None
    reason: str  # a slug
    detail: str  # a sentence
    attempts: int = 1
    refused_at: dt.datetime | None = None  # the store's now where not given
    id: int | None = None


def put(tx: Tx, refusal: Refusal) -> None:
    if refusal.source_id == heartbeat.SOURCE:
        return  # none of anybody's news; that it did not come is told by its age
    values = {
        "url": refusal.url,
        "source_id": refusal.source_id,
        "reason": refusal.reason,
        "detail": refusal.detail[:2000],
        "attempts": refusal.attempts,
        "refused_at": tx.now,
    }
    row = tx.insert(refusals).values(stage=refusal.stage, key=refusal.key, **values)
    tx.conn.execute(row.on_conflict_do_update(index_elements=["stage", "key"], set_=values))


def every(
    tx: Tx, *, limit: int = 100, reason: str | None = None, stage: str | None = None, before: Refusal | None = None
) -> list[Refusal]:
    """Newest first; those that follow ``before``."""
    query = select(refusals).order_by(refusals.c.refused_at.desc(), refusals.c.id.desc()).limit(limit)
    if reason:
        query = query.where(refusals.c.reason == reason)
    if stage:
        query = query.where(refusals.c.stage == stage)
    if before:
        last = literal(before.refused_at, Instant), literal(before.id)
        query = query.where(tuple_(refusals.c.refused_at, refusals.c.id) < tuple_(*last))
    return [Refusal(**row._mapping) for row in tx.conn.execute(query)]


def get(tx: Tx, refusal_id: int) -> Refusal | None:
    row = tx.conn.execute(select(refusals).where(refusals.c.id == refusal_id)).first()
    return Refusal(**row._mapping) if row else None


def clear(tx: Tx, stage: str, key: str) -> None:
    """It worked after all, or is tried again."""
    tx.conn.execute(delete(refusals).where(refusals.c.stage == stage, refusals.c.key == key))


def clear_all(tx: Tx, stage: str, keys: Sequence[str]) -> None:
    if keys:
        tx.conn.execute(delete(refusals).where(refusals.c.stage == stage, refusals.c.key.in_(keys)))


def counts(tx: Tx) -> dict[tuple[str, str], int]:
    query = select(refusals.c.stage, refusals.c.reason, func.count()).group_by(refusals.c.stage, refusals.c.reason)
    return {(stage, reason): n for stage, reason, n in tx.conn.execute(query)}
