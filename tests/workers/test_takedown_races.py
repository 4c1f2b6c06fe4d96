"""A takedown beside everybody else, on a real server: two connections, two threads, and no order lets a word slip through."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text

from copytaster.news import EndpointId, Link, LinkId, SourceId
from copytaster.store import links, messages, pages, schema, sources, takedown, tombstones
from copytaster.urls import url_id
from scrapers.harvest import keep_reading
from scrapers.jobs import Job, Reading
from tests.workers.newsroom import page_of
from tests.workers.test_takedown import SECRET_WORDS, URL, article, count, everything, forget, room, run_of  # noqa: F401
from workers import landing, packing
from workers.extraction.boxed import extract_boxed

pytestmark = pytest.mark.service
COPY = "http://herald.example/copy"
WORDS = "one and the same report of the harbour fire"


@pytest.fixture
def store_url(postgresql_server):
    """SQLite has one writer, and so none of this."""
    with postgresql_server.database(migrated=True) as url:
        yield url


@pytest.fixture
def both(room):  # noqa: F811
    with ThreadPoolExecutor(2) as pool:
        yield room, pool


def waits(news, number: int = 1) -> bool:
    """Whether somebody waits for a lock by now."""
    until = time.monotonic() + 20
    query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
    while time.monotonic() < until:
        with news.store.read() as tx:
            if tx.conn.execute(query).scalar_one() >= number:
                return True
    return False


def owed(news) -> str:
    """An article that two watches are owed, one of them not yet due."""
    news.watch("lanterns", id="other")
    gone = article(news, words=WORDS)
    with news.store.write() as tx:
        tx.conn.execute(schema.messages.delete())
        tx.conn.execute(schema.deliveries.update().values(state="pending", message_id=None, sent_at=None))
    news.received.clear()
    return gone


def test_what_is_packed_while_it_is_taken_down_is_neither_sent_nor_kept(both):
    news, pool = both
    owed(news)
    with news.store.write() as tx:
        assert packing.pack(tx, news.services) == 2
        taking = pool.submit(forget, news)
        assert waits(news)
    assert taking.result(30).done.messages == 2
    news.run()
    assert news.received == []
    assert WORDS not in everything(news)


def test_a_packer_that_comes_later_leaves_it_out_of_items_and_copies(both):
    news, _ = both
    owed(news)
    kept = url_id(COPY)
    with news.store.write() as tx:  # another copy of the story, of which one watch is told
        row = tx.conn.execute(select(schema.articles)).first()._mapping
        tx.conn.execute(schema.articles.insert().values({**row, "id": kept, "url": COPY, "title": "A copy"}))
        tx.conn.execute(schema.deliveries.update().where(schema.deliveries.c.watch_id == "other").values(article_id=kept))
    with news.store.write() as tx:
        takedown.close_articles(tx, [url_id(URL)], url_id(URL))
    with news.store.write() as tx:
        packing.pack(tx, news.services)
    with news.store.read() as tx:
        payloads = [json.loads(each) for each in tx.conn.execute(select(schema.messages.c.payload)).scalars()]
    items = [item for payload in payloads for item in payload["items"]]
    assert [(item["article"]["id"], item["copies"]) for item in items] == [(kept, [])]


def test_a_message_that_is_settled_while_it_is_redacted_locks_nobody_out(both):
    """Both take the message first and then its deliveries."""
    news, pool = both
    owed(news)
    with news.store.write() as tx:
        packing.pack(tx, news.services)
    with news.store.write() as tx:
        lease = messages.claim(tx, "sender", seconds=30)
    with news.store.write() as tx:
        assert messages.sent(tx, lease, "taken")
        taking = pool.submit(forget, news)
        assert waits(news)
        tx.conn.execute(schema.deliveries.update().where(schema.deliveries.c.message_id == lease.message.id).values(state="sent"))
    taking.result(30)
    assert WORDS not in everything(news)


@contextmanager
def landed(news):
    """A page of the article as far as its transaction goes before the article's lock."""
    news.fetched(URL, page_of("Lanterns out", *[f"{SECRET_WORDS} word{n} lanterns" for n in range(30)]))
    with news.store.write() as tx:
        lease = pages.claim(tx, "ingest", seconds=30)
    extracted = extract_boxed(lease.page.body, lease.page.url, lease.page.content_type)
    yield lease, landing.Reading.of(lease.page, extracted)


def test_a_page_that_lands_while_its_article_is_taken_down_waits_and_neither_gives_way(both, monkeypatch):
    news, pool = both
    article(news)
    finished, go_on, real = threading.Event(), threading.Event(), pages.finish

    def finish(tx, lease):
        done = real(tx, lease)
        finished.set()
        assert go_on.wait(20)
        return done

    monkeypatch.setattr(pages, "finish", finish)
    with landed(news) as (lease, reading):

        def land():
            with news.store.write() as tx:
                return landing.land(tx, lease, reading, news.services)

        landing_one = pool.submit(land)
        assert finished.wait(20)
        taking = pool.submit(forget, news)
        while not tombstoned(news):
            pass
        go_on.set()
        assert landing_one.result(30).outcome == "taken_down"
        taking.result(30)
    assert count(news, schema.articles) == count(news, schema.links) == count(news, schema.pages) == 0


def tombstoned(news) -> bool:
    with news.store.read() as tx:
        return bool(tombstones.buried(tx, [url_id(URL)]))


def reading_of(news, source_id: SourceId) -> Reading:
    with news.store.write() as tx:
        row = {"id": "feed", "source_id": source_id, "url": "http://herald.example/feed", "kind": "feed"}
        row |= {"host": "herald.example", "interval_seconds": 600.0, "added_at": tx.now, "last_ids": [], "gaps": []}
        tx.conn.execute(schema.endpoints.insert().values(**row))
        source, endpoint = sources.get(tx, source_id), sources.endpoint(tx, EndpointId("feed"))
    job = Job(kind="endpoint", id="feed", url=endpoint.url, host="herald.example", source=source, row=endpoint, attempts=1)
    return Reading(job=job, links=[Link(id=LinkId(url_id(URL)), url=URL)])


@pytest.mark.parametrize("first", ["reading", "takedown"])
def test_a_reading_under_way_when_its_source_is_taken_down_leaves_no_link(both, first):
    news, pool = both
    source_id = SourceId(news.source())
    reading = reading_of(news, source_id)
    run = run_of(news)
    if first == "reading":
        with news.store.write() as tx:
            keep_reading(tx, reading, news.services.config.crawl)
            taking = pool.submit(lambda: sum(run.source(source_id)))
            assert waits(news)
    else:
        with news.store.write() as tx:
            takedown.close_source(tx, source_id)
        with news.store.write() as tx:
            keep_reading(tx, reading, news.services.config.crawl)
        taking = pool.submit(lambda: sum(run.source(source_id)))
    taking.result(30)
    assert count(news, schema.links) == count(news, schema.sources) == 0


def test_who_adds_links_while_the_source_ends_is_waited_for(both):
    news, pool = both
    source_id = SourceId(news.source())
    link = Link(id=LinkId(url_id(URL)), url=URL)
    with news.store.write() as tx:
        assert links.add(tx, source_id, None, [links.Finding(link=link)]) == 1
        with news.store.write() as other:
            takedown.close_source(other, source_id)
        ending = pool.submit(lambda: sum(run_of(news).source(source_id)))
        assert waits(news)
    ending.result(30)
    assert count(news, schema.links) == count(news, schema.sources) == 0
