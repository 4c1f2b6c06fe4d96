"""Sources and their endpoints as rows: adding, listing, what a reading changed. It decides nothing about rhythm."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import func, literal, select, update

from copytaster.news import Endpoint, EndpointId, EndpointKind, Source, SourceId, SourceState
from copytaster.store import hosts
from copytaster.store.db import Record, Tx
from copytaster.store.schema import endpoints, links, sources
from copytaster.store.types import Instant

FIELDS = [sources.c[name] for name in Source.__dataclass_fields__]
ENDPOINT_FIELDS = [endpoints.c[name] for name in Endpoint.__dataclass_fields__]


def source_of(row: Record) -> Source:
    return Source(**row._mapping)


def endpoint_of(row: Record) -> Endpoint:
    return Endpoint(**row._mapping)


def add(tx: Tx, source: Source, found: Sequence[Endpoint]) -> bool:
    """Adds a source with its endpoints, due as they say; False where the source was known (its options are replaced)."""
    known = tx.conn.execute(select(sources.c.id).where(sources.c.id == source.id)).first()
    values = asdict(source)
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
    row = tx.conn.execute(select(*FIELDS).where(sources.c.id == source_id)).first()
    return source_of(row) if row else None


def find(tx: Tx, name: str) -> Source | None:
    """By id, URL or name, whichever a person typed."""
    wanted = (sources.c.id == name) | (sources.c.url == name) | (sources.c.name == name) | (sources.c.host == name)
    row = tx.conn.execute(select(*FIELDS).where(wanted).where(sources.c.state != "removed").limit(1)).first()
    return source_of(row) if row else None


def every(tx: Tx) -> list[Source]:
    query = select(*FIELDS).where(sources.c.state != "removed").order_by(sources.c.name, sources.c.id)
    return [source_of(row) for row in tx.conn.execute(query)]


def by_ids(tx: Tx, ids: Sequence[str]) -> dict[str, Source]:
    rows = tx.conn.execute(select(*FIELDS).where(sources.c.id.in_(ids)))
    return {row.id: source_of(row) for row in rows}


def endpoints_of(tx: Tx, source_id: SourceId) -> list[Endpoint]:
    query = select(*ENDPOINT_FIELDS).where(endpoints.c.source_id == source_id).order_by(endpoints.c.url)
    return [endpoint_of(row) for row in tx.conn.execute(query)]


def endpoint(tx: Tx, endpoint_id: EndpointId) -> Record | None:
    """The whole row, the rhythm's memory (``last_ids``, ``gaps``) and WebSub's secret included."""
    return tx.conn.execute(select(endpoints).where(endpoints.c.id == endpoint_id)).first()


def set_state(tx: Tx, source_id: SourceId, state: SourceState | str) -> None:
    """Pauses, removes or wakes a source; nothing of a source that is not active is due."""
    tx.conn.execute(update(sources).where(sources.c.id == source_id).values(state=state))
    due = tx.now if state == "active" else None
    tx.conn.execute(update(endpoints).where(endpoints.c.source_id == source_id).values(due_at=due))
    if due:
        hosts.touch(tx, dict.fromkeys(hosts_with_work(tx, source_id, tx.now), due))


def note_reading(tx: Tx, endpoint_id: EndpointId, values: Mapping[str, Any]) -> None:
    """What one reading changed in its endpoint: any of the columns, ``due_at`` always among them."""
    tx.conn.execute(update(endpoints).where(endpoints.c.id == endpoint_id).values(**values))


def note_found(tx: Tx, source_id: SourceId, *, baseline_done: bool, found: bool) -> None:
    """Marks the first reading as done and the newest find, and ends a silence that was reported."""
    values: dict[str, Any] = {}
    if baseline_done:
        values["baseline_at"] = func.coalesce(sources.c.baseline_at, literal(tx.now, Instant))
    if found:
        values |= {"found_at": tx.now, "silent_at": None, "silent_reason": None}
    if values:
        tx.conn.execute(update(sources).where(sources.c.id == source_id).values(**values))


def claim_endpoints(
    tx: Tx, names: Collection[str], *, limit: int, seconds: float, source_id: SourceId | None = None
) -> list[Record]:
    """Due endpoints of leased hosts. They fall due again after ``seconds``, should this crawler die on them."""
    query = select(endpoints).where(endpoints.c.due_at <= tx.now, endpoints.c.host.in_(names))
    if source_id is not None:
        query = query.where(endpoints.c.source_id == source_id)
    rows = list(tx.conn.execute(query.order_by(endpoints.c.due_at).limit(limit)))
    hold_endpoints(tx, [row.id for row in rows], seconds=seconds)
    return rows


def hold_endpoints(tx: Tx, ids: Collection[str], *, seconds: float) -> None:
    """Nobody else need look at these for so long: they are being read."""
    if ids:
        again = tx.now + dt.timedelta(seconds=seconds)
        tx.conn.execute(update(endpoints).where(endpoints.c.id.in_(ids)).values(due_at=again))


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
