"""A day in an hour: what a thousand sources write from midnight to midnight is published, read, matched and alerted within one
hour, and every process is looked at all the while: memory, open files, sockets, rows.

The press's day is compressed, by its own rhythm of busy and quiet hours, and what copytaster does by the hour (the audit) comes
24 times as often. The clocks of the machine are right: a lease of 30 s is one.

Example: python -m tests.chaos.soak --minutes 4 --sources 50 --articles 800 --watches 60
"""

import argparse
import json
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import psutil
from sqlalchemy import Table, func, select

from copytaster.store.schema import links, metadata
from desk.bench.machine import describe
from desk.bench.tree import role_of
from tests.chaos.run import Run
from tests.chaos.world import World, feed

# Articles by the hour of a day, as newsrooms write them: few at night, most before noon and in the evening.
RHYTHM = (2, 1, 1, 1, 2, 3, 5, 7, 9, 10, 10, 9, 8, 9, 9, 9, 9, 8, 7, 6, 5, 4, 3, 3)
# So many that most articles have some that no other has: what is watched is told all day, and not of a few articles.
WORDS = 1_000_000
SHOWN = 25  # items of a feed, the newest first
SAMPLE_SECONDS = 10.0
GROWTH, GROWTH_BYTES = 1.10, 12e6  # what counts as flat, from the second quarter to the last: either
MORE_FILES = 10
AN_ARTICLE = {"links": 1, "articles": 1, "revisions": 1, "texts": 1, "stories": 1, "signature_buckets": 24}  # rows it keeps
AN_ALERT = ("matches", "deliveries", "messages", "attempts")
OWN_ALERTS, OWN_ROWS = 100, 100  # of the heartbeat; of processes that come and go, leases, marks, pages that are read again


def publishing(urls: int, seconds: float) -> Iterator[float]:
    """When each of so many articles comes out, in seconds from the beginning."""
    sums = [0.0, *accumulate(RHYTHM)]
    for number in range(urls):
        place = (number + 0.5) / urls * sums[-1]
        hour = next(at for at in range(24) if sums[at + 1] >= place)
        yield (hour + (place - sums[hour]) / RHYTHM[hour]) / 24 * seconds


def sample(supervisor: int, began: float) -> list[dict[str, Any]]:
    """Memory of its own (USS), open files and sockets of every process of the tree."""
    found = []
    for process in [psutil.Process(supervisor), *psutil.Process(supervisor).children(recursive=True)]:
        try:
            with process.oneshot():
                row = {"role": role_of(process), "pid": process.pid, "lived": time.time() - process.create_time()}
                row |= {"uss": process.memory_full_info().uss, "files": process.num_fds()}
        except psutil.Error:
            continue  # it ended while we looked
        found.append(row | {"at": round(time.monotonic() - began, 1)})
    return found


def rows_of(run: Run, tables: Iterable[Table] = metadata.sorted_tables) -> dict[str, int]:
    with run.rig.store.read() as tx:
        return {table.name: tx.conn.execute(select(func.count()).select_from(table)).scalar_one() for table in tables}


def publish(run: Run, world: World, seconds: float, rng: random.Random, samples: list[dict[str, Any]]) -> None:
    """Every site writes its articles in an order of its own, spread over the day; a look at the processes between."""
    urls = list(world.articles)
    rng.shuffle(urls)
    shown: dict[str, list[tuple[str, str]]] = defaultdict(list)
    began, next_look = time.monotonic(), 0.0
    for url, at in zip(urls, publishing(len(urls), seconds), strict=True):
        while (passed := time.monotonic() - began) < at:
            time.sleep(min(at - passed, 0.2))
        if passed >= next_look:
            samples += sample(run.supervisor, began)
            next_look = passed + SAMPLE_SECONDS
        host = url.split("/")[2]
        shown[host] = [(world.articles[url].title, url), *shown[host]][:SHOWN]
        run.rig.site.put(host, "/feed.xml", feed(host, shown[host]))


def flat(samples: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, dict[str, Any]]:
    """By role: median memory in the second and in the last quarter, and whether that is flat; files likewise."""
    roles: dict[str, dict[str, Any]] = {}
    for role in sorted({each["role"] for each in samples}):
        quarters: dict[str, dict[int, list[float]]] = {name: defaultdict(list) for name in ("uss", "files")}
        for each in samples:
            if each["role"] == role and each["lived"] > 30:  # one that just began has not learnt everything yet
                for name, values in quarters.items():
                    values[int(4 * each["at"] / seconds)].append(each[name])
        if not (quarters["uss"][1] and quarters["uss"][3]):
            continue
        before, after = (statistics.median(quarters["uss"][quarter]) for quarter in (1, 3))
        files = [max(quarters["files"][quarter]) for quarter in (1, 3)]
        roles[role] = {
            "mb_before": round(before / 1e6, 1),
            "mb_after": round(after / 1e6, 1),
            "files_before": files[0],
            "files_after": files[1],
            "flat": (after <= before * GROWTH or after - before <= GROWTH_BYTES) and files[1] <= files[0] + MORE_FILES,
        }
    return roles


def leaked(before: Mapping[str, int], after: Mapping[str, int], articles: int, alerts: int) -> dict[str, int]:
    """By table: how many rows there are beyond those that articles and alerts bring and keep."""
    may = {name: articles * times for name, times in AN_ARTICLE.items()} | dict.fromkeys(AN_ALERT, alerts + OWN_ALERTS)
    more = {name: rows - before[name] - may.get(name, OWN_ROWS) for name, rows in after.items()}
    return {name: rows for name, rows in more.items() if rows > 0}


def soak(folder: pathlib.Path, options: argparse.Namespace) -> dict[str, Any]:
    rng, samples, seconds = random.Random(5), [], options.minutes * 60.0
    world = World.of(hosts=options.sources, pages=options.articles // options.sources, watches=options.watches, words=WORDS)
    for site in world.sites:
        site.put("/feed.xml", feed(site.host, ()))
    hour = str(max(seconds / 24, 60.0))
    environment = {"CRAWL__MAX_INTERVAL_SECONDS": hour, "CRAWL__CONCURRENCY": "64", "AUDIT__EVERY_SECONDS": hour}
    with Run(folder) as run:
        run.begin(world, environment={f"COPYTASTER_{name}": value for name, value in environment.items()}, pages_per_second=None)
        run.wait(run.rig.settled, 300, "the first reading of every feed")
        rows, began = rows_of(run), time.monotonic()
        publish(run, world, seconds, rng, samples)
        samples += sample(run.supervisor, began)
        run.wait(lambda: rows_of(run, [links])["links"] >= len(world.articles), 1_800, "every feed to be read once more")
        run.settle(1_800)
        drained = time.monotonic() - began - seconds
        run.is_ready()
        verdicts, figures, rows_after = run.verdicts(), run.figures(), rows_of(run)
        return {
            "machine": describe("celery", "scrapy", "sqlalchemy"),
            "sources": options.sources,
            "articles": len(world.articles),
            "watches": options.watches,
            "minutes": options.minutes,
            "drained_seconds": round(drained, 1),
            "roles": flat(samples, seconds),
            "rows": {name: [rows[name], rows_after[name]] for name in rows},
            "leaked_rows": leaked(rows, rows_after, len(world.articles), figures["alerts"]),
            "verdicts": [(each.code, each.ok, each.why) for each in verdicts],
            "figures": figures,
            "samples": [[each["at"], each["role"], each["pid"], round(each["uss"] / 1e6, 1), each["files"]] for each in samples],
        }


def main() -> int:
    asked = argparse.ArgumentParser(prog="tests.chaos.soak", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--minutes", type=float, default=60)
    asked.add_argument("--sources", type=int, default=1_000)
    asked.add_argument("--articles", type=int, default=60_000)
    asked.add_argument("--watches", type=int, default=500)
    asked.add_argument("--json", type=pathlib.Path, help="where to keep what was seen")
    options = asked.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ct-soak-"))
    result = soak(folder, options)
    shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(result, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({name: value for name, value in result.items() if name != "samples"}, indent=1, ensure_ascii=False))
    flat_all = all(each["flat"] for each in result["roles"].values())
    return 0 if flat_all and not result["leaked_rows"] and all(ok for _, ok, _ in result["verdicts"]) else 1


if __name__ == "__main__":
    sys.exit(main())
