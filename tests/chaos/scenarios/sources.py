"""F19: sources that fall silent in every way, each told apart and told of within three of its usual intervals."""

import datetime as dt
from email.utils import format_datetime

from desk.site import Resource
from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import World

FOR_SALE = b"<html><head><title>site3.example</title></head><body><h1>This domain is for sale</h1></body></html>"
LOGIN = b"<html><head><title>Log in</title></head><body><form><input type='password' name='p'></form></body></html>"
APART_SECONDS = 5
BROKEN = {
    "site0.example": ("degraded", Resource(body=b"<rss version='2.0'><channel><title>x</title></channel></rss>")),
    "site1.example": ("blocked", Resource(status=403, body=b"<title>403 Forbidden</title>")),
    "site2.example": ("blocked", Resource(body=LOGIN)),
    "site3.example": ("parked", Resource(body=FOR_SALE)),
}


def dated(world: World, host: str) -> Resource:
    """The site's feed with its items a few seconds apart, so that three usual intervals are over soon."""
    urls = [url for url in world.articles if f"//{host}/" in url]
    now = dt.datetime.now(dt.UTC)
    dates = [format_datetime(now - dt.timedelta(seconds=APART_SECONDS * (number + 1))) for number in range(len(urls))]
    items = "".join(f"<item><link>{url}</link><pubDate>{at}</pubDate></item>" for url, at in zip(urls, dates, strict=True))
    body = f"<rss version='2.0'><channel><title>{host}</title>{items}</channel></rss>"
    return Resource(body=body.encode(), content_type="application/rss+xml")


def kinds(run: Run) -> dict[str, str]:
    return {each["url"].split("/")[2]: each["trouble"] for each in run.lines("source", "list") if each["silent_at"]}


@scenario("F19", "sources fall silent: nothing in the feed, 403, a login, a domain for sale")
def sources_fall_silent(run: Run) -> None:
    world = World.of(pages=4)
    for site in world.sites:
        site.put("/feed.xml", dated(world, site.host))
    rig = run.begin(world, pages_per_second=None, environment={"COPYTASTER_CRAWL__MIN_INTERVAL_SECONDS": "2"})
    run.settle()
    for host, (_, resource) in BROKEN.items():
        rig.site.put(host, "/feed.xml", resource)
    run.injected(", ".join(f"{host} is {kind}" for host, (kind, _) in BROKEN.items()))
    wanted = {host: kind for host, (kind, _) in BROKEN.items()}
    run.wait(lambda: kinds(run) == wanted, 300, "each trouble to be told apart")
    run.seen(f"reported: {kinds(run)}")
    for kind in sorted(set(wanted.values())):
        run.moved("copytaster_source_trouble", kind=kind)
    run.moved("copytaster_source_silent", at_least=len(BROKEN))
    for host in BROKEN:
        rig.site.put(host, "/feed.xml", dated(world, host))
    run.over()
    run.is_ready()
