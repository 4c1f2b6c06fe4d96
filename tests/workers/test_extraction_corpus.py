"""Extraction on the corpora of real pages, against the bars that the project set itself."""

import collections
import datetime as dt
import gzip
import json
import pathlib
import re
import statistics
import unicodedata

import pytest

from copytaster.errors import Rejected
from workers.extraction.read import extract

CORPORA = pathlib.Path(__file__).parents[2].parent / "shared/corpora"
WORD = re.compile(r"\w+")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=["articles", "articles-world", "dates"])
def corpus(request):
    """A corpus' name and its pages as (what is true, what was read)."""
    folder = CORPORA / request.param
    if not (folder / "ground-truth.json").exists():
        pytest.skip(f"the corpus is absent: {folder}")
    truth = json.loads((folder / "ground-truth.json").read_text("utf-8"))
    return request.param, [(told, read(folder / "html" / f"{key}.html.gz", told["url"])) for key, told in truth.items()]


def read(path, url):
    try:
        return extract(gzip.decompress(path.read_bytes()), url)
    except Rejected:
        return None


def shingles(text):
    words = WORD.findall(text or "")
    return collections.Counter(zip(*(words[skip:] for skip in range(4)), strict=False))


def folded(text):
    return " ".join(WORD.findall(unicodedata.normalize("NFKC", text or "").casefold()))


def body_f1(pairs):
    precisions, recalls = [], []
    for told, article in pairs:
        true, found = shingles(told["articleBody"]), shingles(article.text if article else "")
        if found:
            precisions.append((true & found).total() / found.total())
        recalls.append((true & found).total() / true.total())
    precision, recall = statistics.fmean(precisions), statistics.fmean(recalls)
    return 2 * precision * recall / (precision + recall)


def author_f1(told, article):
    true = {folded(name) for name in told["authors"]} - {""}
    found = {folded(name) for name in (article.authors if article else ())} - {""}
    return 2 * len(true & found) / (len(true) + len(found)) if true or found else 1.0


def same_day(want, article):
    printed = article.published if article else None
    have = dt.date.fromisoformat(printed.isoformat()[:10]) if printed else None
    return have in ({want.date(), want.astimezone(dt.UTC).date()} if want.tzinfo else {want.date()})


def same_instant(want, article):
    printed = article.published if article else None
    zoned = printed is not None and printed.precision == "second" and printed.offset_minutes is not None
    return zoned and abs((printed.at - want).total_seconds()) < 61


def measured(name, pairs):
    figures = {}
    dated = [(dt.datetime.fromisoformat(told["date"]), article) for told, article in pairs if isinstance(told.get("date"), str)]
    if name != "dates":
        figures["body"] = body_f1(pairs)
    if name == "articles-world":
        figures["title"] = statistics.fmean(folded(told["title"]) == folded(article and article.title) for told, article in pairs)
        figures["authors"] = statistics.fmean(author_f1(told, article) for told, article in pairs if told["authors"] is not None)
        figures["instant"] = statistics.fmean(same_instant(*pair) for pair in dated if pair[0].tzinfo)
    if dated:
        figures["day"] = statistics.fmean(same_day(*pair) for pair in dated)
    return figures


BARS = {
    "articles": {"body": 0.96},
    "articles-world": {"body": 0.95, "title": 0.80, "authors": 0.82, "day": 0.97, "instant": 0.97},
    "dates": {"day": 0.90},
}


def test_extraction_stays_above_its_bars_on_real_pages(corpus):
    """Bodies, titles, authors, days and instants; what is refused counts as wrong."""
    name, pairs = corpus
    figures = measured(name, pairs)
    assert {field: figures[field] for field, bar in BARS[name].items() if figures[field] < bar} == {}


def test_every_real_page_is_an_article_or_refused(corpus):
    """Nothing silently empty; hardly anything refused."""
    _, pairs = corpus
    assert all(article is None or (article.title and article.text) for _, article in pairs)
    assert sum(article is None for _, article in pairs) <= 0.01 * len(pairs)
