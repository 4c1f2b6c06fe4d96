"""A whole crawl, real processes and a real browser: whatever sites say, nothing comes to the canary, and each refusal is told."""

import html
import json
from types import SimpleNamespace

import pytest
from sqlalchemy import select
from werkzeug import Response

from copytaster import outbound
from copytaster.errors import CopytasterError
from copytaster.store import schema, sources
from copytaster.urls import normalize
from tests.scrapers.conftest import World, rss
from tests.security.canary import ALLOWED, Located, spellings
from workers import websub

pytestmark = pytest.mark.slow
REFUSED = ("not a public address", "has no address", "no web address", "no URL", "not a URL", "connection")


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, SimpleNamespace(proxy=None))
    yield made
    made.store.close()


def url_of(authority):
    return f"http://{authority}/"


def normal(url):
    try:
        return normalize(url)
    except CopytasterError:
        return None


def served(resource):
    return Response(resource.body, content_type=resource.content_type)


class Lures:
    """One site that tries all spellings in every place of its own where an address may stand."""

    def __init__(self, world, outside, canary):
        self.world, self.outside, self.port = world, outside, outside.port
        self.targets = [url_of(each) for each in spellings(canary.port)]
        outside.expect_request("/robots.txt").respond_with_data("", status=404)

    def site(self, number=1):
        return f"http://127.0.64.{number}:{self.port}"

    def put(self, path, response, host=None):
        headers = {"Host": f"{host}:{self.port}"} if host else None
        self.outside.expect_request(path, headers=headers).respond_with_response(response)

    def endpoints(self):
        """(kind, url) of every endpoint; a spelling that is refused as it is typed is none."""
        yield from (("feed", url) for url in sorted({normal(target) for target in self.targets} - {None}))
        for number, target in enumerate(self.targets):
            self.put(f"/moved/{number}", Located(target))
            yield "feed", f"{self.site()}/moved/{number}"
        for number, target in enumerate(self.targets):
            host = f"127.0.65.{number + 1}"
            self.outside.expect_oneshot_request("/robots.txt", headers={"Host": f"{host}:{self.port}"}).respond_with_response(
                Located(target)
            )
            yield "feed", f"http://{host}:{self.port}/feed.xml"

    def feed_of_links(self):
        for number, target in enumerate(self.targets):
            self.put(f"/article/{number}", Located(target))
        links = [*self.targets, *(f"{self.site()}/article/{number}" for number in range(len(self.targets)))]
        self.put("/links.xml", served(rss(*(html.escape(link) for link in links))))
        return "feed", f"{self.site()}/links.xml"

    def sitemap_of_sitemaps(self):
        places = "".join(f"<sitemap><loc>{html.escape(target)}</loc></sitemap>" for target in self.targets[:50])
        body = f'<?xml version="1.0"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{places}</sitemapindex>'
        self.put("/sitemap.xml", Response(body, content_type="application/xml"))
        return "sitemap", f"{self.site()}/sitemap.xml"

    def feeds_with_hubs(self):
        for number, target in enumerate(self.targets):
            hub = f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="hub" href="{html.escape(target)}"/>'
            self.put(f"/hub/{number}", served(rss(extra=hub)))
            yield "feed", f"{self.site()}/hub/{number}"


@pytest.mark.timeout(300)
def test_no_source_redirect_robots_sitemap_link_or_hub_leads_the_crawl_to_the_canary(world, outside, unreached):
    lures = Lures(world, outside, unreached)
    asked = list(lures.endpoints())
    hubs = list(lures.feeds_with_hubs())
    world.source(f"{lures.site()}/", *asked, lures.feed_of_links(), lures.sitemap_of_sitemaps(), *hubs)
    world.crawl(guard__allow=json.dumps([ALLOWED]), crawl__run_seconds=30, crawl__autothrottle="false")
    with world.store.read() as tx:
        rows = {row.url: row for row in tx.conn.execute(select(schema.endpoints))}
        found = {row.url: row.state for row in tx.conn.execute(select(schema.links))}
        told = {row.url: row.detail for row in tx.conn.execute(select(schema.refusals))}
    unread = [url for _, url in asked if rows[url].read_at is not None or not rows[url].last_error]
    assert unread == []
    assert [
        row.last_error for url, row in rows.items() if row.last_error and not any(sign in row.last_error for sign in REFUSED)
    ] == []
    assert rows[lures.sitemap_of_sitemaps()[1]].read_at
    assert len(found) >= len(lures.targets)
    assert set(found.values()) <= {"refused", "found"}
    assert len(told) >= 34
    assert [detail for detail in told.values() if not any(sign in detail for sign in REFUSED)] == []
    _ask_hubs(world, unreached)


def _ask_hubs(world, canary):
    from copytaster.guard import Guard

    with world.store.read() as tx:
        offered = sources.with_hubs(tx, until=tx.now, limit=1_000)
    assert len(offered) >= 34
    with outbound.client(Guard([ALLOWED])) as client:
        for _ in range(len(offered)):
            assert websub.subscribe_due(world.store, client, "https://copytaster.example") == 0
    assert canary.hits == []


PAGE = """<!doctype html><html><head><title>App</title><script>
const targets = %(targets)s, moved = %(moved)s, port = %(port)d;
const few = [...targets.filter(url => url.includes(port)).slice(0, 6), ...moved.slice(0, 6)], tried = [];
const attempt = async (name, act) => { try { await act(); } catch (e) {} tried.push(name); };
const add = (tag, attributes) => document.body.append(Object.assign(document.createElement(tag), attributes));
const lure = url => {
  attempt("fetch", () => fetch(url, {mode: "no-cors"}));
  attempt("image", () => { new Image().src = url; });
  attempt("script", () => add("script", {src: url}));
  attempt("import", () => import(url));
  attempt("beacon", () => navigator.sendBeacon(url, "x"));
  attempt("events", () => new EventSource(url));
  attempt("xhr", () => { const x = new XMLHttpRequest(); x.open("POST", url); x.send("x"); });
  attempt("socket", () => new WebSocket(url.replace("http:", "ws:")));
  attempt("transport", () => new WebTransport(url.replace("http:", "https:")));
  for (const rel of ["stylesheet", "prefetch", "preload", "preconnect", "dns-prefetch", "modulepreload", "prerender", "manifest"])
    attempt(rel, () => add("link", {rel, href: url, as: "script"}));
};
const open = url => {  // of frames, workers and windows a few: hundreds would only show that a browser can be kept busy
  attempt("frame", () => add("iframe", {src: url}));
  attempt("object", () => add("object", {data: url}));
  attempt("video", () => add("video", {src: url, preload: "auto"}));
  attempt("worker", () => new Worker(URL.createObjectURL(new Blob([`fetch(${JSON.stringify(url)}, {mode: "no-cors"})`]))));
  attempt("popup", () => window.open(url));
  attempt("form", () => {
    const target = "f" + tried.length;
    add("iframe", {name: target});
    add("form", {action: url, method: "POST", target});
    document.body.lastChild.submit();
  });
};
const direct = () => {
  for (const transport of ["tcp", "udp"]) attempt("rtc", async () => {
    const urls = [`turn:127.0.0.1:${port}?transport=${transport}`, `stun:127.0.0.1:${port}`];
    const rtc = new RTCPeerConnection({iceServers: urls.map(urls => ({urls, username: "a", credential: "b"}))});
    rtc.createDataChannel("x"); await rtc.setLocalDescription(await rtc.createOffer());
  });
  attempt("service worker", () => navigator.serviceWorker.register("/worker.js"));
};
window.addEventListener("load", () => {
  document.getElementById("root").innerText = "%(words)s";
  direct();
  [...targets, ...moved].forEach(lure);
  document.body.append("all was tried");
  setTimeout(() => few.forEach(open), 50);  // what is in frames would hold up the page's own load
});
</script></head><body><div id="root"></div></body></html>"""


@pytest.mark.service
@pytest.mark.timeout(240)
def test_no_page_leads_the_browser_to_the_canary(world, outside, unreached, chromium):
    """Images, scripts, frames, sockets, workers, beacons, forms, prefetches, WebRTC, redirects: all spellings, real Chromium."""
    lures = Lures(world, outside, unreached)
    targets = sorted({url for each in lures.targets if (url := normal(each))})  # a browser reads the others as one of these
    targets = [url for url in targets if str(unreached.port) in url] + targets[::8]
    for number, target in enumerate(targets):
        lures.put(f"/away/{number}", Located(target, 307))
    moved = [f"{lures.site()}/away/{number}" for number in range(0, len(targets), 4)]
    words = "The river has a new bridge and everybody who lives on its banks is glad of it. " * 5
    values = {"targets": json.dumps(targets), "moved": json.dumps(moved), "port": unreached.port, "words": words}
    lures.put("/app", Response(PAGE % values, content_type="text/html; charset=utf-8"))
    lures.put("/worker.js", Response("self.addEventListener('install', () => 0)", content_type="text/javascript"))
    lures.put("/feed.xml", served(rss(f"{lures.site()}/app")))
    world.source(f"{lures.site()}/", ("feed", f"{lures.site()}/feed.xml"))
    said = world.crawl(
        "127.0.64.1",
        guard__allow=json.dumps([ALLOWED]),
        crawl__render="true",
        crawl__browser=str(chromium),
        crawl__run_seconds=100,
        crawl__timeout_seconds=60,
    )
    body = _kept(world)
    assert "Traceback" not in said
    assert "The river has a new bridge" in body, said
    paths = [request.path for request, _ in outside.log]
    assert "all was tried" in body
    assert any(path.startswith("/away/") for path in paths)


def _kept(world):
    from copytaster.store import pages

    with world.store.write() as tx:
        lease = pages.claim(tx, "test", seconds=1)
    return lease.page.body.decode()
