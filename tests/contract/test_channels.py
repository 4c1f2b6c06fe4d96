"""How channels take what they are sent, over both dialects: rests, turns, places for the slow, keys that change."""

import datetime as dt

import pytest

from copytaster.store import channels, messages, watches
from copytaster.watches import MessageId

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def one(store):
    """A channel, with another one beside it."""
    with store.write() as tx:
        watches.ensure_owner(tx)
        watches.ensure_channel(tx, "mailto:b@x.org")
        return watches.ensure_channel(tx, "mailto:a@x.org").id


def put_message(store, number, channel_id):
    with store.write() as tx:
        messages.put(tx, MessageId(f"m{number}"), channel_id, "instant", {})


def claim_message(store, token="t"):
    with store.write() as tx:
        return messages.claim(tx, token, seconds=30)


def test_a_channel_that_fails_rests_as_a_whole_and_then_one_message_asks_how_it_is(store, one, fake_clock):
    for number in range(3):
        put_message(store, number, one)
    lease = claim_message(store)
    with store.write() as tx:
        channels.failed(tx, lease.message.channel.id, until=fake_clock.now + 60 * SECOND)
        assert messages.again(tx, lease, "421", fake_clock.now + 5 * SECOND)
        assert messages.due(tx) == 0
    fake_clock.advance(59)
    assert claim_message(store) is None
    fake_clock.advance(1)
    probe = claim_message(store)
    assert (probe.condition.failures, probe.condition.proven) == (1, False)
    assert claim_message(store) is None, "one at a time"


def fail(store, lease, seconds, *, times=1):
    with store.write() as tx:
        for _ in range(times):
            channels.failed(tx, lease.message.channel.id, until=tx.now + seconds * SECOND)
        messages.again(tx, lease, "500", tx.now + 3600 * SECOND)


def test_a_channel_that_takes_messages_again_waits_for_no_schedule(store, one, fake_clock):
    for number in range(3):
        put_message(store, number, one)
    fail(store, claim_message(store), 10, times=5)
    fake_clock.advance(10)
    with store.write() as tx:
        assert [(each.state, each.failures, each.waiting) for each in channels.listed(tx, limit=9, trouble=True)] == [
            ("open", 5, 3)
        ]
        assert channels.counts(tx) == {"active": 1, "open": 1}
    probe = claim_message(store)
    with store.write() as tx:
        assert messages.sent(tx, probe, "204")
        channels.worked(tx, one, quick=True)
        assert messages.get(tx, "m0")["attempts"] == 1
        assert messages.bring_forward(tx, one) == 1
        assert messages.get(tx, "m0")["attempts"] == 0, "the try out of turn is none of the schedule's"
        assert channels.listed(tx, limit=9, trouble=True) == []
        assert messages.due(tx) == 2


def test_slow_and_dead_receivers_hold_no_more_than_half_of_the_senders_however_many_they_are(store, fake_clock):
    with store.write() as tx:
        watches.ensure_owner(tx)
        ids = [watches.ensure_channel(tx, f"https://{number}.example/hook").id for number in range(8)]
        for number in ids[:2]:
            channels.worked(tx, number, quick=True)
    for number, channel in enumerate(reversed(ids)):
        put_message(store, number, channel)
        fake_clock.advance(0.001)
    senders = messages.Senders("pool:", places=4)

    def claim(token):
        with store.write() as tx:
            lease = messages.claim(tx, token, seconds=30, senders=senders)
            return lease and lease.message.channel.id

    claimed = [claim(f"pool:{number}") for number in range(5)]
    assert len(set(claimed[:2]) - set(ids[:2])) == 2
    assert set(claimed[2:4]) == set(ids[:2]), "the others are for those that took their last message quickly"
    assert claimed[4] is None
    with store.write() as tx:
        other = messages.claim(tx, "other:1", seconds=30, senders=messages.Senders("other:", places=4))
    assert other.message.channel.id in ids[2:], "what one pool holds takes nothing from another"


def test_what_is_sent_again_waits_behind_what_is_new(store, one, fake_clock):
    for number in range(3):
        put_message(store, number, one)
    for _ in range(3):
        lease = claim_message(store)
        with store.write() as tx:
            messages.sent(tx, lease, "204")
    with store.write() as tx:
        for number in range(3):
            messages.retry(tx, MessageId(f"m{number}"))
    fake_clock.advance(1)
    put_message(store, 7, one)
    told = []
    for _ in range(4):
        lease = claim_message(store)
        told.append(lease.message.id)
        with store.write() as tx:
            messages.sent(tx, lease, "204")
    assert told == ["m7", "m0", "m1", "m2"]


def test_two_keys_sign_until_the_old_one_ends_by_the_store_s_clock(store, one, fake_clock):
    put_message(store, 0, one)
    put_message(store, 1, one)
    with store.write() as tx:
        old = watches.by_ids(tx, [one])[one].secret
        new = channels.rotate(tx, one, overlap_seconds=60)
        assert watches.by_ids(tx, [one])[one].secret == new
    lease = claim_message(store)
    assert lease.message.channel.secret == f"{new} {old}"
    with store.write() as tx:
        messages.sent(tx, lease, "204")
        assert channels.forget_old_keys(tx) == 0
    fake_clock.advance(60)
    assert claim_message(store).message.channel.secret == new
    with store.write() as tx:
        assert channels.forget_old_keys(tx) == 1
