"""One table of names at one level, measured in a process of its own: reading by script, its parts, memory, start, adding.

It owns what a first and a steady reading are, and the check that a name reads alone as it does among all; it must not know
where names and articles come from, nor the peers.
"""

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from copytaster.watches import Hit, Level, WatchId
from desk.bench.apart import in_copy
from desk.bench.names_given import Given, Planted, query
from desk.bench.stopwatch import Stopwatch
from search.document import Document
from search.matcher import Found, Matcher
from search.query import parse
from workers.bootstrap import collect_rarely

ADDED = 500  # names beyond the table's, to be added one by one
ROUNDS = 3  # of a steady reading; the quickest counts: whatever else the machine did only ever adds
COMPARED_NAMES, COMPARED_ARTICLES = 40, 20
TIMED: Level = "strict"  # the level whose parts are timed; wide does the same work, exact none of it
PARTS = {  # what a reading is made of; the matcher has no clocks in it, so its functions are wrapped for one pass
    "folding": ("search.document:Page.__init__",),
    "tokens": ("search.name_tokens:Tokens.__init__",),
    "look-up": (
        "search.name_sounding:Sounding.heard",
        "search.name_sounding:Sounding.heard_as_one",
        "search.name_table:Names.waiting",
    ),
    "reading": ("search.name_align:read", "search.name_table:Names.near"),
    "measures": ("search.name_measures:measures",),
    "scoring": ("search.name_scorer:Scorer.score",),
    "walking": ("search.variants:Variants.find",),
}


@dataclass(frozen=True, slots=True)
class Task:
    """``seconds`` of CPU at most for one first reading of one script."""

    given: Given
    watches: int
    level: Level
    seconds: float


@dataclass(frozen=True, slots=True)
class Pass:
    """Articles read in turn: CPU seconds and seconds by the clock, and what was found in each."""

    cpu: float
    clock: float
    found: Sequence[Sequence[Found]]

    @property
    def rate(self) -> float:
        return len(self.found) / max(self.cpu, 1e-9)


@dataclass(frozen=True, slots=True)
class _Steady:
    """``again``: the very same articles once more. ``parts``: seconds of each. ``grown``: bytes for the words of the articles."""

    reading: Pass
    again: Pass
    adding: Pass
    parts: Mapping[str, float]
    grown: int


@dataclass(frozen=True, slots=True)
class Measured:
    """``told``: what is printed. ``found``: pairs of watch and article by script; ``by_clock``: articles a second, steady."""

    told: dict[str, Any]
    found: Mapping[str, Sequence[frozenset[int]]]
    by_clock: Mapping[str, float]


def measure(task: Task) -> Measured:
    """In a fresh process, as workers are: what the table holds is what the process grows by."""
    collect_rarely()
    before, began = _held(), (time.process_time(), time.perf_counter())
    matcher = Matcher()
    _add(matcher, task.given.names[: task.watches], task.level)
    started = time.process_time() - began[0]
    gc.collect()
    memory = _held() - before
    scripts: dict[str, dict[str, Any]] = {}
    steady: dict[str, Pass] = {}
    for script, articles in task.given.articles.items():
        if articles:
            scripts[script], steady[script] = _script(matcher, articles, task)
            scripts[script] |= _planted(steady[script], task.given.planted[script])
    return Measured(
        {
            "watches": task.watches,
            "level": task.level,
            "real": min(task.watches, task.given.real),
            "start_seconds": round(started, 3),
            "memory_mb": round(memory / 1e6, 1),
            **in_copy(lambda: _adding(matcher, task)),
            "scripts": scripts,
            "planted": sum(told["planted"] for told in scripts.values()),
            "planted_found": sum(told["planted_found"] for told in scripts.values()),
            **_alone(task, steady),
        },
        {script: [_numbers(each) for each in read.found] for script, read in steady.items()},
        {script: len(read.found) / max(read.clock, 1e-9) for script, read in steady.items()},
    )


def _add(matcher: Matcher, names: Iterable[str], level: Level) -> None:
    for number, name in enumerate(names):
        matcher.add(WatchId(str(number)), parse(query(name)), level=level)


def _held() -> int:
    """Bytes that are this process' own, as the system counts them."""
    found: int = psutil.Process().memory_full_info().uss
    return found


def _numbers(found: Sequence[Found]) -> frozenset[int]:
    return frozenset(int(each.watch_id) for each in found)


# -- reading -----------------------------------------------------------------------------------------------------------


def _script(matcher: Matcher, articles: Sequence[Document], task: Task) -> tuple[dict[str, Any], Pass]:
    """First: by a matcher that has read nothing, until the time is up. Steady: the same articles, by one that has read their
    words before but in another order, so that only words can be known and no run of them. Again: once more after that.
    """
    first = in_copy(lambda: _read(matcher, articles, task.seconds))
    read = articles[: len(first.found)]
    steady = in_copy(lambda: _steady(matcher, read, task))
    told: dict[str, Any] = {
        "articles": len(read),
        "new_words_an_article": round(len({word for each in read for word in each.text.split()}) / len(read)),
        "first_articles_per_second": round(first.rate, 2),
        "articles_per_second": round(steady.reading.rate, 2),
        "articles_per_second_again": round(steady.again.rate, 2),
        "matches": sum(map(len, steady.reading.found)),
        "words_memory_mb": round(steady.grown / 1e6, 1),
    }
    if task.level == TIMED:
        told["articles_per_second_adding"] = round(steady.adding.rate, 2)
        told["first_parts_ms"] = _parts_ms(in_copy(lambda: _timed(matcher, read)), first)
        told["parts_ms"] = _parts_ms(steady.parts, steady.reading)
    return told, steady.reading


def _read(
    matcher: Matcher,
    articles: Sequence[Document],
    seconds: float = float("inf"),
    before: Callable[[int], None] = lambda _: None,
) -> Pass:
    gc.collect()  # what a copy shares with its parent is made its own now, off the clock
    found: list[Sequence[Found]] = []
    clock, began = time.perf_counter(), time.process_time()
    for number, article in enumerate(articles):
        before(number)
        found.append(matcher.match(article))
        if time.process_time() - began > seconds:
            break
    return Pass(time.process_time() - began, time.perf_counter() - clock, found)


def _steady(matcher: Matcher, articles: Sequence[Document], task: Task) -> _Steady:
    before = _held()
    for article in _shuffled(articles):
        matcher.match(article)
    grown = _held() - before
    rounds: list[tuple[Pass, Pass]] = []
    while len(rounds) < ROUNDS and sum(first.cpu for first, _ in rounds) < task.seconds:
        rounds.append(in_copy(lambda: (_read(matcher, articles), _read(matcher, articles))))
    return _Steady(
        min((first for first, _ in rounds), key=lambda each: each.cpu),
        min((again for _, again in rounds), key=lambda each: each.cpu),
        in_copy(lambda: _read_adding(matcher, articles, task)) if task.level == TIMED else rounds[0][0],
        in_copy(lambda: _timed(matcher, articles)) if task.level == TIMED else {},
        grown,
    )


def _shuffled(articles: Sequence[Document]) -> list[Document]:
    """The same words in articles of the same length; each keeps its capital and its comma."""
    rng = random.Random(1)  # noqa: S311  an order, no secret
    words = [word for article in articles for word in article.text.split()]
    rng.shuffle(words)
    sizes = [len(article.text.split()) for article in articles]
    return [Document(text=" ".join(words[sum(sizes[:at]) :][:size])) for at, size in enumerate(sizes)]


def _read_adding(matcher: Matcher, articles: Sequence[Document], task: Task) -> Pass:
    """A watch more before each article, whose words are then to be compared with it."""
    more = [parse(query(name)) for name in task.given.names[task.watches : task.watches + len(articles)]]

    def add(number: int) -> None:
        if number < len(more):
            matcher.add(WatchId(f"more-{number}"), more[number], level=task.level)

    return _read(matcher, articles, before=add)


def _timed(matcher: Matcher, articles: Sequence[Document]) -> Mapping[str, float]:
    watch = Stopwatch(PARTS)
    gc.collect()

    def read() -> None:
        for article in articles:
            matcher.match(article)

    return watch.run(read)


def _parts_ms(parts: Mapping[str, float], whole: Pass) -> dict[str, float]:
    """Milliseconds an article: the shares that were timed, of the CPU time of the pass without clocks."""
    total = sum(parts.values()) or 1.0
    return {part: round(1000 * whole.cpu / len(whole.found) * spent / total, 3) for part, spent in parts.items()}


def _adding(matcher: Matcher, task: Task) -> dict[str, float]:
    """One watch into the full table, as often as there are names left: CPU milliseconds, its query parsed before."""
    names = task.given.names[task.watches : task.watches + ADDED]
    spent = []
    gc.collect()
    for number, parsed in enumerate([parse(query(name)) for name in names]):
        began = time.process_time_ns()
        matcher.add(WatchId(f"more-{number}"), parsed, level=task.level)
        spent.append((time.process_time_ns() - began) / 1e6)
    if not spent:
        return {}
    return {"added": len(spent), "add_ms_median": round(statistics.median(spent), 3), "add_ms_worst": round(max(spent), 3)}


# -- checks ------------------------------------------------------------------------------------------------------------


def _planted(read: Pass, planted: Sequence[Planted]) -> dict[str, int]:
    """So many forms stood in the articles that were read; of so many the watch of their name told."""
    stood = [form for form in planted if form.article < len(read.found)]
    return {"planted": len(stood), "planted_found": sum(form.name in _numbers(read.found[form.article]) for form in stood)}


def _alone(task: Task, steady: Mapping[str, Pass]) -> dict[str, Any]:
    """Whether names in tables of their own give the same hits, to the place and score: some that hit, some that did not."""
    together = [each for read in steady.values() for each in read.found]
    articles = [article for script, read in steady.items() for article in task.given.articles[script][: len(read.found)]]
    rng = random.Random(2)  # noqa: S311  a sample, no secret
    hit = sorted({number for found in together for number in _numbers(found)})
    silent = sorted(set(range(task.watches)) - set(hit))
    half = COMPARED_NAMES // 2
    names = rng.sample(hit, min(half, len(hit))) + rng.sample(silent, min(half, len(silent)))
    places = sorted(range(len(together)), key=lambda at: (not together[at], rng.random()))[:COMPARED_ARTICLES]
    differing = [
        number
        for number in names
        if _hits_alone(task, number, [articles[at] for at in places]) != [_hits_of(together[at], str(number)) for at in places]
    ]
    return {"equal_alone": not differing, "compared_names": len(names), "compared_articles": len(places)}


def _hits_alone(task: Task, number: int, articles: Sequence[Document]) -> list[list[Hit]]:
    matcher = Matcher()
    matcher.add(WatchId(str(number)), parse(query(task.given.names[number])), level=task.level)
    return [_hits_of(matcher.match(article), str(number)) for article in articles]


def _hits_of(found: Sequence[Found], watch: str) -> list[Hit]:
    return [hit for each in found if each.watch_id == watch for hit in each.hits]
