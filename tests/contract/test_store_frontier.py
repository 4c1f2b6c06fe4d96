"""The contract of the truth, over SQLite and PostgreSQL alike: hosts, links and pages, and who holds them."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

from copytaster.news import EndpointId, Link, LinkId, Page, Printed
from copytaster.store import (
    hosts,
    links,
    pages,
    sources,
)
from tests.desk import news_world as world

SECOND = dt.timedelta(seconds=1)


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
