"""How far each projection has come, by name: a place to go on from after a restart. It must not know what is projected."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import delete, select

from copytaster.store.db import Tx
from copytaster.store.schema import marks


@dataclass(frozen=True, slots=True)
class Mark:
    """``at`` an instant, ``place`` a key; what they mean is the projection's own."""

    at: dt.datetime | None = None
    place: str | None = None


def get(tx: Tx, name: str) -> Mark:
    row = tx.conn.execute(select(marks.c.at, marks.c.place).where(marks.c.name == name)).first()
    return Mark(row.at, row.place) if row else Mark()


def put(tx: Tx, name: str, mark: Mark) -> None:
    values = {"at": mark.at, "place": mark.place}
    row = tx.insert(marks).values(name=name, **values)
    tx.conn.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))


def clear(tx: Tx, names: list[str]) -> None:
    """These begin anew."""
    tx.conn.execute(delete(marks).where(marks.c.name.in_(names)))
