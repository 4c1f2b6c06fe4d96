"""F17: sites that no crawler comes to the end of, and pages that are too much; every one held by a cap, and told."""

import gzip
import hashlib
import random
import time
from collections.abc import Callable, Iterable

from sqlalchemy import func, select

from copytaster.news import Endpoint, EndpointId, EndpointKind, Source, SourceId
from copytaster.store import sources
from copytaster.store.schema import links
from copytaster.urls import host_of, url_id
from desk.site import Resource, Site
from tests.chaos import faults
from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import EVERYWHERE, World, feed, page, vocabulary

MEGABYTE = 1_000_000
MOST_MEMORY = 300 * MEGABYTE
EVERY_SECONDS = 2.0
ROUNDS = 5
LINKS_A_DAY = 40
PLAIN = ["The council met on Tuesday and agreed to repair the old bridge over the river before winter comes."] * 6


def add(run: Run, url: str, kind: EndpointKind, *, every: float | None = None, since: float | None = float("inf")) -> None:
    """A source with this one endpoint."""
    with run.rig.store.write() as tx:
        source = Source(
            id=SourceId(url_id(url)),
            url=url,
            name=host_of(url),
            host=host_of(url),
            alert_since_seconds=since,
            proxy=run.rig.site.proxy,
            every_seconds=every,
            added_at=tx.now,
        )
        sources.add(tx, source, [Endpoint(id=EndpointId(url_id(url)), source_id=source.id, url=url, kind=kind, due_at=tx.now)])


def readings(run: Run, host: str, path: str) -> int:
    return sum(each.host == host and each.path == path for each in run.rig.site.requests())


def read_again(run: Run, host: str, path: str) -> None:
    """Until what is there now was surely read: one reading may have begun before it was put there."""
    before = readings(run, host, path)
    run.wait(lambda: readings(run, host, path) >= before + 2, 60, f"{host}{path} to be read twice more")


def stored(run: Run, host: str) -> int:
    with run.rig.store.read() as tx:
        return int(tx.conn.execute(select(func.count()).where(links.c.host == host)).scalar_one())


class Memory:
    """The most that any crawler held, looked at whenever it is asked."""

    def __init__(self, run: Run) -> None:
        self._run, self.most = run, 0

    def look(self) -> bool:
        for each in faults.processes(self._run.supervisor, "crawl"):
            self.most = max(self.most, each.memory_info().rss)
        return False

    def until(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        self._run.wait(lambda: self.look() or done(), seconds, what)

    def judge(self) -> None:
        self._run.check("I6", self.most < MOST_MEMORY, f"the crawler held {self.most / MEGABYTE:.0f} MB at most")


@scenario("F17", "a page of 100 MB, one that unpacks 1:1000, redirects in a circle, pages that are none")
def too_much(run: Run) -> None:
    site = Site("heavy.example")
    bomb = gzip.compress(b"<html>" + b" " * (50 * MEGABYTE), 9)
    packed = {"Content-Type": "text/html", "Content-Encoding": "gzip"}
    site.put("/big.html", Resource(body=b"<html>" + bytes(100 * MEGABYTE), content_type="application/octet-stream"))
    site.put("/bomb.html", Resource(body=bomb, content_type="application/octet-stream", headers=packed))
    site.put("/round.html", Resource.redirect("http://heavy.example/and-round.html", 302))
    site.put("/and-round.html", Resource.redirect("http://heavy.example/round.html", 302))
    site.put("/away/a-story-that-is-gone.html", Resource.redirect("http://heavy.example/", 302))
    site.put("/said-so.html", Resource(body=page("404 - Page not found", ["We can't find what you asked for."])))
    site.put("/", Resource(body=page("Home", PLAIN)))
    reasons = {
        "big.html": "too_big",
        "bomb.html": "too_big",
        "round.html": "redirect_loop",
        "away/a-story-that-is-gone.html": "soft_404",
        "said-so.html": "soft_404",
    }
    run.must_be_refused = {f"{site.url}{path}": reason for path, reason in reasons.items()}
    site.put("/feed.xml", feed(site.host, [(f"Item {number}", url) for number, url in enumerate(run.must_be_refused)]))
    world = World.of()
    world.sites.append(site)
    run.begin(world)
    run.injected(
        f"a page of 100 MB, a gzip of {len(bomb) / 1000:.0f} kB that unpacks to 50 MB, a circle of redirects, two soft 404s"
    )
    memory = Memory(run)
    memory.until(run.rig.settled, 240, "everything to be done")
    memory.judge()
    for reason in set(reasons.values()):
        run.moved("copytaster_refused_total", reason=reason)
    run.is_ready()


@scenario("F17", "a sitemap of a million addresses whose indexes name each other")
def endless_sitemap(run: Run) -> None:
    site, each, children = Site("archive.example"), 30_000, 34
    for number in range(children):
        rows = "".join(f"<url><loc>{site.url}story?id={number * each + row}</loc></url>" for row in range(each))
        site.put(f"/sitemap-{number}.xml", Resource(body=f"<urlset>{rows}</urlset>".encode(), content_type="text/xml"))
    names = ["sitemap.xml", "sitemap-other.xml", *(f"sitemap-{number}.xml" for number in range(children))]
    index = "".join(f"<sitemap><loc>{site.url}{name}</loc></sitemap>" for name in names)
    for name in names[:2]:
        site.put(f"/{name}", Resource(body=f"<sitemapindex>{index}</sitemapindex>".encode(), content_type="text/xml"))
    site.put("/story", Resource(body=page(f"A bridge {EVERYWHERE}", PLAIN)))
    run.begin()
    for path, resource in site.resources.items():
        run.rig.site.put(site.host, path, resource)
    add(run, f"{site.url}sitemap.xml", "sitemap", since=None)
    run.injected(f"a sitemap of {children * each:,} addresses in {children} files, and two indexes that name each other")
    run.must_be_refused = {f"{site.url}sitemap.xml": "sitemap_too_long"}
    memory = Memory(run)
    memory.until(run.rig.settled, 300, "everything to be done")
    memory.judge()
    asked = [request.path for request in run.rig.site.requests() if request.host == site.host and "sitemap" in request.path]
    pages = readings_of_stories(run, site.host)
    run.seen(f"{len(asked)} sitemaps asked for, {stored(run, site.host):,} addresses kept, {pages} pages fetched")
    run.check("I6", len(asked) == len(set(asked)) <= 10, f"{len(asked)} sitemaps were asked for, {len(set(asked))} different")
    run.check("I6", stored(run, site.host) <= 50_000 and pages <= 500, f"{stored(run, site.host)} kept, {pages} pages fetched")
    run.moved("copytaster_refused_total", stage="discover", reason="sitemap_too_long")
    run.is_ready()


def readings_of_stories(run: Run, host: str) -> int:
    return sum(each.host == host and each.path.startswith("/story") for each in run.rig.site.requests())


@scenario("F17", "a calendar, paths that repeat themselves, a session in each address, a flood of new links")
def endless_addresses(run: Run) -> None:
    environment = {"COPYTASTER_CRAWL__MIN_INTERVAL_SECONDS": "1", "COPYTASTER_CRAWL__LINKS_A_DAY": str(LINKS_A_DAY)}
    world, session = World.of(), Site("session.example")
    before = set(world.articles)
    world.add_site(session, random.Random(11), vocabulary(random.Random(7)), 8)
    paths = [url for url in world.articles if url not in before]
    for url in paths:
        world.articles[f"{url}?visit={token(0)}"] = world.articles.pop(url)
    world.sites.remove(session)  # its feed is another one
    run.begin(world, environment=environment)
    for path, resource in session.resources.items():
        run.rig.site.put(session.host, path, resource)
    run.rig.site.put("flood.example", "/story", Resource(body=page(f"A bridge {EVERYWHERE}", PLAIN)))
    for number in range(ROUNDS):
        turn(run, number, paths)
    asked = {host: stored(run, host) for host in ("calendar.example", "echo.example", "session.example", "flood.example")}
    run.seen("links kept: " + ", ".join(f"{host} {count}" for host, count in asked.items()))
    fetched = [each.path for each in run.rig.site.requests() if each.path.startswith(("/calendar/", "/a/a"))]
    run.check("I6", not fetched, f"{len(fetched)} days and repeated paths were fetched")
    run.check("I6", asked["session.example"] == len(paths), f"{asked['session.example']} links of {len(paths)} articles")
    run.check("I6", asked["flood.example"] <= 20 + LINKS_A_DAY, f"{asked['flood.example']} links of the flood were kept")
    for reason in ("calendar", "repeated_path", "session_id", "too_many_links"):
        run.moved("copytaster_refused_total", stage="discover", reason=reason)
    run.settle()
    run.is_ready()


def turn(run: Run, number: int, paths: Iterable[str]) -> None:
    """What the four show in this turn; the first time they become sources."""
    days = [f"/calendar/{2027 + number}/05/{day:02d}" for day in range(1, 6)]
    shown = "".join(f"<h3><a href='{path}'>All that happens on day {path[-2:]} of May in town</a></h3>" for path in days)
    echo = [f"http://echo.example{'/a' * (3 + number + more)}/a-story.html" for more in range(3)]
    flood = [f"http://flood.example/story?id={number}-{item}" for item in range(20)]
    visited = [f"{url}?visit={token(number)}" for url in paths]
    run.rig.site.put("calendar.example", "/", Resource(body=f"<html><body><main>{shown}</main></body></html>".encode()))
    for host, urls in (("echo.example", echo), ("flood.example", flood), ("session.example", visited)):
        run.rig.site.put(host, "/feed.xml", feed(host, [(f"Item {place}", url) for place, url in enumerate(urls)]))
    if not number:
        run.injected("a section of calendar days, /a/a/a ever deeper, a new session in every address, 20 new links a reading")
        add(run, "http://calendar.example/", "section", every=EVERY_SECONDS)
        for host in ("echo.example", "flood.example", "session.example"):
            add(run, f"http://{host}/feed.xml", "feed", every=EVERY_SECONDS)
        run.must_be_refused["http://flood.example/feed.xml"] = "too_many_links"
    run.must_be_refused |= {f"http://calendar.example{day}": "calendar" for day in days}
    run.must_be_refused |= dict.fromkeys(echo, "repeated_path")
    read_again(run, "calendar.example", "/")
    for host in ("echo.example", "flood.example", "session.example"):
        read_again(run, host, "/feed.xml")
    time.sleep(EVERY_SECONDS)  # what was asked for is now a row


def token(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:24]
