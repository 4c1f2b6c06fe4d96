"""F6 and F16: whoever reads pages is killed, at random and at each try of one page; pages made to break whoever reads them."""

import html
import json
import pathlib
import random
import signal
import time
from collections.abc import Callable, Sequence

import psutil
from sqlalchemy import select

from copytaster.store.schema import pages
from desk.site import Resource, Site
from search.document import Document
from tests.chaos import faults
from tests.chaos.checker import told
from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import EVERYWHERE, World, article, feed, page, vocabulary
from tests.fuzz.bombs import BOMBS

KILLS, MOST_ATTEMPTS = 20, 5
LOOK_SECONDS = 0.005  # a page is read in some 20 ms
LONG = 4_000  # paragraphs, for a second
NAUGHTY = pathlib.Path(__file__).parents[3].parent / "shared/corpora/strings/blns.json"
ITEMS = 400  # of a feed; one of more than 500 is read in part
NASTY = (
    b"NULs \0 of \0\0 stone",
    b"NULs by number &#0;&#x0; of &#x1F;&#x7F;&#xFFFE; stone",
    b"surrogates by number &#xD800; of &#xDFFF; stone &#xDBFF;&#xD800;",
    b"lone surrogates \xed\xa0\x80 of \xed\xbf\xbf stone",
    b"bytes that are no letters \xff\xfe\xc0\x80 of \xf8\x88\x80\x80\x80 stone",
    b"more than there are &#1000000000000; of &#x110000; stone",
    b"marks upon marks a" + "\u0301\u0316\u0489".encode() * 300,
    "turned around \u202e\u2066bridge\u2069\u202d of \u200e\u200f\ufeff stone".encode(),
)


def pool(run: Run) -> tuple[int, set[int]]:
    """The worker that reads pages, and its children."""
    parent, *others = faults.processes(run.supervisor, "read")
    return parent.pid, {each.pid for each in others if each.ppid() == parent.pid}


def readers(run: Run) -> dict[int, str]:
    """Who reads what at this moment: URL by pid."""
    with run.rig.store.read() as tx:
        rows = tx.conn.execute(select(pages.c.url, pages.c.lease_token).where(pages.c.due_at > tx.now)).all()
    return {int(row.lease_token.split("/")[-2]): row.url for row in rows if row.lease_token}


def kill_readers(run: Run, wanted: Callable[[str], bool], most: int, seconds: float) -> None:
    """SIGKILL to each child that holds such a page, as the kernel does where memory is short, until so many died."""
    ended: set[int] = set()
    until = time.monotonic() + seconds
    while len(ended) < most and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        for pid, url in readers(run).items():
            if pid not in ended and wanted(url) and pid in pool(run)[1]:
                psutil.Process(pid).send_signal(signal.SIGKILL)
                ended.add(pid)
    run.kills += len(ended)


@scenario("F6", "the children of the pool are killed, each while it reads a page")
def pool_children(run: Run) -> None:
    run.begin(World.of(pages=30), pages_per_second=6)
    run.alerts(1)
    parent, _ = pool(run)
    kill_readers(run, lambda _: True, KILLS, 60)
    run.injected(f"{run.kills} kill -9, each of a child that had just taken a page")
    run.settle()
    run.check("I6", run.kills > 0 and pool(run)[0] == parent, f"after {run.kills} deaths of children the worker lives")
    run.moved("copytaster_articles_read_total", outcome="new")
    run.is_ready()


@scenario("F6", "a page that ends whoever reads it, each time")
def page_that_kills(run: Run) -> None:
    world, site, words = World.of(pages=20), Site("deadly.example"), vocabulary(random.Random(3))
    deadly = f"{site.url}2026/11/a-story-that-kills.html"
    paragraphs = [" ".join(random.Random(number).choices(words, k=8)) for number in range(LONG)]
    site.put("/2026/11/a-story-that-kills.html", Resource(body=page(f"A story {EVERYWHERE}", paragraphs)))
    site.put("/feed.xml", feed(site.host, [("A story", deadly)]))
    world.sites.append(site)
    run.must_be_refused[deadly] = "poison"
    run.begin(world, pages_per_second=3)
    kill_readers(run, lambda url: url == deadly, MOST_ATTEMPTS, 240)  # a sixth try would read it, for nobody kills any more
    meanwhile = len(told(run.rig.received()))
    run.injected(f"kill -9 of each child that has taken one page: {run.kills} deaths")
    run.check("I1", meanwhile == len(run.world.truth()), f"{meanwhile} alerts had come when it killed for the last time")
    run.settle()
    (line,) = run.lines("refused", "list")
    run.check("I5", line["attempts"] == run.kills == MOST_ATTEMPTS, f"listed with {line['attempts']} attempts")
    run.moved("copytaster_refused_total", stage="ingest", reason="poison")
    run.is_ready()


def bombs() -> dict[str, tuple[bytes, str]]:
    """Pages that can't be read, each by another way, and why they are refused."""
    known = BOMBS["page"]
    return {
        "deep": (known["100,000 divs in each other"](), "too_deep"),
        "slow": (known["300,000 attributes"](), "too_slow"),
        "greedy": (known["9 MB of paragraphs without an end"](), "too_big"),
        "titled": (known["a title of 1 MB"](), "too_big"),
        "nulls": (known["a megabyte of NULs"](), "not_html"),
        "packed": (known["gzip 1:1000"](), "not_html"),
        "tables": (known["20,000 tables in each other"](), "too_deep"),
        "brackets": (known["5 MB of brackets"](), "too_big"),
        "surrogates": (known["lone surrogates"](), "too_big"),
        "empty": (b"", "not_html"),
    }


def add_nasty(world: World, titles: Sequence[bytes]) -> None:
    """Pages of plain words under such headlines, as they stand in HTML; each is to be read like any other."""
    rng, words = random.Random(5), vocabulary(random.Random(7))
    for first in range(0, len(titles), ITEMS):
        site, urls = Site(f"naughty{first}.example"), []
        for number, title in enumerate(titles[first : first + ITEMS], first):
            body, text = article(rng, words, f"{EVERYWHERE} {number} HEADLINE")
            urls.append(f"{site.url}2026/11/story-{number}.html")
            site.put(f"/2026/11/story-{number}.html", Resource(body=body.replace(b"HEADLINE", title)))
            world.articles[urls[-1]] = Document(title="", text=text)
        site.put("/feed.xml", feed(site.host, [(f"Item {number}", url) for number, url in enumerate(urls)]))
        world.sites.append(site)


def add_bombs(world: World) -> dict[str, str]:
    """Why each is to be refused, by URL."""
    site = Site("bombs.example")
    for name, (body, _) in bombs().items():
        site.put(f"/2026/11/{name}.html", Resource(body=body))
    reasons = {f"{site.url}2026/11/{name}.html": reason for name, (_, reason) in bombs().items()}
    site.put("/feed.xml", feed(site.host, [(f"Bomb {number}", url) for number, url in enumerate(reasons)]))
    world.sites.append(site)
    return reasons


@scenario("F16", "articles made to break whoever reads them, and the naughty strings")
def poisoned_articles(run: Run) -> None:
    world = World.of()
    strings: list[str] = json.loads(NAUGHTY.read_text("utf-8")) if NAUGHTY.exists() else []
    add_nasty(world, [*NASTY, *(html.escape(each).encode("utf-8", "surrogatepass") for each in strings)])
    run.must_be_refused = add_bombs(world)
    run.begin(world, pages_per_second=None)
    run.alerts(1)
    before = pool(run)
    run.injected(f"{len(run.must_be_refused)} pages that are too deep, slow, big or none; {len(NASTY)} with what is no letter")
    run.injected(f"{len(strings)} naughty strings as headlines" if strings else f"NO naughty strings, for {NAUGHTY} is not here")
    run.settle(300)
    run.check("I6", pool(run) == before, f"the worker and its children live: {before}, at the end {pool(run)}")
    log = (run.folder / "up.log").read_text("utf-8", "replace")
    run.check("I6", "Traceback" not in log, "the log holds no traceback" if "Traceback" not in log else log[-1500:])
    for reason in set(run.must_be_refused.values()):
        run.moved("copytaster_refused_total", stage="ingest", reason=reason)
    run.is_ready()
