"""No host is asked without its lease: not by a redirect, and not by a crawler that slept while the lease moved on."""

import asyncio
import datetime as dt
import signal
import time

import pytest

from copytaster.config import Config, CrawlConfig
from copytaster.store import hosts
from copytaster.store.hosts import Manners
from scrapers import crawl as crawling
from scrapers.admission import HostBusyError
from scrapers.crawl import Crawl
from scrapers.frontier import LEASE_SECONDS, Frontier, Wants
from scrapers.jobs import GivenBack, LinkRefused
from tests.scrapers.conftest import NOTING, ended, page
from tests.scrapers.test_crawl_frontier import frontier, links_of, pass_time, tick
from tests.scrapers.test_crawl_process import requests, wait_for

TARGET = "target.example"


class Free:
    """A pace without any."""

    def begin(self, lease):
        pass

    def wait_seconds(self, host):
        return 0.0

    def manners(self, host):
        return Manners()


@pytest.fixture
def slept(monkeypatch):
    """Makes the crawl's clock go on by so many seconds, as if the process had been stopped meanwhile."""
    ahead = [0.0]
    real = crawling.clock
    monkeypatch.setattr(crawling, "clock", lambda: real() + ahead[0])

    def sleep(seconds):
        ahead[0] += seconds

    return sleep


def config(world):
    return Config(data_dir=world.folder, crawl=CrawlConfig(run_seconds=20))


def hold(world, host, token="other", seconds=60.0):
    with world.store.write() as tx:
        return hosts.visit(tx, token, host, seconds=seconds)


async def until(done):
    async with asyncio.timeout(15):
        while not done():  # noqa: ASYNC110  what is awaited happens in rows and in another's thread
            await asyncio.sleep(0.01)


def test_a_crawler_that_was_held_up_asks_nothing_more_of_a_host_that_it_lost(each_world, slept):
    links_of(each_world, "a.example", *(f"/{number}" for number in range(8)))
    asked, answered = [], asyncio.Event()

    async def work(job):
        asked.append(job.url)
        await answered.wait()
        return LinkRefused(job=job, reason="gone", detail="404")

    async def scenario():
        crawl = Crawl(Frontier(each_world.store, config(each_world)), Free(), work, config(each_world))
        run = asyncio.create_task(crawl.run())
        await until(lambda: asked)
        pass_time(each_world, LEASE_SECONDS + 1)
        taken = await asyncio.to_thread(tick, frontier(each_world))
        assert len(taken.jobs) == 8
        slept(LEASE_SECONDS + 1)
        answered.set()
        await until(lambda: not crawl._hosts)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await crawl.close()

    asyncio.run(scenario())
    assert len(asked) == 1
    assert {row.state for row in each_world.rows("links").values()} == {"found"}, "its result is for nobody"


def test_a_host_that_nobody_holds_is_leased_for_a_redirect(each_world):
    async def scenario():
        one = Frontier(each_world.store, config(each_world))
        crawl = Crawl(one, Free(), None, config(each_world))
        await crawl.admit(TARGET, 1)
        assert each_world.rows("hosts")[TARGET].lease_token == one.token
        assert not crawl._hosts[TARGET].idle
        crawl.leave(TARGET, 1)
        assert crawl._hosts[TARGET].idle
        await crawl.close()

    asyncio.run(scenario())
    assert each_world.rows("hosts")[TARGET].lease_token is None


def test_a_host_that_another_crawler_holds_is_not_entered(each_world, monkeypatch):
    monkeypatch.setattr(crawling, "BUSY_SECONDS", 0.0)
    monkeypatch.setattr(crawling, "BUSY_EVERY_SECONDS", 0.0)
    assert hold(each_world, TARGET)
    assert hold(each_world, TARGET, "third") is None

    async def scenario():
        crawl = Crawl(Frontier(each_world.store, config(each_world)), Free(), None, config(each_world))
        with pytest.raises(HostBusyError):
            await crawl.admit(TARGET, 1)
        await crawl.close()

    asyncio.run(scenario())
    assert each_world.rows("hosts")[TARGET].lease_token == "other"


def test_a_host_that_wants_to_be_left_alone_is_not_entered_either(each_world):
    hold(each_world, TARGET)
    with each_world.store.write() as tx:
        hosts.release(tx, "other", {TARGET: Manners(wait_seconds=5.0)})
    assert hold(each_world, TARGET, "third") is None


def test_what_leads_to_a_busy_host_becomes_that_hosts_work_and_counts_no_attempt(each_world):
    links_of(each_world, "a.example", "/1")
    one = frontier(each_world)
    (job,) = tick(one).jobs
    tick(one, held={"a.example"}, hosts=0, results=[GivenBack(job=job, host=TARGET)])
    row = each_world.rows("links")["http://a.example/1"]
    assert (row.host, row.attempts) == (TARGET, 0)
    (again,) = tick(frontier(each_world)).jobs
    assert (again.url, again.host) == ("http://a.example/1", TARGET)


def test_a_host_with_work_for_hours_makes_room_when_others_wait(each_world):
    links_of(each_world, "big.example", *(f"/{number}" for number in range(40)))
    one = frontier(each_world)
    first = tick(one, hosts=1)
    links_of(each_world, "small.example", "/1")
    at_work = {"held": {"big.example"}, "hosts": 0, "busy": first.jobs}
    assert len(tick(one, hungry={"big.example": 1.0}, **at_work).jobs) == 16
    assert tick(one, hungry={"big.example": 60.0}, **at_work).jobs == []
    tick(one, held={"big.example"}, hosts=0, results=[GivenBack(job=job) for job in first.jobs], idle={"big.example": Manners()})
    assert {lease.host for lease in tick(one, hosts=1).leases} == {"small.example"}


def test_work_that_is_added_while_a_host_is_given_back_is_not_overlooked(each_world):
    links_of(each_world, "a.example", "/1")
    one = frontier(each_world)
    (job,) = tick(one).jobs
    tick(one, held={"a.example"}, results=[LinkRefused(job=job, reason="gone", detail="404")])
    links_of(each_world, "a.example", "/2")
    asyncio.run(one.close(Wants()))
    assert each_world.rows("hosts")["a.example"].due_at is not None
    assert [job.url for job in tick(frontier(each_world)).jobs] == ["http://a.example/2"]


@pytest.mark.slow
def test_a_redirect_waits_until_the_other_crawler_lets_go_of_the_host(world):
    world.feed("a.example", "/moved")
    world.server.put("a.example", "/moved", page("").redirect(f"http://{TARGET}/story", 302))
    world.server.put(TARGET, "/story", page("Story"))
    hold(world, TARGET, seconds=9.0)
    free_at = world.rows("hosts")[TARGET].leased_until
    world.crawl(crawl__run_seconds=16)
    asked = [one for one in world.server.requests() if one.host == TARGET]
    assert min(one.began for one in asked) >= free_at - dt.timedelta(seconds=0.1)
    assert set(world.rows("pages")) == {f"http://{TARGET}/story"}


@pytest.mark.slow
def test_what_waited_for_its_delay_while_the_crawler_was_stopped_is_not_sent_afterwards(world, monkeypatch):
    prepare = (
        "import scrapers.crawl, scrapers.frontier\nscrapers.crawl.SURE_SECONDS, scrapers.frontier.RENEW_SECONDS = 2.0, 0.5\n"
    )
    monkeypatch.setattr("tests.scrapers.conftest.PREPARE", prepare)
    world.feed(TARGET, "/moved")
    world.server.put(TARGET, "/moved", page("").redirect(f"http://{TARGET}/story", 302))
    world.server.put(TARGET, "/story", page("Story"))
    already = len(requests(world, TARGET, "/story"))
    crawler = world.start(crawl__delay_seconds=2, crawl__autothrottle=False)
    with ended(crawler):
        wait_for(lambda: requests(world, TARGET, "/moved"))
        crawler.send_signal(signal.SIGSTOP)
        time.sleep(3.0)  # the process' own clock must see it
        pass_time(world, LEASE_SECONDS + 1)
        assert hold(world, TARGET)
        crawler.send_signal(signal.SIGCONT)
        time.sleep(2.0)
        assert len(requests(world, TARGET, "/story")) == already


HELD_UP_BEFORE = """
import itertools, time
from twisted.web.client import HTTPConnectionPool
held_up, connect = itertools.cycle((0.8, 0.0)), HTTPConnectionPool.getConnection
HTTPConnectionPool.getConnection = lambda *given: (time.sleep(next(held_up)), connect(*given))[1]
"""
HELD_UP_AFTER = """
import itertools, time
from twisted.web._newclient import HTTP11ClientProtocol
held_up, send = itertools.cycle((0.8, 0.0)), HTTP11ClientProtocol.request
HTTP11ClientProtocol.request = lambda *given: (send(*given), time.sleep(next(held_up)))[0]
"""


@pytest.mark.slow
@pytest.mark.parametrize("prepare", [HELD_UP_BEFORE, HELD_UP_AFTER], ids=["before it has a connection", "after"])
def test_the_delay_counts_from_when_a_request_was_sent_not_from_when_its_turn_came(world, monkeypatch, prepare):
    monkeypatch.setattr("tests.scrapers.conftest.PREPARE", NOTING + prepare)
    host = "slow.example"
    paths = [f"/{number}" for number in range(4)]
    world.feed(host, *paths)
    for path in paths:
        world.server.put(host, path, page(path))
    world.crawl(crawl__delay_seconds=1, crawl__run_seconds=12)
    apart = world.seconds_apart(host)
    assert len(apart) >= 4
    assert min(apart) > 0.9
