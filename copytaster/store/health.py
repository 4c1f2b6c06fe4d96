"""How things stand, in one query each, for the status of the whole; and the index stage begun again. It judges nothing."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func, literal, select, true, tuple_, update

from copytaster import heartbeat
from copytaster.news import SourceId
from copytaster.store import sources as source_rows
from copytaster.store.db import Record, Tx
from copytaster.store.schema import articles, endpoints, links, sources
from copytaster.store.types import Instant

PAGE = 500
MOST_COUNTED = 100_000
TROUBLE = ("silent", "failing")


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
    trouble: str | None  # its kind: as reported, else that of an endpoint that may yet get well
    evidence: Mapping[str, Any] | None
    endpoints: int
    read_at: dt.datetime | None  # last successful reading of any
    due_at: dt.datetime | None
    failures: int  # in a row, of the worst endpoint
    last_error: str | None
    overflows: int


_PLAIN = [sources.c[name] for name in ("id", "name", "url", "state", "added_at", "baseline_at", "found_at")]
_PLAIN += [sources.c.silent_at, sources.c.silent_reason, sources.c.trouble, sources.c.evidence]
_THERE = source_rows.LISTED
_LIVE = (sources.c.state == "active") & sources.c.silent_at.is_(None)
_AMONG = endpoints.alias("among")


def of_sources(tx: Tx, *, after: SourceHealth | None = None, limit: int = PAGE) -> list[SourceHealth]:
    """Sources that were not removed, by name, a page at a time: those after the last one of the page before."""
    query = select(*_PLAIN).where(_THERE).order_by(sources.c.name, sources.c.id).limit(limit)
    if after:
        query = query.where(tuple_(sources.c.name, sources.c.id) > tuple_(literal(after.name), literal(after.id)))
    return _with_endpoints(tx, query)


def of_source(tx: Tx, source_id: SourceId) -> SourceHealth:
    """One that is there."""
    (found,) = _with_endpoints(tx, select(*_PLAIN).where(sources.c.id == source_id))
    return found


def worst_sources(tx: Tx, *, limit: int) -> list[SourceHealth]:
    """Those that fell silent or fail to be read, as many as there is room for, then the others, each by name."""
    silent = select(*_PLAIN).where(_THERE, sources.c.silent_at.is_not(None)).order_by(sources.c.silent_at.desc())
    some = select(endpoints.c.source_id).where(endpoints.c.failures > 0).order_by(endpoints.c.source_id).limit(10 * limit)
    failing = select(*_PLAIN).where(_LIVE, sources.c.id.in_(select(some.subquery())))
    found = {each.id: each for query in (silent, failing) for each in _with_endpoints(tx, query.limit(limit))}
    found |= {each.id: each for each in of_sources(tx, limit=limit)} | found
    return sorted(found.values(), key=lambda each: (health_state(each) not in TROUBLE, each.name))[:limit]


def _with_endpoints(tx: Tx, query: Select[*tuple[Any, ...]]) -> list[SourceHealth]:
    rows = list(tx.conn.execute(query))
    errors, read = _endpoints_of(tx, [row.id for row in rows])
    nothing = {"endpoints": 0, "read_at": None, "due_at": None, "failures": 0, "overflows": 0}
    return [SourceHealth(**_own(row, errors.get(row.id)), **read.get(row.id, nothing)) for row in rows]


def _own(row: Record, ill: Record | None) -> dict[str, Any]:
    """The source's columns; where nothing was reported of it, its worst endpoint says what is wrong."""
    shown = dict(row._mapping) | {"last_error": ill.last_error if ill else None}
    if row.silent_at:
        return shown | {"trouble": row.trouble or "silent"}
    return shown | {"trouble": ill.trouble if ill else None, "evidence": ill.evidence if ill else None}


def _endpoints_of(tx: Tx, ids: Sequence[str]) -> tuple[dict[str, Record], dict[str, dict[str, Any]]]:
    """By source: the endpoint that is worst, if any is ill, and what all of its endpoints say together."""
    mine = endpoints.c.source_id.in_(ids)
    columns = (endpoints.c[name] for name in ("source_id", "last_error", "trouble", "evidence"))
    query = select(*columns).where(mine, endpoints.c.last_error.is_not(None)).order_by(endpoints.c.failures)
    errors = {row.source_id: row for row in tx.conn.execute(query)}
    together = select(
        endpoints.c.source_id,
        func.count().label("endpoints"),
        func.max(endpoints.c.read_at, type_=Instant).label("read_at"),
        func.min(endpoints.c.due_at, type_=Instant).label("due_at"),
        func.max(endpoints.c.failures).label("failures"),
        func.sum(endpoints.c.overflows).label("overflows"),
    )
    rows = tx.conn.execute(together.where(mine).group_by(endpoints.c.source_id))
    return errors, {source_id: dict(zip(_TOGETHER, said, strict=True)) for source_id, *said in rows}


_TOGETHER = ("endpoints", "read_at", "due_at", "failures", "overflows")


def counts(tx: Tx) -> dict[str, int]:
    """Sources by health: ok, failing, waiting for their first reading, silent, paused."""
    found = source_rows.counts(tx)
    failing = _distinct(tx, endpoints.c.failures > 0)
    fails = select(_AMONG.c.id).where(_AMONG.c.source_id == endpoints.c.source_id, _AMONG.c.failures > 0).exists()
    waiting = _distinct(tx, endpoints.c.read_at.is_(None), ~fails, of_source=sources.c.baseline_at.is_(None))
    well = found.pop("active", 0) - failing - waiting
    named = {"ok": well, "failing": failing, "waiting": waiting, **found}
    return {state: number for state, number in named.items() if number}


def _distinct(tx: Tx, *which: ColumnElement[bool], of_source: ColumnElement[bool] = _LIVE) -> int:
    """Of how many live sources such an endpoint is; found by the endpoint, for such are few."""
    live = select(sources.c.id).where(sources.c.id == endpoints.c.source_id, _LIVE, of_source).exists()
    return tx.conn.execute(select(func.count(endpoints.c.source_id.distinct())).where(*which, live)).scalar_one()


def links_waiting(tx: Tx) -> int:
    """Links that are due to be fetched, counted up to 100,000."""
    return _due(tx, links)


def endpoints_waiting(tx: Tx) -> int:
    return _due(tx, endpoints)


def _due(tx: Tx, table: Table) -> int:
    some = select(literal(1)).select_from(table).where(table.c.due_at <= tx.now).limit(MOST_COUNTED).subquery()
    return tx.conn.execute(select(func.count()).select_from(some)).scalar_one()


def index_anew(tx: Tx, article_id: str) -> bool:
    """The article is due to be indexed again, its attempts forgotten."""
    values = {"index_due_at": tx.now, "index_token": None, "index_attempts": 0}
    return tx.conn.execute(update(articles).where(articles.c.id == article_id).values(**values)).rowcount == 1


def index_all(tx: Tx, *, after: str, limit: int) -> str | None:
    """The index is empty: a slice of the articles, by id, is due again; the last id of it, None where it is the last one.

    Their attempts stay counted: else a document that ends its worker would do so for ever where it is the first of all.
    """
    rows = articles.c.id > after
    last = tx.conn.execute(select(articles.c.id).where(rows).order_by(articles.c.id).offset(limit - 1).limit(1)).scalar()
    rows &= articles.c.id <= last if last is not None else true()
    rows &= articles.c.source_id != heartbeat.SOURCE
    rows &= articles.c.index_due_at.is_(None) | (articles.c.indexed_version > 0)
    values = {"index_due_at": tx.now, "indexed_version": 0, "index_token": None}
    tx.conn.execute(update(articles).where(rows).values(**values))
    return last


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
