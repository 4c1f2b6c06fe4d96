"""Whether this installation can do its work: store, schema, broker and disk, each with a sentence where it can't.

It owns the questions of ``/health/ready``; it must not know how they travel.
"""

import pathlib
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import text

from copytaster.errors import CopytasterError
from copytaster.store import Store
from copytaster.store.migrate import HEAD, version
from desk.asking import Question

LEAST_FREE_BYTES = 64 * 1024 * 1024  # a crawler run alone may keep that many pages before the workers have read them
ANSWER_SECONDS = 2.0  # whoever asks waits for two or three, and takes silence for death
TOLD_ONLY = frozenset({"search"})  # alerts go on without it
_HANGS = {
    "store": "The database",
    "schema": "The database",
    "broker": "The broker",
    "search": "The search engine",
}


@dataclass(slots=True)
class Readiness:
    """``check`` answers in two seconds, though every service hang: whatever does not answer is what is wrong."""

    store: Store
    depth: Callable[[str], int | None]
    data_dir: pathlib.Path
    searchable: Callable[[], bool]
    _questions: Mapping[str, Question[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> Mapping[str, str]:
        """What is wrong, by check; an empty sentence where all is well."""
        until = time.monotonic() + ANSWER_SECONDS
        with self._lock:
            self._questions = self._questions or {name: Question(ask) for name, ask in self._asks().items()}
            for question in self._questions.values():
                question.put()
        told = {name: question.answer(until, _hangs(name)) for name, question in self._questions.items()}
        if told["store"]:
            told["schema"] = ""  # nobody knows: one reason is enough
        return told | {"disk": _disk(self.data_dir)}

    def _asks(self) -> Mapping[str, Callable[[], str]]:
        return {
            "store": lambda: _store(self.store),
            "schema": lambda: _schema(self.store),
            "broker": lambda: _broker(self.depth),
            "search": lambda: "" if self.searchable() else "The search engine does not answer; alerts go on, search does not.",
        }


def _hangs(name: str) -> str:
    return f"{_HANGS[name]} has not answered for {ANSWER_SECONDS:.0f} s: is it stopped, or the network to it cut?"


def _store(store: Store) -> str:
    try:
        with store.read() as tx:
            tx.conn.execute(text("SELECT 1"))
    except CopytasterError as error:
        return str(error)
    return ""


def _schema(store: Store) -> str:
    try:
        found = version(store)
    except CopytasterError as error:
        return str(error)
    if found == HEAD:
        return ""
    return f"The store is at schema {found or 'none'} and this release needs {HEAD}: restart it with this release."


def _broker(depth: Callable[[str], int | None]) -> str:
    if depth("ingest") is None:
        return "The broker does not answer: check redis.url and that it runs. Nothing is lost, work waits in the store."
    return ""


def _disk(folder: pathlib.Path) -> str:
    there = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return f"The disk of {folder} can't be asked: {error.strerror}."
    if free >= LEAST_FREE_BYTES:
        return ""
    return f"The disk of {folder} is full ({free // 1_048_576} MB are left): free some space, nothing is lost."
