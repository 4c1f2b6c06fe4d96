"""``copytaster refused``: what was refused, why, and bringing it back. It owns words and options only."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Literal

import typer

from copytaster.store.refusals import Refusal
from copytaster.watches import without_secrets
from desk import listing, output
from desk.commands.options import AsJson, ListLimit, group
from desk.opening import desk

app = group("What was refused, at which stage and why: nothing is dropped in silence.\n\nExample: copytaster refused list")
Stage = Annotated[Literal["discover", "fetch", "ingest", "deliver", "index"] | None, typer.Option(help="Only this stage.")]
MOST_SHOWN = 50
Reason = Annotated[str | None, typer.Option(help="Only this reason, as the list prints it.")]


@app.command("list")
def list_(stage: Stage = None, reason: Reason = None, limit: ListLimit = None, json: AsJson = False) -> None:
    """List what was refused, the newest first.

    Example: copytaster refused list --stage ingest --json
    """
    with desk() as here:
        found = listing.every_refusal(here.store, stage=stage, reason=reason)
        listing.show(found, limit, most=MOST_SHOWN, record=_record if json else None, table=_table)


def _record(refusal: Refusal) -> dict[str, object]:
    return asdict(refusal) | {"url": _shown(refusal.stage, refusal.url)}


def _table(found: Sequence[Refusal]) -> None:
    rows = ((r.id, r.refused_at, r.stage, r.reason, r.attempts, _shown(r.stage, r.url), r.detail) for r in found)
    columns = ("id", "when", "stage", "reason", "tries", "what", "why")
    output.table(columns, rows, empty="Nothing is refused.")


@app.command()
def retry(
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID…", min=1, max=2**63 - 1)] = None,
    stage: Stage = None,
    reason: Reason = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything that is refused.")] = False,
    json: AsJson = False,
) -> None:
    """Try again what was refused.

    Example: copytaster refused retry --reason too_big
    """
    from desk import resending

    if bool(ids) == bool(stage or reason or all_):
        raise typer.BadParameter("Name refusals by their ids, or say --stage, --reason or --all.")
    with desk() as here, here.store.write() as tx:
        wanted = resending.chosen(tx, ids or (), reason=reason, stage=stage, everything=all_)
        done = [(each, resending.bring_back(tx, each)) for each in wanted]
    if json:
        for each, again in done:
            output.record({"id": each.id, "stage": each.stage, "url": _shown(each.stage, each.url), "due": again})
        return
    count = sum(again for _, again in done)
    gone = len(done) - count
    more = f"; {gone} had gone meanwhile" if gone else ""
    output.say(f"{count} will be tried again{more}." if done else "Nothing of that kind is refused.")


def _shown(stage: str, url: str) -> str:
    return without_secrets(url) if stage == "deliver" else url
