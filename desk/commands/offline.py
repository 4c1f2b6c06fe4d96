"""``copytaster match`` and ``extract``: files in, JSON lines out, no store and no service. It owns files and options only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from desk import output
from desk.commands.options import group

app = group("Without services.")


@app.command()
def match(
    watches: Annotated[Path, typer.Option(metavar="FILE", help='JSON lines: {"id","query","level"}; - for standard input.')],
    articles: Annotated[Path, typer.Option(metavar="FILE", help='JSON lines: {"id","url","title","text","language"}.')],
) -> None:
    """Match a file of articles with a file of watches.

    Prints {"watch","article","hits"}, one line for each match.

    Example: copytaster match --watches watches.jsonl --articles articles.jsonl
    """
    from desk.offline_match import match_lines

    if str(watches) == str(articles) == "-":
        raise typer.BadParameter("Only one of the two can be standard input.")
    with _lines(watches) as wanted, _lines(articles) as read:
        for found in match_lines(wanted, read):
            output.record(found)


@app.command()
def extract(
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="One HTML file, plain or .gz.")] = None,
    url: Annotated[str | None, typer.Option(help="Where it was fetched from; dates and links are better with it.")] = None,
    batch: Annotated[Path | None, typer.Option(metavar="LIST", help='JSON lines {"file","url"}; - for standard input.')] = None,
) -> None:
    """Read the article out of HTML files; prints JSON lines in the same order.

    Example: copytaster extract page.html.gz --url https://example.org/news/1
    """
    from desk.offline_extract import extract_batch, extract_file

    if (file is None) == (batch is None) or (url and batch):
        raise typer.BadParameter("Name one FILE (with its --url), or a list with --batch.")
    if file is not None:
        output.record(extract_file(file, url))
        return
    assert batch is not None
    with _lines(batch) as listed:
        for found in extract_batch(line.decode("utf-8", "surrogateescape") for line in listed):
            output.record(found, flush=True)


@contextmanager
def _lines(file: Path) -> Iterator[BinaryIO]:
    """In binary, where lines end at \\n only."""
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with file.open("rb") as opened:
        yield opened
