"""The Celery tasks: each drains its stage for a while. A task carries nothing, so a lost or repeated one costs nothing."""

import itertools
import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence

import psutil
from celery import Celery, signals
from celery.exceptions import SecurityWarning

from copytaster import kernel
from copytaster.config import Config
from copytaster.errors import CopytasterError
from copytaster.store import Store, processes
from copytaster.store.messages import Senders
from workers import pipeline
from workers.app import STAGES, make_app
from workers.bootstrap import make_services, open_store, warm_up
from workers.reconciler import due_rows
from workers.services import Services
from workers.stillness import Stillness
from workers.watchlist import Watchlist

WATCH_SECONDS = 15.0
STUCK_SECONDS = 120.0
# Then the next hint goes on, so that a flood in one stage leaves room for the others; with a step's second and a slow
# receiver's 15 it stays below a task's 25.
DRAIN_SECONDS = 8.0
INDEX_SECONDS = 2.0  # a backlog of the index gives way sooner, for alerts may wait behind it; it goes on by a hint of its own
log = logging.getLogger("copytaster.worker")


def register(app: Celery, services: Callable[[], Services]) -> None:
    """Puts the tasks on ``app``; ``services()`` gives this process its own, made after the fork."""
    for stage, step in (("ingest", pipeline.ingest), ("deliver", pipeline.deliver), ("index", pipeline.index)):
        app.task(name=f"copytaster.{stage}", ignore_result=True)(_task(stage, step, services))


def _task(stage: str, step: Callable[[Services], bool], services: Callable[[], Services]) -> Callable[[], None]:
    def run() -> None:
        try:
            mine = services()
        except CopytasterError as error:
            log.warning("%s waits: %s", stage, error)
            return
        if stage == "index":
            drain_index(mine)
        else:
            drain(stage, step, mine)

    run.__name__ = stage
    return run


def drain(stage: str, step: Callable[[Services], bool], services: Services, *, seconds: float = DRAIN_SECONDS) -> int:
    """Repeats a stage's step until nothing is due or the time is up; returns how many it did."""
    done, until = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < until and step(services):
            done += 1
    except CopytasterError as error:
        # The rows keep their leases and fall due again; the reconciler sends the next hint.
        log.warning("%s stopped for now: %s", stage, error)
    if done:
        _note(services)
    return done


def drain_index(services: Services, *, seconds: float = INDEX_SECONDS) -> int:
    """A slice of the index stage; what is left of a backlog goes on at once, but behind whatever else waits."""
    until = time.monotonic() + seconds
    done = drain("index", pipeline.index, services, seconds=seconds)
    if done and time.monotonic() >= until:
        services.hint("index")
    return done


def _note(services: Services) -> None:
    """That this process got on; a store that is busy just now is no fault of the task's."""
    try:
        services.progress.note()
    except CopytasterError as error:
        log.warning("progress is not noted: %s", error)


def serve(config: Config, *, queues: Sequence[str], pool: str, concurrency: int) -> None:
    """Runs a worker in this process until it is told to stop; raises SystemExit as Celery ends."""
    # Celery warns root of pickled tasks, which would run anything; ours are JSON, and containers run as they like.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app = make_app(config)
    senders = Senders(f"{processes.name_of('worker', os.getpid())}:", concurrency)
    services = _per_process(config, learnt(config) if "ingest" in (queues or STAGES) else Watchlist(), senders)
    register(app, services)
    warm_up()
    if pool == "prefork":
        parent = os.getpid()
        signals.worker_process_init.connect(lambda **_: _begun(parent, services), weak=False)
    else:
        _made_early(services)
    threading.Thread(target=_watchdog, args=(config, queues or STAGES), daemon=True).start()
    worker = app.Worker(
        pool=pool,
        concurrency=concurrency,
        queues=list(queues or STAGES),
        hostname=f"{'-'.join(queues or STAGES)}@{socket.gethostname()}-{os.getpid()}",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel=logging.getLogger().getEffectiveLevel(),
        quiet=True,
        optimization="fair",
    )
    worker.start()
    sys.exit(worker.exitcode)


def _begun(parent: int, services: Callable[[], Services]) -> None:
    """A child of the pool: without its parent nothing tells it what to do, and its brothers hold its pipe open for good."""
    kernel.end_with_parent(parent, signal.SIGKILL)
    _made_early(services)


def _made_early(services: Callable[[], Services]) -> None:
    """Before the first task; what can't be had now, the index of a disk that is full, is asked for again by each task."""
    try:
        services()
    except CopytasterError as error:
        log.warning("the first task connects: %s", error)


def learnt(config: Config) -> Watchlist:
    """All watches, before a pool forks: 100,000 take 19 s, and a child that learnt them itself would be over its time."""
    watchlist = Watchlist()
    try:
        store = open_store(config)
        with store.read() as tx:
            tx.take_time()
            watchlist.refresh(tx)
        store.close()
    except CopytasterError as error:
        log.warning("the watches are learnt later: %s", error)
    return watchlist


def _per_process(config: Config, watchlist: Watchlist, senders: Senders) -> Callable[[], Services]:
    """Services of the process that asks: connections must not cross a fork, the watches may."""
    made: dict[int, Services] = {}
    lock = threading.Lock()

    def services() -> Services:
        with lock:
            if os.getpid() not in made:
                made.clear()
                made[os.getpid()] = make_services(config, "worker", watchlist=watchlist, senders=senders)
                _note(made[os.getpid()])
            return made[os.getpid()]

    return services


def _watchdog(config: Config, queues: Sequence[str]) -> None:
    """Liveness is progress, not a pid: with work due and none done for two minutes this process ends, to be restarted.

    By looks and not by a clock: a process that was stopped as a whole may go on first.
    """
    time.sleep(WATCH_SECONDS)  # a pool forks at its start, when no other thread may be at work
    store = open_store(config)
    stillness = Stillness(STUCK_SECONDS, since=0.0)
    for look in itertools.count():
        if _stands_still(store, queues, stillness, look * WATCH_SECONDS):
            log.error("work is due and none was done for %.0f s: this worker ends, to be started again", STUCK_SECONDS)
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(WATCH_SECONDS)


def _stands_still(store: Store, queues: Sequence[str], stillness: Stillness, now: float) -> bool:
    """Whether there was work for these queues all the time, and none of our own processes got on."""
    pids = {os.getpid(), *(child.pid for child in psutil.Process().children())}
    names = {processes.name_of("worker", pid) for pid in pids}
    try:
        with store.read() as tx:
            due = due_rows(tx, most=1)
            newest = max((each.progress_at for each in processes.every(tx) if each.name in names), default=None)
    except CopytasterError:
        stillness.forgive(now)
        return False
    if not any(due[queue] for queue in queues):
        stillness.forgive(now)
    return stillness.lasts_too_long(newest, now)
