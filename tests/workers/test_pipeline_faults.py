"""From a fetched page to a sent message, over both dialects: what is refused, lost on the way, or away for a while."""

import concurrent.futures
import contextlib
import datetime as dt
import itertools
import json

import pytest
from sqlalchemy import select

from copytaster.errors import Transient
from copytaster.store import articles, deliveries, links, messages, pages, refusals, schema, watches
from desk.loopback import Listener
from search.mapping import IndexDocument
from tests.workers.newsroom import OTHERS, QUIET, SENTENCES, page_of
from workers import packing, pipeline, planner
from workers.watchlist import Watchlist


def test_what_is_no_article_is_refused_with_its_reason(newsroom):
    link_id = newsroom.fetched("http://herald.example/empty", b"<html><body></body></html>")
    newsroom.run()
    with newsroom.store.read() as tx:
        (refusal,) = refusals.every(tx)
        assert links.get(tx, link_id).state == "refused"
        assert pages.waiting(tx) == 0
    assert (refusal.stage, refusal.key) == ("ingest", link_id)
    assert refusal.reason
    assert refusal.detail


def test_a_lost_lease_writes_nothing(newsroom, monkeypatch):
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    extract = pipeline.extract_boxed

    def slow(*args):
        newsroom.clock.advance(pipeline.LEASE_SECONDS + 1)
        with newsroom.store.write() as tx:
            assert pages.claim(tx, "another worker", seconds=30)
        return extract(*args)

    monkeypatch.setattr(pipeline, "extract_boxed", slow)
    assert pipeline.ingest(newsroom.services)
    with newsroom.store.read() as tx:
        assert articles.total(tx) == 0
        assert pages.waiting(tx) == 1


def test_a_page_that_ends_its_worker_each_time_is_refused_as_poison(newsroom):
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    for _ in range(pipeline.MOST_ATTEMPTS):
        with newsroom.store.write() as tx:
            assert pages.claim(tx, "a worker that dies", seconds=30)
        newsroom.clock.advance(31)
    newsroom.run()
    with newsroom.store.read() as tx:
        assert [(refusal.reason, refusal.attempts) for refusal in refusals.every(tx)] == [("poison", pipeline.MOST_ATTEMPTS)]
        assert articles.total(tx) == 0


def test_a_failed_message_is_tried_again_as_the_same_message(newsroom):
    answers = iter([False, True])
    took = newsroom.received.append

    def flaky(message):
        took(message)
        if not next(answers):
            raise ConnectionError

    newsroom.sink._on_message = flaky
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    newsroom.clock.advance(60)
    newsroom.run()
    first, second = newsroom.received
    assert (first.id, first.sha256) == (second.id, second.sha256)
    with newsroom.store.read() as tx:
        assert [each["outcome"] for each in messages.attempts_of(tx, first.id)] == ["retry", "sent"]
        assert deliveries.counts(tx) == {"sent": 1}


async def gone(scope, receive, send):
    """A receiver that wants nothing more."""
    await send({"type": "http.response.start", "status": 410, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def test_a_receiver_that_is_gone_is_switched_off_and_its_owner_told_elsewhere(newsroom):
    listener = Listener(gone)
    listener.start()
    try:
        newsroom.watch("lanterns", to=listener.url)
        newsroom.watch("ferry")
        newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
        newsroom.run()
    finally:
        listener.stop()
    kinds = [json.loads(message.body)["type"] for message in newsroom.received]
    assert sorted(kinds) == ["copytaster.alert", "copytaster.notice"]
    with newsroom.store.read() as tx:
        assert deliveries.counts(tx) == {"sent": 1, "failed": 1}
        assert [refusal.reason for refusal in refusals.every(tx, stage="deliver")] == ["gone"]
        states = {channel.url: channel.state for channel in watches.owner_channels(tx, watches.LOCAL.id)}
    assert states == {listener.url: "disabled", newsroom.sink.url: "active"}


def test_a_held_alert_shows_the_words_of_the_revision_that_matched(newsroom):
    newsroom.watch("lanterns", quiet=QUIET)
    url = "http://herald.example/bridge"
    newsroom.fetched(url, page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    newsroom.fetched(url, page_of("A bridge opened", "Correction: an earlier version named another river.", *SENTENCES))
    newsroom.run()
    newsroom.clock.advance(3 * 3600)
    newsroom.run()
    (item,) = newsroom.items()
    passage = item["passage"]
    assert [passage["text"][start:end] for start, end in passage["marks"]] == ["lanterns"]
    assert item["article"]["title"] == "A bridge opens"


def test_a_delivery_that_cannot_be_told_holds_up_no_other(newsroom, monkeypatch):
    from workers.notifiers import payload as payloads

    newsroom.watch("lanterns", id="bad")
    newsroom.watch("ferry", id="good")
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    made = payloads.AlertItem

    def refuse(**fields):
        if fields["watch"].id == "bad":
            raise ValueError("a fault of ours")
        return made(**fields)

    monkeypatch.setattr(payloads, "AlertItem", refuse)
    newsroom.run()
    assert [item["watch"]["id"] for item in newsroom.items()] == ["good"]
    with newsroom.store.read() as tx:
        assert deliveries.counts(tx) == {"sent": 1, "failed": 1}
        assert [refusal.reason for refusal in refusals.every(tx)] == ["poison"]


def test_a_message_that_ends_its_worker_each_time_is_left_alone(newsroom):
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    assert pipeline.ingest(newsroom.services)
    with newsroom.store.write() as tx:
        packing.pack(tx, newsroom.services)
    for _ in range(len(planner.SCHEDULE)):
        with newsroom.store.write() as tx:
            assert messages.claim(tx, "a worker that dies", seconds=30)
        newsroom.clock.advance(31)
    newsroom.run()
    assert not newsroom.items()
    with newsroom.store.read() as tx:
        assert [(refusal.reason, refusal.attempts) for refusal in refusals.every(tx)] == [("poison", len(planner.SCHEDULE))]
        assert deliveries.counts(tx) == {"failed": 1}


class Choking:
    """An engine that one document kills; the process' death is an exception here, for the test must outlive it."""

    def __init__(self, real, bad: str) -> None:
        self.real, self.bad = real, bad

    def prepare(self) -> bool:
        return self.real.prepare()

    def put(self, documents: list[IndexDocument]):
        if any(self.bad in document.url for document in documents):
            raise MemoryError
        return self.real.put(documents)


def test_a_document_that_ends_its_worker_takes_no_other_with_it(newsroom):
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.fetched("http://herald.example/wine", page_of("Early harvest", *OTHERS))
    while pipeline.ingest(newsroom.services):
        pass
    object.__setattr__(newsroom.services, "engine", Choking(newsroom.services.engine, "wine"))
    for _ in range(2 * pipeline.MOST_ATTEMPTS + 2):
        with contextlib.suppress(MemoryError):
            pipeline.index(newsroom.services)
        newsroom.clock.advance(31)
    with newsroom.store.read() as tx:
        (refused,) = refusals.every(tx)
        assert (refused.reason, refused.url[-4:], refused.attempts) == ("poison", "wine", pipeline.MOST_ATTEMPTS)
        assert articles.unindexed(tx) == 0
        versions = {each.url[-4:]: articles.row(tx, each.id).indexed_version for each in articles.newest(tx, limit=5)}
    assert versions == {"idge": 1, "wine": 0}


def test_what_is_held_for_a_channel_that_was_switched_off_is_not_sent(newsroom):
    newsroom.watch("lanterns", quiet=QUIET)
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    with newsroom.store.write() as tx:
        (channel,) = watches.owner_channels(tx, watches.LOCAL.id)
        watches.disable(tx, channel.id, "gone")
    newsroom.clock.advance(3 * 3600)
    newsroom.run()
    assert not newsroom.items()
    with newsroom.store.write() as tx:
        assert deliveries.due(tx) == 0
        watches.ensure_channel(tx, channel.url)  # somebody adds it again
    newsroom.run()
    assert len(newsroom.items()) == 1


def test_a_watch_that_is_muted_meanwhile_is_not_told(newsroom):
    watch = newsroom.watch("lanterns", quiet=QUIET)
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    with newsroom.store.write() as tx:
        watches.mute(tx, watch.id, tx.now + dt.timedelta(days=1))
    newsroom.clock.advance(3 * 3600)
    newsroom.run()
    assert not newsroom.items()


def test_two_links_that_lead_to_one_new_article_make_one(newsroom):
    newsroom.watch("lanterns")
    page = page_of("A bridge opens", *SENTENCES)
    for link in ("http://herald.example/a", "http://herald.example/b"):
        newsroom.fetched(link, page, final="http://herald.example/bridge")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(pipeline.ingest, [newsroom.services] * 2))
    newsroom.run()
    assert newsroom.urls() == ["http://herald.example/bridge"]
    with newsroom.store.read() as tx:
        assert articles.total(tx) == 1
        assert not refusals.every(tx)


class Down:
    """An engine that is away: the real one is a file and always there."""

    def prepare(self) -> bool:
        return False

    def put(self, documents: list[IndexDocument]):
        raise Transient("The engine is away.", retry_after=5)


def test_an_engine_that_is_away_stops_no_alert_and_the_index_catches_up(newsroom):
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    real = newsroom.services.engine
    object.__setattr__(newsroom.services, "engine", Down())
    pipeline.ingest(newsroom.services)
    pipeline.deliver(newsroom.services)
    with pytest.raises(Transient):
        pipeline.index(newsroom.services)
    assert len(newsroom.items()) == 1
    object.__setattr__(newsroom.services, "engine", real)
    assert not pipeline.index(newsroom.services), "it waits as long as it was told to"
    newsroom.clock.advance(6)
    assert pipeline.index(newsroom.services)
    with newsroom.store.read() as tx:
        assert articles.unindexed(tx) == 0


def test_a_fault_in_packing_what_comes_next_sends_nothing_twice(newsroom, monkeypatch):
    """Settling and the next claim share a transaction: the one must not be undone by the other."""
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/2026/bridge", page_of("A bridge opens", *SENTENCES))
    assert pipeline.ingest(newsroom.services)
    pack, looks = packing.pack, itertools.count()

    def spoilt(tx, services):
        if next(looks):
            tx.conn.exec_driver_sql("SELECT nonsense")  # on PostgreSQL this ends the transaction for good
        return pack(tx, services)

    with monkeypatch.context() as patched:
        patched.setattr(packing, "pack", spoilt)
        assert pipeline.deliver(newsroom.services)
    assert next(looks) == 2
    newsroom.clock.advance(3600)
    newsroom.run()
    assert len(newsroom.received) == 1
    with newsroom.store.read() as tx:
        assert deliveries.counts(tx) == {"sent": 1}


def test_a_process_learns_its_watches_before_it_leases_or_locks_anything(newsroom, monkeypatch):
    """100,000 of them take 20 s: on SQLite nobody could write meanwhile, and the page's lease would be near its end."""
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/2026/bridge", page_of("A bridge opens", *SENTENCES))
    refresh, leased = Watchlist.refresh, []

    def looked_at(watchlist, tx):
        if watchlist.epoch < 0:
            with newsroom.store.write() as other:  # or this waits until the test is given up
                leased.append(other.conn.execute(select(schema.pages.c.lease_token)).scalar_one())
        refresh(watchlist, tx)

    monkeypatch.setattr(Watchlist, "refresh", looked_at)
    assert pipeline.ingest(newsroom.services)
    assert leased == [None]
