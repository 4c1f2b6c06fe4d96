"""The heartbeat through the stages: each page an alert of its own, seen by nobody, gone after an hour; and its guard."""

import datetime as dt
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from copytaster import heartbeat
from copytaster.config import Config
from copytaster.errors import Rejected, Transient
from copytaster.guard import Guard, OwnGuard
from copytaster.news import LinkId, Page
from copytaster.store import (
    articles,
    audits,
    channels,
    deliveries,
    facts,
    health,
    inventory,
    links,
    pages,
    refusals,
    schema,
    sources,
    takedown,
    troubles,
    watches,
)
from copytaster.store import heartbeat as rows
from copytaster.store.processes import Progress
from copytaster.urls import normalize, url_id
from copytaster.watches import Channel, ChannelId, Message, MessageId, OwnerId
from search.sqlite import SqliteSearch
from workers import heart, pipeline
from workers.notifiers import Notifiers, Outbox
from workers.notifiers.webhook import Webhook
from workers.reconciler import due_rows
from workers.services import Services
from workers.watchlist import Watchlist

EVERY = 300
LEFT = (
    "links", "pages", "articles", "revisions", "texts", "stories", "matches", "deliveries", "messages", "attempts", "refusals",
)  # fmt: skip


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append((self.path, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.received, server.status = [], 204
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        server.url = f"http://127.0.0.1:{server.server_port}"
        yield server
        server.shutdown()
        thread.join()


def configured(url, every=EVERY, **more):
    return Config(heartbeat={"every_seconds": every, "url": url}, **more)


@pytest.fixture
def body(store, fake_clock, receiver, tmp_path, monkeypatch):
    """All stages over the store, with the guard shut, and a page of the heartbeat fetched by hand."""
    monkeypatch.setattr(pipeline, "RUN_SECONDS", 60.0)
    config = configured(receiver.url, data_dir=tmp_path)
    engine = SqliteSearch(tmp_path / "index.db")
    engine.prepare()
    notifiers = Notifiers(Outbox(guard=Guard(), secret="s", heartbeat_url=config.heartbeat_url))
    services = Services(
        config=config,
        store=store,
        watchlist=Watchlist(),
        engine=engine,
        notifiers=notifiers,
        hint=lambda _: None,
        progress=Progress(store, "worker"),
        token="test",
        secret="s",
    )
    heart.keep(store, config)
    yield services
    notifiers.close()
    engine.close()


def beat(services):
    """One page, found and fetched, through all stages; its instant."""
    base = services.config.heartbeat_url
    with services.store.write() as tx:
        instant = heartbeat.instant_of(tx.now, EVERY)
        url = normalize(base + heartbeat.path_of(instant))
        link = links.Link(id=LinkId(url_id(url)), url=url)
        links.add(tx, heartbeat.SOURCE, heartbeat.ENDPOINT, [links.Finding(link=link)])
        page = Page(
            link_id=link.id,
            url=url,
            status=200,
            content_type="text/html",
            body=heartbeat.page(instant).encode(),
            fetched_at=tx.now,
        )
        pages.put(tx, [pages.Fetched(page=page, priority=0, source_id=heartbeat.SOURCE)])
    while any([pipeline.ingest(services), pipeline.deliver(services), pipeline.index(services)]):
        pass
    return instant


def counted(store):
    with store.read() as tx:
        return {
            name: tx.conn.execute(select(func.count()).select_from(schema.metadata.tables[name])).scalar_one() for name in LEFT
        }


def test_each_page_is_a_story_of_its_own_and_arrives(body, receiver, fake_clock):
    told = []
    for _ in range(4):
        told.append(beat(body))
        fake_clock.advance(EVERY)
    assert [path for path, _ in receiver.received] == [heartbeat.HOOK] * 4
    assert [str(instant).encode() in sent for instant, (_, sent) in zip(told, receiver.received, strict=True)] == [True] * 4


def test_nothing_of_it_is_listed_counted_indexed_or_read_again(body, fake_clock):
    beat(body)
    heart.keep(body.store, body.config)
    fake_clock.advance(60)
    epoch = dt.datetime.fromtimestamp(0, dt.UTC)
    with body.store.write() as tx:
        assert deliveries.claim_due(tx, limit=9) == []
        assert sources.every(tx) == health.of_sources(tx) == health.worst_sources(tx, limit=9) == sources.freshness(tx) == []
        assert sources.counts(tx) == health.counts(tx) == channels.counts(tx) == deliveries.counts(tx) == {}
        assert sources.find(tx, "heartbeat") is takedown.find_source(tx, "heartbeat") is watches.find(tx, "heartbeat") is None
        assert watches.every(tx) == watches.page(tx) == watches.first_channels(tx) == channels.listed(tx, limit=9) == []
        assert articles.newest(tx, limit=9) == deliveries.every(tx) == inventory.page(tx, "", limit=9) == []
        assert (
            articles.total(tx) == watches.total(tx) == articles.unindexed(tx) == audits.total(tx, since=epoch, until=tx.now) == 0
        )
        assert audits.landed(tx, since=epoch, after=None, until=tx.now, limit=9) == []
        assert deliveries.message_ids(tx, deliveries.Told(state="sent")) == []
        assert facts.alerts(tx, (epoch, 0), limit=9) == facts.sources_after(tx, "", limit=9) == troubles.to_judge(tx) == []
        health.index_all(tx, after="", limit=9)
        assert due_rows(tx) == {"ingest": 0, "deliver": 0, "index": 0}
        assert tx.conn.execute(select(schema.links.c.due_at)).scalar_one() is None
    assert counted(body.store)["articles"] == 1


def test_it_is_made_once_and_no_reader_learns_anew(body):
    with body.store.read() as tx:
        epoch, secret = watches.epoch(tx), rows.secret(tx)
    heart.keep(body.store, body.config)
    with body.store.read() as tx:
        assert (watches.epoch(tx), rows.secret(tx)) == (epoch, secret)


@pytest.mark.slow
def test_what_is_older_than_an_hour_goes(body, fake_clock):
    for _ in range(40):
        beat(body)
        fake_clock.advance(EVERY)
        heart.keep(body.store, body.config)
    kept = 3600 // EVERY + heartbeat.MISSED
    assert set(counted(body.store).values()) == {kept, 0}


def test_switched_off_it_leaves_nothing(body, fake_clock):
    beat(body)
    heart.keep(body.store, configured("", every=0))
    assert set(counted(body.store).values()) == {0}
    with body.store.read() as tx:
        assert (rows.age_seconds(tx), rows.is_kept(tx), rows.secret(tx), watches.get(tx, heartbeat.WATCH)) == (
            None,
            False,
            None,
            None,
        )
    heart.keep(body.store, body.config)
    fake_clock.advance(EVERY)
    with body.store.read() as tx:
        assert watches.get(tx, heartbeat.WATCH).channel_ids == (heartbeat.CHANNEL,)


def test_a_receiver_that_fails_is_asked_again_within_a_minute_and_nobody_is_told_of_it(body, receiver, fake_clock):
    receiver.status = 410
    beat(body)
    with body.store.read() as tx:
        assert refusals.every(tx) == []
    receiver.status = 204
    fake_clock.advance(60)
    heart.keep(body.store, body.config)
    fake_clock.advance(EVERY)
    beat(body)
    assert len(receiver.received) == 2


def test_a_feed_that_failed_is_read_again_when_the_next_page_is_there(body, fake_clock):
    with body.store.write() as tx:
        sources.note_reading(tx, heartbeat.ENDPOINT, {"due_at": tx.now + dt.timedelta(hours=5), "failures": 6})
    heart.keep(body.store, body.config)
    with body.store.read() as tx:
        (endpoint,) = sources.endpoints_of(tx, heartbeat.SOURCE)
        assert (endpoint.due_at - tx.now).total_seconds() == EVERY
        assert endpoint.failures == 0


def test_another_address_moves_feed_and_receiver(body):
    heart.keep(body.store, configured("http://web:8750/"))
    with body.store.read() as tx:
        assert [each.url for each in sources.endpoints_of(tx, heartbeat.SOURCE)] == ["http://web:8750/heartbeat/feed.xml"]
        assert watches.by_ids(tx, [heartbeat.CHANNEL])[heartbeat.CHANNEL].url == "http://web:8750/heartbeat/hook"


def test_its_age_grows_from_its_beginning_and_only_what_is_newer_counts(store, fake_clock):
    heart.keep(store, configured("http://web:8750"))
    fake_clock.advance(1000)
    with store.write() as tx:
        assert rows.age_seconds(tx) == 1000
        rows.arrived(tx, int(tx.now.timestamp()) - 100)
        rows.arrived(tx, int(tx.now.timestamp()) - 400)
        rows.arrived(tx, int(tx.now.timestamp()) + 400)
        assert rows.age_seconds(tx) == 100
    assert [heartbeat.is_late(age, EVERY) for age in (1020, 1021)] == [False, True]


# -- the guard ---------------------------------------------------------------------------------------------------------


def sent_to(url, channel_id, owner_id):
    channel = Channel(id=ChannelId(channel_id), owner_id=OwnerId(owner_id), url=url, secret="whsec_AAAA")
    return Message(id=MessageId("m"), channel=channel, payload={"items": []}, created_at=dt.datetime.now(dt.UTC))


def test_only_the_heartbeat_s_own_channel_reaches_our_page(receiver):
    hook = Webhook(Outbox(guard=Guard(), secret="s", heartbeat_url=receiver.url))
    url = receiver.url + heartbeat.HOOK
    hook.send(sent_to(url, heartbeat.CHANNEL, heartbeat.OWNER.id))
    for channel_id in ("0123456789abcdef0123", heartbeat.OWNER.id.upper()):
        with pytest.raises(Transient, match="not a public address"):
            hook.send(sent_to(url, channel_id, "local"))
    assert len(receiver.received) == 1
    hook.close()


@pytest.mark.parametrize(
    "other", ["http://127.0.0.1:1/", "http://localhost:{port}/", "http://127.0.0.2:{port}/", "http://10.0.0.1/"]
)
def test_the_heartbeat_reaches_no_other_place(receiver, other):
    hook = Webhook(Outbox(guard=Guard(), secret="s", heartbeat_url=receiver.url))
    with pytest.raises(Transient, match="not the page of our own"):
        hook.send(sent_to(other.format(port=receiver.server_port), heartbeat.CHANNEL, heartbeat.OWNER.id))
    hook.close()
    assert receiver.received == []


def test_without_a_heartbeat_its_guard_lets_nothing_pass():
    for host, port in (("127.0.0.1", 80), ("example.org", 80), ("", 80)):
        if host:
            with pytest.raises(Rejected):
                OwnGuard("").addresses(host, port)


def test_a_name_is_let_through_whatever_it_resolves_to():
    guard = OwnGuard("http://web:8750", resolve=lambda *_: ["10.1.2.3"])
    assert guard.addresses("web", 8750) == ["10.1.2.3"]
    with pytest.raises(Rejected):
        guard.addresses("web", 80)


@pytest.mark.parametrize("url", ["web:8750", "http://web:99999", "http://web/page", "http://a@web", "ftp://web", "http://[web"])
def test_what_is_no_place_is_refused_with_the_configuration(url):
    with pytest.raises(ValidationError):
        configured(url)


@pytest.mark.parametrize(
    ("web", "own", "found"),
    [
        ({"host": "127.0.0.1", "port": 8750}, "", "http://127.0.0.1:8750"),
        ({"host": "0.0.0.0", "port": 80}, "", "http://127.0.0.1:80"),
        ({"host": "::1", "port": 80}, "", "http://[::1]:80"),
        ({"host": "0.0.0.0", "port": 80}, "http://web:8750/", "http://web:8750"),
        ({"host": "127.0.0.1", "port": 0}, "", ""),
    ],
)
def test_where_our_page_is(web, own, found):
    assert configured(own, web=web).heartbeat_url == found
