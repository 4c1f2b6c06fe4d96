"""The chore that looks after sources: notes each that fell ill or got well since the last look, and tells people once.

It owns the order of that and the words of the notices; what counts as trouble is decided in `silence` and `refused_pages`.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from copytaster.news import SourceId
from copytaster.store import Store, Tx, troubles, watches
from copytaster.store.db import Record
from copytaster.store.troubles import Reported
from copytaster.watches import Channel
from scrapers import rhythm
from workers.packing import notify
from workers.refused_pages import MOST, Tried, trouble_of_pages
from workers.silence import EndpointState, Judged, next_look, span, trouble_of

NAMED = 20  # sources in one notice
PAGE = 500  # sources judged in one transaction
Told = tuple[str, Reported]  # a source's name and what is wrong with it


def report(store: Store, operator: Sequence[str] = ()) -> list[str]:
    """Tells the owners, and the operator's addresses, of what began and what ended; returns names of the sources newly ill.

    Page by page, each a transaction: of a million sources a few thousand are due to be judged in a minute.
    """
    names: list[str] = []
    while True:
        with store.write() as tx:
            page = list(_judged(troubles.to_judge(tx, limit=PAGE)))
            told = _judge(tx, page)
            _tell(tx, operator, told, troubles.take_ended(tx, limit=PAGE))
            names += [name for name, _ in told]
        if len(page) < PAGE:
            return names


def _judge(tx: Tx, page: Sequence[Judged]) -> list[Told]:
    told, due = [], {}
    for source in page:
        found = trouble_of(source, tx.now) or trouble_of_pages(_tried(tx, source.id))
        if found and source.reported is None:
            told += [(source.name, found)] if troubles.note(tx, source.id, found, fresh_at=source.fresh_at) else []
        elif found and source.reported and found != source.reported:
            troubles.change(tx, source.id, found)
        elif source.reported and found is None:
            troubles.end(tx, source.id)
        due[source.id] = next_look(replace(source, reported=found), tx.now)
    troubles.check_again(tx, due)
    return told


def _tried(tx: Tx, source_id: SourceId) -> list[Tried]:
    refused = [Tried(**row._mapping) for row in troubles.pages_refused(tx, source_id, most=MOST)]
    if not refused:
        return [Tried(**row._mapping) for row in troubles.pages_read(tx, source_id, most=MOST)]
    return refused + [Tried(**row._mapping) for row in troubles.pages_read(tx, source_id, most=MOST)]


def _judged(rows: Iterable[Record]) -> Iterable[Judged]:
    for source_id, mine in groupby(rows, key=lambda row: SourceId(row.source_id)):
        found = list(mine)
        first = found[0]
        yield Judged(
            id=source_id,
            name=first.name,
            fresh_at=first.fresh_at,
            rhythm=rhythm.unpack(first.rhythm),
            reported=_reported(first),
            endpoints=[_endpoint(row) for row in found if row.kind],  # none of a source without endpoints
        )


def _reported(row: Record) -> Reported | None:
    if row.silent_at is None:
        return None
    return Reported(
        kind=row.trouble or "silent",
        reason=row.silent_reason or "",
        stage=row.trouble_stage or "discover",
        evidence=row.evidence,
    )


def _endpoint(row: Record) -> EndpointState:
    return EndpointState(
        readings=row.readings,
        interval_seconds=row.interval_seconds,
        gaps=tuple(row.gaps),
        due_at=row.due_at,
        last_error=row.last_error,
        trouble=row.end_trouble,
        well_until=row.well_until,
        evidence=row.end_evidence,
    )


def _tell(tx: Tx, operator: Sequence[str], told: Sequence[Told], ended: Sequence[Record]) -> None:
    if not told and not ended:
        return
    for channel in _listeners(tx, operator):
        if told:
            notify(tx, channel, *ill_words(told))
        if ended:
            notify(tx, channel, *well_words([(row.name, row.trouble or "silent", row.began_at) for row in ended], tx.now))


def _listeners(tx: Tx, operator: Sequence[str]) -> list[Channel]:
    """The first channel of each owner and every address of the operator; an address that is both is told once."""
    found = [*watches.first_channels(tx), *watches.operator_channels(tx, operator)]
    return list({channel.url: channel for channel in found}.values())


def ill_words(told: Sequence[Told]) -> tuple[str, str]:
    """Title and text of one notice, however many sources fell ill at once."""
    kinds = {found.kind for _, found in told}
    what = kinds.pop() if len(kinds) == 1 else "in trouble"
    title = f"{told[0][0]} is {what}" if len(told) == 1 else f"{len(told)} sources are {what}"
    lines = [f"{name} ({found.kind}): {found.reason}" for name, found in told[:NAMED]]
    more = [f"… and {len(told) - NAMED} more."] if len(told) > NAMED else []
    first = told[0][0] if len(told) == 1 else "NAME"
    return title, "\n".join(
        [*lines, *more, f"`copytaster source show '{first}'` shows what was seen; this ends by itself when something new comes."]
    )


def well_words(ended: Sequence[tuple[str, str, dt.datetime | None]], now: dt.datetime) -> tuple[str, str]:
    """… and of one that tells what is well again."""
    title = f"{ended[0][0]} is well again" if len(ended) == 1 else f"{len(ended)} sources are well again"
    lines = [
        f"{name}: it was {kind}" + (f" for {span((now - since).total_seconds())}." if since else ".")
        for name, kind, since in ended[:NAMED]
    ]
    more = [f"… and {len(ended) - NAMED} more."] if len(ended) > NAMED else []
    return title, "\n".join([*lines, *more])
