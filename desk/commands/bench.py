"""``copytaster bench``: the figures of docs/performance.md. It owns words and options; the measuring is ``desk.bench``'s."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from copytaster.errors import Rejected
from desk import output
from desk.commands.options import AsJson, group

app = group("Measure.\n\nExample: copytaster bench match --json")


@app.command()
def match(  # noqa: PLR0917  options of the command line, which typer reads by name
    watches: Annotated[
        list[int] | None, typer.Option(min=1, max=1_000_000, help="So many watches; 100, or 1,000 of names, to 100,000.")
    ] = None,
    articles: Annotated[int, typer.Option(min=1, max=1_000_000, help="So many articles; with --names of each script.")] = 1_000,
    percolator: Annotated[
        str | None, typer.Option(metavar="URL", help="Measure this Elasticsearch's percolator beside it; 7 to 9, for trials.")
    ] = None,
    names: Annotated[bool, typer.Option("--names", help="Watches of real names in any spelling, over real articles.")] = False,
    corpora: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With --names: has names/dev.jsonl and folders of recorded articles.")
    ] = None,
    peers: Annotated[bool, typer.Option("--peers", help="With --names: rapidfuzz and symspellpy beside it.")] = False,
    json: AsJson = False,
) -> None:
    """Measure the matcher with 100 to 100,000 watches, equal to brute force; or with names, at each level.

    Example: copytaster bench match --names --watches 10000 --json
    """
    if names:
        from desk.bench import names as of_names

        wanted = of_names.Wanted(
            sizes=watches or of_names.SIZES,
            articles=articles,
            corpora=corpora,
            percolator=percolator,
            peers=peers,
        )
        found = of_names.bench_names(wanted)
        _print(found, [*of_names.rows(found)], json=json)
        return
    if corpora or peers:
        raise Rejected("names_only", "--corpora and --peers go with --names.")
    from desk.bench import match as bench

    found = bench.bench_match(watches or bench.SIZES, articles=articles, percolator=percolator)
    _print(found, found.get("runs", ()), json=json)


Corpus = Annotated[
    Path | None, typer.Option(metavar="DIR", help="A folder of recorded pages; the demo's own unless one is named.")
]


@app.command()
def extract(corpus: Corpus = None, json: AsJson = False) -> None:
    """Measure extraction beside trafilatura, on the same pages in the same run.

    Example: copytaster bench extract --corpus pages/ --json
    """
    from desk.bench import extract as bench

    with _folder(corpus) as folder:
        _print(bench.run(folder), (), json=json)


@app.command()
def pipeline(  # noqa: PLR0917  options of the command line, which typer reads by name
    corpus: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="A folder of recorded pages; the demo's own unless one is named.")
    ] = None,
    watches: Annotated[int, typer.Option(min=1, max=100_000, help="So many, of the corpus' own rare words.")] = 100,
    pages_per_second: Annotated[float, typer.Option(min=0, help="How fast the sites answer; 0: as fast as they can.")] = 10.0,
    workers: Annotated[list[int] | None, typer.Option(min=1, max=256, help="So many processes that read; one run each.")] = None,
    crawlers: Annotated[list[int] | None, typer.Option(min=1, max=64, help="So many crawlers; one run each.")] = None,
    services: Annotated[
        bool, typer.Option("--services", help="On the PostgreSQL, Redis and Elasticsearch of the configuration.")
    ] = False,
    peers: Annotated[bool, typer.Option("--peers", help="The same pages through news-please and fundus, too.")] = False,
    json: AsJson = False,
) -> None:
    """Measure the whole: crawl, read, match and deliver a corpus served on loopback.

    Example: copytaster bench pipeline --corpus pages/ --json
    """
    from desk.bench import pipeline as bench
    from desk.opening import config

    sizes = [bench.Size(reading, crawling) for crawling in crawlers or [1] for reading in workers or [2]]
    with _folders(corpus) as folders:
        given = bench.Input.of(folders, watches, pages_per_second or None)
        found = bench.run(given, sizes, services=config() if services else None, peers=peers)
    _print(found, found.get("runs", ()), json=json)


@contextmanager
def _folders(corpora: list[Path] | None) -> Iterator[list[Path]]:
    with ExitStack() as stack:
        yield [stack.enter_context(_folder(each)) for each in corpora or (None,)]


@contextmanager
def _folder(corpus: Path | None) -> Iterator[Path]:
    if corpus is None:
        from desk.bench.own_pages import write

        with tempfile.TemporaryDirectory(prefix="copytaster-pages-") as made:
            yield write(Path(made) / "own")
    elif corpus.is_dir():
        yield corpus
    else:
        raise Rejected("no_corpus", f"{corpus} is no folder; --corpus names one with recorded pages.")


def _print(found: dict[str, Any], runs: Any, *, json: bool) -> None:
    """One object, or its figures one a line and its runs as a table."""
    if json:
        output.record(found)
        return
    for name, value in found.items():
        if name != "runs" and not isinstance(value, list):
            output.say(f"{name}: {_shown(value)}")
    if runs:
        columns = [name for name, value in runs[0].items() if not isinstance(value, dict | list)]
        output.table(columns, ([run.get(name) for name in columns] for run in runs), empty="Nothing was measured.")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    return str(value)
