"""What a person wants taken down: an address or a source, whichever was meant, and the run that does it.

It owns that choice; the rows are the store's and the order is the workers'.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from copytaster.errors import Rejected
from copytaster.news import SourceId
from copytaster.store import Store, Tx, takedown
from copytaster.urls import url_id
from desk.fetching import whole
from desk.opening import Desk
from workers.takedown import Takedown, remembered, unremember


@dataclass(frozen=True, slots=True)
class Target:
    kind: Literal["article", "source"]
    id: str
    sentence: str
    total: int


def target_of(here: Desk, what: str) -> Target:
    """Raises Rejected for what is neither an address nor a source."""
    with here.store.read() as tx:
        return _source(tx, what) or _address(tx, what)


def _source(tx: Tx, what: str) -> Target | None:
    found = takedown.find_source(tx, what)
    if found is None and (url := _url(what)):
        found = takedown.find_source(tx, url) or takedown.find_source(tx, url.rstrip("/"))
    if found is None:
        return None
    total = takedown.total_of(tx, found.id)
    return Target("source", found.id, f"the source {found.name} ({found.url}) with {total} articles and links", total)


def _address(tx: Tx, what: str) -> Target:
    url = _url(what)
    named = url is not None and ("://" in what or "/" in what or takedown.known(tx, url_id(url)))
    if url is None or not named:
        raise Rejected("no_such_target", f"{what!r} is no address and no source: `copytaster source list` shows what there is.")
    seen = takedown.known(tx, url_id(url))
    return Target("article", url_id(url), url if seen else f"{url} (which was never found; it will not be taken in)", 2)


def _url(what: str) -> str | None:
    with contextlib.suppress(Rejected):
        url = whole(what)
        return url if urlsplit(url).hostname else None
    return None


def run(here: Desk) -> Takedown:
    from workers.bootstrap import open_projection

    projection = open_projection(here.config, here.store)
    return Takedown(here.store, here.engine, here.config.data_dir, projection.index if projection else None)


def steps(run: Takedown, target: Target) -> Iterator[int]:
    return run.source(SourceId(target.id)) if target.kind == "source" else run.address(target.id)


def lift(here: Desk, target: Target) -> int:
    with here.store.write() as tx:
        gone = takedown.lift(tx, [target.id])
    unremember(here.config.data_dir, [target.id])
    return gone


def take_down_again(run: Takedown, store: Store) -> Iterator[int]:
    """After a restore: what the backup still held of what was taken down since."""
    ids = remembered(run.data_dir)
    with store.read() as tx:
        found = [row.id for each in ids if (row := takedown.find_source(tx, each))]
    for source_id in found:
        yield from run.source(SourceId(source_id))
    yield from run.again(ids)
