"""Two crawlers and four workers over one PostgreSQL: who holds a host's lease asks it, and nobody else, whatever dies."""

import contextlib
import datetime as dt
import random
import signal
import sys
from collections import Counter
from itertools import pairwise

import psutil
import pytest
from sqlalchemy import select

from copytaster.store import articles, refusals, schema
from copytaster.store.processes import name_of
from desk.bench.pipeline import rare_queries
from desk.bench.rig import Rig
from desk.bench.tree import role_of
from desk.site import Resource, Site
from tests.chaos.world import article, vocabulary

pytestmark = [pytest.mark.slow, pytest.mark.service, pytest.mark.timeout(300)]
HOSTS, PAGES_A_HOST, DELAY = 40, 12, 1.0
HURRIED = 0.5  # of the delay: a busy machine holds up one request and not the next; without a delay it is 0.05
PLACES = 5  # so that neither crawler can hold all hosts
BACK_SECONDS = 60.0


def world(seed: int) -> tuple[list[Site], list[str]]:
    """Sites with a feed each; the last item of each redirects to a page of another site that no feed names."""
    rng = random.Random(seed)
    words = vocabulary(rng)
    sites, texts = [Site(f"site{number}.example") for number in range(HOSTS)], []
    for number, site in enumerate(sites):
        paths = [f"/2026/11/story-{number}-{page}.html" for page in range(PAGES_A_HOST)]
        home, other = paths[:-1], sites[(number + HOSTS // 2) % HOSTS]
        for where, path in [*((site, path) for path in home), (other, paths[-1])]:
            title = " ".join(rng.choices(words[:500], k=6)).capitalize()
            body, text = article(rng, words, title)
            where.put(path, Resource(body=body, content_type="text/html; charset=utf-8", delay_seconds=0.05))
            texts.append(text)
        site.put("/moved", Resource.redirect(f"http://{other.host}{paths[-1]}", 302))
        links = "".join(f"<item><link>http://{site.host}{path}</link></item>" for path in (*home, "/moved"))
        feed = f"<rss version='2.0'><channel><title>{site.host}</title>{links}</channel></rss>"
        site.put("/feed.xml", Resource(body=feed.encode(), content_type="application/rss+xml"))
    return sites, texts


@pytest.fixture
def rig(tmp_path, postgresql_server):
    if sys.platform != "linux":
        pytest.skip("processes are told apart by the names that Linux keeps")
    sites, texts = world(seed=5)
    with postgresql_server.database(migrated=True) as url:
        settings = {"STORE__URL": url, "CRAWL__DELAY_SECONDS": str(DELAY), "CRAWL__CONCURRENCY": str(PLACES)}
        environment = {f"COPYTASTER_{name}": value for name, value in settings.items()}
        with Rig(tmp_path, sites, environment=environment, workers=4, crawlers=2) as rig:
            rig.add_watches(rare_queries(texts, 60, random.Random(3)))
            rig.start()
            yield rig


def crawlers(rig):
    found = []
    for each in psutil.Process(rig.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if role_of(each) == "crawl":
                found.append(each)
    return found


def held_by(rig, process):
    """Hosts whose lease this crawler took."""
    with rig.store.read() as tx:
        rows = tx.conn.execute(select(schema.hosts.c.host, schema.hosts.c.lease_token))
        return {row.host for row in rows if (row.lease_token or "").startswith(f"{name_of('crawl', process.pid)}/")}


def to_fetch(rig):
    """URLs of links whose page is not a row yet."""
    with rig.store.read() as tx:
        return set(tx.conn.execute(select(schema.links.c.url).where(schema.links.c.state == "found")).scalars())


def stories(rig):
    return [each for each in rig.site.requests() if each.path.startswith("/2026/")]


def test_a_host_is_asked_by_one_crawler_at_a_time_though_one_is_killed_and_one_held_up(rig):
    rig.add_sources([f"http://site{number}.example/feed.xml" for number in range(HOSTS)])
    rig.wait(lambda: len(stories(rig)) >= HOSTS * 3, 60, "the first pages")
    killed, paused = crawlers(rig)
    lost, stolen = held_by(rig, killed), held_by(rig, paused)
    assert lost, "a crawler without any host"
    assert stolen, "a crawler without any host"
    paused.send_signal(signal.SIGSTOP)
    killed.kill()
    ended_at, unwritten = dt.datetime.now(dt.UTC), to_fetch(rig)
    rig.wait(lambda: not held_by(rig, killed) | held_by(rig, paused), BACK_SECONDS, "the leases of both to move on")
    paused.send_signal(signal.SIGCONT)
    rig.wait(rig.settled, 120, "everything to be done")

    requests = sorted(rig.site.requests(), key=lambda each: each.began)
    back = seconds_until_asked_again(requests, lost & still_to_do(requests, ended_at), ended_at)
    print(f"hosts of the killed crawler were asked again after {min(back):.1f} to {max(back):.1f} s")
    assert max(back) < BACK_SECONDS
    assert_no_host_was_hurried(requests, ended_at)
    assert_no_page_was_fetched_twice(requests, unwritten)
    with rig.store.read() as tx:
        assert articles.total(tx) == HOSTS * PAGES_A_HOST
        assert not refusals.every(tx)
    truth = rig.truth()
    assert len(truth) > 30, "the watches hit too little to show anything"
    assert rig.told() == truth


def still_to_do(requests, at):
    """Hosts that were asked for a story after that instant."""
    return {each.host for each in requests if each.began > at and each.path.startswith("/2026/")}


def seconds_until_asked_again(requests, hosts, at):
    return [
        min((each.began - at).total_seconds() for each in requests if each.host == host and each.began > at) for host in hosts
    ]


def assert_no_host_was_hurried(requests, ended_at):
    for host in {each.host for each in requests}:
        mine = [each for each in requests if each.host == host]
        for earlier, later in pairwise(mine):
            said = f"{earlier.path} and {later.path} of {host}"
            assert later.began >= earlier.at, f"two asked at once: {said}"
            apart = (later.began - earlier.began).total_seconds()
            since = (later.began - ended_at).total_seconds()
            assert apart >= HURRIED * DELAY, f"{apart:.2f} s between {said}, {since:.1f} s after the kill"


def assert_no_page_was_fetched_twice(requests, unwritten):
    """But for what was no row yet when both crawlers ended: what they had fetched of it is lost with them."""
    fetched = Counter((each.host, each.path) for each in requests if each.path.startswith("/2026/"))
    for (host, path), times in fetched.items():
        assert times <= 1 + (link_to(host, path) in unwritten), f"{path} of {host} was fetched {times} times"


def link_to(host, path):
    """The URL by which a story was found: the last of each site by its redirect from there."""
    number, page = path.removesuffix(".html").split("-")[-2:]
    return f"http://site{number}.example/moved" if int(page) == PAGES_A_HOST - 1 else f"http://{host}{path}"
