"""The same names and articles through libraries that find misspelled strings, each in a Python environment of its own.

It owns what of theirs is run and how articles are cut for them; it must not know ours. Each gets folded words, and windows
of an article only where a word has a capital and no clause ends within: both are done before its clock starts. None of them
reads other scripts or knows which letters are alike, so each looks for names of the articles' own script, with its usual
cutoff; what it finds is counted beside ours.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from copytaster.text import words
from desk.bench import peers
from desk.bench.peers import Peer
from search.document import Document

LONGEST = 6  # words of a window; longer names are left out for them
_CLAUSE_ENDS = tuple(".,;:!?…،؛؟)»”")
# Prints its CPU seconds, and for each article that it had time for the numbers of the names that it found there.
FRAME = """
import gc, json, sys, time
gc.set_threshold(20_000, 20, 20)
given = json.load(sys.stdin)
{prepare}
began = time.process_time()
held = build(given["names"])
built = time.process_time() - began
found, began, used = [], time.process_time(), 0.0
for article in given["articles"]:
    found.append(sorted({{int(number) for number in find(held, article)}}))
    used = time.process_time() - began
    if used > given["seconds"]:
        break
json.dump({{"build_seconds": built, "cpu_seconds": used, "found": found}}, open(sys.argv[1], "w"))
"""
_BY_SIZE = """
def build(names):
    by_size = {}
    for number, name in enumerate(names):
        by_size.setdefault(name.count(" ") + 1, ([], []))
        by_size[name.count(" ") + 1][0].append(number)
        by_size[name.count(" ") + 1][1].append(name)
    return by_size
"""
WINDOWS = f"""
import numpy
from rapidfuzz import fuzz, process
{_BY_SIZE}
def find(held, article):
    for size, windows in article["windows"].items():
        numbers, names = held.get(int(size), ((), ()))
        if names and windows:
            scores = process.cdist(windows, names, scorer=fuzz.ratio, score_cutoff=85, dtype=numpy.uint8, workers=1)
            for at in numpy.flatnonzero(scores.any(axis=0)):
                yield numbers[at]
"""
PARTIAL = """
from rapidfuzz import fuzz, process
def build(names):
    return names
def find(held, article):
    for _, _, number in process.extract_iter(article["text"], held, scorer=fuzz.partial_ratio, score_cutoff=90):
        yield number
"""
SYMSPELL = """
from symspellpy import SymSpell, Verbosity
def build(names):
    numbers = {}
    table = SymSpell(max_dictionary_edit_distance=2, prefix_length=7)
    for number, name in enumerate(names):
        table.create_dictionary_entry(name, 1)
        numbers.setdefault(name, number)
    return table, numbers
def find(held, article):
    table, numbers = held
    for windows in article["windows"].values():
        for window in windows:
            for each in table.lookup(window, Verbosity.ALL, max_edit_distance=2):
                yield numbers[each.term]
"""
PEERS = (
    Peer("rapidfuzz", ("rapidfuzz", "numpy"), "process.cdist of windows, fuzz.ratio of 85", WINDOWS),
    Peer("rapidfuzz", ("rapidfuzz", "numpy"), "process.extract_iter of the article, fuzz.partial_ratio of 90", PARTIAL),
    Peer("symspellpy", ("symspellpy",), "lookup of windows, two edits", SYMSPELL),
)


class Beside(NamedTuple):
    """A peer's figures and, by article, the numbers of the names that it found."""

    told: dict[str, Any]
    found: Sequence[frozenset[int]]


def measure(peer: Peer, names: Sequence[str], articles: Sequence[Document], seconds: float) -> Beside:
    """As many articles as ``seconds`` of its CPU time allow; where it can't be installed or fails, its ``error`` says why."""
    told = {"name": peer.name, "what": peer.what, "watches": len(names)}
    folded = [" ".join(words(name)) for name in names]
    given = {"names": folded, "articles": [cut(each.text) for each in articles], "seconds": seconds}
    try:
        python = peers.environment(peer)
        found = peers.run(python, FRAME.format(prepare=peer.code), json.dumps(given))
        version = peers.version_of(peer, python)
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", None) or str(error)
        return Beside({**told, "error": str(said).strip()[-300:]}, ())
    read = len(found["found"])
    figures = {
        "name": f"{peer.name} {version}",
        "build_seconds": round(found["build_seconds"], 2),
        "articles": read,
        "articles_per_second": round(read / max(found["cpu_seconds"], 1e-9), 3),
        "matches": sum(map(len, found["found"])),
    }
    return Beside({**told, **figures}, [frozenset(each) for each in found["found"]])


def cut(text: str) -> Mapping[str, Any]:
    """``text`` folded, and its ``windows`` by how many words they have."""
    windows: dict[str, list[str]] = {}
    for size, window in dict.fromkeys(_windows(text)):
        windows.setdefault(str(size), []).append(window)
    return {"text": " ".join(words(text)), "windows": windows}


def _windows(text: str) -> Iterator[tuple[int, str]]:
    for line in text.split("\n"):
        chunks = line.split()
        for first, chunk in enumerate(chunks):
            if not _may_open(chunk):
                continue
            held: list[str] = []
            for each in chunks[first:]:
                held += words(each)
                if len(held) > LONGEST:
                    break
                if held:
                    yield len(held), " ".join(held)
                if each.endswith(_CLAUSE_ENDS):
                    break


def _may_open(chunk: str) -> bool:
    letter = next(filter(str.isalpha, chunk), "")
    return bool(letter) and (letter.isupper() or letter.lower() == letter.upper())
