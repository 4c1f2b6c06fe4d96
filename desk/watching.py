"""Watches as a person adds, tests, exports and imports them; nothing is sent from here.

It owns what makes a watch acceptable before it is saved, and its form in files; matching and sending are others'.
"""

import datetime as dt
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from copytaster import heartbeat
from copytaster.errors import Rejected
from copytaster.store import Tx, deliveries, watches
from copytaster.watches import DEFAULT_LEVEL, LEVELS, Channel, Digest, Level, Quiet, Watch, WatchId, without_secrets
from desk.looking import Look
from desk.opening import Desk
from search.query import Query, parse

PREVIEW = dt.timedelta(days=7)
EXAMPLES = 3
LONGEST_NAME = 500
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_FIELDS = ("query", "name", "level", "aliases", "vetoes", "digest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person typed, options checked, the query not yet read."""

    query: str
    name: str = ""
    to: Sequence[str] = ()
    level: Level | None = None
    aliases: Sequence[str] = ()
    vetoes: Sequence[str] = ()
    digest: Digest = "instant"
    quiet: Quiet | None = None
    muted_until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """A saved watch, what the writer of its query should know, and the channels that were made for it just now."""

    watch: Watch
    hints: Sequence[str]
    channels: Sequence[Channel]
    new_channels: frozenset[str]


def query_of(query: str, aliases: Sequence[str] = ()) -> Query:
    """As the matcher will hold it. Raises QueryError."""
    return parse(_stored(query)).or_forms([_stored(alias) for alias in aliases])


def check(here: Desk, wanted: Wanted) -> Query:
    """Raises Rejected with a sentence for the first thing that would not work."""
    read = query_of(wanted.query, wanted.aliases)
    for url in wanted.to:
        here.notifiers.check(_stored(url))
    return read


def add(here: Desk, wanted: Wanted, *, watch_id: WatchId | None = None) -> Added:
    """Checks and saves; an id that is known is replaced."""
    read = check(here, wanted)
    with here.store.write() as tx:
        return _save(tx, wanted, read, watch_id)


def _save(tx: Tx, wanted: Wanted, read: Query, watch_id: WatchId | None) -> Added:
    name = _stored(wanted.name or wanted.query).strip()[:LONGEST_NAME]
    named = watches.find(tx, name)
    if named and watch_id is None and named.query == _stored(wanted.query):
        watch_id = named.id  # said again: with other options, or with a channel more
    if named and named.id != watch_id:
        raise Rejected("name_taken", f"There is a watch named “{name}” already; choose another --name, or remove it first.")
    watches.ensure_owner(tx)
    known = {channel.url for channel in watches.owner_channels(tx, watches.LOCAL.id)}
    channels = [watches.ensure_channel(tx, _stored(url).strip()) for url in dict.fromkeys(wanted.to)]
    watch = Watch(
        id=watch_id or WatchId(secrets.token_hex(8)),
        owner_id=watches.LOCAL.id,
        name=name,
        query=_stored(wanted.query),
        level=wanted.level,
        aliases=tuple(map(_stored, wanted.aliases)),
        vetoes=tuple(map(_stored, wanted.vetoes)),
        digest=wanted.digest,
        quiet=wanted.quiet,
        zone=wanted.quiet.zone if wanted.quiet else "UTC",
        muted_until=wanted.muted_until or (named.muted_until if named else None),
        channel_ids=tuple(channel.id for channel in channels),
        created_at=tx.now,
    )
    new = frozenset(channel.url for channel in channels if channel.url not in known)
    return Added(watches.save(tx, watch), read.hints, channels, new)


def _stored(text: str) -> str:
    """As any store takes it: PostgreSQL takes no NUL, and none takes half a character or bytes that are no UTF-8."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def find(tx: Tx, name: str) -> Watch:
    """By name or id. Raises Rejected."""
    found = watches.find(tx, _stored(name))
    if found is None:
        raise Rejected("no_such_watch", f"There is no watch “{name}”; `copytaster watch list` shows them.")
    return found


def remove(tx: Tx, watch: Watch) -> int:
    """Nothing more is matched or sent for it; returns how many deliveries still waited."""
    watches.remove(tx, watch.id)
    return deliveries.cancel(tx, watch.id)


def preview(
    here: Desk,
    query: Query,
    *,
    level: Level | None = None,
    vetoes: Sequence[str] = (),
    since: dt.timedelta = PREVIEW,
    limit: int = EXAMPLES,
) -> Look:
    """What it would have caught in the stored articles."""
    return Look.of(here, query, level=level or DEFAULT_LEVEL, since=since, limit=limit, vetoes=vetoes)


# -- files ------------------------------------------------------------------------------------------------------------


def listed(watch: Watch, channels: Mapping[Any, Channel]) -> dict[str, Any]:
    """As exported, for eyes and logs: where it is told without the keys in it."""
    return exported(watch, channels) | {"to": [without_secrets(channels[each].url) for each in watch.channel_ids]}


def exported(watch: Watch, channels: Mapping[Any, Channel]) -> dict[str, Any]:
    """One line of ``watch export``; ``imported`` reads it back. Secrets of webhooks stay here."""
    quiet = watch.quiet
    return {
        "id": watch.id,
        **{name: _plain(getattr(watch, name)) for name in _FIELDS},
        "quiet": f"{quiet.start:%H:%M}-{quiet.end:%H:%M}" if quiet else None,
        "zone": quiet.zone if quiet else None,
        "muted_until": watch.muted_until.isoformat() if watch.muted_until else None,
        "to": [channels[each].url for each in watch.channel_ids],
    }


def imported(line: str) -> tuple[WatchId | None, Wanted]:
    """One line of a file of watches. Raises Rejected with what is wrong in it."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        raise Rejected("bad_line", "it is no JSON.") from None
    if not isinstance(given, dict) or not isinstance(given.get("query"), str):
        raise Rejected("bad_line", 'it is no object with a "query".')
    wrong = [name for name, kind in _KINDS.items() if given.get(name) is not None and not kind(given[name])]
    if wrong:
        raise Rejected("bad_line", f'its "{wrong[0]}" is not of the kind that `copytaster watch export` prints.')
    values = {name: given[name] for name in (*_FIELDS, "to") if given.get(name) is not None}
    wanted = Wanted(**values, quiet=_quiet(given), muted_until=_instant(given.get("muted_until")))
    return (WatchId(given["id"]) if given.get("id") else None), wanted


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


_KINDS = {
    "id": lambda value: _is_text(value) and 0 < len(value) <= 100 and value != heartbeat.OWN,
    "name": _is_text,
    "level": lambda value: value in LEVELS,
    "aliases": _is_texts,
    "vetoes": _is_texts,
    "digest": lambda value: value in get_args(Digest),
    "quiet": _is_text,
    "zone": _is_text,
    "muted_until": _is_text,
    "to": _is_texts,
}


def _quiet(given: Mapping[str, Any]) -> Quiet | None:
    from desk.writing import hours, zone

    if given.get("quiet") is None:
        return None
    try:
        held = hours(given["quiet"])
        return Quiet(start=held.start, end=held.end, zone=zone(given.get("zone") or "UTC"))
    except ValueError as error:
        raise Rejected("bad_line", str(error)) from None


def _instant(text: str | None) -> dt.datetime | None:
    from desk.writing import instant

    try:
        return instant(text) if text else None
    except ValueError as error:
        raise Rejected("bad_line", str(error)) from None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
