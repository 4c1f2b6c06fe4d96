"""``copytaster channel``: where people are told, how each takes it, and the keys of webhooks. It owns words and options only."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from copytaster.errors import Rejected
from copytaster.store import channels
from copytaster.store.channels import Standing
from copytaster.watches import without_secrets
from desk import listing, output, resending
from desk.commands.options import AsJson, ListLimit, group, span
from desk.opening import desk

app = group("Where you are told: how each channel takes it, and the keys of webhooks.\n\nExample: copytaster channel list")
Named = Annotated[str, typer.Argument(metavar="CHANNEL", help="Its id, as the list prints it, or its whole address.")]
MOST_SHOWN = 100
COLUMNS = ("to", "state", "waiting", "last sent", "fails since", "next try", "why", "id")


@app.command("list")
def list_(limit: ListLimit = None, json: AsJson = False) -> None:
    """List channels, those that are switched off or fail first; no secret is shown.

    Example: copytaster channel list --json
    """
    with desk() as here, here.store.read() as tx:
        most = None if json else (limit or MOST_SHOWN) + 1
        found = channels.listed(tx, limit=most)
    listing.show(found, limit, most=MOST_SHOWN, record=shown if json else None, table=_table)


def _table(found: Sequence[Standing]) -> None:
    output.table(COLUMNS, map(row, found), empty="Nobody is told anything yet: copytaster watch add 'a name' --to URL")


def shown(each: Standing) -> dict[str, object]:
    """One channel as an object."""
    return asdict(each) | {"url": without_secrets(each.url)}


def row(each: Standing) -> tuple[object, ...]:
    """One channel of the table."""
    why = each.reason or (each.last_error if each.failures else None)
    place, next_try = without_secrets(each.url), each.paused_until if each.state != "disabled" else None
    return place, each.state, each.waiting, each.sent_at, each.failing_since, next_try, why, each.id


@app.command()
def rotate(
    channel: Named,
    overlap: Annotated[float, span("--overlap", help="So long the old key signs beside the new one.")] = "24h",  # type: ignore[assignment]
    json: AsJson = False,
) -> None:
    """Give a webhook a new key, shown this once; until the overlap ends every message is signed with both.

    Example: copytaster channel rotate https://desk.example.org/hook --overlap 48h
    """
    with desk() as here, here.store.write() as tx:
        found = resending.channel_of(tx, channel)
        if not found.url.lower().startswith("http"):
            raise Rejected("no_webhook", f"{without_secrets(found.url)} is no webhook: nothing that goes there is signed.")
        secret = channels.rotate(tx, found.id, overlap_seconds=overlap)
        (found,) = channels.find(tx, found.id)
    if json:
        output.record({"id": found.id, "secret": secret, "old_secret_until": found.old_secret_until})
        return
    output.say(f"The new secret that signs what goes to {without_secrets(found.url)}: {secret}")
    output.say(f"The old one signs beside it until {found.old_secret_until:%Y-%m-%d %H:%M} UTC; change the receiver before then.")


@app.command()
def enable(channel: Named, json: AsJson = False) -> None:
    """Switch a channel on again, or have one that rests tried at once.

    Example: copytaster channel enable https://desk.example.org/hook
    """
    with desk() as here, here.store.write() as tx:
        found = resending.channel_of(tx, channel)
        resending.switch_on(tx, found)
        failed = len(resending.failed_messages(tx, found.id))
    if json:
        output.record({"id": found.id, "state": "active", "failed": failed})
        return
    output.say(f"{without_secrets(found.url)} is told again.")
    if failed:
        output.say(f"{failed} messages failed before; to send them: copytaster deliveries retry --to {found.id}")
