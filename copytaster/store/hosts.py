"""Hosts as rows: who may ask each, from when, and what its robots.txt said. A lease is the right to fetch from it.

It must not know what is fetched; links and endpoints tell it when they fall due.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Float, Select, bindparam, case, func, null, or_, select, update
from sqlalchemy.dialects import sqlite

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
_CLAIMABLE = (
    hosts.c.due_at <= NOW,
    or_(hosts.c.leased_until.is_(None), hosts.c.leased_until <= NOW),
    or_(hosts.c.next_allowed_at.is_(None), hosts.c.next_allowed_at <= NOW),
)
_ANY = select(hosts.c.host).where(*_CLAIMABLE).limit(1)
_LEASE = update(hosts).where(hosts.c.host.in_(NAMES)).values(lease_token=bindparam("token"), leased_until=bindparam("until"))
_HELD = select(hosts.c.host).where(hosts.c.lease_token == bindparam("token"), hosts.c.leased_until > NOW)
_RELEASE = (
    update(hosts)
    .where(hosts.c.host == bindparam("name"), hosts.c.lease_token == bindparam("token"))
    .values(lease_token=null(), leased_until=null(), due_at=bindparam("due"), next_allowed_at=bindparam("allowed"))
    .values(delay_seconds=func.coalesce(bindparam("delay", type_=Float), hosts.c.delay_seconds))
)
_EARLIEST = [
    select(table.c.host, func.min(table.c.due_at))
    .where(table.c.host.in_(NAMES), table.c.due_at.is_not(None))
    .where(table.c.source_id.in_(select(sources.c.id).where(sources.c.state == "active")))
    .group_by(table.c.host)
    for table in (endpoints, links)
]


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
    wanted: dict[str, Any] = {"now": tx.now, "most": limit}
    if only is None:
        query = _claim(tx.dialect, some=False)
    else:
        query, wanted["names"] = _claim(tx.dialect, some=True), list(only)
    found = [HostLease(*row) for row in tx.conn.execute(query, wanted)]
    if found:
        until = tx.now + dt.timedelta(seconds=seconds)
        tx.conn.execute(_LEASE, {"names": [each.host for each in found], "token": token, "until": until})
    return found


@cache
def _claim(dialect: str, *, some: bool) -> Select[*tuple[Any, ...]]:
    query = select(*LEASE_FIELDS).where(*_CLAIMABLE).order_by(hosts.c.due_at).limit(bindparam("most"))
    query = query.where(hosts.c.host.in_(NAMES)) if some else query
    return query.with_for_update(skip_locked=True) if dialect == "postgresql" else query


def claimable(tx: Tx) -> bool:
    """Whether any host waits for a crawler: the cheap look of an idle one, which takes no write lock."""
    return tx.conn.execute(_ANY, {"now": tx.now}).first() is not None


def renew(tx: Tx, token: str, *, seconds: float) -> set[str]:
    """Holds on to everything leased under ``token``; returns the hosts that are really still ours."""
    ours = (hosts.c.lease_token == token) & (hosts.c.leased_until > tx.now)
    tx.conn.execute(update(hosts).where(ours).values(leased_until=tx.now + dt.timedelta(seconds=seconds)))
    return set(tx.conn.execute(select(hosts.c.host).where(ours)).scalars())


def held(tx: Tx, token: str) -> set[str]:
    """Hosts whose results may still be written under ``token``: a lease may have run out and moved on."""
    return set(tx.conn.execute(_HELD, {"token": token, "now": tx.now}).scalars())


def release(tx: Tx, token: str, given: Mapping[str, Manners]) -> None:
    """Gives hosts back with their manners; each falls due again with its earliest work."""
    if not given:
        return
    due = _earliest_work(tx, given)
    rows = [
        {
            "name": host,
            "token": token,
            "due": due.get(host),
            "allowed": tx.now + dt.timedelta(seconds=manners.wait_seconds),
            "delay": manners.delay_seconds,
        }
        for host, manners in sorted(given.items())  # one order: no deadlocks
    ]
    tx.conn.execute(_RELEASE, rows)


def _earliest_work(tx: Tx, names: Collection[str]) -> dict[str, dt.datetime]:
    """Of live sources only: what a paused one left due would wake its hosts for nothing."""
    found: dict[str, dt.datetime] = {}
    for query in _EARLIEST:
        for host, at in tx.conn.execute(query, {"names": list(names)}):
            found[host] = min(at, found.get(host, at))
    return found


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
