"""``demo``, ``init``, ``check``, ``up``, the processes of production and ``status``. It owns words and options only."""

from enum import StrEnum
from typing import Annotated, Literal

import typer

from copytaster.errors import Rejected
from desk import output
from desk.commands.options import AsJson, group
from desk.opening import config, config_path, desk

app = group("Running it.")


@app.command()
def demo(keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, to look around.")] = False) -> None:
    """Show the main job on a small news site of its own; no network.

    Example: copytaster demo --keep
    """
    from desk.demo.run import run_demo

    run_demo(keep=keep)


@app.command()
def init(force: Annotated[bool, typer.Option("--force", help="Overwrite the file that is there.")] = False) -> None:
    """Write a commented copytaster.toml.

    Example: copytaster init
    """
    from copytaster.config import template

    path = config_path()
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise Rejected("exists", f"{path} is there already; say --force to overwrite it.") from None
    output.say(f"Wrote {path}. Next: copytaster check, then copytaster source add https://example.org and copytaster up.")


@app.command()
def check(
    setup: Annotated[bool, typer.Option("--setup", help="First bring store and search index into shape.")] = False,
    json: AsJson = False,
) -> None:
    """Check the configuration and each service; say how to mend what is wrong.

    With --setup the store gets the newest schema and the cluster its index template; where search.url carries an
    administrator's user and password, also a role and an API key for copytaster, which is printed once.

    Example: copytaster check --setup
    """
    from desk.checks import findings

    wrong = 0
    for each in findings(setup=setup):
        wrong += not each.ok
        if json:
            output.record({"check": each.name, "ok": each.ok, "detail": each.detail}, flush=True)
        else:
            output.say(f"{'ok   ' if each.ok else 'WRONG'}  {each.name + ':':14} {output.clean(each.detail)}")
    if wrong:
        raise Rejected("wrong", f"{wrong} of the checks failed; mend {'it' if wrong == 1 else 'them'} and check again.")


@app.command()
def up(
    workers: Annotated[int, typer.Option(min=0, max=256, help="So many processes that read pages; 0: one a core.")] = 0,
    crawlers: Annotated[int, typer.Option(min=0, max=64, help="So many that fetch; 0: as configured.")] = 0,
) -> None:
    """Run everything on this machine; Ctrl-C stops all cleanly.

    Example: copytaster up --workers 4 --crawlers 2
    """
    from desk.up import up as run

    run(config(), workers, crawlers)


@app.command()
def crawl(source: Annotated[str | None, typer.Option(help="Only this one, until nothing of it is due.")] = None) -> None:
    """Fetch pages, for one bounded run; whoever started it starts the next.

    Example: copytaster crawl
    """
    from desk import roles

    settings = config()
    _log(settings.log_format, settings.log_level)
    roles.crawl(settings, source=source)


class Stage(StrEnum):
    INGEST = "ingest"
    DELIVER = "deliver"
    INDEX = "index"


@app.command()
def worker(
    queues: Annotated[list[Stage] | None, typer.Option("--queue", help="Only these stages.")] = None,
    pool: Annotated[Literal["prefork", "threads"], typer.Option(help="Processes, or threads of one.")] = "prefork",
    processes: Annotated[int, typer.Option(min=0, max=256, help="So many at once; 0: as configured.")] = 0,
) -> None:
    """Read pages, match, deliver and index.

    Example: copytaster worker --queue deliver --pool threads --processes 4
    """
    from desk import roles

    settings = config()
    _log(settings.log_format, settings.log_level)
    roles.worker(settings, queues=[each.value for each in queues or ()], pool=pool, processes=processes)


@app.command()
def beat() -> None:
    """Look for work that is due, and tell the workers; two may run.

    Example: copytaster beat
    """
    from desk import roles

    settings = config()
    _log(settings.log_format, settings.log_level)
    roles.beat(settings)


@app.command()
def web() -> None:
    """Serve the web page, health and metrics.

    Example: copytaster web
    """
    from desk import roles

    settings = config()
    _log(settings.log_format, settings.log_level)
    roles.web(settings)


def _log(form: str, level: str) -> None:
    from copytaster.logs import set_up

    set_up(form, level)


@app.command()
def status(json: AsJson = False) -> None:
    """Show the sources' health, queues, last alerts, oldest undelivered.

    Example: copytaster status --json
    """
    from desk.standing import Standing, print_standing

    with desk() as here:
        standing = Standing.of(here)
    if json:
        output.record(standing.record())
    else:
        print_standing(standing)
