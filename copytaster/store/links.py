"""Links as rows: what was found, what is due to be fetched, and how often it was tried. It fetches nothing."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, FromClause, Select, bindparam, case, func, select, update

from copytaster.news import EndpointId, Link, LinkId, Printed, SourceId
from copytaster.store import hosts
from copytaster.store.db import Record, Tx, insert_into
from copytaster.store.schema import links, seen, sources, tombstones

NEW, AGAIN, BACKFILL = 0, 1, 2  # priorities: lower goes first
CHUNK = 500  # rows a statement: SQLite takes 32,766 variables, and a link has fifteen


_GET = (
    select(links, sources.c.name.label("source_name"))
    .select_from(links.join(sources, sources.c.id == links.c.source_id))
    .where(links.c.id == bindparam("link"))
)
IDS: BindParameter[list[str]] = bindparam("ids", expanding=True)
_OPEN = select(sources.c.id).where(sources.c.id == bindparam("source"), sources.c.state != "removed")
_HELD = {"sqlite": _OPEN, "postgresql": _OPEN.with_for_update(read=True, key_share=True)}
_KNOWN = select(links.c.id, links.c.state, links.c.updated_at, links.c.found_at).where(links.c.id.in_(IDS))
_URLS = select(links.c.id, links.c.url).where(links.c.id.in_(IDS))
_FORGOTTEN = {
    "buried": select(tombstones.c.id, tombstones.c.buried_at).where(tombstones.c.id.in_(IDS)),
    "forgotten": select(seen.c.link_id, seen.c.seen_at).where(seen.c.link_id.in_(IDS)),
}
_LEASE = update(links).where(links.c.id.in_(IDS)).values(due_at=bindparam("until"), attempts=links.c.attempts + 1)
_READ = (
    update(links)
    .where(links.c.id == bindparam("link"))
    .values(state="read", article_id=bindparam("article"), due_at=bindparam("again"))
    .values(priority=AGAIN, attempts=0, reads=links.c.reads + 1)
    .returning(links.c.host)
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the store remembers of a link that is found again."""

    id: LinkId
    state: str  # found, fetched, read, refused; forgotten where only its slim key is left, buried where it was taken down
    updated_at: dt.datetime | None
    found_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A new link with what was decided about it."""

    link: Link
    baseline: bool = False
    late: bool = False
    priority: int = NEW
    fetch: bool = True  # False: remembered, so that it is not new later, and left until a backfill asks for it
    refused: bool = False  # remembered as such


def known(tx: Tx, ids: Sequence[str]) -> dict[LinkId, Known]:
    """Those of ``ids`` that were found before, forgotten and taken-down ones included."""
    found: dict[LinkId, Known] = {}
    for start in range(0, len(ids), CHUNK):
        part = {"ids": list(ids[start : start + CHUNK])}
        for link in tx.conn.execute(_KNOWN, part):
            found[link.id] = Known(link.id, link.state, link.updated_at, link.found_at)
        for state, query in _FORGOTTEN.items():  # after the rows: what is forgotten between the two is found here
            for link_id, at in tx.conn.execute(query, part):
                found.setdefault(link_id, Known(link_id, state, None, at))
    return found


def add(tx: Tx, source_id: SourceId, endpoint_id: EndpointId | None, findings: Sequence[Finding]) -> int:
    """Inserts new links, due at once; returns how many really were new. None of a source that was removed meanwhile."""
    from copytaster.urls import host_of

    if not findings or tx.conn.execute(_HELD[tx.dialect], {"source": source_id}).first() is None:
        return 0
    ordered = sorted(findings, key=lambda finding: finding.link.id)  # one order: no deadlocks
    rows = [_row(tx, source_id, endpoint_id, finding, host_of(finding.link.url)) for finding in ordered]
    added = len(tx.conn.execute(_add(tx.dialect), rows).all())
    for rest in (False, True):
        due = {row["host"]: tx.now for row in rows if row["due_at"] and (row["priority"] > NEW) is rest}
        hosts.touch(tx, due, rest=rest)
    return added


@cache
def _add(dialect: str) -> Any:
    # RETURNING, for psycopg counts no rows of many at once.
    return insert_into(links, dialect).on_conflict_do_nothing().returning(links.c.id)


def _row(tx: Tx, source_id: SourceId, endpoint_id: EndpointId | None, finding: Finding, host: str) -> dict[str, Any]:
    link = finding.link
    return {
        "id": link.id,
        "url": link.url,
        "host": host,
        "source_id": source_id,
        "endpoint_id": endpoint_id,
        "title": link.title,
        "summary": link.summary,
        "published_at": link.published.at if link.published else None,
        "published_offset": link.published.offset_minutes if link.published else None,
        "published_precision": link.published.precision if link.published else None,
        "updated_at": link.updated.at if link.updated else None,
        "found_at": tx.now,
        "state": "refused" if finding.refused else "found",
        "due_at": tx.now if finding.fetch else None,
        "priority": finding.priority,
        "baseline": finding.baseline,
        "late": finding.late,
    }


def urls_of(tx: Tx, ids: Sequence[str]) -> dict[LinkId, str]:
    """The addresses of those that are rows."""
    return {link.id: link.url for link in tx.conn.execute(_URLS, {"ids": list(ids[:CHUNK])})}


def found_since(tx: Tx, source_id: SourceId, since: dt.datetime, *, most: int) -> int:
    """How many new links a source brought since, counted no further than to ``most``."""
    query = select(links.c.id).where(links.c.source_id == source_id, links.c.found_at > since, links.c.baseline.is_(False))
    return tx.conn.execute(select(func.count()).select_from(query.limit(most).subquery())).scalar_one()


def published(row: Record) -> Printed | None:
    """How the feed printed the publication of this row's link."""
    if row.published_at is None:
        return None
    return Printed(row.published_at, row.published_offset, row.published_precision)


def reread(tx: Tx, changed: Collection[Link]) -> None:
    """The feed or sitemap says that these changed: fetch them again now."""
    due: dict[str, dt.datetime] = {}
    for link in sorted(changed, key=lambda each: each.id):
        values = {"due_at": tx.now, "priority": 1, "attempts": 0}
        if link.updated:
            values["updated_at"] = link.updated.at
        found = tx.conn.execute(
            update(links).where(links.c.id == link.id, links.c.state == "read").values(**values).returning(links.c.host)
        )
        due |= dict.fromkeys(found.scalars(), tx.now)
    hosts.touch(tx, due, rest=True)


def claim(
    tx: Tx, names: Collection[str], *, each: int, limit: int, seconds: float, source_id: SourceId | None = None
) -> list[Record]:
    """Due links of leased hosts, new ones first, at most ``each`` a host, the attempt counted before the work.

    They fall due again after ``seconds``, should this crawler die on them. A host with a backlog of 50,000 would
    otherwise take every place.
    """
    wanted = {"now": tx.now, "names": list(names), "each": each, "most": limit, "source": source_id}
    rows = list(tx.conn.execute(_claim(tx.dialect, one_source=source_id is not None), wanted))
    if rows:
        tx.conn.execute(_LEASE, {"ids": [row.id for row in rows], "until": tx.now + dt.timedelta(seconds=seconds)})
    return rows


@cache
def _claim(dialect: str, *, one_source: bool) -> Select[*tuple[Any, ...]]:
    def due(rows: FromClause) -> ColumnElement[bool]:
        live = (rows.c.due_at <= hosts.NOW) & hosts.live(rows)
        return live & (rows.c.source_id == bindparam("source")) if one_source else live

    return hosts.first_of_each(dialect, links, due, ("priority", "due_at"))


def hold(tx: Tx, ids: Collection[str], *, seconds: float) -> None:
    """Nobody else need look at these for so long: they are being fetched."""
    if ids:
        again = tx.now + dt.timedelta(seconds=seconds)
        tx.conn.execute(update(links).where(links.c.id.in_(ids)).values(due_at=again))


def give_back(tx: Tx, ids: Collection[str]) -> None:
    """Claimed and never asked for: due as before, the attempt not counted."""
    if ids:
        values = {"due_at": tx.now, "attempts": links.c.attempts - 1}
        tx.conn.execute(update(links).where(links.c.id.in_(ids)).values(**values))


def hand_over(tx: Tx, link_id: LinkId, host: str) -> None:
    """Where it leads is another crawler's just now: it becomes work of that host, due at once, the attempt not counted."""
    values = {"host": host, "due_at": tx.now, "attempts": links.c.attempts - 1}
    query = update(links).where(links.c.id == link_id).values(**values).returning(links.c.priority)
    for priority in tx.conn.execute(query).scalars():
        hosts.touch(tx, {host: tx.now}, rest=priority > NEW)


def retry(tx: Tx, link_id: LinkId, due_at: dt.datetime) -> None:
    tx.conn.execute(update(links).where(links.c.id == link_id).values(due_at=due_at))


def get(tx: Tx, link_id: LinkId) -> Record | None:
    """The whole row, with its source's name as ``source_name``."""
    return tx.conn.execute(_GET, {"link": link_id}).first()


def refused(tx: Tx, link_id: LinkId) -> str | None:
    """Nothing more is tried; a link that was read before stays read. Returns its source's id."""
    state = case((links.c.state == "read", "read"), else_="refused")
    query = update(links).where(links.c.id == link_id).values(state=state, due_at=None).returning(links.c.source_id)
    return tx.conn.execute(query).scalar()


def bring_back(tx: Tx, link_id: LinkId) -> bool:
    """`copytaster refused retry`: due at once, its attempts forgotten."""
    values = {"state": "found", "due_at": tx.now, "attempts": 0}
    hit = tx.conn.execute(update(links).where(links.c.id == link_id).values(**values).returning(links.c.host)).scalar()
    if hit:
        hosts.touch(tx, {hit: tx.now})
    return hit is not None


def read(tx: Tx, link_id: LinkId, article_id: str, *, reread_at: dt.datetime | None) -> None:
    """The article behind this link was read; ``reread_at`` says when to look for edits."""
    values = {"link": link_id, "article": article_id, "again": reread_at}
    host = tx.conn.execute(_READ, values).scalar()
    if host and reread_at:
        hosts.touch(tx, {host: reread_at}, rest=True)
