"""A clock that was set back: what was due, leased or soon to be done by the time before would wait until it comes again.

It owns that repair of rows; it must not know what any of them is due for.
"""

import datetime as dt

from sqlalchemy import BigInteger, Column, Interval, Table, literal, type_coerce, update

from copytaster.store import marks
from copytaster.store.db import Tx
from copytaster.store.schema import articles, channels, deliveries, endpoints, hosts, leases, links, messages, pages, sources
from copytaster.store.types import MICROSECOND

SLACK = dt.timedelta(seconds=5)  # name servers of time shift a clock by less all the time
WORTH = 10  # what would be late by less than a tenth of its own wait is left alone: there may be millions of it
MARK = "clock"
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


def went_back(tx: Tx) -> dt.timedelta:
    """By how much the store's clock is behind what it was when this was last asked; 0: it goes on."""
    seen = marks.get(tx, MARK).at
    marks.put(tx, MARK, marks.Mark(tx.now))
    return seen - tx.now if seen and seen - tx.now > SLACK else dt.timedelta()


def bring_forward(tx: Tx, by: dt.timedelta) -> int:
    """What was due by the time before is due now, and what was planned for later waits no longer than it would have;
    returns how many rows moved.

    A delivery is planned by the hour of a wall (a digest, the end of a quiet night), so only what was due already is due now,
    and what was to go at once: it may have been written after the last look, and before the jump.
    What was leased in the moment between the jump and this look may be taken by another, too: a repeat, by the same id.
    """
    seen, moved = tx.now + by, 0
    for table, name in SCHEDULES:
        column = table.c[name]
        waited, soon = (column > tx.now) & (column <= seen), (column > seen) & (column <= seen + by * WORTH)
        moved += tx.conn.execute(update(table).where(waited).values({name: tx.now})).rowcount
        moved += tx.conn.execute(update(table).where(soon).values({name: _earlier(tx, column, by)})).rowcount
    due = deliveries.c.due_at
    at_once = due <= deliveries.c.created_at
    owed = (deliveries.c.state == "pending") & (due > tx.now) & ((due <= seen) | at_once)
    return moved + tx.conn.execute(update(deliveries).where(owed).values(due_at=tx.now)).rowcount


def _earlier(tx: Tx, column: "Column[dt.datetime]", by: dt.timedelta) -> object:
    if tx.dialect == "postgresql":
        return column.op("-")(literal(by, Interval()))
    return type_coerce(column, BigInteger) - by // MICROSECOND
