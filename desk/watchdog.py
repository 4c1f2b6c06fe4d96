"""Ends a crawler or reconciler that no longer gets on, so that whoever started it starts it again. It owns that end alone.

Liveness is progress, not a pid: a probe from outside sees only that a process answers. Workers, which may rest for want of
work, have a watchdog of their own.
"""

import datetime as dt
import itertools
import logging
import os
import signal
import threading
import time

from copytaster.config import Config
from copytaster.errors import CopytasterError
from copytaster.store import Store, processes
from workers.stillness import Stillness

LOOK_SECONDS = 15.0
STILL_SECONDS = {"crawl": 180.0, "beat": 900.0}  # beat's chores, retention above all, may take minutes
log = logging.getLogger("copytaster.watchdog")


def watch(config: Config, kind: str) -> None:
    """From here on this process is ended (SIGKILL) once it has noted no progress for too long."""
    threading.Thread(target=_watch, args=(config, kind), daemon=True, name="watchdog").start()


def _watch(config: Config, kind: str) -> None:
    """By looks and not by a clock: a process that was stopped as a whole, with its machine or alone, may go on first."""
    store, name = Store(config.store_url, pool_size=1), processes.name_of(kind, os.getpid())
    stillness = Stillness(STILL_SECONDS[kind], since=0.0)
    for look in itertools.count(1):
        time.sleep(LOOK_SECONDS)
        try:
            progress_at = _progress_at(store, name)
        except CopytasterError:
            stillness.forgive(look * LOOK_SECONDS)
            continue
        if stillness.lasts_too_long(progress_at, look * LOOK_SECONDS):
            log.error("%s did not get on for %.0f s: it ends, to be started again", kind, stillness.limit_seconds)
            os.kill(os.getpid(), signal.SIGKILL)


def _progress_at(store: Store, name: str) -> dt.datetime | None:
    with store.read() as tx:
        return next((each.progress_at for each in processes.every(tx) if each.name == name), None)
