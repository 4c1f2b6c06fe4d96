"""What readings of endpoints leave behind in rows: baseline, alerts since, overflow, validators, rhythm."""

import datetime as dt

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from copytaster.config import CrawlConfig
from copytaster.news import Link, LinkId, Printed
from copytaster.store import schema, sources
from copytaster.urls import url_id
from scrapers import harvest
from scrapers.jobs import Job, Reading, ReadingFailed

CRAWL = CrawlConfig(min_interval_seconds=1)
HOST = "http://news.example"


@pytest.fixture
def world(each_world):
    return each_world


def link(path, *, published=None, updated=None):
    def printed(at):
        return Printed(at) if at else None

    url = f"{HOST}{path}"
    return Link(id=LinkId(url_id(url)), url=url, published=printed(published), updated=printed(updated))


def job(world, url):
    with world.store.read() as tx:
        row = tx.conn.execute(select(schema.endpoints).where(schema.endpoints.c.url == url)).one()
        return Job(kind="endpoint", id=row.id, url=row.url, host=row.host, source=sources.get(tx, row.source_id), row=row)


def read(world, url, *links, crawl=CRAWL, **facts):
    """One reading of an endpoint; returns the new links by path."""
    before = set(world.rows("links"))
    with world.store.write() as tx:
        harvest.keep_reading(tx, Reading(job=job(world, url), links=links, total=len(links), **facts), crawl)
    return {found.removeprefix(HOST): row for found, row in world.rows("links").items() if found not in before}


@pytest.fixture
def now(world):
    with world.store.read() as tx:
        return tx.now


FEED, SITEMAP = f"{HOST}/feed.xml", f"{HOST}/sitemap.xml"


def a_source(world, **options):
    return world.source(f"{HOST}/", ("feed", FEED), ("sitemap", SITEMAP), **{"alert_since_seconds": None} | options)


def test_the_first_reading_of_a_source_is_its_baseline_and_later_ones_alert(world):
    a_source(world)
    assert read(world, FEED, link("/1"), link("/2"))["/1"].baseline
    assert world.rows("sources")[f"{HOST}/"].baseline_at
    assert not read(world, FEED, link("/3"), link("/2"))["/3"].baseline


def test_alert_since_all_makes_even_the_first_reading_alert_whichever_endpoint_is_first(world, now):
    a_source(world, alert_since_seconds=float("inf"))
    assert not read(world, FEED, link("/1", published=now - dt.timedelta(days=30)))["/1"].baseline
    assert not read(world, SITEMAP, link("/2", published=now - dt.timedelta(days=30)))["/2"].baseline


def test_alert_since_a_day_leaves_older_items_in_the_baseline(world, now):
    a_source(world, alert_since_seconds=86_400)
    found = read(
        world, FEED, link("/old", published=now - dt.timedelta(days=2)), link("/new", published=now - dt.timedelta(hours=2))
    )
    assert found["/old"].baseline
    assert not found["/new"].baseline


def test_a_new_endpoint_of_a_known_source_alerts_for_what_was_published_since(world, now):
    a_source(world)
    read(world, FEED, link("/1"))
    found = read(
        world,
        SITEMAP,
        link("/old", published=now - dt.timedelta(days=3)),
        link("/undated"),
        link("/new", published=now + dt.timedelta(seconds=5)),
    )
    assert {path: row.baseline for path, row in found.items()} == {"/old": True, "/undated": True, "/new": False}


def test_what_was_published_long_before_it_was_found_is_late(world, now):
    a_source(world)
    read(world, FEED, link("/1"))
    found = read(world, FEED, link("/1"), link("/moved", published=now - dt.timedelta(days=40)))["/moved"]
    assert found.late
    assert not found.baseline


def test_a_reading_that_shares_nothing_with_the_last_is_counted_and_caught_up_by_sitemap(world):
    a_source(world)
    read(world, SITEMAP, link("/1"))
    read(world, FEED, *(link(f"/{n}") for n in range(10)))
    before = world.rows("endpoints")
    read(world, FEED, *(link(f"/{n}") for n in range(20, 30)))
    after = world.rows("endpoints")
    assert after[FEED].overflows == 1
    assert after[FEED].interval_seconds < before[FEED].interval_seconds
    assert after[SITEMAP].due_at < before[SITEMAP].due_at


def test_unchanged_keeps_validators_and_reads_less_often(world):
    a_source(world)
    read(world, FEED, link("/1"), etag='"a"', last_modified="Mon, 04 May 2026 12:00:00 GMT")
    before = world.rows("endpoints")[FEED]
    read(world, FEED, unchanged=True)
    after = world.rows("endpoints")[FEED]
    assert (after.etag, after.last_modified) == ('"a"', "Mon, 04 May 2026 12:00:00 GMT")
    assert (after.readings, after.last_ids) == (2, before.last_ids)
    assert after.interval_seconds > before.interval_seconds


def test_a_rolled_back_reading_leaves_neither_items_nor_validators(world):
    a_source(world)
    with world.store.write() as tx:
        harvest.keep_reading(tx, Reading(job=job(world, FEED), links=[link("/1")], etag='"a"'), CRAWL)
        tx.conn.rollback()
    assert world.rows("endpoints")[FEED].etag is None
    assert world.rows("links") == {}


def test_an_endpoint_that_moved_for_good_is_asked_at_its_new_place(world):
    a_source(world)
    read(world, FEED, link("/1"), moved_to="http://feeds.example/news")
    endpoint = world.rows("endpoints")["http://feeds.example/news"]
    assert endpoint.host == "feeds.example"
    assert world.rows("hosts")["feeds.example"].due_at == endpoint.due_at


def test_failures_back_off_and_keep_their_sentence_and_success_forgets_them(world):
    a_source(world)
    waits = []
    for _ in range(3):
        with world.store.write() as tx:
            harvest.keep_failure(tx, ReadingFailed(job=job(world, FEED), reason="dns", detail="no such host"), CRAWL)
            waits.append(world_row(tx, FEED).due_at - tx.now)
    assert waits == sorted(waits)
    assert waits[2] >= 3 * waits[0]
    assert (world.rows("endpoints")[FEED].failures, world.rows("endpoints")[FEED].last_error) == (3, "no such host")
    read(world, FEED, link("/1"))
    assert (world.rows("endpoints")[FEED].failures, world.rows("endpoints")[FEED].last_error) == (0, None)


def world_row(tx, url):
    return tx.conn.execute(select(schema.endpoints).where(schema.endpoints.c.url == url)).one()


def test_retry_after_of_a_failing_endpoint_is_obeyed(world):
    a_source(world)
    with world.store.write() as tx:
        failed = ReadingFailed(job=job(world, FEED), reason="rate_limited", detail="429", retry_after=7_200.0)
        harvest.keep_failure(tx, failed, CRAWL)
        assert world_row(tx, FEED).due_at >= tx.now + dt.timedelta(seconds=7_200)


def test_a_hub_is_noted_with_its_topic(world):
    a_source(world)
    read(world, FEED, link("/1"), hub="https://hub.example/", topic=FEED)
    assert (world.rows("endpoints")[FEED].hub, world.rows("endpoints")[FEED].topic) == ("https://hub.example/", FEED)


def test_a_changed_date_makes_a_read_article_due_again(world, now):
    a_source(world)
    read(world, FEED, link("/1", updated=now - dt.timedelta(days=1)))
    with world.store.write() as tx:
        tx.conn.execute(schema.links.update().values(state="read", due_at=None))
    read(world, FEED, link("/1", updated=now))
    assert world.rows("links")[f"{HOST}/1"].due_at


def test_a_huge_baseline_is_remembered_but_only_its_newest_pages_are_fetched(world, now):
    a_source(world)
    many = [link(f"/{n}", updated=now - dt.timedelta(minutes=n)) for n in range(harvest.MAX_BASELINE + 100)]
    found = read(world, SITEMAP, *many)
    due = {path for path, row in found.items() if row.due_at}
    assert len(found) == harvest.MAX_BASELINE + 100
    assert due == {f"/{n}" for n in range(harvest.MAX_BASELINE)}
    assert read(world, SITEMAP, *many) == {}


def test_a_source_that_finds_something_is_silent_no_more(world):
    source = a_source(world)
    with world.store.write() as tx:
        tx.conn.execute(schema.sources.update().values(silent_at=tx.now, silent_reason="login wall"))
    read(world, FEED, link("/1"))
    assert world.rows("sources")[source.url].silent_at is None


def refused(world):
    return {url.removeprefix(HOST): (row.stage, row.reason) for url, row in world.rows("refusals").items()}


def test_addresses_without_an_end_are_listed_and_not_fetched_and_seen_once(world):
    a_source(world)
    read(world, FEED, link("/1"))
    found = read(world, FEED, link("/a/a/a"), link("/calendar/2031/05/12"), link("/2"))
    assert {path: (row.state, row.due_at is None) for path, row in found.items()} == {
        "/a/a/a": ("refused", True),
        "/calendar/2031/05/12": ("refused", True),
        "/2": ("found", False),
    }
    assert refused(world) == {"/a/a/a": ("discover", "repeated_path"), "/calendar/2031/05/12": ("discover", "calendar")}
    assert read(world, FEED, link("/a/a/a")) == {}


def test_a_feed_that_was_not_read_to_its_end_is_listed_where_that_may_have_cost_something(world):
    a_source(world)
    read(world, FEED, *(link(f"/{number}") for number in range(10)), cut=True)
    assert refused(world) == {"/feed.xml": ("discover", "feed_too_long")}
    with world.store.write() as tx:
        tx.conn.execute(schema.refusals.delete())
    read(world, FEED, link("/new"), *(link(f"/{number}") for number in range(9)), cut=True)  # what lies beyond is known
    assert refused(world) == {}
    read(world, FEED, *(link(f"/burst{number}") for number in range(12)), cut=True)
    assert refused(world) == {"/feed.xml": ("discover", "feed_too_long")}


def test_a_source_brings_so_many_links_a_day_and_the_others_when_there_is_room(world):
    crawl = CrawlConfig(min_interval_seconds=1, links_a_day=20)
    a_source(world, alert_since_seconds=float("inf"))
    read(world, FEED, *(link(f"/first-{n}") for n in range(50)), crawl=crawl)  # at first sight all is taken
    assert len(read(world, FEED, *(link(f"/second-{n}") for n in range(12)), crawl=crawl, etag='"a"')) == 12
    before = counted("too_many_links")
    third = [link(f"/third-{n}") for n in range(12)]
    assert len(read(world, FEED, *third, crawl=crawl, etag='"b"')) == 8
    row = world.rows("endpoints")[FEED]
    assert (row.etag, row.overflows) == (None, 1)  # asked again in full; a trap is no overflow
    assert refused(world) == {"/feed.xml": ("discover", "too_many_links")}
    assert counted("too_many_links") == before + 4
    a_day_later(world)
    assert len(read(world, FEED, *third, crawl=crawl)) == 4


def counted(reason):
    return REGISTRY.get_sample_value("copytaster_refused_total", {"stage": "discover", "reason": reason}) or 0.0


def a_day_later(world):
    with world.store.write() as tx:
        day = dt.timedelta(days=1)
        tx.conn.execute(schema.links.update().values(found_at=tx.now - day))


def test_links_under_a_new_session_are_not_new(world):
    a_source(world)
    before = counted("session_id")
    for token in ("4f8ac1d7e09b2c3d", "0a1b2c3d4e5f6a7b", "99ffee0011223344"):
        read(world, FEED, *(link(f"/story-{n}?token={token}") for n in range(6)))
    assert sorted(world.rows("links")) == [f"{HOST}/story-{n}?token=4f8ac1d7e09b2c3d" for n in range(6)]
    assert counted("session_id") == before + 12
    assert "/story-7?token=99ffee0011223344" in read(
        world, FEED, *(link(f"/story-{n}?token=99ffee0011223344") for n in range(2, 8))
    )
