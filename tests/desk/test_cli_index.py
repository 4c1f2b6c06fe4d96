"""``copytaster rebuild`` and what ``check`` says of store, Redis and search: embedded, real, and mixed."""

import datetime as dt
import os
import pty
import re
import subprocess
import uuid

import pytest

from copytaster.config import load
from copytaster.store import Store, articles, leases, processes
from tests.desk import news_world
from tests.desk.conftest import is_one_sentence
from tests.services import elasticsearch
from workers import pipeline, rebuilding
from workers.bootstrap import make_services, open_store


@pytest.fixture
def cluster(folder, monkeypatch, elasticsearch_server):
    """The configuration names a cluster, and indices of this test's own."""
    index = f"desk{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("COPYTASTER_SEARCH__URL", elasticsearch_server)
    monkeypatch.setenv("COPYTASTER_SEARCH__INDEX", index)
    monkeypatch.setenv("COPYTASTER_SEARCH__REPLICAS", "0")
    monkeypatch.setenv("COPYTASTER_SEARCH__TIMEOUT_SECONDS", "60")
    yield index
    from search.elastic import ElasticSearch

    engine = ElasticSearch(elasticsearch_server, index=index)
    engine.indices.drop(engine.indices.layout().indices)
    with engine.cluster.client() as client:
        client.options(ignore_status=404).indices.delete_index_template(name=index)
    engine.close()


def filled(store: Store, count: int = 3) -> None:
    news_world.add_source(store, "herald")
    for number in range(count):
        news_world.add_article(store, "source-herald", number)


def index_all() -> None:
    services = make_services(load(), "worker", hint=lambda _: None)
    while pipeline.index(services):
        pass
    services.store.close()


def finding(call, check: str, *options: str) -> str:
    return next(each["detail"] for each in call("check", "--json", *options).records if each["check"] == check)


def test_rebuild_says_what_it_came_to(call, own_store):
    filled(own_store)
    (record,) = call("rebuild", "--json").records
    seconds = record.pop("seconds")
    assert seconds >= 0
    assert record == {"articles": 3, "indexed": 3, "refused": 0, "mended": 0, "removed": 0}
    done = call("rebuild")
    assert done.out.startswith("The search index has 3 of 3 articles, in ")
    assert len(call("search", "fatemiyoun", "--json").records) == 3


@pytest.mark.slow
def test_rebuild_shows_how_far_it_is_on_a_terminal_alone(run, own_store):
    filled(own_store)
    assert run("rebuild").stderr == b""
    ours, theirs = pty.openpty()
    try:
        done = run("rebuild", env={"TERM": "xterm"}, capture_output=False, stdout=subprocess.PIPE, stderr=theirs)
        shown = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Filling" in shown
    assert "Comparing with the store" in shown
    assert done.stdout.startswith(b"The search index has 3 of 3 articles")


def test_a_second_rebuild_is_refused_in_one_sentence(call, own_store):
    filled(own_store)
    with own_store.write() as tx:
        assert leases.take(tx, rebuilding.LEASE, "somebody else", seconds=60)
    done = call("rebuild")
    assert done.code == 1
    assert is_one_sentence(done.err)
    assert "Another rebuild of the search index is running" in done.err


def test_check_says_which_sqlite_holds_what_and_what_waits(call, own_store):
    filled(own_store)
    said = finding(call, "search")
    assert re.fullmatch(r"SQLite \d+\.\d+\.\d+ with FTS5, nothing indexed yet; 3 articles wait to be indexed", said)
    index_all()
    assert re.fullmatch(r"SQLite \d+\.\d+\.\d+ with FTS5, 3 articles", finding(call, "search"))
    assert re.match(r"SQLite \d+\.\d+\.\d+ at sqlite:///.*copytaster\.db, schema \d+", finding(call, "store"))


def test_checking_makes_no_index(call, folder):
    assert "nothing indexed yet" in finding(call, "search")
    assert not (folder / "copytaster-data" / "search.db").exists()


def test_check_says_what_must_be_on_one_machine(call, monkeypatch):
    said = finding(call, "together")
    assert "embedded: store, Redis and search; all processes must run on this machine" in said
    monkeypatch.setenv("COPYTASTER_REDIS__URL", "redis://redis.example:6379/0")
    monkeypatch.setenv("COPYTASTER_SEARCH__URL", "https://search.example:9200")
    from desk.checks_services import together

    assert "embedded: store; all processes must run on this machine" in together(load(), False)


def test_parts_that_each_machine_would_have_of_its_own_are_wrong(call, own_store):
    with own_store.write() as tx:
        processes.note(tx, "worker@alpha/17", "worker")
        processes.note(tx, "crawl@beta/18", "crawl")
        processes.note(tx, "worker@beta/19", "worker")
    done = call("check", "--json")
    assert done.code == 1
    (wrong,) = (each for each in done.records if not each["ok"])
    assert wrong["check"] == "together"
    assert "Processes on 2 machines (alpha, beta) share this store" in wrong["detail"]
    assert "set store.url, redis.url and search.url" in wrong["detail"]


def test_a_machine_that_was_switched_off_is_no_second_one(call, own_store):
    with own_store.write() as tx:
        processes.note(tx, "worker@alpha/17", "worker")
        processes.note(tx, "worker@beta/18", "worker")
        table = processes.processes
        old = tx.now - dt.timedelta(minutes=10)
        tx.conn.execute(table.update().where(table.c.name == "worker@beta/18").values(progress_at=old))
    assert call("check").code == 0


AWAY = "http://127.0.0.1:9"


@pytest.mark.parametrize("command", [("search", "fatemiyoun"), ("watch", "test", "Fatemiyoun"), ("rebuild",)])
def test_a_cluster_that_is_away_is_one_clear_sentence(call, own_store, monkeypatch, command):
    filled(own_store)
    news_world.add_watch(own_store, "Fatemiyoun")
    monkeypatch.setattr(rebuilding, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setenv("COPYTASTER_SEARCH__URL", AWAY)
    done = call(*command)
    assert done.code == 1
    assert is_one_sentence(done.err)
    assert f"No Elasticsearch answers at {AWAY}" in done.err


@pytest.mark.parametrize("command", [("status",), ("source", "list"), ("watch", "add", "kataib"), ("deliveries", "list")])
def test_a_cluster_that_is_away_stops_no_other_command(call, own_store, monkeypatch, command):
    monkeypatch.setenv("COPYTASTER_SEARCH__URL", AWAY)
    assert call(*command).code == 0


def test_a_watch_is_added_and_its_secret_shown_though_there_is_no_preview(call, own_store, monkeypatch):
    monkeypatch.setenv("COPYTASTER_SEARCH__URL", AWAY)
    done = call("watch", "add", "kataib", "--to", "http://127.0.0.1:1/x")
    assert done.code == 0
    assert "The secret that signs what goes to http://127.0.0.1:1/x" in done.out
    assert "what it would have caught can't be looked up now: No Elasticsearch answers" in done.err
    (record,) = call("watch", "add", "fatemiyoun", "--to", "http://127.0.0.1:1/y", "--json").records
    assert record["preview"] is None
    assert len(record["secrets"]) == 1


def test_every_process_starts_though_the_cluster_is_away(folder, own_store, monkeypatch):
    monkeypatch.setenv("COPYTASTER_SEARCH__URL", AWAY)
    services = make_services(load(), "worker", hint=lambda _: None)
    assert services.engine
    services.store.close()


@pytest.mark.service
def test_check_and_rebuild_with_postgresql_redis_and_elasticsearch(call, cluster, monkeypatch, postgresql_server, redis_server):
    with postgresql_server.database(migrated=True) as url:
        monkeypatch.setenv("COPYTASTER_STORE__URL", url)
        if redis_server.startswith("redis://"):
            monkeypatch.setenv("COPYTASTER_REDIS__URL", redis_server)
            assert re.match(r"(Redis|Valkey) \d+\.\d+", finding(call, "redis"))
            assert "any number of machines" in finding(call, "together")
        assert re.match(r"PostgreSQL \d+\.\d+ at .*; 2 connections a process, 10 in a rush, 100 in all", finding(call, "store"))
        assert "no index yet" in finding(call, "search")
        opened = open_store(load())
        filled(opened)
        opened.close()
        assert re.match(
            r"Elasticsearch 9\.\d+\.\d+ at http://[^ ]+, green; 0 articles in generation 1 of .*; 3 articles wait",
            finding(call, "search", "--setup"),
        )
        index_all()
        assert call("rebuild", "--json").records[0]["indexed"] == 3
        assert "3 articles in generation 2" in finding(call, "search")
        assert len(call("search", "fatemiyoun", "--json").records) == 3
        from desk.opening import desk

        with desk() as here:
            here.engine.begin_rebuild()
        assert "generation 3 is being built; if no `copytaster rebuild` runs it was killed" in finding(call, "search")
        assert call("rebuild").code == 0
        assert "being built" not in finding(call, "search")


MIXES = [("sqlite", "elasticsearch"), ("postgresql", "sqlite")]


@pytest.mark.service
@pytest.mark.parametrize(("kind", "search"), MIXES)
def test_any_mix_of_store_and_search_indexes_searches_and_rebuilds(call, folder, request, monkeypatch, kind, search):
    if search == "elasticsearch":
        request.getfixturevalue("cluster")
    if kind == "postgresql":
        database = request.getfixturevalue("postgresql_server").database(migrated=True)
        monkeypatch.setenv("COPYTASTER_STORE__URL", database.__enter__())
        request.addfinalizer(lambda: database.__exit__(None, None, None))
    opened = open_store(load())
    filled(opened)
    index_all()
    assert call("rebuild", "--json").records[0]["indexed"] == 3
    assert len(call("search", "fatemiyoun", "--json").records) == 3
    with opened.read() as tx:
        assert articles.unindexed(tx) == 0
    opened.close()


@pytest.mark.service
@pytest.mark.slow
def test_setup_makes_a_key_that_may_do_what_copytaster_needs(call, folder, own_store, monkeypatch):
    filled(own_store)
    with elasticsearch.started(secured=True) as server:
        monkeypatch.setenv("COPYTASTER_SEARCH__URL", server.administrators_url)
        monkeypatch.setenv("COPYTASTER_SEARCH__CA", str(server.ca))
        monkeypatch.setenv("COPYTASTER_SEARCH__TIMEOUT_SECONDS", "60")
        monkeypatch.setenv("COPYTASTER_SEARCH__REPLICAS", "0")
        said = finding(call, "search", "--setup")
        key = re.search(r'put api_key = "([^"]+)" under \[search\] into copytaster.toml', said)[1]
        assert elasticsearch.PASSWORD not in said
        monkeypatch.setenv("COPYTASTER_SEARCH__URL", server.url)
        assert "refuses us (401" in finding(call, "search")
        monkeypatch.setenv("COPYTASTER_SEARCH__API_KEY", key)
        assert "articles in generation 1" in finding(call, "search")
        index_all()
        assert call("rebuild", "--json").records[0]["indexed"] == 3
        assert len(call("search", "fatemiyoun", "--json").records) == 3
        assert "api_key" not in finding(call, "search", "--setup"), "there is one already"
