"""The months of texts and matches: partitions of their own on PostgreSQL, ranges of one table on SQLite.

It owns making months ahead and giving whole ones back; it must not know what may be forgotten.
"""

import datetime as dt
from collections.abc import Collection, Iterator

from sqlalchemy import Table, text

from copytaster.store.articles import month_of
from copytaster.store.db import Tx
from copytaster.store.schema import matches, texts

TABLES = (texts, matches)
AHEAD = 2  # months made before they begin: beat may be down for the turn of one
LOCK_WAIT = "2s"  # making or dropping a partition holds up every ingest that begins behind it


def following(month: int) -> int:
    return month + 1 if month % 100 < 12 else month + 89


def end_of(month: int) -> dt.datetime:
    """The first instant that is not in the month any more."""
    after = following(month)
    return dt.datetime(after // 100, after % 100, 1, tzinfo=dt.UTC)


def make_ahead(tx: Tx) -> None:
    """A partition for this month and the next ones, where there is none; nothing to do on SQLite."""
    wanted = [month_of(tx.now)]
    for _ in range(AHEAD):
        wanted.append(following(wanted[-1]))
    for table in TABLES:
        make(tx, table, wanted)


def make(tx: Tx, table: Table, wanted: Collection[int]) -> None:
    """Months that have rows in the partition for the rest stay there: moving them would hold up everybody for nothing."""
    if tx.dialect != "postgresql":
        return
    missing = set(wanted) - set(_partitions(tx, table))
    for month in sorted(missing):
        if _in_rest(tx, table, month):
            continue
        tx.conn.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"))
        bounds = f"FROM ({month}) TO ({month + 1})"
        tx.conn.execute(text(f"CREATE TABLE {_name(table, month)} PARTITION OF {table.name} FOR VALUES {bounds}"))


def held(tx: Tx, table: Table) -> list[int]:
    """The months that there are rows of, or an empty partition, oldest first."""
    return sorted({*_partitions(tx, table), *_distinct(tx, table)})


def _distinct(tx: Tx, table: Table) -> Iterator[int]:
    """From each month to the next by the key's index; DISTINCT would read every row."""
    name = f"{table.name}_rest" if tx.dialect == "postgresql" else table.name
    least = text(f"SELECT min(month) FROM {name} WHERE month > :month")
    month = tx.conn.execute(least, {"month": 0}).scalar()
    while month is not None:
        yield month
        month = tx.conn.execute(least, {"month": month}).scalar()


def forget(tx: Tx, table: Table, month: int, *, limit: int) -> bool:
    """Takes away a whole month, ``limit`` rows at once where it has no partition of its own; False: there is more."""
    if tx.dialect == "postgresql":
        if month in _partitions(tx, table):
            tx.conn.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"))
            tx.conn.execute(text(f"DROP TABLE {_name(table, month)}"))
            return True
        name, place = f"{table.name}_rest", "ctid"
    else:
        name, place = table.name, "rowid"
    chosen = f"SELECT {place} FROM {name} WHERE month = :month LIMIT :most"
    wanted = {"month": month, "most": limit}
    how = f"= ANY(ARRAY({chosen}))" if place == "ctid" else f"IN ({chosen})"
    return tx.conn.execute(text(f"DELETE FROM {name} WHERE {place} {how}"), wanted).rowcount < limit


_CHILDREN = text("SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = CAST(:parent AS regclass)")


def _partitions(tx: Tx, table: Table) -> list[int]:
    """The months with a partition of their own."""
    if tx.dialect != "postgresql":
        return []
    names = tx.conn.execute(_CHILDREN, {"parent": table.name}).scalars()
    ends = (name.removeprefix(f"{table.name}_") for name in names)
    return [int(end) for end in ends if end.isdigit()]


def _in_rest(tx: Tx, table: Table, month: int) -> bool:
    found = text(f"SELECT 1 FROM {table.name}_rest WHERE month = :month LIMIT 1")
    return tx.conn.execute(found, {"month": month}).first() is not None


def _name(table: Table, month: int) -> str:
    return f"{table.name}_{month}"
