"""What the stream missed is found by an independent path, delivered once, marked as late and counted; what is not owed is not."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from sqlalchemy import delete, select, update

from copytaster.config import AuditConfig
from copytaster.errors import Transient
from copytaster.store import articles, audits, deliveries, marks, retention, schema, watches
from copytaster.watches import Quiet
from search import name_table
from search.brute import Brute
from search.mapping import IndexDocument
from tests.workers.newsroom import OTHERS, SENTENCES, page_of
from workers import auditing
from workers.audit import PAGE, Round
from workers.audit_round import Place, Window
from workers.auditing import Auditing

URL = "http://herald.example/2026/bridge"
DAY = dt.timedelta(days=1)
ONE_MATCH = {"match": 1, "delivery": 0, "unread": 0, "unindexed": 0, "unfound": 0, "stray": 0}


@pytest.fixture
def room(newsroom):
    return newsroom


def audit(room, **more):
    """A whole round over the last two days, everything read by brute force."""
    with room.store.read() as tx:
        window = Window(since=tx.now - 2 * DAY, until=tx.now + dt.timedelta(seconds=1), fresh_since=tx.now - 2 * DAY)
    done = Round(room.store, room.services.engine, window, **more)
    while done.step():
        pass
    return done.report


def kinds(report):
    return sorted(each.kind for each in report.findings)


def lose(room, *tables):
    """As a database that lost rows would have it."""
    with room.store.write() as tx:
        for table in tables:
            tx.conn.execute(delete(table))


def bridge(room, url=URL, title="Lanterns", sentences=SENTENCES, **finding):
    room.fetched(url, page_of(title, *sentences), **finding)
    room.run()


def test_where_nothing_was_missed_nothing_is_found(room):
    room.watch("lanterns")
    room.watch('"brass band" NOT harvest', level="exact")
    bridge(room)
    report = audit(room)
    assert (report.articles, report.read, report.watches, report.findings) == (1, 1, 2, [])
    assert report.asked == 2
    room.run()
    assert len(room.items()) == 2


def test_a_match_that_was_lost_is_delivered_once_marked_as_late_and_counted(room):
    watch = room.watch("lanterns")
    bridge(room)
    lose(room, schema.matches, schema.deliveries)
    report = audit(room)
    (found,) = report.findings
    assert (found.kind, found.watch_id, found.told, report.missed) == ("match", watch.id, 1, 1)
    room.run()
    first, late = room.items()
    assert (first["late"], first["audit"], late["late"], late["audit"]) == (False, False, True, True)
    assert late["hits"] == first["hits"]
    assert json.loads(room.received[-1].body)["kind"] == "audit"
    assert audit(room).findings == []
    room.run()
    assert len(room.items()) == 2
    with room.store.read() as tx:
        assert audits.counts(tx) == ONE_MATCH


def test_a_delivery_that_was_lost_is_told_apart_from_a_match_that_was(room):
    room.watch("lanterns")
    bridge(room)
    lose(room, schema.deliveries)
    assert kinds(audit(room)) == ["delivery"]
    room.run()
    assert [item["audit"] for item in room.items()] == [False, True]
    assert audit(room).findings == []


def test_the_delivery_of_a_revision_that_was_edited_since_is_missed_too(room):
    room.watch("lanterns")
    bridge(room)
    lose(room, schema.deliveries)
    room.clock.advance(60)
    bridge(room, sentences=[*SENTENCES, *OTHERS])
    assert [(each.kind, each.revision) for each in audit(room).findings] == [("delivery", 1)]
    room.run()
    assert len(room.items()) == 2


def test_an_article_that_landed_with_a_watchlist_that_lacked_the_watch_is_found(room, monkeypatch):
    """As it would be, were an epoch not held while a page lands."""
    room.watch("lanterns", level="exact")
    room.services.watchlist.epoch = 10**6
    monkeypatch.setattr(room.services.watchlist, "refresh", lambda tx: None)
    bridge(room)
    assert room.items() == []
    assert kinds(audit(room)) == ["match"]
    room.run()
    assert [item["article"]["url"] for item in room.items()] == [URL]


@pytest.mark.slow
@pytest.mark.parametrize("level", ["exact", "strict", "wide"])
def test_names_are_read_without_anchors_and_table(room, level, monkeypatch):
    """A matcher that finds nothing any more is what the audit is for: it must not find nothing for the same reason."""
    name = "Kataib Hezbollah"
    room.watch(f'"{name}"', level=level)
    sentences = {
        "exact": "On Monday the report named Kataib Hezbollah, officials said.",
        "strict": "On Monday the report named Kata'ib Hizballah, officials said.",
        "wide": "On Monday the report named Kata'ib Hizballah, officials said.",
    }
    monkeypatch.setattr(name_table.Names, "find", lambda self, tokens: iter(()))
    monkeypatch.setattr("search.matcher.Matcher._candidates", lambda self, page: set())
    bridge(room, sentences=[sentences[level], *OTHERS])
    assert room.items() == []
    assert kinds(audit(room)) == ["match"]
    room.run()
    assert len(room.items()) == 1


def unwatched_before(room):
    bridge(room)
    room.watch("lanterns")


def baseline(room):
    room.watch("lanterns")
    bridge(room, baseline=True)


def backfilled(room):
    room.watch("lanterns")
    bridge(room, priority=2)


def vetoed(room):
    room.watch("lanterns", vetoes=["Lanterns"])
    bridge(room)


def removed(room):
    watch = room.watch("lanterns")
    bridge(room)
    with room.store.write() as tx:
        watches.remove(tx, watch.id)


def taken_down(room):
    room.watch("lanterns")
    bridge(room)
    with room.store.write() as tx:
        gone = retention.cutoffs(tx.now + 2 * DAY, text_days=1, match_days=0, refused_days=0)
        retention.forget_articles(tx, gone, list(tx.conn.execute(select(schema.articles.c.id)).scalars()))


@pytest.mark.parametrize("case", [unwatched_before, baseline, backfilled, vetoed, removed, taken_down])
def test_what_nobody_was_owed_is_not_expected(room, case):
    case(room)
    lose(room, schema.matches, schema.deliveries)
    told = len(room.items())
    assert audit(room).missed == 0
    room.run()
    assert len(room.items()) == told


def muted(room):
    room.watch("lanterns", muted_until=room.clock() + dt.timedelta(hours=1))
    bridge(room)


def told_of_a_copy(room):
    room.watch("lanterns")
    bridge(room)
    bridge(room, url="http://herald.example/copy")


def matched_before_it_was_edited(room):
    room.watch("lanterns", muted_until=room.clock() + dt.timedelta(hours=1))
    bridge(room)
    room.clock.advance(7200)
    bridge(room, sentences=[*SENTENCES, *OTHERS])


def without_a_channel(room):
    watch = room.watch("lanterns")
    with room.store.write() as tx:
        watches.unsubscribe(tx, watch.channel_ids[0], watch.id)
    bridge(room)


def off_at_that_time(room):
    watch = room.watch("lanterns")
    with room.store.write() as tx:
        watches.disable(tx, watch.channel_ids[0], "answers 410")
    bridge(room)
    room.clock.advance(60)
    with room.store.write() as tx:
        watches.ensure_channel(tx, room.sink.url)


@pytest.mark.parametrize("case", [muted, told_of_a_copy, matched_before_it_was_edited, without_a_channel, off_at_that_time])
def test_a_match_without_a_delivery_may_be_right(room, case):
    case(room)
    told = len(room.items())
    room.clock.advance(7200)
    assert audit(room).findings == []
    room.run()
    assert len(room.items()) == told


def test_a_match_that_was_lost_while_the_watch_was_muted_is_recorded_and_told_nobody(room):
    muted(room)
    lose(room, schema.matches)
    (found,) = audit(room).findings
    assert (found.kind, found.told) == ("match", 0)
    room.run()
    assert room.items() == []


def test_quiet_hours_hold_what_was_missed(room):
    room.watch("lanterns", digest="daily", quiet=Quiet(start=dt.time(11), end=dt.time(14), zone="UTC"))
    bridge(room)
    lose(room, schema.matches, schema.deliveries)
    audit(room)
    room.run()
    assert room.items() == []
    room.clock.advance(2 * 3600)
    room.run()
    assert [item["audit"] for item in room.items()] == [True]


# -- the index -----------------------------------------------------------------------------------------------------------


def test_an_article_that_waits_long_for_the_index_is_reported_and_read_all_the_same(room):
    room.watch("lanterns")
    bridge(room)
    lose(room, schema.matches, schema.deliveries)
    with room.store.write() as tx:
        (article_id,) = tx.conn.execute(select(schema.articles.c.id)).scalars()
        tx.conn.execute(update(schema.articles).values(indexed_version=0, index_due_at=tx.now + DAY))
    room.services.engine.delete([article_id])
    room.clock.advance(3600)
    report = audit(room)
    assert kinds(report) == ["match", "unindexed"]
    assert "waited 60 minutes" in next(each.why for each in report.findings if each.kind == "unindexed")


def test_an_article_that_the_index_lost_is_reported(room):
    room.watch("lanterns")
    bridge(room)
    with room.store.read() as tx:
        (article_id,) = tx.conn.execute(select(schema.articles.c.id)).scalars()
    room.services.engine.delete([article_id])
    report = audit(room)
    assert kinds(report) == ["unfound", "unindexed"]
    assert report.missed == 0
    with room.store.read() as tx:
        document = articles.get(tx, article_id)
    room.services.engine.put([IndexDocument.of(document)])
    assert audit(room).findings == []


def test_an_older_version_in_the_index_is_reported(room):
    bridge(room)
    with room.store.write() as tx:
        tx.conn.execute(update(schema.articles).values(document_version=5, indexed_version=5))
    (found,) = audit(room).findings
    assert found.kind == "unindexed"
    assert "has version 1 of it and not 5" in found.why


# -- rounds --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def chore(room):
    return Auditing(room.store, room.services.engine, room.services.config)


def test_a_round_is_due_once_an_hour_and_reads_only_what_is_new(room, chore):
    room.watch("lanterns")
    bridge(room)
    room.clock.advance(1200)
    assert chore.run()
    bridge(room, url="http://herald.example/other", title="Other", sentences=OTHERS)
    room.clock.advance(600)
    assert chore.run()
    with room.store.read() as tx:
        assert json.loads(marks.get(tx, auditing.DONE).place)["articles"] == 1
    room.clock.advance(3600)
    assert chore.run()
    with room.store.read() as tx:
        told = json.loads(marks.get(tx, auditing.DONE).place)
    assert (told["articles"], told["read"], told["missed"]) == (2, 1, 0)


def test_rows_that_are_lost_later_are_found_though_nothing_is_new(room, chore):
    room.watch("lanterns")
    bridge(room)
    room.clock.advance(1)
    chore.run()
    lose(room, schema.matches, schema.deliveries)
    room.clock.advance(3700)
    chore.run()
    room.run()
    assert [item["audit"] for item in room.items()] == [False, True]


def test_a_round_that_was_broken_off_goes_on_where_it_was(room, chore):
    room.watch("lanterns")
    bridge(room)
    bridge(room, url="http://herald.example/other", title="Other", sentences=OTHERS)
    room.clock.advance(1)
    assert not chore.run(seconds=0)
    with room.store.read() as tx:
        begun = marks.get(tx, auditing.UNDER_WAY)
    assert Place.from_text(begun.place).phase == "read"
    again = Auditing(room.store, room.services.engine, room.services.config)
    assert again.run()
    with room.store.read() as tx:
        done = marks.get(tx, auditing.DONE)
        assert marks.get(tx, auditing.UNDER_WAY) == marks.Mark()
    assert done.at == begun.at
    assert json.loads(done.place)["articles"] == 0  # both were looked at in the first part
    assert PAGE > 2


def test_an_engine_that_is_away_stops_no_reading_and_is_asked_later(room, chore, monkeypatch):
    room.watch("lanterns")
    bridge(room)
    lose(room, schema.matches, schema.deliveries)
    room.clock.advance(1)
    engine = room.services.engine

    def away(ids):
        raise Transient("Nobody answers.")

    with monkeypatch.context() as patch:
        patch.setattr(engine, "versions", away)
        with pytest.raises(Transient):
            chore.run()
    with room.store.read() as tx:
        (article_id,) = tx.conn.execute(select(schema.articles.c.id)).scalars()
        assert audits.counts(tx)["match"] == 1
        assert deliveries.due(tx) == 1
    room.run()
    engine.delete([article_id])
    assert chore.run()
    with room.store.read() as tx:
        assert audits.counts(tx)["unindexed"] == 1


@pytest.mark.parametrize("phase", ["read", "index", "search", "strays"])
def test_a_page_that_was_broken_off_is_audited_again_and_not_passed_over(room, chore, monkeypatch, phase):
    room.watch("lanterns")
    bridge(room)
    room.clock.advance(1)
    asked = {"read": (articles, "get"), "index": (room.services.engine, "versions")}
    where = asked | {"search": (room.services.engine, "search"), "strays": (room.services.engine, "ids")}
    lose(room, schema.matches, schema.deliveries)

    def away(*_, **__):
        raise Transient("Nobody answers.")

    with monkeypatch.context() as patch:
        patch.setattr(*where[phase], away)
        with pytest.raises(Transient):
            chore.run()
    place = chore._round.place
    assert (place.phase, place.at, place.last) == (phase, None, "")
    assert chore.run()
    with room.store.read() as tx:
        assert audits.counts(tx)["match"] == 1


def test_an_article_that_can_not_be_read_is_told_stops_no_other_and_is_read_again(room, chore, monkeypatch):
    room.watch("lanterns")
    bridge(room)
    bridge(room, url="http://herald.example/other", title="Other", sentences=["Other lanterns were lit.", *OTHERS])
    lose(room, schema.matches, schema.deliveries)
    room.clock.advance(1)
    match = Brute.match

    def broken(self, document, ids=None):
        if document.title == "Other":
            raise ZeroDivisionError
        return match(self, document, ids)

    with monkeypatch.context() as patch:
        patch.setattr(Brute, "match", broken)
        assert chore.run()
    with room.store.read() as tx:
        assert audits.counts(tx) == ONE_MATCH | {"unread": 1}
    room.clock.advance(7200)
    assert chore.run()
    with room.store.read() as tx:
        counts = audits.counts(tx)
        assert (counts["match"], counts["unread"]) == (2, 0)


def test_a_watch_that_can_not_be_read_is_told_and_all_others_are_read(room, monkeypatch):
    bad, good = room.watch("lanterns"), room.watch("ferries OR lanterns")
    bridge(room)
    lose(room, schema.matches, schema.deliveries)
    match = Brute.match

    def broken(self, document, ids=None):
        if bad.id in ids:
            raise ZeroDivisionError
        return match(self, document, ids)

    monkeypatch.setattr(Brute, "match", broken)
    found = {(each.kind, each.watch_id) for each in audit(room).findings}
    assert found == {("unread", bad.id), ("unread", ""), ("match", good.id)}


def test_a_landing_that_was_seen_late_is_read_in_the_next_round(room, chore):
    """As it would be, had its transaction begun before the round and ended after its page was read."""
    room.watch("lanterns")
    room.clock.advance(1)
    chore.run()
    with room.store.read() as tx:
        done = marks.get(tx, auditing.DONE).at
    bridge(room)
    lose(room, schema.matches, schema.deliveries)
    landed_at = done - dt.timedelta(minutes=5)
    with room.store.write() as tx:
        tx.conn.execute(update(schema.articles).values(first_seen_at=landed_at))
        tx.conn.execute(update(schema.revisions).values(read_at=landed_at))
    room.services.engine.clear()
    room.clock.advance(3700)
    chore.run()
    with room.store.read() as tx:
        assert audits.counts(tx)["match"] == 1


@pytest.mark.parametrize("mark", [auditing.DONE, auditing.UNDER_WAY])
def test_after_a_clock_that_was_set_back_everything_is_read_again(room, chore, mark):
    room.watch("lanterns")
    bridge(room)
    lose(room, schema.matches, schema.deliveries)
    room.services.engine.clear()
    place = Place("index").to_text() if mark == auditing.UNDER_WAY else "{}"
    with room.store.write() as tx:
        marks.put(tx, mark, marks.Mark(tx.now + 30 * DAY, place))
    room.clock.advance(1)
    assert chore.run()
    with room.store.read() as tx:
        assert audits.counts(tx)["match"] == 1
        assert marks.get(tx, auditing.DONE).at <= tx.now


NOON = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)


def test_after_a_long_time_without_audits_what_is_older_than_a_window_is_read_too():
    window = auditing.next_window(NOON, None, NOON - 9 * DAY, AuditConfig(days=2))
    assert window.since == window.fresh_since < NOON - 9 * DAY


def test_what_an_earlier_release_landed_is_no_miss(room):
    """It did not tell a backfill from news, nor since when a channel is on."""
    room.watch("lanterns")
    room.watch("lanterns OR ferries")
    bridge(room)
    with room.store.write() as tx:
        marks.put(tx, audits.FROM, marks.Mark(tx.now + dt.timedelta(seconds=1)))
        first = tx.conn.execute(select(schema.matches.c.watch_id)).scalars().first()
        tx.conn.execute(delete(schema.deliveries))
        tx.conn.execute(delete(schema.matches).where(schema.matches.c.watch_id == first))
    assert audit(room).findings == []
    room.clock.advance(2)
    bridge(room, url="http://herald.example/other", title="Other", sentences=["Other lanterns were lit.", *OTHERS])
    lose(room, schema.matches, schema.deliveries)
    assert kinds(audit(room)) == ["match", "match"]


def test_what_the_index_alone_holds_is_reported_until_it_is_gone(room, chore, monkeypatch):
    monkeypatch.setattr(auditing, "MOST_HELD", 1)
    for number in range(3):
        bridge(room, url=f"http://herald.example/{number}", title=f"Title {number}", sentences=[SENTENCES[number], *OTHERS])
    with room.store.write() as tx:
        stray, *_ = sorted(tx.conn.execute(select(schema.articles.c.id)).scalars())
        gone = retention.cutoffs(tx.now + 2 * DAY, text_days=1, match_days=0, refused_days=0)
        retention.forget_articles(tx, gone, [stray])
    for round_number in range(3):
        room.clock.advance(3700)
        assert chore.run()
        with room.store.read() as tx:
            assert audits.counts(tx)["stray"] == 1, round_number
            assert marks.get(tx, auditing.HELD_AFTER).place >= stray
    assert [each.kind for each in audit(room).findings] == ["stray"]
    room.services.engine.delete([stray])
    room.clock.advance(3700)
    chore.run()
    with room.store.read() as tx:
        assert audits.counts(tx)["stray"] == 0


def test_the_age_of_audits_is_told_from_the_first_start(room, chore, monkeypatch):
    with room.store.read() as tx:
        assert auditing.began_at(tx) is None
    monkeypatch.setattr(Round, "step", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        chore.run()
    with room.store.read() as tx:
        assert auditing.began_at(tx) == tx.now


def test_what_is_mended_is_not_reported_any_more_and_misses_stay_counted(room, chore):
    room.watch("lanterns")
    bridge(room)
    with room.store.write() as tx:
        tx.conn.execute(update(schema.articles).values(document_version=5, indexed_version=5))
    lose(room, schema.matches, schema.deliveries)
    room.clock.advance(1)
    chore.run()
    with room.store.write() as tx:
        assert audits.counts(tx) == ONE_MATCH
        tx.conn.execute(update(schema.articles).values(document_version=7, indexed_version=7, index_due_at=None))
    room.clock.advance(3700)
    chore.run()
    with room.store.write() as tx:
        assert audits.counts(tx)["unindexed"] == 1
        tx.conn.execute(update(schema.articles).values(document_version=1, indexed_version=1))
    room.clock.advance(3700)
    chore.run()
    with room.store.read() as tx:
        assert audits.counts(tx) == ONE_MATCH


@pytest.mark.service
@pytest.mark.timeout(300)
def test_a_real_elasticsearch_is_audited_like_the_embedded_index(room, elastic_engine):
    room.services = replace(room.services, engine=elastic_engine)
    elastic_engine.prepare()
    room.watch('"Kataib Hezbollah"')
    bridge(room, sentences=["On Monday the report named Kata'ib Hizballah, officials said.", *OTHERS])
    elastic_engine.refresh()
    report = audit(room)
    assert (report.findings, report.asked) == ([], 1)
    lose(room, schema.matches, schema.deliveries)
    assert kinds(audit(room)) == ["match"]
    room.run()
    with room.store.read() as tx:
        (article_id,) = tx.conn.execute(select(schema.articles.c.id)).scalars()
    elastic_engine.delete([article_id])
    elastic_engine.refresh()
    assert kinds(audit(room)) == ["unfound", "unindexed"]
