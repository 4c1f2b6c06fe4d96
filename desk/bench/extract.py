"""What reading an article costs beside ``trafilatura.extract`` on the same pages, in turn and in the same process.

It owns the measuring; how good the extraction is, the tests over recorded pages tell.
"""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from copytaster.charset import decode
from copytaster.errors import Rejected
from desk.bench.corpus_site import CorpusPage, load
from desk.bench.machine import describe

ROUNDS = 3  # the quickest of each counts: whatever else the machine did only ever adds


def run(folder: Path, *, rounds: int = ROUNDS) -> dict[str, Any]:
    """CPU time of one core. ``ratio_trafilatura`` is ours by the peer's: below 1 we are quicker."""
    import trafilatura

    from workers.extraction.read import extract

    pages = load(folder, now=dt.datetime.now(dt.UTC)).pages
    texts = {page.key: decode(page.body)[0] for page in pages}
    refused: dict[str, int] = {}

    def ours(page: CorpusPage) -> None:
        try:
            extract(page.body, page.original_url)
        except Rejected as error:
            refused[error.reason] = refused.get(error.reason, 0) + 1

    def peer(page: CorpusPage) -> None:
        trafilatura.extract(texts[page.key], url=page.original_url)

    for page in pages[:3]:  # what is loaded at first use is not a page's cost
        ours(page)
        peer(page)
    refused.clear()
    spent, theirs = _quickest(ours, pages, rounds), _quickest(peer, pages, rounds)
    return {
        "corpus": folder.name,
        "machine": describe("trafilatura", "lxml", "htmldate"),
        "pages": len(pages),
        "refused": {reason: count // rounds for reason, count in refused.items()},
        "ms_per_page": round(1000 * spent / len(pages), 2),
        "trafilatura_ms_per_page": round(1000 * theirs / len(pages), 2),
        "ratio_trafilatura": round(spent / theirs, 3),
    }


def _quickest(work: Callable[[CorpusPage], None], pages: Sequence[CorpusPage], rounds: int) -> float:
    return min(_spent(work, pages) for _ in range(rounds))


def _spent(work: Callable[[CorpusPage], None], pages: Sequence[CorpusPage]) -> float:
    began = time.process_time()
    for page in pages:
        work(page)
    return time.process_time() - began
