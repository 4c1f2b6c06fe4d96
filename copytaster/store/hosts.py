"""Hosts as rows: who may ask each, from when, and what its robots.txt said. A lease is the right to fetch from it.

It must not know what is fetched; links and endpoints tell it when they fall due.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Float, bindparam, case, func, or_, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import ColumnElement

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


def touch(tx: Tx, due: Mapping[str, dt.datetime]) -> None:
    """Work of these hosts falls due then, or earlier if it already did."""
    if not due:
        return
    values = [{"host": host, "due_at": at} for host, at in sorted(due.items())]  # one order: no deadlocks
    tx.conn.execute(_touch(tx.dialect), values)


@cache
def _touch(dialect: str) -> sqlite.Insert:
    row = insert_into(hosts, dialect)
    later = or_(hosts.c.due_at.is_(None), hosts.c.due_at > row.excluded.due_at)
    sooner = case((later, row.excluded.due_at), else_=hosts.c.due_at)
    return row.on_conflict_do_update(index_elements=["host"], set_={"due_at": sooner})


def claim(tx: Tx, token: str, *, limit: int, seconds: float, only: Collection[str] | None = None) -> list[HostLease]:
    """Leases up to ``limit`` hosts (of ``only``, if given) that have due work, may be asked, and nobody holds.

    The longest due come first.
    """
    query = select(*LEASE_FIELDS).where(*_claimable(tx.now)).order_by(hosts.c.due_at).limit(limit)
    if only is not None:
        query = query.where(hosts.c.host.in_(only))
    if tx.dialect == "postgresql":
        query = query.with_for_update(skip_locked=True)
    found = [HostLease(*row) for row in tx.conn.execute(query)]
    if found:
        held = {"lease_token": token, "leased_until": tx.now + dt.timedelta(seconds=seconds)}
        tx.conn.execute(update(hosts).where(hosts.c.host.in_([h.host for h in found])).values(**held))
    return found


def claimable(tx: Tx) -> bool:
    """Whether any host waits for a crawler: the cheap look of an idle one, which takes no write lock."""
    return tx.conn.execute(select(hosts.c.host).where(*_claimable(tx.now)).limit(1)).first() is not None


def _claimable(now: dt.datetime) -> tuple[ColumnElement[bool], ...]:
    free = or_(hosts.c.leased_until.is_(None), hosts.c.leased_until <= now)
    allowed = or_(hosts.c.next_allowed_at.is_(None), hosts.c.next_allowed_at <= now)
    return hosts.c.due_at <= now, free, allowed


def renew(tx: Tx, token: str, *, seconds: float) -> set[str]:
    """Holds on to everything leased under ``token``; returns the hosts that are really still ours."""
    ours = (hosts.c.lease_token == token) & (hosts.c.leased_until > tx.now)
    tx.conn.execute(update(hosts).where(ours).values(leased_until=tx.now + dt.timedelta(seconds=seconds)))
    return set(tx.conn.execute(select(hosts.c.host).where(ours)).scalars())


def held(tx: Tx, token: str) -> set[str]:
    """Hosts whose results may still be written under ``token``: a lease may have run out and moved on."""
    mine = (hosts.c.lease_token == token) & (hosts.c.leased_until > tx.now)
    return set(tx.conn.execute(select(hosts.c.host).where(mine)).scalars())


def release(tx: Tx, token: str, given: Mapping[str, Manners]) -> None:
    """Gives hosts back with their manners; each falls due again with its earliest work."""
    if not given:
        return
    due = _earliest_work(tx, given)
    mine = (hosts.c.host == bindparam("name")) & (hosts.c.lease_token == token)
    values: dict[str, Any] = {
        "lease_token": None,
        "leased_until": None,
        "due_at": bindparam("due"),
        "next_allowed_at": bindparam("allowed", type_=Instant),
        "delay_seconds": func.coalesce(bindparam("delay", type_=Float), hosts.c.delay_seconds),
    }
    rows = [
        {
            "name": host,
            "due": due.get(host),
            "allowed": tx.now + dt.timedelta(seconds=manners.wait_seconds),
            "delay": manners.delay_seconds,
        }
        for host, manners in sorted(given.items())  # one order: no deadlocks
    ]
    tx.conn.execute(update(hosts).where(mine).values(**values), rows)


def _earliest_work(tx: Tx, names: Collection[str]) -> dict[str, dt.datetime]:
    """Of live sources only: what a paused one left due would wake its hosts for nothing."""
    live = select(sources.c.id).where(sources.c.state == "active")
    found: dict[str, dt.datetime] = {}
    for table in (endpoints, links):
        earliest = select(table.c.host, func.min(table.c.due_at)).where(table.c.host.in_(names), table.c.due_at.is_not(None))
        earliest = earliest.where(table.c.source_id.in_(live))
        for host, at in tx.conn.execute(earliest.group_by(table.c.host)):
            found[host] = min(at, found.get(host, at))
    return found


def keep_robots(tx: Tx, host: str, *, status: int, body: bytes) -> None:
    """What the host's robots.txt was, and when, so that every crawler reads it once a day and no more."""
    values = {"robots": body, "robots_status": status, "robots_at": tx.now}
    row = tx.insert(hosts).values(host=host, **values)
    tx.conn.execute(row.on_conflict_do_update(index_elements=["host"], set_=values))


def robots_of(tx: Tx, host: str) -> tuple[int, bytes, dt.datetime] | None:
    """Status, body and instant of the last robots.txt of a host, leased or not; None if it was never read."""
    kept = select(hosts.c.robots_status, hosts.c.robots, hosts.c.robots_at).where(hosts.c.host == host)
    row = tx.conn.execute(kept).first()
    return (row.robots_status, row.robots or b"", row.robots_at) if row and row.robots_at else None
