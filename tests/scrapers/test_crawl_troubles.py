"""Sites that break in every way while a real crawler reads them: each trouble is told apart, kept with its evidence, and ends."""

import dataclasses
import datetime as dt
import time
from email.utils import format_datetime

import pytest

from copytaster.store import messages, troubles
from desk.loopback import Resource
from scrapers.rhythm import unpack
from tests.desk import news_world
from tests.scrapers.conftest import World, page, rss
from workers.source_watch import report

pytestmark = pytest.mark.slow  # three runs, half a minute

FOR_SALE = "<html><head><title>parked.example</title></head><body><h1>This domain is for sale!</h1></body></html>"
MOMENT = "<html><head><title>Just a moment...</title></head><body><script>window._cf_chl_opt={}</script></body></html>"
LOGIN = "<html><head><title>Log in</title></head><body><form><input type='password' name='p'></form></body></html>"
HOME = (
    "<html><head><title>Moved</title><link rel='alternate' type='application/rss+xml' href='/new.xml'></head>"
    "<body><p>We have a new site.</p></body></html>"
)
BROKEN = {
    "blocked.example": Resource(status=403, body=b"<html><title>403 Forbidden</title></html>", content_type="text/html"),
    "moment.example": Resource(status=503, body=MOMENT.encode(), content_type="text/html"),
    "login.example": Resource.redirect("/login", 302),
    "moved.example": Resource(status=404, body=b"not here"),
    "homeward.example": Resource.redirect("/", 302),
    "parked.example": Resource(body=FOR_SALE.encode(), content_type="text/html"),
    "empty.example": rss(),
    "broken.example": Resource(body=b'<?xml version="1.0"?><rss version="2.0"><channel><title>Cut o', content_type="text/xml"),
    "down.example": Resource(status=500),
}
KINDS = {
    "blocked.example": "blocked",
    "moment.example": "blocked",
    "login.example": "blocked",
    "moved.example": "moved",
    "homeward.example": "moved",
    "parked.example": "parked",
    "empty.example": "degraded",
    "broken.example": "malformed",
    "down.example": "unreachable",
}


def feed(host, *paths, apart=1):
    """Items a second apart, so that three usual intervals are over soon."""
    now = dt.datetime.now(dt.UTC)
    dates = [format_datetime(now - dt.timedelta(seconds=apart * (number + 1))) for number in range(len(paths))]
    return rss(*(f"http://{host}{path}" for path in paths), dated=dates)


def feed_row(world, host):
    return world.rows("endpoints")[f"http://{host}/feed.xml"]


@dataclasses.dataclass
class Lived:
    world: World
    broken_at: dt.datetime
    told: list[str]
    ill: dict[str, object]
    kinds: dict[str, int]
    again: list[str]


@pytest.fixture(scope="module")
def lived(tmp_path_factory, server):
    world = World(tmp_path_factory.mktemp("troubles"), server)
    news_world.add_watch(world.store, "Fatemiyoun", "mailto:first@example.org")
    for host in (*BROKEN, "well.example"):
        world.feed(host, "/a", "/b", "/c", "/d", "/e")
        server.put(host, "/feed.xml", feed(host, "/a", "/b", "/c", "/d", "/e", apart=3600 if host == "well.example" else 1))
        for path in ("/a", "/b", "/c", "/d", "/e", "/new"):
            server.put(host, path, page(path))
    world.crawl(crawl__run_seconds=8)
    for host, resource in BROKEN.items():
        server.put(host, "/feed.xml", resource)
    server.put("login.example", "/login", Resource(body=LOGIN.encode()))
    for host in ("moved.example", "homeward.example"):
        server.put(host, "/", Resource(body=HOME.encode()))
    server.put("moved.example", "/new.xml", feed("moved.example", "/new"))
    with world.store.read() as tx:
        broken_at = tx.now
    world.due_again()
    world.crawl(crawl__run_seconds=12)
    told = report(world.store)
    with world.store.read() as tx:
        kinds = troubles.by_kind(tx)
    ill = {host: feed_row(world, host) for host in (*BROKEN, "well.example")}
    server.put("blocked.example", "/feed.xml", feed("blocked.example", "/new", "/a", "/b", "/c", "/d", "/e", apart=3600))
    world.due_again()
    world.crawl(crawl__run_seconds=6)
    yield Lived(world, broken_at, told, ill, kinds, report(world.store))
    world.store.close()


@pytest.mark.parametrize(("host", "kind"), KINDS.items())
def test_each_trouble_is_told_apart_and_reported(lived, host, kind):
    row = lived.ill[host]
    assert row.trouble == kind
    assert row.evidence["times"] >= 2
    assert host in lived.told or host == "moved.example"  # whose new feed may have been found before anybody was told


def test_what_is_well_is_not_reported(lived):
    assert lived.ill["well.example"].trouble is None
    assert "well.example" not in lived.told


def test_the_evidence_says_what_was_seen(lived):
    assert lived.ill["blocked.example"].evidence["status"] == 403
    assert lived.ill["moment.example"].evidence["title"] == "Just a moment..."
    assert lived.ill["login.example"].evidence["final_url"] == "http://login.example/login"
    assert lived.ill["parked.example"].evidence["content_type"] == "text/html"
    assert lived.ill["broken.example"].evidence["head"].startswith("<?xml")
    assert lived.ill["empty.example"].last_error.endswith("answers, and nothing is in it any more.")


def test_a_feed_that_the_front_page_names_instead_is_read_and_alerts_for_what_is_new(lived):
    rows = lived.world.rows("endpoints")
    assert rows["http://moved.example/new.xml"].read_at
    assert "http://moved.example/feed.xml" in rows  # is asked on, seldom
    link = lived.world.rows("links")["http://moved.example/new"]
    assert not link.baseline


def test_a_feed_that_returns_from_the_dead_is_used_again_at_its_usual_interval(lived):
    row = feed_row(lived.world, "blocked.example")
    assert (row.trouble, row.failures, row.last_error) == (None, 0, None)
    assert (row.due_at - row.read_at).total_seconds() <= 3600  # twice as often as it publishes, not the day of the dead
    assert "http://blocked.example/new" in lived.world.rows("links")


def test_its_end_is_told_once(lived):
    assert "blocked.example" not in lived.again
    report(lived.world.store)
    with lived.world.store.read() as tx:
        said = [each["payload"] for each in tx.conn.execute(messages.messages.select()).mappings()]
    assert len([each for each in said if "blocked.example: it was blocked" in each]) == 1


def test_finds_teach_the_rhythm(lived):
    known = unpack(lived.world.rows("sources")["http://blocked.example/"].rhythm)
    assert known is not None
    assert sum(known.hours) > 0
    assert time.time() - known.until.timestamp() < 600
