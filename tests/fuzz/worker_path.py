"""The way of one input through a crawler and a worker, measured: JSON lines ``{"kind","name","path"}`` in, one line out for each.

A warm process forks for each input, as Celery's pool does, so that what it takes is told apart from what the last one took.
"""

import datetime as dt
import json
import os
import pathlib
import resource
import signal
import sys
import tempfile
import time

from copytaster.config import Config
from copytaster.errors import CopytasterError
from copytaster.guard import Guard
from copytaster.news import Link, LinkId, Page, Source, SourceId
from copytaster.store import Store, links, pages, refusals, sources, watches
from copytaster.store.migrate import migrate
from copytaster.store.processes import Progress
from copytaster.urls import normalize, url_id
from copytaster.watches import Message, Watch, WatchId
from scrapers.discovery import boxed, find
from scrapers.discovery import links as site_links
from scrapers.discovery.feeds import links_of
from scrapers.discovery.sitemaps import parse_sitemap
from scrapers.robots import Robots
from scrapers.settings import MAX_PAGE_BYTES
from scrapers.verdicts import Answer, judge
from search.query import parse
from search.sqlite import SqliteSearch
from workers import pipeline
from workers.bootstrap import warm_up
from workers.intake import Intake
from workers.notifiers import Notifiers, Outbox, Receipt, payload
from workers.notifiers.mail import Mail
from workers.services import Services
from workers.watchlist import Watchlist

URL = "https://n.example/2024/01/01/a-long-slug-of-words"
HANG_SECONDS = 120
# One of each kind that may cost: names at every level, nearness, prefixes, what is excluded, and forms that are vetoed.
WATCHES = (
    ("Kataib Hezbollah", "wide", ()), ("Kata'ib Hizballah", "strict", ("Kataib Hizballah",)), ("Hizb Allah", "wide", ("Hizb Allah",)),
    ("bridge", "strict", ("bridge",)), ('"council river"~100', "strict", ()), ('"bridge bridge river"~100', "exact", ()),
    ("bri* wor*", "exact", ()), ('"council br*"~50', "exact", ()), ("bridge NOT nowhere", "exact", ()), ("北京", "strict", ()), ("fatemiyoun", "wide", ()),
    ("bridge OR council OR word OR x", "exact", ()), ('"the bridge" OR "wo*"', "exact", ("word",)), ("كتائب", "wide", ()), ("title:bridge", "exact", ()),
)  # fmt: skip


class Everywhere(Notifiers):
    """Makes the mail and the webhook's body of each message, and sends neither."""

    def send(self, message: Message) -> Receipt:
        mail = Mail(Outbox(guard=Guard(), secret="s"))
        size = len(mail.compose(message, "reader@example.org")) + len(payload.encode(message.payload))
        return Receipt(f"{size} bytes")


def newsroom(folder: pathlib.Path) -> Services:
    if not (folder / "copytaster.db").exists():
        _furnish(folder)
    store, engine = Store(f"sqlite:///{folder / 'copytaster.db'}"), SqliteSearch(folder / "index.db")
    engine.prepare()
    notifiers = Everywhere(Outbox(guard=Guard(), secret="s"))
    return Services(
        config=Config(data_dir=folder), store=store, watchlist=Watchlist(), engine=engine, notifiers=notifiers,
        hint=lambda _: None, progress=Progress(store, "worker"), token="t", secret="s", intake=Intake(),
    )  # fmt: skip


def _furnish(folder: pathlib.Path) -> None:
    store = Store(f"sqlite:///{folder / 'copytaster.db'}")
    migrate(store)
    with store.write() as tx:
        watches.ensure_owner(tx)
        channel = watches.ensure_channel(tx, "mailto:reader@example.org")
        for number, (query, level, vetoes) in enumerate(WATCHES):
            watches.save(
                tx,
                Watch(
                    id=WatchId(f"w{number}"), owner_id=watches.LOCAL.id, name=query, query=query, level=level, vetoes=vetoes,
                    channel_ids=(channel.id,), created_at=tx.now,
                ),
            )  # fmt: skip
        source = Source(id=SourceId("s"), url="https://n.example/", name="Herald", host="n.example", added_at=tx.now)
        sources.add(tx, source, [])
    store.close()


def read_page(services: Services, body: bytes) -> str:
    """Fetched, ingested, delivered, indexed, searched."""
    if len(body) > MAX_PAGE_BYTES:
        return "not downloaded"
    verdict = judge(Answer(asked=URL, url=URL, status=200, content_type="text/html", body=body))
    site_links.needs_javascript(body)
    link = Link(id=LinkId(url_id(normalize(URL))), url=URL)
    with services.store.write() as tx:
        links.add(tx, SourceId("s"), None, [links.Finding(link=link)])
        page = Page(link_id=link.id, url=URL, status=200, content_type="text/html", body=body, fetched_at=dt.datetime.now(dt.UTC))
        pages.put(tx, [pages.Fetched(page=page, priority=0)])
    while any([pipeline.ingest(services), pipeline.deliver(services), pipeline.index(services)]):
        pass
    services.engine.search(parse("bridge OR council"), level="strict")
    with services.store.read() as tx:
        refused = [f"refused at {each.stage}: {each.reason}" for each in refusals.every(tx, limit=5)]
        waiting = pages.waiting(tx)
    assert not waiting, "the page is neither read nor refused"
    return ", ".join(refused) or f"read ({type(verdict).__name__})"


def read_section(_: Services, body: bytes) -> str:
    found = site_links.article_links(body, URL)
    site_links.find_endpoints(body, URL)
    find.classify(body, URL)
    return f"{len(found)} links"


def read_feed(_: Services, body: bytes) -> str:
    return f"{len(links_of(boxed.parse_feed_boxed(body, URL)))} links"


def read_sitemap(_: Services, body: bytes) -> str:
    read = parse_sitemap(body, URL)
    return f"{len(read.links) + len(read.children)} addresses"


def read_robots(_: Services, body: bytes) -> str:
    rules = Robots.parse(body, "copytaster", URL)
    return f"allowed: { {rules.allowed(URL + 'a' * 2_000) for _ in range(20)} }"


KINDS = {"page": read_page, "section": read_section, "feed": read_feed, "sitemap": read_sitemap, "robots": read_robots}


def taken(kind: str, body: bytes, folder: pathlib.Path) -> dict[str, object]:
    """The CPU that one input took of this process and its children, and the most memory that any of them held, all in all."""
    services = newsroom(folder)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    used = _cpu()
    try:
        outcome = KINDS[kind](services, body)
    except CopytasterError as error:
        outcome = f"refused: {getattr(error, 'reason', type(error).__name__)}"
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"cpu": _cpu() - used, "mb": max(_kilobytes("VmHWM"), child) / 1_000, "outcome": outcome}


def _cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _kilobytes(name: str) -> int:
    lines = pathlib.Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def _forked(asked: dict[str, str], furnished: bytes) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "copytaster.db").write_bytes(furnished)
        told = pathlib.Path(folder) / "told.json"
        child = os.fork()
        if child == 0:
            try:
                told.write_text(json.dumps(taken(asked["kind"], pathlib.Path(asked["path"]).read_bytes(), pathlib.Path(folder))))
            except BaseException as error:  # noqa: BLE001  told, whatever it is
                told.write_text(json.dumps({"broke": repr(error)}))
                import traceback

                traceback.print_exc()
            finally:
                os._exit(0)
        return _awaited(child, told)


def _awaited(child: int, told: pathlib.Path) -> dict[str, object]:
    until = time.monotonic() + HANG_SECONDS
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return {"broke": f"it hung for {HANG_SECONDS} s"}
        time.sleep(0.01)
    return json.loads(told.read_text()) if told.exists() else {"broke": "it ended its worker"}  # type: ignore[no-any-return]


def main() -> None:
    warm_up()
    boxed.parse_feed_boxed(b"<rss version='2.0'><channel><item><title>x</title></item></channel></rss>", URL)
    with tempfile.TemporaryDirectory() as folder:
        _furnish(pathlib.Path(folder))  # once: it takes longer than most pages
        furnished = (pathlib.Path(folder) / "copytaster.db").read_bytes()
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(asked | _forked(asked, furnished)), flush=True)


if __name__ == "__main__":
    main()
