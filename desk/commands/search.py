"""``copytaster search``: what was read, with highlighted passages. It owns words and options only."""

import datetime as dt
from typing import Annotated

import typer

from copytaster.watches import DEFAULT_LEVEL
from desk import output
from desk.commands.options import AsJson, LevelOption, Limit, group, span
from desk.opening import desk

app = group("Search.")


@app.command()
def search(
    query: Annotated[str, typer.Argument(help='Words, "phrases", OR, NOT, title: source: lang: author:')],
    since: Annotated[float | None, span("--since", help="Only what was first seen since: 24h, 7d, 2w.")] = None,
    limit: Limit = 20,
    level: LevelOption = None,
    json: AsJson = False,
) -> None:
    """Search what was read, newest first, with highlighted passages.

    Example: copytaster search '"Kataib Hezbollah" lang:en' --since 7d
    """
    from desk.looking import Look, found_record, print_found
    from search.query import parse

    read = parse(query)
    for hint in read.hints:
        output.note(f"Hint: {hint}")
    with desk() as here:
        look = Look.of(
            here, read, level=level or DEFAULT_LEVEL, since=dt.timedelta(seconds=since) if since else None, limit=limit
        )
    for result in look.results:
        if json:
            output.record(found_record(result))
        else:
            print_found(result)
    if not json:
        output.say(look.summary())
    if look.lagging:
        output.note(f"{look.lagging} articles are not indexed yet, so they are not searched; a worker does that.")
