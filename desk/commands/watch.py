"""``copytaster watch``: what somebody wants to be told about. It owns words and options only."""

import datetime as dt
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from copytaster.errors import CopytasterError, Permanent, Rejected, Transient
from copytaster.store import watches
from copytaster.watches import Channel, Digest, Quiet, Watch, without_secrets
from desk import listing, output, watching
from desk.commands.options import AsJson, LevelOption, ListLimit, date, group, reading, span
from desk.looking import Look, found_record, print_found
from desk.opening import Desk, desk
from desk.watching import Added, Wanted
from desk.writing import Hours, hours, zone

app = group("What you want to be told about.\n\nExample: copytaster watch add Fatemiyoun --to mailto:me@example.org")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name or id, as the list prints it.")]
MOST_SHOWN = 1_000
LANGUAGE = 'Words (AND), OR, NOT, ( ), "a phrase", "a b"~5, prefix*, =spelling, title: source: lang: author:'


@app.command()
def add(
    query: Annotated[str, typer.Argument(help=LANGUAGE)],
    *,
    name: Annotated[str, typer.Option(help="What alerts call it; the query itself unless given.")] = "",
    to: Annotated[list[str] | None, typer.Option(metavar="URL", help="mailto:, https: (webhook) or any Apprise URL.")] = None,
    level: LevelOption = None,
    alias: Annotated[list[str] | None, typer.Option(metavar="FORM", help="Another form that counts as the whole.")] = None,
    veto: Annotated[list[str] | None, typer.Option(metavar="FORM", help="A printed form that does not count.")] = None,
    digest: Annotated[Digest, typer.Option(help="At once, or gathered.")] = "instant",
    quiet: Annotated[
        Hours | None,
        typer.Option(parser=reading(hours), metavar="22:00-07:00", help="Hours in which alerts are held."),
    ] = None,
    tz: Annotated[str, typer.Option(parser=reading(zone), help="The zone of --quiet.")] = "UTC",
    json: AsJson = False,
) -> None:
    """Add a watch, and see what it would have caught last week and how its names are printed.

    Said again with the same query, it takes the new options and channels.

    Example: copytaster watch add '"Kataib Hezbollah"' --to mailto:me@example.org
    """
    from desk import suggesting  # the tables of names take 0.15 s to load

    wanted = Wanted(
        query=query,
        name=name,
        to=to or (),
        level=level,
        aliases=alias or (),
        vetoes=veto or (),
        digest=digest,
        quiet=Quiet(start=quiet.start, end=quiet.end, zone=tz) if quiet else None,
    )
    with desk() as here:
        added = watching.add(here, wanted)
        look = _preview_if_any(here, wanted)
        suggestions = suggesting.suggest_if_any(here, wanted) if look else suggesting.NONE
    if json:
        shown = watching.exported(added.watch, {each.id: each for each in added.channels})
        secrets = {each.url: each.secret for each in _new_webhooks(added)}
        shown |= {"hints": added.hints, "preview": look.total if look else None, "secrets": secrets}
        output.record(shown | suggesting.suggestions_record(suggestions, wanted))
        return
    _print_added(added)
    if look:
        _print_preview(look, "in the last 7 days it would have caught")
        suggesting.print_suggestions(suggestions, wanted)


def _preview_if_any(here: Desk, wanted: watching.Wanted) -> Look | None:
    """A search engine that is away must not hide that the watch is saved, nor its secret, which is shown this once."""
    try:
        query = watching.query_of(wanted.query, wanted.aliases)
        return watching.preview(here, query, level=wanted.level, vetoes=wanted.vetoes)
    except (Transient, Permanent) as error:
        output.note(f"The watch is saved and alerts; what it would have caught can't be looked up now: {error}")
        return None


def _new_webhooks(added: Added) -> list[Channel]:
    return [each for each in added.channels if each.url in added.new_channels and each.url.lower().startswith("http")]


def _print_added(added: Added) -> None:
    output.say(f"Watching “{output.clean(added.watch.name)}”.")
    for hint in added.hints:
        output.say(f"Hint: {output.clean(hint)}")
    for channel in _new_webhooks(added):
        output.say(f"The secret that signs what goes to {channel.url}: {channel.secret}")
    if not added.channels:
        output.say("It only records what it finds. To be told, say the same again with --to mailto:you@example.org")


def _print_preview(look: Look, said: str) -> None:
    output.say(f"Preview: {said} {look.total} article{'' if look.total == 1 else 's'}.")
    output.say("")
    for result in look.results:
        print_found(result)
    if look.lagging:
        output.note(f"{look.lagging} articles are not indexed yet, so they are not among these; a worker does that.")


@app.command("list")
def list_(
    limit: ListLimit = None,
    json: AsJson = False,
) -> None:
    """List watches in the order that they were added; as JSON all of them.

    Example: copytaster watch list --json
    """
    with desk() as here:
        listing.show(listing.every_watch(here.store), limit, most=MOST_SHOWN, record=_record if json else None, table=_table)


def _record(found: tuple[Watch, Sequence[Channel]]) -> Mapping[str, object]:
    return watching.listed(found[0], {each.id: each for each in found[1]})


def _table(found: Sequence[tuple[Watch, Sequence[Channel]]]) -> None:
    empty = "There are no watches yet: copytaster watch add 'a name' --to mailto:me@example.org"
    output.table(("name", "query", "when", "state", "to", "id"), (_row(*each) for each in found), empty=empty)


def _row(watch: Watch, channels: Sequence[Channel]) -> tuple[object, ...]:
    muted = watch.muted_until and watch.muted_until > dt.datetime.now(dt.UTC)
    to = ", ".join(without_secrets(each.url) + (" (off)" if each.state != "active" else "") for each in channels)
    return watch.name, watch.query, watch.digest, "muted" if muted else "on", to, watch.id


@app.command()
def show(name: Name, json: AsJson = False) -> None:
    """Show one watch: all its options, and how its query is read.

    Example: copytaster watch show Fatemiyoun
    """
    with desk() as here, here.store.read() as tx:
        watch = watching.find(tx, name)
        channels = watches.by_ids(tx, watch.channel_ids)
    found = watching.listed(watch, channels) | {"created_at": watch.created_at}
    read = watching.query_of(watch.query, watch.aliases)
    states = [
        {"id": each.id, "url": without_secrets(each.url), "state": each.state, "reason": each.reason}
        for each in channels.values()
    ]
    if json:
        output.record(found | {"read_as": str(read), "channels": states})
        return
    for field, value in (found | {"read as": str(read)}).items():
        if value not in (None, [], ""):
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            output.say(f"{field + ':':12} {output.shown(text)}")
    for state in states:
        if state["reason"]:
            output.say(output.clean(f"switched off: {state['url']}: {state['reason']}"))
            output.say(f"{'':12} to switch it on again: copytaster channel enable {state['id']}")


@app.command("test")
def preview(
    query: Annotated[str, typer.Argument(metavar="QUERY|NAME", help="A query, or the name of a watch.")],
    since: Annotated[float, span("--since", help="How far to look back.")] = "7d",  # type: ignore[assignment]
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")] = 20,
    level: LevelOption = None,
    json: AsJson = False,
) -> None:
    """Show what a query or watch would have caught; nothing is sent.

    Example: copytaster watch test 'title:ceasefire NOT football' --since 30d
    """
    with desk() as here:
        with here.store.read() as tx:
            known = watches.find(tx, query)
        read = watching.query_of(known.query, known.aliases) if known else watching.query_of(query)
        vetoes = known.vetoes if known else ()
        wanted = level or (known.level if known else None)
        look = watching.preview(here, read, level=wanted, vetoes=vetoes, since=dt.timedelta(seconds=since), limit=limit)
    if json:
        for result in look.results:
            output.record(found_record(result))
        return
    for hint in read.hints:
        output.say(f"Hint: {output.clean(hint)}")
    _print_preview(look, f"in the last {output.lasting(since)} it would have caught")


@app.command()
def mute(
    name: Name,
    for_: Annotated[float | None, span("--for", help="So long: 2h, 7d.")] = None,
    until: Annotated[dt.datetime | None, date("--until", help="Until then, in UTC unless it says.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Be told again.")] = False,
    json: AsJson = False,
) -> None:
    """Be told nothing for a while; what it finds is still recorded.

    Example: copytaster watch mute Fatemiyoun --for 2h
    """
    if (for_ is not None) + (until is not None) + off > 1:
        raise typer.BadParameter("Say one of --for, --until and --off.")
    with desk() as here, here.store.write() as tx:
        watch = watching.find(tx, name)
        end = until or (tx.now + dt.timedelta(seconds=for_) if for_ else None)
        end = None if off else end or FOREVER
        if end and end <= tx.now:
            raise Rejected("past", f"{end:%Y-%m-%d %H:%M} UTC is over already; give a later --until.")
        watches.mute(tx, watch.id, end)
    if json:
        output.record({"id": watch.id, "name": watch.name, "muted_until": end})
    elif end is None:
        output.say(f"“{output.clean(watch.name)}” tells again.")
    else:
        said = "until you say --off" if end == FOREVER else f"until {end:%Y-%m-%d %H:%M} UTC"
        output.say(f"“{output.clean(watch.name)}” is mute {said}.")


FOREVER = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


@app.command()
def remove(name: Name, json: AsJson = False) -> None:
    """Remove a watch, and cancel what still waits to be sent.

    Example: copytaster watch remove Fatemiyoun
    """
    with desk() as here, here.store.write() as tx:
        watch = watching.find(tx, name)
        cancelled = watching.remove(tx, watch)
    if json:
        output.record({"id": watch.id, "name": watch.name, "cancelled": cancelled})
        return
    more = f"; {cancelled} waiting alerts are cancelled" if cancelled else ""
    output.say(f"“{output.clean(watch.name)}” is removed{more}.")


@app.command("export")
def export() -> None:
    """Print all watches as JSON lines, for import.

    Addresses are whole, with the keys that stand in them; the secrets that sign webhooks are left out.

    Example: copytaster watch export > watches.jsonl
    """
    with desk() as here:
        for watch, channels in listing.every_watch(here.store):
            output.record(watching.exported(watch, {each.id: each for each in channels}))


@app.command("import")
def import_(file: Annotated[Path, typer.Argument(help="As export prints; - for standard input.")], json: AsJson = False) -> None:
    """Add watches from JSON lines.

    Those with a known id are replaced, so twice is as good as once.

    Example: copytaster watch import watches.jsonl
    """
    text = sys.stdin.read() if str(file) == "-" else file.read_bytes().decode("utf-8-sig", "surrogateescape")
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    done, wrong = 0, 0
    with desk() as here:
        for number, line in output.progress(lines, "Adding watches", total=len(lines)):
            try:
                name = _take(here, line)
            except CopytasterError as error:
                wrong += 1
                _tell({"line": number, "error": str(error)}, f"Line {number} is left out: {error}", json=json)
            else:
                done += 1
                _tell({"line": number, "name": name}, "", json=json)
    if not json:
        output.say(f"{done} watch{'' if done == 1 else 'es'} added.")
    if wrong:
        raise Rejected("bad_lines", f"{wrong} of {len(lines)} lines were left out; mend them and import the file again.")


def _take(here: Desk, line: str) -> str:
    watch_id, wanted = watching.imported(line)
    return watching.add(here, wanted, watch_id=watch_id).watch.name


def _tell(record: dict[str, object], sentence: str, *, json: bool) -> None:
    if json:
        output.record(record)
    elif sentence:
        output.note(sentence)
