"""One real crawler run over many small sites, and what each of them teaches."""

import dataclasses
import datetime as dt
import http.server
import threading
import zlib

import pytest

from desk.loopback import Resource
from tests.scrapers.conftest import World, page, rss

pytestmark = pytest.mark.slow  # whole runs, 12 s each

HTML = {"content_type": "text/html; charset=utf-8"}


class Canary(http.server.BaseHTTPRequestHandler):
    """A private service that must never be asked."""

    hits: list[str] = []  # noqa: RUF012

    def do_GET(self):
        self.hits.append(self.path)
        self.send_error(500)

    def log_message(self, *args):
        return


@pytest.fixture(scope="module")
def canary():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canary)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def ran(tmp_path_factory, server, canary):
    """All the sites below, crawled once."""
    world = World(tmp_path_factory.mktemp("ran"), server)
    put = server.put

    world.feed("plain.example", "/2026/one", "/2026/two", "/moved", "/file.pdf", "/gone", "/away/a-story")
    put("plain.example", "/2026/one", page("One"))
    put("plain.example", "/2026/two", page("Two"))
    put("plain.example", "/moved", Resource.redirect("/2026/three"))
    put("plain.example", "/2026/three", page("Three"))
    put("plain.example", "/file.pdf", Resource(body=b"%PDF-1.7", content_type="application/pdf"))
    put("plain.example", "/gone", Resource(status=410))
    put("plain.example", "/away/a-story", Resource.redirect("/", 302))
    put("plain.example", "/", page("Front page"))

    world.feed("closed.example", "/private/x", "/open/y")
    put(
        "closed.example",
        "/robots.txt",
        Resource(body=b"User-agent: copytaster\nDisallow: /private/\n", content_type="text/plain"),
    )
    put("closed.example", "/private/x", page("Private"))
    put("closed.example", "/open/y", page("Open"))

    world.feed("broken-robots.example", "/a")
    put("broken-robots.example", "/robots.txt", Resource(status=503))

    world.feed("loop.example", "/a", "/inside", "/ftp")
    put("loop.example", "/a", Resource.redirect("/b"))
    put("loop.example", "/b", Resource.redirect("/a"))
    put("loop.example", "/inside", Resource.redirect(f"{canary}/metadata"))
    put("loop.example", "/ftp", Resource.redirect("file:///etc/passwd"))
    world.feed("direct.example", f"{canary}/direct", "http://localhost/x", proxy=None)
    put("direct.example", "/feed.xml", rss(f"{canary}/direct"))
    world.source(f"{canary}/", ("feed", f"{canary}/feed.xml"), proxy=None)

    world.feed("big.example", "/big", "/bomb")
    put("big.example", "/big", Resource(body=b"<html>" + bytes(11_000_000), content_type="application/octet-stream"))
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = bomb.compress(bytes(100_000_000)) + bomb.flush()
    put("big.example", "/bomb", Resource(body=packed, content_type="application/x-bomb", headers={"Content-Encoding": "gzip"}))

    world.feed("busy.example", "/a", "/b", "/c")
    for path in ("/a", "/b", "/c"):
        put("busy.example", path, Resource(status=429, headers={"Retry-After": "1200"}))
    world.feed("blocked.example", "/a")
    put("blocked.example", "/a", Resource(status=403))
    world.feed("slow.example", "/a")
    put("slow.example", "/a", Resource(body=b"<html>late</html>", delay_seconds=6))

    first = {"headers": {"X-Key": "first"}, "cookies": {"session": "1"}, "user_agent": "first-bot/1"}
    second = {"headers": {"Authorization": "Bearer second"}, "cookies": {"session": "2"}, "user_agent": "second-bot/1"}
    world.feed("first.example", "/a", "http://other.example/guest", **first)
    world.feed("second.example", "/a", **second)
    for host in ("first.example", "second.example"):
        put(host, "/a", page(f"For {host}"))
    put("other.example", "/guest", page("Guest"))

    world.feed("script.example", "/app")
    put("script.example", "/app", Resource(body=SHELL))

    world.source("http://map.example/", ("sitemap", "http://map.example/sitemap.xml"))
    put("map.example", "/sitemap.xml", sitemap("sitemapindex", "sitemap", "http://map.example/news.xml"))
    put("map.example", "/news.xml", sitemap("urlset", "url", "http://map.example/2026/mapped-story"))
    put("map.example", "/2026/mapped-story", page("Mapped"))

    world.source("http://list.example/", ("section", "http://list.example/news/"))
    put("list.example", "/news/", Resource(body=SECTION))
    for number in range(8):
        put("list.example", f"/news/2026/05/a-long-story-about-bridges-{number}", page(f"Listed {number}"))

    world.source("http://notfeed.example/", ("feed", "http://notfeed.example/feed.xml"))
    put("notfeed.example", "/feed.xml", page("Please log in"))

    world.said = world.crawl(crawl__run_seconds=12, crawl__timeout_seconds=3)
    yield world
    world.store.close()


SHELL = (
    b'<!doctype html><html><head><title>App</title><script src="/app.js"></script></head>'
    b'<body><div id="root"></div></body></html>'
)
SECTION = (
    "<!doctype html><html><body><nav><a href='/news/'>News</a><a href='/about'>About us</a></nav><main>"
    + "".join(
        f"<article><h2><a href='/news/2026/05/a-long-story-about-bridges-{n}'>"
        f"A long story about the bridges of town {n}</a></h2></article>"
        for n in range(8)
    )
    + "</main></body></html>"
).encode()


def sitemap(root, tag, *places):
    rows = "".join(f"<{tag}><loc>{place}</loc></{tag}>" for place in places)
    return Resource(
        body=f'<{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</{root}>'.encode(),
        content_type="application/xml",
    )


def kept(world):
    return set(world.rows("pages"))


def asked(world, host):
    return [request for request in world.server.requests() if request.host == host]


def test_a_feed_becomes_pages(ran):
    assert {"http://plain.example/2026/one", "http://plain.example/2026/two"} <= kept(ran)


def test_a_page_is_known_by_the_address_it_ends_up_at(ran):
    assert "http://plain.example/2026/three" in kept(ran)
    assert ran.rows("links")["http://plain.example/moved"].state == "fetched"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://plain.example/file.pdf", "not_html"),
        ("http://plain.example/gone", "gone"),
        ("http://plain.example/away/a-story", "soft_404"),
        ("http://closed.example/private/x", "robots"),
        ("http://loop.example/a", "redirect_loop"),
        ("http://loop.example/inside", "private_address"),
        ("http://loop.example/ftp", "bad_redirect"),
        ("http://big.example/big", "too_big"),
        ("http://big.example/bomb", "too_big"),
        ("http://script.example/app", "needs_javascript"),
    ],
)
def test_what_is_refused_is_listed_with_its_reason(ran, url, reason):
    assert ran.reason(url) == reason
    assert ran.rows("links")[url].state == "refused"


def test_what_robots_allow_is_fetched_and_what_they_forbid_is_not(ran):
    assert "http://closed.example/open/y" in kept(ran)
    assert [one.path for one in asked(ran, "closed.example") if one.path.startswith("/private")] == []


def test_robots_are_read_once_a_host(ran):
    assert len([one for one in asked(ran, "plain.example") if one.path == "/robots.txt"]) == 1
    assert ran.rows("hosts")["plain.example"].robots_status == 404


def test_broken_robots_mean_no_fetch_at_all(ran):
    assert {one.path for one in asked(ran, "broken-robots.example")} == {"/robots.txt"}
    assert "robots.txt answers 503" in ran.rows("endpoints")["http://broken-robots.example/feed.xml"].last_error


def test_no_private_address_is_ever_asked(ran, canary):
    assert Canary.hits == []
    assert "not a public address" in ran.rows("endpoints")[f"{canary}/feed.xml"].last_error


def test_a_host_that_says_429_is_left_alone_as_long_as_it_asks(ran):
    assert len([one for one in asked(ran, "busy.example") if one.status == 429]) == 1
    host, link = ran.rows("hosts")["busy.example"], ran.rows("links")["http://busy.example/a"]
    for at in (host.next_allowed_at, link.due_at):
        assert dt.timedelta(minutes=19) < at - dt.datetime.now(dt.UTC) < dt.timedelta(minutes=21)
    assert ran.rows("links")["http://busy.example/b"].attempts == 0


@pytest.mark.parametrize("host", ["blocked.example", "slow.example"])
def test_what_may_work_later_is_tried_again(ran, host):
    link = ran.rows("links")[f"http://{host}/a"]
    assert (link.state, link.attempts) == ("found", 1)
    assert link.due_at > dt.datetime.now(dt.UTC)


def test_two_sources_keep_their_headers_cookies_and_names_apart(ran):
    for host, cookie, agent in (("first.example", "session=1", "first-bot/1"), ("second.example", "session=2", "second-bot/1")):
        for request in asked(ran, host):
            assert request.headers["user-agent"] == agent
            assert request.headers["cookie"] == cookie
    assert asked(ran, "first.example")[0].headers["x-key"] == "first"
    assert "x-key" not in asked(ran, "second.example")[0].headers
    assert asked(ran, "second.example")[0].headers["authorization"] == "Bearer second"


def test_secrets_of_a_source_stay_on_its_own_site(ran):
    guest = next(one for one in asked(ran, "other.example") if one.path == "/guest")
    assert guest.headers["user-agent"] == "first-bot/1"
    assert not {"x-key", "cookie"} & set(guest.headers)


def test_a_sitemap_index_is_followed(ran):
    assert "http://map.example/2026/mapped-story" in kept(ran)


def test_a_section_without_a_feed_is_read(ran):
    assert len([url for url in kept(ran) if url.startswith("http://list.example/news/2026/")]) == 8


def test_a_login_page_in_place_of_a_feed_is_an_error_with_a_sentence(ran):
    endpoint = ran.rows("endpoints")["http://notfeed.example/feed.xml"]
    assert endpoint.failures >= 1
    assert endpoint.last_error


def test_all_hosts_are_given_back_at_the_end(ran):
    assert [host for host, row in ran.rows("hosts").items() if row.lease_token] == []


def test_nothing_alarming_is_said(ran):
    assert "Error" not in ran.said
    assert "Unhandled" not in ran.said


@pytest.mark.slow
def test_a_hub_that_only_the_headers_name_is_noted(world, server):
    source = world.feed("hubbed.example")
    offered = '<https://hub.example/>; rel="hub", <http://hubbed.example/feed.xml>; rel="self"'
    listing = dataclasses.replace(rss("http://hubbed.example/1"), headers={"link": offered})
    server.put("hubbed.example", "/feed.xml", listing)
    server.put("hubbed.example", "/1", page("One"))
    world.crawl(source.id)
    row = world.rows("endpoints")["http://hubbed.example/feed.xml"]
    assert (row.hub, row.topic) == ("https://hub.example/", "http://hubbed.example/feed.xml")
