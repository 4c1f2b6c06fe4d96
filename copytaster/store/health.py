"""How things stand, in one query each, for the status of the whole; and the index stage begun again. It judges nothing."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update

from copytaster.news import SourceId
from copytaster.store.db import Tx
from copytaster.store.schema import articles, endpoints, links, sources


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """One source with what its endpoints say together."""

    id: SourceId
    name: str
    url: str
    state: str
    added_at: dt.datetime
    baseline_at: dt.datetime | None
    found_at: dt.datetime | None  # its newest link
    silent_at: dt.datetime | None
    silent_reason: str | None
    endpoints: int
    read_at: dt.datetime | None  # last successful reading of any
    due_at: dt.datetime | None
    failures: int  # in a row, of the worst endpoint
    last_error: str | None
    overflows: int


def of_sources(tx: Tx) -> list[SourceHealth]:
    """Every source that was not removed, by name."""
    errors = _errors(tx)
    ours = sources.outerjoin(endpoints, endpoints.c.source_id == sources.c.id)
    plain = ("id", "name", "url", "state", "added_at", "baseline_at", "found_at", "silent_at", "silent_reason")
    query = (
        select(
            *(sources.c[name] for name in plain),
            func.count(endpoints.c.id).label("endpoints"),
            func.max(endpoints.c.read_at).label("read_at"),
            func.min(endpoints.c.due_at).label("due_at"),
            func.coalesce(func.max(endpoints.c.failures), 0).label("failures"),
            func.coalesce(func.sum(endpoints.c.overflows), 0).label("overflows"),
        )
        .select_from(ours)
        .where(sources.c.state != "removed")
        .group_by(sources.c.id)
        .order_by(sources.c.name, sources.c.id)
    )
    return [SourceHealth(**row._mapping, last_error=errors.get(row.id)) for row in tx.conn.execute(query)]


def _errors(tx: Tx) -> dict[str, str]:
    """Of each source the error of the endpoint that failed most often in a row."""
    failing = (endpoints.c.failures > 0) & endpoints.c.last_error.is_not(None)
    query = select(endpoints.c.source_id, endpoints.c.last_error).where(failing).order_by(endpoints.c.failures)
    return {row.source_id: row.last_error for row in tx.conn.execute(query)}


def links_waiting(tx: Tx) -> int:
    """Links that are due to be fetched."""
    return tx.conn.execute(select(func.count()).where(links.c.due_at <= tx.now)).scalar_one()


def endpoints_waiting(tx: Tx) -> int:
    return tx.conn.execute(select(func.count()).where(endpoints.c.due_at <= tx.now)).scalar_one()


def index_anew(tx: Tx, article_id: str) -> bool:
    """The article is due to be indexed again, its attempts forgotten."""
    values = {"index_due_at": tx.now, "index_token": None, "index_attempts": 0}
    return tx.conn.execute(update(articles).where(articles.c.id == article_id).values(**values)).rowcount == 1


@dataclass(frozen=True, slots=True)
class Taken:
    """New links of this very instant: held as baseline or late, or on their way to alerts."""

    baseline: int = 0
    late: int = 0
    alerting: int = 0
    left: int = 0  # of the baseline: too many, so not fetched until a backfill asks for them


def taken_now(tx: Tx, source_id: SourceId) -> Taken:
    """What the readings of this transaction added."""
    new = (links.c.source_id == source_id) & (links.c.found_at == tx.now)
    fields = (links.c.baseline, links.c.late, links.c.due_at.is_(None).label("left"))
    counts = {"baseline": 0, "late": 0, "alerting": 0, "left": 0}
    for baseline, late, left, number in tx.conn.execute(select(*fields, func.count()).where(new).group_by(*fields)):
        counts["baseline" if baseline else "late" if late else "alerting"] += number
        counts["left"] += number if left else 0
    return Taken(**counts)


def unfetched(tx: Tx, ids: Sequence[str]) -> list[str]:
    """Those of the links that were remembered and left until a backfill asks for them."""
    left = links.c.id.in_(ids) & (links.c.state == "found") & links.c.due_at.is_(None)
    return list(tx.conn.execute(select(links.c.id).where(left)).scalars())


def health_state(each: SourceHealth) -> str:
    """One word for a list."""
    if each.state != "active":
        return each.state
    if each.silent_at:
        return "silent"
    return "failing" if each.failures else "ok" if each.read_at else "waiting"
