"""Rows in every table, made from the tables' own declarations: for whatever must carry or keep all of them."""

import datetime as dt

from sqlalchemy import Boolean, Column, DateTime, Float, Integer, LargeBinary, MetaData, Table, insert, select
from sqlalchemy.types import JSON

from copytaster.store.types import Instant

FIRST = dt.datetime(2025, 1, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)
WORDS = "Ελλάδα کلمه 🗞 \\N\t\"'"  # what COPY and CSV trip over


def value(column: Column, number: int):
    """Of one row; what refers to another table names the row of the same number there."""
    if column.foreign_keys:
        return value(next(iter(column.foreign_keys)).column, number)
    if column.nullable and number % 2:
        return None
    if column.name == "month":
        return 202501 + number
    kinds = {
        Instant: FIRST + dt.timedelta(days=31 * number),
        DateTime: FIRST + dt.timedelta(days=31 * number),
        Boolean: bool(number % 2),
        JSON: [{"b": [0.1 + number, None, True], "a": WORDS}, number],
        LargeBinary: bytes(range(256)) * (number + 1),
        Float: float("inf") if column.nullable and number == 2 else 0.1 * number,
        Integer: number + 1,
    }
    found = [made for kind, made in kinds.items() if isinstance(column.type, kind)]
    if found:
        return found[0]
    return f"{column.table.name}-{column.name}-{number}" + ("" if column.primary_key else WORDS)


def fill(conn, metadata: MetaData, rows: int = 4) -> None:
    for table in metadata.sorted_tables:
        wanted = 1 if table.name == "watch_epoch" else rows
        made = [{column.name: value(column, number) for column in table.columns} for number in range(wanted)]
        conn.execute(insert(table), made)


def rows_of(conn, table: Table) -> list[tuple]:
    return sorted((tuple(row) for row in conn.execute(select(table))), key=repr)


def reflected(conn) -> MetaData:
    """The tables that are there, partitions aside."""
    found = MetaData()
    found.reflect(conn, only=lambda name, _: name != "alembic_version" and not name.startswith(("texts_", "matches_")))
    return found
