"""The figures of ``bench match --names``: 1,000 to 100,000 watches of names at each level, by script, beside peers.

It owns what is measured in turn and what the levels must have in common; how one table is measured, ``names_run`` knows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from copytaster.watches import LEVELS, Level
from desk import output
from desk.bench import names_peers, names_run
from desk.bench.apart import in_fresh
from desk.bench.machine import describe
from desk.bench.names_given import CORPORA, SCRIPTS, Given, given, query
from desk.bench.names_run import ADDED, Measured, Task
from desk.bench.percolator import CLIENTS, Percolator, misspelled
from search.query import parse

SIZES = (1_000, 10_000, 100_000)
SEED = 7
FIRST_SECONDS = 4.0  # of CPU for a first reading of one script; what is quicker reads every article
PEER_SECONDS = 5.0
PERCOLATED = 10_000  # watches
_PLANTED_AMONG = 1_000
_BESIDE = "latin"  # what peers read


@dataclass(frozen=True, slots=True)
class Wanted:
    """``corpora``: the folder that has ``names/dev.jsonl`` and articles, beside the project's unless one is named. ``seconds`` of
    CPU for each first reading.
    """

    sizes: Sequence[int] = SIZES
    articles: int = 1_000
    corpora: Path | None = None
    percolator: str | None = None
    peers: bool = False
    seconds: float = FIRST_SECONDS


def bench_names(wanted: Wanted) -> dict[str, Any]:
    """Keys: ``machine``, ``input``, ``runs`` (one for each size and level) and what is asked for beside; docs/performance.md
    explains them. Rates are by the CPU time of one core, of everything from the text to the hits.
    """
    sizes = sorted(set(wanted.sizes))
    among = min(_PLANTED_AMONG, sizes[0])
    made = given(wanted.corpora or CORPORA, names=sizes[-1] + ADDED, among=among, articles=wanted.articles, seed=SEED)
    measured: dict[tuple[int, Level], Measured] = {}
    beside: list[dict[str, Any]] = []
    asked = [(size, level) for size in sizes for level in LEVELS]
    for size, level in output.progress(asked, "Names"):
        measured[size, level] = in_fresh(names_run.measure, Task(made, size, level, wanted.seconds))
    ours = {size: measured[size, "strict"] for size in sizes}
    if wanted.peers:
        beside = [*output.progress(_peers(made, ours), "Peers", total=len(sizes) * len(names_peers.PEERS))]
    return {
        "machine": describe("rapidfuzz"),
        "input": dict(made.told),
        "levels_within_each_other": all(_is_within(measured[size, one], measured[size, two]) for size, one, two in _pairs(sizes)),
        **(_percolator(wanted.percolator, made, ours) if wanted.percolator else {}),
        **({"peers": beside} if wanted.peers else {}),
        "runs": [each.told for each in measured.values()],
    }


def rows(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The runs as a table has them: articles a second of each script, steady and at first."""
    for run in found["runs"]:
        row = {name: value for name, value in run.items() if not isinstance(value, dict)}
        for script in SCRIPTS:
            told = run["scripts"].get(script, {})
            row[script] = told.get("articles_per_second")
            row[f"{script}, first"] = told.get("first_articles_per_second")
        yield row


def _pairs(sizes: Iterable[int]) -> Iterator[tuple[int, Level, Level]]:
    for size in sizes:
        for one, two in pairwise(LEVELS):
            yield size, one, two


def _is_within(narrower: Measured, wider: Measured) -> bool:
    """Of the articles that both had time for."""
    return all(
        ours <= theirs
        for script in narrower.found
        for ours, theirs in zip(narrower.found[script], wider.found[script], strict=False)
    )


# -- beside ------------------------------------------------------------------------------------------------------------


def _peers(made: Given, ours: Mapping[int, Measured]) -> Iterator[dict[str, Any]]:
    """``ratio``: our steady reading at ``strict`` by theirs, which knows no first one."""
    for size, own in ours.items():
        for peer in names_peers.PEERS:
            told, found = names_peers.measure(peer, made.names[:size], made.articles[_BESIDE], PEER_SECONDS)
            if found:
                rate = own.told["scripts"][_BESIDE]["articles_per_second"]
                told |= {"ratio": _ratio(rate, told["articles_per_second"]), **_planted(made, found)}
            yield told


def _ratio(ours: float, theirs: float) -> float:
    """To three digits: these differ by a thousand times."""
    return float(f"{ours / theirs:.3g}")


def _planted(made: Given, found: Sequence[frozenset[int]] | Mapping[int, frozenset[int]]) -> dict[str, int]:
    read = dict(found) if isinstance(found, Mapping) else dict(enumerate(found))
    stood = [form for form in made.planted[_BESIDE] if form.article in read]
    return {"planted": len(stood), "planted_found": sum(form.name in read[form.article] for form in stood)}


def _percolator(url: str, made: Given, ours: Mapping[int, Measured]) -> dict[str, Any]:
    """At 10,000 watches, or as many as there are: with one article a request it takes a quarter of a minute for each there."""
    size = PERCOLATED if PERCOLATED in ours else max(ours)
    articles, own = made.articles[_BESIDE], ours[size]
    queries = [parse(query(name)) for name in made.names[:size]]
    with Percolator(url, queries, asked=misspelled, seconds_to_answer=900.0) as percolator:
        theirs = percolator.measure(articles, articles)
    rates = own.told["scripts"][_BESIDE]
    told: dict[str, Any] = {
        "name": f"Elasticsearch {theirs.version}",
        "watches": size,
        "articles": len(theirs.found),
        "matches": sum(map(len, theirs.found.values())),
        **_planted(made, {at: frozenset(numbers) for at, numbers in theirs.found.items()}),
        "add_seconds": round(theirs.add_seconds, 1),
        "requests_at_once": CLIENTS,
        "articles_a_request": theirs.batch,
    }
    for name, rate in (("", theirs.best), ("_one_a_request", theirs.one_by_one)):
        told[f"articles_per_second{name}"] = round(rate.wall, 3)
        told[f"ratio{name}"] = _ratio(own.by_clock[_BESIDE], rate.wall)
        told[f"articles_per_cpu_second{name}"] = rate.cpu and round(rate.cpu, 3)
        told[f"ratio_cpu{name}"] = rate.cpu and _ratio(rates["articles_per_second"], rate.cpu)
        at_once = CLIENTS * (1 if name else theirs.batch)
        told[f"answer_seconds{name}"] = round(min(at_once, len(articles)) / rate.wall, 1)
    counted = f"{size // 1000}k" if size >= 1_000 else str(size)
    return {
        f"ratio_names_{counted}": told["ratio"],
        f"ratio_names_{counted}_one_a_request": told["ratio_one_a_request"],
        "percolator": told,
    }
