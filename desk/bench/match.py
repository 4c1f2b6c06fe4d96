"""The figures of the matcher: articles a second for 100 to 100,000 watches, memory, equality with brute force, a peer.

It owns the made-up articles and watches and the measuring; it must not know the store, the pipeline or the services.
"""

import gc
import platform
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata, util
from itertools import accumulate
from typing import Any

from copytaster import __version__
from copytaster.watches import WatchId
from desk.bench.brute import brute_match
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


def bench_match(sizes: Sequence[int] = SIZES, *, articles: int = 1_000, seed: int = 7) -> dict[str, Any]:
    """Measure each size in turn; rates are by the CPU time of one core, tokenising included.

    Keys: ``machine``, ``input``, ``runs`` (one for each size: ``watches``, ``articles_per_second``, ``matches``,
    ``memory_mb``, ``add_seconds``, ``equal_to_brute_force`` over ``compared_articles``) and, where pyahocorasick is
    installed, ``peer`` in each run: it finds phrases only, evaluates nothing and gives no offsets in the printed text.
    """
    made = _Made(seed)
    largest = made.watches(max(sizes))
    warming, corpus = made.articles(articles, largest), made.articles(articles, largest)
    return {
        "machine": _machine(),
        "input": {"articles": articles, "words": WORDS, "seed": seed, "vocabulary": _VOCABULARY, "mix": _MIX},
        "runs": [_run(largest[:size], warming, corpus) for size in sizes],
    }


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


def _run(watches: Sequence[str], warming: Sequence[Document], corpus: Sequence[Document]) -> dict[str, Any]:
    memory = _memory(watches)
    began = time.process_time()
    matcher = _matcher(watches)
    added = time.process_time() - began
    for document in warming:  # other articles, off the clock: caches fill and rarities are learned, as in a worker
        matcher.match(document)
    gc.collect()
    began = time.process_time()
    matches = sum(len(matcher.match(document)) for document in corpus)
    spent = time.process_time() - began
    rate = len(corpus) / spent
    compared = corpus[: max(1, _COMPARED * min(1, _BRUTE_WATCHES // len(watches)))]
    return {
        "watches": len(watches),
        "articles_per_second": round(rate, 1),
        "matches": matches,
        "memory_mb": round(memory, 2),
        "add_seconds": round(added, 3),
        "equal_to_brute_force": _is_equal(matcher, watches, compared),
        "compared_articles": len(compared),
        **_peer(watches, corpus, rate),
    }


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


def _is_equal(matcher: Matcher, watches: Sequence[str], corpus: Sequence[Document]) -> bool:
    queries = {str(number): parse(query) for number, query in enumerate(watches)}
    return all({found.watch_id for found in matcher.match(document)} == brute_match(document, queries) for document in corpus)


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


def _machine() -> dict[str, str]:
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "python": sys.version.split()[0],
        "copytaster": __version__,
    }
