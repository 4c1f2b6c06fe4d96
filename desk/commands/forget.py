"""``copytaster forget``: takedown of an article or of a source. It owns words and options only."""

from dataclasses import asdict
from typing import Annotated

import typer

from copytaster.errors import Rejected
from desk import output
from desk.commands.options import AsJson, group
from desk.opening import desk

app = group("Take an article or a source down, everywhere and for good.")


@app.command()
def forget(
    what: Annotated[
        str, typer.Argument(metavar="URL|SOURCE", help="An article's address, or a source as the list prints it.")
    ] = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="Let it in again, when it is found again.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Finish what broke off, or what a restore brought back.")] = False,
    json: AsJson = False,
) -> None:
    """Take down an article, or all of a source: rows, search index, what waits to be sent and copies of what was.

    Nothing brings it back: no feed, sitemap, redirect, backfill, retry or rebuild. What left this machine is out of reach:
    mails and messages that arrived, WARC archives, backups (which can't bring it back here).

    Example: copytaster forget https://example.org/2026/a-story --yes
    """
    from desk import forgetting

    if again == bool(what):
        raise typer.BadParameter("Name an address or a source, or say --again alone.")
    with desk() as here:
        if lift:
            _say_lifted(forgetting.lift(here, what), what, json=json)
            return
        run, archive = forgetting.run(here), here.config.crawl.archive
        if again:
            output.count(run.again(), "Taking down again")
            record: dict[str, object] = {}
        else:
            target = forgetting.target_of(here, what)
            if not yes and not typer.confirm(f"Take down {output.clean(target.sentence)} for good?", err=True):
                raise Rejected("not_confirmed", "Nothing was taken down.")
            output.count(forgetting.steps(run, target), "Taking down", total=target.total)
            record = {"id": target.id, "kind": target.kind}
    done = run.done
    if json:
        output.record({**record, **asdict(done), "archive": archive or None})
        return
    output.say(
        f"Taken down: {done.articles} articles, {done.links} links; {done.deliveries} deliveries were cancelled, "
        f"{done.messages} messages redacted. It does not come back."
    )
    if archive:
        output.note(f"The WARC files in {archive} are not rewritten: see docs/operating.md for how to take a page out of them.")


def _say_lifted(gone: int, what: str, *, json: bool) -> None:
    if json:
        output.record({"lifted": gone})
    elif gone:
        output.say("It may come in again when it is found again; `copytaster source add` adds a source anew.")
    else:
        raise Rejected("not_taken_down", f"{what!r} was not taken down, so there is nothing to lift.")
