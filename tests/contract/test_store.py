"""The contract of the truth, over SQLite and PostgreSQL alike: what is unique, leased, locked and counted."""

import datetime as dt
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from copytaster.errors import Permanent, Rejected, Transient
from copytaster.news import ArticleId, EndpointId, Extracted, Link, LinkId, Page, Printed, SourceId
from copytaster.store import (
    Store,
    articles,
    deliveries,
    hosts,
    leases,
    links,
    messages,
    pages,
    refusals,
    schema,
    sources,
    stories,
    watches,
)
from copytaster.store.migrate import HEAD, migrate, version
from copytaster.watches import Hit, Match, MessageId, Quiet, WatchId
from tests.desk import news_world as world
from tests.services import running

SECOND = dt.timedelta(seconds=1)
READ = Extracted(title="Veterans cross the border", text=world.TEXT, authors=("A. Writer",), topics=("war",), language="en")


@pytest.fixture
def source_id(store):
    return world.add_source(store, "gazette")[0]


# -- migrations -------------------------------------------------------------------------------------------------------


def test_the_migrations_make_exactly_the_declared_schema(store):
    with store.read() as tx:
        context = MigrationContext.configure(tx.conn, opts={"compare_type": True, "compare_server_default": False})
        found = [change for change in compare_metadata(context, schema.metadata) if not _a_partition(change)]
    assert found == []


def _a_partition(change):
    """PostgreSQL shows the partitions of a table as tables of their own."""
    return change[0] in ("remove_table", "remove_index") and re.search(r"(texts|matches)_(rest|\d{6})", str(change[1]))


def test_migrating_twice_changes_nothing(empty_store_url):
    store = Store(empty_store_url)
    assert version(store) is None
    assert migrate(store)
    assert version(store) == HEAD
    assert not migrate(store)
    with store.read() as tx:
        assert watches.epoch(tx) == 1
    store.close()


def test_processes_that_start_together_migrate_once(empty_store_url):
    stores = [Store(empty_store_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(migrate, stores))
    assert any(done)
    with stores[0].read() as tx:
        assert tx.conn.execute(select(schema.watch_epoch.c.epoch)).scalars().all() == [1]
    for each in stores:
        each.close()


def test_a_database_without_tables_is_answered_with_what_to_do(empty_store_url):
    store = Store(empty_store_url)
    with pytest.raises(Permanent, match="no tables yet"), store.read() as tx:
        articles.total(tx)
    store.close()


def test_a_url_that_is_none_of_ours_is_refused_by_name():
    for url in ("mysql://here/db", "nonsense"):
        with pytest.raises(Rejected, match=r"store\.url"):
            Store(url)


def test_a_server_that_is_away_is_transient_and_its_password_stays_secret():
    store = Store(f"postgresql://me:hunter2@127.0.0.1:{running.free_port()}/news")
    with pytest.raises(Transient, match="can't be reached") as caught, store.read():
        pass
    assert "hunter2" not in str(caught.value)


# -- instants and transactions ----------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(
    st.integers(-(2**51), 2**53),
    st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_comes_back_to_the_microsecond_in_utc(store, microseconds, offset):
    zone = dt.timezone(dt.timedelta(minutes=offset))
    moment = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds)).astimezone(zone)
    with store.write() as tx:
        leases_row = {"name": "instant", "token": "t", "leased_until": moment}
        row = tx.insert(schema.leases).values(leases_row)
        tx.conn.execute(row.on_conflict_do_update(index_elements=["name"], set_={"leased_until": moment}))
        found = tx.conn.execute(select(schema.leases.c.leased_until).where(schema.leases.c.name == "instant")).scalar_one()
    assert found == moment
    assert found.tzinfo is dt.UTC


def test_instants_are_ordered_as_time_is(store):
    moments = [dt.datetime(2026, 1, 1, 0, 0, second, micro, tzinfo=dt.UTC) for second in (0, 1) for micro in (0, 1, 999_999)]
    with store.write() as tx:
        for number, moment in enumerate(reversed(moments)):
            tx.conn.execute(tx.insert(schema.leases).values(name=str(number), token="t", leased_until=moment))
        found = tx.conn.execute(select(schema.leases.c.leased_until).order_by(schema.leases.c.leased_until)).scalars().all()
    assert found == moments


def test_a_failed_transaction_leaves_nothing(store, source_id):
    def add_and_fail():
        with store.write() as tx:
            links.add(tx, source_id, None, [finding(1)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        add_and_fail()
    with store.read() as tx:
        assert links.known(tx, ["link-1"]) == {}


def test_now_stands_still_within_a_transaction(store_url):
    store = Store(store_url)
    with store.read() as tx:
        first = tx.now
        tx.conn.execute(select(schema.sources.c.id))
        assert tx.now is first
        assert abs((dt.datetime.now(dt.UTC) - first).total_seconds()) < 60
    store.close()


# -- hosts ------------------------------------------------------------------------------------------------------------


def claim_hosts(store, token, **more):
    with store.write() as tx:
        return [each.host for each in hosts.claim(tx, token, limit=10, seconds=60, **more)]


def test_a_host_is_leased_to_one_crawler_at_a_time(store, source_id):
    assert claim_hosts(store, "one") == ["gazette.example"]
    assert claim_hosts(store, "two") == []


def test_a_lease_that_ran_out_goes_to_the_next_and_its_old_holder_may_not_write(store, source_id, fake_clock):
    claim_hosts(store, "one")
    fake_clock.advance(61)
    assert claim_hosts(store, "two") == ["gazette.example"]
    with store.write() as tx:
        assert hosts.held(tx, "one") == set()
        assert hosts.renew(tx, "one", seconds=60) == set()
        assert hosts.held(tx, "two") == {"gazette.example"}


def test_a_renewed_lease_lasts(store, source_id, fake_clock):
    claim_hosts(store, "one")
    fake_clock.advance(50)
    with store.write() as tx:
        assert hosts.renew(tx, "one", seconds=60) == {"gazette.example"}
    fake_clock.advance(50)
    assert claim_hosts(store, "two") == []


def test_a_released_host_keeps_its_manners_and_falls_due_with_its_earliest_work(store, source_id, fake_clock):
    claim_hosts(store, "one")
    allowed = fake_clock.now + 5 * SECOND
    with store.write() as tx:
        sources.note_reading(tx, EndpointId("endpoint-gazette"), {"due_at": fake_clock.now + 2 * SECOND})
        hosts.release(tx, "one", {"gazette.example": hosts.Manners(5.0, 2.5)})
    fake_clock.advance(3)
    assert claim_hosts(store, "two") == []
    fake_clock.advance(3)
    with store.write() as tx:
        [lease] = hosts.claim(tx, "two", limit=1, seconds=60)
    assert (lease.delay_seconds, lease.next_allowed_at) == (2.5, allowed)


def test_two_crawlers_that_claim_at_once_share_no_host(store):
    for number in range(20):
        world.add_source(store, f"site{number}")
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda token: claim_hosts(store, token), "abcd"))
    flat = [host for part in claimed for host in part]
    assert len(flat) == len(set(flat)) == 20


# -- links ------------------------------------------------------------------------------------------------------------


def finding(number, **changes):
    link = Link(id=LinkId(f"link-{number}"), url=f"https://gazette.example/{number}", title=f"Title {number}")
    return links.Finding(link=link, **changes)


def claim_links(store, **more):
    with store.write() as tx:
        return [row.id for row in links.claim(tx, ["gazette.example"], **{"each": 10, "limit": 10, "seconds": 60} | more)]


def test_only_new_links_are_counted_and_a_known_one_stays_as_it_is(store, source_id):
    with store.write() as tx:
        assert links.add(tx, source_id, None, [finding(1), finding(2, baseline=True)]) == 2
        assert links.add(tx, source_id, None, [finding(2), finding(3)]) == 1
        assert links.known(tx, ["link-1", "link-2", "link-9"]).keys() == {"link-1", "link-2"}
        assert links.get(tx, LinkId("link-2")).baseline


def test_more_links_than_a_statement_takes_are_added_and_known(store, source_id):
    with store.write() as tx:
        assert links.add(tx, source_id, None, [finding(number) for number in range(1_203)]) == 1_203
        assert len(links.known(tx, [f"link-{number}" for number in range(1_300)])) == 1_203


def test_what_the_feed_printed_of_time_is_kept(store, source_id):
    moment = Printed(dt.datetime(2026, 11, 23, 6, 30, tzinfo=dt.UTC), 210, "second")
    link = Link(id=LinkId("link-1"), url="https://gazette.example/1", published=moment)
    with store.write() as tx:
        links.add(tx, source_id, None, [links.Finding(link=link)])
        assert links.published(links.get(tx, LinkId("link-1"))) == moment


def test_a_claimed_link_counts_its_attempt_and_comes_back_if_its_crawler_dies(store, source_id, fake_clock):
    with store.write() as tx:
        links.add(tx, source_id, None, [finding(1)])
    assert claim_links(store) == ["link-1"]
    assert claim_links(store) == []
    fake_clock.advance(61)
    assert claim_links(store) == ["link-1"]
    with store.read() as tx:
        assert links.get(tx, LinkId("link-1")).attempts == 2


def test_new_links_go_before_backfill_and_no_host_takes_every_place(store, source_id):
    with store.write() as tx:
        links.add(tx, source_id, None, [finding(number, priority=links.BACKFILL) for number in range(5)])
        links.add(tx, source_id, None, [finding(9)])
    assert claim_links(store, each=3) == ["link-9", "link-0", "link-1"]


def test_links_of_a_paused_source_are_not_claimed(store, source_id):
    with store.write() as tx:
        links.add(tx, source_id, None, [finding(1)])
        sources.set_state(tx, source_id, "paused")
    assert claim_links(store) == []


def test_only_what_was_read_is_read_again(store, source_id, fake_clock):
    with store.write() as tx:
        links.add(tx, source_id, None, [finding(1), finding(2)])
        links.read(tx, LinkId("link-1"), "article-1", reread_at=None)
        links.refused(tx, LinkId("link-2"))
    assert claim_links(store) == []
    with store.write() as tx:
        links.reread(tx, [finding(1).link, finding(2).link])
    assert claim_links(store) == ["link-1"]


# -- pages ------------------------------------------------------------------------------------------------------------


def put_pages(store, source_id, *numbers, priority=0):
    with store.write() as tx:
        links.add(tx, source_id, None, [finding(number) for number in numbers])
        fetched = [
            Page(
                link_id=LinkId(f"link-{number}"),
                url=f"https://gazette.example/{number}",
                status=200,
                content_type="text/html",
                body=b"\x00page" * 100,
                fetched_at=tx.now,
            )
            for number in numbers
        ]
        pages.put(tx, [pages.Fetched(page=page, priority=priority) for page in fetched])


def claim_page(store, token="t"):
    with store.write() as tx:
        return pages.claim(tx, token, seconds=30)


def test_a_page_comes_back_as_it_was_fetched_and_its_link_is_marked(store, source_id):
    put_pages(store, source_id, 1)
    lease = claim_page(store)
    assert (lease.page.body, lease.page.status, lease.attempts) == (b"\x00page" * 100, 200, 1)
    with store.read() as tx:
        assert links.get(tx, LinkId("link-1")).state == "fetched"


def test_a_lost_lease_writes_nothing(store, source_id, fake_clock):
    put_pages(store, source_id, 1)
    lost = claim_page(store, "first")
    fake_clock.advance(31)
    held = claim_page(store, "second")
    with store.write() as tx:
        assert not pages.finish(tx, lost)
        pages.retry(tx, lost, fake_clock.now)
        assert pages.waiting(tx) == 1
    assert claim_page(store, "third") is None
    with store.write() as tx:
        assert pages.finish(tx, held)
        assert pages.waiting(tx) == 0
    assert held.attempts == 2


def test_new_pages_are_read_before_backfill(store, source_id, fake_clock):
    put_pages(store, source_id, 1, priority=2)
    fake_clock.advance(1)
    put_pages(store, source_id, 2)
    assert claim_page(store).page.link_id == "link-2"


def test_workers_that_claim_at_once_share_no_page(store, source_id):
    put_pages(store, source_id, *range(12))
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda number: claim_page(store, f"t{number}").page.link_id, range(12)))
    assert len(set(claimed)) == 12


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


# -- leases and refusals ----------------------------------------------------------------------------------------------


def take(store, name, token, seconds=10):
    with store.write() as tx:
        return leases.take(tx, name, token, seconds=seconds)


def test_a_named_lease_has_one_holder_until_it_runs_out(store, fake_clock):
    assert take(store, "beat", "one")
    assert not take(store, "beat", "two")
    assert take(store, "other", "two")
    fake_clock.advance(9)
    assert take(store, "beat", "one")
    fake_clock.advance(9)
    assert not take(store, "beat", "two")
    fake_clock.advance(1)
    assert take(store, "beat", "two")
    assert not take(store, "beat", "one")


def test_a_lease_that_many_want_at_once_has_one_holder(store):
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda token: take(store, "beat", token), "abcdefgh")) == 1


def test_a_refusal_is_listed_once_with_its_newest_reason(store, fake_clock):
    world.add_refusal(store, reason="too_big")
    fake_clock.advance(1)
    world.add_refusal(store, reason="robots")
    world.add_refusal(store, stage="ingest", reason="empty")
    with store.write() as tx:
        assert refusals.counts(tx) == {("fetch", "robots"): 1, ("ingest", "empty"): 1}
        assert [each.stage for each in refusals.every(tx)] == ["ingest", "fetch"]
        assert [each.reason for each in refusals.every(tx, stage="fetch")] == ["robots"]
        refusals.clear(tx, "fetch", "link-x")
        assert refusals.counts(tx) == {("ingest", "empty"): 1}


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


# -- sources ----------------------------------------------------------------------------------------------------------


def test_a_source_added_again_keeps_its_baseline_and_its_endpoints_their_rhythm(store, source_id):
    with store.write() as tx:
        sources.note_found(tx, source_id, baseline_done=True, found=True)
        sources.note_reading(tx, EndpointId("endpoint-gazette"), {"etag": "e1", "interval_seconds": 77.0})
    world.add_source(store, "gazette")
    with store.read() as tx:
        assert sources.get(tx, source_id).baseline_at is not None
        [endpoint] = sources.endpoints_of(tx, source_id)
    assert (endpoint.etag, endpoint.interval_seconds) == ("e1", 77.0)


def test_a_source_is_found_by_whatever_a_person_types(store, source_id):
    with store.read() as tx:
        typed = ("source-gazette", "https://gazette.example/", "gazette", "gazette.example")
        assert {sources.find(tx, each).id for each in typed} == {source_id}
        assert sources.find(tx, "herald") is None
    assert source_id == SourceId("source-gazette")
