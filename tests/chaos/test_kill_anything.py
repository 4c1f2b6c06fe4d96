"""Promise 1: any process may be killed and Redis wiped, and every matching article still reaches its watcher."""

import contextlib
import random
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
import redis

from copytaster.store import articles, refusals
from desk.bench.pipeline import rare_queries
from desk.bench.rig import Rig
from desk.bench.tree import role_of
from desk.site import Resource, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
HOSTS, PAGES_A_HOST = 6, 20
ROLES = ("crawl", "read", "send", "beat", "web", "redis")


def article(rng: random.Random, vocabulary: list[str], title: str) -> tuple[bytes, str]:
    """A page of about 200 words of our own making, and its text."""
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    paragraphs = [" ".join(rng.choices(vocabulary, weights, k=40)).capitalize() + "." for _ in range(5)]
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    head = f"<!doctype html><html lang=en><head><title>{title}</title></head>"
    page = f"{head}<body><article><h1>{title}</h1>{body}</article></body></html>"
    return page.encode(), "\n".join(paragraphs)


def world(seed: int) -> tuple[list[Site], list[str]]:
    """Sites with a feed each, and the texts of their articles."""
    rng = random.Random(seed)
    letters = "abcdefghiklmnoprstuvz"
    vocabulary = sorted({"".join(rng.choices(letters, k=rng.randint(4, 9))) for _ in range(3000)})
    rng.shuffle(vocabulary)
    sites, texts = [], []
    for host_number in range(HOSTS):
        site = Site(f"site{host_number}.example")
        items = []
        for number in range(PAGES_A_HOST):
            title = " ".join(rng.choices(vocabulary[:500], k=6)).capitalize()
            body, text = article(rng, vocabulary, title)
            path = f"/2026/11/{title.lower().replace(' ', '-')}-{number}.html"
            site.put(path, Resource(body=body, content_type="text/html; charset=utf-8", paced=True))
            items.append(f"<item><title>{title}</title><link>http://{site.host}{path}</link></item>")
            texts.append(text)
        feed = f"<rss version='2.0'><channel><title>{site.host}</title>{''.join(items)}</channel></rss>"
        site.put("/feed.xml", Resource(body=feed.encode(), content_type="application/rss+xml"))
        sites.append(site)
    return sites, texts


def processes(rig: Rig, role: str) -> list[psutil.Process]:
    found = []
    for each in psutil.Process(rig.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended while we looked
            if role_of(each) == role:
                found.append(each)
    return found


def kill(rig: Rig, role: str, rng: random.Random) -> None:
    victim = rng.choice(processes(rig, role))  # of a pool, now the parent and now a child
    victim.send_signal(signal.SIGKILL)


def wait_for(rig: Rig, done, what: str) -> None:
    rig.wait(done, 60, what)


def wipe(rig: Rig) -> None:
    with redis.Redis(unix_socket_path=str(rig.config().redis_socket)) as client:
        client.flushall()


@pytest.fixture
def rig(tmp_path: Path):
    if sys.platform != "linux":
        pytest.skip("processes are told apart by the names that Linux keeps")
    sites, texts = world(seed=7)
    with Rig(tmp_path, sites, pages_per_second=12) as rig:
        rig.add_watches(rare_queries(texts, 60, random.Random(3)))
        rig.start()
        yield rig


def test_killing_each_process_and_wiping_redis_changes_nothing_in_the_alerts(rig):
    rng, kills = random.Random(11), 0
    rig.add_sources([f"http://site{number}.example/feed.xml" for number in range(HOSTS)])
    for role in ROLES:
        before = len(rig.received())
        wait_for(rig, lambda role=role: processes(rig, role), f"{role} to be there")
        kill(rig, role, rng)
        kills += 1
        if role == "send":
            wipe(rig)
        wait_for(rig, lambda before=before: rig.settled() or len(rig.received()) >= before + 3, f"alerts after {role} was killed")
    rig.wait(rig.settled, 150, "everything to be done")
    truth, told, received = rig.truth(), rig.told(), rig.received()
    with rig.store.read() as tx:
        assert not refusals.every(tx)
    assert len(truth) > 30, "the watches hit too little to show anything"
    assert told == truth
    with rig.store.read() as tx:
        assert articles.total(tx) == HOSTS * PAGES_A_HOST, "a page that is lost is missing in the truth too"
    alerts = {(message["id"], item["watch"]["id"], item["story"]) for message in received for item in message["items"]}
    assert len(alerts) == len(told), "an alert came twice, in messages of different ids"
    by_id = {message["id"]: message["sha256"] for message in received}
    assert all(by_id[message["id"]] == message["sha256"] for message in received), "a repeat must be the same to the byte"
    assert len(received) - len(by_id) <= kills


def test_everything_waits_while_the_supervisor_is_dead_and_goes_on_after(rig):
    rig.add_sources([f"http://site{number}.example/feed.xml" for number in range(HOSTS)])
    wait_for(rig, lambda: len(rig.received()) >= 3, "first alerts")
    rig.process.kill()
    rig.process.wait()
    time.sleep(0.5)
    rig.start()
    rig.wait(rig.settled, 150, "everything to be done")
    assert rig.told() == rig.truth()
