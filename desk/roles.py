"""One function for each kind of process: what ``crawl``, ``worker``, ``beat`` and ``web`` run until they are told to stop.

It owns their start and their clean end; it must not know how many of them there are or who restarts them.
"""

import os
import pathlib
import platform
import shutil
import signal
import threading
from collections.abc import Sequence
from typing import Literal

from copytaster import kernel
from copytaster.config import Config
from copytaster.crashpoints import arm

Pool = Literal["prefork", "threads"]
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"


def share_metrics(folder: pathlib.Path) -> None:
    """From here on the values of this process and its children are kept in files that one page can add up.

    Must come before ``copytaster.metrics`` is first imported; the folder is emptied, for files of dead processes pile up.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[SHARED_METRICS] = str(folder)


def crawl(config: Config, *, source: str | None = None) -> None:
    """One bounded run of the spider; whoever started it starts the next one."""
    _begin(config, "crawl")
    from desk import watchdog
    from scrapers.run import crawl as run
    from workers.app import Hints

    watchdog.watch(config, "crawl")
    run(config, source=source, hint=Hints(config))


def worker(config: Config, *, queues: Sequence[str] = (), pool: Pool = "prefork", processes: int = 0) -> None:
    """A Celery worker over some or all stages."""
    _begin(config, "worker")
    from workers.bootstrap import collect_rarely
    from workers.tasks import serve

    collect_rarely()
    wanted = processes or config.workers.processes or max(os.cpu_count() or 1, 2)
    serve(config, queues=queues, pool=pool, concurrency=wanted)


def beat(config: Config) -> None:
    """The reconciler with its chores; several may run, one at a time works."""
    _begin(config, "beat")
    from desk import watchdog
    from workers.bootstrap import make_reconciler

    stop = _stop_on_signals()
    watchdog.watch(config, "beat")
    make_reconciler(config).run(stop)


def web(config: Config) -> None:
    """The web page, its health and the metrics of all processes on this machine."""
    from desk.web import serve

    serve(config)


def _begin(config: Config, role: str) -> None:
    arm(config.crashpoint)
    kernel.share_arenas()
    _own_metrics(config, role)
    from workers.bootstrap import await_store

    await_store(config)


def _own_metrics(config: Config, role: str) -> None:
    """Serves this process' own /metrics, where a port is set.

    Not where values are shared already: under ``up`` the web page adds all of them up, and one port can't be had by four.
    """
    if not config.metrics.port or SHARED_METRICS in os.environ:
        return
    folder = config.data_dir / "metrics"
    _sweep(folder)
    share_metrics(folder / f"{role}-{platform.node()}-{os.getpid()}")
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    from desk.own_processes import OwnProcesses

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(OwnProcesses(role))
    start_http_server(config.metrics.port, config.metrics.host, registry=registry)


def _sweep(folder: pathlib.Path) -> None:
    """Deletes what dead processes of this machine left; the folder may be shared with others, whose numbers say nothing here."""
    import psutil

    for left in folder.glob(f"*-{platform.node()}-*"):
        pid = left.name.rpartition("-")[2]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
