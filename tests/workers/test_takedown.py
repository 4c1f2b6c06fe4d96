"""What is taken down is gone from index, rows and outbox, and no way leads back."""

import datetime as dt
import json
import zlib

import pytest
from sqlalchemy import func, select

from copytaster.errors import Transient
from copytaster.news import Link, LinkId, Page, SourceId
from copytaster.store import deliveries, links, messages, pages, redaction, refusals, schema, sources, takedown, tombstones
from copytaster.urls import normalize, url_id
from desk import backfill
from search.query import parse
from tests.workers.newsroom import Newsroom, page_of
from workers.takedown import Takedown, bury_remembered, remembered

URL = "http://herald.example/2026/bridge"
SECRET_WORDS = "the mayor's sealed testimony"


@pytest.fixture
def room(newsroom):
    newsroom.watch("lanterns")
    return newsroom


def article(room: Newsroom, url: str = URL, title: str = "Lanterns out", canonical: str = "", words: str = SECRET_WORDS) -> str:
    said = [f"{words} {url} word{place} lanterns on the quay" for place in range(30)]
    head = f'<link rel="canonical" href="{canonical}"></head>'.encode() if canonical else b"</head>"
    room.fetched(url, page_of(title, *said).replace(b"</head>", head, 1))
    room.run()
    return url_id(normalize(url))


def run_of(room: Newsroom, shown=None) -> Takedown:
    return Takedown(room.store, room.services.engine, room.services.config.data_dir, shown)


def forget(room: Newsroom, url: str = URL) -> Takedown:
    run = run_of(room)
    for _ in run.address(url_id(normalize(url))):
        pass
    return run


def everything(room: Newsroom) -> str:
    """All rows of all tables as text, compressed texts unpacked."""
    said = []
    with room.store.read() as tx:
        for table in schema.metadata.sorted_tables:
            for row in tx.conn.execute(select(table)):
                said += [json.dumps(_readable(value), default=str, ensure_ascii=False) for value in row]
    return "\n".join(said)


def _readable(value):
    if not isinstance(value, bytes):
        return value
    try:
        return zlib.decompress(value, 47).decode("utf-8", "replace")
    except zlib.error:
        return repr(value)


def count(room: Newsroom, table) -> int:
    with room.store.read() as tx:
        return tx.conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_nothing_of_an_article_is_left_but_its_tombstone(room):
    gone = article(room)
    assert SECRET_WORDS in everything(room)
    done = forget(room).done
    assert (done.articles, done.links, done.messages) == (1, 1, 1)
    left = everything(room)
    assert [words for words in (SECRET_WORDS, "Lanterns out", "2026/bridge") if words in left] == []
    assert room.services.engine.search(parse("lanterns")).hits == []
    with room.store.read() as tx:
        assert tombstones.buried(tx, [gone]) == {gone}
    assert remembered(room.services.config.data_dir) == {gone: gone}


def test_it_does_not_come_back_by_its_own_link_nor_by_another_or_a_canonical_name(room):
    article(room)
    forget(room)
    room.received.clear()
    for url in (URL, f"{URL}?page=1"):
        article(room, url, canonical=URL)
    fetched_by_redirect(room)
    room.run()
    assert count(room, schema.articles) == count(room, schema.pages) == count(room, schema.links) == 0
    assert room.received == []
    assert SECRET_WORDS not in everything(room)


def fetched_by_redirect(room):
    """Another address that leads to the one that was taken down."""
    source_id = SourceId(room.source())
    link = Link(id=LinkId(url_id("http://herald.example/short")), url="http://herald.example/short")
    body = page_of("Lanterns out", *[f"{SECRET_WORDS} word{n} lanterns" for n in range(30)])
    with room.store.write() as tx:
        links.add(tx, source_id, None, [links.Finding(link=link)])
        page = Page(link_id=link.id, url=URL, status=200, content_type="text/html", body=body, fetched_at=tx.now)
        pages.put(tx, [pages.Fetched(page=page)])


def test_a_feed_a_backfill_and_a_retry_bring_nothing_back(room):
    gone = article(room)
    link = Link(id=LinkId(gone), url=URL)
    with room.store.write() as tx:
        refusals.put(tx, refusals.Refusal(stage="fetch", key=gone, url=URL, reason="gone", detail=URL))
    forget(room)
    with room.store.write() as tx:
        assert links.known(tx, [gone])[LinkId(gone)].state == "buried"
        assert refusals.every(tx) == []
        assert not links.bring_back(tx, LinkId(gone))
        source = sources.every(tx)[0]
    assert backfill.put(room.store, source, [link]) == 0


def test_a_page_that_is_fetched_or_waits_while_it_is_taken_down_is_dropped(room):
    room.fetched(URL, page_of("Lanterns out", *[f"{SECRET_WORDS} word{n} lanterns" for n in range(30)]))
    forget(room)
    assert count(room, schema.pages) == 0
    page = Page(
        link_id=LinkId(url_id(URL)), url=URL, status=200, content_type="text/html", body=b"x", fetched_at=dt.datetime.now(dt.UTC)
    )
    with room.store.write() as tx:
        pages.put(tx, [pages.Fetched(page=page)])  # the crawler's last batch still has it
    assert count(room, schema.pages) == 0


def test_what_is_owed_goes_to_another_copy_of_the_story_or_is_cancelled(room):
    first = article(room, words="one and the same report of the harbour fire")
    with room.store.write() as tx:
        tx.conn.execute(schema.deliveries.update().values(state="pending", message_id=None))
        row = tx.conn.execute(select(schema.matches)).first()._mapping
        tx.conn.execute(schema.matches.insert().values({**row, "article_id": "f" * 32}))
    forget(room)
    with room.store.read() as tx:
        (owed,) = tx.conn.execute(select(schema.deliveries))
    assert owed.state == "pending"
    assert owed.article_id == "f" * 32 != first


def test_a_delivery_that_waits_for_it_alone_is_cancelled(room):
    article(room)
    with room.store.write() as tx:
        tx.conn.execute(schema.deliveries.update().values(state="pending", message_id=None))
    assert forget(room).done.deliveries == 1
    with room.store.read() as tx:
        assert deliveries.counts(tx) == {"cancelled": 1}


PAYLOAD = {
    "type": "copytaster.alert",
    "id": "m",
    "items": [
        {"article": {"id": "a"}, "copies": []},
        {"article": {"id": "b"}, "copies": [{"url": "http://x/a"}, {"url": "http://x/c"}]},
    ],
}


def test_a_payload_loses_the_item_and_the_copies_and_keeps_the_rest():
    left = redaction.without(PAYLOAD, {"a"}, {"http://x/a"})
    assert left["items"] == [{"article": {"id": "b"}, "copies": [{"url": "http://x/c"}]}]


def two_in_one(room: Newsroom, kept: str, **held) -> str:
    """Both articles in one message, in such a state; its id."""
    with room.store.write() as tx:
        rows = list(tx.conn.execute(select(schema.messages).order_by(schema.messages.c.created_at)))
        both = {**json.loads(rows[0].payload)}
        both["items"] += json.loads(rows[1].payload)["items"]
        assert both["items"][1]["article"]["id"] == kept
        tx.conn.execute(schema.attempts.delete())
        tx.conn.execute(schema.messages.delete().where(schema.messages.c.id == rows[1].id))
        tx.conn.execute(schema.messages.update().values(payload=json.dumps(both), due_at=tx.now, **held))
        tx.conn.execute(schema.deliveries.update().values(message_id=rows[0].id, state="sending"))
        if held["state"] != "pending":
            messages.note_attempt(tx, rows[0].id, "sent", "taken")
    return rows[0].id


DIED = {"state": "pending", "attempts": 1, "lease_token": "a sender that died"}


@pytest.mark.parametrize(
    ("held", "same"),
    [
        ({"state": "pending", "attempts": 0}, True),
        ({"state": "pending", "attempts": 2}, False),
        (DIED, False),
        ({"state": "sent", "attempts": 1}, False),
    ],
)
def test_a_message_with_more_in_it_goes_on_without_it_and_under_another_id_where_it_was_tried(room, held, same):
    gone, kept = article(room), article(room, "http://herald.example/other", "Another", words="quite another tale of ships")
    before = two_in_one(room, kept, **held)
    forget(room)
    with room.store.write() as tx:
        if held["state"] == "sent":
            messages.retry(tx, before)
        lease = messages.claim(tx, "next", seconds=30)
        states = dict(tx.conn.execute(select(schema.deliveries.c.article_id, schema.deliveries.c.state)).all())
        named = select(schema.deliveries.c.message_id).where(schema.deliveries.c.article_id == kept)
        assert tx.conn.execute(named).scalars().all() == [lease.message.id]
        assert {row.message_id for row in tx.conn.execute(select(schema.attempts))} <= {lease.message.id}
    assert [item["article"]["id"] for item in lease.message.payload["items"]] == [kept]
    assert (lease.message.id == before) is same
    assert lease.message.payload["id"] == lease.message.id
    assert states == {gone: "cancelled", kept: "sending"}


def test_who_sends_a_message_while_it_is_redacted_settles_it_and_a_replay_has_another_id(room):
    article(room)
    kept = article(room, "http://herald.example/other", "Another", words="quite another tale of ships")
    before = two_in_one(room, kept, state="pending", attempts=0)
    with room.store.write() as tx:
        lease = messages.claim(tx, "sender", seconds=30)
    forget(room)
    with room.store.write() as tx:
        assert messages.sent(tx, lease, "taken")
        messages.retry(tx, before)
        again = messages.claim(tx, "next", seconds=30)
    assert again.message.id == again.message.payload["id"] != before


def test_an_index_that_is_away_leaves_everything_where_it_was(room, monkeypatch):
    article(room)

    def away(*_):
        raise Transient("The search index is away.")

    with monkeypatch.context() as patched:
        patched.setattr(type(room.services.engine), "delete", away)
        with pytest.raises(Transient):
            forget(room)
    assert count(room, schema.articles) == 1
    forget(room)
    assert count(room, schema.articles) == 0


def host_row(room: Newsroom) -> str:
    """How a host is to be asked stays: it may serve other sources."""
    with room.store.read() as tx:
        return "\n".join(json.dumps(host) for host in tx.conn.execute(select(schema.hosts.c.host)).scalars())


def whole_source(room: Newsroom, *, stop_after: int | None = None) -> Takedown:
    run = run_of(room)
    for number, _ in enumerate(run.source(SourceId(room.source()))):
        if number == stop_after:
            break
    return run


def test_a_source_goes_with_all_that_was_read_of_it_even_when_broken_off_in_the_middle(room, monkeypatch):
    monkeypatch.setattr(takedown, "BATCH", 2)
    monkeypatch.setattr(takedown.articles_of, "__kwdefaults__", {"limit": 2})
    source_id = room.source()
    ids = [article(room, f"http://herald.example/{number}", f"Lanterns {number}") for number in range(5)]
    whole_source(room, stop_after=0)
    assert count(room, schema.articles) == 3
    whole_source(room)
    left = everything(room)
    assert [words for words in (SECRET_WORDS, "herald.example") if words in left.replace(host_row(room), "")] == []
    for table in (schema.articles, schema.links, schema.sources, schema.endpoints, schema.messages, schema.matches):
        assert count(room, table) == 0
    with room.store.read() as tx:
        assert tombstones.buried(tx, [*ids, source_id]) == {*ids, source_id}
    assert room.services.engine.search(parse("lanterns")).hits == []


def test_what_is_remembered_beside_the_store_takes_it_down_again_after_a_restore(room):
    gone = article(room)
    forget(room)
    with room.store.write() as tx:
        tx.conn.execute(schema.tombstones.delete())  # the backup is older
    article(room)
    assert count(room, schema.articles) == 1
    with room.store.write() as tx:
        bury_remembered(tx, remembered(room.services.config.data_dir))
    assert sum(run_of(room).again()) == 2
    assert count(room, schema.articles) == count(room, schema.links) == 0
    with room.store.read() as tx:
        assert tombstones.buried(tx, [gone])


def test_a_lifted_tombstone_lets_it_in_again(room):
    gone = article(room)
    forget(room)
    with room.store.write() as tx:
        assert tombstones.lift(tx, gone) == {gone}
    article(room)
    assert count(room, schema.articles) == 1


# -- what broke off ---------------------------------------------------------------------------------------------------


class Shown:
    """Facts as Kibana would hold them; away when it is told to be."""

    def __init__(self, away_at: int = -1) -> None:
        self.calls, self.away_at = [], away_at

    def drop(self, *, articles=(), urls=(), source_id=None):
        self.calls.append((set(articles), set(urls), source_id))
        if len(self.calls) - 1 == self.away_at:
            raise Transient("Kibana is away.")
        return 0


@pytest.mark.slow
def test_facts_go_before_the_rows_that_say_which_they_are(room):
    gone = article(room)
    shown = Shown(away_at=0)
    with pytest.raises(Transient):
        sum(run_of(room, shown).address(gone))
    assert shown.calls[0] == ({gone}, {URL}, None)
    assert count(room, schema.articles) == count(room, schema.links) == 1
    sum(run_of(room, shown).address(gone))
    assert count(room, schema.articles) == count(room, schema.links) == 0


def test_a_source_is_found_again_until_all_its_facts_are_gone(room):
    source_id = SourceId(room.source())
    article(room)
    shown = Shown()
    sum(run_of(room, shown).source(source_id))
    last = shown.calls[-1]
    assert last == (set(), set(), source_id)
    source_id = SourceId(room.source())
    with pytest.raises(Transient):
        sum(run_of(room, Shown(away_at=0)).source(source_id))
    with room.store.read() as tx:
        assert takedown.find_source(tx, "Herald") is not None
    sum(run_of(room, shown).source(source_id))
    with room.store.read() as tx:
        assert takedown.find_source(tx, "Herald") is None


def test_a_run_that_broke_off_anywhere_is_finished_by_again(room, monkeypatch):
    """Every step dies once, the first one included; what began with the tombstones ends with nothing left."""
    steps = ["drop_matches", "end_articles", "drop_links", "end_source"]
    for step in steps:
        article(room)
        with monkeypatch.context() as patched:
            patched.setattr(takedown, step, broken)
            with pytest.raises(RuntimeError):
                sum(run_of(room).source(SourceId(room.source())))
        sum(run_of(room).again())
        left = everything(room).replace(host_row(room), "")
        assert [words for words in (SECRET_WORDS, "Lanterns out", "herald.example") if words in left] == []
        with room.store.write() as tx:
            tx.conn.execute(schema.tombstones.delete())
            tx.conn.execute(schema.deliveries.delete())


def broken(*_args):
    raise RuntimeError


def test_a_big_story_is_taken_out_of_the_outbox_in_short_transactions(room, monkeypatch):
    monkeypatch.setattr(redaction.pairs, "__kwdefaults__", {"limit": 2})
    monkeypatch.setattr(takedown, "MOST_MATCHES", 2)
    for number in range(5):
        room.watch("lanterns", id=f"more{number}", digest="hourly")
    sizes, real = [], redaction.redact
    monkeypatch.setattr(redaction, "redact", lambda tx, of, *args: sizes.append(len(of)) or real(tx, of, *args))
    article(room)
    assert forget(room).done.deliveries == 5
    assert sizes == [2, 2, 2]
    assert count(room, schema.matches) == 0
    with room.store.read() as tx:
        assert deliveries.counts(tx) == {"cancelled": 5, "sent": 1}


# -- a source that goes on while it is taken down ----------------------------------------------------------------------


def test_nothing_of_a_closed_source_lands_is_found_or_alerts(room):
    room.fetched(URL, page_of("Lanterns out", *[f"{SECRET_WORDS} word{n} lanterns" for n in range(30)]))
    source_id = SourceId(room.source())
    with room.store.write() as tx:
        takedown.close_source(tx, source_id)
        link = Link(id=LinkId(url_id("http://herald.example/new")), url="http://herald.example/new")
        assert links.add(tx, source_id, None, [links.Finding(link=link)]) == 0
    room.run()
    assert room.received == []
    assert count(room, schema.articles) == count(room, schema.links) == count(room, schema.pages) == 0


def test_what_lands_between_the_last_batch_and_the_end_is_taken_down_too(room, monkeypatch):
    """As a landing that had looked before the source was closed, and commits now."""
    source_id, real = SourceId(room.source()), takedown.end_source
    late = iter([f"{URL}/late", None])

    def end(tx, wanted):
        if url := next(late, None):
            row = {"id": url_id(url), "url": url, "host": "herald.example", "source_id": wanted, "found_at": tx.now}
            tx.conn.execute(schema.links.insert().values(**row, state="found"))
        return real(tx, wanted)

    monkeypatch.setattr(takedown, "end_source", end)
    sum(run_of(room).source(source_id))
    assert count(room, schema.links) == count(room, schema.sources) == 0


# -- letting in again -------------------------------------------------------------------------------------------------


def test_lifting_an_address_lifts_what_led_to_it(room):
    fetched_by_redirect(room)
    room.run()
    asked, other = url_id("http://herald.example/short"), f"{URL}?page=1"
    sum(run_of(room).address(asked))
    article(room, other, canonical=URL)  # found meanwhile, and buried for what it leads to
    with room.store.write() as tx:
        assert tombstones.takedowns_of(tx, [url_id(URL)]) == {url_id(URL): asked}
        assert tombstones.lift(tx, asked) == {asked, url_id(URL), url_id(other)}
    fetched_by_redirect(room)
    room.run()
    assert count(room, schema.articles) == 1
    assert count(room, schema.tombstones) == 0


def test_what_was_taken_down_by_itself_stays_down_when_its_source_is_let_in(room):
    source_id, one = SourceId(room.source()), article(room)
    with room.store.write() as tx:
        takedown.close_source(tx, source_id)
        tombstones.bury(tx, [one], tombstones.of_source(source_id))
        tombstones.bury(tx, [one], one)
        tombstones.bury(tx, [one], tombstones.of_source(source_id))
        tombstones.lift(tx, tombstones.of_source(source_id))
        assert tombstones.buried(tx, [one, source_id]) == {one}
