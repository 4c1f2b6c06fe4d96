"""From the store to where Kibana looks: nothing is missed, repeats change nothing, and nothing waits for the cluster."""

import concurrent.futures
import datetime as dt
import logging
import threading
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import event, insert, text

from copytaster.config import Config, RetentionConfig
from copytaster.errors import Permanent, Transient
from copytaster.news import SourceId
from copytaster.store import facts as rows
from copytaster.store import health, leases, marks, refusals, sources
from copytaster.store.schema import deliveries
from search.elastic_client import Cluster
from search.elastic_facts import ElasticFacts
from search.facts import alias_of, expired, index_of, kind_of
from tests.deploy import small_world
from workers import bootstrap, facts
from workers.facts import Background, Projection

CLOSED = "http://127.0.0.1:9"
ONE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)  # what the cluster does is the same over both dialects


class Shelf:
    """The facts' index in the process: what the projection does is tried with it over both dialects."""

    def __init__(self) -> None:
        self.facts = {}
        self.ready = False

    def missing(self):
        return not self.ready

    def prepare(self):
        self.ready = True

    def put(self, facts):
        self.facts |= {(kind_of(fact), fact.id): fact for fact in facts}
        return len(facts)

    def drop_months(self, kind, before):
        gone = expired(sorted({index_of(fact) for (of, _), fact in self.facts.items() if of == kind}), before=before)
        self.facts = {key: fact for key, fact in self.facts.items() if index_of(fact) not in gone}
        return gone

    def drop_sources(self, before):
        gone = {key for key, fact in self.facts.items() if key[0] == "sources" and fact.at < before}
        self.facts = {key: fact for key, fact in self.facts.items() if key not in gone}
        return len(gone)

    def clear(self):
        self.facts, self.ready = {}, False

    def ids(self, kind):
        return {name for of, name in self.facts if of == kind}


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def index(elasticsearch_server):
    made = ElasticFacts(Cluster(elasticsearch_server, timeout_seconds=60), index=f"facts{uuid.uuid4().hex[:12]}", replicas=0)
    yield made
    made.clear()
    made.cluster.close()


@pytest.fixture
def world(store, fake_clock):
    return small_world.fill(store, fake_clock)


def projected(store, index, **retention):
    return Projection(store, index, RetentionConfig(**retention))


def there(index, kind):
    """The documents of a kind by id."""
    alias = alias_of(kind, index.index)
    with index.cluster.client() as client:
        client.indices.refresh(index=alias)
        return {hit["_id"]: hit["_source"] for hit in client.search(index=alias, size=1000)["hits"]["hits"]}


def send(store, at, number, *, article="article0"):
    """One more delivery that was sent at ``at``, without the way there."""
    row = {"watch_id": "w0", "story_id": f"more{number}", "channel_id": None, "article_id": article, "revision": 1}
    with store.write() as tx:
        row["channel_id"] = tx.conn.execute(text("SELECT channel_id FROM watch_channels WHERE watch_id = 'w0'")).scalar_one()
        states = {"state": "sent", "kind": "instant", "due_at": at, "created_at": at, "sent_at": at}
        return str(tx.conn.execute(insert(deliveries).values(**row, **states)).inserted_primary_key[0])


@pytest.mark.service
def test_everything_sent_and_refused_is_put_once_and_each_source_as_it_stands(store, index, world):
    assert projected(store, index).run() == {"alerts": 24, "refusals": 4, "sources": 4}
    alerts = there(index, "alerts")
    assert len(alerts) == 24
    assert {alert["copytaster"]["kind"] for alert in alerts.values()} == {"instant", "digest", "late"}
    assert {alert["copytaster"]["seconds_from_reading"] for alert in alerts.values()} == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert {each["copytaster"]["stage"] for each in there(index, "refusals").values()} == {"fetch", "ingest", "deliver"}
    states = {name: each["copytaster"]["state"] for name, each in there(index, "sources").items()}
    assert states == {"source0": "ok", "source1": "silent", "source2": "failing", "source3": "ok"}
    with store.read() as tx:
        assert states == {each.id: health.health_state(each) for each in health.of_sources(tx)}


def test_running_again_writes_only_what_is_new_and_changes_nothing(store, shelf, world, fake_clock):
    projection = projected(store, shelf)
    projection.run()
    before = shelf.ids("alerts")
    fake_clock.advance(600)
    assert projection.run()["alerts"] == 0
    new = send(store, fake_clock.now, 1)
    fake_clock.advance(1)
    assert projection.run()["alerts"] == 1
    assert shelf.ids("alerts") - before == {new}


def test_a_row_whose_transaction_ended_late_is_found_all_the_same(store, shelf, world, fake_clock):
    projection = projected(store, shelf)
    newest = send(store, fake_clock.now, 1)
    projection.run()
    assert newest in shelf.ids("alerts")
    slow = send(store, fake_clock.now - dt.timedelta(seconds=100), 2)  # it began before the newest, and was seen after it
    fake_clock.advance(15)
    projection.run()
    assert slow in shelf.ids("alerts")


def test_a_flood_is_taken_in_bounded_parts_until_nothing_is_left(store, shelf, world, fake_clock, monkeypatch):
    monkeypatch.setattr(facts, "BATCH", 5)
    monkeypatch.setattr(facts, "MOST_BATCHES", 2)
    wanted = {send(store, fake_clock.now, number) for number in range(23)}  # all of one instant
    projection = projected(store, shelf)
    for _ in range(12):
        fake_clock.advance(60)
        done = projection.run()
        assert done["alerts"] <= 10
    assert wanted <= shelf.ids("alerts")
    assert len(shelf.ids("alerts")) == 24 + 23


@ONE
@pytest.mark.service
def test_a_cluster_that_is_away_is_caught_up_with(store, index, world):
    away = ElasticFacts(Cluster(CLOSED), index=index.index)
    with pytest.raises(Transient, match="No Elasticsearch answers"):
        projected(store, away).run()
    assert projected(store, index).run() == {"alerts": 24, "refusals": 4, "sources": 4}


@ONE
@pytest.mark.service
def test_a_cluster_that_lost_everything_is_filled_anew(store, index, world, fake_clock):
    projection = projected(store, index)
    projection.run()
    fake_clock.advance(600)
    index.clear()
    assert projection.run() == {"alerts": 24, "refusals": 4, "sources": 4}


@ONE
@pytest.mark.service
def test_facts_of_an_older_form_are_written_again_with_the_new_fields(store, index, world, fake_clock, monkeypatch):
    projection = projected(store, index)
    projection.run()
    fake_clock.advance(600)
    monkeypatch.setattr("search.facts_mapping.VERSION", 1_000)
    assert projection.run()["alerts"] == 24
    assert not index.missing()


@ONE
@pytest.mark.service
def test_a_source_that_is_removed_goes_and_all_others_stay(store, index, world, fake_clock, monkeypatch):
    monkeypatch.setattr(facts, "BATCH", 3)
    projection = projected(store, index)
    projection.run()
    with store.write() as tx:
        sources.set_state(tx, SourceId("source3"), "removed")
    fake_clock.advance(60)
    there(index, "sources")
    projection.run()
    assert there(index, "sources").keys() == {"source0", "source1", "source2"}


def test_a_round_over_many_sources_goes_on_where_the_last_run_left_it(store, shelf, world, monkeypatch):
    monkeypatch.setattr(facts, "BATCH", 1)
    monkeypatch.setattr(facts, "MOST_BATCHES", 3)
    projection = projected(store, shelf)
    assert [projection.run()["sources"] for _ in range(2)] == [3, 1]
    assert len(shelf.ids("sources")) == 4


@ONE
@pytest.mark.service
def test_whole_months_go_with_their_retention_and_do_not_come_back(store, index, world, fake_clock):
    old = send(store, fake_clock.now - dt.timedelta(days=60), 1)
    projected(store, index).run()
    assert old in there(index, "alerts")
    keeping = projected(store, index, match_days=40, refused_days=40)
    keeping.run()
    assert there(index, "alerts").keys() == {name for name in there(index, "alerts") if name != old}
    assert keeping.rebuild()["alerts"] == 24


def test_an_alert_outlives_its_article(store, shelf, world, fake_clock):
    gone = send(store, fake_clock.now, 1, article="forgotten")
    projected(store, shelf).run()
    told = shelf.facts["alerts", gone]
    assert (told.article_id, told.url, told.source_id) == ("forgotten", None, None)


@pytest.mark.service
def test_a_fact_that_elasticsearch_does_not_take_is_left_out_and_named(index, fake_clock, caplog):
    index.prepare()
    (good, bad) = (
        facts.Refused(stage="fetch", key=key, reason="r", detail="d", url="", attempts=1, refused_at=fake_clock.now)
        for key in "ab"
    )
    bad = replace(bad, attempts=10**30)
    assert index.put([bad, good]) == 1
    assert "is left out" in caplog.text


@ONE
@pytest.mark.service
def test_an_index_that_somebody_else_made_asks_for_a_rebuild_which_mends_it(store, index, world):
    sources_index, month = (alias_of(kind, index.index) for kind in ("sources", "alerts"))
    with index.cluster.client() as client:
        client.index(index=sources_index, document={"copytaster": {"state": "somebody else's"}})
    with pytest.raises(Permanent, match=f"{sources_index} is of another form .* Run `copytaster rebuild`"):
        projected(store, index).run()
    index.clear()
    with index.cluster.client() as client:
        client.indices.create(index=f"{month}-2026.11")
    with pytest.raises(Permanent, match=f"{month}-2026.11 was not made by copytaster. Run `copytaster rebuild`"):
        projected(store, index).run()
    assert projected(store, index).rebuild()["alerts"] == 24


@pytest.mark.service
def test_what_another_installation_wrote_is_left_alone(index, elasticsearch_server, fake_clock):
    other = ElasticFacts(Cluster(elasticsearch_server), index=f"{index.index}-alerts-2026", replicas=0)
    fact = facts.Refused(stage="fetch", key="k", reason="r", detail="d", url="", attempts=1, refused_at=fake_clock.now)
    other.put([fact])
    index.put([fact])
    index.clear()
    assert len(there(other, "refusals")) == 1
    other.clear()


@ONE
@pytest.mark.service
def test_what_may_be_taken_later_keeps_its_place(store, index, world):
    projected(store, index).run()
    name = alias_of("sources", index.index)
    with index.cluster.client() as client:
        client.indices.put_settings(index=name, settings={"index.blocks.write": True})
    with pytest.raises(Transient):
        projected(store, index).run()


def test_two_projectors_do_not_work_at_once(store, world):
    """Without a cluster: the second one does not even ask for it."""
    with store.write() as tx:
        assert leases.take(tx, facts.LEASE, "another", seconds=60)
    away = ElasticFacts(Cluster(CLOSED))
    assert projected(store, away).run() == {}
    with pytest.raises(Transient, match="another process"):
        projected(store, away).rebuild(patience_seconds=0)


def test_a_failed_run_gives_the_lease_back(store, world):
    away = ElasticFacts(Cluster(CLOSED))
    for _ in range(2):
        with pytest.raises(Transient, match="No Elasticsearch answers"):
            projected(store, away).run()


class Hanging:
    """A cluster that does not answer until it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.answer = threading.Event()

    def missing(self):
        self.asked.release()
        self.answer.wait(30)
        raise Permanent("It is none.")


def test_a_cluster_that_hangs_holds_up_nobody_and_is_asked_once(store, caplog):
    hanging = Hanging()
    background = Background(Projection(store, hanging, RetentionConfig()))
    with caplog.at_level(logging.WARNING), concurrent.futures.ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            pool.submit(background.nudge).result(timeout=5)
        assert hanging.asked.acquire(timeout=10)
        assert not hanging.asked.acquire(blocking=False)
        hanging.answer.set()
        background._thread.join(10)
        background.nudge()
        background._thread.join(10)
    assert hanging.asked.acquire(timeout=10)
    assert caplog.text.count("are caught up later: It is none.") == 2


def test_the_pages_of_facts_are_read_by_their_indexes(store, world):
    asked = []
    event.listen(store.engine, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
    with store.read() as tx:
        for read in (rows.alerts, rows.refused):
            read(tx, (world.now, -1), limit=9)
        rows.sources_after(tx, "source1", limit=9)
        if store.dialect == "postgresql":  # which takes no index for a handful of rows
            tx.conn.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN QUERY PLAN " if store.dialect == "sqlite" else "EXPLAIN "
        pages = [said for said in asked if "LIMIT" in said[0]]
        plans = [str(tx.conn.exec_driver_sql(explain + statement, values).all()) for statement, values in pages]
    wanted = [["ix_deliveries_sent_at"], ["ix_refusals_refused_at"], ["pk_sources", "sqlite_autoindex_sources_1"]]
    assert len(plans) == len(wanted)
    assert all(any(name in plan for name in names) for plan, names in zip(plans, wanted, strict=True)), plans


def test_marks_remember_and_forget(store, fake_clock):
    with store.write() as tx:
        assert marks.get(tx, "a") == marks.Mark()
        marks.put(tx, "a", marks.Mark(fake_clock.now, "x"))
        marks.put(tx, "a", marks.Mark(fake_clock.now, "y"))
        marks.put(tx, "b", marks.Mark(place="z"))
        assert marks.get(tx, "a") == marks.Mark(fake_clock.now, "y")
        marks.clear(tx, ["a"])
        assert (marks.get(tx, "a"), marks.get(tx, "b")) == (marks.Mark(), marks.Mark(place="z"))


def test_what_is_refused_again_comes_after_what_was_read(store, fake_clock):
    with store.write() as tx:
        for key in "ab":
            refusals.put(tx, refusals.Refusal(stage="fetch", key=key, url="", reason="r", detail="d"))
        (first, _) = rows.refused(tx, (fake_clock.now, -1), limit=9)
        place = (first.refused_at, first.id)
        refusals.put(
            replace(tx, now=fake_clock.advance(1)), refusals.Refusal(stage="fetch", key="a", url="", reason="r", detail="d")
        )
        assert [row.key for row in rows.refused(tx, place, limit=9)] == ["b", "a"]


def test_where_search_is_embedded_there_is_no_kibana_to_write_for(store, tmp_path):
    assert bootstrap.open_projection(Config(data_dir=tmp_path), store) is None
    assert bootstrap.open_projection(Config(data_dir=tmp_path, search={"url": CLOSED}), store) is not None


@pytest.mark.service
def test_facts_about_what_is_taken_down_are_taken_out(store, index, world, fake_clock):
    send(store, fake_clock(), 1, article="gone")
    send(store, fake_clock(), 2, article="kept")
    projected(store, index).run()
    before = len(there(index, "alerts"))
    assert index.drop(articles=["gone"]) == 1
    assert len(there(index, "alerts")) == before - 1
    assert index.drop() == 0
