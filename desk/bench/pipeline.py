"""``bench pipeline``: recorded pages over loopback through the whole system, beside trafilatura alone on the same pages.

It prints what came in, what was refused, whether the alerts are the true ones, what each stage costs and how late alerts
were. It owns the figures, not the running: that is the rig's.
"""

import datetime as dt
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import psutil

from copytaster.store import articles, refusals
from copytaster.text import words
from desk.bench.corpus_site import Corpus, load
from desk.bench.machine import describe
from desk.bench.rig import Rig
from desk.bench.tree import Watcher, proportional_bytes
from desk.loopback import seconds_to_alert

BASELINE = """
import json, sys, time, trafilatura
pages = json.load(sys.stdin)
for html, url in pages[:3]:
    trafilatura.extract(html, url=url)
began = time.process_time()
texts = [trafilatura.extract(html, url=url) for html, url in pages]
json.dump({"cpu_seconds": time.process_time() - began, "texts": texts}, sys.stdout)
"""


def run(folder: pathlib.Path, *, watches: int = 100, pages_per_second: float | None = 10.0, seed: int = 1) -> dict[str, Any]:
    """One run over a corpus folder; returns the figures under the keys that docs/performance.md explains."""
    corpus = load(folder, now=dt.datetime.now(dt.UTC))
    baseline = _trafilatura(corpus)
    queries = rare_queries(baseline["texts"], watches, random.Random(seed))  # noqa: S311  a benchmark's choice
    with (
        tempfile.TemporaryDirectory(prefix="copytaster-bench-") as tmp,
        Rig(pathlib.Path(tmp), corpus.sites, pages_per_second=pages_per_second) as rig,
    ):
        rig.add_watches(queries)
        rig.start()
        return {
            "corpus": folder.name,
            "machine": describe("scrapy", "celery", "redis", "sqlalchemy", "trafilatura"),
            **_measure(rig, corpus, baseline["cpu_seconds"]),
        }


def _measure(rig: Rig, corpus: Corpus, alone: float) -> dict[str, Any]:
    """``alone``: CPU seconds of the peer over the same pages."""
    assert rig.process
    root = psutil.Process(rig.process.pid)
    time.sleep(3)  # what starts is still settling
    idle = proportional_bytes(root)
    watcher = Watcher(root)
    watcher.start()
    before, before_stages = watcher.cpu_seconds(), _stage_seconds(rig)
    began = time.monotonic()
    rig.add_sources(_listings(corpus))
    rig.wait(rig.settled, 120 + 3 * len(corpus.pages) / (rig.pages_per_second or 20), "the run")
    wall = time.monotonic() - began
    after, stages = watcher.cpu_seconds(), _stage_seconds(rig)
    watcher.stop()
    spent = {role: after[role] - before.get(role, 0.0) for role in after}
    took = {stage: stages[stage] - before_stages.get(stage, 0.0) for stage in stages}
    return {
        **_outcome(rig, corpus, wall),
        **_costs(len(corpus.pages), spent, took, alone),
        **_latency(rig),
        "peak_rss_mb": {role: round(size / 1e6, 1) for role, size in sorted(watcher.peaks().items())},
        "idle_pss_mb": {role: round(size / 1e6, 1) for role, size in sorted(idle.items())},
        "idle_pss_total_mb": round(sum(idle.values()) / 1e6, 1),
        "pages_per_second_served": rig.pages_per_second,
    }


def _listings(corpus: Corpus) -> list[str]:
    """Each site's feed or sitemap: the crawler itself reads it, so that its cost is counted."""
    return [f"http://{site.host}{path}" for site in corpus.sites for path in ("/feed.xml", "/sitemap.xml") if site.find(path)]


def _outcome(rig: Rig, corpus: Corpus, wall: float) -> dict[str, Any]:
    """What became of every page, and whether the alerts are the true ones."""
    with rig.store.read() as tx:
        read, refused = articles.total(tx), refusals.every(tx, limit=100_000)
    truth, told = rig.truth(), rig.told()
    messages = [message["id"] for message in rig.received()]
    return {
        "pages": len(corpus.pages),
        "articles": read,
        "refused": dict(Counter(f"{each.stage}: {each.reason}" for each in refused)),
        "unaccounted": len(corpus.pages) - read - sum(each.stage in {"fetch", "ingest"} for each in refused),
        "alerts": len(told),
        "alerts_true": len(truth),
        "alerts_missed": len(truth - told),
        "alerts_invented": len(told - truth),
        "repeats": len(messages) - len(set(messages)),
        "wall_seconds": round(wall, 2),
        "articles_per_second": round(read / wall, 2),
    }


def _costs(count: int, spent: Mapping[str, float], took: Mapping[str, float], alone: float) -> dict[str, Any]:
    """CPU by process and by stage; all that is not extraction, Redis included, against the peer's extraction."""
    extraction = took.get("extract", 0.0)
    beyond = sum(spent.values()) - extraction
    return {
        "cpu_ms_per_page": {role: round(1000 * used / count, 2) for role, used in sorted(spent.items())},
        "stage_cpu_ms_per_page": {stage: round(1000 * used / count, 2) for stage, used in sorted(took.items())},
        "trafilatura_ms_per_page": round(1000 * alone / count, 2),
        "extraction_over_trafilatura": round(extraction / alone, 3),
        "beyond_extraction_ms_per_page": round(1000 * beyond / count, 2),
        "beyond_extraction_over_trafilatura": round(beyond / alone, 3),
    }


def _latency(rig: Rig) -> dict[str, float]:
    """Seconds from a page being answered by its site to its alert at the receiver, each by its own clock reading."""
    received = [(item, dt.datetime.fromisoformat(each["received_at"])) for each in rig.received() for item in each["items"]]
    late = seconds_to_alert(rig.site.requests(), [(item["article"]["url"], at) for item, at in received])
    if len(late) < 2:
        return {}
    cuts = statistics.quantiles(late, n=100, method="inclusive")
    return {"fetch_to_delivery_p50": round(cuts[49], 3), "fetch_to_delivery_p99": round(cuts[98], 3), "latencies": len(late)}


def _stage_seconds(rig: Rig) -> dict[str, float]:
    """CPU seconds of each stage so far, as the processes themselves counted them."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    folder = (rig.folder / "data" / "metrics").resolve()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    return {each.labels["stage"]: each.value for each in samples if each.name == "copytaster_stage_cpu_seconds_total"}


def _trafilatura(corpus: Corpus) -> dict[str, Any]:
    """The peer, in a process of its own: CPU seconds of ``trafilatura.extract`` over the same pages, and their texts."""
    from copytaster.charset import decode

    pages = [(decode(page.body)[0], page.url) for page in corpus.pages]
    done = subprocess.run([sys.executable, "-c", BASELINE], input=json.dumps(pages), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rare_queries(texts: Sequence[str | None], count: int, rng: random.Random) -> list[tuple[str, str]]:
    """Watches drawn from the corpus' own rare words: one word, two that follow each other, either of two, one but not another."""
    listed = [words(text) for text in texts if text]
    pages_with = Counter(word for text in listed for word in set(text))
    rare = sorted(word for word, pages in pages_with.items() if pages <= 3 and len(word) >= 5 and word.isalpha())
    common = sorted(word for word, pages in pages_with.items() if pages >= len(listed) // 10 and word.isalpha())
    few = set(rare)
    pairs = sorted({(a, b) for text in listed for a, b in pairwise(text) if a in few and b.isalpha()})
    shapes = (
        lambda: rng.choice(rare),
        lambda: '"{} {}"'.format(*rng.choice(pairs)),
        lambda: '"{} {}" OR {}'.format(*rng.choice(pairs), rng.choice(rare)),
        lambda: f"{rng.choice(rare)} NOT {rng.choice(common)}",
    )
    return [(f"w{number:05}", shapes[number % len(shapes)]()) for number in range(count)]
