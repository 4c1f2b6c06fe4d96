"""All articles but the heartbeat's in the order of their ids, a page at a time, for whoever holds another place to the store.

It changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from copytaster import heartbeat
from copytaster.news import ArticleId
from copytaster.store.db import Store, Tx
from copytaster.store.schema import articles as rows


@dataclass(frozen=True, slots=True)
class Entry:
    """``waiting``: the index stage still has to do with it, so that the index may lack its newest version."""

    id: ArticleId
    version: int
    waiting: bool


_PAGE = (
    select(rows.c.id, rows.c.document_version, rows.c.index_due_at)
    .where(rows.c.id > bindparam("after"), rows.c.source_id != heartbeat.SOURCE)
    .order_by(rows.c.id)
    .limit(bindparam("most"))
)
_THERE = select(rows.c.id).where(rows.c.id.in_(bindparam("ids", expanding=True)))


def page(tx: Tx, after: str, *, limit: int) -> list[Entry]:
    """Those that follow ``after`` ("" for the first page); fewer than ``limit`` only at the end."""
    found = tx.conn.execute(_PAGE, {"after": after, "most": limit})
    return [Entry(each.id, each.document_version, each.index_due_at is not None) for each in found]


def pages(store: Store, *, limit: int) -> Iterator[list[Entry]]:
    """Every article there is, each page in a transaction of its own."""
    after = ""
    while True:
        with store.read() as tx:
            found = page(tx, after, limit=limit)
        if found:
            yield found
        if len(found) < limit:
            return
        after = found[-1].id


def there(tx: Tx, ids: Sequence[str]) -> set[ArticleId]:
    """Those of the ids that are articles."""
    return set(tx.conn.execute(_THERE, {"ids": list(ids)}).scalars())
