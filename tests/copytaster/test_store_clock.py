"""A clock that is set back freezes nothing: what was due or leased by the old time is so by the new one."""

import datetime as dt

import pytest
from sqlalchemy import insert, select

from copytaster.store import clock, leases, messages, watches
from copytaster.store import schema as tables
from copytaster.watches import MessageId

HOUR = dt.timedelta(hours=1)
LEASE, SECONDS = "reconcile", 6.0


def lost(store):
    with store.write() as tx:
        return clock.went_back(tx)


def bring_forward(store, by=HOUR):
    with store.write() as tx:
        return clock.bring_forward(tx, by)


@pytest.fixture
def channel(store):
    with store.write() as tx:
        assert not clock.went_back(tx)
        assert leases.take(tx, LEASE, "one", seconds=SECONDS)
        watches.ensure_owner(tx)
        return watches.ensure_channel(tx, "https://example.org/hook")


def owe(store, due_at):
    row = {"watch_id": "w", "story_id": "s", "channel_id": "c", "article_id": "a", "revision": 1, "kind": "digest"}
    with store.write() as tx:
        tx.conn.execute(insert(tables.deliveries), row | {"state": "pending", "due_at": due_at, "created_at": tx.now})


def owed_at(store):
    with store.read() as tx:
        return tx.conn.execute(select(tables.deliveries.c.due_at)).scalar_one()


@pytest.mark.parametrize("seconds", [-4, 0, 2, 3600])
def test_a_clock_that_goes_on_or_is_trimmed_is_not_set_back(store, channel, fake_clock, seconds):
    fake_clock.advance(seconds)
    assert not lost(store)


def test_a_clock_set_back_is_noticed_once(store, channel, fake_clock):
    fake_clock.advance(-3600)
    assert lost(store) == HOUR
    assert not lost(store)


def test_a_message_that_was_under_way_is_sent_again_within_its_lease(store, channel, fake_clock):
    with store.write() as tx:
        messages.put(tx, MessageId("msg_1"), channel.id, "instant", {})
        assert messages.claim(tx, "one", seconds=30)
    fake_clock.advance(-3600)
    assert bring_forward(store)
    fake_clock.advance(31)
    with store.write() as tx:
        assert messages.claim(tx, "another", seconds=30)


def test_whoever_held_a_chore_before_is_not_waited_for(store, channel, fake_clock):
    fake_clock.advance(-3600)
    bring_forward(store)
    fake_clock.advance(SECONDS + 1)
    with store.write() as tx:
        assert leases.take(tx, LEASE, "another", seconds=SECONDS)


def test_what_was_owed_already_is_owed_now(store, channel, fake_clock):
    owe(store, fake_clock.now - dt.timedelta(minutes=1))
    fake_clock.advance(-3600)
    bring_forward(store)
    assert owed_at(store) == fake_clock.now


def test_what_was_owed_since_the_last_look_is_owed_now(store, channel, fake_clock):
    fake_clock.advance(1.5)
    owe(store, fake_clock.now)
    fake_clock.advance(-3600)
    assert bring_forward(store, lost(store))
    assert owed_at(store) == fake_clock.now


def test_a_digest_of_later_keeps_its_hour(store, channel, fake_clock):
    at = fake_clock.now + dt.timedelta(minutes=30)
    owe(store, at)
    fake_clock.advance(-3600)
    bring_forward(store)
    assert owed_at(store) == at


@pytest.mark.parametrize(("by", "moves"), [(HOUR, False), (dt.timedelta(days=30), True)])
def test_a_retry_waits_no_more_than_a_tenth_longer_than_it_should(store, channel, fake_clock, by, moves):
    wait = dt.timedelta(hours=14)
    at = fake_clock.now + wait
    with store.write() as tx:
        messages.put(tx, MessageId("msg_1"), channel.id, "instant", {})
        messages.again(tx, messages.claim(tx, "one", seconds=30), "down", at)
    fake_clock.advance(-by.total_seconds())
    bring_forward(store, by)
    with store.read() as tx:
        due_at = messages.get(tx, "msg_1")["due_at"]
    assert due_at == (at - by if moves else at)
    assert due_at - fake_clock.now <= wait * 1.1


def test_what_was_over_already_is_over_now(store, channel, fake_clock):
    with store.write() as tx:
        messages.put(tx, MessageId("msg_1"), channel.id, "instant", {})
    fake_clock.advance(60)
    lost(store)
    fake_clock.advance(-3600)
    bring_forward(store)
    with store.write() as tx:
        assert messages.claim(tx, "one", seconds=30)
