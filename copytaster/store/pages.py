"""Pages in flight: fetched, compressed, waiting to be ingested. The row goes when its article is a row.

Sources take turns (decision 0013): a page's ``turn`` is its place in line, counted on from its source's last one, so that
thousands of one source hold up none of another.
"""

import datetime as dt
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import bindparam, case, delete, func, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from copytaster.news import Page
from copytaster.store.db import Tx
from copytaster.store.schema import links, pages
from copytaster.store.types import Instant

GZIP_OR_ZLIB = 47


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLease:
    """A claimed page: the work, and the token that the update which finishes it must carry."""

    page: Page
    token: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A page to keep; ``packed`` is its body in gzip where it came so, which saves packing it again (2 ms a page)."""

    page: Page
    priority: int = 0
    packed: bytes | None = None
    source_id: str = ""  # whose turn it takes


def put(tx: Tx, fetched: Sequence[Fetched]) -> None:
    """Keeps pages with their priority, due at once, and marks their links as fetched; not those taken down meanwhile."""
    there = _still_there(tx, [one.page.link_id for one in fetched])
    fetched = [one for one in fetched if one.page.link_id in there]
    if not fetched:
        return
    row = tx.insert(pages)
    replaced = {name: row.excluded[name] for name in pages.c.keys() if name != "link_id"}  # noqa: SIM118  no plain dict
    rows = [_row(tx, one) for one in fetched]
    _take_turns(tx, rows)
    tx.conn.execute(row.on_conflict_do_update(index_elements=["link_id"], set_=replaced), rows)
    mine = links.c.id.in_([one.page.link_id for one in fetched])
    state = case((links.c.state == "read", "read"), else_="fetched")
    tx.conn.execute(update(links).where(mine).values(state=state, due_at=None, attempts=0))


_THERE = select(links.c.id).where(links.c.id.in_(bindparam("ids", expanding=True)))
_HELD = {"sqlite": _THERE, "postgresql": _THERE.with_for_update(read=True, key_share=True)}


def _still_there(tx: Tx, ids: Sequence[str]) -> set[str]:
    return set(tx.conn.execute(_HELD[tx.dialect], {"ids": sorted(ids)}).scalars()) if ids else set()


_FIRST_TURN = select(func.min(pages.c.turn)).where(pages.c.priority == bindparam("priority"))
_LAST_TURNS = (
    select(pages.c.source_id, func.max(pages.c.turn).label("last"))
    .where(pages.c.source_id.in_(bindparam("sources", expanding=True)), pages.c.priority == bindparam("priority"))
    .group_by(pages.c.source_id)
)


def _take_turns(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Each page comes one turn after its source's last, and none before those whose turn it is now."""
    for priority in {row["priority"] for row in rows}:
        mine = [row for row in rows if row["priority"] == priority]
        now = tx.conn.execute(_FIRST_TURN, {"priority": priority}).scalar() or 0
        wanted = {"sources": sorted({row["source_id"] for row in mine}), "priority": priority}
        last: dict[str, int] = {row.source_id: row.last for row in tx.conn.execute(_LAST_TURNS, wanted)}
        for row in mine:
            row["turn"] = last[row["source_id"]] = max(last.get(row["source_id"], -1) + 1, now)


def _row(tx: Tx, fetched: Fetched) -> dict[str, Any]:
    page = fetched.page
    return {
        "link_id": page.link_id,
        "source_id": fetched.source_id,
        "url": page.url,
        "status": page.status,
        "content_type": page.content_type,
        # Level 1: 4 times quicker than 6 for 15 % more bytes, kept for seconds.
        "body": fetched.packed or zlib.compress(page.body, 1),
        "fetched_at": page.fetched_at,
        "priority": fetched.priority,
        "due_at": tx.now,
        "lease_token": None,
        "attempts": 0,
    }


@cache
def _claim(dialect: str) -> ReturningUpdate[*tuple[Any, ...]]:
    due = pages.c.due_at <= bindparam("now", type_=Instant)
    first = select(pages.c.link_id).where(due).order_by(pages.c.priority, pages.c.turn, pages.c.due_at).limit(1)
    if dialect == "postgresql":
        first = first.with_for_update(skip_locked=True)
    leased = {"lease_token": bindparam("token"), "due_at": bindparam("until"), "attempts": pages.c.attempts + 1}
    return update(pages).where(pages.c.link_id == first.scalar_subquery()).values(leased).returning(*pages.c)


_WAITING = select(func.count()).select_from(pages)
_FINISH = delete(pages).where(pages.c.link_id == bindparam("link"), pages.c.lease_token == bindparam("token"))


def claim(tx: Tx, token: str, *, seconds: float) -> PageLease | None:
    """The next due page, leased for ``seconds`` with its attempt counted before the work.

    New ones come before re-reads, these before backfill, and among their like each source in turn.
    """
    values = {"token": token, "now": tx.now, "until": tx.now + dt.timedelta(seconds=seconds)}
    row = tx.conn.execute(_claim(tx.dialect), values).first()
    if row is None:
        return None
    page = Page(
        link_id=row.link_id,
        url=row.url,
        status=row.status,
        content_type=row.content_type,
        body=zlib.decompress(row.body, wbits=GZIP_OR_ZLIB),
        fetched_at=row.fetched_at,
    )
    return PageLease(page=page, token=token, attempts=row.attempts)


def finish(tx: Tx, lease: PageLease) -> bool:
    """Removes the page if the lease still holds; False means that another worker has it, so nothing may be written."""
    return tx.conn.execute(_FINISH, {"link": lease.page.link_id, "token": lease.token}).rowcount == 1


def retry(tx: Tx, lease: PageLease, due_at: dt.datetime) -> None:
    mine = (pages.c.link_id == lease.page.link_id) & (pages.c.lease_token == lease.token)
    tx.conn.execute(update(pages).where(mine).values(due_at=due_at, lease_token=None))


def waiting(tx: Tx) -> int:
    """How many pages are in flight; the crawler stops claiming above its bound."""
    return tx.conn.execute(_WAITING).scalar_one()


def due(tx: Tx) -> int:
    return tx.conn.execute(select(func.count()).where(pages.c.due_at <= tx.now)).scalar_one()
