"""The frontier between rows and spider: leases, claims, back-pressure and what is dropped."""

import asyncio
import datetime as dt

import pytest

from copytaster.config import Config, CrawlConfig
from copytaster.news import LinkId, Page
from copytaster.store import schema, sources
from scrapers.frontier import LEASE_SECONDS, Frontier, Wants
from scrapers.jobs import GivenBack, LinkRefused, LinkRetry, PageKept

ROOM = {"hosts": 10, "links": 100}


@pytest.fixture
def world(each_world):
    return each_world


def frontier(world, **options):
    crawl = CrawlConfig(pages_in_flight=options.pop("pages_in_flight", 100))
    return Frontier(world.store, Config(data_dir=world.folder, crawl=crawl), **options)


def tick(one, **wants):
    return asyncio.run(one.tick(Wants(**ROOM | wants)))


def links_of(world, host, *paths):
    """A source whose endpoint is not due, with these links found."""
    world.feed(host, *paths)
    with world.store.write() as tx:
        tx.conn.execute(schema.endpoints.update().values(due_at=None))
        source = sources.find(tx, host)
        for path in paths:
            row = {"id": f"{host}{path}", "url": f"http://{host}{path}", "host": host, "source_id": source.id}
            row |= {"found_at": tx.now, "state": "found", "due_at": tx.now}
            tx.conn.execute(schema.links.insert().values(row))


def pass_time(world, seconds):
    """As if so many seconds had gone by since the last claim."""
    back = dt.timedelta(seconds=seconds)
    with world.store.write() as tx:
        for table, column in (("hosts", "leased_until"), ("links", "due_at"), ("hosts", "due_at")):
            rows = schema.metadata.tables[table]
            key = rows.primary_key.columns.values()[0]
            for row in tx.conn.execute(rows.select()).all():
                if at := row._mapping[column]:
                    tx.conn.execute(rows.update().where(key == row._mapping[key.name]).values(**{column: at - back}))


def kept(job, body=b"<html>x</html>"):
    at = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
    return PageKept(
        job=job, page=Page(link_id=LinkId(job.id), url=job.url, status=200, content_type="text/html", body=body, fetched_at=at)
    )


def test_two_crawlers_never_hold_one_host(world):
    links_of(world, "a.example", "/1", "/2")
    links_of(world, "b.example", "/1")
    one, other = frontier(world), frontier(world)
    first = tick(one, hosts=1)
    second = tick(other)
    assert len(first.leases) == len(second.leases) == 1
    assert {job.host for job in first.jobs} & {job.host for job in second.jobs} == set()
    assert len(first.jobs) + len(second.jobs) == 3


def test_the_work_of_a_dead_crawler_falls_to_another_when_its_lease_runs_out(world):
    links_of(world, "a.example", "/1")
    tick(frontier(world))
    other = frontier(world)
    assert tick(other).jobs == ()
    pass_time(world, LEASE_SECONDS + 1)
    assert [job.attempts for job in tick(other).jobs] == [2]


def test_results_under_a_lost_lease_are_dropped(world):
    links_of(world, "a.example", "/1")
    slow, quick = frontier(world), frontier(world)
    (job,) = tick(slow).jobs
    pass_time(world, LEASE_SECONDS + 1)
    (same,) = tick(quick).jobs
    work = tick(slow, held={"a.example"}, results=[kept(job, b"<html>stale</html>")])
    assert work.lost == {"a.example"}
    assert world.rows("pages") == {}
    tick(quick, held={"a.example"}, results=[kept(same)])
    assert len(world.rows("pages")) == 1


def test_a_lease_that_is_renewed_outlives_its_first_term(world, monkeypatch):
    links_of(world, "a.example", "/1")
    one, other = frontier(world), frontier(world)
    (job,) = tick(one).jobs
    pass_time(world, LEASE_SECONDS - 5)
    monkeypatch.setattr("scrapers.frontier.RENEW_SECONDS", 0)
    tick(one, held={"a.example"}, busy=[job])
    pass_time(world, LEASE_SECONDS - 5)
    assert tick(other).jobs == ()


def test_a_page_is_a_row_before_anybody_is_told(world):
    links_of(world, "a.example", "/1", "/2")
    told = []
    one = frontier(world, hint=lambda stage: told.append((stage, len(world.rows("pages")))))
    jobs = tick(one).jobs
    tick(one, held={"a.example"}, results=[kept(job) for job in jobs])
    assert told == [("ingest", 2), ("ingest", 2)]
    assert {row.state for row in world.rows("links").values()} == {"fetched"}


def test_no_link_is_claimed_while_too_many_pages_wait(world):
    links_of(world, "a.example", "/1", "/2")
    one = frontier(world, pages_in_flight=1)
    first, second = tick(one).jobs
    tick(one, held={"a.example"}, results=[kept(first), GivenBack(job=second)], busy=[])
    assert tick(one, held={"a.example"}, hungry={"a.example": 1.0}).jobs == []
    with world.store.write() as tx:
        tx.conn.execute(schema.pages.delete())
    assert [job.url for job in tick(one, held={"a.example"}, hungry={"a.example": 1.0}).jobs] == [second.url]


def test_what_is_given_back_counts_no_attempt(world):
    links_of(world, "a.example", "/1")
    one = frontier(world)
    (job,) = tick(one).jobs
    asyncio.run(one.close(Wants(results=[GivenBack(job=job)])))
    assert world.rows("links")["http://a.example/1"].attempts == 0
    assert world.rows("hosts")["a.example"].lease_token is None
    assert len(tick(frontier(world)).jobs) == 1


def test_after_five_attempts_a_link_is_refused_with_its_last_reason(world):
    links_of(world, "a.example", "/1")
    for attempt in range(1, 6):
        one = frontier(world)
        (job,) = tick(one).jobs
        assert job.attempts == attempt
        asyncio.run(one.close(Wants(results=[LinkRetry(job=job, reason="timeout", detail="Too slow.", seconds=0)])))
    assert world.rows("links")["http://a.example/1"].state == "refused"
    refusal = world.rows("refusals")["http://a.example/1"]
    assert (refusal.stage, refusal.reason, refusal.attempts) == ("fetch", "timeout", 5)


def test_a_refused_link_keeps_what_the_feed_said(world):
    links_of(world, "a.example", "/1")
    with world.store.write() as tx:
        tx.conn.execute(schema.links.update().values(summary="The bridge is open again."))
    one = frontier(world)
    (job,) = tick(one).jobs
    tick(one, held={"a.example"}, results=[LinkRefused(job=job, reason="gone", detail="404")])
    assert world.rows("links")["http://a.example/1"].summary == "The bridge is open again."


def test_new_work_goes_before_old_and_one_host_takes_no_more_than_its_share(world):
    links_of(world, "big.example", *(f"/{n}" for n in range(40)))
    links_of(world, "small.example", "/1")
    with world.store.write() as tx:
        tx.conn.execute(schema.links.update().where(schema.links.c.url == "http://big.example/39").values(priority=0))
        tx.conn.execute(schema.links.update().where(schema.links.c.url != "http://big.example/39").values(priority=2))
    jobs = tick(frontier(world)).jobs
    big = [job.url for job in jobs if job.host == "big.example"]
    assert big[0] == "http://big.example/39"
    assert len(big) == 16
    assert len(jobs) == 17


@pytest.mark.parametrize("state", ["paused", "removed"])
def test_a_source_that_is_not_active_wakes_nobody(world, state):
    links_of(world, "a.example", "/1")
    with world.store.write() as tx:
        sources.set_state(tx, sources.find(tx, "a.example").id, state)
    one = frontier(world)
    assert tick(one).jobs == []
    assert world.rows("hosts")["a.example"].due_at is None
    with world.store.write() as tx:
        sources.set_state(tx, next(iter(world.rows("sources").values())).id, "active")
    assert [job.url for job in tick(one).jobs if job.kind == "link"] == ["http://a.example/1"]


def test_one_source_alone_can_be_crawled(world):
    links_of(world, "a.example", "/1")
    links_of(world, "b.example", "/1")
    with world.store.read() as tx:
        one = frontier(world, source_id=sources.find(tx, "b.example").id)
    work = tick(one)
    assert [job.host for job in work.jobs] == ["b.example"]
    assert not tick(one, held={"b.example"}, results=[kept(work.jobs[0])]).more
