"""The figures of the matcher: articles a second for 100 to 100,000 watches, memory, equality with brute force, a peer.

It owns the made-up articles and watches and the measuring; it must not know the store, the pipeline or the services.
"""

import gc
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata, util
from itertools import accumulate
from typing import Any, NamedTuple

from copytaster.watches import WatchId
from desk.bench.machine import describe
from desk.bench.percolator import CLIENTS, Measured, Percolator
from search.brute import Brute
from search.document import Document
from search.matcher import Matcher
from search.query import parse

SIZES = (100, 1_000, 10_000, 100_000)
WORDS = 400  # of an article
_SCRIPTS = ("abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщыьэюя", "ابتثجحخدذرزسشصضطظعغفقكلمنهوي")
_VOCABULARY = 40_000  # words of each script
_RARE = 1_000  # watches ask for words beyond this rank: nobody watches "the"
_COMPARED = 40  # articles also matched by brute force
_BRUTE_WATCHES = 10_000


def bench_match(
    sizes: Sequence[int] = SIZES, *, articles: int = 1_000, seed: int = 7, percolator: str | None = None
) -> dict[str, Any]:
    """Measure each size in turn; rates of ours are by the CPU time of one core, tokenising included.

    Keys: ``machine``, ``input`` and ``runs``, one for each size, with pyahocorasick where it is installed (it finds phrases
    only, evaluates nothing and gives no offsets in the printed text) and, where its URL is given, a percolator. All are
    explained in docs/performance.md.
    """
    made = _Made(seed)
    largest = made.watches(max(sizes))
    warming, corpus = made.articles(articles, largest), made.articles(articles, largest)
    runs = [_run(largest[:size], warming, corpus, percolator) for size in sizes]
    beside = {run["watches"]: run["percolator"] for run in runs if percolator}
    return {
        "machine": describe(*(name for name in ("pyahocorasick",) if util.find_spec("ahocorasick"))),
        "input": {"articles": articles, "words": WORDS, "seed": seed, "vocabulary": _VOCABULARY, "mix": _MIX},
        **_headline(beside.get(10_000)),
        "runs": runs,
    }


def _headline(beside: Mapping[str, Any] | None) -> dict[str, float]:
    if not beside:
        return {}
    return {"ratio_exact_10k": beside["ratio"], "ratio_exact_10k_one_a_request": beside["ratio_one_a_request"]}


class _Made:
    """Articles and watches from a seed: words by Zipf's law in three scripts, one script an article."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  made-up articles, no secrets
        self.vocabularies = [self._vocabulary(letters) for letters in _SCRIPTS]
        self.weights = list(accumulate(1 / (rank + 10) for rank in range(_VOCABULARY)))

    def _vocabulary(self, letters: str) -> list[str]:
        """Frequent words are short, as in languages."""
        found: dict[str, None] = {}
        while len(found) < _VOCABULARY:
            size = 2 + min(10, int(len(found) ** 0.2) + self.random.randrange(4))
            found["".join(self.random.choices(letters, k=size))] = None
        return list(found)

    def _rare(self, vocabulary: list[str], number: int) -> list[str]:
        return [vocabulary[self.random.randrange(_RARE, _VOCABULARY)] for _ in range(number)]

    def watches(self, number: int) -> list[str]:
        return [_KINDS[at % len(_KINDS)](*self._rare(self.random.choice(self.vocabularies), 4)) for at in range(number)]

    def articles(self, number: int, watches: Sequence[str]) -> list[Document]:
        return [self._article(watches) for _ in range(number)]

    def _article(self, watches: Sequence[str]) -> Document:
        """Every second one has the words of a watch in it, for words drawn at random rarely make a phrase."""
        words = self.random.choices(self.random.choice(self.vocabularies), cum_weights=self.weights, k=WORDS - 8)
        if self.random.random() < 0.5:
            planted = self.random.choice(watches).replace('"', "").split(" OR ")[0]
            words.insert(self.random.randrange(len(words)), planted.replace(" NOT ", ". "))
        printed = [word.capitalize() + ("," if at % 9 == 0 else "") for at, word in enumerate(words)]
        paragraphs = [" ".join(printed[at : at + 60]) + "." for at in range(0, len(printed), 60)]
        return Document(title=" ".join(words[:8]), text="\n".join(paragraphs), language="en")


_KINDS: tuple[Callable[[str, str, str, str], str], ...] = (
    lambda a, _b, _c, _d: a,
    lambda a, b, _c, _d: f'"{a} {b}"',
    lambda a, b, c, d: f'"{a} {b}" OR "{c} {d}"',
    lambda a, b, c, _d: f"{a} {b} NOT {c}",
)
_MIX = "a quarter each: one word; a phrase of two; two phrases of two joined by OR; two words and a third excluded"


def _run(
    watches: Sequence[str], warming: Sequence[Document], corpus: Sequence[Document], percolator: str | None
) -> dict[str, Any]:
    memory = _memory(watches)
    began = time.process_time()
    matcher = _matcher(watches)
    added = time.process_time() - began
    for document in warming:  # other articles, off the clock: caches fill and rarities are learned, as in a worker
        matcher.match(document)
    gc.collect()
    by_clock, began = time.perf_counter(), time.process_time()
    found = [{each.watch_id for each in matcher.match(document)} for document in corpus]
    spent, by_clock = time.process_time() - began, time.perf_counter() - by_clock
    rate = len(corpus) / spent
    compared = corpus[: max(1, _COMPARED * min(1, _BRUTE_WATCHES // len(watches)))]
    return {
        "watches": len(watches),
        "articles_per_second": round(rate, 1),
        "matches": sum(map(len, found)),
        "memory_mb": round(memory, 2),
        "add_seconds": round(added, 3),
        "equal_to_brute_force": _is_equal(found, watches, compared),
        "compared_articles": len(compared),
        **_peer(watches, corpus, rate),
        **(_percolator(percolator, watches, warming, _Ours(corpus, found, rate, len(corpus) / by_clock)) if percolator else {}),
    }


class _Ours(NamedTuple):
    """What a percolator is held to: rates are articles a second of one core, by its time and by the clock."""

    corpus: Sequence[Document]
    found: Sequence[set[WatchId]]
    rate: float
    by_clock: float


def _percolator(url: str, watches: Sequence[str], warming: Sequence[Document], ours: _Ours) -> dict[str, Any]:
    with Percolator(url, [parse(query) for query in watches]) as percolator:
        theirs = percolator.measure(warming, ours.corpus)
    truth = {(at, watch) for at in theirs.found for watch in ours.found[at]}
    told = {(at, WatchId(str(number))) for at, numbers in theirs.found.items() for number in numbers}
    return {
        "percolator": {
            "name": f"Elasticsearch {theirs.version}",
            "articles": len(theirs.found),
            "missed": len(truth - told),
            "invented": len(told - truth),
            "add_seconds": round(theirs.add_seconds, 1),
            "requests_at_once": CLIENTS,
            "articles_a_request": theirs.batch,
            **_rates(theirs, ours),
        }
    }


def _rates(theirs: Measured, ours: _Ours) -> dict[str, Any]:
    """In its best batches, and with one article a request; ``…_cpu`` by CPU time, of all its threads."""
    found: dict[str, Any] = {}
    for name, rate in (("", theirs.best), ("_one_a_request", theirs.one_by_one)):
        found[f"articles_per_second{name}"] = round(rate.wall, 1)
        found[f"ratio{name}"] = round(ours.by_clock / rate.wall, 2)
        found[f"articles_per_cpu_second{name}"] = rate.cpu and round(rate.cpu, 1)
        found[f"ratio_cpu{name}"] = rate.cpu and round(ours.rate / rate.cpu, 2)
    return found


def _matcher(watches: Sequence[str]) -> Matcher:
    matcher = Matcher()
    for number, query in enumerate(watches):
        matcher.add(WatchId(str(number)), parse(query))
    return matcher


def _memory(watches: Sequence[str]) -> float:
    """Megabytes that the matcher holds, the texts of the queries not counted."""
    gc.collect()
    tracemalloc.start()
    matcher = _matcher(watches)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del matcher
    return held / 1e6


def _is_equal(found: Sequence[set[WatchId]], watches: Sequence[str], corpus: Sequence[Document]) -> bool:
    brute = Brute.of({str(number): parse(query) for number, query in enumerate(watches)})
    return all(ours == brute.match(document) for ours, document in zip(found, corpus, strict=False))


def _peer(watches: Sequence[str], corpus: Sequence[Document], ours: float) -> dict[str, Any]:
    if util.find_spec("ahocorasick") is None:
        return {"peer": None}
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for number, phrase in enumerate(_phrases(watches)):
        automaton.add_word(phrase, number)
    automaton.make_automaton()
    began = time.process_time()
    found = sum(1 for document in corpus for _ in automaton.iter(f"{document.title}\n{document.text}".casefold()))
    rate = len(corpus) / (time.process_time() - began)
    return {
        "peer": {
            "name": f"pyahocorasick {metadata.version('pyahocorasick')}",
            "articles_per_second": round(rate, 1),
            "strings_found": found,
            "ratio": round(ours / rate, 3),
        }
    }


def _phrases(watches: Sequence[str]) -> Iterator[str]:
    for query in watches:
        yield from (" ".join(term.words) for term in parse(query).terms)
