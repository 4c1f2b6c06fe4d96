"""F18: feeds that change what they say of the same articles, and how much there is at first sight."""

import datetime as dt
import random
import time
from collections.abc import Callable, Sequence
from email.utils import format_datetime

from desk.site import Resource, Site
from tests.chaos.checker import told
from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.scenarios.crawl import EVERY_SECONDS, add, read_again
from tests.chaos.world import World, feed, vocabulary

PAGES = 10
ROUNDS = 4
AT_FIRST = 500
Item = Callable[[int, int, str], str]  # number of the turn, number of the item, its address


def restless(host: str, item: Item, turn: int, urls: Sequence[str]) -> Resource:
    items = "".join(f"<item><link>{url}</link>{item(turn, number, url)}</item>" for number, url in enumerate(urls))
    body = f"<rss version='2.0'><channel><title>{host}</title>{items}</channel></rss>"
    return Resource(body=body.encode(), content_type="application/rss+xml")


def new_guids(turn: int, number: int, _: str) -> str:
    return f"<title>Item {number}</title><guid isPermaLink='false'>{turn}-{number}</guid>"


def one_guid(_turn: int, number: int, _: str) -> str:
    return f"<title>Item {number}</title><guid isPermaLink='false'>always-the-same</guid>"


def new_titles(turn: int, number: int, _: str) -> str:
    return f"<title>Item {number}, for the {turn}th time</title>"


def published_anew(turn: int, number: int, _: str) -> str:
    at = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=turn))
    return f"<title>Item {number}</title><pubDate>{at}</pubDate><updated xmlns='http://www.w3.org/2005/Atom'>{at}</updated>"


RESTLESS = {
    "guids.example": new_guids,
    "one-guid.example": one_guid,
    "titles.example": new_titles,
    "anew.example": published_anew,
}


def urls_of(world: World, host: str) -> list[str]:
    return [url for url in world.articles if f"//{host}/" in url]


@scenario("F18", "feeds with new guids each time, one guid for all, changing titles, old items published anew")
def restless_feeds(run: Run) -> None:
    world = World.of(hosts=1, pages=2)
    for place, host in enumerate(RESTLESS):
        world.add_site(Site(host), random.Random(place + 50), vocabulary(random.Random(7)), PAGES)
        world.sites[-1].put("/feed.xml", restless(host, RESTLESS[host], 0, urls_of(world, host)))
    quiet, world.sites = world.sites, world.sites[:1]
    run.begin(world, environment={"COPYTASTER_CRAWL__MIN_INTERVAL_SECONDS": "1"})
    for site in quiet[1:]:
        for path, resource in site.resources.items():
            run.rig.site.put(site.host, path, resource)
        add(run, f"{site.url}feed.xml", "feed", every=EVERY_SECONDS)
    run.settle()
    alerts = len(told(run.rig.received()))
    run.injected(f"{ROUNDS} times: new guids, one guid for all, new titles, every item published anew, of {PAGES} articles each")
    for turn in range(1, ROUNDS + 1):
        for host, item in RESTLESS.items():
            urls = urls_of(world, host)
            run.rig.site.put(host, "/feed.xml", restless(host, item, turn, urls[turn:] + urls[:turn]))
        for host in RESTLESS:
            read_again(run, host, "/feed.xml")
    time.sleep(EVERY_SECONDS)
    run.settle()
    again = sum(each.path.endswith(".html") for each in run.rig.site.requests())
    run.seen(
        f"{alerts} alerts before, {len(told(run.rig.received())) - alerts} after; {again} fetches of {len(world.articles)} pages"
    )
    run.check("I3", len(told(run.rig.received())) == alerts, "nothing alerts again")
    found = run.metric("copytaster_links_found_total")
    run.check("I6", found == len(world.articles), f"{found} links were found of {len(world.articles)} articles")
    run.is_ready()


@scenario("F18", "500 items at first sight are a baseline, and what comes after them alerts")
def first_sight(run: Run) -> None:
    world, site = World(), Site("first.example")
    words = vocabulary(random.Random(7))
    usual = World.of(hosts=1)
    world.sites, world.articles, world.watches = usual.sites, usual.articles, usual.watches
    world.add_site(site, random.Random(12), words, AT_FIRST + PAGES)
    world.sites.remove(site)
    urls = urls_of(world, site.host)
    old = set(urls[:AT_FIRST])
    world.too_early = {(watch, url) for watch, url in world.truth() if url in old}
    run.begin(world, environment={"COPYTASTER_CRAWL__MIN_INTERVAL_SECONDS": "1"}, pages_per_second=None)
    for path, resource in site.resources.items():
        run.rig.site.put(site.host, path, resource)
    run.rig.site.put(site.host, "/feed.xml", feed(site.host, [("Old", url) for url in urls[:AT_FIRST]]))
    add(run, f"{site.url}feed.xml", "feed", every=EVERY_SECONDS, since=None)
    run.injected(f"{AT_FIRST} items at first sight, {len(world.too_early)} of their alerts would be wrong")
    run.settle(300)
    run.rig.site.put(site.host, "/feed.xml", feed(site.host, [("New", url) for url in reversed(urls[PAGES:])]))
    run.injected(f"{PAGES} items after them")
    read_again(run, site.host, "/feed.xml")
    run.settle()
    run.check("I6", bool(world.too_early), "some of the baseline would have matched")
    held = run.metric("copytaster_links_found_total", how="baseline")
    run.check("I6", held == AT_FIRST, f"{held} links were held as baseline")
    run.is_ready()
