"""What must not come in again, as hashes alone, and which takedown each belongs to, so that it can be lifted as a whole.

It owns these rows and the spellings of a source that count as one; it must not know what else a takedown does.
"""

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, bindparam, delete, func, select

from copytaster.news import SourceId
from copytaster.store.db import Tx
from copytaster.store.schema import tombstones
from copytaster.urls import url_id, whatwg_host

_SOURCE = "source "
OF = func.coalesce(tombstones.c.takedown, tombstones.c.id)  # a tombstone of before there were takedowns is one of its own
_BURIED = select(tombstones.c.id).where(tombstones.c.id.in_(bindparam("ids", expanding=True)))


def of_source(source_id: str) -> str:
    """The takedown of a whole source; that of an address is called as the address's id."""
    return f"{_SOURCE}{source_id}"


def is_of_source(takedown: str) -> bool:
    return takedown.startswith(_SOURCE)


def buried(tx: Tx, ids: Collection[str]) -> set[str]:
    """Those of the ids (of links, articles, sources, endpoints or places) that have a tombstone."""
    return set(tx.conn.execute(_BURIED, {"ids": list(ids)}).scalars())


def takedowns_of(tx: Tx, ids: Collection[str]) -> dict[str, str]:
    """Of those that have a tombstone: by which takedown."""
    query = select(tombstones.c.id, OF.label("takedown")).where(tombstones.c.id.in_(ids))
    return {row.id: row.takedown for row in tx.conn.execute(query)}


def bury(tx: Tx, ids: Iterable[str], takedown: str) -> None:
    """What is buried already stays with its own takedown, unless it went with its source and is now named by itself."""
    rows = [{"id": each, "buried_at": tx.now, "takedown": takedown} for each in sorted(set(ids))]
    if not rows:
        return
    row = tx.insert(tombstones)
    own = tombstones.c.takedown.startswith(_SOURCE) & ~row.excluded.takedown.startswith(_SOURCE)
    tx.conn.execute(row.on_conflict_do_update(index_elements=["id"], set_={"takedown": row.excluded.takedown}, where=own), rows)


def lift(tx: Tx, takedown: str) -> set[str]:
    """It may come in again, when it is found again; the ids that were held."""
    mine = (tombstones.c.takedown == takedown) | (tombstones.c.takedown.is_(None) & (tombstones.c.id == takedown))
    return set(tx.conn.execute(delete(tombstones).where(mine).returning(tombstones.c.id)).scalars())


def lift_alone(tx: Tx, one: str) -> set[str]:
    """One address of a source that stays out."""
    return set(tx.conn.execute(delete(tombstones).where(tombstones.c.id == one).returning(tombstones.c.id)).scalars())


def is_buried(column: ColumnElement[str]) -> ColumnElement[bool]:
    """For queries over other tables."""
    return select(tombstones.c.id).where(tombstones.c.id == column).exists()


# -- sources by whatever name -----------------------------------------------------------------------------------------


def name_key(name: str) -> str:
    return url_id(f"name {' '.join(name.split()).casefold()}")


def place_key(url: str) -> str:
    """One for an address with http or https, with www. or without, with a last slash or without."""
    parts = urlsplit(url)
    tail = parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
    return url_id(f"place {whatwg_host(url).removeprefix('www.')}{tail}")


def keys_of_source(source_id: SourceId, name: str, url: str, endpoints: Iterable[tuple[str, str]]) -> set[str]:
    """All under which it must not come back, and by which it is found again to be lifted; endpoints by id and URL."""
    feeds = list(endpoints)
    return {source_id, name_key(name), place_key(url), *(each for each, _ in feeds), *(place_key(at) for _, at in feeds)}


def keys_of_new(source_id: SourceId, url: str, endpoints: Iterable[tuple[str, str]]) -> set[str]:
    """Those that are asked for before it is added: its site as a whole, too, but not its name, which may be another's."""
    feeds = list(endpoints)
    return {source_id, place_key(url), place_key(f"http://{whatwg_host(url)}/")} | {
        key for each, at in feeds for key in (each, place_key(at))
    }
