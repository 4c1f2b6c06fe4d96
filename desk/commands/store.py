"""``copytaster backup``, ``restore`` and ``store copy``: the truth into a file, out of it, into another database.

It owns words and options only.
"""

import pathlib
import time
from typing import Annotated

import typer

from desk import output
from desk.commands.options import AsJson, group
from desk.opening import desk

app = group("Keep the truth safe, and move it.\n\nExample: copytaster backup news.backup")
store = group("Move the truth from one database to another.\n\nExample: copytaster store copy --to postgresql://me@host/news")
app.add_typer(store, name="store")

File = Annotated[pathlib.Path, typer.Argument(metavar="FILE")]


@store.callback()
def _store() -> None:
    """Without this, a group of one command would be that command."""


@app.command()
def backup(
    file: File,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    json: AsJson = False,
) -> None:
    """Write the whole truth into one file, as it is at one instant, while everything runs.

    Example: copytaster backup /backups/news.backup
    """
    from desk import keeping

    started = time.monotonic()
    with desk() as here:
        done = keeping.back_up(here.config, here.store, file, force=force)
    size, seconds = file.stat().st_size, time.monotonic() - started
    if json:
        output.record({"file": str(file), "rows": done.rows, "bytes": size, "seconds": round(seconds, 3)})
        return
    output.say(f"{done.rows:,} rows are in {file} ({size / 1e6:,.1f} MB, {seconds:.1f} s), read back and found whole.")
    output.note("It holds the secrets of channels and sources: only you can read it; keep it so.")


@app.command()
def restore(file: File, json: AsJson = False) -> None:
    """Bring a backup into an empty store, SQLite or PostgreSQL, whichever it was made from.

    Example: copytaster restore /backups/news.backup
    """
    from copytaster.errors import CopytasterError
    from desk import forgetting, keeping

    started = time.monotonic()
    with desk() as here:
        done = keeping.restore(here.config, here.store, file)
        try:
            run = forgetting.run(here)
            output.count(run.again(), "Taking down again")
        except CopytasterError as error:
            raise forgetting.restored_in_part(error) from error
    seconds = time.monotonic() - started
    made_at = done.kept.get("made_at")
    if json:
        output.record({"file": str(file), "rows": done.copied.rows, "made_at": made_at, "seconds": round(seconds, 3)})
        return
    output.say(f"{done.copied.rows:,} rows are back as they were at {made_at} ({seconds:.1f} s).")
    if run.done.articles:
        output.say(f"{run.done.articles} articles that were taken down since are taken down again.")
    output.say("Next: copytaster rebuild, which fills the search index; then start copytaster.")


@store.command()
def copy(
    to: Annotated[str, typer.Option(metavar="URL", help="An empty database: postgresql://… or sqlite:///file.")],
    source: Annotated[str, typer.Option("--from", metavar="URL", help="Instead of the configured store.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Though copytaster runs: what it does meanwhile is not copied.")] = False,
    json: AsJson = False,
) -> None:
    """Copy every row into an empty database, and compare what arrived. Stop copytaster first.

    Example: copytaster store copy --to postgresql://me@host/news
    """
    from desk import keeping, opening

    started = time.monotonic()
    url = source or opening.config().store_url
    with keeping.opened(url, new=False) as here, keeping.opened(to, new=True) as there:
        done = keeping.copy(here, there, force=force)
    seconds = time.monotonic() - started
    if json:
        tables = {name: tally.rows for name, tally in done.tallies.items()}
        output.record({"rows": done.rows, "seconds": round(seconds, 3), "tables": tables})
        return
    output.say(
        f"{done.rows:,} rows were copied and compared in {seconds:.1f} s ({done.rows / max(seconds, 1e-3):,.0f} a second)."
    )
    output.say(f'Next: write this into {opening.config_path()}, and then run copytaster rebuild:\n\n[store]\nurl = "{to}"')
