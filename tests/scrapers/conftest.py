"""What the crawl's tests share: a store, a site server, and real crawler processes over both."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select

from copytaster.news import Endpoint, EndpointId, EndpointKind, Source, SourceId
from copytaster.store import Store, Tx, schema, sources
from copytaster.store.migrate import migrate
from copytaster.urls import host_of, url_id
from desk.loopback import Resource, SiteServer

ROOT = pathlib.Path(__file__).parents[2]
PREPARE = ""  # what a test wants done in a crawler before it starts
# … so that it notes when each request is written: when one is taken by a server of ours, a busy machine decides.
NOTING = """
import time
from twisted.internet.tcp import Connection
def noted(connection, data, write=Connection.writeSomeData):
    if bytes(data[:4]) == b"GET ":
        with open("written", "a") as lines:
            print(time.monotonic(), bytes(data).split()[1].decode(), file=lines)
    return write(connection, data)
Connection.writeSomeData = noted
"""
PROGRAM = """
import sys
from copytaster.config import load
from scrapers.run import crawl
crawl(load(), source=(sys.argv[1:] or [None])[0])
"""
WORDS = "The council met on Tuesday and agreed to repair the old bridge over the river before winter comes. "


def page(title: str, words: int = 12) -> Resource:
    body = f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1><p>{WORDS * words}</p></body></html>"
    return Resource(body=body.encode())


def rss(*links: str, dated: Sequence[str] = (), extra: str = "") -> Resource:
    dates = [*dated, *[""] * len(links)]
    items = "".join(
        f"<item><title>Item {n}</title><link>{link}</link>{f'<pubDate>{dates[n]}</pubDate>' if dates[n] else ''}</item>"
        for n, link in enumerate(links)
    )
    body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>A site</title>{extra}{items}</channel></rss>'
    return Resource(body=body.encode(), content_type="application/rss+xml")


class World:
    """One store, one site server, and crawlers of their own processes."""

    def __init__(self, folder: pathlib.Path, server: SiteServer, url: str = "") -> None:
        self.folder, self.server = folder, server
        self.store = Store(url or f"sqlite:///{folder / 'copytaster.db'}")
        migrate(self.store)

    def source(self, url: str, *endpoints: tuple[EndpointKind, str], **options: Any) -> Source:
        options = {"proxy": self.server.proxy, "alert_since_seconds": float("inf")} | options
        with self.store.write() as tx:
            source = Source(id=SourceId(url_id(url)), url=url, name=host_of(url), host=host_of(url), added_at=tx.now, **options)
            sources.add(tx, source, [self.endpoint(tx, source, kind, place) for kind, place in endpoints])
        return source

    def endpoint(self, tx: Tx, source: Source, kind: EndpointKind, url: str) -> Endpoint:
        return Endpoint(id=EndpointId(url_id(url)), source_id=source.id, url=url, kind=kind, due_at=tx.now)

    def feed(self, host: str, *paths: str, **options: Any) -> Source:
        """A source with one feed of these paths (or whole addresses)."""
        links = [path if "://" in path else f"http://{host}{path}" for path in paths]
        self.server.put(host, "/feed.xml", rss(*links))
        return self.source(f"http://{host}/", ("feed", f"http://{host}/feed.xml"), **options)

    def start(self, *args: str, **settings: Any) -> "subprocess.Popen[str]":
        values = {"crawl__delay_seconds": 0, "crawl__min_interval_seconds": 1, "crawl__run_seconds": 20} | settings
        settings = {f"COPYTASTER_{name.upper()}": str(value) for name, value in values.items()}
        environ = (
            os.environ
            | settings
            | {
                "COPYTASTER_DATA_DIR": str(self.folder),
                "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            }
        )
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        return subprocess.Popen(
            [sys.executable, "-c", PREPARE + PROGRAM, *args], env=environ, cwd=self.folder, text=True, stderr=subprocess.PIPE
        )

    def crawl(self, *args: str, **settings: Any) -> str:
        """One whole run; returns what it said."""
        process = self.start(*args, **settings)
        try:
            _, said = process.communicate(timeout=110)
        finally:
            process.kill()
        assert process.returncode == 0, said
        assert "Traceback" not in said, said
        return said

    def rows(self, table: str) -> dict[str, Any]:
        """All rows of a table by URL, or by host."""
        with self.store.read() as tx:
            found = tx.conn.execute(select(schema.metadata.tables[table])).all()
        return {getattr(row, "url", None) or row.host: row for row in found}

    def reason(self, url: str) -> str | None:
        refused = self.rows("refusals").get(url)
        return refused.reason if refused else None

    def seconds_apart(self, host: str, *paths: str) -> list[float]:
        """Between all requests to a host, or those for these paths, by a crawler that was prepared by NOTING."""
        lines = [line.split() for line in (self.folder / "written").read_text("utf-8").splitlines()]
        places = [f"http://{host}{path}" for path in paths]
        at = [float(at) for at, url in lines if (url in places if places else host_of(url) == host)]
        return [later - earlier for earlier, later in pairwise(at)]

    def due_again(self) -> None:
        """As if the time of every endpoint had come."""
        with self.store.write() as tx:
            tx.conn.execute(schema.endpoints.update().values(due_at=tx.now))
            tx.conn.execute(schema.hosts.update().values(due_at=tx.now, next_allowed_at=None))


@pytest.fixture(scope="module")
def server() -> Iterator[SiteServer]:
    with SiteServer() as running:
        yield running


@pytest.fixture
def world(tmp_path: pathlib.Path, server: SiteServer) -> Iterator[World]:
    made = World(tmp_path, server)
    yield made
    made.store.close()


@pytest.fixture
def each_world(tmp_path: pathlib.Path, server: SiteServer, store_url: str) -> Iterator[World]:
    """The same over SQLite and over PostgreSQL."""
    made = World(tmp_path, server, store_url)
    yield made
    made.store.close()


@contextlib.contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stderr:
            process.stderr.close()
