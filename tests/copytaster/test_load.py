"""How far behind each stage is: what waits counts, what is under way, held or tried later does not."""

import datetime as dt

import pytest
from sqlalchemy import update

from copytaster.news import LinkId, Page
from copytaster.store import deliveries, hosts, load, messages, pages, watches
from copytaster.store.schema import deliveries as delivery_table
from copytaster.watches import MessageId
from tests.desk import news_world as world

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def ages(store):
    """``ages()``: seconds by stage, None where nothing waits."""

    def asked():
        with store.read() as tx:
            return {stage: at and (tx.now - at).total_seconds() for stage, at in load.oldest_due_at(tx).items()}

    return asked


@pytest.fixture
def owed(store, fake_clock):
    """One source, one article in the store, one alert owed for 90 s, a page of the article's link that waits."""
    source_id, _ = world.add_source(store, "gazette")
    watch, channels = world.add_watch(store, "Fatemiyoun", "mailto:desk@example.org")
    world.add_alert(store, watch, world.add_article(store, source_id, 1), "Fatemiyoun")
    with store.write() as tx:
        page = Page(
            link_id=LinkId("link-1"),
            url="https://news.example/1",
            status=200,
            content_type="text/html",
            body=b"x",
            fetched_at=tx.now,
        )
        pages.put(tx, [pages.Fetched(page=page)])
    return channels[0]


def test_where_nothing_waits_there_is_no_age(ages):
    assert ages() == {"crawl": None, "ingest": None, "deliver": None, "index": None}


def test_each_stage_has_the_age_of_what_has_waited_longest(ages, owed, fake_clock):
    fake_clock.advance(60)
    assert ages() == {"crawl": 60, "ingest": 60, "deliver": 150, "index": 60}


def test_what_is_under_way_does_not_wait(store, ages, owed, fake_clock):
    with store.write() as tx:
        hosts.claim(tx, "crawler", limit=10, seconds=60)
        pages.claim(tx, "worker", seconds=60)
        deliveries.pack(tx, [each.id for each in deliveries.claim_due(tx, limit=10)], MessageId("m1"))
    fake_clock.advance(30)
    assert ages() | {"index": None} == {"crawl": None, "ingest": None, "deliver": None, "index": None}


def test_a_message_that_is_tried_later_does_not_wait_until_then(store, ages, owed, fake_clock):
    with store.write() as tx:
        deliveries.pack(tx, [each.id for each in deliveries.claim_due(tx, limit=10)], MessageId("m1"))
        messages.put(tx, MessageId("m1"), owed.id, "instant", {})
        lease = messages.claim(tx, "worker", seconds=30)
        messages.again(tx, lease, "later", tx.now + 5 * MINUTE)
    assert ages()["deliver"] is None
    fake_clock.advance(360)
    assert ages()["deliver"] == 60


def test_nothing_waits_for_a_channel_that_is_switched_off(store, ages, owed):
    with store.write() as tx:
        watches.disable(tx, owed.id, "gone")
    assert ages()["deliver"] is None


def test_a_host_that_may_not_be_asked_yet_does_not_wait(store, ages, owed):
    with store.write() as tx:
        leases = hosts.claim(tx, "crawler", limit=10, seconds=60)
        hosts.release(tx, "crawler", {lease.host: hosts.Manners(wait_seconds=30) for lease in leases})
    assert leases
    assert ages()["crawl"] is None


def test_the_index_lacks_what_is_being_put_there_too(store, owed):
    with store.read() as tx:
        assert load.unindexed(tx) == 1
        assert load.connections(tx) is None if tx.dialect == "sqlite" else load.connections(tx)[0] >= 1


@pytest.mark.parametrize(("revision", "held", "sent", "delay"), [(1, 0, 10, 10), (1, 8, 18, 10), (2, 0, 10, 1), (2, 8, 18, 1)])
def test_delay_counts_from_the_find_or_the_edit_and_not_while_it_was_held(store, owed, fake_clock, revision, held, sent, delay):
    """In minutes: found at noon and matched nine after; a digest may hold it from then."""
    created = fake_clock.now + 9 * MINUTE
    values = {"created_at": created, "due_at": created + held * MINUTE, "revision": revision, "message_id": "m1"}
    with store.write() as tx:
        tx.conn.execute(update(delivery_table).values(values))
    fake_clock.advance(60 * sent)
    with store.read() as tx:
        (since,) = deliveries.found_at(tx, MessageId("m1"))
        assert tx.now - since == delay * MINUTE
