"""The supervisor of one machine: Redis, crawler, workers, reconciler and web page, each restarted when it ends.

It loads everything once and forks, so that five processes share the memory of one; it must not know what they do.
"""

import contextlib
import gc
import importlib
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from copytaster import kernel
from copytaster.config import Config
from copytaster.errors import CopytasterError
from copytaster.logs import set_up
from desk import roles

# What the children would else load each for itself, most of it at its first use: seconds of work and 15 MB in each.
SHARED = [
    "scrapers.run",
    "scrapers.settings",
    "scrapers.spiders.news",
    "scrapers.download",
    "scrapers.discovery.feed_xml",
    "scrapers.discovery.sitemaps",
    "scrapy.crawler",
    "scrapy.core.downloader.handlers.http11",
    "scrapy.extensions.throttle",
    "scrapy.dupefilters",
    "scrapy.logformatter",
    "scrapy.pqueues",
    "scrapy.squeues",
    "scrapy.statscollectors",
    "tldextract",
    "xml.sax.expatreader",
    "workers.bootstrap",
    "workers.tasks",
    "celery.apps.worker",
    "celery.worker.consumer",
    "celery.app.amqp",
    "celery.app.events",
    "celery.backends.base",
    "celery.loaders.app",
    "celery.fixups.django",
    "kombu.transport.redis",
    "kombu.utils.limits",
    "search.sqlite",
    "desk.web",
    "uvicorn.protocols.http.h11_impl",
]
ELASTIC = ("search.elastic", "search.elastic_facts", "search.elastic_probe", "elasticsearch.helpers")  # 57 MB, where it is used
PREFIX = "ct:"  # of the processes' names, which the kernel cuts at 15 bytes
LOOK_SECONDS = 0.2
CALM_SECONDS = 10.0  # one that lived this long is restarted at once
LONGEST_WAIT_SECONDS = 30.0
STOP_SECONDS = 15.0
log = logging.getLogger("copytaster.up")


@dataclass(slots=True)
class Child:
    """One process of the tree: what it runs, and how its last lives went."""

    name: str
    run: Callable[[], None]
    pid: int = 0
    started: float = 0.0
    not_before: float = 0.0
    failures: int = 0


def next_wait(failures: int) -> float:
    """Seconds before a process that fell over at once is started again."""
    return min(2.0 ** (failures - 1), LONGEST_WAIT_SECONDS) if failures else 0.0


@dataclass(slots=True)
class Supervisor:
    """Starts its children, starts them again when they end, and stops them all."""

    children: Mapping[str, Child]
    before: Callable[[], None] = lambda: None  # asked at every look: what the children need is there
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until ``stopping`` is set; then every child is told and waited for."""
        try:
            while not self.stopping.is_set():
                self.before()
                self._reap()
                for child in self.children.values():
                    if not child.pid and time.monotonic() >= child.not_before:
                        self._start(child)
                self.stopping.wait(LOOK_SECONDS)
        finally:
            self.stop()

    def _start(self, child: Child) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        child.started, own = time.monotonic(), os.getpid()
        child.pid = os.fork()
        if child.pid == 0:
            _be(child, own)

    def _reap(self) -> None:
        for child in self.children.values():
            if not child.pid or not (status := _ended(child.pid)):
                continue
            lived = time.monotonic() - child.started
            code = os.waitstatus_to_exitcode(status[1])
            child.pid, child.failures = 0, 0 if code == 0 or lived > CALM_SECONDS else child.failures + 1
            child.not_before = time.monotonic() + next_wait(child.failures)
            if code != 0:
                log.warning("%s ended with %s after %.0f s and is started again", child.name, code, lived)

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to those that do not listen."""
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
            for child in self.children.values():
                if child.pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child.pid, number)
            until = time.monotonic() + seconds
            while any(child.pid for child in self.children.values()) and time.monotonic() < until:
                for child in self.children.values():
                    if child.pid and _ended(child.pid):
                        child.pid = 0
                time.sleep(0.05)


def _ended(pid: int) -> tuple[int, int] | None:
    try:
        found = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return pid, 0
    return found if found[0] else None


def _be(child: Child, supervisor: int) -> None:
    """The life of a forked child; it never returns into the supervisor's loop."""
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the supervisor tells us in order
        kernel.set_name(f"{PREFIX}{child.name}")
        kernel.end_with_parent(supervisor)
        child.run()
        code = 0
    except CopytasterError as error:
        log.error("%s: %s", child.name, error)  # noqa: TRY400  one sentence says it all
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0
    except BaseException:  # noqa: BLE001  whatever it is must be seen, and must not reach the supervisor's own loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def children_of(config: Config, workers: int = 0, crawlers: int = 0) -> dict[str, Child]:
    """What one machine needs. Pages are read by processes, for that is work, messages sent by threads, for that is waiting.

    The first crawler is named ``crawl``, the others ``crawl2`` and so on.
    """
    names = ["crawl", *(f"crawl{number}" for number in range(2, (crawlers or config.crawl.processes) + 1))]
    wanted = {
        **dict.fromkeys(names, partial(roles.crawl, config)),
        "read": partial(roles.worker, config, queues=("ingest",), processes=workers),
        "send": partial(roles.worker, config, queues=("deliver", "index"), pool="threads", processes=4),
        "beat": partial(roles.beat, config),
        "web": partial(roles.web, config),
    }
    return {name: Child(name, run) for name, run in wanted.items()}


def preload(config: Config) -> None:
    """Loads what all children need, so that forks share it; no connection is opened and no thread started."""
    for name in (*SHARED, *(ELASTIC if config.search.url else ())):
        importlib.import_module(name)
    from workers.bootstrap import collect_rarely, warm_up

    warm_up()
    gc.collect()
    collect_rarely()
    gc.freeze()  # a collection in a child would touch, and so copy, every page


@contextlib.contextmanager
def running(config: Config, workers: int = 0, crawlers: int = 0) -> Iterator[Supervisor]:
    """Everything that ``copytaster up`` runs; ends it all when left."""
    from workers.embedded import EmbeddedRedis

    config.data_dir.mkdir(parents=True, exist_ok=True)
    roles.share_metrics(config.data_dir.resolve() / "metrics")
    redis = EmbeddedRedis(config.redis_socket, config.data_dir.resolve() / "redis") if not config.redis.url else None
    preload(config)
    from workers.bootstrap import await_store

    await_store(config)
    if redis:  # last, for what fails before leaves no server behind
        redis.start()
    supervisor = Supervisor(children_of(config, workers, crawlers), before=_keeper(redis.start) if redis else lambda: None)
    try:
        yield supervisor
    finally:
        supervisor.stop()
        if redis:
            redis.stop()


def _keeper(start: Callable[[], None]) -> Callable[[], None]:
    """Looks once a second that Redis is there; one that can't be started is tried again, and said once."""
    state = {"next": 0.0}

    def keep() -> None:
        if time.monotonic() < state["next"]:
            return
        state["next"] = time.monotonic() + 1.0
        try:
            start()
        except CopytasterError as error:
            log.warning("%s", error)

    return keep


def up(config: Config, workers: int = 0, crawlers: int = 0) -> None:
    """Runs until Ctrl-C or SIGTERM, then stops all cleanly."""
    set_up(config.log_format, config.log_level)
    with running(config, workers, crawlers) as supervisor:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.stopping.set())
        log.info("everything is started; http://%s:%s/ shows what happens, Ctrl-C stops it", config.web.host, config.web.port)
        supervisor.run()
