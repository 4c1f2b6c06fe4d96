"""What only a server can do to us: two transactions that claim at once, connections that are cut, transactions that hang."""

import datetime as dt

import pytest
from sqlalchemy import text

from copytaster.errors import Transient
from copytaster.news import ArticleId, LinkId, Page
from copytaster.store import Store, articles, deliveries, hosts, links, messages, months, pages, schema, watches
from copytaster.watches import MessageId
from tests.desk import news_world as world

pytestmark = pytest.mark.service
NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def url(postgresql_server):
    with postgresql_server.database(migrated=True) as found:
        yield found


@pytest.fixture
def pair(url, fake_clock):
    """Two processes over one server."""
    both = Store(url, clock=fake_clock), Store(url, clock=fake_clock)
    yield both
    for store in both:
        store.close()


@pytest.fixture
def busy(pair):
    """Two of everything that can be claimed."""
    first, _ = pair
    for name in ("gazette", "herald"):
        source_id, _ = world.add_source(first, name)
    watch, told = world.add_watch(first, "Fatemiyoun", "mailto:a@x.org", "mailto:b@x.org")
    for number in (1, 2):
        world.add_alert(first, watch, world.add_article(first, source_id, number), "Fatemiyoun")
    with first.write() as tx:
        for number in (1, 2):
            page = Page(
                link_id=LinkId(f"link-{number}"),
                url="https://x.example/",
                status=200,
                content_type="t",
                body=b"",
                fetched_at=tx.now,
            )
            pages.put(tx, [pages.Fetched(page=page)])
            messages.put(tx, MessageId(f"m{number}"), told[number - 1].id, "instant", {})
    return pair


CLAIMS = {
    "host": lambda tx, token: {each.host for each in hosts.claim(tx, token, limit=1, seconds=60)},
    "page": lambda tx, token: {pages.claim(tx, token, seconds=30).page.link_id},
    "delivery": lambda tx, token: {each.id for each in deliveries.claim_due(tx, limit=2)},
    "article": lambda tx, token: {each.id for each in articles.claim_unindexed(tx, token, limit=1, seconds=30)[0]},
}


@pytest.mark.parametrize("what", CLAIMS)
def test_a_claim_waits_for_no_other_and_takes_what_no_other_holds(busy, what):
    """Both transactions are open at once: without SKIP LOCKED the second would wait for ever, or take the same."""
    first, second = busy
    with first.write() as one, second.write() as two:
        two.conn.execute(text("SET LOCAL statement_timeout = '5s'"))
        mine, theirs = CLAIMS[what](one, "one"), CLAIMS[what](two, "two")
    assert mine
    assert theirs or what == "delivery"  # of which one packer takes all that is next
    assert mine & theirs == set()


def test_messages_are_claimed_one_after_the_other_and_each_once(busy):
    """Which channel is busy can be seen only once a claim is committed, so claims queue for the moment that they take."""
    first, second = busy
    with first.write() as one:
        mine = messages.claim(one, "one", seconds=30)
    with second.write() as two:
        theirs = messages.claim(two, "two", seconds=30)
    assert {mine.message.id, theirs.message.id} == {"m1", "m2"}


def test_connections_that_the_server_cut_are_made_anew(url, postgresql_server):
    store = Store(url)
    with store.read() as one, store.read() as two:
        articles.total(one)
        articles.total(two)
    name = url.rpartition("/")[2]
    postgresql_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    for _ in range(3):
        with store.read() as tx:
            assert articles.total(tx) == 0
    store.close()


def test_a_server_that_restarts_in_the_middle_of_a_transaction_is_transient_and_nothing_of_it_stays(url, postgresql_server):
    store = Store(url)

    def write_and_be_cut():
        with store.write() as tx:
            watches.ensure_owner(tx)
            pid = tx.conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
            postgresql_server.execute(f"SELECT pg_terminate_backend({pid})")
            articles.total(tx)

    with pytest.raises(Transient):
        write_and_be_cut()
    with store.read() as tx:
        assert tx.conn.execute(schema.owners.select()).all() == []
    store.close()


def test_every_connection_bounds_what_a_process_that_hangs_can_hold(url):
    store = Store(url)
    with store.read() as tx:
        shown = {
            name: tx.conn.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("statement_timeout", "idle_in_transaction_session_timeout", "application_name")
        }
    assert shown == {
        "statement_timeout": "5min",
        "idle_in_transaction_session_timeout": "15s",
        "application_name": "copytaster",
    }
    with store.snapshot() as tx:
        assert tx.conn.execute(text("SHOW statement_timeout")).scalar_one() == "0"
        assert tx.conn.execute(text("SHOW transaction_isolation")).scalar_one() == "repeatable read"
    with store.read() as tx:
        assert tx.conn.execute(text("SHOW statement_timeout")).scalar_one() == "5min"
        assert tx.conn.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
    store.close()


def test_what_the_url_says_of_the_session_wins(url):
    store = Store(f"{url}?application_name=copytaster-audit&options=-c%20statement_timeout%3D7s")
    with store.read() as tx:
        assert tx.conn.execute(text("SHOW statement_timeout")).scalar_one() == "7s"
        assert tx.conn.execute(text("SHOW application_name")).scalar_one() == "copytaster-audit"
    store.close()


def test_a_statement_that_takes_too_long_is_stopped_and_tried_again(url):
    store = Store(url)

    def take_too_long():
        with store.read() as tx:
            tx.conn.execute(text("SET LOCAL statement_timeout = '20ms'"))
            tx.conn.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(Transient, match="too busy"):
        take_too_long()
    store.close()


def test_a_new_store_has_partitions_for_this_month_and_the_next_ones(url):
    store = Store(url)
    with store.read() as tx:
        this = months.month_of(tx.now)
        assert [months.held(tx, table) for table in months.TABLES] == 2 * [
            [this, months.following(this), months.following(months.following(this))]
        ]
    store.close()


def test_partitions_that_cannot_be_made_at_once_wait_for_another_time(pair, fake_clock):
    first, second = pair
    fake_clock.now = NOON + dt.timedelta(days=400)
    with first.write() as one:
        world_row = {"month": 202611, "article_id": ArticleId("a"), "revision": 1, "body": b""}
        one.insert_new(schema.texts, world_row)
        with pytest.raises(Transient, match="too busy"), second.write() as two:
            months.make_ahead(two)
    with second.write() as two:
        months.make_ahead(two)
        assert months.month_of(fake_clock.now) in months.held(two, schema.texts)


def test_links_are_guarded_by_the_lease_of_their_host(busy):
    """They are not locked one by one: two crawlers never hold one host."""
    first, second = busy
    with first.write() as one, second.write() as two:
        mine = {each.host for each in hosts.claim(one, "one", limit=9, seconds=60)}
        theirs = {each.host for each in hosts.claim(two, "two", limit=9, seconds=60)}
        rows = links.claim(one, mine, each=9, limit=9, seconds=60)
    assert theirs == set()
    assert {row.host for row in rows} <= mine
