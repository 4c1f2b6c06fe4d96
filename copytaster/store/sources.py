"""Sources and their endpoints as rows: adding, listing, what a reading changed. It decides nothing about rhythm."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, FromClause, Select, bindparam, case, func, select, true, update

from copytaster import heartbeat
from copytaster.news import Endpoint, EndpointId, EndpointKind, Source, SourceId, SourceState
from copytaster.store import hosts, troubles
from copytaster.store.db import Record, Tx
from copytaster.store.schema import endpoints, links, sources
from copytaster.store.types import Instant

FIELDS = [sources.c[name] for name in Source.__dataclass_fields__]
ENDPOINT_FIELDS = [endpoints.c[name] for name in Endpoint.__dataclass_fields__]

LISTED = sources.c.state.not_in(("removed", heartbeat.STATE))  # what people see
_IDS: BindParameter[list[str]] = bindparam("ids", expanding=True)
_GET = select(*FIELDS).where(sources.c.id == bindparam("source"))
_HOLD = {"sqlite": _GET, "postgresql": _GET.with_for_update(key_share=True)}
_BY_IDS = select(*FIELDS).where(sources.c.id.in_(_IDS))
_NOTE_READING = update(endpoints).where(endpoints.c.id == bindparam("endpoint"))
_NOTE_SOURCE = update(sources).where(sources.c.id == bindparam("source"))
_NOTE_FOUND = _NOTE_SOURCE.values(
    check_at=func.coalesce(sources.c.check_at, bindparam("moment", type_=Instant)), **troubles.ending(pages_too=False)
)
_RHYTHM = select(sources.c.rhythm).where(sources.c.id == bindparam("source"))
_HOLD_ENDPOINTS = update(endpoints).where(endpoints.c.id.in_(_IDS)).values(due_at=bindparam("until"))


def source_of(row: Record) -> Source:
    return Source(**row._mapping)


def endpoint_of(row: Record) -> Endpoint:
    return Endpoint(**row._mapping)


def add(tx: Tx, source: Source, found: Sequence[Endpoint]) -> bool:
    """Adds a source with its endpoints, due as they say; False where the source was known (its options are replaced)."""
    known = tx.conn.execute(select(sources.c.id).where(sources.c.id == source.id)).first()
    values = asdict(source) | {"check_at": tx.now}
    changed = {k: v for k, v in values.items() if k not in {"id", "added_at", "baseline_at"}}
    tx.conn.execute(tx.insert(sources).values(values).on_conflict_do_update(index_elements=["id"], set_=changed))
    for endpoint in found:
        add_endpoint(tx, endpoint)
    return known is None


def add_endpoint(tx: Tx, endpoint: Endpoint) -> None:
    """A known endpoint keeps its validators and rhythm; it is only made due again."""
    from copytaster.urls import host_of

    row = {**asdict(endpoint), "host": host_of(endpoint.url), "added_at": tx.now, "last_ids": [], "gaps": []}
    again = {"due_at": endpoint.due_at, "source_id": endpoint.source_id}
    tx.conn.execute(tx.insert(endpoints).values(row).on_conflict_do_update(index_elements=["id"], set_=again))
    hosts.touch(tx, {row["host"]: endpoint.due_at})


def get(tx: Tx, source_id: SourceId) -> Source | None:
    row = tx.conn.execute(_GET, {"source": source_id}).first()
    return source_of(row) if row else None


def hold(tx: Tx, source_id: SourceId) -> Source | None:
    """It can't be paused, removed or taken down until this transaction ends; what is landed of it need not wait."""
    row = tx.conn.execute(_HOLD[tx.dialect], {"source": source_id}).first()
    return source_of(row) if row else None


def find(tx: Tx, name: str) -> Source | None:
    """By id, URL or name, whichever a person typed."""
    wanted = (sources.c.id == name) | (sources.c.url == name) | (sources.c.name == name) | (sources.c.host == name)
    row = tx.conn.execute(select(*FIELDS).where(wanted).where(LISTED).limit(1)).first()
    return source_of(row) if row else None


def every(tx: Tx) -> list[Source]:
    query = select(*FIELDS).where(LISTED).order_by(sources.c.name, sources.c.id)
    return [source_of(row) for row in tx.conn.execute(query)]


def of_sites(tx: Tx, names: Collection[str]) -> list[Source]:
    """The live ones at these hosts."""
    query = select(*FIELDS).where(sources.c.host.in_(names), sources.c.state == "active")
    return [source_of(row) for row in tx.conn.execute(query)] if names else []


def by_ids(tx: Tx, ids: Sequence[str]) -> dict[str, Source]:
    rows = tx.conn.execute(_BY_IDS, {"ids": list(ids)})
    return {row.id: source_of(row) for row in rows}


def endpoints_of(tx: Tx, source_id: SourceId) -> list[Endpoint]:
    query = select(*ENDPOINT_FIELDS).where(endpoints.c.source_id == source_id).order_by(endpoints.c.url)
    return [endpoint_of(row) for row in tx.conn.execute(query)]


def endpoint(tx: Tx, endpoint_id: EndpointId) -> Record | None:
    """The whole row, the rhythm's memory (``last_ids``, ``gaps``) and WebSub's secret included."""
    return tx.conn.execute(select(endpoints).where(endpoints.c.id == endpoint_id)).first()


def set_state(tx: Tx, source_id: SourceId, state: SourceState | str) -> None:
    """Pauses, removes or wakes a source; nothing of a source that is not active is due."""
    due = tx.now if state == "active" else None
    tx.conn.execute(update(sources).where(sources.c.id == source_id).values(state=state, check_at=due))
    tx.conn.execute(update(endpoints).where(endpoints.c.source_id == source_id).values(due_at=due))
    if due:
        hosts.touch(tx, dict.fromkeys(hosts_with_work(tx, source_id, tx.now), due))


def note_reading(tx: Tx, endpoint_id: EndpointId, values: Mapping[str, Any]) -> None:
    """What one reading changed in its endpoint: any of the columns, ``due_at`` always among them."""
    tx.conn.execute(_NOTE_READING, {"endpoint": endpoint_id, **values})


def note_found(tx: Tx, source_id: SourceId, *, baseline_done: bool, found: bool, rhythm: bytes | None = None) -> None:
    """Marks the first reading as done and the newest find, and ends a silence that was reported."""
    values: dict[str, Any] = {}
    if baseline_done:
        values["baseline_at"] = tx.now
    if found:
        values["found_at"] = tx.now
        if rhythm:
            values["rhythm"] = rhythm
    if values:
        tx.conn.execute(_NOTE_FOUND if found else _NOTE_SOURCE, {"source": source_id, "moment": tx.now, **values})


def rhythm_of(tx: Tx, source_id: SourceId) -> bytes | None:
    """What was learnt of when it brings something; it is its own column, for nobody else needs it."""
    found: bytes | None = tx.conn.execute(_RHYTHM, {"source": source_id}).scalar()
    return found


def claim_endpoints(
    tx: Tx, names: Collection[str], *, each: int, limit: int, seconds: float, source_id: SourceId | None = None
) -> list[Record]:
    """Due endpoints of leased hosts, at most ``each`` a host: one that serves thousands of feeds must leave room for others.

    They fall due again after ``seconds``, should this crawler die on them.
    """
    wanted = {"now": tx.now, "names": list(names), "each": each, "most": limit, "source": source_id}
    rows = list(tx.conn.execute(_due_endpoints(tx.dialect, one_source=source_id is not None), wanted))
    hold_endpoints(tx, [row.id for row in rows], seconds=seconds)
    return rows


@cache
def _due_endpoints(dialect: str, *, one_source: bool) -> Select[*tuple[Any, ...]]:
    def due(rows: FromClause) -> ColumnElement[bool]:
        return (rows.c.due_at <= hosts.NOW) & (rows.c.source_id == bindparam("source") if one_source else true())

    return hosts.first_of_each(dialect, endpoints, due, ("due_at",))


def hold_endpoints(tx: Tx, ids: Collection[str], *, seconds: float) -> None:
    """Nobody else need look at these for so long: they are being read."""
    if ids:
        tx.conn.execute(_HOLD_ENDPOINTS, {"ids": list(ids), "until": tx.now + dt.timedelta(seconds=seconds)})


def due_now(tx: Tx, source_id: SourceId, kind: EndpointKind) -> bool:
    """Makes the source's endpoints of one kind due at once; False where it has none."""
    mine = (endpoints.c.source_id == source_id) & (endpoints.c.kind == kind)
    query = update(endpoints).where(mine).values(due_at=tx.now).returning(endpoints.c.host)
    names = tx.conn.execute(query).scalars().all()
    hosts.touch(tx, dict.fromkeys(names, tx.now))
    return bool(names)


def hosts_with_work(tx: Tx, source_id: SourceId, until: dt.datetime) -> set[str]:
    """Hosts where something of this source falls due before ``until``: its endpoints, and links wherever they lead."""
    found: set[str] = set()
    for table in (endpoints, links):
        due = select(table.c.host).where(table.c.source_id == source_id, table.c.due_at <= until)
        found |= set(tx.conn.execute(due.distinct()).scalars())
    return found


def counts(tx: Tx) -> dict[str, int]:
    """Sources by state: active, silent (active, but nothing new comes), paused."""
    by_state = select(sources.c.state, func.count().label("number")).where(LISTED).group_by(sources.c.state)
    found: dict[str, int] = {row.state: row.number for row in tx.conn.execute(by_state)}
    # Found by its own index, which a condition on the state would keep SQLite from: it has no figures to choose by.
    silent = select(func.sum(case((sources.c.state == "active", 1), else_=0))).where(sources.c.silent_at.is_not(None))
    if number := tx.conn.execute(silent).scalar_one():
        found |= {"active": found["active"] - number, "silent": number}
    return {state: number for state, number in found.items() if number}


def freshness(tx: Tx, *, limit: int = 1_000) -> list[Record]:
    """Rows of id, name, host, state, fresh_at (newest find, else when it was added), silent_at, silent_reason and trouble.

    The silent ones come first, the latest of them before the others.
    """
    fresh_at = func.coalesce(sources.c.found_at, sources.c.added_at, type_=Instant).label("fresh_at")
    columns = (
        sources.c.id,
        sources.c.name,
        sources.c.host,
        sources.c.state,
        fresh_at,
        sources.c.silent_at,
        sources.c.silent_reason,
        sources.c.trouble,
    )
    query = select(*columns).where(LISTED)
    silent = query.where(sources.c.silent_at.is_not(None)).order_by(sources.c.silent_at.desc(), sources.c.id)
    found = list(tx.conn.execute(silent.limit(limit)))
    if len(found) < limit:
        others = query.where(sources.c.silent_at.is_(None)).order_by(sources.c.name, sources.c.id)
        found += tx.conn.execute(others.limit(limit - len(found)))
    return found


def endpoint_summaries(tx: Tx, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """By source: how many endpoints it has, when one was last read, the shortest interval, failures, overflows, an error."""
    columns = (
        func.count().label("count"),
        func.max(endpoints.c.read_at, type_=Instant).label("read_at"),
        func.min(endpoints.c.interval_seconds).label("interval_seconds"),
        func.max(endpoints.c.failures).label("failures"),
        func.sum(endpoints.c.overflows).label("overflows"),
        func.max(endpoints.c.last_error).label("last_error"),
        func.max(endpoints.c.trouble).label("trouble"),
    )
    query = select(endpoints.c.source_id, *columns).where(endpoints.c.source_id.in_(ids)).group_by(endpoints.c.source_id)
    return {row.source_id: dict(row._mapping) for row in tx.conn.execute(query)}


def with_hubs(tx: Tx, *, until: dt.datetime, limit: int) -> list[Record]:
    """Endpoints of live sources that offer a WebSub hub and whose subscription ends before ``until``, or never began."""
    live = select(sources.c.id).where(sources.c.id == endpoints.c.source_id, sources.c.state == "active").exists()
    offered = select(endpoints).where(endpoints.c.hub.is_not(None), endpoints.c.topic.is_not(None), live)
    found = list(tx.conn.execute(offered.where(endpoints.c.websub_until.is_(None)).limit(limit)))
    if len(found) < limit:
        ending = offered.where(endpoints.c.websub_until < until).order_by(endpoints.c.websub_until)
        found += tx.conn.execute(ending.limit(limit - len(found)))
    return found


def wake(tx: Tx, row: Record) -> None:
    """Makes one endpoint due now: its hub says that there is something new."""
    note_reading(tx, row.id, {"due_at": tx.now})
    hosts.touch(tx, {row.host: tx.now})
