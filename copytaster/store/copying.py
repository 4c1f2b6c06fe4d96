"""The whole truth from one database into another, whichever dialect each speaks, and the proof that it arrived.

It owns the order of the tables, what an empty target is and the comparison; it must not know who asks or why.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import delete, text

from copytaster.errors import Permanent, Rejected
from copytaster.store import months, processes
from copytaster.store.db import Tx
from copytaster.store.rawrows import Shape, Tally, count, number_on, read, write
from copytaster.store.schema import leases, marks, metadata, watch_epoch
from copytaster.store.schema import processes as process_rows

SHAPES = tuple(Shape(table) for table in metadata.sorted_tables)  # what refers comes after what it refers to
OF_A_MOMENT = (watch_epoch, leases, marks, process_rows)  # a store that nothing was added to has rows here; they are replaced
ALIVE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Copied:
    """What was carried over, by table."""

    tallies: Mapping[str, Tally] = field(default_factory=lambda: {shape.table.name: Tally(shape) for shape in SHAPES})

    @property
    def rows(self) -> int:
        return sum(tally.rows for tally in self.tallies.values())


def refuse_rows(target: Tx) -> None:
    """Raises Rejected where anything is in the target already."""
    for shape in SHAPES:
        if shape.table not in OF_A_MOMENT and (found := count(target, shape.table)):
            name = target.conn.engine.url.render_as_string(hide_password=True)
            raise Rejected("not_empty", f"{name} is not empty ({found:,} rows in {shape.table.name}): give an empty database.")


def alive(tx: Tx) -> list[str]:
    """Processes of copytaster that got on within the last half minute."""
    since = tx.now - dt.timedelta(seconds=ALIVE_SECONDS)
    return [each.name for each in processes.every(tx) if each.progress_at > since]


def batches(source: Tx) -> int:
    """How many steps `carry` and `verify` will take together."""
    return 2 * sum(-(-count(source, shape.table) // shape.batch) for shape in SHAPES)


def carry(source: Tx, target: Tx, copied: Copied) -> Iterator[str]:
    """Every row of every table, one batch a step; gives the name of the table. Nothing is kept unless the target commits."""
    target.take_time()
    for table in reversed(OF_A_MOMENT):
        target.conn.execute(delete(table))
    for table in months.TABLES:
        months.make(target, table, months.held(source, table))
    for shape in SHAPES:
        for rows in read(source, shape):
            write(target, shape, rows)
            copied.tallies[shape.table.name].add(rows)
            yield shape.table.name
        number_on(target, shape.table)
    if target.dialect == "postgresql":
        target.conn.execute(text("ANALYZE"))  # or the first minutes are planned for empty tables


def verify(target: Tx, copied: Copied) -> Iterator[str]:
    """Reads everything back, one batch a step. Raises Permanent where a table is not as it was read."""
    for shape in SHAPES:
        there = Tally(shape)
        for rows in read(target, shape):
            there.add(rows)
            yield shape.table.name
        wanted = copied.tallies[shape.table.name]
        if (there.rows, there.digest) != (wanted.rows, wanted.digest):
            raise Permanent(
                f"The table {shape.table.name} did not arrive as it was read ({wanted.rows:,} rows sent, {there.rows:,} found"
                f"{' and they differ' if there.rows == wanted.rows else ''}): nothing was kept, try again."
            )
