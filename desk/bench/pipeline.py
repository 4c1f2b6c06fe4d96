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
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import psutil
from sqlalchemy import select

from copytaster.config import Config
from copytaster.store import articles, refusals, schema
from copytaster.text import words
from desk.bench.corpus_site import Corpus, load_all
from desk.bench.costs import Meter, costs, pace
from desk.bench.machine import describe
from desk.bench.outside import Outside, borrowed
from desk.bench.peers import measure as measure_peers
from desk.bench.rig import Rig
from desk.bench.tree import Watcher, proportional_bytes
from desk.loopback import seconds_to_alert

CALM, MOST_CALMING_SECONDS = 0.1, 60  # CPU seconds in a second, of all processes that wait for work
EMBEDDED = Outside({}, {}, {})
Servers = Mapping[str, psutil.Process | None]
BASELINE = """
import json, sys, time, trafilatura
pages = json.load(sys.stdin)
for html, url in pages[:3]:
    trafilatura.extract(html, url=url)
began = time.process_time()
texts = [trafilatura.extract(html, url=url) for html, url in pages]
json.dump({"cpu_seconds": time.process_time() - began, "texts": texts}, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many processes take part."""

    workers: int = 2
    crawlers: int = 1


@dataclass(frozen=True, slots=True)
class Input:
    """The pages, the watches and what ``trafilatura.extract`` takes for the pages: the same for each run of one call."""

    name: str
    corpus: Corpus
    queries: Sequence[tuple[str, str]]
    alone: float
    pages_per_second: float | None

    @classmethod
    def of(cls, folders: Sequence[pathlib.Path], watches: int = 100, pages_per_second: float | None = 10.0) -> "Input":
        corpus = load_all(folders, now=dt.datetime.now(dt.UTC))
        baseline = _trafilatura(corpus)
        queries = rare_queries(baseline["texts"], watches, random.Random(1))  # noqa: S311  a benchmark's choice
        name = " and ".join(folder.name for folder in folders)
        return cls(name, corpus, queries, baseline["cpu_seconds"], pages_per_second)


def run(given: Input, sizes: Sequence[Size], *, services: Config | None = None, peers: bool = False) -> dict[str, Any]:
    """One run for each size; returns the figures under the keys that docs/performance.md explains.

    ``services``: on those that this configuration names, each run in a database, an index and a Redis of its own; None:
    on the embedded ones.
    """
    runs: list[dict[str, Any]] = []
    versions: Mapping[str, str] = {}
    for size in sizes:
        with borrowed(services) if services else nullcontext(EMBEDDED) as outside:
            runs.append({**asdict(size), **_run(given, size, outside)})
            versions = outside.versions
    return {
        "corpus": given.name,
        "machine": describe("scrapy", "celery", "redis", "sqlalchemy", "trafilatura", *(["elasticsearch"] if services else [])),
        "services": versions,
        **({"peers": measure_peers(given.corpus.pages)} if peers else {}),
        **(runs[0] if len(runs) == 1 else {"runs": runs}),
    }


def _run(given: Input, size: Size, outside: Outside) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="copytaster-bench-") as tmp,
        Rig(
            pathlib.Path(tmp),
            given.corpus.sites,
            pages_per_second=given.pages_per_second,
            environment=outside.variables,
            workers=size.workers,
            crawlers=size.crawlers,
        ) as rig,
    ):
        rig.add_watches(given.queries)
        rig.start()
        return _measure(rig, given, size, outside.servers)


def _measure(rig: Rig, given: Input, size: Size, servers: Servers) -> dict[str, Any]:
    assert rig.process
    up, corpus = psutil.Process(rig.process.pid), given.corpus
    _await_calm(up)
    idle = proportional_bytes(up)
    with Meter(up, servers, (rig.folder / "data" / "metrics").resolve()) as meter:
        began = time.monotonic()
        rig.add_sources(_listings(corpus))
        rig.wait(rig.settled, 120 + 3 * len(corpus.pages) / (rig.pages_per_second or 20), "the run")
        wall = time.monotonic() - began
    return {
        **_outcome(rig, corpus, wall),
        **costs(meter, len(corpus.pages), given.alone),
        **pace(meter, wall, workers=size.workers, crawlers=size.crawlers),
        **_latency(rig),
        "peak_rss_mb": _megabytes(meter.peaks()),
        "idle_pss_mb": _megabytes(idle),
        "idle_pss_total_mb": round(sum(idle.values()) / 1e6, 1),
        "pages_per_second_served": rig.pages_per_second,
    }


def _await_calm(up: psutil.Process) -> None:
    """Until the processes have loaded what they need: what starting costs is no page's cost."""
    watcher, used = Watcher(up), 0.0
    for _ in range(MOST_CALMING_SECONDS):
        before, used = used, sum(watcher.cpu_seconds().values())
        if before > 0 and used - before < CALM:
            return
        time.sleep(1)


def _megabytes(sizes: Mapping[str, int]) -> dict[str, float]:
    return {role: round(size / 1e6, 1) for role, size in sorted(sizes.items())}


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
        "steady_articles_per_second": _steady(rig),
    }


def _steady(rig: Rig) -> float | None:
    """Between the tenth and the ninetieth of a hundred: without the start, in which there is nothing to read, and the tail."""
    with rig.store.read() as tx:
        times = sorted(tx.conn.execute(select(schema.articles.c.read_at)).scalars())
    first, last = len(times) // 10, len(times) * 9 // 10
    if last - first < 10:
        return None
    between: dt.timedelta = times[last] - times[first]
    return round((last - first) / between.total_seconds(), 2)


def _latency(rig: Rig) -> dict[str, float]:
    """Seconds from a page being answered by its site to its alert at the receiver, each by its own clock reading."""
    received = [(item, dt.datetime.fromisoformat(each["received_at"])) for each in rig.received() for item in each["items"]]
    late = seconds_to_alert(rig.site.requests(), [(item["article"]["url"], at) for item, at in received])
    if len(late) < 2:
        return {}
    cuts = statistics.quantiles(late, n=100, method="inclusive")
    return {"fetch_to_delivery_p50": round(cuts[49], 3), "fetch_to_delivery_p99": round(cuts[98], 3), "latencies": len(late)}


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
