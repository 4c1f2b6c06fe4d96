"""The crawler as a process: asked again, ended, killed, run twice at once, and through Scrapy's own command."""

import os
import subprocess
import sys
import threading
import time

import pytest

from desk.loopback import Resource
from tests.scrapers.conftest import NOTING, ROOT, ended, page, rss


def requests(world, host, path):
    return [one for one in world.server.requests() if (one.host, one.path) == (host, path)]


def wait_for(condition, seconds=60.0):
    """Polls, for what happens in another process has no event that we could await."""
    until = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        pause.wait(0.05)


@pytest.mark.slow
def test_a_second_reading_is_conditional_and_brings_what_is_new(world):
    world.feed("again.example", "/1")
    for number in (1, 2):
        world.server.put("again.example", f"/{number}", page(str(number)))
    world.crawl("again.example")
    world.due_again()
    world.crawl("again.example")
    world.server.put("again.example", "/feed.xml", rss("http://again.example/2", "http://again.example/1"))
    world.due_again()
    world.crawl("again.example")
    first, second, third = requests(world, "again.example", "/feed.xml")
    assert (first.status, second.status, third.status) == (200, 304, 200)
    assert second.headers["if-none-match"]
    assert set(world.rows("pages")) == {"http://again.example/1", "http://again.example/2"}
    assert len(requests(world, "again.example", "/1")) == 1
    assert len(requests(world, "again.example", "/robots.txt")) == 1


@pytest.mark.slow
def test_the_twentieth_reading_is_unconditional(world):
    world.feed("honest.example")
    world.crawl("honest.example")
    with world.store.write() as tx:
        from copytaster.store import schema

        tx.conn.execute(schema.endpoints.update().values(readings=19))
    world.due_again()
    world.crawl("honest.example")
    assert "if-none-match" not in requests(world, "honest.example", "/feed.xml")[-1].headers


@pytest.mark.slow
def test_sigterm_ends_a_run_quickly_and_gives_everything_back(world):
    world.feed("slow.example", "/1", "/2")
    for path in ("/1", "/2"):
        world.server.put("slow.example", path, Resource(body=b"<html>late</html>", delay_seconds=30))
    process = world.start(crawl__run_seconds=60)
    with ended(process):
        wait_for(lambda: any(row.attempts for row in world.rows("links").values()))
        begun = time.monotonic()
        process.terminate()
        _, said = process.communicate(timeout=10)
        assert time.monotonic() - begun < 5
        assert process.returncode == 0, said
        assert "Traceback" not in said
    assert [row.attempts for row in world.rows("links").values()] == [0, 0]
    assert world.rows("hosts")["slow.example"].lease_token is None


@pytest.mark.slow
def test_after_kill_9_another_crawler_takes_over(world):
    paths = [f"/{number}" for number in range(30)]  # so many that it is killed in their midst
    world.feed("killed.example", *paths)
    for path in paths:
        world.server.put("killed.example", path, Resource(body=page(path).body, delay_seconds=1))
    process = world.start(crawl__run_seconds=60)
    with ended(process):
        wait_for(lambda: world.rows("pages"))
        process.kill()
    for path in paths:
        world.server.put("killed.example", path, page(path))
    assert world.rows("hosts")["killed.example"].lease_token
    with world.store.write() as tx:
        from copytaster.store import schema

        tx.conn.execute(schema.hosts.update().values(leased_until=tx.now, due_at=tx.now))
        tx.conn.execute(schema.links.update().where(schema.links.c.state == "found").values(due_at=tx.now))
    world.crawl("killed.example")
    assert len(world.rows("pages")) == len(paths)


@pytest.mark.slow
def test_two_crawlers_at_once_fetch_each_page_once(world):
    hosts = [f"shared{n}.example" for n in range(6)]
    for host in hosts:
        world.feed(host, "/1", "/2")
        for path in ("/1", "/2"):
            world.server.put(host, path, page(path))
    both = [world.start(crawl__run_seconds=12, crawl__concurrency=2) for _ in range(2)]
    for process in both:
        with ended(process):
            _, said = process.communicate(timeout=60)
            assert process.returncode == 0, said
    assert len(world.rows("pages")) == 12
    assert [len(requests(world, host, "/1")) for host in hosts] == [1] * 6


@pytest.mark.slow
def test_a_delay_between_requests_to_one_host_is_kept(world, monkeypatch):
    monkeypatch.setattr("tests.scrapers.conftest.PREPARE", NOTING)
    world.feed("polite.example", "/1", "/2", "/3")
    for path in ("/1", "/2", "/3"):
        world.server.put("polite.example", path, page(path))
    world.crawl("polite.example", crawl__delay_seconds=0.5)
    apart = world.seconds_apart("polite.example")
    assert len(apart) == 4
    assert min(apart) > 0.45
    assert world.rows("hosts")["polite.example"].delay_seconds >= 0.5


@pytest.mark.slow
def test_crawl_delay_of_robots_is_kept(world, monkeypatch):
    monkeypatch.setattr("tests.scrapers.conftest.PREPARE", NOTING)
    world.feed("asking.example", "/1", "/2")
    robots = Resource(body=b"User-agent: *\nCrawl-delay: 1\n", content_type="text/plain")
    world.server.put("asking.example", "/robots.txt", robots)
    world.crawl("asking.example")
    (apart,) = world.seconds_apart("asking.example", "/1", "/2")
    assert apart > 0.95


@pytest.mark.slow
def test_cookies_set_on_the_way_are_sent_back(world):
    world.feed("wall.example", "/story")
    back = Resource(status=302, headers={"Location": "/story?in=1", "Set-Cookie": "seen=yes; Path=/"})
    world.server.put("wall.example", "/story", back)
    world.server.put("wall.example", "/story?in=1", page("Story"))
    world.crawl("wall.example")
    assert requests(world, "wall.example", "/story?in=1")[0].headers["cookie"] == "seen=yes"


@pytest.mark.slow
def test_an_unknown_source_is_one_clear_sentence(world):
    process = world.start("nowhere.example")
    _, said = process.communicate(timeout=30)
    assert "There is no source 'nowhere.example'" in said


@pytest.mark.slow
@pytest.mark.parametrize(("args", "expected"), [(["list"], "news"), (["crawl", "news", "-a", "source=cli.example"], "")])
def test_scrapys_own_command_works(world, args, expected):
    world.feed("cli.example", "/1")
    world.server.put("cli.example", "/1", page("One"))
    environ = os.environ | {"COPYTASTER_DATA_DIR": str(world.folder), "COPYTASTER_CRAWL__DELAY_SECONDS": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *args], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert expected in done.stdout
    if args[0] == "crawl":
        assert set(world.rows("pages")) == {"http://cli.example/1"}


@pytest.mark.slow
def test_without_a_proxy_sites_are_asked_directly_and_troubles_have_their_sentences(world):
    place = world.server.proxy.removeprefix("http://")
    port = place.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost"):
        world.server.put(host, "/feed.xml", rss(f"http://{host}:{port}/story", f"https://{host}:{port}/locked"))
        world.server.put(host, "/story", page("Story"))
        world.source(f"http://{host}:{port}/", ("feed", f"http://{host}:{port}/feed.xml"), proxy=None)
    world.source("http://nowhere.invalid/", ("feed", "http://nowhere.invalid/feed.xml"), proxy=None)
    world.source("http://127.0.0.1:9/", ("feed", "http://127.0.0.1:9/feed.xml"), proxy=None)
    said = world.crawl(guard__allow='["127.0.0.0/8", "::1", "localhost"]', crawl__run_seconds=12)
    assert said == ""
    assert set(world.rows("pages")) == {f"http://127.0.0.1:{port}/story", f"http://localhost:{port}/story"}
    assert world.rows("links")[f"https://127.0.0.1:{port}/locked"].attempts == 1
    assert "does not answer" in world.rows("endpoints")["http://nowhere.invalid/feed.xml"].last_error
