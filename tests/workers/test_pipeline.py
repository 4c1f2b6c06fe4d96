"""From a fetched page to a sent message, over both dialects: what alerts whom, how often, and what is refused."""

import concurrent.futures
import contextlib
import datetime as dt
import itertools
import json
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from copytaster.config import Config
from copytaster.errors import Transient
from copytaster.guard import Guard
from copytaster.news import Link, LinkId, Page, Source, SourceId
from copytaster.store import Store, articles, deliveries, links, messages, pages, refusals, schema, sources, watches
from copytaster.store.processes import Progress
from copytaster.urls import normalize, url_id
from copytaster.watches import DEFAULT_LEVEL, Quiet, Watch, WatchId
from desk.loopback import Listener
from desk.sinks import Received, WebhookSink
from search.mapping import IndexDocument
from search.query import parse
from search.sqlite import SqliteSearch
from workers import packing, pipeline, planner
from workers.intake import Intake
from workers.notifiers import Notifiers, Outbox
from workers.services import Services
from workers.watchlist import Watchlist

SENTENCES = (
    "The ministry said on Monday that the new bridge over the river will open before the winter begins.",
    "Engineers who worked on the site for three years called the last inspection a formality.",
    "Shopkeepers on the eastern bank hope for more visitors, while fishermen fear for their landing stages.",
    "The budget was exceeded by eleven per cent, which an auditor described as unusually little.",
    "A ferry that has crossed here since 1911 will make its last journey on the same evening.",
    "Schools plan a procession with lanterns, and the brass band of the fire brigade will play.",
)
OTHERS = (
    "Harvesters in the southern valleys finished two weeks early after a dry and very hot September.",
    "Wine growers expect small berries with much sugar, and therefore strong but scarce bottles.",
    "The cooperative has bought a second press so that lorries need not queue at night any more.",
    "Seasonal workers from four countries left for the olive groves further down the coast.",
    "Insurers counted fewer claims for hail than in any year since records were first kept.",
    "An exhibition in the town hall shows photographs of the vintage from a century ago.",
)


QUIET = Quiet(start=dt.time(11), end=dt.time(14), zone="UTC")  # the clock stands at noon


def page_of(title: str, *paragraphs: str) -> bytes:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title></head>"
        f"<body><main><article><h1>{title}</h1>{body}</article></main></body></html>"
    ).encode()


@dataclass
class Newsroom:
    """The stages over one store, with a real receiver at their end."""

    services: Services
    sink: WebhookSink
    received: list[Received]
    clock: object
    hints: list[str] = field(default_factory=list)
    numbers: itertools.count = field(default_factory=itertools.count)

    @property
    def store(self) -> Store:
        return self.services.store

    def source(self, url: str = "http://herald.example/") -> SourceId:
        with self.store.write() as tx:
            source = Source(id=SourceId(url_id(normalize(url))), url=url, name="Herald", host="herald.example", added_at=tx.now)
            sources.add(tx, source, [])
        return source.id

    def watch(self, query: str, **options) -> Watch:
        with self.store.write() as tx:
            watches.ensure_owner(tx)
            channel = watches.ensure_channel(tx, options.pop("to", self.sink.url))
            watch = Watch(
                id=WatchId(options.pop("id", f"w{next(self.numbers)}")),
                owner_id=watches.LOCAL.id,
                name=query,
                query=query,
                channel_ids=(channel.id,),
                created_at=tx.now,
                **options,
            )
            return watches.save(tx, watch)

    def fetched(self, url: str, body: bytes, *, source: SourceId | None = None, final: str | None = None, **finding) -> LinkId:
        """A page as the crawler leaves it, ``final`` being where the link led."""
        source_id = source or self.source()
        normal = normalize(url)
        link = Link(id=LinkId(url_id(normal)), url=normal)
        with self.store.write() as tx:
            links.add(tx, source_id, None, [links.Finding(link=link, **finding)])
            page = Page(link_id=link.id, url=final or url, status=200, content_type="text/html", body=body, fetched_at=tx.now)
            pages.put(tx, [pages.Fetched(page=page, priority=finding.get("priority", 0))])
        return link.id

    def run(self) -> None:
        """All stages until nothing is due."""
        while any([pipeline.ingest(self.services), pipeline.deliver(self.services), pipeline.index(self.services)]):
            pass

    def items(self) -> list[dict]:
        return [item for message in self.received for item in json.loads(message.body)["items"]]

    def urls(self) -> list[str]:
        return [item["article"]["url"] for item in self.items()]


@pytest.fixture
def newsroom(store, fake_clock, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "RUN_SECONDS", 60.0)  # a busy machine may use up a second with one message
    received: list[Received] = []
    hints: list[str] = []
    engine = SqliteSearch(tmp_path / "index.db")
    engine.prepare()
    outbox = Outbox(guard=Guard(["127.0.0.1"]), secret="s3cret")
    notifiers = Notifiers(outbox)
    services = Services(
        config=Config(data_dir=tmp_path),
        store=store,
        watchlist=Watchlist(),
        engine=engine,
        notifiers=notifiers,
        hint=hints.append,
        progress=Progress(store, "worker"),
        token="test",
        secret="s3cret",
        intake=Intake(clock=lambda: fake_clock().timestamp()),
    )
    with WebhookSink(received.append) as sink:
        yield Newsroom(services, sink, received, fake_clock, hints)
    notifiers.close()
    engine.close()


def test_a_page_becomes_an_article_an_alert_and_a_search_result(newsroom):
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/2026/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    (item,) = newsroom.items()
    passage = item["passage"]
    assert [passage["text"][start:end] for start, end in passage["marks"]] == ["lanterns"]
    assert item["article"]["title"] == "A bridge opens"
    newsroom.services.engine.refresh()
    (result,) = newsroom.services.engine.search(parse("lanterns")).hits
    assert result.url == "http://herald.example/2026/bridge"
    assert list(result.watches) == [item["watch"]["id"]]
    assert "deliver" in newsroom.hints


def test_a_copy_of_a_story_alerts_nobody_again(newsroom):
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/2026/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    newsroom.fetched(
        "http://other.example/copy", page_of("Bridge opens", *SENTENCES), source=newsroom.source("http://other.example/")
    )
    newsroom.run()
    assert newsroom.urls() == ["http://herald.example/2026/bridge"]
    with newsroom.store.read() as tx:
        first, second = articles.newest(tx, limit=5)
        assert first.story_id == second.story_id


def test_a_copy_that_matches_alerts_though_earlier_copies_did_not(newsroom):
    newsroom.watch("Fatemiyoun")
    newsroom.fetched("http://herald.example/2026/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    assert not newsroom.items()
    more = (*SENTENCES, "Members of the Fatemiyoun were seen there.")
    newsroom.fetched("http://other.example/copy", page_of("Bridge opens", *more), source=newsroom.source("http://other.example/"))
    newsroom.run()
    (item,) = newsroom.items()
    assert item["article"]["url"] == "http://other.example/copy"
    assert [copy["url"] for copy in item["copies"]] == ["http://herald.example/2026/bridge"]


@pytest.mark.parametrize(("level", "told"), [(None, True), ("strict", True), ("wide", True), ("exact", False)])
def test_a_name_in_another_spelling_alerts_at_the_level_of_its_watch_and_search_finds_it_too(newsroom, level, told):
    watch = newsroom.watch('"Kataib Hezbollah"', level=level)
    more = (*SENTENCES, "Fighters of Katiab Hezbollah were seen there on Tuesday.")
    newsroom.fetched("http://herald.example/2026/bridge", page_of("A bridge opens", *more))
    newsroom.run()
    assert [item["hits"][0]["printed"] for item in newsroom.items()] == ["Katiab Hezbollah"] * told
    assert all("is a form of “Kataib Hezbollah”" in item["why"] for item in newsroom.items())
    found = newsroom.services.engine.search(parse(watch.query), level=level or DEFAULT_LEVEL).hits
    assert [hit.printed for result in found for hit in result.hits] == ["Katiab Hezbollah"] * told


def test_another_story_alerts_again(newsroom):
    newsroom.watch("lanterns OR press")
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.fetched("http://herald.example/wine", page_of("Early harvest", *OTHERS))
    newsroom.run()
    assert sorted(newsroom.urls()) == ["http://herald.example/bridge", "http://herald.example/wine"]


def test_an_edit_alerts_only_where_no_revision_matched_before(newsroom):
    newsroom.watch("lanterns", id="before")
    newsroom.watch("Fatemiyoun", id="after")
    url = "http://herald.example/bridge"
    newsroom.fetched(url, page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    newsroom.fetched(url, page_of("A bridge opens", *SENTENCES, "Members of the Fatemiyoun were seen there on Tuesday."))
    newsroom.run()
    assert [item["watch"]["id"] for item in newsroom.items()] == ["before", "after"]
    assert [item["edited"] for item in newsroom.items()] == [False, True]
    with newsroom.store.read() as tx:
        (article,) = articles.newest(tx, limit=5)
        assert article.revision == 2
        assert article.document_version == 2


def test_a_re_read_without_change_makes_no_revision(newsroom):
    newsroom.watch("lanterns")
    for _ in range(3):
        newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
        newsroom.run()
    assert len(newsroom.items()) == 1
    with newsroom.store.read() as tx:
        assert [article.revision for article in articles.newest(tx, limit=5)] == [1]


@pytest.mark.slow
@pytest.mark.parametrize("held", [{"baseline": True}, {"priority": links.BACKFILL}])
def test_baseline_and_backfill_are_matched_and_told_to_nobody(newsroom, held):
    watch = newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES), **held)
    newsroom.run()
    assert not newsroom.items()
    with newsroom.store.read() as tx:
        (article,) = articles.newest(tx, limit=5)
        assert deliveries.watches_of(tx, [article.id]) == {article.id: {watch.id: watch.name}}


def test_a_late_item_waits_for_the_late_digest(newsroom):
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES), late=True)
    newsroom.run()
    assert not newsroom.items()
    newsroom.clock.advance(86_400)
    newsroom.run()
    assert [item["late"] for item in newsroom.items()] == [True]


def test_quiet_hours_hold_the_delivery_and_never_the_match(newsroom):
    newsroom.watch("lanterns", quiet=QUIET)
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    assert not newsroom.items()
    newsroom.clock.advance(2 * 3600)
    newsroom.run()
    assert len(newsroom.items()) == 1


def test_a_watch_saved_before_the_page_is_read_sees_it(newsroom):
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.watch("lanterns")
    newsroom.run()
    assert len(newsroom.items()) == 1


def test_changing_a_watch_or_adding_a_channel_sends_nothing_again(newsroom):
    watch = newsroom.watch("lanterns", id="same")
    url = "http://herald.example/bridge"
    newsroom.fetched(url, page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    newsroom.watch("lanterns OR ferry", id=watch.id, to="mailto:new@example.org")
    newsroom.fetched(url, page_of("A bridge opens", *SENTENCES, "One more sentence that makes this a revision."))
    newsroom.run()
    assert len(newsroom.items()) == 1
    with newsroom.store.read() as tx:
        assert len(deliveries.every(tx)) == 1


def test_a_removed_watch_is_not_told_what_was_waiting(newsroom):
    watch = newsroom.watch("lanterns", quiet=QUIET)
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    with newsroom.store.write() as tx:
        watches.remove(tx, watch.id)
    newsroom.clock.advance(3 * 3600)
    newsroom.run()
    assert not newsroom.items()
    with newsroom.store.read() as tx:
        assert deliveries.counts(tx) == {"cancelled": 1}


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
