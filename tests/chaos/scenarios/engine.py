"""F9: Elasticsearch is down, refuses, is slow or full, or refuses one article: alerts go on, and all is indexed in the end."""

import http.client
import json
import time
import urllib.request
from typing import Any

from tests.chaos.faults import Mood, TcpProxy
from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import World

ASKERS = 2  # processes that index or probe


def ask(port: int, method: str, path: str, body: dict[str, Any] | None = None) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        method=method,
        data=json.dumps(body).encode() if body else None,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == http.client.OK


def begin(run: Run, *, pages: int) -> tuple[int, TcpProxy]:
    """Elasticsearch's own port, and the proxy by which copytaster reaches it. One source is left for when the fault is there."""
    port = run.elasticsearch().port
    proxy = run.proxy(port)
    world = World.of(hosts=5, pages=pages, late=1)
    run.begin(world, environment={"COPYTASTER_SEARCH__URL": f"http://127.0.0.1:{proxy.port}"}, pages_per_second=6)
    run.wait(lambda: run.rig.left()["index"] == 0 and len(run.rig.received()) > 2, 120, "the first articles in the index")
    return port, proxy


def away(run: Run, proxy: TcpProxy, mood: Mood, seconds: float, what: str) -> None:
    """Alerts must go on meanwhile, and the engine must be asked at most once a second by each who asks."""
    before, knocks, began = len(run.rig.received()), proxy.knocks, time.monotonic()
    proxy.mood = mood
    run.injected(f"{what} for {seconds:.0f} s")
    run.rig.add_sources(run.world.late_feeds)
    run.wait(lambda: run.metric("copytaster_search_up") == 0.0, 60, "search_up to be 0")
    run.wait(lambda: len(run.rig.received()) > before, 60, "alerts while the engine is away")
    status, _ = run.ready()
    while time.monotonic() - began < seconds:
        time.sleep(0.5)
    took = time.monotonic() - began
    proxy.mood = "pass"
    tries, alerts = proxy.knocks - knocks, len(run.rig.received()) - before
    run.check("I6", status == 200, f"while it was away search_up was 0, alerts went on ({alerts}) and ready was {status}")
    run.check("I6", tries <= took * ASKERS, f"{tries} connections in {took:.0f} s")


def drained(run: Run) -> None:
    began = time.monotonic()
    run.settle()
    run.seen(f"all was indexed {time.monotonic() - began:.0f} s after")
    run.wait(lambda: run.metric("copytaster_search_up") == 1.0, 60, "search_up to be 1 again")
    run.moved("copytaster_stage_seconds_count", stage="index")
    run.is_ready()


@scenario("F9", "Elasticsearch is down")
def engine_down(run: Run) -> None:
    _, proxy = begin(run, pages=25)
    away(run, proxy, "cut", 60, "every connection to Elasticsearch is reset")
    drained(run)


@scenario("F9", "Elasticsearch answers 503")
def engine_503(run: Run) -> None:
    _, proxy = begin(run, pages=25)
    proxy.says = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    away(run, proxy, "answer", 30, "503 to every request")
    drained(run)


@scenario("F9", "Elasticsearch answers nothing")
def engine_slow(run: Run) -> None:
    _, proxy = begin(run, pages=25)
    away(run, proxy, "deaf", 30, "no answer from Elasticsearch")
    drained(run)


@scenario("F9", "Elasticsearch refuses each item: its disk is at the flood stage")
def engine_full(run: Run) -> None:
    port, _ = begin(run, pages=25)
    ask(port, "PUT", "/articles/_settings", {"index.blocks.read_only_allow_delete": True})
    run.injected("the block of the flood stage on every index for 30 s: each item gets a 429")
    before = len(run.rig.received())
    run.rig.add_sources(run.world.late_feeds)
    run.wait(lambda: len(run.rig.received()) > before and run.rig.left()["index"] > 0, 60, "alerts though nothing is indexed")
    time.sleep(30)
    run.check("I6", (run.metric("copytaster_unindexed_articles") or 0) > 0, "unindexed_articles told of the backlog")
    ask(port, "PUT", "/articles/_settings", {"index.blocks.read_only_allow_delete": None})
    run.over()
    drained(run)


@scenario("F9", "Elasticsearch refuses one article for its mapping")
def engine_mapping(run: Run) -> None:
    port, _ = begin(run, pages=20)
    (last, *_) = [url for url in run.world.articles if url.startswith(run.world.sites[-1].url)]
    spoil = {"set": {"field": "copytaster.revision", "value": "no number", "if": f"ctx.url.full == '{last}'"}}
    ask(port, "PUT", "/_ingest/pipeline/spoil", {"processors": [spoil]})
    ask(port, "PUT", "/articles/_settings", {"index.default_pipeline": "spoil"})
    run.injected("the cluster makes one document of 100 unfit for its own mapping")
    run.rig.add_sources(run.world.late_feeds)
    run.must_be_refused[last] = "document"
    run.unindexed.add(last)
    run.settle()
    run.moved("copytaster_refused_total", stage="index")
    run.is_ready()
