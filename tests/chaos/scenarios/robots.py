"""F20: robots.txt that can't be had, is too long, lies elsewhere or changes: nothing is fetched that it does not allow, and it is
read again within a day.
"""

import time

from desk.site import Resource
from tests.chaos.checker import told
from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import World, feed
from tests.services.clock import WrongClock

HOUR = 3600
FORBID, ALLOW = b"User-agent: *\nDisallow: /\n", b"User-agent: *\nAllow: /\n"
TEXT = "text/plain"
LONG = FORBID + b"".join(b"Allow: /%030d\n" % number for number in range(15_000))  # over 500 kB
TIMEOUT_SECONDS = 3.0
BAD = {
    "site0.example": Resource(status=503, body=b"busy"),
    "site1.example": Resource(body=ALLOW, content_type=TEXT, delay_seconds=10 * TIMEOUT_SECONDS),
    "site2.example": Resource(body=LONG, content_type=TEXT),
    "site3.example": Resource.redirect("http://rules.example/for-site3.txt", 302),
}


def asked(run: Run, *, robots: bool) -> list[tuple[str, str]]:
    return [(each.host, each.path) for each in run.rig.site.requests() if (each.path == "/robots.txt") is robots]


def put_robots(run: Run, body: bytes) -> None:
    for host in BAD:
        run.rig.site.put(host, "/robots.txt", Resource(body=body, content_type=TEXT))


@scenario("F20", "robots.txt answers 503, not in time, 500 kB, a redirect; then allows; then forbids again")
def robots(run: Run) -> None:
    clock, world = WrongClock(run.folder), World.of()
    for site in world.sites:
        site.put("/robots.txt", BAD[site.host])
    settings = {"COPYTASTER_CRAWL__TIMEOUT_SECONDS": str(TIMEOUT_SECONDS)}
    run.begin(world, environment={**clock.variables, **settings})
    run.rig.site.put("rules.example", "/for-site3.txt", Resource(body=FORBID, content_type=TEXT))
    run.injected("robots.txt of four sites: 503, no answer in time, over 500 kB with all forbidden, a redirect to such a one")
    run.wait(lambda: failures(run) >= len(BAD), 90, "every feed to be held back")
    time.sleep(5)
    pages = [each for each in asked(run, robots=False) if each[0] in BAD]
    run.check("I6", not pages, f"{len(pages)} requests beside robots.txt while it can't be had or forbids")
    answered = {host for host, _ in asked(run, robots=True)}  # one that is given up is noted when its answer would be whole
    run.check("I6", answered >= BAD.keys() - {"site1.example"}, f"robots.txt was asked for at {sorted(answered)}")
    put_robots(run, ALLOW)
    clock.set_off(25 * HOUR)
    run.injected("every robots.txt allows; a day and an hour later")
    run.wait(lambda: told(run.rig.received()) >= world.truth(), 180, "all alerts after a day")
    run.settle()
    forbid(run, clock, world)


def forbid(run: Run, clock: WrongClock, world: World) -> None:
    """What was allowed is so no more: within a day nothing is fetched, the new article not either."""
    put_robots(run, FORBID)
    clock.set_off(50 * HOUR)
    run.injected("every robots.txt forbids all; a day and an hour later each feed has a new item")
    before, read = len(asked(run, robots=False)), failures(run)
    for site in world.sites:
        items = [("A new one", f"{site.url}new.html"), *(("Old", url) for url in world.articles if url.startswith(site.url))]
        run.rig.site.put(site.host, "/feed.xml", feed(site.host, items))
    run.must_be_refused = dict.fromkeys(world.articles, "robots")  # each falls due to be looked at again
    run.wait(lambda: failures(run) >= read + len(BAD), 180, "every feed to be forbidden")
    run.wait(lambda: len(run.lines("refused", "list", "--reason", "robots")) >= len(world.articles), 120, "every re-read to be")
    fetched = len(asked(run, robots=False)) - before
    run.check("I6", not fetched, f"{fetched} requests beside robots.txt after it forbade them")
    run.moved("copytaster_endpoint_reads_total", outcome="robots", at_least=len(BAD))
    run.is_ready()


def failures(run: Run) -> float:
    return run.metric("copytaster_endpoint_reads_total", outcome="robots") or 0.0
