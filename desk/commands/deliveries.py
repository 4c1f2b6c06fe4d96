"""``copytaster deliveries``: what was sent and what failed, and sending it again. It owns words and options only."""

import datetime as dt
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from copytaster.errors import Rejected
from copytaster.store import Tx, deliveries
from copytaster.watches import Delivery, MessageId, without_secrets
from desk import listing, output
from desk.commands.options import AsJson, ListLimit, date, group, reading
from desk.opening import Desk, desk
from desk.writing import span_or_instant

app = group("What was sent, what failed and what waits.\n\nExample: copytaster deliveries list --state failed")
State = Literal["pending", "sending", "sent", "failed", "cancelled"]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Numbers of deliveries or ids of messages.")]
MOST_SHOWN = 50
COLUMNS = ("id", "state", "due", "watch", "to", "title")


@app.command("list")
def list_(
    state: Annotated[State | None, typer.Option(help="Only these.")] = None, limit: ListLimit = None, json: AsJson = False
) -> None:
    """List deliveries, the newest first.

    Example: copytaster deliveries list --state failed --json
    """
    with desk() as here:
        listing.show(
            ({**row, "channel": without_secrets(row["channel"])} for row in listing.every_delivery(here.store, state)),
            limit,
            most=MOST_SHOWN,
            record=dict if json else None,
            table=_table,
        )


def _table(rows: Sequence[Mapping[str, Any]]) -> None:
    cells = ((r["id"], r["state"], r["due_at"], r["watch"], r["channel"], r["title"]) for r in rows)
    output.table(COLUMNS, cells, empty="Nothing was owed to anybody yet.")


@app.command()
def show(id: Annotated[str, typer.Argument(metavar="ID")], json: AsJson = False) -> None:  # noqa: A002
    """Show one delivery: its message, every attempt and what was said.

    Example: copytaster deliveries show 17
    """
    found = _found(id)
    if json:
        output.record(found)
        return
    for name in ("id", "state", "watch", "title", "url", "channel", "kind", "created_at", "due_at", "message_id"):
        if found.get(name) is not None:
            output.say(f"{name + ':':12} {output.shown(found[name])}")
    for item in (found["payload"] or {}).get("items", ()):
        output.say(f"{'why:':12} {output.clean(item['why'])}")
        output.say(f"{'passage:':12} {output.marked(item['passage']['text'], item['passage']['marks'])}")
    attempts = ((each["at"], each["outcome"], each["detail"]) for each in found["attempts"])
    output.table(("attempt", "outcome", "answer"), attempts, empty="It was not tried yet.")


@app.command()
def retry(
    ids: Ids = None,
    all_: Annotated[bool, typer.Option("--all", help="All that failed.")] = False,
    to: Annotated[str | None, typer.Option(metavar="CHANNEL", help="All that failed for this channel.")] = None,
    json: AsJson = False,
) -> None:
    """Try again what failed; the receiver sees the same id, so it can tell a repeat.

    Example: copytaster deliveries retry --all
    """
    from desk import resending

    if bool(ids) + all_ + bool(to) != 1:
        raise typer.BadParameter("Name deliveries, or say --all, or --to with a channel.")
    with desk() as here:
        with here.store.read() as tx:
            channel_id = resending.channel_of(tx, to).id if to else None
            failed = resending.failed_messages(tx, channel_id)
            chosen = list(dict.fromkeys(resending.message_of(tx, each) for each in ids or ())) if ids else failed
        if wrong := [each for each in chosen if each not in set(failed)]:
            raise Rejected("not_failed", f"{wrong[0]} did not fail; `copytaster deliveries replay` sends it once more.")
        _send(here, chosen, json=json)


@app.command()
def replay(
    ids: Ids = None,
    *,
    since: Annotated[
        float | None,
        typer.Option(parser=reading(span_or_instant), metavar="SPAN|DATE", help="All that was sent since then: 24h, 2026-01-31."),
    ] = None,
    until: Annotated[dt.datetime | None, date("--until", help="… and before then, in UTC unless it says.")] = None,
    to: Annotated[str | None, typer.Option(metavar="CHANNEL", help="… to this channel.")] = None,
    watch: Annotated[str | None, typer.Option(metavar="NAME", help="… for this watch.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Send once more what was sent: the same messages with the same ids, after whatever is new.

    Example: copytaster deliveries replay --since 24h --to https://desk.example.org/hook
    """
    from desk import resending

    if bool(ids) == (since is not None) or (ids and (until or to or watch)):
        raise typer.BadParameter("Name deliveries, or say --since, which --until, --to and --watch may narrow.")
    with desk() as here:
        with here.store.read() as tx:
            if ids:
                chosen = list(dict.fromkeys(resending.message_of(tx, each) for each in ids))
            else:
                told = resending.sent_since(tx, since, until=until, to=to, watch=watch)
                chosen = deliveries.message_ids(tx, told)
        if not ids and chosen and not yes:
            _confirm(len(chosen))
        _send(here, chosen, json=json)


def _confirm(count: int) -> None:
    """A person is asked; a script has to say --yes, and learns how many there are."""
    question = f"{_messages(count)} will be sent once more"
    if not sys.stdin.isatty():
        raise Rejected("not_confirmed", f"{question}: say --yes to do it.")
    if not typer.confirm(f"{question}. Do it?", err=True):
        raise Rejected("not_confirmed", "Nothing is sent.")


def _send(here: Desk, chosen: Sequence[MessageId], *, json: bool) -> None:
    from desk import resending

    output.count(resending.send_all_again(here.store, chosen), "Putting into the outbox", total=len(chosen))
    if json:
        for message_id in chosen:
            output.record({"message": message_id, "state": "due"})
    else:
        output.say(f"{_messages(len(chosen))} will be sent again by the next worker.")


def _messages(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'}"


def _found(named: str) -> dict[str, Any]:
    """A delivery by its number, with its message; or a message by its own id."""
    from copytaster.store import messages
    from desk import resending

    with desk() as here, here.store.read() as tx:
        delivery = deliveries.get(tx, int(named)) if resending.is_number(named) else None
        message_id = delivery.message_id if delivery else resending.message_of(tx, named)
        message = messages.get(tx, message_id) if message_id else None
        attempts = messages.attempts_of(tx, message_id) if message_id else []
        found: dict[str, Any] = _named(tx, delivery) if delivery else {"state": message and message["state"]}
    payload = message["payload"] if message else None
    return found | {"message_id": message_id, "payload": payload, "attempts": list(attempts)}


def _named(tx: Tx, delivery: Delivery) -> dict[str, Any]:
    """With the names that a person knows, as far as watch and article are still there."""
    from copytaster.store import articles, watches

    watch, article = watches.get(tx, delivery.watch_id), articles.get(tx, delivery.article_id)
    channel = watches.by_ids(tx, [delivery.channel_id]).get(delivery.channel_id)
    return {
        **asdict(delivery),
        "watch": watch.name if watch else None,
        "title": article.title if article else None,
        "url": article.url if article else None,
        "channel": without_secrets(channel.url) if channel else None,
    }
