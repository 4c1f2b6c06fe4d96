"""Channels by the command line: how each stands, keys that change, switching on again, and replays of what was sent."""

import datetime as dt

import pytest

from copytaster.store import channels, deliveries, messages, watches
from copytaster.store.messages import BACK_LINE
from copytaster.watches import MessageId
from tests.desk import news_world
from tests.desk.conftest import is_one_sentence

HOOK = "https://hooks.example/services/T0/secret-key"
OTHER = "https://other.example/hook"


def only(records):
    (one,) = records
    return one


@pytest.fixture
def hook(own_store):
    _, (channel,) = news_world.add_watch(own_store, "Fatemiyoun", HOOK)
    return channel


@pytest.fixture
def sent(own_store):
    """Three alerts, each sent in a message of its own: two to one channel, one to another."""
    watch, (one, _) = news_world.add_watch(own_store, "Fatemiyoun", HOOK, OTHER)
    source_id, _ = news_world.add_source(own_store, "herald")
    for number in range(2):
        news_world.add_alert(own_store, watch, news_world.add_article(own_store, source_id, number), "Fatemiyoun")
    with own_store.write() as tx:
        for number, each in enumerate(deliveries.claim_due(tx, limit=3)):
            messages.put(tx, MessageId(f"m{number}"), each.channel_id, "instant", {"items": []})
            deliveries.pack(tx, [each.id], MessageId(f"m{number}"))
    ids = []
    for _ in range(3):
        with own_store.write() as tx:
            lease = messages.claim(tx, "worker", seconds=30)
            messages.sent(tx, lease, "204")
            deliveries.settle(tx, lease.message.id, "sent")
            ids.append((lease.message.channel.id == one.id, lease.message.id))
    return sorted(ids)


def waiting(store):
    with store.read() as tx:
        return {each.url: each.waiting for each in channels.listed(tx, limit=9)}


def test_a_list_shows_how_each_channel_stands_and_no_secret(call, own_store, hook):
    with own_store.write() as tx:
        messages.put(tx, MessageId("m"), hook.id, "notice", {})
        for _ in range(5):
            channels.failed(tx, hook.id, until=tx.now + dt.timedelta(minutes=9))
    found = only(call("channel", "list", "--json").records)
    assert (found["id"], found["state"], found["failures"], found["waiting"]) == (hook.id, "open", 5, 1)
    status = call("status")
    for done in (call("channel", "list"), call("channel", "list", "--json"), status, call("status", "--json")):
        assert "hooks.example" in done.out
        assert "secret-key" not in done.out
        assert "whsec_" not in done.out
    assert "hooks.example/… is open since" in status.out
    assert only(call("status", "--json").records)["channels"] == {"open": 1}


def test_a_new_key_is_shown_once_and_the_old_one_signs_beside_it_for_so_long(call, own_store, hook):
    done = call("channel", "rotate", HOOK, "--overlap", "48h", "--json")
    shown = only(done.records)
    with own_store.read() as tx:
        assert watches.by_ids(tx, [hook.id])[hook.id].secret == shown["secret"] != hook.secret
        until = only(channels.find(tx, hook.id)).old_secret_until - tx.now
    assert dt.timedelta(hours=47, minutes=59) < until <= dt.timedelta(hours=48)
    commands = (("channel", "list"), ("watch", "show", "Fatemiyoun"), ("watch", "list", "--json"), ("status", "--json"))
    for command in commands:
        said = call(*command)
        assert (said.code, shown["secret"] in said.out, hook.secret in said.out) == (0, False, False)
    assert "whsec_" in call("channel", "rotate", hook.id).out


def test_only_a_webhook_has_a_key(call, own_store):
    news_world.add_watch(own_store, "Fatemiyoun", "mailto:me@example.org")
    done = call("channel", "rotate", "mailto:me@example.org")
    assert (done.code, is_one_sentence(done.err)) == (1, True)
    assert "nothing that goes there is signed" in done.err


def test_an_unknown_channel_is_one_sentence(call, own_store):
    for command in (("channel", "rotate", "x"), ("channel", "enable", "x"), ("deliveries", "retry", "--to", "x")):
        done = call(*command)
        assert (done.code, is_one_sentence(done.err)) == (1, True)
        assert "copytaster channel list" in done.err


def test_a_channel_that_was_switched_off_says_why_everywhere_and_how_to_switch_it_on(call, own_store, hook):
    with own_store.write() as tx:
        messages.put(tx, MessageId("m"), hook.id, "notice", {})
        watches.disable(tx, hook.id, "410: gone")
    for command in (("channel", "list"), ("watch", "show", "Fatemiyoun"), ("status",)):
        assert "410: gone" in call(*command).out
    assert f"copytaster channel enable {hook.id}" in call("watch", "show", "Fatemiyoun").out
    assert f"copytaster channel enable {hook.id}" in call("status").out
    assert "(off)" in call("watch", "list").out
    assert "is told again" in call("channel", "enable", hook.id).out
    with own_store.read() as tx:
        assert channels.counts(tx) == {"active": 1}
        assert messages.due(tx) == 1


def test_what_was_sent_since_then_is_sent_once_more_behind_what_is_new(call, own_store, sent):
    done = call("deliveries", "replay", "--since", "1h")
    assert (done.code, is_one_sentence(done.err)) == (1, True)
    assert "3 messages will be sent once more: say --yes to do it." in done.err
    assert waiting(own_store) == {HOOK: 0, OTHER: 0}
    assert len(call("deliveries", "replay", "--since", "1h", "--yes", "--json").records) == 3
    with own_store.read() as tx:
        assert all(messages.get(tx, ident)["turn"] >= BACK_LINE for _, ident in sent)
        assert deliveries.counts(tx)["sending"] == 3


def test_a_replay_is_narrowed_by_channel_watch_and_time(call, own_store, sent):
    mine = {ident for to_hook, ident in sent if to_hook}
    replay = ("deliveries", "replay", "--yes", "--json")
    assert {each["message"] for each in call(*replay, "--since", "1h", "--to", HOOK).records} == mine
    assert call(*replay, "--since", "1h", "--watch", "nothing").code == 1
    assert call(*replay, "--since", "1h", "--until", "2020-01-01").records == []
    assert call(*replay, "--since", "2099-01-01").records == []


def test_who_was_switched_off_or_unsubscribed_is_told_nothing_by_a_replay_of_all(call, own_store, sent):
    with own_store.write() as tx:
        (other,) = channels.find(tx, OTHER)
        (mine,) = channels.find(tx, HOOK)
        watches.disable(tx, other.id, "unsubscribed by its reader")
        watches.unsubscribe(tx, mine.id, "watch-Fatemiyoun")
    assert call("deliveries", "replay", "--since", "1h", "--yes", "--json").records == []


def test_a_mail_that_came_back_fails_its_message_and_any_other_mail_changes_nothing(call, own_store):
    from tests.workers.test_bouncing import OURS, mail

    news_world.add_watch(own_store, "Fatemiyoun", "mailto:gone@example.org")
    with own_store.write() as tx:
        (channel,) = channels.find(tx, "mailto:gone@example.org")
        messages.put(tx, MessageId(OURS), channel.id, "notice", {"items": []})
        messages.sent(tx, messages.claim(tx, "t", seconds=30), "250")
    assert "nothing is changed" in call("bounce", stdin=b"Subject: lunch?\r\n\r\n").out
    assert only(call("bounce", "--json", stdin=mail(status="5.1.1")).records)["noted"] is True
    shown = call("deliveries", "show", OURS)
    assert "bounced" in shown.out
    assert "User unknown" in shown.out
    assert only(call("refused", "list", "--json").records)["reason"] == "bounced"


@pytest.mark.parametrize(
    "wrong", ["replay", "replay 1 --since 1h", "replay 1 --to x", "replay --since soon", "retry --all --to x", "replay --yes"]
)
def test_what_makes_no_sense_is_wrong_usage(call, own_store, wrong):
    assert call("deliveries", *wrong.split()).code == 2
