"""Which processes there are and when each last got on: liveness is progress, not a pid."""

import datetime as dt
import os
import socket
import time
from dataclasses import dataclass

from sqlalchemy import delete, select

from copytaster.store.db import Store, Tx
from copytaster.store.schema import processes

FORGET_SECONDS = 3_600
NOTE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Process:
    name: str
    kind: str  # crawl, worker, beat, web
    started_at: dt.datetime
    progress_at: dt.datetime


def note(tx: Tx, name: str, kind: str) -> None:
    """This process is getting on."""
    row = tx.insert(processes).values(name=name, kind=kind, started_at=tx.now, progress_at=tx.now)
    tx.conn.execute(row.on_conflict_do_update(index_elements=["name"], set_={"progress_at": tx.now}))


def every(tx: Tx) -> list[Process]:
    rows = tx.conn.execute(select(processes).order_by(processes.c.kind, processes.c.name))
    return [Process(**row._mapping) for row in rows]


def forget(tx: Tx) -> None:
    """Those that have not got on for an hour are gone."""
    old = processes.c.progress_at < tx.now - dt.timedelta(seconds=FORGET_SECONDS)
    tx.conn.execute(delete(processes).where(old))


def name_of(kind: str, pid: int) -> str:
    """What a process of this machine is called, on its leases too."""
    return f"{kind}@{socket.gethostname()}/{pid}"


class Progress:
    """Notes that this process gets on: every few seconds at most, for it costs a write."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store, self._kind = store, kind
        self._noted = 0.0
        self.name = name_of(kind, os.getpid())

    def note(self) -> None:
        if time.monotonic() - self._noted < NOTE_SECONDS:
            return
        with self._store.write() as tx:
            note(tx, self.name, self._kind)
        self._noted = time.monotonic()
