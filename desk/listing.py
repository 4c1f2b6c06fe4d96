"""Lists, some hundreds of rows in a transaction, so that none of them is long however many there are.

It owns the paging and how much of a list is shown; it must not know columns and fields.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from copytaster.store import Store, deliveries, health, refusals, watches
from copytaster.store.health import SourceHealth
from copytaster.store.refusals import Refusal
from copytaster.watches import Channel, Watch
from desk import output

PAGE = 500
T = TypeVar("T")


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


def every_delivery(store: Store, state: str | None = None) -> Iterator[Mapping[str, Any]]:
    """The newest first, with the names that a person knows."""
    before = None
    while True:
        with store.read() as tx:
            ids = deliveries.newest(tx, state=state, before=before, limit=PAGE)
            page = deliveries.named(tx, ids)
        if not ids:
            return
        yield from page
        before = ids[-1]


def every_refusal(store: Store, *, stage: str | None = None, reason: str | None = None) -> Iterator[Refusal]:
    """The newest first."""
    before = None
    while True:
        with store.read() as tx:
            page = refusals.every(tx, limit=PAGE, stage=stage, reason=reason, before=before)
        if not page:
            return
        yield from page
        before = page[-1]


def show(
    found: Iterable[T],
    limit: int | None,
    *,
    most: int,
    record: Callable[[T], Mapping[str, Any]] | None,
    table: Callable[[list[T]], None],
) -> None:
    """A list as people and programs get it, the same for all lists.

    With ``record`` each as a JSON object, all of them unless a limit was given: a script takes a list that just ends for the
    whole. Else a table of the first ``limit``, or ``most``, and a word on stderr where there are more.
    """
    if record:
        for each in islice(found, limit):
            output.record(record(each))
        return
    shown = limit or most
    rows = list(islice(found, shown + 1))
    table(rows[:shown])
    if len(rows) > shown:
        output.note(f"These are the first {shown}: say --limit for more, or --json for all.")
