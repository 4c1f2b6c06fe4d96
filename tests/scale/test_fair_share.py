"""A flood holds up nobody: pages, links, endpoints, deliveries and messages are taken in turns, new ones first."""

import datetime as dt
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from copytaster.news import Endpoint, EndpointId, LinkId, Page, Source, SourceId
from copytaster.store import deliveries, hosts, links, messages, pages, schema, sources, watches
from copytaster.store.hosts import Manners
from copytaster.watches import MessageId
from scrapers.frontier import TURN_SECONDS, may_go_on

FLOOD = 5_000
PACKED = zlib.compress(b"x")
SECOND = dt.timedelta(seconds=1)


def add_source(tx, name):
    source = Source(id=SourceId(name), url=f"http://{name}.example/", name=name, host=f"{name}.example", added_at=tx.now)
    sources.add(tx, source, [])


def add_links(tx, source, count, *, priority=0, host=None):
    rows = [
        {
            "id": f"{source}-{priority}-{number}",
            "url": f"http://{source}.example/{number}",
            "host": host or f"{source}.example",
            "source_id": source,
            "found_at": tx.now,
            "state": "found",
            "due_at": tx.now,
            "priority": priority,
        }
        for number in range(count)
    ]
    tx.conn.execute(insert(schema.links), rows)
    hosts.touch(tx, {rows[0]["host"]: tx.now}, rest=priority > 0)
    return [row["id"] for row in rows]


def put_pages(tx, source, count, *, priority=0):
    ids = add_links(tx, source, count, priority=priority)
    for start in range(0, count, 500):
        fetched = [
            pages.Fetched(page=a_page(link_id, tx.now), priority=priority, packed=PACKED, source_id=source)
            for link_id in ids[start : start + 500]
        ]
        pages.put(tx, fetched)


def a_page(link_id, now):
    return Page(link_id=LinkId(link_id), url="http://x.example/", status=200, content_type="text/html", body=b"x", fetched_at=now)


def next_pages(store, count):
    """The sources of the next pages that workers get."""
    taken = []
    for _ in range(count):
        with store.write() as tx:
            lease = pages.claim(tx, "w", seconds=30)
            assert lease is None or pages.finish(tx, lease)
        taken.append(lease.page.link_id.partition("-")[0] if lease else None)
    return taken


@pytest.fixture
def two(store):
    with store.write() as tx:
        add_source(tx, "flood")
        add_source(tx, "quiet")
    return store


def test_a_page_of_a_quiet_source_is_read_among_the_next_though_five_thousand_wait(two):
    with two.write() as tx:
        put_pages(tx, "flood", FLOOD)
    assert next_pages(two, 10) == ["flood"] * 10
    with two.write() as tx:
        put_pages(tx, "quiet", 1)
    assert "quiet" in next_pages(two, 2)


def test_two_floods_are_read_in_turns_and_each_in_its_own_order(two):
    with two.write() as tx:
        put_pages(tx, "flood", 20)
    with two.write() as tx:
        put_pages(tx, "quiet", 20)
    taken = next_pages(two, 20)
    assert abs(taken.count("flood") - taken.count("quiet")) <= 1


def test_a_source_that_comes_late_does_not_push_back_whom_it_finds(two):
    with two.write() as tx:
        put_pages(tx, "flood", 100)
    assert set(next_pages(two, 90)) == {"flood"}
    with two.write() as tx:
        put_pages(tx, "quiet", 100)
    assert next_pages(two, 20).count("flood") >= 9, "its old turns must not count as unused time of the newcomer"


def test_new_pages_go_before_those_read_again_and_these_before_backfill_whatever_waits(two):
    with two.write() as tx:
        put_pages(tx, "flood", 300, priority=links.BACKFILL)
        put_pages(tx, "flood", 300, priority=links.AGAIN)
    next_pages(two, 5)
    with two.write() as tx:
        put_pages(tx, "quiet", 3, priority=links.NEW)
    assert next_pages(two, 3) == ["quiet"] * 3
    with two.write() as tx:
        lease = pages.claim(tx, "w", seconds=30)
    assert lease.page.link_id.startswith("flood-1-")


def test_of_a_host_with_ten_thousand_links_only_a_few_are_claimed_and_its_new_ones_first(two):
    with two.write() as tx:
        add_links(tx, "flood", 10_000, priority=links.BACKFILL)
        add_links(tx, "flood", 3)
        add_links(tx, "quiet", 1)
    with two.write() as tx:
        names = {lease.host for lease in hosts.claim(tx, "c", limit=10, seconds=30)}
        assert names == {"flood.example", "quiet.example"}
        claimed = links.claim(tx, names, each=16, limit=100, seconds=30)
    assert [row.source_id for row in claimed].count("flood") == 16
    assert [row.priority for row in claimed if row.source_id == "flood"][:4] == [0, 0, 0, 2]
    assert [row.source_id for row in claimed].count("quiet") == 1


def test_a_host_that_serves_thousands_of_feeds_leaves_room_for_the_feeds_of_others(two):
    with two.write() as tx:
        for number in range(200):
            sources.add_endpoint(tx, an_endpoint("flood", number, tx.now - 60 * SECOND))
        sources.add_endpoint(tx, an_endpoint("quiet", 0, tx.now))
    with two.write() as tx:
        names = {lease.host for lease in hosts.claim(tx, "c", limit=10, seconds=30)}
        claimed = sources.claim_endpoints(tx, names, each=4, limit=4 * len(names), seconds=30)
    assert sorted(row.source_id for row in claimed) == ["flood"] * 4 + ["quiet"]


def an_endpoint(source, number, due_at):
    url = f"http://{source}.example/feed{number}.xml"
    return Endpoint(id=EndpointId(url), source_id=SourceId(source), url=url, kind="feed", due_at=due_at)


def test_hosts_with_new_articles_are_served_before_any_with_backfill(two):
    with two.write() as tx:
        for number in range(50):
            add_links(tx, "flood", 1, priority=links.BACKFILL) if not number else hosts.touch(
                tx, {f"old{number}.example": tx.now - 3600 * SECOND}, rest=True
            )
        add_links(tx, "quiet", 1)
    with two.write() as tx:
        first = hosts.claim(tx, "c", limit=1, seconds=30)
        others = hosts.claim(tx, "c", limit=100, seconds=30)
    assert [lease.host for lease in first] == ["quiet.example"]
    assert len(others) == 50


def test_a_host_given_back_with_work_left_goes_behind_those_that_wait(two, fake_clock):
    with two.write() as tx:
        add_links(tx, "flood", 100)
    fake_clock.advance(1)
    with two.write() as tx:
        assert [lease.host for lease in hosts.claim(tx, "c", limit=1, seconds=30)] == ["flood.example"]
        add_links(tx, "quiet", 1)
    fake_clock.advance(1)
    with two.write() as tx:
        hosts.release(tx, "c", {"flood.example": Manners()})
    fake_clock.advance(1)
    with two.write() as tx:
        assert [lease.host for lease in hosts.claim(tx, "c", limit=1, seconds=30)] == ["quiet.example"]


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 100)), st.booleans())
def test_a_host_goes_on_as_long_as_it_likes_until_others_wait(hungry, others_wait):
    more = may_go_on(hungry, others_wait=others_wait)
    assert more == {host for host, held in hungry.items() if held < TURN_SECONDS or not others_wait}


@pytest.fixture
def channels(store):
    with store.write() as tx:
        watches.ensure_owner(tx)
        return {name: watches.ensure_channel(tx, f"https://{name}.example/hook").id for name in ("loud", "louder", "calm")}


def owe(tx, channel_id, count, due_at):
    rows = [
        {
            "watch_id": "w",
            "story_id": f"{channel_id}-{due_at.timestamp()}-{number}",
            "channel_id": channel_id,
            "article_id": "a",
            "revision": 1,
            "state": "pending",
            "kind": "instant",
            "due_at": due_at,
            "created_at": tx.now,
        }
        for number in range(count)
    ]
    tx.conn.execute(insert(schema.deliveries), rows)


def test_one_delivery_is_packed_at_once_though_five_thousand_of_another_channel_are_due(store, channels):
    with store.write() as tx:
        owe(tx, channels["loud"], FLOOD, tx.now - 60 * SECOND)
        owe(tx, channels["calm"], 1, tx.now)
    with store.write() as tx:
        packed = [each.channel_id for each in deliveries.claim_due(tx, limit=200)]
    assert packed.count(channels["calm"]) == 1
    assert len(packed) == 200


def test_channels_that_were_switched_off_keep_theirs_and_hold_up_nobody(store, channels):
    with store.write() as tx:
        owe(tx, channels["loud"], 3_000, tx.now - 60 * SECOND)
        owe(tx, channels["calm"], 1, tx.now)
        watches.disable(tx, channels["loud"], "gone")
    with store.write() as tx:
        assert [each.channel_id for each in deliveries.claim_due(tx, limit=200)] == [channels["calm"]]


def test_the_first_message_to_a_channel_goes_before_the_second_to_any_other(store, channels, fake_clock):
    with store.write() as tx:
        for name in ("loud", "louder"):
            for number in range(20):
                messages.put(tx, MessageId(f"{name}{number}"), channels[name], "instant", {})
    fake_clock.advance(60)
    told = []
    for number in range(4):
        with store.write() as tx:
            if number == 2:
                messages.put(tx, MessageId("calm0"), channels["calm"], "instant", {})
            lease = messages.claim(tx, f"t{number}", seconds=30)
            told.append(lease.message.id)
            messages.sent(tx, lease, "ok")
    assert sorted(told[:2]) == ["loud0", "louder0"]
    assert told[2] == "calm0"
