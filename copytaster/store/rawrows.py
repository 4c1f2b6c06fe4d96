"""Rows as plain values that mean the same whichever database they come from or go to, a batch at a time.

It owns their form, which is SQLite's own: whole microseconds for instants, 0 and 1 for flags, text for JSON. It must
not know why rows are moved.
"""

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

from sqlalchemy import Boolean, LargeBinary, Table, text
from sqlalchemy.types import JSON

from copytaster.errors import Permanent, Transient
from copytaster.store.db import Tx
from copytaster.store.types import EPOCH, MICROSECOND, Instant, storable, to_json

BATCH = 1_000
BATCH_WITH_BODIES = 200  # a body may have megabytes
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Shape:
    """How the rows of one table are read, written and told apart."""

    table: Table

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.table.columns)

    def _places(self, kind: type) -> frozenset[int]:
        return frozenset(place for place, column in enumerate(self.table.columns) if isinstance(column.type, kind))

    @cached_property
    def instants(self) -> frozenset[int]:
        return self._places(Instant)

    @cached_property
    def flags(self) -> frozenset[int]:
        return self._places(Boolean)

    @cached_property
    def jsons(self) -> frozenset[int]:
        return self._places(JSON)

    @cached_property
    def bodies(self) -> frozenset[int]:
        return self._places(LargeBinary)

    @property
    def batch(self) -> int:
        return BATCH_WITH_BODIES if self.bodies else BATCH


def count(tx: Tx, table: Table) -> int:
    found: int = tx.conn.execute(text(f"SELECT count(*) FROM {table.name}")).scalar_one()
    return found


# -- reading ----------------------------------------------------------------------------------------------------------


def read(tx: Tx, shape: Shape) -> Iterator[list[Row]]:
    """Every row, in batches; texts that no database of ours can hold any more (an older release let NUL in) are mended."""
    options = {"stream_results": True, "max_row_buffer": shape.batch}
    columns = ", ".join(_selected(tx, shape, place) for place in range(len(shape.names)))
    found = tx.conn.execute(text(f"SELECT {columns} FROM {shape.table.name}"), execution_options=options)
    plain = _plain(tx, shape)
    while rows := found.fetchmany(shape.batch):
        yield [plain(row) for row in rows]


def _selected(tx: Tx, shape: Shape, place: int) -> str:
    name = f'"{shape.names[place]}"'
    return f"CAST({name} AS text)" if place in shape.jsons and tx.dialect == "postgresql" else name


def _plain(tx: Tx, shape: Shape) -> Callable[[Sequence[Any]], Row]:
    changed: dict[int, Callable[[Any], Any]] = dict.fromkeys(shape.jsons, _same_json)
    if tx.dialect == "postgresql":
        changed |= dict.fromkeys(shape.instants, _micros) | dict.fromkeys(shape.flags, int) | dict.fromkeys(shape.bodies, bytes)

    def plain(row: Sequence[Any]) -> Row:
        values = list(row)
        for place, change in changed.items():
            if values[place] is not None:
                values[place] = change(values[place])
        return tuple([value if type(value) is not str or _plainly(value) else storable(value) for value in values])

    return plain


def _plainly(value: str) -> bool:
    """Whether there is nothing to mend, as in nearly all keys and addresses."""
    return value.isascii() and "\0" not in value


def _same_json(value: str) -> str:
    """One text for one value: PostgreSQL keeps no order of keys and no blanks."""
    return value if value in ("[]", "{}") else to_json(json.loads(value))


def _micros(moment: dt.datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


# -- writing ----------------------------------------------------------------------------------------------------------


def write(tx: Tx, shape: Shape, rows: Sequence[Row]) -> None:
    if tx.dialect == "postgresql":
        _copy_in(tx, shape, rows)
        return
    columns, marks = ", ".join(f'"{name}"' for name in shape.names), ", ".join("?" * len(shape.names))
    tx.conn.exec_driver_sql(f"INSERT INTO {shape.table.name} ({columns}) VALUES ({marks})", list(rows))


def _copy_in(tx: Tx, shape: Shape, rows: Sequence[Row]) -> None:
    """By COPY, which takes ten times the rows that INSERT does."""
    import psycopg

    raw = tx.conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    columns = ", ".join(f'"{name}"' for name in shape.names)
    try:
        with raw.cursor() as cursor, cursor.copy(f"COPY {shape.table.name} ({columns}) FROM STDIN".encode()) as sink:
            for row in rows:
                sink.write_row(_with_instants(row, shape.instants))
    except psycopg.OperationalError as error:
        raise Transient(f"PostgreSQL went away while {shape.table.name} was copied: {_first_line(error)}.") from error
    except psycopg.Error as error:
        raise Permanent(f"PostgreSQL does not take the rows of {shape.table.name}: {_first_line(error)}.") from error


def _with_instants(row: Row, places: Collection[int]) -> list[Any]:
    values = list(row)
    for place in places:
        if values[place] is not None:
            values[place] = EPOCH + dt.timedelta(microseconds=values[place])
    return values


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def number_on(tx: Tx, table: Table) -> None:
    """The next row that numbers itself goes on after the last one; SQLite does so by itself."""
    counted = table.autoincrement_column
    if tx.dialect != "postgresql" or counted is None:
        return
    sequence = tx.conn.execute(
        text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": counted.name}
    ).scalar()
    if sequence:
        last = f"SELECT coalesce(max({counted.name}), 0) + 1 FROM {table.name}"
        tx.conn.execute(text(f"SELECT setval(:sequence, ({last}), false)"), {"sequence": sequence})


# -- comparing --------------------------------------------------------------------------------------------------------


class Tally:
    """How many rows, and a sum over them that no order changes: equal tables have equal tallies."""

    def __init__(self, shape: Shape) -> None:
        self.rows, self._sum = 0, 0
        self._bodies = sorted(shape.bodies)

    def add(self, rows: Sequence[Row]) -> None:
        self.rows += len(rows)
        self._sum += sum(int.from_bytes(self._digest(row), "big") for row in rows)

    def _digest(self, row: Row) -> bytes:
        # `ascii` escapes whatever is not ASCII, so it is the same whichever Unicode tables this Python has.
        if not self._bodies:
            return blake2b(ascii(row).encode(), digest_size=16).digest()
        plain, made = list(row), blake2b(digest_size=16)
        for place in self._bodies:
            body = plain[place]
            plain[place] = None if body is None else len(body)
            made.update(body or b"")
        made.update(ascii(plain).encode())
        return made.digest()

    @property
    def digest(self) -> str:
        return f"{self._sum % 2**128:032x}"
