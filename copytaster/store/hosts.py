"""Hosts as rows: who may ask each, from when, and what its robots.txt said. A lease is the right to fetch from it.

It must not know what is fetched; links and endpoints tell it when they fall due. New work waits in one line (``due_at``),
re-reads and backfill in another (``rest_at``), which is served where the first leaves room.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Float,
    FromClause,
    ScalarSelect,
    Select,
    Table,
    bindparam,
    func,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import sqlite

from copytaster import heartbeat
from copytaster.store.db import Tx, insert_into
from copytaster.store.schema import endpoints, hosts, links, sources
from copytaster.store.types import Instant


@dataclass(frozen=True, slots=True)
class HostLease:
    host: str
    delay_seconds: float | None
    next_allowed_at: dt.datetime | None
    robots: bytes | None
    robots_status: int | None
    robots_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Manners:
    """How a host wants to be asked; it moves from crawler to crawler with the lease."""

    wait_seconds: float = 0.0  # until its next request
    delay_seconds: float | None = None  # between two; None: as it was


LEASE_FIELDS = [hosts.c[name] for name in HostLease.__dataclass_fields__]
NOW: BindParameter[dt.datetime] = bindparam("now", type_=Instant)
NAMES: BindParameter[list[str]] = bindparam("names", expanding=True)
LINES = (hosts.c.due_at, hosts.c.rest_at)  # new work of any host goes before old work of any other
_FREE = or_(hosts.c.leased_until.is_(None), hosts.c.leased_until <= NOW)
_ALLOWED = or_(hosts.c.next_allowed_at.is_(None), hosts.c.next_allowed_at <= NOW)
_ANY = [select(hosts.c.host).where(line <= NOW, _FREE, _ALLOWED).limit(1) for line in LINES]
# Until the lease ends nobody else need look at the row; should its holder die, it falls due by itself.
_LEASED: dict[str, Any] = {"leased_until": bindparam("until"), "due_at": bindparam("until"), "rest_at": null()}
_LEASE = update(hosts).where(hosts.c.host.in_(NAMES)).values(lease_token=bindparam("token"), **_LEASED)
_OURS = (hosts.c.lease_token == bindparam("token"), hosts.c.leased_until > NOW)
_RENEW = update(hosts).where(*_OURS).values(_LEASED).returning(hosts.c.host)
_HELD = select(hosts.c.host).where(*_OURS)
_VISIT = (
    update(hosts)
    .where(hosts.c.host == bindparam("name"), or_(_FREE, hosts.c.lease_token == bindparam("token")), _ALLOWED)
    .values(lease_token=bindparam("token"), **_LEASED)
    .returning(*LEASE_FIELDS)
)
_LOCK = select(hosts.c.host).where(hosts.c.host.in_(NAMES), *_OURS).order_by(hosts.c.host).with_for_update()
_RELEASE = (
    update(hosts)
    .where(hosts.c.host == bindparam("name"), hosts.c.lease_token == bindparam("token"))
    .values(lease_token=null(), leased_until=null(), next_allowed_at=bindparam("allowed"))
    .values(due_at=bindparam("due"), rest_at=bindparam("rest"))
    .values(delay_seconds=func.coalesce(bindparam("delay", type_=Float), hosts.c.delay_seconds))
)


def live(table: FromClause) -> ColumnElement[bool]:
    """Whether the row's source is read; asked row by row, for the list of all that are is as long as there are sources."""
    return select(sources.c.id).where(sources.c.id == table.c.source_id, sources.c.state.in_(heartbeat.READ)).exists()


def _first(table: Table, priority: int | None = None) -> ScalarSelect[Any]:
    """When the earliest work of a host falls due; of live sources only, or a paused one would wake its hosts for nothing."""
    mine = (table.c.host == hosts.c.host) & table.c.due_at.is_not(None) & live(table)
    mine = mine if priority is None else mine & (table.c.priority == priority)
    return select(table.c.due_at).where(mine).order_by(table.c.due_at).limit(1).scalar_subquery()


_EARLIEST = select(hosts.c.host, _first(endpoints), _first(links, 0), _first(links, 1), _first(links, 2)).where(
    hosts.c.host.in_(NAMES)
)


Which = Callable[[FromClause], ColumnElement[bool]]


def first_of_each(dialect: str, table: Table, which: Which, order: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """Rows of every host among ``:names``, at most ``:each`` of one and ``:most`` in all, in the given order.

    Each host's are found by the index for themselves: to rank what is due, the whole of a flood is read for sixteen rows.
    """
    if dialect == "postgresql":
        rows: FromClause = _some(table, which, order, list(table.c)).lateral("rows")
        found = hosts.join(rows, true())
    else:  # which has no LATERAL, but looks up by a list that depends on the row before
        rows = table
        found = hosts.join(rows, rows.c.id.in_(_some(table.alias("mine"), which, order)))
    query = select(*rows.c).select_from(found).where(hosts.c.host.in_(NAMES))
    return query.order_by(*(rows.c[name] for name in order)).limit(bindparam("most"))


def _some(table: FromClause, which: Which, order: Sequence[str], columns: Any = None) -> Select[*tuple[Any, ...]]:
    query = select(*columns or [table.c.id]).where(table.c.host == hosts.c.host, which(table)).correlate(hosts)
    return query.order_by(*(table.c[name] for name in order)).limit(bindparam("each"))


def touch(tx: Tx, due: Mapping[str, dt.datetime], *, rest: bool = False) -> None:
    """Work of these hosts falls due then, or earlier if it already did; ``rest`` where it is no new one."""
    if not due:
        return
    values = [{"host": host, "at": at} for host, at in sorted(due.items())]  # one order: no deadlocks
    tx.conn.execute(_touch(tx.dialect, rest=rest), values)


@cache
def _touch(dialect: str, *, rest: bool) -> sqlite.Insert:
    line = LINES[rest]
    row = insert_into(hosts, dialect).values({"host": bindparam("host"), line.name: bindparam("at", type_=Instant)})
    later = or_(line.is_(None), line > row.excluded[line.name])
    return row.on_conflict_do_update(index_elements=["host"], set_={line.name: row.excluded[line.name]}, where=later)


def claim(tx: Tx, token: str, *, limit: int, seconds: float, only: Collection[str] | None = None) -> list[HostLease]:
    """Leases up to ``limit`` hosts (of ``only``, if given) that have due work, may be asked, and nobody holds.

    Those with new work come first, the longest due before the others.
    """
    found: dict[str, HostLease] = {}
    for line in range(len(LINES)):
        wanted: dict[str, Any] = {"now": tx.now, "most": limit - len(found)}
        if only is not None:
            wanted["names"] = list(only)
        rows = tx.conn.execute(_claim(tx.dialect, line, some=only is not None), wanted) if len(found) < limit else ()
        found |= {row.host: HostLease(*row) for row in rows}
    if found:
        tx.conn.execute(_LEASE, {"names": list(found), "token": token, "until": tx.now + dt.timedelta(seconds=seconds)})
    return list(found.values())


@cache
def _claim(dialect: str, line: int, *, some: bool) -> Select[*tuple[Any, ...]]:
    due = LINES[line]
    query = select(*LEASE_FIELDS).where(due <= NOW, _FREE, _ALLOWED).order_by(due).limit(bindparam("most"))
    query = query.where(hosts.c.host.in_(NAMES)) if some else query
    return query.with_for_update(skip_locked=True) if dialect == "postgresql" else query


def claimable(tx: Tx) -> bool:
    """Whether any host waits for a crawler: the cheap look of an idle one, which takes no write lock."""
    return any(tx.conn.execute(query, {"now": tx.now}).first() for query in _ANY)


def visit(tx: Tx, token: str, host: str, *, seconds: float) -> HostLease | None:
    """Leases one host that a redirect leads to, due or not; None while it is somebody else's, or wants to be left alone."""
    tx.insert_new(hosts, {"host": host})
    wanted = {"name": host, "token": token, "now": tx.now, "until": tx.now + dt.timedelta(seconds=seconds)}
    row = tx.conn.execute(_VISIT, wanted).first()
    return HostLease(*row) if row else None


def renew(tx: Tx, token: str, *, seconds: float) -> set[str]:
    """Holds on to everything leased under ``token``; returns the hosts that are really still ours."""
    until = tx.now + dt.timedelta(seconds=seconds)
    return set(tx.conn.execute(_RENEW, {"token": token, "now": tx.now, "until": until}).scalars())


def held(tx: Tx, token: str) -> set[str]:
    """Hosts whose results may still be written under ``token``: a lease may have run out and moved on."""
    return set(tx.conn.execute(_HELD, {"token": token, "now": tx.now}).scalars())


def release(tx: Tx, token: str, given: Mapping[str, Manners]) -> None:
    """Gives hosts back with their manners; each falls due again with its earliest work, behind those that wait already."""
    if not given:
        return
    names = {"names": list(given)}
    if tx.dialect == "postgresql":  # first: a link that another process adds meanwhile must not be overlooked here
        tx.conn.execute(_LOCK, {**names, "token": token, "now": tx.now})
    rows = []
    for host, endpoint, new, again, backfill in sorted(tx.conn.execute(_EARLIEST, names)):
        allowed = tx.now + dt.timedelta(seconds=given[host].wait_seconds)
        due, rest = _sooner(endpoint, new), _sooner(again, backfill)
        row = {"name": host, "token": token, "allowed": allowed, "delay": given[host].delay_seconds}
        rows.append(row | {"due": due and max(due, allowed), "rest": rest and max(rest, allowed)})
    if rows:
        tx.conn.execute(_RELEASE, rows)


def _sooner(*moments: dt.datetime | None) -> dt.datetime | None:
    return min((each for each in moments if each), default=None)


def keep_robots(tx: Tx, host: str, *, status: int, body: bytes) -> None:
    """What the host's robots.txt was, and when, so that every crawler reads it once a day and no more."""
    row = {"host": host, "robots": body, "robots_status": status, "robots_at": tx.now}
    tx.conn.execute(_keep_robots(tx.dialect), row)


@cache
def _keep_robots(dialect: str) -> sqlite.Insert:
    row = insert_into(hosts, dialect)
    new = {name: row.excluded[name] for name in ("robots", "robots_status", "robots_at")}
    return row.on_conflict_do_update(index_elements=["host"], set_=new)


def robots_of(tx: Tx, host: str) -> tuple[int, bytes, dt.datetime] | None:
    """Status, body and instant of the last robots.txt of a host, leased or not; None if it was never read."""
    kept = select(hosts.c.robots_status, hosts.c.robots, hosts.c.robots_at).where(hosts.c.host == host)
    row = tx.conn.execute(kept).first()
    return (row.robots_status, row.robots or b"", row.robots_at) if row and row.robots_at else None
