"""Both engines and the matcher alone give the same articles in the same order for any query, page by page."""

import dataclasses
import datetime as dt
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.document import Document
from search.mapping import IndexDocument
from search.matcher import Verifier
from search.query import Query, QueryError, parse
from search.sqlite import SqliteSearch
from search.tree import And, Not, Or, Phrase, only_excludes

START = dt.datetime(2026, 5, 31, 20, tzinfo=dt.UTC)  # so that the examples pass from one month into the next
WORDS = [
    "ant", "antler", "Antlers", "ÁNT", "an", "bee", "x", "Katāʾib", "kataib", "Москва", "москвой", "فاطميون", "فاطمیون",
    "حزب", "الله", "中国", "中", "国", "タイ", "ไทย", "हिन्दी", "한국", "Ελλάδα", "ΕΛΛΆΔΑ", "straße", "ﬁn", "½", "H.T.S.",
    "Iran's", "x" * 300,
]  # fmt: skip
BETWEEN = [" ", " ", " ", ", ", ". ", "\n", " — ", "\u200c", "_"]
LANGUAGES = [None, "en", "fa", "zh-Hant", "ru"]
MONTHS = itertools.count()


@st.composite
def texts(draw):
    words = draw(st.lists(st.sampled_from(WORDS), max_size=9))
    return "".join(word + draw(st.sampled_from(BETWEEN)) for word in words)


DOCUMENTS = st.builds(Document, title=texts(), text=texts(), language=st.sampled_from(LANGUAGES), author=texts(), source=texts())


@st.composite
def phrases(draw):
    field = draw(st.sampled_from([None, None, None, "title", "source", "author", "lang"]))
    if field == "lang":
        return _phrase(draw(st.sampled_from(["en", "fa", "zh", "ru"])), field="lang")
    typed = " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=draw(st.sampled_from([1, 1, 2, 3])))))
    slop = draw(st.sampled_from([0, 0, 1, 3]))
    prefix = draw(st.booleans())
    cut = typed[: max(2, len(typed) - draw(st.integers(0, 3)))] if prefix else typed
    return _phrase(cut, field=field, slop=slop, prefix=prefix)


def _phrase(typed, *, field, slop=0, prefix=False):
    """As the parser makes it, by way of the watch language."""
    text = f'{field + ":" if field else ""}"{typed}{"*" if prefix else ""}"{f"~{slop}" if slop else ""}'
    try:
        (found,) = parse(text).terms
    except QueryError:  # a prefix of one letter
        return Phrase(("ant",), "ant")
    return found


TREES = st.recursive(
    phrases(),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: Or(tuple(parts))),
    ),
    max_leaves=7,
)
QUERIES = TREES.filter(lambda tree: not only_excludes(tree)).map(Query)


def pages(engine, query, size, **bounds):
    """All pages one after another."""
    found, cursor = [], None
    while True:
        results = engine.search(query, size=size, cursor=cursor, **bounds)
        assert results.total >= len(results.hits)
        found += [(hit.id, tuple(hit.hits), hit.title, hit.passage, hit.source) for hit in results.hits]
        if (cursor := results.cursor) is None:
            return found
        assert len(results.hits) == size


@pytest.fixture
def engines(elastic_engine, tmp_path):
    made = [elastic_engine, SqliteSearch(tmp_path / "search.db")]
    for engine in made:
        assert engine.prepare()
    return made


@pytest.mark.service
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 3), DOCUMENTS), min_size=1, max_size=10),
    st.lists(QUERIES, min_size=1, max_size=5),
    st.integers(1, 4),
)
def test_both_engines_find_what_the_matcher_alone_finds(engines, told, asked, size):
    since = START + dt.timedelta(minutes=10 * next(MONTHS))
    documents = [
        IndexDocument(
            id=f"{since.isoformat()} {number}", version=1, url="https://news.example/", story_id="s", document=document,
            first_seen_at=since + dt.timedelta(minutes=minute),
        ) for number, (minute, document) in enumerate(told)
    ]  # fmt: skip
    for engine in engines:
        assert {outcome.state for outcome in engine.put(documents)} == {"indexed"}
        engine.refresh()
    newest_first = sorted(documents, key=lambda each: (each.first_seen_at, each.id), reverse=True)
    bounds = {"since": since, "until": since + dt.timedelta(minutes=10)}
    for query in asked:
        verifier = Verifier(query)
        truth = [each.id for each in newest_first if verifier.hits(each.document) is not None]
        found = [pages(engine, query, size, **bounds) for engine in engines]
        assert [each[0] for each in found[0]] == truth
        assert found[0] == found[1]


@pytest.mark.service
def test_both_engines_show_the_same_of_an_article(engines):
    document = IndexDocument(
        id="a", version=3, url="https://news.example/a", story_id="s", first_seen_at=START + dt.timedelta(microseconds=7),
        document=Document(title="Ant", text="Bee " * 200 + "ant", language="en", source="News (news.example)", author="Ann"),
        watches=("w", "v"),
    )  # fmt: skip
    shown = []
    for engine in engines:
        engine.put([document])
        engine.refresh()
        (hit,) = engine.search(parse("ant")).hits
        shown.append({field.name: getattr(hit, field.name) for field in dataclasses.fields(hit)})
    assert shown[0] == shown[1]
