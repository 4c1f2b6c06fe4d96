"""Status, deliveries and refusals by the command line: what is shown, and what trying again moves in the store."""

import pytest

from copytaster.store import articles, deliveries, links, messages, processes, refusals, sources, watches
from copytaster.watches import MessageId
from desk import listing
from tests.desk import news_world
from tests.desk.conftest import is_one_sentence

HOOK = "https://hooks.example/services/T0/secret-key"
PAYLOAD = {"items": [{"why": "The text prints “Fatemiyoun”.", "passage": {"text": "the Fatemiyoun had", "marks": [[4, 14]]}}]}
MESSAGE = MessageId("msg_1")


@pytest.fixture
def alert(own_store):
    """An alert in a message of its own that was tried once and given up, with its channel switched off."""
    watch, (channel,) = news_world.add_watch(own_store, "Fatemiyoun", HOOK)
    source_id, _ = news_world.add_source(own_store, "herald")
    news_world.add_alert(own_store, watch, news_world.add_article(own_store, source_id, 1), "Fatemiyoun")
    with own_store.write() as tx:
        (delivery,) = deliveries.claim_due(tx, limit=5)
        messages.put(tx, MESSAGE, channel.id, "instant", PAYLOAD)
        deliveries.pack(tx, [delivery.id], MESSAGE)
    with own_store.write() as tx:
        lease = messages.claim(tx, "worker", seconds=30)
        messages.failed(tx, lease, "410: gone")
        deliveries.settle(tx, MESSAGE, "failed")
        watches.disable(tx, channel.id, "410: gone")
        gone = refusals.Refusal(stage="deliver", key=MESSAGE, url=HOOK, reason="gone", detail="410: gone")
        refusals.put(tx, gone)
    return delivery


def only(records):
    (one,) = records
    return one


@pytest.fixture
def many(own_store):
    """More of everything than a table shows unless asked."""
    source_id, _ = news_world.add_source(own_store, "herald")
    watch, _ = news_world.add_watch(own_store, "Fatemiyoun", *(f"https://hooks.example/{number}" for number in range(105)))
    news_world.add_alert(own_store, watch, news_world.add_article(own_store, source_id, 1), "Fatemiyoun")
    with own_store.write() as tx:
        for number in range(105):
            place = f"https://herald.example/{number}"
            refusals.put(tx, refusals.Refusal(stage="fetch", key=place, url=place, reason="too_big", detail="Big."))


@pytest.mark.parametrize("what", ["refused", "deliveries", "channel"])
def test_a_list_as_json_is_whole_unless_a_limit_is_given_and_a_table_that_is_cut_says_so(call, many, monkeypatch, what):
    monkeypatch.setattr(listing, "PAGE", 10)
    every = call(what, "list", "--json")
    assert len({record["id"] for record in every.records}) == 105
    assert every.err == ""
    assert [each["id"] for each in call(what, "list", "--json", "-n", "23").records] == [r["id"] for r in every.records[:23]]
    cut = call(what, "list")
    assert "--limit for more, or --json for all" in cut.err
    assert call(what, "list", "-n", "105").err == ""


def test_a_failed_delivery_is_listed_shown_and_its_channels_key_is_not(call, alert):
    listed = only(call("deliveries", "list", "--state", "failed", "--json").records)
    assert (listed["id"], listed["watch"], listed["message_id"]) == (alert.id, "Fatemiyoun", MESSAGE)
    done = call("deliveries", "show", alert.id)
    assert "410: gone" in done.out
    assert "the **Fatemiyoun** had" in done.out
    for said in (call("deliveries", "list"), done, call("refused", "list"), call("refused", "list", "--json")):
        assert "hooks.example" in said.out
        assert "secret-key" not in said.out, said
    assert call("deliveries", "list", "--state", "sent", "--json").records == []


AGAIN = [
    "deliveries retry 1",
    "deliveries retry --all",
    "deliveries retry msg_1",
    "deliveries replay 1",
    "refused retry 1",
    "refused retry --all",
    "refused retry --stage deliver",
    "refused retry --reason gone",
]


@pytest.mark.parametrize("command", AGAIN)
def test_trying_again_makes_the_same_message_due_and_its_channel_active(call, alert, own_store, command):
    assert call(*command.split(" "), "--json").code == 0
    with own_store.write() as tx:
        lease = messages.claim(tx, "worker", seconds=30)
        assert lease.message.id == MESSAGE
        assert lease.message.payload == PAYLOAD
        assert lease.message.channel.state == "active"
        assert deliveries.get(tx, alert.id).state == "sending"
        assert refusals.every(tx) == []


def test_a_delivery_that_did_not_fail_is_not_retried_but_replayed(call, alert, own_store):
    with own_store.write() as tx:
        deliveries.settle(tx, MESSAGE, "sent")
    done = call("deliveries", "retry", alert.id)
    assert done.code == 1
    assert "replay" in done.err
    assert call("deliveries", "replay", alert.id).code == 0
    with own_store.read() as tx:
        assert deliveries.get(tx, alert.id).state == "sending"


def test_a_delivery_that_waits_is_told_to_be_waiting(call, own_store):
    watch, _ = news_world.add_watch(own_store, "Fatemiyoun", HOOK)
    source_id, _ = news_world.add_source(own_store, "herald")
    news_world.add_alert(own_store, watch, news_world.add_article(own_store, source_id, 1), "Fatemiyoun")
    done = call("deliveries", "replay", 1)
    assert is_one_sentence(done.err)
    assert "was not sent yet: it is pending" in done.err
    assert "not tried yet" in call("deliveries", "show", 1).out


def test_a_refused_page_is_fetched_again(call, own_store):
    source_id, _ = news_world.add_source(own_store, "herald")
    news_world.add_article(own_store, source_id, 1)
    with own_store.write() as tx:
        links.refused(tx, "link-1")
    for stage in ("fetch", "ingest"):
        news_world.add_refusal(own_store, stage=stage, key="link-1")
        refusal = only(call("refused", "list", "--stage", stage, "--json").records)
        assert only(call("refused", "retry", refusal["id"], "--json").records)["due"]
        with own_store.read() as tx:
            row = links.get(tx, "link-1")
        assert row.state == "found"
        assert row.due_at
        assert call("refused", "list", "--json").records == []


def test_a_refused_document_is_indexed_again(call, own_store):
    source_id, _ = news_world.add_source(own_store, "herald")
    article_id = news_world.add_article(own_store, source_id, 1)
    with own_store.write() as tx:
        articles.index_again(tx, None, [article_id], None)
    news_world.add_refusal(own_store, stage="index", key=article_id)
    assert call("refused", "retry", "--stage", "index").out.startswith("1 will be tried again")
    with own_store.read() as tx:
        assert articles.unindexed(tx) == 1


def test_a_refused_endpoint_is_read_again(call, own_store):
    _, endpoint_id = news_world.add_source(own_store, "herald")
    with own_store.write() as tx:
        sources.note_reading(tx, endpoint_id, {"failures": 5, "due_at": None})
    news_world.add_refusal(own_store, stage="discover", key=endpoint_id)
    assert call("refused", "retry", "--all").code == 0
    with own_store.read() as tx:
        row = sources.endpoint(tx, endpoint_id)
    assert row.failures == 0
    assert row.due_at


def test_what_is_gone_meanwhile_is_said_to_be(call, own_store):
    news_world.add_refusal(own_store, key="nothing")
    assert call("refused", "retry", "--all").out == "0 will be tried again; 1 had gone meanwhile.\n"
    assert call("refused", "retry", "--all").out == "Nothing of that kind is refused.\n"


def test_refusals_are_listed_by_stage_and_reason(call, own_store):
    news_world.add_refusal(own_store, key="a", reason="robots")
    news_world.add_refusal(own_store, key="b", reason="too_big")
    assert only(call("refused", "list", "--reason", "robots", "--json").records)["key"] == "a"
    assert len(call("refused", "list", "--json").records) == 2
    assert "too_big" in call("refused", "list").out


def test_the_status_tells_how_everything_stands(call, alert, own_store):
    with own_store.write() as tx:
        processes.note(tx, "worker@here/1", "worker")
    found = only(call("status", "--json").records)
    assert found["sources"] == {"waiting": 1}
    assert found["articles"] == 1
    assert found["deliveries"] == {"failed": 1}
    assert found["refused"] == [{"stage": "deliver", "reason": "gone", "count": 1}]
    assert found["queues"]["index"] == 1
    assert found["broker"] == {"ingest": None, "deliver": None, "index": None}
    assert only(found["processes"])["name"] == "worker@here/1"
    shown = call("status").out
    assert "1 failed" in shown
    assert "worker@here/1" in shown


def test_the_status_tells_the_oldest_undelivered(call, own_store):
    watch, _ = news_world.add_watch(own_store, "Fatemiyoun", HOOK)
    source_id, _ = news_world.add_source(own_store, "herald")
    news_world.add_alert(own_store, watch, news_world.add_article(own_store, source_id, 1), "Fatemiyoun")
    assert "Oldest undelivered: due 90 s ago" in call("status").out or "due 91 s ago" in call("status").out


def test_the_status_of_an_empty_store_says_what_to_do(call):
    done = call("status")
    assert done.code == 0
    assert "copytaster source add" in done.out


def test_the_status_counts_the_hints_of_a_broker_that_answers(call, redis_url, monkeypatch):
    from kombu import Connection

    monkeypatch.setenv("COPYTASTER_REDIS__URL", redis_url)
    with Connection(redis_url) as connection:
        connection.default_channel.client.lpush("ingest", "a", "b")
    assert only(call("status", "--json").records)["broker"] == {"ingest": 2, "deliver": 0, "index": 0}
