"""``copytaster forget``: takedown of an article or of a source. It owns words and options only."""

from typing import Annotated

import typer

from copytaster.errors import Rejected
from desk import output
from desk.commands.options import AsJson, group
from desk.opening import desk

app = group("Take an article or a source down, everywhere and for good.")


@app.command()
def forget(
    what: Annotated[str, typer.Argument(metavar="URL|SOURCE", help="An article's address, or a source as the list prints it.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="Let it in again, when it is found again.")] = False,
    json: AsJson = False,
) -> None:
    """Take down an article, or all of a source: rows, search index, what waits to be sent and copies of what was.

    Nothing brings it back: no feed, sitemap, redirect, backfill, retry or rebuild. What left this machine is out of reach:
    mails and messages that arrived, WARC archives, backups (which can't bring it back here).

    Example: copytaster forget https://example.org/2026/a-story --yes
    """
    from desk import forgetting

    with desk() as here:
        target = forgetting.target_of(here, what)
        if lift:
            _say_lifted(forgetting.lift(here, target), what, json=json)
            return
        if not yes and not typer.confirm(f"Take down {output.clean(target.sentence)} for good?", err=True):
            raise Rejected("not_confirmed", "Nothing was taken down.")
        run = forgetting.run(here)
        output.count(forgetting.steps(run, target), "Taking down", total=target.total)
        archive = here.config.crawl.archive
    done = run.done
    if json:
        record = {"articles": done.articles, "links": done.links, "deliveries": done.deliveries, "messages": done.messages}
        output.record({"id": target.id, "kind": target.kind, **record, "archive": archive or None})
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
