"""``copytaster audit`` and ``rebuild``: what the stream missed, the index made anew. It owns words and options only."""

from dataclasses import asdict
from typing import Annotated

import typer

from desk import output
from desk.commands.options import AsJson, group, span
from desk.opening import desk

app = group("The search index.")


@app.command()
def audit(
    since: Annotated[float, span("--since", help="What was first seen since: 24h, 7d, 2w.")] = "7d",  # type: ignore[assignment]
    watch: Annotated[str | None, typer.Option("--watch", metavar="NAME", help="This watch alone, by its name or id.")] = None,
    json: AsJson = False,
) -> None:
    """Read stored articles again by an independent path, and deliver late what the stream missed.

    Each article is read by brute force for each watch that was there when it came; every match is held against its deliveries;
    the search index is asked for each article and each watch. The exit code is 1 where something was missed.

    Example: copytaster audit --since 7d
    """
    from desk.auditing import audited, print_report, records

    with desk() as here:
        done = audited(here, seconds=since, name=watch)
        if json:
            for each in records(here, done):
                output.record(each)
        else:
            print_report(here, done)
    if done.report.missed:
        raise typer.Exit(1)


@app.command()
def rebuild(json: AsJson = False) -> None:
    """Fill the search index anew from the store. Search and indexing go on meanwhile.

    A next index is built beside the one that is searched, compared with the store, and takes over in one step. One rebuild
    runs at a time; one that was killed can be run again. What Kibana shows beside the articles is written anew at the end.

    Example: copytaster rebuild
    """
    from copytaster.store import articles
    from workers.bootstrap import open_projection
    from workers.rebuilding import Rebuild

    with desk() as here:
        with here.store.read() as tx:
            total = articles.total(tx)
        with Rebuild(here.store, here.engine).running() as run:
            output.count(run.fill(), "Filling", total=total)
            output.count(run.compare(), "Comparing with the store", total=total)
            done = run.finish()
        if projection := open_projection(here.config, here.store):
            projection.rebuild()
    if json:
        output.record(asdict(done))
        return
    refused = f" {done.refused} were refused; `copytaster refused list --stage index` says why." if done.refused else ""
    mended = f" {done.mended} were missing and {done.removed} too many: mended." if done.mended or done.removed else ""
    output.say(f"The search index has {done.indexed} of {done.articles} articles, in {done.seconds:.1f} s.{refused}{mended}")
