"""The SearchEngine contract, over each adapter: what search finds is what watches match, whatever was put in which order."""

import dataclasses
import datetime as dt
import itertools
import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copytaster.errors import CopytasterError, Permanent, Rejected, Transient
from copytaster.news import Article, Extracted, Printed
from search.brute import brute_match
from search.document import Document
from search.engine import SearchEngine
from search.mapping import IndexDocument
from search.query import QueryError, parse
from search.sqlite import SqliteSearch

NAUGHTY = Path(__file__).parents[2].parent / "shared/corpora/strings/blns.json"
START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def sqlite_engine(folder):
    return SqliteSearch(folder / "copytaster.sqlite")


ADAPTERS = ["sqlite", pytest.param("elasticsearch", marks=[pytest.mark.service, pytest.mark.timeout(300)])]


@pytest.fixture(params=ADAPTERS)
def engine(request, tmp_path) -> SearchEngine:
    made = sqlite_engine(tmp_path) if request.param == "sqlite" else request.getfixturevalue("elastic_engine")
    assert made.prepare()
    yield made
    made.close()


def article(name, *, version=1, at=0, watches=(), **document):
    return IndexDocument(
        id=name,
        version=version,
        url=f"https://news.example/{name}",
        story_id=f"story-{name}",
        first_seen_at=START + dt.timedelta(minutes=at),
        document=Document(**document),
        watches=watches,
    )


def put(engine, *documents):
    outcomes = engine.put(documents)
    engine.refresh()
    return [outcome.state for outcome in outcomes]


def found(engine, query, **options):
    return [hit.id for hit in engine.search(parse(query), **options).hits]


def test_an_article_is_found_with_its_passage_marked(engine):
    told = article("a", title="Fatemiyoun return", text="Seen: the FATEMIYOUN brigade.", watches=("w",), source="X (x.example)")
    assert put(engine, dataclasses.replace(told, published=Printed(START, 210))) == ["indexed"]
    results = engine.search(parse("fatemiyoun"))
    (hit,) = results.hits
    assert results.total == 1
    assert results.cursor is None
    assert hit.title.marked("[", "]") == "[Fatemiyoun] return"
    assert hit.passage.marked("[", "]") == "Seen: the [FATEMIYOUN] brigade."
    assert (hit.id, hit.story_id, hit.url, hit.source) == ("a", "story-a", "https://news.example/a", "X (x.example)")
    assert hit.published == "2026-03-01T15:30:00+03:30"
    assert hit.first_seen_at == START
    assert list(hit.watches) == ["w"]
    assert [place.field for place in hit.hits] == ["title", "text"]


def test_an_article_of_the_store_is_indexed_whole(engine):
    read = Article(
        id="a", url="https://www.bbc.co.uk/x", source_id="s", source_name="BBC", story_id="t", revision=1,
        document_version=3, first_seen_at=START, read_at=START,
        extracted=Extracted(title="Ant", text="Bee", authors=["Ann Lee", "Bo Ray"], language="en"),
    )  # fmt: skip
    assert put(engine, IndexDocument.of(read)) == ["indexed"]
    for query in ("ant bee", "source:bbc.co.uk", 'author:"Bo Ray"', "lang:en"):
        assert found(engine, query) == ["a"]


def test_an_older_version_never_replaces_a_newer(engine):
    assert put(engine, article("a", version=2, text="new")) == ["indexed"]
    assert put(engine, article("a", version=1, text="old"), article("a", version=2, text="old")) == ["newer", "newer"]
    assert found(engine, "old") == []
    assert put(engine, article("a", version=3, text="newest")) == ["indexed"]
    assert found(engine, "new") == []
    assert found(engine, "newest") == ["a"]


def test_a_bad_document_never_fails_its_batch(engine):
    bad = article("b\ud800", text="ant")
    naive = dataclasses.replace(article("n", text="ant"), first_seen_at=START.replace(tzinfo=None))
    huge = article("h", text="ant", version=2**80)
    assert put(engine, article("a", text="ant"), bad, naive, huge, article("c", text="ant \ud800 \x00 bee", at=1)) == [
        "indexed", "failed", "failed", "failed", "indexed",
    ]  # fmt: skip
    assert found(engine, '"ant bee"') == ["c"]
    assert found(engine, "ant") == ["c", "a"]


def test_a_deleted_article_is_gone_and_may_come_back(engine):
    put(engine, article("a", text="ant"), article("b", text="ant", at=1))
    assert engine.delete(["a", "nobody"]) == 1
    engine.refresh()
    assert found(engine, "ant") == ["b"]
    assert put(engine, article("a", text="bee")) == ["indexed"]
    assert found(engine, "ant OR bee") == ["b", "a"]


def test_a_cleared_index_is_empty_and_works(engine):
    put(engine, article("a", text="ant"))
    engine.clear()
    engine.refresh()
    assert found(engine, "ant") == []
    assert engine.prepare()
    assert put(engine, article("a", text="ant")) == ["indexed"]
    assert not engine.prepare()
    assert found(engine, "ant") == ["a"]


def test_newest_come_first_page_by_page_without_a_gap(engine):
    put(engine, *(article(f"a{n:03}", text="ant", at=n // 3) for n in range(130)))
    seen, cursor, pages = [], None, 0
    while True:
        results = engine.search(parse("ant"), size=25, cursor=cursor)
        assert results.total == 130
        seen += [hit.id for hit in results.hits]
        pages += 1
        if (cursor := results.cursor) is None:
            break
    assert seen == sorted(seen, key=lambda name: (int(name[1:]) // 3, name), reverse=True)
    assert len(seen) == 130
    assert pages == 6


def test_time_bounds_are_of_the_first_sight(engine):
    put(engine, *(article(str(n), text="ant", at=n) for n in range(5)))
    bounds = {"since": START + dt.timedelta(minutes=1), "until": START + dt.timedelta(minutes=3)}
    assert found(engine, "ant", **bounds) == ["2", "1"]
    assert engine.search(parse("ant"), **bounds).total == 2


def test_a_vetoed_form_is_no_result(engine):
    put(engine, article("a", text="Antler"), article("b", text="Antler ant", at=1))
    (hit,) = engine.search(parse("ant*"), vetoes=["antler"]).hits
    assert [place.printed for place in hit.hits] == ["ant"]


@pytest.mark.parametrize("cursor", ["x", "!!", "é", "AAAA", "eA=="])
def test_a_wrong_cursor_is_refused(engine, cursor):
    with pytest.raises(Rejected, match="Search again without it"):
        engine.search(parse("ant"), cursor=cursor)


WORDS = ["ant", "bee", "antler", "ÁNT", "中国", "中", "हिन्दी", "فاطميون", "x"]
TEXTS = st.lists(st.sampled_from([*WORDS, "\n", "—"]), max_size=7).map(" ".join)
DOCUMENTS = st.builds(Document, title=TEXTS, text=TEXTS, language=st.sampled_from([None, "fa"]), author=TEXTS, source=TEXTS)


@st.composite
def queries(draw, depth=2):
    kind = draw(st.sampled_from(["term", "term", "AND", "OR", "NOT"])) if depth else "term"
    if kind == "NOT":
        return f"NOT ({draw(queries(depth=depth - 1))})"
    if kind != "term":
        parts = draw(st.lists(queries(depth=depth - 1), min_size=2, max_size=3))
        return "(" + f" {kind} ".join(parts) + ")"
    words = " ".join(draw(st.lists(st.sampled_from([*WORDS, "an"]), min_size=1, max_size=3)))
    field = draw(st.sampled_from(["", "", "title:", "source:", "author:"]))
    return f'{field}"{words}{draw(st.sampled_from(["", "*"]))}"{draw(st.sampled_from(["", "~1", "~3"]))}'


def readable(text):
    try:
        return parse(text)
    except QueryError:
        return None


MINUTES = itertools.count()  # each example has a minute of its own, for making an index anew takes longer than asking it


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=4), st.lists(queries().map(readable).filter(bool), min_size=1, max_size=4))
def test_search_finds_what_brute_force_matches(engine, documents, asked):
    minute = next(MINUTES)
    held = {f"{minute}-{number}": document for number, document in enumerate(documents)}
    put(engine, *(dataclasses.replace(article(name, at=minute), document=document) for name, document in held.items()))
    bounds = {"since": START + dt.timedelta(minutes=minute), "until": START + dt.timedelta(minutes=minute + 1)}
    for query in asked:
        truth = {name for name, document in held.items() if brute_match(document, {"q": query})}
        assert {hit.id for hit in engine.search(query, **bounds).hits} == truth


@pytest.mark.parametrize(
    "query", ["(" * 20 + "ant" + ")" * 20, " ".join(["ant"] * 1_000), " OR ".join(["ant"] * 1_000),
              "ant AND (bee OR (" * 6 + "ant" + "))" * 6, "ant NOT (" + " OR ".join(f"w{n}" for n in range(990)) + ")"]
)  # fmt: skip
def test_the_largest_queries_are_answered(engine, query):
    put(engine, article("a", text="ant bee"))
    assert found(engine, query) == ["a"]


@pytest.mark.slow
def test_naughty_strings_are_indexed_and_found(engine):
    if not NAUGHTY.exists():
        pytest.skip(f"the corpus of naughty strings is not at {NAUGHTY}")
    strings = json.loads(NAUGHTY.read_text("utf-8"))
    put(engine, *(article(str(n), title=text, text=f"x {text}") for n, text in enumerate(strings)))
    asked = 0
    for number, text in enumerate(strings):
        query = readable('"' + text.replace('"', " ").replace("*", " ") + '"')
        if query is not None:
            assert str(number) in {hit.id for hit in engine.search(query, size=600).hits}
            asked += 1
    assert asked > 300


def test_the_sqlite_index_lives_beside_other_tables_and_leaves_them_alone(tmp_path):
    path = tmp_path / "store.sqlite"
    with sqlite3.connect(path) as store:
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("CREATE TABLE articles (id TEXT)")
        store.execute("INSERT INTO articles VALUES ('kept')")
    store.close()
    engine = SqliteSearch(path)
    engine.prepare()
    put(engine, article("a", text="ant"))
    engine.clear()
    with sqlite3.connect(path) as store:
        assert store.execute("SELECT id FROM articles").fetchall() == [("kept",)]
        assert {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'search_%'")} <= {
            "articles", "sqlite_autoindex_search_documents_1",
        }  # fmt: skip
    store.close()


def test_an_sqlite_index_of_another_form_asks_to_be_made_anew(tmp_path):
    engine = sqlite_engine(tmp_path)
    engine.prepare()
    put(engine, article("a", text="ant"))
    with sqlite3.connect(engine.path) as connection:
        connection.execute("UPDATE search_state SET form = 'older'")
    connection.close()
    assert engine.prepare()
    assert found(engine, "ant") == []


def test_a_locked_sqlite_index_may_be_tried_again(tmp_path, monkeypatch):
    engine = sqlite_engine(tmp_path)
    engine.prepare()
    monkeypatch.setattr("search.sqlite._BUSY_SECONDS", 0.01)
    holder = sqlite3.connect(engine.path)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Transient, match="locked"):
        engine.put([article("a", text="ant")])
    holder.close()
    assert put(engine, article("a", text="ant")) == ["indexed"]


def test_an_index_that_is_none_says_what_to_do(tmp_path):
    with pytest.raises(Permanent, match="copytaster rebuild"):
        sqlite_engine(tmp_path).search(parse("ant"))
    broken = tmp_path / "copytaster.sqlite"
    broken.write_bytes(b"not a database" * 100)
    with pytest.raises(CopytasterError, match="copytaster rebuild"):
        sqlite_engine(tmp_path).prepare()


def test_an_engine_tells_the_version_that_it_has_of_each_article(engine):
    put(engine, article("a", version=3, text="Ant"), article("b", version=1, text="Bee"))
    put(engine, article("b", version=4, text="Bee again"), article("a", version=2, text="older"))
    assert engine.versions(["a", "b", "unknown"]) == {"a": 3, "b": 4}
    engine.delete(["a"])
    engine.refresh()
    assert engine.versions(["a", "b"]) == {"b": 4}
