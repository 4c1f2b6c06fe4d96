"""The whole system on PostgreSQL, Redis and Elasticsearch: the same alerts as on the embedded parts, and none late while the
search engine is dead.
"""

import contextlib
import datetime as dt
import os
import random
import signal
import statistics
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select

from copytaster.store import articles, inventory, refusals, schema
from desk.bench import own_pages
from desk.bench.corpus_site import load_all
from desk.bench.pipeline import rare_queries
from desk.bench.rig import Rig
from desk.loopback import seconds_to_alert
from desk.site import Resource, Site
from search.elastic import ElasticSearch
from search.sqlite import SqliteSearch
from tests.services import elasticsearch, running
from workers.extraction.boxed import extract_boxed

pytestmark = [pytest.mark.slow, pytest.mark.service, pytest.mark.timeout(600)]
OUTAGE_SECONDS = float(os.environ.get("COPYTASTER_TEST_OUTAGE_SECONDS", "10"))
LATEST_SECONDS = 3.0  # from a page's answer to its alert
PAGES_PER_SECOND = 4.0
HOSTS = 6


@pytest.fixture
def database(postgresql_server):
    with postgresql_server.database(migrated=False) as url:
        yield url


@pytest.fixture
def production(database, redis_url):
    """The environment of every process but for the search engine."""
    return {
        "COPYTASTER_STORE__URL": database,
        "COPYTASTER_REDIS__URL": redis_url,
        "COPYTASTER_SEARCH__INDEX": "articles",
        "COPYTASTER_SEARCH__REPLICAS": "0",
        "COPYTASTER_SEARCH__TIMEOUT_SECONDS": "30",
    }


# -- the same alerts ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The demo's own pages, and the recorded ones of the world where they are at hand; each its own sites."""
    folders = [own_pages.write(tmp_path_factory.mktemp("pages") / "own")]
    world = Path(__file__).parents[2].parent / "shared/corpora/articles-world"
    return load_all([*folders, *([world] if world.is_dir() else [])], now=dt.datetime.now(dt.UTC))


@pytest.fixture(scope="module")
def watches(corpus):
    """Rare words of these very pages, as copytaster reads them."""
    texts = []
    for page in corpus.pages:
        with contextlib.suppress(Exception):  # what is no article is refused below, in both runs alike
            texts.append(extract_boxed(page.body, page.url, "text/html").text)
    return rare_queries(texts, 150, random.Random(5))


def alerts(rig: Rig) -> dict[tuple[str, frozenset[str]], dict]:
    """What was told, by watch and story, without ids and instants; of a story with copies only that it was told.

    Which of its copies is read first is chance, so the article that is named differs between any two runs.
    """
    with rig.store.read() as tx:
        members: dict[str, set[str]] = {}
        for each in articles.newest(tx, limit=1_000_000):
            members.setdefault(each.story_id, set()).add(each.url)
    told = {}
    for message in rig.received():
        for item in message["items"]:
            story = frozenset(members[item["story"]])
            plain = {name: value for name, value in item.items() if name not in ("delivery", "story")}
            told[item["watch"]["id"], story] = plain if len(story) == 1 else {}
    return told


def ran(folder: Path, corpus, watches, environment) -> tuple[dict, dict, set]:
    """The alerts, the refusals and the ids of all articles of one run; told is what brute force says."""
    folder.mkdir()
    with Rig(folder, corpus.sites, environment=environment) as rig:
        rig.add_watches(watches)
        rig.start(120)
        rig.add_sources(
            f"http://{site.host}{path}" for site in corpus.sites for path in ("/feed.xml", "/sitemap.xml") if site.find(path)
        )
        rig.wait(rig.settled, 300, "everything to be done")
        assert rig.told() == rig.truth()
        with rig.store.read() as tx:
            refused = {(each.stage, each.url, each.reason) for each in refusals.every(tx, limit=10_000)}
        ids = {entry.id for page in inventory.pages(rig.store, limit=1_000) for entry in page}
        assert indexed(rig, environment) == ids, "the search index holds exactly what the store holds"
        return alerts(rig), refused, ids


def indexed(rig: Rig, environment) -> set[str]:
    if "COPYTASTER_SEARCH__URL" not in environment:
        engine = SqliteSearch(rig.store.path())
    else:
        engine = ElasticSearch(environment["COPYTASTER_SEARCH__URL"], index=environment["COPYTASTER_SEARCH__INDEX"])
        engine.refresh()
    found: list[str] = []
    while page := engine.ids(after=found[-1] if found else ""):
        found += page
    engine.close()
    return set(found)


def test_alerts_are_the_same_on_embedded_and_on_production_parts(tmp_path, corpus, watches, production, elastic_engine):
    production |= {
        "COPYTASTER_SEARCH__URL": ",".join(elastic_engine.cluster.nodes),
        "COPYTASTER_SEARCH__INDEX": elastic_engine.alias,
    }
    embedded = ran(tmp_path / "embedded", corpus, watches, {})
    real = ran(tmp_path / "production", corpus, watches, production)
    assert len(embedded[0]) > 100, "the watches hit too little to show anything"
    assert real[0] == embedded[0]
    assert real[1:] == embedded[1:]


# -- a dead search engine -------------------------------------------------------------------------------------------------


def world(pages: int) -> tuple[list[Site], list[str]]:
    """Sites with a feed each and pages of our own words, and the texts."""
    rng = random.Random(11)
    letters = "abcdefghiklmnoprstuvz"
    vocabulary = sorted({"".join(rng.choices(letters, k=rng.randint(4, 9))) for _ in range(6_000)})
    rng.shuffle(vocabulary)
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    sites, texts = [], []
    for number in range(HOSTS):
        site, items = Site(f"press{number}.example"), []
        for page in range(pages // HOSTS):
            paragraphs = [" ".join(rng.choices(vocabulary, weights, k=45)).capitalize() + "." for _ in range(5)]
            title = " ".join(rng.choices(vocabulary[:500], k=6)).capitalize()
            body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
            html = f"<!doctype html><html lang=en><head><title>{title}</title></head><body><article><h1>{title}</h1>{body}"
            path = f"/2026/11/{title.lower().replace(' ', '-')}-{page}.html"
            site.put(path, Resource(body=f"{html}</article></body></html>".encode(), paced=True))
            items.append(f"<item><title>{title}</title><link>http://{site.host}{path}</link></item>")
            texts.append("\n".join(paragraphs))
        feed = f"<rss version='2.0'><channel><title>{site.host}</title>{''.join(items)}</channel></rss>"
        site.put("/feed.xml", Resource(body=feed.encode(), content_type="application/rss+xml"))
        sites.append(site)
    return sites, texts


class Node:
    """The server process behind an address, which can be killed and started again over the same data."""

    def __init__(self, server: elasticsearch.Server) -> None:
        self.server = server
        listening = (each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN)
        jvm = psutil.Process(next(each.pid for each in listening if each.laddr.port == server.port))
        launcher = jvm.parent()
        self.doomed = [jvm, launcher]
        self.how = {"args": launcher.cmdline(), "env": launcher.environ(), "cwd": launcher.cwd()}
        self.user = launcher.username() if os.getuid() == 0 else None

    def kill(self) -> None:
        for process in self.doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(self.doomed, timeout=10)
        assert not running.accepts(self.server.port)

    @contextlib.contextmanager
    def again(self):
        child = subprocess.Popen(**self.how, user=self.user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + elasticsearch.START_SECONDS
            while not self.server.answers():
                assert child.poll() is None, "Elasticsearch does not start again"
                assert time.monotonic() < until, "Elasticsearch takes too long to start again"
                time.sleep(0.1)
            yield
        finally:
            for process in [*psutil.Process(child.pid).children(recursive=True), child]:
                process.kill()
            child.wait()


def lateness(rig: Rig) -> list[float]:
    """Seconds from each page's answer to its alert."""
    told = [
        (item["article"]["url"], dt.datetime.fromisoformat(message["received_at"]))
        for message in rig.received()
        for item in message["items"]
    ]
    return seconds_to_alert(rig.site.requests(), told)


def unindexed(rig: Rig) -> int:
    with rig.store.read() as tx:
        return articles.unindexed(tx)


def put(rig: Rig) -> int:
    """How many articles the index stage brought in."""
    with rig.store.read() as tx:
        return tx.conn.execute(select(func.count()).where(schema.articles.c.indexed_version > 0)).scalar_one()


def test_a_search_engine_that_dies_under_load_makes_no_alert_late_and_misses_nothing_after(tmp_path, production, record_property):
    sites, texts = world(int((OUTAGE_SECONDS + 15) * PAGES_PER_SECOND))
    with elasticsearch.started() as server, contextlib.ExitStack() as stack:
        environment = production | {"COPYTASTER_SEARCH__URL": server.url, "COPYTASTER_SEARCH__TIMEOUT_SECONDS": "10"}
        rig = stack.enter_context(Rig(tmp_path, sites, pages_per_second=PAGES_PER_SECOND, environment=environment))
        rig.add_watches(rare_queries(texts, 200, random.Random(3)))
        rig.start(120)
        rig.add_sources(f"http://{site.host}/feed.xml" for site in sites)
        rig.wait(lambda: put(rig) > 10, 120, "the first articles in the index")
        node = Node(server)
        node.kill()
        died, before = time.monotonic(), len(rig.received())
        rig.wait(lambda: time.monotonic() > died + OUTAGE_SECONDS, OUTAGE_SECONDS + 30, "the outage")
        assert len(rig.received()) > before + OUTAGE_SECONDS / 2, "alerts went on without it"
        backlog = unindexed(rig)
        stack.enter_context(node.again())
        back = time.monotonic()
        rig.wait(rig.settled, 240, "everything to be done")
        late = lateness(rig)
        figures = {
            "outage_seconds": round(back - died, 1),
            "backlog": backlog,
            "settled_after_seconds": round(time.monotonic() - back, 1),
            "alerts": len(late),
            "fetch_to_delivery_p50": round(statistics.median(late), 3),
            "fetch_to_delivery_max": round(max(late), 3),
        }
        record_property("outage", figures)
        print(figures)
        assert rig.told() == rig.truth()
        assert max(late) < LATEST_SECONDS, figures
        ids = {entry.id for page in inventory.pages(rig.store, limit=1_000) for entry in page}
        assert indexed(rig, environment) == ids
        with rig.store.read() as tx:
            assert refusals.every(tx) == []
