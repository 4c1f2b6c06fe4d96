"""A store as large as wished, made by the database itself in seconds: what the scale tests and benchmarks ask.

It owns plausible rows (states, dates, shares of each); it must not know what is asked of them.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import text

from copytaster.store import Store, Tx
from copytaster.store.schema import metadata
from copytaster.store.types import EPOCH, MICROSECOND


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows of each; every source has one endpoint and a host of its own."""

    sources: int = 100_000
    links: int = 200_000
    watches: int = 100_000
    articles: int = 20_000
    deliveries: int = 50_000
    channels: int = 1_000
    messages: int = 10_000
    refusals: int = 5_000

    def part(self, of: int) -> "Size":
        """The same, so many times smaller."""
        return Size(**{name: max(number // of, 10) for name, number in asdict(self).items()})


# Column: SQL over `i`, the row's number from 1. `at(x)` is x seconds after now, `pick(i, n)` one of n, spread evenly.
# Of 200 sources 4 are paused, 2 removed and 2 silent; of 50 endpoints 1 fails, 1 is due and 1 was never read.
ROWS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "owners": ("channels", {"id": "'o' || i", "name": "'owner ' || i", "created_at": "at(-9000000)"}),
    "channels": (
        "channels",
        {
            "id": "'c' || i",
            "owner_id": "'o' || i",
            "url": "'https://hooks.example/' || i",
            "secret": "'whsec_x'",
            "state": "CASE WHEN i % 50 = 1 THEN 'disabled' ELSE 'active' END",
            "created_at": "at(-9000000 + i)",
        },
    ),
    "watches": (
        "watches",
        {
            "id": "'w' || i",
            "owner_id": "'o' || pick(i, {channels})",
            "name": "'watch ' || i",
            "query": "'\"name' || pick(i, 50000) || ' surname' || i || '\"'",
            "aliases": "'[]'",
            "vetoes": "'[]'",
            "digest": "CASE WHEN i % 5 = 0 THEN 'daily' ELSE 'instant' END",
            "zone": "'UTC'",
            "created_at": "at(-8000000 + i)",
            "removed_at": "CASE WHEN i % 100 = 7 THEN at(-1000) END",
            "epoch": "i + 1",
        },
    ),
    "watch_channels": (
        "watches",
        {"watch_id": "'w' || i", "channel_id": "'c' || pick(i, {channels})", "added_at": "at(-8000000 + i)"},
    ),
    "sources": (
        "sources",
        {
            "id": "'s' || i",
            "url": "'https://site' || i || '.example/'",
            "name": "'Site ' || i",
            "host": "'site' || i || '.example'",
            "state": "CASE WHEN i % 50 = 3 THEN 'paused' WHEN i % 100 = 5 THEN 'removed' ELSE 'active' END",
            "headers": "'{}'",
            "cookies": "'{}'",
            "added_at": "at(-8000000 + i)",
            "baseline_at": "CASE WHEN i % 50 <> 13 THEN at(-7000000) END",
            "found_at": "CASE WHEN i % 100 <> 9 THEN at(-i % 900) END",
            "silent_at": "CASE WHEN i % 100 = 11 THEN at(-500) END",
            "silent_reason": "CASE WHEN i % 100 = 11 THEN 'Nothing new for 3 hours.' END",
            "check_at": "CASE WHEN i % 50 NOT IN (3, 5, 11) THEN at(i % 20000 - 60) END",
        },
    ),
    "endpoints": (
        "sources",
        {
            "id": "'e' || i",
            "source_id": "'s' || i",
            "url": "'https://site' || i || '.example/feed.xml'",
            "host": "'site' || i || '.example'",
            "kind": "CASE WHEN i % 4 = 0 THEN 'sitemap' ELSE 'feed' END",
            "interval_seconds": "900.0",
            "due_at": "CASE WHEN i % 50 = 3 THEN NULL WHEN i % 50 = 8 THEN at(-30) ELSE at(i % 900 + 1) END",
            "added_at": "at(-8000000 + i)",
            "read_at": "CASE WHEN i % 50 <> 13 THEN at(-i % 900) END",
            "readings": "CASE WHEN i % 50 <> 13 THEN 50 ELSE 0 END",
            "failures": "CASE WHEN i % 50 = 17 THEN 3 ELSE 0 END",
            "last_error": "CASE WHEN i % 50 = 17 THEN 'It answers 403.' END",
            "overflows": "0",
            "last_ids": "'[]'",
            "gaps": "'[600, 700, 800, 900, 1000]'",
            "hub": "CASE WHEN i % 20 = 0 THEN 'https://hub.example/' END",
            "topic": "CASE WHEN i % 20 = 0 THEN 'https://site' || i || '.example/feed.xml' END",
            "websub_until": "CASE WHEN i % 20 = 0 THEN at(700000) END",
        },
    ),
    "hosts": (
        "sources",
        {
            "host": "'site' || i || '.example'",
            "due_at": "CASE WHEN i % 50 = 3 THEN NULL WHEN i % 50 IN (8, 9) THEN at(-30) ELSE at(i % 900 + 1) END",
            "rest_at": "CASE WHEN i % 10 = 0 THEN at(i % 90000) WHEN i % 100 = 21 THEN at(-300) END",
            "next_allowed_at": "at(-i % 900)",
            "delay_seconds": "1.0",
        },
    ),
    "links": (
        "links",
        {
            "id": "'l' || i",
            "url": "'https://site' || pick(i, {sources}) || '.example/' || i",
            "host": "'site' || pick(i, {sources}) || '.example'",
            "source_id": "'s' || pick(i, {sources})",
            "title": "'A title of some length that a feed gave, number ' || i",
            "found_at": "at(-i)",
            "state": "CASE WHEN i % 50 = 8 THEN 'found' WHEN i % 50 = 9 THEN 'refused' ELSE 'read' END",
            "due_at": "CASE WHEN i % 50 = 8 THEN at(-20) WHEN i % 10 = 0 THEN at(i % 90000 + 60) END",
            "priority": "CASE WHEN i % 50 = 8 THEN i / 50 % 3 ELSE 1 END",
        },
    ),
    "articles": (
        "articles",
        {
            "id": "'a' || i",
            "url": "'https://site' || pick(i, {sources}) || '.example/' || i",
            "source_id": "'s' || pick(i, {sources})",
            "story_id": "'a' || i",
            "title": "'A title of some length that a page gave, number ' || i",
            "authors": "'[]'",
            "topics": "'[]'",
            "extractor": "'graph'",
            "text_month": "202611",
            "found_at": "at(-i)",
            "first_seen_at": "at(-i)",
            "read_at": "at(-i)",
            "watch_epoch": "1",
            "index_due_at": "CASE WHEN i % 100 = 0 THEN at(-1) END",
        },
    ),
    "messages": (
        "messages",
        {
            "id": "'m' || i",
            "channel_id": "'c' || pick(i, {channels})",
            "kind": "'instant'",
            "payload": "'{}'",
            "state": "CASE WHEN i % 20 = 0 THEN 'pending' ELSE 'sent' END",
            "due_at": "CASE WHEN i % 20 = 0 THEN at(i % 600 - 300) END",
            "created_at": "at(-i)",
            "sent_at": "CASE WHEN i % 20 <> 0 THEN at(-i) END",
        },
    ),
    "deliveries": (
        "deliveries",
        {
            "watch_id": "'w' || pick(i, {watches})",
            "story_id": "'a' || pick(i, {articles})",
            "channel_id": "'c' || pick(i, {channels})",
            "article_id": "'a' || pick(i, {articles})",
            "revision": "1",
            "state": "CASE WHEN i % 50 = 1 THEN 'failed' WHEN i % 25 = 2 THEN 'pending' ELSE 'sent' END",
            "kind": "CASE WHEN i % 50 = 2 THEN 'digest' ELSE 'instant' END",
            "due_at": "CASE WHEN i % 50 = 2 THEN at(20000) ELSE at(-i % 3600) END",
            "created_at": "at(-i)",
            "message_id": "CASE WHEN i % 25 <> 2 THEN 'm' || pick(i, {messages}) END",
            "sent_at": "CASE WHEN i % 50 <> 1 AND i % 25 <> 2 THEN at(-i) END",
        },
    ),
    "refusals": (
        "refusals",
        {
            "stage": "CASE WHEN i % 3 = 0 THEN 'ingest' ELSE 'fetch' END",
            "key": "'l' || i",
            "url": "'https://site' || i || '.example/' || i",
            "reason": "CASE WHEN i % 7 = 0 THEN 'robots' ELSE 'gone' END",
            "detail": "'It answers 404.'",
            "attempts": "1",
            "refused_at": "at(-i)",
        },
    ),
}


def fill(store: Store, size: Size) -> None:
    """Every table, then the figures that PostgreSQL plans by; its autovacuum would gather them within a minute."""
    numbers = asdict(size)
    with store.write() as tx:
        if tx.dialect == "postgresql":
            tx.conn.execute(text("SET LOCAL session_replication_role = replica"))  # no foreign keys: 3 times quicker
            tx.conn.execute(text("SET LOCAL synchronous_commit = off"))
        for table, (counted, columns) in ROWS.items():
            _insert(tx, table, numbers[counted], {name: _counted(sql, numbers) for name, sql in columns.items()})
        tx.conn.execute(text("UPDATE watch_epoch SET epoch = :epoch"), {"epoch": size.watches + 1})
    if store.dialect == "postgresql":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text("VACUUM ANALYZE"))


def _counted(sql: str, numbers: Mapping[str, int]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: str(numbers[found[1]]), sql)


def _insert(tx: Tx, table: str, count: int, columns: Mapping[str, str]) -> None:
    known = metadata.tables[table].columns
    wanted = {name: _spelled(tx, sql) for name, sql in columns.items() if name in known}
    numbers = (
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT {', '.join(wanted.values())}"
    )
    now = tx.now if tx.dialect == "postgresql" else (tx.now - EPOCH) // MICROSECOND
    tx.conn.execute(text(f"INSERT INTO {table} ({', '.join(wanted)}) {numbers} FROM n"), {"now": now})


def _spelled(tx: Tx, sql: str) -> str:
    """In the dialect's own words."""
    sql = re.sub(r"pick\(i, (\d+)\)", r"(i % \1 + 1)", sql)
    if tx.dialect == "postgresql":
        return re.sub(r"at\(([^()]*)\)", r"(CAST(:now AS timestamptz) + (\1) * interval '1 second')", sql)
    return re.sub(r"at\(([^()]*)\)", r"(:now + (\1) * 1000000)", sql)
