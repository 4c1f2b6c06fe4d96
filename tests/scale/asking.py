"""What commands, metrics, reconciler and crawlers ask of the store again and again, each call by its name.

It owns the list and the statements behind it; it must not know how large the store is or what a call may cost.
"""

import pathlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from sqlalchemy import event

from copytaster.config import Config
from copytaster.store import Store, Tx, articles, deliveries, health, hosts, links, messages, sources, watches
from copytaster.store.hosts import Manners
from desk.exporter import Exporter
from desk.glance import look
from desk.standing import Standing
from workers import source_watch
from workers.reconciler import MOST_COUNTED, due_rows

Calls = dict[str, Callable[[], object]]
TOKEN = "crawl/scale"


def calls(store: Store, folder: pathlib.Path) -> Calls:
    """In the order in which they are to be made: a crawler's round needs what it claimed."""
    here: Any = SimpleNamespace(store=store, config=Config(data_dir=folder))
    last: dict[str, Any] = {}  # of each page, for the one after

    def page(tx: Tx, of: Any) -> object:
        found = of(tx, after=last.get(of.__module__))
        last[of.__module__] = found[-1]
        return found

    return {
        "status": lambda: Standing.of(here),
        "status page": lambda: look(store),
        "metrics": lambda: Exporter(store, lambda _: 0).read(),
        "source list, first page": _reading(store, health.of_sources),
        "source list, each page": _reading(store, lambda tx: page(tx, health.of_sources)),
        "source by name": _reading(store, lambda tx: sources.find(tx, "Site 777")),
        "watch list, first page": _reading(store, watches.page),
        "watch list, each page": _reading(store, lambda tx: page(tx, watches.page)),
        "watch by name": _reading(store, lambda tx: watches.find(tx, "watch 777")),
        "reconciler's look": _reading(store, lambda tx: due_rows(tx, most=MOST_COUNTED)),
        "chore: silence": lambda: source_watch.report(store),
        "chore: hubs": _reading(store, lambda tx: sources.with_hubs(tx, until=tx.now, limit=200)),
        **_of_the_crawler(store),
        "deliveries to pack": _writing(store, lambda tx: deliveries.claim_due(tx, limit=200)),
        "message to send": _writing(store, lambda tx: messages.claim(tx, "send/scale", seconds=30)),
        "channel is left": _writing(store, lambda tx: deliveries.cancel_channel(tx, "c7")),  # type: ignore[arg-type]
        "articles to index": _writing(store, lambda tx: articles.claim_unindexed(tx, "index/scale", limit=100, seconds=30)),
    }


def _of_the_crawler(store: Store) -> Calls:
    """The revisit queue: what one tick of a crawler with 128 places asks."""
    held: list[str] = []

    def lease(tx: Tx) -> None:
        held[:] = [each.host for each in hosts.claim(tx, TOKEN, limit=128, seconds=30)]
        assert held, "nothing is due, so nothing is shown"

    return {
        "is any host due": _reading(store, hosts.claimable),
        "lease hosts": _writing(store, lease),
        "claim endpoints": _writing(store, lambda tx: sources.claim_endpoints(tx, held, each=4, limit=512, seconds=30)),
        "claim links": _writing(store, lambda tx: links.claim(tx, held, each=16, limit=512, seconds=30)),
        "hosts held": _reading(store, lambda tx: hosts.held(tx, TOKEN)),
        "renew": _writing(store, lambda tx: hosts.renew(tx, TOKEN, seconds=30)),
        "release": _writing(store, lambda tx: hosts.release(tx, TOKEN, {name: Manners(60.0) for name in held})),
    }


def _reading(store: Store, ask: Callable[[Tx], object]) -> Callable[[], object]:
    def call() -> object:
        with store.read() as tx:
            return ask(tx)

    return call


def _writing(store: Store, ask: Callable[[Tx], object]) -> Callable[[], object]:
    def call() -> object:
        with store.write() as tx:
            return ask(tx)

    return call


@contextmanager
def overheard(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is run meanwhile, with the values of its first run."""
    said: list[tuple[str, Any]] = []

    def hear(_conn: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if statement.split(None, 1)[0] in {"SELECT", "UPDATE", "INSERT", "DELETE", "WITH"}:
            said.append((statement, values[0] if many else values))

    event.listen(store.engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(store.engine, "before_cursor_execute", hear)
