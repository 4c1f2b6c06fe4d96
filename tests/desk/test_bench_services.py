"""``bench`` on real services: room of its own there, whose CPU time is whose, and what set the pace."""

import contextlib
import json
import os
import re
import socket
import threading

import psutil
import psycopg
import pytest
from redis import Redis
from werkzeug import Response

from copytaster.config import Config, RedisConfig, SearchConfig, StoreConfig
from copytaster.errors import CopytasterError, Rejected, Transient
from desk.bench import costs, outside
from desk.bench.listening import cpu_seconds, server_of
from desk.bench.match import bench_match
from desk.bench.names import Wanted, bench_names
from desk.bench.percolator import Percolator, misspelled
from desk.bench.rig import Rig
from desk.bench.tree import Watcher
from search.brute import brute_match
from search.document import Document
from search.query import parse
from tests.services import finding, percolator
from workers.app import Hints


@pytest.mark.parametrize(
    ("shares", "machine", "limit"),
    [
        ({"read": 0.97, "crawl": 0.4}, 0.99, "read"),
        ({"read": 0.7, "crawl": 0.6}, 0.98, "machine"),
        ({"read": 0.3, "crawl": 0.2}, 0.3, "waiting"),
    ],
)
def test_the_pace_is_set_by_what_has_nothing_left_of_what_it_could_use(shares, machine, limit):
    assert costs.limit_of(shares, machine) == limit


def test_the_process_behind_an_address_is_found_and_its_time_counted():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = server_of(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        assert server is not None
        assert server.pid == os.getpid()
        before = cpu_seconds(server)
        sum(number * number for number in range(1_000_000))
        assert cpu_seconds(server) > before


@pytest.mark.parametrize("url", ["postgresql://192.0.2.1:5432/x", "http://127.0.0.1:1/", "redis+socket:///run/x.sock"])
def test_a_service_that_is_not_on_this_machine_has_no_process(url):
    assert server_of(url) is None


def test_all_processes_of_a_service_go_by_its_name():
    watcher = Watcher(psutil.Process(), lambda _: "postgresql")
    assert set(watcher.cpu_seconds()) == {"postgresql"}


def test_nothing_of_the_user_s_own_configuration_reaches_a_benchmark(tmp_path, monkeypatch):
    monkeypatch.setenv("COPYTASTER_STORE__URL", "postgresql://nobody@192.0.2.1/production")
    monkeypatch.setenv("COPYTASTER_RETENTION__TEXT_DAYS", "1")
    rig = Rig(tmp_path, [])
    assert rig.config().store_url == f"sqlite:///{tmp_path}/data/copytaster.db"
    assert "COPYTASTER_STORE__URL" not in rig.variables()
    assert "COPYTASTER_RETENTION__TEXT_DAYS" not in rig.variables()


@pytest.mark.parametrize(
    ("named", "lacking"),
    [
        (("", "redis://h", "http://h"), "store.url"),
        (("sqlite:///x", "redis://h", "http://h"), "store.url"),
        (("postgresql://h/x", "", "http://h"), "redis.url"),
        (("postgresql://h/x", "redis://h", ""), "search.url"),
    ],
)
def test_services_that_are_not_named_are_asked_for(named, lacking):
    store, redis, search = named
    config = Config(store=StoreConfig(url=store), redis=RedisConfig(url=redis), search=SearchConfig(url=search))
    with pytest.raises(Rejected, match=lacking), outside.borrowed(config):
        pass


@pytest.fixture
def configured(request):
    """PostgreSQL, Redis and Elasticsearch of the tests' own."""
    return Config(
        store=StoreConfig(url=request.getfixturevalue("postgresql_server").url("postgres")),
        redis=RedisConfig(url=request.getfixturevalue("redis_url")),
        search=SearchConfig(url=request.getfixturevalue("elasticsearch_server"), replicas=0),
    )


def databases(config):
    with psycopg.connect(config.store.url) as conn:
        return {name for (name,) in conn.execute("SELECT datname FROM pg_database")}


@pytest.mark.service
@pytest.mark.slow
def test_a_benchmark_leaves_the_services_as_it_found_them(configured):
    before = databases(configured)
    with outside.borrowed(configured) as place:
        made = databases(configured) - before
        assert len(made) == 1
        assert place.variables["COPYTASTER_STORE__URL"].endswith(made.pop())
        assert place.variables["COPYTASTER_SEARCH__INDEX"].startswith("bench-")
        assert all(place.servers.values())
        with contextlib.closing(Redis.from_url(configured.redis.url)) as redis:
            Hints(configured)("ingest")
            assert redis.exists("ingest")
            redis.set("somebody-elses", "1")
    assert databases(configured) == before
    with contextlib.closing(Redis.from_url(configured.redis.url)) as redis:
        assert redis.keys() == [b"somebody-elses"]


@pytest.mark.service
def test_a_redis_that_holds_anything_is_not_taken(redis_url):
    config = Config(redis=RedisConfig(url=redis_url))
    with contextlib.closing(Redis.from_url(redis_url.replace("redis+socket://", "unix://"))) as redis:
        redis.set("work", "1")
        with pytest.raises(Rejected, match="holds 1 keys"), outside._empty_redis(config):
            pass
        assert redis.get("work") == b"1"


def test_a_percolator_that_is_not_there_is_said_in_a_sentence():
    with pytest.raises(Transient, match="No percolator answers"), Percolator("http://127.0.0.1:1", [parse("word")]):
        pass


@pytest.fixture(scope="module")
def percolator_url():
    if percolator.lacking():
        finding.missing("percolator")
    with percolator.started() as url:
        yield url


@pytest.mark.service
@pytest.mark.slow
def test_a_percolator_finds_the_same_watches_in_the_same_articles(percolator_url, monkeypatch):
    monkeypatch.setattr("desk.bench.percolator.WARM_SECONDS", 0.2)
    monkeypatch.setattr("desk.bench.percolator.TRY_SECONDS", 0.2)
    (run,) = bench_match((300,), articles=60, percolator=percolator_url)["runs"]
    beside = run["percolator"]
    assert json.loads(json.dumps(beside)) == beside
    assert (beside["articles"], beside["missed"], beside["invented"]) == (60, 0, 0)
    assert beside["name"] == "Elasticsearch 7.17.29"
    assert beside["ratio_cpu"] > 0


@pytest.mark.service
@pytest.mark.slow
def test_what_the_percolator_is_asked_means_what_the_watch_means(percolator_url):
    queries = {
        name: parse(name)
        for name in (
            '"red fox" OR hen*',
            "fox NOT hen",
            "title:fox",
            '"fox red"~2',
            "lang:en fox",
            "(hen OR dog) NOT source:wire",
        )
    }
    documents = [
        Document(title="A fox", text="The red fox met a henhouse.", language="en"),
        Document(title="Dogs", text="A fox so very red; a hen.", source="Wire"),
        Document(title="Red", text="fox", language="fa"),
        Document(title="Dog", text="A dog and a hen.", source="Post"),
    ]
    with Percolator(percolator_url, list(queries.values())) as peer:
        found = peer.found(documents)
    names = list(queries)
    for at, document in enumerate(documents):
        assert {names[number] for number in found[at]} == brute_match(document, queries)


@pytest.mark.service
@pytest.mark.slow
def test_what_the_percolator_is_asked_for_a_name_is_its_words_in_a_row_misspelled(percolator_url):
    queries = [parse('"Kataib Hezbollah"'), parse('"Fatemiyoun"')]
    texts = ["Katiab Hezbolah left.", "Kataib men met Hezbollah.", "Hezbollah Kataib", "Fatemiyun and Fatima"]
    with Percolator(percolator_url, queries, asked=misspelled) as peer:
        found = peer.found([Document(text=text) for text in texts])
    assert [found[at] for at in range(len(texts))] == [{0}, set(), set(), {1}]


@pytest.mark.service
@pytest.mark.slow
def test_names_are_measured_beside_a_percolator(percolator_url, monkeypatch, tmp_path):
    monkeypatch.setattr("desk.bench.percolator.WARM_SECONDS", 0.2)
    monkeypatch.setattr("desk.bench.percolator.TRY_SECONDS", 0.2)
    for name, content in (
        ("names/dev.jsonl", {"watch": "Kataib Hezbollah", "type": "org", **FORMS}),
        ("articles/ground-truth.json", {"a": {"articleBody": "the men of the north met in a small town and left " * 40}}),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(json.dumps(content))
    told = bench_names(Wanted(sizes=(1,), articles=1, corpora=tmp_path, percolator=percolator_url, seconds=0.2))
    assert json.loads(json.dumps(told)) == told
    beside = told["percolator"]
    assert (beside["articles"], beside["planted"], beside["planted_found"]) == (1, 1, 1)
    assert beside["ratio_cpu_one_a_request"] > 0
    assert told["ratio_names_1"] == beside["ratio"]


FORMS = {
    "positives": ["Katiab Hezbolah"],
    "pos_kind": ["spelling"],
    "negatives": [],
    "neg_kind": [],
}


def test_a_refused_percolator_leaves_no_index(httpserver):
    deleted = threading.Event()
    httpserver.expect_request("/", method="GET").respond_with_json({"version": {"number": "7.17.29"}})

    def index(request):
        if request.method == "DELETE":
            deleted.set()
        return Response("no" if request.path.endswith("_bulk") else "{}", status=500 if request.path.endswith("_bulk") else 200)

    httpserver.expect_request(re.compile("/copytaster-bench-.*")).respond_with_handler(index)
    with pytest.raises(CopytasterError, match="refuses POST"), Percolator(httpserver.url_for("/"), [parse("word")]):
        pass
    assert deleted.is_set()
