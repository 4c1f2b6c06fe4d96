"""All sources and all watches, some hundreds in a transaction, so that none of them is long however many there are.

It owns the paging; it must not know how a list is shown.
"""

from collections.abc import Iterator

from copytaster.store import Store, health, watches
from copytaster.store.health import SourceHealth
from copytaster.watches import Channel, Watch


def every_source(store: Store) -> Iterator[SourceHealth]:
    """By name, with what its endpoints say."""
    after = None
    while True:
        with store.read() as tx:
            page = health.of_sources(tx, after=after)
        if not page:
            return
        yield from page
        after = page[-1]


def every_watch(store: Store) -> Iterator[tuple[Watch, list[Channel]]]:
    """In the order that they were added, each with its channels."""
    after = None
    while True:
        with store.read() as tx:
            page = watches.page(tx, after=after)
            channels = watches.by_ids(tx, {each for watch in page for each in watch.channel_ids})
        if not page:
            return
        yield from ((watch, [channels[each] for each in watch.channel_ids]) for watch in page)
        after = page[-1]
