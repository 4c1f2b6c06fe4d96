"""What a person wants taken down: an address or a source, whichever was meant, and the run that does it.

It owns that choice; the rows are the store's and the order is the workers'.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from copytaster.errors import CopytasterError, Permanent, Rejected
from copytaster.news import SourceId
from copytaster.store import Tx, takedown, tombstones
from copytaster.urls import url_id
from desk.fetching import whole
from desk.opening import Desk
from workers.takedown import Takedown, unremember


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


def lift(here: Desk, what: str) -> int:
    """Lets in again what went by one takedown: an address with all that led to it, a source by its name or any spelling.

    An address that went with its source is let in alone. Returns how many ids were held.
    """
    with here.store.write() as tx:
        gone = _lift(tx, what)
    unremember(here.config.data_dir, gone)
    return len(gone)


def _lift(tx: Tx, what: str) -> set[str]:
    url = _url(what)
    spellings = {what, tombstones.name_key(what), *([url_id(url), tombstones.place_key(url)] if url else [])}
    found = tombstones.takedowns_of(tx, spellings)
    page = url_id(url) if url else ""
    whole = {name for one, name in found.items() if one != page or name in (page, tombstones.of_source(page))}
    if whole or not found:
        return {one for name in whole for one in tombstones.lift(tx, name)}
    name = found[page]
    return tombstones.lift_alone(tx, page) if tombstones.is_of_source(name) else tombstones.lift(tx, name)


def restored_in_part(error: CopytasterError) -> CopytasterError:
    """The rows are back, and what was taken down is among them until it is taken down again."""
    left = "What was taken down since is kept from coming in and from being sent, and its rows are still there"
    return Permanent(f"The rows are back. {left}: {error} Then run `copytaster forget --again`.")
