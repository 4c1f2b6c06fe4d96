"""The contract of the truth, over SQLite and PostgreSQL alike: watches, what is owed to whom, articles and their stories."""

import datetime as dt
import threading

import pytest

from copytaster.news import ArticleId, Extracted, Printed
from copytaster.store import (
    Store,
    articles,
    deliveries,
    messages,
    stories,
    watches,
)
from copytaster.watches import Hit, Match, MessageId, Quiet, WatchId
from tests.desk import news_world as world

SECOND = dt.timedelta(seconds=1)
READ = Extracted(title="Veterans cross the border", text=world.TEXT, authors=("A. Writer",), topics=("war",), language="en")


# -- watches and the epoch --------------------------------------------------------------------------------------------


def test_a_watch_comes_back_as_it_was_saved(store):
    watch, told = world.add_watch(store, "Fatemiyoun", "mailto:a@x.org", "mailto:b@x.org")
    quiet = Quiet(start=dt.time(22), end=dt.time(7, 30), zone="Asia/Tehran")
    changes = {"level": "wide", "aliases": ("F",), "vetoes": ("G",), "digest": "daily", "quiet": quiet, "zone": "Asia/Tehran"}
    with store.write() as tx:
        saved = watches.save(tx, type(watch)(**{name: getattr(watch, name) for name in watch.__slots__} | changes))
    with store.read() as tx:
        found = watches.get(tx, watch.id)
    assert found == saved
    assert {name: getattr(found, name) for name in changes} == changes
    assert set(found.channel_ids) == {each.id for each in told}
    assert found.epoch == watch.epoch + 1


def test_an_unset_level_stays_unset(store):
    assert world.add_watch(store, "Fatemiyoun")[0].level is None


def test_whoever_looks_since_an_epoch_sees_what_was_saved_and_removed_after_it(store):
    first, _ = world.add_watch(store, "one")
    second, _ = world.add_watch(store, "two")
    with store.write() as tx:
        changed, removed = watches.changed_since(tx, first.epoch)
        assert ([each.id for each in changed], removed) == ([second.id], [])
        assert watches.remove(tx, first.id)
        assert not watches.remove(tx, first.id)
        changed, removed = watches.changed_since(tx, second.epoch)
        assert ([each.id for each in changed], removed) == ([], [first.id])


def test_a_watch_saved_while_an_article_is_ingested_waits_for_it(store, store_url):
    """So that each article is matched with all watches that were saved before it was read, and no other."""
    holding, ended, order = threading.Event(), threading.Event(), []

    def ingest():
        with store.write() as tx:
            watches.epoch(tx, hold=True)
            holding.set()
            ended.wait(0.5)  # the saving must not come through meanwhile
            order.append("ingested")

    other = Store(store_url)
    thread = threading.Thread(target=ingest)
    thread.start()
    assert holding.wait(10)
    world.add_watch(other, "Fatemiyoun")
    order.append("saved")
    ended.set()
    thread.join(10)
    other.close()
    assert order == ["ingested", "saved"]


def test_two_ingests_hold_the_epoch_together_where_writers_may_be_many(store):
    if store.dialect == "sqlite":
        with store.write() as tx:
            assert watches.epoch(tx, hold=True) == 1
        return
    with store.write() as one, store.write() as two:
        assert watches.epoch(one, hold=True) == watches.epoch(two, hold=True) == 1


def test_a_channel_is_the_same_at_second_sight_and_active_again(store):
    with store.write() as tx:
        watches.ensure_owner(tx)
        first = watches.ensure_channel(tx, "mailto:a@x.org")
        assert watches.disable(tx, first.id, "gone")
        assert not watches.disable(tx, first.id, "gone")
        again = watches.ensure_channel(tx, "mailto:a@x.org")
    assert (again.id, again.secret, again.state, again.reason) == (first.id, first.secret, "active", None)


# -- deliveries and messages ------------------------------------------------------------------------------------------


@pytest.fixture
def owed(store, source_id):
    """A watch with two channels, and a match that nobody was told of yet."""
    watch, told = world.add_watch(store, "Fatemiyoun", "mailto:a@x.org", "mailto:b@x.org")
    article_id = world.add_article(store, source_id, 1)
    with store.read() as tx:
        article = articles.get(tx, article_id)
        at = tx.now
    hits = [Hit("text", 33, 43, "Fatemiyoun", "Fatemiyoun")]
    match = Match(watch_id=watch.id, article_id=article_id, revision=1, story_id=article.story_id, hits=hits, matched_at=at)
    return match, [each.id for each in told]


def owe(tx, match, channel_ids, *, kind="instant", wait=0 * SECOND):
    return deliveries.put(tx, [deliveries.Owed(match, channel_ids, kind, tx.now + wait)])


def test_a_story_is_owed_to_a_channel_once_for_each_watch(store, owed):
    match, told = owed
    with store.write() as tx:
        assert owe(tx, match, told) == 2
        assert owe(tx, match, told, kind="late") == 0
        assert deliveries.counts(tx) == {"pending": 2}


def test_a_disabled_channel_is_owed_nothing(store, owed):
    match, told = owed
    with store.write() as tx:
        watches.disable(tx, told[0], "gone")
        assert owe(tx, match, told) == 1


def test_a_match_is_kept_once_with_its_hits(store, owed):
    match, told = owed
    with store.write() as tx:
        for _ in range(2):
            deliveries.put_matches(tx, [match], 1)
        owe(tx, match, told)
        due = deliveries.claim_due(tx, limit=10)
        assert [deliveries.hits_of(tx, due)[each.id] for each in due] == [match.hits, match.hits]
        assert deliveries.matched_before(tx, match.story_id, [match.watch_id, WatchId("other")]) == {match.watch_id}


def test_what_is_not_due_is_not_packed(store, owed, fake_clock):
    match, told = owed
    with store.write() as tx:
        owe(tx, match, told, wait=SECOND)
        assert deliveries.claim_due(tx, limit=10) == []
        assert deliveries.oldest_due_at(tx) is None
    due_at = fake_clock.now + SECOND
    fake_clock.advance(1)
    with store.write() as tx:
        assert len(deliveries.claim_due(tx, limit=10)) == 2
        assert deliveries.oldest_due_at(tx) == due_at


def test_a_message_settles_its_deliveries(store, owed):
    match, told = owed
    with store.write() as tx:
        owe(tx, match, told)
        first, second = deliveries.claim_due(tx, limit=10)
        deliveries.pack(tx, [first.id], MessageId("m1"))
        assert [each.id for each in deliveries.claim_due(tx, limit=10)] == [second.id]
        deliveries.settle(tx, MessageId("m1"), "sent")
        assert deliveries.counts(tx) == {"sent": 1, "pending": 1}


def put_message(store, number, channel_id):
    with store.write() as tx:
        messages.put(tx, MessageId(f"m{number}"), channel_id, "instant", {"n": number, "word": "کلمه"})


def claim_message(store, token="t"):
    with store.write() as tx:
        return messages.claim(tx, token, seconds=30)


def test_a_channel_gets_one_message_at_a_time(store, owed):
    _, (one, two) = owed
    for number, channel in enumerate((one, one, two)):
        put_message(store, number, channel)
    claimed = [claim_message(store).message.channel.id for _ in range(2)]
    assert sorted(claimed) == sorted([one, two])
    assert claim_message(store) is None


def test_a_payload_is_the_same_at_every_attempt_and_the_attempt_is_counted(store, owed, fake_clock):
    put_message(store, 0, owed[1][0])
    first = claim_message(store, "first")
    fake_clock.advance(31)
    second = claim_message(store, "second")
    assert first.message.payload == second.message.payload == {"n": 0, "word": "کلمه"}
    assert (first.message.attempts, second.message.attempts) == (1, 2)
    with store.write() as tx:
        assert not messages.sent(tx, first, "250")
        assert messages.sent(tx, second, "250")
    assert claim_message(store) is None


def test_a_failed_message_can_be_brought_back_by_hand(store, owed):
    put_message(store, 0, owed[1][0])
    lease = claim_message(store)
    with store.write() as tx:
        assert messages.failed(tx, lease, "550")
        assert messages.due(tx) == 0
        assert messages.retry(tx, lease.message.id)
        assert not messages.retry(tx, MessageId("unknown"))
        assert [row["outcome"] for row in messages.attempts_of(tx, lease.message.id)] == ["failed"]
    again = claim_message(store)
    assert (again.message.id, again.message.attempts) == (lease.message.id, 1)


# -- articles and stories ---------------------------------------------------------------------------------------------


def put_article(tx, source_id, number, extracted=READ):
    article_id = ArticleId(f"article-{number}")
    known = {"source_id": source_id, "story_id": stories.begin(tx, article_id, [number], b"s"), "found_at": tx.now}
    articles.put(tx, article_id, extracted, url="https://g.example/1", **known, epoch=1, baseline=False, late=False)
    return article_id


def test_an_article_comes_back_as_it_was_read(store, source_id):
    moment = Printed(dt.datetime(2026, 11, 22, 20, 30, tzinfo=dt.UTC), 210, "second")
    read = Extracted(
        title="عنوان", text="یک\nدو", authors=("آ", "B"), published=moment, language="fa", topics=("x",), extractor="t 1"
    )
    with store.write() as tx:
        article_id = put_article(tx, source_id, 1, read)
        found = articles.get(tx, article_id)
    assert found.extracted == read
    assert (found.revision, found.document_version, found.source_name) == (1, 1, "gazette")
    assert found.extracted.published.isoformat() == "2026-11-23T00:00:00+03:30"


def test_a_revision_raises_the_version_and_shows_the_newest_text(store, source_id, fake_clock):
    with store.write() as tx:
        article_id = put_article(tx, source_id, 1)
    fake_clock.advance(40 * 86_400)  # the text moves to another month's partition
    with store.write() as tx:
        articles.revise(tx, article_id, 2, Extracted(title="Edited", text="Edited text"), epoch=2)
        found = articles.get(tx, article_id)
    assert (found.revision, found.document_version, found.title, found.text) == (2, 2, "Edited", "Edited text")


def test_what_changed_while_it_was_indexed_stays_due(store, source_id):
    with store.write() as tx:
        article_id = put_article(tx, source_id, 1)
        [claimed], _ = articles.claim_unindexed(tx, "t", limit=10, seconds=30)
        assert articles.claim_unindexed(tx, "u", limit=10, seconds=30) == ([], 0)
    with store.write() as tx:
        articles.revise(tx, article_id, 2, READ, epoch=1)
        articles.indexed(tx, "t", [(article_id, claimed.document_version)])
        assert articles.unindexed(tx) == 1
        [again], _ = articles.claim_unindexed(tx, "u", limit=10, seconds=30)
        articles.indexed(tx, "u", [(article_id, again.document_version)])
        assert articles.unindexed(tx) == 0
    assert again.document_version == 2


def test_an_indexer_whose_lease_ran_out_marks_nothing(store, source_id, fake_clock):
    with store.write() as tx:
        article_id = put_article(tx, source_id, 1)
        articles.claim_unindexed(tx, "t", limit=10, seconds=30)
    fake_clock.advance(31)
    with store.write() as tx:
        articles.claim_unindexed(tx, "u", limit=10, seconds=30)
        articles.indexed(tx, "t", [(article_id, 1)])
        row = articles.row(tx, article_id)
    assert (row.indexed_version, row.index_token, row.index_attempts) == (0, "u", 2)


def test_articles_are_listed_newest_first_a_page_at_a_time(store, source_id, fake_clock):
    for number in range(5):
        fake_clock.advance(number % 2)  # some at the same instant
        with store.write() as tx:
            put_article(tx, source_id, number)
    listed, before = [], None
    with store.read() as tx:
        while page := articles.newest(tx, before=before, limit=2):
            listed += [each.id for each in page]
            before = (page[-1].first_seen_at, page[-1].id)
    assert listed == [f"article-{number}" for number in (4, 3, 2, 1, 0)]


def test_a_story_is_found_by_any_bucket_within_its_hours(store, fake_clock):
    with store.write() as tx:
        begun = stories.begin(tx, ArticleId("article-1"), [3, -(2**62), 2**62], b"signature")
    fake_clock.advance(60)
    with store.write() as tx:
        stories.lock(tx, [2**62, 3, 99])
        [found] = stories.candidates(tx, [2**62, 99], since=fake_clock.now - 61 * SECOND)
        assert (found.id, found.signature) == (begun, b"signature")
        assert stories.candidates(tx, [3], since=fake_clock.now - 59 * SECOND) == []
        assert stories.candidates(tx, [], since=fake_clock.now - 61 * SECOND) == []
