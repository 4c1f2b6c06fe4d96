"""Years pass: what is kept stays bounded, what is forgotten alerts nobody again, and what is owed is still sent."""

import datetime as dt
import random
from dataclasses import replace

import pytest
from sqlalchemy import func, select, text

from copytaster.config import Config, RetentionConfig
from copytaster.errors import Transient
from copytaster.news import EndpointId, Link, LinkId, SourceId
from copytaster.store import articles, deliveries, hosts, months, refusals, retention, schema, sources, watches
from copytaster.urls import normalize, url_id
from desk import backfill
from scrapers.harvest import keep_reading
from scrapers.jobs import Job, Reading
from search.query import parse
from tests.workers.newsroom import OTHERS, SENTENCES, Newsroom, page_of
from workers.forgetting import Forgetting

DAY = 86_400
URL = "http://herald.example/2026/bridge"


@pytest.fixture
def room(newsroom, tmp_path):
    """Texts for a month, matches for two, refusals for ninety days."""
    config = Config(data_dir=tmp_path, retention=RetentionConfig(text_days=30, match_days=60, refused_days=90))
    newsroom.services = replace(newsroom.services, config=config)
    return newsroom


def forget(room: Newsroom) -> bool:
    return Forgetting(room.store, room.services.engine, room.services.config.retention).run()


def rows(room, table) -> int:
    with room.store.read() as tx:
        return tx.conn.execute(select(func.count()).select_from(table)).scalar_one()


def article(room, number: int, days_old: float = 0.0) -> str:
    """One of a kind each, so that each begins a story; the clock stands where it stood after it."""
    room.clock.advance(-days_old * DAY)
    words = [f"word{number}x{place} lanterns and other things of day {number}" for place in range(30)]
    room.fetched(f"http://herald.example/{number}", page_of(f"Title {number}", *words))
    room.run()
    room.clock.advance(days_old * DAY)
    return url_id(normalize(f"http://herald.example/{number}"))


@pytest.mark.slow
def test_what_is_old_is_gone_from_store_and_search_and_what_is_not_stays(room):
    room.watch("lanterns")
    old, young = article(room, 1, days_old=31), article(room, 2, days_old=29)
    assert forget(room)
    with room.store.read() as tx:
        assert articles.get(tx, old) is None
        assert articles.get(tx, young) is not None
    assert [found.id for found in room.services.engine.search(parse("lanterns")).hits] == [young]
    assert rows(room, schema.revisions) == rows(room, schema.texts) == rows(room, schema.links) == 1


def test_nothing_is_forgotten_where_nothing_is_to_be(newsroom):
    newsroom.watch("lanterns")
    article(newsroom, 1, days_old=4_000)
    assert forget(newsroom)
    assert rows(newsroom, schema.articles) == rows(newsroom, schema.links) == rows(newsroom, schema.messages) == 1


def read_feed(room, *urls) -> list[str]:
    """A reading of the source's feed that lists these; the links that came of it and are to be fetched."""
    source_id = room.source()
    with room.store.write() as tx:
        endpoint_id = EndpointId("feed")
        if sources.endpoint(tx, endpoint_id) is None:
            row = {"id": endpoint_id, "source_id": source_id, "url": "http://herald.example/feed", "kind": "feed"}
            row |= {"host": "herald.example", "interval_seconds": 600.0, "added_at": tx.now, "last_ids": [], "gaps": []}
            tx.conn.execute(schema.endpoints.insert().values(**row, read_at=tx.now))
            sources.note_found(tx, source_id, baseline_done=True, found=True)
        found = [Link(id=LinkId(url_id(normalize(url))), url=normalize(url)) for url in urls]
        job = Job(
            kind="endpoint",
            id=endpoint_id,
            url="http://herald.example/feed",
            host="herald.example",
            source=sources.get(tx, source_id),
            row=sources.endpoint(tx, endpoint_id),
            attempts=1,
        )
        keep_reading(tx, Reading(job=job, links=found), room.services.config.crawl)
    with room.store.read() as tx:
        due = select(schema.links.c.url).where(schema.links.c.due_at <= tx.now, schema.links.c.state == "found")
        return list(tx.conn.execute(due).scalars())


def test_a_feed_that_lists_a_forgotten_link_again_brings_nothing(room):
    room.watch("lanterns")
    assert read_feed(room, "http://herald.example/1") == ["http://herald.example/1"]
    article(room, 1)
    assert len(room.items()) == 1
    room.clock.advance(40 * DAY)
    forget(room)
    assert rows(room, schema.links) == 0
    assert read_feed(room, "http://herald.example/1", "http://herald.example/2") == ["http://herald.example/2"]


def test_a_forgotten_article_found_by_another_way_is_read_and_told_to_nobody(room):
    """A link of another form that leads to it: it is searched and matched, and is no news."""
    room.watch("lanterns")
    article(room, 1)
    room.clock.advance(400 * DAY)
    forget(room)
    assert rows(room, schema.articles) == 0
    words = [f"word1x{place} lanterns and other things of day 1" for place in range(30)]
    room.fetched("http://herald.example/go?to=1", page_of("Title 1", *words), final="http://herald.example/1")
    room.run()
    assert rows(room, schema.articles) == rows(room, schema.matches) == 1
    assert len(room.items()) == 1


def test_a_copy_that_was_not_the_first_of_its_story_alerts_nobody_after_it_was_forgotten(room):
    room.watch("lanterns")
    room.fetched(URL, page_of("A bridge opens", *SENTENCES))
    room.fetched("http://other.example/copy", page_of("Bridge opens", *SENTENCES), source=room.source("http://other.example/"))
    room.run()
    room.clock.advance(400 * DAY)
    forget(room)
    room.fetched(
        "http://other.example/go",
        page_of("Bridge opens", *SENTENCES),
        final="http://other.example/copy",
        source=room.source("http://other.example/"),
    )
    room.run()
    assert len(room.items()) == 1


def test_a_copy_of_a_story_whose_article_is_forgotten_already_alerts_nobody(room, tmp_path):
    """Copies are looked for within three days, and a text may be kept for one."""
    room.services = replace(room.services, config=Config(data_dir=tmp_path, retention=RetentionConfig(text_days=1)))
    room.watch("lanterns")
    room.fetched(URL, page_of("A bridge opens", *SENTENCES))
    room.run()
    room.clock.advance(2 * DAY)
    forget(room)
    assert rows(room, schema.articles) == 0
    room.fetched("http://other.example/copy", page_of("Bridge opens", *SENTENCES), source=room.source("http://other.example/"))
    room.run()
    assert rows(room, schema.articles) == 1
    assert len(room.items()) == 1


def test_an_edit_of_an_article_whose_matches_are_forgotten_alerts_nobody(newsroom, tmp_path):
    """Nobody can tell any more whether it matched before."""
    config = Config(data_dir=tmp_path, retention=RetentionConfig(match_days=60))
    newsroom.services = replace(newsroom.services, config=config)
    newsroom.watch("lanterns")
    newsroom.fetched(URL, page_of("A bridge opens", *SENTENCES), baseline=True)
    newsroom.run()
    newsroom.clock.advance(100 * DAY)
    forget(newsroom)
    assert rows(newsroom, schema.matches) == 0
    newsroom.fetched(URL, page_of("A bridge opens", *SENTENCES, "Members of the choir will sing."))
    newsroom.run()
    assert rows(newsroom, schema.matches) == 1
    assert newsroom.items() == []


def test_what_is_still_owed_is_kept_until_it_is_sent(room):
    room.watch("lanterns", digest="daily")
    kept = article(room, 1, days_old=31)
    with room.store.write() as tx:
        tx.conn.execute(schema.deliveries.update().values(state="pending", due_at=room.clock.now + dt.timedelta(days=1)))
    forget(room)
    assert rows(room, schema.articles) == 1
    room.clock.advance(1 * DAY)
    room.received.clear()
    room.run()
    assert [item["article"]["id"] for item in room.items()] == [kept]
    forget(room)
    assert rows(room, schema.articles) == 0


def test_the_matches_of_what_is_still_owed_are_kept_until_it_is_sent(room, tmp_path):
    """Or the message could not show where they are."""
    room.services = replace(room.services, config=Config(data_dir=tmp_path, retention=RetentionConfig(match_days=1)))
    room.watch("lanterns", digest="daily")
    room.clock.now = room.clock.now.replace(day=30)
    article(room, 1)
    with room.store.write() as tx:
        tx.conn.execute(schema.deliveries.update().values(due_at=room.clock.now + dt.timedelta(days=3)))
    room.clock.advance(2 * DAY)
    forget(room)
    assert rows(room, schema.matches) == 1
    room.clock.advance(1 * DAY)
    room.run()
    assert [bool(item["passage"]["marks"]) for item in room.items()] == [True]
    forget(room)
    assert rows(room, schema.matches) == 0


def test_what_is_owed_to_a_channel_that_is_off_does_not_hold_its_article_for_ever(room):
    watch = room.watch("lanterns")
    article(room, 1, days_old=31)
    with room.store.write() as tx:
        tx.conn.execute(schema.deliveries.update().values(state="pending"))
        watches.disable(tx, watch.channel_ids[0], "gone")
    forget(room)
    assert rows(room, schema.articles) == 0
    with room.store.write() as tx:
        tx.conn.execute(schema.channels.update().values(state="active"))
    room.received.clear()
    room.run()
    assert room.items() == []
    with room.store.read() as tx:
        assert deliveries.counts(tx) == {"cancelled": 1}


def test_a_backfill_asks_again_for_what_was_forgotten_and_never_for_what_was_taken_down(room):
    room.watch("lanterns")
    article(room, 1)
    article(room, 2)
    with room.store.write() as tx:
        tx.insert_new(schema.tombstones, {"id": url_id(normalize("http://herald.example/2")), "buried_at": tx.now})
    room.clock.advance(40 * DAY)
    forget(room)
    found = [Link(id=LinkId(url_id(normalize(url))), url=url) for url in ("http://herald.example/1", "http://herald.example/2")]
    with room.store.read() as tx:
        source = sources.get(tx, SourceId(room.source()))
    assert backfill.put(room.store, source, found) == 1


def test_an_index_that_is_away_leaves_everything_where_it_was(room, monkeypatch):
    article(room, 1, days_old=31)

    def away(*_):
        raise Transient("The search index is away.")

    with monkeypatch.context() as patched:
        patched.setattr(type(room.services.engine), "delete", away)
        with pytest.raises(Transient):
            forget(room)
    assert rows(room, schema.articles) == 1
    assert forget(room)
    assert room.services.engine.search(parse("lanterns")).hits == []


def test_messages_refusals_and_matches_go_by_their_own_days(room):
    room.watch("lanterns")
    article(room, 1, days_old=61)
    with room.store.write() as tx:
        for days, key in ((91, "old"), (89, "young")):
            refusal = refusals.Refusal(stage="fetch", key=key, url="http://x.example/", reason="robots", detail="No.")
            refusals.put(replace(tx, now=tx.now - dt.timedelta(days=days)), refusal)
    assert (rows(room, schema.messages), rows(room, schema.attempts)) == (1, 1)
    room.clock.advance(31 * DAY)  # matches go when their month is over, as a whole
    forget(room)
    assert {rows(room, table) for table in (schema.messages, schema.attempts, schema.matches)} == {0}
    assert rows(room, schema.deliveries) == 1  # the key by which nobody is told twice
    with room.store.read() as tx:
        assert [each.key for each in refusals.every(tx)] == []
    room.clock.advance(-31 * DAY)


@pytest.mark.slow
def test_years_pass_and_what_is_kept_stays_bounded(room, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 3)
    room.watch("lanterns")
    most = dict.fromkeys(schema.metadata.tables, 0)
    for number in range(14):
        room.clock.advance(60 * DAY)
        article(room, number)
        assert forget(room)
        most = {name: max(count, rows(room, schema.metadata.tables[name])) for name, count in most.items()}
    bounded = {"articles", "revisions", "texts", "links", "stories", "signature_buckets", "pages"}
    assert {name: most[name] for name in bounded if most[name] > 24 * 3} == {}
    assert most["matches"] <= 3
    assert most["messages"] <= 3
    assert most["seen"] >= 13
    assert len(room.items()) == 14
    if room.store.dialect == "postgresql":
        with room.store.read() as tx:
            assert len(months.held(tx, schema.texts)) <= 6


def homes(room) -> set[str]:
    """The partitions that hold rows, on PostgreSQL."""
    if room.store.dialect == "sqlite":
        return set()
    where = " UNION ".join(f"SELECT CAST(CAST(tableoid AS regclass) AS text) FROM {name}" for name in ("texts", "matches"))
    with room.store.read() as tx:
        return set(tx.conn.execute(text(where)).scalars())


def test_months_are_made_before_they_begin_and_go_when_they_are_old(room):
    room.watch("lanterns")
    for number in range(4):
        article(room, number)
        forget(room)
        room.clock.advance(31 * DAY)
    assert homes(room) & {"texts_rest", "matches_rest"} == set()
    room.clock.advance(400 * DAY)
    assert forget(room)
    with room.store.read() as tx:
        left = {month for table in months.TABLES for month in months.held(tx, table)}
    assert all(month >= retention.month_of(room.clock.now) for month in left)


def test_rows_of_an_old_store_without_partitions_are_forgotten_from_the_rest(room, monkeypatch):
    """A store that was migrated late has all its months in one partition; those rows go in batches."""
    monkeypatch.setattr(retention, "BATCH", 3)
    rows_of = [{"month": 201501 + number % 2, "article_id": f"a{number}", "revision": 1, "body": b"x"} for number in range(20)]
    with room.store.write() as tx:
        tx.insert_new(schema.texts, rows_of)
    assert forget(room)
    assert rows(room, schema.texts) == 0


def test_what_is_forgotten_goes_back_to_the_disk(room):
    size = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        "postgresql": "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'texts'::regclass",
    }[room.store.dialect]

    def bytes_held():
        with room.store.read() as tx:
            return tx.conn.exec_driver_sql(size).scalar_one()

    with room.store.write() as tx:
        months.make(tx, schema.texts, [201501])
        tx.insert_new(
            schema.texts,
            [
                {"month": 201501, "article_id": f"a{n}", "revision": 1, "body": random.Random(n).randbytes(10_000)}
                for n in range(400)
            ],
        )
    before = bytes_held()
    while not forget(room):
        pass
    assert bytes_held() < before / 4


def test_a_host_keeps_its_manners_when_its_links_are_forgotten(room):
    article(room, 1, days_old=31)
    with room.store.write() as tx:
        hosts.keep_robots(tx, "herald.example", status=200, body=b"User-agent: *")
    forget(room)
    with room.store.read() as tx:
        assert hosts.robots_of(tx, "herald.example") is not None


def test_others_are_not_forgotten_with_one(room):
    article(room, 1, days_old=31)
    room.fetched("http://herald.example/wine", page_of("Early harvest", *OTHERS))
    room.run()
    forget(room)
    assert [found.title.text for found in room.services.engine.search(parse("harvest")).hits] == ["Early harvest"]
