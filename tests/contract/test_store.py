"""The contract of the truth, over SQLite and PostgreSQL alike: its schema, transactions, leases, refusals and sources."""

import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from copytaster.errors import Permanent, Rejected, Transient
from copytaster.news import EndpointId, Link, LinkId, SourceId
from copytaster.store import (
    Store,
    articles,
    leases,
    links,
    refusals,
    schema,
    sources,
    watches,
)
from copytaster.store.migrate import HEAD, migrate, version
from tests.desk import news_world as world
from tests.services import running

# -- migrations -------------------------------------------------------------------------------------------------------


def test_the_migrations_make_exactly_the_declared_schema(store):
    with store.read() as tx:
        context = MigrationContext.configure(tx.conn, opts={"compare_type": True, "compare_server_default": False})
        found = [change for change in compare_metadata(context, schema.metadata) if not _a_partition(change)]
    assert found == []


def _a_partition(change):
    """PostgreSQL shows the partitions of a table as tables of their own."""
    return change[0] in ("remove_table", "remove_index") and re.search(r"(texts|matches)_(rest|\d{6})", str(change[1]))


def test_migrating_twice_changes_nothing(empty_store_url):
    store = Store(empty_store_url)
    assert version(store) is None
    assert migrate(store)
    assert version(store) == HEAD
    assert not migrate(store)
    with store.read() as tx:
        assert watches.epoch(tx) == 1
    store.close()


def test_processes_that_start_together_migrate_once(empty_store_url):
    stores = [Store(empty_store_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(migrate, stores))
    assert any(done)
    with stores[0].read() as tx:
        assert tx.conn.execute(select(schema.watch_epoch.c.epoch)).scalars().all() == [1]
    for each in stores:
        each.close()


def test_a_database_without_tables_is_answered_with_what_to_do(empty_store_url):
    store = Store(empty_store_url)
    with pytest.raises(Permanent, match="no tables yet"), store.read() as tx:
        articles.total(tx)
    store.close()


def test_a_url_that_is_none_of_ours_is_refused_by_name():
    for url in ("mysql://here/db", "nonsense"):
        with pytest.raises(Rejected, match=r"store\.url"):
            Store(url)


def test_a_server_that_is_away_is_transient_and_its_password_stays_secret():
    store = Store(f"postgresql://me:hunter2@127.0.0.1:{running.free_port()}/news")
    with pytest.raises(Transient, match="can't be reached") as caught, store.read():
        pass
    assert "hunter2" not in str(caught.value)


# -- instants and transactions ----------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(
    st.integers(-(2**51), 2**53),
    st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_comes_back_to_the_microsecond_in_utc(store, microseconds, offset):
    zone = dt.timezone(dt.timedelta(minutes=offset))
    moment = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds)).astimezone(zone)
    with store.write() as tx:
        leases_row = {"name": "instant", "token": "t", "leased_until": moment}
        row = tx.insert(schema.leases).values(leases_row)
        tx.conn.execute(row.on_conflict_do_update(index_elements=["name"], set_={"leased_until": moment}))
        found = tx.conn.execute(select(schema.leases.c.leased_until).where(schema.leases.c.name == "instant")).scalar_one()
    assert found == moment
    assert found.tzinfo is dt.UTC


def test_instants_are_ordered_as_time_is(store):
    moments = [dt.datetime(2026, 1, 1, 0, 0, second, micro, tzinfo=dt.UTC) for second in (0, 1) for micro in (0, 1, 999_999)]
    with store.write() as tx:
        for number, moment in enumerate(reversed(moments)):
            tx.conn.execute(tx.insert(schema.leases).values(name=str(number), token="t", leased_until=moment))
        found = tx.conn.execute(select(schema.leases.c.leased_until).order_by(schema.leases.c.leased_until)).scalars().all()
    assert found == moments


def test_a_failed_transaction_leaves_nothing(store, source_id):
    def add_and_fail():
        with store.write() as tx:
            link = Link(id=LinkId("link-1"), url="https://gazette.example/1")
            links.add(tx, source_id, None, [links.Finding(link=link)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        add_and_fail()
    with store.read() as tx:
        assert links.known(tx, ["link-1"]) == {}


def test_now_stands_still_within_a_transaction(store_url):
    store = Store(store_url)
    with store.read() as tx:
        first = tx.now
        tx.conn.execute(select(schema.sources.c.id))
        assert tx.now is first
        assert abs((dt.datetime.now(dt.UTC) - first).total_seconds()) < 60
    store.close()


# -- leases and refusals ----------------------------------------------------------------------------------------------


def take(store, name, token, seconds=10):
    with store.write() as tx:
        return leases.take(tx, name, token, seconds=seconds)


def test_a_named_lease_has_one_holder_until_it_runs_out(store, fake_clock):
    assert take(store, "beat", "one")
    assert not take(store, "beat", "two")
    assert take(store, "other", "two")
    fake_clock.advance(9)
    assert take(store, "beat", "one")
    fake_clock.advance(9)
    assert not take(store, "beat", "two")
    fake_clock.advance(1)
    assert take(store, "beat", "two")
    assert not take(store, "beat", "one")


def test_a_lease_that_many_want_at_once_has_one_holder(store):
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda token: take(store, "beat", token), "abcdefgh")) == 1


def test_a_refusal_is_listed_once_with_its_newest_reason(store, fake_clock):
    world.add_refusal(store, reason="too_big")
    fake_clock.advance(1)
    world.add_refusal(store, reason="robots")
    world.add_refusal(store, stage="ingest", reason="empty")
    with store.write() as tx:
        assert refusals.counts(tx) == {("fetch", "robots"): 1, ("ingest", "empty"): 1}
        assert [each.stage for each in refusals.every(tx)] == ["ingest", "fetch"]
        assert [each.reason for each in refusals.every(tx, stage="fetch")] == ["robots"]
        refusals.clear(tx, "fetch", "link-x")
        assert refusals.counts(tx) == {("ingest", "empty"): 1}


# -- sources ----------------------------------------------------------------------------------------------------------


def test_a_source_added_again_keeps_its_baseline_and_its_endpoints_their_rhythm(store, source_id):
    with store.write() as tx:
        sources.note_found(tx, source_id, baseline_done=True, found=True)
        sources.note_reading(tx, EndpointId("endpoint-gazette"), {"etag": "e1", "interval_seconds": 77.0})
    world.add_source(store, "gazette")
    with store.read() as tx:
        assert sources.get(tx, source_id).baseline_at is not None
        [endpoint] = sources.endpoints_of(tx, source_id)
    assert (endpoint.etag, endpoint.interval_seconds) == ("e1", 77.0)


def test_a_source_is_found_by_whatever_a_person_types(store, source_id):
    with store.read() as tx:
        typed = ("source-gazette", "https://gazette.example/", "gazette", "gazette.example")
        assert {sources.find(tx, each).id for each in typed} == {source_id}
        assert sources.find(tx, "herald") is None
    assert source_id == SourceId("source-gazette")
