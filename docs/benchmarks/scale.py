"""What 100,000 sources and 100,000 watches cost: prints docs/benchmarks/scale.json, the figures of docs/scaling.md.

Run from the root: ``python -m docs.benchmarks.scale > docs/benchmarks/scale.json`` (about five minutes). It starts a
PostgreSQL of its own, and takes its articles from ``../shared/corpora/articles-world`` where that is there.
"""

import contextlib
import gc
import json
import multiprocessing
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import psutil
from sqlalchemy import text, update

from copytaster.store import Store, hosts, links, pages, schema, sources
from copytaster.store.hosts import Manners
from copytaster.store.migrate import migrate
from desk.bench.machine import describe
from tests.scale.asking import calls
from tests.scale.filling import Size, fill
from tests.services import postgresql
from workers.watchlist import Watchlist

TIMES = 7
SECONDS = 6.0
CLAIMERS = (1, 2, 4, 8)
CORPUS = pathlib.Path("../shared/corpora/articles-world")
# As a server would run, save that nothing is forced to disk: the disk of a build machine says nothing of a database's.
SERVER = ("fsync=off", "full_page_writes=off", "shared_buffers=1GB", "work_mem=16MB", "max_connections=100")


def main() -> None:
    figures: dict[str, Any] = {"machine": describe("sqlalchemy", "psycopg"), "rows": asdict(Size())}
    with tempfile.TemporaryDirectory(prefix="copytaster-scale-") as tmp, postgresql.started(SERVER) as server:
        folder = pathlib.Path(tmp)
        figures["sqlite"] = measure_calls(f"sqlite:///{folder / 'copytaster.db'}", folder)
        with server.database(migrated=True) as url:
            figures["postgresql"] = measure_calls(url, folder, server_of(server.port))
            figures["claims"] = [measure_claims(url, number, server_of(server.port)) for number in CLAIMERS]
            figures["pages"] = [measure_pages(url, number, server_of(server.port)) for number in CLAIMERS]
            figures["bytes_a_row"] = bytes_a_row(url)
            figures["watches"] = watch_table(url)
        if CORPUS.is_dir():
            with server.database(migrated=True) as url:
                figures["article"] = article_bytes(url, folder)
    figures["load_average"] = [round(each, 1) for each in os.getloadavg()]
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


def server_of(port: int) -> psutil.Process:
    """The postmaster; what its children cost is counted with it."""
    for each in psutil.process_iter(["name", "cmdline"]):
        if each.info["name"] == "postgres" and f"-p\0{port}\0" in "\0".join([*each.info["cmdline"], ""]):
            return each
    raise SystemExit(f"There is no PostgreSQL on port {port}.")


def cpu_of(server: psutil.Process | None) -> float:
    """Seconds of the server and of all its sessions, those that ended included."""
    if server is None:
        return 0.0
    times = server.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in server.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            spent = child.cpu_times()
            total += spent.user + spent.system
    return total


def measure_calls(url: str, folder: pathlib.Path, server: psutil.Process | None = None) -> dict[str, Any]:
    """Milliseconds of each call: the best and the median of several, the least CPU of its own, the server's on the mean."""
    store = Store(url)
    migrate(store)
    fill(store, Size())
    found = {}
    for name, call in calls(store, folder).items():
        call()
        before = cpu_of(server)
        taken = [_timed(call) for _ in range(TIMES)]
        found[name] = {
            "best_ms": round(min(wall for wall, _ in taken), 1),
            "median_ms": round(statistics.median(wall for wall, _ in taken), 1),
            "own_cpu_ms": round(min(cpu for _, cpu in taken), 1),
            "server_cpu_ms": round(1000 * (cpu_of(server) - before) / TIMES, 1),
        }
    store.close()
    return found


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)


def measure_claims(url: str, claimers: int, server: psutil.Process) -> dict[str, Any]:
    """Hosts leased and given back a second, their endpoints and links claimed between, all 100,000 of them due."""
    store = Store(url)
    with store.write() as tx:
        tx.conn.execute(update(schema.hosts).values(due_at=tx.now, rest_at=None, lease_token=None, leased_until=None))
        tx.conn.execute(update(schema.hosts).values(next_allowed_at=None))
    before, spent = _commits(store), cpu_of(server)
    done = _at_once(claim_hosts, url, claimers)
    spent = cpu_of(server) - spent
    rate = {"claimers": claimers, "hosts_per_second": round(sum(done) / SECONDS), "fewest": min(done), "most": max(done)}
    rate["server_cpu_ms_a_host"] = round(1000 * spent / sum(done), 2)
    rate["transactions_per_second"] = round((_commits(store) - before) / SECONDS)
    store.close()
    return rate


def claim_hosts(url: str, number: int) -> int:
    store, token, done = Store(url, pool_size=1), f"claimer/{number}", 0
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with store.write() as tx:
            names = [lease.host for lease in hosts.claim(tx, token, limit=64, seconds=30)]
            sources.claim_endpoints(tx, names, each=4, limit=256, seconds=30)
            links.claim(tx, names, each=16, limit=512, seconds=30)
        with store.write() as tx:
            hosts.release(tx, token, {name: Manners(1.0) for name in names})
        done += len(names)
    store.close()
    return done


def measure_pages(url: str, claimers: int, server: psutil.Process) -> dict[str, Any]:
    """Pages claimed and finished a second, of 20,000 waiting ones of 1,000 sources, each its own two transactions."""
    store = Store(url)
    with store.write() as tx:
        tx.conn.execute(text("TRUNCATE pages"))
        wanted = "INSERT INTO pages (link_id, source_id, url, status, content_type, body, fetched_at, due_at, turn)"
        empty = "'\\x789c030000000001'"  # zlib's
        rows = f"SELECT 'l' || i, 's' || i % 1000, 'https://x.example/', 200, 'text/html', {empty}, now(), now(), i / 1000"
        tx.conn.execute(text("SET LOCAL session_replication_role = replica"))
        tx.conn.execute(text(f"{wanted} {rows} FROM generate_series(1, 40000) AS n(i)"))
    spent = cpu_of(server)
    done = _at_once(claim_pages, url, claimers)
    spent = cpu_of(server) - spent
    store.close()
    each = round(1000 * spent / sum(done), 2)
    return {"claimers": claimers, "pages_per_second": round(sum(done) / SECONDS), "server_cpu_ms_a_page": each}


def claim_pages(url: str, number: int) -> int:
    store, done = Store(url, pool_size=1), 0
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with store.write() as tx:
            lease = pages.claim(tx, f"worker/{number}/{done}", seconds=30)
        if lease is None:
            break
        with store.write() as tx:
            done += pages.finish(tx, lease)
    store.close()
    return done


def _at_once(work: Callable[[str, int], int], url: str, number: int) -> Sequence[int]:
    with multiprocessing.get_context("spawn").Pool(number) as pool:
        pool.map(len, ["warm"] * number)
        return pool.starmap(work, [(url, each) for each in range(number)], chunksize=1)


def _commits(store: Store) -> int:
    with store.read() as tx:
        tx.conn.execute(text("SELECT pg_stat_clear_snapshot()"))
        return int(
            tx.conn.execute(text("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")).scalar_one()
        )


def bytes_a_row(url: str) -> dict[str, int]:
    """Of the filled tables, their indexes included."""
    store = Store(url)
    with store.read() as tx:
        sizes = {
            name: tx.conn.execute(
                text(f"SELECT pg_total_relation_size('{name}') / greatest(count(*), 1) FROM {name}")
            ).scalar_one()
            for name in ("sources", "endpoints", "hosts", "links", "watches", "deliveries")
        }
    store.close()
    return sizes


def watch_table(url: str) -> dict[str, Any]:
    """Seconds and memory of the matcher over all watches, and what a forked child adds to it by matching."""
    store = Store(url)
    gc.collect()
    me = psutil.Process()
    before, began = me.memory_info().rss, time.process_time()
    watchlist = Watchlist()
    with store.read() as tx:
        watchlist.refresh(tx)
    seconds = time.process_time() - began
    gc.collect()
    grown = me.memory_info().rss - before
    gc.freeze()
    store.close()
    return {
        "watches": len(watchlist),
        "load_cpu_seconds": round(seconds, 1),
        "memory_mb": round(grown / 1e6),
        "own_memory_of_a_forked_child_mb": _forked(watchlist),
    }


def _forked(watchlist: Watchlist) -> float:
    """What a child that matched a thousand articles no longer shares with the parent that loaded the watches."""
    from search.document import Document

    inside, outside = os.pipe()
    if (pid := os.fork()) == 0:
        for number in range(1_000):
            watchlist.match(
                Document(title=f"name{number} surname{number}", text=f"name{2 * number} surname{number} said so. " * 40)
            )
        private = psutil.Process().memory_full_info().uss
        os.write(outside, str(private).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    return round(int(os.read(inside, 100)) / 1e6, 1)


def article_bytes(url: str, folder: pathlib.Path) -> dict[str, Any]:
    """Bytes of an article in PostgreSQL and in the SQLite index, from the corpus' own pages read by the extractor."""
    import datetime as dt

    from copytaster.news import ArticleId, SourceId, StoryId
    from copytaster.store import articles
    from desk.bench.corpus_site import load
    from search.mapping import IndexDocument
    from search.sqlite import SqliteSearch
    from workers.extraction.read import extract

    store = Store(url)
    corpus = load(CORPUS, now=dt.datetime.now(dt.UTC))
    with store.write() as tx:
        tx.conn.execute(text("SET LOCAL session_replication_role = replica"))
        for number, page in enumerate(corpus.pages):
            read = extract(page.body, page.url, "text/html")
            ids = {"source_id": SourceId("s"), "story_id": StoryId(f"{number:040x}")}
            flags = {"found_at": tx.now, "epoch": 1, "baseline": False, "late": False}
            articles.put(tx, ArticleId(f"{number:040x}"), read, url=page.url, **ids, **flags)
        tx.conn.execute(
            schema.sources.insert().values(
                id="s", url="u", name="n", host="h", state="active", headers={}, cookies={}, added_at=tx.now
            )
        )
    engine = SqliteSearch(folder / "search.db")
    engine.prepare()
    with store.read() as tx:
        found = articles.newest(tx, limit=1_000)
        of_tables = {}
        for name in ("articles", "revisions", "texts"):
            parts = text("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(:name)")
            whole = (
                tx.conn.execute(parts, {"name": name}).scalar()
                or tx.conn.execute(text("SELECT pg_total_relation_size(:name)"), {"name": name}).scalar_one()
            )
            of_tables[name] = round(int(whole) / len(found))
    engine.put([IndexDocument.of(each, {}) for each in found])
    store.close()
    size = sum(path.stat().st_size for path in folder.glob("search.db*"))
    words = [len(each.text) for each in found]
    return {
        "articles": len(found),
        "characters": round(statistics.mean(words)),
        "sql_bytes": of_tables,
        "fts_bytes": round(size / len(found)),
    }


if __name__ == "__main__":
    main()
