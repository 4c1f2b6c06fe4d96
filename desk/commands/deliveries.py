"""``copytaster deliveries``: what was sent and what failed, and sending it again. It owns words and options only."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from copytaster.errors import Rejected
from copytaster.store import Tx
from copytaster.watches import Delivery, MessageId
from desk import output
from desk.commands.options import AsJson, Limit, group
from desk.opening import desk

app = group("What was sent, what failed and what waits.\n\nExample: copytaster deliveries list --state failed")
State = Literal["pending", "sending", "sent", "failed", "cancelled"]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Numbers of deliveries or ids of messages.")]
COLUMNS = ("id", "state", "due", "watch", "to", "title")


@app.command("list")
def list_(
    state: Annotated[State | None, typer.Option(help="Only these.")] = None, limit: Limit = 50, json: AsJson = False
) -> None:
    """List deliveries, the newest first.

    Example: copytaster deliveries list --state failed --json
    """
    from copytaster.store import deliveries

    with desk() as here, here.store.read() as tx:
        rows = deliveries.every(tx, state=state, limit=limit)
    if json:
        for row in rows:
            output.record({**row, "channel": output.without_secrets(row["channel"])})
        return
    cells = ((r["id"], r["state"], r["due_at"], r["watch"], output.without_secrets(r["channel"]), r["title"]) for r in rows)
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
    ids: Ids = None, all_: Annotated[bool, typer.Option("--all", help="All that failed.")] = False, json: AsJson = False
) -> None:
    """Try again what failed; the receiver sees the same id, so it can tell a repeat.

    Example: copytaster deliveries retry --all
    """
    from desk import resending

    if bool(ids) == all_:
        raise typer.BadParameter("Name deliveries, or say --all.")
    with desk() as here, here.store.write() as tx:
        failed = set(resending.failed_messages(tx))
        chosen = list(dict.fromkeys(resending.message_of(tx, each) for each in ids or ())) if ids else list(failed)
        if wrong := [each for each in chosen if each not in failed]:
            raise Rejected("not_failed", f"{wrong[0]} did not fail; `copytaster deliveries replay` sends it once more.")
        for message_id in chosen:
            resending.send_again(tx, message_id)
    _told(chosen, json=json)


@app.command()
def replay(ids: Annotated[list[str], typer.Argument(metavar="ID…")], json: AsJson = False) -> None:
    """Send once more what was sent: the same message with the same id.

    Example: copytaster deliveries replay 17
    """
    from desk import resending

    with desk() as here, here.store.write() as tx:
        chosen = list(dict.fromkeys(resending.message_of(tx, each) for each in ids))
        for message_id in chosen:
            resending.send_again(tx, message_id)
    _told(chosen, json=json)


def _told(chosen: Sequence[MessageId], *, json: bool) -> None:
    if json:
        for message_id in chosen:
            output.record({"message": message_id, "state": "due"})
    else:
        output.say(f"{len(chosen)} message{'' if len(chosen) == 1 else 's'} will be sent again by the next worker.")


def _found(named: str) -> dict[str, Any]:
    """A delivery by its number, with its message; or a message by its own id."""
    from copytaster.store import deliveries, messages
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
        "channel": output.without_secrets(channel.url) if channel else None,
    }
