"""The parts of the Elasticsearch engine that need no cluster: addresses, errors, names of indices, requests, queries."""

import contextlib
import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug import Response

from copytaster.errors import Permanent, Rejected, Transient
from search.document import Document
from search.elastic import ElasticSearch
from search.elastic_bulk import Operation, chunks, ready
from search.elastic_client import Cluster
from search.elastic_indices import layout_of, month_of
from search.elastic_mapping import MAPPINGS, STOCK, document_of
from search.elastic_pages import Place, cursor_of, read_cursor
from search.elastic_query import candidates
from search.elastic_spellings import Written
from search.mapping import IndexDocument
from search.query import parse
from tests.services import running

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PRODUCT = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://es", "http://es:9200"),
        ("https://ann:secret@es:9243/", "https://es:9243"),
        ("http://a:1, http://b:2/path", "http://a:1, http://b:2/path"),
        ("http://[::1]:9200", "http://[::1]:9200"),
    ],
)
def test_addresses_are_told_without_their_passwords(url, where):
    assert Cluster(url).where == where


@pytest.mark.parametrize("url", ["", " , ", "es:9200", "ftp://es", "http://", "http://es:port"])
def test_an_address_that_is_none_is_refused_with_an_example(url):
    with pytest.raises(Rejected, match=r"search\.url"):
        Cluster(url)


def test_nobody_who_listens_is_told_in_a_sentence():
    url = f"http://127.0.0.1:{running.free_port()}"
    with pytest.raises(Transient, match=rf"No Elasticsearch answers at {url} .*refused.*search\.url") as caught:
        ElasticSearch(url).refresh()
    assert caught.value.retry_after


def test_an_authority_that_is_no_file_is_told(tmp_path):
    broken = tmp_path / "ca.pem"
    broken.write_text("nothing")
    for path in (broken, tmp_path / "none.pem"):
        with pytest.raises(Permanent, match=r"search\.ca"):
            ElasticSearch("https://127.0.0.1:1", ca=str(path)).refresh()


ANSWERS = [
    (200, {}, {}, Permanent, "is no Elasticsearch"),
    (401, PRODUCT, "", Permanent, "copytaster check --setup"),
    (403, PRODUCT, {"error": {"type": "security_exception", "reason": "no"}}, Permanent, r"search\.api_key"),
    (403, PRODUCT, {"error": {"type": "cluster_block_exception", "reason": "index read-only / allow"}}, Transient, "blocked"),
    (404, PRODUCT, {"error": {"type": "index_not_found_exception", "reason": "no such index"}}, Permanent, "copytaster rebuild"),
    (400, PRODUCT, {"error": {"type": "odd", "reason": "outer", "caused_by": {"reason": "inner"}}}, Permanent, "outer: inner"),
    (429, {**PRODUCT, "Retry-After": "7"}, {"error": "busy"}, Transient, "overloaded"),
    (503, PRODUCT, {"error": {"type": "no_shard_available_action_exception", "reason": ""}}, Transient, "not ready"),
    (502, {}, "<html>", Transient, "not ready"),
]


@pytest.mark.parametrize(("status", "headers", "body", "kind", "said"), ANSWERS)
def test_what_a_cluster_refuses_is_told_in_a_sentence(httpserver, status, headers, body, kind, said):
    text = body if isinstance(body, str) else json.dumps(body)
    httpserver.expect_request("/articles/_refresh").respond_with_response(Response(text, status, headers))
    engine = ElasticSearch(httpserver.url_for(""))
    with pytest.raises(kind, match=said) as caught:
        engine.refresh()
    if status == 429:
        assert caught.value.retry_after == 7
    assert len(httpserver.log) == 1  # the client repeats nothing by itself
    engine.close()


def bulk(httpserver, *items):
    httpserver.expect_request("/articles-*").respond_with_json(
        {"articles-2026.03-1": {"aliases": {"articles": {}}}}, headers=PRODUCT
    )
    answer = {"items": [{"index": item} for item in items]}
    httpserver.expect_request("/_bulk").respond_with_json(answer, headers=PRODUCT)
    return ElasticSearch(httpserver.url_for(""))


def article(name="a", **more):
    return IndexDocument(
        id=name, version=1, url="https://news.example/", story_id="s", first_seen_at=START, document=Document(**more)
    )


def test_one_document_that_must_wait_makes_all_wait_once_the_others_are_done(httpserver):
    busy = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "queue is full"}}
    engine = bulk(httpserver, {"status": 201}, busy)
    with pytest.raises(Transient, match="queue is full"):
        engine.put([article("a"), article("b")])
    engine.close()


def test_a_key_that_may_not_write_is_no_fault_of_the_documents(httpserver):
    engine = bulk(httpserver, {"status": 403, "error": {"type": "security_exception", "reason": "unauthorized"}})
    with pytest.raises(Permanent, match=r"search\.api_key"):
        engine.put([article()])
    engine.close()


NO_SHARDS = {"error": {"type": "search_phase_execution_exception", "reason": "all shards failed"}, "status": 503}
NO_INDEX = {"error": {"type": "index_not_found_exception", "reason": "no such index [articles]"}, "status": 404}


@pytest.fixture
def answering(httpserver):
    """A cluster that gives these answers to searches, in turn; no real one can be made to have no shards for so long."""

    def answers(*bodies):
        for body in bodies:
            status = body.get("status", 200)
            httpserver.expect_ordered_request("/articles/_search").respond_with_json(body, status, PRODUCT)
        return ElasticSearch(httpserver.url_for(""))

    return answers


def test_a_search_outlasts_the_moment_in_which_indices_change_hands(answering):
    nothing = {"hits": {"total": {"value": 0}, "hits": []}}
    engine = answering(*[NO_SHARDS] * 5, nothing)
    assert engine.search(parse("ant")).total == 0
    engine.close()


@pytest.mark.parametrize(("answer", "kind", "asked"), [(NO_SHARDS, Transient, 8), (NO_INDEX, Permanent, 2)])
def test_a_search_in_a_cluster_that_has_no_shards_ends_after_some_seconds(
    answering, httpserver, monkeypatch, answer, kind, asked
):
    pauses = []
    monkeypatch.setattr("search.elastic_changing.time.sleep", pauses.append)
    engine = answering(*[answer] * 9)
    with pytest.raises(kind):
        engine.search(parse("ant"))
    assert len(httpserver.log) == asked
    assert sum(pauses) < 5
    engine.close()


def test_the_layout_knows_generations_by_their_aliases():
    answer = {
        "articles-2026.02-1": {"aliases": {"articles": {}}, "settings": {"index": {"uuid": "u"}}},
        "articles-2026.03-2": {"aliases": {"articles-building": {}}},
        "articles-2026.04-2": {"settings": {"index": {"uuid": "v"}}},
        "articles-more-2026.03-7": {"aliases": {"articles-more": {}}},
        "articles-notes": {"aliases": {"articles": {}}},
    }
    layout = layout_of("articles", answer)
    assert (layout.current, layout.building, layout.newest) == (1, 2, 2)
    assert [index.name for index in layout.live()] == ["articles-2026.02-1", "articles-2026.03-2", "articles-2026.04-2"]
    assert layout.uuids(["articles-2026.02-1", "articles-2026.05-2"]) == {"articles-2026.02-1": "u", "articles-2026.05-2": ""}
    assert (layout_of("articles", {}).current, layout_of("articles", {}).building) == (0, 0)


def test_a_spelling_is_written_once_to_an_index_and_again_to_one_that_was_made_anew():
    written = Written()
    assert written.missing("u", ["a", "b"]) == ["a", "b"]
    written.note("u", {"a"})
    assert written.missing("u", ["a", "b"]) == ["b"]
    assert written.missing("v", ["a"]) == ["a"]
    written.note("", {"b"})
    assert written.missing("", ["b"]) == ["b"]


@given(st.datetimes(timezones=st.timezones()))
def test_a_month_is_of_utc(moment):
    try:
        assert month_of(moment) == moment.astimezone(dt.UTC).isoformat()[:7].replace("-", ".")
    except OverflowError:
        assert moment.year in {1, 9999}


@given(st.lists(st.integers(0, 200), max_size=12))
def test_requests_are_bounded_and_lose_nothing(sizes):
    operations = [Operation("i", str(number), (b"x" * size,)) for number, size in enumerate(sizes)]
    made = list(chunks(operations, 100))
    assert [operation for chunk in made for operation in chunk] == operations
    assert all(len(chunk) == 1 or sum(each.size for each in chunk) <= 100 for chunk in made)


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.text(st.characters(codec="utf-8"), min_size=1), st.sampled_from(["", "cGl0"]))
def test_a_cursor_reads_back_as_it_was(order, name, pit):
    assert read_cursor(cursor_of(Place(order, name, pit))) == Place(order, name, pit)


@given(st.text())
def test_any_other_cursor_is_refused_or_read(text):
    with contextlib.suppress(Rejected):
        assert read_cursor(cursor_of(read_cursor(text))) == read_cursor(text)


@pytest.mark.parametrize("name", ["", "x" * 513, "é" * 257, "\ud800"])
def test_an_id_that_elasticsearch_can_not_have_is_found_out_before(name):
    assert isinstance(ready(article(name)), str)


def test_the_document_has_only_fields_of_the_mapping():
    """dynamic is off: what the mapping lacks would be kept and never found."""
    document = document_of(article(title="Ant", text="Bee", language="fa"))

    def missing(part, mapping, path=""):
        for name, value in part.items():
            spec = mapping["properties"].get(name)
            if spec is None:
                yield f"{path}{name}"
            elif isinstance(value, dict):
                yield from missing(value, spec, f"{path}{name}.")

    assert list(missing(document, MAPPINGS)) == []
    assert document["stock"] == {"persian": ["Ant", "Bee"]}


def test_every_language_has_its_field():
    assert set(STOCK.values()) == set(MAPPINGS["properties"]["stock"]["properties"])


def test_a_thousand_words_are_one_clause():
    words = " OR ".join(f"w{n}" for n in range(1_000))
    query = candidates(parse(words).tree, None, None)
    assert json.dumps(query).count("words.body") == 1


def test_what_can_not_be_decided_never_excludes():
    query = candidates(parse('ant NOT "bee wasp"~2 NOT "fly ga*" NOT gnat').tree, None, None)
    assert json.dumps(query).count("must_not") == 1
    assert [*json.loads(json.dumps(query))["bool"]["filter"][0]["bool"]["must_not"]] == [{"terms": {"words.body": ["gnat"]}}]
