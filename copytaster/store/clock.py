"""A clock that was set back: what was due, leased or soon to be done by the time before would wait until it comes again.

It owns that repair of rows; it must not know what any of them is due for.
"""

import datetime as dt

from sqlalchemy import BigInteger, Column, Interval, Table, literal, select, type_coerce, update

from copytaster.store.db import Tx
from copytaster.store.schema import articles, channels, deliveries, endpoints, hosts, leases, links, messages, pages, sources
from copytaster.store.types import MICROSECOND

SLACK = dt.timedelta(seconds=5)  # name servers of time shift a clock by less all the time
AHEAD = dt.timedelta(hours=1)  # what was due later than this may as well come late
SCHEDULES: tuple[tuple[Table, str], ...] = (
    (endpoints, "due_at"),
    (hosts, "due_at"),
    (hosts, "rest_at"),
    (hosts, "leased_until"),
    (hosts, "next_allowed_at"),
    (links, "due_at"),
    (pages, "due_at"),
    (articles, "index_due_at"),
    (messages, "due_at"),
    (leases, "leased_until"),
    (sources, "check_at"),
    (channels, "paused_until"),
)


def set_back(tx: Tx, lease: str, seconds: float) -> dt.timedelta:
    """By how much the store's clock went back since this lease, always taken for ``seconds``, was last taken; 0: it did not.

    Nobody can hold it for longer from now on than it is taken for.
    """
    until = tx.conn.execute(select(leases.c.leased_until).where(leases.c.name == lease)).scalar()
    ahead = until - tx.now - dt.timedelta(seconds=seconds) if until else dt.timedelta()
    return ahead if ahead > SLACK else dt.timedelta()


def bring_forward(tx: Tx, by: dt.timedelta) -> int:
    """Moves all that is planned for the next while back by as much as the clock; returns how many rows.

    A delivery is planned by the hour of a wall (a digest, the end of a quiet night), so only what was due already is due now.
    """
    moved = 0
    for table, name in SCHEDULES:
        column = table.c[name]
        soon = (column > tx.now) & (column <= tx.now + by + AHEAD)
        moved += tx.conn.execute(update(table).where(soon).values({name: _earlier(tx, column, by)})).rowcount
    due = deliveries.c.due_at
    waited = (deliveries.c.state == "pending") & (due > tx.now) & (due <= tx.now + by)
    return moved + tx.conn.execute(update(deliveries).where(waited).values(due_at=tx.now)).rowcount


def _earlier(tx: Tx, column: "Column[dt.datetime]", by: dt.timedelta) -> object:
    if tx.dialect == "postgresql":
        return column.op("-")(literal(by, Interval()))
    return type_coerce(column, BigInteger) - by // MICROSECOND
