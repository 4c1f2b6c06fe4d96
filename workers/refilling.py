"""Every article due again for an index that is empty, a slice at a time, and gone on with after a kill.

It owns the slices and the mark of how far it came; it must not know an engine. In one statement a large store would hold
its write lock for minutes, or run into PostgreSQL's limit for statements.
"""

from copytaster.store import Store, health, marks
from copytaster.store.marks import Mark

MARK = "index_all"
SLICE = 20_000  # articles in one transaction: 0.2 s


def put_all_again(store: Store) -> None:
    """From the first one. What waits already is left as it is."""
    with store.write() as tx:
        marks.put(tx, MARK, Mark(place=""))
    go_on(store)


def go_on(store: Store) -> None:
    """What an unfinished one left; nothing where there is none. Two at once do no harm."""
    with store.read() as tx:
        left = marks.get(tx, MARK).place is not None
    while left:
        with store.write() as tx:
            place = marks.get(tx, MARK).place
            last = health.index_all(tx, after=place, limit=SLICE) if place is not None else None
            if last is None:
                marks.clear(tx, [MARK])
            else:
                marks.put(tx, MARK, Mark(place=last))
            left = last is not None
