"""``copytaster audit`` as a person and a script see it: what was looked at, what was missed, and the exit code."""

import pytest
from sqlalchemy import update

from copytaster.config import load
from copytaster.store import deliveries, schema, watches
from desk.exporter import Exporter
from tests.desk import news_world
from workers import pipeline
from workers.bootstrap import make_services


@pytest.fixture
def missed(own_store):
    """Two articles that satisfy a watch which was there when they came, and no match of them."""
    news_world.add_source(own_store, "herald")
    watch, _ = news_world.add_watch(own_store, "fatemiyoun", "https://hooks.example/x")
    with own_store.read() as tx:
        epoch = watches.epoch(tx)
    for number in range(2):
        news_world.add_article(own_store, "source-herald", number)
    with own_store.write() as tx:
        tx.conn.execute(update(schema.articles).values(watch_epoch=epoch))
    services = make_services(load(), "worker", hint=lambda _: None)
    while pipeline.index(services):
        pass
    services.store.close()
    return watch


def test_what_was_missed_is_listed_with_watch_and_article_and_ends_with_1(call, own_store, missed):
    done = call("audit", "--json")
    assert done.code == 1
    *found, sums = done.records
    assert [(each["kind"], each["watch"], each["watch_name"], each["url"]) for each in found] == [
        ("match", missed.id, "fatemiyoun", f"https://news.example/{number}") for number in range(2)
    ]
    assert all(each["why"] and each["deliveries"] == 1 for each in found)
    assert (sums["articles"], sums["watches"], sums["missed"]) == (2, 1, 2)
    with own_store.read() as tx:
        assert deliveries.due(tx) == 2
    again = call("audit", "--json")
    assert again.code == 0
    assert [each["missed"] for each in again.records] == [0]


def test_a_person_reads_a_table_and_a_sentence(call, missed):
    done = call("audit", "--since", "1d", "--watch", "fatemiyoun")
    assert done.code == 1
    assert "missed match" in done.out
    assert done.out.endswith("2 were missed: they are delivered now, marked as late.\n")
    assert call("audit").out.endswith("Nothing was missed.\n")


def test_another_watch_or_span_is_not_looked_at(call, own_store, missed):
    news_world.add_watch(own_store, "herons", "https://hooks.example/x")
    assert call("audit", "--watch", "herons").code == 0
    unknown = call("audit", "--watch", "nobody")
    assert unknown.code == 1
    assert "copytaster watch list" in unknown.err
    assert call("audit", "--since", "soon").code == 2


def test_misses_are_a_metric_that_outlives_every_process(call, own_store, missed, tmp_path):
    def told():
        gauges = Exporter(own_store, lambda _: 0, data_dir=tmp_path).read()
        return dict(gauges["copytaster_audit_missed_total"])

    assert told() == {("match",): 0, ("delivery",): 0}
    call("audit")
    assert told() == {("match",): 2, ("delivery",): 0}
